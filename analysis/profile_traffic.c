/* SPDX-License-Identifier: MIT */
#include "analysis/profile_traffic.h"

#include "analysis/output.h"
#include "analysis/selftest.h"
#include "model/base/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Analytic bytes have columns of their own in every table: the rest was counted, one way or another. */
static bool is_traffic(const struct vit_column *column, const struct vit_figure *figure)
{
    return strcmp(column->unit, "B") == 0 && figure->tier != VIT_TIER_ANALYTIC;
}

int vit_traffic_gather(struct vit_traffic *t, const struct vit_session *session, const struct vit_measurement *m)
{
    const struct vit_schema *schema = vit_session_schema(session);
    int at[VIT_MAX_TRAFFIC] = {0};
    *t = (struct vit_traffic){0};
    for (int c = 0; c < schema->n_columns; c++) {
        int own = 0;
        const struct vit_probe *probe = vit_session_probe_of(session, c, &own);
        struct vit_figure figure = vit_probe_figure(probe, own);
        if (!is_traffic(&schema->column[c], &figure) || t->n == VIT_MAX_TRAFFIC)
            continue;
        at[t->n] = c;
        t->column[t->n] = schema->column[c];
        t->figure[t->n++] = figure;
    }
    t->step = calloc((size_t)m->n_step * (size_t)t->n + 1, sizeof *t->step);
    if (!t->step)
        return vit_fail(VIT_ENOMEM, "out of memory: bytes of %d steps", m->n_step);
    for (int s = 0; s < m->n_step; s++)
        for (int i = 0; i < t->n; i++)
            t->step[s * t->n + i] = vit_measurement_median(m, s, at[i]);
    for (int i = 0; i < t->n; i++)
        t->column[i].type = VIT_REAL; /* medians */
    return VIT_OK;
}

void vit_traffic_free(struct vit_traffic *t)
{
    free(t->step);
    *t = (struct vit_traffic){0};
}

int vit_traffic_find(const struct vit_traffic *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->column[i].name, name) == 0)
            return i;
    return -1;
}

void vit_traffic_add(const struct vit_traffic *t, int step, struct vit_cell *sum, bool first)
{
    for (int i = 0; i < t->n; i++) {
        struct vit_cell value = t->step[step * t->n + i];
        bool present = value.present && (first || sum[i].present);
        sum[i] = present ? vit_real_cell(value.r + (first ? 0 : sum[i].r)) : vit_absent();
    }
}

int vit_traffic_schema(const struct vit_traffic *t, struct vit_schema_builder *schema)
{
    return vit_schema_add(schema, t->column, t->n);
}

static const struct vit_column source_columns[] = {
    {"column", VIT_TEXT, "", "column of operators.csv"},
    {"probe", VIT_TEXT, "", "probe that tells it"},
    {"unit", VIT_TEXT, "", "unit"},
    {"tier", VIT_TEXT, "", "measured, simulated, footprint or analytic"},
    {"scope", VIT_TEXT, "", "whose work is in it: threads, ccx, socket, model"},
    {"source", VIT_TEXT, "", "counter, model or rule that it comes from"},
    {"calibration", VIT_REAL, "", "counted / known bytes of a stream of known size; empty: nothing to calibrate"},
    {"run_fraction", VIT_REAL, "", "least share of its time that the event was on a counter"},
    {"rejected", VIT_INT, "", "impossible values that were dropped"},
    {"absent", VIT_TEXT, "", "why there are no values; empty where there are"},
    {"help", VIT_TEXT, "", "what it is"},
};
enum { N_SOURCE = sizeof source_columns / sizeof source_columns[0] };
static const struct vit_schema source_schema = {"sources", 1, N_SOURCE, source_columns};

int vit_traffic_write_sources(const struct vit_session *session, const char *path)
{
    const struct vit_schema *schema = vit_session_schema(session);
    struct vit_sink sink;
    int status = vit_sink_open_csv(&sink, &source_schema, path);
    if (status != VIT_OK)
        return status;
    for (int c = 0; c < schema->n_columns && status == VIT_OK; c++) {
        int own = 0;
        const struct vit_probe *probe = vit_session_probe_of(session, c, &own);
        struct vit_figure figure = vit_probe_figure(probe, own);
        struct vit_cell row[N_SOURCE] = {
            vit_text(schema->column[c].name),
            vit_text(probe->def->name),
            vit_text(schema->column[c].unit),
            vit_text(vit_tier_name(figure.tier)),
            vit_text(vit_scope_name(figure.scope)),
            vit_text(figure.source),
            isnan(figure.calibration) ? vit_absent() : vit_real_cell(figure.calibration),
            vit_real_cell(figure.run_fraction),
            vit_int(figure.rejected),
            vit_text(vit_session_reason(session, c)),
            vit_text(schema->column[c].help),
        };
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

/* What the table of classes shows of each source: a column of the probes, or the sum of two of the same source; with
 * its ratio to the compulsory bytes where it is all of the traffic that its source knows. */
struct shown {
    const char *heading, *column, *second;
    bool ratio;
};
static const struct shown shown[] = {
    {"cold fill [SIM]", "sim_cold_llc_fill_bytes", NULL, false},
    {"cold fill+wb [SIM]", "sim_cold_llc_fill_bytes", "sim_cold_llc_wb_bytes", true},
    {"chained fill [SIM]", "sim_chained_llc_fill_bytes", NULL, false},
    {"chained fill+wb [SIM]", "sim_chained_llc_fill_bytes", "sim_chained_llc_wb_bytes", true},
    {"cold fill [SIM callgrind]", "cg_cold_ll_fill_bytes", NULL, false},
    {"chained fill [SIM callgrind]", "cg_chained_ll_fill_bytes", NULL, false},
    {"pages [FOOT]", "footprint_bytes", NULL, true},
    {"DRAM read [MEAS threads]", "measured_dram_read_bytes", NULL, true},
    {"DRAM read [MEAS socket]", "measured_socket_dram_read_bytes", NULL, true},
    {"DRAM write [MEAS socket]", "measured_socket_dram_write_bytes", NULL, true},
};
enum { N_SHOWN = sizeof shown / sizeof shown[0] };

/* A counter that was more than so far off on a stream of known size makes no headline: its column stays in the files,
 * with its calibration. */
static bool is_trusted(const struct vit_figure *figure)
{
    return isnan(figure->calibration) || fabs(figure->calibration - 1) <= VIT_SELFTEST_PCT / 100.0;
}

static bool has_values(const struct vit_profile *p, const char *column)
{
    int at = vit_traffic_find(&p->traffic, column);
    if (at >= 0 && !is_trusted(&p->traffic.figure[at]))
        return false;
    for (int s = 0; at >= 0 && s < p->instance.plan.n_step; s++)
        if (p->traffic.step[s * p->traffic.n + at].present)
            return true;
    return false;
}

static struct vit_cell value_of(const struct vit_profile *p, const struct shown *what, const struct vit_cell *bytes)
{
    struct vit_cell sum = bytes[vit_traffic_find(&p->traffic, what->column)];
    int second = what->second ? vit_traffic_find(&p->traffic, what->second) : -1;
    if (!what->second || !sum.present)
        return sum;
    return second >= 0 && bytes[second].present ? vit_real_cell(sum.r + bytes[second].r) : vit_absent();
}

struct layout {
    const struct shown *what[N_SHOWN];
    int n;
    bool passes; /* told in a column: there are several */
    struct vit_column column[3 + 2 * N_SHOWN];
    int n_column;
};

static void choose(const struct vit_profile *p, struct layout *l)
{
    *l = (struct layout){.passes = p->instance.options.backward, .n_column = 1};
    l->column[0] = (struct vit_column){"class", VIT_TEXT, "", "class of operators"};
    if (l->passes)
        l->column[l->n_column++] = (struct vit_column){"pass", VIT_TEXT, "", "forward, again, backward"};
    l->column[l->n_column++] = (struct vit_column){"compulsory [MIN]", VIT_INT, "B", "compulsory bytes (analytic)"};
    for (int i = 0; i < N_SHOWN; i++) {
        if (!has_values(p, shown[i].column))
            continue;
        l->what[l->n] = &shown[i];
        l->column[l->n_column++] = (struct vit_column){shown[i].heading, VIT_REAL, "B", ""};
        if (shown[i].ratio)
            l->column[l->n_column++] = (struct vit_column){"x MIN", VIT_REAL, "", ""};
        l->n++;
    }
}

int vit_traffic_figures(const struct vit_profile *p)
{
    struct layout l;
    int n = 0;
    choose(p, &l);
    for (int i = 0; i < l.n; i++)
        n += l.what[i]->ratio;
    return n;
}

static int put_row(const struct vit_profile *p, const struct layout *l, struct vit_sink *sink,
                   const struct vit_group *group)
{
    double compulsory = (double)vit_cost_bytes(&group->cost);
    struct vit_cell row[3 + 2 * N_SHOWN] = {vit_text(group->name), vit_text(group->pass)};
    int at = 1 + l->passes;
    row[at++] = vit_int(vit_cost_bytes(&group->cost));
    for (int i = 0; i < l->n; i++) {
        struct vit_cell value = value_of(p, l->what[i], group->bytes);
        row[at++] = value;
        if (l->what[i]->ratio)
            row[at++] = value.present && compulsory > 0 ? vit_real_cell(value.r / compulsory) : vit_absent();
    }
    return vit_sink_write(sink, row);
}

static const char *whole(const struct vit_step *step,
                         char *text) /* NOLINT(readability-non-const-parameter): a vit_profile_key */
{
    (void)step;
    (void)text;
    return "all";
}

/* Each source in one line: nobody should take a model's number for a counter's. */
static void print_sources(const struct vit_profile *p, const struct layout *l)
{
    const char *last = "";
    printf("bytes by source; never add them up: each is another answer to the same question\n");
    printf("  [MIN]  compulsory: each input once, each output once\n");
    for (int i = 0; i < l->n; i++) {
        const struct vit_figure *figure = &p->traffic.figure[vit_traffic_find(&p->traffic, l->what[i]->column)];
        if (strcmp(figure->source, last) != 0)
            printf("  [%s]  %s: %s\n", vit_tier_mark(figure->tier),
                   figure->tier == VIT_TIER_SIMULATED ? "SIMULATED, not measured" : vit_tier_name(figure->tier),
                   figure->source);
        last = figure->source;
    }
    for (int i = 0; i < p->traffic.n; i++)
        if (!is_trusted(&p->traffic.figure[i]))
            printf("  left out: %s, which counted %.2f times a stream of known size\n", p->traffic.column[i].name,
                   p->traffic.figure[i].calibration);
    printf("\n");
}

static const struct vit_column class_columns[] = {
    {"class", VIT_TEXT, "", "class of operators"},
    {"pass", VIT_TEXT, "", "pass of the operators: forward, again, backward"},
    {"figure", VIT_TEXT, "", "what was counted"},
    {"tier", VIT_TEXT, "", "measured, simulated or footprint"},
    {"scope", VIT_TEXT, "", "whose work is in it"},
    {"bytes", VIT_REAL, "B", "sum over the operators of the class"},
    {"compulsory_bytes", VIT_INT, "B", "of the same operators (analytic)"},
    {"ratio", VIT_REAL, "", "bytes / compulsory_bytes; empty where bytes are a part of their source's traffic"},
};
enum { N_CLASS = sizeof class_columns / sizeof class_columns[0] };
static const struct vit_schema class_schema = {"traffic", 2, N_CLASS, class_columns};

static int put_class(const struct vit_profile *p, const struct layout *l, struct vit_sink *sink,
                     const struct vit_group *group)
{
    double compulsory = (double)vit_cost_bytes(&group->cost);
    int status = VIT_OK;
    for (int i = 0; i < l->n && status == VIT_OK; i++) {
        const struct vit_figure *figure = &p->traffic.figure[vit_traffic_find(&p->traffic, l->what[i]->column)];
        struct vit_cell bytes = value_of(p, l->what[i], group->bytes);
        struct vit_cell row[N_CLASS] = {
            vit_text(group->name),
            vit_text(group->pass),
            vit_text(l->what[i]->heading),
            vit_text(vit_tier_name(figure->tier)),
            vit_text(vit_scope_name(figure->scope)),
            bytes,
            vit_int(vit_cost_bytes(&group->cost)),
            bytes.present && l->what[i]->ratio && compulsory > 0 ? vit_real_cell(bytes.r / compulsory) : vit_absent(),
        };
        status = vit_sink_write(sink, row);
    }
    return status;
}

int vit_traffic_write_classes(const struct vit_profile *p, const char *path)
{
    static struct vit_group group[VIT_MAX_GROUPS];
    struct vit_sink sink;
    struct layout l;
    choose(p, &l);
    int n = vit_profile_group(p, vit_profile_class, group);
    vit_group_sort_by_time(group, n);
    int status = vit_sink_open_csv(&sink, &class_schema, path);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < n && status == VIT_OK; i++)
        status = put_class(p, &l, &sink, &group[i]);
    return vit_sink_finish(&sink, status);
}

int vit_traffic_print(const struct vit_profile *p, const struct vit_options *options)
{
    static struct vit_group group[VIT_MAX_GROUPS];
    struct layout l;
    struct vit_sink sink;
    choose(p, &l);
    if (l.n == 0)
        return VIT_OK;
    print_sources(p, &l);
    const struct vit_schema schema = {"traffic", 1, l.n_column, l.column};
    int n = vit_profile_group(p, vit_profile_class, group);
    vit_group_sort_by_time(group, n);
    n += vit_profile_group(p, whole, group + n);
    int status = vit_output_open(&sink, options, &schema, NULL);
    for (int i = 0; i < n && status == VIT_OK; i++) {
        status = put_row(p, &l, &sink, &group[i]);
    }
    status = vit_sink_finish(&sink, status);
    printf("\n");
    return status;
}
