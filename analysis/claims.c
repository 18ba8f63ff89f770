/* SPDX-License-Identifier: MIT */
#include "analysis/claims.h"

#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const budgets[VIT_N_BUDGETS] = {"quick", "normal", "full"};
static const char *const agreements[VIT_N_AGREEMENTS] = {"agrees", "disagrees", "undecided", "not testable"};

const char *vit_budget_name(enum vit_budget budget)
{
    return budgets[budget];
}

const char *vit_agreement_name(enum vit_agreement agreement)
{
    return agreements[agreement];
}

int vit_budget_find(enum vit_budget *budget, const char *name)
{
    for (int i = 0; i < VIT_N_BUDGETS; i++)
        if (strcmp(budgets[i], name) == 0) {
            *budget = (enum vit_budget)i;
            return VIT_OK;
        }
    return vit_fail(VIT_EINVAL, "budget \"%s\": there are quick, normal and full", name);
}

static bool number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

static bool interval(const char *text, double *low, double *high)
{
    char first[32];
    const char *dots = strstr(text, "..");
    if (!dots || dots - text >= (ptrdiff_t)sizeof first)
        return false;
    memcpy(first, text, (size_t)(dots - text)); /* strtod would take the first dot for a decimal point */
    first[dots - text] = '\0';
    return number(first, low) && number(dots + 2, high) && *low <= *high;
}

static bool is(const struct vit_claim *claim, const char *test)
{
    return strcmp(claim->test, test) == 0;
}

static int check(const struct vit_claim *c)
{
    double low, high;
    if (!c->figure || !c->text || !c->quantity || !c->test || !c->threshold || !c->certainty || !c->source)
        return vit_fail(VIT_EFORMAT,
                        "a claim lacks one of figure, claim, quantity, test, threshold, certainty, source");
    if (is(c, ">") || is(c, "<"))
        return VIT_OK;
    if (is(c, "within"))
        return number(c->threshold, &low) && c->paper.present
                   ? VIT_OK
                   : vit_fail(VIT_EFORMAT, "claim \"%s\": within takes the paper's value and a number", c->text);
    if (is(c, "between"))
        return interval(c->threshold, &low, &high)
                   ? VIT_OK
                   : vit_fail(VIT_EFORMAT, "claim \"%s\": between takes a threshold like 20..40", c->text);
    return vit_fail(VIT_EFORMAT, "claim \"%s\": test \"%s\": there are >, <, within and between", c->text, c->test);
}

static int read_row(struct vit_claim *c, const struct vit_csv *csv, int64_t row)
{
    const struct {
        const char *name;
        const char **field;
    } texts[] = {{"figure", &c->figure},       {"claim", &c->text},    {"quantity", &c->quantity},  {"test", &c->test},
                 {"threshold", &c->threshold}, {"source", &c->source}, {"certainty", &c->certainty}};
    int at, status = VIT_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == VIT_OK; i++) {
        status = vit_csv_find(csv, texts[i].name, &at);
        if (status == VIT_OK)
            *texts[i].field = vit_csv_text(csv, row, at);
    }
    if (status == VIT_OK)
        status = vit_csv_find(csv, "paper", &at);
    if (status == VIT_OK)
        status = vit_csv_real(csv, row, at, &c->paper);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "least_budget", &at);
    if (status != VIT_OK)
        return status;
    const char *least = vit_csv_text(csv, row, at);
    status = vit_budget_find(&c->least, least ? least : "");
    return status == VIT_OK ? check(c) : status;
}

int vit_claims_open(struct vit_claims *claims)
{
    char path[4096];
    *claims = (struct vit_claims){0};
    int status = vit_data_path(path, sizeof path, "paper/claims.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&claims->csv, path);
    if (status != VIT_OK)
        return status;
    claims->n = (int)vit_csv_rows(claims->csv);
    claims->claim = calloc((size_t)claims->n + 1, sizeof *claims->claim);
    if (!claims->claim)
        status = vit_fail(VIT_ENOMEM, "out of memory: %d claims", claims->n);
    for (int i = 0; i < claims->n && status == VIT_OK; i++)
        status = read_row(&claims->claim[i], claims->csv, i);
    if (status != VIT_OK) {
        status = vit_fail_in(status, "%s", path);
        vit_claims_close(claims);
    }
    return status;
}

void vit_claims_close(struct vit_claims *claims)
{
    free(claims->claim);
    vit_csv_close(claims->csv);
    *claims = (struct vit_claims){0};
}

static struct vit_finding untestable(struct vit_finding f, const char *why)
{
    f.agreement = VIT_NOT_TESTABLE;
    snprintf(f.note, sizeof f.note, "%s", why);
    return f;
}

/* What a value can be within the noise: itself where no interval is known. */
struct range {
    double low, high;
};

static struct range range_of(struct vit_cell value, struct vit_cell low, struct vit_cell high)
{
    return (struct range){low.present ? low.r : value.r, high.present ? high.r : value.r};
}

static bool overlap(struct range a, struct range b)
{
    return a.low < b.high && b.low < a.high;
}

static void note(struct vit_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct vit_finding *f, const char *format, ...)
{
    size_t used = strlen(f->note);
    used += (size_t)snprintf(f->note + used, sizeof f->note - used, "%s", used ? "; " : "");
    va_list arguments;
    va_start(arguments, format);
    if (used < sizeof f->note)
        vsnprintf(f->note + used, sizeof f->note - used, format, arguments);
    va_end(arguments);
}

/* The threshold of > and <: a number, or another result's value, which has a range of its own. */
static bool resolve(struct vit_finding *f, struct range *threshold, const struct vit_results *results)
{
    double value;
    if (number(f->claim->threshold, &value)) {
        f->against = vit_real_cell(value);
        *threshold = (struct range){value, value};
        return true;
    }
    const struct vit_result *other = vit_results_find(results, f->claim->threshold);
    if (!other || !other->value.present) {
        note(f, "%s: %s", f->claim->threshold, other && other->reason ? other->reason : "no such result");
        return false;
    }
    f->against = other->value;
    *threshold = range_of(other->value, other->low, other->high);
    note(f, "against %s = %.4g", other->name, other->value.r);
    return true;
}

static void note_noise(struct vit_finding *f, struct range here, struct range threshold)
{
    if (threshold.low < threshold.high)
        note(f, "within the noise: %.4g to %.4g against %.4g to %.4g", here.low, here.high, threshold.low,
             threshold.high);
    else
        note(f, "within the noise: %.4g to %.4g", here.low, here.high);
}

/* An interval that both sides of the threshold are in decides nothing, nor does a difference that equals have. */
static struct vit_finding compare_order(struct vit_finding f, const struct vit_results *results, struct vit_cell floor)
{
    const struct range here = range_of(f.measured, f.low, f.high);
    struct range threshold;
    if (!resolve(&f, &threshold, results)) {
        f.agreement = VIT_NOT_TESTABLE;
        return f;
    }
    const bool holds = is(f.claim, ">") ? f.measured.r > f.against.r : f.measured.r < f.against.r;
    f.agreement = holds ? VIT_AGREES : VIT_DISAGREES;
    if (overlap(here, threshold)) {
        f.agreement = VIT_UNDECIDED;
        note_noise(&f, here, threshold);
    } else if (floor.present && fabs(f.measured.r - f.against.r) < floor.r) {
        f.agreement = VIT_UNDECIDED;
        note(&f, "below the noise floor: equals differ by %.2g", floor.r);
    }
    return f;
}

/* The same for a claim of two thresholds. */
static struct vit_finding compare_interval(struct vit_finding f)
{
    const struct range here = range_of(f.measured, f.low, f.high);
    struct range wanted = {0, 0}; /* check() has read them once */
    if (is(f.claim, "between")) {
        (void)interval(f.claim->threshold, &wanted.low, &wanted.high);
    } else {
        double tolerance = 0;
        (void)number(f.claim->threshold, &tolerance);
        f.against = vit_real_cell(tolerance);
        wanted = (struct range){f.claim->paper.r - tolerance, f.claim->paper.r + tolerance};
        note(&f, "%+.4g from the paper's, tolerance %.4g", f.measured.r - f.claim->paper.r, tolerance);
    }
    f.agreement = wanted.low <= f.measured.r && f.measured.r <= wanted.high ? VIT_AGREES : VIT_DISAGREES;
    if (overlap(here, (struct range){wanted.low, wanted.low}) ||
        overlap(here, (struct range){wanted.high, wanted.high})) {
        f.agreement = VIT_UNDECIDED;
        note_noise(&f, here, (struct range){0, 0});
    }
    return f;
}

struct vit_finding vit_claim_test(const struct vit_claim *claim, const struct vit_results *results,
                                  enum vit_budget budget)
{
    struct vit_finding f = {.claim = claim, .budget = budget};
    const struct vit_result *result = vit_results_find(results, claim->quantity);
    if (budget < claim->least) {
        char why[64];
        snprintf(why, sizeof why, "needs --budget %s", budgets[claim->least]);
        return untestable(f, why);
    }
    if (!result)
        return untestable(f, "this study does not measure it yet");
    f.proxy = result->proxy;
    if (!result->value.present)
        return untestable(f, result->reason ? result->reason : "no value");
    f.measured = result->value;
    f.low = result->low;
    f.high = result->high;
    return is(claim, ">") || is(claim, "<") ? compare_order(f, results, result->floor) : compare_interval(f);
}
