/* SPDX-License-Identifier: MIT */
/* counter_map.h - what the counters of a processor mean: rows of counter_events.def. A quantity is a column of the
 * probe `counters`; an event is one way to count it on some processors. */
#pragma once

#include "probes/figure.h"

#include <stdbool.h>
#include <stddef.h>

/* Work that must move an event. */
enum vit_stimulus {
    VIT_STIMULUS_COMPUTE,
    VIT_STIMULUS_READ,  /* a stream of known size is read */
    VIT_STIMULUS_WRITE, /* the same is written */
    VIT_STIMULUS_FAULT,
    VIT_STIMULUS_SWITCH,
    VIT_STIMULUS_MIGRATE,
    VIT_STIMULUS_ALL, /* all of the above, for events whose meaning is not known */
    VIT_N_STIMULI
};

struct vit_quantity {
    const char *column, *unit, *help;
    enum vit_stimulus stimulus;
    bool kernel;        /* counts in kernel mode too */
    double most_per_ns; /* that one thread can reach on any processor: more is impossible; 0: no bound is known */
};

/* The processor as /proc/cpuinfo tells it: vendor_id, cpu family, model; for Arm implementer, architecture, part. */
struct vit_processor {
    char vendor[32];
    int family, model;
};

struct vit_counter_event {
    const char *processor;   /* id of its row in counter_events.def: "zen3", "any" */
    const char *quantity;    /* column */
    const char *papi, *perf; /* events in the language of each backend, '+' between those to be summed; NULL: none */
    int bytes;               /* per count; 0: it counts something else */
    enum vit_scope scope;
    const char *caveat; /* "" if there is none */
};

extern const struct vit_quantity vit_quantity_table[];
extern const int vit_n_quantities;

/* NULL: there is none of this name. */
const struct vit_quantity *vit_quantity_find(const char *column);

/* The rows that apply to a processor, in the order of trust; returns how many there are, fills at most max. */
int vit_counter_events_of(const struct vit_processor *processor, const struct vit_counter_event **event, int max);

/* All rows, for tests. */
extern const struct vit_counter_event vit_counter_event_table[];
extern const int vit_n_counter_events;

/* Fields stay "" and -1 where the kernel does not tell. */
void vit_processor_read(struct vit_processor *processor);
