/* SPDX-License-Identifier: MIT */
/* vitscope doctor: right on any machine. What is absent has a reason; nothing absent makes it fail. */
#include "tests/support/test.h"

#include "analysis/doctor.h"
#include "model/base/status.h"
#include "tests/support/program.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void test_doctor_prints_lines_of_80_columns_and_exits_with_0(void **state)
{
    (void)state;
    static struct program_run run;
    program_start(&run, "doctor");
    assert_string_equal(run.error, "");
    assert_int_equal(run.exit_code, 0);
    for (const char *line = run.output; *line; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > 80)
            fail_msg("a line of %zu columns: %.100s", strcspn(line, "\n"), line);
    static const char *const want[] = {"processor", "vector kernels", "OpenBLAS",  "permissions", "valgrind",
                                       "gnuplot",   "measured",       "simulated", "footprint",   "energy"};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        if (!strstr(run.output, want[i]))
            fail_msg("nothing about %s in:\n%s", want[i], run.output);
}

static const char *text_of(const cJSON *row, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(row, name));
    return text ? text : "";
}

static void test_doctor_rows_have_a_finding_and_counters_a_source_or_a_reason(void **state)
{
    (void)state;
    static struct program_run run;
    program_start(&run, "doctor --format json");
    assert_int_equal(run.exit_code, 0);
    cJSON *rows = cJSON_Parse(run.output);
    assert_true(cJSON_IsArray(rows));
    int counters = 0, verdicts = 0;
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        const char *health = text_of(row, "health");
        assert_string_not_equal(text_of(row, "check"), "");
        assert_string_not_equal(text_of(row, "finding"), "");
        assert_string_not_equal(health, "broken");
        verdicts += strcmp(text_of(row, "area"), "verdict") == 0;
        if (!*text_of(row, "event"))
            continue;
        counters++;
        assert_int_equal(strcmp(health, "works") == 0, strcmp(text_of(row, "failed_at"), "none") == 0);
        assert_string_not_equal(text_of(row, "backend"), "");
    }
    assert_true(counters > 0);
    assert_int_equal(verdicts, 5);
    cJSON_Delete(rows);
}

static void test_doctor_lists_the_events_that_were_tried(void **state)
{
    (void)state;
    static struct program_run run;
    program_start(&run, "doctor --counters list --format csv");
    assert_int_equal(run.exit_code, 0);
    assert_memory_equal(run.output, "counter,event,backend,failed_at,counted,calibration,scope,chosen,reason,cure\n",
                        77);
    assert_non_null(strstr(run.output, "task"));
    program_start(&run, "doctor --counters list");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "task"));
    program_start(&run, "doctor --counters cycles");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "takes only list"));
}

static void test_doctor_tells_an_unprivileged_user_what_is_missing(void **state)
{
    (void)state;
    static struct program_run run;
    static const char as_nobody[] = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";
    char self[4096], command[8192];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    for (int level = 0; level < 2; level++)
        *strrchr(self, '/') = '\0';
    int size = snprintf(command, sizeof command, "%s '%.4000s/vitscope' --version >/dev/null 2>&1", as_nobody, self);
    assert_true(size > 0 && (size_t)size < sizeof command);
    if (getuid() != 0 || system(command) != 0)
        skip(); /* another user cannot be had, or may not start this build */
    program_start(&run, "--version; %s '%s/vitscope' doctor --format csv >'%s'", as_nobody, self,
                  program_path("stdout"));
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "user 65534"));
    assert_non_null(strstr(run.output, "without CAP_PERFMON"));
}

static void test_doctor_fails_only_where_something_is_broken(void **state)
{
    (void)state;
    struct vit_doctor_finding finding[3] = {
        {.health = VIT_HEALTH_WORKS}, {.health = VIT_HEALTH_ABSENT}, {.health = VIT_HEALTH_LIMITED}};
    struct vit_doctor doctor = {finding, 3};
    assert_ok(vit_doctor_status(&doctor));
    finding[1] =
        (struct vit_doctor_finding){.check = "OpenBLAS", .health = VIT_HEALTH_BROKEN, .text = "wrong products"};
    assert_fails(vit_doctor_status(&doctor), VIT_EMISMATCH, "OpenBLAS is broken");
}

static void print_to(char *text, size_t size, const struct vit_doctor *doctor, int width)
{
    FILE *file = fmemopen(text, size, "w");
    assert_non_null(file);
    vit_doctor_print(doctor, file, width);
    fclose(file);
}

static void test_doctor_print_wraps_and_tells_a_shared_reason_once(void **state)
{
    (void)state;
    char text[4096];
    struct vit_doctor_finding finding[3];
    for (int i = 0; i < 3; i++) {
        finding[i] = (struct vit_doctor_finding){
            .area = "counters", .health = VIT_HEALTH_ABSENT, .text = "no such counters on this processor"};
        snprintf(finding[i].check, sizeof finding[i].check, "counter_%d", i);
    }
    struct vit_doctor doctor = {finding, 3};
    print_to(text, sizeof text, &doctor, 62);
    assert_string_equal(text, "counters:\n"
                              "3 counters            absent   no such counters on this\n"
                              "                               processor\n"
                              "                               These are: counter_0,\n"
                              "                               counter_1, counter_2\n");
    finding[1].health = VIT_HEALTH_WORKS;
    strcpy(finding[1].check, "measured_l1_fill_bytes");
    strcpy(finding[1].cure, "cpu/event=0x64,umask=0x08/+cpu/event=0x71/");
    print_to(text, sizeof text, &doctor, 62);
    assert_string_equal(text, "counters:\n"
                              "2 counters            absent   no such counters on this\n"
                              "                               processor\n"
                              "                               These are: counter_0, counter_2\n"
                              "l1_fill               works    no such counters on this\n"
                              "                               processor\n"
                              "                               cure:\n"
                              "                               cpu/event=0x64,umask=0x08/+cpu/\n"
                              "                               event=0x71/\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doctor_prints_lines_of_80_columns_and_exits_with_0),
        cmocka_unit_test(test_doctor_rows_have_a_finding_and_counters_a_source_or_a_reason),
        cmocka_unit_test(test_doctor_lists_the_events_that_were_tried),
        cmocka_unit_test(test_doctor_tells_an_unprivileged_user_what_is_missing),
        cmocka_unit_test(test_doctor_fails_only_where_something_is_broken),
        cmocka_unit_test(test_doctor_print_wraps_and_tells_a_shared_reason_once),
    };
    return cmocka_run_group_tests_name("analysis_doctor", tests, program_make_folder, program_remove_folder);
}
