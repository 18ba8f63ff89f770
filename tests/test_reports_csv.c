/* SPDX-License-Identifier: MIT */
/* CSV written and read back: nothing is lost, and what is malformed is told with its line. */
#include "tests/support/test.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/csv_read.h"
#include "reports/sink.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/vit_csv_XXXXXX", base ? base : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a test left a file, a temporary one included */
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const struct vit_column columns[] = {
    {"key", VIT_INT, "", ""},
    {"value", VIT_REAL, "", ""},
    {"name", VIT_TEXT, "", ""},
};
static const struct vit_schema schema = {"test", 1, 3, columns};

static void open_csv(struct vit_sink *sink, const char *path)
{
    const struct vit_sink_def *def;
    assert_ok(vit_sink_find(&def, "csv"));
    assert_ok(vit_sink_open(sink, def, &schema, &(struct vit_sink_target){.path = path}));
}

static void test_csv_texts_survive_a_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain", "a,b",   "say \"so\"", "\"",        "two\nlines", "\r\n", " spaces ", "\u00B5s \u2192 \U0001F600",
        "",      "'=1+1", "semi;colon", "tab\there", "NA"};
    enum { N = sizeof texts / sizeof *texts };
    const char *path = in_folder("texts.csv");
    struct vit_sink sink;
    open_csv(&sink, path);
    for (int i = 0; i < N; i++)
        assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_int(i), vit_absent(), vit_text(texts[i])}));
    assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_int(N), vit_absent(), vit_absent()}));
    assert_ok(vit_sink_close(&sink));

    struct vit_csv *csv;
    assert_ok(vit_csv_open(&csv, path));
    assert_int_equal(vit_csv_rows(csv), N + 1);
    assert_int_equal(vit_csv_columns(csv), 3);
    int name;
    assert_ok(vit_csv_find(csv, "name", &name));
    for (int i = 0; i < N; i++) {
        assert_non_null(vit_csv_text(csv, i, name));
        assert_string_equal(vit_csv_text(csv, i, name), texts[i]);
    }
    assert_null(vit_csv_text(csv, N, name)); /* absent is not the empty text */
    vit_csv_close(csv);
    unlink(path);
}

static void test_csv_numbers_survive_a_round_trip(void **state)
{
    (void)state;
    static const double reals[] = {0.0,          1.0 / 3,  0.1,
                                   DBL_MAX,      -DBL_MAX, DBL_MIN,
                                   DBL_TRUE_MIN, 5e-310,   1 + DBL_EPSILON,
                                   -0.0,         1e22,     123456789.123456789,
                                   INFINITY};
    static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 9007199254740993};
    enum { N = sizeof reals / sizeof *reals, N_INTEGERS = sizeof integers / sizeof *integers };
    const char *path = in_folder("numbers.csv");
    struct vit_sink sink;
    open_csv(&sink, path);
    for (int i = 0; i < N; i++)
        assert_ok(vit_sink_write(
            &sink, (struct vit_cell[]){vit_int(integers[i % N_INTEGERS]), vit_real_cell(reals[i]), vit_absent()}));
    assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_absent(), vit_real_cell((double)NAN), vit_text("nan")}));
    assert_ok(vit_sink_close(&sink));

    struct vit_csv *csv;
    struct vit_cell cell;
    assert_ok(vit_csv_open(&csv, path));
    for (int i = 0; i < N; i++) {
        assert_ok(vit_csv_int(csv, i, 0, &cell));
        assert_true(cell.present && cell.i == integers[i % N_INTEGERS]);
        assert_ok(vit_csv_real(csv, i, 1, &cell));
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): every bit is to be equal, that of -0 too */
        assert_true(cell.present && !memcmp(&cell.r, &reals[i], sizeof cell.r));
    }
    assert_ok(vit_csv_int(csv, N, 0, &cell));
    assert_false(cell.present);
    assert_null(vit_csv_text(csv, N, 1)); /* NaN is absent */
    vit_csv_close(csv);
    unlink(path);
}

static void test_csv_has_the_bytes_that_pandas_and_gnuplot_expect(void **state)
{
    (void)state;
    const char *path = in_folder("bytes.csv");
    struct vit_sink sink;
    open_csv(&sink, path);
    assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_int(-7), vit_real_cell(0.1), vit_text("a \"b\"")}));
    assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_absent(), vit_absent(), vit_text("")}));
    assert_ok(vit_sink_close(&sink));
    char bytes[256] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(bytes, "key,value,name\n-7,0.1,\"a \"\"b\"\"\"\n,,\"\"\n");
    unlink(path);
}

/* Opens a file of this text and expects a failure whose message has `message` in it. */
static void refuse(const char *text, const char *message)
{
    const char *path = in_folder("bad.csv");
    write_text(path, text);
    struct vit_csv *csv;
    assert_fails(vit_csv_open(&csv, path), VIT_EFORMAT, message);
    assert_non_null(strstr(vit_error(), "bad.csv"));
    assert_null(strchr(vit_error(), '\n'));
    assert_null(csv);
    unlink(path);
}

static void test_csv_malformed_files_are_refused_with_their_line(void **state)
{
    (void)state;
    refuse("", "empty");
    refuse("\n\n", "empty");
    refuse("a,b\n1,2\n3\n", "bad.csv:3: 1 cells in a row where the heading has 2");
    refuse("a,b\n1,2,3\n", "bad.csv:2: 3 cells");
    refuse("a,b\n\"x\ny\",2\n1,2,3\n", "bad.csv:4: 3 cells"); /* a cell of two lines is counted as two */
    refuse("a,b\n1,\"2\n3,4\n", "bad.csv:3: the file ends inside a quoted cell");
    refuse("a,b\n1,x\"y\"\n", "bad.csv:2: a quote inside");
    refuse("a,b\n1,\"x\"y\n", "bad.csv:2: a quote inside");
    refuse("a,b,a\n1,2,3\n", "bad.csv:1: the heading names column a twice");
    refuse("a,,c\n1,2,3\n", "bad.csv:1: column 2 has no name");
}

static void test_csv_cells_of_the_wrong_type_are_refused_with_their_line(void **state)
{
    (void)state;
    const char *path = in_folder("types.csv");
    write_text(path, "\xEF\xBB\xBFn,x\r\n1,2.5\r\n\r\nlots,1e999\r\n1.5,0x\r\n9223372036854775808,nan");
    struct vit_csv *csv;
    struct vit_cell cell;
    int column = 7;
    assert_ok(vit_csv_open(&csv, path)); /* byte-order mark, CRLF, a blank line, no newline at the end */
    assert_int_equal(vit_csv_rows(csv), 4);
    assert_ok(vit_csv_find(csv, "n", &column));
    assert_int_equal(column, 0);
    assert_fails(vit_csv_find(csv, "time_ns", &column), VIT_EFORMAT, "no column time_ns: it has n, x");
    assert_ok(vit_csv_real(csv, 0, 1, &cell));
    assert_close(cell.r, 2.5, 0);
    assert_fails(vit_csv_int(csv, 1, 0, &cell), VIT_EFORMAT, "types.csv:4: column n: \"lots\" is not a whole number");
    assert_fails(vit_csv_real(csv, 1, 1, &cell), VIT_EFORMAT, "range");
    assert_fails(vit_csv_int(csv, 2, 0, &cell), VIT_EFORMAT, "types.csv:5");
    assert_fails(vit_csv_real(csv, 2, 1, &cell), VIT_EFORMAT, "\"0x\" is not a number");
    assert_fails(vit_csv_int(csv, 3, 0, &cell), VIT_EFORMAT, "64 bits");
    assert_ok(vit_csv_real(csv, 3, 1, &cell));
    assert_false(cell.present);
    vit_csv_close(csv);
    unlink(path);
}

static void test_csv_missing_file_and_folder_are_named(void **state)
{
    (void)state;
    struct vit_csv *csv;
    assert_fails(vit_csv_open(&csv, "/nonexistent/x.csv"), VIT_EIO, "/nonexistent/x.csv");
    assert_fails(vit_csv_open(&csv, folder), VIT_EIO, folder);
}

/* The shipped file is read as it is; the sums of Fig. 2 that the paper prints are 49.6 % and 61.4 %. */
static void test_csv_paper_figure_2_adds_up(void **state)
{
    (void)state;
    struct vit_csv *csv;
    int model, operator_class, share, bound;
    assert_ok(vit_csv_open(&csv, "reports/paper/fig2_runtime_profile.csv"));
    assert_ok(vit_csv_find(csv, "model", &model));
    assert_ok(vit_csv_find(csv, "operator_class", &operator_class));
    assert_ok(vit_csv_find(csv, "runtime_share_pct", &share));
    assert_ok(vit_csv_find(csv, "memory_bound_in_figure", &bound));
    double swin = 0, deit = 0;
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        struct vit_cell cell;
        assert_ok(vit_csv_real(csv, row, share, &cell));
        if (!strncmp(vit_csv_text(csv, row, operator_class), "SUM", 3) || strcmp(vit_csv_text(csv, row, bound), "yes"))
            continue;
        if (!strcmp(vit_csv_text(csv, row, model), "Swin-T"))
            swin += cell.r;
        else
            deit += cell.r;
    }
    assert_close(swin, 49.6, 1e-9); /* sums of tenths */
    assert_close(deit, 61.4, 1e-9);
    vit_csv_close(csv);
}

static void test_csv_many_rows_are_read_back(void **state)
{
    (void)state;
    enum { N = 20000 };
    const char *path = in_folder("many.csv");
    struct vit_sink sink;
    open_csv(&sink, path);
    for (int i = 0; i < N; i++)
        assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_int(i), vit_real_cell(i / 7.0), vit_text("blocks.0")}));
    assert_ok(vit_sink_close(&sink));
    struct vit_csv *csv;
    struct vit_cell cell;
    assert_ok(vit_csv_open(&csv, path));
    assert_int_equal(vit_csv_rows(csv), N);
    assert_ok(vit_csv_real(csv, N - 1, 1, &cell));
    assert_close(cell.r, (N - 1) / 7.0, 0);
    vit_csv_close(csv);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_texts_survive_a_round_trip),
        cmocka_unit_test(test_csv_numbers_survive_a_round_trip),
        cmocka_unit_test(test_csv_has_the_bytes_that_pandas_and_gnuplot_expect),
        cmocka_unit_test(test_csv_malformed_files_are_refused_with_their_line),
        cmocka_unit_test(test_csv_cells_of_the_wrong_type_are_refused_with_their_line),
        cmocka_unit_test(test_csv_missing_file_and_folder_are_named),
        cmocka_unit_test(test_csv_paper_figure_2_adds_up),
        cmocka_unit_test(test_csv_many_rows_are_read_back),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
