/* SPDX-License-Identifier: MIT */
/* synthetic.c - images from numbers alone: striped patterns whose direction and width tell the class, with random
 * colours, phase, size and noise. Integer arithmetic only, so that every machine makes the same images. */
#include "model/data/dataset.h"

#include <errno.h>
#include <stdlib.h>

#include "model/base/status.h"

#define CLASSES 10
#define DEFAULT_COUNT 256
#define MAX_COUNT 100000000LL
#define MIN_SIDE 160
#define SIDES 161 /* sides 160 to 320 */

struct state {
    uint64_t seed;
};

/* SplitMix64: the state is a counter, so that image i needs no image before it. */
static uint64_t draw(uint64_t *counter)
{
    uint64_t z = *counter += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Phase per pixel to the right and down, in 1/1024 of a stripe pair. */
static const int directions[CLASSES][2] = {{40, 0},  {0, 40}, {28, 28}, {28, -28}, {36, 18},
                                           {18, 36}, {90, 0}, {0, 90},  {64, 64},  {64, -64}};

/* Triangle wave: 0 to 255 and back over a phase of 1024. */
static int wave(int phase)
{
    int position = phase & 1023;
    int rising = position < 512 ? position : 1023 - position;
    return rising / 2;
}

static int label_of(const struct vit_dataset *dataset, int64_t index)
{
    (void)dataset;
    return (int)(index % CLASSES);
}

static int draw_image(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    const struct state *state = dataset->state;
    uint64_t counter = state->seed * 0xd1342543de82ef95u + (uint64_t)index * 0x2545f4914f6cdd1du;
    int width = MIN_SIDE + (int)(draw(&counter) % SIDES), height = MIN_SIDE + (int)(draw(&counter) % SIDES);
    int status = vit_image_open(image, width, height);
    if (status)
        return status;
    const int *step = directions[label_of(dataset, index)];
    int phase = (int)(draw(&counter) % 1024), colors[2][3];
    for (int c = 0; c < 6; c++)
        colors[c / 3][c % 3] = (int)(draw(&counter) % 256);
    uint8_t *rgb = image->rgb;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int share = wave(phase + x * step[0] + y * step[1]);
            uint64_t noise = draw(&counter);
            for (int c = 0; c < 3; c++, noise >>= 8) {
                int value = (colors[0][c] * share + colors[1][c] * (255 - share)) / 255 + (int)(noise % 32) - 16;
                *rgb++ = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
    return VIT_OK;
}

/* A whole number from 1 to max before `end`; 0 when it is none. */
static long long parse_number(const char *text, char **end, long long max)
{
    errno = 0;
    long long value = strtoll(text, end, 10);
    return errno || *end == text || value < 1 || value > max ? 0 : value;
}

static int open_synthetic(struct vit_dataset *dataset, const char *argument)
{
    long long count = DEFAULT_COUNT, seed = 1;
    if (*argument) {
        char *end = NULL;
        count = parse_number(argument, &end, MAX_COUNT);
        if (count && *end == ':')
            seed = parse_number(end + 1, &end, INT64_MAX);
        if (!count || !seed || *end)
            return vit_fail(VIT_EINVAL, "dataset synthetic:%s: expected synthetic[:COUNT[:SEED]], whole numbers from 1",
                            argument);
    }
    struct state *state = malloc(sizeof *state);
    if (!state)
        return vit_fail(VIT_ENOMEM, "dataset synthetic: out of memory");
    state->seed = (uint64_t)seed;
    dataset->state = state;
    dataset->count = count;
    dataset->classes = CLASSES;
    return VIT_OK;
}

static void close_synthetic(struct vit_dataset *dataset)
{
    free(dataset->state);
}

const struct vit_dataset_def vit_dataset_synthetic = {
    .name = "synthetic",
    .argument = "[:COUNT[:SEED]]",
    .summary = "striped patterns in 10 classes, made from numbers; no files needed",
    .open = open_synthetic,
    .read = draw_image,
    .label = label_of,
    .close = close_synthetic,
};
