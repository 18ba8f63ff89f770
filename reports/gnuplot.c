/* SPDX-License-Identifier: MIT */
/* gnuplot.c - no shell is involved: gnuplot is started directly, variables are quoted gnuplot strings. */
#include "reports/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/base/status.h"
#include "reports/data_dir.h"

static const char missing[] = "gnuplot is not installed: no plots (apt-get install gnuplot-nox)";

/* Terminals, by the suffix of what they write. The scripts name one and load palette.gp, which sets it up. */
static const char *const suffixes[] = {"svg", "png"};
enum { N_OUTPUTS = sizeof suffixes / sizeof *suffixes, N_OWN = 3 };

/* In single quotes gnuplot expands nothing; a quote is written twice. */
static void print_quoted(FILE *stream, const char *text)
{
    fputc('\'', stream);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', stream);
        fputc(*text, stream);
    }
    fputc('\'', stream);
}

/* gnuplot runs files called "<command" or "|command", reads "-" from stdin and expands "~": none begins with "/" or
 * "./". */
static void print_path(FILE *stream, const char *path)
{
    char *safe = NULL;
    if (path[0] != '/' && asprintf(&safe, "./%s", path) >= 0)
        path = safe;
    print_quoted(stream, path);
    free(safe);
}

static int print_variable(FILE *stream, const struct vit_plot_variable *variable)
{
    char *end;
    if (variable->type == VIT_PLOT_NUMBER && (strtod(variable->value, &end), end == variable->value || *end))
        return vit_fail(VIT_EINVAL, "plot variable %s: \"%s\" is not a number", variable->name, variable->value);
    /* A line break would end the command. */
    if (variable->value[strcspn(variable->value, "\r\n")])
        return vit_fail(VIT_EINVAL, "plot variable %s: a line break in \"%s\"", variable->name, variable->value);
    fprintf(stream, "%s = ", variable->name);
    if (variable->type == VIT_PLOT_NUMBER)
        fputs(variable->value, stream);
    else if (variable->type == VIT_PLOT_PATH)
        print_path(stream, variable->value);
    else
        print_quoted(stream, variable->value);
    fputs("; ", stream);
    return VIT_OK;
}

/* Takes stderr to its end and makes it one line: gnuplot's own messages are spread over several, with carets. */
static void read_complaint(int descriptor, char *text, size_t size)
{
    size_t used = 0;
    char buffer[512];
    ssize_t got;
    while ((got = read(descriptor, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
        for (ssize_t i = 0; i < got && used + 1 < size; i++) {
            bool space = strchr(" \t\r\n^", buffer[i]) || buffer[i] == '\0';
            if (!space)
                text[used++] = buffer[i];
            else if (used && text[used - 1] != ' ')
                text[used++] = ' ';
        }
    while (used && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
}

/* Starts gnuplot with stdin and stdout at /dev/null and stderr in the pipe. Returns an errno. */
static int start(pid_t *child, char *const argument[], int error_pipe)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    int reason = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!reason)
        reason = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!reason)
        reason = posix_spawn_file_actions_adddup2(&actions, error_pipe, STDERR_FILENO);
    if (!reason)
        reason = posix_spawnp(child, argument[0], &actions, NULL, argument, environ);
    posix_spawn_file_actions_destroy(&actions);
    return reason;
}

static int run(char *const argument[], const char *script)
{
    int ends[2];
    pid_t child;
    char complaint[1500] = "";
    if (pipe2(ends, O_CLOEXEC) != 0)
        return vit_fail(VIT_EIO, "%s: no pipe for gnuplot: %s", script, strerror(errno));
    int reason = start(&child, argument, ends[1]);
    close(ends[1]);
    if (reason) {
        close(ends[0]);
        return reason == ENOENT ? vit_fail(VIT_ENOTSUP, "%s", missing)
                                : vit_fail(VIT_EIO, "%s: gnuplot cannot be started: %s", script, strerror(reason));
    }
    read_complaint(ends[0], complaint, sizeof complaint);
    close(ends[0]);
    int state = 0;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return vit_fail(VIT_EIO, "%s: gnuplot was lost: %s", script, strerror(errno));
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return VIT_OK;
    /* Where posix_spawn cannot see that exec fails (valgrind, old kernels), POSIX has the child exit with this. */
    if (WIFEXITED(state) && WEXITSTATUS(state) == 127 && !complaint[0])
        return vit_fail(VIT_ENOTSUP, "%s", missing);
    return vit_fail(VIT_EIO, "%s: gnuplot failed: %s", script, complaint[0] ? complaint : "without a word");
}

/* The variables that every script gets, then the figure's own. *text is to be freed. */
static int write_commands(char **text, const struct vit_plot *plot, const struct vit_plot_variable own[N_OWN])
{
    size_t size = 0;
    *text = NULL;
    FILE *stream = open_memstream(text, &size);
    if (!stream)
        return vit_fail(VIT_ENOMEM, "figure %s: out of memory", plot->figure);
    int status = VIT_OK;
    for (int i = 0; i < N_OWN && status == VIT_OK; i++)
        status = print_variable(stream, &own[i]);
    for (int i = 0; i < plot->n_variable && status == VIT_OK; i++)
        status = print_variable(stream, &plot->variable[i]);
    if (fclose(stream) != 0 && status == VIT_OK)
        status = vit_fail(VIT_ENOMEM, "figure %s: out of memory", plot->figure);
    if (status != VIT_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

/* Beside the script, or the one that is shipped. */
static int find_palette(char palette[PATH_MAX], const char *script)
{
    const char *slash = strrchr(script, '/');
    int folder = slash ? (int)(slash - script) : 0;
    if (snprintf(palette, PATH_MAX, "%.*s/palette.gp", folder, script) < PATH_MAX && access(palette, R_OK) == 0)
        return VIT_OK;
    return vit_data_path(palette, PATH_MAX, "plots/palette.gp");
}

static int draw_one(const struct vit_plot *plot, char *script, const char *suffix, const char *beside)
{
    char palette[PATH_MAX];
    int status = find_palette(palette, script);
    if (status != VIT_OK)
        return status;
    const struct vit_plot_variable own[N_OWN] = {
        {"suffix", suffix, VIT_PLOT_TEXT},
        {"output", beside, VIT_PLOT_PATH},
        {"palette", palette, VIT_PLOT_PATH},
    };
    char *commands;
    status = write_commands(&commands, plot, own);
    if (status != VIT_OK)
        return status;
    char program[] = "gnuplot", defaults[] = "-d", execute[] = "-e";
    char *const argument[] = {program, defaults, execute, commands, script, NULL};
    status = run(argument, script);
    free(commands);
    struct stat written;
    if (status == VIT_OK && (stat(beside, &written) != 0 || written.st_size == 0))
        status = vit_fail(VIT_EIO, "%s.%s: gnuplot wrote nothing: is the folder there, the disk full?", plot->output,
                          suffix);
    return status;
}

static int find_script(char script[PATH_MAX], const char *figure)
{
    if (strchr(figure, '/')) {
        /* "./" keeps gnuplot from taking a name for an option or a command. */
        if (snprintf(script, PATH_MAX, "%s%s", figure[0] == '/' ? "" : "./", figure) >= PATH_MAX)
            return vit_fail(VIT_EINVAL, "%s: path too long", figure);
        return VIT_OK;
    }
    char relative[256];
    snprintf(relative, sizeof relative, "plots/%s.gp", figure);
    return vit_data_path(script, PATH_MAX, relative);
}

static int draw_beside(const struct vit_plot *plot, char beside[N_OUTPUTS][PATH_MAX])
{
    char script[PATH_MAX];
    int status = find_script(script, plot->figure);
    for (int i = 0; i < N_OUTPUTS && status == VIT_OK; i++) {
        int length = snprintf(beside[i], PATH_MAX, "%s.%ld.tmp.%s", plot->output, (long)getpid(), suffixes[i]);
        if (length >= PATH_MAX)
            return vit_fail(VIT_EINVAL, "%s: path too long", plot->output);
        status = draw_one(plot, script, suffixes[i], beside[i]);
    }
    return status;
}

int vit_plot_draw(const struct vit_plot *plot)
{
    char beside[N_OUTPUTS][PATH_MAX] = {"", ""};
    char path[PATH_MAX];
    int status = draw_beside(plot, beside);
    for (int i = 0; i < N_OUTPUTS && status == VIT_OK; i++) {
        snprintf(path, sizeof path, "%s.%s", plot->output, suffixes[i]);
        if (rename(beside[i], path) != 0)
            status = vit_fail(VIT_EIO, "%s: cannot be written: %s", path, strerror(errno));
    }
    for (int i = 0; i < N_OUTPUTS && status != VIT_OK; i++)
        unlink(beside[i]);
    return status;
}

bool vit_plot_available(void)
{
    char program[] = "gnuplot", version[] = "--version";
    char *const argument[] = {program, version, NULL};
    return run(argument, "gnuplot --version") == VIT_OK;
}
