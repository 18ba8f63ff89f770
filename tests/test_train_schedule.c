/* SPDX-License-Identifier: MIT */
/* Learning rates against timm 1.0's create_scheduler_v2: the numbers are the optimiser's rates after step(epoch) or
 * step_update(update). */
#include "model/train/schedule.h"
#include "tests/support/test.h"

enum { MOST = 9 };

static const struct {
    struct vit_schedule schedule;
    int64_t epochs; /* in all */
    int n;
    int64_t time[MOST]; /* epochs, or updates */
    double lr[MOST];
} cases[] = {
    {.schedule = {.kind = "cosine",
                  .lr = 1e-3,
                  .min_lr = 1e-5,
                  .warmup_lr = 1e-6,
                  .epochs = 30,
                  .warmup_epochs = 5,
                  .cooldown_epochs = 10},
     .epochs = 40,
     .n = 9,
     .time = {0, 1, 4, 5, 6, 20, 29, 30, 39},
     .lr = {1e-06, 0.0002008, 0.0008002, 0.00093368257487329721, 0.00090546341221559902, 0.0002575,
            1.2711661792704668e-05, 1e-05, 1e-05}},
    {.schedule = {.kind = "cosine",
                  .lr = 1e-3,
                  .min_lr = 1e-5,
                  .warmup_lr = 1e-6,
                  .epochs = 30,
                  .warmup_epochs = 5,
                  .cooldown_epochs = 10,
                  .warmup_prefix = true},
     .epochs = 45,
     .n = 9,
     .time = {0, 1, 4, 5, 6, 20, 34, 35, 44},
     .lr = {1e-06, 0.0002008, 0.0008002, 0.001, 0.00099728833820729532, 0.000505, 1.2711661792704668e-05, 1e-05,
            1e-05}},
    {.schedule = {.kind = "cosine",
                  .lr = 2e-3,
                  .min_lr = 1e-6,
                  .warmup_lr = 1e-5,
                  .epochs = 7,
                  .warmup_epochs = 1,
                  .steps_per_epoch = 10},
     .epochs = 7,
     .n = 8,
     .time = {0, 1, 9, 10, 11, 50, 69, 70},
     .lr = {1e-05, 0.000209, 0.001801, 0.0019010183834684677, 0.0018806552340908094, 0.00037732194304219589,
            2.0064299919560681e-06, 1e-06}},
    {.schedule = {.kind = "linear", .lr = 0.5, .min_lr = 0.01, .warmup_lr = 1e-3, .epochs = 20, .warmup_epochs = 2},
     .epochs = 20,
     .n = 7,
     .time = {0, 1, 2, 3, 10, 19, 20},
     .lr = {0.001, 0.2505, 0.451, 0.4265, 0.255, 0.0345, 0.01}},
    {.schedule = {.kind = "step",
                  .lr = 0.1,
                  .warmup_lr = 1e-4,
                  .epochs = 16,
                  .warmup_epochs = 2,
                  .decay_epochs = 4,
                  .decay_rate = 0.1},
     .epochs = 16,
     .n = 8,
     .time = {0, 1, 2, 3, 4, 7, 8, 15},
     .lr = {0.0001, 0.05005, 0.1, 0.1, 0.01, 0.01, 0.001, 0.0001}},
    {.schedule = {.kind = "constant", .lr = 0.1, .warmup_lr = 1e-4, .epochs = 10, .warmup_epochs = 2},
     .epochs = 10,
     .n = 4,
     .time = {0, 1, 2, 9},
     .lr = {0.0001, 0.05005, 0.1, 0.1}},
};

static void test_schedule_agrees_with_timm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vit_schedule *s = &cases[i].schedule;
        assert_ok(vit_schedule_check(s));
        assert_int_equal(vit_schedule_epochs(s), cases[i].epochs);
        for (int k = 0; k < cases[i].n; k++) {
            const int64_t t = cases[i].time[k], unit = s->steps_per_epoch;
            const double lr = unit ? vit_schedule_lr(s, t / unit, t % unit) : vit_schedule_lr(s, t, 123);
            assert_close(lr, cases[i].lr[k], 1e-14); /* both in double, other order of operations */
        }
    }
}

static void test_schedule_scales_with_the_batch(void **state)
{
    (void)state;
    assert_close(vit_schedule_scale(1e-3, 2048), 4e-3, 0);
    assert_close(vit_schedule_scale(5e-4, 128), 1.25e-4, 0);
}

static void test_schedule_refuses_what_cannot_be(void **state)
{
    (void)state;
    const struct vit_schedule good = {.kind = "cosine", .lr = 1e-3, .epochs = 10};
    struct vit_schedule s = good;
    s.kind = "cosinus";
    assert_fails(vit_schedule_check(&s), VIT_EINVAL,
                 "\"cosinus\" is unknown; there are cosine, linear, step, constant");
    s = good;
    s.lr = NAN;
    assert_fails(vit_schedule_check(&s), VIT_EINVAL, "learning rates nan");
    s = good;
    s.epochs = 0;
    assert_fails(vit_schedule_check(&s), VIT_EINVAL, "0 epochs");
    s = good;
    s.warmup_epochs = 11;
    assert_fails(vit_schedule_check(&s), VIT_EINVAL, "11 epochs of warm-up do not fit into 10 epochs");
    s.warmup_prefix = true;
    assert_ok(vit_schedule_check(&s));
    s = good;
    s.kind = "step";
    assert_fails(vit_schedule_check(&s), VIT_EINVAL, "schedule step");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule_agrees_with_timm),
        cmocka_unit_test(test_schedule_scales_with_the_batch),
        cmocka_unit_test(test_schedule_refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
