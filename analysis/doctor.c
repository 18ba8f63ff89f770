/* SPDX-License-Identifier: MIT */
/* doctor.c - `vitscope doctor`: everything opened for real, a row for each. */
#include "analysis/doctor.h"

#include "analysis/command.h"
#include "analysis/output.h"
#include "model/base/status.h"

#include <math.h>
#include <string.h>

/* Columns of what a counter is, behind those of what was tried. */
#define COUNTER_COLUMNS                                                                                         \
    {"event", VIT_TEXT, "", "in the backend's language"}, {"backend", VIT_TEXT, "", "who counted: PAPI, perf"}, \
        {"failed_at", VIT_TEXT, "", "rung that the event did not pass; none: usable"},                          \
        {"counted", VIT_INT, "", "under work that must move it"},                                               \
        {"calibration", VIT_REAL, "", "counted / known bytes of a stream"},                                     \
    {                                                                                                           \
        "scope", VIT_TEXT, "", "whose work is in the number: threads, ccx, socket"                              \
    }

static const struct vit_column columns[] = {
    {"area", VIT_TEXT, "", "machine, counters, sources, tools, verdict"},
    {"check", VIT_TEXT, "", "what was tried"},
    {"health", VIT_TEXT, "", "works, limited, absent, broken"},
    {"finding", VIT_TEXT, "", "what was found, or why not"},
    {"cure", VIT_TEXT, "", "what would help"},
    COUNTER_COLUMNS,
};

static const struct vit_column counter_columns[] = {
    {"counter", VIT_TEXT, "", "column of the probe counters"},
    COUNTER_COLUMNS,
    {"chosen", VIT_TEXT, "", "yes: the probe counts the column by this event"},
    {"reason", VIT_TEXT, "", "why it is not usable; where it is, what to know of it"},
    {"cure", VIT_TEXT, "", "what would help"},
};

enum { N_COUNTER = 6, N_COLUMNS = sizeof columns / sizeof columns[0] };

static const struct vit_schema schema = {"doctor", 1, N_COLUMNS, columns};
static const struct vit_schema counter_schema = {"counters", 1, sizeof counter_columns / sizeof counter_columns[0],
                                                 counter_columns};

static struct vit_cell text_or_absent(const char *text)
{
    return text && *text ? vit_text(text) : vit_absent();
}

static void counter_cells(struct vit_cell cell[N_COUNTER], const struct vit_counter_finding *c)
{
    bool calibrated = c && !isnan(c->calibration), moved = c && (c->usable || c->failed >= VIT_RUNG_ADVANCE);
    cell[0] = c ? text_or_absent(c->event) : vit_absent();
    cell[1] = c && c->backend ? vit_text(c->backend->name) : vit_absent();
    cell[2] = c ? vit_text(vit_rung_name(c->failed)) : vit_absent();
    cell[3] = moved && !c->untested ? vit_int(c->counted) : vit_absent();
    cell[4] = calibrated ? vit_real_cell(c->calibration) : vit_absent();
    cell[5] = c ? vit_text(vit_scope_name(c->scope)) : vit_absent();
}

static int write_finding(struct vit_sink *sink, const struct vit_doctor_finding *f)
{
    struct vit_cell row[N_COLUMNS] = {vit_text(f->area), vit_text(f->check), vit_text(vit_health_name(f->health)),
                                      text_or_absent(f->text), text_or_absent(f->cure)};
    counter_cells(row + N_COLUMNS - N_COUNTER, f->counter);
    return vit_sink_write(sink, row);
}

static int write_rows(struct vit_sink *sink, const struct vit_doctor *doctor)
{
    for (int i = 0; i < doctor->n; i++) {
        int status = write_finding(sink, &doctor->finding[i]);
        if (status != VIT_OK) {
            vit_sink_abort(sink);
            return status;
        }
    }
    return vit_sink_close(sink);
}

static int print(const struct vit_doctor *doctor, const struct vit_options *options)
{
    enum { WIDTH_OF_FILES = 80 };
    if (!vit_output_is_table(options)) {
        struct vit_sink sink;
        int status = vit_output_open(&sink, options, &schema, NULL);
        return status == VIT_OK ? write_rows(&sink, doctor) : status;
    }
    int width = vit_output_width();
    vit_doctor_print(doctor, stdout, width ? width : WIDTH_OF_FILES);
    return VIT_OK;
}

int vit_doctor_status(const struct vit_doctor *doctor)
{
    for (int i = 0; i < doctor->n; i++)
        if (doctor->finding[i].health == VIT_HEALTH_BROKEN)
            return vit_fail(VIT_EMISMATCH, "%s is broken: numbers of this machine cannot be trusted (%s)",
                            doctor->finding[i].check, doctor->finding[i].text);
    return VIT_OK;
}

static int run(const struct vit_options *options)
{
    struct vit_doctor doctor;
    if (options->counters && strcmp(options->counters, "list") == 0)
        return vit_doctor_list_counters(options);
    if (options->counters)
        return vit_fail(VIT_EINVAL, "--counters %s: doctor tries all of them; it takes only list", options->counters);
    int status = vit_doctor_open(&doctor);
    if (status != VIT_OK)
        return status;
    status = print(&doctor, options);
    if (status == VIT_OK)
        status = vit_doctor_status(&doctor);
    vit_doctor_close(&doctor);
    return status;
}

static int write_counter(struct vit_sink *sink, const struct vit_counter_finding *c)
{
    const char *reason = c->usable ? c->caveat : c->reason;
    struct vit_cell row[1 + N_COUNTER + 3] = {text_or_absent(c->column)};
    counter_cells(row + 1, c);
    row[N_COUNTER + 1] = vit_text(c->chosen ? "yes" : "no");
    row[N_COUNTER + 2] = text_or_absent(reason);
    row[N_COUNTER + 3] = text_or_absent(c->usable ? "" : c->cure);
    return vit_sink_write(sink, row);
}

int vit_doctor_list_counters(const struct vit_options *options)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    if (vit_output_is_table(options)) {
        struct vit_doctor doctor;
        int status = vit_doctor_open_counters(&doctor);
        if (status == VIT_OK)
            status = print(&doctor, options);
        vit_doctor_close(&doctor);
        return status;
    }
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &counter_schema, NULL);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < survey->n && status == VIT_OK; i++)
        status = write_counter(&sink, &survey->finding[i]);
    return vit_sink_finish(&sink, status);
}

const struct vit_command vit_command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "tell what works on this machine, what does not, and what would cure it",
    .detail = "Tries everything for real: kernels, BLAS, every counter, the probes on a small model, other programs.\n"
              "Exits with 0 where the program can do its work, even if nothing can be counted, and with 1 where its\n"
              "numbers would be wrong. --counters list prints every event that was tried instead.\n\n"
              "  vitscope doctor\n"
              "  vitscope doctor --counters list\n"
              "  vitscope doctor --format json > doctor.json\n",
    .takes = "counters format",
    .max_arguments = 0,
    .run = run,
};
