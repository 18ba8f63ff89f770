/* SPDX-License-Identifier: MIT */
/* channel_removal.c - weights of a network without some of its channels: every tensor without the items of its axes
 * that are in slices of removed groups. */
#include "analysis/channel_removal.h"

#include "model/base/status.h"
#include "model/weights/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int vit_channel_kind_removable(const struct vit_model_def *model, enum vit_group_kind kind)
{
    const struct vit_model_config *c = &model->config;
    const bool own_layers = strcmp(model->family->name, "efficientvit") == 0;
    if (kind == VIT_GROUP_HEAD && own_layers)
        return vit_fail(VIT_ENOTSUP, "%s: heads have layers of their own: none can be taken out", model->name);
    if (kind == VIT_GROUP_HEAD && c->head_split)
        return vit_fail(VIT_ENOTSUP, "%s: heads see slices of the channels, one for each: none can be taken out",
                        model->name);
    if (kind == VIT_GROUP_V && own_layers && c->mixer == VIT_MIXER_CGA && c->cascade)
        return vit_fail(VIT_ENOTSUP,
                        "%s: a cascade adds value channels to the next head by their place: none can be taken out",
                        model->name);
    return VIT_OK;
}

struct removal {
    const struct vit_graph *whole;
    const struct vit_channel_groups *groups;
    const bool *removed;
};

static struct vit_tensor *find(const struct vit_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_tensor; i++)
        if (vit_is_weight(graph->tensor[i]) && strcmp(graph->tensor[i]->name, name) == 0)
            return graph->tensor[i];
    return NULL;
}

/* Running statistics go with the weight of their norm: it is in groups, they are not. */
static const struct vit_tensor *tensor_in_groups(const struct vit_graph *graph, const struct vit_tensor *tensor)
{
    for (int i = 0; tensor->space == VIT_SPACE_BUFFER && i < graph->n_op; i++)
        for (int k = 2; k < graph->op[i]->n_in; k++)
            if (graph->op[i]->kind == VIT_OP_batch_norm && graph->op[i]->in[k] == tensor)
                return graph->op[i]->in[1];
    return tensor;
}

/* Tables of positions have an axis of heads, and are in no group. */
static void mark_heads(const struct removal *r, const struct vit_tensor *table, bool *const gone[VIT_MAX_DIMS])
{
    const struct vit_op *op = NULL;
    for (int i = 0; i < r->whole->n_op && !op; i++)
        if (r->whole->op[i]->kind == VIT_OP_position_bias && r->whole->op[i]->in[0] == table)
            op = r->whole->op[i];
    for (int i = 0; op && i < r->groups->n; i++) {
        const struct vit_channel_group *g = &r->groups->group[i];
        const size_t length = strlen(g->module);
        if (g->kind == VIT_GROUP_HEAD && r->removed[i] && strncmp(op->name, g->module, length) == 0 &&
            op->name[length] == '.')
            gone[1 - op->attr.axis][g->head] = true;
    }
}

/* gone[axis][item] of a tensor of the whole network. */
static void mark(const struct removal *r, const struct vit_tensor *tensor, bool *const gone[VIT_MAX_DIMS])
{
    const struct vit_tensor *known = tensor_in_groups(r->whole, tensor);
    for (int i = 0; i < r->groups->n; i++) {
        const struct vit_channel_group *g = &r->groups->group[i];
        for (int s = g->first; r->removed[i] && s < g->first + g->n; s++) {
            const struct vit_channel_slice *slice = &r->groups->slice[s];
            if (slice->weight == known)
                memset(gone[slice->axis] + slice->start, true, (size_t)slice->length * sizeof(bool));
        }
    }
    mark_heads(r, tensor, gone);
}

/* The next place in a tensor, the last axis first; false past its end. */
static bool advance(const struct vit_tensor *tensor, int64_t at[VIT_MAX_DIMS])
{
    for (int axis = tensor->ndim - 1; axis >= 0; axis--) {
        if (++at[axis] < tensor->dim[axis])
            return true;
        at[axis] = 0;
    }
    return false;
}

static bool is_kept(const struct vit_tensor *tensor, bool *const gone[VIT_MAX_DIMS], const int64_t at[VIT_MAX_DIMS])
{
    for (int axis = 0; axis < tensor->ndim; axis++)
        if (gone[axis][at[axis]])
            return false;
    return true;
}

static int copy_kept(struct vit_tensor *narrow, const struct vit_tensor *whole, bool *const gone[VIT_MAX_DIMS])
{
    for (int axis = 0; axis < whole->ndim; axis++) {
        int64_t kept = 0;
        for (int64_t i = 0; i < whole->dim[axis]; i++)
            kept += !gone[axis][i];
        if (narrow->ndim != whole->ndim || narrow->dim[axis] != kept)
            return vit_fail(VIT_EINVAL, "%s: axis %d keeps %lld of %lld items, the narrower network has %lld",
                            whole->name, axis, (long long)kept, (long long)whole->dim[axis],
                            (long long)narrow->dim[axis]);
    }
    int64_t at[VIT_MAX_DIMS] = {0};
    const vit_real *from = whole->data;
    vit_real *to = narrow->data;
    do {
        if (is_kept(whole, gone, at))
            *to++ = *from;
        from++;
    } while (advance(whole, at));
    return VIT_OK;
}

static int copy_tensor(const struct removal *r, struct vit_tensor *narrow)
{
    const struct vit_tensor *whole = find(r->whole, narrow->name);
    int64_t items = 0, used = 0;
    if (!whole)
        return vit_fail(VIT_EINVAL, "the whole network has no tensor %s", narrow->name);
    for (int axis = 0; axis < whole->ndim; axis++)
        items += whole->dim[axis];
    bool *flags = calloc((size_t)items + 1, sizeof *flags), *gone[VIT_MAX_DIMS] = {NULL};
    if (!flags)
        return vit_fail(VIT_ENOMEM, "out of memory: axes of %s", whole->name);
    for (int axis = 0; axis < whole->ndim; axis++) {
        gone[axis] = flags + used;
        used += whole->dim[axis];
    }
    mark(r, whole, gone);
    int status = copy_kept(narrow, whole, gone);
    free(flags);
    return status;
}

static int64_t query_width(const struct vit_channel_groups *groups, int place)
{
    int64_t width = 0;
    for (int i = 0; i < groups->n; i++)
        if (groups->group[i].kind == VIT_GROUP_QK && groups->group[i].place == place &&
            groups->group[i].channel >= width)
            width = groups->group[i].channel + 1;
    return width;
}

/* The cut of a channel of query and key is what the query is linear in. */
static void scale_queries(const struct vit_channel_groups *narrow, const struct vit_channel_groups *whole)
{
    for (int i = 0; i < narrow->n; i++) {
        const struct vit_channel_group *g = &narrow->group[i];
        if (g->kind != VIT_GROUP_QK)
            continue;
        const double scale = sqrt((double)query_width(narrow, g->place) / (double)query_width(whole, g->place));
        for (int s = g->first; s < g->first + g->n; s++) {
            const struct vit_slice_walk w = vit_slice_walk(&narrow->slice[s]);
            vit_real *data = narrow->slice[s].weight->data + w.offset;
            for (int64_t k = 0; narrow->slice[s].cut && k < w.outer * w.run; k++)
                data[k / w.run * w.step + k % w.run] *= (vit_real)scale;
        }
    }
}

int vit_channel_removal_weights(struct vit_graph *narrow, const struct vit_graph *whole,
                                const struct vit_channel_groups *groups, const bool *removed)
{
    const struct removal r = {whole, groups, removed};
    struct vit_channel_groups left;
    int status = VIT_OK;
    for (int i = 0; i < narrow->n_tensor && status == VIT_OK; i++)
        if (vit_is_weight(narrow->tensor[i]))
            status = copy_tensor(&r, narrow->tensor[i]);
    if (status == VIT_OK)
        status = vit_channel_groups_find(&left, narrow);
    if (status != VIT_OK)
        return status;
    scale_queries(&left, groups);
    vit_channel_groups_close(&left);
    return VIT_OK;
}
