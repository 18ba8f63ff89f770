/* SPDX-License-Identifier: MIT */
/* callgrind_child.h - how the callgrind probe gets the same model to run under valgrind: this program, with the hidden
 * command callgrind-child. */
#pragma once

#include "analysis/instance.h"

/* The argument of the probe `callgrind` for an open instance; caches: text of them, NULL for this machine's. Generated
 * weights stand in for those of a file: the child wants shapes and steps, values do not move addresses. VIT_ENOTSUP
 * where the machine's caches are unknown. */
int vit_callgrind_argument(const struct vit_instance *instance, const char *caches, char *text, size_t size);
