/* SPDX-License-Identifier: MIT */
#include "tests/support/cache_agreement.h"

#include "analysis/callgrind_child.h"
#include "analysis/options.h"
#include "model/access.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "probes/cache_geometry.h"
#include "probes/callgrind_client.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const cache_fill_name[N_FILLS] = {"cold D1", "cold LL", "chained D1", "chained LL"};

static const char *const simulated_column[N_FILLS] = {"sim_cold_l1_fill_bytes", "sim_cold_llc_fill_bytes",
                                                      "sim_chained_l1_fill_bytes", "sim_chained_llc_fill_bytes"};
static const char *const callgrind_column[N_FILLS] = {"cg_cold_d1_fill_bytes", "cg_cold_ll_fill_bytes",
                                                      "cg_chained_d1_fill_bytes", "cg_chained_ll_fill_bytes"};

/* A block as in deit_tiny, the first of swin_tiny, the first of
 * efficientvit_m4. */
static const struct {
    const char *name, *variant, *settings;
} block[] = {
    {"deit_block", "deit_tiny", "classes=10 depth=1"},
    {"swin_block", "swin_tiny", "classes=10 stages=1 depth=1"},
    {"efficientvit_block", "efficientvit_m4", "classes=10 stages=1 depth=1"},
};
enum { N_BLOCKS = sizeof block / sizeof block[0] };

/* name as a variant that is not in the zoo; false if it is none of those above. */
static bool find_block(const char *name, struct vit_model_def *def)
{
    for (int i = 0; i < N_BLOCKS; i++)
        if (strcmp(block[i].name, name) == 0) {
            *def = *vit_model_find(block[i].variant);
            def->name = block[i].name;
            def->crop_percentage = 1;
            return vit_config_set(&def->config, def->family->name, block[i].settings) == VIT_OK;
        }
    return false;
}

static int open_instance(struct vit_instance *instance, const char *model, const struct vit_instance_options *options)
{
    static struct vit_model_def def; /* outlives its instance */
    return find_block(model, &def) ? vit_instance_open_model(instance, &def, options)
                                   : vit_instance_open(instance, model, options);
}

/* All steps have their figures in the columns, or this fails with the reason. */
static int read_fills(const struct vit_session *session, const char *const *column, struct cache_fills *fills)
{
    enum { MOST = 32 };
    const struct vit_schema *schema = vit_session_schema(session);
    struct vit_cell cell[MOST];
    if (schema->n_columns > MOST)
        return vit_fail(VIT_EINVAL, "more than %d columns", MOST);
    for (int step = 0; step < session->plan->n_step; step++) {
        vit_session_read(session, step, cell);
        for (int i = 0; i < N_FILLS; i++) {
            int at = vit_schema_find(schema, column[i]);
            const char *reason = at < 0 ? "no such column" : vit_session_reason(session, at);
            if (at < 0 || !cell[at].present)
                return vit_fail(VIT_ENOTSUP, "%s of %s: %s", column[i], session->plan->step[step].op->name,
                                reason ? reason : "absent");
            fills[step].fill[i] = cell[at].i / VIT_LINE_BYTES;
        }
    }
    return VIT_OK;
}

/* --- the child --- */

/* Where the child leaves the fills of the program's own model for its parent. */
static void fills_path(char path[PATH_MAX], pid_t parent)
{
    const char *where = getenv("TMPDIR");
    snprintf(path, PATH_MAX, "%s/vitscope-fills-%ld", where && *where ? where : "/tmp", (long)parent);
}

static int write_fills(const struct cache_fills *fills, int n)
{
    char path[PATH_MAX];
    fills_path(path, getppid());
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(fills, sizeof *fills, (size_t)n, file) == (size_t)n;
    if (file && fclose(file) != 0)
        written = false;
    return written ? VIT_OK : vit_fail(VIT_EIO, "%s: cannot be written", path);
}

/* A stream's spans, looked at and dropped. */
struct crossing_counter {
    struct vit_access access;
    int64_t crossings;
};

static void count_crossings(struct vit_access *access)
{
    enum { VECTOR_BYTES = 32 };
    struct crossing_counter *counter = (struct crossing_counter *)(void *)access;
    for (int i = 0; i < access->n; i++) {
        const uintptr_t place = access->span[i].address % VIT_LINE_BYTES;
        const size_t first = access->span[i].bytes < VECTOR_BYTES ? access->span[i].bytes : VECTOR_BYTES;
        counter->crossings += place + first > VIT_LINE_BYTES;
    }
}

static int simulate_with(struct vit_instance *instance, const char *caches, struct cache_fills *fills)
{
    char text[256];
    const char *const name[] = {text};
    struct vit_session session;
    snprintf(text, sizeof text, "cache_sim=%s", caches);
    int status = vit_session_open(&session, &instance->plan, name, 1);
    if (status != VIT_OK)
        return status;
    vit_session_compute(&session, &instance->exec, NULL);
    status = read_fills(&session, simulated_column, fills);
    vit_session_close(&session);
    return status;
}

static int narrow(const char *caches, char text[VIT_CACHE_TEXT])
{
    struct vit_cache_geometry geometry;
    int status = vit_cache_geometry_parse(&geometry, caches);
    for (int i = 0; i < geometry.n && status == VIT_OK; i++) {
        struct vit_cache_level *level = &geometry.level[i];
        level->bytes -= level->bytes / level->ways;
        level->ways--;
    }
    if (status == VIT_OK)
        vit_cache_geometry_text(&geometry, text);
    return status;
}

/* Fills of the caches and of narrower ones, left for the parent. */
static int simulate(struct vit_instance *instance, const char *caches)
{
    static struct crossing_counter counter = {.access = {.drain = count_crossings}};
    const int n = instance->plan.n_step;
    char narrower[VIT_CACHE_TEXT];
    struct cache_fills *fills = calloc(2 * (size_t)n, sizeof *fills);
    int status = fills ? narrow(caches, narrower) : vit_fail(VIT_ENOMEM, "out of memory");
    if (status == VIT_OK)
        status = simulate_with(instance, caches, fills);
    if (status == VIT_OK)
        status = simulate_with(instance, narrower, fills + n);
    for (int i = 0; i < n && status == VIT_OK; i++) {
        counter.crossings = 0;
        instance->plan.step[i].kernel->stream(&instance->plan.step[i], &counter.access);
        vit_access_drain(&counter.access);
        fills[i].crossings = counter.crossings;
    }
    if (status == VIT_OK)
        status = write_fills(fills, 2 * n);
    free(fills);
    return status;
}

static int serve(int argc, char *const *argv)
{
    struct vit_options options = {.threads = 1, .seed = 1};
    struct vit_instance instance;
    int status = vit_options_parse(&options, "batch img classes graph kernel isa seed cache", argc, argv);
    if (status == VIT_OK && options.isa)
        status = vit_kernels_choose(options.isa);
    const struct vit_instance_options wanted = {
        .model = {.batch = options.batch, .img = options.img, .graph = options.graph},
        .threads = 1,
        .kernel = options.kernel,
        .seed = options.seed};
    if (status == VIT_OK)
        status = open_instance(&instance, options.argument[0], &wanted);
    if (status != VIT_OK)
        return status;
    status = simulate(&instance, options.cache); /* first: the probe stops listening after the last step */
    if (status == VIT_OK)
        status = vit_callgrind_serve(&instance.exec, vit_kernels()->isa);
    vit_instance_close(&instance);
    return status;
}

bool cache_agreement_child(int argc, char *const *argv, int *exit_code)
{
    if (argc < 3 || strcmp(argv[1], "callgrind-child") != 0)
        return false;
    *exit_code = serve(argc - 2, argv + 2) == VIT_OK ? 0 : 1;
    if (*exit_code != 0)
        fprintf(stderr, "%s\n", vit_error());
    return true;
}

/* --- the parent --- */

static int open_session(struct cache_agreement *a, const struct cache_case *wanted)
{
    char text[1024] = "callgrind=";
    const char *const name[] = {text};
    size_t used = strlen(text);
    int status = vit_callgrind_argument(&a->instance, wanted->caches, text + used, sizeof text - used);
    used = strlen(text);
    snprintf(text + used, sizeof text - used, "\n--cache=%s", wanted->caches);
    return status == VIT_OK ? vit_session_open(&a->session, &a->instance.plan, name, 1) : status;
}

static int take_simulated(const struct cache_agreement *a)
{
    char path[PATH_MAX];
    const size_t n = (size_t)a->instance.plan.n_step;
    fills_path(path, getpid());
    FILE *file = fopen(path, "rb");
    bool whole = file && fread(a->simulated, sizeof *a->simulated, n, file) == n &&
                 fread(a->narrower, sizeof *a->narrower, n, file) == n;
    if (file)
        fclose(file);
    remove(path);
    return whole ? VIT_OK : vit_fail(VIT_EIO, "%s: not the fills of %zu steps", path, n);
}

/* The child's fills are there when callgrind's are. */
static int run_both(struct cache_agreement *a, const struct vit_meter *meter)
{
    const struct vit_session_limits limits = {.meter = meter};
    const size_t n = (size_t)a->instance.plan.n_step;
    a->simulated = calloc(n, sizeof *a->simulated);
    a->narrower = calloc(n, sizeof *a->narrower);
    a->callgrind = calloc(n, sizeof *a->callgrind);
    if (!a->simulated || !a->narrower || !a->callgrind)
        return vit_fail(VIT_ENOMEM, "out of memory");
    vit_session_compute(&a->session, &a->instance.exec, &limits);
    int status = read_fills(&a->session, callgrind_column, a->callgrind);
    return status == VIT_OK ? take_simulated(a) : status;
}

/* What AVX-512 would run is not what valgrind runs. */
static int choose_kernels(void)
{
    const struct vit_kernel_set *const *set = vit_kernel_sets();
    while (strcmp((*set)->isa, "v4") == 0)
        set++;
    return vit_kernels_choose((*set)->isa);
}

int cache_agreement_open(struct cache_agreement *a, const struct cache_case *wanted, const struct vit_meter *meter)
{
    const struct vit_instance_options options = {
        .model = {.img = wanted->img, .graph = wanted->graph}, .threads = 1, .kernel = wanted->kernel, .seed = 1};
    *a = (struct cache_agreement){0};
    int status = choose_kernels();
    if (status == VIT_OK)
        status = open_instance(&a->instance, wanted->model, &options);
    if (status != VIT_OK)
        return status;
    status = open_session(a, wanted);
    if (status == VIT_OK)
        status = run_both(a, meter);
    if (status != VIT_OK)
        cache_agreement_close(a);
    return status;
}

void cache_agreement_close(struct cache_agreement *a)
{
    vit_session_close(&a->session);
    vit_instance_close(&a->instance);
    free(a->simulated);
    free(a->narrower);
    free(a->callgrind);
    a->simulated = a->narrower = a->callgrind = NULL;
}

/* Parts of seen that simulated is out of the range from seen - below to seen + above. */
static double outside(int64_t simulated, int64_t seen, int64_t below, int64_t above)
{
    const double whole = seen > 0 ? (double)seen : 1;
    if (simulated > seen + above)
        return (double)(simulated - seen - above) / whole;
    return simulated < seen - below ? (double)(simulated - seen + below) / whole : 0;
}

static int64_t forgiven(int fill)
{
    return fill == FILL_COLD_D1 || fill == FILL_COLD_LL ? CACHE_COLD_LINES : CACHE_CHAINED_LINES;
}

double cache_agreement_plain_error(const struct cache_agreement *a, int step, int fill)
{
    return outside(a->simulated[step].fill[fill], a->callgrind[step].fill[fill], forgiven(fill), forgiven(fill));
}

double cache_agreement_error(const struct cache_agreement *a, int step, int fill)
{
    const int64_t simulated = a->simulated[step].fill[fill], narrower = a->narrower[step].fill[fill];
    const int64_t tipped = narrower > simulated ? narrower - simulated : 0;
    return outside(simulated, a->callgrind[step].fill[fill], forgiven(fill) + tipped,
                   forgiven(fill) + tipped + a->simulated[step].crossings);
}
