/* SPDX-License-Identifier: MIT */
#include "analysis/recognise.h"

#include "model/base/status.h"
#include "model/weights/names.h"
#include "model/weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

/* A file's tensors under their names here. */
struct named {
    char name[VIT_NAME_TEXT];
    const struct vit_safetensors_entry *entry;
};

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct named *)left)->name, ((const struct named *)right)->name);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* Tables that grow with the input say nothing about the model. */
static bool depends_on_size(const char *name)
{
    return ends_with(name, "pos_embed") || ends_with(name, "attention_biases") ||
           ends_with(name, "relative_position_bias_table");
}

static bool same_shape(const struct vit_tensor *tensor, const struct vit_safetensors_entry *entry)
{
    bool head = vit_name_is_head(tensor->name);
    if (depends_on_size(tensor->name))
        return true;
    if (tensor->ndim != entry->ndim)
        return false;
    for (int i = 0; i < tensor->ndim; i++)
        if (tensor->dim[i] != entry->dim[i] && !(head && i == 0))
            return false;
    return true;
}

static const struct named *find(const struct named *named, size_t n, const char *name)
{
    struct named key = {.entry = NULL};
    if (strlen(name) >= sizeof key.name)
        return NULL;
    strcpy(key.name, name);
    return bsearch(&key, named, n, sizeof *named, by_name);
}

static bool fits(const struct vit_graph *graph, const struct named *named, size_t n, int *classes)
{
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *tensor = graph->tensor[i];
        if (tensor->base || (tensor->space != VIT_SPACE_PARAM && tensor->space != VIT_SPACE_BUFFER))
            continue;
        const struct named *found = find(named, n, tensor->name);
        if (!found || !same_shape(tensor, found->entry))
            return false;
        if (vit_name_is_head(tensor->name) && tensor->ndim == 2)
            *classes = (int)found->entry->dim[0];
    }
    return true;
}

/* Tensors that every model of a family has, with embed_dim[0] rows: to build a graph for every model of the zoo costs
 * more than to classify. A family without a row is always built. */
static const struct {
    const char *family, *tensor;
} markers[] = {
    {"efficientvit", "patch_embed.conv4.conv.weight"},
    {"deit", "patch_embed.proj.weight"},
    {"swin", "patch_embed.proj.weight"},
};

static bool may_fit(const struct vit_model_def *model, const struct named *named, size_t n)
{
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++)
        if (strcmp(markers[i].family, model->family->name) == 0) {
            const struct named *found = find(named, n, markers[i].tensor);
            return found && found->entry->ndim > 0 && found->entry->dim[0] == model->config.embed_dim[0];
        }
    return true;
}

static struct named *name_tensors(const struct vit_safetensors *file)
{
    struct named *named = calloc((size_t)file->n_entry + 1, sizeof *named);
    const char **raw = calloc((size_t)file->n_entry + 1, sizeof *raw);
    for (int i = 0; named && raw && i < file->n_entry; i++)
        raw[i] = file->entry[i].name;
    const struct vit_naming *naming = raw ? vit_naming_detect(raw, (size_t)file->n_entry) : NULL;
    for (int i = 0; named && naming && i < file->n_entry; i++) {
        named[i].entry = &file->entry[i];
        if (!vit_naming_apply(naming, vit_name_unwrapped(raw[i]), named[i].name))
            named[i].name[0] = '\0';
    }
    if (named && naming)
        qsort(named, (size_t)file->n_entry, sizeof *named, by_name);
    if (!naming) {
        free(named);
        named = NULL;
    }
    free(raw);
    return named;
}

/* The variant that the file names, else any of its family: the settings change it all but its crop. */
static const struct vit_model_def *variant_of(const char *name, const struct vit_model_family *family)
{
    const struct vit_model_def *any = NULL;
    for (int i = vit_n_models; i-- > 0;) {
        const struct vit_model_def *m = &vit_models[i];
        const size_t length = strlen(m->name);
        if (m->family != family)
            continue;
        any = m;
        if (name && strncmp(m->name, name, length) == 0 && (name[length] == '\0' || name[length] == '['))
            return m;
    }
    return any;
}

static int read_own(const struct vit_safetensors *file, const char *config, struct vit_recognised *result)
{
    const char *crop = vit_safetensors_text(file, "vitscope.crop"),
               *family_name = vit_safetensors_text(file, "vitscope.family");
    const struct vit_model_family *family = vit_model_family_find(family_name ? family_name : "");
    if (!family)
        return vit_fail_in(VIT_EFORMAT, "%s: vitscope.family", file->name);
    result->own.model = *variant_of(vit_safetensors_text(file, "vitscope.model"), family);
    int status = vit_model_change(&result->own, config);
    if (status != VIT_OK)
        return vit_fail_in(status == VIT_EINVAL ? VIT_EFORMAT : status, "%s: vitscope.config", file->name);
    const double share = crop ? strtod(crop, NULL) : 0;
    if (share > 0 && share <= 1)
        result->own.model.crop_percentage = share;
    result->own.model.timm = NULL;
    result->model = &result->own.model;
    result->classes = result->own.model.config.classes;
    return VIT_OK;
}

int vit_recognise(const char *path, struct vit_recognised *result)
{
    struct vit_safetensors file;
    *result = (struct vit_recognised){0};
    int status = vit_safetensors_open(&file, path);
    if (status != VIT_OK)
        return status;
    const char *config = vit_safetensors_text(&file, "vitscope.config");
    if (config) {
        status = read_own(&file, config, result);
        vit_safetensors_close(&file);
        return status;
    }
    struct named *named = name_tensors(&file);
    if (!named)
        status = vit_fail(VIT_ENOMEM, "out of memory: %d tensors of %s", file.n_entry, path);
    /* The distilled DeiTs contain the plain ones: the model with the most parameters that fits is the one. */
    int64_t most = 0;
    for (int i = 0; i < vit_n_models && status == VIT_OK; i++) {
        struct vit_graph graph;
        int classes = 0;
        if (!may_fit(&vit_models[i], named, (size_t)file.n_entry))
            continue;
        status = vit_model_build(&graph, &vit_models[i], (struct vit_model_options){0});
        if (status != VIT_OK)
            break;
        if (fits(&graph, named, (size_t)file.n_entry, &classes) && graph.n_tensor > most) {
            most = graph.n_tensor;
            result->model = &vit_models[i];
            result->classes = classes;
        }
        vit_graph_close(&graph);
    }
    free(named);
    vit_safetensors_close(&file);
    if (status == VIT_OK && !result->model)
        status = vit_fail(VIT_EFORMAT,
                          "%s: its tensors are those of no known model (`vitscope models` lists them); "
                          "`vitscope weights check MODEL FILE` tells what differs from one",
                          path);
    return status;
}

bool vit_is_weight_file(const char *spec)
{
    return spec && ends_with(spec, ".safetensors");
}

int vit_recognise_model(struct vit_recognised *result, const char *spec, const char *weights, const char *set)
{
    *result = (struct vit_recognised){0};
    int status;
    if (spec && !vit_is_weight_file(spec)) {
        status = vit_model_choose(&result->own, spec);
        result->model = &result->own.model;
        result->classes = result->own.model.config.classes;
    } else {
        status = vit_recognise(spec ? spec : weights, result);
    }
    if (status != VIT_OK || !set)
        return status;
    if (result->model != &result->own.model)
        result->own.model = *result->model;
    result->own.model.config.classes = result->classes;
    status = vit_model_change(&result->own, set);
    result->model = &result->own.model;
    result->classes = result->own.model.config.classes;
    return status == VIT_OK ? VIT_OK : vit_fail_in(status, "--set");
}
