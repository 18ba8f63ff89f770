/* SPDX-License-Identifier: MIT */
/* callgrind.c - the same steps run again in a child under valgrind's callgrind, which feeds every load and store to a
 * model of two caches: a check on cache_sim that knows nothing of the kernels' own streams. Geometry is passed, never
 * detected: valgrind takes wrong caches from CPUID. One thread; no AVX-512, which valgrind does not have; fills are
 * of data alone. An access across two lines counts once. */
#include "model/access.h"
#include "model/base/status.h"
#include "probes/cache_geometry.h"
#include "probes/callgrind_client.h"
#include "probes/callgrind_dump.h"
#include "probes/callgrind_process.h"
#include "probes/probe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COLD_D1, COLD_LL, CHAINED_D1, CHAINED_LL, INSTRUCTIONS, N_COLUMNS };

static const struct vit_column column[N_COLUMNS] = {
    {"cg_cold_d1_fill_bytes", VIT_INT, "B", "lines of data that callgrind's first cache took in, caches empty before"},
    {"cg_cold_ll_fill_bytes", VIT_INT, "B", "lines of data that its last cache took in, caches empty before"},
    {"cg_chained_d1_fill_bytes", VIT_INT, "B",
     "the same of the first cache after the steps before, forward on forward"},
    {"cg_chained_ll_fill_bytes", VIT_INT, "B", "the same of the last cache after the steps before, forward on forward"},
    {"cg_instructions", VIT_INT, "count", "instructions that callgrind ran, in kernels that valgrind can run"},
};

struct state {
    struct vit_cache_level d1, ll;
    char *text; /* the argument; words point into it */
    char *word[VIT_CALLGRIND_WORDS + 1];
    int64_t (*count)[N_COLUMNS]; /* (steps) */
    char about[72]; /* what the child says of itself */
    char source[VIT_SOURCE_TEXT];
};

static void close_probe(struct vit_probe *probe)
{
    struct state *state = probe->state;
    free(state->text);
    free(state->count);
    free(state);
    probe->state = NULL;
}

static int read_caches(struct state *state, const char *text)
{
    struct vit_cache_geometry geometry;
    int status = vit_cache_geometry_parse(&geometry, text);
    if (status != VIT_OK)
        return status;
    if (geometry.n < 2)
        return vit_fail(VIT_EINVAL, "callgrind: models two caches, \"%s\" names one", text);
    state->d1 = vit_cache_level_binary(&geometry.level[0]);
    state->ll = vit_cache_level_binary(&geometry.level[geometry.n - 1]);
    return VIT_OK;
}

/* A line of caches, then a line for each word. */
static int read_argument(struct state *state)
{
    char *rest = NULL;
    int n = 0;
    const char *caches = strtok_r(state->text, "\n", &rest);
    for (char *word; (word = strtok_r(NULL, "\n", &rest)); state->word[n++] = word)
        if (n == VIT_CALLGRIND_WORDS)
            return vit_fail(VIT_EINVAL, "callgrind: its command is longer than %d words", VIT_CALLGRIND_WORDS);
    if (!caches || n == 0)
        return vit_fail(VIT_ENOTSUP, "callgrind: nobody said what to run under it; --traffic callgrind does");
    return read_caches(state, caches);
}

static int open_probe(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return vit_fail(VIT_ENOMEM, "callgrind: out of memory");
    probe->state = state;
    state->text = strdup(argument ? argument : "");
    state->count = calloc((size_t)plan->n_step, sizeof *state->count);
    int status = state->text && state->count ? read_argument(state) : vit_fail(VIT_ENOMEM, "callgrind: out of memory");
    if (status == VIT_OK)
        status = vit_callgrind_find();
    if (status != VIT_OK)
        close_probe(probe);
    return status;
}

/* Counts of one dump, which must be of that step and pass. */
static int take_dump(struct vit_probe *probe, const struct vit_callgrind_process *process, int number)
{
    struct state *state = probe->state;
    const int n_step = probe->plan->n_step;
    const struct vit_step *step = &probe->plan->step[(number - 1) % n_step];
    bool cold = number > n_step;
    char path[PATH_MAX], label[VIT_CALLGRIND_LABEL];
    struct vit_callgrind_dump dump;
    vit_callgrind_dump_path(process, number, path);
    vit_callgrind_label(label, cold ? VIT_CALLGRIND_COLD : VIT_CALLGRIND_CHAINED, step);
    int status = vit_callgrind_dump_read(&dump, path);
    remove(path);
    if (status != VIT_OK)
        return status;
    if (strcmp(dump.trigger, label) != 0)
        return vit_fail(VIT_EFORMAT, "callgrind: the program under valgrind ran \"%s\" where \"%s\" was expected",
                        dump.trigger, label);
    int64_t *count = state->count[step->index];
    count[cold ? COLD_D1 : CHAINED_D1] = dump.d1_misses * VIT_LINE_BYTES;
    count[cold ? COLD_LL : CHAINED_LL] = dump.ll_misses * VIT_LINE_BYTES;
    if (!cold)
        count[INSTRUCTIONS] = dump.instructions;
    if (number == 1) {
        char text[VIT_CACHE_TEXT];
        const struct vit_cache_geometry two = {.n = 2, .level = {state->d1, state->ll}};
        snprintf(state->source, sizeof state->source, "%s, LRU %s, 1 thread; %s", dump.creator,
                 vit_cache_geometry_text(&two, text), state->about);
    }
    return VIT_OK;
}

/* One mark with a text about the child, then one after each step: warm, chained, cold. *done: steps. */
static int listen(struct vit_probe *probe, struct vit_callgrind_process *process, const struct vit_meter *meter,
                  int *done)
{
    struct state *state = probe->state;
    const int n_step = probe->plan->n_step, all = VIT_N_CALLGRIND_PASSES * n_step;
    const char *text = vit_callgrind_next(process);
    if (text)
        snprintf(state->about, sizeof state->about, "%s", text);
    int status = VIT_OK;
    for (*done = 0; status == VIT_OK && *done < all && vit_callgrind_next(process); ++*done) {
        int number = *done + 1 - n_step; /* the warm pass has no dumps */
        if (number > 0)
            status = take_dump(probe, process, number);
        if (meter)
            meter->tell(meter->context, (*done + 1) / (double)all);
    }
    while (status == VIT_OK && vit_callgrind_next(process))
        ; /* to the end: last words may follow */
    return status;
}

static int compute(struct vit_probe *probe, struct vit_exec *exec, const struct vit_meter *meter)
{
    enum { CACHE_OPTION = 64, FIXED = 5 };
    const struct state *state = probe->state;
    struct vit_callgrind_process process;
    char fixed[FIXED][32] = {"--tool=callgrind", "--cache-sim=yes", "--instr-atstart=no", "--vgdb=no", "--quiet"};
    char i1[] = "--I1=32768,8,64", d1[CACHE_OPTION], ll[CACHE_OPTION];
    char *const option[] = {fixed[0], fixed[1], fixed[2], fixed[3], fixed[4], i1, d1, ll, NULL};
    int done = 0;
    (void)exec; /* the child has its own */
    snprintf(d1, sizeof d1, "--D1=%" PRId64 ",%" PRId64 ",%d", state->d1.bytes, state->d1.ways, VIT_LINE_BYTES);
    snprintf(ll, sizeof ll, "--LL=%" PRId64 ",%" PRId64 ",%d", state->ll.bytes, state->ll.ways, VIT_LINE_BYTES);
    int status = vit_callgrind_start(&process, option, state->word);
    if (status != VIT_OK)
        return status;
    status = listen(probe, &process, meter, &done);
    status = vit_callgrind_finish(&process, status);
    if (status == VIT_OK && done < VIT_N_CALLGRIND_PASSES * probe->plan->n_step)
        return vit_fail(VIT_EFORMAT, "callgrind: the program under valgrind ran %d steps, %d were expected", done,
                        VIT_N_CALLGRIND_PASSES * probe->plan->n_step);
    return status;
}

/* Of three forwards; valgrind computes each multiply-add in software. On a core of 2024. */
static double seconds(const struct vit_probe *probe)
{
    const double start_s = 1, step_s = 0.02, macs_per_s = 30e6, bytes_per_s = 100e6;
    const struct vit_cost cost = vit_plan_cost(probe->plan);
    return start_s + step_s * probe->plan->n_step +
           VIT_N_CALLGRIND_PASSES * ((double)cost.macs / macs_per_s + (double)vit_cost_bytes(&cost) / bytes_per_s);
}

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    const struct state *state = probe->state;
    for (int i = 0; i < N_COLUMNS; i++)
        cell[i] = vit_int(state->count[step][i]);
}

static void describe(const struct vit_probe *probe, int which, struct vit_figure *figure)
{
    const struct state *state = probe->state;
    (void)which;
    if (state->source[0])
        snprintf(figure->source, sizeof figure->source, "%s", state->source);
}

const struct vit_probe_def vit_probe_callgrind = {
    .name = "callgrind",
    .summary = "cache fills and instructions of each step under valgrind's callgrind",
    .tier = VIT_TIER_SIMULATED,
    .scope = VIT_SCOPE_MODEL,
    .source = "valgrind's callgrind, caches as given",
    .argument = "caches, then the words of the command that runs the model, a line each",
    .flags = VIT_PROBE_COMPUTED,
    .n_columns = N_COLUMNS,
    .column = column,
    .open = open_probe,
    .compute = compute,
    .seconds = seconds,
    .read = read_step,
    .describe = describe,
    .close = close_probe,
};
