/* SPDX-License-Identifier: MIT */
/* Axes are read as written; the search finds the scale that counts ask for, the same each time; a sweep keeps its
 * points, goes on after a kill, shares them out, and has a row with its reason for what cannot exist. */
#include "analysis/network_scale.h"
#include "analysis/sweep_axis.h"
#include "analysis/variant.h"
#include "model/plan.h"
#include "model/zoo/model.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void test_axes_make_all_combinations(void **state)
{
    (void)state;
    static struct vit_axes axes;
    const struct vit_model_def *model = vit_model_find("efficientvit_nano");
    char text[VIT_AXIS_TEXT];
    assert_ok(vit_axes_parse(&axes, " qk_dim=4,8,v  embed_dim=16/32/48,32 ", &model->config, "efficientvit"));
    assert_int_equal(axes.n, 2);
    assert_int_equal(axes.points, 6);
    vit_axes_settings(text, sizeof text, &axes, 0, 0);
    assert_string_equal(text, "qk_dim=4 embed_dim=16,32,48");
    vit_axes_settings(text, sizeof text, &axes, 5, 0);
    assert_string_equal(text, "qk_dim=v embed_dim=32");
    vit_axes_settings(text, sizeof text, &axes, 2, 1); /* the last axis runs fastest */
    assert_string_equal(text, "embed_dim=16,32,48");
    assert_int_equal(vit_axes_place(&axes, 2, 0), 1);
}

static void test_axes_say_what_is_wrong(void **state)
{
    (void)state;
    static struct vit_axes axes;
    const struct vit_model_def *model = vit_model_find("deit_nano");
    static const struct {
        const char *text, *message;
    } wrong[] = {{"", "there is none"},
                 {"depth", "NAME=VALUE"},
                 {"=4", "NAME=VALUE"},
                 {"depth=", "empty value"},
                 {"depth=2,,3", "empty value"},
                 {"depth=2,2", "has 2 twice"},
                 {"depth=2 depth=3", "depth is given twice"},
                 {"depth=two", "takes whole numbers"},
                 {"depht=2", "\"depht=2\" is unknown to deit"},
                 {"heads=1/2", "takes one value"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_fails(vit_axes_parse(&axes, wrong[i].text, &model->config, "deit"), VIT_EINVAL, wrong[i].message);
}

static void test_what_is_held_is_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "time", "macs=", "macs=x", "macs=0", "macs=11", "macs=nan", "mac"};
    struct vit_hold hold;
    assert_ok(vit_hold_parse(&hold, "params"));
    assert_true(hold.what == VIT_HELD_PARAMS && hold.factor == 1);
    assert_ok(vit_hold_parse(&hold, "throughput=1.25"));
    assert_true(hold.what == VIT_HELD_THROUGHPUT && hold.factor == 1.25);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_fails(vit_hold_parse(&hold, wrong[i]), VIT_EINVAL, "takes throughput, macs, params or bytes");
}

static int64_t macs_of(const struct vit_model_def *model)
{
    struct vit_graph graph;
    struct vit_plan plan;
    assert_ok(vit_model_build(&graph, model, (struct vit_model_options){.batch = 1}));
    assert_ok(vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = 1}));
    const int64_t macs = vit_plan_cost(&plan).macs;
    vit_plan_close(&plan);
    vit_graph_close(&graph);
    return macs;
}

static int count_macs(void *context, const struct vit_model_config *config, double *value)
{
    struct vit_model_def model = *(const struct vit_model_def *)context;
    model.config = *config;
    *value = (double)macs_of(&model);
    return VIT_OK;
}

static void search_macs(const char *name, double factor)
{
    struct vit_model_def model = *vit_model_find(name);
    const double target = factor * (double)macs_of(&model);
    struct vit_scale_found found, again;
    const struct vit_scale_search search = {.config = &model.config,
                                            .family = model.family->name,
                                            .target = target,
                                            .tolerance = 0.01,
                                            .value = count_macs,
                                            .context = &model};
    assert_ok(vit_network_search(&found, &search));
    assert_close(found.value / target, 1, 0.01);
    assert_true(found.reached);
    assert_ok(vit_config_check(&found.config, model.family->name));
    model.config = found.config;
    assert_true((double)macs_of(&model) == found.value);
    model.config = vit_model_find(name)->config;
    assert_ok(vit_network_search(&again, &search));
    assert_memory_equal(&again.config, &found.config, sizeof found.config);
    assert_int_equal(again.tried, found.tried);
}

static void test_search_for_counts_is_near_and_repeats(void **state)
{
    (void)state;
    search_macs("efficientvit_m0", 1.5);
    search_macs("deit_tiny", 0.8);
    search_macs("swin_tiny", 0.5);
}

/* The network itself is taken where it is near enough; one that no width comes near to gets other blocks. */
static int blocks_alone(void *context, const struct vit_model_config *config, double *value)
{
    ++*(int *)context;
    *value = 10 * config->depth[0] + 1e-3 * config->embed_dim[0];
    return VIT_OK;
}

static void test_search_takes_blocks_where_no_width_is_near(void **state)
{
    (void)state;
    int asked = 0;
    struct vit_scale_found found;
    struct vit_scale_search search = {.config = &vit_model_find("deit_tiny")->config,
                                      .family = "deit",
                                      .target = 120,
                                      .tolerance = 0.03,
                                      .value = blocks_alone,
                                      .context = &asked};
    assert_ok(vit_network_search(&found, &search));
    assert_true(found.reached && found.tried == 1 && asked == 1 && found.scale.width == 1);
    search.target = 130;
    assert_ok(vit_network_search(&found, &search));
    assert_true(found.reached && found.scale.blocks == 1);
    assert_int_equal(found.config.depth[0], 13);
    assert_int_equal(found.tried, asked - 1);
    search.target = 1000;
    assert_ok(vit_network_search(&found, &search));
    assert_false(found.reached); /* two blocks more are the most */
    assert_int_equal(found.config.depth[0], 14);
}

static void test_networks_without_a_common_width_are_refused(void **state)
{
    (void)state;
    struct vit_model_config config = vit_model_find("mobilenetv2_100")->config;
    assert_fails(vit_network_scale(&config, "mobilenet", (struct vit_scale){1, 0}), VIT_EINVAL,
                 "widths stand in a table");
    config = vit_model_find("deit_tiny")->config;
    config.width[1].heads = 2;
    assert_fails(vit_network_scale(&config, "deit", (struct vit_scale){1, 0}), VIT_EINVAL, "cannot be scaled");
    config = vit_model_find("deit_nano")->config;
    assert_fails(vit_network_scale(&config, "deit", (struct vit_scale){1, -2}), VIT_EINVAL, "cannot be taken away");
}

static struct program_run run;
static const char quick[] = "--repeat 2 --min-time 0 --warmup 0 --threads 1";

static const char *cell(struct vit_csv *csv, int64_t row, const char *column)
{
    int at;
    assert_ok(vit_csv_find(csv, column, &at));
    return vit_csv_text(csv, row, at);
}

static double number(struct vit_csv *csv, int64_t row, const char *column)
{
    const char *text = cell(csv, row, column);
    assert_non_null(text);
    return strtod(text, NULL);
}

static struct vit_csv *open_sweep(const char *folder)
{
    char name[128];
    struct vit_csv *csv;
    snprintf(name, sizeof name, "%s/sweep.csv", folder);
    assert_ok(vit_csv_open(&csv, program_path(name)));
    return csv;
}

static void test_a_sweep_has_a_row_for_each_point(void **state)
{
    (void)state;
    program_start(&run, "sweep efficientvit_nano --axis heads=2,5 --axis qk_dim=4,8 %s --out %s/all", quick,
                  program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "which must divide its width 16"));
    struct vit_csv *csv = open_sweep("all");
    assert_int_equal(vit_csv_rows(csv), 4);
    for (int row = 0; row < 2; row++) {
        struct vit_model_choice choice;
        assert_ok(vit_model_choose(&choice, row ? "efficientvit_nano[heads=2 qk_dim=8]"
                                                : "efficientvit_nano[heads=2 qk_dim=4]"));
        assert_true(number(csv, row, "macs") == (double)macs_of(&choice.model));
        assert_true(number(csv, row, "speed_ratio") > 0);
        assert_true(number(csv, row, "memory_bound_pct") > 0);
        assert_null(cell(csv, row, "top1_pct"));
        assert_non_null(strstr(cell(csv, row, "reason"), "top1_pct: not trained"));
    }
    for (int row = 2; row < 4; row++) { /* five heads do not divide the width */
        assert_null(cell(csv, row, "macs"));
        assert_null(cell(csv, row, "images_per_s"));
        assert_non_null(strstr(cell(csv, row, "reason"), "params: efficientvit_nano: heads"));
    }
    vit_csv_close(csv);
}

static bool file_has(const char *name, const char *text)
{
    static char bytes[1 << 18];
    FILE *file = fopen(program_path(name), "r");
    assert_non_null(file);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    fclose(file);
    return strstr(bytes, text) != NULL;
}

static void test_one_axis_makes_one_line_beside_its_base(void **state)
{
    (void)state;
    program_start(&run, "sweep efficientvit_nano --axis qk_dim=4,16 %s --out %s/one", quick, program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "base images per s"));
    struct vit_csv *csv = open_sweep("one");
    assert_null(cell(csv, 0, "series")); /* quoted and empty, gnuplot would not see its end */
    assert_null(cell(csv, 0, "held"));
    assert_true(number(csv, 0, "x") == 4 && number(csv, 1, "x") == 16);
    assert_true(number(csv, 0, "base_macs") == (double)macs_of(vit_model_find("efficientvit_nano")));
    assert_true(number(csv, 1, "base_macs") == number(csv, 1, "macs")); /* qk_dim of the base */
    vit_csv_close(csv);
    if (access(program_path("one/sweep.svg"), F_OK) == 0) { /* with gnuplot */
        assert_false(file_has("one/sweep.svg", "top-1"));
        assert_false(file_has("one/sweep.svg", ",0,"));
    }
}

/* All that is asked for may turn out not to exist, or not to be tested. */
static void test_a_figure_without_values_is_drawn(void **state)
{
    (void)state;
    program_start(&run, "sweep efficientvit_nano --axis heads=5 %s --out %s/none", quick, program_folder);
    assert_int_equal(run.exit_code, 0);
    if (access(program_path("none/sweep.svg"), F_OK) == 0)
        assert_true(file_has("none/sweep.svg", "no values"));
}

static void test_shares_are_those_that_the_network_has(void **state)
{
    (void)state;
    program_start(
        &run,
        "sweep deit_nano --set pool=mean --axis mhsa_share=0.25,usual --axis act=relu,gelu --hold macs=0.8 %s "
        "--out %s/share",
        quick, program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "mhsa share %"));
    struct vit_csv *csv = open_sweep("share");
    for (int row = 0; row < 4; row++) {
        assert_close(number(csv, row, "x"), number(csv, row, "mhsa_share_pct") / 100, 1e-12);
        const double off = number(csv, row, "macs") / number(csv, row, "base_macs") / 0.8 - 1;
        assert_string_equal(cell(csv, row, "held"), off < -0.01 || off > 0.01 ? "no" : "yes");
    }
    assert_string_equal(cell(csv, 0, "series"), "act=relu");
    vit_csv_close(csv);
    if (access(program_path("share/sweep.svg"), F_OK) == 0)
        assert_true(file_has("share/sweep.svg", "pool=mean"));
}

static void test_points_are_kept_and_shared_out(void **state)
{
    (void)state;
    program_start(&run, "sweep deit_nano --axis depth=1,2 --shard 1/2 %s --out %s/kept", quick, program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "1 points of other shards"));
    assert_int_not_equal(access(program_path("kept/sweep.csv"), F_OK), 0);
    program_start(&run, "sweep deit_nano --axis depth=1,2 --shard 0/2 %s --out %s/kept", quick, program_folder);
    assert_int_equal(run.exit_code, 0);
    struct vit_csv *csv = open_sweep("kept");
    assert_int_equal(vit_csv_rows(csv), 2);
    const double measured = number(csv, 1, "speed_ratio");
    vit_csv_close(csv);
    program_start(&run, "sweep deit_nano --axis depth=1,2,3 %s --out %s/kept", quick, program_folder);
    assert_int_equal(run.exit_code, 0);
    csv = open_sweep("kept");
    assert_int_equal(vit_csv_rows(csv), 3);
    assert_true(number(csv, 1, "speed_ratio") == measured); /* to the bit: not measured again */
    vit_csv_close(csv);
    program_start(&run, "sweep deit_nano --axis depth=1 --seed 2 %s --out %s/kept", quick, program_folder);
    assert_int_equal(run.exit_code, 1);
    assert_non_null(strstr(run.error, "choose another --out"));
}

static void shell(const char *command, const char *files)
{
    char line[512];
    snprintf(line, sizeof line, "%s %s/%s", command, program_folder, files);
    assert_int_equal(system(line), 0);
}

/* Times would not lead to the same network twice, and a checkpoint fits one alone. */
static void test_a_killed_training_goes_on_with_its_network(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        program_start(&run,
                      "sweep deit_nano --axis depth=1 --hold throughput --data synthetic:16:1 --val synthetic:8:2 "
                      "--epochs 1 --batch 8 %s --out %s/learned",
                      quick, program_folder);
        if (run.exit_code != 0)
            fail_msg("exit code %d: %s", run.exit_code, run.error);
        if (i > 0)
            break;
        shell("rm", "learned/units/*.csv"); /* as if it had been killed before its end */
        shell("sed -i 's/^\"networks_tried\",[0-9]*/\"networks_tried\",77/'", "learned/units/*/network.csv");
    }
    struct vit_csv *csv = open_sweep("learned");
    assert_close(number(csv, 0, "networks_tried"), 77, 0);
    assert_true(number(csv, 0, "top1_pct") >= 0);
    vit_csv_close(csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes_make_all_combinations),
        cmocka_unit_test(test_axes_say_what_is_wrong),
        cmocka_unit_test(test_what_is_held_is_read),
        cmocka_unit_test(test_search_for_counts_is_near_and_repeats),
        cmocka_unit_test(test_search_takes_blocks_where_no_width_is_near),
        cmocka_unit_test(test_networks_without_a_common_width_are_refused),
        cmocka_unit_test(test_a_sweep_has_a_row_for_each_point),
        cmocka_unit_test(test_one_axis_makes_one_line_beside_its_base),
        cmocka_unit_test(test_a_figure_without_values_is_drawn),
        cmocka_unit_test(test_shares_are_those_that_the_network_has),
        cmocka_unit_test(test_points_are_kept_and_shared_out),
        cmocka_unit_test(test_a_killed_training_goes_on_with_its_network),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
