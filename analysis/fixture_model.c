/* SPDX-License-Identifier: MIT */
/* fixture_model.c - the model that a fixture describes. Its "config" holds all numbers that define a variant, so that
 * models outside the zoo can be compared as well. */
#include "analysis/verification.h"
#include "model/base/status.h"

#include <string.h>

/* Reads a number or a list of numbers (of pairs: their first) into at most `most` places; returns how many. */
static int read_list(const struct cJSON *config, const char *name, int *value, int most)
{
    const struct cJSON *member = vit_fixture_member(config, name);
    int n = 0;
    if (!vit_fixture_first(member)) {
        int64_t single = vit_fixture_integer(config, name);
        if (single < 0 || single > 1000000)
            return 0;
        value[0] = (int)single;
        return 1;
    }
    for (const struct cJSON *item = vit_fixture_first(member); item && n < most; item = vit_fixture_next(item), n++) {
        const struct cJSON *number = vit_fixture_first(item) ? vit_fixture_first(item) : item;
        double v = vit_fixture_value(number);
        value[n] = v >= 0 && v <= 1000000 ? (int)v : -1;
    }
    return n;
}

static void read_efficientvit(const struct cJSON *config, struct vit_model_config *c)
{
    c->stages = read_list(config, "embed_dim", c->embed_dim, VIT_MAX_STAGES);
    read_list(config, "depth", c->depth, VIT_MAX_STAGES);
    read_list(config, "num_heads", c->heads, VIT_MAX_STAGES);
    read_list(config, "window_size", c->window, VIT_MAX_STAGES);
    read_list(config, "kernels", c->kernels, VIT_MAX_KERNELS);
    for (int i = read_list(config, "key_dim", c->qk_dim, VIT_MAX_STAGES); i > 0 && i < c->stages; i++)
        c->qk_dim[i] = c->qk_dim[0]; /* one number is for all */
}

static void read_deit(const struct cJSON *config, struct vit_model_config *c)
{
    int hidden = 0, prefix = 1;
    c->stages = 1;
    read_list(config, "patch", &c->patch, 1);
    read_list(config, "embed_dim", c->embed_dim, 1);
    read_list(config, "depth", c->depth, 1);
    read_list(config, "num_heads", c->heads, 1);
    read_list(config, "mlp_hidden", &hidden, 1);
    read_list(config, "prefix_tokens", &prefix, 1);
    c->ffn_ratio[0] = c->embed_dim[0] > 0 ? (double)hidden / c->embed_dim[0] : 0;
    c->distilled = prefix == 2;
}

static void read_swin(const struct cJSON *config, struct vit_model_config *c)
{
    int ratio = 0;
    read_list(config, "patch", &c->patch, 1);
    read_list(config, "embed_dim", c->embed_dim, 1);
    c->stages = read_list(config, "depths", c->depth, VIT_MAX_STAGES);
    read_list(config, "num_heads", c->heads, VIT_MAX_STAGES);
    read_list(config, "window", c->window, VIT_MAX_STAGES);
    read_list(config, "mlp_ratio", &ratio, 1);
    for (int i = 0; i < c->stages; i++)
        c->ffn_ratio[i] = ratio;
    for (int i = 1; i < c->stages; i++) /* widths double from stage to stage */
        c->embed_dim[i] = c->embed_dim[0] * (1 << i);
}

/* A variant of the family, for what fixtures do not say. */
static const struct vit_model_def *find_family(const char *name)
{
    for (int i = 0; i < vit_n_models; i++)
        if (strcmp(vit_models[i].family->name, name) == 0)
            return &vit_models[i];
    (void)vit_model_family_find(name); /* its message lists the families */
    return NULL;
}

static const struct {
    const char *family;
    void (*read)(const struct cJSON *config, struct vit_model_config *c);
} readers[] = {{"efficientvit", read_efficientvit}, {"deit", read_deit}, {"swin", read_swin}};

static const struct vit_model_def *find_row(const char *name)
{
    for (int i = 0; i < vit_n_models; i++)
        if (strcmp(vit_models[i].name, name) == 0)
            return &vit_models[i];
    return NULL;
}

int vit_verification_model(struct vit_verification *v, const struct cJSON *description)
{
    const char *name = vit_fixture_text(description, "model"), *family = vit_fixture_text(description, "family");
    const struct cJSON *config = vit_fixture_member(description, "config");
    if (!name)
        return vit_fail(VIT_EFORMAT, "%s: \"model\" is missing", v->path);
    const struct vit_model_def *row = find_row(name);
    if (row) {
        v->model = *row;
        return VIT_OK;
    }
    if (!family || !config) {
        (void)vit_model_find(name); /* its message lists the models */
        return vit_fail_in(VIT_EFORMAT, "%s", v->path);
    }
    const struct vit_model_def *relative = find_family(family);
    if (!relative)
        return vit_fail_in(VIT_EFORMAT, "%s", v->path);
    v->model = (struct vit_model_def){
        .name = name, .family = relative->family, .crop_percentage = 0.9, .config = relative->config};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        if (strcmp(readers[i].family, family) == 0)
            readers[i].read(config, &v->model.config);
    v->model.config.img = (int)vit_fixture_integer(description, "img");
    v->model.config.classes = (int)vit_fixture_integer(description, "classes");
    return VIT_OK;
}
