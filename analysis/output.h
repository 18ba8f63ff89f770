/* SPDX-License-Identifier: MIT */
/* output.h - what commands print: rows on stdout in the form of --format. */
#pragma once

#include "analysis/options.h"
#include "reports/sink.h"

/* A sink on stdout; bar names a column of shares that tables draw as a bar, or is NULL. */
int vit_output_open(struct vit_sink *sink, const struct vit_options *options, const struct vit_schema *schema,
                    const char *bar);

/* Whether the form is for readers (table), so that sentences may stand beside the rows. */
bool vit_output_is_table(const struct vit_options *options);

/* Columns of the terminal that reads stdout; 0 where it is none. */
int vit_output_width(void);
