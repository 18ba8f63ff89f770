/* SPDX-License-Identifier: MIT */
#include "probes/papi_library.h"

#include "model/base/status.h"
#include "probes/counter.h"

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
static bool started;
static char trouble[320];

const char *vit_papi_soname(void)
{
    static char soname[32];
    snprintf(soname, sizeof soname, "libpapi.so.%d.%d", MAJOR, MINOR);
    return soname;
}

static bool load(void)
{
    void *function[N_FUNCTIONS];
    void *library = dlopen(vit_papi_soname(), RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
    for (int i = 0; i < N_FUNCTIONS && all; i++)
        all = (function[i] = dlsym(library, name[i])) != NULL;
    if (all)
        memcpy(&vit_papi, function, sizeof vit_papi);
    else
        snprintf(trouble, sizeof trouble, "libpapi is not installed (%.200s)", dlerror());
    return all;
}

static unsigned long thread_id(void)
{
    return (unsigned long)pthread_self();
}

static void start(void)
{
    if (!load())
        return;
    int status = PAPI_VER_CURRENT;
    if (vit_papi.PAPI_is_initialized() == PAPI_NOT_INITED)
        status = vit_papi.PAPI_library_init(PAPI_VER_CURRENT);
    if (status == PAPI_VER_CURRENT)
        status = vit_papi.PAPI_thread_init(thread_id);
    else if (status > 0)
        status = PAPI_EINVAL; /* another version than the header's */
    started = status == PAPI_OK;
    if (!started)
        snprintf(trouble, sizeof trouble, "PAPI does not start: %s (%d)", vit_papi.PAPI_strerror(status), status);
}

int vit_papi_library_open(void)
{
    pthread_once(&once, start);
    return started ? VIT_OK : vit_fail(VIT_ENOTSUP, "%s", trouble);
}

const char *vit_papi_version(void)
{
    static char text[32];
    int version = PAPI_VER_CURRENT;
    if (!started)
        return "";
    snprintf(text, sizeof text, "%d.%d.%d", PAPI_VERSION_MAJOR(version), PAPI_VERSION_MINOR(version),
             PAPI_VERSION_REVISION(version));
    return text;
}
