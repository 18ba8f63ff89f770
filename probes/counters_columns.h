/* SPDX-License-Identifier: MIT */
/* counters_columns.h - the columns of the probe `counters`, what each is counted by, and how they are shared out over
 * replays. */
#pragma once

#include "probes/counter_survey.h"
#include "reports/record.h"

enum { VIT_COUNTERS_COLUMNS = 40, VIT_COUNTERS_GROUPS = 32, VIT_COUNTERS_REASON = 768 };

/* A column for events. */
struct vit_counters_column {
    const struct vit_quantity *quantity; /* NULL: a raw event of the backend */
    struct vit_counter_finding finding;  /* usable; or backend NULL, and of the rest but its scope */
    struct vit_counter_terms terms;
    int group;                        /* that counts it; -1: not counted */
    int first;                        /* of its terms among the events of the group */
    char name[64], help[128];         /* of raw events */
    char reason[VIT_COUNTERS_REASON]; /* why it is not counted */
};

/* Events that fit the counters together: one replay. */
struct vit_counters_group {
    const struct vit_counter_backend *backend;
    struct vit_counter_request request; /* task 0 or -1 */
    const char *event[VIT_COUNTER_EVENTS];
};

struct vit_counters_columns {
    int n, n_group;
    struct vit_counters_column column[VIT_COUNTERS_COLUMNS];
    struct vit_counters_group group[VIT_COUNTERS_GROUPS];
};

/* argument: "auto" or NULL: every quantity of the map, those that cannot be counted with a reason; else quantities and
 * events of a backend, separated by commas. tasks: threads to count, more than one must be attached to. VIT_EINVAL with
 * a list of what exists for a name that is neither. Must not be moved; nothing to close. */
int vit_counters_columns_choose(struct vit_counters_columns *columns, const char *argument, int tasks);
