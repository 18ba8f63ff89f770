/* SPDX-License-Identifier: MIT */
/* cross_entropy.c - loss = mean over rows of sum_k t_k * (log(sum_j exp x_j) - x_k): natural logarithm.
 * x (B, C) logits, t (B, C) targets: one-hot, smoothed or mixed; loss (1), p = softmax(x) (B, C), kept for the way
 * back. dx = (p * sum_k t_k - t) / B * dloss; targets have no gradient. With other ranks the mean is over the rows of
 * all, and B theirs together. FLOPs: 8 per element (maximum, subtraction, exponential, sum, division, three of the
 * loss); back: 4. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/plan.h"

#include <math.h>

struct job {
    const vit_real *x, *t;
    vit_real *p;
    double *row; /* (B) losses */
    vit_real *dx;
    double scale; /* of the gradient: dloss / B */
    bool adds;
    int64_t classes;
};

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0], *t = op->in[1];
    char a[VIT_SHAPE_TEXT], b[VIT_SHAPE_TEXT];
    if (x->ndim != 2 || !vit_same_shape(x, t))
        return vit_op_fail(op, "logits %s and targets %s must both be (batch, classes)", vit_shape_text(x, a),
                           vit_shape_text(t, b));
    vit_op_shape(op, 1, (const int64_t[]){1});
    op->out[1]->ndim = 2;
    op->out[1]->dim[0] = x->dim[0];
    op->out[1]->dim[1] = x->dim[1];
    return VIT_OK;
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 8 * vit_numel(op->in[0]);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 4 * vit_numel(op->in[0]);
}

static size_t workspace(const struct vit_op *op, int threads)
{
    (void)threads;
    return (size_t)op->in[0]->dim[0] * sizeof(double);
}

static void row_forward(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    const vit_real *x = job->x + piece * job->classes, *t = job->t + piece * job->classes;
    vit_real *p = job->p + piece * job->classes;
    double largest = -HUGE_VAL, sum = 0, loss = 0;
    (void)worker;
    for (int64_t k = 0; k < job->classes; k++)
        largest = x[k] > largest || isnan(x[k]) ? (double)x[k] : largest;
    for (int64_t k = 0; k < job->classes; k++)
        sum += exp((double)x[k] - largest);
    for (int64_t k = 0; k < job->classes; k++) {
        p[k] = (vit_real)(exp((double)x[k] - largest) / sum);
        loss += (double)t[k] * (largest + log(sum) - (double)x[k]);
    }
    job->row[piece] = loss;
}

static void forward(const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    const int64_t rows = op->in[0]->dim[0];
    struct job job = {.x = op->in[0]->data,
                      .t = op->in[1]->data,
                      .p = op->out[1]->data,
                      .row = step->workspace,
                      .classes = op->in[0]->dim[1]};
    double sum = 0;
    vit_parallel_for(step->pool, rows, row_forward, &job);
    for (int64_t i = 0; i < rows; i++)
        sum += job.row[i];
    vit_communicator_sum(step->comm, &sum, 1);
    op->out[0]->data[0] = (vit_real)(sum / (double)(rows * vit_communicator_ranks(step->comm)));
}

/* Rows: the largest, the sum, and once more for the loss. */
static void stream(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const int64_t rows = op->in[0]->dim[0], classes = op->in[0]->dim[1];
    const size_t bytes = (size_t)classes * sizeof(vit_real);
    double *row = step->workspace;
    for (int64_t i = 0; i < rows; i++) {
        const vit_real *x = op->in[0]->data + i * classes;
        vit_access_read(access, x, bytes);
        vit_access_read(access, x, bytes);
        vit_access_zip(access, &(struct vit_zip){.y = op->out[1]->data + i * classes,
                                                 .a = x,
                                                 .b = op->in[1]->data + i * classes,
                                                 .bytes = bytes});
        vit_access_write(access, row + i, sizeof *row);
    }
    vit_access_read(access, row, (size_t)rows * sizeof *row);
    vit_access_write(access, op->out[0]->data, sizeof(vit_real));
}

static void row_backward(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    const vit_real *t = job->t + piece * job->classes, *p = job->p + piece * job->classes;
    vit_real *dx = job->dx + piece * job->classes;
    double sum = 0;
    (void)worker;
    for (int64_t k = 0; k < job->classes; k++)
        sum += (double)t[k];
    for (int64_t k = 0; k < job->classes; k++) {
        double gradient = ((double)p[k] * sum - (double)t[k]) * job->scale;
        dx[k] = (vit_real)(job->adds ? (double)dx[k] + gradient : gradient);
    }
}

static void backward(const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    const int64_t rows = op->in[0]->dim[0], all_rows = rows * vit_communicator_ranks(step->comm);
    struct job job = {.t = op->in[1]->data,
                      .p = op->out[1]->data,
                      .dx = op->in[0]->grad->data,
                      .scale = (double)op->out[0]->grad->data[0] / (double)all_rows,
                      .adds = vit_step_adds(step, 0),
                      .classes = op->in[0]->dim[1]};
    vit_parallel_for(step->pool, rows, row_backward, &job);
}

const struct vit_op_def vit_op_cross_entropy = {
    .name = "cross_entropy",
    .op_class = VIT_CLASS_REDUCTION,
    .min_in = 2,
    .max_in = 2,
    .outputs = 2,
    .infer = infer,
    .cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .workspace = workspace, .forward = forward, .stream = stream},
                                       {0}},
    .backward = (const struct vit_kernel[]){{.name = "rows", .forward = backward}, {0}},
    .backward_reads = VIT_READS_IN(1) | VIT_READS_OUT(1),
    .backward_cost = backward_cost,
};
