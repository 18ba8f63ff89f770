/* SPDX-License-Identifier: MIT */
/* status.h - status codes and the per-thread error message.
 * Fallible functions return a status; VIT_OK is 0, failures are negative. Only main() prints and exits. */
#pragma once

#define VIT_STATUS_LIST(X)                   \
    X(OK, 0, "ok")                           \
    X(EINVAL, -1, "invalid argument")        \
    X(ENOMEM, -2, "out of memory")           \
    X(ENOTSUP, -3, "not supported here")     \
    X(EIO, -4, "input/output error")         \
    X(EFORMAT, -5, "malformed file")         \
    X(EMISMATCH, -6, "outside tolerance")    \
    X(ENOTFINITE, -7, "not a finite number") \
    X(ESTOPPED, -8, "stopped")

enum vit_status {
#define X(id, value, text) VIT_##id = value,
    VIT_STATUS_LIST(X)
#undef X
};

/* Records the message for this thread and returns `code`: `return vit_fail(VIT_EFORMAT, "%s: ...", path);` */
int vit_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__ /* which otherwise follows paths where a failure is no failure */
#define vit_fail(code, ...) ((void)(vit_fail)((code), __VA_ARGS__), (code))
#endif

/* Puts `prefix: ` before the recorded message and returns `code`: adds the file or model that a lower layer did not
 * know. */
int vit_fail_in(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The last recorded message of this thread; valid until the next vit_fail. Never NULL. */
const char *vit_error(void);

/* Fixed English word for a status. */
const char *vit_status_text(int code);
