/* SPDX-License-Identifier: MIT */
#include "model/weights/fit_report.h"

#include "model/base/status.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAMED = 8 };

static const char *const titles[VIT_N_FIT_KINDS] = {"missing", "unexpected", "mis-shaped", "not F16, BF16, F32 or F64"};

void vit_fit_note(struct vit_fit_report *fit, enum vit_fit_kind kind, const char *format, ...)
{
    fit->kind[kind].count++;
    size_t used = fit->kind[kind].used, room = VIT_FIT_TEXT - used;
    if (fit->kind[kind].named == NAMED)
        return;
    char *text = fit->kind[kind].text + used;
    va_list arguments;
    va_start(arguments, format);
    int separator = snprintf(text, room, "%s", used ? ", " : "");
    int length = vsnprintf(text + separator, room - (size_t)separator, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)(separator + length) + 4 >= room) { /* no room: counted, not named */
        *text = '\0';
        return;
    }
    fit->kind[kind].used += (size_t)(separator + length);
    fit->kind[kind].named++;
}

int vit_fit_status(const struct vit_fit_report *fit, const char *file, const char *model)
{
    char text[VIT_N_FIT_KINDS * (VIT_FIT_TEXT + 64)] = "";
    size_t used = 0;
    for (int k = 0; k < VIT_N_FIT_KINDS; k++) {
        int count = fit->kind[k].count, more = count - fit->kind[k].named;
        if (!count)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d %s: %s", used ? "; " : "", count, titles[k],
                                 fit->kind[k].text);
        if (more)
            used += (size_t)snprintf(text + used, sizeof text - used, " and %d more", more);
    }
    return used ? vit_fail(VIT_EFORMAT, "%s: weights do not fit %s: %s", file, model ? model : "the model", text)
                : VIT_OK;
}
