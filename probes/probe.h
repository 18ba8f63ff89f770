/* SPDX-License-Identifier: MIT */
/* probe.h - a probe observes the steps of a run and gives each step some cells. A kind of probe is one file with one
 * exported `const struct vit_probe_def vit_probe_<name>` and one row in probes.def; probes/session.h drives them.
 * Between begin and end nothing is allocated, formatted or written: hooks put numbers into preallocated samples. */
#pragma once

#include "model/plan.h"
#include "probes/figure.h"
#include "reports/record.h"

struct vit_probe;
struct vit_exec;

enum vit_probe_flag {
    VIT_PROBE_STATIC = 1,    /* known from the plan: no run, no hooks */
    VIT_PROBE_COUNTERS = 2,  /* reads counters of the processor or kernel around each step */
    VIT_PROBE_INTRUSIVE = 4, /* changes what it looks at (caches, time): runs last */
    VIT_PROBE_COMPUTED = 8,  /* needs the exec once and drives it itself: no replays, no hooks */
};

/* Told how far a long computation is. */
struct vit_meter {
    void (*tell)(void *context, double share); /* 0 to 1 */
    void *context;
};

struct vit_probe_def {
    const char *name, *summary;
    enum vit_tier tier;
    enum vit_scope scope;
    const char *source;   /* of its numbers, in some words; describe() may say more */
    const char *argument; /* what may follow "name=", for messages; NULL: nothing */
    unsigned flags;
    int n_columns;
    const struct vit_column *column;

    /* Fails with VIT_ENOTSUP and a reason where the numbers cannot be had here: the probe then stays in the session as
     * absent. May set state, replays where one is not enough, and column and n_columns where the argument or the
     * machine decides them. On failure nothing is left to close.
     * NULL: always there, no state. */
    int (*open)(struct vit_probe *probe, const char *argument, const struct vit_plan *plan);

    /* VIT_PROBE_COMPUTED: does all of its work on an exec that has run; leaves exec->observer as it likes. meter may be
     * NULL. On failure the probe is absent. */
    int (*compute)(struct vit_probe *probe, struct vit_exec *exec, const struct vit_meter *meter);
    double (*seconds)(const struct vit_probe *probe); /* that compute will take, roughly; NULL: no matter */

    /* Before and after the runs of one replay (0 <= replay < probe->replays), in the thread that runs the plan.
     * pool: the threads that share the work, NULL for one. NULL: nothing to do. */
    int (*start)(struct vit_probe *probe, int replay, struct vit_parallel *pool);
    void (*stop)(struct vit_probe *probe);

    /* Around each step; self is the struct vit_probe. */
    void (*begin)(void *self, const struct vit_step *step);
    void (*end)(void *self, const struct vit_step *step);

    /* After a run: the n_columns cells of step number `step`. */
    void (*read)(const struct vit_probe *probe, int step, struct vit_cell *cell);

    /* Why a column of an open probe is absent in every step; NULL where it is not. NULL: no column ever is. */
    const char *(*why)(const struct vit_probe *probe, int column);

    /* What the numbers of a column are; figure is filled from the def. NULL: that says all. */
    void (*describe)(const struct vit_probe *probe, int column, struct vit_figure *figure);

    void (*close)(struct vit_probe *probe); /* frees state; NULL: nothing to free */
};

enum { VIT_REASON_TEXT = 512 };

struct vit_probe {
    const struct vit_probe_def *def;
    const struct vit_plan *plan;
    const struct vit_column *column; /* the def's, unless open replaced them */
    int n_columns;
    void *state;
    int64_t *sample; /* (steps + 1, columns), owned by the session; NULL for probes without hooks; the last row is for
                        empty pairs */
    int replays;     /* runs of the plan that it needs; 1, or 0 for static probes, unless open says otherwise */
    bool computed;
    bool absent;
    char reason[VIT_REASON_TEXT]; /* of its absence */
    double pair_ns;               /* time that an empty begin/end pair takes; 0 before the first replay */
    double *null_sample;          /* (columns) what an empty pair counts: the probe's own part of every sample */
};

/* In a sample: nothing was written, since the replay was not run or a read failed. */
#define VIT_NO_SAMPLE INT64_MIN

static inline int64_t *vit_probe_row(const struct vit_probe *probe, int step)
{
    return probe->sample + (ptrdiff_t)step * probe->n_columns;
}

extern const struct vit_probe_def *const vit_probe_table[];
extern const int vit_n_probes;

/* What the numbers of a column of the probe are. */
struct vit_figure vit_probe_figure(const struct vit_probe *probe, int column);

/* The probe called name; NULL with a message that lists those that exist. */
const struct vit_probe_def *vit_probe_find(const char *name);
