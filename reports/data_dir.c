/* SPDX-License-Identifier: MIT */
/* data_dir.c - the only file that knows where shipped files are installed (VIT_DATA_DIR, from the Makefile). */
#include "reports/data_dir.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model/base/status.h"

#ifndef VIT_DATA_DIR
#define VIT_DATA_DIR "/usr/local/share/vitscope"
#endif

/* A leading "@" stands for the folder of the running program. */
static const char *const places[] = {
    "@/../../reports",                /* build/CONFIG/vitscope */
    "@/../../../reports",             /* build/CONFIG/tests/test_... */
    "@/../share/vitscope",            /* PREFIX/bin/vitscope, also when moved or staged by DESTDIR */
    VIT_DATA_DIR,          "reports", /* from the root of the source tree, whatever the build folder */
};

/* "" when unknown: the places beside the program are then not tried. */
static void find_program_folder(char folder[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
}

int vit_data_path(char *path, size_t size, const char *relative)
{
    char folder[PATH_MAX];
    char tried[2048] = "";
    find_program_folder(folder);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bool beside_program = places[i][0] == '@';
        if (beside_program && !folder[0])
            continue;
        int length =
            snprintf(path, size, "%s%s/%s", beside_program ? folder : "", places[i] + beside_program, relative);
        if (length < 0 || (size_t)length >= size)
            continue;
        if (access(path, R_OK) == 0)
            return VIT_OK;
        size_t used = strlen(tried);
        snprintf(tried + used, sizeof tried - used, "%s%s", used ? ", " : "", path);
    }
    return vit_fail(VIT_EIO, "%s: this file of the installation is missing; looked for %s", relative, tried);
}
