/* SPDX-License-Identifier: MIT */
/* Page references are the kernel's own here: what a step touches is known from the offsets of its tensors. */
#include "analysis/instance.h"
#include "probes/page_watch.h"
#include "probes/session.h"
#include "tests/support/file_tree.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static size_t page;

/* Skips where the kernel keeps no such bits. */
static int need_pages(void **state)
{
    (void)state;
    page = (size_t)sysconf(_SC_PAGESIZE);
    return 0;
}

static void open_or_skip(struct vit_page_watch *watch, const size_t *bytes, int n)
{
    int status = vit_page_watch_open(watch, "/proc/self", bytes, n);
    if (status == VIT_ENOTSUP) {
        print_message("skipped: %s\n", vit_error());
        skip();
    }
    assert_ok(status);
}

static void touch(struct vit_page_area *area, size_t from, size_t stride, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        *(volatile char *)(area->memory + (from + i * stride) * page) += 1;
}

static void test_page_watch_counts_distinct_pages(void **state)
{
    (void)state;
    struct vit_page_watch watch;
    enum { PAGES = 4000 }; /* more than fit the TLB of some processors, and larger than a huge page */
    open_or_skip(&watch, (size_t[]){PAGES * page, 1, 0, 3 * page + 1}, 4);
    assert_int_equal(watch.area[1].bytes, page);
    assert_int_equal(watch.area[2].bytes, 0);
    assert_int_equal(watch.area[3].bytes, 4 * page);
    static const struct {
        size_t from, stride, pages;
    } row[] = {{0, 1, PAGES}, {0, 1, PAGES}, {7, 1, 1}, {3, 5, 700}, {7, 1, 1}, {0, 1, 0}, {0, 1, PAGES}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_ok(vit_page_watch_start(&watch));
        for (int twice = 0; twice < 2; twice++)
            touch(&watch.area[0], row[i].from, row[i].stride, row[i].pages);
        touch(&watch.area[3], 1, 2, 2);
        assert_ok(vit_page_watch_count(&watch));
        assert_int_equal(watch.area[0].touched, row[i].pages * page);
        assert_int_equal(watch.area[1].touched, 0);
        assert_int_equal(watch.area[2].touched, 0);
        assert_int_equal(watch.area[3].touched, 2 * page);
    }
    vit_page_watch_close(&watch);
}

/* Reads count as well, and writing zeros over zeros. */
static void test_page_watch_counts_reads(void **state)
{
    (void)state;
    struct vit_page_watch watch;
    open_or_skip(&watch, (size_t[]){100 * page}, 1);
    assert_ok(vit_page_watch_start(&watch));
    int sum = 0;
    for (size_t i = 0; i < 50; i++)
        sum += *(volatile const char *)(watch.area[0].memory + 2 * i * page);
    assert_int_equal(sum, 0);
    assert_ok(vit_page_watch_count(&watch));
    assert_int_equal(watch.area[0].touched, 50 * page);
    vit_page_watch_close(&watch);
}

static void test_page_watch_says_what_the_kernel_lacks(void **state)
{
    (void)state;
    char root[FILE_TREE_PATH];
    struct vit_page_watch watch;
    file_tree_open(root, NULL, 0);
    assert_fails(vit_page_watch_open(&watch, root, NULL, 0), VIT_ENOTSUP, "clear_refs: No such file");
    file_tree_write(root, "clear_refs", "");
    assert_fails(vit_page_watch_open(&watch, root, NULL, 0), VIT_ENOTSUP, "smaps: No such file");
    file_tree_write(root, "smaps", "");
    assert_fails(vit_page_watch_open(&watch, root, NULL, 0), VIT_ENOTSUP, "does not say");
    /* One that counts, but never clears. */
    char path[FILE_TREE_PATH + 8];
    snprintf(path, sizeof path, "%s/smaps", root);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/proc/self/smaps", path), 0);
    if (access("/proc/self/smaps", R_OK) == 0)
        assert_fails(vit_page_watch_open(&watch, root, NULL, 0), VIT_ENOTSUP, "does not tell them right");
    file_tree_close(root);
}

/* Pages that [from, from + bytes) of a space overlaps are marked. */
static void mark(unsigned char *marked, size_t from, size_t bytes)
{
    for (size_t p = from / page; bytes > 0 && p <= (from + bytes - 1) / page; p++)
        marked[p] = 1;
}

/* Bytes of the pages that hold the step's tensors, those of one kind of space. Constants are placed one by one: what
 * they take is not counted here but may be on top. */
static int64_t expected_bytes(const struct vit_plan *plan, const struct vit_op *op, bool weights)
{
    int64_t bytes = 0;
    for (int s = 0; s < VIT_N_SPACES; s++) {
        if ((s == VIT_SPACE_INPUT || s == VIT_SPACE_ACTIVATION) == weights || s == VIT_SPACE_CONSTANT)
            continue;
        unsigned char *marked = calloc(plan->space_bytes[s] / page + 1, 1);
        assert_non_null(marked);
        for (int i = 0; i < op->n_in + op->n_out; i++) {
            const struct vit_tensor *t = i < op->n_in ? op->in[i] : op->out[i - op->n_in], *owner = vit_owner(t);
            if ((int)owner->space == s)
                mark(marked, owner->offset + (size_t)((const char *)t->data - (const char *)owner->data),
                     vit_nbytes(t));
        }
        for (size_t p = 0; p <= plan->space_bytes[s] / page; p++)
            bytes += marked[p] ? (int64_t)page : 0;
        free(marked);
    }
    return bytes;
}

static int64_t constant_bytes(const struct vit_op *op)
{
    int64_t bytes = 0;
    for (int i = 0; i < op->n_in; i++)
        if (vit_owner(op->in[i])->space == VIT_SPACE_CONSTANT)
            bytes += (int64_t)(vit_nbytes(op->in[i]) + 2 * page);
    return bytes;
}

static void check_model(const char *name, int threads)
{
    struct vit_instance net;
    struct vit_session session;
    assert_ok(vit_instance_open(&net, name, &(struct vit_instance_options){.threads = threads}));
    assert_ok(vit_session_open(&session, &net.plan, (const char *[]){"footprint"}, 1));
    vit_exec_run(&net.exec);
    vit_real *logits = net.graph.logits->data, first = logits[0];
    vit_session_run(&session, &net.exec);
    if (session.probe[0].absent) {
        print_message("skipped: %s\n", session.probe[0].reason);
        vit_session_close(&session);
        vit_instance_close(&net);
        skip();
    }
    int64_t touched = 0, weights = 0;
    for (int s = 0; s < net.plan.n_step; s++) {
        const struct vit_step *step = &net.plan.step[s];
        struct vit_cell cell[3];
        vit_session_read(&session, s, cell);
        const int64_t constants = constant_bytes(step->op);
        const int64_t want[2] = {expected_bytes(&net.plan, step->op, true), expected_bytes(&net.plan, step->op, false)};
        /* A processor may walk ahead into a page that it then does not use. */
        enum { AHEAD = 4 };
        bool all = !step->def->reads;
        for (int i = 0; i < 2; i++)
            if (cell[i + 1].i > want[i] + (i ? 0 : constants) + AHEAD * (int64_t)page ||
                (all && cell[i + 1].i < want[i]))
                fail_msg("%s %s (%s, %s): %s: %lld bytes touched, its tensors lie in %lld", name, step->op->name,
                         step->def->name, step->kernel->name, i ? "activations" : "weights", (long long)cell[i + 1].i,
                         (long long)want[i]);
        assert_true(cell[0].i >= cell[1].i + cell[2].i);
        assert_true(cell[0].i <= cell[1].i + cell[2].i + (int64_t)(step->workspace_bytes + (1 + AHEAD) * page));
        touched += cell[1].i;
        weights += step->cost.read_weight_bytes;
    }
    print_message("%s, %d threads: weight pages touched %.3f of weight bytes\n", name, threads,
                  (double)touched / (double)weights);
    struct vit_figure figure = vit_probe_figure(&session.probe[0], 0);
    assert_int_equal(figure.tier, VIT_TIER_FOOTPRINT);
    assert_non_null(strstr(figure.source, "pages of "));
    /* The memory of the exec is as it was. */
    assert_ptr_equal(net.graph.logits->data, logits);
    assert_true(logits[0] == first);
    logits[0] = 0;
    vit_exec_run(&net.exec);
    assert_true(logits[0] == first);
    vit_session_close(&session);
    vit_instance_close(&net);
}

static void test_footprint_is_the_pages_of_a_steps_tensors(void **state)
{
    (void)state;
    check_model("deit_nano", 1);
    check_model("swin_nano", 1);
    check_model("efficientvit_nano", 2);
}

/* A linear of DeiT-T's size: its weight begins a page, and fills 144 of them, its bias most of one more. */
static void test_footprint_of_weights_is_their_bytes(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    struct vit_plan plan;
    struct vit_exec exec;
    struct vit_session session;
    enum { TOKENS = 197, IN = 192, OUT = 768 };
    struct vit_tensor *x = vit_graph_tensor(&graph, "x", VIT_SPACE_INPUT, 2, (int64_t[]){TOKENS, IN});
    struct vit_tensor *w = vit_graph_tensor(&graph, "w", VIT_SPACE_PARAM, 2, (int64_t[]){OUT, IN});
    struct vit_tensor *b = vit_graph_tensor(&graph, "b", VIT_SPACE_PARAM, 1, (int64_t[]){OUT});
    graph.logits = vit_add_op(&graph, VIT_OP_linear, "fc1", ((struct vit_attr){0}), x, w, b);
    graph.input = x;
    assert_ok(graph.status);
    assert_ok(vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = 1}));
    assert_ok(vit_exec_open(&exec, &plan));
    memset(x->data, 0, vit_nbytes(x));
    memset(w->data, 0, vit_nbytes(w));
    memset(b->data, 0, vit_nbytes(b));
    vit_exec_prepare(&exec);
    vit_exec_run(&exec);
    assert_ok(vit_session_open(&session, &plan, (const char *[]){"footprint"}, 1));
    vit_session_run(&session, &exec);
    if (session.probe[0].absent) {
        print_message("skipped: %s\n", session.probe[0].reason);
    } else {
        struct vit_cell cell[3];
        vit_session_read(&session, plan.n_step - 1, cell);
        const int64_t weights = (int64_t)(IN + 1) * OUT * (int64_t)sizeof(vit_real);
        print_message("weights %lld bytes, footprint %lld\n", (long long)weights, (long long)cell[1].i);
        assert_true(cell[1].i >= weights);
        assert_true(cell[1].i <= weights + 2 * (int64_t)page); /* two tensors, each less than a page too much */
        const int64_t activations = (int64_t)(IN + OUT) * TOKENS * (int64_t)sizeof(vit_real);
        assert_true(cell[2].i >= activations && cell[2].i <= activations + 2 * (int64_t)page);
    }
    bool absent = session.probe[0].absent;
    vit_session_close(&session);
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&graph);
    if (absent)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_watch_counts_distinct_pages),
        cmocka_unit_test(test_page_watch_counts_reads),
        cmocka_unit_test(test_page_watch_says_what_the_kernel_lacks),
        cmocka_unit_test(test_footprint_of_weights_is_their_bytes),
        cmocka_unit_test(test_footprint_is_the_pages_of_a_steps_tensors),
    };
    return cmocka_run_group_tests(tests, need_pages, NULL);
}
