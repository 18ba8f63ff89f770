/* SPDX-License-Identifier: MIT */
/* Every model of the zoo is told by the tensors of its weights; files of other models are of none. */
#include "analysis/recognise.h"
#include "model/weights/safetensors.h"
#include "model/weights/weights.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[256], path[320];

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/vitscope-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/weights", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* Zeros for all weights of the graph, under names with a prefix; at most `most` tensors. */
static void write_file(const struct vit_graph *graph, const char *prefix, int most)
{
    int64_t largest = 1;
    struct vit_safetensors_source *tensor = calloc((size_t)graph->n_tensor, sizeof *tensor);
    char(*name)[256] = calloc((size_t)graph->n_tensor, sizeof *name);
    assert_non_null(tensor);
    assert_non_null(name);
    struct vit_safetensors_content content = {.tensor = tensor};
    for (int i = 0; i < graph->n_tensor && content.n_tensor < most; i++) {
        const struct vit_tensor *t = graph->tensor[i];
        if (!vit_is_weight(t))
            continue;
        snprintf(name[i], sizeof name[i], "%s%s", prefix, t->name);
        largest = vit_numel(t) > largest ? vit_numel(t) : largest;
        tensor[content.n_tensor++] =
            (struct vit_safetensors_source){.name = name[i], .dtype = VIT_DTYPE_F16, .ndim = t->ndim, .dim = t->dim};
    }
    vit_real *zeros = calloc((size_t)largest, sizeof *zeros);
    assert_non_null(zeros);
    for (int i = 0; i < content.n_tensor; i++)
        tensor[i].values = zeros;
    assert_ok(vit_safetensors_write(path, &content));
    free(zeros);
    free(name);
    free(tensor);
}

/* Models of some ten million parameters and more only differ from the smaller ones in numbers. */
static bool is_large(const struct vit_model_def *model)
{
    return strstr(model->name, "base") || strstr(model->name, "small") || strcmp(model->name, "efficientvit_m5") == 0;
}

static void test_recognise_tells_every_model(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_models; i++) {
        struct vit_graph graph;
        struct vit_recognised found;
        if (is_large(&vit_models[i]))
            continue;
        assert_ok(vit_model_build(&graph, &vit_models[i], (struct vit_model_options){.classes = 7}));
        write_file(&graph, "", graph.n_tensor);
        vit_graph_close(&graph);
        assert_ok(vit_recognise(path, &found));
        assert_string_equal(found.model->name, vit_models[i].name);
        assert_int_equal(found.classes, 7);
    }
}

static void test_recognise_knows_wrapped_names(void **state)
{
    (void)state;
    struct vit_graph graph;
    struct vit_recognised found;
    assert_ok(vit_model_build(&graph, vit_model_find("deit_nano"), (struct vit_model_options){0}));
    write_file(&graph, "module.", graph.n_tensor);
    vit_graph_close(&graph);
    assert_ok(vit_recognise(path, &found));
    assert_string_equal(found.model->name, "deit_nano");
}

static void test_recognise_refuses_what_is_no_whole_model(void **state)
{
    (void)state;
    struct vit_graph graph;
    struct vit_recognised found;
    assert_ok(vit_model_build(&graph, vit_model_find("swin_nano"), (struct vit_model_options){0}));
    write_file(&graph, "", 20);
    assert_fails(vit_recognise(path, &found), VIT_EFORMAT, "those of no known model");
    write_file(&graph, "not_a_wrapper.", graph.n_tensor);
    assert_fails(vit_recognise(path, &found), VIT_EFORMAT, "those of no known model");
    assert_null(found.model);
    vit_graph_close(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recognise_tells_every_model),
        cmocka_unit_test(test_recognise_knows_wrapped_names),
        cmocka_unit_test(test_recognise_refuses_what_is_no_whole_model),
    };
    return cmocka_run_group_tests_name("analysis_recognise", tests, make_folder, remove_folder);
}
