/* SPDX-License-Identifier: MIT */
/* Counts by hand, and equality of all counters with a plain model that is written here a second time. */
#include "probes/cache_model.h"
#include "tests/support/test.h"

#include <stdlib.h>

/* Addresses are only named, never read. */
static const uintptr_t base = UINT64_C(0x7f3500000000);

static struct vit_cache_model *open_model(const char *text)
{
    struct vit_cache_geometry g;
    struct vit_cache_model *model;
    assert_ok(vit_cache_geometry_parse(&g, text));
    assert_ok(vit_cache_model_open(&model, &g));
    return model;
}

static void touch_bytes(struct vit_cache_model *model, uintptr_t address, size_t bytes, bool write)
{
    vit_access_add(vit_cache_model_access(model), (const void *)address, bytes, write);
}

static void touch_lines(struct vit_cache_model *model, int first, int n, bool write)
{
    touch_bytes(model, base + (uintptr_t)first * VIT_LINE_BYTES, (size_t)n * VIT_LINE_BYTES, write);
}

static void touch_each(struct vit_cache_model *model, const int *line, int n, bool write)
{
    for (int i = 0; i < n; i++)
        touch_lines(model, line[i], 1, write);
}

/* Counters of a level since the last call; the caches stay as they are. */
#define assert_counts(model, index, reads, writes, backs)                                                           \
    do {                                                                                                            \
        struct vit_cache_counts count_[VIT_CACHE_LEVELS];                                                           \
        assert_ok(vit_cache_model_count(model, count_));                                                            \
        if (count_[index].read_misses != (reads) || count_[index].write_misses != (writes) ||                       \
            count_[index].write_backs != (backs))                                                                   \
            fail_msg("level %d: %lld read misses, %lld write misses, %lld write-backs; expected %d, %d, %d", index, \
                     (long long)count_[index].read_misses, (long long)count_[index].write_misses,                   \
                     (long long)count_[index].write_backs, reads, writes, backs);                                   \
    } while (0)

static void test_cache_model_array_is_fetched_once(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=1K,2 L2=4K,4 L3=16K,8");
    for (int i = 0; i < 6400; i += 100) /* spans that share lines */
        touch_bytes(model, base + (uintptr_t)i, 100, false);
    for (int level = 0; level < 3; level++)
        assert_counts(model, level, 100, 0, 0);
    vit_cache_model_close(model);
}

static void test_cache_model_spans_cover_the_lines_they_touch(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=64K,16");
    touch_bytes(model, base + 63, 1, false);
    assert_counts(model, 0, 1, 0, 0);
    touch_bytes(model, base + 63, 2, true); /* the line of before, and its neighbour */
    assert_counts(model, 0, 1, 1, 0);
    touch_bytes(model, base + 64, 64, false);
    assert_counts(model, 0, 1, 1, 0);
    struct vit_access *access = vit_cache_model_access(model);
    access->span[access->n++] = (struct vit_span){.address = base + 640, .bytes = 0};
    assert_counts(model, 0, 1, 1, 0);
    vit_cache_model_empty(model);
    assert_counts(model, 0, 1, 1, 2);
    vit_cache_model_close(model);
}

static void test_cache_model_keeps_an_array_of_its_size(void **state)
{
    (void)state;
    static const char *const text[] = {"L1=4K,4", "L1=4K,1", "L1=4K,full", "L1=4K,16"};
    for (int i = 0; i < 4; i++) {
        struct vit_cache_model *model = open_model(text[i]);
        touch_lines(model, 0, 64, false);
        assert_counts(model, 0, 64, 0, 0);
        vit_cache_model_zero(model);
        touch_lines(model, 0, 64, false);
        touch_lines(model, 0, 64, true);
        assert_counts(model, 0, 0, 0, 0);
        vit_cache_model_close(model);
    }
}

static void test_cache_model_one_line_too_many(void **state)
{
    (void)state;
    /* LRU on sweeps of 65 lines over 64: one set of all keeps none; of 16 sets, only that of 5 lines keeps none */
    static const struct {
        const char *text;
        int misses;
    } row[] = {{"L1=4K,full", 65}, {"L1=4K,4", 5}, {"L1=4K,16", 17}, {"L1=4K,1", 2}};
    for (int i = 0; i < 4; i++) {
        struct vit_cache_model *model = open_model(row[i].text);
        for (int sweep = 0; sweep < 3; sweep++) {
            vit_cache_model_zero(model);
            touch_lines(model, 0, 65, false);
            assert_counts(model, 0, sweep ? row[i].misses : 65, 0, 0);
        }
        vit_cache_model_close(model);
    }
}

static void test_cache_model_lines_of_one_set_conflict(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=1K,2"); /* 8 sets */
    for (int i = 0; i < 10; i++)
        touch_each(model, (const int[]){0, 8}, 2, false);
    assert_counts(model, 0, 2, 0, 0);
    for (int i = 0; i < 10; i++)
        touch_each(model, (const int[]){16, 24, 32}, 3, false);
    assert_counts(model, 0, 2 + 30, 0, 0);
    vit_cache_model_close(model);
}

static void test_cache_model_evicts_the_least_recently_used(void **state)
{
    (void)state;
    static const char *const text[] = {"L1=192,3", "L1=192,full"};
    for (int i = 0; i < 2; i++) {
        struct vit_cache_model *model = open_model(text[i]);
        touch_each(model, (const int[]){1, 2, 3, 1, 4}, 5, false); /* 2 goes */
        assert_counts(model, 0, 4, 0, 0);
        touch_each(model, (const int[]){1, 3, 4}, 3, false);
        assert_counts(model, 0, 4, 0, 0);
        touch_each(model, (const int[]){2, 3, 4}, 3, false); /* 2 for 1 */
        assert_counts(model, 0, 5, 0, 0);
        vit_cache_model_close(model);
    }
}

static void test_cache_model_sets_need_be_no_power_of_two(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=384,2"); /* 3 sets */
    /* line numbers of memory count: sets are those of base / 64 + line */
    for (int i = 0; i < 5; i++)
        touch_each(model, (const int[]){0, 1, 2, 3, 4, 5}, 6, false);
    assert_counts(model, 0, 6, 0, 0);
    for (int i = 0; i < 5; i++)
        touch_each(model, (const int[]){6, 9, 12}, 3, false);
    assert_counts(model, 0, 6 + 15, 0, 0);
    vit_cache_model_close(model);
}

static void test_cache_model_levels_are_asked_on_misses_only(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=128,full L2=256,full"); /* 2 and 4 lines */
    touch_each(model, (const int[]){0, 1, 2, 3}, 4, false);
    assert_counts(model, 0, 4, 0, 0);
    assert_counts(model, 1, 4, 0, 0);
    vit_cache_model_zero(model);
    touch_each(model, (const int[]){2, 3, 2, 3}, 4, false); /* hits: the second level learns nothing */
    assert_counts(model, 0, 0, 0, 0);
    touch_each(model, (const int[]){0, 4}, 2, true); /* 0 is there; 4 takes the place of 1, not of 2 */
    assert_counts(model, 0, 0, 2, 0);
    assert_counts(model, 1, 0, 1, 0);
    touch_each(model, (const int[]){2, 3}, 2, false); /* evict both dirty lines from the first level */
    assert_counts(model, 0, 2, 2, 2);
    assert_counts(model, 1, 0, 1, 0);
    vit_cache_model_close(model);
}

static void test_cache_model_writes_back_what_it_evicts(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=256,4 L2=1K,16");
    touch_lines(model, 0, 16, true); /* 4 stay in L1, 12 went to L2 */
    assert_counts(model, 0, 0, 16, 12);
    assert_counts(model, 1, 0, 16, 0);
    vit_cache_model_zero(model);
    touch_lines(model, 100, 16, false); /* push all of them out of both */
    assert_counts(model, 0, 16, 0, 4);
    assert_counts(model, 1, 16, 0, 16);
    vit_cache_model_zero(model);
    vit_cache_model_empty(model);
    assert_counts(model, 0, 0, 0, 0);
    assert_counts(model, 1, 0, 0, 0);
    vit_cache_model_close(model);
}

static void test_cache_model_emptying_writes_each_dirty_line_once(void **state)
{
    (void)state;
    static const char *const text[] = {"L1=128,2 L2=512,8 L3=2K,16", "L1=128,full L2=512,full L3=2K,full"};
    for (int i = 0; i < 2; i++) {
        struct vit_cache_model *model = open_model(text[i]);
        touch_lines(model, 0, 3, true); /* 0 went to L2 */
        touch_lines(model, 0, 1, true); /* dirty in L1 and in L2; 1 went to L2 */
        touch_lines(model, 7, 1, false);
        vit_cache_model_zero(model);
        vit_cache_model_empty(model);
        assert_counts(model, 0, 0, 0, 1); /* 7 pushed 2 out */
        assert_counts(model, 1, 0, 0, 3);
        assert_counts(model, 2, 0, 0, 3);
        vit_cache_model_zero(model);
        touch_lines(model, 0, 3, false); /* nothing is left */
        assert_counts(model, 2, 3, 0, 0);
        vit_cache_model_zero(model);
        vit_cache_model_empty(model);
        assert_counts(model, 2, 0, 0, 0);
        vit_cache_model_close(model);
    }
}

static void test_cache_model_dirty_line_passes_levels_without_it(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=1K,full L2=1K,1 L3=64K,16");
    touch_lines(model, 0, 1, true);
    touch_lines(model, 16, 1, false); /* takes the place of 0 in L2, not in L1 */
    touch_lines(model, 1, 15, false); /* 0 leaves L1 */
    assert_counts(model, 0, 16, 1, 1);
    assert_counts(model, 1, 16, 1, 1); /* passed by */
    assert_counts(model, 2, 16, 1, 0); /* marked here */
    vit_cache_model_zero(model);
    vit_cache_model_empty(model);
    assert_counts(model, 0, 0, 0, 0);
    assert_counts(model, 1, 0, 0, 0);
    assert_counts(model, 2, 0, 0, 1);
    vit_cache_model_close(model);
}

static void test_cache_model_tells_far_addresses_apart(void **state)
{
    (void)state;
    struct vit_cache_model *model = open_model("L1=64K,16 L2=96K,16");
    const uint64_t region = UINT64_C(1) << 32;
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < 63; i++)
            touch_bytes(model, i * (region * 3 + VIT_LINE_BYTES), 64, false);
        assert_counts(model, 0, 63, 0, 0);
        if (pass == 0)
            continue;
        touch_bytes(model, 62 * 3 * region - 64, 64, false); /* of a 64th region */
        struct vit_cache_counts count[VIT_CACHE_LEVELS];
        assert_fails(vit_cache_model_count(model, count), VIT_ENOTSUP, "more than 63 regions of 4 GiB");
    }
    vit_cache_model_close(model);
    model = open_model("L1=64K,16");
    touch_bytes(model, base + region - 128, 256, false); /* across a border */
    touch_bytes(model, base + region, 64, false);
    assert_counts(model, 0, 4, 0, 0);
    vit_cache_model_close(model);
}

/* --- the same model, plainly --- */

struct plain_line {
    uint64_t line, used;
    bool valid, dirty;
};

struct plain_level {
    uint64_t sets, ways;
    struct plain_line *lines; /* (sets, ways) */
    struct vit_cache_counts count;
};

struct plain {
    int n;
    struct plain_level level[VIT_CACHE_LEVELS];
    uint64_t clock;
};

static struct plain_line *plain_find(const struct plain_level *level, uint64_t line)
{
    for (uint64_t way = 0; way < level->ways; way++) {
        struct plain_line *l = &level->lines[line % level->sets * level->ways + way];
        if (l->valid && l->line == line)
            return l;
    }
    return NULL;
}

static struct plain_line *plain_oldest(const struct plain_level *level, uint64_t line)
{
    struct plain_line *set = &level->lines[line % level->sets * level->ways], *oldest = set;
    for (uint64_t way = 0; way < level->ways; way++) {
        if (!set[way].valid)
            return &set[way];
        if (set[way].used < oldest->used)
            oldest = &set[way];
    }
    return oldest;
}

static void plain_write_back(struct plain *p, int from, uint64_t line)
{
    p->level[from].count.write_backs++;
    if (from + 1 == p->n)
        return;
    struct plain_line *next = plain_find(&p->level[from + 1], line);
    if (next)
        next->dirty = true;
    else
        plain_write_back(p, from + 1, line);
}

static void plain_touch(struct plain *p, int i, uint64_t line, bool write)
{
    if (i >= p->n)
        return;
    struct plain_level *level = &p->level[i];
    struct plain_line *l = plain_find(level, line);
    bool miss = !l;
    if (miss) {
        (*(write ? &level->count.write_misses : &level->count.read_misses))++;
        l = plain_oldest(level, line);
        struct plain_line victim = *l;
        *l = (struct plain_line){.line = line, .valid = true};
        if (victim.valid && victim.dirty)
            plain_write_back(p, i, victim.line);
    }
    l->used = ++p->clock;
    l->dirty |= write && i == 0;
    if (miss)
        plain_touch(p, i + 1, line, write);
}

static void plain_empty(struct plain *p)
{
    for (int i = 0; i < p->n; i++)
        for (uint64_t at = 0; at < p->level[i].sets * p->level[i].ways; at++) {
            struct plain_line l = p->level[i].lines[at];
            p->level[i].lines[at].valid = false;
            if (l.valid && l.dirty)
                plain_write_back(p, i, l.line);
        }
}

static void plain_open(struct plain *p, const char *text)
{
    struct vit_cache_geometry g;
    assert_ok(vit_cache_geometry_parse(&g, text));
    *p = (struct plain){.n = g.n};
    for (int i = 0; i < g.n; i++) {
        p->level[i].sets = (uint64_t)vit_cache_level_sets(&g.level[i]);
        p->level[i].ways = (uint64_t)g.level[i].ways;
        p->level[i].lines = calloc(p->level[i].sets * p->level[i].ways, sizeof(struct plain_line));
        assert_non_null(p->level[i].lines);
    }
}

static uint32_t draw(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

/* Sweeps, strides and single lines in three regions that are 4 GiB apart or more, reads and writes. */
static void touch_both(struct vit_cache_model *model, struct plain *p, uint32_t *seed)
{
    static const uint64_t region[] = {0, UINT64_C(0x500000000), UINT64_C(0x2a00ffff00)};
    const uint64_t at = base + region[draw(seed, 3)] + draw(seed, 24) * 509;
    const uint32_t times = 1 + draw(seed, 24), stride = draw(seed, 3) ? draw(seed, 200) : 512;
    const bool write = draw(seed, 3) == 0;
    for (uint32_t i = 0; i < times; i++) {
        const uint64_t address = at + (uint64_t)i * stride, bytes = 1 + draw(seed, 150);
        touch_bytes(model, address, bytes, write);
        for (uint64_t line = address / 64; line <= (address + bytes - 1) / 64; line++)
            plain_touch(p, 0, line, write);
    }
}

static void test_cache_model_equals_the_plain_model(void **state)
{
    (void)state;
    static const char *const text[] = {
        "L1=1K,2",
        "L1=1K,full",
        "L1=1K,1 L2=4K,4",
        "L1=1K,16 L2=1K,1",
        "L1=1152,9 L2=4224,11",
        "L1=1K,8 L2=2K,8 L3=8K,16",
        "L1=1K,full L2=2K,full L3=8K,full",
        "L1=960,3 L2=2240,7 L3=8640,27",
        "L1=1K,1 L2=1K,1 L3=1K,1",
        "L1=64,1 L2=64,1 L3=192,1",
        "L2=1536,12 L3=5K,20",
        "L1=2K,4 L2=2K,full L3=6K,12",
    };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        uint32_t seed = 7 + (uint32_t)i;
        struct vit_cache_model *model = open_model(text[i]);
        struct plain p;
        plain_open(&p, text[i]);
        for (int round = 0; round < 300; round++) {
            touch_both(model, &p, &seed);
            if (draw(&seed, 40) == 0) {
                vit_cache_model_empty(model);
                plain_empty(&p);
            }
            if (draw(&seed, 100) == 0) {
                vit_cache_model_zero(model);
                for (int k = 0; k < p.n; k++)
                    p.level[k].count = (struct vit_cache_counts){0};
            }
            if (draw(&seed, 10) == 0 || round == 299)
                for (int k = 0; k < p.n; k++)
                    assert_counts(model, k, (int)p.level[k].count.read_misses, (int)p.level[k].count.write_misses,
                                  (int)p.level[k].count.write_backs);
        }
        for (int k = 0; k < p.n; k++)
            free(p.level[k].lines);
        vit_cache_model_close(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache_model_array_is_fetched_once),
        cmocka_unit_test(test_cache_model_spans_cover_the_lines_they_touch),
        cmocka_unit_test(test_cache_model_keeps_an_array_of_its_size),
        cmocka_unit_test(test_cache_model_one_line_too_many),
        cmocka_unit_test(test_cache_model_lines_of_one_set_conflict),
        cmocka_unit_test(test_cache_model_evicts_the_least_recently_used),
        cmocka_unit_test(test_cache_model_sets_need_be_no_power_of_two),
        cmocka_unit_test(test_cache_model_levels_are_asked_on_misses_only),
        cmocka_unit_test(test_cache_model_writes_back_what_it_evicts),
        cmocka_unit_test(test_cache_model_emptying_writes_each_dirty_line_once),
        cmocka_unit_test(test_cache_model_dirty_line_passes_levels_without_it),
        cmocka_unit_test(test_cache_model_tells_far_addresses_apart),
        cmocka_unit_test(test_cache_model_equals_the_plain_model),
    };
    return cmocka_run_group_tests_name("probes_cache_model", tests, NULL, NULL);
}
