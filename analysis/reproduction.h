/* SPDX-License-Identifier: MIT */
/* reproduction.h - a figure or table of the paper made anew. Each is one file with one exported
 * `const struct vit_reproduction_def vit_reproduction_<name>` and one row in reproductions.def. It plans *units* of
 * work; each finished unit is one file of named results (analysis/results.h) that appears whole or not at all, so that
 * the same command goes on after a kill, and several can share the units. When all are there, it derives the figure's
 * own results, writes its CSVs and draws; then the rows of reports/paper/claims.csv are tested against the results.
 *
 * Files: OUT/units/KEY.csv, OUT/units/FOLDER/ (what a unit keeps beside: KEY/, or a folder that units share),
 * OUT/FIGURE/ (results.csv, verdict.csv, CSVs, figures), OUT/verdict.csv (of all figures there). Units of one key are
 * the same work and are shared between figures.
 */
#pragma once

#include "analysis/claims.h"
#include "probes/machine.h"

struct vit_reproduction;

struct vit_unit {
    char key[120];              /* letters, digits, . _ -: names the file */
    const char *folder;         /* where it keeps what it keeps beside; NULL: key. Units that share one find there what
                                   the first of them let a network learn, so they are of one shard */
    double expected_s;          /* rough: for the time left */
    struct vit_options options; /* what to measure: argument[0] is the model; part of the settings that are checked */
    const void *context;        /* for measure; the key must tell it apart */
    int (*measure)(struct vit_reproduction *reproduction, const struct vit_unit *unit, struct vit_results *results);
};

struct vit_reproduction_def {
    const char *name;   /* "fig2": in claims.csv and on the command line */
    const char *title;  /* "Fig. 2: run time by class of operators" */
    const char *detail; /* method, what budgets change; for its help */
    int (*plan)(struct vit_reproduction *reproduction);
    int (*finish)(struct vit_reproduction *reproduction);
    int (*print)(
        const struct vit_reproduction *reproduction); /* after finish, for readers: before the verdicts; or NULL */
};

extern const struct vit_reproduction_def *const vit_reproductions[];
extern const int vit_n_reproductions;

struct vit_reproduction {
    const struct vit_reproduction_def *def;
    const struct vit_options *options;
    enum vit_budget budget;
    const char *root;  /* OUT */
    char folder[4000]; /* OUT/FIGURE: for finish */
    const struct vit_machine *machine;
    struct vit_unit *unit;
    int n_unit, capacity;
    struct vit_results results; /* in finish: those of all units, as KEY/NAME; what finish adds has no slash */
};

/* For plan: options are those of the command for the unit to change, without arguments. */
struct vit_unit vit_unit_of(const struct vit_reproduction *reproduction, const char *key_format, ...)
    __attribute__((format(printf, 2, 3)));
int vit_reproduction_add(struct vit_reproduction *reproduction, const struct vit_unit *unit);

/* For measure: the unit's folder, made. It outlives a kill: a long training keeps its checkpoints here. */
int vit_unit_folder(char *path, size_t size, const struct vit_reproduction *reproduction, const struct vit_unit *unit);

/* For measure: results of a first part, in the unit's folder, so that what follows from them goes on with the same ones
 * after a kill. recall: *there is false where none were kept; VIT_EMISMATCH where they are of other settings. */
int vit_unit_keep(const struct vit_reproduction *reproduction, const struct vit_unit *unit,
                  const struct vit_results *part, const char *name);
int vit_unit_recall(const struct vit_reproduction *reproduction, const struct vit_unit *unit, struct vit_results *part,
                    const char *name, bool *there);

/* For finish: the result `name` of a unit; NULL when there is none. */
const struct vit_result *vit_unit_result(const struct vit_reproduction *reproduction, const struct vit_unit *unit,
                                         const char *name);
double vit_unit_real(const struct vit_reproduction *reproduction, const struct vit_unit *unit, const char *name);

/* Opens FOLDER/NAME.csv. */
struct vit_sink;
int vit_reproduction_csv(const struct vit_reproduction *reproduction, struct vit_sink *sink, const char *name,
                         const struct vit_schema *schema);

/* What the command runs. */
struct vit_reproductions {
    const struct vit_options *options;
    enum vit_budget budget;
    const char *root;
    int shard, shards; /* 0 of 1: all */
    struct vit_reproduction *item;
    int n;
};

/* Lists the units of all items; *units: how many, those that are shared counted each time. */
int vit_reproductions_plan(struct vit_reproductions *work, int *units);

/* Measures the units of all items that are this shard's and not there yet. *missing: units that are still not there. */
int vit_reproductions_measure(struct vit_reproductions *work, int *missing);

/* Reads the units, finishes the figure, writes its results. */
int vit_reproduction_finish(struct vit_reproduction *reproduction);

void vit_reproductions_close(struct vit_reproductions *work);
