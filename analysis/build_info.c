/* SPDX-License-Identifier: MIT */
#include "analysis/build_info.h"

const char vit_build_version[] = VIT_VERSION;
const char vit_build_commit[] = VIT_COMMIT;
const char vit_build_compiler[] = VIT_COMPILER;
const char vit_build_flags[] = VIT_CFLAGS;
