/* SPDX-License-Identifier: MIT */
/* fuzz_config.c - libFuzzer target: settings, as a weight file may tell them. The first byte picks the family. Any text
 * gives either a configuration whose own text gives it again, or one message and no change. */
#include "model/base/status.h"
#include "model/zoo/model.h"

#include <stdint.h>
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

static const struct vit_model_def *variant(uint8_t letter)
{
    return vit_model_find(letter % 3 == 0 ? "deit_nano" : letter % 3 == 1 ? "swin_nano" : "efficientvit_nano");
}

static void check(const struct vit_model_config *config, const struct vit_model_def *from)
{
    struct vit_model_config again = from->config;
    const char *family = from->family->name;
    char *text = vit_config_text(config, family);
    require(text != NULL, "the configuration has a text");
    require(vit_config_set(&again, family, text) == VIT_OK, "the text can be read again");
    char *same = vit_config_text(&again, family);
    require(same && strcmp(text, same) == 0, "the text is of the same configuration");
    if (vit_config_check(config, family) != VIT_OK)
        require(!strchr(vit_error(), '\n'), "the message is one line");
    free(text);
    free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct vit_model_def *from = variant(size > 0 ? bytes[0] : 0);
    struct vit_model_config config = from->config;
    char *text = calloc(size + 1, 1);
    require(text != NULL, "there is memory");
    if (size > 1)
        memcpy(text, bytes + 1, size - 1);
    if (vit_config_set(&config, from->family->name, text) == VIT_OK) {
        check(&config, from);
    } else {
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): not a byte */
        require(memcmp(&config, &from->config, sizeof config) == 0, "nothing has changed");
        require(!strchr(vit_error(), '\n'), "the message is one line");
    }
    free(text);
    return 0;
}
