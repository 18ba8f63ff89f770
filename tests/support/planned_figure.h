/* SPDX-License-Identifier: MIT */
/* planned_figure.h - a figure or table of the paper planned, for tests that stand in for its measuring. */
#pragma once

#include "analysis/reproduction.h"

/* Plans it; finish would write into the program's folder (program.h). Options are those of the command. */
void figure_plan(struct vit_reproduction *r, const char *name, enum vit_budget budget);

/* Fails for a claim of the figure that no result of r decides, and where it has not n of them. */
void figure_claims_are_testable(const struct vit_reproduction *r, int n);

void figure_forget(struct vit_reproduction *r);
