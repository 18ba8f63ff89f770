/* SPDX-License-Identifier: MIT */
/* doctor.h - what works on this machine, what does not, why, and what would cure it; told by trying, not by asking.
 * Checks are rows of a table in doctor_checks.c; each adds one finding or more. */
#pragma once

#include "analysis/options.h"
#include "probes/counter_survey.h"
#include "reports/sink.h"

/* id, word in files and tables */
#define VIT_HEALTH_LIST(X)                                         \
    X(WORKS, "works")                                              \
    X(LIMITED, "limited") /* works, but not as well as it could */ \
    X(ABSENT, "absent")   /* does not; the program does without */ \
    X(BROKEN, "broken")   /* numbers of this program would be wrong */

enum vit_health {
#define X(id, text) VIT_HEALTH_##id,
    VIT_HEALTH_LIST(X)
#undef X
};

const char *vit_health_name(enum vit_health health);

enum { VIT_DOCTOR_TEXT = 700, VIT_DOCTOR_FINDINGS = 128 };

struct vit_doctor_finding {
    const char *area; /* "machine", "counters", "sources", "tools", "verdict" */
    char check[64];   /* what was tried */
    enum vit_health health;
    char text[VIT_DOCTOR_TEXT];                /* what was found, or why not */
    char cure[VIT_DOCTOR_TEXT];                /* what to do; "" for nothing */
    const struct vit_counter_finding *counter; /* behind it; NULL where it is no counter */
};

struct vit_doctor {
    struct vit_doctor_finding *finding; /* (VIT_DOCTOR_FINDINGS) */
    int n;
};

/* Runs all checks, which takes some seconds. On failure nothing is left to close. */
int vit_doctor_open(struct vit_doctor *doctor);

/* The same for counters alone: a finding for each event that was tried. */
int vit_doctor_open_counters(struct vit_doctor *doctor);
void vit_doctor_close(struct vit_doctor *doctor);

/* A next finding to fill; the last one again where there is no room. */
struct vit_doctor_finding *vit_doctor_add(struct vit_doctor *doctor, const char *area, const char *check,
                                          enum vit_health health);

/* VIT_EMISMATCH where something is broken; what is only absent or limited is VIT_OK. */
int vit_doctor_status(const struct vit_doctor *doctor);

/* For readers: wrapped to width columns. */
void vit_doctor_print(const struct vit_doctor *doctor, FILE *file, int width);

/* Prints every event that could count something on this machine, with each backend, in the form of --format. */
int vit_doctor_list_counters(const struct vit_options *options);
