/* SPDX-License-Identifier: MIT */
/* What counters do when they cannot be trusted, on machines that have none: vitscope, and this program, run under
 * tests/support/fake_pmu.c on two made-up processors: one whose events PAPI knows, one that only the kernel's names
 * reach. */
#include "tests/support/test.h"

#include "probes/session.h"
#include "tests/support/file_tree.h"
#include "tests/support/probe_plan.h"
#include "tests/support/program.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what this program does when it is started with a mode --- */

static int open_cycles(int group)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_HW_CPU_CYCLES,
                                   .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
                                   .exclude_kernel = 1};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, 0UL);
}

static void work(void)
{
    volatile double sum = 0;
    for (int i = 0; i < 1000000; i++)
        sum = sum + i;
}

/* One event: its errno; then how it moves, and the errno of a second one in its group. */
static int raw_mode(void)
{
    uint64_t before[3] = {0}, after[3] = {0};
    int one = open_cycles(-1);
    printf("open %d ", one < 0 ? errno : 0);
    if (one < 0)
        return 0;
    bool ok = read(one, before, sizeof before) == sizeof before;
    work();
    ok = ok && read(one, after, sizeof after) == sizeof after;
    int64_t moved = (int64_t)(after[0] - before[0]);
    printf("read %s moved %s by %lld share %.2f ", ok ? "ok" : "failed",
           moved > 0   ? "up"
           : moved < 0 ? "down"
                       : "not",
           (long long)moved, (double)after[2] / (double)after[1]);
    int two = open_cycles(one);
    printf("group %d\n", two < 0 ? errno : 0);
    close(one);
    return 0;
}

static atomic_bool stop;

static void *spin(void *unused)
{
    while (!atomic_load(&stop))
        ;
    return unused;
}

static void *sleep_long(void *unused)
{
    while (!atomic_load(&stop))
        usleep(1000);
    return unused;
}

static void print_columns(const struct vit_session *session)
{
    const struct vit_schema *schema = vit_session_schema(session);
    printf("replays %d\n", session->n_replay);
    for (int i = 0; i < schema->n_columns; i++) {
        struct vit_cell cell[64];
        int own;
        const char *reason = vit_session_reason(session, i);
        const struct vit_probe *probe = vit_session_probe_of(session, i, &own);
        struct vit_figure figure = vit_probe_figure(probe, own);
        vit_session_read(session, PROBE_PLAN_STEPS - 1, cell);
        printf("%s %s run_fraction %.2f rejected %lld: %s\n", schema->column[i].name,
               cell[i].present ? "counted" : "absent", figure.run_fraction, (long long)figure.rejected,
               reason ? reason : "");
    }
}

/* Runs the probe: some times, or for as long as it believes what it counted. A thread called "sleeper" lives meanwhile;
 * pool: with two threads, of which one is called "worker"; late: a thread that works starts when the counters are
 * attached. */
static int session_mode(bool pool, bool late)
{
    const int runs = pool || late ? 5000 : 10;
    struct probe_plan p;
    struct vit_session session;
    pthread_t sleeper, worker;
    pthread_setname_np(pthread_self(), pool ? "worker" : "main"); /* which threads of the pool inherit */
    probe_plan_open(&p, 8, 128, pool ? 2 : 1);
    pthread_setname_np(pthread_self(), "main");
    if (pthread_create(&sleeper, NULL, sleep_long, NULL) != 0 || pthread_setname_np(sleeper, "sleeper") != 0)
        return 1;
    if (vit_session_open(&session, &p.plan, (const char *const[]){"counters"}, 1) != VIT_OK)
        return 1;
    bool started = false;
    for (int r = 0; r < session.n_replay; r++) {
        if (vit_session_attach(&session, &p.exec, r) != VIT_OK)
            continue;
        if (late && !started)
            started = pthread_create(&worker, NULL, spin, NULL) == 0;
        for (int i = 0; i < runs && (i == 0 || !vit_session_reason(&session, 0)); i++)
            vit_exec_run(&p.exec);
        vit_session_detach(&session);
    }
    print_columns(&session);
    atomic_store(&stop, true);
    pthread_join(sleeper, NULL);
    if (started)
        pthread_join(worker, NULL);
    vit_session_close(&session);
    probe_plan_close(&p);
    return 0;
}

static int run_mode(const char *mode)
{
    if (strcmp(mode, "raw") == 0)
        return raw_mode();
    return session_mode(strcmp(mode, "pool") == 0, strcmp(mode, "late") == 0);
}

/* --- made-up processors --- */

/* Four times the last cache that children see. */
#define LAST_CACHE "1048576"
enum { STREAM_BYTES = 4 * 1048576 };

static char self[4096], papi_root[FILE_TREE_PATH], perf_root[FILE_TREE_PATH];

static int make_processors(void **state)
{
    /* Zen 3, in the tables of PAPI 7.0, and Zen 5, which is not: its PMU is found in sysfs. */
    static const struct file_text zen3[] = {
        {"proc/cpuinfo", "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nflags\t\t: fpu\n"},
        {"proc/sys/kernel/perf_event_paranoid", "2\n"},
        {"sys/bus/event_source/devices/software/type", "1\n"},
    };
    static const struct file_text zen5[] = {
        {"proc/cpuinfo", "vendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nflags\t\t: fpu\n"},
        {"proc/sys/kernel/perf_event_paranoid", "2\n"},
        {"sys/bus/event_source/devices/cpu/type", "4\n"},
        {"sys/bus/event_source/devices/cpu/format/event", "config:0-7,32-35\n"},
        {"sys/bus/event_source/devices/cpu/format/umask", "config:8-15\n"},
    };
    file_tree_open(papi_root, zen3, sizeof zen3 / sizeof zen3[0]);
    file_tree_open(perf_root, zen5, sizeof zen5 / sizeof zen5[0]);
    return program_make_folder(state);
}

static int remove_processors(void **state)
{
    file_tree_close(papi_root);
    file_tree_close(perf_root);
    return program_remove_folder(state);
}

enum backend { PERF, PAPI };

/* Puts children of this program under the script, on the processor of one backend; NULL: no longer. */
static void set_fake(const char *script, enum backend backend)
{
    char library[4200];
    static const char *const name[] = {"FAKE_PMU",   "FAKE_PMU_ROOT",    "FAKE_PMU_L3",
                                       "LD_PRELOAD", "LIBPFM_FORCE_PMU", "ASAN_OPTIONS"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        unsetenv(name[i]);
    if (!script)
        return;
    snprintf(library, sizeof library, "%.*s/fake_pmu.so", (int)(strrchr(self, '/') - self), self);
    setenv("FAKE_PMU", script, 1);
    setenv("FAKE_PMU_ROOT", backend == PAPI ? papi_root : perf_root, 1);
    setenv("FAKE_PMU_L3", LAST_CACHE, 1);
    setenv("LIBPFM_FORCE_PMU", backend == PAPI ? "amd64_fam19h_zen3" : "none", 1);
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1); /* it need not be the first library here */
    setenv("LD_PRELOAD", library, 1);
}

static struct program_run run;

/* What this program says when started with a mode. */
static void run_self(const char *script, enum backend backend, const char *mode)
{
    char command[4200];
    set_fake(script, backend);
    snprintf(command, sizeof command, "'%s' %s 2>&1", self, mode);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    run.output[fread(run.output, 1, sizeof run.output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    set_fake(NULL, backend);
    run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (run.exit_code != 0)
        fail_msg("%s under \"%s\": exit %d: %s", mode, script, run.exit_code, run.output);
}

/* The events that vitscope tried, and what it says of them. */
static void list_counters(const char *script, enum backend backend)
{
    set_fake(script, backend);
    program_start(&run, "doctor --counters list --format csv");
    set_fake(NULL, backend);
    if (run.exit_code != 0)
        fail_msg("doctor under \"%s\": exit %d: %s", script, run.exit_code, run.error);
}

/* The line of run.output that begins with the text and contains the other one; fails where there is none. */
static const char *line_of(const char *begin, const char *contains)
{
    static char line[2048];
    for (const char *p = run.output; *p; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n')) {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(p, "\n"), p);
        if (strncmp(line, begin, strlen(begin)) == 0 && strstr(line, contains))
            return line;
    }
    fail_msg("no line %s ... %s in:\n%s", begin, contains, run.output);
    return "";
}

#define assert_line(begin, contains, want)                        \
    do {                                                          \
        const char *line_ = line_of((begin), (contains));         \
        if (!strstr(line_, (want)))                               \
            fail_msg("no \"%s\" in the line: %s", (want), line_); \
    } while (0)

/* Skips where PAPI is not installed, or its tables have no x86. */
static void need(enum backend backend)
{
    if (backend == PERF)
        return;
    list_counters("*=task-clock", PAPI);
    if (strstr(line_of("\"cycles\"", "\"PAPI\""), "\"none\""))
        return;
    print_message("PAPI cannot be made to believe in a processor here: %s\n", line_of("\"cycles\"", "\"PAPI\""));
    skip();
}

/* Every event counts as much as the stream that calibrates has lines, those that are added to others nothing; short
 * work counts 256 bytes a nanosecond. */
static const char *good_script(void)
{
    static char script[128];
    snprintf(script, sizeof script, "4:0x1f71=dummy;4:0x1f72=dummy;*=dummy+ticks:%d+rate:4", STREAM_BYTES / 64);
    return script;
}

/* --- tests --- */

static void test_fake_pmu_itself_does_as_its_script_says(void **state)
{
    (void)state;
    static const char *const row[][2] = {
        {"*=task-clock", "open 0 read ok moved up"},
        {"*=task-clock", "share 1.00 group 0"},
        {"0:0=task-clock;*=ENOENT", "open 0 "},
        {"0:1=task-clock;*=ENOENT", "open 2 "},
        {"0:*=EACCES", "open 13 "},
        {"*=dummy", "moved not"},
        {"*=task-clock+backwards", "moved down"},
        {"*=dummy+ticks:1000", "up by 1000 "},
        {"*=dummy+ticks:1000+backwards", "down by -1000 "},
        {"*=dummy+ticks:1e15+rate:0.001", "moved up"},
        {"*=task-clock+share:0.25", "share 0.25"},
        {"*=task-clock+most:1", "group 22"}, /* EINVAL, as the kernel says of a group too large */
        {"*@others=EPERM;*=task-clock", "open 0 "},
        {"*@nobody=EPERM;*=task-clock", "open 0 "},
        {"*@test_probes_fak=EPERM", "open 1 "}, /* names of threads have 15 characters */
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_self(row[i][0], PERF, "raw");
        if (!strstr(run.output, row[i][1]))
            fail_msg("under \"%s\" no \"%s\" in: %s", row[i][0], row[i][1], run.output);
    }
}

/* Columns whose events each run spoils in another way, and the codes of their first event with each backend. */
static const struct {
    const char *column, *code[2];
} spoilt[] = {
    {"cycles", {"0:0", "4:0x76"}},
    {"instructions", {"0:1", "4:0xc0"}},
    {"measured_l1_fill_bytes", {"4:0xff44", "4:0x5f44"}},
    {"measured_l2_fill_bytes", {"4:0x0864", "4:0x0864"}},
    {"measured_dram_read_bytes", {"4:0x4844", "4:0x4844"}},
};
enum { N_SPOILT = sizeof spoilt / sizeof spoilt[0] };

/* What stops an event, where, and the sentence and cure for it; '|' between sentences that depend on user and machine.
 * Row i is of column i % N_SPOILT. */
static const struct {
    const char *action, *rung, *reason, *cure;
} failure[] = {
    {"ENOENT", "add", "no such event on this processor|exposes no CPU counters", ""},
    {"EACCES", "add", "perf_event_open is blocked|not permitted: needs kernel.perf_event_paranoid",
     "cap-add PERFMON|sysctl kernel.perf_event_paranoid="},
    {"EPERM", "add", "perf_event_open is blocked|not permitted: needs kernel.perf_event_paranoid",
     "cap-add PERFMON|sysctl kernel.perf_event_paranoid="},
    {"ENOSYS", "add", "no perf_event_open", "run outside the sandbox"},
    {"EBUSY", "add", "in use by another tool", "nmi_watchdog"},
    {"EMFILE", "add", "too many open files", "ulimit -n"},
    {"dummy", "advance", "opens but never counts", ""},
    {"task-clock+backwards", "advance", "opens but runs backwards", ""},
    {"dummy+ticks:1e3", "calibrate", "for a stream of", ""}, /* too few bytes */
    {"dummy+ticks:1e9", "calibrate", "for a stream of", ""}, /* too many */
};

static void assert_either(const char *line, const char *alternatives, const char *script)
{
    char word[128];
    for (const char *p = alternatives; *p; p += strcspn(p, "|") + (p[strcspn(p, "|")] == '|')) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(p, "|"), p);
        if (strstr(line, word))
            return;
    }
    if (*alternatives)
        fail_msg("under \"%s\" no \"%s\" in: %s", script, alternatives, line);
}

static void check_failure(size_t i, enum backend backend, const char *script)
{
    char rung[64], column[64];
    const char *name = backend == PAPI ? "\"PAPI\"" : "\"perf\"";
    snprintf(column, sizeof column, "\"%s\"", spoilt[i % N_SPOILT].column);
    snprintf(rung, sizeof rung, "%s,\"%s\",", name, failure[i].rung);
    const char *line = line_of(column, name);
    assert_either(line, rung, script);
    assert_either(line, "\"threads\",\"no\",", script);
    assert_either(line, failure[i].reason, script);
    assert_either(line, failure[i].cure, script);
}

static void check_failures(enum backend backend)
{
    enum { N = sizeof failure / sizeof failure[0] };
    need(backend);
    for (size_t first = 0; first < N; first += N_SPOILT) {
        char script[1024] = "";
        size_t used = 0;
        for (size_t i = 0; i < N_SPOILT; i++)
            used += (size_t)snprintf(script + used, sizeof script - used, "%s=%s;", spoilt[i].code[backend],
                                     failure[first + i].action);
        snprintf(script + used, sizeof script - used, "%s", good_script());
        list_counters(script, backend);
        for (size_t i = 0; i < N_SPOILT; i++)
            check_failure(first + i, backend, script);
    }
}

static void test_fake_pmu_failures_have_rung_reason_and_cure_with_perf(void **state)
{
    (void)state;
    check_failures(PERF);
}

static void test_fake_pmu_failures_have_rung_reason_and_cure_with_papi(void **state)
{
    (void)state;
    check_failures(PAPI);
}

static void test_fake_pmu_paranoid_3_switches_papi_off_and_says_so(void **state)
{
    (void)state;
    need(PAPI);
    file_tree_write(papi_root, "proc/sys/kernel/perf_event_paranoid", "3\n");
    list_counters(good_script(), PAPI);
    file_tree_write(papi_root, "proc/sys/kernel/perf_event_paranoid", "2\n");
    assert_line("\"cycles\"", "\"PAPI\"", "kernel.perf_event_paranoid=3, and PAPI refuses that");
    assert_line("\"cycles\"", "\"PAPI\"", "sysctl kernel.perf_event_paranoid=2");
}

static void test_fake_pmu_nothing_opens_and_all_else_goes_on(void **state)
{
    (void)state;
    set_fake("all=ENOSYS", PERF);
    program_start(&run,
                  "profile efficientvit_m0 --probes traffic,counters --warmup 0 --min-time 0 --repeat 1 --out "
                  "'%s/none'",
                  program_folder);
    set_fake(NULL, PERF);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "n/a"));
    assert_non_null(strstr(run.output, "no perf_event_open"));
}

/* Reads a file of the run folder into run.output. */
static void read_result(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", program_folder, folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    run.output[fread(run.output, 1, sizeof run.output - 1, file)] = '\0';
    fclose(file);
}

/* Field number n (from 0) of the second line of CSV; fields before it have no commas inside. */
static void field_of(char *text, size_t size, const char *column)
{
    int n = 0;
    const char *p = run.output, *line = strchr(run.output, '\n') + 1;
    for (; strncmp(p, column, strlen(column)) != 0 || !strchr(",\n", p[strlen(column)]); n++) {
        p = strchr(p, ',');
        assert_non_null(p);
        p++;
    }
    while (n-- > 0)
        line = strchr(line, ',') + 1;
    snprintf(text, size, "%.*s", (int)strcspn(line, ",\n"), line);
}

static void check_profile(enum backend backend, const char *source)
{
    static const char *const column[] = {"cycles", "measured_l1_fill_bytes", "measured_l2_fill_bytes",
                                         "measured_dram_read_bytes"};
    char text[64], want[64];
    need(backend);
    set_fake(good_script(), backend);
    program_start(&run, "profile efficientvit_m0 --traffic measured --warmup 0 --min-time 0 --repeat 1 --out '%s/good'",
                  program_folder);
    set_fake(NULL, backend);
    if (run.exit_code != 0)
        fail_msg("exit %d: %s", run.exit_code, run.error);
    read_result("good", "operators.csv");
    for (size_t i = 0; i < sizeof column / sizeof column[0]; i++) {
        field_of(text, sizeof text, column[i]);
        if (!(strtod(text, NULL) > 0))
            fail_msg("%s is \"%s\" in the first operator", column[i], text);
    }
    field_of(text, sizeof text, "measured_bus_read_bytes"); /* AMD has no such event */
    assert_string_equal(text, "");
    read_result("good", "sources.csv");
    for (size_t i = 1; i < sizeof column / sizeof column[0]; i++) {
        snprintf(want, sizeof want, "\"%s\"", column[i]);
        assert_line(want, "\"measured\",\"threads\"", source);
        assert_line(want, "", "\",1,1,"); /* calibration exactly 1, run fraction 1 */
    }
}

static void test_fake_pmu_profile_counts_with_perf(void **state)
{
    (void)state;
    check_profile(PERF, "perf cpu/event=");
}

static void test_fake_pmu_profile_counts_with_papi(void **state)
{
    (void)state;
    check_profile(PAPI, "PAPI amd64_fam19h_zen3::");
}

static int replays(enum backend backend, const char *most)
{
    char script[160];
    snprintf(script, sizeof script, "%s%s", good_script(), most);
    run_self(script, backend, "one");
    assert_line("cycles", "", "counted");
    assert_line("instructions", "", "counted");
    assert_line("measured_l1_fill_bytes", "", "counted");
    return (int)strtol(line_of("replays ", "") + 8, NULL, 10);
}

static void check_replays(enum backend backend)
{
    need(backend);
    int all = replays(backend, ""), few = replays(backend, "+most:2");
    if (few <= all)
        fail_msg("%d replays where all events fit together, %d where two do", all, few);
}

static void test_fake_pmu_events_that_do_not_fit_get_replays_with_perf(void **state)
{
    (void)state;
    check_replays(PERF);
}

static void test_fake_pmu_events_that_do_not_fit_get_replays_with_papi(void **state)
{
    (void)state;
    check_replays(PAPI);
}

static void test_fake_pmu_multiplexed_values_say_so(void **state)
{
    (void)state;
    run_self("*=task-clock+share:0.5", PERF, "one");
    assert_line("cycles", "", "counted run_fraction 0.50");
    assert_line("task_clock_ns", "", "counted run_fraction 1.00");
}

static void test_fake_pmu_impossible_values_are_dropped_and_counted(void **state)
{
    (void)state;
    run_self("*=dummy+ticks:1e13", PERF, "one");
    assert_line("cycles", "", "absent");
    assert_line("cycles", "", "every value was impossible");
    assert_null(strstr(line_of("cycles", ""), "rejected 0"));
}

static void check_vanishing_thread(enum backend backend)
{
    char script[160];
    need(backend);
    snprintf(script, sizeof script, "all@sleeper=ESRCH;%s", good_script());
    run_self(script, backend, "one");
    assert_line("cycles", "", "counted");
    assert_line("task_clock_ns", "", "counted");
}

static void test_fake_pmu_a_thread_that_vanishes_is_left_out_with_perf(void **state)
{
    (void)state;
    check_vanishing_thread(PERF);
}

static void test_fake_pmu_a_thread_that_vanishes_is_left_out_with_papi(void **state)
{
    (void)state;
    check_vanishing_thread(PAPI);
}

static void test_fake_pmu_uncounted_workers_are_found_out(void **state)
{
    (void)state;
    char script[160];
    snprintf(script, sizeof script, "all@worker=ESRCH;%s", good_script());
    run_self(script, PERF, "pool");
    assert_line("cycles", "", "absent");
    assert_line("cycles", "", "of the CPU time of this process was counted");
}

static void test_fake_pmu_a_thread_that_appears_is_found_out(void **state)
{
    (void)state;
    run_self(good_script(), PERF, "late");
    assert_line("cycles", "", "absent");
    assert_line("cycles", "", "of the CPU time of this process was counted");
}

static void test_fake_pmu_doctor_tells_what_it_found(void **state)
{
    (void)state;
    set_fake(good_script(), PERF);
    program_start(&run, "doctor");
    set_fake(NULL, PERF);
    assert_int_equal(run.exit_code, 0);
    assert_line("l1_fill", "works", "perf cpu/event=0x44,umask=0xff/");
    assert_line("measured", "works", "cycles");
    assert_non_null(strstr(run.output, "counted 1.00 of"));
}

int main(int argc, char **argv)
{
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return 1;
    self[length] = '\0';
    if (argc > 1)
        return run_mode(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fake_pmu_itself_does_as_its_script_says),
        cmocka_unit_test(test_fake_pmu_failures_have_rung_reason_and_cure_with_perf),
        cmocka_unit_test(test_fake_pmu_failures_have_rung_reason_and_cure_with_papi),
        cmocka_unit_test(test_fake_pmu_paranoid_3_switches_papi_off_and_says_so),
        cmocka_unit_test(test_fake_pmu_nothing_opens_and_all_else_goes_on),
        cmocka_unit_test(test_fake_pmu_profile_counts_with_perf),
        cmocka_unit_test(test_fake_pmu_profile_counts_with_papi),
        cmocka_unit_test(test_fake_pmu_events_that_do_not_fit_get_replays_with_perf),
        cmocka_unit_test(test_fake_pmu_events_that_do_not_fit_get_replays_with_papi),
        cmocka_unit_test(test_fake_pmu_multiplexed_values_say_so),
        cmocka_unit_test(test_fake_pmu_impossible_values_are_dropped_and_counted),
        cmocka_unit_test(test_fake_pmu_a_thread_that_vanishes_is_left_out_with_perf),
        cmocka_unit_test(test_fake_pmu_a_thread_that_vanishes_is_left_out_with_papi),
        cmocka_unit_test(test_fake_pmu_uncounted_workers_are_found_out),
        cmocka_unit_test(test_fake_pmu_a_thread_that_appears_is_found_out),
        cmocka_unit_test(test_fake_pmu_doctor_tells_what_it_found),
    };
    return cmocka_run_group_tests_name("probes_fake_pmu", tests, make_processors, remove_processors);
}
