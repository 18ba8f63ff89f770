/* SPDX-License-Identifier: MIT */
/* profile_files.c - the files of a profile: operators.csv (raw, one row per operator and repeat), summary.csv (one row
 * per operator), classes.csv, blocks.csv, traffic.csv, sources.csv (what the columns are). */
#include "analysis/paper_class.h"
#include "analysis/profile_traffic.h"
#include "analysis/verdict.h"

#include "model/base/status.h"
#include "reports/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a row is about: the same columns, in this order, begin every table of operators. */
static const struct vit_column key_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"backend", VIT_TEXT, "", "cpu"},
    {"graph", VIT_TEXT, "", "variant of the graph: eager, folded"},
    {"batch", VIT_INT, "", "images per forward"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"threads", VIT_INT, "", "threads"},
    {"pass", VIT_TEXT, "", "forward, backward, or again: a forward step computed once more on the way back"},
    {"step", VIT_INT, "", "position in the plan"},
    {"op", VIT_TEXT, "", "operator, named after its module"},
    {"kind", VIT_TEXT, "", "kind of operator"},
    {"kernel", VIT_TEXT, "", "implementation that ran"},
    {"class", VIT_TEXT, "", "class of the kind"},
    {"stage", VIT_INT, "", "stage; empty outside of stages"},
    {"block", VIT_INT, "", "attention block within the stage"},
    {"head", VIT_INT, "", "attention head, where the operator belongs to one"},
    {"role", VIT_TEXT, "", "part in the block"},
};
enum { N_KEY = sizeof key_columns / sizeof key_columns[0] };

static struct vit_cell index_cell(int value)
{
    return value < 0 ? vit_absent() : vit_int(value);
}

static void fill_key(const struct vit_profile *p, const struct vit_step *step, struct vit_cell *cell)
{
    const struct vit_op *op = step->op;
    const char *graph = p->instance.options.model.graph;
    const struct vit_cell key[N_KEY] = {
        vit_text(p->instance.model->name),
        vit_text("cpu"),
        vit_text(graph ? graph : "eager"),
        vit_int(p->instance.graph.batch),
        vit_int(p->instance.graph.input->dim[2]),
        vit_int(p->instance.plan.threads),
        vit_text(vit_profile_pass(step)),
        vit_int(step->index),
        vit_text(op->name),
        vit_text(step->def->name),
        vit_text(step->kernel->name),
        vit_text(vit_op_class_name(step->def->op_class)),
        index_cell(op->site.stage),
        index_cell(op->site.block),
        index_cell(op->site.head),
        op->site.role == VIT_ROLE_NONE ? vit_absent() : vit_text(vit_role_name(op->site.role)),
    };
    memcpy(cell, key, sizeof key);
}

struct table {
    struct vit_schema_builder schema;
    struct vit_sink sink;
};

/* Opens NAME.csv for the schema that was gathered, unless that failed. */
static int open_table(struct table *t, const char *folder, const char *name, int status)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    if (status == VIT_OK)
        status = vit_sink_open_csv(&t->sink, &t->schema.schema, path);
    if (status != VIT_OK)
        vit_schema_close(&t->schema);
    return status;
}

static int close_table(struct table *t, int status)
{
    status = vit_sink_finish(&t->sink, status);
    vit_schema_close(&t->schema);
    return status;
}

static int write_operators(const struct vit_profile *p, const char *folder)
{
    static const struct vit_column repeat = {"repeat", VIT_INT, "", "number of the measured run, from 0"};
    const struct vit_schema *probes = vit_session_schema(&p->session);
    const struct vit_measurement *m = &p->measurement;
    struct table t;
    vit_schema_open(&t.schema, "operators", 2);
    int status = vit_schema_add(&t.schema, key_columns, N_KEY);
    if (status == VIT_OK)
        status = vit_schema_add(&t.schema, &repeat, 1);
    if (status == VIT_OK)
        status = vit_schema_add(&t.schema, probes->column, probes->n_columns);
    status = open_table(&t, folder, "operators", status);
    if (status != VIT_OK)
        return status;
    struct vit_cell *row = calloc((size_t)t.schema.schema.n_columns, sizeof *row);
    if (!row)
        status = vit_fail(VIT_ENOMEM, "out of memory: a row of operators.csv");
    for (int r = 0; r < m->n_repeat && status == VIT_OK; r++)
        for (int s = 0; s < m->n_step && status == VIT_OK; s++) {
            fill_key(p, &p->instance.plan.step[s], row);
            row[N_KEY] = vit_int(r);
            memcpy(row + N_KEY + 1, vit_measurement_cells(m, r, s), (size_t)m->n_column * sizeof *row);
            status = vit_sink_write(&t.sink, row);
        }
    free(row);
    return close_table(&t, status);
}

static const struct vit_column rate_columns[] = {
    {"time_ns", VIT_REAL, "ns", "median time in one run"},
    {"share_pct", VIT_REAL, "%", "share of the operators' sum"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates"},
    {"flops", VIT_INT, "FLOP", "2 x macs + other arithmetic"},
    {"read_weight_bytes", VIT_INT, "B", "compulsory reads of weights"},
    {"read_activation_bytes", VIT_INT, "B", "compulsory reads of activations"},
    {"write_bytes", VIT_INT, "B", "compulsory writes"},
    {"compulsory_bytes", VIT_INT, "B", "their sum (analytic)"},
    {"gflop_per_s", VIT_REAL, "GFLOP/s", "flops / time"},
    {"gb_per_s", VIT_REAL, "GB/s", "compulsory bytes / time: an equivalent, not a measured bandwidth"},
    {"intensity_flop_per_byte", VIT_REAL, "FLOP/B", "arithmetic intensity: flops / compulsory bytes"},
    {"bound", VIT_TEXT, "", "memory or compute: intensity left or right of the machine's ridge point"},
    {"verdict", VIT_TEXT, "", "memory, compute or overhead: what its time came near to"},
    {"ceiling", VIT_TEXT, "", "the ceiling that accounts for most of the time: peak, L2, L3, DRAM"},
    {"ceiling_pct", VIT_REAL, "%", "share of the time that the work would take at that ceiling"},
    {"peak_pct", VIT_REAL, "%", "share of the time that the arithmetic would take at peak"},
    {"dram_pct", VIT_REAL, "%", "share that the bytes would take at the DRAM's bandwidth"},
    {"verdict_bytes", VIT_TEXT, "", "tier of the bytes behind the verdict"},
    {"above_roof", VIT_TEXT, "", "level that the compulsory bytes were too fast for: they came from nearer; or none"},
    {"sim_dram_flop_per_byte", VIT_REAL, "FLOP/B", "operational intensity: flops / simulated DRAM bytes, chained"},
    {"measured_dram_flop_per_byte", VIT_REAL, "FLOP/B", "operational intensity: flops / measured DRAM reads"},
};
enum { N_RATE = sizeof rate_columns / sizeof rate_columns[0] };

/* flops / (the column's bytes + those of `more`); absent where these are, or none crossed the bus. */
static struct vit_cell operational(const struct vit_profile *p, const struct vit_group *group, const char *name,
                                   const char *more)
{
    int at = vit_traffic_find(&p->traffic, name), second = more ? vit_traffic_find(&p->traffic, more) : -1;
    if (at < 0 || !group->bytes[at].present || group->cost.flops == 0)
        return vit_absent();
    double bytes = group->bytes[at].r + (second >= 0 && group->bytes[second].present ? group->bytes[second].r : 0);
    return bytes > 0 ? vit_real_cell((double)group->cost.flops / bytes) : vit_absent();
}

static void fill_rates(const struct vit_profile *p, const struct vit_group *group, struct vit_cell *cell)
{
    const struct vit_cost *cost = &group->cost;
    const double time_ns = group->time_ns;
    struct vit_rates rates = vit_profile_rates(cost, time_ns);
    struct vit_verdict verdict = vit_verdict_of(p, cost, time_ns, group->bytes);
    const struct vit_cell value[N_RATE] = {
        vit_real_cell(time_ns),
        vit_real_cell(100 * time_ns / p->total_ns),
        vit_int(cost->macs),
        vit_int(cost->flops),
        vit_int(cost->read_weight_bytes),
        vit_int(cost->read_activation_bytes),
        vit_int(cost->write_bytes),
        vit_int(vit_cost_bytes(cost)),
        rates.gflop_per_s,
        rates.gb_per_s,
        rates.intensity,
        vit_text(verdict.by_intensity),
        vit_text(verdict.by_ceilings),
        vit_text(verdict.ceiling),
        verdict.ceiling ? vit_real_cell(verdict.ceiling_pct) : vit_absent(),
        verdict.peak_pct,
        verdict.dram_pct,
        vit_text(verdict.bytes_from),
        vit_text(verdict.above_roof),
        operational(p, group, "sim_chained_llc_fill_bytes", "sim_chained_llc_wb_bytes"),
        operational(p, group, "measured_dram_read_bytes", NULL),
    };
    memcpy(cell, value, sizeof value);
}

static int write_summary(const struct vit_profile *p, const char *folder)
{
    static const struct vit_column paper[] = {
        {"paper_class", VIT_TEXT, "", "class of the paper's Fig. 2 that the kind is counted to"},
        {"paper_memory_bound", VIT_INT, "", "1: memory-bound in that figure, whatever the shape"},
    };
    enum { N_PAPER = sizeof paper / sizeof paper[0] };
    struct table t;
    vit_schema_open(&t.schema, "summary", 3);
    int status = vit_schema_add(&t.schema, key_columns, N_KEY);
    if (status == VIT_OK)
        status = vit_schema_add(&t.schema, paper, N_PAPER);
    if (status == VIT_OK)
        status = vit_schema_add(&t.schema, rate_columns, N_RATE);
    if (status == VIT_OK)
        status = vit_traffic_schema(&p->traffic, &t.schema);
    status = open_table(&t, folder, "summary", status);
    if (status != VIT_OK)
        return status;
    for (int s = 0; s < p->instance.plan.n_step && status == VIT_OK; s++) {
        const struct vit_step *step = &p->instance.plan.step[s];
        const struct vit_paper_class *class = &vit_paper_class[vit_paper_class_of(step->op->kind)];
        struct vit_cell row[N_KEY + N_PAPER + N_RATE + VIT_MAX_TRAFFIC], *at = row + N_KEY;
        struct vit_group single = {.operators = 1, .time_ns = p->step_ns[s], .cost = step->cost};
        vit_traffic_add(&p->traffic, s, single.bytes, true);
        fill_key(p, step, row);
        *at++ = vit_text(class->name);
        *at++ = vit_int(class->memory_bound);
        fill_rates(p, &single, at);
        memcpy(at + N_RATE, single.bytes, (size_t)p->traffic.n * sizeof *at);
        status = vit_sink_write(&t.sink, row);
    }
    return close_table(&t, status);
}

static const struct vit_column group_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"graph", VIT_TEXT, "", "variant of the graph"},
    {"batch", VIT_INT, "", "images per forward"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"threads", VIT_INT, "", "threads"},
    {"block", VIT_TEXT, "", "block: embed, s0.b1 (stage, block), s1.merge, head; empty: all"},
    {"class", VIT_TEXT, "", "class of operators"},
    {"pass", VIT_TEXT, "", "pass of the operators: forward, again, backward"},
    {"operators", VIT_INT, "", "operators in the group"},
};
enum { N_GROUP = sizeof group_columns / sizeof group_columns[0] };

int vit_profile_group_schema(const struct vit_profile *p, struct vit_schema_builder *schema)
{
    int status = vit_schema_add(schema, group_columns, N_GROUP);
    if (status == VIT_OK)
        status = vit_schema_add(schema, rate_columns, N_RATE);
    return status == VIT_OK ? vit_traffic_schema(&p->traffic, schema) : status;
}

int vit_profile_emit_groups(const struct vit_profile *p, struct vit_sink *sink, vit_profile_key key)
{
    static struct vit_group group[VIT_MAX_GROUPS];
    int n = vit_profile_group(p, key, group), status = VIT_OK;
    if (key == vit_profile_class)
        vit_group_sort_by_time(group, n);
    const char *graph = p->instance.options.model.graph;
    for (int i = 0; i < n && status == VIT_OK; i++) {
        char *class_name = strchr(group[i].name, ' '); /* "s0.b1 gemm" or "gemm" */
        if (class_name)
            *class_name++ = '\0';
        struct vit_cell row[N_GROUP + N_RATE + VIT_MAX_TRAFFIC] = {
            vit_text(p->instance.model->name),
            vit_text(graph ? graph : "eager"),
            vit_int(p->instance.graph.batch),
            vit_int(p->instance.graph.input->dim[2]),
            vit_int(p->instance.plan.threads),
            class_name ? vit_text(group[i].name) : vit_absent(),
            vit_text(class_name ? class_name : group[i].name),
            vit_text(group[i].pass),
            vit_int(group[i].operators),
        };
        fill_rates(p, &group[i], row + N_GROUP);
        memcpy(row + N_GROUP + N_RATE, group[i].bytes, (size_t)p->traffic.n * sizeof *row);
        status = vit_sink_write(sink, row);
    }
    return status;
}

static int write_groups(const struct vit_profile *p, const char *folder, const char *name, vit_profile_key key)
{
    struct table t;
    vit_schema_open(&t.schema, name, 2);
    int status = open_table(&t, folder, name, vit_profile_group_schema(p, &t.schema));
    if (status != VIT_OK)
        return status;
    return close_table(&t, vit_profile_emit_groups(p, &t.sink, key));
}

static const char *block_and_class(const struct vit_step *step, char *text)
{
    char block[64];
    vit_profile_block(step, block);
    snprintf(text, 64, "%.40s %s", block, vit_op_class_name(step->def->op_class));
    return text;
}

int vit_profile_write(const struct vit_profile *p, const char *folder)
{
    int status = write_operators(p, folder);
    if (status == VIT_OK)
        status = write_summary(p, folder);
    if (status == VIT_OK)
        status = write_groups(p, folder, "classes", vit_profile_class);
    if (status == VIT_OK)
        status = write_groups(p, folder, "blocks", block_and_class);
    char path[4096];
    snprintf(path, sizeof path, "%s/sources.csv", folder);
    if (status == VIT_OK)
        status = vit_traffic_write_sources(&p->session, path);
    snprintf(path, sizeof path, "%s/traffic.csv", folder);
    return status == VIT_OK ? vit_traffic_write_classes(p, path) : status;
}
