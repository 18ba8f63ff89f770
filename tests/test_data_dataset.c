/* SPDX-License-Identifier: MIT */
/* Kinds of datasets: specs, folders, Fashion-MNIST (skipped when its package is missing), synthetic images, batches. */
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/dataset.h"

static const struct vit_preprocess preprocess = {.size = 32,
                                                 .crop_percentage = 0.875,
                                                 .interpolation = VIT_INTERPOLATION_BICUBIC,
                                                 .crop_mode = VIT_CROP_CENTER,
                                                 .mean = VIT_IMAGENET_MEAN,
                                                 .std = VIT_IMAGENET_STD};

static char root[64];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/vit_dataset_XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static void remove_tree(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char child[512];
        snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0 && unlink(child) != 0)
            remove_tree(child);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    rmdir(path);
}

static int remove_root(void **state)
{
    (void)state;
    remove_tree(root);
    return 0;
}

/* A file under the root whose first pixel is `value`; broken when value < 0. Folders on the way are made. */
static void put(const char *name, int value)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    if (value < 0) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs("no image", file);
        fclose(file);
        return;
    }
    uint8_t rgb[3 * 2 * 2];
    memset(rgb, value, sizeof rgb);
    assert_ok(vit_image_write_png(path, &(struct vit_image){2, 2, rgb}));
}

static void check_image(const struct vit_dataset *dataset, int64_t index, int value, int label)
{
    struct vit_image image;
    assert_ok(vit_dataset_read(dataset, index, &image));
    assert_int_equal(image.rgb[0], value);
    assert_int_equal(vit_dataset_label(dataset, index), label);
    vit_image_close(&image);
}

static void test_dataset_flat_folder_has_no_labels(void **state)
{
    (void)state;
    put("b.png", 2);
    put("a.PNG", 1);
    put("c.jpeg", 3); /* the name does not matter, only the bytes do */
    put("notes.txt", -1);
    put(".hidden.png", 9);
    put("sub/d.png", 4);
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, root));
    assert_int_equal(dataset.count, 3);
    assert_int_equal(dataset.ignored, 2); /* notes.txt and sub; hidden files do not count */
    assert_int_equal(dataset.classes, 0);
    check_image(&dataset, 0, 1, -1);
    check_image(&dataset, 1, 2, -1);
    check_image(&dataset, 2, 3, -1);
    struct vit_image image;
    assert_fails(vit_dataset_read(&dataset, 3, &image), VIT_EINVAL, "there are images 0 to 2");
    vit_dataset_close(&dataset);
}

static void test_dataset_subfolders_are_classes(void **state)
{
    (void)state;
    put("n02/x.png", 20);
    put("n01/z.png", 11);
    put("n01/y.png", 10);
    put("n01/deeper/w.png", 99);
    put("n03/readme", -1);
    put("README", -1);
    char spec[128];
    snprintf(spec, sizeof spec, "folder:%s/", root);
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, spec));
    assert_int_equal(dataset.count, 3);
    assert_int_equal(dataset.ignored, 3); /* deeper, n03/readme, README */
    assert_int_equal(dataset.classes, 3);
    assert_string_equal(dataset.class_names[0], "n01");
    assert_string_equal(dataset.class_names[2], "n03");
    check_image(&dataset, 0, 10, 0);
    check_image(&dataset, 1, 11, 0);
    check_image(&dataset, 2, 20, 1);
    vit_dataset_close(&dataset);
}

static void test_dataset_single_file_is_a_dataset_of_one(void **state)
{
    (void)state;
    put("no_ending", 7);
    char path[128];
    snprintf(path, sizeof path, "%s/no_ending", root);
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, path));
    assert_int_equal(dataset.count, 1);
    check_image(&dataset, 0, 7, -1);
    vit_dataset_close(&dataset);
}

static void test_dataset_batch_names_the_broken_image(void **state)
{
    (void)state;
    put("a.png", 1);
    put("b.png", -1);
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, root));
    vit_real out[2 * 3 * 32 * 32];
    struct vit_batch batch = {.first = 0, .count = 2, .preprocess = &preprocess, .images = out};
    char text[128];
    snprintf(text, sizeof text, "%s/b.png: neither JPEG nor PNG", root);
    assert_fails(vit_dataset_batch(&dataset, &batch), VIT_EFORMAT, text);
    vit_dataset_close(&dataset);
}

static void test_dataset_reports_bad_specs(void **state)
{
    (void)state;
    struct vit_dataset dataset;
    assert_fails(vit_dataset_open(&dataset, "nosuch"), VIT_EINVAL,
                 "fashion-mnist, cifar10, cifar100, imagenet, idx, folder, synthetic");
    assert_fails(vit_dataset_open(&dataset, root), VIT_EFORMAT, "no .jpg, .jpeg or .png images");
    assert_fails(vit_dataset_open(&dataset, "folder"), VIT_EINVAL, "folder:PATH");
    assert_fails(vit_dataset_open(&dataset, "folder:/nonexistent"), VIT_EIO, "/nonexistent: No such file");
    assert_fails(vit_dataset_open(&dataset, "synthetic:x"), VIT_EINVAL, "synthetic[:COUNT[:SEED]]");
    assert_fails(vit_dataset_open(&dataset, "synthetic:0"), VIT_EINVAL, "synthetic[:COUNT[:SEED]]");
    assert_fails(vit_dataset_open(&dataset, "idx:/tmp/x"), VIT_EINVAL, "must contain \"images\"");
    assert_fails(vit_dataset_open(&dataset, "fashion-mnist:train:/nonexistent"), VIT_EIO,
                 "there are test, train, and folders");
    assert_null(dataset.def);
}

static void put_bytes(const char *name, const uint8_t *bytes, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void test_dataset_idx_pairs_images_with_labels(void **state)
{
    (void)state;
    static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 5, 6, 7, 8};
    static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 1}, three[] = {0, 0, 8, 1, 0, 0, 0, 3, 3, 1, 0};
    put_bytes("x-images-idx3-ubyte", images, sizeof images);
    put_bytes("x-labels-idx1-ubyte", labels, sizeof labels);
    char spec[128];
    snprintf(spec, sizeof spec, "idx:%s/x-images-idx3-ubyte", root);
    struct vit_dataset dataset;
    assert_ok(vit_dataset_open(&dataset, spec));
    assert_int_equal(dataset.count, 2);
    assert_int_equal(dataset.classes, 4);
    check_image(&dataset, 0, 5, 3);
    check_image(&dataset, 1, 7, 1);
    vit_dataset_close(&dataset);
    put_bytes("x-labels-idx1-ubyte", three, sizeof three);
    assert_fails(vit_dataset_open(&dataset, spec), VIT_EFORMAT, "3 labels for the 2 images");
}

/* Sums and labels were computed with Python's gzip and struct from the files of the package. */
static void test_dataset_fashion_mnist_is_read(void **state)
{
    (void)state;
    struct vit_dataset dataset;
    if (vit_dataset_open(&dataset, "fashion-mnist") != VIT_OK) {
        print_message("skipped: %s\n", vit_error());
        skip();
    }
    assert_int_equal(dataset.count, 10000);
    assert_int_equal(dataset.classes, 10);
    assert_string_equal(dataset.class_names[9], "Ankle boot");
    static const struct {
        int index, label;
        long sum;
    } expected[] = {{0, 9, 33456}, {1, 2, 100994}, {4999, 7, 27552}, {9999, 5, 24390}};
    for (size_t e = 0; e < sizeof expected / sizeof expected[0]; e++) {
        struct vit_image image;
        assert_ok(vit_dataset_read(&dataset, expected[e].index, &image));
        long sum = 0;
        for (int i = 0; i < 28 * 28; i++) {
            sum += image.rgb[3 * i];
            assert_int_equal(image.rgb[3 * i], image.rgb[3 * i + 2]);
        }
        assert_int_equal(sum, expected[e].sum);
        assert_int_equal(vit_dataset_label(&dataset, expected[e].index), expected[e].label);
        vit_image_close(&image);
    }
    vit_dataset_close(&dataset);
}

static void test_dataset_synthetic_is_deterministic(void **state)
{
    (void)state;
    struct vit_dataset dataset, other;
    struct vit_image image, again, different;
    assert_ok(vit_dataset_open(&dataset, "synthetic:30:5"));
    assert_ok(vit_dataset_open(&other, "synthetic:30:6"));
    assert_int_equal(dataset.count, 30);
    assert_int_equal(vit_dataset_label(&dataset, 27), 7);
    assert_ok(vit_dataset_read(&dataset, 27, &image));
    assert_ok(vit_dataset_read(&dataset, 27, &again));
    assert_ok(vit_dataset_read(&other, 27, &different));
    assert_int_equal(image.width, again.width);
    assert_memory_equal(image.rgb, again.rgb, 3 * (size_t)image.width * (size_t)image.height);
    size_t shared = 3 * (size_t)160 * 160; /* both have at least this many values */
    assert_memory_not_equal(image.rgb, different.rgb, shared);
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < 3 * (size_t)image.width * (size_t)image.height; i++)
        hash = (hash ^ image.rgb[i]) * 0x100000001b3u;
    assert_true(hash == 0xdb7e054b4e86176bu); /* from the same formulas in Python */
    vit_image_close(&image);
    vit_image_close(&again);
    vit_image_close(&different);
    vit_dataset_close(&dataset);
    vit_dataset_close(&other);
}

static void test_dataset_batch_equals_single_images(void **state)
{
    (void)state;
    struct vit_dataset dataset;
    enum { SIZE = 3 * 32 * 32 };
    vit_real together[3 * SIZE], single[SIZE];
    int labels[3];
    assert_ok(vit_dataset_open(&dataset, "synthetic:12"));
    struct vit_batch batch = {.first = 9, .count = 3, .preprocess = &preprocess, .images = together, .labels = labels};
    assert_ok(vit_dataset_batch(&dataset, &batch));
    for (int i = 0; i < 3; i++) {
        struct vit_image image;
        assert_ok(vit_dataset_read(&dataset, 9 + i, &image));
        assert_ok(vit_preprocess_image(&image, &preprocess, single));
        assert_memory_equal(together + i * SIZE, single, sizeof single);
        assert_int_equal(labels[i], (9 + i) % 10);
        vit_image_close(&image);
    }
    batch.first = 10;
    assert_fails(vit_dataset_batch(&dataset, &batch), VIT_EINVAL, "image 12; there are images 0 to 11");
    vit_dataset_close(&dataset);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        WITH_ROOT(test_dataset_flat_folder_has_no_labels),
        WITH_ROOT(test_dataset_subfolders_are_classes),
        WITH_ROOT(test_dataset_single_file_is_a_dataset_of_one),
        WITH_ROOT(test_dataset_batch_names_the_broken_image),
        WITH_ROOT(test_dataset_reports_bad_specs),
        WITH_ROOT(test_dataset_idx_pairs_images_with_labels),
        cmocka_unit_test(test_dataset_fashion_mnist_is_read),
        cmocka_unit_test(test_dataset_synthetic_is_deterministic),
        cmocka_unit_test(test_dataset_batch_equals_single_images),
    };
    return cmocka_run_group_tests_name("data/dataset", tests, NULL, NULL);
}
