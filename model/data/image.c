/* SPDX-License-Identifier: MIT */
/* image.c - memory of images, reading files, and the choice of the decoder by the first bytes. */
#include "model/data/image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/base/status.h"
#include "model/data/image_codec.h"

/* No image within the pixel limit needs more. */
#define MAX_FILE_BYTES (512LL * 1024 * 1024)

static const uint8_t jpeg_magic[] = {0xff, 0xd8, 0xff};
static const uint8_t png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

int vit_image_open(struct vit_image *image, int width, int height)
{
    *image = (struct vit_image){0};
    if (width < 1 || height < 1)
        return vit_fail(VIT_EINVAL, "image of %d x %d pixels: both sides must be at least 1", width, height);
    if ((int64_t)width * height > VIT_IMAGE_MAX_PIXELS)
        return vit_fail(VIT_EINVAL, "image of %d x %d pixels: at most %d megapixels are supported", width, height,
                        VIT_IMAGE_MAX_PIXELS / (1024 * 1024));
    image->rgb = malloc((size_t)width * (size_t)height * 3);
    if (!image->rgb)
        return vit_fail(VIT_ENOMEM, "image of %d x %d pixels: out of memory", width, height);
    image->width = width;
    image->height = height;
    return VIT_OK;
}

void vit_image_close(struct vit_image *image)
{
    free(image->rgb);
    *image = (struct vit_image){0};
}

static bool starts_with(const uint8_t *bytes, size_t size, const uint8_t *magic, size_t magic_size)
{
    return size >= magic_size && memcmp(bytes, magic, magic_size) == 0;
}

int vit_image_parse(struct vit_image *image, const uint8_t *bytes, size_t size, const char *name)
{
    *image = (struct vit_image){0};
    if (size == 0)
        return vit_fail(VIT_EFORMAT, "%s: empty file; expected a JPEG or PNG image", name);
    if (starts_with(bytes, size, jpeg_magic, sizeof jpeg_magic))
        return vit_image_parse_jpeg(image, bytes, size, name);
    if (starts_with(bytes, size, png_magic, sizeof png_magic))
        return vit_image_parse_png(image, bytes, size, name);
    char start[3 * 4 + 1] = "";
    for (size_t i = 0; i < 4 && i < size; i++)
        snprintf(start + 3 * i, sizeof start - 3 * i, " %02x", bytes[i]);
    return vit_fail(VIT_EFORMAT, "%s: neither JPEG nor PNG (starts with%s)", name, start);
}

static int read_bytes(FILE *file, const char *path, uint8_t **bytes, size_t *size)
{
    struct stat info;
    if (fstat(fileno(file), &info) != 0)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return vit_fail(VIT_EIO, "%s: not a regular file; expected a JPEG or PNG image", path);
    if (info.st_size > MAX_FILE_BYTES)
        return vit_fail(VIT_EFORMAT, "%s: %lld bytes, image files of at most %lld are read", path,
                        (long long)info.st_size, MAX_FILE_BYTES);
    *size = (size_t)info.st_size;
    *bytes = malloc(*size + 1); /* malloc(0) may be NULL */
    if (!*bytes)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    if (fread(*bytes, 1, *size, file) == *size)
        return VIT_OK;
    int status = vit_fail(VIT_EIO, "%s: %s", path, ferror(file) ? strerror(errno) : "shrank while being read");
    free(*bytes);
    return status;
}

int vit_image_read(struct vit_image *image, const char *path)
{
    *image = (struct vit_image){0};
    struct stat info;
    if (stat(path, &info) == 0 && S_ISFIFO(info.st_mode)) /* opening it would wait for a writer */
        return vit_fail(VIT_EIO, "%s: not a regular file; expected a JPEG or PNG image", path);
    FILE *file = fopen(path, "rb");
    if (!file)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    uint8_t *bytes = NULL;
    size_t size = 0;
    int status = read_bytes(file, path, &bytes, &size);
    fclose(file);
    if (status)
        return status;
    status = vit_image_parse(image, bytes, size, path);
    free(bytes);
    return status;
}
