/* SPDX-License-Identifier: MIT */
#include "model/train/checkpoint.h"

#include "model/base/status.h"
#include "model/weights/weights.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts of every checkpoint. */
static const char version_key[] = "vitscope.checkpoint", version[] = "1";
static const char model_key[] = "vitscope.model", seed_key[] = "vitscope.seed", epoch_key[] = "vitscope.epoch";
static const char step_key[] = "vitscope.step", optimizer_key[] = "vitscope.optimizer";
static const char optimizer_steps_key[] = "vitscope.optimizer.steps", ema_updates_key[] = "vitscope.ema.updates";
static const char config_key[] = "vitscope.config"; /* written by callers */

enum { OWN_TEXTS = 8, NUMBER_TEXT = 24, STATE_LISTS = 2 + VIT_OPTIMIZER_STATES };

/* Tensors of the file under one prefix. */
struct list {
    char prefix[64];
    struct vit_tensor *const *tensor; /* names and shapes */
    int n;
    vit_real *values; /* with place: where the numbers are; NULL: in the tensors */
    const int64_t *place;
};

static vit_real *values_of(const struct list *list, int i)
{
    return list->values ? list->values + list->place[i] : list->tensor[i]->data;
}

static int make_lists(const struct vit_checkpoint *c, const struct vit_tensor_pieces *weights, struct list *list)
{
    int lists = 0;
    list[lists++] = (struct list){.tensor = weights->tensor, .n = weights->n};
    if (c->ema) {
        const struct vit_tensor_pieces *averaged = &c->ema->weights;
        list[lists++] = (struct list){.prefix = "ema.",
                                      .tensor = averaged->tensor,
                                      .n = averaged->n,
                                      .values = c->ema->average,
                                      .place = averaged->place};
    }
    for (int i = 0; i < VIT_OPTIMIZER_STATES && c->optimizer->state[i]; i++) {
        const struct vit_tensor_pieces *learned = &c->optimizer->parameters;
        list[lists] = (struct list){
            .tensor = learned->tensor, .n = learned->n, .values = c->optimizer->state[i], .place = learned->place};
        snprintf(list[lists].prefix, sizeof list[lists].prefix, "optimizer.%s.", c->optimizer->def->state[i]);
        lists++;
    }
    return lists;
}

static int count_tensors(const struct list *list, int n)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += list[i].n;
    return count;
}

/* Names are in the arena. */
static int list_sources(const struct list *list, int n, struct vit_safetensors_source *source, struct vit_arena *arena)
{
    for (int l = 0; l < n; l++)
        for (int i = 0; i < list[l].n; i++, source++) {
            const struct vit_tensor *tensor = list[l].tensor[i];
            *source =
                (struct vit_safetensors_source){.name = vit_arena_print(arena, "%s%s", list[l].prefix, tensor->name),
                                                .dtype = VIT_DTYPE_REAL,
                                                .ndim = tensor->ndim,
                                                .dim = tensor->dim,
                                                .values = values_of(&list[l], i)};
            if (!source->name)
                return VIT_ENOMEM;
        }
    return VIT_OK;
}

static int list_texts(const struct vit_checkpoint *c, struct vit_safetensors_pair *pair, struct vit_arena *arena)
{
    int n = 0;
    pair[n++] = (struct vit_safetensors_pair){version_key, version};
    pair[n++] = (struct vit_safetensors_pair){model_key, c->graph->name};
    pair[n++] = (struct vit_safetensors_pair){optimizer_key, c->optimizer->def->name};
    const struct {
        const char *key;
        uint64_t value;
    } number[] = {{seed_key, c->state.seed},
                  {epoch_key, (uint64_t)c->state.epoch},
                  {step_key, (uint64_t)c->state.step},
                  {optimizer_steps_key, (uint64_t)c->optimizer->steps},
                  {ema_updates_key, c->ema ? (uint64_t)c->ema->updates : 0}};
    const int numbers = (int)(sizeof number / sizeof number[0]) - (c->ema ? 0 : 1);
    for (int i = 0; i < numbers; i++) {
        pair[n] = (struct vit_safetensors_pair){number[i].key, vit_arena_print(arena, "%" PRIu64, number[i].value)};
        if (!pair[n++].value)
            return -1;
    }
    for (int i = 0; i < c->n_text; i++)
        pair[n++] = c->text[i];
    return n;
}

int vit_checkpoint_save(const char *path, const struct vit_checkpoint *c)
{
    struct vit_tensor_pieces weights;
    struct vit_arena arena = {0};
    struct list list[STATE_LISTS];
    int status = vit_tensor_pieces_open(&weights, c->graph, vit_is_weight);
    if (status != VIT_OK)
        return status;
    const int lists = make_lists(c, &weights, list), n = count_tensors(list, lists);
    struct vit_safetensors_source *source = vit_arena_alloc(&arena, (size_t)n + 1, sizeof *source);
    struct vit_safetensors_pair *pair = vit_arena_alloc(&arena, (size_t)c->n_text + OWN_TEXTS, sizeof *pair);
    const int texts = pair ? list_texts(c, pair, &arena) : -1;
    status = source && texts >= 0 ? list_sources(list, lists, source, &arena) : VIT_ENOMEM;
    if (status == VIT_OK)
        status = vit_safetensors_write(
            path,
            &(struct vit_safetensors_content){.tensor = source, .n_tensor = n, .metadata = pair, .n_metadata = texts});
    vit_arena_close(&arena);
    vit_tensor_pieces_close(&weights);
    return status;
}

const char *vit_checkpoint_text(const struct vit_checkpoint_file *file, const char *key)
{
    return vit_safetensors_text(&file->file, key);
}

static int read_number(const struct vit_checkpoint_file *file, const char *key, uint64_t most, uint64_t *value)
{
    const char *text = vit_checkpoint_text(file, key);
    char *end = NULL;
    errno = 0;
    *value = text && text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end != '\0' || errno || *value > most)
        return vit_fail(VIT_EFORMAT, "%s: %s is %s, must be a number", file->file.name, key, text ? text : "missing");
    return VIT_OK;
}

static int read_state(struct vit_checkpoint_file *file)
{
    const char *found = vit_checkpoint_text(file, version_key);
    uint64_t epoch, step;
    if (!found)
        return vit_fail(VIT_EFORMAT, "%s: is no checkpoint of a training, but other weights: it has no %s",
                        file->file.name, version_key);
    if (strcmp(found, version) != 0)
        return vit_fail(VIT_EFORMAT, "%s: a checkpoint of format %s, this program reads format %s", file->file.name,
                        found, version);
    int status = read_number(file, seed_key, UINT64_MAX, &file->state.seed);
    if (status == VIT_OK)
        status = read_number(file, epoch_key, INT64_MAX, &epoch);
    if (status == VIT_OK)
        status = read_number(file, step_key, INT64_MAX, &step);
    if (status != VIT_OK)
        return status;
    file->state.epoch = (int64_t)epoch;
    file->state.step = (int64_t)step;
    return VIT_OK;
}

int vit_checkpoint_open(struct vit_checkpoint_file *file, const char *path)
{
    *file = (struct vit_checkpoint_file){0};
    int status = vit_safetensors_open(&file->file, path);
    if (status != VIT_OK)
        return status;
    status = read_state(file);
    if (status != VIT_OK)
        vit_checkpoint_close(file);
    return status;
}

void vit_checkpoint_close(struct vit_checkpoint_file *file)
{
    vit_safetensors_close(&file->file);
}

static int check_texts(const struct vit_checkpoint_file *file, const struct vit_checkpoint *c)
{
    const char *model = vit_checkpoint_text(file, model_key), *optimizer = vit_checkpoint_text(file, optimizer_key);
    const char *config = vit_checkpoint_text(file, config_key);
    const bool averaged = vit_checkpoint_text(file, ema_updates_key) != NULL;
    if (!model || strcmp(model, c->graph->name) != 0)
        return vit_fail(VIT_EFORMAT, "%s: a checkpoint of %s, not of %s", file->file.name,
                        model ? model : "an unnamed model", c->graph->name);
    if (config && c->graph->config && strcmp(config, c->graph->config) != 0)
        return vit_fail(VIT_EFORMAT, "%s: a checkpoint of %s with other settings: \"%.300s\", not \"%.300s\"",
                        file->file.name, model, config, c->graph->config);
    if (!optimizer || strcmp(optimizer, c->optimizer->def->name) != 0)
        return vit_fail(VIT_EFORMAT, "%s: was trained by %s, not by %s", file->file.name,
                        optimizer ? optimizer : "an unnamed optimizer", c->optimizer->def->name);
    if (averaged != (c->ema != NULL))
        return vit_fail(VIT_EFORMAT, "%s: was trained %s a moving average of the weights, this training has %s",
                        file->file.name, averaged ? "with" : "without", averaged ? "none" : "one");
    for (int i = 0; i < c->n_text; i++) {
        const char *there = vit_checkpoint_text(file, c->text[i].key);
        if (!there || strcmp(there, c->text[i].value) != 0)
            return vit_fail(VIT_EFORMAT, "%s: %s is \"%.300s\", not \"%.300s\"", file->file.name, c->text[i].key,
                            there ? there : "", c->text[i].value);
    }
    return VIT_OK;
}

/* The file's tensor, NULL with a message if it has none that fits. */
static const struct vit_safetensors_entry *find_entry(const struct vit_checkpoint_file *file, const struct list *list,
                                                      int i)
{
    const struct vit_tensor *tensor = list->tensor[i];
    char name[512], here[VIT_SHAPE_TEXT], there[VIT_SAFETENSORS_SHAPE_TEXT];
    snprintf(name, sizeof name, "%s%s", list->prefix, tensor->name);
    const struct vit_safetensors_entry *entry = vit_safetensors_find(&file->file, name);
    vit_shape_text(tensor, here);
    if (!entry) {
        vit_fail(VIT_EFORMAT, "%s: has no tensor %s %s", file->file.name, name, here);
        return NULL;
    }
    bool same = entry->ndim == tensor->ndim;
    for (int k = 0; same && k < tensor->ndim; k++)
        same = entry->dim[k] == tensor->dim[k];
    if (!same)
        vit_fail(VIT_EFORMAT, "%s: tensor %s is %s, must be %s", file->file.name, name,
                 vit_safetensors_shape_text(entry, there), here);
    else if (entry->dtype != VIT_DTYPE_REAL)
        vit_fail(VIT_EFORMAT, "%s: tensor %s is %s, this build trains in %s", file->file.name, name,
                 vit_dtype_table[entry->dtype].name, vit_dtype_table[VIT_DTYPE_REAL].name);
    return same && entry->dtype == VIT_DTYPE_REAL ? entry : NULL;
}

static int check_tensors(const struct vit_checkpoint_file *file, const struct list *list, int n)
{
    for (int l = 0; l < n; l++)
        for (int i = 0; i < list[l].n; i++)
            if (!find_entry(file, &list[l], i))
                return VIT_EFORMAT;
    if (file->file.n_entry != count_tensors(list, n))
        return vit_fail(VIT_EFORMAT, "%s: has %d tensors, %d fit", file->file.name, file->file.n_entry,
                        count_tensors(list, n));
    return VIT_OK;
}

static int read_tensors(const struct vit_checkpoint_file *file, const struct list *list, int n)
{
    for (int l = 0; l < n; l++)
        for (int i = 0; i < list[l].n; i++) {
            int status = vit_safetensors_read(find_entry(file, &list[l], i), 0, vit_numel(list[l].tensor[i]),
                                              values_of(&list[l], i));
            if (status != VIT_OK)
                return status;
        }
    return VIT_OK;
}

int vit_checkpoint_load(const struct vit_checkpoint_file *file, struct vit_checkpoint *c)
{
    struct vit_tensor_pieces weights;
    struct list list[STATE_LISTS];
    uint64_t steps = 0, updates = 0;
    int status = check_texts(file, c);
    if (status == VIT_OK)
        status = read_number(file, optimizer_steps_key, INT64_MAX, &steps);
    if (status == VIT_OK && c->ema)
        status = read_number(file, ema_updates_key, INT64_MAX, &updates);
    if (status == VIT_OK)
        status = vit_tensor_pieces_open(&weights, c->graph, vit_is_weight);
    if (status != VIT_OK)
        return status;
    const int lists = make_lists(c, &weights, list);
    status = check_tensors(file, list, lists);
    if (status == VIT_OK)
        status = read_tensors(file, list, lists);
    if (status == VIT_OK) {
        c->state = file->state;
        c->optimizer->steps = (int64_t)steps;
        if (c->ema)
            c->ema->updates = (int64_t)updates;
    }
    vit_tensor_pieces_close(&weights);
    return status;
}
