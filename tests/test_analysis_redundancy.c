/* SPDX-License-Identifier: MIT */
/* A head that is left out is the same as one whose projection is zero, in every family; images of studies;
 * correlations; the study from the command line. */
#include "analysis/correlation.h"
#include "analysis/head_removal.h"
#include "analysis/image_stream.h"
#include "analysis/instance.h"
#include "analysis/redundancy.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 2 };

static void open_net(struct vit_instance *net, const char *model, const char *graph)
{
    const struct vit_instance_options options = {
        .model = {.batch = BATCH, .graph = graph}, .keep_taps = true, .seed = 1};
    assert_ok(vit_instance_open(net, model, &options));
}

static const struct vit_region *find_output(const struct vit_graph *graph, const char *block, int head)
{
    for (int i = 0; i < graph->n_region; i++)
        if (graph->region[i].site.role == VIT_ROLE_CONTEXT && graph->region[i].site.head == head &&
            strcmp(graph->region[i].block, block) == 0)
            return &graph->region[i];
    fail_msg("%s has no head %d", block, head);
    return NULL;
}

static struct vit_tensor *find_weight(const struct vit_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_tensor; i++)
        if (strcmp(graph->tensor[i]->name, name) == 0 && graph->tensor[i]->space == VIT_SPACE_PARAM)
            return graph->tensor[i];
    fail_msg("%s is not in the model", name);
    return NULL;
}

/* Input channels start .. start + length of a linear or 1x1 convolution are no longer read. */
static void clear_columns(const struct vit_tensor *weight, int64_t start, int64_t length)
{
    const int64_t columns = vit_numel(weight) / weight->dim[0];
    for (int64_t row = 0; row < weight->dim[0]; row++)
        memset(weight->data + row * columns + start, 0, (size_t)length * sizeof *weight->data);
}

static void copy_logits(const struct vit_instance *net, vit_real *to)
{
    memcpy(to, net->graph.logits->data, vit_nbytes(net->graph.logits));
}

/* A case of "head `head` of `heads` in `block`, whose projection is `weight`". The head is the last of a cascade:
 * others feed the next head too. */
struct removal_case {
    const char *model, *graph, *block, *weight;
    int head, heads;
};

static void check_gate(const struct removal_case *c)
{
    struct vit_instance net;
    struct vit_region_gate gate;
    vit_real gated[BATCH * 64], cleared[BATCH * 64], whole[BATCH * 64];
    open_net(&net, c->model, c->graph);
    assert_true(vit_numel(net.graph.logits) <= BATCH * 64);
    const size_t bytes = vit_nbytes(net.graph.logits);
    const struct vit_observer observer = vit_region_gate_observer(&gate);
    assert_ok(vit_region_gate_set(&gate, &net.graph, NULL));
    vit_exec_observe(&net.exec, &observer, 1);
    vit_exec_run(&net.exec);
    copy_logits(&net, whole);
    assert_ok(vit_region_gate_set(&gate, &net.graph, find_output(&net.graph, c->block, c->head)));
    vit_exec_run(&net.exec);
    copy_logits(&net, gated);
    assert_true(memcmp(whole, gated, bytes) != 0);
    assert_ok(vit_region_gate_set(&gate, &net.graph, NULL));
    const struct vit_tensor *weight = find_weight(&net.graph, c->weight);
    const int64_t width = weight->dim[1] / c->heads;
    clear_columns(weight, c->head * width, width);
    vit_exec_prepare(&net.exec);
    vit_exec_run(&net.exec);
    copy_logits(&net, cleared);
    assert_memory_equal(gated, cleared, bytes); /* the same zeros are added */
    vit_instance_close(&net);
}

static void test_a_gate_does_what_a_zero_projection_does(void **state)
{
    (void)state;
    static const struct removal_case cases[] = {
        {"deit_nano", "eager", "blocks.1.attn", "blocks.1.attn.proj.weight", 1, 3},
        {"swin_nano", "eager", "layers.0.blocks.1.attn", "layers.0.blocks.1.attn.proj.weight", 0, 2},
        {"swin_nano", "folded", "layers.1.blocks.0.attn", "layers.1.blocks.0.attn.proj.weight", 2, 4},
        {"efficientvit_nano", "eager", "stages.0.blocks.0.mixer.m.attn",
         "stages.0.blocks.0.mixer.m.attn.proj.1.conv.weight", 1, 2},
        {"efficientvit_nano", "folded", "stages.0.blocks.0.mixer.m.attn",
         "stages.0.blocks.0.mixer.m.attn.proj.1.conv.weight", 1, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_gate(&cases[i]);
}

/* In a cascade the next head reads the output of the one before. */
static void test_a_gate_reaches_the_next_head_of_a_cascade(void **state)
{
    (void)state;
    struct vit_instance net;
    struct vit_region_gate gate;
    open_net(&net, "efficientvit_nano", "folded");
    const struct vit_region *first = find_output(&net.graph, "stages.0.blocks.0.mixer.m.attn", 0);
    const struct vit_region *next = find_output(&net.graph, "stages.0.blocks.0.mixer.m.attn", 1);
    const struct vit_observer observer = vit_region_gate_observer(&gate);
    vit_exec_run(&net.exec);
    const vit_real before = next->tensor->data[0];
    assert_ok(vit_region_gate_set(&gate, &net.graph, first));
    vit_exec_observe(&net.exec, &observer, 1);
    vit_exec_run(&net.exec);
    for (int64_t i = 0; i < vit_numel(first->tensor); i++)
        assert_true(first->tensor->data[i] == 0);
    assert_true(next->tensor->data[0] != before);
    vit_instance_close(&net);
}

static void test_a_gate_needs_something_that_is_computed(void **state)
{
    (void)state;
    struct vit_instance net;
    struct vit_region_gate gate;
    open_net(&net, "deit_nano", "eager");
    const struct vit_region input = {.block = "nothing", .tensor = net.graph.input, .axis = -1};
    assert_fails(vit_region_gate_set(&gate, &net.graph, &input), VIT_EINVAL, "nothing: no step of a forward computes");
    vit_instance_close(&net);
}

/* Each head in turn, against the gate by hand; images of one batch and of two are the same. */
static void test_removal_gives_what_gates_give(void **state)
{
    (void)state;
    static const int label[] = {3, -1};
    struct vit_instance net;
    struct vit_head_removal removal;
    struct vit_head_effect effect;
    struct vit_bootstrap bootstrap;
    struct vit_region_gate gate;
    open_net(&net, "deit_nano", "eager");
    assert_ok(vit_head_removal_open(&removal, &net.graph, 1));
    vit_exec_run(&net.exec);
    assert_ok(vit_head_removal_add(&removal, &net.exec, 1, label));
    assert_int_equal(removal.n, 6); /* 2 blocks of 3 heads */
    assert_int_equal(net.exec.n_observer, 0);
    assert_ok(vit_bootstrap_open(&bootstrap, 1, 1, 10));
    const int64_t classes = net.graph.logits->dim[1];
    assert_true(classes > 3);
    const struct vit_observer observer = vit_region_gate_observer(&gate);
    vit_exec_observe(&net.exec, &observer, 1);
    for (int head = -1; head < removal.n; head++) {
        assert_ok(vit_head_removal_effect(&removal, head, &bootstrap, &effect));
        assert_ok(vit_region_gate_set(&gate, &net.graph, head < 0 ? NULL : removal.region[head]));
        vit_exec_run(&net.exec);
        double sum = exp((double)net.graph.logits->data[0]);
        for (int64_t k = 1; k < classes; k++)
            sum += exp((double)net.graph.logits->data[k]);
        assert_close(effect.loss, log(sum) - (double)net.graph.logits->data[3], 1e-6); /* float logits of size 1 */
        assert_true(head < 0 ? effect.logit_change == 0 && effect.same == 1 : effect.logit_change > 0.001);
        assert_close(effect.loss_change_bounds.low, effect.loss_change, 1e-12); /* one image */
    }
    assert_fails(vit_head_removal_add(&removal, &net.exec, 1, label), VIT_EINVAL, "more than the 1 images");
    vit_bootstrap_close(&bootstrap);
    vit_head_removal_close(&removal);
    vit_instance_close(&net);
}

static void test_removal_without_labels_tells_logits_only(void **state)
{
    (void)state;
    static const int label[] = {-1, -1};
    struct vit_instance net;
    struct vit_head_removal removal;
    struct vit_head_effect effect;
    struct vit_bootstrap bootstrap;
    open_net(&net, "efficientvit_nano", "folded");
    assert_ok(vit_head_removal_open(&removal, &net.graph, BATCH));
    vit_exec_run(&net.exec);
    assert_ok(vit_head_removal_add(&removal, &net.exec, BATCH, label));
    assert_ok(vit_bootstrap_open(&bootstrap, 1, BATCH, 10));
    assert_ok(vit_head_removal_effect(&removal, 0, &bootstrap, &effect));
    assert_true(isnan(effect.loss) && isnan(effect.accuracy) && isnan(effect.loss_change_bounds.low));
    assert_true(effect.logit_change > 0 && effect.logit_change_bounds.low > 0);
    vit_bootstrap_close(&bootstrap);
    vit_head_removal_close(&removal);
    vit_instance_close(&net);
}

static void test_correlations_by_hand(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, y[] = {1, 3, 2, 4}, cube[] = {1, 8, 27, 64}, flat[] = {2, 2, 2, 2};
    const double tied[] = {1, 1, 2, 3};
    double rank;
    assert_close(vit_correlation_pearson(x, y, 4), 0.8, 1e-12);
    assert_ok(vit_correlation_spearman(x, y, 4, &rank));
    assert_close(rank, 0.8, 1e-12);
    assert_true(vit_correlation_pearson(x, cube, 4) < 0.96);
    assert_ok(vit_correlation_spearman(x, cube, 4, &rank));
    assert_close(rank, 1, 1e-12);
    assert_true(isnan(vit_correlation_pearson(x, flat, 4)) && isnan(vit_correlation_pearson(x, y, 1)));
    assert_ok(vit_correlation_spearman(x, tied, 4, &rank)); /* ranks 0.5, 0.5, 2, 3: 4.5 / sqrt(5 * 4.5) */
    assert_close(rank, 4.5 / sqrt(5 * 4.5), 1e-12);
}

static int64_t pass(struct vit_image_stream *stream, struct vit_graph *graph, double *sum)
{
    int count;
    int64_t images = 0;
    for (*sum = 0;; images += count) {
        assert_ok(vit_image_stream_next(stream, graph, &count));
        if (count == 0)
            return images;
        for (int64_t i = 0; i < vit_numel(graph->input); i++)
            *sum += (double)graph->input->data[i];
        for (int row = 0; row < count; row++)
            assert_in_range(stream->label[row], 0, 9);
    }
}

static void test_images_are_chosen_by_the_seed(void **state)
{
    (void)state;
    struct vit_instance net;
    struct vit_image_stream stream;
    double sum, again, other;
    open_net(&net, "deit_nano", "eager");
    struct vit_image_stream_options options = {.spec = "synthetic:20",
                                               .images = 5,
                                               .preprocess = vit_instance_preprocess(&net),
                                               .batch = BATCH,
                                               .classes = 10,
                                               .seed = 1};
    assert_ok(vit_image_stream_open(&stream, &options));
    assert_true(stream.labelled);
    for (int i = 1; i < 5; i++)
        assert_true(stream.index[i] > stream.index[i - 1] && stream.index[i] < 20);
    assert_int_equal(pass(&stream, &net.graph, &sum), 5);
    const int64_t half = vit_numel(net.graph.input) / 2;
    for (int64_t i = half; i < 2 * half; i++)
        assert_true(net.graph.input->data[i] == 0); /* the last batch has one image */
    assert_int_equal(pass(&stream, &net.graph, &again), 5);
    assert_true(sum == again);
    vit_image_stream_close(&stream);
    options.seed = 2;
    options.whole_batches = true;
    assert_ok(vit_image_stream_open(&stream, &options));
    assert_int_equal(pass(&stream, &net.graph, &other), 4);
    assert_true(sum != other);
    vit_image_stream_close(&stream);
    options.classes = 1000;
    assert_ok(vit_image_stream_open(&stream, &options));
    assert_false(stream.labelled);
    vit_image_stream_close(&stream);
    options.images = 1;
    assert_fails(vit_image_stream_open(&stream, &options), VIT_EINVAL, "less than one batch of 2");
    vit_instance_close(&net);
}

static struct program_run run;

static void test_the_study_writes_all_its_files(void **state)
{
    (void)state;
    static const char *const files[] = {"blocks.csv", "similarity.csv", "heads.csv", "correlation.csv", "run.json"};
    program_start(&run, "weights make swin_nano %s --seed 3", program_path("w.safetensors"));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    program_start(&run, "study redundancy swin_nano --weights %s --data synthetic:6 --images 3 --batch 2 --out %s",
                  program_path("w.safetensors"), program_path("study"));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    assert_non_null(strstr(run.output, "layers.1.blocks.1.attn"));
    assert_non_null(strstr(run.output, "3 of 6 images of synthetic:6"));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "study/%s", files[i]);
        assert_int_equal(access(program_path(name), R_OK), 0);
    }
    static struct program_run other;
    program_start(&run, "study redundancy efficientvit_nano deit_nano --images 2 --batch 2 --format csv --out %s",
                  program_path("a"));
    program_start(&other,
                  "study redundancy efficientvit_nano deit_nano --images 2 --batch 1 --threads 2 --format csv --out %s",
                  program_path("b"));
    assert_int_equal(run.exit_code, 0);
    assert_true(strncmp(run.output, other.output, 2000) == 0);
    assert_null(strstr(run.output, "Fig. 4")); /* its blocks are not those of deit_nano */
}

static void test_published_points_stand_beside_the_published_networks(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        bool published;
    } cases[] = {
        {"deit_tiny", true},   {"deit_tiny[head_split=on]", true}, {"swin_tiny", true},  {"deit_tiny[depth=11]", false},
        {"deit_small", false}, {"swin_tiny[embed_dim=64]", false}, {"deit_nano", false}, {"efficientvit_m4", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vit_model_choice choice;
        assert_ok(vit_model_choose(&choice, cases[i].spec));
        assert_int_equal(vit_redundancy_is_published(&choice.model), cases[i].published);
    }
}

static void test_the_study_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } wrong[] = {
        {"deit_nano swin_nano --weights w", "--weights are of one model, 2 are given"},
        {"deit_nano --data nowhere/at/all", "nowhere/at/all"},
        {"deit_nano --images 0", "--images 0: takes a whole number"},
        {"nope", "model \"nope\" is unknown"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        program_start(&run, "study redundancy %s --out %s", wrong[i].arguments, program_path("refused"));
        if (run.exit_code == 0 || !strstr(run.error, wrong[i].message))
            fail_msg("%s: exit code %d, \"%s\"", wrong[i].arguments, run.exit_code, run.error);
        assert_int_not_equal(access(program_path("refused/blocks.csv"), F_OK), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_gate_does_what_a_zero_projection_does),
        cmocka_unit_test(test_a_gate_reaches_the_next_head_of_a_cascade),
        cmocka_unit_test(test_a_gate_needs_something_that_is_computed),
        cmocka_unit_test(test_removal_gives_what_gates_give),
        cmocka_unit_test(test_removal_without_labels_tells_logits_only),
        cmocka_unit_test(test_correlations_by_hand),
        cmocka_unit_test(test_images_are_chosen_by_the_seed),
        cmocka_unit_test(test_the_study_writes_all_its_files),
        cmocka_unit_test(test_published_points_stand_beside_the_published_networks),
        cmocka_unit_test(test_the_study_refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests_name("analysis_redundancy", tests, program_make_folder, program_remove_folder);
}
