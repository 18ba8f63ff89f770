/* SPDX-License-Identifier: MIT */
#include "probes/perf_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool vit_perf_number(const char *text, uint64_t *value)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    if (digits[0] == '\0' || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits))
        return false;
    errno = 0;
    *value = strtoull(digits, NULL, hex ? 16 : 10);
    return errno == 0;
}

bool vit_perf_range(const char **list, int limit, int *low, int *high)
{
    char *end;
    if (!is_digit(**list))
        return false;
    long first = strtol(*list, &end, 10), last = first;
    if (*end == '-') {
        if (!is_digit(end[1]))
            return false;
        last = strtol(end + 1, &end, 10);
    }
    if (last < first || last >= limit || (*end != ',' && *end != '\0') || (*end == ',' && end[1] == '\0'))
        return false;
    *low = (int)first;
    *high = (int)last;
    *list = *end ? end + 1 : end;
    return true;
}

bool vit_perf_field_parse(struct vit_perf_field *field, const char *text)
{
    static const char *const prefix[VIT_PERF_CONFIGS] = {"config:", "config1:", "config2:"};
    *field = (struct vit_perf_field){.config = -1};
    for (int i = 0; i < VIT_PERF_CONFIGS; i++)
        if (strncmp(text, prefix[i], strlen(prefix[i])) == 0)
            field->config = i;
    if (field->config < 0)
        return false;
    text += strlen(prefix[field->config]);
    while (*text && field->n < VIT_PERF_RANGES) {
        int low, high;
        if (!vit_perf_range(&text, 64, &low, &high))
            return false;
        field->range[field->n].low = low;
        field->range[field->n++].high = high;
        field->width += high - low + 1;
    }
    return field->n > 0 && *text == '\0' && field->width <= 64;
}

void vit_perf_field_put(const struct vit_perf_field *field, uint64_t config[VIT_PERF_CONFIGS], uint64_t value)
{
    uint64_t *word = &config[field->config];
    for (int i = 0; i < field->n; i++) {
        int low = field->range[i].low, width = field->range[i].high - low + 1;
        uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
        *word = (*word & ~(mask << low)) | (value & mask) << low;
        value = width == 64 ? 0 : value >> width;
    }
}
