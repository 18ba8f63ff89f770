/* SPDX-License-Identifier: MIT */
/* classify.c - `vitscope classify`: the likeliest classes of images. */
#include "analysis/command.h"
#include "analysis/instance.h"
#include "analysis/output.h"
#include "analysis/recognise.h"
#include "model/base/status.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct vit_column columns[] = {
    {"image", VIT_TEXT, "", "file"},
    {"rank", VIT_INT, "", "1: the likeliest"},
    {"class", VIT_INT, "", "index of the class"},
    {"label", VIT_TEXT, "", "name of the class, where --labels gives one"},
    {"probability", VIT_REAL, "", "softmax of the logits"},
    {"logit", VIT_REAL, "", "output of the head"},
};

static const struct vit_schema schema = {"classify", 1, sizeof columns / sizeof columns[0], columns};

struct labels {
    char *text;
    char **line;
    int n;
};

static int read_labels(struct labels *labels, const char *path, int classes)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return vit_fail(VIT_EIO, "--labels %s: %s", path, strerror(errno));
    struct stat info;
    if (fstat(fileno(file), &info) != 0 || !(S_ISREG(info.st_mode) || S_ISFIFO(info.st_mode))) {
        fclose(file); /* a device may never end */
        return vit_fail(VIT_EFORMAT, "--labels %s: not a file of text", path);
    }
    labels->line = calloc((size_t)classes, sizeof *labels->line);
    int status = labels->line ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: %d labels", classes);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while (status == VIT_OK && (length = getline(&line, &capacity, file)) >= 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (labels->n < classes && !(labels->line[labels->n] = strdup(line)))
            status = vit_fail(VIT_ENOMEM, "out of memory: labels");
        labels->n++;
    }
    if (status == VIT_OK && ferror(file))
        status = vit_fail(VIT_EIO, "--labels %s: %s", path, strerror(errno));
    if (status == VIT_OK && labels->n != classes)
        status = vit_fail(VIT_EFORMAT, "--labels %s: %d lines, the model has %d classes", path, labels->n, classes);
    free(line);
    fclose(file);
    return status;
}

static void close_labels(struct labels *labels, int classes)
{
    for (int i = 0; labels->line && i < classes; i++)
        free(labels->line[i]);
    free(labels->line);
}

/* Index of the largest logit that is not taken yet. */
static int64_t best(const vit_real *logit, const bool *taken, int64_t n)
{
    int64_t at = -1;
    for (int64_t i = 0; i < n; i++)
        if (!taken[i] && (at < 0 || logit[i] > logit[at]))
            at = i;
    return at;
}

static int write_top(struct vit_sink *sink, const struct vit_tensor *logits, const struct labels *labels,
                     const struct vit_options *options)
{
    int64_t n = logits->dim[1], top = options->top ? options->top : 5;
    double largest = -HUGE_VAL, sum = 0;
    for (int64_t i = 0; i < n; i++)
        largest = (double)logits->data[i] > largest ? (double)logits->data[i] : largest;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)logits->data[i] - largest);
    bool *taken = calloc((size_t)n, sizeof *taken);
    int status = taken ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: %lld classes", (long long)n);
    for (int64_t rank = 0; rank < top && rank < n && status == VIT_OK; rank++) {
        int64_t at = best(logits->data, taken, n);
        taken[at] = true;
        struct vit_cell row[] = {vit_text(options->image),
                                 vit_int(rank + 1),
                                 vit_int(at),
                                 labels->line ? vit_text(labels->line[at]) : vit_absent(),
                                 vit_real_cell(exp((double)logits->data[at] - largest) / sum),
                                 vit_real_cell((double)logits->data[at])};
        status = vit_sink_write(sink, row);
    }
    free(taken);
    return status;
}

static int classify(struct vit_instance *instance, const struct vit_options *options)
{
    int classes = (int)instance->graph.logits->dim[1];
    struct labels labels = {0};
    int status = vit_instance_read_image(instance, options->image);
    if (status == VIT_OK && options->labels)
        status = read_labels(&labels, options->labels, classes);
    if (status == VIT_OK) {
        vit_exec_run(&instance->exec);
        struct vit_sink sink;
        status = vit_output_open(&sink, options, &schema, NULL);
        if (status == VIT_OK) {
            status = write_top(&sink, instance->graph.logits, &labels, options);
            status = vit_sink_finish(&sink, status);
        }
    }
    close_labels(&labels, classes);
    return status;
}

static int run(const struct vit_options *options)
{
    if (!options->image || !options->weights)
        return vit_fail(VIT_EINVAL, "needs --weights FILE and --image FILE");
    struct vit_instance instance;
    struct vit_instance_options o = {.model = {.img = options->img,
                                               .classes = options->classes,
                                               .graph = options->graph ? options->graph : "folded"},
                                     .set = options->set,
                                     .threads = options->threads,
                                     .kernel = options->kernel,
                                     .weights = options->weights,
                                     .seed = options->seed};
    int status = vit_instance_open(&instance, options->n_argument ? options->argument[0] : NULL, &o);
    if (status != VIT_OK)
        return status;
    status = classify(&instance, options);
    vit_instance_close(&instance);
    return status;
}

const struct vit_command vit_command_classify = {
    .name = "classify",
    .arguments = "[MODEL]",
    .summary = "the likeliest classes of an image",
    .detail =
        "The image is resized, cropped and normalised as in the model's published evaluation. Without MODEL it is\n"
        "told by the weight file: by its configuration where it has one, else by its tensors.\n\n"
        "  vitscope classify --weights model.safetensors --image cat.jpg\n"
        "  vitscope classify deit_tiny --weights w.safetensors --image cat.jpg --labels imagenet.txt --top 3\n",
    .takes = "weights set image labels top graph kernel isa threads img classes format",
    .max_arguments = 1,
    .run = run,
};
