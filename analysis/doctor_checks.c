/* SPDX-License-Identifier: MIT */
/* doctor_checks.c - what vitscope doctor tries. Nothing is taken on trust: kernels and BLAS multiply, counters count,
 * probes run on a model. */
#include "analysis/doctor.h"

#include "analysis/instance.h"
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

static void say(struct vit_doctor_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct vit_doctor_finding *f, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
}

static void cure(struct vit_doctor_finding *f, const char *text)
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
        say(f, "%s", vit_error());
        return;
    }
    say(f, "%s, %d cores%s%s%s", *m.cpu ? m.cpu : "unknown", m.cores, *m.hypervisor ? ", a virtual machine (" : "",
        m.hypervisor, *m.hypervisor ? ")" : "");
    struct vit_cache_geometry geometry;
    char text[VIT_CACHE_TEXT];
    status = vit_cache_geometry_of(&geometry, &m);
    f = vit_doctor_add(doctor, "machine", "caches", status == VIT_OK ? VIT_HEALTH_WORKS : VIT_HEALTH_LIMITED);
    say(f, "%s", status == VIT_OK ? vit_cache_geometry_text(&geometry, text) : vit_error());
    if (status != VIT_OK)
        cure(f, "name them for the simulator: --cache \"L1=32K,8 L2=512K,8 L3=32M,16\"");
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
            say(f, "set %s is off by %.3g from plain arithmetic", set->isa, off);
            cure(f, "take another with --isa; this should not happen: please report it with the output of vitscope "
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
        say(f, "%s, kernel %s: its products are right", vit_blas_version(), vit_blas_kernel());
        return;
    }
    f->health = there ? VIT_HEALTH_BROKEN : VIT_HEALTH_ABSENT;
    say(f, "%s", vit_error());
    if (!there)
        cure(f, "apt-get install libopenblas0; without it own kernels do all products");
}

static void check_permissions(struct vit_doctor *doctor)
{
    const struct vit_counter_system *s = &vit_counter_survey()->system;
    bool free_hand = s->perfmon || s->paranoid <= 0;
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "counters", "permissions",
                                                  free_hand          ? VIT_HEALTH_WORKS
                                                  : s->paranoid <= 2 ? VIT_HEALTH_LIMITED
                                                                     : VIT_HEALTH_ABSENT);
    say(f, "kernel.perf_event_paranoid=%d, user %u, %s CAP_PERFMON%s", s->paranoid, s->uid,
        s->perfmon ? "with" : "without",
        free_hand          ? ": all events may be opened"
        : s->paranoid <= 2 ? ": events of own threads in user mode, none of the socket"
                           : ": no event may be opened");
    if (!free_hand)
        cure(f, "sysctl kernel.perf_event_paranoid=0, or setcap cap_perfmon+ep on the program");
    if (!s->cpu_pmu) {
        f = vit_doctor_add(doctor, "counters", "PMU", VIT_HEALTH_ABSENT);
        say(f, "the kernel shows no counters of the processor in /sys/bus/event_source/devices%s",
            s->virtual_machine ? " (a virtual machine without a virtual PMU)" : "");
        cure(f, s->virtual_machine ? "run on the host, or give the guest a PMU (QEMU/KVM: -cpu host,pmu=on)" : "");
    }
}

/* A library that starts may still count nothing: its events tell. */
static void check_backend(struct vit_doctor *doctor, const struct vit_counter_backend *backend)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "counters", backend->name, VIT_HEALTH_ABSENT);
    const struct vit_counter_finding *best = NULL;
    int tried = 0, usable = 0;
    if (backend->load() != VIT_OK) {
        say(f, "%s", vit_error());
        return;
    }
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *c = &survey->finding[i];
        if (c->backend != backend)
            continue;
        tried++;
        usable += c->usable;
        best = !best || c->failed > best->failed ? c : best;
    }
    f->health = usable == tried ? VIT_HEALTH_WORKS : usable ? VIT_HEALTH_LIMITED : VIT_HEALTH_ABSENT;
    if (usable || !best) {
        say(f, "%d of %d events count", usable, tried);
    } else {
        say(f, "none of %d events counts: %s", tried, best->reason);
        cure(f, best->cure);
    }
}

static void check_backends(struct vit_doctor *doctor)
{
    const struct vit_counter_backend *const *backend;
    int n = vit_counter_backends(&backend);
    for (int i = 0; i < n; i++)
        check_backend(doctor, backend[i]);
}

static void say_counted(struct vit_doctor_finding *f, const struct vit_counter_finding *c)
{
    char factor[32] = "", calibration[64] = "";
    if (c->bytes)
        snprintf(factor, sizeof factor, " x %d B", c->bytes);
    if (!isnan(c->calibration))
        snprintf(calibration, sizeof calibration, "; counted %.2f of a stream of known size", c->calibration);
    say(f, "%s %s%s, %s%s%s%s%s", c->backend->name, c->event, factor, vit_scope_name(c->scope), calibration,
        c->untested ? "; nothing could be found to move it here" : "", *c->caveat ? "; " : "", c->caveat);
}

/* The finding that tells most of a quantity that is not counted: the one that got furthest. */
static const struct vit_counter_finding *furthest(const struct vit_counter_survey *survey, const char *column)
{
    const struct vit_counter_finding *best = NULL;
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *c = &survey->finding[i];
        if (strcmp(c->column, column) == 0 && (!best || c->failed > best->failed))
            best = c;
    }
    return best;
}

static void check_quantities(struct vit_doctor *doctor)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    for (int i = 0; i < vit_n_quantities; i++) {
        const char *column = vit_quantity_table[i].column;
        const struct vit_counter_finding *c = vit_counter_chosen(survey, column);
        struct vit_doctor_finding *f =
            vit_doctor_add(doctor, "counters", column, c ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
        f->counter = c ? c : furthest(survey, column);
        if (c) {
            say_counted(f, c);
        } else if (f->counter) {
            say(f, "%s", f->counter->reason);
            cure(f, f->counter->cure);
        } else {
            vit_counter_why(survey, column, f->text, sizeof f->text);
        }
    }
}

/* Whether a probe of this name gives numbers, tried on a model. */
static void check_probe(struct vit_doctor *doctor, struct vit_instance *instance, const char *name, const char *advice)
{
    struct vit_session session;
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "sources", name, VIT_HEALTH_ABSENT);
    if (vit_session_open(&session, &instance->plan, &name, 1) != VIT_OK) {
        say(f, "%s", vit_error());
        return;
    }
    vit_session_run(&session, &instance->exec);
    const struct vit_schema *schema = vit_session_schema(&session);
    int there = 0;
    for (int i = 0; i < schema->n_columns; i++)
        there += vit_session_reason(&session, i) == NULL;
    if (there) {
        f->health = VIT_HEALTH_WORKS;
        say(f, "%d of %d columns, tried on %s with %d threads; %s", there, schema->n_columns, instance->model->name,
            instance->options.threads, session.probe[0].def->summary);
    } else {
        say(f, "%s", schema->n_columns ? vit_session_reason(&session, 0) : session.probe[0].reason);
        cure(f, advice);
    }
    vit_session_close(&session);
}

static void check_probes(struct vit_doctor *doctor)
{
    static const char *const probes[][2] = {{"counters", ""}, {"cache_sim", ""}, {"footprint", ""}, {"energy", ""}};
    struct vit_instance instance;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct vit_instance_options options = {.threads = processors > 1 ? 2 : 1, .seed = 1};
    if (vit_instance_open(&instance, "efficientvit_m0", &options) != VIT_OK) {
        say(vit_doctor_add(doctor, "sources", "model", VIT_HEALTH_BROKEN), "%s", vit_error());
        return;
    }
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
        check_probe(doctor, &instance, probes[i][0], probes[i][1]);
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
        say(f, "%s: --traffic callgrind can check the simulated caches", version);
    } else {
        say(f, "not installed: the simulated caches cannot be checked by Callgrind");
        cure(f, "apt-get install valgrind");
    }
}

static void check_gnuplot(struct vit_doctor *doctor)
{
    bool there = vit_plot_available();
    struct vit_doctor_finding *f =
        vit_doctor_add(doctor, "tools", "gnuplot", there ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
    say(f, "%s", there ? "draws the plots of run folders" : vit_error());
}

static void check_data(struct vit_doctor *doctor)
{
    struct vit_dataset dataset;
    bool there = vit_dataset_open(&dataset, "fashion-mnist") == VIT_OK;
    struct vit_doctor_finding *f =
        vit_doctor_add(doctor, "tools", "Fashion-MNIST", there ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
    if (!there) {
        say(f, "%s", vit_error());
        return;
    }
    say(f, "%lld images", (long long)dataset.count);
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
    say(f, "%s", verdict);
    for (size_t i = 0; i < sizeof source / sizeof source[0]; i++) {
        const struct vit_doctor_finding *probe = find(doctor, source[i].probe);
        bool works = probe && probe->health == VIT_HEALTH_WORKS;
        f = vit_doctor_add(doctor, "verdict", source[i].name, works ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
        say(f, "%s%s", works ? "yes: " : "n/a - ", works ? source[i].how : probe ? probe->text : "not tried");
    }
    f = vit_doctor_add(doctor, "verdict", "compulsory", VIT_HEALTH_WORKS);
    say(f, "yes: computed from shapes, on every machine");
}

static void (*const check[])(struct vit_doctor *) = {
    check_processor, check_kernels,  check_blas,    check_permissions, check_backends, check_quantities,
    check_probes,    check_valgrind, check_gnuplot, check_data,        add_verdicts,
};

static int open_empty(struct vit_doctor *doctor)
{
    *doctor = (struct vit_doctor){.finding = calloc(VIT_DOCTOR_FINDINGS, sizeof *doctor->finding)};
    return doctor->finding ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: findings");
}

int vit_doctor_open(struct vit_doctor *doctor)
{
    int status = open_empty(doctor);
    for (size_t i = 0; i < sizeof check / sizeof check[0] && status == VIT_OK; i++)
        check[i](doctor);
    return status;
}

int vit_doctor_open_counters(struct vit_doctor *doctor)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    int status = open_empty(doctor);
    for (int i = 0; i < survey->n && status == VIT_OK; i++) {
        const struct vit_counter_finding *c = &survey->finding[i];
        enum vit_health health = c->usable ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT;
        struct vit_doctor_finding *f = vit_doctor_add(doctor, "counters", c->column, health);
        f->counter = c;
        if (c->usable)
            say_counted(f, c);
        else
            say(f, "%s %s: %s", c->backend ? c->backend->name : "", c->event, c->reason);
        cure(f, c->usable ? "" : c->cure);
    }
    return status;
}

void vit_doctor_close(struct vit_doctor *doctor)
{
    free(doctor->finding);
}
