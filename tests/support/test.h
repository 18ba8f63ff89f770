/* SPDX-License-Identifier: MIT */
/* test.h - cmocka with the headers it needs, and assertions on statuses and numbers. */
#pragma once

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/base/status.h"

#ifdef __clang_analyzer__
/* cmocka leaves by longjmp, which the analyzer cannot see. */
#undef assert_non_null
#define assert_non_null(pointer) \
    do {                         \
        if (!(pointer))          \
            __builtin_trap();    \
    } while (0)
#endif

/* Fails with the recorded message. */
#define assert_ok(expression)                             \
    do {                                                  \
        int status_ = (expression);                       \
        if (status_ != VIT_OK)                            \
            fail_msg("%s: %s", #expression, vit_error()); \
    } while (0)

/* Fails unless the status is `code` and the message contains `text`. */
#define assert_fails(expression, code, text)                                                          \
    do {                                                                                              \
        int status_ = (expression);                                                                   \
        if (status_ != (code))                                                                        \
            fail_msg("%s: status %d, expected %d (%s)", #expression, status_, (code), vit_error());   \
        if (!strstr(vit_error(), (text)))                                                             \
            fail_msg("%s: message \"%s\" does not contain \"%s\"", #expression, vit_error(), (text)); \
    } while (0)

/* Fails unless |got - want| <= tolerance (NaN fails). */
#define assert_close(got, want, tolerance)                                                        \
    do {                                                                                          \
        double got_ = (double)(got), want_ = (double)(want);                                      \
        if (!(fabs(got_ - want_) <= (double)(tolerance)))                                         \
            fail_msg("%s = %.17g, expected %.17g +- %g", #got, got_, want_, (double)(tolerance)); \
    } while (0)
