/* SPDX-License-Identifier: MIT */
/* The policy of compulsory bytes (probes/README.md), one case per rule: what the probe `traffic` says of small graphs
 * against elements counted by hand. */
#include "model/exec.h"
#include "model/rewrite.h"
#include "probes/session.h"
#include "tests/support/test.h"

#define PLAIN ((struct vit_attr){0})
#define ATTR(...) ((struct vit_attr){__VA_ARGS__})
#define SHAPE(...)                                                         \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) \
    {                                                                      \
        __VA_ARGS__                                                        \
    }

/* What one step must read and write, in elements. */
struct want {
    const char *kind;
    int64_t weights, activations, writes;
};

static struct vit_tensor *input(struct vit_graph *g, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(g, "x", VIT_SPACE_INPUT, ndim, dim);
}

static struct vit_tensor *weight(struct vit_graph *g, const char *name, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(g, name, VIT_SPACE_PARAM, ndim, dim);
}

static struct vit_tensor *buffer(struct vit_graph *g, const char *name, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(g, name, VIT_SPACE_BUFFER, ndim, dim);
}

/* The cells of the probe in bytes against the list; the plan has these steps and no others. Closes the graph. */
static void check_kernel(struct vit_graph *g, const char *kernel, const struct want *want, int n)
{
    enum { WEIGHTS = 2, ACTIVATIONS, WRITES, SUM };
    struct vit_plan plan;
    struct vit_session session;
    assert_ok(g->status);
    assert_ok(vit_plan_build(&plan, g, (struct vit_plan_options){.kernel = kernel}));
    assert_int_equal(plan.n_step, n);
    assert_ok(vit_session_open(&session, &plan, (const char *const[]){"traffic"}, 1));
    for (int i = 0; i < n; i++) {
        struct vit_cell cell[7];
        const int64_t size = sizeof(vit_real), sum = want[i].weights + want[i].activations + want[i].writes;
        assert_string_equal(plan.step[i].def->name, want[i].kind);
        vit_session_read(&session, i, cell);
        assert_int_equal(cell[WEIGHTS].i, want[i].weights * size);
        assert_int_equal(cell[ACTIVATIONS].i, want[i].activations * size);
        assert_int_equal(cell[WRITES].i, want[i].writes * size);
        assert_int_equal(cell[SUM].i, sum * size);
    }
    vit_session_close(&session);
    vit_plan_close(&plan);
}

#define CHECK(graph, ...)                                                          \
    do {                                                                           \
        const struct want want_[] = {__VA_ARGS__};                                 \
        check_kernel((graph), NULL, want_, (int)(sizeof want_ / sizeof want_[0])); \
        vit_graph_close(graph);                                                    \
    } while (0)

/* A reshape and a range are no step; who reads a range reads its elements alone. */
static void test_compulsory_views_are_free(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(6, 10));
    x = vit_graph_reshape(&g, x, SHAPE(3, 2, 10));
    x = vit_graph_range(&g, x, 1, 1);
    g.logits = vit_add_op(&g, VIT_OP_softmax, "softmax", PLAIN, x);
    CHECK(&g, {"softmax", 0, 20, 20});
}

/* However often a kernel goes through its rows. */
static void test_compulsory_sweeps_count_once(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(2, 7, 12));
    struct vit_tensor *w = weight(&g, "w", SHAPE(12)), *b = weight(&g, "b", SHAPE(12));
    x = vit_add_op(&g, VIT_OP_layer_norm, "norm", ATTR(.eps = 1e-5), x, w, b);
    x = vit_add_op(&g, VIT_OP_softmax, "softmax", PLAIN, x);
    g.logits = vit_add_op(&g, VIT_OP_reduce_mean, "mean", ATTR(.axis = 1, .length = 1), x);
    CHECK(&g, {"layer_norm", 24, 168, 168}, {"softmax", 0, 168, 168}, {"reduce_mean", 0, 168, 24});
}

/* Weights and bias once, not once per row; the same with panels or OpenBLAS: what they pack is scratch. */
static void test_compulsory_packing_does_not_count(void **state)
{
    (void)state;
    static const char *const kernel[] = {NULL, "openblas"};
    for (int i = 0; i < 2; i++) {
        struct vit_graph g = {0};
        struct vit_tensor *x = input(&g, SHAPE(4, 100, 64));
        struct vit_tensor *w = weight(&g, "w", SHAPE(48, 64)), *b = weight(&g, "b", SHAPE(48));
        x = vit_add_op(&g, VIT_OP_linear, "linear", PLAIN, x, w, b);
        g.logits = vit_add_op(&g, VIT_OP_matmul, "product", ATTR(.trans_b = true), x, x);
        const struct want want[] = {{"linear", 48 * 64 + 48, 4 * 100 * 64, 4 * 100 * 48},
                                    {"matmul", 0, 4 * 100 * 48, 4 * 100 * 100}}; /* one tensor twice: read once */
        check_kernel(&g, kernel[i], want, 2);
        vit_graph_close(&g);
    }
}

/* An operand that is repeated is read once; by role: a bias is a weight, a gate an activation. */
static void test_compulsory_broadcast_operands_count_once(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    vit_real *mask;
    struct vit_tensor *x = input(&g, SHAPE(8, 3, 5, 5)), *bias = weight(&g, "bias", SHAPE(3, 5, 5));
    struct vit_tensor *constant = vit_graph_constant(&g, "mask", SHAPE(4, 1, 5, 5), &mask);
    x = vit_add_op(&g, VIT_OP_add, "bias", PLAIN, x, bias);
    struct vit_tensor *windows = vit_graph_reshape(&g, x, SHAPE(2, 4, 3, 5, 5));
    x = vit_add_op(&g, VIT_OP_add, "mask", PLAIN, windows, constant);
    x = vit_graph_reshape(&g, x, SHAPE(8, 3, 5, 5));
    struct vit_tensor *gate = vit_add_op(&g, VIT_OP_reduce_mean, "squeeze", ATTR(.axis = 2, .length = 2), x);
    gate = vit_graph_reshape(&g, gate, SHAPE(8, 3, 1, 1));
    g.logits = vit_add_op(&g, VIT_OP_mul, "gate", PLAIN, x, gate);
    CHECK(&g, {"add", 75, 600, 600}, {"add", 100, 600, 600}, {"reduce_mean", 0, 600, 24}, {"mul", 0, 624, 600});
}

/* A factor is an attribute, no memory. A tensor added to itself is read once. */
static void test_compulsory_same_input_counts_once(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(6, 10));
    struct vit_tensor *y = vit_add_op(&g, VIT_OP_scale, "scale", ATTR(.scale = 0.5), x);
    y = vit_add_op(&g, VIT_OP_add, "twice", PLAIN, y, vit_graph_reshape(&g, y, SHAPE(6, 10)));
    struct vit_tensor *upper = vit_graph_range(&g, y, 0, 3), *lower = vit_graph_range(&g, y, 3, 3);
    g.logits = vit_add_op(&g, VIT_OP_add, "halves", PLAIN, upper, lower);
    CHECK(&g, {"scale", 0, 60, 60}, {"add", 0, 60, 60}, {"add", 0, 60, 30});
}

/* Movement reads what is kept and writes all of its output, zeros of padding too. */
static void test_compulsory_movement_reads_what_it_keeps(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(2, 5, 6, 4));
    x = vit_add_op(&g, VIT_OP_pad, "pad", ATTR(.axis = 1, .size = {1, 0}), x);
    x = vit_add_op(&g, VIT_OP_roll, "roll", ATTR(.size = {-1, -1}), x);
    x = vit_add_op(&g, VIT_OP_window_partition, "partition", ATTR(.size = {3, 3}), x);
    x = vit_add_op(&g, VIT_OP_window_reverse, "reverse", ATTR(.size = {3, 3}, .map = {6, 6}), x);
    x = vit_add_op(&g, VIT_OP_crop, "crop", ATTR(.axis = 1, .size = {5, 6}), x);
    x = vit_add_op(&g, VIT_OP_slice, "slice", ATTR(.axis = 3, .start = 1, .length = 2), x);
    g.logits = vit_add_op(&g, VIT_OP_permute, "permute", ATTR(.perm = {0, 3, 1, 2}), x);
    CHECK(&g, {"pad", 0, 240, 288}, {"roll", 0, 288, 288}, {"window_partition", 0, 288, 288},
          {"window_reverse", 0, 288, 288}, {"crop", 0, 240, 240}, {"slice", 0, 120, 120}, {"permute", 0, 120, 120});
}

/* A class token that is repeated over the batch is read once. */
static void test_compulsory_class_token_counts_once(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(4, 9, 8)), *token = weight(&g, "cls_token", SHAPE(1, 1, 8));
    struct vit_tensor *positions = weight(&g, "pos_embed", SHAPE(1, 10, 8));
    x = vit_add_op(&g, VIT_OP_concat, "tokens", ATTR(.axis = 1), token, x);
    g.logits = vit_add_op(&g, VIT_OP_add, "positions", PLAIN, x, positions);
    CHECK(&g, {"concat", 8, 288, 320}, {"add", 80, 320, 320});
}

/* Windows that overlap read a pixel once; pixels that no window reaches are not read. */
static void test_compulsory_convolutions_read_what_windows_reach(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(2, 3, 9, 10));
    struct vit_tensor *w = weight(&g, "w", SHAPE(5, 3, 3, 3)), *b = weight(&g, "b", SHAPE(5));
    x = vit_add_op(&g, VIT_OP_conv2d, "overlap", ATTR(.kernel = 3, .stride = 1, .pad = 1), x, w, b);
    struct vit_tensor *d = weight(&g, "d", SHAPE(5, 1, 3, 3)), *p = weight(&g, "p", SHAPE(7, 5, 1, 1));
    x = vit_add_op(&g, VIT_OP_depthwise_conv2d, "end", ATTR(.kernel = 3, .stride = 2), x, d); /* not column 9 */
    g.logits = vit_add_op(&g, VIT_OP_conv2d, "gaps", ATTR(.kernel = 1, .stride = 2), x, p); /* rows, columns 0 and 2 */
    CHECK(&g, {"conv2d", 140, 2 * 3 * 90, 2 * 5 * 90}, {"depthwise_conv2d", 45, 2 * 5 * 81, 2 * 5 * 16},
          {"conv2d", 35, 2 * 5 * 4, 2 * 7 * 4});
}

static struct vit_graph position_graph(void)
{
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(3, 2, 4, 4)), *table = weight(&g, "table", SHAPE(9, 2));
    struct vit_tensor *bias = vit_add_op(&g, VIT_OP_position_bias, "bias", ATTR(.size = {2, 2}), table);
    g.logits = vit_add_op(&g, VIT_OP_add, "add", PLAIN, x, bias);
    return g;
}

/* The table is a weight, what is looked up an activation; once the look-up runs only when weights are loaded, it is no
 * step and its result is a weight. */
static void test_compulsory_position_tables(void **state)
{
    (void)state;
    struct vit_graph g = position_graph();
    CHECK(&g, {"position_bias", 18, 0, 32}, {"add", 0, 128, 96});
    g = position_graph();
    assert_ok(vit_graph_rewrite(&g, "folded"));
    CHECK(&g, {"add", 32, 96, 96});
}

static struct vit_graph norm_graph(void)
{
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(2, 3, 4, 4)), *w = weight(&g, "conv.weight", SHAPE(6, 3, 1, 1));
    x = vit_add_op(&g, VIT_OP_conv2d, "conv", ATTR(.kernel = 1, .stride = 1), x, w);
    struct vit_tensor *scale = weight(&g, "bn.weight", SHAPE(6)), *shift = weight(&g, "bn.bias", SHAPE(6));
    struct vit_tensor *mean = buffer(&g, "bn.running_mean", SHAPE(6)), *var = buffer(&g, "bn.running_var", SHAPE(6));
    g.logits = vit_add_op(&g, VIT_OP_batch_norm, "bn", ATTR(.eps = 1e-5), x, scale, shift, mean, var);
    return g;
}

/* Running statistics count as weights. Folded: the convolution reads derived weights and a bias, the norm is gone. */
static void test_compulsory_batch_norm(void **state)
{
    (void)state;
    struct vit_graph g = norm_graph();
    CHECK(&g, {"conv2d", 18, 96, 192}, {"batch_norm", 24, 192, 192});
    g = norm_graph();
    assert_ok(vit_graph_rewrite(&g, "folded"));
    CHECK(&g, {"conv2d", 24, 96, 192});
}

/* An output may share the memory of an input: each still counts. */
static void test_compulsory_in_place_counts_both(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    struct vit_tensor *x = input(&g, SHAPE(50));
    x = vit_add_op(&g, VIT_OP_relu, "first", PLAIN, x);
    g.logits = vit_add_op(&g, VIT_OP_relu, "second", PLAIN, x);
    g.logits->base = x;
    CHECK(&g, {"relu", 0, 50, 50}, {"relu", 0, 50, 50});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compulsory_views_are_free),
        cmocka_unit_test(test_compulsory_sweeps_count_once),
        cmocka_unit_test(test_compulsory_packing_does_not_count),
        cmocka_unit_test(test_compulsory_broadcast_operands_count_once),
        cmocka_unit_test(test_compulsory_same_input_counts_once),
        cmocka_unit_test(test_compulsory_movement_reads_what_it_keeps),
        cmocka_unit_test(test_compulsory_class_token_counts_once),
        cmocka_unit_test(test_compulsory_convolutions_read_what_windows_reach),
        cmocka_unit_test(test_compulsory_position_tables),
        cmocka_unit_test(test_compulsory_batch_norm),
        cmocka_unit_test(test_compulsory_in_place_counts_both),
    };
    return cmocka_run_group_tests_name("probes_compulsory", tests, NULL, NULL);
}
