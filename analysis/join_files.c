/* SPDX-License-Identifier: MIT */
/* join_files.c - model.csv, correlation.csv, the table for readers, the scatter. */
#include "analysis/join.h"
#include "analysis/output.h"
#include "analysis/profile_traffic.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <stdlib.h>
#include <string.h>

static const struct vit_column first_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"level", VIT_TEXT, "",
     "model, block, layer, role, operator or head: each level is all of the network (head: of "
     "attention) once more; never add rows of two"},
    {"name", VIT_TEXT, "", "of the part; of an operator its id in operators.csv of a profile"},
    {"block", VIT_TEXT, "", "embed, s0.b1, s1.merge, head"},
    {"layer", VIT_TEXT, "", "attention, ffn, token_mix, norm, residual, merge, embed, head"},
    {"role", VIT_TEXT, "", "role of the operators"},
    {"head", VIT_INT, "", "attention head, from 0"},
    {"kind", VIT_TEXT, "", "kind of the operator"},
    {"operators", VIT_INT, "", "operators"},
    {"time_ns", VIT_REAL, "ns", "measured: medians of operators, added"},
    {"time_pct", VIT_REAL, "%", "share of all operators"},
    {"macs", VIT_INT, "", "multiply-accumulates"},
    {"flops", VIT_INT, "", "2 x macs + one per other arithmetic result"},
    {"compulsory_bytes", VIT_INT, "B", "analytic: each input once, each output once"},
    {"compulsory_pct", VIT_REAL, "%", "share of all operators"},
};
static const struct vit_column last_columns[] = {
    {"parameters", VIT_INT, "", "learned numbers that its operators are the first to read"},
    {"importance", VIT_REAL, "", "sum over them of (gradient x weight)^2, mean over batches"},
    {"importance_pct", VIT_REAL, "%", "share of all parameters'"},
    {"importance_per_parameter", VIT_REAL, "", "importance / parameters"},
    {"heads", VIT_INT, "", "of blocks, attention layers"},
    {"map_similarity", VIT_REAL, "", "cosine of attention maps with the head most alike, mean over heads"},
    {"output_similarity", VIT_REAL, "", "the same of outputs"},
    {"loss_change", VIT_REAL, "", "of the loss without a head, mean over heads"},
    {"loss_change_low", VIT_REAL, "", "of a head: 95 % interval by bootstrap over images"},
    {"loss_change_high", VIT_REAL, "", "its other end"},
    {"logit_change_pct", VIT_REAL, "%", "of the logits without a head, mean over heads"},
    {"reason", VIT_TEXT, "", "why figures are absent"},
};
enum {
    N_FIRST = sizeof first_columns / sizeof first_columns[0],
    N_LAST = sizeof last_columns / sizeof last_columns[0]
};

/* What shares are of. */
struct totals {
    double time_ns, bytes, importance;
};

struct table {
    const struct vit_join *join;
    struct vit_sink *sink;
    struct totals all;
};

static struct totals total(const struct vit_join *join)
{
    struct totals t = {.time_ns = join->profile->total_ns};
    const struct vit_cost cost = vit_plan_cost(&join->profile->instance.plan);
    t.bytes = (double)vit_cost_bytes(&cost);
    for (int i = 0; i < join->n_tensor; i++)
        t.importance += join->tensor[i].importance;
    return t;
}

/* A row: what level it is of, and which of its keys hold for all of its operators. */
struct row {
    const char *level, *block, *layer, *role, *kind;
    int head; /* -1: none */
    const struct vit_join_sum *sum;
    bool timed; /* its operators are its own */
    struct vit_join_heads heads;
    struct vit_interval loss_change;
    const char *reason;
};

static int put(const struct table *t, const struct row *r)
{
    struct vit_cell cell[N_FIRST + VIT_MAX_TRAFFIC + N_LAST];
    const struct vit_join_sum *s = r->sum;
    const int traffic = t->join->profile->traffic.n;
    const struct vit_cell none = vit_absent();
    const double bytes = (double)vit_cost_bytes(&s->cost), parameters = (double)s->parameters;
    const struct vit_cell first[N_FIRST] = {vit_text(t->join->model),
                                            vit_text(r->level),
                                            vit_text(s->name),
                                            vit_text(r->block),
                                            vit_text(r->layer),
                                            vit_text(r->role),
                                            r->head < 0 ? none : vit_int(r->head),
                                            vit_text(r->kind),
                                            r->timed ? vit_int(s->operators) : none,
                                            r->timed ? vit_real_cell(s->time_ns) : none,
                                            r->timed ? vit_real_cell(100 * s->time_ns / t->all.time_ns) : none,
                                            r->timed ? vit_int(s->cost.macs) : none,
                                            r->timed ? vit_int(s->cost.flops) : none,
                                            r->timed ? vit_int(vit_cost_bytes(&s->cost)) : none,
                                            r->timed ? vit_real_cell(100 * bytes / t->all.bytes) : none};
    const bool learned = s->parameters > 0;
    const struct vit_cell last[N_LAST] = {
        vit_int(s->parameters),
        learned ? vit_real_cell(s->importance) : none,
        learned && t->all.importance > 0 ? vit_real_cell(100 * s->importance / t->all.importance) : none,
        learned ? vit_real_cell(s->importance / parameters) : none,
        r->heads.heads ? vit_int(r->heads.heads) : none,
        r->heads.heads ? vit_defined(r->heads.map_similarity) : none,
        r->heads.heads ? vit_defined(r->heads.output_similarity) : none,
        r->heads.heads ? vit_defined(r->heads.loss_change) : none,
        vit_defined(r->loss_change.low),
        vit_defined(r->loss_change.high),
        r->heads.heads ? vit_defined(100 * r->heads.logit_change) : none,
        vit_text(r->reason)};
    memcpy(cell, first, sizeof first);
    for (int i = 0; i < traffic; i++)
        cell[N_FIRST + i] = r->timed ? s->bytes[i] : none;
    memcpy(cell + N_FIRST + traffic, last, sizeof last);
    return vit_sink_write(t->sink, cell);
}

/* The levels that are sums over operators. */
enum level { MODEL, BLOCK, LAYER, ROLE };

static const char *model_key(const struct vit_step *step, char *text)
{
    (void)step;
    snprintf(text, 64, "all");
    return text;
}

static const char *role_key(const struct vit_step *step, char *text)
{
    char block[64];
    const char *role = vit_role_name(step->op->site.role);
    snprintf(text, 64, "%.40s.%.20s", vit_profile_block(step, block), *role ? role : "other");
    return text;
}

static const char *block_name(struct vit_site site, char text[64])
{
    const struct vit_op op = {.site = site};
    const struct vit_step step = {.op = &op};
    return vit_profile_block(&step, text);
}

static int put_level(const struct table *t, enum level level)
{
    static struct vit_join_sum sum[VIT_MAX_GROUPS]; /* large */
    static const char *const name[] = {"model", "block", "layer", "role"};
    static const vit_profile_key keys[] = {model_key, vit_profile_block, NULL, role_key};
    const int n = level == LAYER ? vit_join_layers(t->join, sum) : vit_join_group(t->join, keys[level], sum);
    int status = VIT_OK;
    for (int i = 0; i < n && status == VIT_OK; i++) {
        char block[64];
        const struct vit_site site = sum[i].site;
        const char *layer = level >= LAYER ? vit_join_layer(site.role) : NULL;
        const bool attention = level == BLOCK || (level == LAYER && strcmp(layer, "attention") == 0);
        struct row row = {.level = name[level],
                          .block = level >= BLOCK ? block_name(site, block) : NULL,
                          .layer = layer,
                          .role = level == ROLE ? vit_role_name(site.role) : NULL,
                          .head = -1,
                          .sum = &sum[i],
                          .timed = true,
                          .loss_change = {(double)NAN, (double)NAN},
                          .reason = sum[i].parameters ? NULL : "no parameters"};
        if (attention)
            status = vit_join_heads(t->join, site, &row.heads);
        if (attention && *t->join->no_heads)
            row.reason = t->join->no_heads;
        if (status == VIT_OK)
            status = put(t, &row);
    }
    return status;
}

static int put_operators(const struct table *t)
{
    const struct vit_plan *plan = &t->join->profile->instance.plan;
    int status = VIT_OK;
    for (int s = 0; s < plan->n_step && status == VIT_OK; s++) {
        char block[64];
        const struct vit_join_sum sum = vit_join_step(t->join, s);
        status = put(t, &(struct row){.level = "operator",
                                      .block = block_name(sum.site, block),
                                      .layer = vit_join_layer(sum.site.role),
                                      .role = vit_role_name(sum.site.role),
                                      .kind = plan->step[s].def->name,
                                      .head = sum.site.head,
                                      .sum = &sum,
                                      .timed = true,
                                      .loss_change = {(double)NAN, (double)NAN},
                                      .reason = sum.parameters ? NULL : "no parameters"});
    }
    return status;
}

/* Operators of one head alone, where heads have their own (EfficientViT). */
static void add_own_operators(const struct vit_join *join, struct vit_site block, int head, struct vit_join_sum *sum)
{
    const struct vit_plan *plan = &join->profile->instance.plan;
    for (int s = 0; s < plan->n_step; s++) {
        const struct vit_site *site = &plan->step[s].op->site;
        if (site->stage != block.stage || site->block != block.block || site->head != head)
            continue;
        const struct vit_join_sum one = vit_join_step(join, s);
        vit_traffic_add(&join->profile->traffic, s, sum->bytes, sum->operators == 0);
        sum->operators++;
        sum->time_ns += one.time_ns;
        sum->cost.macs += one.cost.macs;
        sum->cost.flops += one.cost.flops;
        sum->cost.read_weight_bytes += one.cost.read_weight_bytes;
        sum->cost.read_activation_bytes += one.cost.read_activation_bytes;
        sum->cost.write_bytes += one.cost.write_bytes;
    }
}

/* The group of parameters that is the head: all its rows, its columns of the projection. */
static void add_group(const struct vit_join *join, const struct vit_region *region, struct vit_join_sum *sum)
{
    for (int i = 0; i < join->groups.n; i++) {
        const struct vit_channel_group *g = &join->groups.group[i];
        if (g->kind != VIT_GROUP_HEAD || g->head != region->site.head || g->site.stage != region->site.stage ||
            g->site.block != region->site.block)
            continue;
        for (int k = g->first; k < g->first + g->n; k++) {
            const struct vit_slice_walk walk = vit_slice_walk(&join->groups.slice[k]);
            sum->parameters += walk.outer * walk.run;
        }
        sum->importance = vit_importance_score(&join->importance, i, VIT_CRITERION_MOLCHANOV);
    }
}

static int largest(const struct vit_join *join, const struct vit_region *region, enum vit_head_object object,
                   double *value)
{
    int block = 0;
    while (strcmp(join->similarity.block[block].name, region->block) != 0)
        block++;
    const int heads = join->similarity.block[block].heads;
    double *matrix = calloc((size_t)(heads * heads), sizeof *matrix);
    if (!matrix)
        return vit_fail(VIT_ENOMEM, "out of memory: similarity of %d heads", heads);
    int status = vit_head_similarity_matrix(&join->similarity,
                                            (struct vit_head_question){block, object, VIT_HEAD_COSINE_WHOLE}, matrix);
    if (status == VIT_OK)
        *value = vit_head_similarity_largest(matrix, heads, region->site.head);
    free(matrix);
    return status;
}

static int put_head(const struct table *t, int head)
{
    const struct vit_region *region = t->join->removal.region[head];
    struct vit_join_sum sum = {.site = region->site};
    struct vit_head_effect effect;
    char block[64];
    snprintf(sum.name, sizeof sum.name, "%.120s.head%d", region->block, region->site.head);
    add_own_operators(t->join, region->site, region->site.head, &sum);
    add_group(t->join, region, &sum);
    struct row row = {.level = "head",
                      .block = block_name(region->site, block),
                      .layer = "attention",
                      .head = region->site.head,
                      .sum = &sum,
                      .timed = sum.operators > 0,
                      .heads = {.heads = 1},
                      .reason = sum.operators ? NULL : "heads share operators: no time of one"};
    int status = vit_head_removal_effect(&t->join->removal, head, &t->join->bootstrap, &effect);
    if (status == VIT_OK)
        status = largest(t->join, region, VIT_HEAD_MAP, &row.heads.map_similarity);
    if (status == VIT_OK)
        status = largest(t->join, region, VIT_HEAD_OUTPUT, &row.heads.output_similarity);
    if (status != VIT_OK)
        return status;
    row.heads.loss_change = effect.loss_change;
    row.heads.logit_change = effect.logit_change;
    row.loss_change = effect.loss_change_bounds;
    return put(t, &row);
}

static int put_all(const struct table *t)
{
    int status = VIT_OK;
    for (int level = MODEL; level <= ROLE && status == VIT_OK; level++)
        status = put_level(t, (enum level)level);
    if (status == VIT_OK)
        status = put_operators(t);
    for (int h = 0; h < t->join->removal.n && status == VIT_OK; h++)
        status = put_head(t, h);
    return status;
}

/* path NULL: on stdout, as options say. */
static int write_model(const struct vit_join *join, const char *path, const struct vit_options *options)
{
    struct vit_schema_builder schema;
    struct vit_sink sink;
    vit_schema_open(&schema, "model", 1);
    int status = vit_schema_add(&schema, first_columns, N_FIRST);
    if (status == VIT_OK)
        status = vit_traffic_schema(&join->profile->traffic, &schema);
    if (status == VIT_OK)
        status = vit_schema_add(&schema, last_columns, N_LAST);
    if (status == VIT_OK)
        status = path ? vit_sink_open_csv(&sink, &schema.schema, path)
                      : vit_output_open(&sink, options, &schema.schema, NULL);
    if (status == VIT_OK)
        status = vit_sink_finish(&sink, put_all(&(struct table){join, &sink, total(join)}));
    vit_schema_close(&schema);
    return status;
}

static const char *const costs[VIT_N_JOIN_COSTS] = {"time_ns", "compulsory_bytes", "macs", "parameters"};
static const char *const needs[VIT_N_JOIN_NEEDS] = {"importance", "importance_per_parameter", "loss_change"};
static const char *const scopes[] = {NULL, "attention", "ffn"};

static const struct vit_column correlation_columns[] = {
    {"cost", VIT_TEXT, "", "of a layer"},
    {"need", VIT_TEXT, "", "importance, importance_per_parameter or loss_change (without a head, mean over heads)"},
    {"layers", VIT_TEXT, "", "all layers that have parameters, or one sort"},
    {"n", VIT_INT, "", "layers"},
    {"spearman", VIT_REAL, "", "rank correlation: below 0, what costs most matters least"},
    {"low", VIT_REAL, "", "95 % interval by bootstrap over the layers; empty where some resamples have no ranks"},
    {"high", VIT_REAL, "", "its other end"},
};
static const struct vit_schema correlation_schema = {
    "correlation", 1, sizeof correlation_columns / sizeof correlation_columns[0], correlation_columns};

static int put_correlations(const struct vit_join *join, struct vit_sink *sink)
{
    enum { N_SCOPES = sizeof scopes / sizeof scopes[0] };
    int status = VIT_OK;
    for (int i = 0; i < VIT_N_JOIN_COSTS * VIT_N_JOIN_NEEDS * N_SCOPES && status == VIT_OK; i++) {
        const struct vit_join_question q = {(enum vit_join_cost)(i % VIT_N_JOIN_COSTS),
                                            (enum vit_join_need)(i / VIT_N_JOIN_COSTS % VIT_N_JOIN_NEEDS),
                                            scopes[i / VIT_N_JOIN_COSTS / VIT_N_JOIN_NEEDS]};
        struct vit_join_answer a;
        status = vit_join_ask(join, q, &a);
        if (status != VIT_OK || isnan(a.spearman))
            continue;
        const struct vit_cell row[] = {
            vit_text(costs[q.cost]),   vit_text(needs[q.need]),   vit_text(q.layer ? q.layer : "all"), vit_int(a.n),
            vit_real_cell(a.spearman), vit_defined(a.bounds.low), vit_defined(a.bounds.high)};
        status = vit_sink_write(sink, row);
    }
    return vit_sink_finish(sink, status);
}

int vit_join_write(const struct vit_join *join)
{
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/model.csv", join->folder);
    int status = write_model(join, path, NULL);
    snprintf(path, sizeof path, "%s/sources.csv", join->folder);
    if (status == VIT_OK)
        status = vit_traffic_write_sources(&join->profile->session, path);
    snprintf(path, sizeof path, "%s/correlation.csv", join->folder);
    if (status == VIT_OK)
        status = vit_sink_open_csv(&sink, &correlation_schema, path);
    return status == VIT_OK ? put_correlations(join, &sink) : status;
}

static int print_layers(const struct vit_join *join, const struct vit_options *options)
{
    static const struct vit_column columns[] = {
        {"layer", VIT_TEXT, "", ""},          {"time_ns", VIT_REAL, "ns", ""},
        {"time_pct", VIT_REAL, "%", ""},      {"compulsory_pct", VIT_REAL, "%", ""},
        {"parameters", VIT_INT, "", ""},      {"importance_pct", VIT_REAL, "", ""},
        {"map_similarity", VIT_REAL, "", ""}, {"loss_without_a_head", VIT_REAL, "", ""},
    };
    static const struct vit_schema schema = {"layers", 1, sizeof columns / sizeof columns[0], columns};
    static struct vit_join_sum sum[VIT_MAX_GROUPS]; /* large */
    const struct totals all = total(join);
    const int n = vit_join_layers(join, sum);
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &schema, "time_pct");
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < n && status == VIT_OK; i++) {
        struct vit_join_heads h = {0, (double)NAN, (double)NAN, (double)NAN, (double)NAN};
        if (strcmp(vit_join_layer(sum[i].site.role), "attention") == 0)
            status = vit_join_heads(join, sum[i].site, &h);
        const bool learned = sum[i].parameters > 0 && all.importance > 0;
        const struct vit_cell row[] = {vit_text(sum[i].name),
                                       vit_real_cell(sum[i].time_ns),
                                       vit_real_cell(100 * sum[i].time_ns / all.time_ns),
                                       vit_real_cell(100 * (double)vit_cost_bytes(&sum[i].cost) / all.bytes),
                                       vit_int(sum[i].parameters),
                                       learned ? vit_real_cell(100 * sum[i].importance / all.importance) : vit_absent(),
                                       vit_defined(h.map_similarity),
                                       vit_defined(h.loss_change)};
        if (status == VIT_OK)
            status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

/* What the interval allows to say. */
static const char *verdict(const struct vit_join_answer *a)
{
    if (isnan(a->spearman) || isnan(a->bounds.low))
        return "too few layers to tell";
    if (a->bounds.high < 0)
        return "yes: what costs more matters less";
    return a->bounds.low > 0 ? "no: what costs more matters more" : "not decided: the interval holds 0";
}

int vit_join_print(const struct vit_join *join, const struct vit_options *options)
{
    if (!vit_output_is_table(options))
        return write_model(join, NULL, options);
    printf("%s\n%s\n\n", join->model, join->settings);
    int status = print_layers(join, options);
    printf("\nis what costs most what matters least? rank correlation over layers that have parameters\n");
    for (int i = 0; i < 4 && status == VIT_OK; i++) {
        const struct vit_join_question q = {i % 2 ? VIT_JOIN_BYTES : VIT_JOIN_TIME,
                                            i / 2 ? VIT_JOIN_PER_PARAMETER : VIT_JOIN_IMPORTANCE, NULL};
        struct vit_join_answer a;
        status = vit_join_ask(join, q, &a);
        if (status == VIT_OK)
            printf("  %-16s  %-24s  %5.2f [%.2f, %.2f] of %d  %s\n", costs[q.cost], needs[q.need], a.spearman,
                   a.bounds.low, a.bounds.high, a.n, verdict(&a));
    }
    if (*join->no_heads)
        printf("no figures of heads: %s\n", join->no_heads);
    printf("\nresults in %s: model.csv, correlation.csv, sources.csv, run.json%s\n", join->folder,
           vit_plot_available() ? ", figure cost_importance" : "");
    return status;
}

int vit_join_draw(const struct vit_join *join)
{
    char data[4200], output[4200], text[2][64];
    int status = VIT_OK;
    for (int i = 0; i < 2 && status == VIT_OK; i++) {
        struct vit_join_answer a;
        status = vit_join_ask(
            join, (struct vit_join_question){i ? VIT_JOIN_BYTES : VIT_JOIN_TIME, VIT_JOIN_IMPORTANCE, NULL}, &a);
        snprintf(text[i], sizeof text[i], "rank correlation %.2f [%.2f, %.2f]", a.spearman, a.bounds.low,
                 a.bounds.high);
    }
    if (status != VIT_OK)
        return status;
    snprintf(data, sizeof data, "%s/model.csv", join->folder);
    snprintf(output, sizeof output, "%s/cost_importance", join->folder);
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"model", join->model, VIT_PLOT_TEXT},
                                                 {"subtitle", join->settings, VIT_PLOT_TEXT},
                                                 {"of_time", text[0], VIT_PLOT_TEXT},
                                                 {"of_bytes", text[1], VIT_PLOT_TEXT}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "cost_importance", .output = output, .variable = variable, .n_variable = 5});
}
