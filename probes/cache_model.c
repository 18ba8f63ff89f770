/* SPDX-License-Identifier: MIT */
/* cache_model.c - a line is known by 32 bits: which of some regions of 4 GiB it is in (`window`), and its number there.
 * Sets of up to PACKED_WAYS ways hold these numbers side by side, compared all at once, and keep their order of age in
 * one word of nibbles; larger sets are rings (probes/cache_ring.h). */
#include "probes/cache_model.h"

#include "model/base/status.h"
#include "probes/cache_ring.h"

#include <stdlib.h>
#include <string.h>

enum {
    PACKED_WAYS = 16,
    WINDOW_BITS = 26, /* lines of a window: 4 GiB */
    WINDOWS = 63,     /* the 64th would hold VIT_NO_LINE */
};

typedef uint32_t vit_line_quad __attribute__((vector_size(16)));

union packed_lines {
    uint32_t way[PACKED_WAYS]; /* ways that the cache does not have are VIT_NO_LINE */
    vit_line_quad quad[PACKED_WAYS / 4];
};

struct packed_state {
    uint64_t order; /* nibble i: the way that is i-th youngest */
    uint32_t dirty; /* bit per way */
};

struct level {
    uint32_t sets, ways;
    uint32_t mask;              /* sets - 1 where that makes a modulo, else 0 */
    union packed_lines *packed; /* (sets), or NULL: */
    struct packed_state *state; /* (sets) */
    struct vit_cache_ring ring;
    struct vit_cache_counts count;
};

struct vit_cache_model {
    struct vit_access access; /* first: drain() gets its address */
    int n;
    struct level level[VIT_CACHE_LEVELS];
    uint64_t window[WINDOWS]; /* line number of memory >> WINDOW_BITS */
    uint32_t n_window;
    uint32_t last;   /* line touched last: the youngest of its set */
    bool last_dirty; /* surely, in the first level */
    bool too_far;
};

/* --- sets of few ways --- */

/* Bit of the way that holds line, 0: none does. */
static inline uint32_t match(const union packed_lines *set, uint32_t line)
{
    const vit_line_quad want = {line, line, line, line};
    const vit_line_quad a = (vit_line_quad)(set->quad[0] == want) & (vit_line_quad){1u << 0, 1u << 1, 1u << 2, 1u << 3};
    const vit_line_quad b = (vit_line_quad)(set->quad[1] == want) & (vit_line_quad){1u << 4, 1u << 5, 1u << 6, 1u << 7};
    const vit_line_quad c =
        (vit_line_quad)(set->quad[2] == want) & (vit_line_quad){1u << 8, 1u << 9, 1u << 10, 1u << 11};
    const vit_line_quad d =
        (vit_line_quad)(set->quad[3] == want) & (vit_line_quad){1u << 12, 1u << 13, 1u << 14, 1u << 15};
    const vit_line_quad found = (a | b) | (c | d);
    return found[0] | found[1] | found[2] | found[3];
}

static inline void make_youngest(struct packed_state *state, uint32_t way)
{
    const uint64_t ones = UINT64_C(0x1111111111111111);
    const uint64_t other = state->order ^ (ones * way);           /* the nibble of this way is 0 */
    const uint64_t zeros = (other - ones) & ~other & (ones << 3); /* its lowest bit marks the lowest nibble that is */
    const uint64_t younger = zeros ^ (zeros - 1);                 /* that nibble and those before it */
    state->order = (state->order & ~younger) | ((state->order << 4) & younger) | way;
}

static inline bool packed_touch(struct level *level, uint32_t set, uint32_t line, bool write)
{
    const uint32_t found = match(&level->packed[set], line);
    if (!found)
        return false;
    make_youngest(&level->state[set], (uint32_t)__builtin_ctz(found));
    level->state[set].dirty |= write ? found : 0;
    return true;
}

static uint32_t packed_replace(struct level *level, uint32_t set, uint32_t line, bool write)
{
    struct packed_state *state = &level->state[set];
    const uint32_t way = (uint32_t)(state->order >> (4 * (level->ways - 1))) & 15u;
    uint32_t *place = &level->packed[set].way[way];
    const uint32_t victim = state->dirty >> way & 1u ? *place : VIT_NO_LINE;
    *place = line;
    state->dirty = (state->dirty & ~(1u << way)) | ((uint32_t)write << way);
    make_youngest(state, way);
    return victim;
}

static bool packed_mark(struct level *level, uint32_t set, uint32_t line)
{
    const uint32_t found = match(&level->packed[set], line);
    level->state[set].dirty |= found;
    return found != 0;
}

/* --- levels --- */

static inline uint32_t set_of(const struct vit_cache_model *model, const struct level *level, uint32_t line)
{
    if (level->mask || level->sets == 1)
        return line & level->mask;
    const uint64_t first = model->window[line >> WINDOW_BITS] << WINDOW_BITS;
    return (uint32_t)((first | (line & ((1u << WINDOW_BITS) - 1))) % level->sets);
}

static inline bool touch(struct level *level, uint32_t set, uint32_t line, bool write)
{
    return level->packed ? packed_touch(level, set, line, write) : vit_cache_ring_touch(&level->ring, set, line, write);
}

/* A dirty line leaves level i. */
static void write_back(struct vit_cache_model *model, int i, uint32_t line)
{
    for (;; i++) {
        model->level[i].count.write_backs++;
        if (i + 1 == model->n)
            return;
        struct level *next = &model->level[i + 1];
        if (next->packed ? packed_mark(next, set_of(model, next, line), line) : vit_cache_ring_mark(&next->ring, line))
            return;
    }
}

/* The first level does not have the line: fetches it into all levels down to the first that has it. */
static void fetch(struct vit_cache_model *model, uint32_t line, bool write)
{
    for (int i = 0; i < model->n; i++) {
        struct level *level = &model->level[i];
        const uint32_t set = set_of(model, level, line);
        if (i > 0 && touch(level, set, line, false))
            return;
        level->count.read_misses += !write;
        level->count.write_misses += write;
        const bool dirty = write && i == 0;
        const uint32_t victim = level->packed ? packed_replace(level, set, line, dirty)
                                              : vit_cache_ring_replace(&level->ring, set, line, dirty);
        if (victim != VIT_NO_LINE)
            write_back(model, i, victim);
    }
}

/* --- streams --- */

/* Lines of memory first to last, all in one window. */
static void touch_lines(struct vit_cache_model *model, uint32_t first, uint32_t last, bool write)
{
    struct level *level = &model->level[0];
    const bool again = first == model->last && (!write || model->last_dirty);
    if (again && first == last)
        return;
    for (uint32_t line = first + again; line <= last; line++)
        if (!touch(level, set_of(model, level, line), line, write))
            fetch(model, line, write);
    model->last = last;
    model->last_dirty = write;
}

static uint32_t window_of(struct vit_cache_model *model, uint64_t number)
{
    for (uint32_t i = 0; i < model->n_window; i++)
        if (model->window[i] == number)
            return i;
    if (model->n_window == WINDOWS) {
        model->too_far = true;
        return 0;
    }
    model->window[model->n_window] = number;
    return model->n_window++;
}

static void drain(struct vit_access *access)
{
    struct vit_cache_model *model = (struct vit_cache_model *)(void *)access;
    const uint64_t low = (UINT64_C(1) << WINDOW_BITS) - 1;
    for (int i = 0; i < access->n; i++) {
        const struct vit_span *span = &access->span[i];
        if (span->bytes == 0)
            continue;
        uint64_t line = span->address / VIT_LINE_BYTES;
        const uint64_t last = ((uint64_t)span->address + span->bytes - 1) / VIT_LINE_BYTES;
        while (line <= last) {
            const uint64_t end = (line | low) < last ? line | low : last;
            const uint32_t window = window_of(model, line >> WINDOW_BITS) << WINDOW_BITS;
            touch_lines(model, window | (uint32_t)(line & low), window | (uint32_t)(end & low), span->write);
            line = end + 1;
        }
    }
}

/* --- opening, counters, emptying --- */

static int open_level(struct level *level, const struct vit_cache_level *geometry)
{
    const int64_t sets = vit_cache_level_sets(geometry);
    level->sets = (uint32_t)sets;
    level->ways = (uint32_t)geometry->ways;
    level->mask = (sets & (sets - 1)) == 0 ? (uint32_t)sets - 1 : 0;
    if (level->ways > PACKED_WAYS)
        return vit_cache_ring_open(&level->ring, level->sets, level->ways);
    level->packed = aligned_alloc(VIT_LINE_BYTES, (size_t)sets * sizeof *level->packed);
    level->state = calloc((size_t)sets, sizeof *level->state);
    if (!level->packed || !level->state)
        return vit_fail(VIT_ENOMEM, "out of memory: a cache of %u x %u lines", level->sets, level->ways);
    memset(level->packed, 0xff, (size_t)sets * sizeof *level->packed);
    for (int64_t i = 0; i < sets; i++)
        level->state[i].order = UINT64_C(0xfedcba9876543210);
    return VIT_OK;
}

int vit_cache_model_open(struct vit_cache_model **result, const struct vit_cache_geometry *geometry)
{
    struct vit_cache_model *model = calloc(1, sizeof *model);
    *result = NULL;
    if (!model)
        return vit_fail(VIT_ENOMEM, "out of memory: model of caches");
    model->access.drain = drain;
    model->last = VIT_NO_LINE;
    for (; model->n < geometry->n; model->n++) {
        int status = open_level(&model->level[model->n], &geometry->level[model->n]);
        if (status != VIT_OK) {
            model->n++;
            vit_cache_model_close(model);
            return status;
        }
    }
    *result = model;
    return VIT_OK;
}

void vit_cache_model_close(struct vit_cache_model *model)
{
    for (int i = 0; model && i < model->n; i++) {
        free(model->level[i].packed);
        free(model->level[i].state);
        vit_cache_ring_close(&model->level[i].ring);
    }
    free(model);
}

struct vit_access *vit_cache_model_access(struct vit_cache_model *model)
{
    return &model->access;
}

int vit_cache_model_count(struct vit_cache_model *model, struct vit_cache_counts count[VIT_CACHE_LEVELS])
{
    vit_access_drain(&model->access);
    for (int i = 0; i < VIT_CACHE_LEVELS; i++)
        count[i] = model->level[i].count;
    if (model->too_far)
        return vit_fail(VIT_ENOTSUP, "model of caches: memory lies in more than %d regions of 4 GiB", WINDOWS);
    return VIT_OK;
}

void vit_cache_model_zero(struct vit_cache_model *model)
{
    vit_access_drain(&model->access);
    for (int i = 0; i < model->n; i++)
        model->level[i].count = (struct vit_cache_counts){0};
}

static void empty_set(struct vit_cache_model *model, int i, uint32_t set)
{
    struct level *level = &model->level[i];
    uint32_t line;
    if (!level->packed) {
        while (vit_cache_ring_drop(&level->ring, set, &line))
            if (line != VIT_NO_LINE)
                write_back(model, i, line);
        return;
    }
    for (uint32_t dirty = level->state[set].dirty; dirty; dirty &= dirty - 1)
        write_back(model, i, level->packed[set].way[__builtin_ctz(dirty)]);
    memset(&level->packed[set], 0xff, sizeof level->packed[set]);
    level->state[set].dirty = 0;
}

void vit_cache_model_empty(struct vit_cache_model *model)
{
    vit_access_drain(&model->access);
    for (int i = 0; i < model->n; i++)
        for (uint32_t set = 0; set < model->level[i].sets; set++)
            empty_set(model, i, set);
    model->last = VIT_NO_LINE;
}
