/* SPDX-License-Identifier: MIT */
#include "tests/support/model_run.h"

#include "analysis/instance.h"
#include "analysis/verification.h"
#include "tests/support/test.h"

#include <stdlib.h>

/* Logits of one forward; for the caller to free. */
static vit_real *logits(const char *model, const char *graph, int threads, int64_t *n)
{
    struct vit_instance instance;
    struct vit_instance_options options = {.model = {.graph = graph, .batch = 2}, .threads = threads, .seed = 5};
    assert_ok(vit_instance_open(&instance, model, &options));
    vit_exec_run(&instance.exec);
    *n = vit_numel(instance.graph.logits);
    vit_real *copy = malloc((size_t)*n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, instance.graph.logits->data, (size_t)*n * sizeof *copy);
    vit_instance_close(&instance);
    return copy;
}

/* Logits on one thread, which those on more threads must equal. */
static vit_real *same_logits(const char *model, const char *graph, int64_t *n)
{
    vit_real *one = logits(model, graph, 1, n);
    for (int threads = 2; threads <= 3; threads++) {
        int64_t m;
        vit_real *more = logits(model, graph, threads, &m);
        assert_int_equal(m, *n);
        if (memcmp(one, more, (size_t)m * sizeof *one) != 0)
            fail_msg("%s, %s: %d threads give other bits than one", model, graph, threads);
        free(more);
    }
    return one;
}

void check_model_agreement(const char *model)
{
    int64_t n, m;
    double mean = 0, squares = 0;
    vit_real *eager = same_logits(model, "eager", &n), *folded = same_logits(model, "folded", &m);
    assert_int_equal(m, n);
    for (int64_t k = 0; k < n; k++)
        mean += (double)eager[k] / (double)n;
    for (int64_t k = 0; k < n; k++)
        squares += ((double)eager[k] - mean) * ((double)eager[k] - mean);
    double std = sqrt(squares / (double)n);
    assert_true(std > 0);
    for (int64_t k = 0; k < n; k++)
        assert_close(folded[k], eager[k], vit_verification_tolerance() * std);
    free(eager);
    free(folded);
}
