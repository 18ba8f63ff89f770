/* SPDX-License-Identifier: MIT */
#include "tests/support/planned_figure.h"

#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

static const struct vit_options options = {.threads = 2, .warmup_s = -1, .min_time_s = -1, .seed = 1};

void figure_plan(struct vit_reproduction *r, const char *name, enum vit_budget budget)
{
    *r = (struct vit_reproduction){.options = &options, .budget = budget, .root = program_folder};
    for (int i = 0; i < vit_n_reproductions; i++)
        if (strcmp(vit_reproductions[i]->name, name) == 0)
            r->def = vit_reproductions[i];
    assert_non_null(r->def);
    snprintf(r->folder, sizeof r->folder, "%s", program_folder);
    assert_ok(r->def->plan(r));
}

void figure_claims_are_testable(const struct vit_reproduction *r, int n)
{
    struct vit_claims claims;
    int tested = 0;
    assert_ok(vit_claims_open(&claims));
    for (int i = 0; i < claims.n; i++) {
        if (strcmp(claims.claim[i].figure, r->def->name) != 0)
            continue;
        const struct vit_finding finding = vit_claim_test(&claims.claim[i], &r->results, r->budget);
        if (finding.agreement == VIT_NOT_TESTABLE)
            fail_msg("%s: %s", claims.claim[i].quantity, finding.note);
        tested++;
    }
    assert_int_equal(tested, n);
    vit_claims_close(&claims);
}

void figure_forget(struct vit_reproduction *r)
{
    vit_results_close(&r->results);
    free(r->unit);
}
