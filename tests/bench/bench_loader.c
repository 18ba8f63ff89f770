/* SPDX-License-Identifier: MIT */
/* bench_loader SPEC...: images per second that the loader's workers make, by size of the images and augmentation, as
 * CSV on stdout. CPU time counts all threads, so that cpu_images_per_s is what one worker makes with a processor of its
 * own. */
#include "analysis/options.h"
#include "model/base/clock.h"
#include "model/base/status.h"
#include "model/data/loader.h"
#include "reports/sink.h"

#include <string.h>

static const struct vit_column columns[] = {
    {"data", VIT_TEXT, "", "spec of the dataset"},
    {"img", VIT_INT, "", "side of the images in pixels"},
    {"augment", VIT_TEXT, "", "augmentation; evaluation: none"},
    {"workers", VIT_INT, "", "threads"},
    {"images", VIT_INT, "count", "images measured"},
    {"images_per_s", VIT_REAL, "", "by the clock"},
    {"cpu_images_per_s", VIT_REAL, "", "by CPU time of all threads"},
};
static const struct vit_schema schema = {"loader", 1, sizeof columns / sizeof columns[0], columns};

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct load {
    const struct vit_dataset *dataset;
    const char *spec, *augment; /* NULL: evaluation */
    int size, workers, batch;
    double seconds;
};

static int measure(struct vit_sink *sink, const struct load *load)
{
    struct vit_augment augment;
    const struct vit_mix mix = VIT_MIX_PAPER;
    int status = vit_augment_parse(&augment, load->augment ? load->augment : "none", load->size);
    if (status != VIT_OK)
        return status;
    struct vit_loader *loader;
    struct vit_loader_options options = {.preprocess = {.size = load->size,
                                                        .crop_percentage = 0.9,
                                                        .interpolation = VIT_INTERPOLATION_BICUBIC,
                                                        .mean = VIT_IMAGENET_MEAN,
                                                        .std = VIT_IMAGENET_STD},
                                         .augment = load->augment ? &augment : NULL,
                                         .mix = load->augment ? &mix : NULL,
                                         .classes = load->dataset->classes,
                                         .batch = load->batch,
                                         .workers = load->workers,
                                         .ahead = 2,
                                         .seed = 1,
                                         .shuffle = load->augment != NULL,
                                         .drop_last = true};
    const int64_t start = vit_clock_ns(), start_cpu = cpu_ns();
    status = vit_loader_open(&loader, load->dataset, &options);
    int64_t images = 0;
    while (status == VIT_OK && (double)(vit_clock_ns() - start) < load->seconds * 1e9) {
        struct vit_loader_batch batch;
        status = vit_loader_next(loader, &batch);
        images += load->batch;
    }
    const double wall = (double)(vit_clock_ns() - start) * 1e-9, cpu = (double)(cpu_ns() - start_cpu) * 1e-9;
    vit_loader_close(loader);
    if (status != VIT_OK)
        return status;
    const struct vit_cell row[] = {vit_text(load->spec),
                                   vit_int(load->size),
                                   vit_text(load->augment ? load->augment : "evaluation"),
                                   vit_int(load->workers),
                                   vit_int(images),
                                   vit_real_cell((double)images / wall),
                                   vit_real_cell((double)images / cpu)};
    return vit_sink_write(sink, row);
}

static int measure_dataset(struct vit_sink *sink, const struct vit_options *options, const char *spec)
{
    static const char *const sets[] = {NULL, "crop-flip", "resized-flip", "paper"};
    static const int sizes[] = {32, 64, 224};
    struct vit_dataset dataset;
    int status = vit_dataset_open(&dataset, spec);
    if (status != VIT_OK)
        return status;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t k = 0; k < sizeof sets / sizeof sets[0] && status == VIT_OK; k++)
            if ((!options->img || options->img == sizes[i]) &&
                (!options->augment || (sets[k] && strcmp(options->augment, sets[k]) == 0)))
                status = measure(sink, &(struct load){.dataset = &dataset,
                                                      .spec = spec,
                                                      .augment = sets[k],
                                                      .size = sizes[i],
                                                      .workers = options->workers,
                                                      .batch = options->batch,
                                                      .seconds = options->min_time_s});
    vit_dataset_close(&dataset);
    return status;
}

static int run(const struct vit_options *options)
{
    const struct vit_sink_def *def;
    int status = vit_sink_find(&def, options->format ? options->format : "csv");
    if (status != VIT_OK)
        return status;
    struct vit_sink sink;
    status = vit_sink_open(&sink, def, &schema, &(struct vit_sink_target){.stream = stdout});
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++)
        status = measure_dataset(&sink, options, options->argument[i]);
    if (status == VIT_OK)
        return vit_sink_close(&sink);
    vit_sink_abort(&sink);
    return status;
}

int main(int argc, char **argv)
{
    struct vit_options options = {.batch = 32, .workers = 1, .min_time_s = 1};
    int status = vit_options_parse(&options, "batch workers img augment min-time format", argc - 1, argv + 1);
    if (status == VIT_OK && options.n_argument == 0)
        status = vit_fail(VIT_EINVAL, "usage: bench_loader [--batch N] [--workers N] [--img 32|64|224] [--augment SET] "
                                      "[--min-time S] SPEC...");
    if (status == VIT_OK)
        status = run(&options);
    if (status == VIT_OK)
        return 0;
    fprintf(stderr, "bench_loader: %s\n", vit_error());
    return 1;
}
