/* SPDX-License-Identifier: MIT */
/* profile_measure.c - runs the probes over one model and gathers medians, groups and rates. */
#include "analysis/probe_choice.h"
#include "analysis/profile_traffic.h"

#include "model/base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int summarise(struct vit_profile *p)
{
    const struct vit_measurement *m = &p->measurement;
    int time_column = vit_schema_find(vit_session_schema(&p->session), "time_ns");
    double *whole = calloc(4 * (size_t)m->n_repeat, sizeof *whole);
    p->step_ns = calloc((size_t)m->n_step, sizeof *p->step_ns);
    if (!whole || !p->step_ns) {
        free(whole);
        return vit_fail(VIT_ENOMEM, "out of memory: summary of %d steps", m->n_step);
    }
    double *plain = whole, *instrumented = whole + m->n_repeat, *overhead = whole + 2 * m->n_repeat,
           *explained = whole + 3 * m->n_repeat;
    for (int r = 0; r < m->n_repeat; r++) {
        plain[r] = m->plain_ns[r];
        instrumented[r] = m->instrumented_ns[r];
        overhead[r] = instrumented[r] / plain[r] - 1;
        for (int s = 0; s < m->n_step; s++)
            explained[r] += (double)vit_measurement_cells(m, r, s)[time_column].i;
        explained[r] /= instrumented[r];
    }
    p->plain = vit_stats_summary(plain, m->n_repeat);
    p->instrumented = vit_stats_summary(instrumented, m->n_repeat);
    p->overhead = vit_stats_median(overhead, m->n_repeat);
    p->explained = vit_stats_median(explained, m->n_repeat);
    free(whole);
    for (int s = 0; s < m->n_step; s++) {
        p->step_ns[s] = vit_measurement_median(m, s, time_column).r;
        p->total_ns += p->step_ns[s];
    }
    return VIT_OK;
}

struct vit_protocol vit_profile_protocol(const struct vit_options *options)
{
    return (struct vit_protocol){.name = "profile",
                                 .warmup_s = options->warmup_s >= 0 ? options->warmup_s : 0.5,
                                 .min_time_s = options->min_time_s >= 0 ? options->min_time_s : 1,
                                 .repeat = options->repeat ? options->repeat : 10,
                                 .compute_s = vit_probe_choice_limit(options)};
}

static int measure(struct vit_profile *p, const struct vit_options *options)
{
    struct vit_protocol protocol = vit_profile_protocol(options);
    int status = VIT_OK;
    if (options->image)
        status = vit_instance_read_image(&p->instance, options->image);
    else if (options->data)
        status = vit_instance_read_images(&p->instance, options->data);
    if (status == VIT_OK)
        status = vit_probe_choice_open(&p->session, &p->instance, options);
    if (status == VIT_OK)
        status = vit_runner_measure(&p->measurement, &p->instance, &p->session, &protocol);
    if (status == VIT_OK)
        status = vit_traffic_gather(&p->traffic, &p->session, &p->measurement);
    return status == VIT_OK ? summarise(p) : status;
}

int vit_profile_open(struct vit_profile *p, const char *model, const struct vit_options *options,
                     const struct vit_machine *machine)
{
    *p = (struct vit_profile){.machine = machine, .other_caches = options->cache != NULL};
    if (!!options->image + !!options->data + options->synthetic > 1)
        return vit_fail(VIT_EINVAL, "--image, --data and --synthetic exclude each other");
    if (options->recompute && !options->train)
        return vit_fail(VIT_EINVAL, "--recompute %s: is for --train: a forward keeps nothing", options->recompute);
    const char *graph = options->train && !options->graph ? "train" : options->graph;
    struct vit_instance_options instance = {
        .model = {.batch = options->batch, .img = options->img, .classes = options->classes, .graph = graph},
        .set = options->set,
        .threads = options->threads,
        .kernel = options->kernel,
        .backward = options->train,
        .recompute = options->recompute,
        .weights = options->weights,
        .seed = options->seed};
    int status = vit_instance_open(&p->instance, model, &instance);
    if (status != VIT_OK)
        return status;
    status = measure(p, options);
    if (status != VIT_OK)
        vit_profile_close(p);
    return status;
}

void vit_profile_close(struct vit_profile *p)
{
    free(p->step_ns);
    p->step_ns = NULL;
    vit_traffic_free(&p->traffic);
    vit_measurement_close(&p->measurement);
    vit_session_close(&p->session);
    vit_instance_close(&p->instance);
}

const char *vit_profile_pass(const struct vit_step *step)
{
    return step->pass == VIT_BACKWARD ? "backward" : step->again ? "again" : "forward";
}

const char *vit_profile_class(const struct vit_step *step,
                              char *text) /* NOLINT(readability-non-const-parameter): a vit_profile_key */
{
    (void)text;
    return vit_op_class_name(step->def->op_class);
}

const char *vit_profile_block(const struct vit_step *step, char *text)
{
    const struct vit_site *site = &step->op->site;
    if (site->block >= 0)
        snprintf(text, 64, "s%d.b%d", site->stage, site->block);
    else if (site->stage >= 0)
        snprintf(text, 64, "s%d.merge", site->stage);
    else
        snprintf(text, 64, "%s", site->role == VIT_ROLE_HEAD ? "head" : "embed");
    return text;
}

static void add(struct vit_group *group, const struct vit_profile *p, int s)
{
    const struct vit_cost *cost = &p->instance.plan.step[s].cost;
    vit_traffic_add(&p->traffic, s, group->bytes, group->operators == 0);
    group->operators++;
    group->time_ns += p->step_ns[s];
    group->cost.macs += cost->macs;
    group->cost.flops += cost->flops;
    group->cost.read_weight_bytes += cost->read_weight_bytes;
    group->cost.read_activation_bytes += cost->read_activation_bytes;
    group->cost.write_bytes += cost->write_bytes;
}

int vit_profile_group(const struct vit_profile *p, vit_profile_key key, struct vit_group group[VIT_MAX_GROUPS])
{
    int n = 0;
    for (int s = 0; s < p->instance.plan.n_step; s++) {
        const struct vit_step *step = &p->instance.plan.step[s];
        char text[64];
        const char *name = key(step, text), *pass = vit_profile_pass(step);
        int i = 0;
        while (i < n && (strcmp(group[i].name, name) != 0 || strcmp(group[i].pass, pass) != 0))
            i++;
        if (i == VIT_MAX_GROUPS)
            i = VIT_MAX_GROUPS - 1;
        if (i == n) {
            group[n] = (struct vit_group){.pass = pass};
            snprintf(group[n++].name, sizeof group[0].name, "%s", name);
        }
        add(&group[i], p, s);
    }
    return n;
}

static int slower_first(const void *left, const void *right)
{
    double a = ((const struct vit_group *)left)->time_ns, b = ((const struct vit_group *)right)->time_ns;
    return (a < b) - (a > b);
}

void vit_group_sort_by_time(struct vit_group *group, int n)
{
    qsort(group, (size_t)n, sizeof *group, slower_first);
}

const struct vit_ceilings *vit_profile_ceilings(const struct vit_profile *p)
{
    return p->instance.plan.threads > 1 ? &p->machine->all : &p->machine->single;
}

struct vit_rates vit_profile_rates(const struct vit_cost *cost, double time_ns)
{
    struct vit_rates r = {vit_absent(), vit_absent(), vit_absent()};
    double bytes = (double)vit_cost_bytes(cost), flops = (double)cost->flops;
    if (time_ns > 0 && flops > 0)
        r.gflop_per_s = vit_real_cell(flops / time_ns);
    if (time_ns > 0)
        r.gb_per_s = vit_real_cell(bytes / time_ns);
    if (bytes > 0 && flops > 0)
        r.intensity = vit_real_cell(flops / bytes);
    return r;
}

void vit_profile_settings(const struct vit_profile *p, char *text, size_t size)
{
    const struct vit_instance *i = &p->instance;
    const char *kernel = i->options.kernel;
    snprintf(text, size, "%d x %d, batch %d, %d thread%s, %s graph, %s%s%s%s, median of %d runs",
             (int)i->graph.input->dim[2], (int)i->graph.input->dim[2], i->graph.batch, i->plan.threads,
             i->plan.threads == 1 ? "" : "s", i->options.model.graph ? i->options.model.graph : "eager",
             i->options.backward ? "training step, " : "", kernel ? "kernel " : "", kernel ? kernel : "",
             kernel ? ", " VIT_REAL_NAME : VIT_REAL_NAME, p->measurement.n_repeat);
}
