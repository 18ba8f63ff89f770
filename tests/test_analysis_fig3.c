/* SPDX-License-Identifier: MIT */
/* Networks of every share of attention exist and have that share; the best share of a line and what its ends lose come
 * from the accuracies of its units; the paper's points stand beside them. */
#include "analysis/variant.h"
#include "model/zoo/block_layout.h"
#include "model/zoo/model.h"
#include "reports/csv_read.h"
#include "tests/support/planned_figure.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

/* In %; the graph's own operators say it. */
static double share_of(const struct vit_model_def *model)
{
    struct vit_graph graph;
    int attention = 0, layers = 0;
    const struct vit_model_config *c = &model->config;
    assert_ok(vit_model_build(&graph, model, (struct vit_model_options){.batch = 2, .graph = "train"}));
    for (int i = 0; i < graph.n_op; i++)
        attention += graph.op[i]->kind == VIT_OP_softmax;
    vit_graph_close(&graph);
    layers = vit_layout_layers_per_block(c) * vit_layout_blocks_before(c, c->stages);
    return 100.0 * attention / layers;
}

static void test_networks_of_all_shares_exist(void **state)
{
    (void)state;
    struct vit_reproduction r;
    figure_plan(&r, "fig3", VIT_BUDGET_NORMAL);
    assert_int_equal(r.n_unit, 2 * 2 * 7);
    for (int i = 0; i < r.n_unit; i++) {
        const struct vit_unit *unit = &r.unit[i];
        const struct vit_variant *variant = unit->context;
        struct vit_model_def model = *vit_model_find(unit->options.argument[0]);
        int pct;
        assert_int_equal(sscanf(strrchr(unit->key, '.'), ".p%d", &pct), 1);
        assert_true(variant->train && variant->hold.what == VIT_HELD_THROUGHPUT);
        assert_ok(vit_config_set(&model.config, model.family->name, unit->options.set));
        model.config.img = unit->options.img;
        assert_ok(vit_config_set(&model.config, model.family->name, variant->change));
        assert_close(share_of(&model), pct, 1e-9); /* whole numbers of layers: no share is rounded */
    }
    figure_forget(&r);
}

static void test_quick_has_one_target(void **state)
{
    (void)state;
    struct vit_reproduction r;
    figure_plan(&r, "fig3", VIT_BUDGET_QUICK);
    assert_int_equal(r.n_unit, 2 * 7);
    figure_forget(&r);
}

/* Accuracies of Swin at 1.25x by share, each with an interval of 1 on both sides; one training failed. */
static void give_line(struct vit_reproduction *r)
{
    static const struct {
        int pct;
        double top1;
    } point[] = {{0, 60}, {20, 79}, {40, 80}, {50, 78.5}, {60, 77}, {100, 65}};
    for (size_t i = 0; i < sizeof point / sizeof point[0]; i++)
        vit_results_add(
            &r->results,
            (struct vit_result){.name = vit_results_text(&r->results, "mix.swin_tiny.1.25x.p%d/top1_pct", point[i].pct),
                                .value = vit_real_cell(point[i].top1),
                                .low = vit_real_cell(point[i].top1 - 1),
                                .high = vit_real_cell(point[i].top1 + 1),
                                .proxy = "small images"});
    vit_results_add(&r->results,
                    (struct vit_result){.name = "mix.swin_tiny.1.25x.p80/top1_pct", .reason = "the loss is no number"});
}

static void test_best_share_and_ends_come_from_the_units(void **state)
{
    (void)state;
    struct vit_reproduction r;
    figure_plan(&r, "fig3", VIT_BUDGET_NORMAL);
    give_line(&r);
    assert_ok(r.def->finish(&r));
    const struct vit_result *best = vit_results_find(&r.results, "swin_tiny.1.25x.best_share_pct");
    assert_close(best->value.r, 40, 0);
    assert_close(best->low.r, 20, 0); /* 50: 77.5 to 79.5 reaches 79; 60 does not */
    assert_close(best->high.r, 50, 0);
    assert_string_equal(best->proxy, "small images");
    assert_close(vit_results_real(&r.results, "swin_tiny.1.25x.loss_at_0_points"), 20, 1e-9);
    assert_close(vit_results_real(&r.results, "swin_tiny.1.25x.loss_at_100_points"), 15, 1e-9);
    assert_null(vit_results_find(&r.results, "swin_tiny.1.5x.best_share_pct")); /* none of its units is there */
    assert_string_equal(vit_results_find(&r.results, "swin_tiny.1.25x.p80.top1_pct")->reason, "the loss is no number");
    figure_forget(&r);
}

/* Claims name results by text: none names what the study does not make. */
static void test_claims_are_about_results_that_exist(void **state)
{
    (void)state;
    struct vit_reproduction r;
    figure_plan(&r, "fig3", VIT_BUDGET_NORMAL);
    for (int i = 0; i < r.n_unit; i++) {
        vit_results_value(&r.results, 50 + i % 7, "", "%s/top1_pct", r.unit[i].key);
        vit_results_value(&r.results, 10 + i % 7, "", "%s/memory_bound_pct", r.unit[i].key);
    }
    assert_ok(r.def->finish(&r));
    figure_claims_are_testable(&r, 16);
    figure_forget(&r);
}

static void test_the_papers_points_stand_beside(void **state)
{
    (void)state;
    struct vit_reproduction r;
    struct vit_csv *csv;
    struct vit_cell top1, low;
    int source, share, at[2], certainty, papers = 0;
    figure_plan(&r, "fig3", VIT_BUDGET_QUICK);
    assert_ok(r.def->finish(&r));
    assert_ok(vit_csv_open(&csv, program_path("fig3.csv")));
    assert_ok(vit_csv_find(csv, "source", &source));
    assert_ok(vit_csv_find(csv, "wanted_share_pct", &share));
    assert_ok(vit_csv_find(csv, "top1_pct", &at[0]));
    assert_ok(vit_csv_find(csv, "top1_low_pct", &at[1]));
    assert_ok(vit_csv_find(csv, "certainty", &certainty));
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        assert_ok(vit_csv_real(csv, row, at[0], &top1));
        assert_ok(vit_csv_real(csv, row, at[1], &low));
        if (strcmp(vit_csv_text(csv, row, source), "here") == 0) {
            assert_false(top1.present); /* nothing was measured */
            continue;
        }
        papers++;
        assert_true(top1.present && low.r <= top1.r);
        assert_true((low.r == top1.r) == (vit_csv_text(csv, row, certainty)[0] == 'A')); /* printed: exact */
    }
    assert_int_equal(papers, 28);
    vit_csv_close(csv);
    figure_forget(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks_of_all_shares_exist),
        cmocka_unit_test(test_quick_has_one_target),
        cmocka_unit_test(test_best_share_and_ends_come_from_the_units),
        cmocka_unit_test(test_claims_are_about_results_that_exist),
        cmocka_unit_test(test_the_papers_points_stand_beside),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
