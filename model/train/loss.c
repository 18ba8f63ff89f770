/* SPDX-License-Identifier: MIT */
/* loss.c - with q = softmax(u / T) of the teacher's logits u, KL(q, p) is the cross entropy of q with p less that with
 * itself: the part that does not depend on the net is computed too, so that the loss is the number that PyTorch
 * gives. */
#include "model/train/loss.h"

#include "model/base/status.h"

#include <math.h>

static const struct vit_attr none;

static struct vit_tensor *given(struct vit_graph *g, const char *name)
{
    return vit_graph_tensor(g, name, VIT_SPACE_INPUT, g->logits->ndim, g->logits->dim);
}

static struct vit_tensor *scale(struct vit_graph *g, const char *name, struct vit_tensor *x, double by)
{
    return vit_add_op(g, VIT_OP_scale, name, ((struct vit_attr){.scale = by}), x);
}

/* T^2 KL(softmax(u / T), softmax(x / T)), mean over the batch. */
static struct vit_tensor *soft(struct vit_graph *g, struct vit_tensor *x, const struct vit_loss_options *options)
{
    const double t = options->temperature, shares = options->mean_over_classes ? (double)x->dim[1] : 1;
    struct vit_tensor *u = scale(g, "loss.teacher.scale", g->teacher, 1 / t);
    struct vit_tensor *q = vit_add_op(g, VIT_OP_softmax, "loss.teacher.softmax", none, u);
    struct vit_tensor *own = vit_add_op(g, VIT_OP_cross_entropy, "loss.teacher.entropy", none, u, q);
    struct vit_tensor *p = scale(g, "loss.distillation.scale", x, 1 / t);
    struct vit_tensor *both = vit_add_op(g, VIT_OP_cross_entropy, "loss.distillation", none, p, q);
    struct vit_tensor *difference =
        vit_add_op(g, VIT_OP_add, "loss.divergence", none, both, scale(g, "loss.teacher.negative", own, -1));
    return scale(g, "loss.distillation.weight", difference, options->alpha * t * t / shares);
}

static struct vit_tensor *hard(struct vit_graph *g, struct vit_tensor *x, const struct vit_loss_options *options)
{
    struct vit_tensor *q = vit_add_op(g, VIT_OP_one_hot, "loss.teacher.class", none, g->teacher);
    struct vit_tensor *both = vit_add_op(g, VIT_OP_cross_entropy, "loss.distillation", none, x, q);
    return scale(g, "loss.distillation.weight", both, options->alpha);
}

static int check(const struct vit_graph *g, const struct vit_loss_options *options)
{
    if (options->distillation == VIT_DISTILLATION_NONE)
        return g->status;
    if (!(options->alpha >= 0 && options->alpha <= 1))
        return vit_fail(VIT_EINVAL, "distillation: alpha %g must be between 0 and 1", options->alpha);
    if (options->distillation == VIT_DISTILLATION_SOFT && !(options->temperature > 0 && isfinite(options->temperature)))
        return vit_fail(VIT_EINVAL, "distillation: temperature %g must be more than 0", options->temperature);
    return g->status;
}

int vit_graph_add_loss(struct vit_graph *g, const struct vit_loss_options *options)
{
    const bool teaches = options->distillation != VIT_DISTILLATION_NONE;
    int status = check(g, options);
    if (status != VIT_OK)
        return status;
    g->site = (struct vit_site){-1, -1, -1, VIT_ROLE_HEAD};
    struct vit_tensor *x = g->logits;
    if (g->logits_distilled && !teaches)
        x = scale(g, "loss.logits.mean", vit_add_op(g, VIT_OP_add, "loss.logits.sum", none, x, g->logits_distilled),
                  0.5);
    g->targets = given(g, "targets");
    struct vit_tensor *loss = vit_add_op(g, options->binary ? VIT_OP_binary_cross_entropy : VIT_OP_cross_entropy,
                                         teaches ? "loss.targets" : "loss", none, x, g->targets);
    if (teaches) {
        struct vit_tensor *student = g->logits_distilled ? g->logits_distilled : g->logits;
        g->teacher = given(g, "teacher");
        struct vit_tensor *part =
            options->distillation == VIT_DISTILLATION_SOFT ? soft(g, student, options) : hard(g, student, options);
        loss = vit_add_op(g, VIT_OP_add, "loss", none, scale(g, "loss.weight", loss, 1 - options->alpha), part);
    }
    return loss ? vit_graph_differentiate(g, loss, options->gradient) : g->status;
}
