/* SPDX-License-Identifier: MIT */
/* study.h - a study answers one question of the field with models and probes. Each is one file with one exported
 * `const struct vit_study_def vit_study_<name>` and one row in studies.def; it prints its tables and writes its CSVs,
 * figures and run.json into the folder it is given. */
#pragma once

#include "analysis/options.h"

struct vit_study_def {
    const char *name;     /* "memory-bound" */
    const char *question; /* one line */
    const char *detail;   /* method and caveats, for its help */
    int (*run)(const struct vit_options *options, const char *folder);
};

extern const struct vit_study_def *const vit_studies[];
extern const int vit_n_studies;
