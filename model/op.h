/* SPDX-License-Identifier: MIT */
/* op.h - operators: what a node of the graph is (vit_op) and all that is known about its kind (vit_op_def).
 * A kind is one file in model/ops/ with one exported `const struct vit_op_def vit_op_<name>` and one row in ops.def. */
#pragma once

#include "model/tensor.h"

enum vit_op_kind {
#define VIT_OP(name) VIT_OP_##name,
#include "model/ops/ops.def"
#undef VIT_OP
    VIT_N_OPS
};

/* What an operator does with memory and arithmetic; the paper's classes are mapped from kinds in analysis/. */
#define VIT_OP_CLASS_LIST(X)      \
    X(GEMM, "gemm")               \
    X(CONV, "conv")               \
    X(NORM, "norm")               \
    X(SOFTMAX, "softmax")         \
    X(ELEMENTWISE, "elementwise") \
    X(REDUCTION, "reduction")     \
    X(MOVEMENT, "movement")

enum vit_op_class {
#define X(id, text) VIT_CLASS_##id,
    VIT_OP_CLASS_LIST(X)
#undef X
        VIT_N_CLASSES
};

const char *vit_op_class_name(enum vit_op_class op_class);

enum vit_pass { VIT_FORWARD, VIT_BACKWARD };

/* Place in the network, so that studies select by meaning, not by parsing names. -1: not inside one. */
#define VIT_ROLE_LIST(X)                                                 \
    X(NONE, "")                                                          \
    X(EMBED, "embed") /* patch embedding, tokens, positions */           \
    X(QKV, "qkv")     /* joint projection to query, key, value */        \
    X(QUERY, "query")                                                    \
    X(KEY, "key")                                                        \
    X(VALUE, "value")                                                    \
    X(SCORE, "score")     /* query-key products up to the softmax */     \
    X(CONTEXT, "context") /* attention-weighted values */                \
    X(PROJ, "proj")                                                      \
    X(FFN_EXPAND, "ffn_expand")                                          \
    X(FFN_PROJECT, "ffn_project")                                        \
    X(TOKEN_MIX, "token_mix") /* depthwise convolution between tokens */ \
    X(WINDOW, "window")       /* pad, roll, partition, reverse */        \
    X(RESIDUAL, "residual")                                              \
    X(NORM, "norm")   /* normalisation of a residual branch */           \
    X(MERGE, "merge") /* between stages */                               \
    X(HEAD, "head")   /* pooling and classifier */

enum vit_role {
#define X(id, text) VIT_ROLE_##id,
    VIT_ROLE_LIST(X)
#undef X
        VIT_N_ROLES
};

const char *vit_role_name(enum vit_role role);

struct vit_site {
    int stage, block, head;
    enum vit_role role;
};

/* Attributes, in ONNX words. Every operator documents those it reads. */
struct vit_attr {
    int kernel, stride, pad; /* convolutions: square */
    int axis;
    int64_t start, length;  /* slice */
    int perm[VIT_MAX_DIMS]; /* permute: output axis i is input axis perm[i] */
    int64_t size[2];        /* window (height, width), or amounts in the two spatial axes: pad, roll, crop */
    int64_t map[2];         /* height and width of the map that windows are reassembled into */
    bool trans_a, trans_b;  /* matmul */
    double eps, scale;
    double momentum; /* of running statistics */
    double rate;     /* of what is dropped */
    int64_t stream;  /* of random numbers (model/noise.h) */
};

enum { VIT_MAX_IN = 8, VIT_MAX_OUT = 2 };

struct vit_op {
    enum vit_op_kind kind;
    const char
        *name; /* the module's name, with a suffix where a module runs several operators: "blocks.0.attn.scale" */
    struct vit_site site;
    struct vit_attr attr;
    struct vit_tensor *in[VIT_MAX_IN];
    int n_in;
    struct vit_tensor *out[VIT_MAX_OUT];
    int n_out;
    bool prepare; /* reads weights only and runs once, after they are loaded, not in every forward */
};

/* Cost of one forward of one operator, from shapes alone.
 * macs: multiply-accumulates of convolutions, linears and matrix products (the paper's "FLOPs").
 * flops = 2 * macs + one per other arithmetic result; an exponential, division or square root counts as one.
 * Bytes are compulsory: every element that is needed is read once, every element of an output written once
 * (probes/README.md, "Compulsory bytes"). */
struct vit_cost {
    int64_t macs, flops;
    int64_t read_weight_bytes;     /* parameters, buffers, constants, derived weights */
    int64_t read_activation_bytes; /* inputs */
    int64_t write_bytes;           /* outputs */
};

static inline int64_t vit_cost_bytes(const struct vit_cost *c)
{
    return c->read_weight_bytes + c->read_activation_bytes + c->write_bytes;
}

struct vit_step;
struct vit_access;

/* One implementation of a kind. Lists end with a zeroed entry; the first whose supports() agrees is taken,
 * the last must support everything. */
struct vit_kernel {
    const char *name;
    bool (*supports)(const struct vit_op *op);                 /* NULL: always */
    size_t (*workspace)(const struct vit_op *op, int threads); /* bytes of scratch; NULL: none */
    void (*forward)(const struct vit_step *step);              /* cannot fail, allocates nothing */
    /* What forward touches when one thread does all of it (model/access.h). NULL: not described. */
    void (*stream)(const struct vit_step *step, struct vit_access *access);
    bool blas; /* computes with model/blas.h */
};

#define VIT_READS_IN(i) (1U << (i))
#define VIT_READS_OUT(i) (1U << (VIT_MAX_IN + (i)))

struct vit_op_def {
    const char *name; /* as in ops.def and in CSV files */
    enum vit_op_class op_class;
    int min_in, max_in;
    /* Checks inputs and sets dims of op->out[]; the only place where a shape error can arise. n_out is 1 before;
     * an operator with two outputs says so in `outputs`. */
    int outputs;
    int (*infer)(struct vit_op *op);
    void (*cost)(const struct vit_op *op, struct vit_cost *cost); /* macs and flops; NULL: neither */
    const struct vit_kernel *cpu;
    /* Implementations of the way back: their forward() computes in[i]->grad of every input that has one from
     * out[]->grad, adding to what is there where vit_step_adds(step, i) says so. NULL: the kind has no way back. */
    const struct vit_kernel *backward;
    unsigned backward_reads; /* whose values, beside the gradients of the outputs: VIT_READS_IN(0) | VIT_READS_OUT(0) */
    void (*backward_cost)(const struct vit_op *op, struct vit_cost *cost); /* macs and flops; NULL: neither */
    bool updates; /* forward also changes inputs: running statistics */
    /* Elements of input i that are read, where that is not all of them (slice, gather); NULL: all. */
    int64_t (*reads)(const struct vit_op *op, int input);
};

extern const struct vit_op_def *const vit_op_table[VIT_N_OPS];

/* Cost of op: macs and flops by its kind, bytes by the sizes of its tensors. */
struct vit_cost vit_op_cost(const struct vit_op *op);

/* The same of its way back: reads what backward_reads names and the outputs' gradients, writes the inputs'. */
struct vit_cost vit_op_backward_cost(const struct vit_op *op);

/* Fails with "NAME (KIND): TEXT": for infer(). */
int vit_op_fail(const struct vit_op *op, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* out[0] gets the shape of the given dims. */
void vit_op_shape(struct vit_op *op, int ndim, const int64_t *dim);

/* out[0] gets the shape of in[0]: the infer() of elementwise kinds. */
int vit_op_infer_same(struct vit_op *op);
