/* SPDX-License-Identifier: MIT */
/* selftest.h - every source of bytes against operators whose traffic is known. */
#pragma once

/* A source further away from what is known makes no headline. */
enum { VIT_SELFTEST_PCT = 10 };
