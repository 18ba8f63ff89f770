/* SPDX-License-Identifier: MIT */
/* loss.h - what training makes small, as operators of the graph. Label smoothing, mixup and cutmix are in the targets:
 * they are probabilities. */
#pragma once

#include "model/gradient.h"

enum vit_distillation { VIT_DISTILLATION_NONE, VIT_DISTILLATION_SOFT, VIT_DISTILLATION_HARD };

struct vit_loss_options {
    bool binary; /* mean over batch and classes of the binary cross entropies (timm --bce-loss), not cross entropy */
    /* loss = (1 - alpha) * loss on targets + alpha * distillation (DeiT, arXiv 2012.12877, section 4). Soft: T^2 KL
     * (softmax(teacher / T), softmax(x / T)), mean over the batch; hard: cross entropy on the teacher's likeliest
     * class. graph->logits learn the targets, graph->logits_distilled the teacher; a net of one head learns both.
     * Without a teacher the mean of two heads learns the targets, as in timm. */
    enum vit_distillation distillation;
    double alpha, temperature; /* [0, 1], > 0 */
    bool mean_over_classes;    /* soft: divided by the number of classes too, as DeiT's and EfficientViT's code does */
    struct vit_gradient_options gradient;
};

/* Adds graph->targets (batch, classes; an input: probabilities of the classes), with distillation graph->teacher
 * (batch, classes; an input: the teacher's logits) and graph->loss (1), and differentiates it. Once per graph, after
 * rewrites. */
int vit_graph_add_loss(struct vit_graph *graph, const struct vit_loss_options *options);
