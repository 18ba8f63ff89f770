/* SPDX-License-Identifier: MIT */
#include "probes/papi_library.h"

#include "model/base/status.h"
#include "probes/papi_survey.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAJOR = PAPI_VERSION_MAJOR(PAPI_VERSION), MINOR = PAPI_VERSION_MINOR(PAPI_VERSION) };

struct vit_papi_library vit_papi;

static const char *const name[] = {
#define X(function) #function,
    VIT_PAPI_FUNCTION_LIST(X)
#undef X
};

enum { N_FUNCTIONS = sizeof name / sizeof name[0] };

_Static_assert(sizeof vit_papi == N_FUNCTIONS * sizeof(void *), "a pointer per name");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;
static char trouble[256];

const char *vit_papi_soname(void)
{
    static char soname[32];
    snprintf(soname, sizeof soname, "libpapi.so.%d.%d", MAJOR, MINOR);
    return soname;
}

static void load(void)
{
    void *function[N_FUNCTIONS];
    void *library = dlopen(vit_papi_soname(), RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
    for (int i = 0; i < N_FUNCTIONS && all; i++)
        all = (function[i] = dlsym(library, name[i])) != NULL;
    if (all)
        memcpy(&vit_papi, function, sizeof vit_papi);
    else
        snprintf(trouble, sizeof trouble, "%s", dlerror());
    loaded = all;
}

int vit_papi_library_open(void)
{
    pthread_once(&once, load);
    if (!loaded)
        return vit_fail(VIT_ENOTSUP, "libpapi is not installed: apt-get install libpapi%d.%d (%s)", MAJOR, MINOR,
                        trouble);
    return VIT_OK;
}
