/* SPDX-License-Identifier: MIT */
/* findings.c - tested claims as a table: files, put together from several, and for readers. */
#include "analysis/claims.h"
#include "analysis/output.h"
#include "model/base/status.h"
#include "reports/csv_read.h"

#include <stdio.h>
#include <string.h>

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
    {"verdict", VIT_TEXT, "", "agrees, disagrees, undecided (within the noise), or not testable"},
    {"note", VIT_TEXT, "", "why, compared with what"},
    {"proxy", VIT_TEXT, "", "data set in place of ImageNet that the value is from; empty: none"},
    {"source", VIT_TEXT, "", "where the paper says it"},
    {"certainty", VIT_TEXT, "", "how that is known: reports/paper/README.md"},
    {"budget", VIT_TEXT, "", "that it was tested at"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };
static const struct vit_schema schema = {"verdict", 1, N_COLUMNS, columns};

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
                                   vit_text(vit_agreement_name(f->agreement)),
                                   vit_text(f->note),
                                   vit_text(f->proxy),
                                   vit_text(c->source),
                                   vit_text(c->certainty),
                                   vit_text(vit_budget_name(f->budget))};
    return vit_sink_write(sink, row);
}

static int put_all(struct vit_sink *sink, const struct vit_finding *finding, int n)
{
    int status = VIT_OK;
    for (int i = 0; i < n && status == VIT_OK; i++)
        status = put(sink, &finding[i]);
    return vit_sink_finish(sink, status);
}

int vit_findings_open(struct vit_sink *sink, const char *path)
{
    return vit_sink_open_csv(sink, &schema, path);
}

int vit_findings_write(const struct vit_finding *finding, int n, const char *path)
{
    struct vit_sink sink;
    int status = vit_findings_open(&sink, path);
    return status == VIT_OK ? put_all(&sink, finding, n) : status;
}

static int copy_row(struct vit_sink *sink, const struct vit_csv *csv, const int *at, int64_t row)
{
    struct vit_cell cell[N_COLUMNS];
    int status = VIT_OK;
    for (int c = 0; c < N_COLUMNS && status == VIT_OK; c++) {
        if (columns[c].type == VIT_TEXT)
            cell[c] = vit_text(vit_csv_text(csv, row, at[c]));
        else
            status = vit_csv_real(csv, row, at[c], &cell[c]);
    }
    return status == VIT_OK ? vit_sink_write(sink, cell) : status;
}

int vit_findings_copy(struct vit_sink *sink, const char *path)
{
    struct vit_csv *csv;
    int at[N_COLUMNS], status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    for (int c = 0; c < N_COLUMNS && status == VIT_OK; c++)
        status = vit_csv_find(csv, columns[c].name, &at[c]);
    for (int64_t row = 0; row < vit_csv_rows(csv) && status == VIT_OK; row++)
        status = copy_row(sink, csv, at, row);
    vit_csv_close(csv);
    return status;
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
                                       vit_text(vit_agreement_name(f->agreement)), vit_text(note)};
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

int vit_findings_print(const struct vit_finding *finding, int n, const struct vit_options *options)
{
    struct vit_sink sink;
    if (vit_output_is_table(options))
        return print_table(finding, n, options);
    int status = vit_output_open(&sink, options, &schema, NULL);
    return status == VIT_OK ? put_all(&sink, finding, n) : status;
}
