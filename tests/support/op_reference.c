/* SPDX-License-Identifier: MIT */
#include "tests/support/op_reference.h"

#include "model/noise.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#ifdef VIT_REAL_DOUBLE
#define REAL_EPSILON DBL_EPSILON
#define REAL_MIN DBL_MIN
#else
#define REAL_EPSILON FLT_EPSILON
#define REAL_MIN FLT_MIN
#endif

/* Results below the smallest normal number may vanish. */
#define UNDERFLOW_SLACK (REAL_MIN / REAL_EPSILON)

struct result {
    double value, slack;
};

static double at(const struct vit_tensor *t, const int64_t *index)
{
    int64_t flat = 0;
    for (int a = 0; a < t->ndim; a++)
        flat = flat * t->dim[a] + index[a]; /* NOLINT(clang-analyzer-core.*): every caller gives t->ndim indices */
    return (double)t->data[flat];
}

static double item(const struct vit_tensor *t, int64_t i)
{
    return (double)t->data[i];
}

/* A sum of n products: rounding errors add up like a random walk over partial sums, none larger than `magnitude`, the
 * sum of the absolute terms; 4 more for the handful of roundings around it, and twice for those of the reference. */
static double sum_slack(int64_t n, double magnitude)
{
    return 2 * (4 + sqrt((double)n)) * magnitude;
}

struct sum {
    double value, magnitude;
    int64_t n;
};

static void sum_add(struct sum *sum, double term)
{
    sum->value += term;
    sum->magnitude += fabs(term);
    sum->n++;
}

static struct result sum_result(const struct sum *sum)
{
    return (struct result){sum->value, sum_slack(sum->n, sum->magnitude)};
}

/* Convolution of input channels first .. first + channels with filter i[1]; taps outside the map are zeros. */
static struct result convolve(struct vit_op_reference *r, const int64_t *i, int64_t first, int64_t channels)
{
    const struct vit_op *op = r->op;
    const struct vit_tensor *x = op->in[0], *w = op->in[1];
    struct sum sum = {0};
    for (int64_t c = 0; c < channels; c++)
        for (int u = 0; u < op->attr.kernel; u++)
            for (int v = 0; v < op->attr.kernel; v++) {
                int64_t row = i[2] * op->attr.stride + u - op->attr.pad;
                int64_t column = i[3] * op->attr.stride + v - op->attr.pad;
                bool inside = row >= 0 && row < x->dim[2] && column >= 0 && column < x->dim[3];
                double pixel = inside ? at(x, (int64_t[]){i[0], first + c, row, column}) : 0;
                sum_add(&sum, pixel * at(w, (int64_t[]){i[1], c, u, v}));
                r->macs++;
            }
    if (op->n_in > 2)
        sum_add(&sum, item(op->in[2], i[1]));
    return sum_result(&sum);
}

static struct result conv2d(struct vit_op_reference *r, const int64_t *i)
{
    return convolve(r, i, 0, r->op->in[0]->dim[1]);
}

static struct result depthwise_conv2d(struct vit_op_reference *r, const int64_t *i)
{
    return convolve(r, i, i[1], 1);
}

static struct result linear(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0], *w = r->op->in[1];
    int last = x->ndim - 1;
    int64_t at_x[VIT_MAX_DIMS] = {0};
    for (int a = 0; a < last; a++)
        at_x[a] = i[a];
    struct sum sum = {0};
    for (int64_t k = 0; k < x->dim[last]; k++) {
        at_x[last] = k;
        sum_add(&sum, at(x, at_x) * at(w, (int64_t[]){i[last], k}));
        r->macs++;
    }
    if (r->op->n_in > 2)
        sum_add(&sum, item(r->op->in[2], i[last]));
    return sum_result(&sum);
}

static struct result matmul(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *a = r->op->in[0], *b = r->op->in[1];
    bool trans_a = r->op->attr.trans_a, trans_b = r->op->attr.trans_b;
    int row = a->ndim - 2, column = a->ndim - 1;
    int64_t at_a[VIT_MAX_DIMS] = {0}, at_b[VIT_MAX_DIMS] = {0};
    for (int d = 0; d < row; d++)
        at_a[d] = at_b[d] = i[d];
    struct sum sum = {0};
    for (int64_t k = 0; k < a->dim[trans_a ? row : column]; k++) {
        at_a[trans_a ? column : row] = i[row];
        at_a[trans_a ? row : column] = k;
        at_b[trans_b ? column : row] = k;
        at_b[trans_b ? row : column] = i[column];
        sum_add(&sum, at(a, at_a) * at(b, at_b));
        r->macs++;
    }
    return sum_result(&sum);
}

/* Four roundings of numbers no larger than the terms; twice as many in x * s + (b - m * s). */
static struct result batch_norm(struct vit_op_reference *r, const int64_t *i)
{
    struct vit_tensor *const *in = r->op->in;
    double x = at(in[0], i), s = item(in[1], i[1]) / sqrt(item(in[4], i[1]) + r->op->attr.eps);
    double bias = item(in[2], i[1]), mean = item(in[3], i[1]);
    return (struct result){(x - mean) * s + bias, 8 * (fabs(x * s) + fabs(mean * s) + fabs(bias))};
}

/* Errors of the mean enter divided by the deviation; those of the deviation are relative to the result. */
static struct result layer_norm(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    int64_t row[VIT_MAX_DIMS] = {0}, c = x->dim[x->ndim - 1], here = i[x->ndim - 1];
    double mean = 0, variance = 0, size = 0;
    for (int a = 0; a < x->ndim; a++)
        row[a] = i[a];
    for (int64_t k = 0; k < c; k++) {
        row[x->ndim - 1] = k;
        mean += at(x, row) / (double)c;
        size += fabs(at(x, row)) / (double)c;
    }
    for (int64_t k = 0; k < c; k++) {
        row[x->ndim - 1] = k;
        variance += (at(x, row) - mean) * (at(x, row) - mean) / (double)c;
    }
    double s = item(r->op->in[1], here) / sqrt(variance + r->op->attr.eps), bias = item(r->op->in[2], here);
    double value = at(x, i);
    return (struct result){(value - mean) * s + bias, 16 * ((fabs(value) + size) * fabs(s) + fabs(bias))};
}

/* Relative: the argument of the exponential is rounded relative to its size, the sum as any sum. */
static void softmax_row(struct vit_op_reference *r, int64_t row)
{
    const struct vit_tensor *x = r->op->in[0];
    const int64_t n = x->dim[x->ndim - 1];
    if (r->softmax.next == row + 1)
        return;
    r->softmax.next = row + 1;
    r->softmax.largest = -INFINITY;
    r->softmax.sum = 0;
    for (int64_t k = 0; k < n; k++)
        if (item(x, row * n + k) > r->softmax.largest) /* fmax: gcc 12 for aarch64 fails to compile such a loop */
            r->softmax.largest = item(x, row * n + k);
    for (int64_t k = 0; k < n; k++)
        r->softmax.sum += exp(item(x, row * n + k) - r->softmax.largest);
}

static struct result softmax(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    int64_t row = 0;
    for (int a = 0; a < x->ndim - 1; a++)
        row = row * x->dim[a] + i[a];
    softmax_row(r, row);
    double below = r->softmax.largest - at(x, i), value = exp(-below) / r->softmax.sum;
    double rounding = 8 + sqrt((double)x->dim[x->ndim - 1]) + 2 * below;
    return (struct result){value, value * rounding + UNDERFLOW_SLACK};
}

/* b, its dims aligned to the right of a's, an axis of length 1 repeated. */
static double broadcast(const struct vit_op *op, const int64_t *i)
{
    const struct vit_tensor *b = op->in[1];
    int64_t index[VIT_MAX_DIMS] = {0};
    for (int a = 0; a < b->ndim; a++)
        index[a] = b->dim[a] == 1 ? 0 : i[op->in[0]->ndim - b->ndim + a];
    return at(b, index);
}

/* One rounding: half an epsilon of the result. */
static struct result add(struct vit_op_reference *r, const int64_t *i)
{
    double value = at(r->op->in[0], i) + broadcast(r->op, i);
    return (struct result){value, fabs(value)};
}

static struct result mul(struct vit_op_reference *r, const int64_t *i)
{
    double value = at(r->op->in[0], i) * broadcast(r->op, i);
    return (struct result){value, fabs(value)};
}

/* Two roundings: of the factor and of the product. */
static struct result scale(struct vit_op_reference *r, const int64_t *i)
{
    double value = at(r->op->in[0], i) * r->op->attr.scale;
    return (struct result){value, 1.5 * fabs(value)};
}

static struct result relu(struct vit_op_reference *r, const int64_t *i)
{
    return (struct result){fmax(at(r->op->in[0], i), 0), 0};
}

/* Relative, also in the negative tail, where a rounded argument x, here and in the kernel, changes the result by x^2
 * times as much. */
static struct result gelu(struct vit_op_reference *r, const int64_t *i)
{
    double x = at(r->op->in[0], i), value = 0.5 * x * erfc(-x / sqrt(2));
    return (struct result){value, fabs(value) * (8 + 2 * x * x) + UNDERFLOW_SLACK};
}

static struct result sigmoid(struct vit_op_reference *r, const int64_t *i)
{
    double value = 1 / (1 + exp(-at(r->op->in[0], i)));
    return (struct result){value, 8 * value + UNDERFLOW_SLACK};
}

/* Relative to the terms: x + 3 is rounded. */
static struct result hswish(struct vit_op_reference *r, const int64_t *i)
{
    double x = at(r->op->in[0], i), value = x * fmin(fmax(x + 3, 0), 6) / 6;
    return (struct result){value, 4 * (fabs(value) + fabs(x) / 2)};
}

static struct result relu6(struct vit_op_reference *r, const int64_t *i)
{
    return (struct result){fmin(fmax(at(r->op->in[0], i), 0), 6), 0};
}

/* x + 3 is rounded. */
static struct result hsigmoid(struct vit_op_reference *r, const int64_t *i)
{
    double x = at(r->op->in[0], i);
    return (struct result){fmin(fmax(x + 3, 0), 6) / 6, 1 + fabs(x) / 6};
}

static struct result silu(struct vit_op_reference *r, const int64_t *i)
{
    double x = at(r->op->in[0], i), value = x / (1 + exp(-x));
    return (struct result){value, 9 * fabs(value) + UNDERFLOW_SLACK};
}

/* Number `draw` of image `image`, whose noise is that of the case: any, but always the same. */
static double kept_or_not(const struct vit_op *op, int64_t image, int64_t draw)
{
    struct vit_rng rng = vit_noise_at(op->in[1], op->attr.stream, image);
    double u = 0;
    for (int64_t k = 0; k <= draw; k++)
        u = vit_rng_uniform(&rng);
    return u < op->attr.rate ? 0 : 1 / (1 - op->attr.rate);
}

static struct result dropout(struct vit_op_reference *r, const int64_t *i)
{
    int64_t element = 0;
    for (int a = 1; a < r->op->in[0]->ndim; a++)
        element = element * r->op->in[0]->dim[a] + i[a];
    double value = at(r->op->in[0], i) * kept_or_not(r->op, i[0], element);
    return (struct result){value, 1.5 * fabs(value)};
}

static struct result drop_path(struct vit_op_reference *r, const int64_t *i)
{
    double value = at(r->op->in[0], i) * kept_or_not(r->op, i[0], 0);
    return (struct result){value, 1.5 * fabs(value)};
}

static struct result reduce_mean(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    int first = r->op->attr.axis, axes = (int)r->op->attr.length;
    int64_t index[VIT_MAX_DIMS] = {0}, n = 1;
    for (int a = 0; a < x->ndim - axes; a++)
        index[a < first ? a : a + axes] = i[a];
    for (int a = first; a < first + axes; a++)
        n *= x->dim[a];
    struct sum sum = {0};
    for (int64_t k = 0; k < n; k++) {
        int64_t rest = k;
        for (int a = first + axes - 1; a >= first; a--) {
            index[a] = rest % x->dim[a];
            rest /= x->dim[a];
        }
        sum_add(&sum, at(x, index) / (double)n);
    }
    return sum_result(&sum);
}

static struct result concat(struct vit_op_reference *r, const int64_t *i)
{
    int axis = r->op->attr.axis, k = 0;
    int64_t index[VIT_MAX_DIMS] = {0};
    for (int a = 0; a < r->op->in[0]->ndim; a++)
        index[a] = i[a];
    while (index[axis] >= r->op->in[k]->dim[axis])
        index[axis] -= r->op->in[k++]->dim[axis];
    if (axis > 0 && r->op->in[k]->dim[0] == 1)
        index[0] = 0;
    return (struct result){at(r->op->in[k], index), 0};
}

static struct result slice(struct vit_op_reference *r, const int64_t *i)
{
    int64_t index[VIT_MAX_DIMS] = {0};
    for (int a = 0; a < r->op->in[0]->ndim; a++)
        index[a] = a == r->op->attr.axis ? i[a] + r->op->attr.start : i[a];
    return (struct result){at(r->op->in[0], index), 0};
}

static struct result permute(struct vit_op_reference *r, const int64_t *i)
{
    int64_t index[VIT_MAX_DIMS] = {0};
    for (int a = 0; a < r->op->in[0]->ndim; a++)
        index[r->op->attr.perm[a]] = i[a];
    return (struct result){at(r->op->in[0], index), 0};
}

static struct result pad(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    int axis = r->op->attr.axis;
    bool inside = i[axis] < x->dim[axis] && i[axis + 1] < x->dim[axis + 1];
    return (struct result){inside ? at(x, i) : 0, 0};
}

static struct result crop(struct vit_op_reference *r, const int64_t *i)
{
    return (struct result){at(r->op->in[0], i), 0};
}

/* The item that arrives at i left from i - shift, counted around the map. */
static struct result roll(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    int64_t from[4] = {i[0], i[1] - r->op->attr.size[0], i[2] - r->op->attr.size[1], i[3]};
    for (int a = 1; a <= 2; a++) {
        while (from[a] < 0)
            from[a] += x->dim[a];
        while (from[a] >= x->dim[a])
            from[a] -= x->dim[a];
    }
    return (struct result){at(x, from), 0};
}

static struct result window_partition(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    int64_t h = r->op->attr.size[0], w = r->op->attr.size[1];
    int64_t across = x->dim[2] / w, down = x->dim[1] / h, row = i[0] / across % down, column = i[0] % across;
    return (struct result){at(x, (int64_t[]){i[0] / (across * down), row * h + i[1] / w, column * w + i[1] % w, i[2]}),
                           0};
}

static struct result window_reverse(struct vit_op_reference *r, const int64_t *i)
{
    int64_t h = r->op->attr.size[0], w = r->op->attr.size[1];
    int64_t down = r->op->attr.map[0] / h, across = r->op->attr.map[1] / w;
    int64_t window = (i[0] * down + i[1] / h) * across + i[2] / w, token = i[1] % h * w + i[2] % w;
    return (struct result){at(r->op->in[0], (int64_t[]){window, token, i[3]}), 0};
}

static struct result position_bias(struct vit_op_reference *r, const int64_t *i)
{
    int64_t h = r->op->attr.size[0], w = r->op->attr.size[1];
    int64_t dy = i[1] / w - i[2] / w, dx = i[1] % w - i[2] % w;
    double value = r->op->attr.axis == 0 ? at(r->op->in[0], (int64_t[]){(dy + h - 1) * (2 * w - 1) + dx + w - 1, i[0]})
                                         : at(r->op->in[0], (int64_t[]){i[0], llabs(dy) * w + llabs(dx)});
    return (struct result){value, 0};
}

static double fold_scale(const struct vit_op *op, int64_t channel)
{
    return item(op->in[1], channel) / sqrt(item(op->in[4], channel) + op->attr.eps);
}

/* Computed in double and rounded once: the slack of the sum is that of double. */
static struct result rounded_once(const struct sum *sum)
{
    return (struct result){sum->value,
                           fabs(sum->value) + sum_slack(sum->n, sum->magnitude) * (DBL_EPSILON / REAL_EPSILON)};
}

static struct result fold_batch_norm(struct vit_op_reference *r, const int64_t *i)
{
    struct sum sum = {0};
    sum_add(&sum, at(r->op->in[0], i) * fold_scale(r->op, i[r->op->attr.axis]));
    return rounded_once(&sum);
}

static struct result fold_bias(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_op *op = r->op;
    struct sum sum = {0};
    double b = op->n_in > 5 ? item(op->in[5], i[0]) : 0;
    if (op->attr.axis == 0) {
        sum_add(&sum, item(op->in[2], i[0]));
        sum_add(&sum, b * fold_scale(op, i[0]));
        sum_add(&sum, -item(op->in[3], i[0]) * fold_scale(op, i[0]));
        return rounded_once(&sum);
    }
    sum_add(&sum, b);
    for (int64_t k = 0; k < op->in[0]->dim[1]; k++) {
        double element = at(op->in[0], (int64_t[]){i[0], k});
        sum_add(&sum, element * item(op->in[2], k));
        sum_add(&sum, -element * item(op->in[3], k) * fold_scale(op, k));
    }
    return rounded_once(&sum);
}

/* Mean and variance of a channel of the batch. */
static void batch_moments(const struct vit_tensor *x, int64_t channel, double *mean, double *variance)
{
    const int64_t channels = x->dim[1], n = vit_numel(x) / (x->dim[0] * channels), count = x->dim[0] * n;
    *mean = *variance = 0;
    for (int64_t k = 0; k < count; k++)
        *mean += item(x, (k / n * channels + channel) * n + k % n) / (double)count;
    for (int64_t k = 0; k < count; k++) {
        double d = item(x, (k / n * channels + channel) * n + k % n) - *mean;
        *variance += d * d / (double)count;
    }
}

/* Slack: means and variances carry roundings of sums in lanes, relative to values of about 3. */
static struct result batch_norm_train(struct vit_op_reference *r, const int64_t *i)
{
    double mean, variance, x = at(r->op->in[0], i), bias = item(r->op->in[2], i[1]);
    batch_moments(r->op->in[0], i[1], &mean, &variance);
    double s = item(r->op->in[1], i[1]) / sqrt(variance + r->op->attr.eps);
    return (struct result){(x - mean) * s + bias,
                           32 * ((fabs(x) + 3) * fabs(s) * (1 + 9 / (variance + 1e-3)) + fabs(bias))};
}

static struct result batch_statistic(struct vit_op_reference *r, const int64_t *i)
{
    double mean, variance;
    batch_moments(r->op->in[0], i[1], &mean, &variance);
    double rstd = 1 / sqrt(variance + r->op->attr.eps);
    if (i[0] != 1) /* the mean, and what it lost by rounding */
        return (struct result){i[0] == 0 ? mean : 0, 32 * 3};
    return (struct result){rstd, 32 * rstd * (1 + 9 / (variance + 1e-3))};
}

static struct result cross_entropy(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0], *t = r->op->in[1];
    const int64_t rows = x->dim[0], n = x->dim[1];
    struct sum sum = {0};
    (void)i;
    for (int64_t k = 0; k < rows * n; k++) {
        softmax_row(r, k / n);
        sum_add(&sum, item(t, k) * (r->softmax.largest + log(r->softmax.sum) - item(x, k)) / (double)rows);
    }
    return rounded_once(&sum);
}

static struct result binary_cross_entropy(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0], *t = r->op->in[1];
    const int64_t n = vit_numel(x);
    struct sum sum = {0};
    (void)i;
    for (int64_t k = 0; k < n; k++) {
        const double yes = 1 / (1 + exp(-item(x, k)));
        sum_add(&sum, -(item(t, k) * log(yes) + (1 - item(t, k)) * log(1 - yes)) / (double)n);
    }
    return rounded_once(&sum);
}

static struct result one_hot(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    bool largest = true;
    for (int64_t k = 0; k < x->dim[1]; k++) {
        const double other = at(x, (int64_t[]){i[0], k});
        largest = largest && (k < i[1] ? other < at(x, i) : other <= at(x, i));
    }
    return (struct result){largest, 0};
}

/* The probabilities that the way back reads: computed in double and rounded once. */
static struct result probability(struct vit_op_reference *r, const int64_t *i)
{
    const struct vit_tensor *x = r->op->in[0];
    softmax_row(r, i[0]);
    double value = exp(at(x, i) - r->softmax.largest) / r->softmax.sum;
    return (struct result){value, value * (1 + 64 * (DBL_EPSILON / REAL_EPSILON)) + UNDERFLOW_SLACK};
}

double vit_op_reference(struct vit_op_reference *reference, int output, const int64_t index[VIT_MAX_DIMS],
                        double *slack)
{
    static struct result (*const element[VIT_N_OPS])(struct vit_op_reference *, const int64_t *) = {
#define VIT_OP(name) [VIT_OP_##name] = name,
#include "model/ops/ops.def"
#undef VIT_OP
    };
    static struct result (*const second[VIT_N_OPS])(struct vit_op_reference *,
                                                    const int64_t *) = {[VIT_OP_fold_batch_norm] = fold_bias,
                                                                        [VIT_OP_cross_entropy] = probability,
                                                                        [VIT_OP_batch_norm_train] = batch_statistic};
    struct result result = (output == 1 ? second : element)[reference->op->kind](reference, index);
    *slack = result.slack;
    return result.value;
}
