/* SPDX-License-Identifier: MIT */
#include "probes/counter_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct vit_quantity vit_quantity_table[] = {
#define VIT_QUANTITY(column, unit, stimulus, kernel, most_per_ns, help) \
    {#column, unit, help, VIT_STIMULUS_##stimulus, kernel, most_per_ns},
#include "probes/counter_events.def"
};

const int vit_n_quantities = sizeof vit_quantity_table / sizeof vit_quantity_table[0];

const struct vit_counter_event vit_counter_event_table[] = {
#define VIT_COUNTER_EVENT(id, column, papi, perf, bytes, scope, caveat) \
    {#id, #column, papi, perf, bytes, VIT_SCOPE_##scope, caveat},
#include "probes/counter_events.def"
};

const int vit_n_counter_events = sizeof vit_counter_event_table / sizeof vit_counter_event_table[0];

static const struct row {
    const char *id, *vendor;
    int family;
    const char *models; /* "30-4f 60" */
} processors[] = {
#define VIT_PROCESSOR(id, vendor, family, models) {#id, vendor, family, models},
#include "probes/counter_events.def"
};

const struct vit_quantity *vit_quantity_find(const char *column)
{
    for (int i = 0; i < vit_n_quantities; i++)
        if (strcmp(vit_quantity_table[i].column, column) == 0)
            return &vit_quantity_table[i];
    return NULL;
}

static bool holds_model(const char *models, int model)
{
    for (char *end; *models; models = *end ? end + 1 : end) {
        long low = strtol(models, &end, 16), high = low;
        if (*end == '-')
            high = strtol(end + 1, &end, 16);
        if (model >= low && model <= high)
            return true;
    }
    return false;
}

static bool is_processor(const struct vit_processor *processor, const char *id)
{
    if (strcmp(id, "any") == 0)
        return true;
    for (size_t i = 0; i < sizeof processors / sizeof processors[0]; i++) {
        const struct row *row = &processors[i];
        if (strcmp(row->id, id) == 0)
            return strcmp(row->vendor, processor->vendor) == 0 && row->family == processor->family &&
                   holds_model(row->models, processor->model);
    }
    return false;
}

int vit_counter_events_of(const struct vit_processor *processor, const struct vit_counter_event **event, int max)
{
    int n = 0;
    for (int i = 0; i < vit_n_counter_events; i++) {
        if (!is_processor(processor, vit_counter_event_table[i].processor))
            continue;
        if (n < max)
            event[n] = &vit_counter_event_table[i];
        n++;
    }
    return n;
}

/* The first processor's lines of /proc/cpuinfo: "model\t\t: 2", "CPU part\t: 0xd0c". */
void vit_processor_read(struct vit_processor *processor)
{
    static const char *const family[] = {"cpu family", "CPU architecture"}, *const model[] = {"model", "CPU part"},
                             *const vendor[] = {"vendor_id", "CPU implementer"};
    char line[4096]; /* longer than any list of features */
    *processor = (struct vit_processor){.family = -1, .model = -1};
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file) && line[0] != '\n') {
        char *colon = strchr(line, ':');
        if (!colon)
            continue; /* the rest of a line longer than the buffer */
        size_t length = (size_t)(colon - line);
        while (length > 0 && (line[length - 1] == '\t' || line[length - 1] == ' '))
            length--;
        line[length] = '\0';
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        colon[1 + strcspn(colon + 1, "\n")] = '\0';
        for (int i = 0; i < 2; i++) {
            if (strcmp(line, vendor[i]) == 0)
                snprintf(processor->vendor, sizeof processor->vendor, "%.31s", value);
            else if (strcmp(line, family[i]) == 0)
                processor->family = (int)strtol(value, NULL, 0);
            else if (strcmp(line, model[i]) == 0)
                processor->model = (int)strtol(value, NULL, 0);
        }
    }
    if (file)
        fclose(file);
}
