/* SPDX-License-Identifier: MIT */
/* fuzz_perf_sysfs.c - libFuzzer target: any text as the name of an event, and any text in the files of a PMU, must give
 * either targets or one message. The lines of an input are: the name, then the files below. The program also runs files
 * that it is given as arguments. */
#include "model/base/status.h"
#include "probes/perf_sysfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const file[] = {"type",      "cpumask",   "format/event",    "format/umask",
                                   "events/rd", "events/wr", "events/rd.scale", "events/rd.unit"};
enum { FILES = sizeof file / sizeof file[0], TEXT = 8192 };

static char root[] = "/tmp/vitscope_fuzz_XXXXXX";

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken promise: %s (last message: %s)\n", what, vit_error());
    abort();
}

static void remove_tree(void)
{
    char path[128];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/pmu_0/%s", root, file[i]);
        unlink(path);
    }
    const char *const folder[] = {"/pmu_0/format", "/pmu_0/events", "/pmu_0", ""};
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", root, folder[i]);
        rmdir(path);
    }
}

static void make_tree(void)
{
    const char *const folder[] = {"/pmu_0", "/pmu_0/format", "/pmu_0/events"};
    char path[128];
    require(mkdtemp(root) != NULL, "a folder under /tmp can be made");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", root, folder[i]);
        require(mkdir(path, 0700) == 0, "a folder can be made");
    }
    atexit(remove_tree);
}

/* A missing line removes the file. */
static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/pmu_0/%s", root, name);
    if (!text) {
        unlink(path);
        return;
    }
    FILE *out = fopen(path, "w");
    require(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0, "a file can be written");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static int made;
    static char text[TEXT];
    if (!made++)
        make_tree();
    size = size < TEXT - 1 ? size : TEXT - 1;
    memcpy(text, bytes, size);
    text[size] = '\0';
    char *rest = text;
    const char *name = strsep(&rest, "\n");
    for (int i = 0; i < FILES; i++)
        write_file(file[i], strsep(&rest, "\n"));
    struct vit_perf_event event;
    if (vit_perf_event_find(&event, root, name) != VIT_OK) {
        require(vit_error()[0] != '\0' && !strchr(vit_error(), '\n'), "the message is one line");
        require(!event.target && event.n_target == 0, "a failure leaves no targets");
        return 0;
    }
    require(event.n_target > 0 && event.scale > 0, "an event has targets and a scale");
    for (int i = 0; i < event.n_target; i++)
        require(event.uncore == (event.target[i].cpu >= 0), "uncore events have processors, others none");
    vit_perf_event_close(&event);
    return 0;
}
