/* SPDX-License-Identifier: MIT */
#include "model/data/selection.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/base/rng.h"
#include "model/base/status.h"

struct state {
    struct vit_dataset base;
    struct vit_dataset_def def; /* named like the base, for messages */
    int64_t *index;             /* (count) in the base, ascending */
};

struct wishes {
    double train, val; /* 0: not asked for */
    double seed, first;
};

const char *vit_selection_find(const char *spec)
{
    const char *at = strrchr(spec, '@'), *end = at ? at + 1 : NULL;
    while (end && islower((unsigned char)*end))
        end++;
    /* a path may have such a name */
    return at && end > at + 1 && *end == '=' && access(spec, F_OK) != 0 ? at + 1 : NULL;
}

static int parse_item(struct wishes *wishes, const char *item)
{
    const struct {
        const char *name;
        double *value, least, most;
        bool whole;
    } known[] = {{"train", &wishes->train, 1e-6, 1, false},
                 {"val", &wishes->val, 1e-6, 1, false},
                 {"seed", &wishes->seed, 0, 1e15, true},
                 {"first", &wishes->first, 1, 1e12, true}};
    const char *equal = strchr(item, '=');
    for (size_t i = 0; equal && i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) != (size_t)(equal - item) ||
            strncmp(item, known[i].name, (size_t)(equal - item)) != 0)
            continue;
        char *end;
        const double value = strtod(equal + 1, &end);
        if (end == equal + 1 || *end || !(value >= known[i].least && value <= known[i].most) ||
            (known[i].whole && value != floor(value)))
            return vit_fail(VIT_EINVAL, "dataset selection %s: takes a%s number from %.10g to %.10g", item,
                            known[i].whole ? " whole" : "", known[i].least, known[i].most);
        *known[i].value = value;
        return VIT_OK;
    }
    return vit_fail(VIT_EINVAL, "dataset selection %s: not known; there are train=SHARE, val=SHARE, seed=N, first=N",
                    item);
}

static int parse(struct wishes *wishes, const char *text)
{
    *wishes = (struct wishes){.seed = 1};
    char *copy = strdup(text), *rest = copy;
    int status = copy ? VIT_OK : vit_fail(VIT_ENOMEM, "dataset selection: out of memory");
    for (char *item; status == VIT_OK && (item = strsep(&rest, ","));)
        status = parse_item(wishes, item);
    free(copy);
    if (status == VIT_OK && wishes->train > 0 && wishes->val > 0)
        status = vit_fail(VIT_EINVAL, "dataset selection %s: one part has either train or val", text);
    return status;
}

/* Images in the order of classes, those without one first; group g is start[g] .. start[g+1]-1 of index.
 * start (classes + 2): zeros. */
static void sort_by_class(const struct vit_dataset *dataset, int64_t *index, int64_t *start)
{
    int64_t filled = 0;
    for (int64_t i = 0; i < dataset->count; i++)
        start[vit_dataset_label(dataset, i) + 1]++;
    for (int g = 0; g <= dataset->classes + 1; g++) { /* sizes become starts */
        const int64_t size = start[g];
        start[g] = filled;
        filled += size;
    }
    for (int64_t i = 0; i < dataset->count; i++)
        index[start[vit_dataset_label(dataset, i) + 1]++] = i;
    for (int g = dataset->classes + 1; g > 0; g--) /* each start has gone on to the next */
        start[g] = start[g - 1];
    start[0] = 0;
}

/* Leaves out what the split does not ask for. The extra bit of the rounding lets train=0.1 and val=0.9 be complements.
 */
static void split(const struct wishes *wishes, int64_t *index, const int64_t *start, int groups, bool *kept)
{
    for (int g = 0; g < groups; g++) {
        const int64_t n = start[g + 1] - start[g];
        const double share = wishes->train > 0 ? wishes->train : 1 - wishes->val;
        const int64_t first = (int64_t)floor((double)n * share + 0.5 + 1e-6);
        int64_t *order = index + start[g];
        struct vit_rng rng = vit_rng_at((uint64_t)wishes->seed, VIT_RNG_SPLIT, (uint64_t)g);
        vit_rng_shuffle(&rng, order, n);
        for (int64_t i = 0; i < n; i++)
            kept[order[i]] = (i < first) == (wishes->train > 0);
    }
}

/* Quotas of classes: as even as their sizes allow, and `wanted` in all; earlier classes get what is left over. */
static void share_out(int64_t wanted, const int64_t *size, int64_t *quota, int groups)
{
    int64_t found = 1;
    while (wanted > 0 && found > 0) {
        found = 0;
        for (int g = 0; g < groups && wanted > 0; g++)
            if (quota[g] < size[g]) {
                quota[g]++;
                wanted--;
                found++;
            }
    }
}

/* counts (2, groups) zeros: sizes and quotas. */
static void limit(const struct vit_dataset *dataset, int64_t wanted, int64_t *counts, bool *kept)
{
    const int groups = dataset->classes + 1;
    int64_t *size = counts, *quota = counts + groups;
    for (int64_t i = 0; i < dataset->count; i++)
        size[vit_dataset_label(dataset, i) + 1] += kept[i];
    share_out(wanted, size, quota, groups);
    for (int64_t i = 0; i < dataset->count; i++)
        kept[i] = kept[i] && quota[vit_dataset_label(dataset, i) + 1]-- > 0;
}

/* kept and index (count), counts (2 groups + 2) are memory; returns how many of index are filled. */
static int64_t choose(const struct vit_dataset *dataset, const struct wishes *wishes, bool *kept, int64_t *index,
                      int64_t *counts)
{
    const int groups = dataset->classes + 1;
    if (wishes->train > 0 || wishes->val > 0) {
        sort_by_class(dataset, index, counts);
        split(wishes, index, counts, groups, kept);
        memset(counts, 0, (2 * (size_t)groups + 2) * sizeof *counts);
    } else
        memset(kept, true, (size_t)dataset->count);
    if (wishes->first > 0)
        limit(dataset, (int64_t)wishes->first, counts, kept);
    int64_t count = 0;
    for (int64_t i = 0; i < dataset->count; i++)
        if (kept[i])
            index[count++] = i;
    return count;
}

static int read_image(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    const struct state *state = dataset->state;
    return vit_dataset_read(&state->base, state->index[index], image);
}

static int label_of(const struct vit_dataset *dataset, int64_t index)
{
    const struct state *state = dataset->state;
    return vit_dataset_label(&state->base, state->index[index]);
}

static const char *path_of(const struct vit_dataset *dataset, int64_t index)
{
    const struct state *state = dataset->state;
    return vit_dataset_path(&state->base, state->index[index]);
}

static void close_selection(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    vit_dataset_close(&state->base);
    free(state->index);
    free(state);
}

int vit_selection_open(struct vit_dataset *dataset, const char *text)
{
    struct wishes wishes;
    int status = parse(&wishes, text);
    if (status != VIT_OK)
        return status;
    struct state *state = calloc(1, sizeof *state);
    bool *kept = calloc((size_t)dataset->count, sizeof *kept);
    int64_t *counts = calloc(2 * (size_t)dataset->classes + 4, sizeof *counts);
    int64_t *index = malloc((size_t)dataset->count * sizeof *index), count = 0;
    if (!state || !kept || !counts || !index)
        status = vit_fail(VIT_ENOMEM, "dataset selection: out of memory");
    else if ((count = choose(dataset, &wishes, kept, index, counts)) == 0)
        status = vit_fail(VIT_EINVAL, "dataset selection %s: nothing is left of %lld images", text,
                          (long long)dataset->count);
    free(kept);
    free(counts);
    if (status != VIT_OK) {
        free(index);
        free(state);
        return status;
    }
    state->base = *dataset;
    state->index = index;
    state->def = (struct vit_dataset_def){
        .name = dataset->def->name, .read = read_image, .label = label_of, .path = path_of, .close = close_selection};
    dataset->def = &state->def;
    dataset->state = state;
    dataset->count = count;
    return VIT_OK;
}
