/* SPDX-License-Identifier: MIT */
/* reproduce_fig3.c - Fig. 3: accuracy against the share of attention among the layers, networks of one line being
 * equally fast. The paper's are Swin-T and DeiT-T at 1.25 and 1.5 times their throughput on ImageNet, in a way that it
 * does not tell. Here attention layers are evenly spread over the network (model/zoo/block_layout.h), and width, then
 * depth, are searched until images per second, measured in pairs with the base, are within 3 % of the target; bases
 * are small ones of the same family, which learn small images. */
#include "analysis/proxy_training.h"
#include "analysis/reproduction.h"
#include "analysis/variant.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

#include <math.h>
#include <string.h>

/* DeiT reads the mean of its patches: a class token would see nothing of them without attention. Depths make 10 and 20
 * layers, of which every share of the figure is a whole number. */
static const struct network {
    const char *model, *paper, *set;
    int img;
} networks[] = {
    {"swin_tiny", "Swin-T", "stages=3 patch=4 window=4 embed_dim=32,64,128 depth=2,6,2 heads=2,4,8 classes=10", 32},
    {"deit_tiny", "DeiT-T", "patch=4 embed_dim=96 depth=5 heads=3 pool=mean classes=10", 28},
};
static const struct {
    const char *name;
    double factor;
} targets[] = {{"1.25x", 1.25}, {"1.5x", 1.5}};
static const struct {
    int pct;
    const char *change;
} shares[] = {{0, "mhsa_share=0"},    {20, "mhsa_share=0.2"}, {40, "mhsa_share=0.4"}, {50, "mhsa_share=0.5"},
              {60, "mhsa_share=0.6"}, {80, "mhsa_share=0.8"}, {100, "mhsa_share=1"}};
enum {
    N_NETWORKS = sizeof networks / sizeof networks[0],
    N_TARGETS = sizeof targets / sizeof targets[0],
    N_SHARES = sizeof shares / sizeof shares[0]
};

static const struct {
    int targets;
    const char *data, *epochs;
    double min_time_s, warmup_s, seconds; /* seconds: of a unit, rough */
} budgets[VIT_N_BUDGETS] = {{1, "fashion-mnist:train@first=5000", "1", 0.4, 0.1, 12},
                            {2, "fashion-mnist:train", "4", 1.5, 0.3, 240},
                            {2, "fashion-mnist:train", "30", 10, 1, 1800}};

/* A point of the figure. */
struct point {
    int network, target, share;
};

static struct vit_variant variants[N_NETWORKS][N_TARGETS][N_SHARES]; /* contexts of units */

static struct vit_unit unit_of(const struct vit_reproduction *r, struct point p)
{
    struct vit_unit unit =
        vit_unit_of(r, "mix.%s.%s.p%d", networks[p.network].model, targets[p.target].name, shares[p.share].pct);
    struct vit_variant *variant = &variants[p.network][p.target][p.share];
    *variant = (struct vit_variant){
        .change = shares[p.share].change, .hold = {VIT_HELD_THROUGHPUT, targets[p.target].factor}, .train = true};
    unit.context = variant;
    unit.measure = vit_variant_measure;
    unit.expected_s = budgets[r->budget].seconds;
    unit.options.argument[unit.options.n_argument++] = networks[p.network].model;
    unit.options.min_time_s = budgets[r->budget].min_time_s;
    unit.options.warmup_s = budgets[r->budget].warmup_s;
    return unit;
}

/* Calls for every point that the budget has. */
static int each_point(struct vit_reproduction *r, int (*visit)(struct vit_reproduction *r, struct point p))
{
    int status = VIT_OK;
    for (int n = 0; n < N_NETWORKS; n++)
        for (int t = 0; t < budgets[r->budget].targets; t++)
            for (int s = 0; s < N_SHARES && status == VIT_OK; s++)
                status = visit(r, (struct point){n, t, s});
    return status;
}

static int plan_point(struct vit_reproduction *r, struct point p)
{
    struct vit_unit unit = unit_of(r, p);
    int status =
        vit_proxy_training_choose(&unit.options, &(struct vit_proxy_lesson){.data = budgets[r->budget].data,
                                                                            .val = "fashion-mnist:test",
                                                                            .epochs = budgets[r->budget].epochs,
                                                                            .batch = "64",
                                                                            .lr = "1e-3",
                                                                            .warmup_epochs = "0",
                                                                            .set = networks[p.network].set,
                                                                            .img = networks[p.network].img});
    return status == VIT_OK ? vit_reproduction_add(r, &unit) : status;
}

static int plan(struct vit_reproduction *r)
{
    return each_point(r, plan_point);
}

static const struct vit_result *at(const struct vit_reproduction *r, struct point p, const char *name)
{
    static const struct vit_result none;
    const struct vit_unit unit = unit_of(r, p);
    const struct vit_result *found = vit_unit_result(r, &unit, name);
    return found ? found : &none;
}

static const char *const curves[] = {"top1_pct", "memory_bound_pct"};

/* The share with the best accuracy, with those whose intervals reach its own; and what the ends lose by it. */
static void derive_line(struct vit_reproduction *r, struct point p)
{
    const struct network *network = &networks[p.network];
    const char *target = targets[p.target].name;
    const struct vit_result *best = NULL, *first;
    int share = 0;
    for (p.share = 0; p.share < N_SHARES; p.share++) {
        const struct vit_result *top1 = at(r, p, "top1_pct");
        if (top1->value.present && (!best || top1->value.r > best->value.r)) {
            best = top1;
            share = p.share;
        }
    }
    if (!best)
        return;
    const struct vit_result most = *best; /* a copy: results move as they grow */
    double low = shares[share].pct, high = low;
    for (p.share = 0; p.share < N_SHARES; p.share++) {
        const struct vit_result *top1 = at(r, p, "top1_pct");
        if (top1->high.present && most.low.present && top1->high.r > most.low.r) {
            low = fmin(low, shares[p.share].pct);
            high = fmax(high, shares[p.share].pct);
        }
    }
    struct vit_results *to = &r->results;
    vit_results_add(to,
                    (struct vit_result){.name = vit_results_text(to, "%s.%s.best_share_pct", network->model, target),
                                        .value = vit_real_cell(shares[share].pct),
                                        .low = vit_real_cell(low),
                                        .high = vit_real_cell(high),
                                        .source = "largest top-1 of the line; low, high: shares whose 95 % "
                                                  "intervals over images reach its own",
                                        .proxy = most.proxy});
    for (int end = 0; end < 2; end++) {
        p.share = end ? N_SHARES - 1 : 0;
        first = at(r, p, "top1_pct");
        if (!first->value.present)
            continue;
        vit_results_add(to, (struct vit_result){.name = vit_results_text(to, "%s.%s.loss_at_%d_points", network->model,
                                                                         target, shares[p.share].pct),
                                                .value = vit_real_cell(most.value.r - first->value.r),
                                                .source = "largest top-1 of the line - top-1 here",
                                                .proxy = most.proxy});
    }
}

/* MODEL.TARGET.pSHARE.QUANTITY: the names that claims use. */
static int derive_point(struct vit_reproduction *r, struct point p)
{
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        struct vit_result named = *at(r, p, curves[i]);
        named.name = vit_results_text(&r->results, "%s.%s.p%d.%s", networks[p.network].model, targets[p.target].name,
                                      shares[p.share].pct, curves[i]);
        vit_results_add(&r->results, named);
    }
    if (p.share == 0)
        derive_line(r, p);
    return r->results.status;
}

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "family of the base"},
    {"target", VIT_TEXT, "", "throughput by the base's"},
    {"source", VIT_TEXT, "", "here or paper"},
    {"wanted_share_pct", VIT_REAL, "%", "share that the network was built with"},
    {"mhsa_share_pct", VIT_REAL, "%", "attention layers by all layers, after the search"},
    {"top1_pct", VIT_REAL, "%", "accuracy; here of the proxy"},
    {"top1_low_pct", VIT_REAL, "%", "95 % over images; of the paper: reading error"},
    {"top1_high_pct", VIT_REAL, "%", "its upper end"},
    {"memory_bound_pct", VIT_REAL, "%", "share of the paper's memory-bound classes, eager graph, batch 1"},
    {"memory_bound_low_pct", VIT_REAL, "%", "first quartile"},
    {"memory_bound_high_pct", VIT_REAL, "%", "third quartile"},
    {"speed_ratio", VIT_REAL, "", "images/s by the base's, in pairs, measured after the search"},
    {"speed_ratio_low", VIT_REAL, "", "first quartile"},
    {"speed_ratio_high", VIT_REAL, "", "third quartile"},
    {"held_ratio", VIT_REAL, "",
     "speed ratio by the target at the end of the search: within 3 % of 1 where it succeeded"},
    {"networks_tried", VIT_REAL, "", "by the search"},
    {"params", VIT_REAL, "count", "learned numbers"},
    {"macs", VIT_REAL, "MAC", "multiply-accumulates of one image"},
    {"network", VIT_TEXT, "", "settings on top of the base"},
    {"proxy", VIT_TEXT, "", "data set in place of ImageNet"},
    {"certainty", VIT_TEXT, "", "how the paper's number is known"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0], TOP1_LOW = 6 };
static const struct vit_schema schema = {"fig3", 1, N_COLUMNS, columns};

static struct vit_sink out; /* of finish */

static int put_point(struct vit_reproduction *r, struct point p)
{
    const struct vit_result *top1 = at(r, p, "top1_pct"), *bound = at(r, p, "memory_bound_pct"),
                            *speed = at(r, p, "speed_ratio");
    const struct vit_cell row[N_COLUMNS] = {vit_text(networks[p.network].model),
                                            vit_text(targets[p.target].name),
                                            vit_text("here"),
                                            vit_real_cell(shares[p.share].pct),
                                            at(r, p, "mhsa_share_pct")->value,
                                            top1->value,
                                            top1->low,
                                            top1->high,
                                            bound->value,
                                            bound->low,
                                            bound->high,
                                            speed->value,
                                            speed->low,
                                            speed->high,
                                            at(r, p, "held_ratio")->value,
                                            at(r, p, "networks_tried")->value,
                                            at(r, p, "params")->value,
                                            at(r, p, "macs")->value,
                                            vit_text(at(r, p, "width_factor")->source),
                                            vit_text(top1->proxy),
                                            vit_absent()};
    return vit_sink_write(&out, row);
}

static const char *model_of(const char *paper)
{
    for (int i = 0; i < N_NETWORKS; i++)
        if (paper && strcmp(networks[i].paper, paper) == 0)
            return networks[i].model;
    return NULL;
}

static int put_paper_row(const struct vit_csv *csv, int64_t row)
{
    static const char *const names[] = {"base_model", "throughput_vs_base", "mhsa_proportion_pct",
                                        "top1_pct",   "abs_uncertainty",    "certainty"};
    enum { MODEL, TARGET, SHARE, TOP1, ERROR, CERTAINTY, N };
    struct vit_cell share, top1, error;
    int column[N], status = VIT_OK;
    for (int i = 0; i < N && status == VIT_OK; i++)
        status = vit_csv_find(csv, names[i], &column[i]);
    if (status == VIT_OK)
        status = vit_csv_real(csv, row, column[SHARE], &share);
    if (status == VIT_OK)
        status = vit_csv_real(csv, row, column[TOP1], &top1);
    if (status == VIT_OK)
        status = vit_csv_real(csv, row, column[ERROR], &error);
    if (status != VIT_OK)
        return status;
    struct vit_cell cell[N_COLUMNS] = {vit_text(model_of(vit_csv_text(csv, row, column[MODEL]))),
                                       vit_text(vit_csv_text(csv, row, column[TARGET])),
                                       vit_text("paper"),
                                       share,
                                       share,
                                       top1};
    if (top1.present && error.present) {
        cell[TOP1_LOW] = vit_real_cell(top1.r - error.r);
        cell[TOP1_LOW + 1] = vit_real_cell(top1.r + error.r);
    }
    cell[N_COLUMNS - 1] = vit_text(vit_csv_text(csv, row, column[CERTAINTY]));
    return vit_sink_write(&out, cell);
}

static int put_paper(void)
{
    char path[4096];
    struct vit_csv *csv;
    int status = vit_data_path(path, sizeof path, "paper/fig3_mhsa_proportion.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    for (int64_t row = 0; row < vit_csv_rows(csv) && status == VIT_OK; row++)
        status = put_paper_row(csv, row);
    vit_csv_close(csv);
    return status;
}

static int draw(const struct vit_reproduction *r)
{
    char data[4200], output[4200], subtitle[300];
    snprintf(data, sizeof data, "%s/fig3.csv", r->folder);
    snprintf(output, sizeof output, "%s/fig3", r->folder);
    snprintf(subtitle, sizeof subtitle,
             "here: proxy, small networks of the family on %.100s, %d epoch%s; paper: ImageNet, 224 x 224",
             r->unit[0].options.data, r->unit[0].options.epochs, r->unit[0].options.epochs == 1 ? "" : "s");
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH}, {"title", r->def->title, VIT_PLOT_TEXT}, {"subtitle", subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(&(struct vit_plot){.figure = "fig3", .output = output, .variable = variable, .n_variable = 3});
}

static int finish(struct vit_reproduction *r)
{
    int status = each_point(r, derive_point);
    if (status == VIT_OK)
        status = vit_reproduction_csv(r, &out, "fig3", &schema);
    if (status != VIT_OK)
        return status;
    status = each_point(r, put_point);
    if (status == VIT_OK)
        status = put_paper();
    status = vit_sink_finish(&out, status);
    return status == VIT_OK && vit_plot_available() ? draw(r) : status;
}

const struct vit_reproduction_def vit_reproduction_fig3 = {
    .name = "fig3",
    .title = "Fig. 3: accuracy against the share of attention layers, equally fast networks",
    .detail =
        "  Networks with 0 to 100 % attention among their layers, evenly spread, of small Swin and DeiT bases; width\n"
        "  and depth of each are searched until it is 1.25 (and 1.5) times as fast as its base, measured in pairs,\n"
        "  within 3 %. All learn Fashion-MNIST (--data: other images) with one recipe and seed. Memory-bound shares\n"
        "  are those of the eager graph. quick: 1.25x alone, 5000 images, 1 epoch; normal: all, 4 epochs (two hours\n"
        "  on two cores); full: 30 epochs.\n",
    .plan = plan,
    .finish = finish,
};
