/* SPDX-License-Identifier: MIT */
/* `vitscope machine`: a survey of a machine whose caches are small enough to be quick, what is kept of it and when that
 * is refused. The reader's own cache folder is never touched. */
#include "tests/support/program.h"
#include "tests/support/test.h"

#include "analysis/machine_files.h"
#include "analysis/machine_store.h"
#include "model/kernel_set.h"
#include "model/kernels/stream_bandwidth.h"
#include "reports/csv_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct vit_machine machine;
static struct vit_survey survey, again;
static char kept[4096];

/* Arrays of kilobytes: a survey takes milliseconds. */
static int open_all(void **state)
{
    machine = (struct vit_machine){.cpu = "small",
                                   .logical = 4,
                                   .memory_bytes = (int64_t)1 << 30,
                                   .cache = {{.level = 1, .type = 'd', .bytes = 4 << 10, .ways = 8, .shared_by = 1},
                                             {.level = 2, .type = 'u', .bytes = 32 << 10, .ways = 8, .shared_by = 4}},
                                   .n_cache = 2};
    if (program_make_folder(state) != 0 || setenv("XDG_CACHE_HOME", program_folder, 1) != 0)
        return -1;
    return vit_survey_take(&survey, &machine, 3, 0) == VIT_OK && vit_survey_path(kept, sizeof kept, &machine) == VIT_OK
               ? 0
               : -1;
}

static void test_machine_survey_has_every_figure_in_order(void **state)
{
    (void)state;
    int sets = 0, numbers, at = 0;
    while (vit_kernel_sets()[sets])
        sets++;
    assert_int_equal(vit_survey_threads(&survey, &numbers), 3);
    assert_int_equal(numbers, 3); /* 1, 2 and 3 threads */
    assert_int_equal(survey.n_figure, numbers * (sets + 1 + 2 * 4 + 7));
    for (int i = 0; i < survey.n_figure; i++) {
        const struct vit_survey_figure *f = &survey.figure[i];
        if (f->repetitions == 0) {
            assert_true(f->reason[0] != '\0' && f->best == 0);
            continue;
        }
        assert_true(f->low > 0 && f->low <= f->median && f->median <= f->high && f->high <= f->best);
        assert_true(f->cpu_share > 0 && f->cpu_share < 1.1); /* two clocks: a little above 1 is possible */
        assert_true(f->threads >= at);
        at = f->threads;
        assert_int_equal(f->array_bytes == 0, strcmp(f->level, "core") == 0);
        assert_true(!strstr(f->operation, "_nt") || strcmp(f->level, "DRAM") == 0);
    }
    assert_null(vit_survey_find(&survey, (struct vit_survey_key){"L1", "store_nt", NULL, 1}));
    assert_non_null(vit_survey_find(&survey, (struct vit_survey_key){"core", "fma", "generic", 2}));
    assert_int_equal(vit_survey_find(&survey, (struct vit_survey_key){"DRAM", "copy_nt", NULL, 1}) != NULL,
                     VIT_NON_TEMPORAL);
}

static void test_machine_survey_ceilings_are_the_best_of_its_figures(void **state)
{
    (void)state;
    struct vit_ceilings c;
    assert_ok(vit_survey_ceilings(&survey, 1, &c));
    assert_int_equal(c.threads, 1);
    assert_int_equal(c.n_roof, 3);
    assert_string_equal(c.roof[0].level, "L1");
    assert_string_equal(c.roof[2].level, "DRAM");
    assert_true(c.gflops >= c.gflops_fma && c.gflops >= c.gflops_gemm && c.gflops_fma > 0);
    assert_true(c.read_gbs == vit_survey_find(&survey, (struct vit_survey_key){"DRAM", "load", NULL, 1})->best);
    for (int i = 0; i < 3; i++) {
        assert_true(c.roof[i].load_gbs > 0 && c.roof[i].most_gbs >= c.roof[i].load_gbs);
        assert_int_equal(c.roof[i].past_cache_gbs > 0, i == 2 && VIT_NON_TEMPORAL);
    }
    char levels[128], want[128];
    vit_ceilings_levels(levels, sizeof levels, &c);
    snprintf(want, sizeof want, "L1 %.4g L2 %.4g", c.roof[0].load_gbs, c.roof[1].load_gbs);
    assert_string_equal(levels, want);
    assert_fails(vit_survey_ceilings(&survey, 7, &c), VIT_EINVAL, "7 threads");
}

static void test_machine_kept_survey_reads_back_as_it_was(void **state)
{
    (void)state;
    assert_non_null(strstr(kept, "/vitscope/machine-"));
    assert_int_equal(strncmp(kept, program_folder, strlen(program_folder)), 0);
    assert_ok(vit_survey_keep(&survey, &machine, kept));
    assert_ok(vit_survey_read(&again, &machine, kept));
    assert_int_equal(again.n_figure, survey.n_figure);
    assert_string_equal(again.date, survey.date);
    assert_string_equal(again.build, survey.build);
    for (int i = 0; i < survey.n_figure; i++) {
        const struct vit_survey_figure *a = &survey.figure[i], *b = &again.figure[i];
        assert_string_equal(a->level, b->level);
        assert_string_equal(a->operation, b->operation);
        assert_string_equal(a->kernel, b->kernel);
        assert_string_equal(a->reason, b->reason);
        assert_true(a->threads == b->threads && a->array_bytes == b->array_bytes && a->repetitions == b->repetitions);
        assert_true(a->cpu_share == b->cpu_share);
        assert_true(a->median == b->median && a->low == b->low && a->high == b->high && a->best == b->best);
    }
}

static void test_machine_ceilings_come_from_the_kept_survey(void **state)
{
    (void)state;
    struct vit_ceilings want;
    assert_ok(vit_survey_keep(&survey, &machine, kept));
    assert_ok(vit_machine_ceilings(&machine, 2));
    assert_ok(vit_survey_ceilings(&survey, 2, &want));
    assert_true(machine.all.gflops == want.gflops && machine.all.read_gbs == want.read_gbs);
    assert_int_equal(machine.all.n_roof, 3);
    assert_int_equal(machine.single.threads, 1);
    assert_string_equal(machine.all.kept, survey.date);
    assert_non_null(strstr(machine.ceilings_note, "kept 20"));
    assert_non_null(strstr(machine.all.source, "kept 20"));
    for (int i = 0; i < survey.n_figure; i++)
        survey.figure[i].cpu_share = 0.5;
    assert_ok(vit_survey_keep(&survey, &machine, kept));
    assert_ok(vit_machine_ceilings(&machine, 2));
    assert_non_null(strstr(machine.ceilings_note, "they are low"));
    assert_close(vit_survey_cpu_share(&survey, 2), 0.5, 1e-12);
    assert_true(vit_survey_cpu_share(&survey, 9) == 0);
    /* With a number of threads that was not measured: the short way, and why. */
    assert_ok(vit_machine_ceilings(&machine, 4));
    assert_int_equal(machine.all.threads, 4);
    assert_string_equal(machine.all.kept, "");
    assert_int_equal(machine.all.n_roof, 1);
    assert_non_null(strstr(machine.ceilings_note, "4 threads"));
}

static void write_kept(const char *text, size_t length)
{
    FILE *file = fopen(kept, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static char *read_kept(void)
{
    static char text[1 << 18];
    FILE *file = fopen(kept, "r");
    assert_non_null(file);
    size_t used = fread(text, 1, sizeof text - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_true(used > 0 && used < sizeof text - 1);
    text[used] = '\0';
    return text;
}

/* The kept file with the first `from` replaced by `to`, which may be longer. */
static void replace_in_kept(const char *from, const char *to)
{
    static char changed[1 << 18];
    assert_ok(vit_survey_keep(&survey, &machine, kept));
    const char *text = read_kept(), *at = strstr(text, from);
    if (!at)
        fail_msg("no %s in the kept file", from);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    write_kept(changed, strlen(changed));
}

static void test_machine_kept_survey_of_elsewhere_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *from, *to;
        int status;
        const char *message;
    } cases[] = {
        {"small", "large", VIT_EMISMATCH, "another processor"},
        {"4096 B", "8192 B", VIT_EMISMATCH, "other caches"},
        {"\"kernel_set\":\t\"", "\"kernel_set\":\t\"x", VIT_EMISMATCH, "vector kernels"},
        {"\"real\":\t\"", "\"real\":\t\"x", VIT_EMISMATCH, "other numbers"},
        {"vitscope-machine/1", "vitscope-machine/9", VIT_EFORMAT, "expected \"vitscope-machine/1\""},
        {"\"figures\"", "\"pictures\"", VIT_EFORMAT, "no figures"},
        {"\"date\"", "\"data\"", VIT_EFORMAT, "missing"},
        {"\"threads\":\t1", "\"threads\":\t-1", VIT_EFORMAT, "figure 1 is not one"},
        {"\"best\":\t", "\"best\":\t-", VIT_EFORMAT, "figure 1 is not one"},
        {"\"median\":\t", "\"median\":\t9999999", VIT_EFORMAT, "figure 1 is not one"},
        {"\"operation\":\t\"", "\"operation\":\t\"a name longer than any", VIT_EFORMAT, "figure 1 is not one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        replace_in_kept(cases[i].from, cases[i].to);
        assert_fails(vit_survey_read(&again, &machine, kept), cases[i].status, cases[i].message);
        assert_non_null(strstr(vit_error(), kept));
        assert_null(strchr(vit_error(), '\n'));
    }
}

static void test_machine_kept_survey_cut_anywhere_is_ignored(void **state)
{
    (void)state;
    assert_ok(vit_survey_keep(&survey, &machine, kept));
    static char whole[1 << 18];
    strcpy(whole, read_kept());
    size_t length = strlen(whole) - 1; /* without the line's end */
    for (size_t cut = 0; cut < length; cut += length / 37) {
        write_kept(whole, cut);
        assert_fails(vit_survey_read(&again, &machine, kept), VIT_EFORMAT, "no valid JSON");
    }
    write_kept("[1, 2]", 6);
    assert_ok(vit_machine_ceilings(&machine, 1));
    assert_true(machine.single.gflops > 0);
    assert_string_equal(machine.single.kept, "");
    assert_non_null(strstr(machine.ceilings_note, "not used: "));
    assert_non_null(strstr(machine.ceilings_note, "schema"));
    assert_int_equal(unlink(kept), 0);
    assert_ok(vit_machine_ceilings(&machine, 1));
    assert_non_null(strstr(machine.ceilings_note, "measured now, DRAM only"));
    assert_fails(vit_survey_read(&again, &machine, kept), VIT_EIO, "No such file");
}

static void test_machine_path_follows_the_cache_folders_and_the_processor(void **state)
{
    (void)state;
    char path[4096], before[4096];
    const char *value = getenv("HOME");
    char *home = value ? strdup(value) : NULL;
    assert_int_equal(setenv("XDG_CACHE_HOME", "relative", 1), 0); /* the standard says: ignore it */
    assert_int_equal(setenv("HOME", "/somewhere", 1), 0);
    assert_ok(vit_survey_path(before, sizeof before, &machine));
    assert_int_equal(strncmp(before, "/somewhere/.cache/vitscope/machine-", 35), 0);
    assert_non_null(strstr(before, VIT_REAL_NAME));
    machine.cache[1].ways = 4;
    assert_ok(vit_survey_path(path, sizeof path, &machine));
    machine.cache[1].ways = 8;
    assert_string_not_equal(path, before);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_fails(vit_survey_path(path, sizeof path, &machine), VIT_ENOTSUP, "neither HOME nor XDG_CACHE_HOME");
    assert_ok(vit_machine_ceilings(&machine, 1)); /* measures all the same */
    assert_true(machine.all.read_gbs > 0);
    assert_int_equal(setenv("XDG_CACHE_HOME", program_folder, 1), 0);
    if (home)
        assert_int_equal(setenv("HOME", home, 1), 0);
    free(home);
}

static void test_machine_files_hold_all_rows(void **state)
{
    (void)state;
    struct vit_csv *csv;
    int best, median, unit, flat, slanted;
    assert_ok(vit_survey_write(&survey, program_folder));
    assert_ok(vit_csv_open(&csv, program_path("ceilings.csv")));
    assert_int_equal(vit_csv_rows(csv), survey.n_figure);
    assert_ok(vit_csv_find(csv, "best", &best));
    assert_ok(vit_csv_find(csv, "median", &median));
    assert_ok(vit_csv_find(csv, "unit", &unit));
    for (int i = 0; i < survey.n_figure; i++) {
        struct vit_cell cell;
        assert_ok(vit_csv_real(csv, i, best, &cell));
        assert_int_equal(cell.present, survey.figure[i].repetitions > 0);
        assert_true(!cell.present || cell.r == survey.figure[i].best);
        assert_string_equal(vit_csv_text(csv, i, unit), vit_survey_unit(&survey.figure[i]));
    }
    vit_csv_close(csv);
    assert_ok(vit_csv_open(&csv, program_path("roofs.csv")));
    assert_ok(vit_csv_find(csv, "gflop_per_s", &flat));
    assert_ok(vit_csv_find(csv, "gb_per_s", &slanted));
    assert_true(vit_csv_rows(csv) >= 3 * (3 + 1 + 1 + 1)); /* three numbers of threads: levels, DRAM, peaks of both */
    for (int64_t i = 0; i < vit_csv_rows(csv); i++)
        assert_true(!vit_csv_text(csv, i, flat) != !vit_csv_text(csv, i, slanted));
    vit_csv_close(csv);
}

static struct program_run run;

static void test_machine_program_refuses_what_it_does_not_take(void **state)
{
    (void)state;
    program_start(&run, "machine deit_tiny");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "takes only options"));
    program_start(&run, "machine --format xml --out '%s/xml'", program_folder);
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "xml"));
    assert_int_equal(access(program_path("xml"), F_OK), -1);
    program_start(&run, "machine --isa v9");
    assert_int_equal(run.exit_code, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_survey_has_every_figure_in_order),
        cmocka_unit_test(test_machine_survey_ceilings_are_the_best_of_its_figures),
        cmocka_unit_test(test_machine_kept_survey_reads_back_as_it_was),
        cmocka_unit_test(test_machine_ceilings_come_from_the_kept_survey),
        cmocka_unit_test(test_machine_kept_survey_of_elsewhere_is_refused),
        cmocka_unit_test(test_machine_kept_survey_cut_anywhere_is_ignored),
        cmocka_unit_test(test_machine_path_follows_the_cache_folders_and_the_processor),
        cmocka_unit_test(test_machine_files_hold_all_rows),
        cmocka_unit_test(test_machine_program_refuses_what_it_does_not_take),
    };
    return cmocka_run_group_tests_name("analysis_machine", tests, open_all, program_remove_folder);
}
