/* SPDX-License-Identifier: MIT */
#include "analysis/pruning_unit.h"

#include "analysis/channel_importance.h"
#include "analysis/channel_measure.h"
#include "analysis/proxy_training.h"
#include "analysis/prune.h"
#include "analysis/prune_paper.h"
#include "analysis/run_info.h"
#include "model/base/status.h"
#include "model/train/initialize.h"
#include "reports/csv_read.h"

#include <math.h>
#include <stdlib.h>

const enum vit_criterion vit_pruning_criteria[VIT_PRUNING_CRITERIA] = {VIT_CRITERION_MOLCHANOV, VIT_CRITERION_MAGNITUDE,
                                                                       VIT_CRITERION_RANDOM};

/* A unit while it is measured. */
struct work {
    const struct vit_unit *unit;
    const struct vit_pruning_work *of;
    char folder[4200], weights[4300], untrained[4300]; /* weights, untrained: of the whole network */
    double share;                                      /* of MACs that are to be left */
    struct vit_results *results;
    const char *proxy; /* NULL: ImageNet */
};

static int find_share(struct work *w)
{
    static struct vit_model_choice paper; /* large */
    struct vit_prune_size whole, left;
    int status = vit_prune_paper_network(&paper);
    if (status == VIT_OK)
        status = vit_prune_measure_size(vit_model_find("swin_tiny"), &whole);
    if (status == VIT_OK)
        status = vit_prune_measure_size(&paper.model, &left);
    if (status != VIT_OK)
        return status;
    w->share = round(1000 * (double)left.macs / (double)whole.macs) / 1000;
    vit_results_value(w->results, 100 * w->share, "MACs of Swin-T with the widths of the figure / of Swin-T",
                      "budget_macs_pct");
    return w->results->status;
}

/* From random weights; top1_pct of its last epoch under the name given. */
static int train(struct work *w, const char *name, const char *set)
{
    struct vit_options options = w->unit->options;
    struct vit_results learned = {0};
    char folder[4300];
    snprintf(folder, sizeof folder, "%s/%s", w->folder, name);
    int status = vit_options_default(&options, "lr", "1e-3"); /* not of the fine-tuning */
    if (status == VIT_OK)
        status = vit_proxy_training_run(
            &(struct vit_proxy_training){
                .options = &options, .model = w->of->model, .set = set, .img = w->of->img, .folder = folder},
            &learned);
    const struct vit_result *top1 = status == VIT_OK ? vit_results_find(&learned, "top1_pct") : NULL;
    if (top1) {
        struct vit_result named = *top1;
        named.name = vit_results_text(w->results, "%s.top1_pct", name);
        vit_results_add(w->results, named);
        w->proxy = named.proxy ? vit_results_text(w->results, "%s", named.proxy) : NULL;
    }
    vit_results_close(&learned);
    return status == VIT_OK ? w->results->status : status;
}

static int record_check(struct work *w, const struct vit_channel_importance *r)
{
    int status = VIT_OK;
    for (int kind = 0; kind <= VIT_N_GROUP_KINDS && status == VIT_OK; kind++) {
        struct vit_channel_correlation found;
        status = vit_channel_importance_correlate(r, kind, -1, &found);
        if (status != VIT_OK || found.n < 2)
            continue;
        const char *name = vit_channel_kind_text(kind);
        const double value[] = {found.pearson, found.spearman};
        for (int i = 0; i < 2; i++)
            vit_results_add(w->results,
                            (struct vit_result){
                                .name = vit_results_text(w->results, "check.%s.%s", name, i ? "spearman" : "pearson"),
                                .value = isnan(value[i]) ? vit_absent() : vit_real_cell(value[i]),
                                .reason = isnan(value[i]) ? "one of them does not vary" : NULL,
                                .source = vit_results_text(w->results,
                                                           "predicted and true change of the loss, %d "
                                                           "groups masked one at a time, %d images",
                                                           found.n, (int)r->removal->images),
                                .proxy = w->proxy});
    }
    return status == VIT_OK ? w->results->status : status;
}

/* Whether the loss changes as scores foretell when a group goes. */
static int check_scores(struct work *w)
{
    static struct vit_channel_measurement m; /* its parts point at each other */
    char folder[4300];
    struct vit_options options = w->unit->options;
    options.weights = w->weights;
    options.set = NULL; /* the weights tell it */
    options.img = 0;
    options.images = w->of->checked;
    options.batch = 32;
    snprintf(folder, sizeof folder, "%s/importance", w->folder);
    int status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = vit_channel_measure(&m, &options, NULL);
    if (status != VIT_OK)
        return status;
    const struct vit_channel_importance r = {.model = m.chosen.model->name,
                                             .family = m.chosen.model->family->name,
                                             .folder = folder,
                                             .importance = &m.importance,
                                             .removal = &m.removal};
    status = vit_channel_importance_write(&r);
    if (status == VIT_OK)
        status = record_check(w, &r);
    vit_channel_measurement_close(&m);
    return status;
}

/* Rows of rounds.csv. */
static int record_rounds(struct work *w, const struct vit_prune *p)
{
    const char *criterion = vit_criterion_name(p->plan.criterion);
    struct vit_csv *csv;
    int share, top1, status = vit_csv_open(&csv, p->rows_path);
    if (status != VIT_OK)
        return status;
    status = vit_csv_find(csv, "macs_share", &share);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "top1_pct", &top1);
    for (int row = 0; row < (int)vit_csv_rows(csv) && status == VIT_OK; row++) {
        struct vit_cell macs, quality;
        status = vit_csv_real(csv, row, share, &macs);
        if (status == VIT_OK)
            status = vit_csv_real(csv, row, top1, &quality);
        if (status != VIT_OK)
            break;
        vit_results_value(w->results, 100 * macs.r, "counted", "%s.round%d.macs_pct", criterion, row);
        vit_results_add(w->results,
                        (struct vit_result){.name = vit_results_text(w->results, "%s.round%d.top1_pct", criterion, row),
                                            .value = quality,
                                            .reason = quality.present ? NULL : "no images to test on: --val",
                                            .source = "images of --val, nothing learned since",
                                            .proxy = w->proxy});
    }
    vit_csv_close(csv);
    return status == VIT_OK ? w->results->status : status;
}

static void record_size(struct work *w, const char *network, const struct vit_prune_size *size)
{
    vit_results_value(w->results, (double)size->params, "counted, eager graph", "%s.params", network);
    vit_results_value(w->results, (double)size->macs, "counted, one image", "%s.macs", network);
}

/* prefix: "" of the network that has learned, "untrained." */
static void record_widths(struct work *w, const struct vit_prune *p, const char *prefix)
{
    static const char source[] = "channels / width of the embedding";
    for (int b = 0; b < vit_prune_blocks(&p->whole.model.config); b++) {
        const struct vit_prune_widths was = vit_prune_block_widths(&p->whole.model.config, b),
                                      now = vit_prune_block_widths(&p->now.model.config, b);
        const double before[] = {(double)was.qk, (double)was.v, was.ffn},
                     after[] = {(double)now.qk, (double)now.v, now.ffn};
        for (int kind = 0; kind <= VIT_GROUP_FFN; kind++) {
            const char *name = vit_group_kind_name((enum vit_group_kind)kind);
            vit_results_value(w->results, before[kind] / (double)was.embed, source, "%s%s.block%d.before_ratio", prefix,
                              name, b + 1);
            vit_results_value(w->results, after[kind] / (double)was.embed, source, "%s%s.block%d.after_ratio", prefix,
                              name, b + 1);
        }
    }
}

static int record_quality(struct work *w, const char *network, const struct vit_prune_quality *quality)
{
    const bool tested = !isnan(quality->top1_pct);
    struct vit_result top1 = {.name = vit_results_text(w->results, "%s.top1_pct", network),
                              .value = tested ? vit_real_cell(quality->top1_pct) : vit_absent(),
                              .reason = tested ? NULL : "no images to test on: --val",
                              .source = "95 % over images of --val",
                              .proxy = w->proxy};
    int status = vit_proxy_top1_interval(&top1, w->unit->options.val);
    vit_results_add(w->results, top1);
    return status;
}

/* Of the paper's criterion: the network of the figure. */
static int record_pruned(struct work *w, const struct vit_prune *p)
{
    int status = record_quality(w, "pruned", &p->quality);
    if (status == VIT_OK)
        status = record_quality(w, "finetuned", &p->tuned_quality);
    record_size(w, "whole", &p->whole_size);
    record_size(w, "pruned", &p->size);
    record_widths(w, p, "");
    vit_results_add(w->results,
                    (struct vit_result){
                        .name = "speed_ratio",
                        .value = vit_real_cell(p->speedup.median),
                        .low = vit_real_cell(p->speedup.low),
                        .high = vit_real_cell(p->speedup.high),
                        .source = vit_results_text(w->results,
                                                   "time of the whole / of the pruned, median of %d pairs, quartiles; "
                                                   "folded, batch %d, %d thread%s",
                                                   p->speedup.n, p->options->batch, p->options->threads,
                                                   p->options->threads > 1 ? "s" : "")});
    return status;
}

static int reallocate(struct work *w, const struct vit_prune *p)
{
    static struct vit_model_choice grown; /* large */
    struct vit_prune_size size;
    int status = vit_prune_reallocate(&grown, &p->whole.model, &p->now.model, p->plan.resource);
    if (status == VIT_OK)
        status = vit_prune_measure_size(&grown.model, &size);
    if (status != VIT_OK)
        return status;
    char *set = vit_config_text(&grown.model.config, grown.model.family->name);
    if (!set)
        return vit_fail(VIT_ENOMEM, "out of memory: settings of a network");
    record_size(w, "reallocated", &size);
    status = train(w, "reallocated", set);
    free(set);
    return status;
}

/* The same network as training begins. */
static int save_untrained(const struct work *w, const struct vit_model_def *model)
{
    static struct vit_instance net; /* large */
    int status = vit_instance_open_model(&net, model,
                                         &(struct vit_instance_options){.threads = 1, .seed = w->unit->options.seed});
    if (status != VIT_OK)
        return status;
    status = vit_weights_initialize(&net.graph, model->family, w->unit->options.seed);
    if (status == VIT_OK)
        status = vit_weights_save(&net.graph, w->untrained, NULL);
    vit_instance_close(&net);
    return status;
}

/* One pruning of the unit. */
struct pruning {
    const char *name;    /* of its folder and results */
    const char *weights; /* of the network that is pruned */
    const char *val;     /* NULL: as the unit has it */
    enum vit_criterion criterion;
    int finetune_epochs;
    int (*record)(struct work *, const struct vit_prune *);
};

static int prune(struct work *w, const struct pruning *pruning)
{
    static struct vit_prune p; /* its parts point at each other */
    char folder[4300], to[32];
    struct vit_options options = w->unit->options;
    snprintf(folder, sizeof folder, "%s/%s", w->folder, pruning->name);
    snprintf(to, sizeof to, "macs=%.3f", w->share);
    options.weights = pruning->weights;
    options.set = NULL;
    options.n_argument = 0;
    options.to = to;
    options.val = pruning->val ? pruning->val : options.val;
    options.criterion = vit_criterion_name(pruning->criterion);
    options.rounds = w->of->rounds;
    options.batches = w->of->batches;
    options.finetune_epochs = pruning->finetune_epochs;
    options.quiet = true;
    int status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = vit_prune_run(&p, &options, folder);
    if (status != VIT_OK)
        return status;
    status = pruning->record(w, &p);
    vit_prune_close(&p);
    return status == VIT_OK ? w->results->status : status;
}

static int record_first(struct work *w, const struct vit_prune *p)
{
    int status = record_rounds(w, p);
    if (status == VIT_OK)
        status = record_pruned(w, p);
    if (status == VIT_OK)
        status = save_untrained(w, &p->whole.model);
    return status == VIT_OK ? reallocate(w, p) : status;
}

static int record_untrained(struct work *w, const struct vit_prune *p)
{
    record_widths(w, p, "untrained.");
    return VIT_OK;
}

/* By each criterion; then what scores leave of a network that has learned nothing. */
static int prune_all(struct work *w)
{
    int status = VIT_OK;
    for (int i = 0; i < VIT_PRUNING_CRITERIA && status == VIT_OK; i++)
        status = prune(w, &(struct pruning){.name = vit_criterion_name(vit_pruning_criteria[i]),
                                            .weights = w->weights,
                                            .criterion = vit_pruning_criteria[i],
                                            .finetune_epochs = i ? 0 : w->of->finetune_epochs,
                                            .record = i ? record_rounds : record_first});
    return status == VIT_OK ? prune(w, &(struct pruning){.name = "untrained",
                                                         .weights = w->untrained,
                                                         .val = "none",
                                                         .criterion = vit_pruning_criteria[0],
                                                         .record = record_untrained})
                            : status;
}

const struct vit_pruning_work *vit_pruning_work_of(const struct vit_unit *unit)
{
    return unit->measure == vit_pruning_measure ? unit->context : NULL;
}

int vit_pruning_measure(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    static struct work w; /* large */
    w = (struct work){.unit = unit, .of = unit->context, .results = results};
    int status = vit_unit_folder(w.folder, sizeof w.folder, r, unit);
    if (status == VIT_OK)
        status = find_share(&w);
    if (status == VIT_OK)
        status = train(&w, "whole", w.of->set);
    snprintf(w.weights, sizeof w.weights, "%s/whole/final.safetensors", w.folder);
    snprintf(w.untrained, sizeof w.untrained, "%s/untrained.safetensors", w.folder);
    if (status == VIT_OK)
        status = check_scores(&w);
    return status == VIT_OK ? prune_all(&w) : status;
}
