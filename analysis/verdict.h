/* SPDX-License-Identifier: MIT */
/* verdict.h - what bounds an operator, in two views that need not agree: its arithmetic intensity against the machine's
 * ridge point (what it would be bound by at its best), and the ceilings that its time came near to (what it was bound
 * by). Each ceiling alone would take a certain time for the work that went through it: arithmetic at peak, the bytes
 * that each level of caches and the DRAM had to deliver at that level's bandwidth. The longest of these times accounts
 * for a share of the real one; where even that is less than a quarter, neither arithmetic nor bandwidth explains the
 * operator: latency, dependencies, short loops and calls do, which is called overhead here. */
#pragma once

#include "analysis/profile.h"

/* Below this share of its time no ceiling explains an operator. */
enum { VIT_OVERHEAD_PCT = 25 };

struct vit_verdict {
    const char *by_intensity; /* "memory", "compute"; NULL: without arithmetic and bytes, or ceilings unknown */
    const char *by_ceilings;  /* "memory", "compute", "overhead"; NULL: time or ceilings unknown */
    const char *ceiling;      /* the one that accounts for most of the time: "peak", "L2", "L3", "DRAM" */
    double ceiling_pct;       /* ... and the share; above 100: see above_roof */
    struct vit_cell peak_pct; /* share of the time that arithmetic at peak would take */
    struct vit_cell dram_pct; /* share that the bytes would take at the DRAM's bandwidth */
    const char *bytes_from;   /* tier of the bytes: "measured", "simulated", "analytic" */
    const char *above_roof;   /* level that compulsory bytes were too fast for: they came from nearer; "none" */
};

/* bytes: sums of the columns of profile->traffic, for a step or a group. */
struct vit_verdict vit_verdict_of(const struct vit_profile *profile, const struct vit_cost *cost, double time_ns,
                                  const struct vit_cell *bytes);

/* The table of both views beside the paper's classes, for readers. */
int vit_verdict_print(const struct vit_profile *profile, const struct vit_options *options);
