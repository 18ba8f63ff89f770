/* SPDX-License-Identifier: MIT */
/* reproduce.c - `vitscope reproduce FIGURE|all`: the paper's figures and tables made on this machine, and each of the
 * paper's claims about them tested. */
#include "analysis/command.h"
#include "analysis/machine_store.h"
#include "analysis/output.h"
#include "analysis/reproduction.h"
#include "analysis/run_info.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct vit_reproduction_def *find(const char *name)
{
    for (int i = 0; i < vit_n_reproductions; i++)
        if (strcmp(vit_reproductions[i]->name, name) == 0)
            return vit_reproductions[i];
    char list[512];
    size_t used = 0;
    list[0] = '\0';
    for (int i = 0; i < vit_n_reproductions && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s, ", vit_reproductions[i]->name);
    vit_fail(VIT_EINVAL, "\"%s\" cannot be reproduced; there are %sall", name, list);
    return NULL;
}

static int add(struct vit_reproductions *work, const struct vit_reproduction_def *def,
               const struct vit_machine *machine)
{
    struct vit_reproduction *r = &work->item[work->n];
    for (int i = 0; i < work->n; i++)
        if (work->item[i].def == def)
            return vit_fail(VIT_EINVAL, "%s is given twice", def->name);
    *r = (struct vit_reproduction){
        .def = def, .options = work->options, .budget = work->budget, .root = work->root, .machine = machine};
    snprintf(r->folder, sizeof r->folder, "%s/%s", work->root, def->name);
    work->n++;
    return VIT_OK;
}

static int choose(struct vit_reproductions *work, const struct vit_machine *machine)
{
    const struct vit_options *options = work->options;
    bool all = options->n_argument == 1 && strcmp(options->argument[0], "all") == 0;
    int n = all ? vit_n_reproductions : options->n_argument, status = VIT_OK;
    work->item = calloc((size_t)n, sizeof *work->item);
    if (!work->item)
        return vit_fail(VIT_ENOMEM, "out of memory: %d figures", n);
    for (int i = 0; i < n && status == VIT_OK; i++) {
        const struct vit_reproduction_def *def = all ? vit_reproductions[i] : find(options->argument[i]);
        status = def ? add(work, def, machine) : VIT_EINVAL;
    }
    return status;
}

static void print_seconds(enum vit_budget budget, double seconds)
{
    const bool hours = seconds >= 3600;
    printf("%s%s ", budget ? ", " : "  roughly: ", vit_budget_name(budget));
    if (seconds < 60)
        printf("less than a minute");
    else
        printf("%.*f %s", hours && seconds < 36000, seconds / (hours ? 3600 : 60), hours ? "h" : "min");
}

/* What its units are expected to take. */
static int tell_seconds(const struct vit_reproduction_def *def, const struct vit_options *options)
{
    int units = 0, status = VIT_OK;
    for (int budget = 0; budget < VIT_N_BUDGETS && status == VIT_OK; budget++) {
        struct vit_reproductions work = {
            .options = options, .budget = (enum vit_budget)budget, .root = "", .item = calloc(1, sizeof *work.item)};
        double seconds = 0;
        status = work.item ? add(&work, def, NULL) : vit_fail(VIT_ENOMEM, "out of memory: %s", def->name);
        if (status == VIT_OK)
            status = vit_reproductions_plan(&work, &units);
        for (int i = 0; i < (status == VIT_OK ? units : 0); i++)
            seconds += work.item->unit[i].expected_s;
        if (status == VIT_OK)
            print_seconds(work.budget, seconds);
        vit_reproductions_close(&work);
    }
    printf("\n\n");
    return status;
}

static int list(const struct vit_options *options)
{
    struct vit_options own = *options;
    int status = VIT_OK;
    own.n_argument = 0;
    for (int i = 0; i < vit_n_reproductions && status == VIT_OK; i++) {
        printf("%s: %s\n%s", vit_reproductions[i]->name, vit_reproductions[i]->title, vit_reproductions[i]->detail);
        status = tell_seconds(vit_reproductions[i], &own);
    }
    return status;
}

/* Claims of one figure, tested and written; findings grow. */
static int test(struct vit_finding *finding, int *n, const struct vit_claims *claims, const struct vit_reproduction *r)
{
    char path[4200];
    const int first = *n;
    for (int i = 0; i < claims->n; i++)
        if (strcmp(claims->claim[i].figure, r->def->name) == 0)
            finding[(*n)++] = vit_claim_test(&claims->claim[i], &r->results, r->budget);
    snprintf(path, sizeof path, "%s/verdict.csv", r->folder);
    return vit_findings_write(finding + first, *n - first, path);
}

/* OUT/verdict.csv: of all figures that were ever finished there, not of those of this call alone. */
static int join(const struct vit_reproductions *work)
{
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/verdict.csv", work->root);
    int status = vit_findings_open(&sink, path);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < vit_n_reproductions && status == VIT_OK; i++) {
        snprintf(path, sizeof path, "%s/%s/verdict.csv", work->root, vit_reproductions[i]->name);
        if (access(path, F_OK) == 0)
            status = vit_findings_copy(&sink, path);
    }
    return vit_sink_finish(&sink, status);
}

static void print_summary(const struct vit_finding *finding, int n)
{
    int count[VIT_N_AGREEMENTS] = {0};
    for (int i = 0; i < n; i++)
        count[finding[i].agreement]++;
    printf("%d claims: %d agree, %d disagree, %d undecided, %d not testable\n", n, count[VIT_AGREES],
           count[VIT_DISAGREES], count[VIT_UNDECIDED], count[VIT_NOT_TESTABLE]);
}

static int print(const struct vit_reproductions *work, const struct vit_finding *finding, int n)
{
    if (!vit_output_is_table(work->options))
        return vit_findings_print(finding, n, work->options);
    int status = VIT_OK;
    for (int i = 0, start = 0; i < work->n && status == VIT_OK; i++) {
        int end = start;
        while (end < n && strcmp(finding[end].claim->figure, work->item[i].def->name) == 0)
            end++;
        printf("%s, budget %s\n", work->item[i].def->title, vit_budget_name(work->budget));
        if (work->item[i].def->print)
            status = work->item[i].def->print(&work->item[i]);
        if (status == VIT_OK)
            status = vit_findings_print(finding + start, end - start, work->options);
        printf("\n");
        start = end;
    }
    print_summary(finding, n);
    printf(
        "results in %s: verdict.csv (all figures there), FIGURE/ (its verdict.csv, results.csv, data, figures), units/ "
        "(kept: the same command goes on)\n",
        work->root);
    if (!vit_plot_available())
        printf("%s\n", vit_error());
    return status;
}

static int conclude(struct vit_reproductions *work)
{
    struct vit_claims claims;
    int n = 0, status = vit_claims_open(&claims);
    if (status != VIT_OK)
        return status;
    struct vit_finding *finding = calloc((size_t)claims.n + 1, sizeof *finding);
    if (!finding)
        status = vit_fail(VIT_ENOMEM, "out of memory: %d claims", claims.n);
    for (int i = 0; i < work->n && status == VIT_OK; i++) {
        status = vit_reproduction_finish(&work->item[i]);
        if (status == VIT_OK)
            status = test(finding, &n, &claims, &work->item[i]);
    }
    if (status == VIT_OK)
        status = join(work);
    if (status == VIT_OK)
        status = print(work, finding, n);
    free(finding);
    vit_claims_close(&claims);
    return status;
}

/* run.json: build, machine with its ceilings, options. */
static int describe(const struct vit_reproductions *work, const struct vit_machine *machine)
{
    struct vit_json json;
    char path[4200];
    snprintf(path, sizeof path, "%s/run.json", work->root);
    vit_json_open(&json);
    vit_run_info_begin(&json, "reproduce", work->options, machine);
    vit_json_string(&json, "budget", vit_budget_name(work->budget));
    int status = vit_json_write(&json, path);
    vit_json_close(&json);
    return status;
}

static int work_through(struct vit_reproductions *work, struct vit_machine *machine)
{
    const struct vit_shard shard = work->options->shard;
    int missing = 0, units = 0;
    work->shard = shard.index;
    work->shards = shard.count > 0 ? shard.count : 1;
    int status = choose(work, machine);
    if (status == VIT_OK)
        status = vit_reproductions_plan(work, &units);
    if (status == VIT_OK)
        status = vit_run_folder(work->root); /* before minutes of measuring */
    if (status == VIT_OK)
        status = vit_machine_read(machine);
    if (status == VIT_OK && units > 0) /* without work nothing is compared with them */
        status = vit_machine_ceilings(machine, work->options->threads);
    if (status == VIT_OK)
        status = describe(work, machine);
    if (status == VIT_OK)
        status = vit_reproductions_measure(work, &missing);
    if (status != VIT_OK || missing == 0)
        return status == VIT_OK ? conclude(work) : status;
    printf("shard %d/%d is done; %d units of other shards are not in %s/units yet\n", shard.index, shard.count, missing,
           work->root);
    return VIT_OK;
}

static int run(const struct vit_options *options)
{
    static struct vit_machine machine;
    char root[3900];
    if (strcmp(options->argument[0], "list") == 0)
        return list(options);
    struct vit_reproductions work = {.options = options, .root = root};
    int status = vit_budget_find(&work.budget, options->budget ? options->budget : "quick");
    if (status != VIT_OK)
        return vit_fail_in(status, "--budget");
    /* No date in the name: the same command finds what it has finished. */
    snprintf(root, sizeof root, "%s%s", options->out ? options->out : "runs/reproduce-",
             options->out ? "" : vit_budget_name(work.budget));
    status = work_through(&work, &machine);
    vit_reproductions_close(&work);
    return status;
}

const struct vit_command vit_command_reproduce = {
    .name = "reproduce",
    .arguments = "list|all|FIGURE...",
    .summary = "make the paper's figures and tables on this machine and test its claims",
    .detail =
        "Runs the study behind each figure, writes its data, draws it beside the paper's own points, and ends with a\n"
        "verdict for each claim of the paper: agrees, disagrees, undecided (what was measured scatters across the\n"
        "threshold), or not testable (with the reason). FIGURE/verdict.csv has those of a figure, verdict.csv those\n"
        "of all figures that --out has, also from earlier calls. --budget quick takes minutes, normal hours, full\n"
        "what the paper did. What was finished is kept in --out (default runs/reproduce-BUDGET): after a kill the\n"
        "same command goes on; --shard 0/2 and --shard 1/2 with the same folder share the work. --threads (default:\n"
        "all) is the most that sweeps and trainings use; it is part of what is kept.\n\n"
        "  vitscope reproduce list\n"
        "  vitscope reproduce fig2 table1\n"
        "  vitscope reproduce all --budget normal\n"
        "  vitscope reproduce fig2 --format csv > verdict.csv\n",
    .takes = "budget shard data weights seed threads isa out format",
    .min_arguments = 1,
    .max_arguments = VIT_MAX_ARGUMENTS,
    .all_threads = true,
    .run = run,
};
