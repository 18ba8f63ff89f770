/* SPDX-License-Identifier: MIT */
/* loader.c - a ring of batches. Workers take the rows of the next batch in pairs, a row and its mixing partner, under
 * one lock; what is made of a pair depends on numbers fixed before, so that it does not matter who takes it. A batch is
 * handed out when all its pairs are done, and given back with the next call. */
#include "model/data/loader.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/base/clock.h"
#include "model/base/status.h"
#include "model/data/sample.h"

enum { MOST_WORKERS = 256, KEPT_MESSAGES = 8, MESSAGE = 1024 };

/* One batch of the ring. Rows are written by those who took them, everything else under the lock. */
struct slot {
    int64_t epoch, step;
    int count, pairs_left;
    struct vit_mixing mixing;
    struct vit_sample *rows; /* (batch) */
    vit_real *images, *targets;
    int *labels;
    int64_t *indices;
    int status, failed_row; /* the lowest row that failed */
    char message[MESSAGE];
};

struct vit_loader {
    struct vit_loader_options options;
    struct vit_augment augment;
    struct vit_mix mix;
    struct vit_sample_source source;
    int64_t *subset, *order;
    int64_t ordered_epoch; /* whose order that is; -1: none */
    int64_t steps;
    int slots, pairs;
    struct slot *slot;

    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    int64_t made,
        oldest;    /* numbers epoch * steps + step: of the batch that is given out to workers, of the first kept */
    int next_pair; /* of batch `made` */
    int busy;      /* workers that are making a pair */
    bool held, paused, stop;
    int64_t broken;
    int kept;
    char messages[KEPT_MESSAGES][MESSAGE];
    pthread_t *workers;
    int started;
};

static int64_t step_images(const struct vit_loader *loader)
{
    return (int64_t)loader->options.batch * loader->options.ranks;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Position in the step of a row of this rank: a part of the first half, then its mirror image, both ascending. */
static int64_t position_of(const struct vit_loader *loader, int row)
{
    const struct vit_loader_options *o = &loader->options;
    int64_t half = o->batch / 2;
    return row < half ? o->rank * half + row : step_images(loader) - o->batch - o->rank * half + row;
}

static void order_epoch(struct vit_loader *loader, int64_t epoch)
{
    memcpy(loader->order, loader->subset, (size_t)loader->source.count * sizeof *loader->order);
    if (loader->options.shuffle) {
        struct vit_rng rng = vit_rng_at(loader->options.seed, VIT_RNG_ORDER, (uint64_t)epoch);
        vit_rng_shuffle(&rng, loader->order, loader->source.count);
    }
    loader->ordered_epoch = epoch;
}

/* Everything that decides what the batch will hold. */
static void start_batch(struct vit_loader *loader, struct slot *slot)
{
    const struct vit_loader_options *o = &loader->options;
    slot->epoch = loader->made / loader->steps;
    slot->step = loader->made % loader->steps;
    if (loader->ordered_epoch != slot->epoch)
        order_epoch(loader, slot->epoch);
    struct vit_rng rng = vit_rng_at(o->seed, VIT_RNG_MIX, (uint64_t)loader->made);
    slot->mixing = vit_mixing_draw(o->mix, o->preprocess.size, &rng);
    slot->pairs_left = loader->pairs;
    slot->status = VIT_OK;
    slot->count = 0;
    for (int row = 0; row < o->batch; row++) {
        int64_t position = slot->step * step_images(loader) + position_of(loader, row);
        if (position >= loader->source.count)
            break;
        slot->rows[slot->count++] = (struct vit_sample){
            .key = (uint64_t)(slot->epoch * loader->source.count + position),
            .index = loader->order[position / o->repeats],
        };
    }
}

static void fill_target(struct vit_loader *loader, struct slot *slot, int row, int partner)
{
    const struct vit_dataset *dataset = loader->source.dataset;
    vit_real *target = slot->targets + (size_t)row * (size_t)loader->options.classes;
    slot->labels[row] = -1;
    slot->indices[row] = -1;
    memset(target, 0, (size_t)loader->options.classes * sizeof *target);
    if (row >= slot->count || slot->rows[row].index < 0)
        return;
    slot->indices[row] = slot->rows[row].index;
    slot->labels[row] = vit_dataset_label(dataset, slot->rows[row].index);
    struct vit_target of = {.classes = loader->options.classes,
                            .label = slot->labels[row],
                            .partner = slot->labels[row],
                            .smoothing = loader->options.mix ? loader->options.mix->smoothing : 0};
    if (partner < slot->count && slot->rows[partner].index >= 0)
        of.partner = vit_dataset_label(dataset, slot->rows[partner].index);
    vit_mixing_target(&slot->mixing, &of, target);
}

/* Rows `pair` and batch-1-pair, without the lock. The first that fails leaves its row number and its message. */
static int make_pair(struct vit_loader *loader, struct slot *slot, int pair, int *failed)
{
    const int size = loader->options.preprocess.size, row[2] = {pair, loader->options.batch - 1 - pair};
    const size_t values = 3 * (size_t)size * (size_t)size;
    for (int i = 0; i < 1 + (row[0] != row[1]); i++) {
        vit_real *image = slot->images + (size_t)row[i] * values;
        *failed = row[i];
        if (row[i] >= slot->count)
            memset(image, 0, values * sizeof *image);
        else {
            int status = vit_sample_make(&loader->source, &slot->rows[row[i]], image);
            if (status != VIT_OK)
                return status;
        }
    }
    if (row[0] != row[1])
        vit_mixing_images(&slot->mixing, size, slot->images + (size_t)row[0] * values,
                          slot->images + (size_t)row[1] * values);
    fill_target(loader, slot, row[0], row[1]);
    fill_target(loader, slot, row[1], row[0]);
    return VIT_OK;
}

static bool may_work(const struct vit_loader *loader)
{
    return !loader->paused && loader->made < loader->oldest + loader->slots;
}

/* With the lock held; lets go of it while it makes the pair. */
static void take_pair(struct vit_loader *loader)
{
    struct slot *slot = &loader->slot[loader->made % loader->slots];
    if (loader->next_pair == 0)
        start_batch(loader, slot);
    int pair = loader->next_pair++, failed = 0;
    if (loader->next_pair == loader->pairs) {
        loader->next_pair = 0;
        loader->made++;
    }
    loader->busy++;
    pthread_mutex_unlock(&loader->mutex);
    int status = make_pair(loader, slot, pair, &failed);
    pthread_mutex_lock(&loader->mutex);
    loader->busy--;
    if (status != VIT_OK && (slot->status == VIT_OK || failed < slot->failed_row)) {
        slot->status = status;
        slot->failed_row = failed;
        snprintf(slot->message, sizeof slot->message, "%s", vit_error());
    }
    if (--slot->pairs_left == 0 || loader->paused)
        pthread_cond_broadcast(&loader->done);
}

static void *work(void *argument)
{
    struct vit_loader *loader = argument;
    sigset_t all;
    sigfillset(&all); /* signals are for the program's own thread */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stop)
        if (may_work(loader))
            take_pair(loader);
        else
            pthread_cond_wait(&loader->work, &loader->mutex);
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

static int check_options(const struct vit_loader_options *o)
{
    if (o->batch < 1 || o->classes < 1 || o->ahead < 1 || o->repeats < 1)
        return vit_fail(VIT_EINVAL, "loader: batch %d, classes %d, batches ahead %d, repeats %d: must be at least 1",
                        o->batch, o->classes, o->ahead, o->repeats);
    if (o->workers < 1 || o->workers > MOST_WORKERS)
        return vit_fail(VIT_EINVAL, "loader: %d workers; expected 1 to %d", o->workers, MOST_WORKERS);
    if (o->rank < 0 || o->rank >= o->ranks)
        return vit_fail(VIT_EINVAL, "loader: rank %d of %d", o->rank, o->ranks);
    if (o->ranks > 1 && o->batch % 2)
        return vit_fail(VIT_EINVAL, "batch %d: must be even where several ranks share a step, so that each has pairs",
                        o->batch);
    if (vit_mix_pairs(o->mix) && !o->drop_last)
        return vit_fail(VIT_EINVAL, "loader: mixing needs whole batches: leave out the last one of an epoch");
    int status = o->mix ? vit_mix_check(o->mix) : VIT_OK;
    return status != VIT_OK ? status : vit_preprocess_check(&o->preprocess);
}

/* The subset, and whether its labels are those of the model. */
static int copy_subset(struct vit_loader *loader, const struct vit_dataset *dataset)
{
    const struct vit_loader_options *o = &loader->options;
    const int64_t count = o->subset ? o->subset_count : dataset->count;
    if (count < 1)
        return vit_fail(VIT_EINVAL, "dataset %s: no images in the part that is asked for", dataset->def->name);
    loader->subset = malloc((size_t)count * sizeof *loader->subset);
    loader->order = malloc((size_t)count * sizeof *loader->order);
    if (!loader->subset || !loader->order)
        return vit_fail(VIT_ENOMEM, "loader: out of memory for the order of %lld images", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        int64_t index = loader->subset[i] = o->subset ? o->subset[i] : i;
        if (index < 0 || index >= dataset->count)
            return vit_fail(VIT_EINVAL, "dataset %s: image %lld; there are images 0 to %lld", dataset->def->name,
                            (long long)index, (long long)dataset->count - 1);
        int label = vit_dataset_label(dataset, index);
        if (label < 0)
            return vit_fail(VIT_EINVAL, "%s: image %lld has no label; put the images of each class in a subfolder",
                            vit_dataset_path(dataset, index), (long long)index);
        if (label >= o->classes)
            return vit_fail(VIT_EINVAL, "%s: label %d of image %lld; the model has %d classes, 0 to %d",
                            vit_dataset_path(dataset, index), label, (long long)index, o->classes, o->classes - 1);
    }
    loader->source.count = count;
    return VIT_OK;
}

static int count_steps(struct vit_loader *loader)
{
    const int64_t whole = step_images(loader), count = loader->source.count;
    loader->steps = loader->options.drop_last ? count / whole : (count + whole - 1) / whole;
    if (loader->steps < 1)
        return vit_fail(VIT_EINVAL, "dataset %s: %lld images are less than one step of %lld; take a smaller batch",
                        loader->source.dataset->def->name, (long long)count, (long long)whole);
    return VIT_OK;
}

static int open_slots(struct vit_loader *loader)
{
    const struct vit_loader_options *o = &loader->options;
    const size_t batch = (size_t)o->batch, size = (size_t)o->preprocess.size;
    loader->slots = o->ahead + 1;
    loader->pairs = (o->batch + 1) / 2;
    loader->slot = calloc((size_t)loader->slots, sizeof *loader->slot);
    for (int i = 0; loader->slot && i < loader->slots; i++) {
        struct slot *slot = &loader->slot[i];
        slot->rows = calloc(batch, sizeof *slot->rows);
        slot->images = calloc(batch, 3 * size * size * sizeof *slot->images);
        slot->targets = calloc(batch, (size_t)o->classes * sizeof *slot->targets);
        slot->labels = calloc(batch, sizeof *slot->labels);
        slot->indices = calloc(batch, sizeof *slot->indices);
        if (!slot->rows || !slot->images || !slot->targets || !slot->labels || !slot->indices)
            return vit_fail(VIT_ENOMEM, "loader: out of memory for %d batches of %d images", loader->slots, o->batch);
    }
    return loader->slot ? VIT_OK : vit_fail(VIT_ENOMEM, "loader: out of memory");
}

static int start_workers(struct vit_loader *loader)
{
    loader->workers = calloc((size_t)loader->options.workers, sizeof *loader->workers);
    if (!loader->workers)
        return vit_fail(VIT_ENOMEM, "loader: out of memory");
    for (; loader->started < loader->options.workers; loader->started++) {
        int error = pthread_create(&loader->workers[loader->started], NULL, work, loader);
        if (error)
            return vit_fail(VIT_ENOMEM, "loader: worker %d: %s", loader->started, strerror(error));
    }
    return VIT_OK;
}

static int open_loader(struct vit_loader *loader, const struct vit_dataset *dataset)
{
    struct vit_loader_options *o = &loader->options;
    int status = check_options(o);
    if (status != VIT_OK)
        return status;
    loader->source = (struct vit_sample_source){.dataset = dataset,
                                                .preprocess = &o->preprocess,
                                                .augment = o->augment,
                                                .seed = o->seed,
                                                .replace = o->shuffle,
                                                .strict = o->strict};
    loader->ordered_epoch = -1;
    status = copy_subset(loader, dataset);
    loader->source.subset = loader->subset;
    if (status == VIT_OK)
        status = count_steps(loader);
    if (status == VIT_OK)
        status = open_slots(loader);
    return status != VIT_OK ? status : start_workers(loader);
}

int vit_loader_open(struct vit_loader **result, const struct vit_dataset *dataset,
                    const struct vit_loader_options *options)
{
    *result = NULL;
    struct vit_loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return vit_fail(VIT_ENOMEM, "loader: out of memory");
    struct vit_loader_options *o = &loader->options;
    *o = *options;
    o->ranks = o->ranks ? o->ranks : 1;
    o->repeats = o->repeats ? o->repeats : 1;
    if (options->augment) {
        loader->augment = *options->augment;
        o->augment = &loader->augment;
    }
    if (options->mix) {
        loader->mix = *options->mix;
        o->mix = &loader->mix;
    }
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->done, NULL);
    int status = open_loader(loader, dataset);
    if (status != VIT_OK)
        vit_loader_close(loader);
    else
        *result = loader;
    return status;
}

void vit_loader_close(struct vit_loader *loader)
{
    if (!loader)
        return;
    pthread_mutex_lock(&loader->mutex);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->started; i++)
        pthread_join(loader->workers[i], NULL);
    for (int i = 0; loader->slot && i < loader->slots; i++) {
        free(loader->slot[i].rows);
        free(loader->slot[i].images);
        free(loader->slot[i].targets);
        free(loader->slot[i].labels);
        free(loader->slot[i].indices);
    }
    pthread_mutex_destroy(&loader->mutex);
    pthread_cond_destroy(&loader->work);
    pthread_cond_destroy(&loader->done);
    free(loader->slot);
    free(loader->workers);
    free(loader->subset);
    free(loader->order);
    free(loader);
}

int64_t vit_loader_steps(const struct vit_loader *loader)
{
    return loader->steps;
}

int64_t vit_loader_images(const struct vit_loader *loader)
{
    return least(loader->source.count, loader->steps * step_images(loader));
}

size_t vit_loader_bytes(const struct vit_loader *loader)
{
    const struct vit_loader_options *o = &loader->options;
    const size_t image = 3 * (size_t)o->preprocess.size * (size_t)o->preprocess.size;
    return (size_t)loader->slots * (size_t)o->batch * (image + (size_t)o->classes) * sizeof(vit_real);
}

int vit_loader_seek(struct vit_loader *loader, int64_t epoch, int64_t step)
{
    if (epoch < 0 || step < 0 || step >= loader->steps)
        return vit_fail(VIT_EINVAL, "loader: epoch %lld, step %lld; an epoch has steps 0 to %lld", (long long)epoch,
                        (long long)step, (long long)loader->steps - 1);
    const int64_t wanted = epoch * loader->steps + step;
    pthread_mutex_lock(&loader->mutex);
    if (wanted != loader->oldest + loader->held) {
        loader->paused = true;
        while (loader->busy > 0)
            pthread_cond_wait(&loader->done, &loader->mutex);
        loader->made = loader->oldest = wanted;
        loader->next_pair = 0;
        loader->held = loader->paused = false;
        pthread_cond_broadcast(&loader->work);
    }
    pthread_mutex_unlock(&loader->mutex);
    return VIT_OK;
}

/* Counts and keeps messages in the order of rows. */
static void note_broken(struct vit_loader *loader, const struct slot *slot)
{
    for (int row = 0; row < slot->count; row++) {
        if (!slot->rows[row].broken)
            continue;
        loader->broken++;
        bool known = loader->kept == KEPT_MESSAGES;
        for (int i = 0; i < loader->kept && !known; i++)
            known = strcmp(loader->messages[i], slot->rows[row].message) == 0;
        if (!known)
            snprintf(loader->messages[loader->kept++], MESSAGE, "%s", slot->rows[row].message);
    }
}

int vit_loader_next(struct vit_loader *loader, struct vit_loader_batch *batch)
{
    const int64_t start = vit_clock_ns();
    pthread_mutex_lock(&loader->mutex);
    if (loader->held) {
        loader->oldest++;
        loader->held = false;
        pthread_cond_broadcast(&loader->work);
    }
    struct slot *slot = &loader->slot[loader->oldest % loader->slots];
    while (loader->made <= loader->oldest || slot->pairs_left > 0)
        pthread_cond_wait(&loader->done, &loader->mutex);
    int status = slot->status;
    loader->held = status == VIT_OK;
    pthread_mutex_unlock(&loader->mutex);
    if (status != VIT_OK)
        return vit_fail(status, "%s", slot->message);
    note_broken(loader, slot);
    *batch = (struct vit_loader_batch){
        .count = slot->count,
        .images = slot->images,
        .targets = slot->targets,
        .labels = slot->labels,
        .indices = slot->indices,
        .epoch = slot->epoch,
        .step = slot->step,
        .broken = loader->broken,
        .waited_s = (double)(vit_clock_ns() - start) * 1e-9,
    };
    return VIT_OK;
}

const char *vit_loader_broken(const struct vit_loader *loader, int n)
{
    return n >= 0 && n < loader->kept ? loader->messages[n] : NULL;
}
