/* SPDX-License-Identifier: MIT */
/* papi_library.h - libpapi, loaded when its first user asks: with it comes libpfm, whose tables cost every start two
 * megabytes of relocations, and most runs count no events. A machine without it lacks a backend, not the program. */
#pragma once

#include <papi.h>

/* The functions used; vit_papi has a pointer of this name for each. */
#define VIT_PAPI_FUNCTION_LIST(X)     \
    X(PAPI_add_event)                 \
    X(PAPI_assign_eventset_component) \
    X(PAPI_attach)                    \
    X(PAPI_cleanup_eventset)          \
    X(PAPI_create_eventset)           \
    X(PAPI_destroy_eventset)          \
    X(PAPI_event_name_to_code)        \
    X(PAPI_get_component_index)       \
    X(PAPI_get_component_info)        \
    X(PAPI_get_event_component)       \
    X(PAPI_is_initialized)            \
    X(PAPI_library_init)              \
    X(PAPI_read)                      \
    X(PAPI_start)                     \
    X(PAPI_stop)                      \
    X(PAPI_strerror)                  \
    X(PAPI_thread_init)

struct vit_papi_library {
#define X(function) __typeof__(function) *function;
    VIT_PAPI_FUNCTION_LIST(X)
#undef X
};

/* All NULL until vit_papi_library_open gave VIT_OK. */
extern struct vit_papi_library vit_papi;

/* Loads and starts the libpapi of the version that papi.h is of: another's structures differ. Never unloads.
 * VIT_ENOTSUP with the package to install. Cheap after the first call. */
int vit_papi_library_open(void);
