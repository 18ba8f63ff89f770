/* SPDX-License-Identifier: MIT */
#include "model/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Long enough for a list of missing tensors; the writer of a longer message shortens it itself. */
static _Thread_local char message[4096];

int(vit_fail)(int code, const char *format, ...)
{
    char text[sizeof message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(message, text, sizeof message); /* arguments may point into the old message */
    return code;
}

int vit_fail_in(int code, const char *format, ...)
{
    char prefix[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return vit_fail(code, "%s: %s", prefix, message);
}

const char *vit_error(void)
{
    return message;
}

const char *vit_status_text(int code)
{
    switch (code) {
#define X(id, value, text) \
    case value:            \
        return text;
        VIT_STATUS_LIST(X)
#undef X
    default:
        return "unknown status";
    }
}
