/* SPDX-License-Identifier: MIT */
/* doctor_checks.c - what vitscope doctor tries. Nothing is taken on trust: kernels and BLAS multiply, counters count,
 * probes run on a model. */
#include "analysis/doctor.h"

#include "analysis/instance.h"
#include "analysis/machine_store.h"
#include "model/base/status.h"
#include "model/blas.h"
#include "model/data/dataset.h"
#include "model/kernel_set.h"
#include "probes/cache_geometry.h"
#include "probes/machine.h"
#include "probes/session.h"
#include "reports/gnuplot.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *vit_health_name(enum vit_health health)
{
    static const char *const name[] = {
#define X(id, text) [VIT_HEALTH_##id] = text,
        VIT_HEALTH_LIST(X)
#undef X
    };
    return name[health];
}

struct vit_doctor_finding *vit_doctor_add(struct vit_doctor *doctor, const char *area, const char *check,
                                          enum vit_health health)
{
    struct vit_doctor_finding *f = &doctor->finding[doctor->n < VIT_DOCTOR_FINDINGS ? doctor->n++ : doctor->n - 1];
    *f = (struct vit_doctor_finding){.area = area, .health = health};
    snprintf(f->check, sizeof f->check, "%s", check);
    return f;
}

void vit_doctor_say(struct vit_doctor_finding *f, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
}

void vit_doctor_cure(struct vit_doctor_finding *f, const char *text)
{
    snprintf(f->cure, sizeof f->cure, "%s", text);
}

static void check_processor(struct vit_doctor *doctor)
{
    struct vit_machine m;
    int status = vit_machine_read(&m);
    struct vit_doctor_finding *f =
        vit_doctor_add(doctor, "machine", "processor", status == VIT_OK ? VIT_HEALTH_WORKS : VIT_HEALTH_LIMITED);
    if (status != VIT_OK) {
        vit_doctor_say(f, "%s", vit_error());
        return;
    }
    vit_doctor_say(f, "%s, %d cores%s%s%s", *m.cpu ? m.cpu : "unknown", m.cores,
                   *m.hypervisor ? ", a virtual machine (" : "", m.hypervisor, *m.hypervisor ? ")" : "");
    struct vit_cache_geometry geometry;
    char text[VIT_CACHE_TEXT];
    status = vit_cache_geometry_of(&geometry, &m);
    f = vit_doctor_add(doctor, "machine", "caches", status == VIT_OK ? VIT_HEALTH_WORKS : VIT_HEALTH_LIMITED);
    vit_doctor_say(f, "%s", status == VIT_OK ? vit_cache_geometry_text(&geometry, text) : vit_error());
    if (status != VIT_OK)
        vit_doctor_cure(f, "name them for the simulator: --cache \"L1=32K,8 L2=512K,8 L3=32M,16\"");
}

/* Roofs of rooflines: measured the long way and kept, or the short way by each run. */
static void check_ceilings(struct vit_doctor *doctor)
{
    char path[4096];
    struct vit_machine m;
    struct vit_survey survey;
    int status = vit_machine_read(&m);
    if (status == VIT_OK)
        status = vit_survey_path(path, sizeof path, &m);
    if (status == VIT_OK)
        status = vit_survey_read(&survey, &m, path);
    struct vit_doctor_finding *f =
        vit_doctor_add(doctor, "machine", "ceilings", status == VIT_OK ? VIT_HEALTH_WORKS : VIT_HEALTH_LIMITED);
    if (status == VIT_OK) {
        vit_doctor_say(f, "kept in %s", path);
        return;
    }
    vit_doctor_say(f, "none are kept, each profile measures its roofs anew, the short way: %s", vit_error());
    vit_doctor_cure(f, "vitscope machine");
}

/* Elements off every kernel's width, so that edges are tried too. */
enum { WIDTH = 211 };

/* Largest deviation of a set's arithmetic from plain double. */
static double deviation(const struct vit_kernel_set *set)
{
    vit_real x[WIDTH], w[WIDTH], soft[WIDTH], gelu[WIDTH], dot;
    double sum = 0, exponentials = 0, worst = 0;
    for (int i = 0; i < WIDTH; i++) {
        x[i] = (vit_real)(i % 13 - 6) / 2;
        w[i] = (vit_real)(i % 7 - 3);
        sum += (double)x[i] * (double)w[i]; /* of halves: exact in any order */
        exponentials += exp((double)x[i]);
    }
    set->softmax_rows(soft, x, 1, WIDTH);
    set->gelu(gelu, x, WIDTH);
    set->dot_rows(&dot, x, w, NULL, (int64_t[]){1, WIDTH});
    for (int i = 0; i < WIDTH; i++) {
        double v = (double)x[i];
        worst = fmax(worst, fabs((double)soft[i] - exp(v) / exponentials));
        worst = fmax(worst, fabs((double)gelu[i] - v * 0.5 * erfc(-v * sqrt(0.5))));
    }
    worst = fmax(worst, fabs((double)dot - sum));
    return isfinite((double)dot) ? worst : INFINITY;
}

static void check_kernels(struct vit_doctor *doctor)
{
    const double most = 1e-5; /* single precision keeps gelu and softmax to 1e-6 */
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "machine", "vector kernels", VIT_HEALTH_WORKS);
    size_t used = 0;
    for (int i = 0; vit_kernel_sets()[i]; i++) {
        const struct vit_kernel_set *set = vit_kernel_sets()[i];
        double off = deviation(set);
        if (!(off <= most)) {
            f->health = VIT_HEALTH_BROKEN;
            vit_doctor_say(f, "set %s is off by %.3g from plain arithmetic", set->isa, off);
            vit_doctor_cure(
                f, "take another with --isa; this should not happen: please report it with the output of vitscope "
                   "doctor --format json");
            return;
        }
        used += (size_t)snprintf(f->text + used, sizeof f->text - used, "%s%s", i ? ", " : "", set->isa);
    }
    snprintf(f->text + used, sizeof f->text - used, ": agree with plain arithmetic; %s is used", vit_kernels()->isa);
}

static void check_blas(struct vit_doctor *doctor)
{
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "machine", "OpenBLAS", VIT_HEALTH_WORKS);
    bool there = strcmp(vit_blas_kernel(), "not installed") != 0;
    if (vit_blas_open() == VIT_OK) {
        const char *own = vit_blas_given_up();
        vit_doctor_say(f, "%s, kernel %s%s%s%s: its products are right", vit_blas_version(), vit_blas_kernel(),
                       own ? " (its own choice was " : "", own ? own : "",
                       own ? ": it does not know this processor)" : "");
        return;
    }
    f->health = there ? VIT_HEALTH_BROKEN : VIT_HEALTH_ABSENT;
    vit_doctor_say(f, "%s", vit_error());
    if (!there)
        vit_doctor_cure(f, "apt-get install libopenblas0; without it own kernels do all products");
}

/* Whether a probe of this name gives numbers, tried on a model. Several runs: whether all threads are counted is judged
 * over some time. */
static void check_probe(struct vit_doctor *doctor, struct vit_instance *instance, const char *name, int runs)
{
    struct vit_session session;
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "sources", name, VIT_HEALTH_ABSENT);
    if (vit_session_open(&session, &instance->plan, &name, 1) != VIT_OK) {
        vit_doctor_say(f, "%s", vit_error());
        return;
    }
    for (int i = 0; i < runs; i++)
        vit_session_run(&session, &instance->exec);
    const struct vit_schema *schema = vit_session_schema(&session);
    const char *reason = NULL;
    int there = 0;
    for (int i = 0; i < schema->n_columns; i++) {
        const char *why = vit_session_reason(&session, i);
        there += why == NULL;
        reason = reason ? reason : why;
    }
    if (there) {
        f->health = there == schema->n_columns ? VIT_HEALTH_WORKS : VIT_HEALTH_LIMITED;
        vit_doctor_say(f, "%s: %d of %d columns on %s, %d threads", session.probe[0].def->summary, there,
                       schema->n_columns, instance->model->name, instance->options.threads);
    } else {
        reason = reason ? reason : session.probe[0].reason;
        size_t length = strlen(name);
        bool named = strncmp(reason, name, length) == 0 && reason[length] == ':';
        vit_doctor_say(f, "%s", named ? reason + length + 1 + strspn(reason + length + 1, " ") : reason);
    }
    vit_session_close(&session);
}

static void check_probes(struct vit_doctor *doctor)
{
    static const struct {
        const char *name;
        int runs;
    } probe[] = {{"counters", 5}, {"cache_sim", 1}, {"footprint", 1}, {"energy", 1}};
    struct vit_instance instance;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct vit_instance_options options = {.threads = processors > 1 ? 2 : 1, .seed = 1};
    if (vit_instance_open(&instance, "efficientvit_m0", &options) != VIT_OK) {
        vit_doctor_say(vit_doctor_add(doctor, "sources", "model", VIT_HEALTH_BROKEN), "%s", vit_error());
        return;
    }
    for (size_t i = 0; i < sizeof probe / sizeof probe[0]; i++)
        check_probe(doctor, &instance, probe[i].name, probe[i].runs);
    vit_instance_close(&instance);
}

static void check_valgrind(struct vit_doctor *doctor)
{
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "tools", "valgrind", VIT_HEALTH_ABSENT);
    char version[64] = "";
    FILE *pipe = popen("valgrind --version 2>/dev/null", "r"); // NOLINT(cert-env33-c): a fixed command
    if (pipe && fgets(version, sizeof version, pipe))
        version[strcspn(version, "\n")] = '\0';
    if (pipe)
        pclose(pipe);
    if (*version) {
        f->health = VIT_HEALTH_WORKS;
        vit_doctor_say(f, "%s: --traffic callgrind can check the simulated caches", version);
    } else {
        vit_doctor_say(f, "not installed: the simulated caches cannot be checked by Callgrind");
        vit_doctor_cure(f, "apt-get install valgrind");
    }
}

static void check_gnuplot(struct vit_doctor *doctor)
{
    bool there = vit_plot_available();
    struct vit_doctor_finding *f =
        vit_doctor_add(doctor, "tools", "gnuplot", there ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
    vit_doctor_say(f, "%s", there ? "draws the plots of run folders" : vit_error());
}

static void check_data(struct vit_doctor *doctor)
{
    struct vit_dataset dataset;
    bool there = vit_dataset_open(&dataset, "fashion-mnist") == VIT_OK;
    struct vit_doctor_finding *f =
        vit_doctor_add(doctor, "tools", "Fashion-MNIST", there ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
    if (!there) {
        vit_doctor_say(f, "%s", vit_error());
        return;
    }
    vit_doctor_say(f, "%lld images", (long long)dataset.count);
    vit_dataset_close(&dataset);
}

static const struct vit_doctor_finding *find(const struct vit_doctor *doctor, const char *check)
{
    for (int i = 0; i < doctor->n; i++)
        if (strcmp(doctor->finding[i].check, check) == 0)
            return &doctor->finding[i];
    return NULL;
}

/* What can be done on this machine, in a line each. */
static void add_verdicts(struct vit_doctor *doctor)
{
    static const struct {
        const char *name, *probe, *how;
    } source[] = {
        {"simulated", "cache_sim", "vitscope profile MODEL --traffic simulated"},
        {"footprint", "footprint", "vitscope profile MODEL --traffic footprint"},
        {"energy", "energy", "vitscope profile MODEL --probes wall_time,energy"},
    };
    const struct vit_counter_survey *survey = vit_counter_survey();
    const char *verdict = survey->verdict;
    bool counted = false;
    for (int i = 0; i < survey->n; i++)
        counted = counted || (survey->finding[i].chosen && survey->finding[i].bytes);
    struct vit_doctor_finding *f =
        vit_doctor_add(doctor, "verdict", "measured", counted ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
    if (strncmp(verdict, "measured: ", 10) == 0)
        verdict += 10;
    vit_doctor_say(f, "%s", verdict);
    if (!counted)
        vit_doctor_cure(f, "as above; meanwhile vitscope profile MODEL --traffic simulated,footprint");
    for (size_t i = 0; i < sizeof source / sizeof source[0]; i++) {
        const struct vit_doctor_finding *probe = find(doctor, source[i].probe);
        bool works = probe && (probe->health == VIT_HEALTH_WORKS || probe->health == VIT_HEALTH_LIMITED);
        f = vit_doctor_add(doctor, "verdict", source[i].name, works ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
        vit_doctor_say(f, "%s%s", works ? "yes: " : "n/a - ",
                       works   ? source[i].how
                       : probe ? probe->text
                               : "not tried");
    }
    f = vit_doctor_add(doctor, "verdict", "compulsory", VIT_HEALTH_WORKS);
    vit_doctor_say(f, "yes: computed from shapes, on every machine");
}

static void (*const check[])(struct vit_doctor *) = {
    check_processor, check_ceilings, check_kernels, check_blas, vit_doctor_check_counters,
    check_probes,    check_valgrind, check_gnuplot, check_data, add_verdicts,
};

int vit_doctor_open_empty(struct vit_doctor *doctor)
{
    *doctor = (struct vit_doctor){.finding = calloc(VIT_DOCTOR_FINDINGS, sizeof *doctor->finding)};
    return doctor->finding ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: findings");
}

int vit_doctor_open(struct vit_doctor *doctor)
{
    int status = vit_doctor_open_empty(doctor);
    for (size_t i = 0; i < sizeof check / sizeof check[0] && status == VIT_OK; i++)
        check[i](doctor);
    return status;
}

void vit_doctor_close(struct vit_doctor *doctor)
{
    free(doctor->finding);
}
