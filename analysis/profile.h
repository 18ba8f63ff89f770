/* SPDX-License-Identifier: MIT */
/* profile.h - one model measured operator by operator, and what is made of it: groups of operators, rows, figures. */
#pragma once

#include "analysis/options.h"
#include "analysis/runner.h"
#include "probes/machine.h"
#include "reports/sink.h"

/* Columns of the probes that are bytes moved or touched, and their medians (profile_traffic.h). */
enum { VIT_MAX_TRAFFIC = 32 };
struct vit_traffic {
    struct vit_column column[VIT_MAX_TRAFFIC];
    struct vit_figure figure[VIT_MAX_TRAFFIC];
    int n;
    struct vit_cell *step; /* (steps, n) */
};

/* A sum over operators. Times are medians over the repeats, added; so are bytes. */
struct vit_group {
    char name[64];
    const char *pass; /* of all its operators: vit_profile_pass */
    int operators;
    double time_ns;
    struct vit_cost cost;
    struct vit_cell bytes[VIT_MAX_TRAFFIC]; /* absent where an operator's are */
};

enum { VIT_MAX_GROUPS = 512 };

struct vit_profile {
    struct vit_instance instance;
    struct vit_session session;
    struct vit_measurement measurement;
    const struct vit_machine *machine;
    struct vit_traffic traffic;
    bool other_caches;                      /* simulated ones are not this machine's */
    double *step_ns;                        /* (steps): median time of each step */
    double total_ns;                        /* their sum */
    struct vit_summary plain, instrumented; /* whole forwards */
    double overhead;                        /* instrumented / plain - 1, median over pairs */
    double explained;                       /* operators' sum / whole instrumented run, median */
};

/* Opens the model with its input, runs all probes. Must not be moved. On failure nothing is left to close. */
int vit_profile_open(struct vit_profile *profile, const char *model, const struct vit_options *options,
                     const struct vit_machine *machine);
void vit_profile_close(struct vit_profile *profile);

/* How long and how often a profile measures: the options over the defaults. */
struct vit_protocol vit_profile_protocol(const struct vit_options *options);

/* Name of the group that a step belongs to; text has room for 64 bytes. */
typedef const char *(*vit_profile_key)(const struct vit_step *step, char *text);

/* "forward", "again" (a forward step that is computed once more on the way back) or "backward". */
const char *vit_profile_pass(const struct vit_step *step);

const char *vit_profile_class(const struct vit_step *step, char *text); /* "gemm" */
const char *vit_profile_block(const struct vit_step *step, char *text); /* "embed", "s0.b1", "s1.merge", "head" */

/* Groups, each of one pass, in order of first appearance; returns their number. */
int vit_profile_group(const struct vit_profile *profile, vit_profile_key key, struct vit_group group[VIT_MAX_GROUPS]);

void vit_group_sort_by_time(struct vit_group *group, int n);

/* Derived figures of a cost and a time. Absent where a divisor is 0. */
struct vit_rates {
    struct vit_cell gflop_per_s, gb_per_s, intensity;
};
struct vit_rates vit_profile_rates(const struct vit_cost *cost, double time_ns);

/* The ceilings for the threads of the run. */
const struct vit_ceilings *vit_profile_ceilings(const struct vit_profile *profile);

/* Writes operators.csv, summary.csv, classes.csv, blocks.csv and sources.csv into folder. */
int vit_profile_write(const struct vit_profile *profile, const char *folder);

/* The columns of classes.csv and blocks.csv, and the rows of one model: by time for classes, in order otherwise. */
int vit_profile_group_schema(const struct vit_profile *profile, struct vit_schema_builder *schema);
int vit_profile_emit_groups(const struct vit_profile *profile, struct vit_sink *sink, vit_profile_key key);

/* Draws the figures beside the files of vit_profile_write. */
int vit_profile_draw(const struct vit_profile *profile, const char *folder);

/* Prints headline and tables for readers. */
int vit_profile_print(const struct vit_profile *profile, const struct vit_options *options);

/* "batch 1, 1 thread, eager graph, median of 30 runs" */
void vit_profile_settings(const struct vit_profile *profile, char *text, size_t size);
