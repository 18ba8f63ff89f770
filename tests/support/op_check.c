/* SPDX-License-Identifier: MIT */
#include "tests/support/op_check.h"

#include "tests/support/op_reference.h"
#include "tests/support/test.h"

#include <float.h>

#ifdef VIT_REAL_DOUBLE
static const double epsilon = DBL_EPSILON;
#else
static const double epsilon = FLT_EPSILON;
#endif

/* Values of one output; fails at the first element that is further away than the reference allows. */
static void check_values(struct vit_op_reference *reference, int output, const char *kernel)
{
    const struct vit_tensor *y = reference->op->out[output];
    for (int64_t k = 0; k < vit_numel(y); k++) {
        int64_t index[VIT_MAX_DIMS], rest = k;
        for (int a = y->ndim - 1; a >= 0; a--) {
            index[a] = rest % y->dim[a];
            rest /= y->dim[a];
        }
        double slack, want = vit_op_reference(reference, output, index, &slack), got = (double)y->data[k];
        if (!(fabs(got - want) <= slack * epsilon))
            fail_msg("kernel %s: output %d, element %lld is %.17g, expected %.17g +- %g", kernel, output, (long long)k,
                     got, want, slack * epsilon);
    }
}

static void check_cost(const struct vit_op_run *run, int64_t macs)
{
    const struct vit_cost *cost = &run->plan.step[0].cost;
    const struct vit_op *op = run->op;
    int64_t in_bytes = 0, out_bytes = 0;
    for (int i = 0; i < op->n_in; i++)
        in_bytes += (int64_t)vit_nbytes(op->in[i]);
    for (int i = 0; i < op->n_out; i++)
        out_bytes += (int64_t)vit_nbytes(op->out[i]);
    assert_int_equal(cost->macs, macs);
    assert_int_equal(cost->write_bytes, out_bytes);
    int64_t read_bytes = cost->read_weight_bytes + cost->read_activation_bytes;
    assert_in_range(read_bytes, (int64_t)sizeof(vit_real), in_bytes);
    enum vit_op_class op_class = run->plan.step[0].def->op_class;
    if (op_class == VIT_CLASS_MOVEMENT)
        assert_int_equal(cost->flops, 0);
    else if (macs) /* one addition per result for a bias */
        assert_int_equal(cost->flops, 2 * macs + (op->n_in > 2 ? vit_numel(op->out[0]) : 0));
    else
        assert_true(cost->flops >= vit_numel(op->out[0]));
}

static void check_shapes(const struct vit_op *op, const struct vit_op_case *op_case)
{
    for (int i = 0; i < op->n_out; i++) {
        assert_int_equal(op->out[i]->ndim, vit_case_ndim(op_case->out[i]));
        for (int a = 0; a < op->out[i]->ndim; a++)
            assert_int_equal(op->out[i]->dim[a], op_case->out[i][a]);
    }
}

/* Pieces of work depend on shapes alone, so not a bit may change with the number of threads. */
static void check_threads(const struct vit_op_case *op_case, const struct vit_kernel *kernel,
                          const struct vit_op_run *one)
{
    for (int threads = 2; threads <= 3; threads++) {
        struct vit_op_run run;
        assert_ok(vit_op_run_open(&run, op_case, kernel, threads));
        for (int i = 0; i < run.op->n_out; i++)
            if (memcmp(run.op->out[i]->data, one->op->out[i]->data, vit_nbytes(run.op->out[i])) != 0)
                fail_msg("kernel %s: %d threads change the bits of output %d", kernel->name, threads, i);
        vit_op_run_close(&run);
    }
}

static void check_kernel(const struct vit_op_case *op_case, const struct vit_kernel *kernel)
{
    struct vit_op_run run;
    assert_ok(vit_op_run_open(&run, op_case, kernel, 1));
    check_shapes(run.op, op_case);
    struct vit_op_reference reference = {.op = run.op};
    for (int i = 0; i < run.op->n_out; i++)
        check_values(&reference, i, kernel->name);
    check_cost(&run, reference.macs);
    check_threads(op_case, kernel, &run);
    vit_op_run_close(&run);
}

void vit_op_check(const struct vit_op_case *op_case)
{
    struct vit_graph graph;
    assert_ok(vit_op_case_graph(op_case, &graph));
    int n = 0;
    for (const struct vit_kernel *kernel = vit_op_table[op_case->kind]->cpu; kernel->forward; kernel++)
        if (!kernel->supports || kernel->supports(graph.op[0])) {
            check_kernel(op_case, kernel);
            n++;
        }
    assert_true(n > 0);
    vit_graph_close(&graph);
}
