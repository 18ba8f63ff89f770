/* SPDX-License-Identifier: MIT */
#include "model/kernel_set.h"

#include <pthread.h>
#include <stddef.h>

extern const struct vit_kernel_set vit_kernel_set_generic;
#if defined(__x86_64__)
extern const struct vit_kernel_set vit_kernel_set_v3, vit_kernel_set_v4;
#endif

static const struct vit_kernel_set *available[4];

static void detect(void)
{
    int n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        available[n++] = &vit_kernel_set_v4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        available[n++] = &vit_kernel_set_v3;
#endif
    available[n++] = &vit_kernel_set_generic;
    available[n] = NULL;
}

const struct vit_kernel_set *const *vit_kernel_sets(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, detect);
    return available;
}

const struct vit_kernel_set *vit_kernels(void)
{
    return vit_kernel_sets()[0];
}
