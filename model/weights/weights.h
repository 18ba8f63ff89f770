/* SPDX-License-Identifier: MIT */
/* weights.h - fills a graph's parameters and buffers: from a safetensors file in any known naming, or by the generator;
 * and writes them. Tensors must have memory (model/exec.h). */
#pragma once

#include "model/graph.h"
#include "model/weights/digest.h"
#include "model/weights/safetensors.h"

/* A parameter or buffer with memory of its own. */
static inline bool vit_is_weight(const struct vit_tensor *tensor)
{
    return !tensor->base && (tensor->space == VIT_SPACE_PARAM || tensor->space == VIT_SPACE_BUFFER);
}

struct vit_weights_report {
    int loaded;                  /* tensors of the graph, resized ones among them */
    int resized;                 /* position embeddings and bias tables of another input size */
    int ignored;                 /* counters and index tables of the file */
    int kept;                    /* tensors of the head that stay as they are (vit_weights_load_body) */
    const char *naming;          /* "timm", "original EfficientViT release", "older Swin" */
    const char *dtype;           /* of the loaded tensors: "F32"; "mixed" when they differ */
    char sha256[VIT_SHA256_HEX]; /* of the whole file */
};

/* All of the graph's parameters and buffers, or none: missing, unexpected and mis-shaped tensors are given in one
 * message and leave the graph as it was. Only a file that cannot be read to its end, or is shortened meanwhile, fails
 * with the graph's weights undefined. report may be NULL. */
int vit_weights_load(struct vit_graph *graph, const char *path, struct vit_weights_report *report);

/* The same for a network with another head: its tensors (names that begin with "head") keep their values where the file
 * lacks them or has them in another shape, and those of the file that the graph lacks are passed over. */
int vit_weights_load_body(struct vit_graph *graph, const char *path, struct vit_weights_report *report);

/* The deterministic weights of model/weights/generate.h. */
int vit_weights_generate(struct vit_graph *graph, uint64_t seed);

struct vit_weights_metadata {
    const struct vit_safetensors_pair *pair;
    int n;
};

/* F32 (F64 where vit_real is double), the whole file or nothing. metadata may be NULL; vitscope.model, .family and
 * .config of the graph are added where it does not have them: the file tells its own network. */
int vit_weights_save(const struct vit_graph *graph, const char *path, const struct vit_weights_metadata *metadata);
