/* SPDX-License-Identifier: MIT */
/* reproduce_fig5.c - Fig. 5: channels of query and key, value and FFN that Taylor scores leave in each block. The
 * paper's network is Swin-T trained on ImageNet, and it tells neither its budget nor its batches nor whether it was
 * fine-tuned: here the budget is the share of MACs that the figure's widths leave of Swin-T, the networks are narrow
 * and learn small images. */
#include "analysis/correlation.h"
#include "analysis/prune.h"
#include "analysis/prune_paper.h"
#include "analysis/proxy_training.h"
#include "analysis/pruning_unit.h"
#include "model/base/status.h"

#include <math.h>

enum { BLOCKS = VIT_PRUNE_PAPER_BLOCKS, LATE = 10 }; /* LATE: first of the blocks where the paper's value shrinks */

static const struct {
    const char *data, *val, *epochs;
    double seconds; /* of a network, rough */
} budgets[VIT_N_BUDGETS] = {{"fashion-mnist:train@first=10000", "fashion-mnist:test@first=2000", "2", 180},
                            {"fashion-mnist:train", "fashion-mnist:test", "5", 3200},
                            {"fashion-mnist:train", "fashion-mnist:test", "30", 18000}};

#define SWIN "swin_tiny", VIT_PROXY_SWIN_SET, VIT_PROXY_SWIN_IMG
#define DEIT "deit_tiny", VIT_PROXY_DEIT_SET, VIT_PROXY_DEIT_IMG
static const struct network {
    enum vit_budget budget;
    const char *folder; /* vit_unit.folder: Fig. 4 compares heads of the same networks */
    struct vit_pruning_work work;
} networks[] = {
    {VIT_BUDGET_QUICK, NULL, {"swin_tiny", "patch=2 window=4 embed_dim=24,48,96,192", 32, 3, 5, 64, 1}},
    {VIT_BUDGET_NORMAL, VIT_PROXY_SWIN_FOLDER, {SWIN, 10, 20, 256, 2}},
    {VIT_BUDGET_NORMAL, VIT_PROXY_DEIT_FOLDER, {DEIT, 10, 20, 256, 2}},
    {VIT_BUDGET_FULL, VIT_PROXY_SWIN_FOLDER, {SWIN, 20, 50, 512, 5}},
    {VIT_BUDGET_FULL, VIT_PROXY_DEIT_FOLDER, {DEIT, 20, 50, 512, 5}},
};
enum { N_NETWORKS = sizeof networks / sizeof networks[0] };

/* The paper's own widths: what they save of Swin-T at 224 pixels, and how much faster that is here. */
static int measure_paper(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    static struct vit_model_choice paper; /* large */
    const struct vit_model_def *whole = vit_model_find("swin_tiny");
    struct vit_prune_size size[2];
    struct vit_summary speedup;
    (void)r;
    int status = vit_prune_paper_network(&paper);
    if (status == VIT_OK)
        status = vit_prune_measure_size(whole, &size[0]);
    if (status == VIT_OK)
        status = vit_prune_measure_size(&paper.model, &size[1]);
    if (status == VIT_OK)
        status = vit_prune_time(&unit->options, whole, &paper.model, &speedup);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "pruned" : "whole";
        vit_results_value(results, (double)size[i].params / 1e6, "counted, eager graph", "%s.params_M", name);
        vit_results_value(results, (double)size[i].macs / 1e6, "counted, one image", "%s.macs_M", name);
    }
    vit_results_add(
        results, (struct vit_result){.name = "speed_ratio",
                                     .value = vit_real_cell(speedup.median),
                                     .low = vit_real_cell(speedup.low),
                                     .high = vit_real_cell(speedup.high),
                                     .source = vit_results_text(results,
                                                                "time of Swin-T / with the figure's widths, median of "
                                                                "%d pairs, quartiles; folded, batch %d, 1 thread",
                                                                speedup.n, unit->options.batch)});
    return results->status;
}

static int plan_paper(struct vit_reproduction *r)
{
    struct vit_unit unit = vit_unit_of(r, "widths.swin_tiny.paper");
    unit.measure = measure_paper;
    unit.expected_s = 30;
    unit.options.batch = r->budget == VIT_BUDGET_QUICK ? 4 : 16;
    unit.options.threads = 1;
    return vit_reproduction_add(r, &unit);
}

static int plan_network(struct vit_reproduction *r, const struct network *network)
{
    const struct vit_pruning_work *work = &network->work;
    struct vit_unit unit = vit_unit_of(r, "prune.%s", work->model);
    unit.folder = network->folder;
    unit.measure = vit_pruning_measure;
    unit.context = work;
    unit.expected_s = budgets[r->budget].seconds;
    int status =
        vit_proxy_training_choose(&unit.options, &(struct vit_proxy_lesson){.data = budgets[r->budget].data,
                                                                            .val = budgets[r->budget].val,
                                                                            .epochs = budgets[r->budget].epochs,
                                                                            .batch = "64",
                                                                            .warmup_epochs = "0",
                                                                            .set = work->set,
                                                                            .img = work->img});
    return status == VIT_OK ? vit_reproduction_add(r, &unit) : status;
}

static int plan(struct vit_reproduction *r)
{
    int status = plan_paper(r);
    for (int i = 0; i < N_NETWORKS && status == VIT_OK; i++)
        if (networks[i].budget == r->budget)
            status = plan_network(r, &networks[i]);
    return status;
}

static void name_result(struct vit_reproduction *r, const struct vit_unit *unit, const char *name)
{
    const struct vit_result *found = vit_unit_result(r, unit, name);
    if (!found)
        return;
    struct vit_result named = *found;
    named.name = vit_results_text(&r->results, "%s.%s", vit_pruning_work_of(unit)->model, name);
    vit_results_add(&r->results, named);
}

/* kind: "qk", "untrained.qk", ... */
static double kept_pct(const struct vit_reproduction *r, const struct vit_unit *unit, const char *kind, int block)
{
    char before[64], after[64];
    snprintf(before, sizeof before, "%s.block%d.before_ratio", kind, block);
    snprintf(after, sizeof after, "%s.block%d.after_ratio", kind, block);
    return 100 * vit_unit_real(r, unit, after) / vit_unit_real(r, unit, before);
}

static void add_derived(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_result result,
                        const char *name)
{
    const struct vit_result *whole = vit_unit_result(r, unit, "whole.top1_pct");
    result.name = vit_results_text(&r->results, "%s.%s", vit_pruning_work_of(unit)->model, name);
    result.proxy = whole ? whole->proxy : NULL;
    vit_results_add(&r->results, result);
}

/* MODEL.KIND_kept_pct over all blocks, of the early and the late ones; MODEL.KIND_by_depth_rank. Those of the untrained
 * network tell which claims hold before anything is learned. */
static int derive_kind(struct vit_reproduction *r, const struct vit_unit *unit, const char *kind)
{
    static const struct {
        const char *name, *source;
        int first, last;
    } parts[] = {{"kept_pct", "mean over blocks of channels left / before", 1, BLOCKS},
                 {"early_kept_pct", "the same of blocks 1 to 9", 1, LATE - 1},
                 {"late_kept_pct", "the same of blocks 10 to 12", LATE, BLOCKS}};
    double kept[BLOCKS], depth[BLOCKS], by_depth;
    char name[64];
    for (int b = 1; b <= BLOCKS; b++) {
        kept[b - 1] = kept_pct(r, unit, kind, b);
        depth[b - 1] = b;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        double sum = 0;
        for (int b = parts[i].first; b <= parts[i].last; b++)
            sum += kept[b - 1];
        snprintf(name, sizeof name, "%s_%s", kind, parts[i].name);
        add_derived(r, unit,
                    (struct vit_result){.value = vit_real_cell(sum / (parts[i].last - parts[i].first + 1)),
                                        .source = parts[i].source},
                    name);
    }
    int status = vit_correlation_spearman(depth, kept, BLOCKS, &by_depth);
    snprintf(name, sizeof name, "%s_by_depth_rank", kind);
    add_derived(r, unit,
                (struct vit_result){.value = isnan(by_depth) ? vit_absent() : vit_real_cell(by_depth),
                                    .reason = isnan(by_depth) ? "all blocks keep as much" : NULL,
                                    .source = "rank correlation of block and share left"},
                name);
    return status;
}

/* MODEL.NETWORK_change_points of top-1, against the whole network. */
static void derive_change(struct vit_reproduction *r, const struct vit_unit *unit, const char *network)
{
    char name[64];
    snprintf(name, sizeof name, "%s.top1_pct", network);
    const struct vit_result *to = vit_unit_result(r, unit, name), *from = vit_unit_result(r, unit, "whole.top1_pct");
    if (!to || !from || !to->value.present || !from->value.present)
        return;
    snprintf(name, sizeof name, "%s_change_points", network);
    add_derived(r, unit,
                (struct vit_result){.value = vit_real_cell(to->value.r - from->value.r),
                                    .source = "top-1, less that of the whole network; one run"},
                name);
}

static int derive(struct vit_reproduction *r)
{
    static const char *const names[] = {"whole.top1_pct",       "pruned.top1_pct", "finetuned.top1_pct",
                                        "reallocated.top1_pct", "speed_ratio",     "check.all.spearman"};
    int status = VIT_OK;
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++) {
        const struct vit_unit *unit = &r->unit[i];
        if (!vit_pruning_work_of(unit))
            continue;
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            name_result(r, unit, names[k]);
        derive_change(r, unit, "pruned");
        derive_change(r, unit, "finetuned");
        for (int kind = 0; kind <= VIT_GROUP_FFN && status == VIT_OK; kind++) {
            char untrained[32];
            const char *name = vit_group_kind_name((enum vit_group_kind)kind);
            snprintf(untrained, sizeof untrained, "untrained.%s", name);
            status = derive_kind(r, unit, name);
            if (status == VIT_OK)
                status = derive_kind(r, unit, untrained);
        }
    }
    return status;
}

static int finish(struct vit_reproduction *r)
{
    char subtitle[400];
    int status = derive(r);
    snprintf(subtitle, sizeof subtitle, "paper: Swin-T, ImageNet, 224 x 224; here (proxy): narrower, %.150s, %s epochs",
             r->n_unit ? r->unit[r->n_unit - 1].options.data : "", budgets[r->budget].epochs);
    return status == VIT_OK ? vit_pruning_figure(r, subtitle) : status;
}

const struct vit_reproduction_def vit_reproduction_fig5 = {
    .name = "fig5",
    .title = "Fig. 5: Taylor importance and structured pruning",
    .detail =
        "  Trains Swin-T (normal, full: and DeiT-T), narrow and on Fashion-MNIST (--data: other images), prunes query\n"
        "  and key, value and FFN channels of least gradient x weight to the share of MACs that the paper's widths\n"
        "  leave, fine-tunes, and sets the widths of each block beside the paper's. Beside that: magnitude and random\n"
        "  in place of scores, predicted against true change of the loss, a network with widths by the scores at the\n"
        "  cost of the whole one, and what the paper's own widths save of Swin-T here.\n"
        "  quick: 10000 images, 2 epochs; normal: all, 5 epochs; full: 30 epochs.\n",
    .plan = plan,
    .finish = finish,
};
