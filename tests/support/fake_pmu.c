/* SPDX-License-Identifier: MIT */
/* fake_pmu.c - a processor with performance counters, for machines without: a shared object for LD_PRELOAD. Calls of
 * perf_event_open that ask for a counter of the processor get one of the kernel's software events instead, so that file
 * descriptors, ioctls, groups, attached threads and read formats stay the kernel's own, and only the number is false.
 * Or the call fails as the script says. libpapi and this project both reach perf_event_open by libc's syscall().
 *
 * FAKE_PMU="EVENT[@THREAD]=WORD[+WORD...];..."; the first rule that matches counts.
 *   EVENT   TYPE:CONFIG or TYPE:* as in struct perf_event_attr (0x for hexadecimal), `*` for all but software events
 * and tracepoints, `all` for really all THREAD  only where the thread to be counted has this name (pthread_setname_np),
 * or `others`: is not the caller WORD    task-clock, page-faults, dummy (never moves): what is opened instead; real:
 * nothing else ENOENT, EACCES, ...: fails so ticks:N     every read is N more than the one before scale:F     F times
 * the number backwards   falls where the number rises share:F     multiplexed: counted for the share F of the time
 *           most:N      a group takes at most N events
 * FAKE_PMU_ROOT=FOLDER: its sys/bus/event_source/devices, proc/cpuinfo and proc/sys/kernel/perf_event_paranoid, those
 * that are there, stand for the real ones.
 * It keeps no locks: one thread opens and reads. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The library's own names of parameters are reserved. NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

struct rule {
    int instead; /* PERF_COUNT_SW_*, or -1: what was asked for */
    int error;
    bool backwards;
    double scale, share;
    uint64_t ticks;
    int most;
};

enum { MAX_FDS = 4096, MAX_GROUP = 16 };

static struct counter {
    bool open;
    struct rule rule;
    uint64_t format; /* read_format */
    uint64_t last;   /* of ticks */
    int member[MAX_GROUP], members;
} counters[MAX_FDS];

/* Declares next_NAME, the function of this name in the library after this one. */
#define FIND_NEXT(name)                     \
    static __typeof__(&(name)) next_##name; \
    find_next(#name, &next_##name)

static void find_next(const char *name, void *pointer)
{
    void *function;
    memcpy(&function, pointer, sizeof function);
    if (function)
        return;
    function = dlsym(RTLD_NEXT, name);
    if (!function)
        abort();
    memcpy(pointer, &function, sizeof function);
}

static bool word_is(const char *word, size_t length, const char *text)
{
    return strlen(text) == length && strncmp(word, text, length) == 0;
}

static int error_number(const char *word, size_t length)
{
    static const struct {
        const char *name;
        int number;
    } error[] = {{"ENOENT", ENOENT}, {"EACCES", EACCES}, {"EPERM", EPERM}, {"ENOSYS", ENOSYS},
                 {"EBUSY", EBUSY},   {"EMFILE", EMFILE}, {"ESRCH", ESRCH}, {"EINVAL", EINVAL}};
    for (size_t i = 0; i < sizeof error / sizeof error[0]; i++)
        if (word_is(word, length, error[i].name))
            return error[i].number;
    return 0;
}

static void apply_word(struct rule *rule, const char *word, size_t length)
{
    const char *colon = memchr(word, ':', length);
    size_t name = colon ? (size_t)(colon - word) : length;
    double number = colon ? strtod(colon + 1, NULL) : 0;
    if (word_is(word, name, "task-clock"))
        rule->instead = PERF_COUNT_SW_TASK_CLOCK;
    else if (word_is(word, name, "page-faults"))
        rule->instead = PERF_COUNT_SW_PAGE_FAULTS;
    else if (word_is(word, name, "dummy"))
        rule->instead = PERF_COUNT_SW_DUMMY;
    else if (word_is(word, name, "real"))
        rule->instead = -1;
    else if (word_is(word, name, "ticks"))
        rule->ticks = (uint64_t)number;
    else if (word_is(word, name, "scale"))
        rule->scale = number;
    else if (word_is(word, name, "backwards"))
        rule->backwards = true;
    else if (word_is(word, name, "share"))
        rule->share = number;
    else if (word_is(word, name, "most"))
        rule->most = (int)number;
    else if ((rule->error = error_number(word, length)) == 0) {
        fprintf(stderr, "fake_pmu: FAKE_PMU has the unknown word \"%.*s\"\n", (int)length, word);
        abort();
    }
}

static bool event_matches(const char *event, const struct perf_event_attr *attr)
{
    char *end;
    if (*event == '*')
        return attr->type != PERF_TYPE_SOFTWARE && attr->type != PERF_TYPE_TRACEPOINT;
    if (strncmp(event, "all", 3) == 0)
        return true;
    if (strtoul(event, &end, 0) != attr->type || *end != ':')
        return false;
    return end[1] == '*' || strtoull(end + 1, NULL, 0) == attr->config;
}

/* name: of a rule, up to its '='. */
static bool thread_matches(const char *name, size_t length, long thread)
{
    FIND_NEXT(fopen);
    char path[64], comm[32] = "";
    bool other = thread > 0 && thread != (long)getpid();
    if (word_is(name, length, "others"))
        return other;
    snprintf(path, sizeof path, "/proc/self/task/%ld/comm", thread > 0 ? thread : (long)getpid());
    FILE *file = next_fopen(path, "r");
    if (!file)
        return false;
    if (fgets(comm, sizeof comm, file))
        comm[strcspn(comm, "\n")] = '\0';
    fclose(file);
    return word_is(name, length, comm);
}

/* The first rule for this event and thread; false where there is none. */
static bool find_rule(struct rule *rule, const struct perf_event_attr *attr, long thread)
{
    const char *script = getenv("FAKE_PMU");
    for (const char *p = script ? script : ""; *p; p += *p == ';') {
        size_t left = strcspn(p, "=;"), length = strcspn(p, ";");
        const char *at = memchr(p, '@', left);
        bool matches = event_matches(p, attr) && (!at || thread_matches(at + 1, (size_t)(p + left - at) - 1, thread));
        if (!matches) {
            p += length;
            continue;
        }
        *rule = (struct rule){.instead = -1, .scale = 1, .share = 1, .most = MAX_GROUP};
        for (const char *word = p + left + 1; word < p + length;) {
            size_t size = strcspn(word, "+;");
            apply_word(rule, word, size);
            word += size + (word[size] == '+');
        }
        return true;
    }
    return false;
}

static struct counter *counter_of(int fd)
{
    return fd >= 0 && fd < MAX_FDS && counters[fd].open ? &counters[fd] : NULL;
}

static void keep(int fd, int group, const struct rule *rule, uint64_t format)
{
    if (fd >= MAX_FDS)
        abort();
    struct counter *leader = counter_of(group);
    counters[fd] = (struct counter){.open = true, .rule = *rule, .format = format, .member = {fd}, .members = 1};
    if (leader && leader->members < MAX_GROUP)
        leader->member[leader->members++] = fd;
}

static long open_event(const struct perf_event_attr *asked, const long a[6])
{
    FIND_NEXT(syscall);
    struct perf_event_attr attr = *asked;
    struct rule rule = {.instead = -1, .scale = 1, .share = 1, .most = MAX_GROUP};
    int group = (int)a[3];
    (void)find_rule(&rule, asked, a[1]);
    const struct counter *leader = counter_of(group);
    if (rule.error || (leader && leader->members >= rule.most)) {
        errno = rule.error ? rule.error : EINVAL;
        return -1;
    }
    if (rule.instead >= 0) {
        attr.type = PERF_TYPE_SOFTWARE;
        attr.config = (unsigned)rule.instead;
        attr.config1 = attr.config2 = 0;
        attr.precise_ip = 0;
    }
    long fd = next_syscall(SYS_perf_event_open, (long)&attr, a[1], a[2], a[3], a[4]);
    if (fd >= 0)
        keep((int)fd, group, &rule, attr.read_format);
    return fd;
}

long syscall(long number, ...)
{
    FIND_NEXT(syscall);
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number != SYS_perf_event_open)
        return next_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return open_event((const struct perf_event_attr *)(uintptr_t)a[0], a); // NOLINT(performance-no-int-to-ptr)
}

static uint64_t falsify(struct counter *c, uint64_t value)
{
    double number = (double)value * c->rule.scale * c->rule.share;
    if (c->rule.ticks)
        number = (double)(c->last += c->rule.ticks);
    return c->rule.backwards ? ((uint64_t)1 << 52) - (uint64_t)number : (uint64_t)number;
}

/* What the kernel wrote for one descriptor: value, or nr; time enabled; time running; then the values of a group. */
static void falsify_read(struct counter *c, uint64_t *word, size_t words)
{
    bool group = c->format & PERF_FORMAT_GROUP;
    size_t at = 1, stride = 1 + ((c->format & PERF_FORMAT_ID) != 0);
    size_t enabled = c->format & PERF_FORMAT_TOTAL_TIME_ENABLED ? at++ : 0;
    size_t running = c->format & PERF_FORMAT_TOTAL_TIME_RUNNING ? at++ : 0;
    if (enabled && running && running < words)
        word[running] = (uint64_t)((double)word[enabled] * c->rule.share);
    if (!group) {
        word[0] = falsify(c, word[0]);
        return;
    }
    for (int i = 0; i < c->members && at < words; i++, at += stride)
        if (counter_of(c->member[i]))
            word[at] = falsify(counter_of(c->member[i]), word[at]);
}

ssize_t read(int fd, void *buffer, size_t size)
{
    FIND_NEXT(read);
    ssize_t got = next_read(fd, buffer, size);
    struct counter *c = counter_of(fd);
    if (c && got >= (ssize_t)sizeof(uint64_t)) {
        uint64_t word[3 + 2 * MAX_GROUP];
        size_t bytes = (size_t)got < sizeof word ? (size_t)got : sizeof word;
        memcpy(word, buffer, bytes);
        falsify_read(c, word, bytes / sizeof word[0]);
        memcpy(buffer, word, bytes);
    }
    return got;
}

int close(int fd)
{
    FIND_NEXT(close);
    if (counter_of(fd))
        counters[fd].open = false;
    return next_close(fd);
}

/* What stands for path: below FAKE_PMU_ROOT, where that has the file or folder of this table that path is in. */
static const char *redirect(const char *path)
{
    FIND_NEXT(access);
    static _Thread_local char other[4096];
    static const char *const places[] = {"/sys/bus/event_source/devices", "/proc/cpuinfo",
                                         "/proc/sys/kernel/perf_event_paranoid"};
    const char *root = getenv("FAKE_PMU_ROOT");
    for (size_t i = 0; root && i < sizeof places / sizeof places[0]; i++) {
        size_t length = strlen(places[i]);
        if (strncmp(path, places[i], length) != 0 || (path[length] && path[length] != '/'))
            continue;
        snprintf(other, sizeof other, "%s%s", root, places[i]);
        if (next_access(other, F_OK) != 0)
            break;
        snprintf(other, sizeof other, "%s%s", root, path);
        return other;
    }
    return path;
}

FILE *fopen(const char *path, const char *mode)
{
    FIND_NEXT(fopen);
    return next_fopen(redirect(path), mode);
}

DIR *opendir(const char *path)
{
    FIND_NEXT(opendir);
    return next_opendir(redirect(path));
}

int access(const char *path, int mode)
{
    FIND_NEXT(access);
    return next_access(redirect(path), mode);
}

int stat(const char *path, struct stat *info)
{
    FIND_NEXT(stat);
    return next_stat(redirect(path), info);
}

int open(const char *path, int flags, ...)
{
    FIND_NEXT(open);
    va_list list;
    va_start(list, flags);
    unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, unsigned) : 0;
    va_end(list);
    return next_open(redirect(path), flags, mode);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
