/* SPDX-License-Identifier: MIT */
/* Named results as files, claims against them, and units of work that are done once, shared out and never mixed. */
#include "analysis/reproduction.h"
#include "reports/csv_read.h"
#include "tests/support/planned_figure.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_results_read_back_as_written(void **state)
{
    (void)state;
    struct vit_results out = {0}, in = {0};
    const char *path = program_path("results.csv");
    vit_results_value(&out, 0.1 + 0.2, "median of 3 runs", "%s.time_ns", "a");
    vit_results_add(&out, (struct vit_result){.name = "top1_pct",
                                              .value = vit_real_cell(70),
                                              .low = vit_real_cell(68),
                                              .high = vit_real_cell(72),
                                              .floor = vit_real_cell(0.5),
                                              .proxy = "fashion-mnist"});
    vit_results_add(&out, (struct vit_result){.name = "gone", .reason = "no, \"it\" is not there"});
    assert_ok(vit_results_write(
        &out, path, &(struct vit_results_origin){.settings = "batch 1", .program = "p", .host = "h", .seconds = 2}));
    struct vit_results_origin origin = {.settings = "batch 1"};
    assert_ok(vit_results_read(&in, path, "unit/", &origin));
    assert_int_equal(in.n, 3);
    assert_true(vit_results_real(&in, "unit/%s.time_ns", "a") == 0.1 + 0.2); /* to the bit */
    const struct vit_result *top = vit_results_find(&in, "unit/top1_pct");
    assert_string_equal(top->proxy, "fashion-mnist");
    assert_true(top->low.r == 68 && top->high.r == 72 && top->floor.r == 0.5);
    assert_false(vit_results_find(&in, "unit/a.time_ns")->floor.present);
    assert_false(vit_results_find(&in, "unit/gone")->value.present);
    assert_string_equal(vit_results_find(&in, "unit/gone")->reason, "no, \"it\" is not there");
    assert_true(isnan(vit_results_real(&in, "unit/gone")));
    assert_true(origin.seconds == 2);
    vit_results_close(&in);
    origin.settings = "batch 2";
    assert_fails(vit_results_read(&in, path, "", &origin), VIT_EMISMATCH, "\"batch 1\"");
    vit_results_close(&in);
    vit_results_close(&out);
    unlink(path);
}

/* Units of hours are kept as files: those of before there was a noise floor still count. */
static void test_results_without_a_floor_can_be_read(void **state)
{
    (void)state;
    struct vit_results in = {0};
    program_write("old.csv", "quantity,value,low,high,source,proxy,reason,settings,program,host,seconds\n"
                             "a,1,0.5,2,counted,,,s,p,h,3\n");
    assert_ok(vit_results_read(&in, program_path("old.csv"), "", &(struct vit_results_origin){.settings = "s"}));
    assert_true(vit_results_find(&in, "a")->high.r == 2 && !vit_results_find(&in, "a")->floor.present);
    vit_results_close(&in);
}

static void test_results_refuse_a_name_twice(void **state)
{
    (void)state;
    struct vit_results results = {0};
    vit_results_value(&results, 1, "", "a");
    vit_results_value(&results, 2, "", "a");
    assert_int_equal(results.status, VIT_EINVAL);
    vit_results_close(&results);
}

static struct vit_finding find(const char *test, const char *threshold, double paper)
{
    static struct vit_claim claim;
    struct vit_results results = {0};
    vit_results_add(&results,
                    (struct vit_result){
                        .name = "x", .value = vit_real_cell(10), .low = vit_real_cell(8), .high = vit_real_cell(12)});
    vit_results_value(&results, 13, "", "y");
    vit_results_add(&results, (struct vit_result){.name = "scattered",
                                                  .value = vit_real_cell(13),
                                                  .low = vit_real_cell(11),
                                                  .high = vit_real_cell(15)});
    vit_results_add(&results, (struct vit_result){.name = "z", .reason = "no counters here"});
    claim = (struct vit_claim){.quantity = "x",
                               .test = test,
                               .threshold = threshold,
                               .paper = vit_real_cell(paper),
                               .least = VIT_BUDGET_NORMAL};
    struct vit_finding finding = vit_claim_test(&claim, &results, VIT_BUDGET_NORMAL);
    vit_results_close(&results);
    return finding;
}

static void test_claims_are_tested_by_number_interval_and_other_result(void **state)
{
    (void)state; /* x: 10, between 8 and 12; y: 13 */
    assert_int_equal(find(">", "7", 0).agreement, VIT_AGREES);
    assert_int_equal(find("<", "7", 0).agreement, VIT_DISAGREES);
    assert_int_equal(find(">", "12", 0).agreement, VIT_DISAGREES); /* touched, not crossed */
    assert_int_equal(find("<", "y", 0).agreement, VIT_AGREES);
    assert_int_equal(find(">", "y", 0).agreement, VIT_DISAGREES);
    assert_int_equal(find("within", "4", 12).agreement, VIT_AGREES);
    assert_int_equal(find("within", "3", 16).agreement, VIT_DISAGREES);
    assert_int_equal(find("between", "8..20", 0).agreement, VIT_AGREES);
    assert_int_equal(find("between", "13..20", 0).agreement, VIT_DISAGREES);
}

static void test_claims_within_the_noise_are_undecided(void **state)
{
    (void)state;
    static const struct {
        const char *test, *threshold;
        double paper;
    } crossed[] = {{">", "9", 0},       {">", "11", 0},           {"<", "10", 0},         {"<", "scattered", 0},
                   {"within", "3", 12}, {"between", "11..20", 0}, {"between", "0..9", 0}, {"between", "9..11", 0}};
    for (size_t i = 0; i < sizeof crossed / sizeof crossed[0]; i++) {
        const struct vit_finding f = find(crossed[i].test, crossed[i].threshold, crossed[i].paper);
        if (f.agreement != VIT_UNDECIDED || !strstr(f.note, "within the noise: 8 to 12"))
            fail_msg("%s %s: %s, %s", crossed[i].test, crossed[i].threshold, vit_agreement_name(f.agreement), f.note);
    }
    assert_non_null(strstr(find("<", "scattered", 0).note, "8 to 12 against 11 to 15")); /* 13 itself is above 12 */
    assert_null(strstr(find(">", "7", 0).note, "noise"));
    assert_non_null(strstr(find("<", "y", 0).note, "against y = 13"));
    assert_string_equal(find("within", "3", 16).note, "-6 from the paper's, tolerance 3");
}

static void test_counted_results_are_always_decided(void **state)
{
    (void)state;
    const struct vit_claim claim = {
        .quantity = "n", .test = "within", .threshold = "0", .paper = vit_real_cell(3), .least = VIT_BUDGET_QUICK};
    struct vit_results results = {0};
    vit_results_value(&results, 3, "counted", "n");
    assert_int_equal(vit_claim_test(&claim, &results, VIT_BUDGET_QUICK).agreement, VIT_AGREES);
    vit_results_close(&results);
}

static void test_claims_that_cannot_be_tested_say_why(void **state)
{
    (void)state;
    struct vit_claim claim = {.quantity = "x", .test = ">", .threshold = "z", .least = VIT_BUDGET_FULL};
    struct vit_results results = {0};
    struct vit_finding f = vit_claim_test(&claim, &results, VIT_BUDGET_NORMAL);
    assert_int_equal(f.agreement, VIT_NOT_TESTABLE);
    assert_string_equal(f.note, "needs --budget full");
    f = vit_claim_test(&claim, &results, VIT_BUDGET_FULL);
    assert_int_equal(f.agreement, VIT_NOT_TESTABLE);
    vit_results_add(&results, (struct vit_result){.name = "x", .reason = "no data set"});
    f = vit_claim_test(&claim, &results, VIT_BUDGET_FULL);
    assert_int_equal(f.agreement, VIT_NOT_TESTABLE);
    assert_string_equal(f.note, "no data set");
    assert_false(f.measured.present);
    vit_results_close(&results);
    f = find(">", "z", 0); /* what it is compared with is absent */
    assert_int_equal(f.agreement, VIT_NOT_TESTABLE);
    assert_string_equal(f.note, "z: no counters here");
}

static void test_claims_shipped_can_be_read(void **state)
{
    (void)state;
    struct vit_claims claims;
    assert_ok(vit_claims_open(&claims));
    assert_true(claims.n > 0);
    for (int i = 0; i < claims.n; i++)
        if (!strchr("ABCD", claims.claim[i].certainty[0]))
            fail_msg("claim \"%s\": certainty \"%s\"", claims.claim[i].text, claims.claim[i].certainty);
    vit_claims_close(&claims);
}

/* A figure whose units count how often they are measured; one fails when asked to. */
static int measured, failing;
static const char *shared_folder; /* of the first and the third unit */

static int count(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    char folder[4200];
    assert_ok(vit_unit_folder(folder, sizeof folder, r, unit));
    if (measured == failing)
        return vit_fail(VIT_EIO, "killed");
    measured++;
    vit_results_value(results, unit->options.batch, "counted", "batch");
    return VIT_OK;
}

static int plan(struct vit_reproduction *r)
{
    for (int i = 1; i <= 4; i++) {
        struct vit_unit unit = vit_unit_of(r, "unit%d", i);
        unit.options.batch = r->options->batch * i;
        unit.measure = count;
        unit.folder = i == 1 || i == 3 ? shared_folder : NULL;
        assert_ok(vit_reproduction_add(r, &unit));
    }
    return VIT_OK;
}

static int finish(struct vit_reproduction *r)
{
    double sum = 0;
    for (int i = 0; i < r->n_unit; i++)
        sum += vit_unit_real(r, &r->unit[i], "batch");
    vit_results_value(&r->results, sum, "sum", "batches");
    return VIT_OK;
}

static const struct vit_reproduction_def counting = {.name = "counting", .plan = plan, .finish = finish};

/* One run of a command: measures, finishes when nothing is missing; returns the sum that finish made, or -1. */
static double go(const struct vit_options *options, int shard, int shards, int *status)
{
    int missing = 0, units = 0;
    double sum = -1;
    struct vit_reproductions work = {.options = options,
                                     .root = program_path("out"),
                                     .shard = shard,
                                     .shards = shards,
                                     .item = calloc(2, sizeof *work.item),
                                     .n = 2};
    for (int i = 0; i < work.n; i++) { /* two figures that share all units */
        work.item[i] = (struct vit_reproduction){.def = &counting, .options = options, .root = work.root};
        snprintf(work.item[i].folder, sizeof work.item[i].folder, "%s/figure%d", work.root, i);
    }
    assert_ok(vit_reproductions_plan(&work, &units));
    assert_int_equal(units, 8);
    *status = vit_reproductions_measure(&work, &missing);
    for (int i = 0; i < work.n && *status == VIT_OK && missing == 0; i++) {
        *status = vit_reproduction_finish(&work.item[i]);
        sum = vit_results_real(&work.item[i].results, "batches");
    }
    vit_reproductions_close(&work);
    return sum;
}

static void forget(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", program_path("out"));
    assert_int_equal(system(command), 0);
    measured = 0;
    failing = -1;
}

static void test_units_are_measured_once_for_all_figures(void **state)
{
    (void)state;
    struct vit_options options = {.batch = 2, .warmup_s = -1, .min_time_s = -1};
    int status;
    forget();
    assert_close(go(&options, 0, 1, &status), 20, 0);
    assert_int_equal(measured, 4);
    assert_close(go(&options, 0, 1, &status), 20, 0);
    assert_int_equal(measured, 4);
    assert_int_equal(access(program_path("out/figure1/results.csv"), F_OK), 0);
}

static void test_units_that_are_done_survive_a_failure(void **state)
{
    (void)state;
    struct vit_options options = {.batch = 1, .warmup_s = -1, .min_time_s = -1};
    int status;
    forget();
    failing = 2;
    (void)go(&options, 0, 1, &status);
    assert_int_equal(status, VIT_EIO);
    assert_string_equal(vit_error(), "unit3: killed");
    failing = -1;
    assert_close(go(&options, 0, 1, &status), 10, 0);
    assert_int_equal(measured, 4);
}

static void test_units_of_other_settings_are_refused(void **state)
{
    (void)state;
    struct vit_options options = {.batch = 1, .warmup_s = -1, .min_time_s = -1};
    int status;
    forget();
    (void)go(&options, 0, 1, &status);
    options.batch = 3;
    (void)go(&options, 0, 1, &status);
    assert_int_equal(status, VIT_EMISMATCH);
    assert_non_null(strstr(vit_error(), "choose another --out"));
    assert_int_equal(measured, 4);
}

static void test_a_unit_finds_the_part_that_it_kept(void **state)
{
    (void)state;
    struct vit_reproduction r = {.root = program_path("out")};
    struct vit_unit unit = {.key = "unit", .options = {.batch = 1, .warmup_s = -1, .min_time_s = -1}};
    struct vit_results part = {0}, again = {0};
    bool there;
    forget();
    assert_ok(vit_unit_recall(&r, &unit, &again, "first", &there));
    assert_false(there);
    vit_results_value(&part, 0.1, "counted", "x");
    assert_ok(vit_unit_keep(&r, &unit, &part, "first"));
    assert_ok(vit_unit_recall(&r, &unit, &again, "first", &there));
    assert_true(there && vit_results_real(&again, "x") == 0.1);
    vit_results_close(&again);
    unit.options.batch = 2;
    assert_fails(vit_unit_recall(&r, &unit, &again, "first", &there), VIT_EMISMATCH, "batch 2");
    vit_results_close(&again);
    vit_results_close(&part);
    forget();
}

static void test_shards_share_the_units(void **state)
{
    (void)state;
    struct vit_options options = {.batch = 1, .warmup_s = -1, .min_time_s = -1};
    int status;
    forget();
    assert_close(go(&options, 1, 3, &status), -1, 0); /* units of others are missing: no verdict */
    assert_int_equal(measured, 1);
    assert_close(go(&options, 0, 3, &status), -1, 0);
    assert_int_equal(measured, 3);
    assert_close(go(&options, 2, 3, &status), 10, 0);
    assert_int_equal(measured, 4);
    forget();
}

/* What one unit left in a folder another goes on from: two shards must not work there at once. */
static void test_units_of_one_folder_are_of_one_shard(void **state)
{
    (void)state;
    struct vit_options options = {.batch = 1, .warmup_s = -1, .min_time_s = -1};
    int status;
    forget();
    shared_folder = "network";
    assert_close(go(&options, 2, 3, &status), -1, 0); /* the third goes with the first */
    assert_int_equal(measured, 0);
    assert_close(go(&options, 0, 3, &status), -1, 0); /* first, third and fourth */
    assert_int_equal(measured, 3);
    assert_int_equal(access(program_path("out/units/network"), F_OK), 0);
    assert_int_equal(access(program_path("out/units/unit1"), F_OK), -1);
    assert_close(go(&options, 1, 3, &status), 10, 0);
    assert_int_equal(measured, 4);
    shared_folder = NULL;
    forget();
}

static struct program_run run;

static void test_reproduce_table1_agrees_in_every_cell(void **state)
{
    (void)state;
    program_start(&run, "reproduce table1 --format csv --out %s/table1", program_folder);
    assert_int_equal(run.exit_code, 0);
    int agree = 0;
    for (const char *at = run.output; (at = strstr(at, "\"agrees\"")); at++)
        agree++;
    assert_int_equal(agree, 6);
    assert_null(strstr(run.output, "\"disagrees\""));
}

/* Figures of the rows of a verdict table, each once: "table1 fig7 ". */
static const char *figures_of(const char *file)
{
    static char names[256];
    struct vit_csv *csv;
    int figure;
    names[0] = '\0';
    assert_ok(vit_csv_open(&csv, program_path(file)));
    assert_ok(vit_csv_find(csv, "figure", &figure));
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        const char *name = vit_csv_text(csv, row, figure), *before = row ? vit_csv_text(csv, row - 1, figure) : "";
        size_t used = strlen(names);
        if (strcmp(name, before) != 0)
            snprintf(names + used, sizeof names - used, "%s ", name);
    }
    vit_csv_close(csv);
    return names;
}

/* Rows that stand for an earlier call's fig1 and table6: before and behind in the paper's order. */
static void keep_verdict_of(const char *figure)
{
    char path[128];
    struct vit_claim claim = {.figure = figure,
                              .text = "a, \"b\"",
                              .quantity = "x",
                              .test = ">",
                              .threshold = "0",
                              .certainty = "A",
                              .source = figure};
    const struct vit_finding finding = {.claim = &claim, .measured = vit_real_cell(0.1 + 0.2), .note = "earlier"};
    snprintf(path, sizeof path, "joint/%s", figure);
    assert_int_equal(mkdir(program_path(path), 0777), 0);
    snprintf(path, sizeof path, "joint/%s/verdict.csv", figure);
    assert_ok(vit_findings_write(&finding, 1, program_path(path)));
}

static void test_verdicts_of_earlier_calls_are_kept(void **state)
{
    (void)state;
    program_start(&run, "reproduce table1 --out %s/joint", program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "6 claims: 6 agree, 0 disagree, 0 undecided, 0 not testable"));
    int same = 0; /* the table itself stands before its verdicts: a row for each stage of six models */
    for (const char *at = run.output; (at = strstr(at, "the same\n")); at++)
        same++;
    assert_int_equal(same, 18);
    assert_string_equal(figures_of("joint/verdict.csv"), "table1 ");
    keep_verdict_of("table6");
    keep_verdict_of("fig1");
    program_start(&run, "reproduce table1 --format csv --out %s/joint", program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_null(strstr(run.output, "table6")); /* what is printed is this call's */
    assert_string_equal(figures_of("joint/table1/verdict.csv"), "table1 ");
    assert_string_equal(figures_of("joint/verdict.csv"), "fig1 table1 table6 ");
    struct vit_csv *csv;
    struct vit_cell here;
    int text, value;
    assert_ok(vit_csv_open(&csv, program_path("joint/verdict.csv")));
    assert_int_equal(vit_csv_rows(csv), 1 + 6 + 1);
    assert_ok(vit_csv_find(csv, "claim", &text));
    assert_ok(vit_csv_find(csv, "here", &value));
    assert_ok(vit_csv_real(csv, 0, value, &here));
    assert_string_equal(vit_csv_text(csv, 0, text), "a, \"b\"");
    assert_true(here.r == 0.1 + 0.2); /* to the bit */
    vit_csv_close(csv);
}

/* Two models' units as if they had been measured: the table has their ratio beside the paper's numbers. */
static void test_table2_sets_measured_speeds_beside_the_papers(void **state)
{
    (void)state;
    struct vit_reproduction r;
    figure_plan(&r, "table2", VIT_BUDGET_QUICK);
    vit_results_value(&r.results, 300, "", "speed.efficientvit_m0.quick/images_per_s");
    vit_results_value(&r.results, 100, "", "speed.efficientvit_m4.quick/images_per_s");
    assert_ok(r.def->finish(&r));
    assert_close(vit_results_real(&r.results, "efficientvit_m0_by_efficientvit_m4.images_per_s_ratio"), 3, 1e-12);
    struct vit_csv *csv;
    struct vit_cell cell;
    int column;
    assert_ok(vit_csv_open(&csv, program_path("table2.csv")));
    assert_int_equal(vit_csv_rows(csv), 2); /* nothing stands for a model that was not measured */
    assert_ok(vit_csv_find(csv, "by_m0", &column));
    assert_ok(vit_csv_real(csv, 1, column, &cell));
    assert_close(cell.r, 1.0 / 3, 1e-12);
    assert_ok(vit_csv_find(csv, "onnx_paper_images_per_s", &column));
    assert_ok(vit_csv_real(csv, 1, column, &cell));
    assert_close(cell.r, 108.6, 1e-12);
    vit_csv_close(csv);
    figure_forget(&r);
}

/* A unit as if it had been measured: shares left of value and FFNs fall from block to block, those of query and key do
 * not. Figures that claims use come of them, and the paper's points stand beside. */
static void test_fig5_tells_what_blocks_keep(void **state)
{
    (void)state;
    struct vit_reproduction r;
    figure_plan(&r, "fig5", VIT_BUDGET_QUICK);
    assert_int_equal(r.n_unit, 2);
    static const char *const kinds[] = {"qk", "v", "ffn", "untrained.qk", "untrained.v", "untrained.ffn"};
    for (int k = 0; k < 6; k++)
        for (int b = 1; b <= 12; b++) {
            const double before = k % 3 == 2 ? 4 : 1, share = k == 0 ? 0.25 : k < 3 ? 1 - 0.05 * b : 0.5;
            vit_results_value(&r.results, before, "", "prune.swin_tiny/%s.block%d.before_ratio", kinds[k], b);
            vit_results_value(&r.results, share * before, "", "prune.swin_tiny/%s.block%d.after_ratio", kinds[k], b);
        }
    vit_results_add(&r.results, (struct vit_result){.name = "prune.swin_tiny/whole.top1_pct",
                                                    .value = vit_real_cell(80),
                                                    .proxy = "fashion-mnist:train"});
    vit_results_value(&r.results, 78.5, "", "prune.swin_tiny/finetuned.top1_pct");
    assert_ok(r.def->finish(&r));
    assert_close(vit_results_real(&r.results, "swin_tiny.qk_kept_pct"), 25, 1e-12);
    assert_close(vit_results_real(&r.results, "swin_tiny.v_early_kept_pct"), 75, 1e-12);
    assert_close(vit_results_real(&r.results, "swin_tiny.ffn_late_kept_pct"), 45, 1e-12);
    assert_close(vit_results_real(&r.results, "swin_tiny.ffn_by_depth_rank"), -1, 1e-12);
    assert_close(vit_results_real(&r.results, "swin_tiny.untrained.ffn_kept_pct"), 50, 1e-12);
    assert_close(vit_results_real(&r.results, "swin_tiny.finetuned_change_points"), -1.5, 1e-12);
    const struct vit_result *level = vit_results_find(&r.results, "swin_tiny.qk_by_depth_rank");
    assert_false(level->value.present); /* no ranks among equals */
    assert_non_null(level->reason);
    assert_string_equal(vit_results_find(&r.results, "swin_tiny.qk_kept_pct")->proxy, "fashion-mnist:train");
    struct vit_csv *csv;
    assert_ok(vit_csv_open(&csv, program_path("widths.csv")));
    assert_int_equal(vit_csv_rows(csv), 3 * 36); /* here, untrained, paper */
    vit_csv_close(csv);
    assert_ok(vit_csv_open(&csv, program_path("accuracy.csv")));
    assert_int_equal(vit_csv_rows(csv), 3); /* fine-tuned, and the paper's two: nothing stands for what is not known */
    vit_csv_close(csv);
    figure_forget(&r);
}

static void test_reproduce_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } wrong[] = {
        {"fig99", "there are fig1"},
        {"table1 table1", "given twice"},
        {"table1 --budget huge", "there are quick, normal and full"},
        {"table1 --shard 2/2", "counted from 0"},
        {"table1 --shard 1", "takes I/N"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        program_start(&run, "reproduce %s --out %s/wrong", wrong[i].arguments, program_folder);
        if (run.exit_code != 2 || !strstr(run.error, wrong[i].message))
            fail_msg("%s: exit code %d, %s", wrong[i].arguments, run.exit_code, run.error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_read_back_as_written),
        cmocka_unit_test(test_results_without_a_floor_can_be_read),
        cmocka_unit_test(test_results_refuse_a_name_twice),
        cmocka_unit_test(test_claims_are_tested_by_number_interval_and_other_result),
        cmocka_unit_test(test_claims_within_the_noise_are_undecided),
        cmocka_unit_test(test_counted_results_are_always_decided),
        cmocka_unit_test(test_claims_that_cannot_be_tested_say_why),
        cmocka_unit_test(test_claims_shipped_can_be_read),
        cmocka_unit_test(test_units_are_measured_once_for_all_figures),
        cmocka_unit_test(test_units_that_are_done_survive_a_failure),
        cmocka_unit_test(test_units_of_other_settings_are_refused),
        cmocka_unit_test(test_a_unit_finds_the_part_that_it_kept),
        cmocka_unit_test(test_shards_share_the_units),
        cmocka_unit_test(test_units_of_one_folder_are_of_one_shard),
        cmocka_unit_test(test_reproduce_table1_agrees_in_every_cell),
        cmocka_unit_test(test_verdicts_of_earlier_calls_are_kept),
        cmocka_unit_test(test_table2_sets_measured_speeds_beside_the_papers),
        cmocka_unit_test(test_fig5_tells_what_blocks_keep),
        cmocka_unit_test(test_reproduce_refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
