/* SPDX-License-Identifier: MIT */
#include "analysis/recipe.h"

#include "analysis/output.h"
#include "model/base/status.h"

#include <string.h>

static const struct recipe {
    const char *name, *summary;
} recipes[] = {
#define VIT_RECIPE(name, summary) {#name, summary},
#define VIT_SETTING(recipe, net, option, value, source)
#include "analysis/recipes.def"
#undef VIT_RECIPE
#undef VIT_SETTING
};
enum { N_RECIPES = sizeof recipes / sizeof recipes[0] };

static const struct setting {
    const char *recipe, *net, *option, *value, *source;
} settings[] = {
#define VIT_RECIPE(name, summary)
#define VIT_SETTING(recipe, net, option, value, source) {#recipe, net, option, value, source},
#include "analysis/recipes.def"
#undef VIT_RECIPE
#undef VIT_SETTING
};
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

static const char *const all_else = "none";

static const struct recipe *find(const char *name)
{
    char names[256] = "";
    size_t used = 0;
    for (int i = 0; i < N_RECIPES; i++)
        if (strcmp(recipes[i].name, name) == 0)
            return &recipes[i];
    for (int i = 0; i < N_RECIPES && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", recipes[i].name);
    vit_fail(VIT_EINVAL, "--recipe %s: there are %s; list shows their settings", name, names);
    return NULL;
}

static int apply(struct vit_options *options, const char *recipe, const char *model)
{
    int status = VIT_OK;
    for (int i = 0; i < N_SETTINGS && status == VIT_OK; i++)
        if (strcmp(settings[i].recipe, recipe) == 0 && strncmp(model, settings[i].net, strlen(settings[i].net)) == 0)
            status = vit_options_default(options, settings[i].option, settings[i].value);
    return status;
}

int vit_recipe_apply(struct vit_options *options, const char *model)
{
    const struct recipe *recipe = find(options->recipe ? options->recipe : "quick");
    if (!recipe)
        return VIT_EINVAL;
    int status = apply(options, recipe->name, model);
    return status == VIT_OK ? apply(options, all_else, model) : status;
}

static const struct vit_column columns[] = {
    {"recipe", VIT_TEXT, "", "name"},
    {"option", VIT_TEXT, "", "option that it sets"},
    {"value", VIT_TEXT, "", "value, unless the command line has another"},
    {"models", VIT_TEXT, "", "only models whose names begin so; empty: all"},
    {"source", VIT_TEXT, "", "where the value comes from"},
};
static const struct vit_schema schema = {"recipes", 1, sizeof columns / sizeof columns[0], columns};

int vit_recipe_print(const struct vit_options *options)
{
    struct vit_sink sink;
    for (int i = 0; i < N_RECIPES && vit_output_is_table(options); i++)
        printf("%-8s %s\n", recipes[i].name, recipes[i].summary);
    int status = vit_output_open(&sink, options, &schema, NULL);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < N_SETTINGS && status == VIT_OK; i++) {
        const struct setting *s = &settings[i];
        struct vit_cell row[] = {vit_text(s->recipe), vit_text(s->option), vit_text(s->value),
                                 *s->net ? vit_text(s->net) : vit_absent(),
                                 *s->source ? vit_text(s->source) : vit_absent()};
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}
