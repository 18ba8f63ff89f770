/* SPDX-License-Identifier: MIT */
/* `vitscope machine` on this machine as it is, in all its forms. The reader's own cache folder is never touched. */
#include "tests/support/program.h"
#include "tests/support/test.h"

#include "analysis/machine_files.h"
#include "analysis/machine_store.h"
#include "reports/gnuplot.h"
#include "reports/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_folder(void **state)
{
    return program_make_folder(state) != 0 || setenv("XDG_CACHE_HOME", program_folder, 1) != 0 ? -1 : 0;
}

static struct program_run run;

/* The program on this machine as it is, as quick as it goes: figures of three repetitions. */
static void test_machine_program_prints_files_and_keeps(void **state)
{
    (void)state;
    static const char *const files[] = {"run/ceilings.csv", "run/roofs.csv", "run/run.json"};
    program_start(&run, "machine --threads 2 --min-time 0 --out '%s/run'", program_folder);
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    static const char *const words[] = {"processor ", "caches ",     "counters ",  "triad_nt",
                                        "1 thread: ", "2 threads: ", "results in", "kept for later runs: "};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strstr(run.output, words[i]))
            fail_msg("no \"%s\" in %s", words[i], run.output);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(access(program_path(files[i]), R_OK), 0);
    struct cJSON *json;
    assert_ok(vit_json_read(&json, program_path("run/run.json")));
    const struct cJSON *ceilings = vit_json_member(vit_json_member(json, "machine"), "ceilings_run_threads");
    assert_int_equal(vit_json_count(ceilings, "threads"), 2);
    assert_true(vit_json_real(ceilings, "read_gb_per_s") > 0);
    vit_json_free(json);
    struct vit_machine here;
    assert_ok(vit_machine_read(&here));
    assert_ok(vit_machine_ceilings(&here, 2));
    assert_non_null(strstr(here.ceilings_note, "kept 20"));
}

static void test_machine_program_prints_rows_in_all_forms(void **state)
{
    (void)state;
    program_start(&run, "machine --min-time 0 --isa generic --format csv --out '%s/csv'", program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_int_equal(strncmp(run.output, "level,operation,kernel,threads,median,best,", 43), 0);
    assert_non_null(strstr(run.output, "\"L1\",\"copy\",\"generic\",1,"));
    program_start(&run, "machine --min-time 0 --format json --out '%s/json'", program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "{\"level\":\"core\",\"operation\":\"fma\""));
    assert_string_equal(run.error, "");
}

static void test_machine_program_without_a_cache_folder_says_so(void **state)
{
    (void)state;
    assert_int_equal(setenv("XDG_CACHE_HOME", "/dev/null", 1), 0);
    program_start(&run, "machine --min-time 0 --out '%s/nowhere'", program_folder);
    assert_int_equal(setenv("XDG_CACHE_HOME", program_folder, 1), 0);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "not kept for later runs: /dev/null/vitscope"));
}

static void need_gnuplot(void)
{
    if (vit_plot_available())
        return;
    print_message("skipped: %s\n", vit_error());
    skip();
}

/* Three numbers of threads, on caches small enough to be quick. */
static void test_machine_survey_draws_its_figures(void **state)
{
    (void)state;
    need_gnuplot();
    static const char *const figures[] = {"bandwidth.svg", "bandwidth_threads.png", "roofline_cache.svg",
                                          "roofline_dram.png"};
    static struct vit_survey survey;
    struct vit_machine machine = {.cpu = "it's \"small\"",
                                  .logical = 3,
                                  .cache = {{.level = 1, .type = 'd', .bytes = 4 << 10, .shared_by = 1},
                                            {.level = 2, .type = 'u', .bytes = 32 << 10, .shared_by = 1}},
                                  .n_cache = 2};
    assert_ok(vit_survey_take(&survey, &machine, 3, 0));
    assert_ok(vit_survey_write(&survey, program_folder));
    assert_ok(vit_survey_draw(&survey, &machine, program_folder));
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        assert_int_equal(access(program_path(figures[i]), R_OK), 0);
}

/* What `roofline` takes beyond the two ceilings: roofs of caches, points above a roof, another intensity. */
static void test_machine_roofline_takes_levels_marks_and_another_intensity(void **state)
{
    (void)state;
    need_gnuplot();
    program_write("points.csv", "\"class\",\"gflop_per_s\",\"share_pct\",\"above_roof\",\"dram_flop_per_byte\"\n"
                                "\"gemm\",90,60,\"none\",30\n\"norm\",20,30,\"L3\",0.5\n\"norm\",10,10,,0.4\n");
    const struct vit_plot_variable variables[] = {{"data", program_path("points.csv"), VIT_PLOT_PATH},
                                                  {"peak_gflops", "100", VIT_PLOT_NUMBER},
                                                  {"bandwidth_gbs", "10", VIT_PLOT_NUMBER},
                                                  {"flagged", "1", VIT_PLOT_NUMBER},
                                                  {"roof_levels", "L1 400 L2 100", VIT_PLOT_TEXT},
                                                  {"intensity_column", "dram_flop_per_byte", VIT_PLOT_TEXT},
                                                  {"intensity_title", "FLOP/B", VIT_PLOT_TEXT},
                                                  {"intensity_source", "simulated", VIT_PLOT_TEXT}};
    struct vit_plot plot = {
        .figure = "roofline", .output = program_path("points"), .variable = variables, .n_variable = 8};
    assert_ok(vit_plot_draw(&plot));
    FILE *file = fopen(program_path("points.svg"), "r");
    assert_non_null(file);
    static char text[1 << 18];
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    static const char *const words[] = {"above a roof", "L2 100 GB/s", "bytes: simulated", "FLOP/B"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strstr(text, words[i]))
            fail_msg("no \"%s\" in the figure", words[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_program_prints_files_and_keeps),
        cmocka_unit_test(test_machine_program_prints_rows_in_all_forms),
        cmocka_unit_test(test_machine_program_without_a_cache_folder_says_so),
        cmocka_unit_test(test_machine_survey_draws_its_figures),
        cmocka_unit_test(test_machine_roofline_takes_levels_marks_and_another_intensity),
    };
    return cmocka_run_group_tests_name("analysis_machine_long", tests, open_folder, program_remove_folder);
}
