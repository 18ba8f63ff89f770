/* SPDX-License-Identifier: MIT */
/* binary_cross_entropy.c - loss = mean over all elements of log(1 + exp x) - t x: each class is a question of its own,
 * whose answer is yes with probability sigmoid(x). x (B, C) logits, t (B, C) targets; loss (1).
 * dx = (sigmoid(x) - t) / (B C) * dloss; targets have no gradient. FLOPs: 6 per element (absolute value, exponential,
 * logarithm, maximum, product, sum); back: 5. */
#include "model/access.h"
#include "model/base/communicator.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/plan.h"

#include <math.h>

struct job {
    const vit_real *x, *t;
    double *row; /* (B) losses */
    vit_real *dx;
    double scale; /* of the gradient: dloss / (B C) */
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
    return VIT_OK;
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 6 * vit_numel(op->in[0]);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 5 * vit_numel(op->in[0]);
}

static size_t workspace(const struct vit_op *op, int threads)
{
    (void)threads;
    return (size_t)op->in[0]->dim[0] * sizeof(double);
}

/* With a communicator the mean is over the batch of all ranks. */
static double all_elements(const struct vit_step *step)
{
    return (double)(vit_numel(step->op->in[0]) * vit_communicator_ranks(step->comm));
}

static void row_forward(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    const vit_real *x = job->x + piece * job->classes, *t = job->t + piece * job->classes;
    double loss = 0;
    (void)worker;
    for (int64_t k = 0; k < job->classes; k++) { /* exponentials of what is not positive cannot overflow */
        const double value = (double)x[k], positive = value < 0 ? 0 : value;
        loss += positive + log1p(exp(-fabs(value))) - (double)t[k] * value;
    }
    job->row[piece] = loss;
}

static void forward(const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    const int64_t rows = op->in[0]->dim[0];
    struct job job = {.x = op->in[0]->data, .t = op->in[1]->data, .row = step->workspace, .classes = op->in[0]->dim[1]};
    double sum = 0;
    vit_parallel_for(step->pool, rows, row_forward, &job);
    for (int64_t i = 0; i < rows; i++)
        sum += job.row[i];
    vit_communicator_sum(step->comm, &sum, 1);
    op->out[0]->data[0] = (vit_real)(sum / all_elements(step));
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const int64_t rows = op->in[0]->dim[0], classes = op->in[0]->dim[1];
    double *row = step->workspace;
    for (int64_t i = 0; i < rows; i++) {
        vit_access_zip(access, &(struct vit_zip){.a = op->in[0]->data + i * classes,
                                                 .b = op->in[1]->data + i * classes,
                                                 .bytes = (size_t)classes * sizeof(vit_real)});
        vit_access_write(access, row + i, sizeof *row);
    }
    vit_access_read(access, row, (size_t)rows * sizeof *row);
    vit_access_write(access, op->out[0]->data, sizeof(vit_real));
}

static void row_backward(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    const vit_real *x = job->x + piece * job->classes, *t = job->t + piece * job->classes;
    vit_real *dx = job->dx + piece * job->classes;
    (void)worker;
    for (int64_t k = 0; k < job->classes; k++) {
        const double gradient = (1 / (1 + exp(-(double)x[k])) - (double)t[k]) * job->scale;
        dx[k] = (vit_real)(job->adds ? (double)dx[k] + gradient : gradient);
    }
}

static void backward(const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    struct job job = {.x = op->in[0]->data,
                      .t = op->in[1]->data,
                      .dx = op->in[0]->grad->data,
                      .scale = (double)op->out[0]->grad->data[0] / all_elements(step),
                      .adds = vit_step_adds(step, 0),
                      .classes = op->in[0]->dim[1]};
    vit_parallel_for(step->pool, op->in[0]->dim[0], row_backward, &job);
}

const struct vit_op_def vit_op_binary_cross_entropy = {
    .name = "binary_cross_entropy",
    .op_class = VIT_CLASS_REDUCTION,
    .min_in = 2,
    .max_in = 2,
    .infer = infer,
    .cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .workspace = workspace, .forward = forward, .stream = stream},
                                       {0}},
    .backward = (const struct vit_kernel[]){{.name = "rows", .forward = backward}, {0}},
    .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1),
    .backward_cost = backward_cost,
};
