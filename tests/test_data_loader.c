/* SPDX-License-Identifier: MIT */
/* The loader: the same batches for any number of workers, ranks together as one, resuming, broken images, mixing. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/loader.h"

enum { SIZE = 24, BATCH = 8, VALUES = 3 * SIZE * SIZE, CLASSES = 10 };

static const struct vit_preprocess preprocess = {.size = SIZE,
                                                 .crop_percentage = 1,
                                                 .interpolation = VIT_INTERPOLATION_BILINEAR,
                                                 .crop_mode = VIT_CROP_CENTER,
                                                 .mean = VIT_IMAGENET_MEAN,
                                                 .std = VIT_IMAGENET_STD};
static const struct vit_mix mix = VIT_MIX_PAPER;
static struct vit_augment augment;
static struct vit_dataset dataset;

static int open_dataset(void **state)
{
    (void)state;
    assert_ok(vit_augment_parse(&augment, "resized-flip,erase=0.25", SIZE));
    return vit_dataset_open(&dataset, "synthetic:42:3");
}

static int close_dataset(void **state)
{
    (void)state;
    vit_dataset_close(&dataset);
    return 0;
}

/* Training as it is mostly done. */
static struct vit_loader_options training(void)
{
    return (struct vit_loader_options){.preprocess = preprocess,
                                       .augment = &augment,
                                       .mix = &mix,
                                       .classes = CLASSES,
                                       .batch = BATCH,
                                       .workers = 1,
                                       .ahead = 2,
                                       .seed = 7,
                                       .shuffle = true,
                                       .drop_last = true};
}

static struct vit_loader *open_loader(struct vit_loader_options options)
{
    struct vit_loader *loader;
    assert_ok(vit_loader_open(&loader, &dataset, &options));
    return loader;
}

static void assert_same_batch(const struct vit_loader_batch *a, const struct vit_loader_batch *b)
{
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->images, b->images, BATCH * VALUES * sizeof *a->images);
    assert_memory_equal(a->targets, b->targets, BATCH * CLASSES * sizeof *a->targets);
    assert_memory_equal(a->labels, b->labels, BATCH * sizeof *a->labels);
    assert_memory_equal(a->indices, b->indices, BATCH * sizeof *a->indices);
}

static void test_loader_workers_do_not_change_batches(void **state)
{
    (void)state;
    struct vit_loader_options options = training();
    struct vit_loader *one = open_loader(options);
    options.workers = 5;
    options.ahead = 4;
    struct vit_loader *many = open_loader(options);
    assert_int_equal(vit_loader_steps(one), 42 / BATCH);
    for (int i = 0; i < 3 * 42 / BATCH; i++) {
        struct vit_loader_batch a, b;
        assert_ok(vit_loader_next(one, &a));
        assert_ok(vit_loader_next(many, &b));
        assert_same_batch(&a, &b);
    }
    vit_loader_close(one);
    vit_loader_close(many);
}

static void test_loader_seek_goes_to_any_step(void **state)
{
    (void)state;
    struct vit_loader_options options = training();
    options.workers = 3;
    struct vit_loader *straight = open_loader(options), *jumping = open_loader(options);
    struct vit_loader_batch a, b;
    for (int i = 0; i < 8; i++)
        assert_ok(vit_loader_next(straight, &a));
    assert_ok(vit_loader_next(jumping, &b));
    assert_ok(vit_loader_seek(jumping, 1, 2));
    assert_ok(vit_loader_next(jumping, &b));
    assert_int_equal(b.epoch, 1);
    assert_int_equal(b.step, 2);
    assert_same_batch(&a, &b);
    assert_ok(vit_loader_seek(jumping, 1, 3)); /* where it is anyway */
    assert_ok(vit_loader_next(jumping, &b));
    assert_ok(vit_loader_next(straight, &a));
    assert_same_batch(&a, &b);
    assert_fails(vit_loader_seek(jumping, 0, 5), VIT_EINVAL, "steps 0 to 4");
    vit_loader_close(straight);
    vit_loader_close(jumping);
}

/* Row of a rank's batch that holds position p of the step. */
static void test_loader_ranks_hold_one_process_batch(void **state)
{
    (void)state;
    enum { RANKS = 2, ALL = BATCH * RANKS };
    struct vit_loader_options options = training();
    options.ranks = RANKS;
    struct vit_loader *rank[RANKS], *whole;
    for (options.rank = 0; options.rank < RANKS; options.rank++)
        rank[options.rank] = open_loader(options);
    options.rank = options.ranks = 0;
    options.batch = ALL;
    whole = open_loader(options);
    assert_int_equal(vit_loader_steps(whole), vit_loader_steps(rank[1]));
    for (int i = 0; i < 5; i++) {
        struct vit_loader_batch all, part[RANKS];
        assert_ok(vit_loader_next(whole, &all));
        for (int r = 0; r < RANKS; r++)
            assert_ok(vit_loader_next(rank[r], &part[r]));
        for (int p = 0; p < ALL; p++) {
            const int mirror = p < ALL / 2 ? p : ALL - 1 - p, r = mirror / (BATCH / 2), low = mirror % (BATCH / 2);
            const int row = p < ALL / 2 ? low : BATCH - 1 - low;
            assert_memory_equal(part[r].images + row * VALUES, all.images + p * VALUES, VALUES * sizeof(vit_real));
            assert_memory_equal(part[r].targets + row * CLASSES, all.targets + p * CLASSES, CLASSES * sizeof(vit_real));
            assert_int_equal(part[r].labels[row], all.labels[p]);
        }
    }
    for (int r = 0; r < RANKS; r++)
        vit_loader_close(rank[r]);
    vit_loader_close(whole);
}

static void test_loader_evaluation_sees_each_image_once(void **state)
{
    (void)state;
    struct vit_loader_options options = {
        .preprocess = preprocess, .classes = CLASSES, .batch = BATCH, .workers = 2, .ahead = 1};
    struct vit_loader *loader = open_loader(options);
    assert_int_equal(vit_loader_steps(loader), 6);
    assert_int_equal(vit_loader_images(loader), 42);
    static vit_real expected[VALUES];
    for (int i = 0; i < 42;) {
        struct vit_loader_batch batch;
        assert_ok(vit_loader_next(loader, &batch));
        assert_int_equal(batch.count, i < 40 ? BATCH : 2);
        for (int row = 0; row < batch.count; row++, i++) {
            assert_int_equal(batch.indices[row], i);
            assert_int_equal(batch.labels[row], i % 10);
            assert_close(batch.targets[row * CLASSES + i % 10], 1, 0);
            struct vit_image image;
            assert_ok(vit_dataset_read(&dataset, i, &image));
            assert_ok(vit_preprocess_image(&image, &preprocess, expected));
            assert_memory_equal(batch.images + row * VALUES, expected, sizeof expected);
            vit_image_close(&image);
        }
        for (int row = batch.count; row < BATCH; row++) {
            assert_int_equal(batch.labels[row], -1);
            for (int c = 0; c < CLASSES; c++)
                assert_close(batch.targets[row * CLASSES + c], 0, 0);
            for (int v = 0; v < VALUES; v++)
                assert_close(batch.images[row * VALUES + v], 0, 0);
        }
    }
    vit_loader_close(loader);
}

static void test_loader_epoch_is_a_permutation(void **state)
{
    (void)state;
    struct vit_loader_options options = training();
    options.mix = NULL;
    options.drop_last = false;
    struct vit_loader *loader = open_loader(options);
    int seen[2][42] = {{0}}, first[2] = {0};
    for (int step = 0; step < 12; step++) {
        struct vit_loader_batch batch;
        assert_ok(vit_loader_next(loader, &batch));
        for (int row = 0; row < batch.count; row++)
            seen[batch.epoch][batch.indices[row]]++;
        if (batch.step == 0)
            first[batch.epoch] = (int)batch.indices[0] * 100 + (int)batch.indices[1];
    }
    for (int i = 0; i < 42; i++)
        assert_true(seen[0][i] == 1 && seen[1][i] == 1);
    assert_int_not_equal(first[0], first[1]);
    vit_loader_close(loader);
}

static void test_loader_repeats_stand_in_a_row_and_differ(void **state)
{
    (void)state;
    struct vit_loader_options options = training();
    options.repeats = 3;
    options.mix = NULL;
    struct vit_loader *loader = open_loader(options);
    struct vit_loader_batch batch;
    assert_ok(vit_loader_next(loader, &batch));
    assert_int_equal(batch.indices[0], batch.indices[1]);
    assert_int_equal(batch.indices[0], batch.indices[2]);
    assert_int_not_equal(batch.indices[0], batch.indices[3]);
    assert_memory_not_equal(batch.images, batch.images + VALUES, VALUES * sizeof(vit_real));
    assert_int_equal(vit_loader_steps(loader), 42 / BATCH);
    vit_loader_close(loader);
}

static char root[64];

static int make_folder(void **state)
{
    (void)state;
    char path[128];
    snprintf(root, sizeof root, "/tmp/vit_loader_XXXXXX");
    if (!mkdtemp(root))
        return -1;
    for (int c = 0; c < 2; c++) {
        snprintf(path, sizeof path, "%s/class%d", root, c);
        mkdir(path, 0755);
        for (int i = 0; i < 4; i++) {
            uint8_t rgb[12];
            memset(rgb, 40 * i + 10 * c, sizeof rgb);
            snprintf(path, sizeof path, "%s/class%d/%d.png", root, c, i);
            assert_ok(vit_image_write_png(path, &(struct vit_image){2, 2, rgb}));
        }
    }
    FILE *file = fopen(path, "wb"); /* class1/3.png */
    assert_non_null(file);
    fputs("no image", file);
    fclose(file);
    return vit_dataset_open(&dataset, root);
}

static int remove_folder(void **state)
{
    (void)state;
    char path[128];
    vit_dataset_close(&dataset);
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "%s/class%d/%d.png", root, i / 4, i % 4);
        unlink(path);
    }
    for (int c = 0; c < 2; c++) {
        snprintf(path, sizeof path, "%s/class%d", root, c);
        rmdir(path);
    }
    return rmdir(root);
}

static void test_loader_replaces_broken_images(void **state)
{
    (void)state;
    struct vit_loader_options options = training();
    options.mix = NULL;
    options.classes = 2;
    struct vit_loader *one = open_loader(options);
    options.workers = 4;
    struct vit_loader *many = open_loader(options);
    for (int epoch = 0; epoch < 3; epoch++) {
        struct vit_loader_batch a, b;
        assert_ok(vit_loader_next(one, &a));
        assert_ok(vit_loader_next(many, &b));
        assert_memory_equal(a.indices, b.indices, BATCH * sizeof *a.indices);
        assert_memory_equal(a.images, b.images, BATCH * VALUES * sizeof *a.images);
        assert_int_equal(a.broken, epoch + 1);
        assert_int_equal(b.broken, epoch + 1);
        for (int row = 0; row < BATCH; row++)
            assert_true(a.indices[row] >= 0 && a.indices[row] < 7);
    }
    assert_non_null(vit_loader_broken(one, 0));
    assert_non_null(strstr(vit_loader_broken(one, 0), "class1/3.png: neither JPEG nor PNG"));
    assert_null(vit_loader_broken(one, 1)); /* the same file each time */
    vit_loader_close(one);
    vit_loader_close(many);
}

static void test_loader_evaluation_leaves_broken_rows_empty(void **state)
{
    (void)state;
    struct vit_loader_options options = {
        .preprocess = preprocess, .classes = 2, .batch = BATCH, .workers = 2, .ahead = 1};
    struct vit_loader *loader = open_loader(options);
    struct vit_loader_batch batch;
    assert_ok(vit_loader_next(loader, &batch));
    assert_int_equal(batch.count, 8);
    assert_int_equal(batch.broken, 1);
    assert_int_equal(batch.labels[7], -1);
    assert_int_equal(batch.indices[7], -1);
    assert_close(batch.targets[7 * 2] + batch.targets[7 * 2 + 1], 0, 0);
    assert_int_equal(batch.labels[6], 1);
    vit_loader_close(loader);
}

static void test_loader_strict_fails_with_the_path(void **state)
{
    (void)state;
    struct vit_loader_options options = training();
    options.mix = NULL;
    options.classes = 2;
    options.strict = true;
    options.workers = 3;
    struct vit_loader *loader = open_loader(options);
    struct vit_loader_batch batch;
    for (int i = 0; i < 2; i++)
        assert_fails(vit_loader_next(loader, &batch), VIT_EFORMAT, "class1/3.png: neither JPEG nor PNG");
    vit_loader_close(loader);
}

static void test_loader_gives_up_when_nothing_can_be_read(void **state)
{
    (void)state;
    struct vit_loader_options options = training();
    options.mix = NULL;
    options.classes = 2;
    options.batch = 1;
    options.subset = (const int64_t[]){7};
    options.subset_count = 1;
    struct vit_loader *loader = open_loader(options);
    struct vit_loader_batch batch;
    assert_fails(vit_loader_next(loader, &batch), VIT_EFORMAT, "101 images in a row cannot be read");
    vit_loader_close(loader);
}

static void test_loader_refuses_labels_out_of_range(void **state)
{
    (void)state;
    struct vit_loader *loader;
    struct vit_loader_options options = training();
    options.classes = 1;
    assert_fails(vit_loader_open(&loader, &dataset, &options), VIT_EINVAL,
                 "class1/0.png: label 1 of image 4; the model has 1 classes");
    assert_null(loader);
    struct vit_dataset flat;
    char path[128];
    snprintf(path, sizeof path, "%s/class0", root);
    assert_ok(vit_dataset_open(&flat, path));
    assert_fails(vit_loader_open(&loader, &flat, &options), VIT_EINVAL, "class0/0.png: image 0 has no label");
    vit_dataset_close(&flat);
}

static void test_loader_refuses_options_that_cannot_be(void **state)
{
    (void)state;
    struct vit_loader *loader;
    struct vit_loader_options options = training();
    options.batch = 43;
    assert_fails(vit_loader_open(&loader, &dataset, &options), VIT_EINVAL, "42 images are less than one step of 43");
    options.batch = 5;
    options.ranks = 2;
    assert_fails(vit_loader_open(&loader, &dataset, &options), VIT_EINVAL, "must be even");
    options = training();
    options.drop_last = false;
    assert_fails(vit_loader_open(&loader, &dataset, &options), VIT_EINVAL, "mixing needs whole batches");
    options = training();
    options.workers = 0;
    assert_fails(vit_loader_open(&loader, &dataset, &options), VIT_EINVAL, "0 workers; expected 1 to");
    options = training();
    options.subset = (const int64_t[]){42};
    options.subset_count = 1;
    assert_fails(vit_loader_open(&loader, &dataset, &options), VIT_EINVAL, "image 42; there are images 0 to 41");
    struct vit_mix wrong = {.smoothing = 1};
    options = training();
    options.mix = &wrong;
    assert_fails(vit_loader_open(&loader, &dataset, &options), VIT_EINVAL, "label smoothing 1");
}

static void test_loader_closes_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct vit_loader_options options = training();
        options.workers = 1 + i % 4;
        options.ahead = 1 + i % 3;
        struct vit_loader *loader = open_loader(options);
        for (int k = 0; k < i % 5; k++) {
            struct vit_loader_batch batch;
            if (i % 3 == 0)
                assert_ok(vit_loader_seek(loader, i, k));
            assert_ok(vit_loader_next(loader, &batch));
        }
        vit_loader_close(loader);
    }
}

int main(void)
{
#define SYNTHETIC(test) cmocka_unit_test_setup_teardown(test, open_dataset, close_dataset)
#define FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        SYNTHETIC(test_loader_workers_do_not_change_batches),
        SYNTHETIC(test_loader_seek_goes_to_any_step),
        SYNTHETIC(test_loader_ranks_hold_one_process_batch),
        SYNTHETIC(test_loader_evaluation_sees_each_image_once),
        SYNTHETIC(test_loader_epoch_is_a_permutation),
        SYNTHETIC(test_loader_repeats_stand_in_a_row_and_differ),
        FOLDER(test_loader_replaces_broken_images),
        FOLDER(test_loader_evaluation_leaves_broken_rows_empty),
        FOLDER(test_loader_strict_fails_with_the_path),
        FOLDER(test_loader_gives_up_when_nothing_can_be_read),
        FOLDER(test_loader_refuses_labels_out_of_range),
        SYNTHETIC(test_loader_refuses_options_that_cannot_be),
        SYNTHETIC(test_loader_closes_at_any_time),
    };
    return cmocka_run_group_tests_name("data/loader", tests, NULL, NULL);
}
