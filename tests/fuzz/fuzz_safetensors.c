/* SPDX-License-Identifier: MIT */
/* fuzz_safetensors.c - libFuzzer target: any bytes must give either a sound file, all of which can be read, or one
 * message. The program also runs files that it is given as arguments. */
#include "model/base/status.h"
#include "model/weights/names.h"
#include "model/weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken promise: %s (last message: %s)\n", what, vit_error());
    abort();
}

static void read_all(const struct vit_safetensors *file, const struct vit_safetensors_entry *entry)
{
    vit_real values[CHUNK];
    char text[VIT_SAFETENSORS_SHAPE_TEXT], name[VIT_NAME_TEXT];
    const char *const names[] = {entry->name};
    require(vit_safetensors_find(file, entry->name) == entry, "an entry is found by its name");
    vit_safetensors_shape_text(entry, text);
    vit_naming_apply(vit_naming_detect(names, 1), vit_name_unwrapped(entry->name), name);
    require(entry->at + entry->bytes <= file->size, "an entry lies within the file");
    for (int64_t i = 0; i < entry->numel; i += CHUNK) {
        int64_t count = entry->numel - i < CHUNK ? entry->numel - i : CHUNK;
        int status = vit_safetensors_read(entry, i, count, values);
        require((status == VIT_OK) == vit_dtype_table[entry->dtype].loadable, "loadable formats are read");
        if (status)
            break;
    }
    require(vit_safetensors_read(entry, 0, entry->numel + 1, values) != VIT_OK, "reading past the end fails");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct vit_safetensors file;
    int status = vit_safetensors_parse(&file, bytes, size, "input");
    if (status) {
        require(strncmp(vit_error(), "input: ", 7) == 0, "the message begins with the file's name");
        require(!strchr(vit_error(), '\n'), "the message is one line");
        return 0;
    }
    size_t covered = 0;
    for (int i = 0; i < file.n_entry; i++) {
        read_all(&file, &file.entry[i]);
        covered += file.entry[i].bytes;
    }
    for (int i = 0; i < file.n_metadata; i++)
        require(file.metadata[i].key && file.metadata[i].value, "metadata are pairs");
    require(8 + file.header_bytes + covered == size, "entries cover the data");
    vit_safetensors_close(&file);
    return 0;
}
