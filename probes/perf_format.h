/* SPDX-License-Identifier: MIT */
/* perf_format.h - the small texts of /sys/bus/event_source: numbers, lists of ranges, and fields that say which bits of
 * perf_event_attr a value goes to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { VIT_PERF_CONFIGS = 3, VIT_PERF_RANGES = 16 };

/* "config1:0-7,32-35" */
struct vit_perf_field {
    int config; /* 0: config, 1: config1 ... */
    int n;
    struct {
        int low, high;
    } range[VIT_PERF_RANGES];
    int width; /* bits in all */
};

/* False where the text is anything else. */
bool vit_perf_field_parse(struct vit_perf_field *field, const char *text);

/* Lowest bits of the value go into the first range. */
void vit_perf_field_put(const struct vit_perf_field *field, uint64_t config[VIT_PERF_CONFIGS], uint64_t value);

/* All of text is one number, decimal or 0x..., without sign or blanks. */
bool vit_perf_number(const char *text, uint64_t *value);

/* Takes "LOW" or "LOW-HIGH" from a list, numbers below limit, and moves *list behind it and its comma. */
bool vit_perf_range(const char **list, int limit, int *low, int *high);
