/* SPDX-License-Identifier: MIT */
/* image_png.c - PNG decoding (all colour types, depths and interlacing) and writing with libpng. */
#include "model/data/image_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "model/base/status.h"

struct decoder {
    png_structp png;
    png_infop info;
    png_bytep *rows;
    const char *name;
    const uint8_t *next;
    size_t left; /* bytes from next on */
    jmp_buf failed;
    int status;
};

static void fail_by_error(png_structp png, png_const_charp text)
{
    struct decoder *decoder = png_get_error_ptr(png);
    if (!decoder->status)
        decoder->status = vit_fail(VIT_EFORMAT, "%s: broken PNG: %s", decoder->name, text);
    longjmp(decoder->failed, 1);
}

static void ignore_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_memory(png_structp png, png_bytep out, size_t size)
{
    struct decoder *decoder = png_get_io_ptr(png);
    if (size > decoder->left) {
        decoder->status =
            vit_fail(VIT_EFORMAT, "%s: truncated PNG: the file ends before its IEND chunk", decoder->name);
        png_error(png, "truncated");
    }
    memcpy(out, decoder->next, size);
    decoder->next += size;
    decoder->left -= size;
}

/* PIL's conversion of 16 bit gray clips at 255, where other 16 bit files keep the high byte.
 * The row of big-endian 16 bit samples lies at the start of its 24 bit row, so it is widened from the end. */
static void clip_gray_row(uint8_t *row, int width)
{
    for (int x = width - 1; x >= 0; x--) {
        uint8_t value = row[2 * x] ? 255 : row[2 * x + 1];
        row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = value;
    }
}

/* Asks libpng for 8 bit RGB rows; 16 bit gray stays as it is and returns 1. */
static int choose_conversion(struct decoder *decoder)
{
    png_structp png = decoder->png;
    int type = png_get_color_type(png, decoder->info);
    int depth = png_get_bit_depth(png, decoder->info);
    if (type == PNG_COLOR_TYPE_GRAY && depth == 16)
        return 1;
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16)
        png_set_strip_16(png);
    if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA)
        png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
    return 0;
}

static int decode(struct decoder *decoder, struct vit_image *image)
{
    png_structp png = decoder->png;
    png_set_read_fn(png, decoder, read_memory);
    png_read_info(png, decoder->info);
    int width = (int)png_get_image_width(png, decoder->info);
    int height = (int)png_get_image_height(png, decoder->info);
    int status = vit_image_open(image, width, height);
    if (status)
        return vit_fail_in(status, "%s", decoder->name);
    int gray16 = choose_conversion(decoder);
    png_set_interlace_handling(png);
    png_read_update_info(png, decoder->info);
    decoder->rows = malloc((size_t)height * sizeof *decoder->rows);
    if (!decoder->rows)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", decoder->name);
    for (int y = 0; y < height; y++)
        decoder->rows[y] = image->rgb + (size_t)y * (size_t)width * 3;
    if (png_get_rowbytes(png, decoder->info) > (size_t)width * 3)
        return vit_fail(VIT_ENOTSUP, "%s: PNG colour type %d is not supported", decoder->name,
                        png_get_color_type(png, decoder->info));
    png_read_image(png, decoder->rows);
    png_read_end(png, NULL);
    for (int y = 0; y < height && gray16; y++)
        clip_gray_row(decoder->rows[y], width);
    return VIT_OK;
}

int vit_image_parse_png(struct vit_image *image, const uint8_t *bytes, size_t size, const char *name)
{
    struct decoder decoder = {.name = name, .next = bytes, .left = size};
    if (setjmp(decoder.failed) == 0) {
        decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, fail_by_error, ignore_warning);
        decoder.info = decoder.png ? png_create_info_struct(decoder.png) : NULL;
        decoder.status = decoder.info ? decode(&decoder, image) : vit_fail(VIT_ENOMEM, "%s: out of memory", name);
    }
    png_destroy_read_struct(&decoder.png, &decoder.info, NULL);
    free(decoder.rows);
    if (decoder.status)
        vit_image_close(image);
    return decoder.status;
}

static int write_file(FILE *file, const char *path, const struct vit_image *image)
{
    png_image png = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB};
    png.width = (png_uint_32)image->width;
    png.height = (png_uint_32)image->height;
    if (!png_image_write_to_stdio(&png, file, 0, image->rgb, 0, NULL))
        return vit_fail(VIT_EIO, "%s: %s", path, png.message);
    if (fflush(file) != 0 || fsync(fileno(file)) != 0)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    return VIT_OK;
}

int vit_image_write_png(const char *path, const struct vit_image *image)
{
    char part[4096];
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) /* rename would take a device's place */
        return vit_fail(VIT_EIO, "%s: cannot be written: it is %s", path,
                        S_ISDIR(there.st_mode) ? "a folder" : "not a regular file");
    int length = snprintf(part, sizeof part, "%s.part%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof part)
        return vit_fail(VIT_EINVAL, "%s: path too long", path);
    FILE *file = fopen(part, "wb");
    if (!file)
        return vit_fail(VIT_EIO, "%s: cannot be written: %s", path, strerror(errno));
    int status = write_file(file, path, image);
    if (fclose(file) != 0 && !status)
        status = vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    if (!status && rename(part, path) != 0)
        status = vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    if (status)
        unlink(part);
    return status;
}
