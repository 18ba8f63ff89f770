/* SPDX-License-Identifier: MIT */
/* main.c - the program: finds the command, parses its options, prints the message of a failure, chooses the exit code
 * (0 ok, 1 failed, 2 usage). */
#include "analysis/build_info.h"
#include "analysis/command.h"
#include "model/base/real.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "model/zoo/config.h"

#include <locale.h>
#include <string.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2 };

#define VIT_COMMAND(name) extern const struct vit_command vit_command_##name;
#include "analysis/commands.def"
#undef VIT_COMMAND

const struct vit_command *const vit_commands[] = {
#define VIT_COMMAND(name) &vit_command_##name,
#include "analysis/commands.def"
#undef VIT_COMMAND
};
const int vit_n_commands = (int)(sizeof vit_commands / sizeof vit_commands[0]);

static void print_help(FILE *file)
{
    fprintf(file,
            "vitscope %s: what every operator of a vision transformer costs\n\nusage: vitscope COMMAND [OPTIONS] "
            "[ARGUMENTS]\n\n",
            vit_build_version);
    for (int i = 0; i < vit_n_commands; i++)
        if (!vit_commands[i]->hidden)
            fprintf(file, "  %-11s %s\n", vit_commands[i]->name, vit_commands[i]->summary);
    fprintf(file, "\n  vitscope COMMAND --help    options and examples\n  vitscope help data         kinds of "
                  "datasets, augmentation\n"
                  "  vitscope help set          settings that change a model\n"
                  "  vitscope --version\n\nfirst steps:\n"
                  "  vitscope models\n  vitscope profile deit_tiny swin_tiny efficientvit_m4 --data fashion-mnist\n"
                  "  vitscope train efficientvit_m0 --recipe fashion\n"
                  "  vitscope reproduce fig2 table1\n");
}

static void print_command_help(FILE *file, const struct vit_command *command)
{
    fprintf(file, "%s\n\nusage: vitscope %s [OPTIONS]%s%s\n\noptions:\n", command->summary, command->name,
            *command->arguments ? " " : "", command->arguments);
    vit_options_print(file, command->takes);
    fprintf(file, "\n%s", command->detail);
    if (command->more)
        command->more(file);
}

static const struct vit_command *find(const char *name)
{
    for (int i = 0; i < vit_n_commands; i++)
        if (strcmp(vit_commands[i]->name, name) == 0)
            return vit_commands[i];
    return NULL;
}

static int usage_error(const struct vit_command *command)
{
    fprintf(stderr, "vitscope%s%s: %s\nvitscope%s%s --help tells more\n", command ? " " : "",
            command ? command->name : "", vit_error(), command ? " " : "", command ? command->name : "");
    return USAGE;
}

/* What was printed has arrived, or the message of the failure is on stderr. */
static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "vitscope: standard output cannot be written\n");
    return FAILED;
}

/* Far more threads than processors help nobody, and OpenBLAS breaks. */
static int check_threads(int threads, int processors)
{
    const int most = processors > 4 ? 4 * processors : 16;
    return threads <= most ? VIT_OK
                           : vit_fail(VIT_EINVAL, "--threads %d: at most %d on this machine of %d processor%s", threads,
                                      most, processors, processors == 1 ? "" : "s");
}

static int run_command(const struct vit_command *command, int argc, char *const *argv)
{
    const int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    struct vit_options options = {.threads = command->all_threads && processors > 1 ? processors : 1,
                                  .seed = 1,
                                  .warmup_s = -1,
                                  .min_time_s = -1};
    if (vit_options_parse(&options, command->takes, argc, argv) != VIT_OK)
        return usage_error(command);
    if (check_threads(options.threads, processors) != VIT_OK)
        return usage_error(command);
    if (options.isa && vit_kernels_choose(options.isa) != VIT_OK) {
        vit_fail_in(VIT_EINVAL, "--isa");
        return usage_error(command);
    }
    if (options.help) {
        print_command_help(stdout, command);
        return finish_output();
    }
    if (options.n_argument < command->min_arguments || options.n_argument > command->max_arguments) {
        vit_fail(VIT_EINVAL, "%s %s", options.n_argument < command->min_arguments ? "needs" : "takes only",
                 *command->arguments ? command->arguments : "options");
        return usage_error(command);
    }
    int status = command->run(&options);
    if (status == VIT_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = vit_fail(VIT_EIO, "standard output cannot be written");
    if (status == VIT_OK)
        return 0;
    fprintf(stderr, "vitscope %s: %s\n", command->name, vit_error());
    return status == VIT_EINVAL ? USAGE : FAILED;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* whether the terminal shows UTF-8; numbers stay in the C locale */
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--version") == 0) {
        printf("vitscope %s (%s, %s)\n", vit_build_version, vit_build_commit, VIT_REAL_NAME);
        return finish_output();
    }
    if (strcmp(name, "help") == 0 && argc > 2 && strcmp(argv[2], "set") == 0) {
        vit_config_print_settings(stdout);
        return finish_output();
    }
    bool help = strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    const struct vit_command *command = find(help && argc > 2 ? argv[2] : name);
    if (help && command) {
        print_command_help(stdout, command);
        return finish_output();
    }
    if (help && argc <= 2) {
        print_help(argc > 1 ? stdout : stderr);
        return argc > 1 ? finish_output() : USAGE;
    }
    if (!command) {
        vit_fail(VIT_EINVAL, "there is no command \"%s\"", help ? argv[2] : name);
        return usage_error(NULL);
    }
    return run_command(command, argc - 2, argv + 2);
}
