/* SPDX-License-Identifier: MIT */
/* CIFAR's files: records, labels, names, sizes that cannot be. The files are made here. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/data/dataset.h"
#include "tests/support/file_tree.h"

enum { PIXELS = 32 * 32 };

static char root[FILE_TREE_PATH];

static int make_root(void **state)
{
    (void)state;
    file_tree_open(root, NULL, 0);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    file_tree_close(root);
    return 0;
}

/* `count` records whose labels are first, first + 1, ...; pixel i of plane c of record r is r + 3 i + 50 c. */
static void put_records(const char *name, int label_bytes, int first, int count)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int r = 0; r < count; r++) {
        if (label_bytes == 2)
            fputc(7, file); /* the coarse label must not matter */
        fputc(first + r, file);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < PIXELS; i++)
                fputc((r + 3 * i + 50 * c) & 255, file);
    }
    assert_int_equal(fclose(file), 0);
}

static const char *spec(const char *before, const char *after)
{
    static char text[160];
    snprintf(text, sizeof text, "%s:%s%s", before, root, after);
    return text;
}

static void put_training(int files)
{
    for (int i = 1; i <= files; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        put_records(name, 1, i, i); /* 1, 2, 3, 4, 5 records */
    }
}

static void test_cifar_records_of_all_files_in_order(void **state)
{
    (void)state;
    put_training(5);
    file_tree_write(root, "batches.meta.txt",
                    "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, spec("cifar10", ":train")));
    assert_int_equal(dataset.count, 15);
    assert_int_equal(dataset.classes, 10);
    assert_string_equal(dataset.class_names[9], "truck");
    assert_close(dataset.mean[0], 0.4914, 0);
    int index = 0;
    for (int file = 1; file <= 5; file++)
        for (int r = 0; r < file; r++, index++) {
            struct vit_image image;
            assert_int_equal(vit_dataset_label(&dataset, index), file + r);
            assert_ok(vit_dataset_read(&dataset, index, &image));
            assert_true(image.width == 32 && image.height == 32);
            for (int i = 0; i < PIXELS; i++)
                for (int c = 0; c < 3; c++)
                    assert_int_equal(image.rgb[3 * i + c], (r + 3 * i + 50 * c) & 255);
            vit_image_close(&image);
        }
    assert_non_null(strstr(vit_dataset_path(&dataset, 14), "/data_batch_5.bin"));
    vit_dataset_close(&dataset);
}

static void test_cifar_100_takes_fine_labels(void **state)
{
    (void)state;
    put_records("test.bin", 2, 60, 3);
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, spec("cifar100", "")));
    assert_int_equal(dataset.count, 3);
    assert_int_equal(dataset.classes, 100);
    assert_null(dataset.class_names);
    assert_int_equal(vit_dataset_label(&dataset, 2), 62);
    struct vit_image image;
    assert_ok(vit_dataset_read(&dataset, 2, &image));
    assert_int_equal(image.rgb[0], 2);
    assert_int_equal(image.rgb[3 * PIXELS - 1], (2 + 3 * (PIXELS - 1) + 100) & 255);
    vit_image_close(&image);
    vit_dataset_close(&dataset);
}

static void test_cifar_reports_what_is_wrong(void **state)
{
    (void)state;
    struct vit_dataset dataset;
    assert_fails(vit_dataset_open(&dataset, "cifar10"), VIT_EINVAL, "expected cifar10:PATH[:train|:test]");
    assert_fails(vit_dataset_open(&dataset, spec("cifar10", ":train")), VIT_EIO,
                 "neither data_batch_1.bin nor the folder cifar-10-batches-bin is there");
    put_training(4);
    assert_fails(vit_dataset_open(&dataset, spec("cifar10", ":train")), VIT_EIO, "data_batch_5.bin: No such file");
    file_tree_write(root, "data_batch_5.bin", "short");
    assert_fails(vit_dataset_open(&dataset, spec("cifar10", ":train")), VIT_EFORMAT,
                 "data_batch_5.bin: 5 bytes, which is no whole number of records of 3073");
    file_tree_write(root, "data_batch_5.bin", "");
    assert_fails(vit_dataset_open(&dataset, spec("cifar10", ":train")), VIT_EFORMAT, "data_batch_5.bin: 0 bytes");
    put_records("data_batch_5.bin", 1, 8, 3);
    assert_fails(vit_dataset_open(&dataset, spec("cifar10", ":train")), VIT_EFORMAT,
                 "data_batch_5.bin: label 10 of image 2; expected 0 to 9");
    put_records("data_batch_5.bin", 1, 8, 2);
    file_tree_write(root, "batches.meta.txt", "one\ntwo\n");
    assert_fails(vit_dataset_open(&dataset, spec("cifar10", ":train")), VIT_EFORMAT, "2 names for 10 classes");
    put_records("test.bin", 1, 0, 2); /* CIFAR-10's record is a byte shorter */
    assert_fails(vit_dataset_open(&dataset, spec("cifar100", ":test")), VIT_EFORMAT, "records of 3074");
    assert_null(dataset.def);
}

/* A file that shrinks after it was opened: the image is broken, the dataset is not. */
static void test_cifar_file_that_shrinks_is_an_error(void **state)
{
    (void)state;
    put_records("test_batch.bin", 1, 0, 4);
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, spec("cifar10", ":test")));
    char path[128];
    snprintf(path, sizeof path, "%s/test_batch.bin", root);
    assert_int_equal(truncate(path, 2 * 3073), 0);
    struct vit_image image;
    assert_ok(vit_dataset_read(&dataset, 1, &image));
    vit_image_close(&image);
    assert_fails(vit_dataset_read(&dataset, 2, &image), VIT_EIO, "test_batch.bin: shrank while being read");
    vit_dataset_close(&dataset);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        WITH_ROOT(test_cifar_records_of_all_files_in_order),
        WITH_ROOT(test_cifar_100_takes_fine_labels),
        WITH_ROOT(test_cifar_reports_what_is_wrong),
        WITH_ROOT(test_cifar_file_that_shrinks_is_an_error),
    };
    return cmocka_run_group_tests_name("data/cifar", tests, NULL, NULL);
}
