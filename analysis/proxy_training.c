/* SPDX-License-Identifier: MIT */
#include "analysis/proxy_training.h"

#include "analysis/training.h"
#include "model/base/status.h"
#include "reports/csv_read.h"

#include <math.h>
#include <string.h>

/* The data set where it is not ImageNet; NULL: it is. */
static const char *proxy_of(const struct vit_options *o)
{
    return o->data && strncmp(o->data, "imagenet", strlen("imagenet")) == 0 ? NULL : o->data;
}

int vit_proxy_training_choose(struct vit_options *options, const struct vit_proxy_lesson *lesson)
{
    const char *const settings[][2] = {{"val", options->data ? NULL : lesson->val},
                                       {"data", lesson->data},
                                       {"epochs", lesson->epochs},
                                       {"recipe", "fashion"},
                                       {"batch", lesson->batch},
                                       {"lr", lesson->lr},
                                       {"warmup-epochs", lesson->warmup_epochs},
                                       {"set", lesson->set}};
    int status = VIT_OK;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] && status == VIT_OK; i++)
        if (settings[i][1])
            status = vit_options_default(options, settings[i][0], settings[i][1]);
    options->set = lesson->set; /* not the text inside these options, which are copied */
    options->img = lesson->img;
    return status;
}

int vit_proxy_training_learn(const struct vit_proxy_training *p)
{
    static struct vit_options options; /* large */
    options = *p->options;
    options.out = p->folder;
    options.quiet = true;
    options.images = 0;
    options.weights = NULL;
    options.argument[0] = p->model;
    options.n_argument = 1;
    /* Now they are given, whatever the recipe says. */
    int status = *p->set ? vit_options_default(&options, "set", p->set) : VIT_OK;
    if (status == VIT_OK)
        status = vit_options_default(&options, "img", "1");
    options.set = *p->set ? p->set : options.set;
    options.img = p->img;
    return status == VIT_OK ? vit_training_run(&options, "train") : status;
}

int vit_proxy_top1_interval(struct vit_result *top1, const char *val)
{
    struct vit_dataset data;
    if (!top1->value.present || !val || strcmp(val, "none") == 0)
        return VIT_OK;
    int status = vit_dataset_open(&data, val);
    if (status != VIT_OK)
        return status;
    const double n = (double)data.count, z = 1.959964, p = top1->value.r / 100, centre = p + z * z / (2 * n),
                 half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    vit_dataset_close(&data);
    top1->low = vit_real_cell(100 * (centre - half) / (1 + z * z / n));
    top1->high = vit_real_cell(100 * (centre + half) / (1 + z * z / n));
    return VIT_OK;
}

/* A cell of the last epoch. */
static int read_last(const char *folder, const char *column, struct vit_cell *cell)
{
    char path[4200];
    struct vit_csv *csv;
    int at;
    snprintf(path, sizeof path, "%s/epochs.csv", folder);
    int status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = vit_csv_find(csv, column, &at);
    if (status == VIT_OK && vit_csv_rows(csv) == 0)
        status = vit_fail(VIT_EFORMAT, "%s: has no epoch", path);
    if (status == VIT_OK)
        status = vit_csv_real(csv, vit_csv_rows(csv) - 1, at, cell);
    vit_csv_close(csv);
    return status;
}

int vit_proxy_training_run(const struct vit_proxy_training *p, struct vit_results *results)
{
    struct vit_result top1 = {.name = "top1_pct", .proxy = proxy_of(p->options)};
    struct vit_cell rate = vit_absent();
    int status = vit_proxy_training_learn(p);
    if (status == VIT_ENOTFINITE) {
        top1.reason = vit_results_text(results, "%s", vit_error());
        vit_results_add(results, top1);
        return results->status;
    }
    if (status == VIT_OK)
        status = read_last(p->folder, "top1_pct", &top1.value);
    if (status == VIT_OK)
        status = read_last(p->folder, "images_per_s", &rate);
    if (status == VIT_OK)
        status = vit_proxy_top1_interval(&top1, p->options->val);
    if (status != VIT_OK)
        return status;
    top1.source = top1.low.present ? "one training, last epoch; 95 % over images of --val" : "one training, last epoch";
    top1.reason = top1.value.present ? NULL : "no images to test on: --val";
    vit_results_add(results, top1);
    vit_results_add(results, (struct vit_result){.name = "train_images_per_s",
                                                 .value = rate,
                                                 .source = "images of the last epoch / time of its steps"});
    return results->status;
}
