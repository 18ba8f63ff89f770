/* SPDX-License-Identifier: MIT */
/* fuzz_image.c - libFuzzer target: any bytes must give either an image, all of whose pixels were written, or one
 * message. The program also runs files that it is given as arguments. */
#include "model/base/status.h"
#include "model/data/preprocess.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken promise: %s (last message: %s)\n", what, vit_error());
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct vit_preprocess preprocess = {.size = SIZE,
                                                     .crop_percentage = 0.875,
                                                     .interpolation = VIT_INTERPOLATION_BICUBIC,
                                                     .mean = VIT_IMAGENET_MEAN,
                                                     .std = VIT_IMAGENET_STD};
    struct vit_image image;
    if (vit_image_parse(&image, bytes, size, "input")) {
        require(strncmp(vit_error(), "input: ", 7) == 0, "the message begins with the file's name");
        require(!strchr(vit_error(), '\n'), "the message is one line");
        require(!image.rgb, "a failure leaves no image");
        return 0;
    }
    require(image.width > 0 && image.height > 0 && (int64_t)image.width * image.height <= VIT_IMAGE_MAX_PIXELS,
            "sizes are within the limit");
    vit_real out[3 * SIZE * SIZE];
    if (vit_preprocess_image(&image, &preprocess, out) == VIT_OK)
        for (int i = 0; i < 3 * SIZE * SIZE; i++)
            require(out[i] > -3 && out[i] < 3, "normalised values are in range");
    vit_image_close(&image);
    return 0;
}
