/* SPDX-License-Identifier: MIT */
/* The graph builder: names, views, and the first error that sticks. */
#include "model/graph.h"
#include "tests/support/test.h"

#include <stdio.h>

#define PLAIN ((struct vit_attr){0})

static struct vit_tensor *input(struct vit_graph *graph, int64_t rows, int64_t columns)
{
    return vit_graph_tensor(graph, "input", VIT_SPACE_INPUT, 2, (int64_t[]){rows, columns});
}

static void test_graph_copies_names(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    char name[] = "blocks.0.attn";
    struct vit_tensor *x = vit_graph_tensor(&graph, name, VIT_SPACE_INPUT, 1, (int64_t[]){4});
    struct vit_tensor *y = vit_add_op(&graph, VIT_OP_relu, name, PLAIN, x);
    vit_graph_tap(&graph, name, y);
    vit_graph_region(&graph, (struct vit_region){.block = name, .tensor = y, .axis = -1});
    name[0] = 'X';
    assert_int_equal(graph.status, VIT_OK);
    assert_string_equal(x->name, "blocks.0.attn");
    assert_string_equal(y->name, "blocks.0.attn");
    assert_string_equal(graph.op[0]->name, "blocks.0.attn");
    assert_string_equal(graph.tap[0].name, "blocks.0.attn");
    assert_string_equal(graph.region[0].block, "blocks.0.attn");
    assert_string_equal(vit_graph_name(&graph, "%s.%d", "layers", 3), "layers.3");
    vit_graph_close(&graph);
}

static void test_graph_gives_operators_the_current_site(void **state)
{
    (void)state;
    struct vit_graph graph = {.site = {.stage = 2, .block = 1, .head = -1, .role = VIT_ROLE_QKV}};
    vit_add_op(&graph, VIT_OP_relu, "a", PLAIN, input(&graph, 2, 3));
    assert_int_equal(graph.op[0]->site.stage, 2);
    assert_int_equal(graph.op[0]->site.head, -1);
    assert_int_equal(graph.op[0]->site.role, VIT_ROLE_QKV);
    vit_graph_close(&graph);
}

static void test_graph_first_error_sticks(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    struct vit_tensor *x = input(&graph, 2, 3);
    assert_null(vit_add_op(&graph, VIT_OP_softmax, "first", PLAIN, x, x));
    assert_int_equal(graph.status, VIT_EINVAL);
    char message[512];
    snprintf(message, sizeof message, "%s", vit_error());
    assert_non_null(strstr(message, "first (softmax)"));
    int tensors = graph.n_tensor, ops = graph.n_op;
    assert_null(vit_add_op(&graph, VIT_OP_add, "second", PLAIN, x, x));
    assert_null(vit_graph_reshape(&graph, NULL, 1, (int64_t[]){6}));
    assert_null(vit_graph_range(&graph, NULL, 0, 1));
    assert_null(vit_graph_tensor(&graph, "third", VIT_SPACE_PARAM, 1, (int64_t[]){0}));
    vit_real garbage, *values = &garbage;
    assert_null(vit_graph_constant(&graph, "fourth", 1, (int64_t[]){5}, &values));
    assert_null(values);
    vit_graph_tap(&graph, "tap", NULL);
    vit_graph_region(&graph, (struct vit_region){.block = "region"});
    assert_int_equal(vit_graph_fail(&graph, VIT_ENOMEM) != NULL, 0);
    assert_int_equal(graph.status, VIT_EINVAL);
    assert_int_equal(graph.n_tensor, tensors);
    assert_int_equal(graph.n_op, ops);
    assert_int_equal(graph.n_tap + graph.n_region, 0);
    assert_string_equal(vit_error(), message);
    vit_graph_close(&graph);
}

static void test_graph_refuses_empty_tensors(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    assert_null(vit_graph_tensor(&graph, "w", VIT_SPACE_PARAM, 2, (int64_t[]){3, 0}));
    assert_non_null(strstr(vit_error(), "w: dimension 1 is 0"));
    assert_int_equal(graph.status, VIT_EINVAL);
    vit_graph_close(&graph);
}

static void test_graph_reshape_is_a_view(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    struct vit_tensor *x = input(&graph, 6, 4);
    struct vit_tensor *y = vit_graph_reshape(&graph, x, 3, (int64_t[]){2, -1, 4});
    struct vit_tensor *z = vit_graph_reshape(&graph, y, 1, (int64_t[]){24});
    assert_int_equal(graph.status, VIT_OK);
    assert_int_equal(graph.n_op, 0);
    assert_int_equal(y->dim[1], 3);
    assert_int_equal(vit_numel(z), 24);
    assert_ptr_equal(vit_owner(z), x);
    assert_int_equal(z->space, VIT_SPACE_INPUT);
    vit_graph_close(&graph);
}

static void test_graph_refuses_reshapes_to_other_sizes(void **state)
{
    (void)state;
    static const int64_t wrong[][2] = {{5, 5}, {-1, 5}, {48, -1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vit_graph graph = {0};
        assert_null(vit_graph_reshape(&graph, input(&graph, 6, 4), 2, wrong[i]));
        assert_int_equal(graph.status, VIT_EINVAL);
        assert_non_null(strstr(vit_error(), "input"));
        vit_graph_close(&graph);
    }
}

/* Each dim is wrong by itself, whatever the product says: -2 * -12 is 24, 0 leaves nothing to divide by, 2^62 * 4 wraps
 * to 0. */
static void test_graph_refuses_reshapes_to_what_is_no_shape(void **state)
{
    (void)state;
    static const int64_t wrong[][3] = {{0, -1, 4},         {-1, 0, 0},           {-1, -1, 4},
                                       {-1, -1, -1},       {-2, -12, 1},         {-2, -1, 1},
                                       {7, -1, 1},         {1, 1, INT64_MIN},    {(int64_t)1 << 62, 4, -1},
                                       {24, INT64_MAX, 1}, {INT64_MAX, -1, -24}, {0, 0, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vit_graph graph = {0};
        assert_null(vit_graph_reshape(&graph, input(&graph, 6, 4), 3, wrong[i]));
        assert_int_equal(graph.status, VIT_EINVAL);
        assert_non_null(strstr(vit_error(), "input: cannot reshape (6, 4) to ("));
        assert_int_equal(graph.n_tensor, 1);
        vit_graph_close(&graph);
    }
}

static void test_graph_refuses_more_dimensions_than_tensors_have(void **state)
{
    (void)state;
    static const int64_t ones[VIT_MAX_DIMS + 1] = {1, 1, 1, 1, 1, 1, 1};
    struct vit_graph graph = {0};
    assert_non_null(vit_graph_tensor(&graph, "most", VIT_SPACE_PARAM, VIT_MAX_DIMS, ones));
    assert_null(vit_graph_tensor(&graph, "w", VIT_SPACE_PARAM, VIT_MAX_DIMS + 1, ones));
    assert_int_equal(graph.status, VIT_EINVAL);
    assert_non_null(strstr(vit_error(), "w: 7 dimensions, must be at most 6"));
    graph.status = VIT_OK;
    assert_null(vit_graph_reshape(&graph, graph.tensor[0], VIT_MAX_DIMS + 1, ones));
    assert_int_equal(graph.status, VIT_EINVAL);
    assert_non_null(strstr(vit_error(), "most: cannot reshape to 7 dimensions"));
    vit_graph_close(&graph);
}

static void test_graph_range_is_a_view_of_rows(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    struct vit_tensor *x = input(&graph, 6, 4);
    struct vit_tensor *y = vit_graph_range(&graph, x, 2, 3), *z = vit_graph_range(&graph, y, 1, 2);
    assert_int_equal(y->dim[0], 3);
    assert_int_equal(y->dim[1], 4);
    assert_int_equal(y->base_offset, 8);
    assert_int_equal(z->base_offset, 4); /* from y, its base */
    assert_ptr_equal(vit_owner(z), x);
    static const int64_t wrong[][2] = {{-1, 2}, {5, 2}, {0, 0}, {0, 7}, {6, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_null(vit_graph_range(&graph, x, wrong[i][0], wrong[i][1]));
        assert_non_null(strstr(vit_error(), "of 6 items"));
        assert_int_equal(graph.status, VIT_EINVAL);
        graph.status = VIT_OK;
    }
    vit_graph_close(&graph);
}

static void test_graph_constants_are_zeroed_and_kept(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    vit_real *values;
    struct vit_tensor *mask = vit_graph_constant(&graph, "mask", 2, (int64_t[]){100, 300}, &values);
    assert_ptr_equal(mask->constant, values);
    for (int i = 0; i < 100 * 300; i++)
        assert_true(values[i] == 0);
    values[29999] = 1;
    vit_graph_close(&graph);
}

/* More items than any array has room for at first: pointers handed out earlier stay right. */
static void test_graph_grows_without_moving_items(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct vit_graph graph = {0};
    struct vit_tensor *first = input(&graph, 2, 3), *x = first;
    for (int i = 0; i < N; i++) {
        x = vit_add_op(&graph, VIT_OP_relu, vit_graph_name(&graph, "relu%d", i), PLAIN, x);
        vit_graph_tap(&graph, "tap", x);
    }
    assert_int_equal(graph.n_op, N);
    assert_int_equal(graph.n_tap, N);
    assert_ptr_equal(graph.tensor[0], first);
    assert_string_equal(graph.op[N - 1]->name, "relu999");
    for (int i = 0; i < graph.n_tensor; i++)
        assert_int_equal(graph.tensor[i]->id, i);
    assert_ptr_equal(vit_graph_producer(&graph, vit_graph_reshape(&graph, x, 1, (int64_t[]){6})), graph.op[N - 1]);
    assert_null(vit_graph_producer(&graph, first));
    vit_graph_close(&graph);
}

static void test_tensor_shapes_as_text(void **state)
{
    (void)state;
    char text[VIT_SHAPE_TEXT];
    struct vit_tensor t = {.ndim = 6};
    for (int a = 0; a < 6; a++)
        t.dim[a] = INT64_MAX; /* the longest text there is */
    assert_int_equal(strlen(vit_shape_text(&t, text)), 6 * 19 + 5 * 2 + 2);
    t = (struct vit_tensor){.ndim = 1, .dim = {7}};
    assert_string_equal(vit_shape_text(&t, text), "(7,)");
    t = (struct vit_tensor){.ndim = 3, .dim = {2, 3, 224}};
    assert_string_equal(vit_shape_text(&t, text), "(2, 3, 224)");
    struct vit_tensor other = t;
    assert_true(vit_same_shape(&t, &other));
    other.dim[2] = 225;
    assert_false(vit_same_shape(&t, &other));
    other = (struct vit_tensor){.ndim = 2, .dim = {2, 3}};
    assert_false(vit_same_shape(&t, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_copies_names),
        cmocka_unit_test(test_graph_gives_operators_the_current_site),
        cmocka_unit_test(test_graph_first_error_sticks),
        cmocka_unit_test(test_graph_refuses_empty_tensors),
        cmocka_unit_test(test_graph_reshape_is_a_view),
        cmocka_unit_test(test_graph_refuses_reshapes_to_other_sizes),
        cmocka_unit_test(test_graph_refuses_reshapes_to_what_is_no_shape),
        cmocka_unit_test(test_graph_refuses_more_dimensions_than_tensors_have),
        cmocka_unit_test(test_graph_range_is_a_view_of_rows),
        cmocka_unit_test(test_graph_constants_are_zeroed_and_kept),
        cmocka_unit_test(test_graph_grows_without_moving_items),
        cmocka_unit_test(test_tensor_shapes_as_text),
    };
    return cmocka_run_group_tests_name("model_graph", tests, NULL, NULL);
}
