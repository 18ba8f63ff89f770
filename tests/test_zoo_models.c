/* SPDX-License-Identifier: MIT */
/* Every model of models.def: counts, sizes, names, variants of the graph, threads. */
#include "analysis/verification.h"
#include "model/rewrite.h"
#include "reports/csv_read.h"
#include "tests/support/model_run.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

static const struct vit_model_def *model(const char *name)
{
    const struct vit_model_def *def = vit_model_find(name);
    if (!def)
        fail_msg("%s", vit_error());
    return def;
}

static int64_t macs(struct vit_graph *graph)
{
    struct vit_plan plan;
    assert_ok(vit_plan_build(&plan, graph, (struct vit_plan_options){0}));
    int64_t sum = vit_plan_cost(&plan).macs;
    vit_plan_close(&plan);
    return sum;
}

static void test_models_build_at_their_own_size(void **state)
{
    (void)state;
    assert_true(vit_n_models >= 17);
    for (int i = 0; i < vit_n_models; i++)
        for (int v = 0; v < vit_n_graph_variants; v++) {
            const struct vit_model_def *m = &vit_models[i];
            struct vit_graph graph;
            assert_ok(vit_model_build(&graph, m,
                                      (struct vit_model_options){.batch = 2, .graph = vit_graph_variants[v].name}));
            assert_int_equal(graph.input->dim[0], 2); /* training takes more than one */
            assert_int_equal(graph.input->dim[2], m->config.img);
            assert_int_equal(graph.logits->ndim, 2);
            assert_int_equal(graph.logits->dim[1], m->config.classes);
            assert_true(macs(&graph) > 0);
            vit_graph_close(&graph);
            assert_ptr_equal(vit_model_find(m->name), m); /* no name twice */
        }
}

static int64_t whole(const struct vit_csv *csv, int64_t row, const char *name)
{
    int column;
    struct vit_cell cell;
    assert_ok(vit_csv_find(csv, name, &column));
    assert_ok(vit_csv_int(csv, row, column, &cell));
    assert_true(cell.present);
    return cell.i;
}

/* MACs are listed in millions with two decimals; parameters exactly. */
static void test_efficientvits_have_the_counts_of_the_paper(void **state)
{
    (void)state;
    static const double millions[] = {79.19, 167.05, 201.04, 262.66, 299.31, 521.58};
    struct vit_csv *csv;
    int column;
    assert_ok(vit_csv_open(&csv, "reports/paper/derived_macs_params.csv"));
    assert_ok(vit_csv_find(csv, "model", &column));
    int found = 0;
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        char name[32];
        const char *listed = vit_csv_text(csv, row, column);
        if (whole(csv, row, "input") != 224 || listed[0] != 'M' || listed[1] < '0' || listed[1] > '5' || listed[2])
            continue;
        found++;
        snprintf(name, sizeof name, "efficientvit_m%c", listed[1]);
        struct vit_graph graph;
        assert_ok(vit_model_build(&graph, model(name), (struct vit_model_options){0}));
        assert_close((double)macs(&graph) / 1e6, millions[listed[1] - '0'], 0.005);
        assert_int_equal(vit_graph_parameters(&graph), whole(csv, row, "params_unfused"));
        vit_graph_close(&graph);
        assert_ok(vit_model_build(&graph, model(name), (struct vit_model_options){.graph = "folded"}));
        assert_close((double)macs(&graph) / 1e6, millions[listed[1] - '0'], 0.005);
        assert_int_equal(vit_graph_parameters(&graph), whole(csv, row, "params_bn_fused"));
        vit_graph_close(&graph);
    }
    assert_int_equal(found, 6);
    vit_csv_close(csv);
}

/* timm's parameter counts at 224 x 224 with 1000 classes. */
static void test_other_families_have_the_published_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t params;
    } known[] = {{"deit_tiny", 5717416},       {"deit_small", 22050664},           {"deit_base", 86567656},
                 {"swin_tiny", 28288354},      {"swin_small", 49606258},           {"swin_base", 87768224},
                 {"mobilenetv2_100", 3504872}, {"mobilenetv3_large_100", 5483032}, {"mobilenetv3_small_100", 2542856},
                 {"efficientnet_b0", 5288548}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct vit_graph graph;
        assert_ok(vit_model_build(&graph, model(known[i].name), (struct vit_model_options){0}));
        assert_int_equal(vit_graph_parameters(&graph), known[i].params);
        vit_graph_close(&graph);
    }
}

static void test_models_refuse_impossible_options(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        struct vit_model_options options;
        const char *message;
    } wrong[] = {
        {"deit_tiny", {.batch = -1}, "batch -1: must be at least 1"},
        {"deit_tiny", {.classes = -5}, "classes -5: must be at least 1"},
        {"deit_tiny", {.img = -224}, "img -224"},
        {"deit_tiny", {.img = 223}, "img 223: deit_tiny takes multiples of its patch, 16 pixels"},
        {"deit_tiny", {.img = 8}, "img 8"},
        {"deit_tiny", {.img = 4112}, "img 4112: the largest is 4096"},
        {"deit_tiny", {.img = 2147483632}, "the largest is 4096"},
        {"efficientvit_m0", {.img = 100}, "img 100: efficientvit_m0 takes multiples of its patch, 16 pixels"},
        {"swin_tiny", {.img = 222}, "img 222: swin_tiny takes multiples of its patch, 4 pixels"},
        {"swin_tiny", {.img = 16}, "img 16: stage 3 of 4 has no pixels left"},
        {"swin_nano", {.img = 4}, "img 4: stage 1 of 2 has no pixels left"},
        {"deit_tiny", {.graph = "fast"}, "graph \"fast\" is unknown; there are eager, folded"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vit_graph graph;
        assert_fails(vit_model_build(&graph, model(wrong[i].model), wrong[i].options), VIT_EINVAL, wrong[i].message);
        assert_null(strchr(vit_error(), '\n'));
        assert_null(graph.op); /* nothing is left to close */
    }
}

static void test_models_refuse_unknown_names_with_a_list(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "efficientvit", "efficientvit_m6", "EfficientViT_M0", "deit_tiny "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_null(vit_model_find(wrong[i]));
        for (int k = 0; k < vit_n_models; k++)
            assert_non_null(strstr(vit_error(), vit_models[k].name));
    }
}

static void test_models_build_at_other_sizes(void **state)
{
    (void)state;
    static const int size[] = {32, 96, 160, 256, 288, 384, 512, 1024};
    static const char *const name[] = {"efficientvit_m0", "efficientvit_nano",   "deit_tiny", "deit_nano",
                                       "swin_tiny",       "deit_tiny_distilled", "swin_nano", "mobilenetv3_small_100",
                                       "efficientnet_b0"};
    for (size_t m = 0; m < sizeof name / sizeof name[0]; m++) {
        int64_t before = 0;
        for (size_t s = 0; s < sizeof size / sizeof size[0]; s++) {
            struct vit_graph graph;
            assert_ok(vit_model_build(
                &graph, model(name[m]),
                (struct vit_model_options){.img = size[s], .batch = 3, .classes = 7, .graph = "folded"}));
            assert_int_equal(graph.input->dim[0], 3);
            assert_int_equal(graph.input->dim[3], size[s]);
            assert_int_equal(graph.logits->dim[0], 3);
            assert_int_equal(graph.logits->dim[1], 7);
            int64_t now = macs(&graph);
            assert_true(now > before);
            before = now;
            vit_graph_close(&graph);
        }
    }
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void check_unique(const struct vit_graph *g, const char *what, const char **name, int n)
{
    qsort(name, (size_t)n, sizeof *name, by_text);
    for (int i = 1; i < n; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            fail_msg("%s: two %s are called %s", g->name, what, name[i]);
}

/* Operators, taps and weights, each among themselves. */
static void check_names(const struct vit_graph *g)
{
    const char **name = calloc((size_t)(g->n_op + g->n_tap + g->n_tensor), sizeof *name);
    assert_non_null(name);
    int n = 0;
    for (int i = 0; i < g->n_op; i++)
        name[i] = g->op[i]->name;
    check_unique(g, "operators", name, g->n_op);
    for (int i = 0; i < g->n_tap; i++)
        name[i] = g->tap[i].name;
    check_unique(g, "taps", name, g->n_tap);
    for (int i = 0; i < g->n_tensor; i++)
        if (!g->tensor[i]->base && g->tensor[i]->space <= VIT_SPACE_CONSTANT)
            name[n++] = g->tensor[i]->name;
    check_unique(g, "weights", name, n);
    free(name);
}

static void test_names_are_unique(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_models; i++)
        for (int v = 0; v < vit_n_graph_variants; v++) {
            struct vit_graph graph;
            assert_ok(vit_model_build(&graph, &vit_models[i],
                                      (struct vit_model_options){.batch = 2, .graph = vit_graph_variants[v].name}));
            check_names(&graph);
            vit_graph_close(&graph);
        }
}

static bool is_computed(const struct vit_graph *graph, const struct vit_tensor *tensor)
{
    return vit_owner(tensor)->space != VIT_SPACE_ACTIVATION || vit_graph_producer(graph, tensor);
}

/* Same regions and taps as before folding, each with an operator that computes it; head.bn alone goes. */
static void test_folding_keeps_regions_and_taps(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_models; i++) {
        struct vit_graph eager, folded;
        assert_ok(vit_model_build(&eager, &vit_models[i], (struct vit_model_options){0}));
        assert_ok(vit_model_build(&folded, &vit_models[i], (struct vit_model_options){.graph = "folded"}));
        bool has_attention = strcmp(vit_models[i].family->name, "mobilenet") != 0;
        assert_true((eager.n_region > 0) == has_attention && eager.n_tap > 0);
        assert_int_equal(folded.n_region, eager.n_region);
        for (int r = 0; r < folded.n_region; r++) {
            const struct vit_region *f = &folded.region[r], *e = &eager.region[r];
            assert_string_equal(f->block, e->block);
            assert_int_equal(f->site.head, e->site.head);
            assert_true(vit_same_shape(f->tensor, e->tensor));
            assert_true(is_computed(&folded, f->tensor));
        }
        int kept = 0;
        for (int t = 0; t < eager.n_tap; t++) {
            if (strcmp(eager.tap[t].name, "head.bn") == 0)
                continue;
            assert_string_equal(folded.tap[kept].name, eager.tap[t].name);
            assert_true(vit_same_shape(folded.tap[kept].tensor, eager.tap[t].tensor));
            assert_true(is_computed(&folded, folded.tap[kept].tensor));
            kept++;
        }
        assert_int_equal(folded.n_tap, kept);
        for (int k = 0; k < folded.n_op; k++)
            assert_int_not_equal(folded.op[k]->kind, VIT_OP_batch_norm);
        vit_graph_close(&eager);
        vit_graph_close(&folded);
    }
}

static void test_fixtures_agree_on_each_graph_and_thread_count(void **state)
{
    (void)state;
    static const char *const path[] = {"tests/fixtures/efficientvit_nano_s1.json", "tests/fixtures/deit_nano_s1.json",
                                       "tests/fixtures/swin_nano_s1.json",
                                       "tests/fixtures/mobilenetv3_small_100_64_s1.json"};
    for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
        struct cJSON *root;
        assert_ok(vit_fixture_open(&root, path[i]));
        for (int variant = 0; variant < 4; variant++) {
            struct vit_verification v = {
                .path = path[i], .graph = variant % 2 ? "folded" : "eager", .threads = 1 + variant / 2, .root = root};
            assert_ok(vit_verify_model(&v));
            for (int t = 0; t < v.n_tally; t++)
                if (v.tally[t].outside)
                    fail_msg("%s, %s, %d threads: %d %s outside, worst %g at %s", path[i], v.graph, v.threads,
                             v.tally[t].outside, v.tally[t].kind, v.tally[t].worst, v.tally[t].where);
            assert_true(vit_verification_tally(&v, "logits", 0)->compared > 20);
            assert_true(vit_verification_tally(&v, "taps", 0)->compared > 100);
            bool has_attention = strcmp(v.model.family->name, "mobilenet") != 0;
            assert_true((vit_verification_tally(&v, "attention", 0)->compared > 100) == has_attention);
            assert_true(vit_verification_tally(&v, "weights", 0)->compared > 100);
            assert_true(vit_verification_tally(&v, "counts", 0)->compared > 5);
        }
        vit_fixture_close(root);
    }
}

static void test_variants_and_thread_counts_agree(void **state)
{
    (void)state;
    check_model_agreement("efficientvit_nano");
    check_model_agreement("deit_nano");
    check_model_agreement("swin_nano");
    check_model_agreement("mobilenetv3_small_100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_build_at_their_own_size),
        cmocka_unit_test(test_efficientvits_have_the_counts_of_the_paper),
        cmocka_unit_test(test_other_families_have_the_published_parameters),
        cmocka_unit_test(test_models_refuse_impossible_options),
        cmocka_unit_test(test_models_refuse_unknown_names_with_a_list),
        cmocka_unit_test(test_models_build_at_other_sizes),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_folding_keeps_regions_and_taps),
        cmocka_unit_test(test_fixtures_agree_on_each_graph_and_thread_count),
        cmocka_unit_test(test_variants_and_thread_counts_agree),
    };
    return cmocka_run_group_tests_name("zoo_models", tests, NULL, NULL);
}
