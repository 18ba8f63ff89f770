/* SPDX-License-Identifier: MIT */
/* Figures: every script draws sample rows written by the CSV sink, under awkward names; failures tell gnuplot's words.
 */
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/data_dir.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

/* What a shell, a gnuplot string or gnuplot's own "<command" files could stumble over. */
static const char awkward[] = "<it's \"$(touch x)\" `a` #_^{} \u00B5.csv";
static char start[512], folder[64];

static int enter_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/vit plot's_XXXXXX", base ? base : "/tmp");
    return getcwd(start, sizeof start) && mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return chdir(start) != 0 || rmdir(folder) != 0 ? -1 : 0; /* fails when a test left a file */
}

/* Rows as the analyses write them; gnuplot must find the columns by name, whatever their order. */
static const struct vit_column columns[] = {
    {"gflop_per_s", VIT_REAL, "", ""},
    {"model", VIT_TEXT, "", ""},
    {"source", VIT_TEXT, "", ""},
    {"operator_class", VIT_TEXT, "", ""},
    {"class", VIT_TEXT, "", ""},
    {"block", VIT_TEXT, "", ""},
    {"time_ns", VIT_REAL, "", ""},
    {"share_pct", VIT_REAL, "", ""},
    {"memory_bound", VIT_INT, "", ""},
    {"intensity_flop_per_byte", VIT_REAL, "", ""},
    {"epoch", VIT_INT, "", ""},
    {"train_loss", VIT_REAL, "", ""},
    {"val_loss", VIT_REAL, "", ""},
    {"top1_pct", VIT_REAL, "", ""},
    {"ema_top1_pct", VIT_REAL, "", ""},
    {"label", VIT_INT, "", ""},
    {"label_name", VIT_TEXT, "", ""},
    {"predicted", VIT_INT, "", ""},
    {"predicted_name", VIT_TEXT, "", ""},
    {"graph", VIT_TEXT, "", ""},
    {"batch", VIT_INT, "", ""},
    {"threads", VIT_INT, "", ""},
    {"memory_bound_pct", VIT_REAL, "", ""},
    {"low_pct", VIT_REAL, "", ""},
    {"high_pct", VIT_REAL, "", ""},
    {"family", VIT_TEXT, "", ""},
    {"by_m5", VIT_REAL, "", ""},
    {"low_by_m5", VIT_REAL, "", ""},
    {"high_by_m5", VIT_REAL, "", ""},
};
static const struct vit_schema schema = {"sample", 1, sizeof columns / sizeof columns[0], columns};

static void write_rows(const char *path)
{
    static const char *const classes[] = {"gemm", "movement", "a class, of its own"};
    static const char *const operator_classes[] = {"Tensor Multiplication", "Reshape", "Others"};
    const struct vit_sink_def *def;
    struct vit_sink sink;
    assert_ok(vit_sink_find(&def, "csv"));
    assert_ok(vit_sink_open(&sink, def, &schema, &(struct vit_sink_target){.path = path}));
    for (int i = 0; i < 3; i++) {
        bool arithmetic = i != 1;
        assert_ok(vit_sink_write(&sink, (struct vit_cell[]){arithmetic ? vit_real_cell(40.0 + i) : vit_absent(),
                                                            vit_text("DeiT-T"),
                                                            vit_text("here"),
                                                            vit_text(operator_classes[i]),
                                                            vit_text(classes[i]),
                                                            vit_text(i ? "s1.b0" : "embed"),
                                                            vit_real_cell(1e6 * (i + 1)),
                                                            vit_real_cell(100.0 / 3),
                                                            vit_int(i == 1),
                                                            arithmetic ? vit_real_cell(0.5 + 10 * i) : vit_absent(),
                                                            vit_int(i + 1),
                                                            vit_real_cell(3.0 / (i + 1)),
                                                            arithmetic ? vit_real_cell(2.0 / (i + 1)) : vit_absent(),
                                                            vit_real_cell(30.0 * (i + 1)),
                                                            vit_absent(),
                                                            vit_int(i / 2),
                                                            vit_text(i ? "Trouser" : NULL),
                                                            vit_int(i % 2),
                                                            vit_text("T-shirt/top"),
                                                            vit_text(i ? "eager" : "folded"),
                                                            vit_int(1 << i),
                                                            vit_int(1),
                                                            vit_real_cell(10 + i),
                                                            vit_real_cell(9 + i),
                                                            vit_real_cell(11 + i),
                                                            vit_text("deit"),
                                                            vit_real_cell(1.0 + i),
                                                            vit_real_cell(0.9 + i),
                                                            arithmetic ? vit_real_cell(1.2 + i) : vit_absent()}));
    }
    assert_ok(vit_sink_close(&sink));
}

/* The named file starts with these bytes. Removes it. */
static void take_file(const char *path, const char *magic)
{
    char bytes[16] = "";
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s was not written", path);
    assert_int_equal(fread(bytes, 1, strlen(magic), file), strlen(magic));
    fclose(file);
    assert_memory_equal(bytes, magic, strlen(magic));
    unlink(path);
}

/* Only with gnuplot: a test that cannot run says why. */
static void need_gnuplot(void)
{
    if (vit_plot_available())
        return;
    print_message("skipped: %s\n", vit_error());
    skip();
}

static void test_gnuplot_draws_every_figure_under_awkward_names(void **state)
{
    (void)state;
    static const char *const figures[] = {"class_share",     "block_time", "roofline",           "memory_bound",
                                          "learning_curves", "confusion",  "memory_bound_sweep", "tradeoff"};
    enum { N_FIGURES = sizeof figures / sizeof figures[0] };
    need_gnuplot();
    char *script[N_FIGURES]; /* absolute: the folder changes */
    for (int i = 0; i < N_FIGURES; i++) {
        char path[512], relative[64];
        snprintf(relative, sizeof relative, "plots/%s.gp", figures[i]);
        assert_ok(vit_data_path(path, sizeof path, relative));
        script[i] = realpath(path, NULL);
        assert_non_null(script[i]);
    }
    assert_int_equal(chdir(folder), 0);
    write_rows(awkward);
    const struct vit_plot_variable variables[] = {
        {"data", awkward, VIT_PLOT_PATH},         {"title", "it's 100 % \"x_1\" `date` @m {/b}", VIT_PLOT_TEXT},
        {"subtitle", "1 thread", VIT_PLOT_TEXT},  {"peak_gflops", "100.5", VIT_PLOT_NUMBER},
        {"bandwidth_gbs", "10", VIT_PLOT_NUMBER}, {"peak_source", "measured", VIT_PLOT_TEXT},
        {"axis", "batch", VIT_PLOT_TEXT},         {"fixed", "1", VIT_PLOT_NUMBER},
    };
    for (int i = 0; i < N_FIGURES; i++) {
        struct vit_plot plot = {.figure = script[i], .output = "|out it's", .variable = variables, .n_variable = 8};
        int status = vit_plot_draw(&plot);
        if (status != VIT_OK)
            fail_msg("%s: %s", figures[i], vit_error());
        take_file("|out it's.svg", "<?xml");
        take_file("|out it's.png", "\x89PNG");
        free(script[i]);
    }
    unlink(awkward);
    assert_int_equal(chdir(start), 0);
}

static void write_script(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_gnuplot_failure_tells_the_scripts_own_words_and_leaves_no_file(void **state)
{
    (void)state;
    need_gnuplot();
    char script[128], output[128], svg[160];
    snprintf(script, sizeof script, "%s/bad script.gp", folder);
    snprintf(output, sizeof output, "%s/out", folder);
    snprintf(svg, sizeof svg, "%s.svg", output);
    write_script(svg, "old");
    write_script(script, "set terminal svg\nset output output\nplot sin(x)\nplot no_such_variable\n");
    struct vit_plot plot = {.figure = script, .output = output};
    assert_fails(vit_plot_draw(&plot), VIT_EIO, "undefined variable: no_such_variable");
    assert_non_null(strstr(vit_error(), "bad script.gp"));
    assert_null(strchr(vit_error(), '\n'));
    take_file(svg, "old");

    write_script(script, "x = 1\n");
    assert_fails(vit_plot_draw(&plot), VIT_EIO, "gnuplot wrote nothing");
    unlink(script);
}

/* Draws rows as they are; what stands in the SVG. */
static bool drawn_text(const char *figure, const struct vit_plot_variable *own, int n_own, const char *rows,
                       const char *wanted)
{
    static char drawn[1 << 17];
    char data[128], output[128], path[160];
    struct vit_plot_variable variable[16] = {{"data", data, VIT_PLOT_PATH}};
    snprintf(data, sizeof data, "%s/rows.csv", folder);
    snprintf(output, sizeof output, "%s/out", folder);
    write_script(data, rows);
    for (int i = 0; i < n_own; i++)
        variable[1 + i] = own[i];
    assert_ok(vit_plot_draw(
        &(struct vit_plot){.figure = figure, .output = output, .variable = variable, .n_variable = 1 + n_own}));
    snprintf(path, sizeof path, "%s.png", output);
    take_file(path, "\x89PNG");
    snprintf(path, sizeof path, "%s.svg", output);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    drawn[fread(drawn, 1, sizeof drawn - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    unlink(data);
    return strstr(drawn, wanted) != NULL;
}

static void test_figures_leave_out_what_has_no_points(void **state)
{
    (void)state;
    static const char traffic[] = "class,figure,bytes,compulsory_bytes,ratio\n"
                                  "\"gemm\",\"cold [SIM]\",3000,2000,1.5\n"
                                  "\"gemm\",\"chained [SIM]\",0,2000,0\n";
    static const char sizes[] = "model,image_size,seen,none\n\"a\",64,10,0\n\"a\",128,40,0\n";
    char laws[128];
    need_gnuplot();
    assert_true(drawn_text("traffic", NULL, 0, traffic, "chained [SIM]: no bytes"));
    assert_false(drawn_text("traffic", NULL, 0, traffic, "0.00 x"));
    snprintf(laws, sizeof laws, "%s/laws.csv", folder);
    write_script(laws, "model,quantity,exponent,exponent_low,exponent_high,factor\n\"a\",\"seen\",1,0.9,1.1,1\n");
    const struct vit_plot_variable own[] = {{"exponents", laws, VIT_PLOT_PATH},
                                            {"quantities", "seen none", VIT_PLOT_TEXT},
                                            {"labels", "full empty", VIT_PLOT_TEXT},
                                            {"low", "", VIT_PLOT_TEXT},
                                            {"high", "", VIT_PLOT_TEXT},
                                            {"axis", "bytes", VIT_PLOT_TEXT},
                                            {"scale", "1", VIT_PLOT_NUMBER},
                                            {"logarithmic", "1", VIT_PLOT_NUMBER}};
    assert_true(drawn_text("resolution", own, 8, sizes, "a, full"));
    assert_false(drawn_text("resolution", own, 8, sizes, "a, empty"));
    unlink(laws);
}

static void test_axes_have_sensible_ends(void **state)
{
    (void)state;
    static const char epochs[] = "epoch,train_loss,val_loss,top1_pct,ema_top1_pct\n1,2.3174,2.3237,12.5,\n";
    static const char shares[] = "class,time_ns,share_pct\n\"gemm\",1000,97\n\"norm\",31,3\n";
    need_gnuplot();
    assert_false(drawn_text("learning_curves", NULL, 0, epochs, "2.32<")); /* no step of a thousandth */
    assert_true(drawn_text("class_share", NULL, 0, shares, "100<"));
    assert_false(drawn_text("class_share", NULL, 0, shares, "120<"));
}

static void test_gnuplot_missing_is_not_supported(void **state)
{
    (void)state;
    const char *now = getenv("PATH");
    char *path = strdup(now ? now : "/usr/bin:/bin");
    assert_non_null(path);
    setenv("PATH", "/nonexistent", 1);
    struct vit_plot plot = {.figure = "class_share", .output = "never"};
    int status = vit_plot_draw(&plot);
    bool available = vit_plot_available();
    setenv("PATH", path, 1);
    free(path);
    assert_false(available);
    assert_fails(status, VIT_ENOTSUP, "gnuplot is not installed: no plots (apt-get install gnuplot-nox)");
}

static void test_gnuplot_bad_variables_are_refused(void **state)
{
    (void)state;
    struct vit_plot plot = {.figure = "class_share", .output = "never", .n_variable = 1};
    plot.variable = &(struct vit_plot_variable){"peak", "1; system('touch x')", VIT_PLOT_NUMBER};
    assert_fails(vit_plot_draw(&plot), VIT_EINVAL, "peak");
    plot.variable = &(struct vit_plot_variable){"title", "a\nb", VIT_PLOT_TEXT};
    assert_fails(vit_plot_draw(&plot), VIT_EINVAL, "line break");
    plot.n_variable = 0;
    plot.figure = "no_such_figure";
    assert_fails(vit_plot_draw(&plot), VIT_EIO, "plots/no_such_figure.gp");
}

static void test_data_path_finds_shipped_files_and_lists_what_it_tried(void **state)
{
    (void)state;
    char path[512], small[8];
    assert_ok(vit_data_path(path, sizeof path, "paper/fig2_runtime_profile.csv"));
    assert_int_equal(access(path, R_OK), 0);
    assert_fails(vit_data_path(path, sizeof path, "paper/none.csv"), VIT_EIO, "reports/paper/none.csv");
    assert_non_null(strstr(vit_error(), "share/vitscope/paper/none.csv"));
    assert_fails(vit_data_path(small, sizeof small, "paper/fig2_runtime_profile.csv"), VIT_EIO, "missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gnuplot_draws_every_figure_under_awkward_names),
        cmocka_unit_test(test_gnuplot_failure_tells_the_scripts_own_words_and_leaves_no_file),
        cmocka_unit_test(test_figures_leave_out_what_has_no_points),
        cmocka_unit_test(test_axes_have_sensible_ends),
        cmocka_unit_test(test_gnuplot_missing_is_not_supported),
        cmocka_unit_test(test_gnuplot_bad_variables_are_refused),
        cmocka_unit_test(test_data_path_finds_shipped_files_and_lists_what_it_tried),
    };
    return cmocka_run_group_tests(tests, enter_folder, remove_folder);
}
