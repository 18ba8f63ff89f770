/* SPDX-License-Identifier: MIT */
/* A unit of Fig. 5 from random weights to its results, on a small network: what it records is what its networks are,
 * and it comes out the same when it goes on from what an earlier try left. */
#include "analysis/pruning_unit.h"

#include "analysis/prune.h"
#include "analysis/recognise.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <unistd.h>

static const struct vit_pruning_work work = {
    .model = "deit_nano", .set = "", .img = 32, .rounds = 2, .batches = 1, .checked = 32, .finetune_epochs = 1};

static struct vit_unit unit_of_work(const struct vit_reproduction *r)
{
    static const char *const settings[][2] = {{"data", "synthetic:64"}, {"val", "synthetic:40"},
                                              {"epochs", "1"},          {"recipe", "none"},
                                              {"batch", "32"},          {"warmup-epochs", "0"}};
    struct vit_unit unit = vit_unit_of(r, "prune.nano");
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        assert_ok(vit_options_default(&unit.options, settings[i][0], settings[i][1]));
    unit.options.img = work.img;
    unit.context = &work;
    unit.measure = vit_pruning_measure;
    return unit;
}

static struct vit_reproduction open_reproduction(void)
{
    static struct vit_options options;
    options = (struct vit_options){
        .threads = 1, .seed = 1, .warmup_s = 0, .min_time_s = 0, .repeat = 1, .workers = 1, .momentum = 0};
    return (struct vit_reproduction){.options = &options, .root = program_folder};
}

/* The parameters of a file of the unit. */
static double parameters_of(const char *name)
{
    struct vit_recognised found;
    struct vit_prune_size size;
    assert_ok(vit_recognise(program_path(name), &found));
    assert_ok(vit_prune_measure_size(found.model, &size));
    return (double)size.params;
}

static void test_a_unit_records_its_networks(void **state)
{
    (void)state;
    struct vit_reproduction r = open_reproduction();
    const struct vit_unit unit = unit_of_work(&r);
    struct vit_results first = {0}, again = {0};
    assert_ok(vit_pruning_measure(&r, &unit, &first));
    assert_close(vit_results_real(&first, "budget_macs_pct"), 66.8, 0.05); /* of the paper's widths, as counted in */
    const double whole = vit_results_real(&first, "whole.macs"), left = vit_results_real(&first, "pruned.macs"),
                 grown = vit_results_real(&first, "reallocated.macs");
    assert_true(left / whole <= 0.668 && left / whole > 0.60); /* one unit of so small a network is some per cent */
    assert_true(grown / whole <= 1 && grown / whole > 0.9);
    assert_close(vit_results_real(&first, "pruned.params"),
                 parameters_of("units/prune.nano/molchanov/pruned.safetensors"), 0);
    assert_close(vit_results_real(&first, "pruned.params"),
                 parameters_of("units/prune.nano/molchanov/finetune/final.safetensors"), 0);
    assert_close(vit_results_real(&first, "reallocated.params"),
                 parameters_of("units/prune.nano/reallocated/final.safetensors"), 0);
    for (int i = 0; i < VIT_PRUNING_CRITERIA; i++) {
        const char *name = vit_criterion_name(vit_pruning_criteria[i]);
        assert_close(vit_results_real(&first, "%s.round0.macs_pct", name), 100, 0);
        assert_true(vit_results_real(&first, "%s.round2.macs_pct", name) <= 66.8);
        assert_close(vit_results_real(&first, "%s.round0.top1_pct", name), vit_results_real(&first, "whole.top1_pct"),
                     1e-9);
    }
    assert_true(vit_results_real(&first, "ffn.block1.after_ratio") <=
                vit_results_real(&first, "ffn.block1.before_ratio"));
    assert_true(vit_results_real(&first, "untrained.qk.block1.after_ratio") > 0);
    assert_true(vit_results_real(&first, "check.ffn.spearman") > 0.5); /* first order, near the beginning of training */
    const struct vit_result *tuned = vit_results_find(&first, "finetuned.top1_pct");
    assert_true(tuned->low.r <= tuned->value.r && tuned->value.r <= tuned->high.r);
    assert_string_equal(tuned->proxy, "synthetic:64");

    assert_ok(vit_pruning_measure(&r, &unit, &again));
    assert_int_equal(again.n, first.n);
    for (int i = 0; i < first.n; i++) {
        const struct vit_result *other = vit_results_find(&again, first.result[i].name);
        assert_non_null(other);
        if (strcmp(other->name, "speed_ratio") != 0 && first.result[i].value.present)
            assert_close(other->value.r, first.result[i].value.r, 0);
    }
    vit_results_close(&again);
    vit_results_close(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_unit_records_its_networks),
    };
    return cmocka_run_group_tests_name("analysis_pruning_unit", tests, program_make_folder, program_remove_folder);
}
