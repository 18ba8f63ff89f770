/* SPDX-License-Identifier: MIT */
#include "analysis/contact_sheet.h"

#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"
#include "model/data/sample.h"

enum { MOST_ROWS = 12, COLUMNS = 9, GAP = 4 };

/* Back to 8 bits, into the place of the sheet. */
static void paste(struct vit_image *sheet, const struct vit_preprocess *preprocess, const vit_real *image, int row,
                  int column)
{
    const int size = preprocess->size;
    const size_t pixels = (size_t)size * (size_t)size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const size_t from = (size_t)y * (size_t)size + (size_t)x;
            const size_t top = (size_t)(GAP + row * (size + GAP) + y), left = (size_t)(GAP + column * (size + GAP) + x);
            uint8_t *pixel = sheet->rgb + 3 * (top * (size_t)sheet->width + left);
            for (size_t c = 0; c < 3; c++) {
                const double value =
                    255 * ((double)image[c * pixels + from] * preprocess->std[c] + preprocess->mean[c]) + 0.5;
                pixel[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
}

/* The first image of each class in turn, then the second ones, ...; returns how many there are. */
static int choose_images(const struct vit_dataset *dataset, int64_t index[MOST_ROWS])
{
    int rows = 0;
    for (int round = 0; rows < MOST_ROWS && round < MOST_ROWS; round++)
        for (int c = dataset->classes ? 0 : -1; c < dataset->classes && rows < MOST_ROWS; c++) {
            int before = 0;
            for (int64_t i = 0; i < dataset->count; i++)
                if (vit_dataset_label(dataset, i) == c && before++ == round) {
                    index[rows++] = i;
                    break;
                }
        }
    return rows;
}

static int draw_rows(struct vit_image *image, const struct vit_dataset *dataset, const struct vit_contact_sheet *sheet,
                     const int64_t *index, int rows)
{
    const size_t size = (size_t)sheet->preprocess.size;
    vit_real *values = malloc(3 * size * size * sizeof *values);
    if (!values)
        return vit_fail(VIT_ENOMEM, "contact sheet: out of memory");
    struct vit_sample_source source = {.dataset = dataset, .preprocess = &sheet->preprocess, .seed = sheet->seed};
    int status = VIT_OK;
    for (int row = 0; row < rows && status == VIT_OK; row++)
        for (int column = 0; column < COLUMNS && status == VIT_OK; column++) {
            const int64_t key = (column - 1) * dataset->count + row;
            struct vit_sample sample = {.key = (uint64_t)key, .index = index[row]};
            source.augment = column > 0 ? &sheet->augment : NULL;
            status = vit_sample_make(&source, &sample, values); /* a broken image leaves its places gray */
            if (status == VIT_OK)
                paste(image, &sheet->preprocess, values, row, column);
        }
    free(values);
    return status;
}

int vit_contact_sheet_write(const char *path, const struct vit_dataset *dataset, const struct vit_contact_sheet *sheet)
{
    int64_t index[MOST_ROWS];
    const int rows = choose_images(dataset, index), step = sheet->preprocess.size + GAP;
    struct vit_image image;
    int status = vit_image_open(&image, GAP + COLUMNS * step, GAP + rows * step);
    if (status != VIT_OK)
        return vit_fail_in(status, "contact sheet %s", path);
    memset(image.rgb, 255, 3 * (size_t)image.width * (size_t)image.height);
    status = draw_rows(&image, dataset, sheet, index, rows);
    if (status == VIT_OK)
        status = vit_image_write_png(path, &image);
    vit_image_close(&image);
    return status;
}
