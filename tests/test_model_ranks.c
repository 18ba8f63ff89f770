/* SPDX-License-Identifier: MIT */
/* A batch shared by ranks: statistics, loss and gradients are those of one exec with the whole batch. The ranks are
 * threads (support/thread_ranks.h). */
#include "analysis/instance.h"
#include "model/base/rng.h"
#include "tests/support/test.h"
#include "tests/support/thread_ranks.h"

enum { IMAGES = 4 };

/* Sums of float over a batch are rounded in another order, and deviations pass through 9 batch norms; in double the
 * same leaves 1e-13. Of the norm of each tensor. */
static const double tolerance = sizeof(vit_real) == 8 ? 1e-11 : 1e-4;
/* Norm that a gradient may be rounding below: a bias before a norm has none in exact arithmetic. */
static const double zero = 1e-2;

/* Images first .. first + batch of the whole batch; targets are mixed from two classes, as mixup leaves them. */
static void fill(struct vit_instance *net, int first)
{
    struct vit_tensor *input = net->graph.input, *targets = net->graph.targets;
    const int64_t pixels = vit_numel(input) / input->dim[0], classes = targets->dim[1];
    for (int64_t image = 0; image < input->dim[0]; image++) {
        struct vit_rng rng = vit_rng_at(3, VIT_RNG_STUDY, (uint64_t)(first + image));
        for (int64_t i = 0; i < pixels; i++)
            input->data[image * pixels + i] = (vit_real)vit_rng_normal(&rng);
        for (int64_t k = 0; k < classes; k++)
            targets->data[image * classes + k] = (vit_real)0.1 / (vit_real)classes;
        targets->data[image * classes + vit_rng_below(&rng, classes)] += (vit_real)0.6;
        targets->data[image * classes + vit_rng_below(&rng, classes)] += (vit_real)0.3;
    }
}

static void open_part(struct vit_instance *net, int batch, int first)
{
    const struct vit_instance_options options = {
        .model = {.batch = batch, .graph = "train"}, .threads = 1, .backward = true, .seed = 1};
    assert_ok(vit_instance_open(net, "efficientvit_nano", &options));
    fill(net, first);
}

static void run_part(struct vit_communicator *comm, void *context)
{
    struct vit_instance *net = (struct vit_instance *)context + comm->rank;
    vit_exec_connect(&net->exec, comm);
    vit_exec_run(&net->exec);
    for (int i = 0; i < net->graph.n_tensor; i++) {
        const struct vit_tensor *tensor = net->graph.tensor[i];
        if (tensor->space == VIT_SPACE_PARAM && tensor->grad)
            vit_communicator_sum_real(comm, tensor->grad->data, vit_numel(tensor));
    }
    vit_exec_connect(&net->exec, NULL);
}

static void compare(const struct vit_tensor *tensor, const vit_real *got, const vit_real *want)
{
    double norm = 0, difference = 0;
    for (int64_t i = 0; i < vit_numel(tensor); i++) {
        norm += (double)want[i] * (double)want[i];
        difference += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
    }
    if (!(sqrt(difference) <= tolerance * (sqrt(norm) + zero)))
        fail_msg("%s: deviates by %g, norm %g", tensor->name, sqrt(difference), sqrt(norm));
}

static void check_ranks(int ranks)
{
    static struct vit_instance whole, part[MAX_THREAD_RANKS];
    int learned = 0, running = 0;
    open_part(&whole, IMAGES, 0);
    for (int rank = 0; rank < ranks; rank++)
        open_part(&part[rank], IMAGES / ranks, rank * (IMAGES / ranks));
    vit_exec_run(&whole.exec);
    run_thread_ranks(ranks, run_part, part);
    compare(whole.graph.loss, part[0].graph.loss->data, whole.graph.loss->data);
    for (int i = 0; i < whole.graph.n_tensor; i++) {
        const struct vit_tensor *one = whole.graph.tensor[i], *tensor = part[0].graph.tensor[i];
        const bool has_gradient = one->space == VIT_SPACE_PARAM && one->grad;
        learned += has_gradient;
        running += one->space == VIT_SPACE_BUFFER;
        if (has_gradient)
            compare(one, tensor->grad->data, one->grad->data);
        if (one->space == VIT_SPACE_BUFFER)
            compare(one, tensor->data, one->data);
        for (int rank = 1; has_gradient && rank < ranks; rank++) /* they must not drift apart */
            assert_memory_equal(part[rank].graph.tensor[i]->grad->data, tensor->grad->data, vit_nbytes(tensor));
    }
    assert_true(learned > 100 && running > 50);
    for (int rank = 0; rank < ranks; rank++)
        vit_instance_close(&part[rank]);
    vit_instance_close(&whole);
}

static void test_two_halves_learn_what_the_whole_batch_does(void **state)
{
    (void)state;
    check_ranks(2);
}

/* One rank that has a communicator is alone: the same code, the same bits. */
static void test_one_rank_is_alone(void **state)
{
    (void)state;
    check_ranks(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_halves_learn_what_the_whole_batch_does),
        cmocka_unit_test(test_one_rank_is_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
