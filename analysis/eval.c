/* SPDX-License-Identifier: MIT */
/* eval.c - `vitscope eval`: how well a network with given weights knows labelled images. */
#include "analysis/command.h"
#include "analysis/instance.h"
#include "analysis/output.h"
#include "analysis/recognise.h"
#include "analysis/run_info.h"
#include "model/base/status.h"
#include "model/train/evaluate.h"
#include "reports/gnuplot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 100, AHEAD = 3 };

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"weights", VIT_TEXT, "", "file"},
    {"data", VIT_TEXT, "", "images"},
    {"class", VIT_INT, "", "index of the class; empty: all classes together"},
    {"name", VIT_TEXT, "", "of the class, where the data has names"},
    {"images", VIT_INT, "", "images that were read"},
    {"top1_pct", VIT_REAL, "%", "share of them whose label is the likeliest class"},
    {"top5_pct", VIT_REAL, "%", "share of them whose label is among the five likeliest"},
    {"precision_pct", VIT_REAL, "%", "share of right ones among the images for which the class is the likeliest"},
    {"loss", VIT_REAL, "", "cross entropy"},
    {"broken_images", VIT_INT, "", "images that could not be read"},
    {"images_per_s", VIT_REAL, "", "images / time of forwards"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };
static const struct vit_schema schema = {"eval", 1, N_COLUMNS, columns};

/* What readers get of a class. */
static const struct vit_column class_columns[] = {
    {"class", VIT_INT, "", "index of the class"},
    {"name", VIT_TEXT, "", "of the class"},
    {"images", VIT_INT, "", "images that were read"},
    {"recognised_pct", VIT_REAL, "%", "share of them whose label is the likeliest class"},
    {"precision_pct", VIT_REAL, "%", "share of right ones among the images for which the class is the likeliest"},
};
static const struct vit_schema class_schema = {"classes", 1, sizeof class_columns / sizeof class_columns[0],
                                               class_columns};

static const struct vit_column confusion_columns[] = {
    {"label", VIT_INT, "", "class of the images"},
    {"label_name", VIT_TEXT, "", "its name, where the data has names"},
    {"predicted", VIT_INT, "", "likeliest class"},
    {"predicted_name", VIT_TEXT, "", "its name"},
    {"images", VIT_INT, "", "images"},
    {"share_pct", VIT_REAL, "%", "share of the images of the label"},
};
static const struct vit_schema confusion_schema = {
    "confusion", 1, sizeof confusion_columns / sizeof confusion_columns[0], confusion_columns};

struct report {
    const struct vit_options *options;
    const char *model;
    struct vit_recognised found;
    struct vit_model_def own;
    struct vit_dataset data;
    struct vit_instance instance;
    struct vit_loader *loader;
    struct vit_evaluation evaluation;
};

static const char *class_name(const struct report *r, int class)
{
    return r->data.class_names && class < r->data.classes ? r->data.class_names[class] : NULL;
}

static int64_t of_label(const struct vit_evaluation *e, int label)
{
    int64_t sum = 0;
    for (int k = 0; k < e->classes; k++)
        sum += e->confusion[(int64_t)label * e->classes + k];
    return sum;
}

static int64_t of_prediction(const struct vit_evaluation *e, int predicted)
{
    int64_t sum = 0;
    for (int k = 0; k < e->classes; k++)
        sum += e->confusion[(int64_t)k * e->classes + predicted];
    return sum;
}

static struct vit_cell share(int64_t part, int64_t all)
{
    return all ? vit_real_cell(100 * (double)part / (double)all) : vit_absent();
}

static int put_class(const struct report *r, struct vit_sink *sink, int class)
{
    const struct vit_evaluation *e = &r->evaluation;
    const int64_t images = of_label(e, class), right = e->confusion[(int64_t) class * e->classes + class];
    const struct vit_cell row[N_COLUMNS] = {vit_text(r->model),
                                            vit_text(r->options->weights),
                                            vit_text(r->options->data),
                                            vit_int(class),
                                            vit_text(class_name(r, class)),
                                            vit_int(images),
                                            share(right, images),
                                            vit_absent(),
                                            share(right, of_prediction(e, class)),
                                            vit_absent(),
                                            vit_absent(),
                                            vit_absent()};
    return vit_sink_write(sink, row);
}

/* One row for all classes, then one for each that has images. */
static int put_rows(const struct report *r, struct vit_sink *sink)
{
    const struct vit_evaluation *e = &r->evaluation;
    const struct vit_cell all[N_COLUMNS] = {vit_text(r->model),
                                            vit_text(r->options->weights),
                                            vit_text(r->options->data),
                                            vit_absent(),
                                            vit_text("all"),
                                            vit_int(e->images),
                                            share(e->first, e->images),
                                            share(e->five, e->images),
                                            vit_absent(),
                                            vit_real_cell(e->loss / (double)e->images),
                                            vit_int(e->broken),
                                            vit_real_cell((double)(e->images + e->broken) / e->seconds)};
    int status = vit_sink_write(sink, all);
    for (int class = 0; class < r->data.classes && status == VIT_OK; class ++)
        if (of_label(e, class))
            status = put_class(r, sink, class);
    return status;
}

static int put_class_rows(const struct report *r, struct vit_sink *sink)
{
    const struct vit_evaluation *e = &r->evaluation;
    int status = VIT_OK;
    for (int class = 0; class < r->data.classes && status == VIT_OK; class ++) {
        const int64_t images = of_label(e, class), right = e->confusion[(int64_t) class * e->classes + class];
        const struct vit_cell row[] = {vit_int(class), vit_text(class_name(r, class)), vit_int(images),
                                       share(right, images), share(right, of_prediction(e, class))};
        if (images)
            status = vit_sink_write(sink, row);
    }
    return status;
}

static int put_confusion(const struct report *r, struct vit_sink *sink)
{
    const struct vit_evaluation *e = &r->evaluation;
    int status = VIT_OK;
    for (int label = 0; label < r->data.classes; label++)
        for (int k = 0; k < r->data.classes && status == VIT_OK; k++) {
            const int64_t images = e->confusion[(int64_t)label * e->classes + k];
            const struct vit_cell row[] = {vit_int(label),  vit_text(class_name(r, label)),
                                           vit_int(k),      vit_text(class_name(r, k)),
                                           vit_int(images), share(images, of_label(e, label))};
            status = vit_sink_write(sink, row);
        }
    return status;
}

static int write_file(const struct report *r, const char *name, const struct vit_schema *of,
                      int (*put)(const struct report *, struct vit_sink *))
{
    char path[4096];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/%s.csv", r->options->out, name);
    int status = vit_sink_open_csv(&sink, of, path);
    return status == VIT_OK ? vit_sink_finish(&sink, put(r, &sink)) : status;
}

static int draw(const struct report *r)
{
    char data[4096], output[4096], subtitle[512];
    if (!vit_plot_available())
        return VIT_OK;
    snprintf(data, sizeof data, "%s/confusion.csv", r->options->out);
    snprintf(output, sizeof output, "%s/confusion", r->options->out);
    snprintf(subtitle, sizeof subtitle, "%" PRId64 " images of %.200s, %.2f %% right", r->evaluation.images,
             r->options->data, 100 * (double)r->evaluation.first / (double)r->evaluation.images);
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH}, {"title", r->model, VIT_PLOT_TEXT}, {"subtitle", subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(&(struct vit_plot){"confusion", output, variable, 3});
}

static int write_folder(const struct report *r)
{
    int status = write_file(r, "eval", &schema, put_rows);
    if (status == VIT_OK)
        status = write_file(r, "confusion", &confusion_schema, put_confusion);
    return status == VIT_OK ? draw(r) : status;
}

/* The model that the weights tell, or MODEL changed by --set. */
static int choose_model(struct report *r)
{
    const struct vit_options *o = r->options;
    int status = vit_recognise_model(&r->found, o->n_argument ? o->argument[0] : NULL, o->weights, o->set);
    if (status != VIT_OK)
        return status;
    r->own = *r->found.model;
    r->own.config.classes = r->found.classes;
    if (o->crop > 0)
        r->own.crop_percentage = o->crop;
    r->model = r->own.name;
    return VIT_OK;
}

static int open_net(struct report *r)
{
    const struct vit_options *o = r->options;
    int status = choose_model(r);
    if (status != VIT_OK)
        return status;
    return vit_instance_open_model(&r->instance, &r->own,
                                   &(struct vit_instance_options){.model = {.batch = o->batch ? o->batch : BATCH,
                                                                            .img = o->img,
                                                                            .classes = o->classes,
                                                                            .graph = o->graph ? o->graph : "folded"},
                                                                  .threads = o->threads,
                                                                  .kernel = o->kernel,
                                                                  .weights = o->weights});
}

static int open_loader(struct report *r)
{
    const struct vit_options *o = r->options;
    const int classes = (int)r->instance.graph.logits->dim[1];
    if (r->data.classes == 0)
        return vit_fail(VIT_EINVAL, "--data %s: has no labels", o->data);
    if (r->data.classes > classes)
        return vit_fail(VIT_EINVAL, "--data %s: has %d classes, the network knows %d", o->data, r->data.classes,
                        classes);
    struct vit_loader_options l = {.preprocess = vit_instance_preprocess(&r->instance),
                                   .classes = classes,
                                   .batch = (int)r->instance.graph.input->dim[0],
                                   .workers = o->workers ? o->workers : 1,
                                   .ahead = AHEAD,
                                   .strict = o->strict};
    int status = vit_loader_open(&r->loader, &r->data, &l);
    return status == VIT_OK ? vit_evaluation_open(&r->evaluation, classes) : status;
}

static int print(const struct report *r)
{
    const struct vit_evaluation *e = &r->evaluation;
    const double images = (double)e->images;
    const bool table = vit_output_is_table(r->options);
    struct vit_sink sink;
    if (table)
        printf("%s with %s on %" PRId64 " images of %s, %d x %d:\n"
               "top-1 %.2f %%, top-5 %.2f %%, cross entropy %.4f; %.0f images/s\n",
               r->model, r->options->weights, e->images, r->options->data, (int)r->instance.graph.input->dim[2],
               (int)r->instance.graph.input->dim[2], 100 * (double)e->first / images, 100 * (double)e->five / images,
               e->loss / images, (images + (double)e->broken) / e->seconds);
    if (table && e->broken)
        printf("%" PRId64 " images cannot be read; the first: %s\n", e->broken, vit_loader_broken(r->loader, 0));
    int status = vit_output_open(&sink, r->options, table ? &class_schema : &schema, NULL);
    return status == VIT_OK ? vit_sink_finish(&sink, table ? put_class_rows(r, &sink) : put_rows(r, &sink)) : status;
}

static int evaluate(struct report *r)
{
    int status = r->options->out ? vit_run_folder(r->options->out) : VIT_OK; /* before the work */
    if (status == VIT_OK)
        status = vit_dataset_open(&r->data, r->options->data);
    if (status == VIT_OK)
        status = open_net(r);
    if (status == VIT_OK)
        status = open_loader(r);
    if (status == VIT_OK)
        status = vit_evaluate(&r->evaluation, &r->instance.exec, r->loader);
    if (status == VIT_OK && r->evaluation.images == 0)
        status = vit_fail(VIT_EIO, "--data %s: none of its images can be read", r->options->data);
    if (status != VIT_OK)
        return status;
    status = print(r);
    return status == VIT_OK && r->options->out ? write_folder(r) : status;
}

static int run(const struct vit_options *given)
{
    static struct report r;
    struct vit_options options = *given;
    const struct vit_sink_def *form;
    if (!options.weights)
        return vit_fail(VIT_EINVAL, "needs --weights FILE");
    int status = vit_sink_find(&form, options.format ? options.format : "table");
    if (status == VIT_OK)
        status = vit_options_default(&options, "data", "fashion-mnist:test");
    if (status != VIT_OK)
        return status;
    r = (struct report){.options = &options};
    status = evaluate(&r);
    vit_evaluation_close(&r.evaluation);
    vit_loader_close(r.loader);
    if (r.instance.exec.plan)
        vit_instance_close(&r.instance);
    vit_dataset_close(&r.data);
    return status;
}

const struct vit_command vit_command_eval = {
    .name = "eval",
    .arguments = "[MODEL]",
    .summary = "accuracy of a network on labelled images",
    .detail = "Top-1, top-5 and cross entropy on --data (default fashion-mnist:test), then each class: the share of "
              "its images\n"
              "that are recognised (top1_pct), and of right ones among those taken for it (precision_pct). With --out "
              "DIR also\n"
              "eval.csv, confusion.csv and the figure confusion. Without MODEL it is told by the weight file. Images "
              "that cannot\n"
              "be read are counted; --strict stops at the first.\n\n"
              "  vitscope eval --weights runs/m0/best.safetensors\n"
              "  vitscope eval efficientvit_m0 --weights m0.safetensors --data imagenet/val --threads 2 --format csv\n"
              "  vitscope eval --weights runs/m0/best.safetensors --data fashion-mnist:test --out runs/m0/eval\n",
    .takes = "weights data set graph kernel isa batch threads workers img classes crop strict out format",
    .max_arguments = 1,
    .all_threads = true,
    .run = run,
};
