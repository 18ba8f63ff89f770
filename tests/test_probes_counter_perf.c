/* SPDX-License-Identifier: MIT */
/* The backend on real kernel counters (software events, the msr PMU), and on hardware that is made up: this program's
 * own syscall(), which the C library's callers take, turns events of made-up PMUs into the kernel's task clock or into
 * an errno. */
#include "probes/counter_perf.h"

#include "model/base/clock.h"
#include "probes/perf_sysfs.h"
#include "tests/support/file_tree.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Types from 1000 on are made up. */
enum { FAKE_IMC_0 = 1000, FAKE_IMC_1, FAKE_CORE, FAKE_TYPES };

static const struct file_text tree[] = {
    {"imc_0/type", "1000\n"},
    {"imc_0/cpumask", "0,1\n"},
    {"imc_0/format/event", "config:0-7\n"},
    {"imc_0/events/rd", "event=4"},
    {"imc_1/type", "1001\n"},
    {"imc_1/cpumask", "0,1\n"},
    {"imc_1/events/rd", "event=4"},
    {"imc_1/format/event", "config:0-7\n"},
    {"core/type", "1002\n"},
    {"core/cpus", "0-1\n"},
    {"core/format/event", "config:0-7\n"},
    {"core/format/umask", "config1:0-7\n"},
};

/* What the program asked the kernel for, and what to answer. */
static struct {
    int error;      /* for made-up events; 0: they count the task clock of this thread */
    int error_from; /* number of the call from which on it fails */
    bool starved;   /* counters are never given to any event */
    int calls;
    struct {
        struct perf_event_attr attr;
        pid_t task;
        int cpu, leader;
    } call[64];
} kernel;

long syscall(long sysno, ...)
{
    static long (*real)(long, ...);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    long argument[5]; /* as many as any caller here has */
    va_list list;
    va_start(list, sysno);
    for (int i = 0; i < 5; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    if (sysno == SYS_perf_event_open) {
        static struct perf_event_attr made;
        const struct perf_event_attr *asked = (const struct perf_event_attr *)(uintptr_t)argument[0];
        int call = kernel.calls++;
        assert_true(call < 64);
        kernel.call[call].attr = *asked;
        kernel.call[call].task = (pid_t)argument[1];
        kernel.call[call].cpu = (int)argument[2];
        kernel.call[call].leader = (int)argument[3];
        if (asked->type >= FAKE_IMC_0 && asked->type < FAKE_TYPES) {
            if (kernel.error && call >= kernel.error_from) {
                errno = kernel.error;
                return -1;
            }
            made = *asked;
            made.type = PERF_TYPE_SOFTWARE;
            made.config = PERF_COUNT_SW_TASK_CLOCK;
            made.config1 = made.config2 = 0;
            made.exclude_kernel = 1;
            argument[0] = (long)(uintptr_t)&made;
            argument[1] = 0;
            argument[2] = -1;
        }
    }
    return real(sysno, argument[0], argument[1], argument[2], argument[3], argument[4]);
}

ssize_t read(int fd, void *buf, size_t nbytes)
{
    ssize_t got = syscall(SYS_read, (long)fd, (long)(uintptr_t)buf, (long)nbytes, 0L, 0L);
    if (kernel.starved && got >= 4 * (ssize_t)sizeof(uint64_t))
        ((uint64_t *)buf)[2] = 0; /* the time that the group was on the counters */
    return got;
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void work_ms(int ms)
{
    for (int64_t end = cpu_ns() + (int64_t)ms * 1000000; cpu_ns() < end;) {
    }
}

static int open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int n = 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static char root[FILE_TREE_PATH];

static int make_tree(void **state)
{
    (void)state;
    file_tree_open(root, tree, sizeof tree / sizeof tree[0]);
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    file_tree_close(root);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof kernel);
    return 0;
}

static void need_perf(void)
{
    if (vit_counter_perf.load() == VIT_OK)
        return;
    print_message("skipped: %s\n", vit_error());
    skip();
}

/* Opens at `folder` or skips where the kernel does not let this user. */
static struct vit_counting *open_or_skip(const struct vit_counter_request *request, const char *folder)
{
    struct vit_counting *counting;
    struct vit_attempt attempt;
    need_perf();
    int status = vit_counter_perf_open(&counting, request, &attempt, folder);
    if (status != VIT_OK &&
        (attempt.system_error == EACCES || attempt.system_error == EPERM || attempt.failed == VIT_RUNG_COMPONENT)) {
        print_message("skipped: %s\n", vit_error());
        skip();
    }
    assert_ok(status);
    assert_int_equal(attempt.failed, VIT_RUNG_NONE);
    return counting;
}

static void test_counter_perf_counts_the_task_clock(void **state)
{
    (void)state;
    const char *const names[] = {"task-clock", "page-faults"};
    struct vit_counting *counting = open_or_skip(&(struct vit_counter_request){.event = names, .n = 2}, VIT_PERF_SYSFS);
    struct vit_reading before, after;
    enum { PAGES = 50 };
    long page = sysconf(_SC_PAGESIZE);
    char *fresh = NULL;
    int64_t elapsed = vit_clock_ns();
    assert_true(vit_counter_perf.read(counting, &before));
    work_ms(20);
    assert_int_equal(posix_memalign((void **)&fresh, (size_t)page, (size_t)(page * PAGES)), 0);
    for (long i = 0; i < PAGES; i++)
        ((volatile char *)fresh)[i * page] = 1;
    assert_true(vit_counter_perf.read(counting, &after));
    elapsed = vit_clock_ns() - elapsed;
    /* work_ms goes by another clock of the thread, which leaves out what the task clock has of switches and stolen
     * time or counts it later (up to 10 % seen in a virtual machine); no thread runs longer than the world does. */
    double counted = (double)(after.value[0] - before.value[0]);
    assert_true(counted >= 0.9 * 20e6 && counted <= 1.01 * (double)elapsed);
    assert_true(after.enabled_ns > before.enabled_ns && after.running_ns == after.enabled_ns);
    assert_true(after.value[1] > before.value[1]); /* at least one, if huge pages are in use */
    free(fresh);
    vit_counter_perf.close(counting);
}

static atomic_int busy;
static pid_t worker;

static void *spin(void *unused)
{
    (void)unused;
    worker = (pid_t)syscall(SYS_gettid, 0L, 0L, 0L, 0L, 0L);
    atomic_store(&busy, 1);
    while (atomic_load(&busy)) {
    }
    return NULL;
}

/* Another thread, and after its end. */
static void test_counter_perf_counts_another_thread(void **state)
{
    (void)state;
    need_perf();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, spin, NULL), 0);
    while (!atomic_load(&busy)) {
    }
    const char *const names[] = {"task-clock"};
    struct vit_counting *counting =
        open_or_skip(&(struct vit_counter_request){.event = names, .n = 1, .task = worker}, VIT_PERF_SYSFS);
    struct vit_reading first, later;
    assert_true(vit_counter_perf.read(counting, &first));
    do /* the worker spins, so this ends */
        assert_true(vit_counter_perf.read(counting, &later));
    while (later.value[0] < first.value[0] + 2000000);
    atomic_store(&busy, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(vit_counter_perf.read(counting, &later));
    assert_true(vit_counter_perf.read(counting, &first));
    assert_true(first.value[0] == later.value[0] && later.value[0] >= 2000000);
    vit_counter_perf.close(counting);
    struct vit_attempt attempt;
    assert_fails(vit_counter_perf.open(&counting, &(struct vit_counter_request){.event = names, .n = 1, .task = worker},
                                       &attempt),
                 VIT_ENOTSUP, "the thread is gone");
    assert_int_equal(attempt.system_error, ESRCH);
}

/* The one PMU with a folder that virtual machines have too; user mode alone cannot be asked of it. */
static void test_counter_perf_counts_with_the_msr_pmu(void **state)
{
    (void)state;
    const char *const names[] = {"msr/tsc/", "task-clock"};
    struct vit_counting *counting =
        open_or_skip(&(struct vit_counter_request){.event = names, .n = 2, .kernel = true}, VIT_PERF_SYSFS);
    struct vit_reading before, after;
    assert_true(vit_counter_perf.read(counting, &before));
    work_ms(20);
    assert_true(vit_counter_perf.read(counting, &after));
    double ticks = (double)(after.value[0] - before.value[0]), ns = (double)(after.value[1] - before.value[1]);
    print_message("msr/tsc/: %.3f GHz by the task clock\n", ticks / ns);
    assert_true(ticks / ns > 0.5 && ticks / ns < 10); /* clocks of processors */
    vit_counter_perf.close(counting);
}

static void test_counter_perf_groups_the_events_of_a_thread(void **state)
{
    (void)state;
    need_perf();
    forget(NULL);
    const char *const names[] = {"core/event=1,umask=2/", "core/event=3/", "task-clock"};
    struct vit_counting *counting = open_or_skip(&(struct vit_counter_request){.event = names, .n = 3}, root);
    assert_int_equal(kernel.calls, 3);
    assert_int_equal(kernel.call[0].leader, -1);
    assert_true(kernel.call[0].attr.disabled);
    for (int i = 0; i < 3; i++) {
        const struct perf_event_attr *attr = &kernel.call[i].attr;
        assert_true(kernel.call[i].task == 0 && kernel.call[i].cpu == -1);
        assert_true(attr->exclude_kernel && attr->exclude_hv && !attr->inherit);
        assert_int_equal(attr->read_format,
                         PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING);
        if (i > 0)
            assert_true(kernel.call[i].leader >= 0 && kernel.call[i].leader == kernel.call[1].leader &&
                        !attr->disabled);
    }
    assert_int_equal(kernel.call[0].attr.config, 1);
    assert_int_equal(kernel.call[0].attr.config1, 2);
    assert_int_equal(kernel.call[1].attr.config, 3);
    vit_counter_perf.close(counting);
}

static void test_counter_perf_sums_uncore_pmus(void **state)
{
    (void)state;
    need_perf();
    forget(NULL);
    const char *const names[] = {"imc_0/rd/", "imc_*/rd/"};
    struct vit_counter_request request = {.event = names, .n = 2, .task = -1, .cpu = -1};
    struct vit_counting *counting = open_or_skip(&request, root);
    struct vit_reading before, after;
    /* Two processors for the first event, two more PMUs and processors for the second. */
    assert_int_equal(kernel.calls, 2 + 4);
    int leaders = 0, cpus = 0;
    for (int i = 0; i < kernel.calls; i++) {
        assert_true(kernel.call[i].task == -1 && kernel.call[i].attr.config == 4);
        assert_true(!kernel.call[i].attr.exclude_kernel && !kernel.call[i].attr.exclude_hv);
        leaders += kernel.call[i].leader == -1;
        cpus += kernel.call[i].cpu;
    }
    assert_int_equal(leaders, 4); /* each PMU on each processor counts on its own */
    assert_int_equal(cpus, 3);
    assert_true(vit_counter_perf.read(counting, &before));
    work_ms(20);
    assert_true(vit_counter_perf.read(counting, &after));
    /* The made-up counters are all this thread's clock, so four of them count twice what two do; they are read some
     * microseconds apart. */
    double two = (double)(after.value[0] - before.value[0]), four = (double)(after.value[1] - before.value[1]);
    assert_true(two >= 0.9 * 2 * 20e6); /* the same clocks as above */
    assert_close(four / two, 2, 0.05);
    vit_counter_perf.close(counting);

    forget(NULL);
    request.cpu = 1; /* one processor instead of the mask */
    counting = open_or_skip(&request, root);
    assert_int_equal(kernel.calls, 1 + 2);
    for (int i = 0; i < kernel.calls; i++)
        assert_int_equal(kernel.call[i].cpu, 1);
    vit_counter_perf.close(counting);
}

static void test_counter_perf_says_where_opening_failed(void **state)
{
    (void)state;
    need_perf();
    static const struct {
        int error;
        const char *text;
    } row[] = {
        {ENOENT, "no such counter"},    {EACCES, "perf_event_paranoid"},  {EPERM, "seccomp"},
        {ENOSYS, "no perf_event_open"}, {EBUSY, "another program"},       {EMFILE, "ulimit -n"},
        {EINVAL, "do not fit"},         {EOPNOTSUPP, "does not support"}, {E2BIG, "Argument list too long"},
    };
    const char *const names[] = {"task-clock", "core/event=1/", "core/event=2/"};
    const struct vit_counter_request request = {.event = names, .n = 3};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vit_counting *counting;
        struct vit_attempt attempt;
        int files = open_files();
        forget(NULL);
        kernel.error = row[i].error;
        kernel.error_from = 2;
        assert_fails(vit_counter_perf_open(&counting, &request, &attempt, root), VIT_ENOTSUP, row[i].text);
        assert_non_null(strstr(vit_error(), "core/event=2/"));
        assert_null(counting);
        assert_int_equal(attempt.failed, VIT_RUNG_ADD);
        assert_int_equal(attempt.system_error, row[i].error);
        assert_non_null(strstr(attempt.detail, row[i].text));
        assert_int_equal(open_files(), files);
    }
}

/* Opens, starts, reads, and never counts. */
static void test_counter_perf_sees_events_that_get_no_counter(void **state)
{
    (void)state;
    need_perf();
    kernel.starved = true;
    const char *const names[] = {"core/event=1/"};
    struct vit_counting *counting;
    struct vit_attempt attempt;
    int files = open_files();
    int status =
        vit_counter_perf_open(&counting, &(struct vit_counter_request){.event = names, .n = 1}, &attempt, root);
    kernel.starved = false;
    assert_fails(status, VIT_ENOTSUP, "another program holds the counter");
    assert_int_equal(attempt.failed, VIT_RUNG_START);
    assert_int_equal(attempt.system_error, EBUSY);
    assert_int_equal(open_files(), files);
}

static void test_counter_perf_refuses_what_cannot_be_asked(void **state)
{
    (void)state;
    need_perf();
    static const struct {
        const char *event;
        pid_t task;
        int cpu;
        enum vit_rung rung;
        const char *text;
    } row[] = {
        {"no_such_pmu/event=1/", 0, 0, VIT_RUNG_COMPONENT, "no PMU \"no_such_pmu\""},
        {"core/wrong=1/", 0, 0, VIT_RUNG_NAME, "neither an event nor a field"},
        {"cicles", 0, 0, VIT_RUNG_NAME, "\"cicles\""},
        {"imc_0/rd/", 0, 0, VIT_RUNG_ADD, "not one thread"},
        {"core/event=1/", -1, -1, VIT_RUNG_ADD, "has no cpumask"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vit_counting *counting;
        struct vit_attempt attempt;
        const struct vit_counter_request request = {
            .event = &row[i].event, .n = 1, .task = row[i].task, .cpu = row[i].cpu};
        int files = open_files();
        assert_fails(vit_counter_perf_open(&counting, &request, &attempt, root), VIT_ENOTSUP, row[i].text);
        assert_int_equal(attempt.failed, row[i].rung);
        assert_int_equal(open_files(), files);
    }
    struct vit_counting *counting;
    struct vit_attempt attempt;
    assert_fails(vit_counter_perf.open(&counting, &(struct vit_counter_request){.n = VIT_COUNTER_EVENTS + 1}, &attempt),
                 VIT_EINVAL, "17 events");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_counter_perf_counts_the_task_clock, forget),
        cmocka_unit_test_setup(test_counter_perf_counts_another_thread, forget),
        cmocka_unit_test_setup(test_counter_perf_counts_with_the_msr_pmu, forget),
        cmocka_unit_test_setup(test_counter_perf_groups_the_events_of_a_thread, forget),
        cmocka_unit_test_setup(test_counter_perf_sums_uncore_pmus, forget),
        cmocka_unit_test_setup(test_counter_perf_says_where_opening_failed, forget),
        cmocka_unit_test_setup(test_counter_perf_sees_events_that_get_no_counter, forget),
        cmocka_unit_test_setup(test_counter_perf_refuses_what_cannot_be_asked, forget),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
