/* SPDX-License-Identifier: MIT */
#include "probes/cache_geometry.h"

#include "model/base/status.h"
#include "probes/machine.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define EXAMPLE "L1=32K,8 L2=512K,8 L3=32M,16"

static const int64_t most_bytes = INT64_C(4) << 30;

static const struct {
    char letter;
    int shift;
} unit[] = {{'G', 30}, {'M', 20}, {'K', 10}};

enum { N_UNITS = sizeof unit / sizeof unit[0], SIZE_TEXT = 24 };

/* "48K": the largest unit that leaves no rest. */
static const char *size_text(int64_t bytes, char text[SIZE_TEXT])
{
    for (int i = 0; i < N_UNITS; i++)
        if (bytes > 0 && bytes % (INT64_C(1) << unit[i].shift) == 0) {
            snprintf(text, SIZE_TEXT, "%lld%c", (long long)(bytes >> unit[i].shift), unit[i].letter);
            return text;
        }
    snprintf(text, SIZE_TEXT, "%lld", (long long)bytes);
    return text;
}

static bool is_separator(char c)
{
    return isspace((unsigned char)c) || c == ';' || c == '/';
}

/* One level as it was written, for messages. */
struct word {
    const char *text;
    int length, shown;
};

static int fail_level(const struct word *word, const char *what)
{
    return vit_fail(VIT_EINVAL, "caches: \"%.*s\": %s", word->shown, word->text, what);
}

/* Digits at *at, which moves past them; -1 where there are none. Beyond most_bytes all numbers are the same. */
static int64_t read_number(const char **at)
{
    if (!isdigit((unsigned char)**at))
        return -1;
    int64_t value = 0;
    for (; isdigit((unsigned char)**at); (*at)++)
        if (value <= most_bytes)
            value = value * 10 + (**at - '0');
    return value;
}

static int64_t read_size(const char **at)
{
    int64_t value = read_number(at);
    for (int i = 0; i < N_UNITS && value >= 0; i++)
        if (toupper((unsigned char)**at) == unit[i].letter) {
            (*at)++;
            return value > most_bytes >> unit[i].shift ? most_bytes + 1 : value << unit[i].shift;
        }
    return value;
}

static int read_level(struct vit_cache_level *level, const struct word *word)
{
    const char *at = word->text, *end = at + word->length;
    bool begins = word->length > 3 && at[0] == 'L' && at[1] >= '1' && at[1] <= '9' && at[2] == '=';
    level->number = begins ? at[1] - '0' : 0;
    at += begins ? 3 : 0;
    level->bytes = begins ? read_size(&at) : -1;
    if (level->bytes < 0)
        return fail_level(word, "a level is written like L1=32K,8: its name, bytes (K, M, G), ways or \"full\"");
    if (at == end)
        return fail_level(word, "its ways are missing: a number of ways or \"full\", as in L1=32K,8");
    if (*at++ != ',')
        return fail_level(word, "after the size (a number and at most one of K, M, G) comes a comma, then the ways");
    if (end - at == 4 && strncmp(at, "full", 4) == 0) {
        level->ways = level->bytes / VIT_LINE_BYTES;
        return VIT_OK;
    }
    level->ways = read_number(&at);
    return level->ways >= 0 && at == end ? VIT_OK : fail_level(word, "its ways are a number or \"full\"");
}

static int check_size(const struct vit_cache_level *level, const struct word *word)
{
    char text[128], low[SIZE_TEXT], high[SIZE_TEXT];
    if (level->bytes > most_bytes)
        return fail_level(word, "larger than 4G, the most that is modelled");
    if (level->bytes < VIT_LINE_BYTES)
        return fail_level(word, "smaller than one line of 64 bytes");
    if (level->ways < 1 || level->ways > level->bytes / VIT_LINE_BYTES) {
        snprintf(text, sizeof text, "its ways are at least 1 and at most its %lld lines of 64 bytes",
                 (long long)(level->bytes / VIT_LINE_BYTES));
        return fail_level(word, text);
    }
    const int64_t step = level->ways * VIT_LINE_BYTES, whole = level->bytes / step * step;
    if (whole == level->bytes)
        return VIT_OK;
    snprintf(text, sizeof text, "no multiple of %lld ways x 64 bytes; %s and %s are", (long long)level->ways,
             size_text(whole, low), size_text(whole + step, high));
    return fail_level(word, text);
}

static int check_order(const struct vit_cache_geometry *geometry, const struct vit_cache_level *level,
                       const struct word *word)
{
    if (geometry->n == VIT_CACHE_LEVELS)
        return fail_level(word, "at most 3 levels are modelled");
    if (geometry->n == 0)
        return VIT_OK;
    const struct vit_cache_level *before = &geometry->level[geometry->n - 1];
    char text[128], size[SIZE_TEXT];
    if (level->number <= before->number) {
        snprintf(text, sizeof text, "comes after L%d; levels are named in ascending order", before->number);
        return fail_level(word, text);
    }
    if (level->bytes < before->bytes) {
        snprintf(text, sizeof text, "smaller than L%d before it; %s or more would be right", before->number,
                 size_text(before->bytes, size));
        return fail_level(word, text);
    }
    return VIT_OK;
}

int vit_cache_geometry_parse(struct vit_cache_geometry *geometry, const char *text)
{
    enum { SHOWN = 48 };
    *geometry = (struct vit_cache_geometry){0};
    for (const char *at = text; *at;) {
        struct word word = {.text = at};
        while (at[word.length] && !is_separator(at[word.length]))
            word.length++;
        at += word.length + (at[word.length] != '\0');
        if (word.length == 0)
            continue;
        word.shown = word.length < SHOWN ? word.length : SHOWN;
        struct vit_cache_level level;
        int status = read_level(&level, &word);
        if (status == VIT_OK)
            status = check_size(&level, &word);
        if (status == VIT_OK)
            status = check_order(geometry, &level, &word);
        if (status != VIT_OK)
            return status;
        geometry->level[geometry->n++] = level;
    }
    if (geometry->n == 0)
        return vit_fail(VIT_EINVAL, "caches: no level is named; write them like %s", EXAMPLE);
    return VIT_OK;
}

int vit_cache_geometry_of(struct vit_cache_geometry *geometry, const struct vit_machine *machine)
{
    *geometry = (struct vit_cache_geometry){0};
    char text[4 * VIT_CACHE_TEXT] = "";
    size_t used = 0;
    for (int i = 0; i < machine->n_cache; i++) {
        const struct vit_cache *cache = &machine->cache[i];
        if (cache->type == 'i')
            continue;
        if (cache->bytes <= 0 || cache->ways == 0 || cache->line_bytes != VIT_LINE_BYTES)
            return vit_fail(VIT_ENOTSUP, "caches: L%d of this machine has %s; name caches to model, as in \"%s\"",
                            cache->level,
                            cache->line_bytes == VIT_LINE_BYTES ? "no known size and ways" : "no 64 B lines", EXAMPLE);
        char ways[SIZE_TEXT] = "full";
        if (cache->ways > 0)
            snprintf(ways, sizeof ways, "%d", cache->ways);
        int written =
            snprintf(text + used, sizeof text - used, "L%d=%lld,%s ", cache->level, (long long)cache->bytes, ways);
        used += written > 0 && (size_t)written < sizeof text - used ? (size_t)written : 0;
    }
    if (used == 0)
        return vit_fail(VIT_ENOTSUP, "caches: those of this machine are unknown; name caches to model, as in \"%s\"",
                        EXAMPLE);
    if (vit_cache_geometry_parse(geometry, text) == VIT_OK)
        return VIT_OK;
    return vit_fail_in(VIT_ENOTSUP, "caches of this machine cannot be modelled (name others)");
}

const char *vit_cache_geometry_text(const struct vit_cache_geometry *geometry, char text[VIT_CACHE_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < geometry->n; i++) {
        const struct vit_cache_level *level = &geometry->level[i];
        char size[SIZE_TEXT], ways[SIZE_TEXT] = "full";
        if (level->ways != level->bytes / VIT_LINE_BYTES)
            snprintf(ways, sizeof ways, "%lld", (long long)level->ways);
        int written = snprintf(text + used, VIT_CACHE_TEXT - used, "%sL%d=%s,%s", i ? " " : "", level->number,
                               size_text(level->bytes, size), ways);
        used += written > 0 && (size_t)written < VIT_CACHE_TEXT - used ? (size_t)written : 0;
    }
    return text;
}

struct vit_cache_level vit_cache_level_binary(const struct vit_cache_level *level)
{
    const int64_t lines = level->bytes / VIT_LINE_BYTES;
    int64_t sets = 1;
    while (sets * 2 <= vit_cache_level_sets(level) && lines % (sets * 2) == 0)
        sets *= 2;
    return (struct vit_cache_level){.number = level->number, .bytes = level->bytes, .ways = lines / sets};
}
