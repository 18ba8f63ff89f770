/* SPDX-License-Identifier: MIT */
/* config_check.c - configurations that cannot exist, and why. */
#include "model/base/status.h"
#include "model/base/text.h"
#include "model/zoo/config_table.h"
#include "model/zoo/block_layout.h"

#include <string.h>

static bool is(const char *family, const char *name)
{
    return strcmp(family, name) == 0;
}

/* Heads that see slices of the channels. */
static bool has_slices(const struct vit_model_config *c, const char *family)
{
    return is(family, "efficientvit") ? c->mixer == VIT_MIXER_CGA : c->head_split;
}

static int check_patch(const struct vit_model_config *c, const char *family)
{
    if (!is(family, "efficientvit"))
        return VIT_OK;
    if (c->patch < 2 || (c->patch & (c->patch - 1)))
        return vit_fail(VIT_EINVAL, "patch=%d: efficientvit takes 2, 4, 8, 16, 32 or 64", c->patch);
    if (c->embed_dim[0] % (c->patch / 2))
        return vit_fail(
            VIT_EINVAL,
            "embed_dim=%d,...: the widths of the %d-pixel patch embedding grow by 2 from it: the first must "
            "be a multiple of %d",
            c->embed_dim[0], c->patch, c->patch / 2);
    return VIT_OK;
}

static int check_kernels(const struct vit_model_config *c)
{
    for (int h = 0; h < VIT_MAX_KERNELS; h++)
        if (c->kernels[h] ? c->kernels[h] % 2 == 0 : h == 0)
            return vit_fail(VIT_EINVAL, "kernels: %d of head %d must be odd", c->kernels[h], h);
    return VIT_OK;
}

static int check_heads(const struct vit_model_config *c, const char *family, struct vit_block_place place)
{
    const struct vit_head_widths w = vit_layout_heads(c, place);
    const struct vit_block_widths *own = &c->width[place.block];
    if (is(family, "efficientvit") && w.heads > VIT_MAX_KERNELS)
        return vit_fail(VIT_EINVAL, "heads: block %d has %d, efficientvit takes at most %d", place.block, w.heads,
                        VIT_MAX_KERNELS);
    if (place.width % w.heads && (has_slices(c, family) || !own->v_dim))
        return vit_fail(VIT_EINVAL, "heads: block %d has %d, which must divide its width %lld%s", place.block, w.heads,
                        (long long)place.width, has_slices(c, family) ? "" : " or have v_dim of the block set");
    return VIT_OK;
}

static int count_ffns(const struct vit_model_config *c, int block)
{
    const int per_block = vit_layout_layers_per_block(c);
    int n = 0;
    for (int i = 0; i < per_block; i++)
        n += !vit_layout_is_attention(c, block * per_block + i);
    return n;
}

/* Settings of a block must find the layer that they are about. */
static int check_widths(const struct vit_model_config *c, int block, int blocks)
{
    static const struct vit_block_widths none;
    const struct vit_block_widths *own = &c->width[block];
    if (memcmp(own, &none, sizeof none) == 0)
        return VIT_OK;
    if (block >= blocks)
        return vit_fail(VIT_EINVAL, "a setting of block %d: there are %d, numbered from 0", block, blocks);
    const int ffns = count_ffns(c, block);
    for (int i = 0; i < VIT_MAX_BLOCK_LAYERS; i++)
        if (i >= ffns && own->ffn_dim[i] && (own->ffn_dim[i] != own->ffn_dim[0] || ffns == 0)) /* one is for all */
            return vit_fail(VIT_EINVAL, "ffn_dim.%d: the block has %d FFN%s", block, ffns, ffns == 1 ? "" : "s");
    if (ffns == vit_layout_layers_per_block(c) && (own->heads || own->qk_dim || own->v_dim))
        return vit_fail(VIT_EINVAL, "heads.%d, qk_dim.%d or v_dim.%d: the block has no attention", block, block, block);
    return VIT_OK;
}

static int check_layers(const struct vit_model_config *c, int blocks)
{
    const int layers = blocks * vit_layout_layers_per_block(c), given = (int)strlen(c->layers);
    if (given && c->mhsa_share >= 0)
        return vit_fail(VIT_EINVAL, "layers and mhsa_share exclude each other: set one of them to usual");
    if (given && given != layers)
        return vit_fail(VIT_EINVAL, "layers: %d letters, the network has %d layers, %d in each of %d blocks", given,
                        layers, vit_layout_layers_per_block(c), blocks);
    return VIT_OK;
}

/* A configuration that was not made by settings. */
static int check_ranges(const struct vit_model_config *c, const char *family)
{
    if (c->stages < 1 || c->stages > VIT_MAX_STAGES)
        return vit_fail(VIT_EINVAL, "stages=%d: from 1 to %d", c->stages, VIT_MAX_STAGES);
    for (int i = 0; i < vit_n_settings; i++) {
        const struct vit_setting *s = &vit_settings[i];
        const void *field = (const char *)c + s->offset;
        const int n = s->list == VIT_SETTING_STAGES ? c->stages : s->list == VIT_SETTING_ONE ? 1 : 0;
        for (int k = 0; s->type <= VIT_SETTING_REAL && vit_text_listed(s->families, family) && k < n; k++) {
            const double number =
                s->type == VIT_SETTING_REAL ? ((const double *)field)[k] : (double)((const int *)field)[k];
            if (!(number >= s->least && number <= s->most) && !(s->word && number == s->word_value))
                return vit_fail(VIT_EINVAL, "%s: %.10g, must be from %.10g to %.10g", s->name, number, s->least,
                                s->most);
        }
    }
    return VIT_OK;
}

int vit_config_check(const struct vit_model_config *c, const char *family)
{
    int status = check_ranges(c, family);
    if (status != VIT_OK)
        return status;
    const int blocks = vit_layout_blocks_before(c, c->stages);
    if (blocks > VIT_MAX_BLOCKS)
        return vit_fail(VIT_EINVAL, "depth: %d blocks in all, at most %d", blocks, VIT_MAX_BLOCKS);
    status = check_patch(c, family);
    if (status == VIT_OK && is(family, "efficientvit"))
        status = check_kernels(c);
    if (status == VIT_OK)
        status = check_layers(c, blocks);
    for (int i = 0; i < VIT_MAX_BLOCKS && status == VIT_OK; i++)
        status = check_widths(c, i, blocks);
    for (int stage = 0; stage < c->stages; stage++)
        for (int i = 0; i < c->depth[stage] && status == VIT_OK; i++)
            status = check_heads(c, family,
                                 (struct vit_block_place){.stage = stage,
                                                          .block = vit_layout_blocks_before(c, stage) + i,
                                                          .width = c->embed_dim[stage]});
    return status;
}
