/* SPDX-License-Identifier: MIT */
/* selftest.c - `vitscope selftest`: operators of known traffic through every source of bytes that works here, by the
 * same probes, sessions and streams that profiles use. */
#include "analysis/selftest.h"
#include "analysis/command.h"
#include "analysis/output.h"
#include "analysis/run_info.h"
#include "analysis/selftest_kernels.h"
#include "model/base/status.h"
#include "probes/counter_survey.h"
#include "probes/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Which known number a column must agree with. */
enum known { WRITTEN, COMPULSORY, FILL, WB, PAGES };

static const struct check {
    const char *column;
    enum known known;
    const char *what;
} checks[] = {
    {"compulsory_bytes", COMPULSORY, "inputs + outputs"},
    {"write_bytes", WRITTEN, "outputs"},
    {"sim_cold_llc_fill_bytes", FILL, "lines of inputs, outputs and packing buffer, once each"},
    {"sim_cold_llc_wb_bytes", WB, "lines of outputs and packing buffer"},
    {"footprint_bytes", PAGES, "pages of inputs, outputs and packing buffer"},
    {"measured_dram_read_bytes", FILL, "lines brought in; none for outputs where stores need no fetch"},
    {"measured_socket_dram_read_bytes", FILL, "lines brought in; none for outputs where stores need no fetch"},
    {"measured_socket_dram_write_bytes", WB, "lines of outputs"},
};
enum { N_CHECKS = sizeof checks / sizeof checks[0] };

static const struct vit_column columns[] = {
    {"kernel", VIT_TEXT, "", "operator of known traffic"},
    {"figure", VIT_TEXT, "", "column of the probes"},
    {"tier", VIT_TEXT, "", "measured, simulated, footprint or analytic"},
    {"scope", VIT_TEXT, "", "whose work is in it"},
    {"expected_bytes", VIT_INT, "B", "what it must be"},
    {"got_bytes", VIT_REAL, "B", "what it is"},
    {"error_pct", VIT_REAL, "%", "got / expected - 1"},
    {"result", VIT_TEXT, "", "ok, OFF (more than 10 %: no headline), or absent"},
    {"about", VIT_TEXT, "", "how the expectation is counted, or why there is no value"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0], SHOWN = N_COLUMNS - 1 };
static const struct vit_schema schema = {"selftest", 1, N_COLUMNS, columns};
static const struct vit_schema shown_schema = {"selftest", 1, SHOWN, columns}; /* for readers: reasons are long */

enum { MOST_ROWS = 64 };

struct selftest {
    const struct vit_options *options;
    struct vit_machine machine;
    struct vit_cell row[MOST_ROWS][N_COLUMNS];
    char about[MOST_ROWS][VIT_REASON_TEXT];
    int n, off, present;
    void *flush; /* larger than the last cache: walked over before counted runs */
    size_t flush_bytes;
};

static int64_t expected(const struct vit_known_traffic *k, enum known known)
{
    switch (known) {
    case WRITTEN:
        return k->written;
    case COMPULSORY:
        return k->read + k->written;
    case WB:
        return k->wb;
    case PAGES:
        return k->pages;
    default:
        return k->fill;
    }
}

static void add_row(struct selftest *t, const struct vit_cell *row, const char *about)
{
    if (t->n == MOST_ROWS)
        return;
    snprintf(t->about[t->n], sizeof t->about[0], "%s", about);
    memcpy(t->row[t->n], row, sizeof t->row[0]);
    t->row[t->n][N_COLUMNS - 1] = vit_text(t->about[t->n]);
    t->n++;
}

static void judge(struct selftest *t, const char *kernel, const struct vit_figure *figure, const struct check *check,
                  int64_t want, struct vit_cell got, const char *reason)
{
    double error = got.present && want > 0 ? 100 * (got.r / (double)want - 1) : 0;
    bool off = got.present && fabs(error) > VIT_SELFTEST_PCT;
    t->off += off;
    t->present += got.present;
    const struct vit_cell row[N_COLUMNS] = {
        vit_text(kernel),
        vit_text(check->column),
        vit_text(vit_tier_name(figure->tier)),
        vit_text(vit_scope_name(figure->scope)),
        vit_int(want),
        got,
        got.present ? vit_real_cell(error) : vit_absent(),
        vit_text(!got.present ? "absent"
                 : off        ? "OFF"
                              : "ok"),
    };
    add_row(t, row, got.present ? check->what : reason ? reason : "its probe has no value");
}

/* Empties the caches of what the run before left there, by reading and writing more than they hold. */
static void flush_caches(const struct selftest *t)
{
    volatile char *memory = t->flush;
    for (size_t i = 0; i < t->flush_bytes; i += 64)
        memory[i]++;
}

static void count(struct selftest *t, struct vit_session *session, struct vit_exec *exec)
{
    vit_exec_run(exec); /* touches all pages */
    for (int replay = 0; replay < session->n_replay; replay++) {
        if (vit_session_attach(session, exec, replay) != VIT_OK)
            continue;
        flush_caches(t);
        vit_exec_run(exec);
        vit_session_detach(session);
    }
    vit_session_compute(session, exec, NULL);
}

static void compare(struct selftest *t, const struct vit_selftest_kernel *kernel, const struct vit_session *session,
                    const struct vit_step *step)
{
    const struct vit_schema *probes = vit_session_schema(session);
    const struct vit_known_traffic known = vit_known_traffic_of(step, sysconf(_SC_PAGESIZE));
    struct vit_cell *cell = calloc((size_t)probes->n_columns, sizeof *cell);
    if (!cell)
        return;
    vit_session_read(session, 0, cell);
    for (int i = 0; i < N_CHECKS; i++) {
        int column = vit_schema_find(probes, checks[i].column), own = 0;
        int64_t want = expected(&known, checks[i].known);
        /* Nearly nothing, among what other programs do: no test of a source. */
        if (column < 0 || want < known.fill / 100)
            continue;
        const struct vit_probe *probe = vit_session_probe_of(session, column, &own);
        struct vit_figure figure = vit_probe_figure(probe, own);
        bool counted = figure.tier == VIT_TIER_MEASURED;
        if (counted && kernel->fits_cache)
            continue; /* a counter sees too few bytes of it */
        struct vit_cell got = cell[column];
        if (got.present && probes->column[column].type == VIT_INT)
            got = vit_real_cell((double)got.i);
        judge(t, kernel->name, &figure, &checks[i], want, got, vit_session_reason(session, column));
    }
    free(cell);
}

static int run_kernel(struct selftest *t, const struct vit_selftest_kernel *kernel, int64_t bytes)
{
    static struct vit_session session;
    const char *const probes[] = {"traffic", "counters", "cache_sim", "footprint"};
    struct vit_graph graph = {.name = kernel->name, .batch = 1};
    struct vit_plan plan = {0};
    struct vit_exec exec = {0};
    kernel->build(&graph, bytes);
    int status = vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = 1});
    if (status == VIT_OK)
        status = vit_exec_open(&exec, &plan);
    if (status == VIT_OK)
        status = vit_session_open(&session, &plan, probes, sizeof probes / sizeof probes[0]);
    if (status == VIT_OK) {
        for (int s = 0; s < VIT_N_SPACES; s++)
            if (exec.memory[s])
                memset(exec.memory[s], 0, plan.space_bytes[s]);
        count(t, &session, &exec);
        compare(t, kernel, &session, &plan.step[0]);
        vit_session_close(&session);
    }
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&graph);
    return status;
}

/* Sanitizers would touch shadow pages beside these. */
__attribute__((no_sanitize_address)) static void touch_pages(volatile char *memory, size_t bytes, size_t page)
{
    for (size_t i = 0; i < bytes; i += page)
        memory[i] = 1;
}

/* New pages, touched once each, by the counter of page faults: software events are counters, too. */
static void count_faults(struct selftest *t)
{
    enum { PAGES_TOUCHED = 4096 };
    static const struct check check = {"page_faults x page", PAGES, "new pages, touched once each"};
    const struct vit_counter_finding *f = vit_counter_chosen(vit_counter_survey(), "page_faults");
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = PAGES_TOUCHED * page;
    struct vit_figure figure = {.tier = VIT_TIER_MEASURED, .scope = VIT_SCOPE_THREADS};
    struct vit_cell got = vit_absent();
    char why[VIT_REASON_TEXT] = "";
    if (!f) {
        vit_counter_why(vit_counter_survey(), "page_faults", why, sizeof why);
    } else {
        struct vit_counting *counting = NULL;
        struct vit_attempt attempt;
        struct vit_reading before, after;
        const char *const event[] = {f->event};
        const struct vit_counter_request request = {.event = event, .n = 1, .kernel = f->kernel};
        char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED && madvise(memory, bytes, MADV_NOHUGEPAGE) == 0 &&
            f->backend->open(&counting, &request, &attempt) == VIT_OK) {
            bool read = f->backend->read(counting, &before);
            touch_pages(memory, bytes, page);
            read = read && f->backend->read(counting, &after);
            if (read)
                got = vit_real_cell((double)(after.value[0] - before.value[0]) * (double)page);
            f->backend->close(counting);
        }
        if (memory != MAP_FAILED)
            munmap(memory, bytes);
    }
    judge(t, "touch", &figure, &check, (int64_t)bytes, got, why);
}

static int put(const struct selftest *t, struct vit_sink *sink)
{
    for (int i = 0; i < t->n; i++) {
        int status = vit_sink_write(sink, t->row[i]);
        if (status != VIT_OK) {
            vit_sink_abort(sink);
            return status;
        }
    }
    return vit_sink_close(sink);
}

static void text_of(struct vit_json *json, const char *name, struct vit_cell cell)
{
    if (cell.present)
        vit_json_string(json, name, cell.s);
}

static int write_results(struct selftest *t, const char *folder)
{
    char path[4200];
    struct vit_sink sink;
    struct vit_json json;
    snprintf(path, sizeof path, "%s/selftest.csv", folder);
    int status = vit_sink_open_csv(&sink, &schema, path);
    if (status == VIT_OK)
        status = put(t, &sink);
    if (status != VIT_OK)
        return status;
    vit_json_open(&json);
    vit_run_info_begin(&json, "selftest", t->options, &t->machine);
    vit_json_array(&json, "selftest");
    for (int i = 0; i < t->n; i++) {
        const struct vit_cell *row = t->row[i];
        vit_json_object(&json, NULL);
        text_of(&json, "kernel", row[0]);
        text_of(&json, "figure", row[1]);
        text_of(&json, "tier", row[2]);
        vit_json_integer(&json, "expected_bytes", row[4].i);
        if (row[5].present)
            vit_json_number(&json, "got_bytes", row[5].r);
        text_of(&json, "result", row[7]);
        text_of(&json, "about", row[8]);
        vit_json_end(&json);
    }
    vit_json_end(&json);
    snprintf(path, sizeof path, "%s/run.json", folder);
    status = vit_json_write(&json, path);
    vit_json_close(&json);
    return status;
}

/* Each reason once: it is the same for every kernel. */
static void print_absent(const struct selftest *t)
{
    for (int i = 0; i < t->n; i++) {
        bool told = t->row[i][5].present;
        for (int k = 0; k < i && !told; k++)
            told = !t->row[k][5].present && strcmp(t->row[k][1].s, t->row[i][1].s) == 0;
        if (!told)
            printf("%s absent: %s\n", t->row[i][1].s, t->about[i]);
    }
}

static int print(const struct selftest *t, const char *folder)
{
    struct vit_sink sink;
    bool table = vit_output_is_table(t->options);
    int status = vit_output_open(&sink, t->options, table ? &shown_schema : &schema, NULL);
    if (status == VIT_OK)
        status = put(t, &sink);
    if (status == VIT_OK && table) {
        printf("\n");
        print_absent(t);
        printf("%d of %d figures present, %d more than %d %% off; results in %s: selftest.csv, run.json\n", t->present,
               t->n, t->off, VIT_SELFTEST_PCT, folder);
    }
    return status;
}

static int run(const struct vit_options *options)
{
    static struct selftest t;
    char folder[4000];
    const int64_t most = (int64_t)256 << 20, usual = (int64_t)32 << 20;
    t = (struct selftest){.options = options};
    vit_run_folder_name(folder, sizeof folder, "selftest", options);
    const struct vit_sink_def *form;
    int status = vit_sink_find(&form, options->format ? options->format : "table");
    if (status == VIT_OK)
        status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = vit_machine_read(&t.machine);
    if (status != VIT_OK)
        return status;
    const int64_t last = vit_machine_last_cache(&t.machine) > 0 ? vit_machine_last_cache(&t.machine) : usual;
    const int64_t large = 4 * last < most ? 4 * last : most;
    t.flush_bytes = (size_t)(2 * last < most ? 2 * last : most);
    t.flush = calloc(t.flush_bytes, 1);
    if (!t.flush)
        return vit_fail(VIT_ENOMEM, "out of memory: %zu MiB to empty the caches with", t.flush_bytes >> 20);
    for (int i = 0; i < vit_n_selftest_kernels && status == VIT_OK; i++) {
        const struct vit_selftest_kernel *kernel = &vit_selftest_kernels[i];
        status = run_kernel(&t, kernel, kernel->fits_cache ? last / 2 : large);
    }
    free(t.flush);
    if (status == VIT_OK) {
        count_faults(&t);
        status = write_results(&t, folder);
    }
    if (status == VIT_OK)
        status = print(&t, folder);
    if (status == VIT_OK && t.off)
        return vit_fail(VIT_EMISMATCH, "%d figures are more than %d %% off", t.off, VIT_SELFTEST_PCT);
    return status;
}

const struct vit_command vit_command_selftest = {
    .name = "selftest",
    .arguments = "",
    .summary = "every source of bytes against operators of known traffic",
    .detail =
        "Runs a copy, a triad, products of vectors, a matrix product and a depthwise convolution, whose traffic is\n"
        "known, under every source of bytes that works here, and new pages under the counter of page faults; prints\n"
        "what was expected, what was told, and the error. Arrays are four times as large as the last cache (256 MiB "
        "at\n"
        "most), the matrix product fits into it. Caches are emptied before runs that counters see. Writes "
        "selftest.csv\n"
        "and run.json. Exit code 1 if a source is more than 10 % off; absent ones are no failure.\n\n"
        "  vitscope selftest\n"
        "  vitscope selftest --isa v3 --format csv\n",
    .takes = "isa out format",
    .max_arguments = 0,
    .run = run,
};
