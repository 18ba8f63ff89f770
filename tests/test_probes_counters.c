/* SPDX-License-Identifier: MIT */
/* The measured tier: every way in which an event fails, with scripted backends; and on this machine, whatever it
 * counts, that a column has numbers or a reason, never neither. */
#include "tests/support/test.h"

#include "model/base/parallel.h"
#include "probes/counters_run.h"
#include "probes/session.h"
#include "tests/support/counter_script.h"
#include "tests/support/probe_plan.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_COLUMNS = 48, STREAM = 1 << 16, LINES = STREAM / 64 };

/* --- a staged machine: Zen 3, PAPI and perf as scripted --- */

static const struct vit_counter_backend *const staged_backend[] = {&counter_scripted_papi, &counter_scripted_perf};
static struct vit_counter_stage stage;

#define CLOCK "perf::TASK-CLOCK"
#define L1                                                                                                             \
    "amd64_fam19h_zen3::ANY_DATA_CACHE_FILLS_FROM_SYSTEM:LCL_L2:INT_CACHE:EXT_CACHE_LCL:MEM_IO_LCL:EXT_CACHE_RMT:MEM_" \
    "IO_RMT"
#define DRAM_FILLS "amd64_fam19h_zen3::ANY_DATA_CACHE_FILLS_FROM_SYSTEM:MEM_IO_LCL:MEM_IO_RMT"
#define DRAM_PREFETCHES "amd64_fam19h_zen3::L2_PREFETCH_MISS_L3:L2_HW_PREFETCHER"
#define LLC "amd_l3/event=0x04,umask=0x01/"

#define SET_SCRIPT(script, lines)                                          \
    (script) = (struct counter_script)                                     \
    {                                                                      \
        .line = (lines), .n_line = (int)(sizeof(lines) / sizeof(lines)[0]) \
    }

static const struct counter_line nothing[] = {{.failed = VIT_RUNG_NAME, .code = -7}};

static int set_stage(void **state)
{
    (void)state;
    stage = (struct vit_counter_stage){
        .backend = staged_backend,
        .n_backend = 2,
        .system = {.processor = {"AuthenticAMD", 25, 1}, .paranoid = 2, .cpu_pmu = true, .uid = 1000},
        .stream_bytes = STREAM};
    SET_SCRIPT(counter_script_papi, nothing);
    SET_SCRIPT(counter_script_perf, nothing);
    vit_counter_set_stage(&stage);
    return 0;
}

static int clear_stage(void **state)
{
    (void)state;
    vit_counter_set_stage(NULL);
    return 0;
}

/* The finding of a column by a backend in a new survey. */
static const struct vit_counter_finding *finding_of(const char *column, const char *backend)
{
    vit_counter_set_stage(&stage);
    const struct vit_counter_survey *survey = vit_counter_survey();
    for (int i = 0; i < survey->n; i++)
        if (strcmp(survey->finding[i].column, column) == 0 && strcmp(survey->finding[i].backend->name, backend) == 0)
            return &survey->finding[i];
    fail_msg("no finding of %s by %s", column, backend);
    return NULL;
}

static void check_failure(const struct vit_counter_finding *f, enum vit_rung rung, const char *text)
{
    assert_false(f->usable);
    assert_false(f->chosen);
    if (f->failed != rung)
        fail_msg("%s failed at %s, expected %s", f->event, vit_rung_name(f->failed), vit_rung_name(rung));
    if (!strstr(f->reason, text) && !strstr(f->cure, text))
        fail_msg("\"%s: %s\" does not contain \"%s\"", f->reason, f->cure, text);
}

static void test_counters_each_failure_has_its_rung_and_words(void **state)
{
    (void)state;
    static const struct {
        struct counter_line line;
        enum vit_rung rung;
        const char *text;
    } row[] = {
        {{.failed = VIT_RUNG_NAME}, VIT_RUNG_NAME, "scripted"},
        {{.failed = VIT_RUNG_ADD, .error = ENOENT}, VIT_RUNG_ADD, "no such event on this processor"},
        {{.failed = VIT_RUNG_ADD, .error = EACCES}, VIT_RUNG_ADD, "blocked"}, /* paranoid 2 allows it */
        {{.failed = VIT_RUNG_ADD, .error = EPERM}, VIT_RUNG_ADD, "seccomp"},
        {{.failed = VIT_RUNG_ADD, .error = ENOSYS}, VIT_RUNG_ADD, "no perf_event_open"},
        {{.failed = VIT_RUNG_START, .error = EBUSY}, VIT_RUNG_START, "in use by another tool"},
        {{.failed = VIT_RUNG_ADD, .error = EMFILE}, VIT_RUNG_ADD, "ulimit -n"},
        {{.failed = VIT_RUNG_ADD, .error = EINVAL}, VIT_RUNG_ADD, "do not fit"},
        {{.failed = VIT_RUNG_ADD, .error = EDOM}, VIT_RUNG_ADD, "add failed: scripted"},
        {{.step = 0}, VIT_RUNG_ADVANCE, "never counts"},
        {{.step = -5}, VIT_RUNG_ADVANCE, "runs backwards"},
        {{.step = LINES * 396 / 100}, VIT_RUNG_CALIBRATE, "(x3.96)"},
        {{.step = LINES / 3}, VIT_RUNG_CALIBRATE, "(x0.33)"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        counter_script_perf = (struct counter_script){.line = &row[i].line, .n_line = 1};
        check_failure(finding_of("measured_l1_fill_bytes", "perf"), row[i].rung, row[i].text);
        assert_int_equal(counter_script_perf.opened, counter_script_perf.closed);
        assert_null(strstr(vit_counter_survey()->verdict, "measured_l1_fill_bytes"));
    }
}

static void test_counters_permission_is_told_by_level_and_scope(void **state)
{
    (void)state;
    static const struct counter_line forbidden[] = {{.failed = VIT_RUNG_ADD, .error = EACCES}};
    SET_SCRIPT(counter_script_perf, forbidden);
    stage.system.paranoid = 4;
    check_failure(finding_of("cycles", "perf"), VIT_RUNG_ADD, "perf_event_paranoid <= 2");
    check_failure(finding_of("cycles", "perf"), VIT_RUNG_ADD, "(now paranoid=4, uid 1000)");
    check_failure(finding_of("measured_llc_fill_bytes", "perf"), VIT_RUNG_ADD, "perf_event_paranoid=0");
    assert_non_null(strstr(vit_counter_survey()->verdict, "measured: n/a - not permitted"));
    stage.system.perfmon = true; /* then no level forbids it */
    check_failure(finding_of("cycles", "perf"), VIT_RUNG_ADD, "seccomp");
}

static void test_counters_missing_pmu_of_a_guest(void **state)
{
    (void)state;
    static const struct counter_line absent[] = {{.failed = VIT_RUNG_ADD, .error = ENOENT}};
    SET_SCRIPT(counter_script_perf, absent);
    stage.system.cpu_pmu = false;
    stage.system.virtual_machine = true;
    check_failure(finding_of("cycles", "perf"), VIT_RUNG_ADD, "this kernel exposes no CPU counters (virtual machine)");
    check_failure(finding_of("cycles", "perf"), VIT_RUNG_ADD, "give the guest a virtual PMU");
    assert_non_null(strstr(vit_counter_survey()->verdict, "measured: n/a - this kernel exposes no CPU counters"));
}

static void test_counters_papi_says_why_it_is_off(void **state)
{
    (void)state;
    static const struct {
        struct counter_line line;
        const char *text;
    } row[] = {
        {{.failed = VIT_RUNG_COMPONENT, .code = -25, .detail = "disabled by Linux with paranoid=3"},
         "up to version 7.2 also for root"},
        {{.failed = VIT_RUNG_COMPONENT, .code = -25, .detail = "disabled by Linux with paranoid=3"},
         "sysctl kernel.perf_event_paranoid=2"},
        {{.failed = VIT_RUNG_COMPONENT, .detail = "Error libpfm4 no default PMU found"},
         "does not know this processor"},
        {{.failed = VIT_RUNG_COMPONENT, .detail = "Error libpfm4 no default PMU found"}, "perf counts by the kernel's"},
        {{.failed = VIT_RUNG_COMPONENT, .detail = "not compiled in"}, "component is off: not compiled in"},
        {{.failed = VIT_RUNG_NAME, .code = -7}, "has no perf::CYCLES for this processor"},
    };
    stage.system.paranoid = 3;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        counter_script_papi = (struct counter_script){.line = &row[i].line, .n_line = 1};
        check_failure(finding_of("cycles", "PAPI"), row[i].line.failed, row[i].text);
    }
    counter_script_papi.library_missing = true;
    check_failure(finding_of("cycles", "PAPI"), VIT_RUNG_LIBRARY, "apt-get install libpapi");
}

static void test_counters_papi_comes_first_and_perf_takes_over(void **state)
{
    (void)state;
    static const struct counter_line papi[] = {{.event = L1, .step = LINES}, {.failed = VIT_RUNG_NAME}};
    static const struct counter_line perf[] = {{.step = LINES + LINES / 10}};
    SET_SCRIPT(counter_script_papi, papi);
    SET_SCRIPT(counter_script_perf, perf);
    const struct vit_counter_survey *survey = vit_counter_survey();
    const struct vit_counter_finding *f = vit_counter_chosen(survey, "measured_l1_fill_bytes");
    assert_ptr_equal(f->backend, &counter_scripted_papi);
    assert_close(f->calibration, 1, 1e-9);
    f = vit_counter_chosen(survey, "measured_llc_fill_bytes"); /* PAPI has no row for it */
    assert_ptr_equal(f->backend, &counter_scripted_perf);
    assert_string_equal(f->event, LLC);
    assert_close(f->calibration, 1.1, 0.001); /* whole lines */
    assert_int_equal(f->scope, VIT_SCOPE_CCX);
    assert_true(f->idle_per_s > 0);           /* the script counts while nobody works */
    f = vit_counter_chosen(survey, "cycles"); /* both of PAPI's names are unknown to it */
    assert_ptr_equal(f->backend, &counter_scripted_perf);
    assert_true(isnan(f->calibration));
    assert_non_null(strstr(survey->verdict, "measured: cycles, instructions, measured_l1_fill_bytes"));
}

static void test_counters_first_known_name_is_taken(void **state)
{
    (void)state;
    static const struct counter_line papi[] = {{.event = "PAPI_TOT_CYC", .failed = VIT_RUNG_NAME},
                                               {.event = "perf::CYCLES", .step = 3}};
    SET_SCRIPT(counter_script_papi, papi);
    const struct vit_counter_finding *f = finding_of("cycles", "PAPI");
    assert_true(f->usable);
    assert_string_equal(f->event, "perf::CYCLES");
}

static void test_counters_kernel_mode_is_given_up_before_the_event(void **state)
{
    (void)state;
    static const struct counter_line user[] = {{.event = "page-faults", .step = 3, .user_only = true},
                                               {.event = "context-switches", .step = 0, .user_only = true},
                                               {.failed = VIT_RUNG_NAME}};
    SET_SCRIPT(counter_script_perf, user);
    const struct vit_counter_finding *f = finding_of("page_faults", "perf");
    assert_true(f->usable);
    assert_false(f->kernel);
    check_failure(finding_of("context_switches", "perf"), VIT_RUNG_ADVANCE, "perf_event_paranoid=1");
}

/* --- the probe on the staged machine --- */

struct probed {
    struct probe_plan plan;
    struct vit_session session;
};

static void open_probe(struct probed *p, const char *name, int threads)
{
    vit_counter_set_stage(&stage);
    probe_plan_open(&p->plan, 4, 128, threads);
    assert_ok(vit_session_open(&p->session, &p->plan.plan, (const char *const[]){name}, 1));
}

static void close_probe(struct probed *p)
{
    vit_session_close(&p->session);
    probe_plan_close(&p->plan);
    assert_int_equal(counter_script_papi.opened, counter_script_papi.closed);
    assert_int_equal(counter_script_perf.opened, counter_script_perf.closed);
}

static int column_of(const struct probed *p, const char *name)
{
    int column = vit_schema_find(vit_session_schema(&p->session), name);
    if (column < 0)
        fail_msg("no column %s", name);
    return column;
}

static struct vit_cell cell_of(const struct probed *p, const char *name, int step)
{
    struct vit_cell cell[MAX_COLUMNS];
    vit_session_read(&p->session, step, cell);
    return cell[column_of(p, name)];
}

static struct vit_figure figure_of(const struct probed *p, const char *name)
{
    int own;
    const struct vit_probe *probe = vit_session_probe_of(&p->session, column_of(p, name), &own);
    return vit_probe_figure(probe, own);
}

static const struct counter_line steady[] = {
    {.event = "task-clock", .course = COURSE_CPU_PROCESS},
    {.event = "page-faults", .step = 3},
    {.event = L1, .step = LINES},
    {.event = DRAM_FILLS, .step = LINES / 4},
    {.event = DRAM_PREFETCHES, .step = LINES / 2},
    {.event = "PAPI_TOT_CYC", .step = 1000},
    {.event = "PAPI_TOT_INS", .step = 2000},
    {.failed = VIT_RUNG_NAME},
};

/* A sum of two events, bytes per count, and events that fit two at a time: three groups, each in its replay. */
static void test_counters_are_summed_scaled_and_grouped(void **state)
{
    (void)state;
    struct probed p;
    SET_SCRIPT(counter_script_papi, steady);
    SET_SCRIPT(counter_script_perf, steady);
    counter_script_papi.together = 2;
    open_probe(&p, "counters=cycles,instructions,measured_l1_fill_bytes,measured_dram_read_bytes,page_faults", 1);
    assert_int_equal(p.session.n_replay,
                     4); /* cycles instructions | l1 | the two of dram | page faults in the kernel */
    vit_session_run(&p.session, &p.plan.exec);
    for (int step = 0; step < PROBE_PLAN_STEPS; step++) {
        assert_int_equal(cell_of(&p, "cycles", step).i, 1000);
        assert_int_equal(cell_of(&p, "instructions", step).i, 2000);
        assert_int_equal(cell_of(&p, "measured_l1_fill_bytes", step).i, STREAM);
        assert_int_equal(cell_of(&p, "measured_dram_read_bytes", step).i, STREAM / 4 + STREAM / 2);
        assert_int_equal(cell_of(&p, "page_faults", step).i, 3);
        assert_true(cell_of(&p, "disturbed", step).present);
        assert_true(cell_of(&p, "counters_short", step).present);
    }
    struct vit_figure figure = figure_of(&p, "measured_dram_read_bytes");
    assert_int_equal(figure.tier, VIT_TIER_MEASURED);
    assert_close(figure.calibration, 0.75, 1e-9);
    assert_close(figure.run_fraction, 1, 0);
    assert_int_equal(figure.rejected, 0);
    assert_non_null(strstr(figure.source, "PAPI amd64_fam19h_zen3::"));
    close_probe(&p);
}

static void test_counters_that_took_turns_are_scaled_and_say_so(void **state)
{
    (void)state;
    static const struct counter_line line[] = {{.event = "task-clock", .course = COURSE_CPU_PROCESS},
                                               {.event = "cycles", .step = 1000}};
    struct probed p;
    SET_SCRIPT(counter_script_perf, line);
    counter_script_perf.share = 0.5;
    open_probe(&p, "counters=cycles", 1);
    vit_session_run(&p.session, &p.plan.exec);
    assert_int_equal(cell_of(&p, "cycles", 0).i, 2000);
    assert_close(figure_of(&p, "cycles").run_fraction, 0.5, 1e-6);
    close_probe(&p);
}

static void test_counters_groups_never_take_turns(void **state)
{
    (void)state;
    static const struct counter_line line[] = {{.event = "task-clock", .course = COURSE_CPU_PROCESS},
                                               {.event = "cycles", .step = 1000},
                                               {.event = "instructions", .step = 1000}};
    struct probed p;
    SET_SCRIPT(counter_script_perf, line);
    counter_script_perf.share = 0.5; /* of any set, so that no two events are put together */
    open_probe(&p, "counters=cycles,instructions", 1);
    assert_int_equal(p.session.n_replay, 2);
    close_probe(&p);
}

static void test_counters_drop_and_count_impossible_values(void **state)
{
    (void)state;
    static const struct counter_line line[] = {{.event = "task-clock", .course = COURSE_CPU_PROCESS},
                                               {.event = "cycles", .step = INT64_C(1) << 48},
                                               {.event = "instructions", .step = INT64_C(1) << 40}};
    struct probed p;
    SET_SCRIPT(counter_script_perf, line);
    open_probe(&p, "counters=cycles,instructions,task_clock_ns", 1);
    vit_session_run(&p.session, &p.plan.exec);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "cycles" : "instructions";
        assert_false(cell_of(&p, name, 1).present);
        assert_int_equal(figure_of(&p, name).rejected, PROBE_PLAN_STEPS);
        assert_non_null(strstr(vit_session_reason(&p.session, column_of(&p, name)), "every value was impossible"));
    }
    assert_true(cell_of(&p, "task_clock_ns", 1).present);
    close_probe(&p);
}

static void test_counters_drop_a_step_that_went_backwards(void **state)
{
    (void)state;
    struct probed p;
    SET_SCRIPT(counter_script_papi, steady);
    SET_SCRIPT(counter_script_perf, steady);
    open_probe(&p, "counters=cycles", 1);
    assert_ok(vit_session_attach(&p.session, &p.plan.exec, 0));
    const struct vit_observer *hooks = &p.session.observer;
    for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
        hooks->begin(hooks->self, &p.plan.plan.step[i]);
        usleep(10); /* long enough for the cycles of the script */
        counter_script_papi.jump = i == 2 ? 5000 : 0;
        hooks->end(hooks->self, &p.plan.plan.step[i]);
    }
    vit_session_detach(&p.session);
    assert_true(cell_of(&p, "cycles", 1).present);
    assert_false(cell_of(&p, "cycles", 2).present);
    assert_int_equal(figure_of(&p, "cycles").rejected, 1);
    assert_null(vit_session_reason(&p.session, column_of(&p, "cycles")));
    close_probe(&p);
}

/* --- threads --- */

static void test_counters_uncounted_threads_are_refused(void **state)
{
    (void)state;
    static const struct counter_line line[] = {{.event = "task-clock", .course = COURSE_CPU_THREAD},
                                               {.event = "cycles", .step = 1000}};
    struct probed p;
    SET_SCRIPT(counter_script_perf, line);
    open_probe(&p, "counters=cycles", 2);
    vit_session_run(&p.session, &p.plan.exec);
    for (int run = 0; run < 500 && !vit_session_reason(&p.session, 0); run++) /* until a worker got a share */
        vit_session_run(&p.session, &p.plan.exec);
    assert_non_null(vit_session_reason(&p.session, 0));
    assert_non_null(strstr(vit_session_reason(&p.session, 0), "% of the CPU time of this process was counted"));
    assert_false(cell_of(&p, "cycles", 0).present);
    close_probe(&p);
}

static void test_counters_thread_that_ended_is_left_out(void **state)
{
    (void)state;
    static const struct counter_line line[] = {{.event = "task-clock", .course = COURSE_CPU_PROCESS},
                                               {.event = "cycles", .step = 1000}};
    struct probed p;
    SET_SCRIPT(counter_script_perf, line);
    open_probe(&p, "counters=cycles", 1);
    struct vit_parallel *pool;
    assert_ok(vit_parallel_open(&pool, 3)); /* threads that are gone when they are to be opened */
    counter_script_perf.attach = ESRCH;
    vit_session_run(&p.session, &p.plan.exec);
    assert_null(vit_session_reason(&p.session, 0));
    assert_int_equal(cell_of(&p, "cycles", 0).i, 1000); /* of one thread */
    vit_parallel_close(pool);
    close_probe(&p);
}

static void test_counters_perf_replaces_a_papi_that_cannot_attach(void **state)
{
    (void)state;
    struct probed p;
    static const struct counter_line perf[] = {{.event = "task-clock", .course = COURSE_CPU_PROCESS},
                                               {.event = "cycles", .step = 1000}};
    SET_SCRIPT(counter_script_papi, steady);
    SET_SCRIPT(counter_script_perf, perf);
    counter_script_papi.attach = ENOENT;
    open_probe(&p, "counters=cycles,instructions", 2);
    vit_session_run(&p.session, &p.plan.exec);
    assert_non_null(strstr(figure_of(&p, "cycles").source, "perf cycles"));
    assert_int_equal(cell_of(&p, "cycles", 0).i, 1000 * vit_counter_tasks_now());
    assert_non_null(strstr(vit_session_reason(&p.session, 1), "cannot be counted for more than one thread"));
    close_probe(&p);
}

static atomic_bool stop_spinning;

static void *spin(void *unused)
{
    while (!atomic_load(&stop_spinning))
        ;
    return unused;
}

/* On this machine, through the kernel: a thread that starts after the others were attached to. */
static void test_counters_thread_that_appears_is_noticed(void **state)
{
    (void)state;
    struct vit_parallel *pool;
    struct vit_run_watch watch;
    pthread_t thread;
    if (!vit_counter_chosen(vit_counter_survey(), "task_clock_ns")) {
        skip(); /* another test prints why */
        return;
    }
    assert_ok(vit_parallel_open(&pool, 2));
    for (int late = 0; late < 2; late++) { /* one thread more, attached to, then not */
        struct vit_run_verdict verdict = {.cpu_ns = 0};
        atomic_store(&stop_spinning, false);
        if (!late)
            assert_int_equal(pthread_create(&thread, NULL, spin, NULL), 0);
        assert_ok(vit_run_watch_open(&watch));
        if (late)
            assert_int_equal(pthread_create(&thread, NULL, spin, NULL), 0);
        vit_run_watch_begin(&watch);
        while (verdict.cpu_ns < 20e6) /* most of it the spinning thread's: this one sleeps */
            usleep(5000), verdict = vit_run_watch_end(&watch);
        atomic_store(&stop_spinning, true);
        pthread_join(thread, NULL);
        vit_run_watch_close(&watch);
        print_message("counted %.1f %% of %.1f ms\n", 100 * verdict.counted_share, verdict.cpu_ns / 1e6);
        assert_int_equal(verdict.counted_share < VIT_COUNTED_SHARE, late);
    }
    vit_parallel_close(pool);
}

/* --- what is asked for --- */

static void test_counters_unknown_names_list_the_known(void **state)
{
    (void)state;
    struct probe_plan plan;
    struct vit_session session;
    probe_plan_open(&plan, 2, 8, 1);
    assert_fails(vit_session_open(&session, &plan.plan, (const char *const[]){"counters=cylces"}, 1), VIT_EINVAL,
                 "\"cylces\" is unknown; there are: task_clock_ns, page_faults, ");
    assert_fails(vit_session_open(&session, &plan.plan, (const char *const[]){"counters=cycles,,"}, 1), VIT_EINVAL,
                 "\"\" is unknown");
    assert_ok(vit_session_open(&session, &plan.plan, (const char *const[]){"counters=none"}, 1));
    assert_non_null(strstr(vit_session_reason(&session, 0), "none asked for"));
    vit_session_close(&session);
    probe_plan_close(&plan);
}

static void test_counters_raw_events_get_columns_of_their_own(void **state)
{
    (void)state;
    static const struct counter_line papi[] = {{.event = "PAPI_L1_DCM", .step = 7}, {.failed = VIT_RUNG_NAME}};
    static const struct counter_line perf[] = {{.event = "task-clock", .course = COURSE_CPU_PROCESS},
                                               {.event = "cpu/event=0x44,umask=0x48/", .step = 9},
                                               {.event = "r01b7", .failed = VIT_RUNG_ADD, .error = ENOENT},
                                               {.failed = VIT_RUNG_NAME}};
    struct probed p;
    SET_SCRIPT(counter_script_papi, papi);
    SET_SCRIPT(counter_script_perf, perf);
    open_probe(&p, "counters=PAPI_L1_DCM,cpu/event=0x44,umask=0x48/,perf::NONE,r01b7", 1);
    vit_session_run(&p.session, &p.plan.exec);
    assert_int_equal(cell_of(&p, "raw_papi_l1_dcm", 1).i, 7);
    assert_int_equal(cell_of(&p, "raw_cpu_event_0x44_umask_0x48", 1).i, 9);
    assert_true(isnan(figure_of(&p, "raw_papi_l1_dcm").calibration));
    assert_non_null(strstr(vit_session_reason(&p.session, column_of(&p, "raw_perf_none")), "has no perf::NONE"));
    assert_non_null(strstr(vit_session_reason(&p.session, column_of(&p, "raw_r01b7")), "no such event"));
    close_probe(&p);
}

/* --- this machine --- */

static void test_counters_every_event_is_usable_or_has_a_reason(void **state)
{
    (void)state;
    const struct vit_counter_survey *survey = vit_counter_survey();
    print_message("%s (%.3f s)\n", survey->verdict, survey->seconds);
    assert_in_range(survey->n, 1, VIT_MAX_FINDINGS);
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *f = &survey->finding[i];
        print_message("%s, %s: %s%s\n", f->column, f->backend->name, f->usable ? "usable" : "absent: ", f->reason);
        assert_int_equal(f->usable, f->failed == VIT_RUNG_NONE);
        assert_int_equal(f->usable, f->reason[0] == '\0');
        assert_true(!f->usable || f->counted > 0 || f->untested);
    }
}

/* Runs all replays with some threads; every column then has numbers in all steps, or a reason. */
static void check_columns(int threads)
{
    struct probe_plan p;
    struct vit_session session;
    probe_plan_open(&p, 4, 128, threads);
    assert_ok(vit_session_open(&session, &p.plan, (const char *const[]){"counters"}, 1));
    vit_session_run(&session, &p.exec);
    int n = vit_session_schema(&session)->n_columns;
    assert_in_range(n, 1, MAX_COLUMNS);
    if (vit_counter_chosen(vit_counter_survey(), "task_clock_ns"))
        assert_null(vit_session_reason(&session, vit_schema_find(vit_session_schema(&session), "task_clock_ns")));
    print_message("%d threads: %.0f ns for a pair\n", threads, session.probe[0].pair_ns);
    for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
        struct vit_cell cell[MAX_COLUMNS];
        vit_session_read(&session, i, cell);
        for (int c = 0; c < n; c++) {
            const char *reason = vit_session_reason(&session, c);
            if (cell[c].present != (reason == NULL))
                fail_msg("%s, step %d: %s", vit_session_schema(&session)->column[c].name, i,
                         reason ? reason : "no number and no reason");
            assert_true(!cell[c].present || cell[c].i >= 0);
        }
    }
    vit_session_close(&session);
    probe_plan_close(&p);
}

static void test_counters_columns_have_numbers_or_a_reason(void **state)
{
    (void)state;
    check_columns(1);
}

static void test_counters_columns_have_numbers_or_a_reason_with_a_pool(void **state)
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
    assert_ok(vit_session_open(&session, &p.plan, (const char *const[]){"counters=instructions"}, 1));
    vit_session_run(&session, &p.exec);
    int column = vit_schema_find(vit_session_schema(&session), "instructions");
    if (!vit_session_reason(&session, column)) {
        sum = 0;
        for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
            struct vit_cell cell[MAX_COLUMNS];
            vit_session_read(&session, i, cell);
            sum += cell[column].i;
        }
    }
    vit_session_close(&session);
    probe_plan_close(&p);
    return sum;
}

static void test_counters_count_the_threads_of_the_pool(void **state)
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
    const struct vit_counter_survey *survey = vit_counter_survey();
    int wrong = vit_papi_version()[0] != '\0', seen = 0;
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *f = &survey->finding[i];
        if (f->backend != &vit_counter_papi)
            continue;
        seen++;
        wrong += f->usable || f->failed != VIT_RUNG_LIBRARY || !strstr(f->reason, "libpapi is not installed") ||
                 !strstr(f->cure, "apt-get install libpapi");
    }
    return seen == 0 || wrong != 0;
}

static void test_counters_without_libpapi_name_the_package_to_install(void **state)
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
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_stage, clear_stage)
    const struct CMUnitTest tests[] = {
        STAGED(test_counters_each_failure_has_its_rung_and_words),
        STAGED(test_counters_permission_is_told_by_level_and_scope),
        STAGED(test_counters_missing_pmu_of_a_guest),
        STAGED(test_counters_papi_says_why_it_is_off),
        STAGED(test_counters_papi_comes_first_and_perf_takes_over),
        STAGED(test_counters_first_known_name_is_taken),
        STAGED(test_counters_kernel_mode_is_given_up_before_the_event),
        STAGED(test_counters_are_summed_scaled_and_grouped),
        STAGED(test_counters_that_took_turns_are_scaled_and_say_so),
        STAGED(test_counters_groups_never_take_turns),
        STAGED(test_counters_drop_and_count_impossible_values),
        STAGED(test_counters_drop_a_step_that_went_backwards),
        STAGED(test_counters_uncounted_threads_are_refused),
        STAGED(test_counters_thread_that_ended_is_left_out),
        STAGED(test_counters_perf_replaces_a_papi_that_cannot_attach),
        STAGED(test_counters_unknown_names_list_the_known),
        STAGED(test_counters_raw_events_get_columns_of_their_own),
        cmocka_unit_test(test_counters_thread_that_appears_is_noticed),
        cmocka_unit_test(test_counters_every_event_is_usable_or_has_a_reason),
        cmocka_unit_test(test_counters_without_libpapi_name_the_package_to_install),
        cmocka_unit_test(test_counters_columns_have_numbers_or_a_reason),
        cmocka_unit_test(test_counters_columns_have_numbers_or_a_reason_with_a_pool),
        cmocka_unit_test(test_counters_count_the_threads_of_the_pool),
    };
    return cmocka_run_group_tests_name("probes_counters", tests, NULL, NULL);
}
