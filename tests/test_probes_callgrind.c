/* SPDX-License-Identifier: MIT */
/* Callgrind: dumps as they are read, and a child that does what it should not, played by a script called valgrind. */
#include "tests/support/test.h"

#include "probes/callgrind_dump.h"
#include "probes/session.h"
#include "tests/support/probe_plan.h"
#include "tests/support/program.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HEAD "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 1\n"
#define TRIGGER "desc: Trigger: Client Request: cold 3 blocks.0.mlp\n"
#define EVENTS "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n"

static void test_dump_gives_sums_and_trigger(void **state)
{
    (void)state;
    struct vit_callgrind_dump dump;
    program_write("dump", HEAD TRIGGER "\npositions: line\n" EVENTS "summary: 1000 200 100 7 50 20 7 5 1\n\n"
                                       "fl=(1) a.c\nfn=(1) f\n6 1000 200 100 7 50 20 7 5 1\n\ntotals: 1000 200 100\n");
    assert_ok(vit_callgrind_dump_read(&dump, program_path("dump")));
    assert_string_equal(dump.creator, "callgrind-3.19.0");
    assert_string_equal(dump.trigger, "cold 3 blocks.0.mlp");
    assert_int_equal(dump.instructions, 1000);
    assert_int_equal(dump.d1_misses, 70);
    assert_int_equal(dump.ll_misses, 6);
}

static void test_dump_takes_zeroes_left_out_and_events_in_any_order(void **state)
{
    (void)state;
    struct vit_callgrind_dump dump;
    program_write("dump", HEAD TRIGGER "events: DLmw DLmr Bc D1mw D1mr Ir\nsummary: 4 3 9 2\ntotals: 4 3 9 2\n");
    assert_ok(vit_callgrind_dump_read(&dump, program_path("dump")));
    assert_int_equal(dump.instructions, 0);
    assert_int_equal(dump.d1_misses, 2);
    assert_int_equal(dump.ll_misses, 7);
}

static void test_dump_refuses_what_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } row[] = {
        {"", "cut short"},
        {HEAD TRIGGER EVENTS "summary: 1000 200 100 7 50 20 7 5 1\nfn=(1) f\n6 10", "cut short: is its disk full?"},
        {HEAD "desc: Trigger: Program termination\n" EVENTS "summary: 1 2 3 4 5 6 7 8 9\ntotals: 1\n",
         "that no client request asked for"},
        {HEAD TRIGGER "events: Ir\nsummary: 1\ntotals: 1\n", "without the sum of event D1mr"},
        {HEAD TRIGGER EVENTS "totals: 1\n", "without the sum of event Ir"},
        {HEAD TRIGGER EVENTS "summary: 1 2 x\ntotals: 1\n", "is no list of counts"},
        {HEAD TRIGGER EVENTS "summary: 1 -2\ntotals: 1\n", "is no list of counts"},
        {HEAD TRIGGER EVENTS "summary: 18446744073709551615\ntotals: 1\n", "is no list of counts"},
    };
    struct vit_callgrind_dump dump;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        program_write("dump", row[i].text);
        assert_fails(vit_callgrind_dump_read(&dump, program_path("dump")), VIT_EFORMAT, row[i].message);
    }
    assert_fails(vit_callgrind_dump_read(&dump, program_path("nowhere")), VIT_EIO, "nowhere: No such file");
}

/* --- the probe, and a script in the place of valgrind --- */

static struct probe_plan plan;
static struct vit_session session;
static const char *search_path;

/* Defines mark, and dump NUMBER LABEL IR D1 LL; $out is what callgrind would write to. */
static const char prelude[] =
    "#!/bin/sh\n"
    "[ \"$1\" = --version ] && echo valgrind-3.19.0 && exit\n"
    "for word; do case $word in --callgrind-out-file=*) out=${word#*=};; esac; done\n"
    "mark() { echo \"@$1\"; }\n"
    "dump() { printf 'creator: callgrind-3.19.0\\ndesc: Trigger: Client Request: %s\\nevents: Ir D1mr D1mw DLmr DLmw\\n"
    "summary: %d %d 1 %d\\ntotals: 1\\n' \"$2\" $3 $4 $5 >\"$out.$1\"; mark; }\n"
    "warm() { mark; mark; mark; mark; }\n"
    "pass() { dump $(($2 + 1)) \"$1 0 a\" 10 $3 1; dump $(($2 + 2)) \"$1 1 b\" 20 $3 2;\n"
    "         dump $(($2 + 3)) \"$1 2 c\" 30 $3 3; dump $(($2 + 4)) \"$1 3 logits\" 40 $3 4; }\n";

static void play(const char *script)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s\n", prelude, script);
    program_write("bin/valgrind", text);
    assert_int_equal(chmod(program_path("bin/valgrind"), 0755), 0);
}

static const char argument[] = "callgrind=L1=48K,12 L2=1M,16 L3=33M,11\nchild-command\na model\n--batch=1";

static void compute_with(const char *script)
{
    const char *const name[] = {argument};
    play(script);
    assert_ok(vit_session_open(&session, &plan.plan, name, 1));
    vit_session_compute(&session, &plan.exec, NULL);
}

static int open_all(void **state)
{
    if (program_make_folder(state) != 0 || mkdir(program_path("bin"), 0700) != 0 ||
        mkdir(program_path("tmp"), 0700) != 0)
        return -1;
    search_path = strdup(getenv("PATH"));
    char path[4096];
    snprintf(path, sizeof path, "%s:%s", program_path("bin"), search_path);
    probe_plan_open(&plan, 1, 4, 1);
    return setenv("PATH", path, 1) || setenv("TMPDIR", program_path("tmp"), 1);
}

static int close_all(void **state)
{
    probe_plan_close(&plan);
    free((void *)(uintptr_t)search_path);
    return program_remove_folder(state);
}

static int entries(const char *folder)
{
    int n = -2; /* . and .. */
    DIR *list = opendir(folder);
    assert_non_null(list);
    while (readdir(list))
        n++;
    closedir(list);
    return n;
}

static int close_session(void **state)
{
    (void)state;
    vit_session_close(&session);
    return entries(program_path("tmp")) == 0 ? 0 : -1;
}

static void test_callgrind_gives_each_step_its_counts(void **state)
{
    (void)state;
    compute_with("mark 'kernels v3'; warm; pass chained 0 5; pass cold 4 9");
    struct vit_cell cell[5];
    if (session.probe[0].absent)
        fail_msg("%s", session.probe[0].reason);
    for (int step = 0; step < 4; step++) {
        const int64_t want[5] = {(9 + 1) * 64, (step + 1) * 64, (5 + 1) * 64, (step + 1) * 64, (step + 1) * 10};
        vit_session_read(&session, step, cell);
        for (int i = 0; i < 5; i++) {
            assert_true(cell[i].present);
            assert_int_equal(cell[i].i, want[i]);
        }
    }
    struct vit_figure figure = vit_probe_figure(&session.probe[0], 0);
    assert_int_equal(figure.tier, VIT_TIER_SIMULATED);
    assert_string_equal(figure.source, "callgrind-3.19.0, LRU L1=48K,12 L3=33M,33, 1 thread; kernels v3");
}

static void test_callgrind_passes_geometry_and_command(void **state)
{
    (void)state;
    setenv("VALGRIND_OPTS", "--cache-sim=no", 1);
    setenv("OPENBLAS_NUM_THREADS", "7", 1);
    compute_with("printf '%s\\n' \"$@\" >\"${TMPDIR}/../words\"; env >\"${TMPDIR}/../env\"; exit 1");
    unsetenv("VALGRIND_OPTS");
    unsetenv("OPENBLAS_NUM_THREADS");
    static const char *const word[] = {"--tool=callgrind",        "--cache-sim=yes", "--instr-atstart=no",
                                       "--D1=49152,12,64",        "child-command",   "a model",
                                       "--LL=34603008,33,64",     "--batch=1",       "--callgrind-out-file=.*/dump",
                                       ".*/test_probes_callgrind"};
    char command[512];
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
        snprintf(command, sizeof command, "grep -qx -e '%s' '%s'", word[i], program_path("words"));
        if (system(command) != 0)
            fail_msg("valgrind was not given %s", word[i]);
    }
    snprintf(command, sizeof command, "! grep -q VALGRIND_OPTS '%s' && grep -qx OPENBLAS_NUM_THREADS=1 '%s'",
             program_path("env"), program_path("env"));
    assert_int_equal(system(command), 0);
}

static void test_callgrind_tells_what_went_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *script, *reason;
    } row[] = {
        {"echo '==7== Using Valgrind' >&2; echo '==7==   by 0x1: f' >&2; echo 'no such model' >&2; exit 1",
         "the run under valgrind failed: Using Valgrind; no such model"},
        {"exit 1", "the run under valgrind failed: without a word"},
        {"exit 0", "ran 0 steps, 12 were expected"},
        {"mark 'kernels v3'; warm; echo '==7== ill' >&2; kill -KILL $$", "ended by signal 9 (Killed): ill"},
        {"mark 'kernels v3'; warm; pass chained 0 5; dump 5 'cold 0 a' 1 1 1; exit 0", "ran 9 steps, 12 were"},
        {"mark 'kernels v3'; warm; pass cold 0 5", "ran \"cold 0 a\" where \"chained 0 a\" was expected"},
        {"mark 'kernels v3'; warm; echo 'desc: Trig' >\"$out.1\"; mark; exec sleep 60", "cut short: is its disk full?"},
        {"mark 'kernels v3'; warm; mark; exec sleep 60", "dump.1: No such file or directory"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        compute_with(row[i].script);
        assert_true(session.probe[0].absent);
        if (!strstr(session.probe[0].reason, row[i].reason))
            fail_msg("reason \"%s\", expected \"%s\"", session.probe[0].reason, row[i].reason);
        assert_int_equal(entries(program_path("tmp")), 0);
        vit_session_close(&session);
    }
}

static void test_callgrind_needs_valgrind_a_command_and_two_caches(void **state)
{
    (void)state;
    const char *const without[] = {"callgrind"}, *const one[] = {"callgrind=L1=48K,12\nx"},
                      *const wrong[] = {"callgrind=L1=x\nx"}, *const right[] = {argument};
    play("exit 0");
    assert_ok(vit_session_open(&session, &plan.plan, without, 1));
    assert_non_null(strstr(session.probe[0].reason, "nobody said what to run"));
    vit_session_close(&session);
    assert_fails(vit_session_open(&session, &plan.plan, one, 1), VIT_EINVAL, "names one");
    assert_fails(vit_session_open(&session, &plan.plan, wrong, 1), VIT_EINVAL, "L1=x");
    char *path = strdup(getenv("PATH"));
    setenv("PATH", program_path("tmp"), 1);
    assert_ok(vit_session_open(&session, &plan.plan, right, 1));
    setenv("PATH", path, 1);
    free(path);
    assert_string_equal(session.probe[0].reason, "valgrind is not installed: apt-get install valgrind");
}

static void test_callgrind_needs_a_folder_for_dumps(void **state)
{
    (void)state;
    setenv("TMPDIR", program_path("none"), 1);
    compute_with("exit 0");
    setenv("TMPDIR", program_path("tmp"), 1);
    assert_true(session.probe[0].absent);
    assert_non_null(strstr(session.probe[0].reason, "none: no folder for callgrind's dumps: No such file"));
}

/* In a process of its own, which the signal ends as if nothing had caught it. */
static void test_callgrind_interrupted_leaves_nothing(void **state)
{
    (void)state;
    const struct timespec pause = {.tv_nsec = 10000000};
    pid_t program = fork();
    assert_true(program >= 0);
    if (program == 0) {
        signal(SIGINT, SIG_DFL); /* a shell may have had it ignored */
        compute_with("mark 'kernels v3'; mark; : >\"$out.1\"; : >\"${TMPDIR}/../begun\"; exec sleep 60");
        _exit(0);
    }
    while (access(program_path("begun"), F_OK) != 0 && waitpid(program, NULL, WNOHANG) == 0)
        nanosleep(&pause, NULL);
    int ended = 0;
    kill(program, SIGINT);
    assert_int_equal(waitpid(program, &ended, 0), program);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGINT);
    assert_int_equal(entries(program_path("tmp")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump_gives_sums_and_trigger),
        cmocka_unit_test(test_dump_takes_zeroes_left_out_and_events_in_any_order),
        cmocka_unit_test(test_dump_refuses_what_is_none),
        cmocka_unit_test_teardown(test_callgrind_gives_each_step_its_counts, close_session),
        cmocka_unit_test_teardown(test_callgrind_passes_geometry_and_command, close_session),
        cmocka_unit_test(test_callgrind_tells_what_went_wrong),
        cmocka_unit_test_teardown(test_callgrind_needs_valgrind_a_command_and_two_caches, close_session),
        cmocka_unit_test_teardown(test_callgrind_needs_a_folder_for_dumps, close_session),
        cmocka_unit_test(test_callgrind_interrupted_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
