/* SPDX-License-Identifier: MIT */
/* Similarity of heads: cases worked out by hand, heads that are equal, orthogonal, rotated; images one by one and in
 * batches; packed heads and heads of their own; intervals. */
#include "analysis/head_compare.h"
#include "analysis/head_similarity.h"
#include "model/base/rng.h"
#include "tests/support/test.h"

#include <stdlib.h>

enum { TOKENS = 5, WIDTH = 3, HEADS = 3, WINDOWS = 2, MOST_BATCH = 8 };
static const double close = 1e-12; /* doubles of size 1, sums of a few dozen */

/* A head with room for its preparation. */
struct head {
    double x[WIDTH * TOKENS], norm[TOKENS], gram[TOKENS * TOKENS], gram_row[TOKENS];
    struct vit_head_sample sample;
};

static void prepare(struct head *h, int width, int tokens, const double *x)
{
    memcpy(h->x, x, sizeof *x * (size_t)(width * tokens));
    h->sample = (struct vit_head_sample){
        .width = width, .tokens = tokens, .x = h->x, .norm = h->norm, .gram = h->gram, .gram_row = h->gram_row};
    vit_head_sample_prepare(&h->sample);
}

static double cka(const struct head *a, const struct head *b)
{
    return vit_head_hsic(&a->sample, &b->sample) /
           sqrt(vit_head_hsic(&a->sample, &a->sample) * vit_head_hsic(&b->sample, &b->sample));
}

static void test_cosines_by_hand(void **state)
{
    (void)state;
    struct head a, b;
    double scratch[TOKENS];
    prepare(&a, 2, 2, (double[]){1, 3, 0, 4}); /* rows (1, 0), (3, 4) */
    prepare(&b, 2, 2, (double[]){1, 0, 1, 2}); /* rows (1, 1), (0, 2) */
    assert_close(vit_head_cosine_rows(&a.sample, &b.sample, scratch), (1 / sqrt(2) + 8.0 / 10) / 2, close);
    assert_close(vit_head_cosine_whole(&a.sample, &b.sample), 9 / sqrt(26.0 * 6), close);
    assert_true(isnan(vit_head_hsic(&a.sample, &b.sample))); /* two tokens */
}

static void test_a_row_of_zeros_is_like_nothing(void **state)
{
    (void)state;
    struct head a, b;
    double scratch[TOKENS];
    prepare(&a, 1, 2, (double[]){0, 2});
    prepare(&b, 1, 2, (double[]){1, 3});
    assert_close(vit_head_cosine_rows(&a.sample, &b.sample, scratch), 0.5, close);
    prepare(&a, 1, 2, (double[]){0, 0});
    assert_true(vit_head_cosine_whole(&a.sample, &b.sample) == 0);
}

/* HSIC_1 of x = y = (0, 0, 1, 1): off the diagonal K has 1 at (2, 3) and (3, 2). tr KK = 2, the sum of K 2, the square
 * of its row sums 2: (2 + 4 / 6 - 2) / 4 = 1 / 6. */
static void test_hsic_by_hand(void **state)
{
    (void)state;
    struct head a;
    prepare(&a, 1, 4, (double[]){0, 0, 1, 1});
    assert_close(vit_head_hsic(&a.sample, &a.sample), 1.0 / 6, close);
}

static void fill(double *x, int n, uint64_t index)
{
    struct vit_rng rng = vit_rng_at(11, VIT_RNG_STUDY, index);
    for (int i = 0; i < n; i++)
        x[i] = vit_rng_normal(&rng);
}

/* CKA does not see rotations, scales and shifts of the features; cosines do. */
static void test_cka_is_blind_to_rotation_scale_and_shift(void **state)
{
    (void)state;
    double x[WIDTH * TOKENS], y[WIDTH * TOKENS];
    struct head a, b;
    fill(x, WIDTH * TOKENS, 1);
    for (int t = 0; t < TOKENS; t++) { /* a quarter turn of the first two features, times 3, moved by 7 */
        y[0 * TOKENS + t] = -3 * x[1 * TOKENS + t] + 7;
        y[1 * TOKENS + t] = 3 * x[0 * TOKENS + t] + 7;
        y[2 * TOKENS + t] = 3 * x[2 * TOKENS + t] + 7;
    }
    prepare(&a, WIDTH, TOKENS, x);
    prepare(&b, WIDTH, TOKENS, y);
    assert_close(cka(&a, &b), 1, 1e-9); /* the shift costs digits */
    assert_true(vit_head_cosine_whole(&a.sample, &b.sample) < 0.99);
}

/* The unbiased estimator is 0 on average for heads that have nothing in common; the usual one is far above. */
static void test_hsic_of_independent_heads_is_zero_on_average(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x[2][WIDTH * TOKENS];
        struct head a, b;
        fill(x[0], WIDTH * TOKENS, 100 + 2 * (uint64_t)i);
        fill(x[1], WIDTH * TOKENS, 101 + 2 * (uint64_t)i);
        prepare(&a, WIDTH, TOKENS, x[0]);
        prepare(&b, WIDTH, TOKENS, x[1]);
        const double hsic = vit_head_hsic(&a.sample, &b.sample);
        sum += hsic;
        squares += hsic * hsic;
    }
    const double error = sqrt(squares) / DRAWS; /* standard error of the mean */
    assert_close(sum / DRAWS, 0, 4 * error);
}

/* A graph whose regions are inputs: every object of every head is (windows, heads, tokens, width), or a tensor of its
 * own (windows, width, tokens) for each head. */
struct heads {
    struct vit_graph graph;
    vit_real *memory;
};

static void add_region(struct vit_graph *g, struct vit_tensor *tensor, int object, int head, bool packed)
{
    static const enum vit_role role[] = {VIT_ROLE_SCORE, VIT_ROLE_CONTEXT, VIT_ROLE_VALUE, VIT_ROLE_QUERY,
                                         VIT_ROLE_KEY};
    vit_graph_region(g, (struct vit_region){.block = "attn",
                                            .site = {0, 0, head, role[object]},
                                            .tensor = tensor,
                                            .axis = packed ? 1 : -1,
                                            .start = packed ? head : 0,
                                            .length = 1,
                                            .channels_first = !packed});
}

static void open_heads(struct heads *h, int batch, bool packed)
{
    const int64_t windows = (int64_t)batch * WINDOWS, area = TOKENS * WIDTH;
    *h = (struct heads){.graph = {.name = "test", .batch = batch}};
    h->memory = calloc((size_t)(VIT_N_HEAD_OBJECTS * windows * HEADS * area), sizeof *h->memory);
    assert_non_null(h->memory);
    vit_real *at = h->memory;
    for (int object = 0; object < VIT_N_HEAD_OBJECTS; object++) {
        struct vit_tensor *all = NULL;
        for (int head = 0; head < HEADS; head++) {
            if (!packed || head == 0) {
                all = packed ? vit_graph_tensor(&h->graph, "heads", VIT_SPACE_INPUT, 4,
                                                (int64_t[]){windows, HEADS, TOKENS, WIDTH})
                             : vit_graph_tensor(&h->graph, "head", VIT_SPACE_INPUT, 3,
                                                (int64_t[]){windows, WIDTH, TOKENS});
                assert_non_null(all);
                all->data = at;
                at += vit_numel(all);
            }
            add_region(&h->graph, all, object, head, packed);
        }
    }
}

static void close_heads(struct heads *h)
{
    vit_graph_close(&h->graph);
    free(h->memory);
}

/* One value of a head in an image of the whole sequence. */
static void put(struct heads *h, int object, int head, int64_t window, int token, int feature, double value)
{
    const struct vit_region *r = &h->graph.region[object * HEADS + head];
    if (r->channels_first)
        r->tensor->data[(window * WIDTH + feature) * TOKENS + token] = (vit_real)value;
    else
        r->tensor->data[((window * HEADS + head) * TOKENS + token) * WIDTH + feature] = (vit_real)value;
}

/* Images first .. first + batch - 1 of an endless sequence of noise that the heads share to some degree. */
static void put_images(struct heads *h, int64_t first)
{
    for (int64_t image = 0; image < h->graph.batch; image++) {
        struct vit_rng rng = vit_rng_at(5, VIT_RNG_STUDY, (uint64_t)(first + image));
        for (int object = 0; object < VIT_N_HEAD_OBJECTS; object++)
            for (int cell = 0; cell < WINDOWS * TOKENS * WIDTH; cell++) {
                const double common = vit_rng_normal(&rng);
                for (int head = 0; head < HEADS; head++)
                    put(h, object, head, image * WINDOWS + cell / (TOKENS * WIDTH), cell / WIDTH % TOKENS, cell % WIDTH,
                        common + head * vit_rng_normal(&rng));
            }
    }
}

static void gather(struct vit_head_similarity *s, int batch, int images, bool packed)
{
    struct heads h;
    open_heads(&h, batch, packed);
    assert_ok(vit_head_similarity_open(s, &h.graph, images));
    for (int64_t first = 0; first < images; first += batch) {
        put_images(&h, first);
        assert_ok(vit_head_similarity_add(s, &h.graph, images - first < batch ? (int)(images - first) : batch, NULL));
    }
    close_heads(&h);
}

static void assert_same_matrices(const struct vit_head_similarity *a, const struct vit_head_similarity *b)
{
    for (int object = 0; object < VIT_N_HEAD_OBJECTS; object++)
        for (int measure = 0; measure < VIT_N_HEAD_MEASURES; measure++) {
            double left[HEADS * HEADS], right[HEADS * HEADS];
            const struct vit_head_question q = {0, (enum vit_head_object)object, (enum vit_head_measure)measure};
            assert_ok(vit_head_similarity_matrix(a, q, left));
            assert_ok(vit_head_similarity_matrix(b, q, right));
            assert_memory_equal(left, right, sizeof left);
        }
}

static void test_batches_and_layouts_do_not_matter(void **state)
{
    (void)state;
    enum { IMAGES = 7 };
    static const int batches[] = {2, 7, 8};
    struct vit_head_similarity one, other;
    gather(&one, 1, IMAGES, true);
    assert_int_equal(one.images, IMAGES);
    assert_int_equal(one.block[0].heads, HEADS);
    assert_int_equal(one.block[0].windows, WINDOWS);
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        for (int packed = 0; packed < 2; packed++) {
            gather(&other, batches[i], IMAGES, packed);
            assert_same_matrices(&one, &other);
            vit_head_similarity_close(&other);
        }
    vit_head_similarity_close(&one);
}

/* Heads 0 and 1 are equal, head 2 has its values where theirs are zero. */
static void test_equal_heads_are_one_and_orthogonal_heads_zero(void **state)
{
    (void)state;
    struct heads h;
    struct vit_head_similarity s;
    open_heads(&h, 1, true);
    for (int object = 0; object < VIT_N_HEAD_OBJECTS; object++)
        for (int cell = 0; cell < WINDOWS * TOKENS; cell++) {
            put(&h, object, 0, cell / TOKENS, cell % TOKENS, 0, 1 + cell * cell);
            put(&h, object, 1, cell / TOKENS, cell % TOKENS, 0, 1 + cell * cell);
            put(&h, object, 2, cell / TOKENS, cell % TOKENS, 1, 2 + cell);
        }
    assert_ok(vit_head_similarity_open(&s, &h.graph, 1));
    assert_ok(vit_head_similarity_add(&s, &h.graph, 1, NULL));
    for (int object = 0; object < VIT_N_HEAD_OBJECTS; object++)
        for (int measure = 0; measure < VIT_N_HEAD_MEASURES; measure++) {
            double m[HEADS * HEADS];
            assert_ok(vit_head_similarity_matrix(
                &s, (struct vit_head_question){0, (enum vit_head_object)object, (enum vit_head_measure)measure}, m));
            assert_close(m[1], 1, 1e-9); /* CKA of numbers up to 82 squared */
            assert_close(m[HEADS], m[1], 0);
            assert_close(m[2 * HEADS + 2], 1, close);
            if (measure != VIT_HEAD_CKA) {
                assert_close(m[2], 0, close);
                assert_close(vit_head_similarity_reduce(VIT_HEAD_MEAN, m, HEADS), 1.0 / 3, close);
                assert_close(vit_head_similarity_reduce(VIT_HEAD_MEAN_MAX, m, HEADS), 2.0 / 3, close);
                assert_close(vit_head_similarity_reduce(VIT_HEAD_MAX_MAX, m, HEADS), 1, close);
            }
        }
    vit_head_similarity_close(&s);
    close_heads(&h);
}

static void test_reductions_by_hand(void **state)
{
    (void)state;
    const double m[] = {1, 0.2, -0.4, 0.2, 1, 0.6, -0.4, 0.6, 1};
    assert_close(vit_head_similarity_reduce(VIT_HEAD_MEAN, m, 3), 0.4 / 3, close);
    assert_close(vit_head_similarity_reduce(VIT_HEAD_MEAN_MAX, m, 3), 1.4 / 3, close);
    assert_close(vit_head_similarity_reduce(VIT_HEAD_MAX_MAX, m, 3), 0.6, close);
    assert_close(vit_head_similarity_largest(m, 3, 0), 0.2, close);
    assert_true(isnan(vit_head_similarity_reduce(VIT_HEAD_MEAN, m, 1)));
    assert_true(isnan(vit_head_similarity_largest(m, 1, 0)));
}

/* The maximum of each image's own matrix cannot be below that of the mean matrix. */
static void test_answers_with_intervals(void **state)
{
    (void)state;
    enum { IMAGES = 40, RESAMPLES = 200 };
    struct vit_head_similarity s;
    struct vit_bootstrap bootstrap;
    struct vit_head_answer answer;
    double matrix[HEADS * HEADS];
    gather(&s, 8, IMAGES, false);
    const struct vit_head_question q = {0, VIT_HEAD_OUTPUT, VIT_HEAD_COSINE_WHOLE};
    assert_ok(vit_bootstrap_open(&bootstrap, 3, IMAGES, RESAMPLES));
    assert_ok(vit_head_similarity_answer(&s, q, &bootstrap, &answer));
    assert_ok(vit_head_similarity_matrix(&s, q, matrix));
    assert_memory_equal(answer.matrix, matrix, sizeof matrix);
    for (int i = 0; i < HEADS; i++)
        for (int j = 0; j < HEADS; j++) {
            const struct vit_interval *b = &answer.bounds[i * HEADS + j];
            assert_true(b->low <= matrix[i * HEADS + j] && matrix[i * HEADS + j] <= b->high);
            assert_true(i == j ? b->high - b->low < close : b->high - b->low > 0.01);
        }
    assert_true(answer.value[VIT_HEAD_IMAGE_MEAN_MAX] >= answer.value[VIT_HEAD_MEAN_MAX]);
    assert_true(answer.value[VIT_HEAD_IMAGE_MAX_MAX] >= answer.value[VIT_HEAD_MAX_MAX]);
    assert_close(answer.value[VIT_HEAD_MEAN], vit_head_similarity_reduce(VIT_HEAD_MEAN, matrix, HEADS), 0);
    vit_head_answer_close(&answer);
    vit_bootstrap_close(&bootstrap);
    vit_head_similarity_close(&s);
}

static void test_a_bootstrap_draws_with_replacement_and_again_the_same(void **state)
{
    (void)state;
    enum { N = 50, RESAMPLES = 20 };
    struct vit_bootstrap a, b;
    assert_ok(vit_bootstrap_open(&a, 1, N, RESAMPLES));
    assert_ok(vit_bootstrap_open(&b, 1, N, RESAMPLES));
    assert_memory_equal(a.count, b.count, sizeof *a.count * N * RESAMPLES);
    for (int r = 0; r < RESAMPLES; r++) {
        int sum = 0, twice = 0;
        for (int i = 0; i < N; i++) {
            sum += vit_bootstrap_counts(&a, r)[i];
            twice += vit_bootstrap_counts(&a, r)[i] > 1;
        }
        assert_int_equal(sum, N);
        assert_true(twice > 0);
    }
    vit_bootstrap_close(&a);
    vit_bootstrap_close(&b);
    assert_fails(vit_bootstrap_open(&a, 1, 0, RESAMPLES), VIT_EINVAL, "from 1 to");
}

/* Of samples of a known mean, about 95 of 100 intervals cover it: 400 samples leave a standard deviation of 1.1 %, and
 * percentile intervals of 40 values are a little short. */
static void test_intervals_cover_the_truth(void **state)
{
    (void)state;
    enum { SAMPLES = 400, N = 40, RESAMPLES = 200 };
    int covered = 0;
    for (int sample = 0; sample < SAMPLES; sample++) {
        struct vit_bootstrap bootstrap;
        double value[N], mean[RESAMPLES] = {0};
        fill(value, N, 50000 + (uint64_t)sample);
        assert_ok(vit_bootstrap_open(&bootstrap, (uint64_t)sample, N, RESAMPLES));
        for (int r = 0; r < RESAMPLES; r++)
            for (int i = 0; i < N; i++)
                mean[r] += vit_bootstrap_counts(&bootstrap, r)[i] * value[i] / N;
        const struct vit_interval interval = vit_bootstrap_interval(mean, RESAMPLES);
        covered += interval.low <= 0 && 0 <= interval.high;
        vit_bootstrap_close(&bootstrap);
    }
    assert_in_range(covered, SAMPLES * 90 / 100, SAMPLES * 98 / 100);
}

static void test_a_graph_without_the_heads_is_refused(void **state)
{
    (void)state;
    struct heads h;
    struct vit_head_similarity s;
    open_heads(&h, 1, true);
    h.graph.n_region--; /* the key of the last head */
    assert_fails(vit_head_similarity_open(&s, &h.graph, 1), VIT_ENOTSUP, "no key of head 2 in attn");
    h.graph.n_region = 0;
    assert_fails(vit_head_similarity_open(&s, &h.graph, 1), VIT_ENOTSUP, "no attention heads");
    close_heads(&h);
}

static void test_more_images_than_announced_are_refused(void **state)
{
    (void)state;
    struct heads h;
    struct vit_head_similarity s;
    open_heads(&h, 2, true);
    assert_ok(vit_head_similarity_open(&s, &h.graph, 3));
    assert_ok(vit_head_similarity_add(&s, &h.graph, 2, NULL));
    assert_fails(vit_head_similarity_add(&s, &h.graph, 2, NULL), VIT_EINVAL, "2 of 3 seen");
    assert_ok(vit_head_similarity_add(&s, &h.graph, 1, NULL));
    vit_head_similarity_close(&s);
    close_heads(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosines_by_hand),
        cmocka_unit_test(test_a_row_of_zeros_is_like_nothing),
        cmocka_unit_test(test_hsic_by_hand),
        cmocka_unit_test(test_cka_is_blind_to_rotation_scale_and_shift),
        cmocka_unit_test(test_hsic_of_independent_heads_is_zero_on_average),
        cmocka_unit_test(test_batches_and_layouts_do_not_matter),
        cmocka_unit_test(test_equal_heads_are_one_and_orthogonal_heads_zero),
        cmocka_unit_test(test_reductions_by_hand),
        cmocka_unit_test(test_answers_with_intervals),
        cmocka_unit_test(test_a_bootstrap_draws_with_replacement_and_again_the_same),
        cmocka_unit_test(test_intervals_cover_the_truth),
        cmocka_unit_test(test_a_graph_without_the_heads_is_refused),
        cmocka_unit_test(test_more_images_than_announced_are_refused),
    };
    return cmocka_run_group_tests_name("analysis_similarity", tests, NULL, NULL);
}
