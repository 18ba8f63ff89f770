/* SPDX-License-Identifier: MIT */
/* reproduction.c - units of work: in order, shared out, kept as files, read back. */
#include "analysis/reproduction.h"

#include "analysis/build_info.h"
#include "analysis/run_info.h"
#include "model/base/clock.h"
#include "model/base/real.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "reports/progress.h"
#include "reports/sink.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VIT_REPRODUCTION(name) extern const struct vit_reproduction_def vit_reproduction_##name;
#include "analysis/reproductions.def"
#undef VIT_REPRODUCTION

const struct vit_reproduction_def *const vit_reproductions[] = {
#define VIT_REPRODUCTION(name) &vit_reproduction_##name,
#include "analysis/reproductions.def"
#undef VIT_REPRODUCTION
};
const int vit_n_reproductions = (int)(sizeof vit_reproductions / sizeof vit_reproductions[0]);

struct vit_unit vit_unit_of(const struct vit_reproduction *r, const char *key_format, ...)
{
    struct vit_unit unit = {.expected_s = 1, .options = *r->options};
    va_list arguments;
    va_start(arguments, key_format);
    vsnprintf(unit.key, sizeof unit.key, key_format, arguments);
    va_end(arguments);
    unit.options.n_argument = 0;
    return unit;
}

int vit_reproduction_add(struct vit_reproduction *r, const struct vit_unit *unit)
{
    if (r->n_unit == r->capacity) {
        int capacity = r->capacity ? 2 * r->capacity : 16;
        struct vit_unit *grown = realloc(r->unit, (size_t)capacity * sizeof *grown);
        if (!grown)
            return vit_fail(VIT_ENOMEM, "out of memory: %d units", capacity);
        r->unit = grown;
        r->capacity = capacity;
    }
    r->unit[r->n_unit++] = *unit;
    return VIT_OK;
}

static void unit_path(char *path, size_t size, const struct vit_reproduction *r, const struct vit_unit *unit)
{
    snprintf(path, size, "%s/units/%s.csv", r->root, unit->key);
}

static const char *folder_of(const struct vit_unit *unit)
{
    return unit->folder ? unit->folder : unit->key;
}

int vit_unit_folder(char *path, size_t size, const struct vit_reproduction *r, const struct vit_unit *unit)
{
    snprintf(path, size, "%s/units/%s", r->root, folder_of(unit));
    return vit_run_folder(path);
}

const struct vit_result *vit_unit_result(const struct vit_reproduction *r, const struct vit_unit *unit,
                                         const char *name)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", unit->key, name);
    return vit_results_find(&r->results, full);
}

double vit_unit_real(const struct vit_reproduction *r, const struct vit_unit *unit, const char *name)
{
    const struct vit_result *result = vit_unit_result(r, unit, name);
    return result && result->value.present ? result->value.r : NAN;
}

int vit_reproduction_csv(const struct vit_reproduction *r, struct vit_sink *sink, const char *name,
                         const struct vit_schema *schema)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s.csv", r->folder, name);
    return vit_sink_open_csv(sink, schema, path);
}

/* What makes results differ: a unit that was made with other settings is not taken for this one. */
static void describe_settings(char *text, size_t size, const struct vit_options *o)
{
    int used =
        snprintf(text, size, "graph %s, batch %d, threads %d, img %d, seed %llu, %s %s", o->graph ? o->graph : "-",
                 o->batch, o->threads, o->img, (unsigned long long)o->seed, vit_kernels()->isa, VIT_REAL_NAME);
    const struct {
        const char *name, *value;
    } texts[] = {{"kernel", o->kernel}, {"data", o->data},     {"weights", o->weights}, {"protocol", o->protocol},
                 {"set", o->set},       {"recipe", o->recipe}, {"traffic", o->traffic}, {"cache", o->cache}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && used < (int)size; i++)
        if (texts[i].value)
            used += snprintf(text + used, size - (size_t)used, ", %s %s", texts[i].name, texts[i].value);
    if (o->warmup_s >= 0 && used < (int)size)
        used += snprintf(text + used, size - (size_t)used, ", warm-up %g s", o->warmup_s);
    if (o->min_time_s >= 0 && used < (int)size)
        used += snprintf(text + used, size - (size_t)used, ", at least %g s", o->min_time_s);
    if (o->epochs && used < (int)size)
        used += snprintf(text + used, size - (size_t)used, ", %d epochs", o->epochs);
    if (o->repeat && used < (int)size)
        snprintf(text + used, size - (size_t)used, ", at least %d runs", o->repeat);
}

/* Adds the results of a file of the unit's; *there is false where it does not exist. */
static int read_file(struct vit_results *results, const char *path, const struct vit_unit *unit, bool *there)
{
    char settings[4096];
    *there = access(path, F_OK) == 0;
    if (!*there)
        return VIT_OK;
    describe_settings(settings, sizeof settings, &unit->options);
    return vit_results_read(results, path, "", &(struct vit_results_origin){.settings = settings});
}

static int write_file(const struct vit_results *results, const char *path, const struct vit_unit *unit, double seconds)
{
    char settings[4096], program[256], host[256] = "";
    describe_settings(settings, sizeof settings, &unit->options);
    snprintf(program, sizeof program, "vitscope %s (%s)", vit_build_version, vit_build_commit);
    (void)gethostname(host, sizeof host - 1);
    return vit_results_write(
        results, path,
        &(struct vit_results_origin){.settings = settings, .program = program, .host = host, .seconds = seconds});
}

static int part_path(char *path, size_t size, const struct vit_reproduction *r, const struct vit_unit *unit,
                     const char *name)
{
    char folder[4200];
    int status = vit_unit_folder(folder, sizeof folder, r, unit);
    snprintf(path, size, "%s/%s.csv", folder, name);
    return status;
}

int vit_unit_keep(const struct vit_reproduction *r, const struct vit_unit *unit, const struct vit_results *part,
                  const char *name)
{
    char path[4300];
    int status = part_path(path, sizeof path, r, unit, name);
    return status == VIT_OK ? write_file(part, path, unit, NAN) : status;
}

int vit_unit_recall(const struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *part,
                    const char *name, bool *there)
{
    char path[4300];
    int status = part_path(path, sizeof path, r, unit, name);
    return status == VIT_OK ? read_file(part, path, unit, there) : status;
}

/* Whether the unit's results are there; VIT_EMISMATCH where they were made otherwise. */
static int look(const struct vit_reproduction *r, const struct vit_unit *unit, bool *there)
{
    char path[4300];
    struct vit_results results = {0};
    unit_path(path, sizeof path, r, unit);
    int status = read_file(&results, path, unit, there);
    vit_results_close(&results);
    return status;
}

static int measure_unit(struct vit_reproduction *r, const struct vit_unit *unit)
{
    char path[4300];
    struct vit_results results = {0};
    int64_t start = vit_clock_ns();
    int status = unit->measure(r, unit, &results);
    if (status == VIT_OK)
        status = results.status;
    if (status == VIT_OK) {
        unit_path(path, sizeof path, r, unit);
        status = write_file(&results, path, unit, (double)(vit_clock_ns() - start) / 1e9);
    }
    vit_results_close(&results);
    return status == VIT_OK ? VIT_OK : vit_fail_in(status, "%s", unit->key);
}

/* Units in the order of planning; one that an earlier figure has too is left to that one. */
struct schedule {
    struct {
        struct vit_reproduction *of;
        const struct vit_unit *unit;
        int turn; /* whose: of the shard of this number; that of the first unit with its folder */
    } * item;
    int n, there;
    double expected_s; /* of those to do */
};

static bool listed(const struct schedule *s, const char *key)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->item[i].unit->key, key) == 0)
            return true;
    return false;
}

static int turn_of(const struct schedule *s, const struct vit_unit *unit)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(folder_of(s->item[i].unit), folder_of(unit)) == 0)
            return s->item[i].turn;
    return s->n;
}

static int make_schedule(struct schedule *s, struct vit_reproductions *work)
{
    int total = 0;
    for (int i = 0; i < work->n; i++)
        total += work->item[i].n_unit;
    *s = (struct schedule){.item = calloc((size_t)total + 1, sizeof *s->item)};
    if (!s->item)
        return vit_fail(VIT_ENOMEM, "out of memory: %d units", total);
    for (int i = 0; i < work->n; i++)
        for (int k = 0; k < work->item[i].n_unit; k++) {
            const struct vit_unit *unit = &work->item[i].unit[k];
            if (listed(s, unit->key))
                continue;
            const int turn = turn_of(s, unit);
            s->item[s->n].of = &work->item[i];
            s->item[s->n].unit = unit;
            s->item[s->n++].turn = turn;
        }
    return VIT_OK;
}

/* Leaves the units of this shard that are not there yet; counts the others. */
static int leave_mine(struct schedule *s, const struct vit_reproductions *work, int *elsewhere)
{
    int kept = 0;
    *elsewhere = 0;
    for (int i = 0; i < s->n; i++) {
        bool there;
        int status = look(s->item[i].of, s->item[i].unit, &there);
        if (status != VIT_OK)
            return status;
        bool mine = s->item[i].turn % work->shards == work->shard;
        s->there += there;
        *elsewhere += !there && !mine;
        if (there || !mine)
            continue;
        s->expected_s += s->item[i].unit->expected_s;
        s->item[kept++] = s->item[i];
    }
    s->n = kept;
    return VIT_OK;
}

/* A line for each unit on a terminal; the unit's own progress is drawn below it. */
static void tell(const struct schedule *s, int i, struct vit_progress *progress, double done_s)
{
    char text[160], label[64];
    if (!isatty(STDERR_FILENO))
        return;
    snprintf(label, sizeof label, "unit %d of %d", s->there + i + 1, s->there + s->n);
    progress->label = label;
    vit_progress_text(text, sizeof text, progress,
                      (struct vit_progress_state){(int64_t)(1000 * done_s), vit_clock_ns() - progress->start_ns});
    fprintf(stderr, "%s: %s\n", text, s->item[i].unit->key);
    progress->label = "";
}

static int measure_all(const struct schedule *s)
{
    struct vit_progress progress;
    double done_s = 0;
    int status = VIT_OK;
    vit_progress_open(&progress, "", (int64_t)(1000 * s->expected_s));
    for (int i = 0; i < s->n && status == VIT_OK; i++) {
        tell(s, i, &progress, done_s);
        status = measure_unit(s->item[i].of, s->item[i].unit);
        done_s += s->item[i].unit->expected_s;
    }
    return status;
}

int vit_reproductions_plan(struct vit_reproductions *work, int *units)
{
    int status = VIT_OK;
    *units = 0;
    for (int i = 0; i < work->n && status == VIT_OK; i++) {
        status = work->item[i].def->plan(&work->item[i]);
        *units += work->item[i].n_unit;
    }
    return status;
}

int vit_reproductions_measure(struct vit_reproductions *work, int *missing)
{
    char units[4200];
    struct schedule schedule;
    snprintf(units, sizeof units, "%s/units", work->root);
    int status = vit_run_folder(units);
    if (status != VIT_OK)
        return status;
    status = make_schedule(&schedule, work);
    if (status == VIT_OK)
        status = leave_mine(&schedule, work, missing);
    if (status == VIT_OK)
        status = measure_all(&schedule);
    free(schedule.item);
    return status;
}

static int read_units(struct vit_reproduction *r, struct vit_results_origin *last, double *seconds)
{
    int status = VIT_OK;
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++) {
        char path[4300], prefix[160], settings[4096];
        describe_settings(settings, sizeof settings, &r->unit[i].options);
        *last = (struct vit_results_origin){.settings = settings};
        unit_path(path, sizeof path, r, &r->unit[i]);
        snprintf(prefix, sizeof prefix, "%s/", r->unit[i].key);
        status = vit_results_read(&r->results, path, prefix, last);
        *seconds += last->seconds;
    }
    return status;
}

int vit_reproduction_finish(struct vit_reproduction *r)
{
    char path[4200];
    double seconds = 0;
    struct vit_results_origin origin = {0};
    int status = read_units(r, &origin, &seconds);
    if (status == VIT_OK)
        status = vit_run_folder(r->folder);
    if (status == VIT_OK)
        status = r->def->finish(r);
    if (status == VIT_OK)
        status = r->results.status;
    if (status != VIT_OK)
        return vit_fail_in(status, "%s", r->def->name);
    snprintf(path, sizeof path, "%s/results.csv", r->folder);
    origin.settings = vit_results_text(&r->results, "budget %s", vit_budget_name(r->budget));
    origin.seconds = seconds;
    return vit_results_write(&r->results, path, &origin);
}

void vit_reproductions_close(struct vit_reproductions *work)
{
    for (int i = 0; i < work->n; i++) {
        vit_results_close(&work->item[i].results);
        free(work->item[i].unit);
    }
    free(work->item);
    *work = (struct vit_reproductions){0};
}
