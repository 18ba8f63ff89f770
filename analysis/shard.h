/* SPDX-License-Identifier: MIT */
/* shard.h - a list of independent runs done by several processes or machines that know nothing of each other: the one
 * of --shard i/n does items i, i + n, i + 2n ... of the list. i counts from 0, as the tasks of a Slurm array do:
 * --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT. `vitscope merge` joins their folders. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: all items. */
struct vit_shard {
    int index, count;
};

/* "i/n", 0 <= i < n. VIT_EINVAL says what is wrong with the text, without the name of the option. */
int vit_shard_parse(struct vit_shard *shard, const char *text);

/* Whether the item, counted from 0 over the whole list, is one of this shard. */
static inline bool vit_shard_has(struct vit_shard shard, int64_t item)
{
    return shard.count <= 1 || item % shard.count == shard.index;
}
