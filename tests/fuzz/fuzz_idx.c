/* SPDX-License-Identifier: MIT */
/* fuzz_idx.c - libFuzzer target: any bytes, taken as an idx file in memory and as a file that may be compressed, must
 * give either all values or one message. The program also runs files that it is given as arguments. */
#include "model/base/status.h"
#include "model/data/idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken promise: %s (last message: %s)\n", what, vit_error());
    abort();
}

static void check(struct vit_idx *idx, int status, const char *name)
{
    if (status) {
        require(strncmp(vit_error(), name, strlen(name)) == 0, "the message begins with the file's name");
        require(!strchr(vit_error(), '\n'), "the message is one line");
        require(!idx->values, "a failure leaves no values");
        return;
    }
    size_t count = 1;
    unsigned sum = 0;
    for (int d = 0; d < VIT_IDX_MAX_DIMS; d++)
        count *= (size_t)idx->size[d];
    for (size_t i = 0; i < count; i++)
        sum += idx->values[i];
    require(sum <= 255u * count, "values can be read");
    vit_idx_close(idx);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct vit_idx idx = {0};
    check(&idx, vit_idx_parse(&idx, bytes, size, "input"), "input: ");
    int file = memfd_create("idx", 0);
    require(file >= 0 && write(file, bytes, size) == (ssize_t)size, "the input can be written to memory");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    check(&idx, vit_idx_read(&idx, path), path);
    close(file);
    return 0;
}
