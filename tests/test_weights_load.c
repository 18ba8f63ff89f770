/* SPDX-License-Identifier: MIT */
/* test_weights_load.c - files into graphs: naming schemes, resizing, and the one message for all that does not fit. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/weights/generate.h"
#include "model/weights/weights.h"

enum { MOST = 64, MOST_VALUES = 4096 };

/* A graph of weights alone, without builder or plan. */
struct weights_graph {
    struct vit_graph graph;
    struct vit_tensor tensor[MOST], *pointer[MOST];
    vit_real data[MOST_VALUES];
    int64_t used;
};

static void add_tensor(struct weights_graph *w, const char *name, enum vit_space space, int ndim, const int64_t *dim)
{
    struct vit_tensor *tensor = &w->tensor[w->graph.n_tensor];
    assert_true(w->graph.n_tensor < MOST);
    *tensor = (struct vit_tensor){.name = name, .space = space, .id = w->graph.n_tensor, .ndim = ndim};
    memcpy(tensor->dim, dim, (size_t)ndim * sizeof *dim);
    tensor->data = w->data + w->used;
    w->used += vit_numel(tensor);
    assert_true(w->used <= MOST_VALUES);
    w->pointer[w->graph.n_tensor++] = tensor;
    w->graph.tensor = w->pointer;
    w->graph.name = "toy";
}

#define PARAM(w, name, ...)                                                                             \
    add_tensor((w), (name), VIT_SPACE_PARAM, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
               (int64_t[]){__VA_ARGS__})

static char folder[256], path[320];

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/vitscope-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/weights", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* Saves `from`, filled by the generator, and loads the file into `to`. */
static int transfer(struct weights_graph *from, struct weights_graph *to, struct vit_weights_report *report)
{
    assert_ok(vit_weights_generate(&from->graph, 1));
    assert_ok(vit_weights_save(&from->graph, path, NULL));
    return vit_weights_load(&to->graph, path, report);
}

static void test_load_what_was_saved(void **state)
{
    (void)state;
    static struct weights_graph from, to;
    static const int64_t two[] = {2};
    struct weights_graph *both[] = {&from, &to};
    for (int i = 0; i < 2; i++) {
        PARAM(both[i], "conv.weight", 2, 3, 1, 1);
        add_tensor(both[i], "bn.running_mean", VIT_SPACE_BUFFER, 1, two);
        add_tensor(both[i], "activation", VIT_SPACE_ACTIVATION, 1, two);
    }
    struct vit_weights_report report;
    assert_ok(transfer(&from, &to, &report));
    assert_memory_equal(from.data, to.data, sizeof from.data);
    assert_int_equal(report.loaded, 2);
    assert_int_equal(report.resized, 0);
    assert_string_equal(report.dtype, vit_dtype_table[VIT_DTYPE_REAL].name);
    assert_string_equal(report.naming, "timm");
    assert_int_equal(strlen(report.sha256), 64);
    const struct vit_safetensors_pair pair = {"model", "toy"};
    const struct vit_weights_metadata metadata = {&pair, 1};
    struct vit_safetensors file;
    assert_ok(vit_weights_save(&from.graph, path, &metadata));
    assert_ok(vit_safetensors_open(&file, path));
    assert_string_equal(file.metadata[0].value, "toy");
    vit_safetensors_close(&file);
}

static void test_load_names_of_the_efficientvit_release(void **state)
{
    (void)state;
    static struct weights_graph from, to;
    PARAM(&from, "module.blocks1.0.dw0.m.c.weight", 2, 1, 3, 3);
    PARAM(&from, "module.blocks2.1.se.fc1.bias", 8);
    PARAM(&from, "module.head.l.weight", 10, 2);
    PARAM(&from, "module.blocks1.0.mixer.m.attn.attention_bias_idxs", 4, 4);
    PARAM(&from, "module.blocks1.0.dw0.m.bn.num_batches_tracked", 1);
    PARAM(&to, "head.linear.weight", 10, 2);
    PARAM(&to, "stages.0.blocks.0.dw0.m.conv.weight", 2, 1, 3, 3);
    PARAM(&to, "stages.1.downsample.patchmerge.se.fc1.bias", 8);
    struct vit_weights_report report;
    assert_ok(transfer(&from, &to, &report));
    assert_int_equal(report.loaded, 3);
    assert_int_equal(report.ignored, 2);
    assert_string_equal(report.naming, "original EfficientViT release");
    assert_memory_equal(to.tensor[0].data, from.tensor[2].data, 20 * sizeof(vit_real));
    assert_memory_equal(to.tensor[1].data, from.tensor[0].data, 18 * sizeof(vit_real));
}

static void test_load_older_swin_files(void **state)
{
    (void)state;
    static struct weights_graph from, to;
    PARAM(&from, "layers.0.downsample.reduction.weight", 4, 8);
    PARAM(&from, "layers.1.downsample.reduction.weight", 4, 8);
    PARAM(&from, "layers.0.blocks.1.attn_mask", 4);
    PARAM(&from, "head.bias", 3);
    PARAM(&to, "layers.1.downsample.reduction.weight", 4, 8);
    PARAM(&to, "layers.2.downsample.reduction.weight", 4, 8);
    PARAM(&to, "head.fc.bias", 3);
    struct vit_weights_report report;
    assert_ok(transfer(&from, &to, &report));
    assert_string_equal(report.naming, "older Swin");
    assert_memory_equal(to.data, from.data, 64 * sizeof(vit_real)); /* the two reductions, in order */
    assert_memory_equal(to.tensor[2].data, from.tensor[3].data, 3 * sizeof(vit_real));
}

/* Values of torch 2.15 and timm 1.0.31, as in test_weights_grid_resize.c; elements floor((2j + 1) n / 16), j = 0 and 7.
 */
static void test_load_resizes_what_depends_on_the_input_size(void **state)
{
    (void)state;
    static struct weights_graph from, to;
    PARAM(&from, "cls_token", 1, 1, 3);
    PARAM(&from, "dist_token", 1, 1, 3);
    PARAM(&from, "pos_embed", 1, 18, 3);
    PARAM(&from, "relative_position_bias_table", 25, 2);
    PARAM(&from, "attention_biases", 2, 16);
    PARAM(&to, "cls_token", 1, 1, 3);
    PARAM(&to, "dist_token", 1, 1, 3);
    PARAM(&to, "pos_embed", 1, 38, 3);
    PARAM(&to, "relative_position_bias_table", 81, 2);
    PARAM(&to, "attention_biases", 2, 49);
    struct vit_weights_report report;
    assert_ok(transfer(&from, &to, &report));
    assert_int_equal(report.loaded, 5);
    assert_int_equal(report.resized, 3);
    const vit_real *position = to.tensor[2].data, *table = to.tensor[3].data, *bias = to.tensor[4].data;
    assert_memory_equal(position, from.tensor[2].data, 6 * sizeof(vit_real)); /* of the two tokens */
    assert_close(position[7], 0.0526901633, 2e-6);
    assert_close(position[15 * 114 / 16], 0.20925121, 2e-6);
    assert_close(table[162 / 16], 0.152012989, 2e-6);
    assert_close(table[15 * 162 / 16], 0.157532394, 2e-6);
    assert_close(bias[98 / 16], -0.502197385, 2e-6);
    assert_close(bias[15 * 98 / 16], 0.215833455, 2e-6);
}

static void test_load_lists_all_that_does_not_fit_at_once(void **state)
{
    (void)state;
    static struct weights_graph from, to;
    PARAM(&from, "norm.weight", 4);
    PARAM(&from, "head.weight", 1000, 2);
    PARAM(&from, "extra.weight", 3, 3);
    PARAM(&to, "norm.weight", 4);
    PARAM(&to, "norm.bias", 4);
    PARAM(&to, "head.weight", 10, 2);
    to.data[0] = 7;
    struct vit_weights_report report = {.loaded = -1};
    assert_fails(transfer(&from, &to, &report), VIT_EFORMAT,
                 "weights: weights do not fit toy: 1 missing: norm.bias (4,); 1 unexpected: extra.weight (3, 3); 1 "
                 "mis-shaped: head.weight is (1000, 2) and must be (10, 2)");
    assert_true(to.data[0] == 7); /* as it was */
    assert_int_equal(report.loaded, -1);
}

static void test_load_names_the_first_eight_and_counts_the_rest(void **state)
{
    (void)state;
    static struct weights_graph from, to;
    static char names[20][16];
    PARAM(&from, "a", 1);
    PARAM(&to, "a", 1);
    for (int i = 0; i < 20; i++) {
        sprintf(names[i], "layer.%02d", i);
        PARAM(&to, names[i], 1);
    }
    assert_fails(transfer(&from, &to, NULL), VIT_EFORMAT, "20 missing: layer.00 (1,), ");
    assert_non_null(strstr(vit_error(), "layer.07 (1,) and 12 more"));
    assert_null(strstr(vit_error(), "layer.08"));
}

static void test_load_refuses_grids_that_are_not_square(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int ndim;
        int64_t from[3], to[3];
    } cases[] = {
        {"pos_embed", 3, {1, 15, 3}, {1, 16, 3}},
        {"pos_embed", 3, {1, 16, 4}, {1, 25, 3}},
        {"pos_embed", 2, {16, 3}, {25, 3}},
        {"relative_position_bias_table", 2, {16, 2}, {25, 2}}, /* no window has 4 offsets */
        {"relative_position_bias_table", 2, {9, 4}, {25, 2}},
        {"attention_biases", 2, {2, 15}, {2, 16}},
        {"attention_biases", 2, {2, 0}, {2, 16}},
        {"other", 2, {2, 9}, {2, 16}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weights_graph *from = calloc(1, sizeof *from), *to = calloc(1, sizeof *to);
        assert_true(from && to);
        add_tensor(from, cases[i].name, VIT_SPACE_PARAM, cases[i].ndim, cases[i].from);
        add_tensor(to, cases[i].name, VIT_SPACE_PARAM, cases[i].ndim, cases[i].to);
        assert_fails(transfer(from, to, NULL), VIT_EFORMAT, "1 mis-shaped: ");
        free(from);
        free(to);
    }
}

static void test_load_refuses_two_names_for_one_tensor(void **state)
{
    (void)state;
    static struct weights_graph from, to;
    PARAM(&from, "a", 1);
    PARAM(&from, "model.a", 1);
    PARAM(&to, "a", 1);
    assert_fails(transfer(&from, &to, NULL), VIT_EFORMAT, "are both a");
}

static void write_bytes(const char *header, const void *data, size_t n)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    size_t length = strlen(header);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> (8 * i) & 0xff), stream);
    fputs(header, stream);
    fwrite(data, 1, n, stream);
    assert_int_equal(fclose(stream), 0);
}

static void test_load_refuses_integers_as_weights(void **state)
{
    (void)state;
    static struct weights_graph to;
    PARAM(&to, "a", 1);
    write_bytes("{\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "1234", 4);
    assert_fails(vit_weights_load(&to.graph, path, NULL), VIT_EFORMAT, "1 not F16, BF16, F32 or F64: a I32");
}

static void assert_digest_of_file(const char *want)
{
    static unsigned char bytes[4 * VIT_BYTE_PIECE];
    char hex[VIT_SHA256_HEX];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_in_range(size, 1, sizeof bytes - 1);
    struct vit_digest *digest = vit_digest_open();
    assert_non_null(digest);
    vit_digest_add(digest, bytes, size);
    vit_digest_close(digest, hex);
    assert_string_equal(want, hex);
}

static void test_load_digest_is_sha256(void **state)
{
    (void)state;
    char hex[VIT_SHA256_HEX];
    struct vit_digest *digest = vit_digest_open();
    assert_non_null(digest);
    vit_digest_add(digest, "ab", 2);
    vit_digest_add(digest, NULL, 0);
    vit_digest_add(digest, "c", 1);
    vit_digest_close(digest, hex); /* the example of FIPS 180-2 */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_load_reports_mixed_formats_and_the_digest(void **state)
{
    (void)state;
    static struct weights_graph to;
    PARAM(&to, "a", 1);
    PARAM(&to, "b", 2);
    struct vit_weights_report report;
    write_bytes("{\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[2,6]},"
                "\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
                "\x80\x3f\x00\x3c\x00\xc0", 6);
    assert_ok(vit_weights_load(&to.graph, path, &report));
    assert_string_equal(report.dtype, "mixed");
    assert_true(to.data[0] == 1 && to.data[1] == 1 && to.data[2] == -2);
    assert_digest_of_file(report.sha256);
}

/* A tensor longer than a piece, one that is resized, and one that is ignored: all are in the digest, once. */
static void test_load_digest_is_of_the_whole_file(void **state)
{
    (void)state;
    enum { LONG = VIT_BYTE_PIECE / 4 + 12345 };
    static vit_real values[LONG], grid[1 + 16];
    static struct weights_graph to;
    static vit_real back[LONG];
    for (int i = 0; i < LONG; i++)
        values[i] = (vit_real)(i % 1001);
    for (int i = 0; i < 17; i++)
        grid[i] = 3;
    PARAM(&to, "cls_token", 1);
    PARAM(&to, "pos_embed", 1, 5, 1);
    PARAM(&to, "long", 1);
    to.tensor[2].dim[0] = LONG;
    to.tensor[2].data = back;
    const int64_t one = 1, length = LONG;
    const struct vit_safetensors_source tensors[] = {
        {"cls_token", VIT_DTYPE_F32, 1, &one, values + 7},
        {"pos_embed", VIT_DTYPE_F64, 3, (int64_t[]){1, 17, 1}, grid},
        {"long", VIT_DTYPE_F32, 1, &length, values},
        {"bn.num_batches_tracked", VIT_DTYPE_F32, 0, NULL, values},
    };
    assert_ok(vit_safetensors_write(path, &(struct vit_safetensors_content){tensors, 4, NULL, 0}));
    struct vit_weights_report report;
    assert_ok(vit_weights_load(&to.graph, path, &report));
    assert_int_equal(report.loaded, 3);
    assert_int_equal(report.resized, 1);
    assert_int_equal(report.ignored, 1);
    assert_true(to.tensor[0].data[0] == 7 && to.tensor[1].data[0] == 3);
    assert_close(to.tensor[1].data[4], 3, 1e-6); /* a constant grid stays constant but for rounding */
    assert_memory_equal(back, values, sizeof values);
    assert_digest_of_file(report.sha256);
}

static void test_load_of_no_file_says_so(void **state)
{
    (void)state;
    static struct weights_graph to;
    PARAM(&to, "a", 1);
    assert_fails(vit_weights_load(&to.graph, "none/of/these", NULL), VIT_EIO, "none/of/these: cannot open");
}

static void test_load_generate_needs_memory(void **state)
{
    (void)state;
    static struct weights_graph w;
    PARAM(&w, "a", 1);
    w.tensor[0].data = NULL;
    assert_fails(vit_weights_generate(&w.graph, 1), VIT_EINVAL, "tensor a has no memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_what_was_saved),
        cmocka_unit_test(test_load_names_of_the_efficientvit_release),
        cmocka_unit_test(test_load_older_swin_files),
        cmocka_unit_test(test_load_resizes_what_depends_on_the_input_size),
        cmocka_unit_test(test_load_lists_all_that_does_not_fit_at_once),
        cmocka_unit_test(test_load_names_the_first_eight_and_counts_the_rest),
        cmocka_unit_test(test_load_refuses_grids_that_are_not_square),
        cmocka_unit_test(test_load_refuses_two_names_for_one_tensor),
        cmocka_unit_test(test_load_refuses_integers_as_weights),
        cmocka_unit_test(test_load_digest_is_sha256),
        cmocka_unit_test(test_load_reports_mixed_formats_and_the_digest),
        cmocka_unit_test(test_load_digest_is_of_the_whole_file),
        cmocka_unit_test(test_load_of_no_file_says_so),
        cmocka_unit_test(test_load_generate_needs_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
