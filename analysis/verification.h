/* SPDX-License-Identifier: MIT */
/* verification.h - compares what a model computes with one file of reference numbers (analysis/fixture.h). */
#pragma once

#include "analysis/fixture.h"
#include "analysis/instance.h"

enum { VIT_MAX_TALLIES = 24 };

struct vit_verification {
    const char *path;   /* of the fixture */
    const char *graph;  /* variant of the graph to run */
    const char *kernel; /* implementations to prefer, or NULL */
    bool backward;      /* with the loss and all gradients */
    int threads;
    const struct cJSON *root;
    struct vit_model_def model; /* of the fixture: a row of the zoo with the numbers that the file gives */
    struct vit_tally tally[VIT_MAX_TALLIES];
    int n_tally;
};

/* Deviation allowed for values of a forward, in units of the tensor's standard deviation: float32 runs of the reference
 * reach about 1e-6, so 1e-4 leaves room for other orders of summation only; the double build must agree to 1e-9. */
double vit_verification_tolerance(void);

/* The tally of a kind of record; added with that tolerance when it is new. */
struct vit_tally *vit_verification_tally(struct vit_verification *v, const char *kind, double tolerance);

/* Lists a kind of record as not compared, with the reason, if `present`. */
void vit_verification_skip(struct vit_verification *v, const char *kind, const struct cJSON *present, const char *why);

/* One per "kind" of fixture. A failure is a file that cannot be used; deviations are in the tallies. */
int vit_verify_model(struct vit_verification *v);
int vit_verify_gradients(struct vit_verification *v); /* of kind "model", after vit_verify_model */
/* Of the same, with the graph of a forward that kept its taps; list may be NULL. */
int vit_verify_similarity(struct vit_verification *v, const struct cJSON *list, const struct vit_graph *graph);
int vit_verify_counts(struct vit_verification *v);
int vit_verify_weights_file(struct vit_verification *v);
int vit_verify_adamw(struct vit_verification *v);

/* Fills v->model from "model", "family" and "config" of a description: a row of the zoo, or numbers of its own. */
int vit_verification_model(struct vit_verification *v, const struct cJSON *description);

/* Opens the fixture's model with its img, classes, batch and seed. */
int vit_verification_open(struct vit_verification *v, const struct cJSON *description, int batch, const char *weights,
                          struct vit_instance *instance);

/* Compares the values of taps. */
void vit_verification_taps(struct vit_verification *v, struct vit_tally *tally, const struct cJSON *list,
                           const struct vit_graph *graph);

/* Compares "counts" members of `counts` with the graph. */
void vit_verification_counts(struct vit_tally *tally, const struct cJSON *counts, struct vit_graph *graph);

/* Compares logits[batch][classes]. */
void vit_verification_logits(struct vit_tally *tally, const struct cJSON *logits, const struct vit_tensor *got,
                             double scale);
