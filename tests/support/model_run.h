/* SPDX-License-Identifier: MIT */
/* model_run.h - what tests of whole models share: a forward in each variant, compared. */
#pragma once

/* Eager and folded, on one, two and three threads: the same bits whatever the number of threads, and the folded graph
 * within the verification's tolerance of the eager one. */
void check_model_agreement(const char *model);
