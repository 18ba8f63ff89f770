/* SPDX-License-Identifier: MIT */
#include "model/kernel_set.h"

#include "model/base/status.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

extern const struct vit_kernel_set vit_kernel_set_generic;
#if defined(__x86_64__)
extern const struct vit_kernel_set vit_kernel_set_v3, vit_kernel_set_v4;
#endif

static const struct vit_kernel_set *available[4], *chosen;

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
    chosen = available[0];
}

const struct vit_kernel_set *const *vit_kernel_sets(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, detect);
    return available;
}

const struct vit_kernel_set *vit_kernels(void)
{
    (void)vit_kernel_sets();
    return chosen;
}

int vit_kernels_choose(const char *isa)
{
    const struct vit_kernel_set *const *set = vit_kernel_sets();
    char names[64] = "";
    for (int i = 0; set[i]; i++) {
        if (strcmp(set[i]->isa, isa) == 0) {
            chosen = set[i];
            return VIT_OK;
        }
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", set[i]->isa);
    }
    return vit_fail(VIT_EINVAL, "vector kernels %s: this processor runs %s", isa, names);
}
