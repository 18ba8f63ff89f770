/* SPDX-License-Identifier: MIT */
/* What a network answers: counts against logits sorted here. */
#include "model/train/evaluate.h"
#include "model/weights/weights.h"
#include "model/zoo/model.h"
#include "tests/support/test.h"

#include <stdlib.h>

enum { CLASSES = 10, IMAGES = 23, BATCH = 8 };

struct net {
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
};

static void open_net(struct net *net, const char *variant, uint64_t seed)
{
    struct vit_model_options o = {.batch = BATCH, .img = 32, .graph = variant};
    assert_ok(vit_model_build(&net->graph, vit_model_find("efficientvit_nano"), o));
    assert_ok(vit_plan_build(&net->plan, &net->graph, (struct vit_plan_options){.threads = 1}));
    assert_ok(vit_exec_open(&net->exec, &net->plan));
    assert_ok(vit_weights_generate(&net->graph, seed));
    vit_exec_prepare(&net->exec);
}

static void close_net(struct net *net)
{
    vit_exec_close(&net->exec);
    vit_plan_close(&net->plan);
    vit_graph_close(&net->graph);
}

/* The place of the label among the logits from the largest, 0: the largest; of equal ones the first class is larger. */
static int place_of(const vit_real *logit, int label)
{
    int place = 0;
    for (int k = 0; k < CLASSES; k++)
        place += k < label ? logit[k] >= logit[label] : logit[k] > logit[label];
    return place;
}

static void test_evaluate_counts_what_logits_say(void **state)
{
    (void)state;
    struct net net;
    struct vit_dataset data;
    struct vit_loader *loader;
    struct vit_evaluation e;
    open_net(&net, "folded", 1);
    assert_ok(vit_dataset_open(&data, "synthetic:23:4"));
    struct vit_loader_options o = {
        .preprocess = {.size = 32, .crop_percentage = 1, .mean = VIT_IMAGENET_MEAN, .std = VIT_IMAGENET_STD},
        .classes = CLASSES,
        .batch = BATCH,
        .workers = 1,
        .ahead = 1};
    assert_ok(vit_loader_open(&loader, &data, &o));
    assert_ok(vit_evaluation_open(&e, CLASSES));
    for (int round = 0; round < 2; round++) /* counts begin anew */
        assert_ok(vit_evaluate(&e, &net.exec, loader));
    int64_t first = 0, five = 0, confused = 0;
    double loss = 0;
    for (int64_t i = 0; i < IMAGES; i++) {
        struct vit_batch one = {.first = i, .count = 1, .preprocess = &o.preprocess, .images = net.graph.input->data};
        assert_ok(vit_dataset_batch(&data, &one));
        vit_exec_run(&net.exec);
        const int label = vit_dataset_label(&data, i), place = place_of(net.graph.logits->data, label);
        double sum = 0;
        for (int k = 0; k < CLASSES; k++)
            sum += exp((double)(net.graph.logits->data[k] - net.graph.logits->data[label]));
        loss += log(sum);
        first += place == 0;
        five += place < 5;
    }
    for (int k = 0; k < CLASSES * CLASSES; k++)
        confused += e.confusion[k];
    assert_int_equal(e.images, IMAGES);
    assert_int_equal(confused, IMAGES);
    assert_int_equal(e.broken, 0);
    assert_int_equal(e.first, first);
    assert_int_equal(e.five, five);
    assert_true(five > 0 && first < IMAGES);
    assert_close(e.loss, loss, 1e-4 * loss); /* sums of float logits in another order */
    vit_evaluation_close(&e);
    vit_loader_close(loader);
    vit_dataset_close(&data);
    close_net(&net);
}

static void test_weights_are_copied_between_graphs_of_one_network(void **state)
{
    (void)state;
    struct net eager, folded, same;
    open_net(&eager, "eager", 3);
    open_net(&folded, "folded", 1);
    open_net(&same, "folded", 3);
    assert_ok(vit_weights_copy(&folded.graph, &eager.graph));
    vit_exec_prepare(&folded.exec);
    for (int64_t i = 0; i < vit_numel(same.graph.input); i++)
        folded.graph.input->data[i] = same.graph.input->data[i] = (vit_real)((double)(i % 17) / 8 - 1);
    vit_exec_run(&folded.exec);
    vit_exec_run(&same.exec);
    assert_memory_equal(folded.graph.logits->data, same.graph.logits->data, vit_nbytes(same.graph.logits));
    close_net(&same);
    close_net(&folded);
    close_net(&eager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluate_counts_what_logits_say),
        cmocka_unit_test(test_weights_are_copied_between_graphs_of_one_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
