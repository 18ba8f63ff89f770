/* SPDX-License-Identifier: MIT */
/* build_info.h - what this program was built from; the values come from the Makefile. */
#pragma once

extern const char vit_build_version[], vit_build_commit[], vit_build_compiler[], vit_build_flags[];
