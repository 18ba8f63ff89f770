/* SPDX-License-Identifier: MIT */
/* Moving averages against their formula and timm's warm-up; exchange with the weights. */
#include "analysis/instance.h"
#include "model/train/ema.h"
#include "tests/support/test.h"
#include "tests/support/two_layers.h"

static void open_with(struct two_layers *net, struct vit_ema *ema, struct vit_ema_options options)
{
    two_layers_open(net, 1);
    two_layers_fill(net);
    assert_ok(vit_ema_open(ema, &net->exec, options));
}

static void close_both(struct two_layers *net, struct vit_ema *ema)
{
    vit_ema_close(ema);
    two_layers_close(net);
}

static void test_average_follows_the_weights(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_ema ema;
    open_with(&net, &ema, (struct vit_ema_options){.decay = 0.75});
    vit_real *weight = &two_layers_parameter(&net, 2)->data[4];
    double want = (double)*weight; /* begins as the weights */
    for (int step = 0; step < 20; step++) {
        *weight = (vit_real)(step * step % 7);
        vit_ema_update(&ema);
        want = 0.75 * want + 0.25 * (step * step % 7);
    }
    assert_int_equal(ema.updates, 20);
    assert_close(ema.average[ema.weights.place[2] + 4], want, 2e-6); /* a few roundings of numbers up to 7 */
    close_both(&net, &ema);
}

/* timm 1.0's ModelEmaV3(decay=0.9, use_warmup=True) of a weight that is sin(1), sin(2), ... */
static void test_warmup_agrees_with_timm(void **state)
{
    (void)state;
    static const struct {
        int64_t updates;
        double average;
    } want[] = {
        {1, 0.841470984808}, {2, 0.884198965827}, {3, 0.526963863312}, {10, 0.0875996616125}, {39, 0.0346574423211}};
    static struct two_layers net;
    struct vit_ema ema;
    open_with(&net, &ema, (struct vit_ema_options){.decay = 0.9, .warmup = true});
    vit_real *weight = two_layers_parameter(&net, 0)->data;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        while (ema.updates < want[i].updates) {
            *weight = (vit_real)sin((double)ema.updates + 1);
            vit_ema_update(&ema);
        }
        assert_close(ema.average[ema.weights.place[0]], want[i].average, 1e-6);
    }
    close_both(&net, &ema);
}

static void test_swap_exchanges_and_comes_back(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_ema ema;
    double began[TWO_LAYERS_NUMBERS], trained[TWO_LAYERS_NUMBERS], got[TWO_LAYERS_NUMBERS];
    open_with(&net, &ema, (struct vit_ema_options){.decay = 0.5});
    two_layers_read(&net, false, began);
    for (int k = 0; k < 4; k++)
        two_layers_parameter(&net, k)->data[1] += 1;
    two_layers_read(&net, false, trained);
    vit_ema_swap(&ema);
    two_layers_read(&net, false, got);
    assert_memory_equal(got, began, sizeof got);
    assert_true(ema.swapped);
    vit_ema_swap(&ema);
    two_layers_read(&net, false, got);
    assert_memory_equal(got, trained, sizeof got);
    assert_false(ema.swapped);
    close_both(&net, &ema);
}

/* Running statistics are averaged too, and no bit depends on threads. */
static void average_of(struct vit_instance *net, struct vit_ema *ema, int threads)
{
    const struct vit_instance_options options = {
        .model = {.batch = 2, .graph = "train"}, .threads = threads, .backward = true, .seed = 1};
    assert_ok(vit_instance_open(net, "efficientvit_nano", &options));
    assert_ok(vit_ema_open(ema, &net->exec, (struct vit_ema_options){.decay = 0.9}));
    for (int i = 0; i < 2; i++) {
        vit_exec_run(&net->exec);
        vit_ema_update(ema);
    }
}

static void test_statistics_are_averaged_and_threads_change_no_bit(void **state)
{
    (void)state;
    static struct vit_instance one, other;
    struct vit_ema a, b;
    int moved = 0;
    average_of(&one, &a, 1);
    average_of(&other, &b, 3);
    for (int i = 0; i < a.weights.n; i++) {
        const struct vit_tensor *tensor = a.weights.tensor[i];
        assert_memory_equal(a.average + a.weights.place[i], b.average + b.weights.place[i], vit_nbytes(tensor));
        const bool differs = memcmp(a.average + a.weights.place[i], tensor->data, vit_nbytes(tensor)) != 0;
        if (tensor->space == VIT_SPACE_BUFFER)
            moved += differs;
        else
            assert_close(a.average[a.weights.place[i]], tensor->data[0], 1e-6); /* no step was taken */
    }
    assert_true(moved > 0);
    vit_ema_close(&a);
    vit_ema_close(&b);
    vit_instance_close(&one);
    vit_instance_close(&other);
}

static void test_average_refuses_what_cannot_be(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_ema ema;
    two_layers_open(&net, 1);
    assert_fails(vit_ema_open(&ema, &net.exec, (struct vit_ema_options){.decay = 1}), VIT_EINVAL, "decay 1 must be");
    two_layers_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_average_follows_the_weights),
        cmocka_unit_test(test_warmup_agrees_with_timm),
        cmocka_unit_test(test_swap_exchanges_and_comes_back),
        cmocka_unit_test(test_statistics_are_averaged_and_threads_change_no_bit),
        cmocka_unit_test(test_average_refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
