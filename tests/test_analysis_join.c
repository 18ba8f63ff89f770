/* SPDX-License-Identifier: MIT */
/* Cost and need of operators stand beside each other: scores are those of the gradients, every learned tensor counts to
 * one operator of its own module, every level of the table adds up to the whole, and rank correlations are found. */
#include "analysis/join.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <unistd.h>

/* A model there and back, and its profile. */
struct pair {
    struct vit_profile profile;
    struct vit_instance net;
    struct vit_machine machine;
    struct vit_join join;
};
static struct pair p; /* large */

static void open_pair(const char *model)
{
    const struct vit_options options = {.seed = 1, .repeat = 1, .probes = "traffic", .batch = 2};
    const struct vit_instance_options back = {.model = {.batch = 2}, .backward = true, .seed = 1};
    p = (struct pair){0};
    assert_ok(vit_profile_open(&p.profile, model, &options, &p.machine));
    assert_ok(vit_instance_open(&p.net, model, &back));
    p.join.profile = &p.profile;
    assert_ok(vit_join_pair(&p.join, &p.net.graph));
}

static void close_pair(void)
{
    free(p.join.tensor);
    vit_instance_close(&p.net);
    vit_profile_close(&p.profile);
}

static const struct vit_op *op_of(const struct vit_join_tensor *tensor)
{
    return p.profile.instance.plan.step[tensor->step].op;
}

static void test_every_learned_tensor_counts_to_its_module(void **state)
{
    (void)state;
    static const char *const models[] = {"deit_nano", "swin_nano", "efficientvit_nano"};
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        open_pair(models[m]);
        int64_t parameters = 0;
        for (int i = 0; i < p.join.n_tensor; i++) {
            const struct vit_join_tensor *t = &p.join.tensor[i];
            const char *name = t->weight->name, *layer = vit_join_layer(op_of(t)->site.role);
            parameters += vit_numel(t->weight);
            if (strstr(name, ".attn.") && strcmp(layer, "attention") != 0)
                fail_msg("%s counts to %s, %s", name, op_of(t)->name, layer);
            if ((strstr(name, ".mlp.") || strstr(name, "ffn")) && strcmp(layer, "ffn") != 0)
                fail_msg("%s counts to %s, %s", name, op_of(t)->name, layer);
            const size_t module = (size_t)(strrchr(name, '.') ? strrchr(name, '.') - name : 0);
            if (strcmp(name + module, ".weight") == 0 && strncmp(name, op_of(t)->name, module) != 0)
                fail_msg("%s counts to %s", name, op_of(t)->name);
        }
        assert_int_equal(parameters, vit_graph_parameters(&p.profile.instance.graph));
        close_pair();
    }
}

/* The molchanov score of all of a tensor, mean over two batches. */
static void test_scores_are_those_of_the_gradients(void **state)
{
    (void)state;
    open_pair("swin_nano");
    double *want = calloc((size_t)p.join.n_tensor, sizeof *want);
    assert_non_null(want);
    for (int batch = 0; batch < 2; batch++) {
        vit_exec_run(&p.net.exec);
        vit_join_add(&p.join);
        for (int i = 0; i < p.join.n_tensor; i++) {
            struct vit_tensor *weight = NULL;
            for (int k = 0; k < p.net.graph.n_tensor; k++)
                if (p.net.graph.tensor[k] == p.join.tensor[i].weight)
                    weight = p.net.graph.tensor[k];
            assert_non_null(weight);
            const struct vit_channel_slice all = {.weight = weight, .length = weight->dim[0]};
            const struct vit_taylor_terms terms = vit_taylor_terms(&all, 1);
            want[i] += vit_taylor_score(VIT_CRITERION_MOLCHANOV, &terms) / 2;
        }
        p.net.graph.input->data[0] += 3; /* another batch */
    }
    for (int i = 0; i < p.join.n_tensor; i++)
        assert_close(p.join.tensor[i].importance, want[i], 1e-9 * want[i]); /* orders of summation */
    free(want);
    close_pair();
}

/* Importance made of the layers' own costs. */
static void set_importance(double power)
{
    static struct vit_join_sum layer[VIT_MAX_GROUPS];
    const int n = vit_join_layers(&p.join, layer);
    for (int i = 0; i < p.join.n_tensor; i++) {
        const struct vit_site *site = &op_of(&p.join.tensor[i])->site;
        for (int k = 0; k < n; k++)
            if (layer[k].site.stage == site->stage && layer[k].site.block == site->block &&
                vit_join_layer(layer[k].site.role) == vit_join_layer(site->role))
                p.join.tensor[i].importance = pow((double)vit_cost_bytes(&layer[k].cost), power) *
                                              (double)vit_numel(p.join.tensor[i].weight) / (double)layer[k].parameters;
    }
}

static void test_rank_correlations_are_found(void **state)
{
    (void)state;
    struct vit_join_answer a;
    open_pair("deit_nano[depth=4]");
    set_importance(2);
    assert_ok(vit_join_ask(&p.join, (struct vit_join_question){VIT_JOIN_BYTES, VIT_JOIN_IMPORTANCE, NULL}, &a));
    assert_int_equal(a.n, 14); /* norm, attention, ffn of four blocks, embedding, head; residuals learn nothing */
    assert_close(a.spearman, 1, 1e-12);
    assert_close(a.bounds.low, 1, 1e-12);
    set_importance(-1);
    assert_ok(vit_join_ask(&p.join, (struct vit_join_question){VIT_JOIN_BYTES, VIT_JOIN_IMPORTANCE, NULL}, &a));
    assert_close(a.spearman, -1, 1e-12);
    assert_close(a.bounds.high, -1, 1e-12);
    assert_ok(vit_join_ask(&p.join, (struct vit_join_question){VIT_JOIN_TIME, VIT_JOIN_IMPORTANCE, "norm"}, &a));
    assert_int_equal(a.n, 4);
    assert_ok(vit_join_ask(&p.join, (struct vit_join_question){VIT_JOIN_TIME, VIT_JOIN_IMPORTANCE, "embed"}, &a));
    assert_true(a.n == 1 && isnan(a.spearman)); /* one layer has no ranks */
    close_pair();
}

static struct program_run run;

static bool row_is(struct vit_csv *csv, int64_t row, const char *column, const char *want)
{
    int at;
    assert_ok(vit_csv_find(csv, column, &at));
    const char *text = vit_csv_text(csv, row, at);
    return text && strcmp(text, want) == 0;
}

static double number(struct vit_csv *csv, int64_t row, const char *column)
{
    struct vit_cell cell;
    int at;
    assert_ok(vit_csv_find(csv, column, &at));
    assert_ok(vit_csv_real(csv, row, at, &cell));
    return cell.present ? cell.r : (double)NAN;
}

static double sum_of(struct vit_csv *csv, const char *level, const char *column)
{
    double sum = 0;
    for (int64_t row = 0; row < vit_csv_rows(csv); row++)
        if (row_is(csv, row, "level", level) && !isnan(number(csv, row, column)))
            sum += number(csv, row, column);
    return sum;
}

static void check_levels(struct vit_csv *csv)
{
    static const char *const levels[] = {"model", "block", "layer", "role", "operator"};
    static const char *const whole[] = {"operators", "time_ns", "macs", "flops", "compulsory_bytes", "parameters"};
    static const char *const shares[] = {"time_pct", "compulsory_pct", "importance_pct"};
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++) {
        for (size_t c = 0; c < sizeof whole / sizeof whole[0]; c++)
            assert_close(sum_of(csv, levels[l], whole[c]), number(csv, 0, whole[c]), 1e-9 * number(csv, 0, whole[c]));
        for (size_t c = 0; c < sizeof shares / sizeof shares[0]; c++)
            assert_close(sum_of(csv, levels[l], shares[c]), 100, 1e-9);
    }
}

/* Heads of EfficientViT have operators of their own, those of the others share them: no time, a reason. */
static void check_heads(struct vit_csv *csv, bool own_operators, int heads)
{
    int seen = 0;
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        if (!row_is(csv, row, "level", "head"))
            continue;
        seen++;
        assert_true(isnan(number(csv, row, "time_ns")) == !own_operators);
        assert_true(row_is(csv, row, "reason", "heads share operators: no time of one") == !own_operators);
        assert_true(number(csv, row, "parameters") > 0 && number(csv, row, "importance") > 0);
        assert_true(number(csv, row, "loss_change_low") <= number(csv, row, "loss_change"));
        assert_true(number(csv, row, "loss_change") <= number(csv, row, "loss_change_high"));
        assert_true(number(csv, row, "map_similarity") <= 1 + 1e-6);
    }
    assert_int_equal(seen, heads);
}

static int heads_of(const char *model)
{
    const struct vit_model_config *c = &vit_model_find(model)->config;
    int heads = 0;
    for (int s = 0; s < c->stages; s++)
        heads += c->depth[s] * c->heads[s];
    return heads;
}

static void test_the_study_joins_cost_and_need(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        bool own_operators;
    } cases[] = {{"swin_nano", false}, {"efficientvit_nano", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vit_csv *csv;
        program_start(&run,
                      "study join %s --data synthetic:8 --images 8 --batch 2 --repeat 2 --min-time 0 --warmup 0 "
                      "--traffic compulsory --out %s",
                      cases[i].model, program_path("join"));
        if (run.exit_code != 0)
            fail_msg("%s", run.error);
        assert_non_null(strstr(run.output, "is what costs most what matters least?"));
        assert_int_equal(access(program_path("join/correlation.csv"), R_OK), 0);
        assert_int_equal(access(program_path("join/run.json"), R_OK), 0);
        assert_ok(vit_csv_open(&csv, program_path("join/model.csv")));
        check_levels(csv);
        check_heads(csv, cases[i].own_operators, heads_of(cases[i].model));
        vit_csv_close(csv);
    }
}

static void test_mistakes_are_told(void **state)
{
    (void)state;
    program_start(&run, "study join --out %s", program_path("x"));
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "needs MODEL, or --weights FILE"));
    program_start(&run, "study join deit_nano swin_nano --out %s", program_path("x"));
    assert_non_null(strstr(run.error, "takes one model"));
    program_start(&run, "study join deit_nano --graph folded --out %s", program_path("x"));
    assert_non_null(strstr(run.error, "takes eager"));
    program_start(&run, "study join deit_nano --classes 7 --images 4 --batch 2 --out %s", program_path("x"));
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "has 10 classes, the model 7"));
    assert_int_not_equal(access(program_path("x/model.csv"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_learned_tensor_counts_to_its_module),
        cmocka_unit_test(test_scores_are_those_of_the_gradients),
        cmocka_unit_test(test_rank_correlations_are_found),
        cmocka_unit_test(test_the_study_joins_cost_and_need),
        cmocka_unit_test(test_mistakes_are_told),
    };
    return cmocka_run_group_tests_name("analysis_join", tests, program_make_folder, program_remove_folder);
}
