/* SPDX-License-Identifier: MIT */
/* Groups of channels: zeros in the cut slices alone take a channel away, scores are those worked out by hand, and the
 * prediction is the derivative of the loss; masks leave no trace. */
#include "analysis/group_removal.h"
#include "analysis/importance.h"
#include "analysis/instance.h"
#include "model/base/rng.h"
#include "analysis/channel_importance.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 2 };
static const char *const models[] = {"deit_nano", "swin_nano", "efficientvit_nano",
                                     "deit_tiny[img=32 patch=16 depth=2 heads=2 qk_dim=4 embed_dim=16 classes=10]"};
enum { MODELS = sizeof models / sizeof models[0] };

static void open_net(struct vit_instance *net, struct vit_model_choice *choice, const char *model, bool backward)
{
    const struct vit_instance_options options = {.model = {.batch = BATCH}, .backward = backward, .seed = 1};
    assert_ok(vit_model_choose(choice, model));
    assert_ok(vit_instance_open_model(net, &choice->model, &options));
}

static struct vit_tensor make_tensor(vit_real *data, struct vit_tensor *grad, int64_t rows, int64_t columns)
{
    return (struct vit_tensor){.ndim = 2, .dim = {rows, columns}, .data = data, .grad = grad};
}

static void test_scores_by_hand(void **state)
{
    (void)state;
    vit_real w[] = {1, 2, 3, 4, 5, 6}, g[] = {1, -1, 0, 2, 1, -1};
    struct vit_tensor grad = make_tensor(g, NULL, 2, 3), weight = make_tensor(w, &grad, 2, 3);
    const struct vit_channel_slice row = {.weight = &weight, .axis = 0, .start = 1, .length = 1};
    const struct vit_channel_slice columns = {.weight = &weight, .axis = 1, .start = 1, .length = 2};
    struct vit_taylor_terms t = vit_taylor_terms(&row, 1); /* products 8, 5, -6 */
    assert_true(t.product == 7 && t.square == 125 && t.absolute == 19 && t.weight_square == 77);
    assert_true(vit_taylor_score(VIT_CRITERION_MOLCHANOV, &t) == 125);
    assert_true(vit_taylor_score(VIT_CRITERION_SQUARED_SUM, &t) == 49);
    assert_true(vit_taylor_score(VIT_CRITERION_ABSOLUTE_SUM, &t) == 7);
    assert_true(vit_taylor_score(VIT_CRITERION_SUM_ABSOLUTE, &t) == 19);
    assert_close(vit_taylor_score(VIT_CRITERION_MAGNITUDE, &t), sqrt(77), 1e-12);
    t = vit_taylor_terms(&columns, 1); /* -2, 0, 5, -6 */
    assert_true(t.product == -3 && t.square == 65 && t.absolute == 13 && t.weight_square == 4 + 9 + 25 + 36);
    weight.grad = NULL;
    t = vit_taylor_terms((const struct vit_channel_slice[]){row, columns}, 2);
    assert_true(t.product == 0 && t.weight_square == 77 + 74);
}

static void test_momentum(void **state)
{
    (void)state;
    vit_real w[] = {1, 1}, g[] = {3, 0};
    struct vit_tensor grad = make_tensor(g, NULL, 1, 2), weight = make_tensor(w, &grad, 1, 2);
    struct vit_channel_slice slice = {.weight = &weight, .axis = 1, .start = 0, .length = 1, .cut = true};
    struct vit_channel_group group = {.first = 0, .n = 1};
    const struct vit_channel_groups groups = {.group = &group, .n = 1, .slice = &slice, .n_slice = 1};
    struct vit_importance mean, moving;
    assert_ok(vit_importance_open(&mean, &groups, 0, 1));
    assert_ok(vit_importance_open(&moving, &groups, 0.9, 1));
    for (int batch = 0; batch < 2; batch++) {
        vit_importance_add(&mean);
        vit_importance_add(&moving);
        g[0] = 1;
    }
    assert_close(vit_importance_score(&mean, 0, VIT_CRITERION_MOLCHANOV), 5, 1e-12);     /* (9 + 1) / 2 */
    assert_close(vit_importance_score(&moving, 0, VIT_CRITERION_MOLCHANOV), 8.2, 1e-12); /* 9 + 0.1 (1 - 9) */
    assert_close(mean.predicted[0], -2, 1e-12);
    assert_close(moving.predicted[0], -2, 1e-12);
    const double random = vit_importance_score(&mean, 0, VIT_CRITERION_RANDOM);
    assert_true(random >= 0 && random < 1 && random == vit_importance_score(&moving, 0, VIT_CRITERION_RANDOM));
    vit_importance_close(&mean);
    vit_importance_close(&moving);
}

/* Noise into the slices of a group that are not its cut. */
static void disturb(const struct vit_channel_groups *groups, int group)
{
    const struct vit_channel_group *g = &groups->group[group];
    struct vit_rng rng = vit_rng_at(9, VIT_RNG_STUDY, (uint64_t)group);
    for (int i = g->first; i < g->first + g->n; i++) {
        const struct vit_slice_walk w = vit_slice_walk(&groups->slice[i]);
        for (int64_t k = 0; k < w.outer * w.run && !groups->slice[i].cut; k++)
            groups->slice[i].weight->data[w.offset + k / w.run * w.step + k % w.run] += (vit_real)vit_rng_normal(&rng);
    }
}

/* Nothing else of the group can be seen once its cut is zero: the channel is gone. (Norms of an embedding still see
 * what is written to it.) */
static void test_a_cut_takes_the_channel_away(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        struct vit_instance net;
        struct vit_model_choice choice;
        struct vit_channel_groups groups;
        open_net(&net, &choice, models[m], false);
        assert_ok(vit_channel_groups_find(&groups, &net.graph));
        const size_t bytes = vit_nbytes(net.graph.logits);
        vit_real *whole = malloc(bytes), *cut = malloc(bytes), *kept = calloc(100000, sizeof *kept);
        assert_true(whole && cut && kept);
        vit_exec_run(&net.exec);
        memcpy(whole, net.graph.logits->data, bytes);
        int seen[VIT_N_GROUP_KINDS] = {0}, changed = 0, masked = 0;
        for (int i = 0; i < groups.n; i += 7) {
            if (groups.group[i].kind == VIT_GROUP_EMBED)
                continue;
            assert_true(vit_channel_group_elements(&groups, i) < 100000);
            vit_channel_group_mask(&groups, i, kept);
            vit_exec_run(&net.exec);
            memcpy(cut, net.graph.logits->data, bytes);
            changed += memcmp(cut, whole, bytes) != 0;
            masked++;
            disturb(&groups, i);
            vit_exec_run(&net.exec);
            if (memcmp(cut, net.graph.logits->data, bytes) != 0)
                fail_msg("%s: %s channel %d of %s is still seen", models[m], vit_group_kind_name(groups.group[i].kind),
                         (int)groups.group[i].channel, groups.group[i].module);
            vit_channel_group_restore(&groups, i, kept);
            vit_exec_run(&net.exec); /* disturbed from now on */
            memcpy(whole, net.graph.logits->data, bytes);
            seen[groups.group[i].kind]++;
        }
        assert_true(changed > 0.8 * masked); /* a ReLU may be closed for all that this input has */
        assert_true(seen[VIT_GROUP_QK] && seen[VIT_GROUP_V] && seen[VIT_GROUP_FFN]);
        free(whole);
        free(cut);
        free(kept);
        vit_channel_groups_close(&groups);
        vit_instance_close(&net);
    }
}

/* Every parameter of a network of layer norms belongs to something that can be removed, but for biases of the head and
 * tables of positions. */
static void test_groups_are_complete(void **state)
{
    (void)state;
    struct vit_instance net;
    struct vit_model_choice choice;
    struct vit_channel_groups groups;
    open_net(&net, &choice, "swin_nano", false);
    assert_ok(vit_channel_groups_find(&groups, &net.graph));
    int embed = 0, heads = 0;
    for (int t = 0; t < net.graph.n_tensor; t++) {
        const struct vit_tensor *tensor = net.graph.tensor[t];
        bool found = tensor->space != VIT_SPACE_PARAM || tensor->base || strcmp(tensor->name, "head.fc.bias") == 0 ||
                     strstr(tensor->name, "relative_position_bias_table");
        for (int i = 0; i < groups.n_slice && !found; i++)
            found = groups.slice[i].weight == tensor;
        if (!found)
            fail_msg("%s is in no group", tensor->name);
    }
    for (int i = 0; i < groups.n; i++) {
        embed += groups.group[i].kind == VIT_GROUP_EMBED;
        heads += groups.group[i].kind == VIT_GROUP_HEAD;
    }
    const struct vit_model_config *c = &choice.model.config;
    int want_embed = 0, want_heads = 0;
    for (int s = 0; s < c->stages; s++) {
        want_embed += c->embed_dim[s];
        want_heads += c->depth[s] * c->heads[s];
    }
    assert_int_equal(embed, want_embed);
    assert_int_equal(heads, want_heads);
    vit_channel_groups_close(&groups);
    vit_instance_close(&net);
}

/* Cut slices times 1 + amount. */
static void scale_cut(const struct vit_channel_groups *groups, int group, double amount)
{
    const struct vit_channel_group *g = &groups->group[group];
    for (int i = g->first; i < g->first + g->n; i++) {
        const struct vit_slice_walk w = vit_slice_walk(&groups->slice[i]);
        for (int64_t k = 0; k < w.outer * w.run && groups->slice[i].cut; k++) {
            vit_real *at = &groups->slice[i].weight->data[w.offset + k / w.run * w.step + k % w.run];
            *at = (vit_real)((double)*at * (1 + amount));
        }
    }
}

/* Central differences of the loss along the cut. Float losses are good to 1e-7, over steps of 2 %, on the way of which
 * ReLUs open and close. */
static void test_predictions_are_derivatives(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        const bool exact = sizeof(vit_real) == sizeof(double);
        const double step = exact ? 1e-6 : 0.01;
        const double tolerance = exact ? 1e-4 : strstr(models[m], "efficientvit") ? 0.1 : 0.01;
        struct vit_instance net;
        struct vit_model_choice choice;
        struct vit_channel_groups groups;
        struct vit_importance importance;
        open_net(&net, &choice, models[m], true);
        assert_ok(vit_channel_groups_find(&groups, &net.graph));
        assert_ok(vit_importance_open(&importance, &groups, 0, 1));
        vit_exec_run(&net.exec);
        vit_importance_add(&importance);
        vit_real *kept = calloc(100000, sizeof *kept);
        assert_non_null(kept);
        for (int i = 0; i < groups.n; i += 1 + groups.n / 40) {
            vit_real loss[2];
            for (int side = 0; side < 2; side++) {
                vit_channel_group_mask(&groups, i, kept);
                vit_channel_group_restore(&groups, i, kept);
                scale_cut(&groups, i, side ? step : -step);
                vit_exec_run(&net.exec);
                loss[side] = net.graph.loss->data[0];
                vit_channel_group_restore(&groups, i, kept);
            }
            const double slope = ((double)loss[0] - (double)loss[1]) / (2 * step);
            if (!(fabs(importance.predicted[i] - slope) <= (exact ? 1e-8 : 1e-4) + tolerance * fabs(slope)))
                fail_msg("%s: group %d (%s of %s): predicted %g, slope %g", models[m], i,
                         vit_group_kind_name(groups.group[i].kind), groups.group[i].module, importance.predicted[i],
                         slope);
        }
        free(kept);
        vit_importance_close(&importance);
        vit_channel_groups_close(&groups);
        vit_instance_close(&net);
    }
}

static void test_removal_measures_what_masks_do(void **state)
{
    (void)state;
    static const int label[] = {1, 0};
    struct vit_instance net;
    struct vit_model_choice choice;
    struct vit_channel_groups groups;
    struct vit_group_removal removal, again;
    open_net(&net, &choice, "deit_nano", false);
    assert_ok(vit_channel_groups_find(&groups, &net.graph));
    assert_ok(vit_group_removal_open(&removal, &groups, 3, 1));
    assert_ok(vit_group_removal_open(&again, &groups, 3, 1));
    assert_int_equal(removal.n, 3 * VIT_N_GROUP_KINDS);
    assert_memory_equal(removal.group, again.group, sizeof(int) * 3 * VIT_N_GROUP_KINDS);
    vit_group_removal_add(&removal, &net.exec, 2, label);
    vit_group_removal_add(&again, &net.exec, 2, label); /* nothing stays masked */
    assert_memory_equal(removal.loss, again.loss, sizeof(double) * (3 * VIT_N_GROUP_KINDS + 1));
    int changed = 0;
    for (int i = 0; i < removal.n; i++)
        changed += fabs(vit_group_removal_change(&removal, i)) > 1e-6;
    assert_true(changed > removal.n / 2);
    vit_group_removal_close(&removal);
    vit_group_removal_close(&again);
    vit_channel_groups_close(&groups);
    vit_instance_close(&net);
}

static void test_folded_graphs_are_refused(void **state)
{
    (void)state;
    struct vit_graph graph;
    struct vit_channel_groups groups;
    assert_ok(
        vit_model_build(&graph, vit_model_find("efficientvit_nano"), (struct vit_model_options){.graph = "folded"}));
    assert_fails(vit_channel_groups_find(&groups, &graph), VIT_ENOTSUP, "build its eager graph");
    vit_graph_close(&graph);
}

static void test_a_ranking_removes_what_scores_least(void **state)
{
    (void)state;
    vit_real w[4] = {0};
    struct vit_tensor weight = make_tensor(w, NULL, 4, 1);
    struct vit_channel_slice slice[4];
    struct vit_channel_group group[4];
    for (int i = 0; i < 4; i++) {
        slice[i] = (struct vit_channel_slice){.weight = &weight, .start = i, .length = 1};
        group[i] = (struct vit_channel_group){.kind = i ? VIT_GROUP_V : VIT_GROUP_HEAD, .first = i, .n = 1};
    }
    const struct vit_channel_groups groups = {.group = group, .n = 4, .slice = slice, .n_slice = 4};
    struct vit_importance importance;
    bool kept[4];
    assert_ok(vit_importance_open(&importance, &groups, 0, 1));
    const double score[] = {0, 3, 1, 2}; /* the head is not ranked */
    for (int i = 0; i < 4; i++)
        importance.score[i * VIT_N_CRITERIA + VIT_CRITERION_MOLCHANOV] = score[i];
    assert_ok(vit_channel_ranking_keep(&importance, VIT_CRITERION_MOLCHANOV, 0.5, kept)); /* of 3: 2 */
    assert_true(kept[0] && kept[1] && !kept[2] && !kept[3]);
    assert_ok(vit_channel_ranking_keep(&importance, VIT_CRITERION_MOLCHANOV, 0, kept));
    assert_true(kept[2]);
    vit_importance_close(&importance);
}

static struct program_run run;

static void test_the_study_writes_all_its_files(void **state)
{
    (void)state;
    static const char *const files[] = {"blocks.csv", "scores.csv", "check.csv", "correlation.csv", "run.json"};
    program_start(&run, "study importance swin_nano --data synthetic:8 --images 5 --batch 2 --out %s",
                  program_path("study"));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    assert_non_null(strstr(run.output, "4 of 8 images of synthetic:8")); /* whole batches */
    assert_non_null(strstr(run.output, "paper"));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "study/%s", files[i]);
        assert_int_equal(access(program_path(name), R_OK), 0);
    }
    program_start(&run, "study importance swin_nano --classes 7 --images 4 --batch 2 --out %s", program_path("x"));
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "has 10 classes, the model 7"));
    program_start(&run, "study importance --images 4 --out %s", program_path("x"));
    assert_non_null(strstr(run.error, "needs MODEL, or --weights FILE"));
    assert_int_not_equal(access(program_path("x/blocks.csv"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_by_hand),
        cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_a_cut_takes_the_channel_away),
        cmocka_unit_test(test_groups_are_complete),
        cmocka_unit_test(test_predictions_are_derivatives),
        cmocka_unit_test(test_removal_measures_what_masks_do),
        cmocka_unit_test(test_folded_graphs_are_refused),
        cmocka_unit_test(test_a_ranking_removes_what_scores_least),
        cmocka_unit_test(test_the_study_writes_all_its_files),
    };
    return cmocka_run_group_tests_name("analysis_importance", tests, program_make_folder, program_remove_folder);
}
