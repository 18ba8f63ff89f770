/* SPDX-License-Identifier: MIT */
/* The program as its user meets it: exit codes (0, 1 failed, 2 usage), one clear line on stderr, whole files. */
#include "analysis/command.h"
#include "analysis/reproduction.h"
#include "model/zoo/model.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct program_run run;

static int lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* The run ended as it should and said so: failures in one line that contains `message`, usage errors with a second
 * line that names --help. */
static void expect(int exit_code, const char *message)
{
    if (run.exit_code != exit_code || !strstr(run.error, message))
        fail_msg("exit code %d with \"%s\", expected %d with \"%s\"", run.exit_code, run.error, exit_code, message);
    int n = lines(run.error);
    if (exit_code == 0 ? n != 0 : !(n == 1 || (exit_code == 2 && n == 2 && strstr(run.error, "--help tells more"))))
        fail_msg("%d lines on stderr: %s", n, run.error);
}

#define EXPECT(exit_code, message, ...)   \
    do {                                  \
        program_start(&run, __VA_ARGS__); \
        expect(exit_code, message);       \
    } while (0)

static void test_cli_helps(void **state)
{
    (void)state;
    static const char *const command[] = {"models",    "profile",  "throughput", "study",
                                          "reproduce", "classify", "weights",    "verify"};
    EXPECT(0, "", "--help");
    for (size_t i = 0; i < sizeof command / sizeof command[0]; i++) {
        EXPECT(0, "", "--help");
        assert_non_null(strstr(run.output, command[i]));
        EXPECT(0, "", "%s --help", command[i]);
        assert_non_null(strstr(run.output, "usage: vitscope "));
        assert_non_null(strstr(run.output, "--help"));
        static struct program_run other;
        program_start(&other, "help %s", command[i]);
        assert_string_equal(other.output, run.output);
        program_start(&other, "%s -h nope --help", command[i]);
        assert_string_equal(other.output, run.output);
    }
    EXPECT(0, "", "-h");
    EXPECT(0, "", "help data");
    EXPECT(0, "", "--version");
    assert_non_null(strstr(run.output, "vitscope "));
    program_start(&run, "%s", "");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "usage: vitscope COMMAND"));
}

static void test_cli_refuses_wrong_usage(void **state)
{
    (void)state;
    EXPECT(2, "there is no command \"nope\"", "nope");
    EXPECT(2, "there is no command \"\"", "''");
    EXPECT(2, "there is no command \"nope\"", "help nope");
    EXPECT(2, "option --nope is not one of this command", "models --nope");
    EXPECT(2, "--batch is for --train", "models --batch 3");
    EXPECT(2, "--img needs a value", "models --img");
    EXPECT(2, "needs MODEL...", "throughput");
    EXPECT(2, "needs FIXTURE.json...", "verify");
    EXPECT(2, "takes only [MODEL]", "classify a b");
    EXPECT(2, "needs --weights FILE and --image FILE", "classify deit_nano");
    EXPECT(2, "there is no \"weights nope\"; there are list, check, recognise and make", "weights nope x");
    EXPECT(2, "usage: vitscope weights check MODEL FILE", "weights check x");
    EXPECT(2, "format xml is unknown: there are csv, json, table", "models --format xml");
    EXPECT(2, "graph \"fast\" is unknown; there are eager, folded", "throughput deit_nano --graph fast");
    EXPECT(2, "--protocol slow: there are quick and paper", "throughput deit_nano --protocol slow");
    EXPECT(2, "--recompute gelu: is for --train", "throughput deit_nano --recompute gelu");
    EXPECT(2, "there is no kind of operator \"gelo\"", "throughput deit_nano --train --recompute 'softmax gelo'");
    EXPECT(2, "running statistics", "throughput efficientvit_nano --train --recompute batch_norm_train");
    EXPECT(2, "--threads 0: takes a whole number from 1 to 1024", "throughput deit_nano --threads 0");
    EXPECT(2, "there is no study \"nope\"", "study nope");
}

static void test_cli_refuses_unknown_models_with_a_list(void **state)
{
    (void)state;
    static const char *const command[] = {"models nope",  "throughput nope",
                                          "profile nope", "weights make nope x",
                                          "models ''",    "classify nope --weights LICENSE --image LICENSE"};
    for (size_t i = 0; i < sizeof command / sizeof command[0]; i++) {
        EXPECT(2, "is unknown; there are efficientvit_m0", "%s", command[i]);
        assert_non_null(strstr(run.error, "swin_nano"));
        assert_int_equal(strlen(run.output), 0);
    }
}

static void test_cli_refuses_sizes_that_models_do_not_take(void **state)
{
    (void)state;
    EXPECT(2, "--threads 1000: at most", "profile deit_nano --threads 1000");
    EXPECT(2, "img 16: stage 3 of 4 has no pixels left", "models swin_tiny --img 16");
    EXPECT(2, "img 100: deit_nano takes multiples of its patch", "throughput deit_nano --img 100");
    EXPECT(0, "", "models --img 3"); /* those that take it */
    assert_non_null(strstr(run.output, "mobilenetv2_100"));
    assert_null(strstr(run.output, "deit_tiny"));
    EXPECT(0, "", "models --img 16");
    assert_non_null(strstr(run.output, "deit_tiny"));
    assert_null(strstr(run.output, "swin_tiny"));
    EXPECT(1, "of memory, this machine has", "throughput deit_base --batch 4096 --img 4096");
}

static void test_cli_tells_how_long_figures_take(void **state)
{
    (void)state;
    int figures = 0;
    EXPECT(0, "", "reproduce list");
    for (const char *at = run.output; (at = strstr(at, "  roughly: quick ")); at++)
        figures++;
    assert_int_equal(figures, vit_n_reproductions);
}

static void test_cli_names_files_that_cannot_be_read(void **state)
{
    (void)state;
    EXPECT(1, "/nonexistent/w", "throughput deit_nano --weights /nonexistent/w");
    EXPECT(1, "/nonexistent/w", "weights list /nonexistent/w");
    EXPECT(1, "/nonexistent/w", "weights recognise /nonexistent/w");
    EXPECT(1, "/nonexistent/f", "verify /nonexistent/f");
    EXPECT(1, "tests: ", "verify tests");
    EXPECT(1, "tests: a directory", "weights list tests");
    EXPECT(1, "/dev/zero: not a regular file", "weights list /dev/zero");
    EXPECT(1, "LICENSE", "weights list LICENSE");
    EXPECT(1, "LICENSE: no valid JSON", "verify LICENSE");
    assert_int_equal(mkfifo(program_path("pipe"), 0600), 0);
    EXPECT(1, "pipe: not a regular file", "weights check deit_nano %s", program_path("pipe"));
}

static void read_text(const char *path, char *text, size_t size, size_t *used)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *used = fread(text, 1, size, file);
    fclose(file);
}

static void test_cli_settings_change_the_model(void **state)
{
    (void)state;
    const char *file = program_path("shallow.safetensors");
    EXPECT(0, "", "models deit_nano --set depth=1 --set heads=4 --format csv");
    assert_non_null(strstr(run.output, "\"deit_nano[depth=1 heads=4]\",\"deit\""));
    EXPECT(0, "", "models deit_nano[depth=1] deit_nano[ffn_dim.1=50] --format csv");
    assert_int_equal(lines(run.output), 3);
    EXPECT(2, "\"depht=1\" is unknown to deit", "models deit_nano --set depht=1");
    EXPECT(2, "must divide its width 48", "throughput deit_nano --set heads=5");
    EXPECT(2, "needs MODEL", "models --set depth=1");
    EXPECT(2, "not an empty text", "models deit_nano --set \"\"");
    EXPECT(0, "", "weights make deit_nano %s --set depth=1", file);
    EXPECT(0, "", "models %s --format csv", file); /* a weight file stands for its model */
    assert_non_null(strstr(run.output, "\"deit_nano[depth=1]\",\"deit\""));
    EXPECT(0, "", "throughput %s --warmup 0 --min-time 0 --repeat 1 --format csv", file);
    EXPECT(0, "", "help set");
    assert_non_null(strstr(run.output, "ffn_ratio"));
    EXPECT(0, "", "profile deit_nano[depth=1] deit_nano --warmup 0 --min-time 0 --repeat 1 --probes wall_time --out %s",
           program_path("two"));
    char text[4096];
    size_t used;
    read_text(program_path("two/models.csv"), text, sizeof text - 1, &used);
    text[used] = '\0';
    assert_non_null(strstr(text, "\"deit_nano[depth=1]\",\"eager\"")); /* each row has its own name */
    assert_non_null(strstr(text, "\"deit_nano\",\"eager\""));
}

static void test_cli_weights_make_check_recognise_list(void **state)
{
    (void)state;
    const char *file = program_path("deit.safetensors");
    EXPECT(0, "", "weights make deit_nano %s --classes 7 --seed 9", file);
    EXPECT(0, "", "weights check deit_nano %s --classes 7 --format csv", file);
    assert_non_null(strstr(run.output, "\"deit_nano\",7,32,0,0,\"F"));
    EXPECT(0, "", "weights check deit_nano %s --classes 7 --img 128 --format csv", file);
    assert_non_null(strstr(run.output, "\"deit_nano\",7,32,1,0,")); /* one table is resized */
    EXPECT(0, "", "weights recognise %s --format csv", file);
    assert_non_null(strstr(run.output, "\"deit_nano\",7,,"));
    EXPECT(0, "", "weights list %s --format csv", file);
    assert_int_equal(lines(run.output), 33);
    assert_non_null(strstr(run.output, "\"head.weight\""));
    EXPECT(1, "head.weight is (7, 48) and must be (10, 48)", "weights check deit_nano %s", file);
    EXPECT(1, "the file looks like deit_nano", "weights check swin_nano %s", file);
    EXPECT(1, "weights do not fit swin_nano", "throughput swin_nano --weights %s", file);
    EXPECT(0, "", "throughput deit_nano --classes 7 --weights %s --warmup 0 --min-time 0 --repeat 1 --format csv",
           file);
    assert_int_equal(lines(run.output), 2);
}

static void test_cli_refuses_truncated_weights(void **state)
{
    (void)state;
    static const size_t kept[] = {0, 7, 8, 500, 3000, 100000};
    static char bytes[1 << 20];
    const char *whole = program_path("whole.safetensors"), *part = program_path("part.safetensors");
    size_t size;
    EXPECT(0, "", "weights make deit_nano %s", whole);
    read_text(whole, bytes, sizeof bytes, &size);
    assert_true(size > 200000 && size < sizeof bytes);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        FILE *file = fopen(part, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, kept[i], file), kept[i]);
        fclose(file);
        EXPECT(1, part, "weights check deit_nano %s", part);
        EXPECT(1, part, "weights list %s", part);
        EXPECT(1, part, "classify --weights %s --image tests/fixtures/images/rgb8.png", part);
    }
}

static void test_cli_classifies_images(void **state)
{
    (void)state;
    static const char *const image[] = {"rgb8.png", "gray1.png", "cmyk.jpg", "portrait.jpg", "rgba16.png"};
    const char *file = program_path("c.safetensors");
    EXPECT(0, "", "weights make deit_nano %s", file);
    for (size_t i = 0; i < sizeof image / sizeof image[0]; i++) {
        EXPECT(0, "", "classify --weights %s --image tests/fixtures/images/%s --top 10 --format json", file, image[i]);
        cJSON *rows = cJSON_Parse(run.output), *row;
        assert_int_equal(cJSON_GetArraySize(rows), 10);
        double sum = 0, last = 1;
        cJSON_ArrayForEach(row, rows)
        {
            double p = cJSON_GetNumberValue(cJSON_GetObjectItem(row, "probability"));
            assert_true(p > 0 && p <= last);
            last = p;
            sum += p;
        }
        assert_close(sum, 1, 1e-9);
        cJSON_Delete(rows);
    }
    EXPECT(1, "--image /nonexistent/i.png: No such file", "classify --weights %s --image /nonexistent/i.png", file);
    EXPECT(1, "takes one JPEG or PNG file", "classify --weights %s --image tests/fixtures/images", file);
    EXPECT(1, "takes one JPEG or PNG file", "classify --weights %s --image /dev/null", file);
    EXPECT(1, "neither JPEG nor PNG", "classify --weights %s --image LICENSE", file);
}

static void test_cli_labels_are_as_many_as_classes(void **state)
{
    (void)state;
    const char *file = program_path("l.safetensors");
    EXPECT(0, "", "weights make deit_nano %s", file);
    program_write("ten", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    program_write("nine", "a\nb\nc\nd\ne\nf\ng\nh\ni");
    program_write("eleven", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n");
    program_write("none", "");
#define CLASSIFY "classify --weights %s --image tests/fixtures/images/rgb8.png --format csv --labels "
    EXPECT(0, "", CLASSIFY "%s", file, program_path("ten"));
    EXPECT(1, "nine: 9 lines, the model has 10 classes", CLASSIFY "%s", file, program_path("nine"));
    EXPECT(1, "eleven: 11 lines, the model has 10 classes", CLASSIFY "%s", file, program_path("eleven"));
    EXPECT(1, "none: 0 lines, the model has 10 classes", CLASSIFY "%s", file, program_path("none"));
    EXPECT(1, "/nonexistent/l: No such file", CLASSIFY "/nonexistent/l", file);
    EXPECT(1, "tests: not a file of text", CLASSIFY "tests", file);
    EXPECT(1, "/dev/zero: not a file of text", CLASSIFY "/dev/zero", file);
}

static void test_cli_verifies(void **state)
{
    (void)state;
    static char text[1 << 20];
    size_t size;
    EXPECT(0, "", "verify tests/fixtures/deit_nano_s1.json tests/fixtures/swin_nano_s1.json");
    assert_null(strstr(run.output, "OUTSIDE"));
    read_text("tests/fixtures/deit_nano_s1.json", text, sizeof text - 1, &size);
    text[size] = '\0';
    char *digit = strstr(text, "\"params\"");
    assert_non_null(digit);
    digit += strcspn(digit, "123456789");
    *digit = *digit == '9' ? '8' : (char)(*digit + 1);
    program_write("changed.json", text);
    EXPECT(1, "1 numbers are outside their tolerance", "verify --format csv %s", program_path("changed.json"));
    assert_non_null(strstr(run.output, "\"OUTSIDE\",\"deit_nano params\""));
    program_write("empty.json", "{\"schema\":\"vit-fixture/1\",\"kind\":\"adamw\"}");
    EXPECT(1, "has nothing to compare", "verify %s", program_path("empty.json"));
}

/* Every form holds the same numbers, and a reader can parse it. */
static void test_cli_prints_json_and_csv_that_parse(void **state)
{
    (void)state;
    struct vit_csv *csv;
    int name, macs;
    struct vit_cell cell;
    EXPECT(0, "", "models --format csv >%s", program_path("models.csv"));
    assert_ok(vit_csv_open(&csv, program_path("models.csv")));
    assert_int_equal(vit_csv_rows(csv), vit_n_models);
    assert_ok(vit_csv_find(csv, "model", &name));
    assert_ok(vit_csv_find(csv, "macs", &macs));
    EXPECT(0, "", "models --format json");
    cJSON *rows = cJSON_ParseWithOpts(run.output, NULL, 1);
    assert_int_equal(cJSON_GetArraySize(rows), vit_n_models);
    for (int i = 0; i < vit_n_models; i++) {
        const cJSON *row = cJSON_GetArrayItem(rows, i);
        assert_ok(vit_csv_int(csv, i, macs, &cell));
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(row, "model")), vit_csv_text(csv, i, name));
        assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(row, "macs")) == (double)cell.i);
    }
    cJSON_Delete(rows);
    vit_csv_close(csv);
}

static void test_cli_fails_when_output_cannot_be_written(void **state)
{
    (void)state;
    static const char *const command[] = {
        "models deit_nano",
        "models deit_nano --format json",
        "models deit_nano --format csv",
        "help",
        "models --help",
        "help data",
        "--version",
        "verify tests/fixtures/deit_nano_s1.json",
        "throughput deit_nano --warmup 0 --min-time 0 --repeat 1",
        "weights list tests/fixtures/efficientvit_nano_f16.safetensors",
        "weights recognise tests/fixtures/efficientvit_nano_f16.safetensors",
        "weights check efficientvit_nano tests/fixtures/efficientvit_nano_f16.safetensors",
    };
    for (size_t i = 0; i < sizeof command / sizeof command[0]; i++) {
        EXPECT(1, "standard output", "%s >/dev/full", command[i]);
        EXPECT(1, "standard output", "%s >&-", command[i]);
    }
}

static void test_cli_refuses_folders_it_cannot_write(void **state)
{
    (void)state;
    program_write("file", "x");
#define PROFILE "profile deit_nano --warmup 0 --min-time 0 --repeat 2 --out "
    EXPECT(1, "file: is there and is no folder", PROFILE "%s", program_path("file"));
    EXPECT(1, "file/below: cannot create this folder", PROFILE "%s", program_path("file/below"));
    EXPECT(1, "/proc/vitscope: cannot create this folder", PROFILE "/proc/vitscope");
    EXPECT(1, "/no/w: cannot write", "weights make deit_nano %s", program_path("no/w"));
    EXPECT(1, "cannot write: it is a directory", "weights make deit_nano %s", program_folder);
    EXPECT(1, "cannot write: it is not a regular file", "weights make deit_nano /dev/full");
    if (geteuid() == 0)
        return; /* root writes everywhere */
    assert_int_equal(mkdir(program_path("closed"), 0500), 0);
    EXPECT(1, "closed/below: cannot create this folder", PROFILE "%s", program_path("closed/below"));
    EXPECT(1, "closed", PROFILE "%s", program_path("closed"));
}

/* Before anything is measured, and without a folder. */
static void test_cli_profile_checks_its_options_first(void **state)
{
    (void)state;
    EXPECT(2, "model deit_nano is given twice", "profile deit_nano deit_nano --out %s", program_path("p"));
    EXPECT(2, "format xml is unknown", "profile deit_nano --format xml --out %s", program_path("p"));
    assert_int_not_equal(access(program_path("p"), F_OK), 0);
    EXPECT(2, "unknown probe \"nope\"", PROFILE "%s --probes nope", program_path("q"));
    EXPECT(2, "exclude each other", PROFILE "%s --synthetic --data fashion-mnist", program_path("q"));
}

static void test_cli_fails_on_a_full_disk(void **state)
{
    (void)state;
    const char *disk = program_path("disk");
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=16k") != 0) {
        print_message("skipped: no tmpfs can be mounted here\n");
        skip();
    }
    program_start(&run, PROFILE "%s/run --repeat 40", disk); /* operators.csv alone is larger than the disk */
    static struct program_run make;
    program_start(&make, "weights make deit_nano %s/w", disk);
    bool left = access(program_path("disk/w"), F_OK) == 0 || access(program_path("disk/run/operators.csv"), F_OK) == 0;
    umount(disk);
    expect(1, "No space left on device");
    run = make;
    expect(1, "No space left on device");
    assert_false(left); /* whole files or none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_helps),
        cmocka_unit_test(test_cli_refuses_wrong_usage),
        cmocka_unit_test(test_cli_refuses_unknown_models_with_a_list),
        cmocka_unit_test(test_cli_refuses_sizes_that_models_do_not_take),
        cmocka_unit_test(test_cli_tells_how_long_figures_take),
        cmocka_unit_test(test_cli_names_files_that_cannot_be_read),
        cmocka_unit_test(test_cli_settings_change_the_model),
        cmocka_unit_test(test_cli_weights_make_check_recognise_list),
        cmocka_unit_test(test_cli_refuses_truncated_weights),
        cmocka_unit_test(test_cli_classifies_images),
        cmocka_unit_test(test_cli_labels_are_as_many_as_classes),
        cmocka_unit_test(test_cli_verifies),
        cmocka_unit_test(test_cli_prints_json_and_csv_that_parse),
        cmocka_unit_test(test_cli_fails_when_output_cannot_be_written),
        cmocka_unit_test(test_cli_refuses_folders_it_cannot_write),
        cmocka_unit_test(test_cli_profile_checks_its_options_first),
        cmocka_unit_test(test_cli_fails_on_a_full_disk),
    };
    return cmocka_run_group_tests_name("analysis_cli", tests, program_make_folder, program_remove_folder);
}
