/* SPDX-License-Identifier: MIT */
/* probe_choice.h - from the options --probes, --traffic, --cache and --counters to the probes of a session. */
#pragma once

#include "analysis/instance.h"
#include "analysis/options.h"
#include "probes/session.h"

/* Opens the session that the options ask for; wall_time comes first whatever they say: the breakdown is made of it.
 * VIT_EINVAL tells the option and what would be right. On failure nothing is left to close. */
int vit_probe_choice_open(struct vit_session *session, const struct vit_instance *instance,
                          const struct vit_options *options);

/* Seconds that computing probes may take: little where nobody asked for them, else as long as they need (0). */
double vit_probe_choice_limit(const struct vit_options *options);
