/* SPDX-License-Identifier: MIT */
/* papi_survey.c - walks every event of papi_events.def up the ladder. A later rung, "counted bytes agree with a stream
 * of known size", belongs after ADVANCE for events that stand for traffic. */
#include "probes/papi_survey.h"

#include "model/base/status.h"
#include "probes/papi_library.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum domain { SOFTWARE, HARDWARE };
enum stimulus { COMPUTE, STREAM, FAULT, SWITCH };

static const struct event {
    const char *column, *name;
    enum domain domain;
    enum stimulus stimulus;
} events[] = {
#define VIT_PAPI_EVENT(column, name, domain, stimulus, help) {#column, name, domain, stimulus},
#include "probes/papi_events.def"
#undef VIT_PAPI_EVENT
};

enum { N_EVENTS = sizeof events / sizeof events[0] };

static struct vit_papi_finding findings[N_EVENTS];
static pthread_once_t surveyed = PTHREAD_ONCE_INIT;

static void compute(void)
{
    volatile double result = 0;
    double x = 1;
    for (int i = 0; i < 1000000; i++)
        x = x * 1.0000001 + i;
    result = x;
    (void)result;
}

/* Reads one word of every cache line of more memory than the last cache level holds. */
static void stream(void)
{
    long level3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    size_t bytes = level3 > 0 ? 2 * (size_t)level3 : (size_t)64 << 20, most = (size_t)256 << 20;
    bytes = bytes < most ? bytes : most;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    memset(memory, 1, bytes);
    volatile long result = 0;
    long sum = 0;
    for (size_t i = 0; i < bytes; i += 64)
        sum += memory[i];
    result = sum;
    (void)result;
    munmap(memory, bytes);
}

static void fault(void)
{
    size_t bytes = (size_t)1 << 20;
    volatile char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    for (size_t i = 0; i < bytes; i += 4096)
        memory[i] = 1;
    munmap((void *)(uintptr_t)memory, bytes);
}

static void switch_context(void)
{
    for (int i = 0; i < 5; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void stimulate(enum stimulus stimulus)
{
    static void (*const work[])(void) = {
        [COMPUTE] = compute, [STREAM] = stream, [FAULT] = fault, [SWITCH] = switch_context};
    work[stimulus]();
}

static bool fails(struct vit_papi_finding *f, enum vit_papi_rung rung, int code)
{
    if (code == PAPI_OK)
        return false;
    f->failed = rung;
    f->papi_code = code;
    f->system_error = errno;
    return true;
}

/* START, READ and ADVANCE of an event set that holds the one event. */
static void climb_running(struct vit_papi_finding *f, int set, enum stimulus stimulus)
{
    long long before = 0, after = 0, last = 0;
    errno = 0;
    if (fails(f, VIT_PAPI_RUNG_START, vit_papi.PAPI_start(set)))
        return;
    stimulate(stimulus);
    errno = 0;
    if (!fails(f, VIT_PAPI_RUNG_READ, vit_papi.PAPI_read(set, &before))) {
        stimulate(stimulus);
        errno = 0;
        if (!fails(f, VIT_PAPI_RUNG_READ, vit_papi.PAPI_read(set, &after))) {
            f->advanced = after - before;
            f->failed = f->advanced > 0 ? VIT_PAPI_RUNG_NONE : VIT_PAPI_RUNG_ADVANCE;
        }
    }
    vit_papi.PAPI_stop(set, &last);
}

static void climb(struct vit_papi_finding *f, enum stimulus stimulus, const struct vit_papi_system *system)
{
    int code = 0, set = PAPI_NULL;
    f->failed = VIT_PAPI_RUNG_COMPONENT;
    if (system->component_off[0])
        return;
    int status = vit_papi.PAPI_event_name_to_code(f->event, &code);
    if (status != PAPI_OK) /* the first look-up of an event can fail where the second does not */
        status = vit_papi.PAPI_event_name_to_code(f->event, &code);
    errno = 0;
    if (fails(f, VIT_PAPI_RUNG_NAME, status))
        return;
    if (fails(f, VIT_PAPI_RUNG_ADD, vit_papi.PAPI_create_eventset(&set)))
        return;
    errno = 0;
    if (!fails(f, VIT_PAPI_RUNG_ADD, vit_papi.PAPI_add_event(set, code)))
        climb_running(f, set, stimulus);
    vit_papi.PAPI_cleanup_eventset(set);
    vit_papi.PAPI_destroy_eventset(&set);
}

static bool has_cpu_pmu(void)
{
    bool found = false;
    DIR *directory = opendir("/sys/bus/event_source/devices");
    if (!directory)
        return false;
    for (const struct dirent *entry; (entry = readdir(directory));)
        found = found || strncmp(entry->d_name, "cpu", 3) == 0 || strncmp(entry->d_name, "armv", 4) == 0;
    closedir(directory);
    return found;
}

static int read_paranoid(void)
{
    int level = -100;
    FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "r");
    if (!file)
        return level;
    if (fscanf(file, "%d", &level) != 1)
        level = -100;
    fclose(file);
    return level;
}

static bool is_virtual(void)
{
    bool found = false;
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = strstr(line, " hypervisor") != NULL;
    if (file)
        fclose(file);
    return found;
}

static const char *find_component_off(void)
{
    int index = vit_papi.PAPI_get_component_index("perf_event");
    const PAPI_component_info_t *info = index < 0 ? NULL : vit_papi.PAPI_get_component_info(index);
    if (!info)
        return "not compiled in";
    return info->disabled ? info->disabled_reason : "";
}

static unsigned long thread_id(void)
{
    return (unsigned long)pthread_self();
}

static int start_library(char *off, size_t size)
{
    off[0] = '\0';
    if (vit_papi_library_open() != VIT_OK) {
        snprintf(off, size, "%s", vit_error());
        return PAPI_ENOSUPP;
    }
    if (vit_papi.PAPI_is_initialized() == PAPI_NOT_INITED) {
        int version = vit_papi.PAPI_library_init(PAPI_VER_CURRENT);
        if (version != PAPI_VER_CURRENT)
            return version < 0 ? version : PAPI_EINVAL; /* positive: another version than the header's */
    }
    return vit_papi.PAPI_thread_init(thread_id);
}

static void survey(void)
{
    char off[400];
    int started = start_library(off, sizeof off);
    struct vit_papi_system system = {.paranoid = read_paranoid(),
                                     .cpu_pmu = has_cpu_pmu(),
                                     .virtual_machine = is_virtual(),
                                     .uid = (unsigned)getuid(),
                                     .library_off = off,
                                     .component_off = started == PAPI_OK ? find_component_off() : ""};
    for (int i = 0; i < N_EVENTS; i++) {
        struct vit_papi_finding *f = &findings[i];
        *f = (struct vit_papi_finding){
            .column = events[i].column, .event = events[i].name, .hardware = events[i].domain == HARDWARE};
        if (!fails(f, VIT_PAPI_RUNG_LIBRARY, started))
            climb(f, events[i].stimulus, &system);
        f->usable = f->failed == VIT_PAPI_RUNG_NONE;
        vit_papi_explain(f, &system);
    }
}

int vit_papi_survey(struct vit_papi_finding *finding, int max)
{
    pthread_once(&surveyed, survey);
    for (int i = 0; i < N_EVENTS && i < max; i++)
        finding[i] = findings[i];
    return N_EVENTS;
}

const char *vit_papi_version(void)
{
    static char text[32];
    int version = PAPI_VER_CURRENT;
    if (!vit_papi.PAPI_is_initialized || vit_papi.PAPI_is_initialized() == PAPI_NOT_INITED)
        return "";
    snprintf(text, sizeof text, "%d.%d.%d", PAPI_VERSION_MAJOR(version), PAPI_VERSION_MINOR(version),
             PAPI_VERSION_REVISION(version));
    return text;
}
