/* SPDX-License-Identifier: MIT */
#include "probes/perf_sysfs.h"

#include "model/base/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_TEXT = 64, FILE_TEXT = 4096, MAX_TARGETS = 4096, MAX_CPU = 1 << 16, MAX_DEPTH = 4 };

/* A PMU of the folder while its terms are read. */
struct pmu {
    const char *root, *name;
    const char *event; /* as asked for, for messages */
    uint32_t type;
    uint64_t config[VIT_PERF_CONFIGS];
    double scale;
    char unit[16];
};

struct known {
    const char *name;
    uint32_t type;
    uint64_t config;
    const char *unit;
};

static const struct known known[] = {
    {"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, "ns"},
    {"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, ""},
    {"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, ""},
    {"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, ""},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, ""},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, ""},
    {"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, ""},
};

/* The first line of root/pmu/file without its end; false (errno) if it cannot be read or holds no text. */
static bool read_line(const struct pmu *pmu, const char *file, char text[FILE_TEXT])
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s/%s", pmu->root, pmu->name, file) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, FILE_TEXT - 1);
    int error = errno;
    close(fd);
    errno = error;
    if (n < 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

static int put_named(struct pmu *pmu, const char *name, uint64_t value)
{
    char file[NAME_TEXT + 16], text[FILE_TEXT];
    struct vit_perf_field field;
    snprintf(file, sizeof file, "format/%s", name);
    if (read_line(pmu, file, text)) {
        if (!vit_perf_field_parse(&field, text))
            return vit_fail(VIT_EFORMAT, "%s: %s/%s/%s says \"%.80s\": not \"config:LOW-HIGH,...\"", pmu->event,
                            pmu->root, pmu->name, file, text);
    } else if (strncmp(name, "config", 6) == 0 && (name[6] == '\0' || (strchr("12", name[6]) && name[7] == '\0'))) {
        field = (struct vit_perf_field){.config = name[6] ? name[6] - '0' : 0, .n = 1, .range = {{0, 63}}, .width = 64};
    } else {
        return vit_fail(VIT_EINVAL, "%s: PMU %s has neither an event nor a field \"%s\" (%s/%s/events, .../format)",
                        pmu->event, pmu->name, name, pmu->root, pmu->name);
    }
    if (field.width < 64 && value >> field.width != 0)
        return vit_fail(VIT_EINVAL, "%s: %s=0x%llx does not fit into its %d bits", pmu->event, name,
                        (unsigned long long)value, field.width);
    vit_perf_field_put(&field, pmu->config, value);
    return VIT_OK;
}

/* How counts of a named event become numbers in a unit; files that are optional. */
static int read_scale(struct pmu *pmu, const char *name)
{
    char file[NAME_TEXT + 16], text[FILE_TEXT], *end;
    snprintf(file, sizeof file, "events/%s.unit", name);
    if (read_line(pmu, file, text))
        snprintf(pmu->unit, sizeof pmu->unit, "%.15s", text);
    snprintf(file, sizeof file, "events/%s.scale", name);
    if (!read_line(pmu, file, text))
        return VIT_OK;
    pmu->scale = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(pmu->scale) || pmu->scale <= 0)
        return vit_fail(VIT_EFORMAT, "%s: %s/%s/%s says \"%.40s\": not a positive number", pmu->event, pmu->root,
                        pmu->name, file, text);
    return VIT_OK;
}

static int read_terms(struct pmu *pmu, const char *terms, int depth);

/* "event=0x44", "edge", or the name of an event, which stands for terms. */
static int read_term(struct pmu *pmu, char *term, int depth)
{
    char file[NAME_TEXT + 16], text[FILE_TEXT];
    char *value = strchr(term, '=');
    uint64_t number = 1;
    if (value)
        *value++ = '\0';
    if (term[0] == '\0' || term[0] == '.' || strchr(term, '/') || strlen(term) >= NAME_TEXT)
        return vit_fail(VIT_EINVAL, "%s: \"%.80s\" is no name of an event or field", pmu->event, term);
    if (value && !vit_perf_number(value, &number))
        return vit_fail(VIT_EINVAL, "%s: %s=%.80s: not a number (decimal or 0x...)", pmu->event, term, value);
    snprintf(file, sizeof file, "events/%s", term);
    if (value || !read_line(pmu, file, text))
        return put_named(pmu, term, number);
    if (depth == MAX_DEPTH)
        return vit_fail(VIT_EFORMAT, "%s: %s/%s/%s names other events in a circle", pmu->event, pmu->root, pmu->name,
                        file);
    int status = read_scale(pmu, term);
    return status == VIT_OK ? read_terms(pmu, text, depth + 1) : status;
}

static int read_terms(struct pmu *pmu, const char *terms, int depth)
{
    char copy[FILE_TEXT];
    if (strlen(terms) >= sizeof copy)
        return vit_fail(VIT_EINVAL, "%.80s...: longer than any event", pmu->event);
    snprintf(copy, sizeof copy, "%s", terms);
    char *rest = copy;
    int status = VIT_OK;
    while (rest && status == VIT_OK) {
        char *term = strsep(&rest, ",");
        status = read_term(pmu, term, depth);
    }
    return status;
}

static int add_target(struct vit_perf_event *event, const struct pmu *pmu, int cpu)
{
    if (event->n_target == MAX_TARGETS)
        return vit_fail(VIT_EINVAL, "%s: more than %d PMUs and processors", pmu->event, MAX_TARGETS);
    if ((event->n_target & (event->n_target - 1)) == 0) { /* full at powers of two */
        size_t room = event->n_target ? 2 * (size_t)event->n_target : 1;
        struct vit_perf_target *target = realloc(event->target, room * sizeof *target);
        if (!target)
            return vit_fail(VIT_ENOMEM, "out of memory: event %s", pmu->event);
        event->target = target;
    }
    struct vit_perf_target *target = &event->target[event->n_target++];
    *target = (struct vit_perf_target){.type = pmu->type, .cpu = cpu};
    memcpy(target->config, pmu->config, sizeof target->config);
    return VIT_OK;
}

/* A target for each processor of a list like "0,64" or "0-7,16". */
static int add_cpus(struct vit_perf_event *event, const struct pmu *pmu, const char *list)
{
    int low, high, status = VIT_OK;
    const char *rest = list;
    if (*rest == '\0')
        return vit_fail(VIT_ENOTSUP, "%s: PMU %s counts on no processor now (its cpumask is empty)", pmu->event,
                        pmu->name);
    while (*rest && status == VIT_OK) {
        if (!vit_perf_range(&rest, MAX_CPU, &low, &high))
            return vit_fail(VIT_EFORMAT, "%s: %s/%s/cpumask says \"%.80s\": not a list of processors", pmu->event,
                            pmu->root, pmu->name, list);
        for (int cpu = low; cpu <= high && status == VIT_OK; cpu++)
            status = add_target(event, pmu, cpu);
    }
    return status;
}

/* A PMU of a processor's own cores can tell user from kernel mode. ARM's and hybrid ones list their cores in `cpus`. */
static bool is_core(const struct pmu *pmu)
{
    char text[FILE_TEXT];
    return pmu->type < PERF_TYPE_MAX || strcmp(pmu->name, "cpu") == 0 || strncmp(pmu->name, "cpu_", 4) == 0 ||
           read_line(pmu, "cpus", text);
}

/* What the terms mean to this PMU. */
static int describe(struct pmu *pmu, const char *terms)
{
    char text[FILE_TEXT];
    uint64_t type;
    if (!read_line(pmu, "type", text))
        return vit_fail(VIT_ENOTSUP, "%s: no PMU \"%s\" in %s: the kernel has no driver for it here", pmu->event,
                        pmu->name, pmu->root);
    if (!vit_perf_number(text, &type) || type > UINT32_MAX)
        return vit_fail(VIT_EFORMAT, "%s: %s/%s/type says \"%.40s\": not a number", pmu->event, pmu->root, pmu->name,
                        text);
    pmu->type = (uint32_t)type;
    pmu->scale = 1;
    return read_terms(pmu, terms, 0);
}

static int add_pmu(struct vit_perf_event *event, const struct pmu *pmu)
{
    char text[FILE_TEXT];
    bool uncore = read_line(pmu, "cpumask", text), modes = !uncore && is_core(pmu);
    bool alike = uncore == event->uncore && pmu->scale == event->scale && strcmp(pmu->unit, event->unit) == 0;
    if (event->n_target > 0 && !alike)
        return vit_fail(VIT_EINVAL, "%s: the PMUs that match count in different units or scopes; name one of them",
                        pmu->event);
    event->uncore = uncore;
    event->modes = modes;
    event->scale = pmu->scale;
    memcpy(event->unit, pmu->unit, sizeof event->unit);
    return uncore ? add_cpus(event, pmu, text) : add_target(event, pmu, -1);
}

/* Those that match and have the event: uncore_imc_* are memory channels and, on some, free-running counters beside. */
static int add_matching(struct vit_perf_event *event, const struct pmu *like, const char *terms)
{
    DIR *folder = opendir(like->root);
    if (!folder)
        return vit_fail(VIT_ENOTSUP, "%s: cannot read %s: %s", like->event, like->root, strerror(errno));
    int status = VIT_OK, lacking = 0;
    const struct dirent *entry;
    while (status == VIT_OK && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || fnmatch(like->name, entry->d_name, 0) != 0)
            continue;
        struct pmu pmu = {.root = like->root, .name = entry->d_name, .event = like->event};
        status = describe(&pmu, terms);
        if (status == VIT_OK)
            status = add_pmu(event, &pmu);
        else if (status == VIT_EINVAL) {
            lacking++;
            status = VIT_OK;
        }
    }
    closedir(folder);
    if (status != VIT_OK || event->n_target > 0)
        return status;
    if (lacking > 0)
        return VIT_EINVAL; /* with the message of the last */
    return vit_fail(VIT_ENOTSUP, "%s: no PMU matches \"%s\" in %s: the kernel has no driver for one here", like->event,
                    like->name, like->root);
}

/* "PMU/TERMS/" */
static int find_in_pmu(struct vit_perf_event *event, const char *root, const char *text)
{
    char name[NAME_TEXT], terms[FILE_TEXT];
    const char *slash = strchr(text, '/');
    size_t length = strlen(slash + 1);
    if (slash == text || text[0] == '.' || slash - text >= NAME_TEXT || length < 2 || length > sizeof terms ||
        strchr(slash + 1, '/') != slash + length)
        return vit_fail(VIT_EINVAL, "event \"%.120s\": write PMU/TERMS/, as in amd_df/event=0x07,umask=0x38/", text);
    snprintf(name, sizeof name, "%.*s", (int)(slash - text), text);
    snprintf(terms, sizeof terms, "%.*s", (int)length - 1, slash + 1);
    struct pmu pmu = {.root = root, .name = name, .event = text};
    if (strpbrk(name, "*?["))
        return add_matching(event, &pmu, terms);
    int status = describe(&pmu, terms);
    return status == VIT_OK ? add_pmu(event, &pmu) : status;
}

/* Names that need no PMU folder. */
static int find_known(struct vit_perf_event *event, const char *text)
{
    struct pmu pmu = {.event = text, .scale = 1};
    char number[24];
    bool found = text[0] == 'r' && snprintf(number, sizeof number, "0x%s", text + 1) < (int)sizeof number &&
                 vit_perf_number(number, &pmu.config[0]);
    pmu.type = PERF_TYPE_RAW;
    for (size_t i = 0; !found && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, text) != 0)
            continue;
        found = true;
        pmu.type = known[i].type;
        pmu.config[0] = known[i].config;
        snprintf(pmu.unit, sizeof pmu.unit, "%s", known[i].unit);
    }
    if (!found)
        return vit_fail(VIT_EINVAL,
                        "event \"%.120s\": neither a name that the kernel knows (cycles, task-clock), nor "
                        "r and hexadecimal digits, nor PMU/TERMS/",
                        text);
    event->modes = true;
    event->scale = 1;
    memcpy(event->unit, pmu.unit, sizeof event->unit);
    return add_target(event, &pmu, -1);
}

int vit_perf_event_find(struct vit_perf_event *event, const char *root, const char *name)
{
    *event = (struct vit_perf_event){0};
    int status = strchr(name, '/') ? find_in_pmu(event, root, name) : find_known(event, name);
    if (status != VIT_OK)
        vit_perf_event_close(event);
    return status;
}

void vit_perf_event_close(struct vit_perf_event *event)
{
    free(event->target);
    *event = (struct vit_perf_event){0};
}
