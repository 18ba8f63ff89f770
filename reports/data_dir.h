/* SPDX-License-Identifier: MIT */
/* data_dir.h - finds the files shipped beside the program: plots/NAME.gp and paper/NAME.csv. */
#pragma once

#include <stddef.h>

/* Absolute or relative path of a shipped file, e.g. "paper/fig2_runtime_profile.csv". Looked for beside the program, in
 * the source tree or as installed, then in the folder given when it was built, then in ./reports.
 * VIT_EIO lists where it was looked for. */
int vit_data_path(char *path, size_t size, const char *relative);
