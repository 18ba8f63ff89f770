/* SPDX-License-Identifier: MIT */
/* Between run and end of run, and in a step of a training, nothing allocates: counted by standing in for the allocator.
 */
#include "tests/support/test.h"

#include "model/train/clip.h"
#include "model/train/ema.h"
#include "model/train/optimizer.h"
#include "probes/session.h"
#include "tests/support/probe_plan.h"
#include "tests/support/two_layers.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* volatile: a compiler may assume that malloc changes no variable of ours. */
static _Thread_local volatile long allocations;

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size)
{
    allocations++;
    return __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size)
{
    allocations++;
    return __libc_realloc(ptr, size);
}
#endif

/* Sanitizers and valgrind bring their own allocator: then there is nothing to count. */
static bool counting_works(void)
{
    long before = allocations;
    void *volatile memory = malloc(1);
    free(memory);
    return allocations == before + 1;
}

static void test_run_allocates_nothing_under_any_probe(void **state)
{
    (void)state;
    if (!counting_works())
        skip();
    struct probe_plan p;
    struct vit_session session;
    probe_plan_open(&p, 2, 16, 1);
    assert_ok(vit_session_open(&session, &p.plan, NULL, 0));
    for (int i = 0; i < vit_n_probes; i++)
        assert_ok(vit_session_add(&session, vit_probe_table[i], NULL));
    assert_true(session.n_replay >= 1);
    for (int replay = 0; replay < session.n_replay; replay++) {
        if (vit_session_attach(&session, &p.exec, replay) != VIT_OK)
            continue;
        vit_exec_run(&p.exec); /* the first run may set things up inside libraries */
        long before = allocations;
        vit_exec_run(&p.exec);
        assert_int_equal(allocations - before, 0);
        vit_session_detach(&session);
    }
    vit_session_close(&session);
    probe_plan_close(&p);
}

static void test_training_step_allocates_nothing(void **state)
{
    (void)state;
    if (!counting_works())
        skip();
    static struct two_layers net;
    struct vit_optimizer optimizer;
    struct vit_clip clip;
    struct vit_ema ema;
    const struct vit_optimizer_def *adamw = vit_optimizer_find("adamw");
    two_layers_open(&net, 1);
    two_layers_fill(&net);
    assert_ok(vit_optimizer_open(&optimizer, &net.exec, adamw, &adamw->defaults));
    assert_ok(vit_clip_open(&clip, &net.exec, (struct vit_clip_options){VIT_CLIP_AGC, 0.02}));
    assert_ok(vit_ema_open(&ema, &net.exec, (struct vit_ema_options){.decay = 0.9}));
    long before = allocations;
    vit_exec_run(&net.exec);
    vit_clip_apply(&clip);
    vit_optimizer_step(&optimizer, 1e-3);
    vit_ema_update(&ema);
    vit_ema_swap(&ema);
    assert_int_equal(allocations - before, 0);
    vit_ema_close(&ema);
    vit_clip_close(&clip);
    vit_optimizer_close(&optimizer);
    two_layers_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_run_allocates_nothing_under_any_probe),
                                       cmocka_unit_test(test_training_step_allocates_nothing)};
    return cmocka_run_group_tests_name("probes_allocation", tests, NULL, NULL);
}
