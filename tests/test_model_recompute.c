/* SPDX-License-Identifier: MIT */
/* Values that are given up and computed again: the same gradients bit for bit, less memory. */
#include "analysis/instance.h"
#include "tests/support/test.h"

#include <stdlib.h>

static void open_training(struct vit_instance *net, const char *model, const char *recompute)
{
    const struct vit_instance_options options = {.model = {.batch = 2, .graph = "train"},
                                                 .threads = 1,
                                                 .backward = true,
                                                 .input_gradient = true,
                                                 .recompute = recompute,
                                                 .seed = 1};
    assert_ok(vit_instance_open(net, model, &options));
    for (int64_t i = 0; i < vit_numel(net->graph.targets); i++)
        net->graph.targets->data[i] = (vit_real)(i % net->graph.targets->dim[1] == i / net->graph.targets->dim[1]);
    vit_exec_run(&net->exec);
}

/* saves: what is computed again is made of values that are kept anyway; else its inputs live longer instead. */
static void check_model(const char *model, const char *recompute, bool saves)
{
    static struct vit_instance kept, again;
    open_training(&kept, model, NULL);
    open_training(&again, model, recompute);
    assert_true(again.plan.n_step > kept.plan.n_step);
    if (saves)
        assert_true(again.plan.peak_live_bytes < kept.plan.peak_live_bytes);
    assert_int_equal(again.graph.n_tensor, kept.graph.n_tensor);
    for (int i = 0; i < kept.graph.n_tensor; i++) {
        const struct vit_tensor *a = kept.graph.tensor[i], *b = again.graph.tensor[i];
        if (a->space == VIT_SPACE_PARAM && a->grad)
            assert_memory_equal(a->grad->data, b->grad->data, vit_nbytes(a));
    }
    vit_instance_close(&again);
    vit_instance_close(&kept);
}

static void test_recompute_changes_memory_and_no_gradient(void **state)
{
    (void)state;
    check_model("deit_nano", "gelu layer_norm", true);
    check_model("swin_nano", "gelu layer_norm", true);
    check_model("swin_nano", "gelu softmax permute window_partition add", false);
    check_model("efficientvit_nano", "relu softmax", false);
}

static void test_recompute_refuses_what_counts_twice(void **state)
{
    (void)state;
    struct vit_instance net;
    const struct vit_instance_options options = {
        .model = {.batch = 2, .graph = "train"}, .backward = true, .recompute = "batch_norm_train"};
    assert_fails(vit_instance_open(&net, "efficientvit_nano", &options), VIT_EINVAL, "running statistics");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recompute_changes_memory_and_no_gradient),
        cmocka_unit_test(test_recompute_refuses_what_counts_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
