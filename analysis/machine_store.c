/* SPDX-License-Identifier: MIT */
#include "analysis/machine_store.h"

#include "analysis/run_info.h"
#include "model/base/real.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "reports/json_read.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char schema[] = "vitscope-machine/1";

/* What a ceiling depends on, as text: "AMD EPYC; 2 logical; L1 d 49152 B 12-way by 1; ...". */
static void describe_processor(char *text, size_t size, const struct vit_machine *m)
{
    size_t used = (size_t)snprintf(text, size, "%s; %d logical", m->cpu, m->logical);
    for (int i = 0; i < m->n_cache && used < size; i++) {
        const struct vit_cache *c = &m->cache[i];
        used += (size_t)snprintf(text + used, size - used, "; L%d %c %" PRId64 " B %d-way by %d", c->level, c->type,
                                 c->bytes, c->ways, c->shared_by);
    }
}

/* FNV-1a: short names for files. */
static uint32_t digest(const char *text)
{
    uint32_t hash = 2166136261U;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619U;
    return hash;
}

int vit_survey_path(char *path, size_t size, const struct vit_machine *machine)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char folder[3800], host[65] = "", processor[1024];
    if (cache && cache[0] == '/') /* the standard says to ignore relative ones */
        snprintf(folder, sizeof folder, "%s/vitscope", cache);
    else if (home && home[0] == '/')
        snprintf(folder, sizeof folder, "%s/.cache/vitscope", home);
    else
        return vit_fail(VIT_ENOTSUP, "ceilings are not kept: neither HOME nor XDG_CACHE_HOME names a folder");
    gethostname(host, sizeof host - 1);
    for (char *at = host; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_')
            *at = '_';
    describe_processor(processor, sizeof processor, machine);
    int written = snprintf(path, size, "%s/machine-%s-%08" PRIx32 "-%s-%s.json", folder, host, digest(processor),
                           vit_kernels()->isa, VIT_REAL_NAME);
    return written > 0 && (size_t)written < size
               ? VIT_OK
               : vit_fail(VIT_EINVAL, "ceilings are not kept: the path of the cache folder is too long");
}

static void add_figure(struct vit_json *json, const struct vit_survey_figure *f)
{
    vit_json_object(json, NULL);
    vit_json_string(json, "level", f->level);
    vit_json_string(json, "operation", f->operation);
    vit_json_string(json, "kernel", f->kernel);
    vit_json_integer(json, "threads", f->threads);
    vit_json_integer(json, "array_bytes", f->array_bytes);
    vit_json_integer(json, "repetitions", f->repetitions);
    if (f->repetitions > 0) {
        vit_json_number(json, "median", f->median);
        vit_json_number(json, "best", f->best);
        vit_json_number(json, "first_quartile", f->low);
        vit_json_number(json, "third_quartile", f->high);
        vit_json_number(json, "cpu_share", f->cpu_share);
        vit_json_string(json, "unit", vit_survey_unit(f));
    } else {
        vit_json_string(json, "reason", f->reason);
    }
    vit_json_end(json);
}

int vit_survey_keep(const struct vit_survey *survey, const struct vit_machine *machine, const char *path)
{
    char folder[4096], processor[1024];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    int status = vit_run_folder(folder);
    if (status != VIT_OK)
        return status;
    struct vit_json json;
    describe_processor(processor, sizeof processor, machine);
    vit_json_open(&json);
    vit_json_string(&json, "schema", schema);
    vit_json_string(&json, "date", survey->date);
    vit_json_string(&json, "build", survey->build);
    vit_json_string(&json, "processor", processor);
    vit_json_string(&json, "kernel", machine->kernel);
    vit_json_string(&json, "kernel_set", survey->kernel_set);
    vit_json_string(&json, "real", survey->real);
    vit_json_string(&json, "blas", survey->blas);
    vit_json_number(&json, "min_time_s", survey->min_time_s);
    vit_json_array(&json, "figures");
    for (int i = 0; i < survey->n_figure; i++)
        add_figure(&json, &survey->figure[i]);
    vit_json_end(&json);
    status = vit_json_write(&json, path);
    vit_json_close(&json);
    return status;
}

/* The text into a field; false where there is none or it does not fit. */
static bool take_text(char *to, size_t size, const struct cJSON *object, const char *name)
{
    const char *text = vit_json_text(object, name);
    return text && (size_t)snprintf(to, size, "%s", text) < size;
}

static bool in_order(const struct vit_survey_figure *f)
{
    return f->low > 0 && f->low <= f->median && f->median <= f->high && f->high <= f->best && isfinite(f->best);
}

static bool read_figure(struct vit_survey_figure *f, const struct cJSON *item)
{
    enum { MOST = 1 << 20 };
    int64_t threads = vit_json_count(item, "threads"), repetitions = vit_json_count(item, "repetitions");
    *f = (struct vit_survey_figure){
        .threads = (int)threads, .repetitions = (int)repetitions, .array_bytes = vit_json_count(item, "array_bytes")};
    if (!take_text(f->level, sizeof f->level, item, "level") ||
        !take_text(f->operation, sizeof f->operation, item, "operation") ||
        !take_text(f->kernel, sizeof f->kernel, item, "kernel") || threads < 1 || threads > MOST || repetitions < 0 ||
        repetitions > MOST || f->array_bytes < 0)
        return false;
    if (repetitions == 0)
        return take_text(f->reason, sizeof f->reason, item, "reason");
    f->median = vit_json_real(item, "median");
    f->best = vit_json_real(item, "best");
    f->low = vit_json_real(item, "first_quartile");
    f->high = vit_json_real(item, "third_quartile");
    f->cpu_share = vit_json_real(item, "cpu_share");
    return in_order(f) && f->cpu_share > 0;
}

static int read_survey(struct vit_survey *s, const struct cJSON *root, const char *path)
{
    s->min_time_s = vit_json_real(root, "min_time_s");
    if (!take_text(s->date, sizeof s->date, root, "date") || !take_text(s->build, sizeof s->build, root, "build") ||
        !take_text(s->blas, sizeof s->blas, root, "blas"))
        return vit_fail(VIT_EFORMAT, "%s: \"date\", \"build\" or \"blas\" is missing", path);
    const struct cJSON *item = vit_json_first(vit_json_member(root, "figures"));
    for (; item; item = vit_json_next(item)) {
        if (s->n_figure == VIT_MAX_FIGURES)
            return vit_fail(VIT_EFORMAT, "%s: more than %d figures", path, VIT_MAX_FIGURES);
        if (!read_figure(&s->figure[s->n_figure++], item))
            return vit_fail(VIT_EFORMAT, "%s: figure %d is not one of a machine's", path, s->n_figure);
    }
    return s->n_figure > 0 ? VIT_OK : vit_fail(VIT_EFORMAT, "%s: no figures in it", path);
}

static int compare(struct vit_survey *s, const struct cJSON *root, const struct vit_machine *machine, const char *path)
{
    char processor[1024];
    describe_processor(processor, sizeof processor, machine);
    const char *kind = vit_json_text(root, "schema"), *theirs = vit_json_text(root, "processor");
    if (!kind || strcmp(kind, schema) != 0)
        return vit_fail(VIT_EFORMAT, "%s: \"schema\" is %s, expected \"%s\"", path, kind ? kind : "missing", schema);
    if (!theirs || strcmp(theirs, processor) != 0)
        return vit_fail(VIT_EMISMATCH, "%s: is of another processor or other caches", path);
    if (!take_text(s->kernel_set, sizeof s->kernel_set, root, "kernel_set") ||
        strcmp(s->kernel_set, vit_kernels()->isa) != 0)
        return vit_fail(VIT_EMISMATCH, "%s: is of other vector kernels than %s", path, vit_kernels()->isa);
    if (!take_text(s->real, sizeof s->real, root, "real") || strcmp(s->real, VIT_REAL_NAME) != 0)
        return vit_fail(VIT_EMISMATCH, "%s: is of other numbers than " VIT_REAL_NAME, path);
    return VIT_OK;
}

int vit_survey_read(struct vit_survey *survey, const struct vit_machine *machine, const char *path)
{
    struct cJSON *root;
    memset(survey, 0, sizeof *survey);
    int status = vit_json_read(&root, path);
    if (status != VIT_OK)
        return status;
    status = compare(survey, root, machine, path);
    if (status == VIT_OK)
        status = read_survey(survey, root, path);
    vit_json_free(root);
    return status;
}

/* VIT_OK where the kept survey has both numbers of threads. */
static int take_kept(struct vit_machine *machine, int threads, const char *path)
{
    struct vit_survey *survey = malloc(sizeof *survey);
    if (!survey)
        return vit_fail(VIT_ENOMEM, "out of memory: kept ceilings");
    struct vit_ceilings single, all;
    int status = vit_survey_read(survey, machine, path);
    if (status == VIT_OK)
        status = vit_survey_ceilings(survey, 1, &single);
    if (status == VIT_OK)
        status = vit_survey_ceilings(survey, threads, &all);
    if (status == VIT_OK) {
        bool busy = vit_survey_cpu_share(survey, threads) < VIT_QUIET_SHARE;
        snprintf(machine->ceilings_note, sizeof machine->ceilings_note,
                 "kept %s by `vitscope machine`, which measures them anew%s", survey->date,
                 busy ? "; they are low, the machine had other work then" : "");
        machine->single = single;
        machine->all = all;
        snprintf(machine->single.kept, sizeof single.kept, "%s", survey->date);
        snprintf(machine->all.kept, sizeof all.kept, "%s", survey->date);
        for (int i = 0; i < 2; i++) {
            struct vit_ceilings *c = i ? &machine->all : &machine->single;
            size_t used = strlen(c->source);
            snprintf(c->source + used, sizeof c->source - used, "; kept %s", survey->date);
        }
    }
    free(survey);
    return status;
}

int vit_machine_ceilings(struct vit_machine *machine, int threads)
{
    char path[4096];
    snprintf(machine->ceilings_note, sizeof machine->ceilings_note,
             "measured now, DRAM only; `vitscope machine --threads %d` measures all levels", threads);
    int status = vit_survey_path(path, sizeof path, machine);
    bool there = status == VIT_OK && access(path, F_OK) == 0;
    if (there && take_kept(machine, threads, path) == VIT_OK)
        return VIT_OK;
    if (there)
        snprintf(machine->ceilings_note, sizeof machine->ceilings_note, "measured now; not used: %.380s", vit_error());
    return vit_machine_measure(machine, threads);
}
