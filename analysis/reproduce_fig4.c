/* SPDX-License-Identifier: MIT */
/* reproduce_fig4.c - Fig. 4: similarity of heads by block, of networks whose heads see all channels and of networks
 * whose heads see a slice each (trained anew). The paper's networks are Swin-T and DeiT-T made 1.25 times as fast by
 * narrower layers and trained on ImageNet; here both have all twelve blocks and the paper's heads, are narrower still,
 * and learn small images. Whether the paper compares maps or outputs is not known: both are measured. */
#include "analysis/redundancy_measure.h"
#include "analysis/proxy_training.h"
#include "analysis/reproduction.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <math.h>
#include <string.h>

/* A network of the figure: what the paper calls it, and the proxy. */
struct network {
    const char *model, *heads, *paper_heads;
    int img;
    const char *set, *folder; /* folder: vit_unit.folder; Fig. 5 prunes what learns there, but not at quick */
};

static const struct network networks[] = {
    {"swin_tiny", "full", "MHSA full feature", VIT_PROXY_SWIN_IMG, VIT_PROXY_SWIN_SET, VIT_PROXY_SWIN_FOLDER},
    {"swin_tiny", "split", "head splits", VIT_PROXY_SWIN_IMG, VIT_PROXY_SWIN_SET " head_split=on", NULL},
    {"deit_tiny", "full", "MHSA full feature", VIT_PROXY_DEIT_IMG, VIT_PROXY_DEIT_SET, VIT_PROXY_DEIT_FOLDER},
    {"deit_tiny", "split", "head splits", VIT_PROXY_DEIT_IMG, VIT_PROXY_DEIT_SET " head_split=on", NULL},
};
enum { N_NETWORKS = sizeof networks / sizeof networks[0], BLOCKS = 12 };

static const struct {
    const char *data, *epochs;
    int images;
    double seconds; /* of a training, rough */
} budgets[VIT_N_BUDGETS] = {{"fashion-mnist:train@first=10000", "2", 128, 120},
                            {"fashion-mnist:train", "5", 256, 1500},
                            {"fashion-mnist:train", "30", 1000, 9000}};

static const enum vit_head_object objects[] = {VIT_HEAD_MAP, VIT_HEAD_OUTPUT};
enum { N_OBJECTS = sizeof objects / sizeof objects[0] };

/* Of the network that was trained, on the images that it is tested on. */
static struct vit_options measuring(const struct vit_reproduction *r, const struct vit_unit *unit, const char *weights)
{
    struct vit_options options = unit->options;
    options.weights = weights;
    options.set = NULL; /* the weights tell it */
    options.img = 0;
    options.data = options.val ? options.val : options.data;
    options.crop = 1;
    options.images = budgets[r->budget].images;
    return options;
}

/* Where results of one network go. */
struct recording {
    struct vit_results *results;
    const struct vit_redundancy *redundancy;
    const char *proxy; /* NULL: ImageNet */
};

static int record_block(const struct recording *to, struct vit_head_question q, double *mean)
{
    struct vit_results *results = to->results;
    const struct vit_redundancy *r = to->redundancy;
    const char *object = vit_head_object_name(q.object);
    const int n = r->bootstrap.resamples;
    struct vit_head_answer answer;
    int status = vit_head_similarity_answer(&r->here, q, &r->bootstrap, &answer);
    if (status != VIT_OK)
        return status;
    double *replicate = answer.replicate + (int)VIT_HEAD_MEAN_MAX * n;
    for (int i = 0; i < n; i++)
        mean[i] += replicate[i] / r->here.n_block;
    const struct vit_interval bounds = vit_bootstrap_interval(replicate, n);
    vit_results_add(
        results, (struct vit_result){.name = vit_results_text(results, "%s.block%d.mean_max_pct", object, q.block + 1),
                                     .value = vit_real_cell(100 * answer.value[VIT_HEAD_MEAN_MAX]),
                                     .low = vit_real_cell(100 * bounds.low),
                                     .high = vit_real_cell(100 * bounds.high),
                                     .source = vit_results_text(results, "cosine over %d images, 95 %% by bootstrap",
                                                                (int)r->here.images),
                                     .proxy = to->proxy});
    vit_results_add(results,
                    (struct vit_result){.name = vit_results_text(results, "%s.block%d.mean_pct", object, q.block + 1),
                                        .value = vit_real_cell(100 * answer.value[VIT_HEAD_MEAN]),
                                        .source = "mean over pairs of heads",
                                        .proxy = to->proxy});
    vit_head_answer_close(&answer);
    return results->status;
}

/* Of all blocks together, with the interval of their mean. */
static int record_object(const struct recording *to, enum vit_head_object object)
{
    double mean[VIT_REDUNDANCY_RESAMPLES] = {0}, sum = 0;
    const char *name = vit_head_object_name(object);
    const int blocks = to->redundancy->here.n_block;
    struct vit_head_question q = {0, object, VIT_HEAD_COSINE_WHOLE};
    int status = VIT_OK;
    for (q.block = 0; q.block < blocks && status == VIT_OK; q.block++) {
        status = record_block(to, q, mean);
        sum += vit_results_real(to->results, "%s.block%d.mean_max_pct", name, q.block + 1);
    }
    const struct vit_interval bounds = vit_bootstrap_interval(mean, to->redundancy->bootstrap.resamples);
    vit_results_add(to->results,
                    (struct vit_result){.name = vit_results_text(to->results, "%s.mean_max_pct", name),
                                        .value = vit_real_cell(sum / blocks),
                                        .low = vit_real_cell(100 * bounds.low),
                                        .high = vit_real_cell(100 * bounds.high),
                                        .source = "mean over blocks, one training; 95 % over images by bootstrap",
                                        .proxy = to->proxy});
    return status == VIT_OK ? to->results->status : status;
}

static int record(const struct recording *to)
{
    struct vit_head_effect whole;
    const struct vit_redundancy *r = to->redundancy;
    int status = vit_head_removal_effect(&r->removal, -1, &r->bootstrap, &whole);
    for (int i = 0; i < N_OBJECTS && status == VIT_OK; i++)
        status = record_object(to, objects[i]);
    if (status == VIT_OK && !isnan(whole.accuracy))
        vit_results_add(to->results, (struct vit_result){.name = "top1_pct",
                                                         .value = vit_real_cell(100 * whole.accuracy),
                                                         .source = "of the images that heads are compared on",
                                                         .proxy = to->proxy});
    return status == VIT_OK ? to->results->status : status;
}

/* The training keeps its checkpoints in the unit's folder and goes on after a kill. */
static int measure(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    static struct vit_redundancy_measurement m; /* large */
    const struct network *network = unit->context;
    char folder[4200], whole[4300], weights[4400];
    int status = vit_unit_folder(folder, sizeof folder, r, unit);
    snprintf(whole, sizeof whole, "%s/whole", folder);
    if (status == VIT_OK)
        status = vit_proxy_training_learn(&(struct vit_proxy_training){.options = &unit->options,
                                                                       .model = network->model,
                                                                       .set = network->set,
                                                                       .img = network->img,
                                                                       .folder = whole});
    if (status != VIT_OK)
        return status;
    snprintf(weights, sizeof weights, "%s/final.safetensors", whole);
    const struct vit_options options = measuring(r, unit, weights);
    status = vit_redundancy_measure(&m, &options, NULL, 1);
    if (status != VIT_OK)
        return status;
    const bool imagenet = strncmp(unit->options.data, "imagenet", strlen("imagenet")) == 0;
    status = record(&(struct recording){results, &m.result, imagenet ? NULL : unit->options.data});
    vit_redundancy_measurement_close(&m);
    return status;
}

static int plan_network(struct vit_reproduction *r, const struct network *network)
{
    struct vit_unit unit = vit_unit_of(r, "heads.%s.%s", network->model, network->heads);
    unit.measure = measure;
    unit.context = network;
    unit.folder = r->budget == VIT_BUDGET_QUICK ? NULL : network->folder;
    unit.expected_s = budgets[r->budget].seconds;
    int status =
        vit_proxy_training_choose(&unit.options, &(struct vit_proxy_lesson){.data = budgets[r->budget].data,
                                                                            .val = "fashion-mnist:test",
                                                                            .epochs = budgets[r->budget].epochs,
                                                                            .batch = "64",
                                                                            .lr = "1e-3",
                                                                            .warmup_epochs = "0",
                                                                            .set = network->set,
                                                                            .img = network->img});
    return status == VIT_OK ? vit_reproduction_add(r, &unit) : status;
}

static int plan(struct vit_reproduction *r)
{
    int status = VIT_OK;
    for (int i = 0; i < N_NETWORKS && status == VIT_OK; i++)
        status = plan_network(r, &networks[i]);
    return status;
}

static const struct vit_unit *unit_of(const struct vit_reproduction *r, const struct network *network)
{
    for (int i = 0; i < r->n_unit; i++)
        if (r->unit[i].context == network)
            return &r->unit[i];
    return NULL;
}

/* The names that claims use: MODEL.HEADS.OBJECT.mean_max_pct, of the last blocks too, and how much splits lower it. */
static void derive(struct vit_reproduction *r)
{
    for (int i = 0; i < N_NETWORKS; i++)
        for (int k = 0; k < N_OBJECTS; k++) {
            char name[64];
            const struct network *network = &networks[i];
            const char *object = vit_head_object_name(objects[k]);
            const struct vit_unit *unit = unit_of(r, network);
            snprintf(name, sizeof name, "%s.mean_max_pct", object);
            const struct vit_result *found = unit ? vit_unit_result(r, unit, name) : NULL;
            if (!found)
                continue;
            struct vit_result named = *found;
            named.name = vit_results_text(&r->results, "%s.%s.%s", network->model, network->heads, name);
            vit_results_add(&r->results, named);
            for (int last = 0; last < 2; last++) { /* first half, last two blocks */
                const int first = last ? BLOCKS - 1 : 1, end = last ? BLOCKS : BLOCKS / 2;
                double sum = 0;
                for (int b = first; b <= end; b++) {
                    snprintf(name, sizeof name, "%s.block%d.mean_max_pct", object, b);
                    sum += vit_unit_real(r, unit, name) / (end - first + 1);
                }
                vit_results_add(
                    &r->results,
                    (struct vit_result){.name = vit_results_text(&r->results, "%s.%s.%s.%s_blocks_pct", network->model,
                                                                 network->heads, object, last ? "last" : "early"),
                                        .value = vit_real_cell(sum),
                                        .source = last ? "mean of blocks 11 and 12" : "mean of blocks 1 to 6",
                                        .proxy = named.proxy});
            }
        }
}

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"heads", VIT_TEXT, "", "full: a head sees all channels; split: its slice of them"},
    {"source", VIT_TEXT, "", "here or paper"},
    {"object", VIT_TEXT, "", "map or output; empty: the paper does not tell"},
    {"block", VIT_INT, "", "block, from 1"},
    {"similarity_pct", VIT_REAL, "%", "mean of each head's largest cosine with another"},
    {"low_pct", VIT_REAL, "%", "95 % interval over images; of the paper: reading error"},
    {"high_pct", VIT_REAL, "%", "its upper end"},
};
static const struct vit_schema schema = {"fig4", 1, sizeof columns / sizeof columns[0], columns};

static int put_network(const struct vit_reproduction *r, struct vit_sink *sink, const struct network *network)
{
    const struct vit_unit *unit = unit_of(r, network);
    int status = VIT_OK;
    for (int k = 0; k < N_OBJECTS; k++)
        for (int b = 1; b <= BLOCKS && status == VIT_OK; b++) {
            char name[64];
            snprintf(name, sizeof name, "%s.block%d.mean_max_pct", vit_head_object_name(objects[k]), b);
            const struct vit_result *found = unit ? vit_unit_result(r, unit, name) : NULL;
            if (!found)
                continue;
            const struct vit_cell row[] = {vit_text(network->model),
                                           vit_text(network->heads),
                                           vit_text("here"),
                                           vit_text(vit_head_object_name(objects[k])),
                                           vit_int(b),
                                           found->value,
                                           found->low,
                                           found->high};
            status = vit_sink_write(sink, row);
        }
    return status;
}

static int put_paper(struct vit_sink *sink, const struct network *network)
{
    double value[BLOCKS];
    int status = vit_redundancy_read_paper(strncmp(network->model, "swin", 4) == 0 ? "swin" : "deit",
                                           network->paper_heads, value, BLOCKS);
    for (int b = 1; b <= BLOCKS && status == VIT_OK; b++) {
        const struct vit_cell row[] = {vit_text(network->model),
                                       vit_text(network->heads),
                                       vit_text("paper"),
                                       vit_absent(),
                                       vit_int(b),
                                       vit_defined(value[b - 1]),
                                       vit_absent(),
                                       vit_absent()};
        status = vit_sink_write(sink, row);
    }
    return status;
}

static int draw(const struct vit_reproduction *r)
{
    char data[4200], output[4200], subtitle[300];
    snprintf(data, sizeof data, "%s/fig4.csv", r->folder);
    snprintf(output, sizeof output, "%s/fig4", r->folder);
    snprintf(subtitle, sizeof subtitle,
             "paper: ImageNet, 224 x 224, 1.25x networks; here: narrower still, small images of %.100s, %s epochs",
             r->n_unit ? r->unit[0].options.data : "", budgets[r->budget].epochs);
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH},
        {"title", "Similarity of heads by block: all channels, or a slice each", VIT_PLOT_TEXT},
        {"subtitle", subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(&(struct vit_plot){.figure = "fig4", .output = output, .variable = variable, .n_variable = 3});
}

static int finish(struct vit_reproduction *r)
{
    struct vit_sink sink;
    derive(r);
    int status = vit_reproduction_csv(r, &sink, "fig4", &schema);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < N_NETWORKS && status == VIT_OK; i++) {
        status = put_network(r, &sink, &networks[i]);
        if (status == VIT_OK)
            status = put_paper(&sink, &networks[i]);
    }
    status = vit_sink_finish(&sink, status);
    return status == VIT_OK && vit_plot_available() ? draw(r) : status;
}

const struct vit_reproduction_def vit_reproduction_fig4 = {
    .name = "fig4",
    .title = "Fig. 4: similarity of attention heads",
    .detail =
        "  Trains Swin-T and DeiT-T, narrow and on Fashion-MNIST (--data: other images), with heads that see all\n"
        "  channels and with heads that see a slice each, and compares their attention maps and outputs by block:\n"
        "  mean of each head's largest cosine with another. The paper does not tell which of the two it compares.\n"
        "  quick: 10000 images, 2 epochs; normal: all, 5 epochs; full: 30 epochs. From normal on, fig5\n"
        "  prunes the same networks: they learn once.\n",
    .plan = plan,
    .finish = finish,
};
