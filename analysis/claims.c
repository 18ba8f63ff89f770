/* SPDX-License-Identifier: MIT */
#include "analysis/claims.h"

#include "analysis/output.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const budgets[VIT_N_BUDGETS] = {"quick", "normal", "full"};
static const char *const agreements[] = {"agrees", "disagrees", "not testable"};

const char *vit_budget_name(enum vit_budget budget)
{
    return budgets[budget];
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

/* The threshold of > and <: a number, or another result's value. */
static bool resolve(struct vit_finding *f, const struct vit_results *results)
{
    double value;
    if (number(f->claim->threshold, &value)) {
        f->against = vit_real_cell(value);
        return true;
    }
    const struct vit_result *other = vit_results_find(results, f->claim->threshold);
    if (!other || !other->value.present) {
        snprintf(f->note, sizeof f->note, "%s: %s", f->claim->threshold,
                 other && other->reason ? other->reason : "no such result");
        return false;
    }
    f->against = other->value;
    snprintf(f->note, sizeof f->note, "against %s = %.4g", other->name, other->value.r);
    return true;
}

static void note_noise(struct vit_finding *f)
{
    if (f->low.present && f->high.present && f->low.r < f->against.r && f->against.r < f->high.r) {
        size_t used = strlen(f->note);
        snprintf(f->note + used, sizeof f->note - used, "%swithin the noise: %.4g to %.4g", used ? "; " : "", f->low.r,
                 f->high.r);
    }
}

static struct vit_finding compare(struct vit_finding f, const struct vit_results *results)
{
    double low = 0, high = 0; /* check() has read them once */
    const double value = f.measured.r;
    bool holds;
    if (is(f.claim, "between")) {
        (void)interval(f.claim->threshold, &low, &high);
        holds = low <= value && value <= high;
    } else if (is(f.claim, "within")) {
        (void)number(f.claim->threshold, &low);
        f.against = vit_real_cell(low);
        holds = fabs(value - f.claim->paper.r) <= low;
        snprintf(f.note, sizeof f.note, "%+.4g from the paper's; agrees within %.4g", value - f.claim->paper.r, low);
    } else {
        if (!resolve(&f, results)) {
            f.agreement = VIT_NOT_TESTABLE;
            return f;
        }
        holds = is(f.claim, ">") ? value > f.against.r : value < f.against.r;
        note_noise(&f);
    }
    f.agreement = holds ? VIT_AGREES : VIT_DISAGREES;
    return f;
}

struct vit_finding vit_claim_test(const struct vit_claim *claim, const struct vit_results *results,
                                  enum vit_budget budget)
{
    struct vit_finding f = {.claim = claim};
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
    return compare(f, results);
}

static const struct vit_column columns[] = {
    {"figure", VIT_TEXT, "", "figure or table of the paper"},
    {"claim", VIT_TEXT, "", "what the paper says"},
    {"quantity", VIT_TEXT, "", "name of the result that tests it"},
    {"paper", VIT_REAL, "", "the paper's value"},
    {"here", VIT_REAL, "", "measured on this machine; empty: see note"},
    {"low", VIT_REAL, "", "first quartile, or lower end of the result's interval"},
    {"high", VIT_REAL, "", "third quartile, or upper end"},
    {"test", VIT_TEXT, "", ">, <, within (of the paper's value) or between"},
    {"threshold", VIT_TEXT, "", "number, interval, or name of another result"},
    {"verdict", VIT_TEXT, "", "agrees, disagrees, or not testable"},
    {"note", VIT_TEXT, "", "why, compared with what"},
    {"proxy", VIT_TEXT, "", "data set in place of ImageNet that the value is from; empty: none"},
    {"source", VIT_TEXT, "", "where the paper says it"},
    {"certainty", VIT_TEXT, "", "how that is known: reports/paper/README.md"},
};
static const struct vit_schema schema = {"verdict", 1, sizeof columns / sizeof columns[0], columns};

static int put(struct vit_sink *sink, const struct vit_finding *f)
{
    const struct vit_claim *c = f->claim;
    const struct vit_cell row[] = {vit_text(c->figure),
                                   vit_text(c->text),
                                   vit_text(c->quantity),
                                   c->paper,
                                   f->measured,
                                   f->low,
                                   f->high,
                                   vit_text(c->test),
                                   vit_text(c->threshold),
                                   vit_text(agreements[f->agreement]),
                                   vit_text(f->note),
                                   vit_text(f->proxy),
                                   vit_text(c->source),
                                   vit_text(c->certainty)};
    return vit_sink_write(sink, row);
}

static int put_all(struct vit_sink *sink, const struct vit_finding *finding, int n)
{
    int status = VIT_OK;
    for (int i = 0; i < n && status == VIT_OK; i++)
        status = put(sink, &finding[i]);
    if (status == VIT_OK)
        return vit_sink_close(sink);
    vit_sink_abort(sink);
    return status;
}

int vit_findings_write(const struct vit_finding *finding, int n, const char *path)
{
    const struct vit_sink_def *csv;
    struct vit_sink sink;
    int status = vit_sink_find(&csv, "csv");
    if (status == VIT_OK)
        status = vit_sink_open(&sink, csv, &schema, &(struct vit_sink_target){.path = path});
    return status == VIT_OK ? put_all(&sink, finding, n) : status;
}

/* For readers: without what repeats the question. */
static int print_table(const struct vit_finding *finding, int n, const struct vit_options *options)
{
    static const struct vit_column shown[] = {
        {"claim", VIT_TEXT, "", ""},   {"paper", VIT_REAL, "", ""}, {"here", VIT_REAL, "", ""},
        {"verdict", VIT_TEXT, "", ""}, {"note", VIT_TEXT, "", ""},
    };
    static const struct vit_schema table = {"verdict", 1, sizeof shown / sizeof shown[0], shown};
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &table, NULL);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < n && status == VIT_OK; i++) {
        const struct vit_finding *f = &finding[i];
        char note[512];
        snprintf(note, sizeof note, "%s%s%s", f->proxy ? "proxy " : "", f->proxy ? f->proxy : "",
                 f->proxy && *f->note ? "; " : "");
        strncat(note, f->note, sizeof note - strlen(note) - 1);
        const struct vit_cell row[] = {vit_text(f->claim->text), f->claim->paper, f->measured,
                                       vit_text(agreements[f->agreement]), vit_text(note)};
        status = vit_sink_write(&sink, row);
    }
    if (status == VIT_OK)
        return vit_sink_close(&sink);
    vit_sink_abort(&sink);
    return status;
}

int vit_findings_print(const struct vit_finding *finding, int n, const struct vit_options *options)
{
    struct vit_sink sink;
    if (vit_output_is_table(options))
        return print_table(finding, n, options);
    int status = vit_output_open(&sink, options, &schema, NULL);
    return status == VIT_OK ? put_all(&sink, finding, n) : status;
}
