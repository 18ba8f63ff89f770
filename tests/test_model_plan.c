/* SPDX-License-Identifier: MIT */
/* Planning and running: who lives when and where, and that a run depends on nothing but its input. */
#include "model/exec.h"
#include "model/memory_plan.h"
#include "tests/support/test.h"

#include <malloc.h>

#define PLAIN ((struct vit_attr){0})

enum { BATCH = 2, CHANNELS = 6, SIDE = 8, TOKENS = 16, WIDTH = 12, CLASSES = 5 };

static struct vit_tensor *parameter(struct vit_graph *graph, const char *name, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(graph, name, VIT_SPACE_PARAM, ndim, dim);
}

/* One block of attention on patches, in the operators that models use: projections share one tensor, heads are ranges
 * of a permuted copy, a residual keeps its input alive across the block. */
static struct vit_tensor *attention(struct vit_graph *g, struct vit_tensor *x)
{
    struct vit_tensor *w = parameter(g, "qkv.weight", 2, (int64_t[]){3 * WIDTH, WIDTH});
    struct vit_tensor *qkv = vit_add_op(g, VIT_OP_linear, "qkv", PLAIN, x, w);
    qkv = vit_graph_reshape(g, qkv, 5, (int64_t[]){BATCH, TOKENS, 3, 2, WIDTH / 2});
    qkv = vit_add_op(g, VIT_OP_permute, "split", ((struct vit_attr){.perm = {2, 0, 3, 1, 4}}), qkv);
    struct vit_tensor *part[3];
    for (int i = 0; i < 3; i++)
        part[i] = vit_graph_reshape(g, vit_graph_range(g, qkv, i, 1), 4, (int64_t[]){BATCH, 2, TOKENS, WIDTH / 2});
    struct vit_tensor *score =
        vit_add_op(g, VIT_OP_matmul, "score", ((struct vit_attr){.trans_b = true}), part[0], part[1]);
    score = vit_add_op(g, VIT_OP_scale, "scale", ((struct vit_attr){.scale = 0.4}), score);
    score = vit_add_op(g, VIT_OP_softmax, "softmax", PLAIN, score);
    vit_graph_tap(g, "softmax", score);
    struct vit_tensor *context = vit_add_op(g, VIT_OP_matmul, "context", PLAIN, score, part[2]);
    vit_graph_region(g, (struct vit_region){.block = "attn", .tensor = context, .axis = 1, .start = 0, .length = 1});
    context = vit_add_op(g, VIT_OP_permute, "join", ((struct vit_attr){.perm = {0, 2, 1, 3}}), context);
    context = vit_graph_reshape(g, context, 3, (int64_t[]){BATCH, TOKENS, WIDTH});
    return vit_add_op(g, VIT_OP_add, "residual", PLAIN, x, context);
}

static void build(struct vit_graph *g)
{
    *g = (struct vit_graph){.name = "small", .batch = BATCH};
    g->input = vit_graph_tensor(g, "input", VIT_SPACE_INPUT, 4, (int64_t[]){BATCH, CHANNELS, SIDE, SIDE});
    struct vit_tensor *w = parameter(g, "embed.weight", 4, (int64_t[]){WIDTH, CHANNELS, 2, 2});
    struct vit_tensor *x =
        vit_add_op(g, VIT_OP_conv2d, "embed", ((struct vit_attr){.kernel = 2, .stride = 2}), g->input, w);
    x = vit_graph_reshape(g, x, 3, (int64_t[]){BATCH, WIDTH, TOKENS});
    x = vit_add_op(g, VIT_OP_permute, "tokens", ((struct vit_attr){.perm = {0, 2, 1}}), x);
    x = attention(g, x);
    x = vit_add_op(g, VIT_OP_gelu, "act", PLAIN, x);
    struct vit_tensor *mean = vit_add_op(g, VIT_OP_reduce_mean, "pool", ((struct vit_attr){.axis = 1, .length = 1}), x);
    w = parameter(g, "head.weight", 2, (int64_t[]){CLASSES, WIDTH});
    struct vit_tensor *raw = parameter(g, "head.raw", 2, (int64_t[]){CLASSES, WIDTH});
    w = vit_add_op(g, VIT_OP_mul, "head.weight_product", PLAIN, w, raw);
    vit_graph_once(g);
    g->logits = vit_add_op(g, VIT_OP_linear, "head", PLAIN, mean, w);
    vit_add_op(g, VIT_OP_relu, "unused", PLAIN, x); /* after the logits are written: they must last */
    assert_int_equal(g->status, VIT_OK);
}

static void fill(const struct vit_graph *g)
{
    unsigned n = 1;
    for (int i = 0; i < g->n_tensor; i++) {
        const struct vit_tensor *t = g->tensor[i];
        if (!t->base && (t->space == VIT_SPACE_INPUT || t->space == VIT_SPACE_PARAM))
            for (int64_t k = 0; k < vit_numel(t); k++) {
                n = n * 1103515245u + 12345u;
                t->data[k] = (vit_real)((double)(n >> 8) * 0x1p-24 - 0.5);
            }
    }
}

/* First and last step in which memory of tensor t is needed, looked up from the steps themselves. */
static void life(const struct vit_plan *plan, const struct vit_tensor *t, bool keep_taps, int *first, int *last)
{
    const struct vit_graph *g = plan->graph;
    *first = plan->n_step + 1;
    *last = -1;
    for (int s = 0; s < plan->n_step; s++) {
        const struct vit_op *op = plan->step[s].op;
        for (int k = 0; k < op->n_out; k++)
            if (op->out[k] == t)
                *first = *last = s;
        for (int k = 0; k < op->n_in; k++)
            if (vit_owner(op->in[k]) == t)
                *last = s;
    }
    bool kept = vit_owner(g->logits) == t;
    for (int i = 0; keep_taps && i < g->n_tap; i++)
        kept = kept || vit_owner(g->tap[i].tensor) == t;
    for (int i = 0; keep_taps && i < g->n_region; i++)
        kept = kept || vit_owner(g->region[i].tensor) == t;
    if (kept)
        *last = plan->n_step;
}

static void check_memory(bool keep_taps)
{
    struct vit_graph g;
    struct vit_plan plan;
    struct vit_exec exec;
    build(&g);
    assert_ok(vit_plan_build(&plan, &g, (struct vit_plan_options){.keep_taps = keep_taps}));
    assert_ok(vit_exec_open(&exec, &plan));
    int together = 0;
    for (int i = 0; i < g.n_tensor; i++)
        for (int k = 0; k < i; k++) {
            const struct vit_tensor *a = g.tensor[i], *b = g.tensor[k];
            if (a->base || b->base || a->space != VIT_SPACE_ACTIVATION || b->space != VIT_SPACE_ACTIVATION)
                continue;
            int a_first, a_last, b_first, b_last;
            life(&plan, a, keep_taps, &a_first, &a_last);
            life(&plan, b, keep_taps, &b_first, &b_last);
            bool meet = a_first <= b_last && b_first <= a_last;
            bool overlap = a->data < b->data + vit_numel(b) && b->data < a->data + vit_numel(a);
            together += meet;
            if (meet && overlap)
                fail_msg("%s and %s live at the same time in the same memory", a->name, b->name);
        }
    assert_true(together > 5);
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&g);
}

static void test_plan_keeps_live_tensors_apart(void **state)
{
    (void)state;
    check_memory(false);
    check_memory(true);
}

static void test_plan_shares_memory(void **state)
{
    (void)state;
    struct vit_graph g;
    struct vit_plan plan, keeping;
    build(&g);
    assert_ok(vit_plan_build(&plan, &g, (struct vit_plan_options){0}));
    assert_ok(vit_plan_build(&keeping, &g, (struct vit_plan_options){.keep_taps = true}));
    size_t arena = plan.space_bytes[VIT_SPACE_ACTIVATION];
    assert_true(arena < plan.unshared_bytes);
    assert_true(arena >= plan.peak_live_bytes);
    assert_true(keeping.peak_live_bytes >= plan.peak_live_bytes);
    assert_int_equal(keeping.unshared_bytes, plan.unshared_bytes);
    vit_plan_close(&plan);
    vit_plan_close(&keeping);
    vit_graph_close(&g);
}

/* input 16 -> a 16 -> b 32 -> c 16 and a + c: sizes are multiples of the arena's alignment in both precisions. */
static void test_plan_counts_live_bytes(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    const size_t unit = 16 * sizeof(vit_real);
    struct vit_tensor *x = vit_graph_tensor(&g, "input", VIT_SPACE_INPUT, 2, (int64_t[]){2, 8});
    struct vit_tensor *a = vit_add_op(&g, VIT_OP_relu, "a", PLAIN, x);
    struct vit_tensor *b = vit_add_op(&g, VIT_OP_concat, "b", ((struct vit_attr){.axis = 0}), a, x);
    struct vit_tensor *c = vit_add_op(&g, VIT_OP_relu, "c", PLAIN, vit_graph_range(&g, b, 0, 2));
    g.logits = vit_add_op(&g, VIT_OP_add, "d", PLAIN, c, a);
    struct vit_plan plan;
    assert_ok(vit_plan_build(&plan, &g, (struct vit_plan_options){0}));
    assert_int_equal(plan.n_step, 4);
    assert_int_equal(plan.step[0].live_bytes, unit);     /* a */
    assert_int_equal(plan.step[1].live_bytes, 3 * unit); /* a, b */
    assert_int_equal(plan.step[2].live_bytes, 4 * unit); /* a, b, c: all of b, though a range of it is read */
    assert_int_equal(plan.step[3].live_bytes, 3 * unit); /* a, c, d */
    assert_int_equal(plan.peak_live_bytes, 4 * unit);
    assert_int_equal(plan.unshared_bytes, 5 * unit);
    assert_int_equal(plan.space_bytes[VIT_SPACE_ACTIVATION], 4 * unit); /* d goes where b was */
    assert_int_equal(plan.space_bytes[VIT_SPACE_INPUT], unit);
    struct vit_cost cost = vit_plan_cost(&plan);
    assert_int_equal(cost.macs, 0);
    assert_int_equal(cost.write_bytes, 5 * unit);
    assert_int_equal(cost.read_activation_bytes, 6 * unit); /* x; a, x; half of b; c, a */
    assert_int_equal(cost.read_weight_bytes, 0);
    vit_plan_close(&plan);
    vit_graph_close(&g);
}

static void test_plan_runs_derived_weights_apart(void **state)
{
    (void)state;
    struct vit_graph g;
    struct vit_plan plan;
    build(&g);
    assert_ok(vit_plan_build(&plan, &g, (struct vit_plan_options){0}));
    assert_int_equal(plan.n_prepare, 1);
    assert_string_equal(plan.prepare[0].op->name, "head.weight_product");
    assert_int_equal(plan.n_step, g.n_op - 1);
    for (int s = 0; s < plan.n_step; s++)
        assert_int_equal(plan.step[s].index, s);
    assert_true(plan.space_bytes[VIT_SPACE_DERIVED] >= CLASSES * WIDTH * sizeof(vit_real));
    vit_plan_close(&plan);
    vit_graph_close(&g);
}

static void test_plan_refuses_broken_graphs(void **state)
{
    (void)state;
    struct vit_graph g = {0};
    vit_add_op(&g, VIT_OP_softmax, "odd", PLAIN, NULL, NULL);
    struct vit_plan plan;
    assert_fails(vit_plan_build(&plan, &g, (struct vit_plan_options){0}), VIT_EINVAL, "odd (softmax)");
    assert_null(plan.step);
    vit_graph_close(&g);
}

/* Logits of one run, activations filled with a byte before it. */
static void run_once(struct vit_exec *exec, int byte, vit_real logits[BATCH * CLASSES])
{
    memset(exec->memory[VIT_SPACE_ACTIVATION], byte, exec->plan->space_bytes[VIT_SPACE_ACTIVATION]);
    if (exec->workspace)
        memset(exec->workspace, byte, exec->plan->workspace_bytes);
    vit_exec_run(exec);
    memcpy(logits, exec->plan->graph->logits->data, sizeof(vit_real) * BATCH * CLASSES);
}

/* Those that are not marked would run before OpenBLAS was checked and set to one thread per call. */
static void test_plan_knows_kernels_that_need_openblas(void **state)
{
    (void)state;
    int marked = 0;
    for (int i = 0; i < VIT_N_OPS; i++)
        for (const struct vit_kernel *k = vit_op_table[i]->cpu; k->name; k++) {
            if (k->blas != (strcmp(k->name, "openblas") == 0))
                fail_msg("%s: kernel %s is %smarked blas", vit_op_table[i]->name, k->name, k->blas ? "" : "not ");
            marked += k->blas;
        }
    assert_true(marked >= 3); /* linear, matmul, conv2d */
}

static void test_exec_depends_on_nothing_but_its_input(void **state)
{
    (void)state;
    vit_real first[BATCH * CLASSES], again[BATCH * CLASSES];
    for (int variant = 0; variant < 6; variant++) { /* 1 to 3 threads, taps kept or not */
        struct vit_graph g;
        struct vit_plan plan;
        struct vit_exec exec;
        build(&g);
        assert_ok(vit_plan_build(&plan, &g,
                                 (struct vit_plan_options){.threads = variant % 3 + 1, .keep_taps = variant >= 3}));
        assert_ok(vit_exec_open(&exec, &plan));
        fill(&g);
        vit_exec_prepare(&exec);
        if (variant == 0) {
            run_once(&exec, 0, first);
            for (int i = 0; i < BATCH * CLASSES; i++)
                assert_true(isfinite(first[i]) && first[i] != 0);
        }
        run_once(&exec, 0xff, again); /* bytes of NaN */
        assert_memory_equal(first, again, sizeof first);
        run_once(&exec, 0x11, again);
        assert_memory_equal(first, again, sizeof first);
        vit_exec_close(&exec);
        vit_plan_close(&plan);
        vit_graph_close(&g);
    }
}

/* What run() leaves behind in the heap, over many runs; 0 also where the heap cannot be asked (sanitizers). */
static void test_exec_run_allocates_nothing(void **state)
{
    (void)state;
    struct vit_graph g;
    struct vit_plan plan;
    struct vit_exec exec;
    build(&g);
    assert_ok(vit_plan_build(&plan, &g, (struct vit_plan_options){.threads = 2}));
    assert_ok(vit_exec_open(&exec, &plan));
    fill(&g);
    vit_exec_prepare(&exec);
    vit_exec_run(&exec); /* the BLAS library sets itself up on its first call */
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 20; i++)
        vit_exec_run(&exec);
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(after.hblkhd, before.hblkhd);
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&g);
}

static int events[256], n_events;

static void record_begin(void *self, const struct vit_step *step)
{
    events[n_events++] = *(int *)self * 100 + step->index;
}

static void record_end(void *self, const struct vit_step *step)
{
    events[n_events++] = -(*(int *)self * 100 + step->index);
}

static void test_exec_observers_enclose_each_other(void **state)
{
    (void)state;
    struct vit_graph g;
    struct vit_plan plan;
    struct vit_exec exec;
    build(&g);
    assert_ok(vit_plan_build(&plan, &g, (struct vit_plan_options){0}));
    assert_ok(vit_exec_open(&exec, &plan));
    fill(&g);
    int outer = 1, inner = 2;
    const struct vit_observer observers[] = {{record_begin, record_end, &outer}, {record_begin, record_end, &inner}};
    vit_exec_observe(&exec, observers, 2);
    n_events = 0;
    vit_exec_run(&exec);
    assert_int_equal(n_events, 4 * plan.n_step);
    for (int s = 0; s < plan.n_step; s++) {
        const int want[4] = {100 + s, 200 + s, -(200 + s), -(100 + s)};
        assert_memory_equal(&events[4 * s], want, sizeof want);
    }
    vit_exec_observe(&exec, NULL, 0);
    vit_exec_run(&exec);
    assert_int_equal(n_events, 4 * plan.n_step);
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&g);
}

/* Random lifetimes: no two that meet may overlap, and the arena holds them all. */
static void test_memory_plan_of_random_lifetimes(void **state)
{
    (void)state;
    enum { N = 60, STEPS = 25 };
    unsigned seed = 7;
    for (int round = 0; round < 200; round++) {
        struct vit_lifetime life_of[N];
        for (int i = 0; i < N; i++) {
            seed = seed * 1103515245u + 12345u;
            int first = (int)(seed >> 16) % STEPS, length = (int)(seed >> 24) % 6;
            life_of[i] = (struct vit_lifetime){
                .first = i % 10 == 9 ? -1 : first, .last = first + length, .bytes = (seed >> 8) % 5000 + 1};
        }
        size_t total;
        assert_ok(vit_memory_plan(life_of, N, &total));
        for (int i = 0; i < N; i++) {
            const struct vit_lifetime *a = &life_of[i];
            if (a->first < 0)
                continue;
            assert_int_equal(a->offset % VIT_ARENA_ALIGNMENT, 0);
            assert_true(a->offset + a->bytes <= total);
            for (int k = 0; k < i; k++) {
                const struct vit_lifetime *b = &life_of[k];
                if (b->first >= 0 && a->first <= b->last && b->first <= a->last)
                    assert_true(a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_keeps_live_tensors_apart),
        cmocka_unit_test(test_plan_shares_memory),
        cmocka_unit_test(test_plan_counts_live_bytes),
        cmocka_unit_test(test_plan_runs_derived_weights_apart),
        cmocka_unit_test(test_plan_refuses_broken_graphs),
        cmocka_unit_test(test_plan_knows_kernels_that_need_openblas),
        cmocka_unit_test(test_exec_depends_on_nothing_but_its_input),
        cmocka_unit_test(test_exec_run_allocates_nothing),
        cmocka_unit_test(test_exec_observers_enclose_each_other),
        cmocka_unit_test(test_memory_plan_of_random_lifetimes),
    };
    return cmocka_run_group_tests_name("model_plan", tests, NULL, NULL);
}
