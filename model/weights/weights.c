/* SPDX-License-Identifier: MIT */
/* weights.c - load in three steps: names of the file to names here; pair every tensor of the graph with one of the
 * file, collecting all that does not fit; only then read the data, once. */
#include "model/weights/weights.h"

#include "model/base/status.h"
#include "model/weights/fit_report.h"
#include "model/weights/grid_resize.h"
#include "model/weights/names.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tensor of the file under its name here. */
struct candidate {
    char name[VIT_NAME_TEXT];
    const struct vit_safetensors_entry *entry;
    bool used;
};

struct load {
    struct vit_graph *graph;
    struct vit_safetensors file;
    struct candidate *candidate; /* sorted by name */
    size_t n_candidate;
    const struct vit_tensor **target; /* by entry of the file; NULL: ignored */
    struct vit_digest *digest;        /* of what was read; NULL: not asked for */
    bool any_head;                    /* tensors of the head need not fit */
    struct vit_weights_report report;
};

static int compare_candidates(const void *a, const void *b)
{
    return strcmp(((const struct candidate *)a)->name, ((const struct candidate *)b)->name);
}

static struct candidate *find_candidate(const struct load *load, const char *name)
{
    struct candidate key = {.entry = NULL};
    if (strlen(name) >= sizeof key.name)
        return NULL;
    strcpy(key.name, name);
    return bsearch(&key, load->candidate, load->n_candidate, sizeof key, compare_candidates);
}

/* Position-dependent weights as (outer, prefix + side^2, inner): which axis holds the positions. */
static const struct {
    const char *ending;
    enum vit_grid_method method;
    int ndim, axis;
} resizable[] = {
    {"pos_embed", VIT_GRID_CUBIC_ANTIALIAS, 3, 1},
    {"relative_position_bias_table", VIT_GRID_GEOMETRIC_LINEAR, 2, 0},
    {"attention_biases", VIT_GRID_CUBIC, 2, 1},
};

/* Side of the square of this many positions, or 0. */
static int64_t square_side(int64_t positions)
{
    int64_t side = positions > 0 ? (int64_t)(sqrt((double)positions) + 0.5) : 0;
    return side * side == positions ? side : 0;
}

/* Class and distillation tokens have position embeddings of their own, in front. */
static int64_t prefix_tokens(const struct vit_graph *graph)
{
    int64_t n = 0;
    for (int i = 0; i < graph->n_tensor; i++)
        n += vit_is_weight(graph->tensor[i]) &&
             (strcmp(graph->tensor[i]->name, "cls_token") == 0 || strcmp(graph->tensor[i]->name, "dist_token") == 0);
    return n;
}

static int64_t product(const int64_t *dim, int begin, int end)
{
    int64_t n = 1;
    for (int i = begin; i < end; i++)
        n *= dim[i];
    return n;
}

/* How to bring the file's tensor to the graph's shape; false when it cannot be. *prefix: positions that are copied. */
static bool plan_resize(const struct vit_graph *graph, const struct vit_tensor *tensor,
                        const struct vit_safetensors_entry *entry, struct vit_grid_resize *resize, int64_t *prefix)
{
    size_t row = 0, rows = sizeof resizable / sizeof resizable[0], length = strlen(tensor->name);
    for (; row < rows; row++) {
        size_t part = strlen(resizable[row].ending);
        if (length >= part && strcmp(tensor->name + length - part, resizable[row].ending) == 0)
            break;
    }
    if (row == rows || tensor->ndim != resizable[row].ndim || entry->ndim != tensor->ndim)
        return false;
    int axis = resizable[row].axis;
    for (int i = 0; i < tensor->ndim; i++)
        if (i != axis && entry->dim[i] != tensor->dim[i])
            return false;
    *prefix = strcmp(resizable[row].ending, "pos_embed") == 0 ? prefix_tokens(graph) : 0;
    *resize = (struct vit_grid_resize){.method = resizable[row].method,
                                       .outer = product(tensor->dim, 0, axis),
                                       .inner = product(tensor->dim, axis + 1, tensor->ndim),
                                       .source_side = square_side(entry->dim[axis] - *prefix),
                                       .target_side = square_side(tensor->dim[axis] - *prefix)};
    /* A table of offsets -(w-1) .. w-1 has an odd side. */
    bool sides = resize->method != VIT_GRID_GEOMETRIC_LINEAR || (resize->source_side & resize->target_side & 1);
    return sides && resize->source_side && resize->target_side && (*prefix == 0 || resize->outer == 1);
}

static bool same_shape(const struct vit_tensor *tensor, const struct vit_safetensors_entry *entry)
{
    bool same = tensor->ndim == entry->ndim;
    for (int i = 0; same && i < tensor->ndim; i++)
        same = tensor->dim[i] == entry->dim[i];
    return same;
}

static int map_names(struct load *load)
{
    const struct vit_safetensors *file = &load->file;
    const char **raw = calloc((size_t)file->n_entry + 1, sizeof *raw);
    load->candidate = calloc((size_t)file->n_entry + 1, sizeof *load->candidate);
    if (!raw || !load->candidate) {
        free(raw);
        return vit_fail(VIT_ENOMEM, "%s: out of memory for %d names", file->name, file->n_entry);
    }
    for (int i = 0; i < file->n_entry; i++)
        raw[i] = file->entry[i].name;
    const struct vit_naming *naming = vit_naming_detect(raw, (size_t)file->n_entry);
    free(raw);
    load->report.naming = naming->title;
    for (int i = 0; i < file->n_entry; i++) {
        const char *name = vit_name_unwrapped(file->entry[i].name);
        struct candidate *candidate = &load->candidate[load->n_candidate];
        if (vit_name_ignored(name)) {
            load->report.ignored++;
            continue;
        }
        if (!vit_naming_apply(naming, name, candidate->name))
            snprintf(candidate->name, sizeof candidate->name, "%s", name); /* too long to be any name here */
        candidate->entry = &file->entry[i];
        load->n_candidate++;
    }
    qsort(load->candidate, load->n_candidate, sizeof *load->candidate, compare_candidates);
    for (size_t i = 1; i < load->n_candidate; i++)
        if (compare_candidates(&load->candidate[i - 1], &load->candidate[i]) == 0)
            return vit_fail(VIT_EFORMAT, "%s: %.200s and %.200s are both %.200s", file->name,
                            load->candidate[i - 1].entry->name, load->candidate[i].entry->name,
                            load->candidate[i].name);
    return VIT_OK;
}

static void note_dtype(struct vit_weights_report *report, enum vit_dtype dtype)
{
    const char *name = vit_dtype_table[dtype].name;
    if (!report->dtype)
        report->dtype = name;
    else if (strcmp(report->dtype, name) != 0)
        report->dtype = "mixed";
}

static bool is_spared(const struct load *load, const char *name)
{
    return load->any_head && vit_name_is_head(name);
}

static void pair_tensor(struct load *load, const struct vit_tensor *tensor, struct vit_fit_report *fit)
{
    struct candidate *candidate = find_candidate(load, tensor->name);
    char here[VIT_SHAPE_TEXT], there[VIT_SAFETENSORS_SHAPE_TEXT];
    vit_shape_text(tensor, here);
    if (is_spared(load, tensor->name) && !(candidate && same_shape(tensor, candidate->entry))) {
        load->report.kept++;
        return;
    }
    if (!candidate) {
        vit_fit_note(fit, VIT_FIT_MISSING, "%.120s %s", tensor->name, here);
        return;
    }
    candidate->used = true;
    const struct vit_safetensors_entry *entry = candidate->entry;
    struct vit_grid_resize resize;
    int64_t prefix;
    bool same = same_shape(tensor, entry);
    if (!vit_dtype_table[entry->dtype].loadable)
        vit_fit_note(fit, VIT_FIT_UNREADABLE, "%.120s %s", entry->name, vit_dtype_table[entry->dtype].name);
    else if (!same && !plan_resize(load->graph, tensor, entry, &resize, &prefix))
        vit_fit_note(fit, VIT_FIT_MISSHAPED, "%.120s is %s and must be %s", entry->name,
                     vit_safetensors_shape_text(entry, there), here);
    assert(!load->target[entry - load->file.entry]); /* a graph's weights have names of their own */
    load->target[entry - load->file.entry] = tensor;
    load->report.loaded++;
    load->report.resized += !same;
    note_dtype(&load->report, entry->dtype);
}

static int pair_tensors(struct load *load)
{
    struct vit_fit_report fit = {0};
    load->target = calloc((size_t)load->file.n_entry + 1, sizeof *load->target);
    if (!load->target)
        return vit_fail(VIT_ENOMEM, "%s: out of memory for %d tensors", load->file.name, load->file.n_entry);
    for (int i = 0; i < load->graph->n_tensor; i++)
        if (vit_is_weight(load->graph->tensor[i]))
            pair_tensor(load, load->graph->tensor[i], &fit);
    for (size_t i = 0; i < load->n_candidate; i++) {
        char shape[VIT_SAFETENSORS_SHAPE_TEXT];
        const struct vit_safetensors_entry *entry = load->candidate[i].entry;
        if (!load->candidate[i].used && !is_spared(load, load->candidate[i].name))
            vit_fit_note(&fit, VIT_FIT_UNEXPECTED, "%.120s %s", entry->name, vit_safetensors_shape_text(entry, shape));
    }
    return vit_fit_status(&fit, load->file.name, load->graph->name);
}

/* Reads bytes of the file once: for the digest and, unless out is NULL, as numbers of dtype. */
static int read_once(struct load *load, const struct vit_safetensors_entry *place, vit_real *out)
{
    int bits = vit_dtype_table[place->dtype].bits;
    for (size_t done = 0, n; done < place->bytes; done += n) {
        n = place->bytes - done < VIT_BYTE_PIECE ? place->bytes - done : VIT_BYTE_PIECE;
        const unsigned char *piece = vit_byte_source_piece(load->file.source, place->at + done, n);
        if (!piece)
            return VIT_EIO;
        if (load->digest)
            vit_digest_add(load->digest, piece, n);
        if (out)
            vit_dtype_decode(place->dtype, (int64_t)n * 8 / bits, piece, out + done * 8 / (size_t)bits);
    }
    return VIT_OK;
}

static int read_resized(struct load *load, const struct vit_safetensors_entry *entry, const struct vit_tensor *tensor)
{
    struct vit_grid_resize resize;
    int64_t prefix;
    bool possible = plan_resize(load->graph, tensor, entry, &resize, &prefix);
    assert(possible); /* pair_tensor has checked */
    (void)possible;
    vit_real *source = malloc((size_t)entry->numel * sizeof *source + 1);
    if (!source)
        return vit_fail(VIT_ENOMEM, "%s: tensor %s: out of memory to resize it", load->file.name, tensor->name);
    int status = read_once(load, entry, source);
    size_t kept = (size_t)(prefix * resize.inner);
    if (!status) {
        memcpy(tensor->data, source, kept * sizeof *source);
        status = vit_grid_resize(&resize, source + kept, tensor->data + kept);
    }
    free(source);
    return status;
}

/* In the order of the file, so that the digest is of the very bytes that were loaded: the header, then all tensors,
 * which cover the rest. */
static int fill_tensors(struct load *load)
{
    const struct vit_safetensors_entry header = {.dtype = VIT_DTYPE_U8,
                                                 .bytes = VIT_SAFETENSORS_LENGTH_BYTES + load->file.header_bytes};
    int status = load->digest ? read_once(load, &header, NULL) : VIT_OK;
    for (int i = 0; i < load->file.n_entry && !status; i++) {
        const struct vit_safetensors_entry *entry = &load->file.entry[i];
        const struct vit_tensor *tensor = load->target[i];
        assert(!tensor || tensor->data);
        if (tensor && !same_shape(tensor, entry))
            status = read_resized(load, entry, tensor);
        else if (tensor || load->digest)
            status = read_once(load, entry, tensor ? tensor->data : NULL);
    }
    return status;
}

static int load_weights(struct vit_graph *graph, const char *path, bool any_head, struct vit_weights_report *report)
{
    struct load load = {.graph = graph, .any_head = any_head};
    int status = vit_safetensors_open(&load.file, path);
    if (status)
        return status;
    status = map_names(&load);
    if (!status)
        status = pair_tensors(&load);
    if (!status && report && !(load.digest = vit_digest_open()))
        status = VIT_ENOMEM;
    if (!status)
        status = fill_tensors(&load);
    if (!status && report)
        *report = load.report;
    if (load.digest)
        vit_digest_close(load.digest, status ? NULL : report->sha256);
    free(load.target);
    free(load.candidate);
    vit_safetensors_close(&load.file);
    return status;
}

int vit_weights_load(struct vit_graph *graph, const char *path, struct vit_weights_report *report)
{
    return load_weights(graph, path, false, report);
}

int vit_weights_load_body(struct vit_graph *graph, const char *path, struct vit_weights_report *report)
{
    return load_weights(graph, path, true, report);
}
