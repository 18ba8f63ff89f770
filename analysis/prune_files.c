/* SPDX-License-Identifier: MIT */
/* prune_files.c - rounds.csv, widths.csv, result.csv, run.json of a pruning, and what is printed. */
#include "analysis/output.h"
#include "analysis/prune.h"
#include "analysis/run_info.h"
#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>

static const struct vit_column round_columns[] = {
    {"round", VIT_INT, "", "round; 0: the whole network"},
    {"params", VIT_INT, "", "parameters of the eager graph"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates of one image"},
    {"params_share", VIT_REAL, "", "of the whole network's"},
    {"macs_share", VIT_REAL, "", "of the whole network's"},
    {"time_share", VIT_REAL, "", "median over pairs of forwards; where latency is the budget"},
    {"removed_groups", VIT_INT, "", "groups of channels that this round took away"},
    {"loss", VIT_REAL, "", "cross entropy on the images of --val, nothing learned since"},
    {"top1_pct", VIT_REAL, "%", "share of them whose label is the likeliest class"},
};
const struct vit_schema vit_prune_round_schema = {"rounds", 1, sizeof round_columns / sizeof round_columns[0],
                                                  round_columns};

int vit_prune_log_round(struct vit_prune *p, int removed_groups)
{
    const struct vit_cell row[] = {vit_int(p->round),
                                   vit_int(p->size.params),
                                   vit_int(p->size.macs),
                                   vit_real_cell((double)p->size.params / (double)p->whole_size.params),
                                   vit_real_cell((double)p->size.macs / (double)p->whole_size.macs),
                                   vit_defined(p->time_share),
                                   vit_int(removed_groups),
                                   vit_defined(p->quality.loss),
                                   vit_defined(p->quality.top1_pct)};
    int status = vit_csv_log_write(&p->rows, row);
    return status == VIT_OK ? vit_csv_log_sync(&p->rows) : status;
}

static const struct vit_column width_columns[] = {
    {"block", VIT_INT, "", "block of the network, from 1"},
    {"stage", VIT_INT, "", "its stage, from 1"},
    {"embed_before", VIT_INT, "", "width of the embedding"},
    {"embed_after", VIT_INT, "", "the same of the pruned network"},
    {"heads_before", VIT_INT, "", "attention heads"},
    {"heads_after", VIT_INT, "", "the same of the pruned network"},
    {"qk_before", VIT_INT, "", "query channels of all heads; as many of the key"},
    {"qk_after", VIT_INT, "", "the same of the pruned network"},
    {"v_before", VIT_INT, "", "value channels of all heads"},
    {"v_after", VIT_INT, "", "the same of the pruned network"},
    {"ffn_before", VIT_REAL, "", "hidden channels, mean over the FFNs of the block"},
    {"ffn_after", VIT_REAL, "", "the same of the pruned network"},
    {"qk_ratio_before", VIT_REAL, "", "qk / width of the embedding before"},
    {"qk_ratio_after", VIT_REAL, "", "the same of the pruned network, by the same width"},
    {"v_ratio_before", VIT_REAL, "", "v / width of the embedding before"},
    {"v_ratio_after", VIT_REAL, "", "the same of the pruned network, by the same width"},
    {"ffn_ratio_before", VIT_REAL, "", "ffn / width of the embedding before"},
    {"ffn_ratio_after", VIT_REAL, "", "the same of the pruned network, by the same width"},
};
static const struct vit_schema width_schema = {"widths", 1, sizeof width_columns / sizeof width_columns[0],
                                               width_columns};

static struct vit_cell count(int64_t channels)
{
    return channels ? vit_int(channels) : vit_absent();
}

static struct vit_cell ratio(double channels, int64_t width)
{
    return channels > 0 ? vit_real_cell(channels / (double)width) : vit_absent();
}

static int put_widths(const struct vit_prune *p, struct vit_sink *sink)
{
    int status = VIT_OK;
    for (int i = 0; i < vit_prune_blocks(&p->whole.model.config) && status == VIT_OK; i++) {
        const struct vit_prune_widths a = vit_prune_block_widths(&p->whole.model.config, i);
        const struct vit_prune_widths b = vit_prune_block_widths(&p->now.model.config, i);
        const struct vit_cell row[] = {vit_int(i + 1),
                                       vit_int(a.stage + 1),
                                       vit_int(a.embed),
                                       vit_int(b.embed),
                                       count(a.heads),
                                       count(b.heads),
                                       count(a.qk),
                                       count(b.qk),
                                       count(a.v),
                                       count(b.v),
                                       a.ffn > 0 ? vit_real_cell(a.ffn) : vit_absent(),
                                       b.ffn > 0 ? vit_real_cell(b.ffn) : vit_absent(),
                                       ratio((double)a.qk, a.embed),
                                       ratio((double)b.qk, a.embed),
                                       ratio((double)a.v, a.embed),
                                       ratio((double)b.v, a.embed),
                                       ratio(a.ffn, a.embed),
                                       ratio(b.ffn, a.embed)};
        status = vit_sink_write(sink, row);
    }
    return status;
}

static const struct vit_column result_columns[] = {
    {"network", VIT_TEXT, "", "whole, pruned, or finetuned: the pruned one after it learned on"},
    {"params", VIT_INT, "", "parameters of the eager graph"},
    {"params_pct", VIT_REAL, "%", "of the whole network's"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates of one image"},
    {"macs_pct", VIT_REAL, "%", "of the whole network's"},
    {"speedup", VIT_REAL, "", "time of the whole network / time, median over pairs of forwards of the folded graphs"},
    {"speedup_low", VIT_REAL, "", "its first quartile"},
    {"speedup_high", VIT_REAL, "", "its third quartile"},
    {"loss", VIT_REAL, "", "cross entropy on the images of --val"},
    {"top1_pct", VIT_REAL, "%", "share of them whose label is the likeliest class"},
    {"file", VIT_TEXT, "", "weights"},
};
static const struct vit_schema result_schema = {"result", 1, sizeof result_columns / sizeof result_columns[0],
                                                result_columns};

struct result {
    const char *network, *file;
    const struct vit_prune_size *size;
    const struct vit_prune_quality *quality;
    const struct vit_summary *speedup; /* NULL: of itself */
};

static int put_result(const struct vit_prune *p, struct vit_sink *sink, const struct result *r)
{
    const struct vit_cell row[] = {
        vit_text(r->network),
        vit_int(r->size->params),
        vit_real_cell(100 * (double)r->size->params / (double)p->whole_size.params),
        vit_int(r->size->macs),
        vit_real_cell(100 * (double)r->size->macs / (double)p->whole_size.macs),
        vit_real_cell(r->speedup ? r->speedup->median : 1),
        r->speedup ? vit_real_cell(r->speedup->low) : vit_absent(),
        r->speedup ? vit_real_cell(r->speedup->high) : vit_absent(),
        vit_defined(r->quality->loss),
        vit_defined(r->quality->top1_pct),
        vit_text(r->file),
    };
    return vit_sink_write(sink, row);
}

static int put_results(const struct vit_prune *p, struct vit_sink *sink)
{
    char tuned[4200];
    snprintf(tuned, sizeof tuned, "%s/finetune/final.safetensors", p->folder);
    int status = put_result(p, sink, &(struct result){"whole", p->weights, &p->whole_size, &p->whole_quality, NULL});
    if (status == VIT_OK)
        status = put_result(p, sink, &(struct result){"pruned", p->pruned, &p->size, &p->quality, &p->speedup});
    if (status == VIT_OK && p->options->finetune_epochs)
        status = put_result(p, sink, &(struct result){"finetuned", tuned, &p->size, &p->tuned_quality, &p->speedup});
    return status;
}

static int write_csv(const struct vit_prune *p, const struct vit_schema *schema,
                     int (*put)(const struct vit_prune *, struct vit_sink *))
{
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/%s.csv", p->folder, schema->name);
    int status = vit_sink_open_csv(&sink, schema, path);
    if (status != VIT_OK)
        return status;
    status = put(p, &sink);
    return vit_sink_finish(&sink, status);
}

static int write_info(const struct vit_prune *p)
{
    static struct vit_machine machine;
    struct vit_json json;
    char path[4200];
    char *config = vit_config_text(&p->now.model.config, p->now.model.family->name);
    int status = config ? vit_machine_read(&machine) : VIT_ENOMEM;
    vit_json_open(&json);
    if (status == VIT_OK) {
        vit_run_info_describe(&json, "prune", p->options, &machine);
        vit_json_string(&json, "model", p->whole.model.name);
        vit_json_string(&json, "settings", p->text);
        vit_json_string(&json, "criterion", vit_criterion_name(p->plan.criterion));
        vit_json_integer(&json, "rounds", p->round);
        vit_json_string(&json, "pruned_config", config);
        vit_json_integer(&json, "timed_pairs", p->speedup.n);
        snprintf(path, sizeof path, "%s/run.json", p->folder);
        status = vit_json_write(&json, path);
    }
    vit_json_close(&json);
    free(config);
    return status;
}

int vit_prune_write(const struct vit_prune *p)
{
    int status = write_csv(p, &width_schema, put_widths);
    if (status == VIT_OK)
        status = write_csv(p, &result_schema, put_results);
    return status == VIT_OK ? write_info(p) : status;
}

static const struct vit_column shown_columns[] = {
    {"network", VIT_TEXT, "", "whole, pruned, or finetuned"},
    {"params", VIT_INT, "", "parameters"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates of one image"},
    {"params_pct", VIT_REAL, "%", "of the whole network's"},
    {"macs_pct", VIT_REAL, "%", "of the whole network's"},
    {"speedup", VIT_REAL, "", "measured in pairs"},
    {"loss", VIT_REAL, "", "cross entropy on the images of --val"},
    {"top1_pct", VIT_REAL, "%", "share of them whose label is the likeliest class"},
};
static const struct vit_schema shown_schema = {"result", 1, sizeof shown_columns / sizeof shown_columns[0],
                                               shown_columns};

static int show(const struct vit_prune *p, struct vit_sink *sink, const struct result *r)
{
    const struct vit_cell row[] = {vit_text(r->network),
                                   vit_int(r->size->params),
                                   vit_int(r->size->macs),
                                   vit_real_cell(100 * (double)r->size->params / (double)p->whole_size.params),
                                   vit_real_cell(100 * (double)r->size->macs / (double)p->whole_size.macs),
                                   vit_real_cell(r->speedup ? r->speedup->median : 1),
                                   vit_defined(r->quality->loss),
                                   vit_defined(r->quality->top1_pct)};
    return vit_sink_write(sink, row);
}

static int show_all(const struct vit_prune *p, struct vit_sink *sink)
{
    int status = show(p, sink, &(struct result){"whole", NULL, &p->whole_size, &p->whole_quality, NULL});
    if (status == VIT_OK)
        status = show(p, sink, &(struct result){"pruned", NULL, &p->size, &p->quality, &p->speedup});
    if (status == VIT_OK && p->options->finetune_epochs)
        status = show(p, sink, &(struct result){"finetuned", NULL, &p->size, &p->tuned_quality, &p->speedup});
    return status;
}

int vit_prune_print(const struct vit_prune *p, const struct vit_options *options)
{
    struct vit_sink sink;
    const bool table = vit_output_is_table(options);
    if (table)
        printf("%s, %s in %d round%s of %d batches by %s; accuracy on %s; speed-up over %d pairs, batch %d, %d "
               "thread%s: quartiles %.3f, %.3f\n",
               p->whole.model.name, options->to, p->round, p->round == 1 ? "" : "s", p->plan.batches,
               vit_criterion_name(p->plan.criterion), p->options->val, p->speedup.n,
               options->batch ? options->batch : 1, options->threads, options->threads == 1 ? "" : "s", p->speedup.low,
               p->speedup.high);
    int status = vit_output_open(&sink, options, table ? &shown_schema : &result_schema, NULL);
    if (status != VIT_OK)
        return status;
    status = table ? show_all(p, &sink) : put_results(p, &sink);
    status = vit_sink_finish(&sink, status);
    if (status == VIT_OK && table)
        printf("written to %s: pruned.safetensors, rounds.csv, widths.csv, result.csv, run.json\n", p->folder);
    return status;
}
