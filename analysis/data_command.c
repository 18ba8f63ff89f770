/* SPDX-License-Identifier: MIT */
/* data_command.c - `vitscope data`: what a dataset holds, its statistics, and a picture of what training sees. */
#include "analysis/command.h"
#include "analysis/contact_sheet.h"
#include "analysis/output.h"
#include "model/base/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKED_AT = 1000, SHEET_SIDE = 96 };

static const struct vit_column columns[] = {
    {"class", VIT_INT, "", "number of the class; absent: no label"},
    {"name", VIT_TEXT, "", "name of the class, where the dataset has one"},
    {"images", VIT_INT, "count", "images of the class"},
    {"share_pct", VIT_REAL, "%", "of all images"},
};

static const struct vit_schema schema = {"data", 1, sizeof columns / sizeof columns[0], columns};

/* What the decoded images show. */
struct survey {
    int64_t looked_at, broken;
    int narrow, wide, low, high; /* least and most pixels */
    double sum[3], squares[3], pixels;
    char message[1024]; /* of the first broken image */
};

static void add_image(struct survey *survey, const struct vit_image *image)
{
    const int64_t pixels = (int64_t)image->width * image->height;
    int64_t sum[3] = {0}, squares[3] = {0};
    for (int64_t i = 0; i < pixels; i++)
        for (int c = 0; c < 3; c++) {
            const int value = image->rgb[3 * i + c];
            sum[c] += value;
            squares[c] += value * value;
        }
    for (int c = 0; c < 3; c++) {
        survey->sum[c] += (double)sum[c];
        survey->squares[c] += (double)squares[c];
    }
    survey->pixels += (double)pixels;
    const bool first = survey->looked_at++ == 0;
    survey->narrow = first || image->width < survey->narrow ? image->width : survey->narrow;
    survey->wide = image->width > survey->wide ? image->width : survey->wide;
    survey->low = first || image->height < survey->low ? image->height : survey->low;
    survey->high = image->height > survey->high ? image->height : survey->high;
}

/* All images, or a thousand at even distances. */
static int look(struct survey *survey, const struct vit_dataset *dataset, bool all)
{
    *survey = (struct survey){0};
    const int64_t count = all || dataset->count < LOOKED_AT ? dataset->count : LOOKED_AT;
    for (int64_t i = 0; i < count; i++) {
        struct vit_image image;
        int status = vit_dataset_read(dataset, i * dataset->count / count, &image);
        if (status == VIT_ENOMEM)
            return status;
        if (status == VIT_OK)
            add_image(survey, &image);
        else if (survey->broken++ == 0)
            snprintf(survey->message, sizeof survey->message, "%s", vit_error());
        vit_image_close(&image);
    }
    return VIT_OK;
}

static void print_range(const char *what, int least, int most)
{
    if (least == most)
        printf("%d pixels %s", least, what);
    else
        printf("%d to %d pixels %s", least, most, what);
}

static void print_survey(const struct vit_dataset *dataset, const struct survey *survey, bool statistics)
{
    printf("%" PRId64 " images", dataset->count);
    if (dataset->classes > 0)
        printf(" in %d classes", dataset->classes);
    else
        printf(" without classes");
    if (dataset->ignored > 0)
        printf(", %" PRId64 " other files ignored", dataset->ignored);
    printf("\n");
    if (survey->looked_at > 0) {
        print_range("wide", survey->narrow, survey->wide);
        printf(", ");
        print_range("high", survey->low, survey->high);
        if (survey->looked_at + survey->broken < dataset->count)
            printf(" (%" PRId64 " images looked at; --stats looks at all)", survey->looked_at);
        printf("\n");
    }
    if (survey->broken > 0)
        printf("%" PRId64 " images cannot be read; the first: %s\n", survey->broken, survey->message);
    printf("set for this kind: mean %.4g %.4g %.4g, std %.4g %.4g %.4g\n", dataset->mean[0], dataset->mean[1],
           dataset->mean[2], dataset->std[0], dataset->std[1], dataset->std[2]);
    if (!statistics || survey->looked_at == 0)
        return;
    double mean[3], std[3];
    for (int c = 0; c < 3; c++) {
        mean[c] = survey->sum[c] / survey->pixels;
        std[c] = sqrt(fmax(survey->squares[c] / survey->pixels - mean[c] * mean[c], 0));
    }
    printf("of all its pixels:  mean %.4f %.4f %.4f, std %.4f %.4f %.4f\n", mean[0] / 255, mean[1] / 255, mean[2] / 255,
           std[0] / 255, std[1] / 255, std[2] / 255);
}

static int print_classes(const struct vit_dataset *dataset, const struct vit_options *options)
{
    int64_t *count = calloc((size_t)dataset->classes + 1, sizeof *count);
    if (!count)
        return vit_fail(VIT_ENOMEM, "out of memory: %d classes", dataset->classes);
    for (int64_t i = 0; i < dataset->count; i++)
        count[vit_dataset_label(dataset, i) + 1]++;
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &schema, "share_pct");
    bool open = status == VIT_OK;
    for (int c = -1; c < dataset->classes && status == VIT_OK; c++) {
        if (c < 0 && count[0] == 0)
            continue;
        const struct vit_cell row[] = {
            c < 0 ? vit_absent() : vit_int(c),
            c < 0 || !dataset->class_names ? vit_absent() : vit_text(dataset->class_names[c]), vit_int(count[c + 1]),
            vit_real_cell(100.0 * (double)count[c + 1] / (double)dataset->count)};
        status = vit_sink_write(&sink, row);
    }
    free(count);
    if (status == VIT_OK)
        return vit_sink_close(&sink);
    if (open)
        vit_sink_abort(&sink);
    return status;
}

static int write_sheet(const struct vit_dataset *dataset, const struct vit_options *options)
{
    struct vit_contact_sheet sheet = {.seed = options->seed,
                                      .preprocess = {.size = options->img ? options->img : SHEET_SIDE,
                                                     .crop_percentage = 1,
                                                     .interpolation = VIT_INTERPOLATION_BICUBIC,
                                                     .crop_mode = VIT_CROP_CENTER}};
    memcpy(sheet.preprocess.mean, dataset->mean, sizeof dataset->mean);
    memcpy(sheet.preprocess.std, dataset->std, sizeof dataset->std);
    int status =
        vit_augment_parse(&sheet.augment, options->augment ? options->augment : "paper", sheet.preprocess.size);
    if (status != VIT_OK)
        return vit_fail_in(status, "--augment");
    return vit_contact_sheet_write(options->sheet, dataset, &sheet);
}

static int run(const struct vit_options *options)
{
    struct vit_dataset dataset;
    struct survey survey;
    int status = vit_dataset_open(&dataset, options->argument[0]);
    if (status != VIT_OK)
        return status;
    if (options->sheet)
        status = write_sheet(&dataset, options);
    if (status == VIT_OK && vit_output_is_table(options)) {
        status = look(&survey, &dataset, options->stats);
        if (status == VIT_OK)
            print_survey(&dataset, &survey, options->stats);
    }
    if (status == VIT_OK)
        status = print_classes(&dataset, options);
    if (status == VIT_OK && options->sheet && vit_output_is_table(options))
        printf("wrote %s: each row an image, first as evaluation sees it, then augmented\n", options->sheet);
    vit_dataset_close(&dataset);
    return status;
}

static void print_lists(FILE *out)
{
    fprintf(out, "\nkinds of datasets:\n");
    vit_dataset_print_kinds(out);
    fprintf(out, "\naugmentation, a set and changes of it (\"crop-flip,erase=0.1\"):\n");
    vit_augment_print_names(out);
}

const struct vit_command vit_command_data = {
    .name = "data",
    .arguments = "SPEC",
    .summary = "what a dataset holds, and what training sees of it",
    .detail = "Prints the number, sizes and classes of the images. --stats decodes all of them for mean and standard\n"
              "deviation; --sheet draws some as they are and as --augment (default paper) changes them.\n\n"
              "  vitscope data fashion-mnist:train --stats\n"
              "  vitscope data fashion-mnist:train --augment crop-flip --sheet sheet.png\n"
              "  vitscope data photos/ --augment paper,erase=0 --img 224 --sheet sheet.png\n"
              "  vitscope data cifar10:cifar-10-batches-bin:train@train=0.9 --format csv\n",
    .more = print_lists,
    .takes = "stats sheet augment img seed format",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
