/* SPDX-License-Identifier: MIT */
/* text.h - lists of names written as one text. */
#pragma once

#include <stdbool.h>

/* Whether `name` is among names separated by blanks or commas. */
bool vit_text_listed(const char *names, const char *name);
