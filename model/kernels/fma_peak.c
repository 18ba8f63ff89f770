/* SPDX-License-Identifier: MIT */
/* fma_peak.c - what the vector units can do at most: multiply-adds that wait for nothing but themselves. As many chains
 * side by side as hide the latency (two units times five cycles), as few as 16 registers hold. */
#include "model/kernel_set.h"
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

enum { CHAINS = 12 };
_Static_assert(CHAINS *VIT_LANES <= VIT_FMA_ROOM, "the callers' arrays hold all chains");

/* x = a x + b, rounds times, for the first values of x, one in each lane; x: (VIT_FMA_ROOM). They start apart in the
 * caller's hands, or compilers would merge the chains. flops: what that took, a multiply-add counted as two. */
void VIT_KERNEL_NAME(fma_peak)(vit_real *x, int64_t *flops, vit_real a, vit_real b, int64_t rounds)
{
    vit_vector chain[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        chain[i] = vit_vector_load(x + i * VIT_LANES);
    const vit_vector va = vit_vector_fill(a), vb = vit_vector_fill(b);
    for (int64_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++)
            chain[i] = chain[i] * va + vb;
    for (int i = 0; i < CHAINS; i++)
        vit_vector_store(x + i * VIT_LANES, chain[i]);
    *flops = 2 * CHAINS * VIT_LANES * rounds;
}
