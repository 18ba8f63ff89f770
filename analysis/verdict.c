/* SPDX-License-Identifier: MIT */
#include "analysis/verdict.h"

#include "analysis/output.h"
#include "analysis/paper_class.h"
#include "analysis/profile_traffic.h"
#include "model/base/status.h"

#include <stdio.h>
#include <string.h>

/* Bytes that a level delivers, as sums of columns of one tier. Innermost first; the DRAM's are the last level's fills
 * and write-backs. */
struct delivery {
    const char *level;
    const char *column[2];
};

static const struct delivery measured[] = {
    {"L2", {"measured_l1_fill_bytes", NULL}},
    {"L3", {"measured_l2_fill_bytes", NULL}},
    {"DRAM", {"measured_dram_read_bytes", NULL}},
};
static const struct delivery simulated[] = {
    {"L2", {"sim_chained_l1_fill_bytes", NULL}},
    {"L3", {"sim_chained_l2_fill_bytes", NULL}},
    {"DRAM", {"sim_chained_llc_fill_bytes", "sim_chained_llc_wb_bytes"}},
};
enum { N_LEVELS = 3 };

static const struct vit_roof *roof_of(const struct vit_ceilings *ceilings, const char *level)
{
    for (int i = 0; i < ceilings->n_roof; i++)
        if (strcmp(ceilings->roof[i].level, level) == 0 && ceilings->roof[i].most_gbs > 0)
            return &ceilings->roof[i];
    return NULL;
}

static struct vit_cell delivered(const struct vit_profile *p, const struct delivery *d, const struct vit_cell *bytes)
{
    struct vit_cell sum = vit_absent();
    for (int i = 0; i < 2 && d->column[i]; i++) {
        int at = vit_traffic_find(&p->traffic, d->column[i]);
        if (at < 0 || !bytes[at].present)
            return vit_absent();
        sum = vit_real_cell((sum.present ? sum.r : 0) + bytes[at].r);
    }
    return sum;
}

/* A ceiling that takes share_pct of the time for the work that went through it. */
static void consider(struct vit_verdict *v, const char *ceiling, double share_pct)
{
    if (v->ceiling && share_pct <= v->ceiling_pct)
        return;
    v->ceiling = ceiling;
    v->ceiling_pct = share_pct;
}

/* ns at a bandwidth of GB/s, in percent of time_ns. */
static double share(double bytes, double gbs, double time_ns)
{
    return 100 * bytes / gbs / time_ns;
}

static bool consider_levels(struct vit_verdict *v, const struct vit_profile *p, const struct delivery *level,
                            struct vit_group work)
{
    const struct vit_ceilings *ceilings = vit_profile_ceilings(p);
    struct vit_cell dram = delivered(p, &level[N_LEVELS - 1], work.bytes);
    if (!dram.present)
        return false;
    for (int i = 0; i < N_LEVELS; i++) {
        struct vit_cell bytes = delivered(p, &level[i], work.bytes);
        const struct vit_roof *roof = roof_of(ceilings, level[i].level);
        if (!bytes.present || !roof)
            continue;
        double pct = share(bytes.r, roof->most_gbs, work.time_ns);
        consider(v, level[i].level, pct);
        if (i == N_LEVELS - 1)
            v->dram_pct = vit_real_cell(pct);
    }
    return true;
}

struct vit_verdict vit_verdict_of(const struct vit_profile *p, const struct vit_cost *cost, double time_ns,
                                  const struct vit_cell *bytes)
{
    const struct vit_ceilings *ceilings = vit_profile_ceilings(p);
    double flops = (double)cost->flops, compulsory = (double)vit_cost_bytes(cost);
    struct vit_group work = {.time_ns = time_ns};
    struct vit_verdict v = {0};
    memcpy(work.bytes, bytes, (size_t)p->traffic.n * sizeof *bytes);
    if (compulsory > 0 && vit_ridge_point(ceilings) > 0)
        v.by_intensity = flops / compulsory < vit_ridge_point(ceilings) ? "memory" : "compute";
    if (!(time_ns > 0) || !(ceilings->gflops > 0))
        return v;
    v.above_roof = vit_roof_check(ceilings, flops / time_ns, compulsory / time_ns);
    if (flops > 0) {
        v.peak_pct = vit_real_cell(share(flops, ceilings->gflops, time_ns));
        consider(&v, "peak", v.peak_pct.r);
    }
    /* Bytes simulated for another machine's caches say nothing about this one's. */
    if (consider_levels(&v, p, measured, work)) {
        v.bytes_from = vit_tier_name(VIT_TIER_MEASURED);
    } else if (!p->other_caches && consider_levels(&v, p, simulated, work)) {
        v.bytes_from = vit_tier_name(VIT_TIER_SIMULATED);
    } else if (compulsory > 0 && roof_of(ceilings, "DRAM")) {
        v.bytes_from = vit_tier_name(VIT_TIER_ANALYTIC);
        v.dram_pct = vit_real_cell(share(compulsory, roof_of(ceilings, "DRAM")->most_gbs, time_ns));
        consider(&v, "DRAM", v.dram_pct.r);
    }
    if (v.ceiling)
        v.by_ceilings = v.ceiling_pct < VIT_OVERHEAD_PCT ? "overhead"
                        : strcmp(v.ceiling, "peak") == 0 ? "compute"
                                                         : "memory";
    return v;
}

/* Time in ns of a class of the paper, by verdict. */
struct tally {
    int operators;
    double all, memory_by_intensity, memory, compute, overhead;
};

static void count(struct tally *t, const struct vit_verdict *v, double time_ns)
{
    t->operators++;
    t->all += time_ns;
    t->memory_by_intensity += v->by_intensity && strcmp(v->by_intensity, "memory") == 0 ? time_ns : 0;
    if (!v->by_ceilings)
        return;
    *(v->by_ceilings[0] == 'm' ? &t->memory : v->by_ceilings[0] == 'c' ? &t->compute : &t->overhead) += time_ns;
}

static int put(struct vit_sink *sink, const char *name, const char *paper, const struct tally *t, double total)
{
    const struct vit_cell row[] = {
        vit_text(name),
        vit_text(paper),
        vit_int(t->operators),
        vit_real_cell(t->all),
        vit_real_cell(100 * t->all / total),
        vit_real_cell(100 * t->memory_by_intensity / total),
        vit_real_cell(100 * t->memory / total),
        vit_real_cell(100 * t->compute / total),
        vit_real_cell(100 * t->overhead / total),
    };
    return vit_sink_write(sink, row);
}

static void gather(const struct vit_profile *p, struct tally tally[VIT_N_PAPER_CLASSES + 1])
{
    for (int s = 0; s < p->instance.plan.n_step; s++) {
        const struct vit_step *step = &p->instance.plan.step[s];
        struct vit_verdict v =
            vit_verdict_of(p, &step->cost, p->step_ns[s], p->traffic.step + (ptrdiff_t)s * p->traffic.n);
        count(&tally[vit_paper_class_of(step->op->kind)], &v, p->step_ns[s]);
        count(&tally[VIT_N_PAPER_CLASSES], &v, p->step_ns[s]);
    }
}

int vit_verdict_print(const struct vit_profile *p, const struct vit_options *options)
{
    static const struct vit_column columns[] = {
        {"class of the paper", VIT_TEXT, "", ""},
        {"paper", VIT_TEXT, "", ""},
        {"ops", VIT_INT, "", ""},
        {"time_ns", VIT_REAL, "ns", ""},
        {"share_pct", VIT_REAL, "%", ""},
        {"left of ridge_pct", VIT_REAL, "%", ""},
        {"memory_pct", VIT_REAL, "%", ""},
        {"compute_pct", VIT_REAL, "%", ""},
        {"overhead_pct", VIT_REAL, "%", ""},
    };
    static const struct vit_schema schema = {"verdict", 1, sizeof columns / sizeof columns[0], columns};
    struct tally tally[VIT_N_PAPER_CLASSES + 1] = {0};
    struct vit_sink sink;
    gather(p, tally);
    printf("what bounds the time, in %% of it: left of ridge: intensity (compulsory) below the ridge point; memory, "
           "compute,\noverhead: the ceiling that the time came near to, overhead where none explains %d %% of it\n\n",
           VIT_OVERHEAD_PCT);
    int status = vit_output_open(&sink, options, &schema, NULL);
    for (int i = 0; i <= VIT_N_PAPER_CLASSES && status == VIT_OK; i++) {
        bool all = i == VIT_N_PAPER_CLASSES;
        if (tally[i].operators == 0)
            continue;
        status = put(&sink, all ? "all" : vit_paper_class[i].name,
                     all                               ? NULL
                     : vit_paper_class[i].memory_bound ? "memory-bound"
                                                       : "other",
                     &tally[i], p->total_ns);
    }
    status = vit_sink_finish(&sink, status);
    printf("\n");
    return status;
}
