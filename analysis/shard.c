/* SPDX-License-Identifier: MIT */
#include "analysis/shard.h"

#include "model/base/status.h"

#include <ctype.h>
#include <stdlib.h>

enum { MOST_SHARDS = 1000000 };

/* A whole number at *text, which moves behind it; -1: there is none, or it is too large. */
static long number(const char **text)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return -1;
    const long value = strtol(*text, &end, 10);
    *text = end;
    return value <= MOST_SHARDS ? value : -1;
}

int vit_shard_parse(struct vit_shard *shard, const char *text)
{
    const char *at = text;
    const long index = number(&at), count = *at == '/' ? (at++, number(&at)) : -1;
    if (index < 0 || count < 1 || *at)
        return vit_fail(VIT_EINVAL, "%s: takes I/N, the number of a shard and how many there are: 0/4 to 3/4", text);
    if (index >= count)
        return vit_fail(VIT_EINVAL, "%s: shards are counted from 0, the last of %ld is %ld/%ld", text, count, count - 1,
                        count);
    *shard = (struct vit_shard){(int)index, (int)count};
    return VIT_OK;
}
