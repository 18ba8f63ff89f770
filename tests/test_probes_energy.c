/* SPDX-License-Identifier: MIT */
/* A powercap folder of plain files, whose counters this program moves: either between two readings, or from within the
 * steps of a run, so that the energy of every step is known. And a `power` PMU made of the kernel's clock. */
#include "analysis/instance.h"
#include "model/base/clock.h"
#include "probes/energy_meter.h"
#include "probes/session.h"
#include "tests/support/file_tree.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE(folder, name_text, energy)                                                  \
    {folder "/name", name_text "\n"}, {folder "/max_energy_range_uj", "262143328850\n"}, \
    {                                                                                    \
        folder "/energy_uj", energy "\n"                                                 \
    }

/* Two sockets of a server; zones that are parts or copies of others. */
static const struct file_text two_sockets[] = {
    ZONE("intel-rapl:0", "package-0", "1000000"),
    ZONE("intel-rapl:0:0", "core", "700000"),
    ZONE("intel-rapl:0:1", "dram", "30"),
    ZONE("intel-rapl:1", "package-1", "262143328000"),
    ZONE("intel-rapl:1:0", "dram", "50"),
    ZONE("intel-rapl:2", "psys", "9000000"),
    ZONE("intel-rapl-mmio:0", "package-0", "1000000"),
    {"intel-rapl/enabled", "1\n"},
};

static const char *const nowhere = "/nowhere";

static void test_energy_meter_sums_packages_and_memory(void **state)
{
    (void)state;
    char root[FILE_TREE_PATH];
    struct vit_energy_meter meter;
    file_tree_open(root, two_sockets, sizeof two_sockets / sizeof two_sockets[0]);
    assert_ok(vit_energy_meter_open(&meter, (struct vit_energy_places){root, nowhere}));
    assert_string_equal(meter.source, "powercap package-0, dram, package-1, dram");
    assert_true(meter.has[VIT_ENERGY_PACKAGE] && meter.has[VIT_ENERGY_DRAM]);
    assert_true(vit_energy_meter_read(&meter));
    assert_close(meter.joules[VIT_ENERGY_PACKAGE], 0, 0);
    file_tree_write(root, "intel-rapl:0/energy_uj", "3500000\n");
    file_tree_write(root, "intel-rapl:0:0/energy_uj", "900000\n");
    file_tree_write(root, "intel-rapl:0:1/energy_uj", "40\n");
    file_tree_write(root, "intel-rapl:1/energy_uj", "149150\n"); /* went round: 850 to the end, then these */
    file_tree_write(root, "intel-rapl:2/energy_uj", "90000000\n");
    assert_true(vit_energy_meter_read(&meter));
    /* Sums of a few doubles: a rounding each. */
    assert_close(meter.joules[VIT_ENERGY_PACKAGE], 2.5 + 0.15, 1e-12);
    assert_close(meter.joules[VIT_ENERGY_DRAM], 10e-6, 1e-18);
    file_tree_write(root, "intel-rapl:1/energy_uj", "150150\n");
    assert_true(vit_energy_meter_read(&meter));
    assert_close(meter.joules[VIT_ENERGY_PACKAGE], 2.5 + 0.151, 1e-12);
    file_tree_write(root, "intel-rapl:1:0/energy_uj", "what\n");
    assert_false(vit_energy_meter_read(&meter));
    vit_energy_meter_close(&meter);
    file_tree_close(root);
}

static void test_energy_meter_says_what_is_missing(void **state)
{
    (void)state;
    char root[FILE_TREE_PATH], path[FILE_TREE_PATH + 32];
    struct vit_energy_meter meter;
    struct vit_energy_places none = {nowhere, nowhere};
    assert_fails(vit_energy_meter_open(&meter, none), VIT_ENOTSUP, "no /nowhere, no power PMU: a virtual machine");
    file_tree_open(root, NULL, 0);
    struct vit_energy_places places = {root, nowhere};
    assert_fails(vit_energy_meter_open(&meter, places), VIT_ENOTSUP, "no package among the zones");
    file_tree_write(root, "intel-rapl:0/name", "package-0\n");
    assert_fails(vit_energy_meter_open(&meter, places), VIT_ENOTSUP, "max_energy_range_uj is no number");
    file_tree_write(root, "intel-rapl:0/max_energy_range_uj", "1000\n");
    assert_fails(vit_energy_meter_open(&meter, places), VIT_ENOTSUP, "energy_uj: No such file");
    file_tree_write(root, "intel-rapl:0/energy_uj", "-3\n");
    assert_fails(vit_energy_meter_open(&meter, places), VIT_ENOTSUP, "energy_uj is no number");
    file_tree_write(root, "intel-rapl:0/energy_uj", "3\n");
    assert_ok(vit_energy_meter_open(&meter, places));
    assert_false(meter.has[VIT_ENERGY_DRAM]);
    vit_energy_meter_close(&meter);
    /* As Linux has it since 5.10. Root may read all the same, so root becomes another for a moment. */
    snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", root);
    assert_int_equal(chmod(path, 0400), 0);
    bool other = geteuid() == 0 ? seteuid(65534) == 0 : chmod(path, 0) == 0;
    int status = vit_energy_meter_open(&meter, places);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    if (other)
        assert_fails(status, VIT_ENOTSUP, "may be read by root only");
    else
        vit_energy_meter_close(&meter);
    file_tree_close(root);
}

/* The clock of processor 0, whose nanoseconds this PMU calls joules: one watt. */
static const struct file_text clock_pmu[] = {
    {"power/type", "1\n"},
    {"power/cpumask", "0\n"},
    {"power/format/event", "config:0-7\n"},
    {"power/events/energy-pkg", "event=0x00\n"},
    {"power/events/energy-pkg.scale", "1e-9\n"},
    {"power/events/energy-pkg.unit", "Joules\n"},
};

static void test_energy_meter_reads_the_power_pmu(void **state)
{
    (void)state;
    char root[FILE_TREE_PATH];
    struct vit_energy_meter meter;
    file_tree_open(root, clock_pmu, sizeof clock_pmu / sizeof clock_pmu[0]);
    int64_t opening = vit_clock_ns();
    int status = vit_energy_meter_open(&meter, (struct vit_energy_places){nowhere, root});
    file_tree_close(root);
    if (status != VIT_OK) {
        assert_non_null(strstr(vit_error(), "no /nowhere; event power/energy-pkg/"));
        print_message("skipped: %s\n", vit_error());
        skip();
    }
    assert_string_equal(meter.source, "perf power/energy-pkg/");
    assert_true(meter.has[VIT_ENERGY_PACKAGE] && !meter.has[VIT_ENERGY_DRAM]);
    int64_t opened = vit_clock_ns();
    usleep(50000);
    int64_t reading = vit_clock_ns();
    assert_true(vit_energy_meter_read(&meter));
    int64_t read = vit_clock_ns();
    /* The two clocks may differ in rate by far less than 1 %. */
    assert_true(meter.joules[VIT_ENERGY_PACKAGE] >= 0.99e-9 * (double)(reading - opened));
    assert_true(meter.joules[VIT_ENERGY_PACKAGE] <= 1.01e-9 * (double)(read - opening));
    vit_energy_meter_close(&meter);
}

/* Counters that every step moves, by an amount of its own. */
static struct {
    int file[VIT_N_ENERGY_DOMAINS];
    uint64_t value[VIT_N_ENERGY_DOMAINS];
    int64_t runs;
} counter;

static const uint64_t range = UINT64_C(262143328850);

static uint64_t cost_uj(int step, int domain)
{
    return domain == VIT_ENERGY_PACKAGE ? 100 + 37 * (uint64_t)(step % 11) : 10;
}

static void write_counter(int domain)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%012" PRIu64 "\n", counter.value[domain]);
    assert_int_equal(pwrite(counter.file[domain], text, (size_t)n, 0), n);
}

static void use_energy(const struct vit_step *step)
{
    counter.runs++;
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++) {
        counter.value[d] = (counter.value[d] + cost_uj(step->index, d)) % range;
        write_counter(d);
    }
}

static const struct vit_kernel costly = {.name = "costly", .forward = use_energy};

static void open_counters(char root[FILE_TREE_PATH])
{
    static const struct file_text zones[] = {ZONE("intel-rapl:0", "package-0", "0"),
                                             ZONE("intel-rapl:0:0", "dram", "0")};
    static const char *const path[VIT_N_ENERGY_DOMAINS] = {"intel-rapl:0/energy_uj", "intel-rapl:0:0/energy_uj"};
    file_tree_open(root, zones, sizeof zones / sizeof zones[0]);
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++) {
        char whole[FILE_TREE_PATH + 32];
        snprintf(whole, sizeof whole, "%s/%s", root, path[d]);
        counter.file[d] = open(whole, O_WRONLY | O_CLOEXEC);
        assert_true(counter.file[d] >= 0);
        counter.value[d] = range - 1000000; /* goes round within the first joule */
        write_counter(d);
    }
}

static void check_class(const struct vit_session *session, const struct vit_plan *plan, int op_class)
{
    double got[VIT_N_ENERGY_DOMAINS] = {0}, want[VIT_N_ENERGY_DOMAINS] = {0};
    int n = 0;
    for (int s = 0; s < plan->n_step; s++) {
        struct vit_cell cell[VIT_N_ENERGY_DOMAINS];
        if ((int)plan->step[s].def->op_class != op_class)
            continue;
        vit_session_read(session, s, cell);
        for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++) {
            assert_true(cell[d].present && cell[d].r > 0);
            got[d] += cell[d].r;
            want[d] += 1e-6 * (double)cost_uj(s, d);
        }
        n++;
    }
    /* Sums of some hundred thousand doubles that rise to some ten joules. */
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS && n > 0; d++)
        assert_close(got[d] / want[d], 1, 1e-9);
}

static void test_energy_of_a_class_is_that_of_its_steps(void **state)
{
    (void)state;
    char root[FILE_TREE_PATH], name[FILE_TREE_PATH + 16];
    struct vit_instance net;
    struct vit_session session;
    assert_ok(vit_instance_open(&net, "deit_nano", &(struct vit_instance_options){.threads = 1}));
    open_counters(root);
    snprintf(name, sizeof name, "energy=%s", root);
    assert_ok(vit_session_open(&session, &net.plan, (const char *[]){name}, 1));
    for (int s = 0; s < net.plan.n_step; s++)
        net.plan.step[s].kernel = &costly;
    vit_session_compute(&session, &net.exec, NULL);
    if (session.probe[0].absent)
        fail_msg("%s", session.probe[0].reason);
    assert_true(counter.runs > net.plan.n_step * 10);
    for (int c = 0; c < VIT_N_CLASSES; c++)
        check_class(&session, &net.plan, c);
    struct vit_figure figure = vit_probe_figure(&session.probe[0], VIT_ENERGY_PACKAGE);
    assert_int_equal(figure.tier, VIT_TIER_MEASURED);
    assert_int_equal(figure.scope, VIT_SCOPE_SOCKET);
    assert_non_null(strstr(figure.source, "powercap package-0, dram; "));
    assert_non_null(strstr(figure.source, "idle 0.00 W")); /* nothing moves the counters meanwhile */
    vit_session_close(&session);
    vit_instance_close(&net);
    file_tree_close(root);
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++)
        close(counter.file[d]);
}

static void test_energy_is_absent_where_the_meter_stands_still(void **state)
{
    (void)state;
    static const struct file_text zones[] = {ZONE("intel-rapl:0", "package-0", "5")};
    char root[FILE_TREE_PATH], name[FILE_TREE_PATH + 16];
    struct vit_instance net;
    struct vit_session session;
    assert_ok(vit_instance_open(&net, "deit_nano", &(struct vit_instance_options){.threads = 1}));
    file_tree_open(root, zones, sizeof zones / sizeof zones[0]);
    snprintf(name, sizeof name, "energy=%s", root);
    assert_ok(vit_session_open(&session, &net.plan, (const char *[]){name}, 1));
    assert_non_null(strstr(vit_session_reason(&session, VIT_ENERGY_PACKAGE), "not computed"));
    vit_session_compute(&session, &net.exec, NULL);
    assert_true(session.probe[0].absent);
    assert_non_null(strstr(vit_session_reason(&session, VIT_ENERGY_PACKAGE), "stood still"));
    vit_session_close(&session);
    vit_instance_close(&net);
    file_tree_close(root);
}

/* Whatever this machine has: numbers that add up, or a reason. */
static void test_energy_here_is_there_or_has_a_reason(void **state)
{
    (void)state;
    struct vit_instance net;
    struct vit_session session;
    assert_ok(vit_instance_open(&net, "deit_nano", &(struct vit_instance_options){.threads = 1}));
    assert_ok(vit_session_open(&session, &net.plan, (const char *[]){"energy"}, 1));
    vit_session_compute(&session, &net.exec, NULL);
    struct vit_cell cell[VIT_N_ENERGY_DOMAINS];
    vit_session_read(&session, 0, cell);
    const char *reason = vit_session_reason(&session, VIT_ENERGY_PACKAGE);
    assert_true(cell[VIT_ENERGY_PACKAGE].present == !reason);
    if (reason)
        print_message("absent: %s\n", reason);
    vit_session_close(&session);
    vit_instance_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_energy_meter_sums_packages_and_memory),
        cmocka_unit_test(test_energy_meter_says_what_is_missing),
        cmocka_unit_test(test_energy_meter_reads_the_power_pmu),
        cmocka_unit_test(test_energy_of_a_class_is_that_of_its_steps),
        cmocka_unit_test(test_energy_is_absent_where_the_meter_stands_still),
        cmocka_unit_test(test_energy_here_is_there_or_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
