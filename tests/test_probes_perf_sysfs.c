/* SPDX-License-Identifier: MIT */
/* Events of trees that are copies of what kernels show: Intel Skylake server memory controllers, AMD data fabric and
 * memory controllers, Arm mesh and core, RAPL. */
#include "probes/perf_sysfs.h"

#include "tests/support/file_tree.h"
#include "tests/support/test.h"

#include <linux/perf_event.h>

#define IMC(n, type_text)                                                                                      \
    {"uncore_imc_" n "/type", type_text}, {"uncore_imc_" n "/cpumask", "0,20\n"},                              \
        {"uncore_imc_" n "/format/event", "config:0-7\n"}, {"uncore_imc_" n "/format/umask", "config:8-15\n"}, \
        {"uncore_imc_" n "/format/edge", "config:18\n"}, {"uncore_imc_" n "/format/thresh", "config:24-31\n"}, \
        {"uncore_imc_" n "/events/cas_count_read", "event=0x04,umask=0x03\n"},                                 \
        {"uncore_imc_" n "/events/cas_count_read.scale", "6.103515625e-5\n"},                                  \
        {"uncore_imc_" n "/events/cas_count_read.unit", "MiB\n"},                                              \
    {                                                                                                          \
        "uncore_imc_" n "/events/clockticks", "event=0x00\n"                                                   \
    }

static const struct file_text tree[] = {
    IMC("0", "24\n"),
    IMC("1", "25\n"),
    IMC("2", "26\n"),
    {"uncore_imc_free_running_0/type", "30\n"},
    {"uncore_imc_free_running_0/cpumask", "0\n"},
    {"uncore_imc_free_running_0/format/event", "config:0-7\n"},
    {"uncore_imc_free_running_0/format/umask", "config:8-15\n"},
    {"uncore_imc_free_running_0/events/data_read", "event=0xff,umask=0x20\n"},
    {"amd_df/type", "11\n"},
    {"amd_df/cpumask", "0\n"},
    {"amd_df/format/event", "config:0-7,32-35,59-60\n"},
    {"amd_df/format/umask", "config:8-15\n"},
    {"amd_umc_0/type", "14\n"},
    {"amd_umc_0/cpumask", "0\n"},
    {"amd_umc_0/format/event", "config:0-7\n"},
    {"amd_umc_0/format/rdwrmask", "config:8-9\n"},
    {"amd_umc_1/type", "15\n"},
    {"amd_umc_1/cpumask", "64-65\n"},
    {"amd_umc_1/format/event", "config:0-7\n"},
    {"amd_umc_1/format/rdwrmask", "config:8-9\n"},
    {"arm_cmn_0/type", "12\n"},
    {"arm_cmn_0/cpumask", "0\n"},
    {"arm_cmn_0/format/type", "config:0-15\n"},
    {"arm_cmn_0/format/eventid", "config:16-26\n"},
    {"arm_cmn_0/format/bynodeid", "config:31\n"},
    {"arm_cmn_0/format/nodeid", "config:32-47\n"},
    {"arm_cmn_0/format/wp_val", "config1:0-63\n"},
    {"arm_cmn_0/format/wp_mask", "config2:0-63\n"},
    {"arm_cmn_0/events/hnf_mc_reqs", "type=0x5,eventid=0xd\n"},
    {"armv8_pmuv3_0/type", "8\n"},
    {"armv8_pmuv3_0/cpus", "0-3\n"},
    {"armv8_pmuv3_0/format/event", "config:0-15\n"},
    {"armv8_pmuv3_0/format/long", "config1:0\n"},
    {"armv8_pmuv3_0/events/l2d_cache_refill", "event=0x0017\n"},
    {"power/type", "21\n"},
    {"power/cpumask", "0\n"},
    {"power/format/event", "config:0-7\n"},
    {"power/events/energy-pkg", "event=0x02\n"},
    {"power/events/energy-pkg.scale", "2.3283064365386962890625e-10\n"},
    {"power/events/energy-pkg.unit", "Joules\n"},
    {"msr/type", "9\n"},
    {"msr/format/event", "config:0-63\n"},
    {"msr/events/tsc", "event=0x00\n"},
};

/* Trees that no kernel should show. */
static const struct file_text broken[] = {
    {"no_number/type", "twelve\n"},
    {"no_number/format/event", "config:0-7\n"},
    {"bad_type/type", "99999999999\n"},
    {"bad_field/type", "40\n"},
    {"bad_field/format/event", "config:7-0\n"},
    {"bad_field/format/wide", "config:0-64\n"},
    {"bad_field/format/comma", "config:0-7,\n"},
    {"bad_field/format/other", "config9:0-7\n"},
    {"bad_field/format/nothing", "\n"},
    {"bad_mask/type", "41\n"},
    {"bad_mask/cpumask", "0-x\n"},
    {"bad_mask/format/event", "config:0-7\n"},
    {"no_cpu/type", "42\n"},
    {"no_cpu/cpumask", "\n"},
    {"no_cpu/format/event", "config:0-7\n"},
    {"many_cpus/type", "43\n"},
    {"many_cpus/cpumask", "0-60000\n"},
    {"many_cpus/format/event", "config:0-7\n"},
    {"circle/type", "44\n"},
    {"circle/events/a", "b\n"},
    {"circle/events/b", "a\n"},
    {"bad_scale/type", "45\n"},
    {"bad_scale/format/event", "config:0-7\n"},
    {"bad_scale/events/a", "event=1\n"},
    {"bad_scale/events/a.scale", "nan\n"},
    {"unlike_0/type", "46\n"},
    {"unlike_0/format/event", "config:0-7\n"},
    {"unlike_1/type", "47\n"},
    {"unlike_1/cpumask", "0\n"},
    {"unlike_1/format/event", "config:0-7\n"},
    {"parameter/type", "48\n"},
    {"parameter/format/event", "config:0-7\n"},
    {"parameter/events/a", "event=?\n"},
};

static char good_root[FILE_TREE_PATH], broken_root[FILE_TREE_PATH];

static int make_trees(void **state)
{
    (void)state;
    file_tree_open(good_root, tree, sizeof tree / sizeof tree[0]);
    file_tree_open(broken_root, broken, sizeof broken / sizeof broken[0]);
    return 0;
}

static int remove_trees(void **state)
{
    (void)state;
    file_tree_close(good_root);
    file_tree_close(broken_root);
    return 0;
}

static struct vit_perf_event find(const char *name)
{
    struct vit_perf_event event;
    assert_ok(vit_perf_event_find(&event, good_root, name));
    assert_true(event.n_target >= 1);
    return event;
}

static void expect(const char *name, uint32_t type, uint64_t config)
{
    struct vit_perf_event event = find(name);
    assert_int_equal(event.target[0].type, type);
    assert_int_equal(event.target[0].config[0], config);
    vit_perf_event_close(&event);
}

static void test_perf_sysfs_knows_names_without_a_pmu(void **state)
{
    (void)state;
    expect("task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK);
    expect("cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES);
    expect("r01b7", PERF_TYPE_RAW, 0x1b7);
    struct vit_perf_event event = find("task-clock");
    assert_string_equal(event.unit, "ns");
    assert_true(event.modes && !event.uncore && event.n_target == 1 && event.target[0].cpu == -1 && event.scale == 1);
    vit_perf_event_close(&event);
}

static void test_perf_sysfs_puts_fields_into_their_bits(void **state)
{
    (void)state;
    expect("amd_df/event=0x07,umask=0x38/", 11, 0x3807);
    /* Bits 8 and up of the event number have a place of their own. */
    expect("amd_df/event=0x147,umask=0x38/", 11, (UINT64_C(1) << 32) | 0x3847);
    expect("amd_df/event=0x3f47/", 11, (UINT64_C(3) << 59) | (UINT64_C(0xf) << 32) | 0x47);
    expect("amd_df/config=0x123456789abcdef0/", 11, UINT64_C(0x123456789abcdef0));
    expect("uncore_imc_0/event=4,umask=3,edge,thresh=255/", 24, (UINT64_C(0xff) << 24) | (1 << 18) | 0x0304);
    struct vit_perf_event event =
        find("arm_cmn_0/hnf_mc_reqs,bynodeid,nodeid=0x10,wp_val=18446744073709551615,wp_mask=2/");
    assert_int_equal(event.target[0].config[0], (UINT64_C(0x10) << 32) | (UINT64_C(1) << 31) | (0xd << 16) | 5);
    assert_int_equal(event.target[0].config[1], UINT64_MAX);
    assert_int_equal(event.target[0].config[2], 2);
    vit_perf_event_close(&event);
}

/* A later term wins, as with perf(1). */
static void test_perf_sysfs_lets_terms_change_a_named_event(void **state)
{
    (void)state;
    expect("uncore_imc_0/cas_count_read,umask=0x0c/", 24, 0x0c04);
}

static void test_perf_sysfs_tells_core_from_uncore(void **state)
{
    (void)state;
    struct vit_perf_event core = find("armv8_pmuv3_0/l2d_cache_refill,long=1/"), msr = find("msr/tsc/");
    struct vit_perf_event energy = find("power/energy-pkg/");
    assert_true(core.modes && !core.uncore && core.target[0].cpu == -1);
    assert_int_equal(core.target[0].config[1], 1);
    assert_true(!msr.modes && !msr.uncore); /* refuses to be asked for user mode alone */
    assert_true(energy.uncore && !energy.modes && energy.target[0].cpu == 0);
    assert_string_equal(energy.unit, "Joules");
    assert_close(energy.scale, 1.0 / 4294967296, 0); /* 2^-32 is exact */
    vit_perf_event_close(&core);
    vit_perf_event_close(&msr);
    vit_perf_event_close(&energy);
}

static void test_perf_sysfs_sums_all_instances(void **state)
{
    (void)state;
    struct vit_perf_event imc = find("uncore_imc_*/cas_count_read/"), umc = find("amd_umc_*/event=0x0a,rdwrmask=1/");
    assert_int_equal(imc.n_target, 3 * 2); /* three channels, a processor of each of two sockets */
    assert_close(imc.scale, 64.0 / (1 << 20), 0);
    assert_string_equal(imc.unit, "MiB");
    unsigned types = 0;
    for (int i = 0; i < imc.n_target; i++) {
        assert_int_equal(imc.target[i].config[0], 0x0304);
        assert_true(imc.target[i].cpu == 0 || imc.target[i].cpu == 20);
        types |= 1u << (imc.target[i].type - 24);
    }
    assert_int_equal(types, 7);
    int cpus = 0;
    for (int i = 0; i < umc.n_target; i++)
        cpus += umc.target[i].cpu;
    assert_int_equal(umc.n_target, 3);
    assert_int_equal(cpus, 0 + 64 + 65);
    vit_perf_event_close(&imc);
    vit_perf_event_close(&umc);
}

static void test_perf_sysfs_says_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int status;
        const char *text;
    } row[] = {
        {"", VIT_EINVAL, "neither a name"},
        {"cycle", VIT_EINVAL, "\"cycle\""},
        {"r", VIT_EINVAL, "hexadecimal"},
        {"r12g4", VIT_EINVAL, "hexadecimal"},
        {"r11112222333344445", VIT_EINVAL, "hexadecimal"},
        {"amd_l3/event=4/", VIT_ENOTSUP, "no PMU \"amd_l3\""},
        {"amd_l3_*/event=4/", VIT_ENOTSUP, "no PMU matches \"amd_l3_*\""},
        {"amd_df/", VIT_EINVAL, "PMU/TERMS/"},
        {"amd_df//", VIT_EINVAL, "PMU/TERMS/"},
        {"/event=4/", VIT_EINVAL, "PMU/TERMS/"},
        {"amd_df/event=4", VIT_EINVAL, "PMU/TERMS/"},
        {"../amd_df/event=4/", VIT_EINVAL, "PMU/TERMS/"},
        {"amd_df/../type/", VIT_EINVAL, "PMU/TERMS/"},
        {"amd_df/..,event=4/", VIT_EINVAL, "no name"},
        {"amd_df/event=4,/", VIT_EINVAL, "no name"},
        {"amd_df/cas_count_read/", VIT_EINVAL, "neither an event nor a field \"cas_count_read\""},
        {"amd_df/umask=0x100/", VIT_EINVAL, "does not fit into its 8 bits"},
        {"amd_df/umask=-1/", VIT_EINVAL, "not a number"},
        {"amd_df/umask=/", VIT_EINVAL, "not a number"},
        {"amd_df/umask=0x1ffffffffffffffff/", VIT_EINVAL, "not a number"},
        {"uncore_imc_*/cas_count/", VIT_EINVAL, "has neither an event nor a field \"cas_count\""},
    };
    struct vit_perf_event event;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_fails(vit_perf_event_find(&event, good_root, row[i].name), row[i].status, row[i].text);
    assert_fails(vit_perf_event_find(&event, "/nowhere", "amd_*/event=4/"), VIT_ENOTSUP, "cannot read /nowhere");
}

static void test_perf_sysfs_doubts_the_folder(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int status;
        const char *text;
    } row[] = {
        {"no_number/event=1/", VIT_EFORMAT, "type says \"twelve\""},
        {"bad_type/event=1/", VIT_EFORMAT, "not a number"},
        {"bad_field/event=1/", VIT_EFORMAT, "says \"config:7-0\""},
        {"bad_field/wide=1/", VIT_EFORMAT, "config:0-64"},
        {"bad_field/comma=1/", VIT_EFORMAT, "config:0-7,"},
        {"bad_field/other=1/", VIT_EFORMAT, "config9:0-7"},
        {"bad_field/nothing=1/", VIT_EFORMAT, "says \"\""},
        {"bad_mask/event=1/", VIT_EFORMAT, "not a list of processors"},
        {"no_cpu/event=1/", VIT_ENOTSUP, "its cpumask is empty"},
        {"many_cpus/event=1/", VIT_EINVAL, "more than"},
        {"circle/a/", VIT_EFORMAT, "in a circle"},
        {"bad_scale/a/", VIT_EFORMAT, "not a positive number"},
        {"unlike_*/event=1/", VIT_EINVAL, "different units or scopes"},
        {"parameter/a/", VIT_EINVAL, "event=?"},
    };
    struct vit_perf_event event;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_fails(vit_perf_event_find(&event, broken_root, row[i].name), row[i].status, row[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perf_sysfs_knows_names_without_a_pmu),
        cmocka_unit_test(test_perf_sysfs_puts_fields_into_their_bits),
        cmocka_unit_test(test_perf_sysfs_lets_terms_change_a_named_event),
        cmocka_unit_test(test_perf_sysfs_tells_core_from_uncore),
        cmocka_unit_test(test_perf_sysfs_sums_all_instances),
        cmocka_unit_test(test_perf_sysfs_says_what_is_missing),
        cmocka_unit_test(test_perf_sysfs_doubts_the_folder),
    };
    return cmocka_run_group_tests(tests, make_trees, remove_trees);
}
