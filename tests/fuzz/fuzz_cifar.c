/* SPDX-License-Identifier: MIT */
/* fuzz_cifar.c - libFuzzer target: any bytes, taken as a file of CIFAR-10 and of CIFAR-100, must give either labels in
 * range or one message. The first byte repeats the rest up to 8 times, since a record has 3073 bytes. */
#include "model/base/status.h"
#include "model/data/cifar.h"

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

static void check(const char *path, const struct vit_cifar_format *format, size_t size)
{
    struct vit_cifar_file file;
    const size_t record = (size_t)format->label_bytes + 3072;
    if (vit_cifar_file_open(&file, path, format) != VIT_OK) {
        require(strncmp(vit_error(), path, strlen(path)) == 0, "the message begins with the file's name");
        require(!strchr(vit_error(), '\n'), "the message is one line");
        require(!file.labels && file.descriptor < 0, "a failure leaves nothing open");
        return;
    }
    require((size_t)file.count * record == size, "records fill the file");
    for (int64_t i = 0; i < file.count; i++)
        require(file.labels[i] < format->classes, "labels are in range");
    vit_cifar_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    int file = memfd_create("cifar", 0);
    const int copies = 1 + bytes[0] % 8;
    for (int i = 0; i < copies; i++)
        require(write(file, bytes + 1, size - 1) == (ssize_t)size - 1, "the input can be written to memory");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    check(path, &(const struct vit_cifar_format){1, 10}, (size_t)copies * (size - 1));
    check(path, &(const struct vit_cifar_format){2, 100}, (size_t)copies * (size - 1));
    close(file);
    return 0;
}
