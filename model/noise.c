/* SPDX-License-Identifier: MIT */
#include "model/noise.h"

enum { PIECES = 4 }; /* of a number */

struct vit_tensor *vit_graph_noise(struct vit_graph *graph)
{
    if (!graph->noise)
        graph->noise = vit_graph_tensor(graph, "noise", VIT_SPACE_INPUT, 1, (int64_t[]){VIT_NOISE_PIECES});
    return graph->noise;
}

static void write_pieces(vit_real *piece, uint64_t number)
{
    for (int i = 0; i < PIECES; i++)
        piece[i] = (vit_real)(number >> (16 * i) & 0xffff);
}

static uint64_t read_pieces(const vit_real *piece)
{
    uint64_t number = 0;
    for (int i = 0; i < PIECES; i++)
        number |= ((uint64_t)(int64_t)piece[i] & 0xffff) << (16 * i);
    return number;
}

void vit_noise_set(struct vit_tensor *noise, uint64_t seed, uint64_t step, struct vit_noise_places places)
{
    if (!noise)
        return;
    write_pieces(noise->data, seed);
    write_pieces(noise->data + PIECES, step);
    write_pieces(noise->data + 2 * PIECES, places.first);
    write_pieces(noise->data + 3 * PIECES, places.half);
    write_pieces(noise->data + 4 * PIECES, places.skip);
}

struct vit_rng vit_noise_at(const struct vit_tensor *noise, int64_t stream, int64_t image)
{
    const uint64_t seed = read_pieces(noise->data), step = read_pieces(noise->data + PIECES);
    const struct vit_noise_places places = {.first = read_pieces(noise->data + 2 * PIECES),
                                            .half = read_pieces(noise->data + 3 * PIECES),
                                            .skip = read_pieces(noise->data + 4 * PIECES)};
    const uint64_t place = places.first + (uint64_t)image + ((uint64_t)image >= places.half ? places.skip : 0);
    struct vit_rng of_step = vit_rng_at(seed, VIT_RNG_NOISE, step);
    return vit_rng_at(vit_rng_next(&of_step), (uint64_t)stream, place);
}
