/* SPDX-License-Identifier: MIT */
#include "probes/callgrind_process.h"

#include "model/base/status.h"
#include "probes/callgrind_client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char missing[] = "valgrind is not installed: apt-get install valgrind";

/* --- signals: the handler knows the child, and what came --- */

static const int caught[VIT_CALLGRIND_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
static volatile pid_t child_to_kill;
static volatile sig_atomic_t came;

static void on_signal(int number)
{
    int saved = errno;
    came = number;
    if (child_to_kill > 0)
        kill(child_to_kill, SIGKILL);
    errno = saved;
}

static void catch_signals(struct vit_callgrind_process *process)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    came = 0;
    for (int i = 0; i < VIT_CALLGRIND_SIGNALS; i++) {
        sigaction(caught[i], NULL, &process->before[i]);
        if (process->before[i].sa_handler == SIG_DFL)
            sigaction(caught[i], &action, NULL);
    }
}

static void release_signals(struct vit_callgrind_process *process)
{
    for (int i = 0; i < VIT_CALLGRIND_SIGNALS; i++)
        sigaction(caught[i], &process->before[i], NULL);
    if (came)
        raise(came);
}

/* --- the child's environment --- */

/* Variables that are not handed on. */
static bool is_dropped(const char *variable)
{
    /* Options of the user would change what is counted; OpenBLAS is told one thread; valgrind cannot run its AVX-512
     * cores, and its CPUID makes OpenBLAS take Haswell. */
    static const char *const dropped[] = {"VALGRIND_OPTS=", "OPENBLAS_NUM_THREADS=", "OPENBLAS_CORETYPE=SkylakeX",
                                          "OPENBLAS_CORETYPE=Cooperlake", "OPENBLAS_CORETYPE=Sapphirerapids"};
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        if (strncasecmp(variable, dropped[i], strlen(dropped[i])) == 0)
            return true;
    return false;
}

/* A list to be freed, of texts that are not; NULL without memory. */
static char **make_environment(void)
{
    static char one_thread[] = "OPENBLAS_NUM_THREADS=1";
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **list = calloc(n + 2, sizeof *list);
    for (size_t i = 0; list && i < n; i++)
        if (!is_dropped(environ[i]))
            list[kept++] = environ[i];
    if (list)
        list[kept] = one_thread;
    return list;
}

/* --- start --- */

/* Starts argument[0] with its output, errors included, in the pipe. Returns an errno. */
static int spawn(pid_t *child, char *const *argument, int output)
{
    posix_spawn_file_actions_t actions;
    char **environment = make_environment();
    if (!environment || posix_spawn_file_actions_init(&actions) != 0) {
        free(environment);
        return ENOMEM;
    }
    int reason = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (int to = STDOUT_FILENO; to <= STDERR_FILENO && !reason; to++)
        reason = posix_spawn_file_actions_adddup2(&actions, output, to);
    if (!reason)
        reason = posix_spawnp(child, argument[0], &actions, NULL, argument, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return reason;
}

/* argument is started and its output read from process->output. */
static int listen_to(struct vit_callgrind_process *process, char *const *argument)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return vit_fail(VIT_EIO, "no pipe for valgrind: %s", strerror(errno));
    int reason = spawn(&process->child, argument, ends[1]);
    close(ends[1]);
    process->output = reason ? NULL : fdopen(ends[0], "r");
    if (process->output)
        return VIT_OK;
    close(ends[0]);
    if (reason)
        return reason == ENOENT ? vit_fail(VIT_ENOTSUP, missing)
                                : vit_fail(VIT_EIO, "valgrind cannot be started: %s", strerror(reason));
    kill(process->child, SIGKILL);
    waitpid(process->child, NULL, 0);
    return vit_fail(VIT_ENOMEM, "out of memory: valgrind's output");
}

static int make_folder(struct vit_callgrind_process *process)
{
    const char *where = getenv("TMPDIR");
    if (!where || !*where)
        where = "/tmp";
    int length = snprintf(process->folder, sizeof process->folder, "%s/vitscope-callgrind-XXXXXX", where);
    if (length >= (int)sizeof process->folder)
        return vit_fail(VIT_EINVAL, "$TMPDIR: path too long");
    if (!mkdtemp(process->folder))
        return vit_fail(VIT_EIO, "%s: no folder for callgrind's dumps: %s (set TMPDIR)", where, strerror(errno));
    return VIT_OK;
}

static void remove_folder(const char *folder)
{
    DIR *list = opendir(folder);
    for (const struct dirent *entry; list && (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(list), entry->d_name, 0);
    if (list)
        closedir(list);
    rmdir(folder);
}

/* valgrind OPTION... --callgrind-out-file=FOLDER/dump PROGRAM ARGUMENT... */
static int run(struct vit_callgrind_process *process, char *const *option, char *const *argument)
{
    char valgrind[] = "valgrind", out[PATH_MAX], program[PATH_MAX];
    char *word[VIT_CALLGRIND_WORDS + 1] = {valgrind};
    int n = 1;
    snprintf(out, sizeof out, "--callgrind-out-file=%s/dump", process->folder);
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return vit_fail(VIT_ENOTSUP, "/proc/self/exe: %s: the program to run under valgrind is unknown",
                        strerror(errno));
    program[length] = '\0';
    for (int i = 0; option[i] && n < VIT_CALLGRIND_WORDS - 2; i++)
        word[n++] = option[i];
    word[n++] = out;
    word[n++] = program;
    for (int i = 0; argument[i] && n < VIT_CALLGRIND_WORDS; i++)
        word[n++] = argument[i];
    if (n == VIT_CALLGRIND_WORDS)
        return vit_fail(VIT_EINVAL, "callgrind: more than %d words", VIT_CALLGRIND_WORDS);
    return listen_to(process, word);
}

int vit_callgrind_start(struct vit_callgrind_process *process, char *const *option, char *const *argument)
{
    *process = (struct vit_callgrind_process){.child = 0};
    int status = make_folder(process);
    if (status != VIT_OK)
        return status;
    catch_signals(process);
    status = run(process, option, argument);
    if (status == VIT_OK) {
        child_to_kill = process->child;
        if (came) /* before the handler knew the child */
            kill(process->child, SIGKILL);
        return VIT_OK;
    }
    remove_folder(process->folder);
    release_signals(process);
    return status;
}

/* --- while it runs, and after --- */

/* Without valgrind's "==PID== " and its lists of callers. */
static void keep(struct vit_callgrind_process *process, const char *line)
{
    if (line[0] == '=' || line[0] == '-' || line[0] == '*') {
        const char *end = strchr(line, ' ');
        line = end ? end + 1 : "";
    }
    line += strspn(line, " \t");
    if (*line && strncmp(line, "at 0x", 5) != 0 && strncmp(line, "by 0x", 5) != 0)
        snprintf(process->said[process->n_said++ % VIT_CALLGRIND_LINES], VIT_CALLGRIND_LINE, "%s", line);
}

const char *vit_callgrind_next(struct vit_callgrind_process *process)
{
    while (getline(&process->line, &process->line_size, process->output) >= 0) {
        process->line[strcspn(process->line, "\n")] = '\0';
        if (process->line[0] == VIT_CALLGRIND_MARK)
            return process->line + 1;
        keep(process, process->line);
    }
    return NULL;
}

void vit_callgrind_dump_path(const struct vit_callgrind_process *process, int number, char *path)
{
    snprintf(path, PATH_MAX, "%s/dump.%d", process->folder, number);
}

enum { WORDS = VIT_CALLGRIND_LINES * (VIT_CALLGRIND_LINE + 2) };

static const char *last_words(const struct vit_callgrind_process *process, char words[WORDS])
{
    size_t used = 0;
    int n = process->n_said, first = n > VIT_CALLGRIND_LINES ? n - VIT_CALLGRIND_LINES : 0;
    snprintf(words, WORDS, "without a word");
    for (int i = first; i < n; i++)
        used += (size_t)snprintf(words + used, WORDS - used, "%s%s", i > first ? "; " : "",
                                 process->said[i % VIT_CALLGRIND_LINES]);
    return words;
}

static int judge(const struct vit_callgrind_process *process, int state)
{
    char words[WORDS];
    /* Where posix_spawn cannot see that exec fails (valgrind, old kernels), POSIX has the child exit with this. */
    if (WIFEXITED(state) && WEXITSTATUS(state) == 127 && process->n_said == 0)
        return vit_fail(VIT_ENOTSUP, missing);
    if (WIFSIGNALED(state))
        return vit_fail(VIT_EIO, "the run under valgrind was ended by signal %d (%s): %s", WTERMSIG(state),
                        strsignal(WTERMSIG(state)), last_words(process, words));
    if (WEXITSTATUS(state) != 0)
        return vit_fail(VIT_EIO, "the run under valgrind failed: %s", last_words(process, words));
    return VIT_OK;
}

static int wait_for(const struct vit_callgrind_process *process, int *state)
{
    while (waitpid(process->child, state, 0) < 0)
        if (errno != EINTR)
            return vit_fail(VIT_EIO, "valgrind was lost: %s", strerror(errno));
    return VIT_OK;
}

/* A child that is done has closed its end; one of which no more is wanted is killed. */
static int reap(const struct vit_callgrind_process *process, int status)
{
    int state = 0;
    child_to_kill = 0;
    if (status != VIT_OK) {
        kill(process->child, SIGKILL);
        waitpid(process->child, &state, 0);
        return status;
    }
    status = wait_for(process, &state);
    if (came)
        return vit_fail(VIT_EIO, "interrupted by signal %d", (int)came);
    return status == VIT_OK ? judge(process, state) : status;
}

int vit_callgrind_finish(struct vit_callgrind_process *process, int status)
{
    status = reap(process, status);
    fclose(process->output);
    free(process->line);
    remove_folder(process->folder);
    release_signals(process);
    return status;
}

int vit_callgrind_find(void)
{
    struct vit_callgrind_process process = {.child = 0};
    char valgrind[] = "valgrind", version[] = "--version";
    char *const argument[] = {valgrind, version, NULL};
    int status = listen_to(&process, argument);
    if (status != VIT_OK)
        return status;
    while (vit_callgrind_next(&process))
        ;
    int state = 0;
    status = wait_for(&process, &state);
    if (status == VIT_OK)
        status = judge(&process, state);
    fclose(process.output);
    free(process.line);
    return status == VIT_OK ? VIT_OK : vit_fail_in(VIT_ENOTSUP, "valgrind --version");
}
