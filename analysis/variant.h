/* SPDX-License-Identifier: MIT */
/* variant.h - one configuration beside its base: what it costs, how fast it is, what it learns. A unit of work that
 * `vitscope sweep` and the reproductions of the paper's Fig. 3, Fig. 7 and table 6 are made of. */
#pragma once

#include "analysis/reproduction.h"

/* What a variant is brought to, by scaling its width and depth (analysis/network_scale.h). */
enum vit_held { VIT_HELD_NOTHING, VIT_HELD_THROUGHPUT, VIT_HELD_MACS, VIT_HELD_PARAMS, VIT_HELD_BYTES };

struct vit_hold {
    enum vit_held what;
    double factor; /* of the base's own */
};

/* "throughput", "macs", "params", "bytes" (compulsory, of one image): as the base; "throughput=1.25": 1.25 times that.
 * VIT_EINVAL without the name of the option. */
int vit_hold_parse(struct vit_hold *hold, const char *text);

/* What a point may be off by, of the value wanted: measured values scatter, counted ones do not. */
double vit_hold_tolerance(const struct vit_hold *hold);

/* Images per forward and threads of times: those of the paper's protocol on CPUs. */
enum { VIT_VARIANT_BATCH = 16 };

/* The context of a unit; its base is options.argument[0], changed by options.set and options.img. */
struct vit_variant {
    const char *change; /* settings that make the variant; "": none */
    struct vit_hold hold;
    bool untimed;     /* no times, no profile: counts and accuracy alone */
    bool train;       /* options are those of a training too */
    int shares_batch; /* images per forward of memory_bound_pct; 0: 1 */
};

/* A unit's measure. Results: params, params_folded, macs, flops, compulsory_bytes (one image, eager graph), live_bytes,
 * base_macs, mhsa_share_pct;
 * images_per_s, base_images_per_s and speed_ratio (folded graph, in pairs with the base, batch VIT_VARIANT_BATCH, one
 * thread); memory_bound_pct (eager graph, one thread); bytes of caches that options.traffic asks for; width_factor,
 * whose source is the network as settings on top of the base, blocks_added, networks_tried, held_ratio; top1_pct. A
 * network that cannot exist has an absent params whose reason says why, and nothing else. */
int vit_variant_measure(struct vit_reproduction *reproduction, const struct vit_unit *unit,
                        struct vit_results *results);
