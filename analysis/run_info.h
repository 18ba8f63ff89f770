/* SPDX-License-Identifier: MIT */
/* run_info.h - run.json: what a run needs to be understood and repeated. */
#pragma once

#include "analysis/profile.h"
#include "reports/json.h"

/* Members that any run has: program, build, libraries, options, machine, time. */
void vit_run_info_describe(struct vit_json *json, const char *command, const struct vit_options *options,
                           const struct vit_machine *machine);

/* The same, and which events can be counted: of runs that count. */
void vit_run_info_begin(struct vit_json *json, const char *command, const struct vit_options *options,
                        const struct vit_machine *machine);

/* One model as an object of the array that is open: plan, weights, input, timings, probes with their sources. */
void vit_run_info_profile(struct vit_json *json, const struct vit_profile *profile, const char *folder);

/* Creates a folder and those above it; existing ones are kept. */
int vit_run_folder(const char *path);

/* FOLDER/MODEL; what is neither letter, digit nor one of ._-=, in the model's name becomes _. */
void vit_run_folder_within(char *path, size_t size, const char *folder, const char *model);

/* The folder for results: --out, or runs/<command>-<date>-<time>; shards have a folder each in it. */
void vit_run_folder_name(char *path, size_t size, const char *command, const struct vit_options *options);
