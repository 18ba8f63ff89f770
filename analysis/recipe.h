/* SPDX-License-Identifier: MIT */
/* recipe.h - settings of training by name, as data (recipes.def). */
#pragma once

#include "analysis/options.h"

/* Sets the options that the recipe options->recipe ("quick" where it is NULL) has for a model, and those of "none", as
 * far as the command line has not set them. VIT_EINVAL lists the recipes. */
int vit_recipe_apply(struct vit_options *options, const char *model);

/* All settings of all recipes with their sources, on stdout in the form of --format. */
int vit_recipe_print(const struct vit_options *options);
