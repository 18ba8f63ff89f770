/* SPDX-License-Identifier: MIT */
/* callgrind_client.h - the side that runs under callgrind: three forwards, a dump of counts after each step of two.
 *
 *     warm     not counted: caches and program reach their steady state
 *     chained  each step as it finds the caches after the steps before it: the steady state of forward after forward
 *     cold     each step with empty caches: switching callgrind's instrumentation off and on empties them
 *
 * Statistics are zeroed before each step; what is no step's between zeroing and dump is a call and some words of
 * stack. Dumps of chained come first, each pass in the order of the steps. */
#pragma once

#include "model/exec.h"

enum vit_callgrind_pass { VIT_CALLGRIND_WARM, VIT_CALLGRIND_CHAINED, VIT_CALLGRIND_COLD, VIT_N_CALLGRIND_PASSES };

/* Text of a step's dump: "chained 12 blocks.0.attn.qkv", cut where it is longer than a dump keeps. */
enum { VIT_CALLGRIND_LABEL = 200 };
void vit_callgrind_label(char label[VIT_CALLGRIND_LABEL], enum vit_callgrind_pass pass, const struct vit_step *step);

/* Lines of a client that begin with this are for the probe, all others for readers. */
#define VIT_CALLGRIND_MARK '@'

/* On stdout: a mark and the text `about`, then a mark after every step of the three passes, when its dump is there.
 * Fails with VIT_ENOTSUP outside valgrind. */
int vit_callgrind_serve(struct vit_exec *exec, const char *about);
