/* SPDX-License-Identifier: MIT */
#include "analysis/channel_importance.h"
#include "analysis/correlation.h"
#include "analysis/prune_paper.h"
#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct vit_column score_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"kind", VIT_TEXT, "", "qk, v, ffn, head or embed"},
    {"place", VIT_INT, "", "attention block, FFN or stage of the network, from 1"},
    {"module", VIT_TEXT, "", "attention module, or last layer of the FFN"},
    {"stage", VIT_INT, "", "stage, from 0"},
    {"head", VIT_INT, "", "head, from 0; empty: of none"},
    {"channel", VIT_INT, "", "channel in its head, FFN or embedding, from 0"},
    {"parameters", VIT_INT, "", "that go with it"},
    {"molchanov", VIT_REAL, "", "sum of (gradient x weight)^2, mean over batches as all scores"},
    {"squared_sum", VIT_REAL, "", "(sum of gradient x weight)^2"},
    {"absolute_sum", VIT_REAL, "", "|sum of gradient x weight|"},
    {"sum_absolute", VIT_REAL, "", "sum of |gradient x weight|"},
    {"magnitude", VIT_REAL, "", "Euclidean norm of the weights"},
    {"random", VIT_REAL, "", "drawn from the seed"},
    {"predicted_change", VIT_REAL, "",
     "of the loss without it, first order: minus gradient x weight of what cuts it off"},
    {"kept", VIT_INT, "", "1: the ranking by molchanov keeps it; empty: not ranked"},
};
static const struct vit_column block_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"source", VIT_TEXT, "", "here or paper"},
    {"kind", VIT_TEXT, "", "qk, v or ffn"},
    {"place", VIT_INT, "", "attention block or FFN of the network, from 1"},
    {"module", VIT_TEXT, "", "empty for the paper"},
    {"channels", VIT_INT, "", "of all heads together; empty for the paper"},
    {"kept", VIT_INT, "", "that the ranking keeps"},
    {"ratio_before", VIT_REAL, "", "channels / embedding width"},
    {"ratio_after", VIT_REAL, "", "kept / embedding width"},
    {"score_mean", VIT_REAL, "", "mean of the molchanov scores"},
};
static const struct vit_column check_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"kind", VIT_TEXT, "", "of the group"},
    {"place", VIT_INT, "", "from 1"},
    {"module", VIT_TEXT, "", "of the group"},
    {"head", VIT_INT, "", "empty: of none"},
    {"channel", VIT_INT, "", "of the group"},
    {"predicted_change", VIT_REAL, "", "of the loss, first order"},
    {"true_change", VIT_REAL, "", "of the loss when the group is masked, mean over images"},
    {"images", VIT_INT, "", "images"},
};
static const struct vit_column correlation_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"kind", VIT_TEXT, "", "of the groups, or all"},
    {"criterion", VIT_TEXT, "", "predicted_change against the true change, or a score against its size"},
    {"groups", VIT_INT, "", "masked"},
    {"pearson", VIT_REAL, "", "correlation; of scores empty: they are not in units of the loss"},
    {"spearman", VIT_REAL, "", "rank correlation"},
};

#define SCHEMA(name, columns)                                  \
    {                                                          \
        name, 1, sizeof(columns) / sizeof(columns)[0], columns \
    }
const struct vit_schema vit_channel_block_schema = SCHEMA("blocks", block_columns);
static const struct vit_schema scores = SCHEMA("scores", score_columns), check = SCHEMA("check", check_columns),
                               correlation = SCHEMA("correlation", correlation_columns);

static bool is_ranked(enum vit_group_kind kind)
{
    return kind == VIT_GROUP_QK || kind == VIT_GROUP_V || kind == VIT_GROUP_FFN;
}

static int put_scores(const struct vit_channel_importance *r, struct vit_sink *sink, const bool *kept)
{
    const struct vit_channel_groups *groups = r->importance->groups;
    int status = VIT_OK;
    for (int i = 0; i < groups->n && status == VIT_OK; i++) {
        const struct vit_channel_group *g = &groups->group[i];
        const double *score = r->importance->score + (int64_t)i * VIT_N_CRITERIA;
        const struct vit_cell row[] = {vit_text(r->model),
                                       vit_text(vit_group_kind_name(g->kind)),
                                       vit_int(g->place + 1),
                                       vit_text(*g->module ? g->module : NULL),
                                       vit_int(g->site.stage),
                                       g->head < 0 ? vit_absent() : vit_int(g->head),
                                       vit_int(g->channel),
                                       vit_int(vit_channel_group_elements(groups, i)),
                                       vit_defined(score[VIT_CRITERION_MOLCHANOV]),
                                       vit_defined(score[VIT_CRITERION_SQUARED_SUM]),
                                       vit_defined(score[VIT_CRITERION_ABSOLUTE_SUM]),
                                       vit_defined(score[VIT_CRITERION_SUM_ABSOLUTE]),
                                       vit_defined(score[VIT_CRITERION_MAGNITUDE]),
                                       vit_defined(score[VIT_CRITERION_RANDOM]),
                                       vit_defined(r->importance->predicted[i]),
                                       is_ranked(g->kind) ? vit_int(kept[i]) : vit_absent()};
        status = vit_sink_write(sink, row);
    }
    return status;
}

/* Groups of one kind in one place. */
struct summary {
    const char *module;
    int64_t channels, kept, width;
    double score;
};

static bool summarise(const struct vit_channel_importance *r, enum vit_group_kind kind, int place, const bool *kept,
                      struct summary *s)
{
    const struct vit_channel_groups *groups = r->importance->groups;
    *s = (struct summary){0};
    for (int i = 0; i < groups->n; i++) {
        const struct vit_channel_group *g = &groups->group[i];
        if (g->kind != kind || g->place != place)
            continue;
        s->module = g->module;
        s->width = g->width;
        s->channels++;
        s->kept += kept[i];
        s->score += vit_importance_score(r->importance, i, VIT_CRITERION_MOLCHANOV);
    }
    s->score /= s->channels ? (double)s->channels : 1;
    return s->channels > 0;
}

static int put_blocks(const struct vit_channel_importance *r, struct vit_sink *sink, const bool *kept)
{
    int status = VIT_OK;
    for (int kind = 0; kind <= VIT_GROUP_FFN; kind++) {
        struct summary s;
        for (int place = 0; status == VIT_OK && summarise(r, (enum vit_group_kind)kind, place, kept, &s); place++) {
            const struct vit_cell row[] = {vit_text(r->model),
                                           vit_text("here"),
                                           vit_text(vit_group_kind_name((enum vit_group_kind)kind)),
                                           vit_int(place + 1),
                                           vit_text(s.module),
                                           vit_int(s.channels),
                                           vit_int(s.kept),
                                           vit_real_cell((double)s.channels / (double)s.width),
                                           vit_real_cell((double)s.kept / (double)s.width),
                                           vit_real_cell(s.score)};
            status = vit_sink_write(sink, row);
        }
    }
    return status;
}

/* The paper's Fig. 5 is of Swin-T. */
static int put_paper(const struct vit_channel_importance *r, struct vit_sink *sink)
{
    struct vit_prune_paper_block paper[VIT_PRUNE_PAPER_BLOCKS];
    if (strcmp(r->family, "swin") != 0)
        return VIT_OK;
    int status = vit_prune_read_paper(paper);
    for (int kind = 0; kind <= VIT_GROUP_FFN; kind++)
        for (int i = 0; i < VIT_PRUNE_PAPER_BLOCKS && status == VIT_OK; i++) {
            const struct vit_cell row[10] = {[0] = vit_text(r->model),
                                             [1] = vit_text("paper"),
                                             [2] = vit_text(vit_group_kind_name((enum vit_group_kind)kind)),
                                             [3] = vit_int(i + 1),
                                             [7] = vit_defined(paper[i].before[kind]),
                                             [8] = vit_defined(paper[i].after[kind])};
            status = vit_sink_write(sink, row);
        }
    return status;
}

int vit_channel_importance_put_blocks(const struct vit_channel_importance *r, struct vit_sink *sink, const bool *kept)
{
    int status = put_blocks(r, sink, kept);
    return status == VIT_OK ? put_paper(r, sink) : status;
}

static int put_check(const struct vit_channel_importance *r, struct vit_sink *sink, const bool *kept)
{
    (void)kept;
    int status = VIT_OK;
    for (int i = 0; i < r->removal->n && status == VIT_OK; i++) {
        const int group = r->removal->group[i];
        const struct vit_channel_group *g = &r->importance->groups->group[group];
        const struct vit_cell row[] = {vit_text(r->model),
                                       vit_text(vit_group_kind_name(g->kind)),
                                       vit_int(g->place + 1),
                                       vit_text(*g->module ? g->module : NULL),
                                       g->head < 0 ? vit_absent() : vit_int(g->head),
                                       vit_int(g->channel),
                                       vit_real_cell(r->importance->predicted[group]),
                                       vit_real_cell(vit_group_removal_change(r->removal, i)),
                                       vit_int(r->removal->images)};
        status = vit_sink_write(sink, row);
    }
    return status;
}

int vit_channel_importance_correlate(const struct vit_channel_importance *r, int kind, int criterion,
                                     struct vit_channel_correlation *c)
{
    double *x = calloc(2 * (size_t)r->removal->n + 1, sizeof *x);
    *c = (struct vit_channel_correlation){NAN, NAN, 0};
    if (!x)
        return vit_fail(VIT_ENOMEM, "out of memory: correlations");
    double *y = x + r->removal->n;
    for (int i = 0; i < r->removal->n; i++) {
        const int group = r->removal->group[i];
        const double change = vit_group_removal_change(r->removal, i);
        if (kind < VIT_N_GROUP_KINDS && (int)r->importance->groups->group[group].kind != kind)
            continue;
        x[c->n] =
            criterion < 0 ? r->importance->predicted[group] : r->importance->score[group * VIT_N_CRITERIA + criterion];
        y[c->n++] = criterion < 0 ? change : fabs(change);
    }
    c->pearson = criterion < 0 ? vit_correlation_pearson(x, y, c->n) : (double)NAN;
    int status = vit_correlation_spearman(x, y, c->n, &c->spearman);
    free(x);
    return status;
}

const char *vit_channel_kind_text(int kind)
{
    return kind < VIT_N_GROUP_KINDS ? vit_group_kind_name((enum vit_group_kind)kind) : "all";
}

static int put_correlation(const struct vit_channel_importance *r, struct vit_sink *sink, const bool *kept)
{
    (void)kept;
    int status = VIT_OK;
    for (int kind = 0; kind <= VIT_N_GROUP_KINDS; kind++)
        for (int c = -1; c < VIT_N_CRITERIA && status == VIT_OK; c++) {
            struct vit_channel_correlation found;
            status = vit_channel_importance_correlate(r, kind, c, &found);
            const struct vit_cell row[] = {
                vit_text(r->model),
                vit_text(vit_channel_kind_text(kind)),
                vit_text(c < 0 ? "predicted_change" : vit_criterion_name((enum vit_criterion)c)),
                vit_int(found.n),
                vit_defined(found.pearson),
                vit_defined(found.spearman)};
            if (status == VIT_OK && found.n > 1)
                status = vit_sink_write(sink, row);
        }
    return status;
}

int vit_channel_importance_write(const struct vit_channel_importance *result)
{
    static const struct {
        const struct vit_schema *schema;
        int (*put)(const struct vit_channel_importance *, struct vit_sink *, const bool *);
    } files[] = {{&scores, put_scores},
                 {&vit_channel_block_schema, vit_channel_importance_put_blocks},
                 {&check, put_check},
                 {&correlation, put_correlation}};
    bool *kept = calloc((size_t)result->importance->groups->n, sizeof *kept);
    int status = kept ? vit_channel_ranking_keep(result->importance, VIT_CRITERION_MOLCHANOV, VIT_REMOVED_SHARE, kept)
                      : vit_fail(VIT_ENOMEM, "out of memory: a ranking");
    for (size_t i = 0; i < sizeof files / sizeof files[0] && status == VIT_OK; i++) {
        char path[4200];
        struct vit_sink sink;
        snprintf(path, sizeof path, "%s/%s.csv", result->folder, files[i].schema->name);
        status = vit_sink_open_csv(&sink, files[i].schema, path);
        if (status == VIT_OK)
            status = vit_sink_finish(&sink, files[i].put(result, &sink, kept));
    }
    free(kept);
    return status;
}
