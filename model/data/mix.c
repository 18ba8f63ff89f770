/* SPDX-License-Identifier: MIT */
#include "model/data/mix.h"

#include <math.h>
#include <stddef.h>

#include "model/base/status.h"

bool vit_mix_pairs(const struct vit_mix *mix)
{
    return mix && mix->probability > 0 && (mix->mixup_alpha > 0 || mix->cutmix_alpha > 0);
}

int vit_mix_check(const struct vit_mix *mix)
{
    if (!(mix->smoothing >= 0 && mix->smoothing < 1))
        return vit_fail(VIT_EINVAL, "label smoothing %g: must be at least 0 and below 1", mix->smoothing);
    if (!(mix->mixup_alpha >= 0 && isfinite(mix->mixup_alpha)) ||
        !(mix->cutmix_alpha >= 0 && isfinite(mix->cutmix_alpha)))
        return vit_fail(VIT_EINVAL, "mixup %g, cutmix %g: must be 0 (off) or above", mix->mixup_alpha,
                        mix->cutmix_alpha);
    if (!(mix->probability >= 0 && mix->probability <= 1) || !(mix->switching >= 0 && mix->switching <= 1))
        return vit_fail(VIT_EINVAL, "mixing with probability %g, cutmix instead of mixup with %g: must be 0 to 1",
                        mix->probability, mix->switching);
    return VIT_OK;
}

/* A box of share 1 - lambda around a random centre; what the border cuts off goes back to lambda. */
static void draw_box(struct vit_mixing *mixing, int size, struct vit_rng *rng)
{
    int side = (int)(size * sqrt(1 - mixing->share));
    int y = (int)vit_rng_below(rng, size), x = (int)vit_rng_below(rng, size);
    int before = side / 2, after = (side + 1) / 2;
    mixing->cut = true;
    mixing->top = y > before ? y - before : 0;
    mixing->left = x > before ? x - before : 0;
    mixing->bottom = y + after < size ? y + after : size;
    mixing->right = x + after < size ? x + after : size;
    double area = (double)(mixing->bottom - mixing->top) * (mixing->right - mixing->left);
    mixing->share = 1 - area / ((double)size * size);
}

struct vit_mixing vit_mixing_draw(const struct vit_mix *mix, int size, struct vit_rng *rng)
{
    struct vit_mixing mixing = {.share = 1};
    if (!vit_mix_pairs(mix) || vit_rng_uniform(rng) >= mix->probability)
        return mixing;
    bool cut = mix->cutmix_alpha > 0;
    if (cut && mix->mixup_alpha > 0)
        cut = vit_rng_uniform(rng) < mix->switching;
    double alpha = cut ? mix->cutmix_alpha : mix->mixup_alpha;
    mixing.share = vit_rng_beta(rng, alpha, alpha);
    if (cut)
        draw_box(&mixing, size, rng);
    return mixing;
}

void vit_mixing_images(const struct vit_mixing *mixing, int size, vit_real *image, vit_real *partner)
{
    if (image == partner || mixing->share >= 1)
        return;
    size_t side = (size_t)size, values = 3 * side * side;
    if (!mixing->cut) {
        const vit_real own = (vit_real)mixing->share, other = (vit_real)(1 - mixing->share);
        for (size_t i = 0; i < values; i++) {
            const vit_real a = image[i], b = partner[i];
            image[i] = a * own + b * other;
            partner[i] = b * own + a * other;
        }
        return;
    }
    for (size_t c = 0; c < 3; c++)
        for (size_t y = (size_t)mixing->top; y < (size_t)mixing->bottom; y++)
            for (size_t x = (size_t)mixing->left; x < (size_t)mixing->right; x++) {
                const size_t i = (c * side + y) * side + x;
                const vit_real kept = image[i];
                image[i] = partner[i];
                partner[i] = kept;
            }
}

void vit_mixing_target(const struct vit_mixing *mixing, const struct vit_target *of, vit_real *target)
{
    const double off = of->smoothing / of->classes, on = 1 - of->smoothing;
    for (int c = 0; c < of->classes; c++)
        target[c] = (vit_real)off;
    target[of->label] = (vit_real)(off + on * (of->label == of->partner ? 1 : mixing->share));
    if (of->label != of->partner)
        target[of->partner] = (vit_real)(off + on * (1 - mixing->share));
}
