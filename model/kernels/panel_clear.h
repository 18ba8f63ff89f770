/* SPDX-License-Identifier: MIT */
/* panel_clear.h - zeros behind the last column of a panel: (k, VIT_PANEL) with n columns. */
#pragma once

#include "model/access.h"
#include "model/kernels/panel.h"

static inline void vit_panel_clear(vit_real *panel, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k && n < VIT_PANEL; i++)
        for (int64_t j = n; j < VIT_PANEL; j++)
            panel[i * VIT_PANEL + j] = 0;
}

static inline void vit_panel_clear_stream(struct vit_access *access, vit_real *panel, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k && n < VIT_PANEL; i++)
        vit_access_write(access, panel + i * VIT_PANEL + n, (size_t)(VIT_PANEL - n) * sizeof(vit_real));
}
