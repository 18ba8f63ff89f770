/* SPDX-License-Identifier: MIT */
/* figure.h - what a number is: where it comes from, whom it covers, how far it can be trusted. Figures of different
 * tiers never share a column and are never added. */
#pragma once

#include <stdint.h>

/* id, name in files, mark in headings of tables */
#define VIT_TIER_LIST(X)                                                         \
    X(MEASURED, "measured", "MEAS")   /* a clock or counter saw it */            \
    X(SIMULATED, "simulated", "SIM")  /* a model of caches fed with addresses */ \
    X(FOOTPRINT, "footprint", "FOOT") /* distinct pages touched */               \
    X(ANALYTIC, "analytic", "MIN")    /* computed from shapes: compulsory bytes, MACs, planned memory */

enum vit_tier {
#define X(id, text, mark) VIT_TIER_##id,
    VIT_TIER_LIST(X)
#undef X
        VIT_N_TIERS
};

/* Whose work is in the number. */
#define VIT_SCOPE_LIST(X)                                                                   \
    X(THREADS, "threads") /* the threads of this program */                                 \
    X(CCX, "ccx")         /* all that share a last cache: other programs too */             \
    X(SOCKET, "socket")   /* all that runs on the socket, or on the machine if it is one */ \
    X(MODEL, "model")     /* the operator alone, by construction */

enum vit_scope {
#define X(id, text) VIT_SCOPE_##id,
    VIT_SCOPE_LIST(X)
#undef X
        VIT_N_SCOPES
};

const char *vit_tier_name(enum vit_tier tier);
const char *vit_tier_mark(enum vit_tier tier);
const char *vit_scope_name(enum vit_scope scope);

enum { VIT_SOURCE_TEXT = 256 };

/* Of all values of one column. */
struct vit_figure {
    enum vit_tier tier;
    enum vit_scope scope;
    char source[VIT_SOURCE_TEXT]; /* "PAPI spr::OCR:READS_TO_CORE_DRAM x 64 B"; "LRU L1=32K,8 L2=1M,16, 1 thread" */
    double calibration;           /* counted / known bytes of a stream of known size; NAN: nothing to calibrate */
    double run_fraction;          /* least share of its time that an event was on a counter; 1 unless multiplexed */
    int64_t rejected;             /* values that were impossible and therefore dropped */
};
