/* SPDX-License-Identifier: MIT */
#include "analysis/network_scale.h"

#include "model/base/status.h"

#include <math.h>
#include <string.h>

static int64_t least_common_multiple(int64_t a, int64_t b)
{
    int64_t x = a, y = b;
    while (y) {
        const int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

static int check_scalable(const struct vit_model_config *c, const char *family)
{
    static const struct vit_block_widths none[VIT_MAX_BLOCKS];
    static const int no_merge[VIT_MAX_STAGES][2];
    if (strcmp(family, "mobilenet") == 0)
        return vit_fail(VIT_EINVAL, "%s: its widths stand in a table, there is none to scale", family);
    if (memcmp(c->width, none, sizeof none) != 0 || memcmp(c->merge_ffn_dim, no_merge, sizeof no_merge) != 0)
        return vit_fail(VIT_EINVAL, "a network whose blocks have widths of their own cannot be scaled");
    return VIT_OK;
}

int vit_network_scale(struct vit_model_config *config, const char *family, struct vit_scale scale)
{
    struct vit_model_config c = *config;
    int status = check_scalable(&c, family), most = 0;
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < c.stages; i++) {
        int64_t unit = c.heads[i];
        if (i == 0 && strcmp(family, "efficientvit") == 0) /* the patch embedding's first width is this part of it */
            unit = least_common_multiple(unit, c.patch / 2);
        /* Stages round at different factors: in networks whose widths double they would all step at once. */
        const double units = floor(scale.width * c.embed_dim[i] / (double)unit + (i + 0.5) / c.stages);
        c.embed_dim[i] = (int)(fmin(fmax(units, 1), 1 << 20) * (double)unit);
        most = c.depth[i] >= c.depth[most] ? i : most;
    }
    c.depth[most] += scale.blocks;
    if (c.depth[most] < 1)
        return vit_fail(VIT_EINVAL, "depth: stage %d has %d blocks, of which %d cannot be taken away", most,
                        config->depth[most], -scale.blocks);
    status = vit_config_check(&c, family);
    if (status == VIT_OK)
        *config = c;
    return status;
}

enum { MOST_TRIED = 12 /* widths at one depth */, PARTS = 100 /* of an interval of widths */ };
static const double widest = 8;

/* Widths at one depth: the largest that is known to be too small, and the smallest that is too large. */
struct bracket {
    struct side {
        bool known;
        double width, off; /* off: logarithm of what the value is too large by, as the network grows */
        struct vit_model_config config;
    } small, large;
};

/* Work grows a little less than with the square of the width. */
static const double usual_growth = 1.6;

/* Copies of one configuration: what lies between their members is equal too. */
static bool is_same(const struct vit_model_config *a, const struct vit_model_config *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* NOLINT(bugprone-suspicious-memory-comparison) */
}

/* The next width to try; 0: there is none between those tried. */
static double next_width(const struct bracket *b, const struct vit_scale_search *s, int blocks, double width,
                         double off)
{
    if (!b->small.known || !b->large.known) {
        const double next = width * exp(-off / usual_growth);
        const double far = b->small.known ? fmax(next, 1.02 * width) : fmin(next, width / 1.02);
        return far > widest || far < 1 / widest ? 0 : far;
    }
    const double low = log(b->small.width), high = log(b->large.width),
                 met = -b->small.off / (b->large.off - b->small.off); /* where the straight line meets the target */
    for (int i = 0; i < 2 * PARTS; i++) { /* widths go in steps: the nearest that is another network than the two */
        const double part = met + (i % 2 ? -1 : 1) * (double)((i + 1) >> 1) / PARTS,
                     next = exp(low + part * (high - low));
        struct vit_model_config c = *s->config;
        if (part > 0 && part < 1 && vit_network_scale(&c, s->family, (struct vit_scale){next, blocks}) == VIT_OK &&
            !is_same(&c, &b->small.config) && !is_same(&c, &b->large.config))
            return next;
    }
    return 0;
}

static void keep_nearest(struct vit_scale_found *found, const struct vit_scale_search *s,
                         const struct vit_scale_found *now)
{
    const int tried = found->tried + 1;
    if (tried == 1 || fabs(log(now->value / s->target)) < fabs(log(found->value / s->target)))
        *found = *now;
    found->tried = tried;
    found->reached = fabs(found->value / s->target - 1) <= s->tolerance;
}

static int search_width(struct vit_scale_found *found, const struct vit_scale_search *s, int blocks)
{
    struct bracket bracket = {.small.known = false};
    double width = found->tried ? found->scale.width : 1; /* of the nearest so far */
    for (int i = 0; i < MOST_TRIED && width > 0 && !found->reached; i++) {
        struct vit_scale_found now = {.config = *s->config, .scale = {width, blocks}};
        int status = vit_network_scale(&now.config, s->family, now.scale);
        if (status == VIT_OK)
            status = s->value(s->context, &now.config, &now.value);
        if (status != VIT_OK)
            return status;
        keep_nearest(found, s, &now);
        const double off = (s->falls ? -1 : 1) * log(now.value / s->target);
        *(off < 0 ? &bracket.small : &bracket.large) = (struct side){true, width, off, now.config};
        width = next_width(&bracket, s, blocks, width, off);
    }
    return VIT_OK;
}

int vit_network_search(struct vit_scale_found *found, const struct vit_scale_search *search)
{
    static const int blocks[] = {1, -1, 2, -2};
    *found = (struct vit_scale_found){.tried = 0};
    int status = search_width(found, search, 0);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0] && status == VIT_OK && !found->reached; i++) {
        const int other = search_width(found, search, blocks[i]);
        status = other == VIT_EINVAL ? VIT_OK : other; /* this depth does not exist */
    }
    return status;
}
