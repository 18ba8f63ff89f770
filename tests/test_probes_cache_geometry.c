/* SPDX-License-Identifier: MIT */
#include "probes/cache_geometry.h"
#include "probes/machine.h"
#include "tests/support/test.h"

static void test_cache_geometry_reads_levels(void **state)
{
    (void)state;
    struct vit_cache_geometry g;
    assert_ok(vit_cache_geometry_parse(&g, "L1=32K,8 L2=512K,8 L3=32M,16"));
    static const struct vit_cache_level want[] = {{1, 32 << 10, 8}, {2, 512 << 10, 8}, {3, 32 << 20, 16}};
    assert_int_equal(g.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(g.level[i].number, want[i].number);
        assert_int_equal(g.level[i].bytes, want[i].bytes);
        assert_int_equal(g.level[i].ways, want[i].ways);
    }
    assert_int_equal(vit_cache_level_sets(&g.level[0]), 64);
    assert_int_equal(vit_cache_level_sets(&g.level[2]), 32768);
}

static void test_cache_geometry_text_is_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } row[] = {
        {"L1=48K,12 L2=1M,16 L3=32M,16", "L1=48K,12 L2=1M,16 L3=32M,16"},
        {" /L1=49152,12;;L3=2048k,16 ", "L1=48K,12 L3=2M,16"},
        {"L1=32K,8/L2=1m,full", "L1=32K,8 L2=1M,full"},
        {"L2=64,1", "L2=64,full"}, /* one way of one line */
        {"L1=64,full;L2=192,1\tL9=4G,16", "L1=64,full L2=192,1 L9=4G,16"},
        {"L1=36K,8 L2=1280K,10 L3=30M,12", "L1=36K,8 L2=1280K,10 L3=30M,12"}, /* sets are no powers of two */
        {"L1=4294967232,67108863 L2=4294967232,67108863 L3=4294967232,22369621",
         "L1=4294967232,full L2=4294967232,full L3=4294967232,22369621"},
        {"L1=0000000000000000000000064,1", "L1=64,full"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vit_cache_geometry g, again;
        char text[VIT_CACHE_TEXT], second[VIT_CACHE_TEXT];
        assert_ok(vit_cache_geometry_parse(&g, row[i].in));
        assert_string_equal(vit_cache_geometry_text(&g, text), row[i].out);
        assert_ok(vit_cache_geometry_parse(&again, text));
        assert_string_equal(vit_cache_geometry_text(&again, second), text);
    }
}

static void test_cache_geometry_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } row[] = {
        {"", "caches: no level is named; write them like L1=32K,8 L2=512K,8 L3=32M,16"},
        {" ;/ ", "caches: no level is named"},
        {"32K,8", "caches: \"32K,8\": a level is written like L1=32K,8"},
        {"L1=", "a level is written like L1=32K,8"},
        {"L0=32K,8", "a level is written like L1=32K,8"},
        {"L1=-32K,8", "a level is written like L1=32K,8"},
        {"L12=32K,8", "a level is written like L1=32K,8"},
        {"l1=32K,8", "a level is written like L1=32K,8"},
        {"L1=32K", "caches: \"L1=32K\": its ways are missing"},
        {"L1=32KB,8", "caches: \"L1=32KB,8\": after the size"},
        {"L1=32T,8", "after the size"},
        {"L1=32K,", "its ways are a number or \"full\""},
        {"L1=32K,8x", "its ways are a number or \"full\""},
        {"L1=32K,fully", "its ways are a number or \"full\""},
        {"L1=32K,8,64", "its ways are a number or \"full\""},
        {"L1=32K,0", "caches: \"L1=32K,0\": its ways are at least 1 and at most its 512 lines of 64 bytes"},
        {"L1=32K,513", "at most its 512 lines"},
        {"L1=32K,99999999999999999999999", "at most its 512 lines"},
        {"L1=0,8", "smaller than one line of 64 bytes"},
        {"L1=63,full", "smaller than one line of 64 bytes"},
        {"L1=8G,8", "larger than 4G"},
        {"L1=99999999999999999999999,8", "larger than 4G"},
        {"L1=18446744073709551616K,8", "larger than 4G"}, /* 2^64 K */
        {"L1=33K,7", "caches: \"L1=33K,7\": no multiple of 7 ways x 64 bytes; 33600 and 34048 are"},
        {"L1=100K,48", "no multiple of 48 ways x 64 bytes; 99K and 102K are"},
        {"L2=1M,8 L1=32K,8", "caches: \"L1=32K,8\": comes after L2; levels are named in ascending order"},
        {"L1=32K,8 L1=32K,8", "comes after L1"},
        {"L1=32K,8 L2=16K,8", "caches: \"L2=16K,8\": smaller than L1 before it; 32K or more would be right"},
        {"L1=1K,1 L2=2K,1 L3=4K,1 L4=8K,1", "caches: \"L4=8K,1\": at most 3 levels are modelled"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vit_cache_geometry g;
        assert_fails(vit_cache_geometry_parse(&g, row[i].text), VIT_EINVAL, row[i].message);
    }
}

static void test_cache_geometry_of_a_machine_leaves_instructions_out(void **state)
{
    (void)state;
    struct vit_machine machine = {.n_cache = 4,
                                  .cache = {{1, 'i', 32 << 10, 8, 64, 1},
                                            {1, 'd', 48 << 10, 12, 64, 1},
                                            {2, 'u', 1 << 20, -1, 64, 1},
                                            {3, 'u', 33 << 20, 11, 64, 8}}};
    struct vit_cache_geometry g;
    char text[VIT_CACHE_TEXT];
    assert_ok(vit_cache_geometry_of(&g, &machine));
    assert_string_equal(vit_cache_geometry_text(&g, text), "L1=48K,12 L2=1M,full L3=33M,11");
    machine.cache[2].ways = 0;
    assert_fails(vit_cache_geometry_of(&g, &machine), VIT_ENOTSUP, "L2 of this machine has no known size and ways");
    machine.cache[2].line_bytes = 128;
    assert_fails(vit_cache_geometry_of(&g, &machine), VIT_ENOTSUP, "L2 of this machine has no 64 B lines");
    machine.cache[2] = machine.cache[1];
    assert_fails(vit_cache_geometry_of(&g, &machine), VIT_ENOTSUP, "name others");
    machine.n_cache = 1;
    assert_fails(vit_cache_geometry_of(&g, &machine), VIT_ENOTSUP, "those of this machine are unknown");
}

/* Sizes and ways that Callgrind was seen to accept. */
static void test_cache_geometry_sets_become_a_power_of_two(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ways;
    } row[] = {{"L3=32M,16", 16}, {"L3=36M,12", 18}, {"L3=33M,11", 33}, {"L3=55M,11", 55}, {"L3=32K,full", 512}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vit_cache_geometry g;
        assert_ok(vit_cache_geometry_parse(&g, row[i].text));
        struct vit_cache_level binary = vit_cache_level_binary(&g.level[0]);
        const int64_t sets = vit_cache_level_sets(&binary);
        assert_int_equal(binary.ways, row[i].ways);
        assert_int_equal(binary.bytes, g.level[0].bytes);
        assert_int_equal(binary.number, 3);
        assert_int_equal(sets & (sets - 1), 0);
        assert_int_equal(sets * binary.ways * 64, binary.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache_geometry_reads_levels),
        cmocka_unit_test(test_cache_geometry_text_is_read_back),
        cmocka_unit_test(test_cache_geometry_says_what_is_wrong),
        cmocka_unit_test(test_cache_geometry_of_a_machine_leaves_instructions_out),
        cmocka_unit_test(test_cache_geometry_sets_become_a_power_of_two),
    };
    return cmocka_run_group_tests_name("probes_cache_geometry", tests, NULL, NULL);
}
