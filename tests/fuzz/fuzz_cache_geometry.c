/* SPDX-License-Identifier: MIT */
/* fuzz_cache_geometry.c - libFuzzer target: any text must give either caches that can be modelled, and that survive
 * being written and read again, or one message. */
#include "model/base/status.h"
#include "probes/cache_geometry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken promise: %s (last message: %s)\n", what, vit_error());
    abort();
}

static void check(const struct vit_cache_geometry *geometry)
{
    struct vit_cache_geometry again;
    char text[VIT_CACHE_TEXT];
    vit_cache_geometry_text(geometry, text);
    require(vit_cache_geometry_parse(&again, text) == VIT_OK, "the text can be read again");
    require(geometry->n >= 1 && geometry->n <= VIT_CACHE_LEVELS && again.n == geometry->n, "the number of levels");
    for (int i = 0; i < geometry->n; i++) {
        const struct vit_cache_level *level = &geometry->level[i], *same = &again.level[i];
        require(level->number == same->number && level->bytes == same->bytes && level->ways == same->ways,
                "the levels are the same");
        const int64_t sets = vit_cache_level_sets(level);
        require(sets >= 1 && sets * level->ways * VIT_LINE_BYTES == level->bytes, "sets and ways make the size");
        struct vit_cache_level binary = vit_cache_level_binary(level);
        const int64_t power = vit_cache_level_sets(&binary);
        require(power >= 1 && (power & (power - 1)) == 0 && power * binary.ways * VIT_LINE_BYTES == level->bytes,
                "the same size in a power of two of sets");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct vit_cache_geometry geometry;
    char *text = malloc(size + 1);
    require(text != NULL, "there is memory");
    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    if (vit_cache_geometry_parse(&geometry, text) == VIT_OK) {
        check(&geometry);
    } else {
        require(strncmp(vit_error(), "caches: ", 8) == 0, "the message begins with its subject");
        require(!strchr(vit_error(), '\n'), "the message is one line");
    }
    free(text);
    return 0;
}
