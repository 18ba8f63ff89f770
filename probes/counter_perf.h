/* SPDX-License-Identifier: MIT */
/* counter_perf.h - vit_counter_perf (probes/counter.h) on another folder than VIT_PERF_SYSFS. */
#pragma once

#include "probes/counter.h"

int vit_counter_perf_open(struct vit_counting **result, const struct vit_counter_request *request,
                          struct vit_attempt *attempt, const char *root);
