/* SPDX-License-Identifier: MIT */
#include "analysis/head_similarity.h"

#include "analysis/head_compare.h"
#include "model/base/parallel.h"
#include "model/base/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum vit_role role; /* of its regions */
} objects[VIT_N_HEAD_OBJECTS] = {
#define X(id, text, region_role) {text, VIT_ROLE_##region_role},
    VIT_HEAD_OBJECT_LIST(X)
#undef X
};

static const char *const measure_names[VIT_N_HEAD_MEASURES] = {
#define X(id, text) text,
    VIT_HEAD_MEASURE_LIST(X)
#undef X
};

static const char *const reduction_names[VIT_N_HEAD_REDUCTIONS] = {
#define X(id, text) text,
    VIT_HEAD_REDUCTION_LIST(X)
#undef X
};

const char *vit_head_object_name(enum vit_head_object object)
{
    return objects[object].name;
}

const char *vit_head_measure_name(enum vit_head_measure measure)
{
    return measure_names[measure];
}

const char *vit_head_reduction_name(enum vit_head_reduction reduction)
{
    return reduction_names[reduction];
}

static const struct vit_region *find_region(const struct vit_graph *graph, const char *block, int object, int head)
{
    for (int i = 0; i < graph->n_region; i++) {
        const struct vit_region *r = &graph->region[i];
        if (r->site.role == objects[object].role && r->site.head == head && strcmp(r->block, block) == 0)
            return r;
    }
    return NULL;
}

/* The last two dims of a region, as it names them. */
static int64_t tokens_of(const struct vit_region *r)
{
    return r->tensor->dim[r->tensor->ndim - (r->channels_first ? 1 : 2)];
}

static int64_t width_of(const struct vit_region *r)
{
    return r->tensor->dim[r->tensor->ndim - (r->channels_first ? 2 : 1)];
}

static int64_t pairs_of(int heads)
{
    return (int64_t)heads * (heads + 1) / 2;
}

/* Place of the pair i <= j among those of a block. */
static int64_t pair_at(int heads, int i, int j)
{
    return (int64_t)i * heads - (int64_t)i * (i - 1) / 2 + (j - i);
}

/* A block is new with the first region of any object of its first head. */
static int find_blocks(struct vit_head_similarity *s, const struct vit_graph *graph)
{
    s->block = calloc((size_t)graph->n_region + 1, sizeof *s->block);
    if (!s->block)
        return vit_fail(VIT_ENOMEM, "out of memory: attention blocks");
    for (int i = 0; i < graph->n_region; i++) {
        const struct vit_region *r = &graph->region[i];
        bool known = false;
        for (int b = 0; b < s->n_block; b++)
            known = known || strcmp(s->block[b].name, r->block) == 0;
        if (known)
            continue;
        struct vit_head_block *block = &s->block[s->n_block++];
        snprintf(block->name, sizeof block->name, "%s", r->block);
        block->site = r->site;
        block->site.head = -1;
        block->site.role = VIT_ROLE_NONE;
        block->tokens = tokens_of(r);
        block->windows = r->tensor->dim[0] / graph->batch;
        while (find_region(graph, block->name, VIT_HEAD_MAP, block->heads))
            block->heads++;
        block->at = s->stride;
        s->stride += VIT_N_HEAD_OBJECTS * VIT_N_HEAD_MEASURES * pairs_of(block->heads);
    }
    return VIT_OK;
}

/* All five objects of all heads, of one shape. */
static int check_block(const struct vit_head_block *block, const struct vit_graph *graph)
{
    for (int object = 0; object < VIT_N_HEAD_OBJECTS; object++) {
        const struct vit_region *first = find_region(graph, block->name, object, 0);
        for (int head = 0; head < block->heads || head == 0; head++) {
            const struct vit_region *r = find_region(graph, block->name, object, head);
            if (!r || tokens_of(r) != block->tokens || width_of(r) != width_of(first))
                return vit_fail(VIT_ENOTSUP, "%s: this graph has no %s of head %d in %s, or of another shape",
                                graph->name, objects[object].name, head, block->name);
        }
    }
    return VIT_OK;
}

int vit_head_similarity_open(struct vit_head_similarity *similarity, const struct vit_graph *graph, int64_t images)
{
    *similarity = (struct vit_head_similarity){.capacity = images};
    int status = find_blocks(similarity, graph);
    if (status == VIT_OK && similarity->n_block == 0)
        status = vit_fail(VIT_ENOTSUP, "%s: this graph tells no attention heads", graph->name);
    for (int b = 0; b < similarity->n_block && status == VIT_OK; b++)
        status = check_block(&similarity->block[b], graph);
    if (status == VIT_OK) {
        similarity->sum = calloc((size_t)(images * similarity->stride), sizeof *similarity->sum);
        if (!similarity->sum)
            status = vit_fail(VIT_ENOMEM, "out of memory: heads of %lld images", (long long)images);
    }
    if (status != VIT_OK)
        vit_head_similarity_close(similarity);
    return status;
}

void vit_head_similarity_close(struct vit_head_similarity *similarity)
{
    free(similarity->block);
    free(similarity->sum);
    *similarity = (struct vit_head_similarity){0};
}

/* Copies one head in one window (of the whole batch) to (width, tokens). */
static void load(double *x, const struct vit_region *r, int64_t window)
{
    const int64_t tokens = tokens_of(r), width = width_of(r), area = tokens * width;
    const vit_real *from = r->tensor->data + window * (vit_numel(r->tensor) / r->tensor->dim[0]);
    if (r->axis >= 0)
        from += r->start * area;
    for (int64_t k = 0; k < width; k++)
        for (int64_t i = 0; i < tokens; i++)
            x[k * tokens + i] = (double)from[r->channels_first ? k * tokens + i : i * width + k];
}

/* What a worker needs for one window: the heads of a block, prepared. */
struct workspace {
    struct vit_head_sample *sample;   /* (most heads) */
    const struct vit_region **region; /* (most heads) */
    double *memory, *scratch;
};

struct addition {
    struct vit_head_similarity *similarity;
    const struct vit_graph *graph;
    struct workspace *workspace; /* (threads) */
};

static void compare_pairs(const struct workspace *w, int heads, double *sum)
{
    const int64_t pairs = pairs_of(heads);
    for (int i = 0; i < heads; i++)
        for (int j = i; j < heads; j++) {
            const struct vit_head_sample *a = &w->sample[i], *b = &w->sample[j];
            const int64_t at = pair_at(heads, i, j);
            sum[VIT_HEAD_COSINE_ROWS * pairs + at] += vit_head_cosine_rows(a, b, w->scratch);
            sum[VIT_HEAD_COSINE_WHOLE * pairs + at] += vit_head_cosine_whole(a, b);
            sum[VIT_HEAD_CKA * pairs + at] += vit_head_hsic(a, b);
        }
}

/* Doubles that one prepared head takes. */
static int64_t sample_size(int64_t tokens, int64_t width)
{
    return tokens * (width + tokens + 2);
}

static void place_samples(const struct workspace *w, int heads)
{
    double *memory = w->memory;
    for (int h = 0; h < heads; h++) {
        const int64_t tokens = tokens_of(w->region[h]), width = width_of(w->region[h]);
        struct vit_head_sample *s = &w->sample[h];
        *s = (struct vit_head_sample){.tokens = tokens, .width = width, .x = memory};
        s->norm = s->x + tokens * width;
        s->gram_row = s->norm + tokens;
        s->gram = s->gram_row + tokens;
        memory += sample_size(tokens, width);
    }
}

/* A piece is one object of one block of one image. */
static void add_piece(void *context, int64_t piece, int worker)
{
    const struct addition *addition = context;
    const struct vit_head_similarity *s = addition->similarity;
    const struct workspace *w = &addition->workspace[worker];
    const int64_t object = piece % VIT_N_HEAD_OBJECTS, image = piece / VIT_N_HEAD_OBJECTS / s->n_block;
    const struct vit_head_block *block = &s->block[piece / VIT_N_HEAD_OBJECTS % s->n_block];
    const int64_t n = VIT_N_HEAD_MEASURES * pairs_of(block->heads);
    double *sum = s->sum + (s->images + image) * s->stride + block->at + object * n;
    for (int h = 0; h < block->heads; h++)
        w->region[h] = find_region(addition->graph, block->name, (int)object, h);
    place_samples(w, block->heads);
    for (int64_t window = 0; window < block->windows; window++) {
        for (int h = 0; h < block->heads; h++) {
            load(w->sample[h].x, w->region[h], image * block->windows + window);
            vit_head_sample_prepare(&w->sample[h]);
        }
        compare_pairs(w, block->heads, sum);
    }
    for (int64_t i = 0; i < n; i++)
        sum[i] /= (double)block->windows;
}

static void close_workspaces(struct workspace *workspace, int threads)
{
    for (int i = 0; workspace && i < threads; i++) {
        free(workspace[i].sample);
        free(workspace[i].region);
        free(workspace[i].memory);
        free(workspace[i].scratch);
    }
    free(workspace);
}

/* Each as large as the largest block needs; NULL when memory is out. */
static struct workspace *open_workspaces(const struct vit_head_similarity *s, const struct vit_graph *graph,
                                         int threads)
{
    int64_t heads = 1, doubles = 1, tokens = 1;
    for (int i = 0; i < graph->n_region; i++) {
        const int64_t size = sample_size(tokens_of(&graph->region[i]), width_of(&graph->region[i]));
        for (int b = 0; b < s->n_block; b++) {
            if (strcmp(s->block[b].name, graph->region[i].block) != 0)
                continue;
            heads = s->block[b].heads > heads ? s->block[b].heads : heads;
            tokens = s->block[b].tokens > tokens ? s->block[b].tokens : tokens;
            doubles = s->block[b].heads * size > doubles ? s->block[b].heads * size : doubles;
        }
    }
    struct workspace *workspace = calloc((size_t)threads, sizeof *workspace);
    bool complete = workspace;
    for (int i = 0; i < threads && complete; i++) {
        workspace[i] = (struct workspace){.sample = calloc((size_t)heads, sizeof *workspace[i].sample),
                                          .region = calloc((size_t)heads, sizeof *workspace[i].region),
                                          .memory = calloc((size_t)doubles, sizeof(double)),
                                          .scratch = calloc((size_t)tokens, sizeof(double))};
        complete = workspace[i].sample && workspace[i].region && workspace[i].memory && workspace[i].scratch;
    }
    if (!complete) {
        close_workspaces(workspace, threads);
        return NULL;
    }
    return workspace;
}

int vit_head_similarity_add(struct vit_head_similarity *similarity, const struct vit_graph *graph, int count,
                            struct vit_parallel *pool)
{
    if (count < 1 || count > graph->batch || similarity->images + count > similarity->capacity)
        return vit_fail(VIT_EINVAL, "heads of %d images: of a batch of %d, %lld of %lld seen", count, graph->batch,
                        (long long)similarity->images, (long long)similarity->capacity);
    for (int b = 0; b < similarity->n_block; b++) {
        int status = check_block(&similarity->block[b], graph);
        if (status != VIT_OK)
            return status;
    }
    const int threads = pool ? vit_parallel_threads(pool) : 1;
    struct addition addition = {similarity, graph, open_workspaces(similarity, graph, threads)};
    if (!addition.workspace)
        return vit_fail(VIT_ENOMEM, "out of memory: comparing heads");
    vit_parallel_for(pool, (int64_t)count * similarity->n_block * VIT_N_HEAD_OBJECTS, add_piece, &addition);
    close_workspaces(addition.workspace, threads);
    similarity->images += count;
    return VIT_OK;
}

/* Means of pairs to a symmetric matrix; for CKA the ratio. */
static void fill_matrix(struct vit_head_question q, int heads, const double *pair, double *matrix)
{
    for (int i = 0; i < heads; i++)
        for (int j = i; j < heads; j++) {
            double value = pair[pair_at(heads, i, j)];
            if (q.measure == VIT_HEAD_CKA) {
                const double own = pair[pair_at(heads, i, i)] * pair[pair_at(heads, j, j)];
                value = own > 0 ? value / sqrt(own) : (double)NAN;
            }
            matrix[i * heads + j] = matrix[j * heads + i] = value;
        }
}

static const double *sums_of(const struct vit_head_similarity *s, struct vit_head_question q, int64_t image)
{
    const struct vit_head_block *block = &s->block[q.block];
    return s->sum + image * s->stride + block->at +
           ((int64_t)q.object * VIT_N_HEAD_MEASURES + q.measure) * pairs_of(block->heads);
}

/* Mean over images, image i taken count[i] times; pair: scratch of (pairs). */
static void make_matrix(const struct vit_head_similarity *s, struct vit_head_question q, const uint16_t *count,
                        double *pair, double *matrix)
{
    const int heads = s->block[q.block].heads;
    const int64_t pairs = pairs_of(heads);
    double total = 0;
    memset(pair, 0, (size_t)pairs * sizeof *pair);
    for (int64_t image = 0; image < s->images; image++) {
        const double times = count ? (double)count[image] : 1;
        const double *sum = sums_of(s, q, image);
        total += times;
        for (int64_t i = 0; i < pairs && times > 0; i++)
            pair[i] += times * sum[i];
    }
    for (int64_t i = 0; i < pairs; i++)
        pair[i] /= total;
    fill_matrix(q, heads, pair, matrix);
}

int vit_head_similarity_matrix(const struct vit_head_similarity *similarity, struct vit_head_question question,
                               double *matrix)
{
    double *pair = calloc((size_t)pairs_of(similarity->block[question.block].heads), sizeof *pair);
    if (!pair)
        return vit_fail(VIT_ENOMEM, "out of memory: pairs of heads");
    make_matrix(similarity, question, NULL, pair, matrix);
    free(pair);
    return VIT_OK;
}

double vit_head_similarity_largest(const double *matrix, int heads, int head)
{
    double largest = (double)NAN;
    for (int other = 0; other < heads; other++)
        if (other != head && !(matrix[head * heads + other] <= largest))
            largest = matrix[head * heads + other];
    return largest;
}

double vit_head_similarity_reduce(enum vit_head_reduction reduction, const double *matrix, int heads)
{
    double sum = 0, largest = (double)NAN;
    if (heads < 2)
        return (double)NAN;
    for (int i = 0; i < heads; i++) {
        const double own = vit_head_similarity_largest(matrix, heads, i);
        largest = own <= largest ? largest : own;
        if (reduction != VIT_HEAD_MEAN)
            sum += own;
        for (int j = 0; j < heads && reduction == VIT_HEAD_MEAN; j++)
            sum += i == j ? 0 : matrix[i * heads + j] / (heads - 1);
    }
    return reduction == VIT_HEAD_MAX_MAX || reduction == VIT_HEAD_IMAGE_MAX_MAX ? largest : sum / heads;
}

static bool is_of_images(int reduction)
{
    return reduction >= VIT_HEAD_IMAGE_MEAN_MAX;
}

/* Room for an answer while it is computed. */
struct answering {
    const struct vit_head_similarity *similarity;
    struct vit_head_question question;
    const struct vit_bootstrap *bootstrap;
    int heads;
    double *pair;   /* (pairs) */
    double *matrix; /* (resamples, heads, heads) */
    double *column; /* (resamples): sorted for an interval */
    double *image;  /* (images, VIT_N_HEAD_REDUCTIONS): reductions of each image's matrix */
};

/* Reductions of each image alone. */
static void reduce_images(const struct answering *a)
{
    for (int64_t image = 0; image < a->similarity->images; image++) {
        fill_matrix(a->question, a->heads, sums_of(a->similarity, a->question, image), a->matrix);
        for (int r = 0; r < VIT_N_HEAD_REDUCTIONS; r++)
            a->image[image * VIT_N_HEAD_REDUCTIONS + r] =
                vit_head_similarity_reduce((enum vit_head_reduction)r, a->matrix, a->heads);
    }
}

static double reduce(const struct answering *a, int reduction, const uint16_t *count, const double *matrix)
{
    double sum = 0, total = 0;
    if (!is_of_images(reduction))
        return vit_head_similarity_reduce((enum vit_head_reduction)reduction, matrix, a->heads);
    for (int64_t i = 0; i < a->similarity->images; i++) {
        const double times = count ? (double)count[i] : 1;
        sum += times > 0 ? times * a->image[i * VIT_N_HEAD_REDUCTIONS + reduction] : 0;
        total += times;
    }
    return sum / total;
}

static void resample(const struct answering *a, struct vit_head_answer *answer)
{
    const int n = a->bootstrap->resamples, area = a->heads * a->heads;
    for (int i = 0; i < n; i++) {
        const uint16_t *count = vit_bootstrap_counts(a->bootstrap, i);
        double *matrix = a->matrix + (int64_t)i * area;
        make_matrix(a->similarity, a->question, count, a->pair, matrix);
        for (int r = 0; r < VIT_N_HEAD_REDUCTIONS; r++)
            answer->replicate[r * n + i] = reduce(a, r, count, matrix);
    }
    for (int cell = 0; cell < area; cell++) {
        for (int i = 0; i < n; i++)
            a->column[i] = a->matrix[(int64_t)i * area + cell];
        answer->bounds[cell] = vit_bootstrap_interval(a->column, n);
    }
}

int vit_head_similarity_answer(const struct vit_head_similarity *similarity, struct vit_head_question question,
                               const struct vit_bootstrap *bootstrap, struct vit_head_answer *answer)
{
    const int heads = similarity->block[question.block].heads;
    const size_t area = (size_t)(heads * heads), n = (size_t)bootstrap->resamples;
    struct answering a = {.similarity = similarity, .question = question, .bootstrap = bootstrap, .heads = heads};
    a.pair = calloc((size_t)pairs_of(heads), sizeof *a.pair);
    a.matrix = calloc(n * area, sizeof *a.matrix);
    a.column = calloc(n, sizeof *a.column);
    a.image = calloc((size_t)similarity->images * VIT_N_HEAD_REDUCTIONS, sizeof *a.image);
    *answer = (struct vit_head_answer){.matrix = calloc(area, sizeof *answer->matrix),
                                       .bounds = calloc(area, sizeof *answer->bounds),
                                       .replicate = calloc(n * VIT_N_HEAD_REDUCTIONS, sizeof *answer->replicate)};
    int status = a.pair && a.matrix && a.column && a.image && answer->matrix && answer->bounds && answer->replicate
                     ? VIT_OK
                     : vit_fail(VIT_ENOMEM, "out of memory: similarity of %d heads", heads);
    if (status == VIT_OK) {
        reduce_images(&a);
        resample(&a, answer);
        make_matrix(similarity, question, NULL, a.pair, answer->matrix);
        for (int r = 0; r < VIT_N_HEAD_REDUCTIONS; r++)
            answer->value[r] = reduce(&a, r, NULL, answer->matrix);
    } else {
        vit_head_answer_close(answer);
    }
    free(a.pair);
    free(a.matrix);
    free(a.column);
    free(a.image);
    return status;
}

void vit_head_answer_close(struct vit_head_answer *answer)
{
    free(answer->matrix);
    free(answer->bounds);
    free(answer->replicate);
    *answer = (struct vit_head_answer){0};
}
