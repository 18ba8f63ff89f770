/* SPDX-License-Identifier: MIT */
#include "tests/support/program.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

char program_folder[128];

int program_make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(program_folder, sizeof program_folder, "%.90s/vitscope-program-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(program_folder) ? 0 : -1;
}

int program_remove_folder(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", program_folder);
    return system(command);
}

const char *program_path(const char *name)
{
    enum { MOST = 64 };
    static char path[MOST][256];
    char text[256];
    snprintf(text, sizeof text, "%s/%.100s", program_folder, name);
    for (int i = 0; i < MOST; i++)
        if (!*path[i] || strcmp(path[i], text) == 0)
            return strcpy(path[i], text);
    fail_msg("more than %d paths", MOST);
    return NULL;
}

void program_write(const char *name, const char *text)
{
    FILE *file = fopen(program_path(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void read_back(const char *name, char *text)
{
    FILE *file = fopen(program_path(name), "r");
    assert_non_null(file);
    text[fread(text, 1, PROGRAM_TEXT - 1, file)] = '\0';
    fclose(file);
}

const char *program_binary(void)
{
    static char binary[4096];
    ssize_t length = readlink("/proc/self/exe", binary, sizeof binary - sizeof "vitscope");
    assert_true(length > 0);
    binary[length] = '\0';
    for (int level = 0; level < 2; level++)
        *strrchr(binary, '/') = '\0'; /* .../tests/test_x: the program is beside tests/ */
    return strcat(binary, "/vitscope");
}

const char *program_launcher = "";

void program_start(struct program_run *run, const char *arguments, ...)
{
    char line[8192], command[16384];
    va_list list;
    va_start(list, arguments);
    vsnprintf(line, sizeof line, arguments, list);
    va_end(list);
    /* What the arguments redirect themselves comes after, and wins. */
    snprintf(command, sizeof command, "%s '%s' >'%s' 2>'%s' </dev/null %s", program_launcher, program_binary(),
             program_path("stdout"), program_path("stderr"), line);
    int status = system(command);
    assert_true(status != -1);
    run->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_back("stdout", run->output);
    read_back("stderr", run->error);
}
