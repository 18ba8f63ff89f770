/* SPDX-License-Identifier: MIT */
/* profile_traffic.h - the bytes that the probes of a profile told, source by source: compulsory, simulated, footprint,
 * measured. Each stays in its own column; columns are summed over operators, never over each other. */
#pragma once

#include "analysis/profile.h"

/* Collects the columns and the medians of their values at each step. On failure nothing is left to free. */
int vit_traffic_gather(struct vit_traffic *traffic, const struct vit_session *session,
                       const struct vit_measurement *measurement);
void vit_traffic_free(struct vit_traffic *traffic);

/* Index of the column of this name; -1: there is none, or it has no values. */
int vit_traffic_find(const struct vit_traffic *traffic, const char *name);

/* Adds a step's bytes to sums of the same columns; absent stays absent. first: sums hold nothing yet. */
void vit_traffic_add(const struct vit_traffic *traffic, int step, struct vit_cell *sum, bool first);

/* Appends the columns to a schema. */
int vit_traffic_schema(const struct vit_traffic *traffic, struct vit_schema_builder *schema);

/* sources.csv: one row per column of the probes, saying what its numbers are, or why there are none. */
int vit_traffic_write_sources(const struct vit_session *session, const char *path);

/* How many bars the figure of traffic.csv has for each class: 0 where only compulsory bytes are known. */
int vit_traffic_figures(const struct vit_profile *profile);

/* traffic.csv: one row per class and source that has values, beside the compulsory bytes. */
int vit_traffic_write_classes(const struct vit_profile *profile, const char *path);

/* The table of classes for readers: bytes of each source beside the compulsory ones, with ratios. Prints nothing where
 * only compulsory bytes are known. */
int vit_traffic_print(const struct vit_profile *profile, const struct vit_options *options);
