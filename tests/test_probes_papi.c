/* SPDX-License-Identifier: MIT */
/* PAPI: right on machines with all events, some, or none: an event has numbers or a reason, never neither. */
#include "tests/support/test.h"

#include "probes/papi_survey.h"
#include "probes/session.h"
#include "tests/support/probe_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_EVENTS = 64 };

static void test_papi_every_event_is_usable_or_has_a_reason(void **state)
{
    (void)state;
    static struct vit_papi_finding finding[MAX_EVENTS];
    int n = vit_papi_survey(finding, MAX_EVENTS);
    assert_in_range(n, 1, MAX_EVENTS);
    for (int i = 0; i < n; i++) {
        const struct vit_papi_finding *f = &finding[i];
        print_message("%s: %s%s\n", f->event, f->usable ? "usable" : "absent: ", f->reason);
        assert_int_equal(f->usable, f->failed == VIT_PAPI_RUNG_NONE);
        assert_int_equal(f->usable, f->reason[0] == '\0');
        assert_int_equal(f->usable, f->advanced > 0);
    }
}

static void test_papi_reasons_name_cause_and_cure(void **state)
{
    (void)state;
    static const struct {
        enum vit_papi_rung rung;
        int papi_code, system_error, paranoid;
        bool hardware, cpu_pmu;
        const char *off, *want; /* off: of the library or the component */
    } row[] = {
        {VIT_PAPI_RUNG_ADD, -7, ENOENT, 2, true, false, "", "no cpu PMU in /sys/bus/event_source/devices"},
        {VIT_PAPI_RUNG_ADD, -7, ENOENT, 2, true, false, "", "a virtual machine without a virtual PMU"},
        {VIT_PAPI_RUNG_ADD, -7, ENOENT, 2, true, true, "", "no such event on this processor"},
        {VIT_PAPI_RUNG_ADD, -7, 0, 2, true, true, "", "has no EVENT for this processor"},
        {VIT_PAPI_RUNG_ADD, -15, EACCES, 4, true, true, "", "(now paranoid=4, uid 1000)"},
        {VIT_PAPI_RUNG_ADD, -15, EPERM, 2, true, true, "", "seccomp"},
        {VIT_PAPI_RUNG_ADD, -15, EPERM, 3, true, true, "", "kernel.perf_event_paranoid <= 2"},
        {VIT_PAPI_RUNG_ADD, -3, ENOSYS, 2, false, false, "", "no perf_event_open"},
        {VIT_PAPI_RUNG_START, -3, EBUSY, 2, true, true, "", "in use by another tool"},
        {VIT_PAPI_RUNG_ADD, -23, EMFILE, 2, true, true, "", "ulimit -n"},
        {VIT_PAPI_RUNG_READ, -3, EIO, 2, true, true, "", "read failed"},
        {VIT_PAPI_RUNG_ADVANCE, 0, 0, 2, true, true, "", "opens but never counts"},
        {VIT_PAPI_RUNG_NAME, -7, 0, 2, true, true, "", "has no EVENT for this processor"},
        {VIT_PAPI_RUNG_LIBRARY, -1, 0, 2, true, true, "", "PAPI does not start"},
        {VIT_PAPI_RUNG_LIBRARY, 0, 0, 2, true, true, "libpapi is elsewhere", "libpapi is elsewhere"},
        {VIT_PAPI_RUNG_COMPONENT, 0, 0, 3, false, true, "disabled by Linux with paranoid=3", "also for root: `sysctl"},
        {VIT_PAPI_RUNG_COMPONENT, 0, 0, 2, false, false, "libpfm4 no default PMU found",
         "does not know this processor"},
        {VIT_PAPI_RUNG_COMPONENT, 0, 0, 2, true, false, "libpfm4 no default PMU found", "moreover this kernel exposes"},
        {VIT_PAPI_RUNG_COMPONENT, 0, 0, 2, true, true, "not compiled in", "not compiled in"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vit_papi_finding f = {.event = "EVENT",
                                     .hardware = row[i].hardware,
                                     .failed = row[i].rung,
                                     .papi_code = row[i].papi_code,
                                     .system_error = row[i].system_error};
        vit_papi_explain(
            &f, &(struct vit_papi_system){.paranoid = row[i].paranoid,
                                          .cpu_pmu = row[i].cpu_pmu,
                                          .virtual_machine = true,
                                          .uid = 1000,
                                          .library_off = row[i].rung == VIT_PAPI_RUNG_LIBRARY ? row[i].off : "",
                                          .component_off = row[i].off});
        if (!strstr(f.reason, row[i].want))
            fail_msg("row %zu: \"%s\" does not contain \"%s\"", i, f.reason, row[i].want);
    }
}

/* Runs all replays with some threads; every column then has numbers in all steps, or a reason. */
static void check_columns(int threads)
{
    struct probe_plan p;
    struct vit_session session;
    probe_plan_open(&p, 4, 128, threads);
    assert_ok(vit_session_open(&session, &p.plan, (const char *const[]){"papi"}, 1));
    vit_session_run(&session, &p.exec);
    int n = vit_session_schema(&session)->n_columns;
    for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
        struct vit_cell cell[MAX_EVENTS];
        vit_session_read(&session, i, cell);
        for (int c = 0; c < n; c++) {
            const char *reason = vit_session_reason(&session, c);
            assert_true(cell[c].present == (reason == NULL));
            assert_true(reason == NULL || reason[0] != '\0');
            assert_true(!cell[c].present || cell[c].i >= 0);
        }
    }
    vit_session_close(&session);
    probe_plan_close(&p);
}

static void test_papi_columns_have_numbers_or_a_reason(void **state)
{
    (void)state;
    check_columns(1);
}

static void test_papi_columns_have_numbers_or_a_reason_with_a_pool(void **state)
{
    (void)state;
    check_columns(2);
}

/* Where the instruction counter works: a step of n elements retires at least n/16 instructions (widest vectors), and
 * the pool's share is in the sum, so two threads count about as many as one. */
static int64_t instructions(int threads)
{
    struct probe_plan p;
    struct vit_session session;
    int64_t sum = -1;
    probe_plan_open(&p, 8, 256, threads);
    assert_ok(vit_session_open(&session, &p.plan, (const char *const[]){"papi"}, 1));
    int column = vit_schema_find(vit_session_schema(&session), "papi_instructions");
    assert_in_range(column, 0, MAX_EVENTS - 1);
    vit_session_run(&session, &p.exec);
    if (!vit_session_reason(&session, column)) {
        sum = 0;
        for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
            struct vit_cell cell[MAX_EVENTS];
            vit_session_read(&session, i, cell);
            sum += cell[column].i;
        }
    }
    vit_session_close(&session);
    probe_plan_close(&p);
    return sum;
}

static void test_papi_counts_the_threads_of_the_pool(void **state)
{
    (void)state;
    int64_t one = instructions(1), two = instructions(2);
    if (one < 0 || two < 0)
        skip(); /* the survey's test prints why */
    assert_true(one >= 8 * 3 * 256 * 256 / 16);
    assert_true((double)two >= 0.9 * (double)one); /* waiting adds instructions, sharing takes none away */
}

static const char *program;

/* In a process that finds a file of libpapi's name that is no library. */
static int run_without_library(void)
{
    static struct vit_papi_finding finding[MAX_EVENTS];
    static const char want[] = "libpapi is not installed: apt-get install libpapi";
    int n = vit_papi_survey(finding, MAX_EVENTS), wrong = vit_papi_version()[0] != '\0';
    for (int i = 0; i < n; i++)
        wrong += finding[i].usable || finding[i].failed != VIT_PAPI_RUNG_LIBRARY || !strstr(finding[i].reason, want);
    struct probe_plan p;
    struct vit_session session;
    probe_plan_open(&p, 4, 128, 1);
    if (vit_session_open(&session, &p.plan, (const char *const[]){"papi"}, 1) != VIT_OK)
        return 1;
    vit_session_run(&session, &p.exec);
    for (int c = 0; c < vit_session_schema(&session)->n_columns; c++) {
        const char *reason = vit_session_reason(&session, c);
        wrong += !reason || !strstr(reason, want);
    }
    vit_session_close(&session);
    probe_plan_close(&p);
    return n == 0 || wrong != 0;
}

static void test_papi_without_its_library_is_absent_with_the_package_to_install(void **state)
{
    (void)state;
    char folder[] = "/tmp/papi_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s", folder, vit_papi_soname());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no library", file);
    fclose(file);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("LD_LIBRARY_PATH", folder, 1);
        execl(program, program, "without-library", (char *)NULL);
        _exit(127);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    unlink(path);
    rmdir(folder);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1)
        return run_without_library();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_papi_every_event_is_usable_or_has_a_reason),
        cmocka_unit_test(test_papi_reasons_name_cause_and_cure),
        cmocka_unit_test(test_papi_without_its_library_is_absent_with_the_package_to_install),
        cmocka_unit_test(test_papi_columns_have_numbers_or_a_reason),
        cmocka_unit_test(test_papi_columns_have_numbers_or_a_reason_with_a_pool),
        cmocka_unit_test(test_papi_counts_the_threads_of_the_pool),
    };
    return cmocka_run_group_tests_name("probes_papi", tests, NULL, NULL);
}
