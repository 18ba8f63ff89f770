/* SPDX-License-Identifier: MIT */
/* What counters do when they cannot be trusted, on machines that have none: this program runs itself, and vitscope,
 * under tests/support/fake_pmu.c. */
#include "tests/support/test.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char self[4096];

/* Prints into text what this program says when started with `mode` under the script. */
static int run_self(char *text, size_t size, const char *script, const char *mode)
{
    char *command = NULL, *slash = strrchr(self, '/');
    /* AddressSanitizer wants to be the first library, which nothing here needs. */
    int length = asprintf(&command,
                          "FAKE_PMU='%s' LD_PRELOAD='%.*s/fake_pmu.so' ASAN_OPTIONS=verify_asan_link_order=0 '%s' %s "
                          "2>&1",
                          script, (int)(slash - self), self, self, mode);
    assert_true(length > 0);
    FILE *pipe = popen(command, "r");
    free(command);
    assert_non_null(pipe);
    text[fread(text, 1, size - 1, pipe)] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define assert_says(script, mode, want)                                                                     \
    do {                                                                                                    \
        char text_[16384];                                                                                  \
        int code_ = run_self(text_, sizeof text_, (script), (mode));                                        \
        if (code_ != 0 || !strstr(text_, (want)))                                                           \
            fail_msg("%s under \"%s\": exit %d, no \"%s\" in: %s", (mode), (script), code_, (want), text_); \
    } while (0)

/* --- modes: what the started program does --- */

static int open_cycles(int group, uint64_t format)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_HW_CPU_CYCLES,
                                   .read_format = format,
                                   .exclude_kernel = 1};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, 0);
}

static void work(void)
{
    volatile double sum = 0;
    for (int i = 0; i < 1000000; i++)
        sum = sum + i;
}

/* "open 0 moved yes group 0": errno of one event, how it moves, errno of a second in its group. */
static int raw_mode(void)
{
    uint64_t before[3], after[3];
    int one = open_cycles(-1, PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING);
    printf("open %d ", one < 0 ? errno : 0);
    if (one < 0)
        return 0;
    bool ok = read(one, before, sizeof before) == sizeof before;
    work();
    ok = ok && read(one, after, sizeof after) == sizeof after;
    int64_t moved = (int64_t)(after[0] - before[0]);
    printf("read %s moved %s share %.2f ", ok ? "ok" : "failed",
           moved > 0   ? "up"
           : moved < 0 ? "down"
                       : "not",
           (double)after[2] / (double)after[1]);
    printf("ticks %lld ", (long long)moved);
    int two = open_cycles(one, PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING);
    printf("group %d\n", two < 0 ? errno : 0);
    return 0;
}

/* --- tests --- */

static void test_fake_pmu_itself_does_as_its_script_says(void **state)
{
    (void)state;
    assert_says("*=task-clock", "raw", "open 0 read ok moved up share 1.00");
    assert_says("0:0=task-clock;*=ENOENT", "raw", "open 0 ");
    assert_says("0:1=task-clock;*=ENOENT", "raw", "open 2 ");
    assert_says("0:*=EACCES", "raw", "open 13 ");
    assert_says("*=dummy", "raw", "moved not");
    assert_says("*=task-clock+backwards", "raw", "moved down");
    assert_says("*=dummy+ticks:1000", "raw", "ticks 1000 ");
    assert_says("*=dummy+ticks:1000+backwards", "raw", "ticks -1000 ");
    assert_says("*=task-clock+share:0.25", "raw", "share 0.25");
    assert_says("*=task-clock", "raw", "group 0");
    assert_says("*=task-clock+most:1", "raw", "group 22"); /* EINVAL, as the kernel says of a group too large */
    assert_says("*@others=EPERM;*=task-clock", "raw", "open 0 ");
    assert_says("*@nobody=EPERM;*=task-clock", "raw", "open 0 ");
    assert_says("*@test_probes_fak=EPERM", "raw", "open 1 "); /* names of threads have 15 characters */
}

int main(int argc, char **argv)
{
    (void)argv;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return 1;
    self[length] = '\0';
    if (argc > 1)
        return raw_mode();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fake_pmu_itself_does_as_its_script_says),
    };
    return cmocka_run_group_tests_name("probes_fake_pmu", tests, NULL, NULL);
}
