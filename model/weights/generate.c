/* SPDX-License-Identifier: MIT */
/* generate.c - value i of a tensor is offset + scale * (2u - 1) with u from splitmix64 on the tensor's key and the
 * seed. Ranges keep activations of deep networks in range: uniform weights with the standard deviation gain /
 * sqrt(fan_in). */
#include "model/weights/generate.h"

#include <math.h>
#include <string.h>

static const uint64_t golden = 0x9E3779B97F4A7C15u;

struct range {
    double offset, scale;
};

/* The first row whose text ends the name decides. */
static const struct {
    const char *ending;
    struct range range;
} ranges[] = {
    {"num_batches_tracked", {0, 0}},
    {"running_mean", {0, 0.1}},
    {"running_var", {1, 0.2}},
    {"attention_biases", {0, 0.5}},
    {"relative_position_bias_table", {0, 0.5}},
    {"cls_token", {0, 0.2}},
    {"dist_token", {0, 0.2}},
    {"pos_embed", {0, 0.2}},
    {"bias", {0, 0.1}},
};

enum place { BEGINS, ENDS, CONTAINS };

/* Gains of tensors with two or more dimensions; the first row that fits decides. */
static const struct {
    enum place place;
    const char *text;
    double gain;
} gains[] = {
    {BEGINS, "head", 0.8},           {ENDS, ".m.conv.weight", 0.2},
    {ENDS, "pw2.conv.weight", 0.25}, {ENDS, "proj.1.conv.weight", 0.8},
    {CONTAINS, ".qkvs.", 0.7},       {CONTAINS, ".dws.", 1.5},
    {ENDS, "attn.proj.weight", 0.5}, {ENDS, "mlp.fc2.weight", 0.5},
    {ENDS, "attn.qkv.weight", 1.5},  {BEGINS, "classifier", 0.8},
    {ENDS, "conv_pwl.weight", 0.7},  {CONTAINS, "", 1.4},
};

static bool fits(const char *name, enum place place, const char *text)
{
    size_t length = strlen(name), part = strlen(text);
    if (place == CONTAINS)
        return strstr(name, text) != NULL;
    return part <= length && strncmp(place == BEGINS ? name : name + length - part, text, part) == 0;
}

static struct range find_range(const struct vit_tensor *tensor)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (fits(tensor->name, ENDS, ranges[i].ending))
            return ranges[i].range;
    if (tensor->ndim == 1)
        return (struct range){1, 0.1};
    size_t row = 0;
    while (!fits(tensor->name, gains[row].place, gains[row].text))
        row++;
    double fan_in = 1;
    for (int i = 1; i < tensor->ndim; i++)
        fan_in *= (double)tensor->dim[i];
    return (struct range){0, gains[row].gain * sqrt(3.0 / fan_in)};
}

uint64_t vit_generate_key(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return hash;
}

static void fill(uint64_t state, struct range range, int64_t count, vit_real *values)
{
    for (int64_t i = 0; i < count; i++) {
        state += golden;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        double u = (double)(z >> 11) * 0x1p-53;
        values[i] = (float)(range.offset + range.scale * (2 * u - 1));
    }
}

void vit_generate_tensor(const struct vit_tensor *tensor, uint64_t seed, vit_real *values)
{
    fill(vit_generate_key(tensor->name) ^ (seed * golden), find_range(tensor), vit_numel(tensor), values);
}

void vit_generate_input(uint64_t seed, int64_t count, vit_real *values)
{
    fill(vit_generate_key("input") ^ (seed * golden), (struct range){0, 1}, count, values);
}
