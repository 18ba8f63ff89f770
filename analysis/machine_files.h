/* SPDX-License-Identifier: MIT */
/* machine_files.h - a survey as rows, files and figures: ceilings.csv, roofs.csv, bandwidth, rooflines. */
#pragma once

#include "analysis/machine_survey.h"
#include "reports/sink.h"

#include <stddef.h>

extern const struct vit_schema vit_ceilings_schema, vit_roofs_schema;

/* One row per figure; per roof, number of threads and roofline. */
int vit_survey_emit_ceilings(const struct vit_survey *survey, struct vit_sink *sink);
int vit_survey_emit_roofs(const struct vit_survey *survey, struct vit_sink *sink);

/* ceilings.csv and roofs.csv. */
int vit_survey_write(const struct vit_survey *survey, const char *folder);

/* The figures beside them: bandwidth, bandwidth_threads (with three numbers of threads or more), roofline_cache and
 * roofline_dram of the most threads. */
int vit_survey_draw(const struct vit_survey *survey, const struct vit_machine *machine, const char *folder);

/* The roofs of caches as the figure `roofline` takes them (roof_levels): "L1 485 L2 229 L3 119", GB/s; "" where only
 * the DRAM was measured. */
void vit_ceilings_levels(char *text, size_t size, const struct vit_ceilings *ceilings);

/* Largest number of threads of the survey, and how many numbers there are. */
int vit_survey_threads(const struct vit_survey *survey, int *numbers);
