/* SPDX-License-Identifier: MIT */
#include "analysis/channel_group.h"

#include "model/base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[VIT_N_GROUP_KINDS] = {
#define X(id, text) text,
    VIT_GROUP_KIND_LIST(X)
#undef X
};

const char *vit_group_kind_name(enum vit_group_kind kind)
{
    return kind_names[kind];
}

int vit_channel_group_add(struct vit_channel_groups *groups, struct vit_channel_group group)
{
    if (groups->n == groups->capacity) {
        const int larger = groups->capacity ? 2 * groups->capacity : 256;
        void *moved = realloc(groups->group, (size_t)larger * sizeof *groups->group);
        if (!moved)
            return vit_fail(VIT_ENOMEM, "out of memory: %d groups of channels", larger);
        groups->group = moved;
        groups->capacity = larger;
    }
    group.first = groups->n_slice;
    group.n = 0;
    groups->group[groups->n++] = group;
    return VIT_OK;
}

int vit_channel_slice_add(struct vit_channel_groups *groups, struct vit_channel_slice slice)
{
    if (groups->n_slice == groups->capacity_slice) {
        const int larger = groups->capacity_slice ? 2 * groups->capacity_slice : 1024;
        void *moved = realloc(groups->slice, (size_t)larger * sizeof *groups->slice);
        if (!moved)
            return vit_fail(VIT_ENOMEM, "out of memory: %d slices of channels", larger);
        groups->slice = moved;
        groups->capacity_slice = larger;
    }
    groups->slice[groups->n_slice++] = slice;
    groups->group[groups->n - 1].n++;
    return VIT_OK;
}

void vit_channel_groups_close(struct vit_channel_groups *groups)
{
    free(groups->group);
    free(groups->slice);
    *groups = (struct vit_channel_groups){0};
}

static struct vit_tensor *find(const struct vit_graph *graph, const char *module, const char *part)
{
    char name[256];
    snprintf(name, sizeof name, "%s.%s", module, part);
    for (int i = 0; i < graph->n_tensor; i++)
        if (!graph->tensor[i]->base && graph->tensor[i]->space == VIT_SPACE_PARAM &&
            strcmp(graph->tensor[i]->name, name) == 0)
            return graph->tensor[i];
    return NULL;
}

/* One slice where the parameter is there; norms and biases may be absent. */
static int add(struct vit_channel_groups *groups, struct vit_tensor *weight, int axis, int64_t start, int64_t length,
               bool cut)
{
    return weight ? vit_channel_slice_add(groups, (struct vit_channel_slice){weight, axis, start, length, cut})
                  : VIT_OK;
}

/* An attention module whose heads share one projection: rows q, k, v, each by head (DeiT, Swin). */
struct packed {
    struct vit_tensor *qkv, *bias, *proj;
    int heads;
    int64_t qk, v;
};

static int add_rows(struct vit_channel_groups *groups, const struct packed *p, int64_t start, int64_t length, bool cut)
{
    int status = add(groups, p->qkv, 0, start, length, cut);
    return status == VIT_OK ? add(groups, p->bias, 0, start, length, cut) : status;
}

static int add_packed(struct vit_channel_groups *groups, const struct packed *p, struct vit_channel_group group)
{
    const int64_t h = group.head, k_at = p->heads * p->qk, v_at = 2 * k_at, c = group.channel;
    int status = vit_channel_group_add(groups, group);
    if (status != VIT_OK)
        return status;
    if (group.kind == VIT_GROUP_QK) {
        status = add_rows(groups, p, h * p->qk + c, 1, true); /* no query, no score */
        return status == VIT_OK ? add_rows(groups, p, k_at + h * p->qk + c, 1, false) : status;
    }
    if (group.kind == VIT_GROUP_V) {
        status = add_rows(groups, p, v_at + h * p->v + c, 1, false);
        return status == VIT_OK ? add(groups, p->proj, 1, h * p->v + c, 1, true) : status;
    }
    for (int part = 0; part < 2 && status == VIT_OK; part++)
        status = add_rows(groups, p, part * k_at + h * p->qk, p->qk, false);
    if (status == VIT_OK)
        status = add_rows(groups, p, v_at + h * p->v, p->v, false);
    return status == VIT_OK ? add(groups, p->proj, 1, h * p->v, p->v, true) : status;
}

/* A head with layers of its own (EfficientViT): rows q, k, v of one convolution, a depthwise one on q, a norm behind
 * each. Without its norm's weight and bias a channel is zero, also for the next head of the cascade. */
struct single {
    struct vit_tensor *qkv, *norm, *bias, *query, *query_norm, *query_bias, *proj;
    int64_t qk, v;
};

static int add_single_rows(struct vit_channel_groups *groups, const struct single *s, int64_t start, int64_t length,
                           bool cut)
{
    int status = add(groups, s->qkv, 0, start, length, false);
    if (status == VIT_OK)
        status = add(groups, s->norm, 0, start, length, cut);
    return status == VIT_OK ? add(groups, s->bias, 0, start, length, cut) : status;
}

static int add_query(struct vit_channel_groups *groups, const struct single *s, int64_t start, int64_t length, bool cut)
{
    int status = add(groups, s->query, 0, start, length, false);
    if (status == VIT_OK)
        status = add(groups, s->query_norm, 0, start, length, cut);
    return status == VIT_OK ? add(groups, s->query_bias, 0, start, length, cut) : status;
}

static int add_single(struct vit_channel_groups *groups, const struct single *s, struct vit_channel_group group)
{
    const int64_t c = group.channel;
    int status = vit_channel_group_add(groups, group);
    if (status != VIT_OK)
        return status;
    if (group.kind == VIT_GROUP_QK) {
        status = add_single_rows(groups, s, c, 1, !s->query);
        if (status == VIT_OK)
            status = add_single_rows(groups, s, s->qk + c, 1, false);
        return status == VIT_OK ? add_query(groups, s, c, 1, true) : status;
    }
    if (group.kind == VIT_GROUP_V) {
        status = add_single_rows(groups, s, 2 * s->qk + c, 1, true);
        return status == VIT_OK ? add(groups, s->proj, 1, group.head * s->v + c, 1, false) : status;
    }
    status = add_single_rows(groups, s, 0, 2 * s->qk, false);
    if (status == VIT_OK)
        status = add_query(groups, s, 0, s->qk, false);
    if (status == VIT_OK)
        status = add_single_rows(groups, s, 2 * s->qk, s->v, true);
    return status == VIT_OK ? add(groups, s->proj, 1, group.head * s->v, s->v, false) : status;
}

static bool read_packed(struct packed *p, const struct vit_graph *graph, const char *module)
{
    p->qkv = find(graph, module, "qkv.weight");
    p->bias = find(graph, module, "qkv.bias");
    p->proj = find(graph, module, "proj.weight");
    return p->qkv && p->proj && p->qkv->dim[0] == p->heads * (2 * p->qk + p->v) && p->proj->dim[1] == p->heads * p->v;
}

static struct vit_tensor *find_of_head(const struct vit_graph *graph, const char *module, const char *layer, int head,
                                       const char *part)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%d.%s", layer, head, part);
    return find(graph, module, name);
}

static bool read_single(struct single *s, const struct vit_graph *graph, const char *module, int head)
{
    s->qkv = find_of_head(graph, module, "qkvs", head, "conv.weight");
    s->norm = find_of_head(graph, module, "qkvs", head, "bn.weight");
    s->bias = find_of_head(graph, module, "qkvs", head, "bn.bias");
    s->query = find_of_head(graph, module, "dws", head, "conv.weight");
    s->query_norm = find_of_head(graph, module, "dws", head, "bn.weight");
    s->query_bias = find_of_head(graph, module, "dws", head, "bn.bias");
    s->proj = find(graph, module, "proj.1.conv.weight");
    return s->qkv && s->norm && s->bias && s->proj && s->qkv->dim[0] == 2 * s->qk + s->v;
}

/* One head of one attention module: its groups. */
static int find_head(struct vit_channel_groups *groups, const struct vit_graph *graph, struct packed *p,
                     struct vit_channel_group group)
{
    struct single s = {.qk = p->qk, .v = p->v};
    const bool packed = read_packed(p, graph, group.module);
    if (!packed && !read_single(&s, graph, group.module, group.head))
        return vit_fail(VIT_ENOTSUP, "%s: the parameters of head %d of %s are not known by name: build its eager graph",
                        graph->name, group.head, group.module);
    group.width = packed ? p->proj->dim[0] : s.proj->dim[0];
    static const enum vit_group_kind kinds[] = {VIT_GROUP_QK, VIT_GROUP_V, VIT_GROUP_HEAD};
    int status = VIT_OK;
    for (int k = 0; k < 3; k++) {
        group.kind = kinds[k];
        const int64_t n = k == 0 ? p->qk : k == 1 ? p->v : 1;
        for (group.channel = 0; group.channel < n && status == VIT_OK; group.channel++)
            status = packed ? add_packed(groups, p, group) : add_single(groups, &s, group);
    }
    return status;
}

static const struct vit_region *find_region(const struct vit_graph *graph, const char *block, enum vit_role role,
                                            int head)
{
    for (int i = 0; i < graph->n_region; i++)
        if (graph->region[i].site.role == role && graph->region[i].site.head == head &&
            strcmp(graph->region[i].block, block) == 0)
            return &graph->region[i];
    return NULL;
}

static int64_t width_of(const struct vit_region *r)
{
    return r ? r->tensor->dim[r->tensor->ndim - (r->channels_first ? 2 : 1)] : 0;
}

/* Attention modules are those that have regions. */
static int find_attention(struct vit_channel_groups *groups, const struct vit_graph *graph)
{
    int place = 0, status = VIT_OK;
    for (int i = 0; i < graph->n_region && status == VIT_OK; i++) {
        const struct vit_region *r = &graph->region[i];
        struct packed p = {0};
        if (r->site.role != VIT_ROLE_QUERY || r->site.head != 0)
            continue;
        while (find_region(graph, r->block, VIT_ROLE_QUERY, p.heads))
            p.heads++;
        p.qk = width_of(r);
        p.v = width_of(find_region(graph, r->block, VIT_ROLE_VALUE, 0));
        struct vit_channel_group group = {.module = r->block, .site = r->site, .place = place};
        place++;
        for (group.head = 0; group.head < p.heads && status == VIT_OK; group.head++)
            status = find_head(groups, graph, &p, group);
    }
    return status;
}

static bool has_weights(const struct vit_op *op)
{
    return op->kind == VIT_OP_linear || op->kind == VIT_OP_conv2d;
}

/* The hidden channels between two layers with weights: what stands between them is their norm and activation. */
static int add_hidden(struct vit_channel_groups *groups, const struct vit_graph *graph, int expand, int project,
                      int place)
{
    const struct vit_op *first = graph->op[expand], *second = graph->op[project];
    struct vit_channel_group group = {.kind = VIT_GROUP_FFN,
                                      .module = second->name,
                                      .site = second->site,
                                      .place = place,
                                      .head = -1,
                                      .width = second->in[1]->dim[0]};
    int status = VIT_OK;
    for (group.channel = 0; group.channel < first->in[1]->dim[0] && status == VIT_OK; group.channel++) {
        status = vit_channel_group_add(groups, group);
        for (int i = expand; i < project; i++)
            for (int k = 1; k < graph->op[i]->n_in && status == VIT_OK; k++)
                if (graph->op[i]->in[k]->space == VIT_SPACE_PARAM)
                    status = add(groups, graph->op[i]->in[k], 0, group.channel, 1, false);
        if (status == VIT_OK)
            status = add(groups, second->in[1], 1, group.channel, 1, true);
    }
    return status;
}

static int find_ffn(struct vit_channel_groups *groups, const struct vit_graph *graph)
{
    int place = 0, expand = -1, status = VIT_OK;
    for (int i = 0; i < graph->n_op && status == VIT_OK; i++) {
        const struct vit_op *op = graph->op[i];
        if (op->site.role == VIT_ROLE_FFN_EXPAND && has_weights(op))
            expand = i;
        if (op->site.role != VIT_ROLE_FFN_PROJECT || !has_weights(op) || expand < 0)
            continue;
        if (op->in[1]->space != VIT_SPACE_PARAM || op->in[1]->dim[1] != graph->op[expand]->in[1]->dim[0])
            return vit_fail(VIT_ENOTSUP, "%s: the hidden channels of %s are not parameters: build its eager graph",
                            graph->name, op->name);
        status = add_hidden(groups, graph, expand, i, place++);
        expand = -1;
    }
    return status;
}

int vit_channel_groups_find(struct vit_channel_groups *groups, const struct vit_graph *graph)
{
    *groups = (struct vit_channel_groups){0};
    int status = find_attention(groups, graph);
    if (status == VIT_OK)
        status = find_ffn(groups, graph);
    if (status == VIT_OK)
        status = vit_channel_groups_find_embedding(groups, graph);
    if (status == VIT_OK && groups->n == 0)
        status = vit_fail(VIT_ENOTSUP, "%s: has no channels to remove", graph->name);
    if (status != VIT_OK)
        vit_channel_groups_close(groups);
    return status;
}

struct vit_slice_walk vit_slice_walk(const struct vit_channel_slice *slice)
{
    const struct vit_tensor *t = slice->weight;
    struct vit_slice_walk w = {.outer = 1};
    int64_t inner = 1;
    for (int i = 0; i < t->ndim; i++) {
        w.outer *= i < slice->axis ? t->dim[i] : 1;
        inner *= i > slice->axis ? t->dim[i] : 1;
    }
    w.step = t->dim[slice->axis] * inner;
    w.offset = slice->start * inner;
    w.run = slice->length * inner;
    return w;
}

int64_t vit_channel_group_elements(const struct vit_channel_groups *groups, int group)
{
    const struct vit_channel_group *g = &groups->group[group];
    int64_t n = 0;
    for (int i = g->first; i < g->first + g->n; i++) {
        const struct vit_slice_walk w = vit_slice_walk(&groups->slice[i]);
        n += w.outer * w.run;
    }
    return n;
}

/* Copies between the cut slices and `kept`. */
static void move(const struct vit_channel_groups *groups, int group, vit_real *kept, const vit_real *restored)
{
    const struct vit_channel_group *g = &groups->group[group];
    for (int i = g->first; i < g->first + g->n; i++) {
        const struct vit_slice_walk w = vit_slice_walk(&groups->slice[i]);
        if (!groups->slice[i].cut)
            continue;
        for (int64_t o = 0; o < w.outer; o++) {
            vit_real *at = groups->slice[i].weight->data + w.offset + o * w.step;
            const size_t bytes = (size_t)w.run * sizeof *at;
            if (restored) {
                memcpy(at, restored, bytes);
                restored += w.run;
            } else if (kept) {
                memcpy(kept, at, bytes);
                memset(at, 0, bytes);
                kept += w.run;
            }
        }
    }
}

void vit_channel_group_mask(const struct vit_channel_groups *groups, int group, vit_real *kept)
{
    move(groups, group, kept, NULL);
}

void vit_channel_group_restore(const struct vit_channel_groups *groups, int group, const vit_real *kept)
{
    move(groups, group, NULL, kept);
}
