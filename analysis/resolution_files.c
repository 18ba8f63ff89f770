/* SPDX-License-Identifier: MIT */
/* resolution_files.c - resolution.csv, exponents.csv, tables for readers, figures. */
#include "analysis/output.h"
#include "analysis/power_fit.h"
#include "analysis/resolution.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

#include <math.h>
#include <string.h>

enum part { KEY, VALUE, LOW, HIGH, REASON };

/* A column and the result that it is of. */
struct shown {
    struct vit_column column;
    const char *result;
    enum part part;
};

/* The keys come first: see put_point. */
static const struct shown shown[] = {
    {{"model", VIT_TEXT, "", "model"}, NULL, KEY},
    {{"graph", VIT_TEXT, "", "variant of the graph"}, NULL, KEY},
    {{"image_size", VIT_INT, "", "side of the input in pixels"}, NULL, KEY},
    {{"batch", VIT_INT, "", "images per forward; all figures are of one forward"}, NULL, KEY},
    {{"threads", VIT_INT, "", "threads"}, NULL, KEY},
    {{"repeats", VIT_REAL, "", "runs that times are medians of"}, "repeats", VALUE},
    {{"time_ns", VIT_REAL, "ns", "one forward, no probe: median"}, "time_ns", VALUE},
    {{"time_low_ns", VIT_REAL, "ns", "first quartile"}, "time_ns", LOW},
    {{"time_high_ns", VIT_REAL, "ns", "third quartile"}, "time_ns", HIGH},
    {{"overhead_pct", VIT_REAL, "%", "of the probe that timed the operators"}, "overhead_pct", VALUE},
    {{"params", VIT_REAL, "", "learned numbers"}, "params", VALUE},
    {{"operators", VIT_REAL, "", "operators"}, "operators", VALUE},
    {{"macs", VIT_REAL, "", "multiply-accumulates"}, "macs", VALUE},
    {{"flops", VIT_REAL, "", "2 x macs + one per other arithmetic result"}, "flops", VALUE},
    {{"arena_bytes", VIT_REAL, "B", "memory of activations as planned"}, "arena_bytes", VALUE},
    {{"live_bytes", VIT_REAL, "B", "most activations alive at once"}, "live_bytes", VALUE},
    {{"unshared_bytes", VIT_REAL, "B", "activations if none shared memory"}, "unshared_bytes", VALUE},
    {{"workspace_bytes", VIT_REAL, "B", "scratch memory of kernels"}, "workspace_bytes", VALUE},
    {{"compulsory_bytes", VIT_REAL, "B", "analytic: each input of an operator once, each output once"},
     "compulsory_bytes",
     VALUE},
    {{"sim_chained_l2_fill_bytes", VIT_REAL, "B", "simulated: into the second level, caches left as they were"},
     "sim_chained_l2_fill_bytes",
     VALUE},
    {{"sim_chained_llc_bytes", VIT_REAL, "B", "simulated: into the last level and back, caches left as they were"},
     "sim_chained_llc_bytes",
     VALUE},
    {{"sim_cold_llc_bytes", VIT_REAL, "B", "simulated: into the last level and back, caches empty at each operator"},
     "sim_cold_llc_bytes",
     VALUE},
    {{"measured_dram_read_bytes", VIT_REAL, "B", "counted"}, "measured_dram_read_bytes", VALUE},
    {{"operators_ns", VIT_REAL, "ns", "time of all operators in one forward, median over the runs"},
     "operators_ns",
     VALUE},
    {{"memory_bound_ns", VIT_REAL, "ns", "those of reshape, normalization, copy and addition"},
     "memory_bound_ns",
     VALUE},
    {{"memory_bound_pct", VIT_REAL, "%", "their share"}, "memory_bound_pct", VALUE},
    {{"memory_bound_low_pct", VIT_REAL, "%", "first quartile over the runs"}, "memory_bound_pct", LOW},
    {{"memory_bound_high_pct", VIT_REAL, "%", "third quartile"}, "memory_bound_pct", HIGH},
    {{"attention_ns", VIT_REAL, "ns", "query-key products, softmax, weighted values"}, "attention_ns", VALUE},
    {{"attention_pct", VIT_REAL, "%", "their share of the time"}, "attention_pct", VALUE},
    {{"attention_macs_pct", VIT_REAL, "%", "their share of the macs"}, "attention_macs_pct", VALUE},
    {{"mhsa_pct", VIT_REAL, "%", "share of the time, projections and windows included"}, "mhsa_pct", VALUE},
    {{"reason", VIT_TEXT, "", "why times are absent"}, "time_ns", REASON},
    {{"traffic_reason", VIT_TEXT, "", "why simulated bytes are absent"}, "sim_cold_llc_bytes", REASON},
};
enum { N_SHOWN = sizeof shown / sizeof shown[0] };

/* What is fitted. */
static const char *const fitted[] = {"time_ns",
                                     "macs",
                                     "flops",
                                     "arena_bytes",
                                     "live_bytes",
                                     "compulsory_bytes",
                                     "attention_ns",
                                     "memory_bound_ns",
                                     "operators_ns",
                                     "sim_chained_l2_fill_bytes",
                                     "sim_chained_llc_bytes",
                                     "sim_cold_llc_bytes",
                                     "measured_dram_read_bytes"};
enum { N_FITTED = sizeof fitted / sizeof fitted[0] };

static const struct vit_column exponent_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"graph", VIT_TEXT, "", "variant of the graph"},
    {"quantity", VIT_TEXT, "", "column of resolution.csv"},
    {"points", VIT_INT, "", "sizes"},
    {"from_size", VIT_INT, "", "smallest side in pixels"},
    {"to_size", VIT_INT, "", "largest"},
    {"exponent", VIT_REAL, "", "e of quantity = factor x pixels^e, pixels = side^2; against the side it is 2 e"},
    {"exponent_low", VIT_REAL, "", "95 % confidence interval, Student's t, of the points about one law"},
    {"exponent_high", VIT_REAL, "", "its other end"},
    {"last_exponent", VIT_REAL, "", "between the two largest sizes alone"},
    {"factor", VIT_REAL, "", "of the law"},
    {"most_off_pct", VIT_REAL, "%", "largest distance of a point from the law"},
};
static const struct vit_schema exponent_schema = {"exponents", 1, sizeof exponent_columns / sizeof exponent_columns[0],
                                                  exponent_columns};

static struct vit_cell cell_of(const struct vit_reproduction *r, const struct vit_unit *unit, const struct shown *what)
{
    const struct vit_result *result = vit_unit_result(r, unit, what->result);
    if (!result)
        return vit_absent();
    switch (what->part) {
    case LOW:
        return result->low;
    case HIGH:
        return result->high;
    case REASON:
        return vit_text(result->reason);
    default:
        return result->value;
    }
}

/* Columns of the named ones, or all (names NULL): as rows for the sink. */
static void fill_point(const struct vit_reproduction *r, const struct vit_unit *unit, struct vit_cell row[N_SHOWN])
{
    const struct vit_options *o = &unit->options;
    const struct vit_cell keys[] = {vit_text(o->argument[0]), vit_text(o->graph), vit_int(o->img), vit_int(o->batch),
                                    vit_int(o->threads)};
    memcpy(row, keys, sizeof keys);
    for (int i = sizeof keys / sizeof keys[0]; i < N_SHOWN; i++)
        row[i] = cell_of(r, unit, &shown[i]);
}

static int put_points(const struct vit_reproduction *r, struct vit_sink *sink)
{
    int status = VIT_OK;
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++) {
        struct vit_cell row[N_SHOWN];
        fill_point(r, &r->unit[i], row);
        status = vit_sink_write(sink, row);
    }
    return vit_sink_finish(sink, status);
}

/* Units of one model stand together, in ascending order of size: how many from `first` on. */
static int points_of(const struct vit_reproduction *r, int first)
{
    int n = 1;
    while (first + n < r->n_unit &&
           strcmp(r->unit[first + n].options.argument[0], r->unit[first].options.argument[0]) == 0)
        n++;
    return n;
}

static struct vit_power_fit fit(const struct vit_reproduction *r, int first, int n, const char *quantity)
{
    double pixels[VIT_MOST_SIZES], value[VIT_MOST_SIZES];
    for (int i = 0; i < n; i++) {
        const struct vit_unit *unit = &r->unit[first + i];
        pixels[i] = (double)unit->options.img * unit->options.img;
        value[i] = vit_unit_real(r, unit, quantity);
    }
    return vit_power_fit(pixels, value, n);
}

/* The smallest or largest size that has the quantity. */
static int size_with(const struct vit_reproduction *r, int first, int n, const char *quantity, bool largest)
{
    for (int i = 0; i < n; i++) {
        const struct vit_unit *unit = &r->unit[largest ? first + n - 1 - i : first + i];
        if (vit_unit_real(r, unit, quantity) > 0)
            return unit->options.img;
    }
    return 0;
}

static int put_exponent(const struct vit_reproduction *r, struct vit_sink *sink, int first, const char *quantity)
{
    const int n = points_of(r, first);
    const struct vit_power_fit f = fit(r, first, n, quantity);
    if (f.n < 2)
        return VIT_OK;
    const struct vit_cell row[] = {vit_text(r->unit[first].options.argument[0]),
                                   vit_text(r->unit[first].options.graph),
                                   vit_text(quantity),
                                   vit_int(f.n),
                                   vit_int(size_with(r, first, n, quantity, false)),
                                   vit_int(size_with(r, first, n, quantity, true)),
                                   vit_defined(f.exponent),
                                   vit_defined(f.low),
                                   vit_defined(f.high),
                                   vit_defined(f.last_exponent),
                                   vit_defined(f.factor),
                                   vit_defined(100 * f.most_off)};
    return vit_sink_write(sink, row);
}

static int put_exponents(const struct vit_reproduction *r, struct vit_sink *sink)
{
    int status = VIT_OK;
    for (int first = 0; first < r->n_unit; first += points_of(r, first))
        for (int q = 0; q < N_FITTED && status == VIT_OK; q++)
            status = put_exponent(r, sink, first, fitted[q]);
    return vit_sink_finish(sink, status);
}

static const struct vit_schema *point_schema(void)
{
    static struct vit_column column[N_SHOWN];
    static const struct vit_schema schema = {"resolution", 1, N_SHOWN, column};
    for (int i = 0; i < N_SHOWN; i++)
        column[i] = shown[i].column;
    return &schema;
}

int vit_resolution_write(struct vit_reproduction *r)
{
    struct vit_sink sink;
    int status = vit_reproduction_csv(r, &sink, "resolution", point_schema());
    if (status == VIT_OK)
        status = put_points(r, &sink);
    if (status == VIT_OK)
        status = vit_reproduction_csv(r, &sink, "exponents", &exponent_schema);
    return status == VIT_OK ? put_exponents(r, &sink) : status;
}

/* The columns that a terminal has room for. */
static const char *const narrow[] = {"model",
                                     "image_size",
                                     "time_ns",
                                     "macs",
                                     "arena_bytes",
                                     "compulsory_bytes",
                                     "sim_chained_l2_fill_bytes",
                                     "memory_bound_pct",
                                     "attention_pct"};
enum { N_NARROW = sizeof narrow / sizeof narrow[0] };

static int print_points(struct vit_reproduction *r)
{
    struct vit_column column[N_NARROW];
    const struct vit_schema schema = {"resolution", 1, N_NARROW, column};
    struct vit_sink sink;
    for (int i = 0; i < N_NARROW; i++)
        column[i] = shown[vit_schema_find(point_schema(), narrow[i])].column;
    int status = vit_output_open(&sink, r->options, &schema, NULL);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++) {
        struct vit_cell all[N_SHOWN], row[N_NARROW];
        fill_point(r, &r->unit[i], all);
        for (int c = 0; c < N_NARROW; c++)
            row[c] = all[vit_schema_find(point_schema(), narrow[c])];
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

static void print_reasons(const struct vit_reproduction *r)
{
    for (int i = 0; i < r->n_unit; i++) {
        const struct vit_options *o = &r->unit[i].options;
        const struct vit_result *time = vit_unit_result(r, &r->unit[i], "time_ns");
        if (time && !time->value.present)
            printf("%s at %d x %d was not run: %s\n", o->argument[0], o->img, o->img, time->reason);
    }
}

int vit_resolution_print(struct vit_reproduction *r)
{
    struct vit_sink sink;
    int status;
    if (!vit_output_is_table(r->options)) {
        status = vit_output_open(&sink, r->options, point_schema(), NULL);
        return status == VIT_OK ? put_points(r, &sink) : status;
    }
    const struct vit_options *o = &r->unit[0].options;
    printf("%s graph, batch %d, %d thread%s; times: medians, quartiles in resolution.csv\n\n", o->graph, o->batch,
           o->threads, o->threads == 1 ? "" : "s");
    status = print_points(r);
    print_reasons(r);
    if (status == VIT_OK) {
        printf("\nquantity = factor x pixels^exponent, least squares of logarithms, with 95 %% intervals\n");
        status = vit_output_open(&sink, r->options, &exponent_schema, NULL);
    }
    return status == VIT_OK ? put_exponents(r, &sink) : status;
}

/* One figure of resolution.gp. */
struct figure {
    const char *name, *title, *quantities, *labels, *axis, *low, *high;
    const char *scale; /* of one unit of the axis */
    bool log;
};

static int draw(const struct vit_reproduction *r, const struct figure *f)
{
    char data[4200], exponents[4200], output[4200], subtitle[200];
    const struct vit_options *o = &r->unit[0].options;
    snprintf(data, sizeof data, "%s/resolution.csv", r->folder);
    snprintf(exponents, sizeof exponents, "%s/exponents.csv", r->folder);
    snprintf(output, sizeof output, "%s/resolution_%s", r->folder, f->name);
    snprintf(subtitle, sizeof subtitle, "%s graph, batch %d, %d thread%s%s", o->graph, o->batch, o->threads,
             o->threads == 1 ? "" : "s", *f->low ? "; bars: quartiles over the runs" : "");
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"exponents", exponents, VIT_PLOT_PATH},
                                                 {"title", f->title, VIT_PLOT_TEXT},
                                                 {"subtitle", subtitle, VIT_PLOT_TEXT},
                                                 {"quantities", f->quantities, VIT_PLOT_TEXT},
                                                 {"labels", f->labels, VIT_PLOT_TEXT},
                                                 {"low", f->low, VIT_PLOT_TEXT},
                                                 {"high", f->high, VIT_PLOT_TEXT},
                                                 {"axis", f->axis, VIT_PLOT_TEXT},
                                                 {"scale", f->scale, VIT_PLOT_NUMBER},
                                                 {"logarithmic", f->log ? "1" : "0", VIT_PLOT_NUMBER}};
    return vit_plot_draw(&(struct vit_plot){.figure = "resolution",
                                            .output = output,
                                            .variable = variable,
                                            .n_variable = sizeof variable / sizeof variable[0]});
}

/* Whether some model has the figure's first quantity at two sizes: less is no line. */
static bool has_line(const struct vit_reproduction *r, const struct figure *f)
{
    char quantity[64];
    snprintf(quantity, sizeof quantity, "%.*s", (int)strcspn(f->quantities, " "), f->quantities);
    for (int first = 0; first < r->n_unit; first += points_of(r, first))
        if (fit(r, first, points_of(r, first), quantity).n > 1)
            return true;
    return false;
}

int vit_resolution_draw(const struct vit_reproduction *r)
{
    static const struct figure figures[] = {
        {"time", "Time of a forward against resolution", "time_ns", "time", "time of a forward (ms)", "time_low_ns",
         "time_high_ns", "1e6", true},
        {"memory", "Memory of activations against resolution", "arena_bytes", "arena", "planned arena (MiB)", "", "",
         "1048576", true},
        {"traffic", "Bytes moved against resolution", "compulsory_bytes sim_chained_l2_fill_bytes",
         "compulsory SIMULATED-L2-fill", "bytes of a forward (MiB)", "", "", "1048576", true},
        {"shares", "Memory-bound share and attention share against resolution", "memory_bound_pct attention_pct",
         "memory-bound attention", "share of the time (%)", "", "", "1", false},
    };
    int status = VIT_OK;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0] && status == VIT_OK; i++)
        status = has_line(r, &figures[i]) ? draw(r, &figures[i]) : VIT_OK;
    return status;
}
