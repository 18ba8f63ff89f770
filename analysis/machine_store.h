/* SPDX-License-Identifier: MIT */
/* machine_store.h - the last survey of each host, kept in $XDG_CACHE_HOME/vitscope (~/.cache/vitscope), one file for
 * each processor, kernel set and number type. A file that is not of this machine and build is told and not used. */
#pragma once

#include "analysis/machine_survey.h"

/* Where the survey of this machine is kept. VIT_ENOTSUP without HOME and XDG_CACHE_HOME. */
int vit_survey_path(char *path, size_t size, const struct vit_machine *machine);

/* Writes it there; the folder is made, the file appears whole or not at all. */
int vit_survey_keep(const struct vit_survey *survey, const struct vit_machine *machine, const char *path);

/* VIT_EIO where it cannot be read, VIT_EFORMAT where it is no survey, VIT_EMISMATCH where it is another machine's. */
int vit_survey_read(struct vit_survey *survey, const struct vit_machine *machine, const char *path);

/* Ceilings for runs with so many threads: `single` and `all` from the kept survey, or measured the short way
 * (vit_machine_measure). machine->ceilings_note tells which, and why a file that is there was not used. */
int vit_machine_ceilings(struct vit_machine *machine, int threads);
