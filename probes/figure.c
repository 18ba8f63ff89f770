/* SPDX-License-Identifier: MIT */
#include "probes/figure.h"

const char *vit_tier_name(enum vit_tier tier)
{
    static const char *const name[VIT_N_TIERS] = {
#define X(id, text, mark) [VIT_TIER_##id] = text,
        VIT_TIER_LIST(X)
#undef X
    };
    return name[tier];
}

const char *vit_tier_mark(enum vit_tier tier)
{
    static const char *const text_of[VIT_N_TIERS] = {
#define X(id, text, mark) [VIT_TIER_##id] = mark,
        VIT_TIER_LIST(X)
#undef X
    };
    return text_of[tier];
}

const char *vit_scope_name(enum vit_scope scope)
{
    static const char *const name[VIT_N_SCOPES] = {
#define X(id, text) [VIT_SCOPE_##id] = text,
        VIT_SCOPE_LIST(X)
#undef X
    };
    return name[scope];
}
