/* SPDX-License-Identifier: MIT */
/* image_jpeg.c - JPEG decoding with libjpeg: baseline and progressive, gray, YCbCr, RGB, CMYK and YCCK.
 * libjpeg's defaults (accurate integer DCT, smooth chroma upsampling) are PIL's too. */
#include "model/data/image_codec.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

#include "model/base/status.h"

/* Real files have about ten; thousands of scans in a small file are an attack on time. */
#define MAX_SCANS 500

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const char *name;
    int status;
};

static void fail_by_error(j_common_ptr jpeg)
{
    struct decoder *decoder = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    decoder->status = vit_fail(VIT_EFORMAT, "%s: broken JPEG: %s", decoder->name, text);
    longjmp(decoder->failed, 1);
}

/* Like PIL, goes on after warnings, but for a file that ends early. */
static void judge_warning(j_common_ptr jpeg, int level)
{
    struct decoder *decoder = jpeg->client_data;
    if (level >= 0 || jpeg->err->msg_code != JWRN_JPEG_EOF)
        return;
    decoder->status = vit_fail(VIT_EFORMAT, "%s: truncated JPEG: the file ends before its end marker", decoder->name);
    longjmp(decoder->failed, 1);
}

static void limit_scans(j_common_ptr jpeg)
{
    struct decoder *decoder = jpeg->client_data;
    if (decoder->jpeg.input_scan_number <= MAX_SCANS)
        return;
    decoder->status = vit_fail(VIT_EFORMAT, "%s: broken JPEG: more than %d scans", decoder->name, MAX_SCANS);
    longjmp(decoder->failed, 1);
}

/* a * b / 255, rounded to nearest, for 0 <= a, b <= 255. */
static int scale_255(int a, int b)
{
    int product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

/* Adobe stores CMYK inverted, and PIL takes all CMYK files for Adobe's: a sample is 255 - ink. */
static void convert_cmyk(const uint8_t *cmyk /* (width, 4) */, uint8_t *rgb /* (width, 3) */, int width)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) {
            int paper = cmyk[4 * x + 3];
            int value = paper - scale_255(255 - cmyk[4 * x + c], paper);
            rgb[3 * x + c] = (uint8_t)(value < 0 ? 0 : value);
        }
}

static void read_rows(struct decoder *decoder, struct vit_image *image)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    JSAMPROW inks = NULL;
    if (jpeg->out_color_space == JCS_CMYK) /* lives in libjpeg's pool, so that longjmp cannot lose it */
        inks = jpeg->mem->alloc_large((j_common_ptr)jpeg, JPOOL_IMAGE, (size_t)image->width * 4);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rgb = image->rgb + (size_t)jpeg->output_scanline * (size_t)image->width * 3;
        JSAMPROW row = inks ? inks : rgb;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (inks)
            convert_cmyk(inks, rgb, image->width);
    }
}

static int decode(struct decoder *decoder, struct vit_image *image, const uint8_t *bytes, size_t size)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &decoder->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)size);
    jpeg_read_header(jpeg, TRUE);
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    int status = vit_image_open(image, (int)jpeg->image_width, (int)jpeg->image_height);
    if (status)
        return vit_fail_in(status, "%s", decoder->name);
    jpeg_start_decompress(jpeg);
    read_rows(decoder, image);
    jpeg_finish_decompress(jpeg);
    return VIT_OK;
}

int vit_image_parse_jpeg(struct vit_image *image, const uint8_t *bytes, size_t size, const char *name)
{
    struct decoder decoder = {.name = name};
    decoder.jpeg.err = jpeg_std_error(&decoder.errors);
    decoder.jpeg.client_data = &decoder;
    decoder.errors.error_exit = fail_by_error;
    decoder.errors.emit_message = judge_warning;
    decoder.progress.progress_monitor = limit_scans;
    if (setjmp(decoder.failed) == 0)
        decoder.status = decode(&decoder, image, bytes, size);
    jpeg_destroy_decompress(&decoder.jpeg);
    if (decoder.status)
        vit_image_close(image);
    return decoder.status;
}
