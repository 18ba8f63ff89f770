/* SPDX-License-Identifier: MIT */
#include "analysis/run_info.h"

#include "analysis/build_info.h"
#include "model/base/status.h"
#include "model/blas.h"
#include "model/kernel_set.h"
#include "probes/counter_survey.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static void text_or_null(struct vit_json *json, const char *name, const char *value)
{
    if (value && *value)
        vit_json_string(json, name, value);
    else
        vit_json_null(json, name, "not given or not readable here");
}

static void add_build(struct vit_json *json)
{
    vit_json_object(json, "build");
    vit_json_string(json, "version", vit_build_version);
    vit_json_string(json, "commit", vit_build_commit);
    vit_json_string(json, "compiler", vit_build_compiler);
    vit_json_string(json, "flags", vit_build_flags);
    vit_json_string(json, "real", VIT_REAL_NAME);
    vit_json_end(json);
}

/* Third parties' variables that change what runs are recorded; the program has none of its own. */
static void add_libraries(struct vit_json *json)
{
    static const char *const variables[] = {"OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OPENBLAS_L2_SIZE",
                                            "OMP_NUM_THREADS", "LIBPFM_FORCE_PMU"};
    vit_json_object(json, "libraries");
    vit_json_string(json, "blas", vit_blas_version());
    vit_json_string(json, "blas_kernel", vit_blas_kernel());
    vit_json_string(json, "vector_kernels", vit_kernels()->isa);
    text_or_null(json, "papi", vit_papi_version());
    vit_json_object(json, "environment");
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (getenv(variables[i]))
            vit_json_string(json, variables[i], getenv(variables[i]));
    vit_json_end(json);
    vit_json_end(json);
}

static void add_options(struct vit_json *json, const struct vit_options *o)
{
    vit_json_object(json, "options");
    vit_json_array(json, "arguments");
    for (int i = 0; i < o->n_argument; i++)
        vit_json_string(json, NULL, o->argument[i]);
    vit_json_end(json);
    vit_json_integer(json, "batch", o->batch ? o->batch : 1);
    vit_json_integer(json, "threads", o->threads);
    vit_json_string(json, "graph", o->graph ? o->graph : "eager");
    char seed[24]; /* larger than the integers that JSON readers keep exact */
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)o->seed);
    vit_json_string(json, "seed", seed);
    const char *const text[][2] = {{"kernel", o->kernel},   {"image", o->image},       {"data", o->data},
                                   {"weights", o->weights}, {"out", o->out},           {"format", o->format},
                                   {"probes", o->probes},   {"protocol", o->protocol}, {"isa", o->isa},
                                   {"traffic", o->traffic}, {"cache", o->cache},       {"counters", o->counters}};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        if (text[i][1])
            vit_json_string(json, text[i][0], text[i][1]);
    if (o->img)
        vit_json_integer(json, "img", o->img);
    if (o->shard.count > 1) {
        vit_json_object(json, "shard");
        vit_json_integer(json, "index", o->shard.index);
        vit_json_integer(json, "count", o->shard.count);
        vit_json_end(json);
    }
    struct vit_protocol protocol = vit_profile_protocol(o);
    vit_json_number(json, "warmup_s", protocol.warmup_s);
    vit_json_number(json, "min_time_s", protocol.min_time_s);
    vit_json_integer(json, "repeat", protocol.repeat);
    vit_json_end(json);
}

static void add_ceilings(struct vit_json *json, const char *name, const struct vit_ceilings *c)
{
    if (c->gflops <= 0) {
        vit_json_null(json, name, "not measured");
        return;
    }
    vit_json_object(json, name);
    vit_json_integer(json, "threads", c->threads);
    vit_json_number(json, "gflop_per_s", c->gflops);
    vit_json_number(json, "fma_gflop_per_s", c->gflops_fma);
    if (c->gflops_gemm > 0)
        vit_json_number(json, "gemm_gflop_per_s", c->gflops_gemm);
    else
        vit_json_null(json, "gemm_gflop_per_s", "OpenBLAS is not installed or does not work here");
    vit_json_number(json, "read_gb_per_s", c->read_gbs);
    vit_json_number(json, "triad_gb_per_s", c->triad_gbs);
    vit_json_string(json, "source", c->source);
    vit_json_string(json, "method", c->method);
    text_or_null(json, "kept_since", c->kept);
    vit_json_array(json, "roofs");
    for (int i = 0; i < c->n_roof; i++) {
        vit_json_object(json, NULL);
        vit_json_string(json, "level", c->roof[i].level);
        vit_json_number(json, "load_gb_per_s", c->roof[i].load_gbs);
        vit_json_number(json, "most_gb_per_s", c->roof[i].most_gbs);
        vit_json_end(json);
    }
    vit_json_end(json);
    vit_json_end(json);
}

static void add_machine(struct vit_json *json, const struct vit_machine *m)
{
    vit_json_object(json, "machine");
    text_or_null(json, "cpu", m->cpu);
    text_or_null(json, "vendor", m->vendor);
    text_or_null(json, "microcode", m->microcode);
    text_or_null(json, "flags", m->flags);
    text_or_null(json, "kernel", m->kernel);
    text_or_null(json, "hypervisor", m->hypervisor);
    text_or_null(json, "governor", m->governor);
    text_or_null(json, "pmus", m->pmus);
    text_or_null(json, "ceilings_note", m->ceilings_note);
    vit_json_number(json, "mhz", m->mhz);
    vit_json_integer(json, "packages", m->packages);
    vit_json_integer(json, "numa_nodes", m->numa_nodes);
    vit_json_integer(json, "cores", m->cores);
    vit_json_integer(json, "logical_processors", m->logical);
    vit_json_integer(json, "memory_bytes", m->memory_bytes);
    vit_json_array(json, "caches");
    for (int i = 0; i < m->n_cache; i++) {
        const struct vit_cache *c = &m->cache[i];
        vit_json_object(json, NULL);
        vit_json_integer(json, "level", c->level);
        vit_json_string(json, "type", c->type == 'd' ? "data" : c->type == 'i' ? "instruction" : "unified");
        vit_json_integer(json, "bytes", c->bytes);
        if (c->ways)
            vit_json_integer(json, "ways", c->ways);
        else
            vit_json_null(json, "ways", "unknown");
        vit_json_integer(json, "line_bytes", c->line_bytes);
        vit_json_integer(json, "shared_by", c->shared_by);
        vit_json_end(json);
    }
    vit_json_end(json);
    vit_json_string(json, "source", m->source);
    add_ceilings(json, "ceilings_one_thread", &m->single);
    add_ceilings(json, "ceilings_run_threads", &m->all);
    vit_json_end(json);
}

static void add_counters(struct vit_json *json)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    vit_json_object(json, "counters");
    vit_json_string(json, "verdict", survey->verdict);
    vit_json_integer(json, "perf_event_paranoid", survey->system.paranoid);
    vit_json_array(json, "events");
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *f = &survey->finding[i];
        vit_json_object(json, NULL);
        vit_json_string(json, "column", f->column);
        vit_json_string(json, "event", f->event);
        vit_json_string(json, "backend", f->backend->name);
        vit_json_string(json, "scope", vit_scope_name(f->scope));
        vit_json_boolean(json, "usable", f->usable);
        vit_json_boolean(json, "chosen", f->chosen);
        if (!isnan(f->calibration))
            vit_json_number(json, "calibration", f->calibration);
        if (!f->usable) {
            vit_json_string(json, "failed_at", vit_rung_name(f->failed));
            vit_json_string(json, "reason", f->reason);
        }
        vit_json_end(json);
    }
    vit_json_end(json);
    vit_json_end(json);
}

void vit_run_info_describe(struct vit_json *json, const char *command, const struct vit_options *options,
                           const struct vit_machine *machine)
{
    char now[64];
    time_t seconds = time(NULL);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    vit_json_string(json, "schema", "vitscope-run/1");
    vit_json_string(json, "command", command);
    vit_json_string(json, "written", now);
    add_build(json);
    add_libraries(json);
    add_options(json, options);
    add_machine(json, machine);
}

void vit_run_info_begin(struct vit_json *json, const char *command, const struct vit_options *options,
                        const struct vit_machine *machine)
{
    (void)vit_counter_survey(); /* loads PAPI, whose version is described */
    vit_run_info_describe(json, command, options, machine);
    add_counters(json);
}

static void add_summary(struct vit_json *json, const char *name, const struct vit_summary *s)
{
    vit_json_object(json, name);
    vit_json_integer(json, "runs", s->n);
    vit_json_number(json, "median", s->median);
    vit_json_number(json, "first_quartile", s->low);
    vit_json_number(json, "third_quartile", s->high);
    vit_json_number(json, "least", s->least);
    vit_json_number(json, "most", s->most);
    vit_json_end(json);
}

static void add_plan(struct vit_json *json, const struct vit_plan *plan)
{
    struct vit_cost cost = vit_plan_cost(plan);
    vit_json_object(json, "plan");
    vit_json_integer(json, "operators", plan->n_step);
    vit_json_integer(json, "prepare_operators", plan->n_prepare);
    vit_json_integer(json, "parameters", vit_graph_parameters(plan->graph));
    vit_json_integer(json, "macs", cost.macs);
    vit_json_integer(json, "flops", cost.flops);
    vit_json_integer(json, "compulsory_bytes", vit_cost_bytes(&cost));
    vit_json_integer(json, "weight_bytes",
                     (int64_t)(plan->space_bytes[VIT_SPACE_PARAM] + plan->space_bytes[VIT_SPACE_BUFFER]));
    vit_json_integer(json, "derived_weight_bytes", (int64_t)plan->space_bytes[VIT_SPACE_DERIVED]);
    vit_json_integer(json, "activation_arena_bytes", (int64_t)plan->space_bytes[VIT_SPACE_ACTIVATION]);
    vit_json_integer(json, "peak_live_bytes", (int64_t)plan->peak_live_bytes);
    vit_json_integer(json, "unshared_activation_bytes", (int64_t)plan->unshared_bytes);
    vit_json_integer(json, "workspace_bytes", (int64_t)plan->workspace_bytes);
    vit_json_end(json);
}

static void add_weights(struct vit_json *json, const struct vit_instance *instance)
{
    const struct vit_weights_report *w = &instance->weights;
    vit_json_object(json, "weights");
    if (instance->options.weights) {
        vit_json_string(json, "file", instance->options.weights);
        vit_json_string(json, "sha256", w->sha256);
        vit_json_string(json, "naming", w->naming);
        vit_json_string(json, "dtype", w->dtype);
        vit_json_integer(json, "tensors", w->loaded);
        vit_json_integer(json, "resized", w->resized);
    } else {
        vit_json_null(json, "file", "generated from the seed by tensor name");
    }
    vit_json_end(json);
}

static void add_probes(struct vit_json *json, const struct vit_session *session)
{
    const struct vit_schema *schema = vit_session_schema(session);
    vit_json_array(json, "columns");
    for (int i = 0; i < schema->n_columns; i++) {
        int own;
        const struct vit_probe *probe = vit_session_probe_of(session, i, &own);
        const char *reason = vit_session_reason(session, i);
        vit_json_object(json, NULL);
        vit_json_string(json, "name", schema->column[i].name);
        vit_json_string(json, "probe", probe->def->name);
        struct vit_figure figure = vit_probe_figure(probe, own);
        vit_json_string(json, "tier", vit_tier_name(figure.tier));
        vit_json_string(json, "scope", vit_scope_name(figure.scope));
        vit_json_string(json, "source", figure.source);
        if (!isnan(figure.calibration))
            vit_json_number(json, "calibration", figure.calibration);
        if (figure.run_fraction < 1)
            vit_json_number(json, "run_fraction", figure.run_fraction);
        if (figure.rejected)
            vit_json_integer(json, "rejected", figure.rejected);
        if (reason)
            vit_json_string(json, "absent", reason);
        if (probe->null_sample && !reason)
            vit_json_number(json, "empty_pair_counts", probe->null_sample[own]);
        vit_json_end(json);
    }
    vit_json_end(json);
}

void vit_run_info_profile(struct vit_json *json, const struct vit_profile *p, const char *folder)
{
    const struct vit_instance *instance = &p->instance;
    vit_json_object(json, NULL);
    vit_json_string(json, "model", instance->model->name);
    vit_json_string(json, "reference", instance->model->family->reference);
    vit_json_string(json, "folder", folder);
    vit_json_string(json, "graph", instance->options.model.graph ? instance->options.model.graph : "eager");
    vit_json_integer(json, "batch", instance->graph.batch);
    vit_json_integer(json, "image_size", instance->graph.input->dim[2]);
    vit_json_string(json, "input", instance->input);
    add_weights(json, instance);
    add_plan(json, &instance->plan);
    vit_json_number(json, "images_per_s", instance->graph.batch * 1e9 / p->plain.median);
    add_summary(json, "forward_ns", &p->plain);
    add_summary(json, "instrumented_forward_ns", &p->instrumented);
    vit_json_number(json, "instrumentation_overhead", p->overhead);
    vit_json_number(json, "empty_probe_pair_ns", p->session.probe[0].pair_ns);
    vit_json_number(json, "share_explained", p->explained);
    add_probes(json, &p->session);
    vit_json_end(json);
}

int vit_run_folder(const char *path)
{
    char part[4096];
    if (strlen(path) >= sizeof part)
        return vit_fail(VIT_EINVAL, "--out: the path is longer than %zu characters", sizeof part - 1);
    strcpy(part, path);
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return vit_fail(VIT_EIO, "%s: cannot create this folder: %s", part, strerror(errno));
        if (!slash)
            break;
        *slash = '/';
    }
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return vit_fail(VIT_EIO, "%s: is there and is no folder", path);
    return VIT_OK;
}

void vit_run_folder_within(char *path, size_t size, const char *folder, const char *model)
{
    int at = snprintf(path, size, "%s/", folder);
    for (; *model && at >= 0 && at + 1 < (int)size; model++, at++)
        path[at] = isalnum((unsigned char)*model) || strchr("._-=,", *model) ? *model : '_';
    if (at >= 0 && at < (int)size)
        path[at] = '\0';
}

void vit_run_folder_name(char *path, size_t size, const char *command, const struct vit_options *options)
{
    char now[32], shard[48] = "";
    if (options->shard.count > 1)
        snprintf(shard, sizeof shard, "/shard-%d-of-%d", options->shard.index, options->shard.count);
    if (options->out) {
        snprintf(path, size, "%s%s", options->out, shard);
        return;
    }
    time_t seconds = time(NULL);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(now, sizeof now, "%Y%m%d-%H%M%S", &local);
    snprintf(path, size, "runs/%s-%s%s", command, now, shard);
}
