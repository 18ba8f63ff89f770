/* SPDX-License-Identifier: MIT */
/* Pruned networks: a narrower network computes what the masked one does, tells its own widths, and keeps one of
 * everything. */
#include "analysis/channel_removal.h"
#include "analysis/instance.h"
#include "analysis/prune.h"
#include "analysis/prune_paper.h"
#include "analysis/prune_units.h"
#include "model/base/rng.h"
#include "model/zoo/block_layout.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdlib.h>

enum { BATCH = 2, LARGEST = 1 << 20 };

static void open_net(struct vit_instance *net, const struct vit_model_def *model)
{
    const struct vit_instance_options options = {.model = {.batch = BATCH}, .seed = 1};
    assert_ok(vit_instance_open_model(net, model, &options));
}

/* The whole network with a random ranking, and what its first units take away. */
struct removal {
    struct vit_model_choice choice;
    struct vit_instance whole, narrow;
    struct vit_model_def model; /* of narrow */
    struct vit_channel_groups groups;
    struct vit_prune_units units;
    bool *removed;
};

static void open_removal(struct removal *r, const char *model, unsigned kinds)
{
    struct vit_rng rng = vit_rng_at(3, VIT_RNG_STUDY, kinds);
    assert_ok(vit_model_choose(&r->choice, model));
    open_net(&r->whole, &r->choice.model);
    assert_ok(vit_channel_groups_find(&r->groups, &r->whole.graph));
    double *score = calloc((size_t)r->groups.n, sizeof *score);
    r->removed = calloc((size_t)r->groups.n, sizeof *r->removed);
    assert_true(score && r->removed);
    for (int i = 0; i < r->groups.n; i++)
        score[i] = vit_rng_uniform(&rng);
    assert_ok(vit_prune_units_open(&r->units, &r->groups, score, kinds));
    vit_prune_units_sort(&r->units);
    free(score);
}

static void remove_units(struct removal *r, int n)
{
    vit_prune_units_mark(&r->units, n, &r->groups, r->removed);
    r->model = r->choice.model;
    assert_ok(vit_channel_removal_config(&r->model.config, &r->choice.model, &r->groups, r->removed));
    open_net(&r->narrow, &r->model);
    assert_ok(vit_channel_removal_weights(&r->narrow.graph, &r->whole.graph, &r->groups, r->removed));
    vit_exec_prepare(&r->narrow.exec);
}

static void close_removal(struct removal *r)
{
    vit_instance_close(&r->narrow);
    vit_instance_close(&r->whole);
    vit_prune_units_close(&r->units);
    vit_channel_groups_close(&r->groups);
    free(r->removed);
}

static void mask_removed(struct removal *r)
{
    vit_real *kept = calloc(LARGEST, sizeof *kept);
    assert_non_null(kept);
    for (int i = 0; i < r->groups.n; i++)
        if (r->removed[i]) {
            assert_true(vit_channel_group_elements(&r->groups, i) <= LARGEST);
            vit_channel_group_mask(&r->groups, i, kept);
        }
    free(kept);
    vit_exec_prepare(&r->whole.exec);
}

/* Largest difference of logits, by the largest logit. */
static double difference(struct removal *r)
{
    vit_exec_run(&r->whole.exec);
    vit_exec_run(&r->narrow.exec);
    double most = 0, largest = 0;
    for (int64_t i = 0; i < vit_numel(r->whole.graph.logits); i++) {
        const double a = (double)r->whole.graph.logits->data[i], b = (double)r->narrow.graph.logits->data[i];
        assert_true(isfinite(a) && isfinite(b));
        most = fmax(most, fabs(a - b));
        largest = fmax(largest, fabs(a));
    }
    return most / largest;
}

#define KIND(kind) (1U << VIT_GROUP_##kind)

static const struct {
    const char *model;
    unsigned kinds;
} cases[] = {
    {"deit_nano", KIND(QK)},
    {"deit_nano", KIND(V)},
    {"deit_nano", KIND(FFN)},
    {"deit_nano", KIND(HEAD)},
    {"deit_nano", KIND(QK) | KIND(V) | KIND(FFN) | KIND(HEAD)},
    {"swin_nano", KIND(QK)},
    {"swin_nano", KIND(V)},
    {"swin_nano", KIND(FFN)},
    {"swin_nano", KIND(HEAD)},
    {"swin_nano", KIND(QK) | KIND(V) | KIND(FFN) | KIND(HEAD)},
    {"swin_nano[head_split=on]", KIND(QK) | KIND(V) | KIND(FFN)},
    {"deit_nano[layers=AAFF norm=bn ffn_dim.1=20]", KIND(QK) | KIND(V) | KIND(FFN) | KIND(HEAD)},
    {"efficientvit_nano", KIND(QK)},
    {"efficientvit_nano", KIND(FFN)},
    {"efficientvit_nano", KIND(QK) | KIND(FFN)},
    {"efficientvit_nano[query_conv=off cascade=off]", KIND(QK) | KIND(V) | KIND(FFN)},
    {"efficientvit_nano[mixer=mhsa sandwich=2]", KIND(QK) | KIND(V) | KIND(FFN)},
};

/* Sums over fewer terms round otherwise: logits of about 1 in float, through a few layers. */
static const double rounding = sizeof(vit_real) == sizeof(double) ? 1e-12 : 2e-5;

static void test_narrower_is_masked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct removal r;
        open_removal(&r, cases[i].model, cases[i].kinds);
        for (int k = 0; k < VIT_N_GROUP_KINDS; k++)
            if (cases[i].kinds & 1U << k)
                assert_ok(vit_channel_kind_removable(&r.choice.model, (enum vit_group_kind)k));
        remove_units(&r, 2 * r.units.n / 5);
        assert_true(vit_graph_parameters(&r.narrow.graph) < vit_graph_parameters(&r.whole.graph));
        assert_true(difference(&r) > 1e-3); /* what goes counts */
        mask_removed(&r);
        const double stray = difference(&r);
        if (!(stray <= rounding))
            fail_msg("%s, kinds %#x: logits stray by %g", cases[i].model, cases[i].kinds, stray);
        close_removal(&r);
    }
}

/* All units together leave one of everything. */
static void test_one_is_kept(void **state)
{
    (void)state;
    struct removal r;
    open_removal(&r, "swin_nano", KIND(QK) | KIND(V) | KIND(FFN) | KIND(HEAD) | KIND(EMBED));
    remove_units(&r, r.units.n);
    for (int b = 0; b < 4; b++) {
        const struct vit_block_place place = {.stage = b / 2, .block = b, .width = 1};
        const struct vit_head_widths w = vit_layout_heads(&r.model.config, place);
        assert_true(w.heads == 1 && w.v == 1 && w.qk == 1);
        assert_true(vit_layout_hidden(&r.model.config, place, 0) == 1);
    }
    assert_true(r.model.config.embed_dim[0] == 1 && r.model.config.embed_dim[1] == 1);
    assert_true(isfinite(difference(&r)));
    close_removal(&r);
}

/* Norms do not see embedding channels that are gone: a channel that is everywhere the mean of the others' is one that
 * they do not miss. Here all channels of a stage have the same twin, one of each pair goes. */
static void test_twins_of_an_embedding_are_not_missed(void **state)
{
    (void)state;
    struct removal r;
    open_removal(&r, "swin_nano", KIND(EMBED));
    memset(r.removed, false, (size_t)r.groups.n * sizeof *r.removed);
    for (int i = 0; i < r.groups.n; i++) { /* channel 2 k + 1 becomes a copy of 2 k for those that write and read it */
        const struct vit_channel_group *g = &r.groups.group[i], *twin = g - 1;
        if (g->kind != VIT_GROUP_EMBED || g->channel % 2 == 0)
            continue;
        r.removed[i] = true;
        for (int s = 0; s < g->n; s++) {
            const struct vit_channel_slice *to = &r.groups.slice[g->first + s],
                                           *from = &r.groups.slice[twin->first + s];
            const struct vit_slice_walk w = vit_slice_walk(to), v = vit_slice_walk(from);
            assert_true(to->weight == from->weight && to->axis == from->axis);
            const bool reads = to->axis == to->weight->ndim - 1 && to->weight->ndim == 2;
            for (int64_t k = 0; k < w.outer * w.run; k++) {
                vit_real *a = to->weight->data + w.offset + k / w.run * w.step + k % w.run;
                vit_real *b = from->weight->data + v.offset + k / v.run * v.step + k % v.run;
                *a = reads ? 0 : *b; /* all is read from one of the two */
            }
        }
    }
    r.model = r.choice.model;
    assert_ok(vit_channel_removal_config(&r.model.config, &r.choice.model, &r.groups, r.removed));
    assert_true(r.model.config.embed_dim[0] == 12 && r.model.config.embed_dim[1] == 24);
    open_net(&r.narrow, &r.model);
    assert_ok(vit_channel_removal_weights(&r.narrow.graph, &r.whole.graph, &r.groups, r.removed));
    vit_exec_prepare(&r.whole.exec);
    vit_exec_prepare(&r.narrow.exec);
    assert_true(difference(&r) <= rounding);
    close_removal(&r);
}

static void test_saved_networks_tell_their_widths(void **state)
{
    (void)state;
    struct removal r;
    struct vit_instance again;
    const char *path = program_path("narrow.safetensors");
    open_removal(&r, "efficientvit_nano", KIND(QK) | KIND(FFN));
    remove_units(&r, r.units.n / 2);
    assert_ok(vit_weights_save(&r.narrow.graph, path, NULL));
    assert_ok(vit_instance_open(&again, path, &(struct vit_instance_options){.model = {.batch = BATCH}, .seed = 1}));
    vit_exec_run(&r.narrow.exec);
    vit_exec_run(&again.exec);
    assert_memory_equal(again.graph.logits->data, r.narrow.graph.logits->data, vit_nbytes(again.graph.logits));
    vit_instance_close(&again);
    close_removal(&r);
}

static void test_what_cannot_go_is_told(void **state)
{
    (void)state;
    struct removal r;
    assert_fails(vit_channel_kind_removable(vit_model_find("efficientvit_nano"), VIT_GROUP_V), VIT_ENOTSUP, "cascade");
    assert_fails(vit_channel_kind_removable(vit_model_find("efficientvit_nano"), VIT_GROUP_HEAD), VIT_ENOTSUP,
                 "layers of their own");
    open_removal(&r, "deit_nano", KIND(QK));
    struct vit_model_config config = r.choice.model.config;
    r.removed[0] = true; /* of one head alone */
    assert_fails(vit_channel_removal_config(&config, &r.choice.model, &r.groups, r.removed), VIT_EINVAL,
                 "one head would lose 1 qk channels, another 0");
    for (int i = 0; i < r.groups.n; i++)
        r.removed[i] = r.groups.group[i].kind == VIT_GROUP_FFN;
    assert_fails(vit_channel_removal_config(&config, &r.choice.model, &r.groups, r.removed), VIT_EINVAL,
                 "nothing would be left");
    assert_memory_equal(&config, &r.choice.model.config, sizeof config);
    remove_units(&r, 0);
    assert_true(difference(&r) == 0);
    close_removal(&r);
}

/* The budget is that of the whole network, and what grew is what the ranking kept. */
static void test_reallocation_keeps_the_budget(void **state)
{
    (void)state;
    static const char *const models[] = {"deit_nano", "efficientvit_nano"};
    for (int m = 0; m < 2; m++) {
        struct removal r;
        struct vit_model_choice grown;
        struct vit_prune_size whole, size;
        open_removal(&r, models[m], KIND(FFN));
        remove_units(&r, r.units.n / 2);
        for (int resource = VIT_PRUNE_PARAMS; resource <= VIT_PRUNE_MACS; resource++) {
            assert_ok(vit_prune_reallocate(&grown, &r.choice.model, &r.model, (enum vit_prune_resource)resource));
            assert_ok(vit_prune_measure_size(&r.choice.model, &whole));
            assert_ok(vit_prune_measure_size(&grown.model, &size));
            const double share = resource == VIT_PRUNE_PARAMS ? (double)size.params / (double)whole.params
                                                              : (double)size.macs / (double)whole.macs;
            assert_true(share <= 1 && share > 0.97); /* a channel more of everything is 2 % of so small a network */
            const struct vit_prune_widths was = vit_prune_block_widths(&r.model.config, 0),
                                          now = vit_prune_block_widths(&grown.model.config, 0);
            assert_true(now.qk > was.qk && now.ffn > was.ffn && now.embed == was.embed);
        }
        close_removal(&r);
    }
}

/* Widths of all heads together are at most half a channel a head from what the figure has. */
static void test_the_papers_widths_make_a_network(void **state)
{
    (void)state;
    static struct vit_model_choice choice;
    struct vit_prune_paper_block paper[VIT_PRUNE_PAPER_BLOCKS];
    struct vit_prune_size whole, left;
    assert_ok(vit_prune_read_paper(paper));
    assert_ok(vit_prune_paper_network(&choice));
    assert_int_equal(vit_prune_blocks(&choice.model.config), VIT_PRUNE_PAPER_BLOCKS);
    for (int b = 0; b < VIT_PRUNE_PAPER_BLOCKS; b++) {
        const struct vit_prune_widths w = vit_prune_block_widths(&choice.model.config, b);
        const double embed = (double)w.embed, half = 0.5 * (double)w.heads / embed + 1e-9;
        assert_close((double)w.qk / embed, paper[b].after[VIT_GROUP_QK], half);
        assert_close((double)w.v / embed, paper[b].after[VIT_GROUP_V], half);
        assert_close(w.ffn / embed, paper[b].after[VIT_GROUP_FFN], 0.5 / embed + 1e-9);
        assert_close(paper[b].before[VIT_GROUP_FFN], 4, 0);
        assert_true(paper[b].error > 0);
    }
    /* By hand, of weights in blocks: 2 C^2 (qk + v + ffn) each, 50.5 % of what they were; MACs 66 % to 68 %. */
    assert_ok(vit_prune_measure_size(vit_model_find("swin_tiny"), &whole));
    assert_ok(vit_prune_measure_size(&choice.model, &left));
    assert_close((double)(whole.params - left.params) / 1e6, 12.8, 0.1);
    assert_close((double)left.macs / (double)whole.macs, 0.67, 0.01);
}

static struct program_run run;
static const char short_run[] = "--data synthetic:32 --val synthetic:20 --batch 4 --batches 2 --rounds 6 --threads 1 "
                                "--warmup 0 --min-time 0 --repeat 1";

static const char *write_weights(const char *model, const char *name)
{
    struct vit_instance net;
    struct vit_model_choice choice;
    assert_ok(vit_model_choose(&choice, model));
    open_net(&net, &choice.model);
    assert_ok(vit_weights_save(&net.graph, program_path(name), NULL));
    vit_instance_close(&net);
    return program_path(name);
}

static void assert_same_file(const char *left, const char *right)
{
    char command[1000];
    snprintf(command, sizeof command, "cmp %s %s", program_path(left), program_path(right));
    assert_int_equal(system(command), 0);
}

static void test_the_command_goes_on_after_kills(void **state)
{
    (void)state;
    char arguments[2000], command[4000];
    const char *weights = write_weights("swin_nano", "whole.safetensors");
    snprintf(arguments, sizeof arguments, "prune --weights %s --to macs=0.6 --per macs --momentum 0.5 %s", weights,
             short_run);
    program_start(&run, "%s --out %s", arguments, program_path("unbroken"));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    assert_non_null(strstr(run.output, "macs=0.6 in 6 rounds"));
    int status = 1;
    for (double limit = 0.05; status != 0 && limit < 60; limit *= 1.5) {
        snprintf(command, sizeof command, "timeout -s KILL %g %s %s --out %s >/dev/null 2>&1", limit, program_binary(),
                 arguments, program_path("broken"));
        status = system(command);
    }
    assert_int_equal(status, 0);
    assert_same_file("unbroken/pruned.safetensors", "broken/pruned.safetensors");
    assert_same_file("unbroken/rounds.csv", "broken/rounds.csv");
    assert_same_file("unbroken/widths.csv", "broken/widths.csv");
    program_start(&run, "%s --seed 2 --out %s", arguments, program_path("broken"));
    assert_non_null(strstr(run.error, "holds a run with --seed"));
    program_start(&run, "eval --weights %s --data synthetic:20 --format csv",
                  program_path("broken/pruned.safetensors"));
    assert_int_equal(run.exit_code, 0);
}

/* Channels that scores leave, of query and key. */
static int64_t left_qk(const char *weights, const char *per)
{
    struct vit_csv *csv;
    struct vit_cell cell;
    char path[64];
    int column;
    int64_t sum = 0;
    snprintf(path, sizeof path, "%s/widths.csv", per);
    program_start(&run,
                  "prune --weights %s --to macs=0.7 --kinds qk,ffn --criterion random --per %s %s --rounds 1 --out %s",
                  weights, per, short_run, program_path(per));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    assert_ok(vit_csv_open(&csv, program_path(path)));
    assert_ok(vit_csv_find(csv, "qk_after", &column));
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        assert_ok(vit_csv_int(csv, row, column, &cell));
        sum += cell.i;
    }
    vit_csv_close(csv);
    return sum;
}

/* Random scores: a query channel of all heads is a sum of several, and stays for it where sums are compared. */
static void test_what_goes_at_once_can_count_as_one_channel(void **state)
{
    (void)state;
    const char *weights = write_weights("deit_nano", "d.safetensors");
    assert_true(left_qk(weights, "none") > left_qk(weights, "channels"));
}

static void test_pruned_networks_learn_on(void **state)
{
    (void)state;
    const char *weights = write_weights("efficientvit_nano[img=32]", "vit.safetensors");
    program_start(&run,
                  "prune --weights %s --to params=0.9 %s --rounds 1 --finetune-epochs 1 --reallocate --epochs 1 "
                  "--format csv --out %s",
                  weights, short_run, program_path("learned"));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    assert_non_null(strstr(run.output, "finetuned"));
    program_start(&run, "weights list %s", program_path("learned/finetune/final.safetensors"));
    assert_int_equal(run.exit_code, 0);
    program_start(&run, "models %s --format csv", program_path("learned/reallocated/final.safetensors"));
    assert_int_equal(run.exit_code, 0);
}

static void test_wrong_requests_are_told(void **state)
{
    (void)state;
    const char *weights = write_weights("efficientvit_nano[img=32]", "w.safetensors");
    static const char *const wrong[][2] = {
        {"--to params=2", "takes params=X, macs=X or latency=X"},
        {"", "needs --to"},
        {"--to params=0.5 --kinds qk,v", "cascade"},
        {"--to params=0.5 --kinds qk,nose", "\"nose\" is none of"},
        {"--to params=0.5 --criterion guess", "there are molchanov"},
        {"--to params=0.5 --per watt", "there are none, channels, params, macs"},
        {"--to params=0.001", "with one left of everything that may go"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        program_start(&run, "prune --weights %s %s %s --out %s", weights, short_run, wrong[i][0],
                      program_path("wrong"));
        assert_int_equal(run.exit_code, 2);
        if (!strstr(run.error, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], run.error);
    }
    program_start(&run, "prune deit_nano --to params=0.5 --out %s", program_path("wrong"));
    assert_non_null(strstr(run.error, "needs --weights FILE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narrower_is_masked),
        cmocka_unit_test(test_one_is_kept),
        cmocka_unit_test(test_twins_of_an_embedding_are_not_missed),
        cmocka_unit_test(test_saved_networks_tell_their_widths),
        cmocka_unit_test(test_what_cannot_go_is_told),
        cmocka_unit_test(test_reallocation_keeps_the_budget),
        cmocka_unit_test(test_the_papers_widths_make_a_network),
        cmocka_unit_test(test_what_goes_at_once_can_count_as_one_channel),
        cmocka_unit_test(test_the_command_goes_on_after_kills),
        cmocka_unit_test(test_pruned_networks_learn_on),
        cmocka_unit_test(test_wrong_requests_are_told),
    };
    return cmocka_run_group_tests_name("analysis_prune", tests, program_make_folder, program_remove_folder);
}
