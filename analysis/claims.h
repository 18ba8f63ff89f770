/* SPDX-License-Identifier: MIT */
/* claims.h - what the paper says about its figures, as rows of reports/paper/claims.csv (its README tells the columns),
 * tested against named results. A claim is never taken for tested by a budget that cannot test it. */
#pragma once

#include "analysis/options.h"
#include "analysis/results.h"

enum vit_budget { VIT_BUDGET_QUICK, VIT_BUDGET_NORMAL, VIT_BUDGET_FULL, VIT_N_BUDGETS };

const char *vit_budget_name(enum vit_budget budget);

/* VIT_EINVAL lists the names there are. */
int vit_budget_find(enum vit_budget *budget, const char *name);

struct vit_claim {
    const char *figure;    /* "fig2" */
    const char *text;      /* what is claimed, in words */
    const char *quantity;  /* name of the result that it is about */
    const char *test;      /* ">", "<", "within" (of the paper's value), "between" */
    const char *threshold; /* a number, "20..40" for between, or the name of another result for > and < */
    struct vit_cell paper; /* the paper's value of the quantity */
    enum vit_budget least; /* that tests it */
    const char *certainty; /* letter and words of reports/paper */
    const char *source;    /* where the paper says it */
};

struct vit_claims {
    struct vit_csv *csv; /* texts of the claims live in it */
    struct vit_claim *claim;
    int n;
};

/* A row whose test, threshold or budget cannot be understood is VIT_EFORMAT with its claim. On failure nothing is left
 * to close. */
int vit_claims_open(struct vit_claims *claims);
void vit_claims_close(struct vit_claims *claims);

/* Undecided: what the value may be within its interval lies on both sides of what it is compared with, or is nearer to
 * it than the noise floor. */
enum vit_agreement { VIT_AGREES, VIT_DISAGREES, VIT_UNDECIDED, VIT_NOT_TESTABLE, VIT_N_AGREEMENTS };

const char *vit_agreement_name(enum vit_agreement agreement);

/* One claim tested. */
struct vit_finding {
    const struct vit_claim *claim;
    enum vit_agreement agreement;
    enum vit_budget budget;                       /* that it was tested at */
    struct vit_cell measured, low, high, against; /* against: the threshold as a number, absent for between */
    const char *proxy;                            /* as the result's */
    char note[256];                               /* why not testable or undecided; what the value was compared with */
};

struct vit_finding vit_claim_test(const struct vit_claim *claim, const struct vit_results *results,
                                  enum vit_budget budget);

/* The verdict table as a file, and for readers or programs on stdout. */
int vit_findings_write(const struct vit_finding *finding, int n, const char *path);
int vit_findings_print(const struct vit_finding *finding, int n, const struct vit_options *options);

/* A verdict table that is put together from the files of several; the caller closes or aborts the sink. */
struct vit_sink;
int vit_findings_open(struct vit_sink *sink, const char *path);
int vit_findings_copy(struct vit_sink *sink, const char *path);
