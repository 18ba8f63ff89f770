/* SPDX-License-Identifier: MIT */
/* fuzz_safetensors.c - libFuzzer target: any bytes must give either a sound file, all of which can be read, or one
 * message. With -DVIT_FUZZ_REPLAY it is a plain program that runs the files given as arguments. */
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

#ifdef VIT_FUZZ_REPLAY
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *stream = fopen(argv[i], "rb");
        if (!stream) {
            perror(argv[i]);
            return 1;
        }
        size_t capacity = 1 << 20, size = 0, got;
        uint8_t *bytes = malloc(capacity);
        while (bytes && (got = fread(bytes + size, 1, capacity - size, stream)) > 0)
            if ((size += got) == capacity)
                bytes = realloc(bytes, capacity *= 2);
        fclose(stream);
        if (!bytes)
            return 1;
        LLVMFuzzerTestOneInput(bytes, size);
        free(bytes);
    }
    printf("%d files: no failure\n", argc - 1);
    return 0;
}
#endif
