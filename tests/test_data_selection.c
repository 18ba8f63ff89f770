/* SPDX-License-Identifier: MIT */
/* Parts of datasets: shares that complement one another, limits spread over classes; ImageNet's folders. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/dataset.h"
#include "tests/support/file_tree.h"

/* Images are told apart by size and first pixel. */
static int64_t identify(const struct vit_dataset *dataset, int64_t index)
{
    struct vit_image image;
    assert_ok(vit_dataset_read(dataset, index, &image));
    int64_t id = ((int64_t)image.width * 1000 + image.height) * 16777216 + image.rgb[0] * 65536 + image.rgb[1] * 256 +
                 image.rgb[2];
    vit_image_close(&image);
    return id;
}

static void test_selection_shares_are_complements(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"synthetic:103@train=0.9", "synthetic:103@val=0.1"},
                                           {"synthetic:103@train=0.1,seed=4", "synthetic:103@val=0.9,seed=4"},
                                           {"synthetic:103@train=0.7", "synthetic:103@seed=1,val=0.3"},
                                           {"synthetic:50@train=0.1", "synthetic:50@val=0.9"}};
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
        struct vit_dataset whole, part[2];
        int64_t at[2] = {0}, of_class[10] = {0};
        assert_ok(vit_dataset_open(&whole, p < 3 ? "synthetic:103" : "synthetic:50"));
        for (int i = 0; i < 2; i++)
            assert_ok(vit_dataset_open(&part[i], pairs[p][i]));
        assert_int_equal(part[0].count + part[1].count, whole.count);
        assert_int_equal(part[0].classes, 10);
        for (int64_t i = 0; i < whole.count; i++) { /* both are in the order of the whole */
            const int64_t id = identify(&whole, i);
            const int in = at[0] < part[0].count && identify(&part[0], at[0]) == id ? 0 : 1;
            assert_true(at[in] < part[in].count);
            assert_true(identify(&part[in], at[in]) == id);
            assert_int_equal(vit_dataset_label(&part[in], at[in]), vit_dataset_label(&whole, i));
            of_class[vit_dataset_label(&whole, i)] += in == 0;
            at[in]++;
        }
        for (int c = 1; c < 10; c++) /* classes of 10 or 11 images: at most one image of difference */
            assert_true(llabs(of_class[c] - of_class[0]) <= 1);
        for (int i = 0; i < 2; i++)
            vit_dataset_close(&part[i]);
        vit_dataset_close(&whole);
    }
}

static void test_selection_depends_on_the_seed(void **state)
{
    (void)state;
    struct vit_dataset a, b;
    assert_ok(vit_dataset_open(&a, "synthetic:200@train=0.5"));
    assert_ok(vit_dataset_open(&b, "synthetic:200@train=0.5,seed=2"));
    int different = 0;
    for (int64_t i = 0; i < 100; i++)
        different += identify(&a, i) != identify(&b, i);
    assert_true(different > 50);
    vit_dataset_close(&a);
    vit_dataset_close(&b);
}

static void test_selection_first_is_spread_over_classes(void **state)
{
    (void)state;
    struct vit_dataset dataset;
    int of_class[10] = {0};
    assert_ok(vit_dataset_open(&dataset, "synthetic:200@train=0.5,first=34"));
    assert_int_equal(dataset.count, 34);
    for (int64_t i = 0; i < 34; i++)
        of_class[vit_dataset_label(&dataset, i)]++;
    for (int c = 0; c < 10; c++)
        assert_int_equal(of_class[c], c < 4 ? 4 : 3);
    struct vit_image image;
    assert_fails(vit_dataset_read(&dataset, 34, &image), VIT_EINVAL,
                 "dataset synthetic: image 34; there are images 0 to 33");
    vit_dataset_close(&dataset);
    assert_ok(vit_dataset_open(&dataset, "synthetic:20@first=1000"));
    assert_int_equal(dataset.count, 20);
    vit_dataset_close(&dataset);
}

static void test_selection_reports_bad_texts(void **state)
{
    (void)state;
    struct vit_dataset dataset;
    assert_fails(vit_dataset_open(&dataset, "synthetic:20@train=2"), VIT_EINVAL,
                 "train=2: takes a number from 1e-06 to 1");
    assert_fails(vit_dataset_open(&dataset, "synthetic:20@first=1.5"), VIT_EINVAL, "first=1.5: takes a whole number");
    assert_fails(vit_dataset_open(&dataset, "synthetic:20@last=3"), VIT_EINVAL, "last=3: not known; there are train=");
    assert_fails(vit_dataset_open(&dataset, "synthetic:20@train=0.5,val=0.5"), VIT_EINVAL, "either train or val");
    assert_fails(vit_dataset_open(&dataset, "synthetic:20@train=0.01"), VIT_EINVAL, "nothing is left of 20 images");
    assert_fails(vit_dataset_open(&dataset, "nosuch@first=3"), VIT_EINVAL, "dataset nosuch: no such file");
    assert_null(dataset.def);
}

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

static void put(const char *name, int value)
{
    uint8_t rgb[12];
    char path[256];
    memset(rgb, value, sizeof rgb);
    file_tree_write(root, name, ""); /* makes its folders */
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_ok(vit_image_write_png(path, &(struct vit_image){2, 2, rgb}));
}

static const char *spec(const char *after)
{
    static char text[160];
    snprintf(text, sizeof text, "imagenet:%s%s", root, after);
    return text;
}

static void test_imagenet_val_has_the_classes_of_train(void **state)
{
    (void)state;
    struct vit_dataset dataset;
    assert_fails(vit_dataset_open(&dataset, spec(":train")), VIT_EIO, "/train: no such folder; expected");
    put("train/n01/a.png", 1);
    put("train/n02/a.png", 2);
    put("train/n03/a.png", 3);
    put("train/n03/b.png", 4);
    put("val/n03/x.png", 33);
    put("val/n01/y.png", 11);
    file_tree_write(root, "LOC_synset_mapping.txt", "n01 tench, Tinca tinca\nn03 great white shark\n");
    assert_ok(vit_dataset_open(&dataset, spec(":train")));
    assert_int_equal(dataset.count, 4);
    assert_int_equal(dataset.classes, 3);
    assert_string_equal(dataset.class_names[0], "tench, Tinca tinca");
    assert_string_equal(dataset.class_names[1], "n02");
    vit_dataset_close(&dataset);
    assert_ok(vit_dataset_open(&dataset, spec("")));
    assert_int_equal(dataset.count, 2); /* none of train's images for n02 */
    assert_int_equal(dataset.classes, 3);
    assert_int_equal(vit_dataset_label(&dataset, 1), 2);
    assert_non_null(strstr(vit_dataset_path(&dataset, 1), "/val/n03/x.png"));
    struct vit_image image;
    assert_ok(vit_dataset_read(&dataset, 1, &image));
    assert_int_equal(image.rgb[0], 33);
    vit_image_close(&image);
    vit_dataset_close(&dataset);
    put("val/n04/z.png", 44);
    assert_fails(vit_dataset_open(&dataset, spec(":val")), VIT_EFORMAT, "/val/n04: no such class in");
    put("val/z.png", 44);
    assert_fails(vit_dataset_open(&dataset, spec(":val")), VIT_EFORMAT,
                 "images lie here; expected them in a subfolder");
    assert_null(dataset.def);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection_shares_are_complements),
        cmocka_unit_test(test_selection_depends_on_the_seed),
        cmocka_unit_test(test_selection_first_is_spread_over_classes),
        cmocka_unit_test(test_selection_reports_bad_texts),
        WITH_ROOT(test_imagenet_val_has_the_classes_of_train),
    };
    return cmocka_run_group_tests_name("data/selection", tests, NULL, NULL);
}
