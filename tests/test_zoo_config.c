/* SPDX-License-Identifier: MIT */
/* test_zoo_config.c - settings as text, what cannot exist, and the variants of the paper's table 6 and figure 7 and
 * pruned blocks, counted by formulas of their own and run. */
#include "analysis/instance.h"
#include "model/noise.h"
#include "model/zoo/block_layout.h"
#include "tests/support/model_run.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdlib.h>

static struct vit_model_config config_of(const char *spec)
{
    struct vit_model_choice choice;
    assert_ok(vit_model_choose(&choice, spec));
    return choice.model.config;
}

static void test_texts_give_the_same_configuration_again(void **state)
{
    (void)state;
    static const char *const spec[] = {
        "efficientvit_m4[ffn_ratio=2.1,0.3,2 qk_dim=v v_ratio=0.4 kernels=3 drop_path=0.1 merge_ffn_dim.1=30,40]",
        "efficientvit_m0[stages=2 sandwich=2 ffn_dim.0=10,20,30,40 heads.1=2 norm=ln act=silu distilled=on]",
        "deit_tiny[layers=AFFAFF depth=3 head_split=on pool=mean ffn_dim.1=300,200 qk_dim.0=20]",
        "swin_tiny[stages=3 embed_dim=96 mhsa_share=0.2 drop=0.1 window=8,4,2]",
    };
    for (int i = 0; i < vit_n_models + 4; i++) {
        struct vit_model_choice choice;
        assert_ok(vit_model_choose(&choice, i < 4 ? spec[i] : vit_models[i - 4].name));
        const char *family = choice.model.family->name;
        for (int from = 0; from < vit_n_models; from++) {
            struct vit_model_config again = vit_models[from].config;
            if (vit_models[from].family != choice.model.family)
                continue;
            char *text = vit_config_text(&choice.model.config, family);
            assert_ok(vit_config_set(&again, family, text));
            char *same = vit_config_text(&again, family);
            assert_string_equal(text, same);
            free(text);
            free(same);
        }
    }
}

static void test_labels_tell_what_differs(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *change, *label;
    } known[] = {
        {"deit_tiny", NULL, "deit_tiny"},
        {"deit_tiny[]", "depth=12", "deit_tiny"},
        {"deit_tiny", "heads=4 depth=6", "deit_tiny[depth=6 heads=4]"},
        {"deit_tiny[depth=6]", "depth=5 classes=10 img=384", "deit_tiny[depth=5]"},
        {"swin_tiny[depth=2]", "ffn_dim.3=9", "swin_tiny[depth=2 ffn_dim.3=9]"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct vit_model_choice choice;
        assert_ok(vit_model_choose(&choice, known[i].spec));
        assert_ok(vit_model_change(&choice, known[i].change));
        assert_string_equal(choice.model.name, known[i].label);
        assert_true(!choice.model.timm == !!strchr(known[i].label, '['));
    }
    struct vit_model_choice one, other;
    char text[1024] = "";
    for (int i = 0; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "ffn_dim.%d=%d v_dim.%d=48 ", i, 100 + i, i);
    assert_ok(vit_model_choose(&one, "deit_tiny"));
    assert_ok(vit_model_choose(&other, "deit_tiny"));
    assert_ok(vit_model_change(&one, text));
    assert_ok(vit_model_change(&other, text));
    assert_string_equal(one.label, other.label);
    assert_ok(vit_model_change(&other, "ffn_dim.11=7"));
    assert_string_not_equal(one.label, other.label); /* cut labels too */
}

static void test_settings_that_are_wrong_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *family, *settings, *message;
    } wrong[] = {
        {"deit", "depht=3", "\"depht=3\" is unknown to deit; it has img, classes"},
        {"deit", "cascade=off", "unknown to deit"},
        {"swin", "distilled=on", "unknown to swin"},
        {"deit", "depth", "settings are NAME=VALUE"},
        {"deit", "=3", "settings are NAME=VALUE"},
        {"deit", "depth=", "settings are NAME=VALUE"},
        {"deit", "depth=0.5", "takes whole numbers from 0 to 64"},
        {"deit", "depth=3 depth=65", "takes whole numbers from 0 to 64"},
        {"deit", "depth=0x3", "takes whole numbers"},
        {"deit", "ffn_ratio=nan", "takes numbers from 0.001 to 64"},
        {"deit", "ffn_ratio=1e999", "takes numbers from 0.001 to 64"},
        {"deit", "depth=1,2", "takes one value"},
        {"swin", "depth=1,2,3", "takes 1 value, or 2, one per stage"},
        {"swin", "depth=1,,2", "takes 1 value, or 2"},
        {"efficientvit", "kernels=1,1,1,1,1,1,1,1,1", "takes 1 to 8 values, one per head"},
        {"efficientvit", "act=tanh", "takes one of: relu gelu hswish silu"},
        {"efficientvit", "cascade=yes", "takes on or off"},
        {"deit", "layers=ABAB", "letters A (attention) and F (FFN)"},
        {"deit", "ffn_dim.64=3", "the largest number is 63"},
        {"deit", "ffn_dim.x=3", "what follows the dot is the number"},
        {"deit", "heads.1=2,3", "takes at most 1 value"},
        {"deit", "depth=3\n", "byte 0x0a at 7"},
        {"deit", "depth=\xc3\xa4", "byte 0xc3"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_nano", wrong[i].family);
        struct vit_model_config before = vit_model_find(name)->config, config = before;
        assert_fails(vit_config_set(&config, wrong[i].family, wrong[i].settings), VIT_EINVAL, wrong[i].message);
        assert_memory_equal(&config, &before, sizeof config);
    }
}

static void test_networks_that_cannot_exist_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *message;
    } wrong[] = {
        {"deit_tiny[heads=5]", "heads: block 0 has 5, which must divide its width 192 or have v_dim of the block set"},
        {"deit_tiny[heads.3=5 head_split=on v_dim.3=9]", "heads: block 3 has 5, which must divide its width 192"},
        {"swin_tiny[heads=7]", "heads: block 0 has 7"},
        {"efficientvit_m4[heads=16]", "efficientvit takes at most 8"},
        {"efficientvit_m4[patch=12 img=96]", "patch=12: efficientvit takes 2, 4, 8"},
        {"efficientvit_m4[embed_dim=20,40,80 heads=2]", "must be a multiple of 8"},
        {"efficientvit_m4[kernels=4]", "kernels: 4 of head 0 must be odd"},
        {"deit_tiny[layers=AFAF]", "layers: 4 letters, the network has 24 layers, 2 in each of 12 blocks"},
        {"deit_tiny[layers=AFAF depth=2 mhsa_share=0.5]", "layers and mhsa_share exclude each other"},
        {"swin_tiny[depth=40]", "depth: 160 blocks in all, at most 64"},
        {"deit_tiny[ffn_dim.12=3]", "a setting of block 12: there are 12"},
        {"deit_tiny[ffn_dim.3=3,4]", "ffn_dim.3: the block has 1 FFN"},
        {"deit_tiny[mhsa_share=1 ffn_dim.3=3]", "ffn_dim.3: the block has 0 FFNs"},
        {"deit_tiny[mhsa_share=0 v_dim.3=3]", "the block has no attention"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vit_model_choice choice;
        struct vit_graph graph;
        assert_ok(vit_model_choose(&choice, wrong[i].spec));
        assert_fails(vit_model_build(&graph, &choice.model, (struct vit_model_options){0}), VIT_EINVAL,
                     wrong[i].message);
    }
    struct vit_model_choice choice;
    assert_fails(vit_model_choose(&choice, "deit_tiny[depth=3"), VIT_EINVAL, "between brackets");
    assert_fails(vit_model_choose(&choice, "deit_huge[depth=3]"), VIT_EINVAL, "\"deit_huge\" is unknown");
}

struct count {
    int64_t params, macs;
};

static void add(struct count *sum, struct count more, int64_t times)
{
    sum->params += times * more.params;
    sum->macs += times * more.macs;
}

/* Convolution with its norm (two learned numbers a channel, none after folding) at `positions` of the output. */
static struct count conv(int64_t inputs, int64_t outputs, int64_t kernel, int64_t positions)
{
    const int64_t weights = inputs * outputs * kernel * kernel;
    return (struct count){weights + 2 * outputs, weights * positions};
}

/* A row of table 6 or figure 7, on M4. */
struct row {
    const char *settings;
    int64_t sides, ratio, qk; /* FFNs of a block; qk 0: as wide as the value */
    double v;
    bool full, taps, query; /* heads see all channels; depthwise before FFNs of blocks; everywhere */
};

static struct count ffn_of(const struct row *r, int64_t width, int64_t positions, bool depthwise)
{
    struct count sum = {0};
    if (depthwise)
        add(&sum, conv(1, width, 3, positions), 1);
    add(&sum, conv(width, r->ratio * width, 1, positions), 1);
    add(&sum, conv(r->ratio * width, width, 1, positions), 1);
    return sum;
}

/* Attention of M4: four heads with query convolutions of 7, 5, 3, 3, in windows of at most 7. */
static struct count attention_of(const struct row *r, int64_t width, int64_t side)
{
    static const int64_t kernel[] = {7, 5, 3, 3};
    const int64_t window = side < 7 ? side : 7, windows = (side + window - 1) / window * ((side + window - 1) / window);
    const int64_t n = window * window, slice = width / 4, v = llround(r->v * (double)slice), qk = r->qk ? r->qk : v;
    struct count sum = {4 * n, 0};
    for (int h = 0; h < 4; h++) {
        add(&sum, conv(r->full ? width : slice, 2 * qk + v, 1, windows * n), 1);
        add(&sum, conv(1, qk, kernel[h], windows * n), 1);
        sum.macs += windows * n * n * (qk + v);
    }
    add(&sum, conv(4 * v, width, 1, windows * n), 1);
    return sum;
}

static struct count count_m4(const struct row *r)
{
    static const int64_t width[] = {128, 256, 384}, side[] = {14, 7, 4}, depth[] = {1, 2, 3};
    struct count sum = {0};
    for (int64_t i = 0, before = 3, map = 112; i < 4; i++, map /= 2) {
        add(&sum, conv(before, 16 << i, 3, map * map), 1);
        before = 16 << i;
    }
    for (int s = 0; s < 3; s++) {
        const int64_t c = width[s], positions = side[s] * side[s];
        for (int64_t b = 0; b < depth[s]; b++) {
            add(&sum, ffn_of(r, c, positions, r->taps), r->sides);
            add(&sum, attention_of(r, c, side[s]), 1);
        }
        if (s == 0)
            continue;
        const int64_t from = width[s - 1], large = side[s - 1] * side[s - 1], reduced = from;
        add(&sum, ffn_of(r, from, large, r->query), 1);
        add(&sum, conv(from, 4 * from, 1, large), 1);
        add(&sum, conv(1, 4 * from, 3, positions), 1);
        add(&sum, (struct count){2 * 4 * from * reduced + reduced + 4 * from, 2 * 4 * from * reduced}, 1);
        add(&sum, conv(4 * from, c, 1, positions), 1);
        add(&sum, ffn_of(r, c, positions, r->query), 1);
    }
    add(&sum, (struct count){2 * 384 + 384 * 1000 + 1000, 384 * 1000}, 1);
    return sum;
}

static struct count counted(const char *spec, const char *graph_name)
{
    struct vit_model_choice choice;
    struct vit_graph graph;
    struct vit_plan plan;
    assert_ok(vit_model_choose(&choice, spec));
    assert_ok(vit_model_build(&graph, &choice.model, (struct vit_model_options){.graph = graph_name, .batch = 2}));
    assert_ok(vit_plan_build(&plan, &graph, (struct vit_plan_options){0}));
    struct count count = {vit_graph_parameters(&graph), vit_plan_cost(&plan).macs / 2};
    vit_plan_close(&plan);
    vit_graph_close(&graph);
    return count;
}

static void test_table_6_and_figure_7_have_the_counts_of_formulas(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", 2, 2, 16, 1, false, true, true},
        {"block=swin", 1, 2, 16, 1, false, false, true},
        {"sandwich=2", 4, 2, 16, 1, false, true, true},
        {"sandwich=3", 6, 2, 16, 1, false, true, true},
        {"mixer=mhsa", 2, 2, 16, 1, true, true, true},
        {"cascade=off", 2, 2, 16, 1, false, true, true},
        {"qk_dim=v", 2, 2, 0, 1, false, true, true},
        {"ffn_ratio=4", 2, 4, 16, 1, false, true, true},
        {"token_interaction=off", 2, 2, 16, 1, false, false, false},
        {"norm=ln", 2, 2, 16, 1, false, true, true},
        {"act=hswish", 2, 2, 16, 1, false, true, true},
        {"qk_dim=4", 2, 2, 4, 1, false, true, true},
        {"qk_dim=8", 2, 2, 8, 1, false, true, true},
        {"qk_dim=32", 2, 2, 32, 1, false, true, true},
        {"qk_dim=64", 2, 2, 64, 1, false, true, true},
        {"v_ratio=0.4", 2, 2, 16, 0.4, false, true, true},
        {"v_ratio=0.6", 2, 2, 16, 0.6, false, true, true},
        {"v_ratio=0.8", 2, 2, 16, 0.8, false, true, true},
        {"v_ratio=1.2", 2, 2, 16, 1.2, false, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char spec[64];
        snprintf(spec, sizeof spec, "efficientvit_m4[%s]", rows[i].settings);
        const struct count want = count_m4(&rows[i]), eager = counted(spec, "eager"), folded = counted(spec, "folded");
        if (eager.params != want.params || eager.macs != want.macs || folded.macs != want.macs)
            fail_msg("%s: %lld parameters and %lld MACs, expected %lld and %lld", spec, (long long)eager.params,
                     (long long)eager.macs, (long long)want.params, (long long)want.macs);
        assert_true(strcmp(rows[i].settings, "norm=ln") == 0 ? folded.params == eager.params
                                                             : folded.params < eager.params);
        (void)counted(spec, "train");
    }
}

/* DeiT-T with one block of other widths: what is removed from 192 = 3 x 64 and 768. */
static void test_pruned_blocks_are_smaller_by_what_was_removed(void **state)
{
    (void)state;
    const struct count whole = counted("deit_tiny", "eager");
    const struct count pruned = counted("deit_tiny[heads.3=2 qk_dim.3=20 v_dim.3=48 ffn_dim.3=300]", "eager");
    const int64_t qkv = 3 * 192 - 2 * (2 * 20 + 48), proj = 192 - 2 * 48, hidden = 768 - 300, n = 197;
    assert_int_equal(whole.params - pruned.params, qkv * (192 + 1) + proj * 192 + hidden * (2 * 192 + 1));
    assert_int_equal(whole.macs - pruned.macs, n * 192 * (qkv + proj + 2 * hidden) + n * n * (2 * 192 - 2 * (20 + 48)));
    const struct count split = counted("deit_tiny[head_split=on]", "eager"); /* a third of the columns of qkv */
    assert_int_equal(whole.params - split.params, 12 * 576 * 128);
    assert_int_equal(whole.macs - split.macs, (int64_t)12 * n * 576 * 128);
}

static int attentions(const struct vit_model_config *c, char *text)
{
    const int layers = vit_layout_layers_per_block(c) * vit_layout_blocks_before(c, c->stages);
    int n = 0;
    for (int i = 0; i < layers; i++) {
        text[i] = vit_layout_is_attention(c, i) ? 'A' : 'F';
        n += text[i] == 'A';
    }
    text[layers] = '\0';
    return n;
}

static void test_mixed_layers_keep_their_number_and_are_spread(void **state)
{
    (void)state;
    char text[VIT_MAX_LAYERS + 1], usual[VIT_MAX_LAYERS + 1];
    static const char *const own_share[][2] = {
        {"deit_tiny", "deit_tiny[mhsa_share=0.5]"},
        {"swin_tiny", "swin_tiny[mhsa_share=0.5]"},
        {"efficientvit_m5", "efficientvit_m5[mhsa_share=0.33333333333]"},
        {"efficientvit_m5[sandwich=2]", "efficientvit_m5[sandwich=2 mhsa_share=0.2]"}};
    for (size_t i = 0; i < sizeof own_share / sizeof own_share[0]; i++) {
        const struct vit_model_config a = config_of(own_share[i][0]), b = config_of(own_share[i][1]);
        attentions(&a, usual);
        attentions(&b, text);
        assert_string_equal(text, usual);
    }
    for (int tenth = 0; tenth <= 10; tenth++) {
        char spec[64];
        snprintf(spec, sizeof spec, "deit_tiny[mhsa_share=%g]", tenth / 10.0);
        const struct vit_model_config c = config_of(spec);
        const int n = attentions(&c, text);
        assert_int_equal(n, llround(24 * tenth / 10.0));
        for (int from = 0; from < 24 && n > 0; from++) { /* every stretch has its share, to less than one layer */
            int in = 0;
            for (int to = from; to < 24; to++) {
                in += text[to] == 'A';
                assert_true(fabs(in - (to - from + 1) * n / 24.0) < 1);
            }
        }
    }
    (void)counted("swin_tiny[mhsa_share=0.2]", "train");
    (void)counted("deit_tiny[mhsa_share=0]", "folded");
    (void)counted("efficientvit_m4[mhsa_share=0.6]", "folded");
}

/* Folded as eager, and the same bits on one to three threads. */
static void test_variants_run(void **state)
{
    (void)state;
    static const char *const spec[] = {
        "deit_nano[norm=bn act=silu]",
        "deit_nano[head_split=on qk_dim=5]",
        "deit_nano[norm=bn qk_dim=7 v_ratio=0.5 heads.1=2 ffn_dim.1=50]",
        "deit_nano[mhsa_share=0.75 distilled=on]",
        "deit_nano[mhsa_share=0 pool=mean]",
        "deit_nano[pool=mean distilled=on norm=bn]",
        "swin_nano[norm=bn act=hswish]",
        "swin_nano[head_split=on]",
        "swin_nano[layers=AAFAFFAF qk_dim=3 img=60]",
        "efficientvit_nano[norm=ln v_ratio=0.5]",
        "efficientvit_nano[mixer=mhsa act=hswish distilled=on]",
        "efficientvit_nano[v_ratio=1.5 query_conv=off sandwich=2]",
        "efficientvit_nano[block=swin token_interaction=off cascade=off qk_dim=v patch=8 img=64]",
        "efficientvit_nano[mhsa_share=0.5 ffn_dim.0=9 merge_ffn_dim.1=11,13 heads.1=4]",
    };
    for (size_t i = 0; i < sizeof spec / sizeof spec[0]; i++)
        check_model_agreement(spec[i]);
}

static void test_batch_norms_beside_linears_are_folded(void **state)
{
    (void)state;
    struct vit_model_choice choice;
    struct vit_graph graph;
    int left = 0;
    assert_ok(vit_model_choose(&choice, "deit_nano[norm=bn qk_dim=7]"));
    assert_ok(vit_model_build(&graph, &choice.model, (struct vit_model_options){.graph = "folded"}));
    for (int i = 0; i < graph.n_op; i++)
        left += graph.op[i]->kind == VIT_OP_batch_norm;
    assert_int_equal(left, 1); /* the last: a slice is between it and the head */
    vit_graph_close(&graph);
}

static int count_kind(const struct vit_graph *graph, enum vit_op_kind kind)
{
    int n = 0;
    for (int i = 0; i < graph->n_op; i++)
        n += graph->op[i]->kind == kind;
    return n;
}

static void open_training(struct vit_instance *net, const char *spec, int batch, int threads)
{
    assert_ok(vit_instance_open(
        net, spec,
        &(struct vit_instance_options){
            .model = {.batch = batch, .graph = "train"}, .threads = threads, .backward = true, .seed = 1}));
}

static void test_noise_is_of_training_alone(void **state)
{
    (void)state;
    static const char *const quiet[][2] = {{"deit_nano[drop=0.1 drop_path=0.5]", "eager"},
                                           {"deit_nano[drop=0.1 drop_path=0.5]", "folded"},
                                           {"deit_nano", "train"}};
    for (size_t i = 0; i < sizeof quiet / sizeof quiet[0]; i++) {
        struct vit_model_choice choice;
        struct vit_graph graph;
        assert_ok(vit_model_choose(&choice, quiet[i][0]));
        assert_ok(vit_model_build(&graph, &choice.model, (struct vit_model_options){.graph = quiet[i][1]}));
        assert_null(graph.noise);
        assert_int_equal(count_kind(&graph, VIT_OP_dropout) + count_kind(&graph, VIT_OP_drop_path), 0);
        vit_graph_close(&graph);
    }
    struct vit_instance net;
    open_training(&net, "deit_nano[drop=0.1 drop_path=0.5]", 2, 1);
    assert_non_null(net.graph.noise);
    assert_int_equal(count_kind(&net.graph, VIT_OP_dropout), 1 + 2 * 3);
    assert_int_equal(count_kind(&net.graph, VIT_OP_drop_path), 2); /* none in the first block, whose rate is 0 */
    vit_instance_close(&net);
}

/* The images of one step have the same logits in one batch, and in two halves of it as two processes have them; on any
 * number of threads; but others in another step. */
static void test_noise_is_of_the_image_and_the_step(void **state)
{
    (void)state;
    const char *spec = "deit_nano[drop=0.2 drop_path=0.5]";
    struct vit_instance whole, half;
    open_training(&whole, spec, 4, 2);
    open_training(&half, spec, 2, 1);
    const int64_t classes = whole.graph.logits->dim[1], image = vit_numel(whole.graph.input) / 4;
    vit_noise_set(whole.graph.noise, 7, 3, (struct vit_noise_places){0});
    vit_exec_run(&whole.exec);
    for (int part = 0; part < 2; part++) {
        memcpy(half.graph.input->data, whole.graph.input->data + 2 * part * image, vit_nbytes(half.graph.input));
        vit_noise_set(half.graph.noise, 7, 3, (struct vit_noise_places){.first = (uint64_t)(2 * part)});
        vit_exec_run(&half.exec);
        assert_memory_equal(half.graph.logits->data, whole.graph.logits->data + 2 * part * classes,
                            vit_nbytes(half.graph.logits));
    }
    vit_noise_set(half.graph.noise, 7, 4, (struct vit_noise_places){.first = 2});
    vit_exec_run(&half.exec);
    assert_memory_not_equal(half.graph.logits->data, whole.graph.logits->data + 2 * classes,
                            vit_nbytes(half.graph.logits));
    vit_instance_close(&whole);
    vit_instance_close(&half);
}

/* Of many elements the share of the rate is dropped, and what is kept is scaled so that the mean stays. */
static void test_dropped_shares_are_the_rates(void **state)
{
    (void)state;
    enum { N = 20000 };
    vit_real pieces[VIT_NOISE_PIECES];
    struct vit_tensor noise = {.ndim = 1, .dim = {VIT_NOISE_PIECES}, .data = pieces};
    vit_noise_set(&noise, UINT64_MAX, 1ULL << 40, (struct vit_noise_places){.first = 12345678901ULL});
    int below = 0;
    for (int image = 0; image < N; image++) {
        struct vit_rng rng = vit_noise_at(&noise, 3, image);
        below += vit_rng_uniform(&rng) < 0.3;
    }
    assert_close(below / (double)N, 0.3, 5 * sqrt(0.3 * 0.7 / N)); /* five standard deviations */
    struct vit_rng a = vit_noise_at(&noise, 3, 5), b = a;
    vit_rng_skip(&b, 2);
    (void)vit_rng_next(&a);
    (void)vit_rng_next(&a);
    assert_true(vit_rng_next(&a) == vit_rng_next(&b));
}

static void test_distilled_heads_are_apart_in_training(void **state)
{
    (void)state;
    static const char *const spec[] = {"deit_nano[distilled=on]", "efficientvit_nano[distilled=on]"};
    for (size_t i = 0; i < sizeof spec / sizeof spec[0]; i++) {
        struct vit_model_choice choice;
        struct vit_graph graph;
        assert_ok(vit_model_choose(&choice, spec[i]));
        assert_ok(vit_model_build(&graph, &choice.model, (struct vit_model_options){.graph = "train", .batch = 2}));
        assert_non_null(graph.logits_distilled);
        assert_true(vit_same_shape(graph.logits, graph.logits_distilled));
        assert_ptr_not_equal(graph.logits, graph.logits_distilled);
        vit_graph_close(&graph);
        assert_ok(vit_model_build(&graph, &choice.model, (struct vit_model_options){.batch = 2}));
        assert_null(graph.logits_distilled);
        vit_graph_close(&graph);
    }
}

/* A file tells its network: it is opened without a name, by its own, and with changes. */
static void test_weight_files_build_their_own_model(void **state)
{
    (void)state;
    const char *path = program_path("own.safetensors"), *spec = "deit_nano[depth=1 ffn_dim.0=30 heads.0=2 v_dim.0=9]";
    struct vit_instance net, same;
    assert_ok(vit_instance_open(&net, spec, &(struct vit_instance_options){.model = {.classes = 7}, .seed = 3}));
    assert_ok(vit_weights_save(&net.graph, path, NULL));
    vit_exec_run(&net.exec);
    for (int way = 0; way < 2; way++) {
        const struct vit_instance_options o = {.weights = way ? path : NULL, .seed = 3};
        assert_ok(vit_instance_open(&same, way ? NULL : path, &o));
        assert_string_equal(same.model->name, "deit_nano[depth=1 heads.0=2 v_dim.0=9 ffn_dim.0=30]");
        vit_exec_run(&same.exec);
        assert_int_equal(vit_nbytes(same.graph.logits), vit_nbytes(net.graph.logits));
        assert_memory_equal(same.graph.logits->data, net.graph.logits->data, vit_nbytes(net.graph.logits));
        vit_instance_close(&same);
    }
    struct vit_recognised found;
    assert_ok(vit_recognise_model(&found, path, NULL, "drop_path=0.2"));
    assert_true(found.model->config.drop_path == 0.2 && found.classes == 7 && found.model->config.depth[0] == 1);
    const struct vit_safetensors_pair wrong[] = {{"vitscope.config", "depth=1000"}, {"vitscope.family", "deit"}};
    assert_ok(vit_weights_save(&net.graph, path, &(struct vit_weights_metadata){wrong, 2}));
    assert_fails(vit_recognise(path, &found), VIT_EFORMAT, "own.safetensors: vitscope.config: ");
    vit_instance_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_give_the_same_configuration_again),
        cmocka_unit_test(test_labels_tell_what_differs),
        cmocka_unit_test(test_settings_that_are_wrong_change_nothing),
        cmocka_unit_test(test_networks_that_cannot_exist_say_why),
        cmocka_unit_test(test_table_6_and_figure_7_have_the_counts_of_formulas),
        cmocka_unit_test(test_pruned_blocks_are_smaller_by_what_was_removed),
        cmocka_unit_test(test_mixed_layers_keep_their_number_and_are_spread),
        cmocka_unit_test(test_variants_run),
        cmocka_unit_test(test_batch_norms_beside_linears_are_folded),
        cmocka_unit_test(test_noise_is_of_training_alone),
        cmocka_unit_test(test_noise_is_of_the_image_and_the_step),
        cmocka_unit_test(test_dropped_shares_are_the_rates),
        cmocka_unit_test(test_distilled_heads_are_apart_in_training),
        cmocka_unit_test_setup_teardown(test_weight_files_build_their_own_model, program_make_folder,
                                        program_remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
