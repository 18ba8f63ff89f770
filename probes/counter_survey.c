/* SPDX-License-Identifier: MIT */
/* counter_survey.c - walks every event that the map has for this machine up the ladder, with every backend. */
#include "probes/counter_survey.h"

#include "model/base/clock.h"
#include "model/base/status.h"
#include "probes/counter_stimulus.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct vit_counter_backend *const real_backends[] = {&vit_counter_papi, &vit_counter_perf};

static struct vit_counter_survey survey;
static bool surveyed;
static const struct vit_counter_stage *staged;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

int vit_counter_backends(const struct vit_counter_backend *const **backend)
{
    *backend = staged ? staged->backend : real_backends;
    return staged ? staged->n_backend : (int)(sizeof real_backends / sizeof real_backends[0]);
}

void vit_counter_set_stage(const struct vit_counter_stage *stage)
{
    pthread_mutex_lock(&mutex);
    staged = stage;
    surveyed = false;
    pthread_mutex_unlock(&mutex);
}

int vit_counter_terms(struct vit_counter_terms *terms, const char *event)
{
    char *rest = terms->text;
    *terms = (struct vit_counter_terms){0};
    if (snprintf(terms->text, sizeof terms->text, "%s", event) >= (int)sizeof terms->text)
        return vit_fail(VIT_EINVAL, "event \"%.80s...\": longer than %zu characters", event, sizeof terms->text - 1);
    while (rest) {
        if (terms->n == VIT_COUNTER_TERMS)
            return vit_fail(VIT_EINVAL, "event \"%.80s...\": a sum of more than %d", event, VIT_COUNTER_TERMS);
        terms->term[terms->n++] = strsep(&rest, "+");
    }
    return VIT_OK;
}

static bool read_sum(const struct vit_counter_finding *f, struct vit_counting *counting, int n, uint64_t *sum)
{
    struct vit_reading reading;
    *sum = 0;
    errno = 0;
    if (!f->backend->read(counting, &reading))
        return false;
    for (int i = 0; i < n; i++)
        *sum += reading.value[i];
    return true;
}

/* What everybody else moves while this thread sleeps. */
static void measure_idle(struct vit_counter_finding *f, struct vit_counting *counting, int n)
{
    uint64_t before, after;
    int64_t begin = vit_clock_ns();
    bool read = read_sum(f, counting, n, &before);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    double seconds = (double)(vit_clock_ns() - begin) / 1e9;
    if (read && read_sum(f, counting, n, &after) && after >= before)
        f->idle_per_s = (double)(after - before) * f->bytes / seconds;
}

/* READ, ADVANCE and CALIBRATE of open events. */
static void climb_running(struct vit_counter_finding *f, struct vit_counting *counting, int n,
                          enum vit_stimulus stimulus, struct vit_stream *stream)
{
    enum { READS = 3 };
    uint64_t sum[READS];
    bool moved = true;
    for (int i = 0; i < READS; i++) {
        moved = (i == 0 || vit_stimulate(stimulus, stream)) && moved;
        f->failed = VIT_RUNG_READ;
        if (!read_sum(f, counting, n, &sum[i])) {
            f->system_error = errno;
            return;
        }
    }
    f->counted = (int64_t)(sum[READS - 1] - sum[0]);
    bool backwards = sum[1] < sum[0] || sum[2] < sum[1];
    f->untested = !moved && f->counted == 0;
    f->failed = VIT_RUNG_ADVANCE;
    if (backwards || (f->counted == 0 && !f->untested)) {
        if (backwards && f->counted >= 0)
            f->counted = -1;
        return;
    }
    f->failed = VIT_RUNG_NONE;
    if (!f->bytes)
        return;
    f->calibration = (double)f->counted * f->bytes / ((READS - 1) * (double)stream->bytes);
    if (!(f->calibration >= 0.5 && f->calibration <= 2))
        f->failed = VIT_RUNG_CALIBRATE;
    else if (f->scope != VIT_SCOPE_THREADS)
        measure_idle(f, counting, n);
}

/* One name, without alternatives. */
static void climb(struct vit_counter_finding *f, enum vit_stimulus stimulus, struct vit_stream *stream, char *detail)
{
    struct vit_counter_terms terms;
    struct vit_attempt attempt = {.failed = VIT_RUNG_NAME};
    struct vit_counting *counting = NULL;
    detail[0] = '\0';
    int status = vit_counter_terms(&terms, f->event);
    if (status != VIT_OK)
        snprintf(attempt.detail, sizeof attempt.detail, "%.255s", vit_error());
    struct vit_counter_request request = {.event = terms.term,
                                          .n = terms.n,
                                          .task = f->scope == VIT_SCOPE_THREADS ? 0 : -1,
                                          .cpu = -1,
                                          .kernel = f->kernel};
    if (status == VIT_OK)
        status = f->backend->open(&counting, &request, &attempt);
    if (status != VIT_OK && f->kernel && (attempt.system_error == EACCES || attempt.system_error == EPERM)) {
        request.kernel = f->kernel = false; /* better user mode alone than nothing: the finding says so */
        status = f->backend->open(&counting, &request, &attempt);
    }
    if (status != VIT_OK) {
        /* A backend that ran out of memory has no rung. */
        f->failed = attempt.failed == VIT_RUNG_NONE ? VIT_RUNG_ADD : attempt.failed;
        f->code = attempt.code;
        f->system_error = attempt.system_error;
        snprintf(detail, VIT_COUNTER_DETAIL, "%s", attempt.detail[0] ? attempt.detail : vit_error());
        return;
    }
    climb_running(f, counting, terms.n, stimulus, stream);
    f->backend->close(counting);
}

/* Takes the first alternative of names ('|' between them) that the backend knows. */
static void try_names(struct vit_counter_finding *f, const char *names, enum vit_stimulus stimulus,
                      struct vit_stream *stream)
{
    const bool kernel = f->kernel;
    char detail[VIT_COUNTER_DETAIL];
    for (const char *next = names; next;) {
        size_t length = strcspn(next, "|");
        snprintf(f->event, sizeof f->event, "%.*s", (int)length, next);
        next = next[length] ? next + length + 1 : NULL;
        f->kernel = kernel;
        climb(f, stimulus, stream, detail);
        if (f->failed != VIT_RUNG_NAME)
            break;
    }
    f->usable = f->failed == VIT_RUNG_NONE;
    vit_counter_explain(f, &survey.system, detail);
}

static void try_event(const struct vit_counter_event *event, const struct vit_counter_backend *backend,
                      struct vit_stream *stream)
{
    const struct vit_quantity *quantity = vit_quantity_find(event->quantity);
    const char *names = strcmp(backend->name, vit_counter_papi.name) == 0 ? event->papi : event->perf;
    if (!names || survey.n == VIT_MAX_FINDINGS)
        return;
    struct vit_counter_finding *f = &survey.finding[survey.n++];
    *f = (struct vit_counter_finding){.column = event->quantity,
                                      .backend = backend,
                                      .kernel = quantity->kernel,
                                      .calibration = NAN,
                                      .idle_per_s = NAN,
                                      .bytes = event->bytes,
                                      .scope = event->scope,
                                      .caveat = event->caveat};
    try_names(f, names, quantity->stimulus, stream);
    f->chosen = f->usable && !vit_counter_chosen(&survey, f->column);
}

static void make_survey(void)
{
    enum { MOST = VIT_MAX_FINDINGS };
    const struct vit_counter_event *event[MOST];
    const struct vit_counter_backend *const *backend;
    struct vit_stream stream = {.bytes = staged && staged->stream_bytes ? staged->stream_bytes : vit_stream_size()};
    int64_t begin = vit_clock_ns();
    memset(&survey, 0, sizeof survey);
    if (staged)
        survey.system = staged->system;
    else
        vit_counter_system_read(&survey.system);
    int n = vit_counter_events_of(&survey.system.processor, event, MOST), n_backend = vit_counter_backends(&backend);
    for (int q = 0; q < vit_n_quantities; q++)
        for (int i = 0; i < n && i < MOST; i++)
            for (int b = 0; b < n_backend; b++)
                if (strcmp(event[i]->quantity, vit_quantity_table[q].column) == 0)
                    try_event(event[i], backend[b], &stream);
    vit_stream_close(&stream);
    vit_counter_verdict(&survey);
    survey.seconds = (double)(vit_clock_ns() - begin) / 1e9;
}

const struct vit_counter_survey *vit_counter_survey(void)
{
    pthread_mutex_lock(&mutex);
    if (!surveyed)
        make_survey();
    surveyed = true;
    pthread_mutex_unlock(&mutex);
    return &survey;
}

const struct vit_counter_finding *vit_counter_chosen(const struct vit_counter_survey *s, const char *column)
{
    for (int i = 0; i < s->n; i++)
        if (s->finding[i].chosen && strcmp(s->finding[i].column, column) == 0)
            return &s->finding[i];
    return NULL;
}

void vit_counter_why(const struct vit_counter_survey *s, const char *column, char *text, size_t size)
{
    const struct vit_counter_finding *best = NULL;
    for (int i = 0; i < s->n; i++) {
        const struct vit_counter_finding *f = &s->finding[i];
        if (strcmp(f->column, column) == 0 && (!best || f->failed > best->failed))
            best = f;
    }
    const struct vit_processor *p = &s->system.processor;
    bool named = best && strncmp(best->reason, best->event, strlen(best->event)) == 0;
    if (best)
        snprintf(text, size, "%s%s%s: %s%s%s", best->backend->name, named ? "" : " ", named ? "" : best->event,
                 best->reason, best->cure[0] ? ": " : "", best->cure);
    else
        snprintf(text, size, "no event is known for it on this processor (%s family %d model %d): a row in %s would do",
                 p->vendor, p->family, p->model, "probes/counter_events.def");
}

/* Does a PMU behind the name count for more than one thread? PAPI says so with ":cpu=", sysfs with a cpumask. */
static bool is_shared(const char *event)
{
    char pattern[256];
    glob_t found;
    size_t length = strcspn(event, "/");
    if (event[length] != '/')
        return strstr(event, ":cpu=") != NULL;
    if (snprintf(pattern, sizeof pattern, "/sys/bus/event_source/devices/%.*s/cpumask", (int)length, event) >=
        (int)sizeof pattern)
        return false;
    bool shared = glob(pattern, 0, NULL, &found) == 0;
    if (shared)
        globfree(&found);
    return shared;
}

void vit_counter_try(struct vit_counter_finding *f, const struct vit_counter_backend *backend, const char *event)
{
    (void)vit_counter_survey(); /* reads the system */
    struct vit_stream stream = {.bytes = staged && staged->stream_bytes ? staged->stream_bytes : vit_stream_size()};
    *f = (struct vit_counter_finding){.column = "",
                                      .backend = backend,
                                      .calibration = NAN,
                                      .idle_per_s = NAN,
                                      .scope = is_shared(event) ? VIT_SCOPE_SOCKET : VIT_SCOPE_THREADS,
                                      .caveat = "raw: what it means is the processor's affair"};
    try_names(f, event, VIT_STIMULUS_ALL, &stream);
    if (f->failed == VIT_RUNG_ADVANCE && f->counted == 0) { /* some of the kernel's events happen only in its mode */
        f->kernel = true;
        try_names(f, event, VIT_STIMULUS_ALL, &stream);
    }
    vit_stream_close(&stream);
}
