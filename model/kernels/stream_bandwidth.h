/* SPDX-License-Identifier: MIT */
/* stream_bandwidth.h - whether this compiler can write past the caches: without it the non-temporal kernels of
 * stream_bandwidth.c store as any other, and nobody may take their figures for non-temporal ones. */
#pragma once

#if defined(__SSE2__)
#define VIT_NON_TEMPORAL 1
#elif defined(__has_builtin)
#if __has_builtin(__builtin_nontemporal_store)
#define VIT_NON_TEMPORAL 1
#endif
#endif
#ifndef VIT_NON_TEMPORAL
#define VIT_NON_TEMPORAL 0
#endif
