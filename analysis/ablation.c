/* SPDX-License-Identifier: MIT */
#include "analysis/ablation.h"

#include "analysis/proxy_training.h"
#include "model/base/status.h"

#include <ctype.h>
#include <string.h>

static const char base[] = "efficientvit_m4";
const char *const vit_ablation_forms[VIT_ABLATION_FORMS] = {"unscaled", "matched"};

/* M4 at a quarter of its widths on images of 28 pixels: maps of 7, 4 and 2 where M4 has 14, 7 and 4. */
static const char proxy_set[] = "patch=4 embed_dim=32,64,96 classes=10";
enum { PROXY_SIDE = 28 };

static const struct {
    double warmup_s, min_time_s;
    int repeat;
    const char *data, *epochs; /* of the proxy; NULL: none */
    double train_s;            /* rough */
} budgets[VIT_N_BUDGETS] = {{0.2, 0.5, 8, NULL, NULL, 0},
                            {0.5, 3, 10, "fashion-mnist:train@first=20000", "4", 150},
                            {2, 20, 20, "fashion-mnist:train", "30", 3000}};

static void make_key(char *key, size_t size, const char *change, int form, int network)
{
    snprintf(key, size, "ablation.%s%s.%.60s.%s", base, network == VIT_PROXY ? "_proxy" : "",
             *change ? change : "baseline", vit_ablation_forms[form]);
    for (char *c = key; *c; c++)
        *c = (char)(isalnum((unsigned char)*c) || strchr("._-", *c) ? *c : *c == '=' ? '-' : '_');
}

const struct vit_unit *vit_ablation_unit(const struct vit_reproduction *r, const struct vit_ablation_row *row, int form,
                                         int network)
{
    char key[sizeof r->unit->key];
    make_key(key, sizeof key, row->change, *row->change ? form : VIT_UNSCALED, network);
    for (int i = 0; i < r->n_unit; i++)
        if (strcmp(r->unit[i].key, key) == 0)
            return &r->unit[i];
    return NULL;
}

static int plan_training(const struct vit_reproduction *r, struct vit_unit *unit)
{
    unit->expected_s += budgets[r->budget].train_s;
    return vit_proxy_training_choose(&unit->options, &(struct vit_proxy_lesson){.data = budgets[r->budget].data,
                                                                                .val = "fashion-mnist:test",
                                                                                .epochs = budgets[r->budget].epochs,
                                                                                .lr = "2e-3",
                                                                                .set = proxy_set,
                                                                                .img = PROXY_SIDE});
}

static int plan_unit(struct vit_reproduction *r, struct vit_variant *variant, int form, int network)
{
    char key[sizeof r->unit->key];
    make_key(key, sizeof key, variant->change, form, network);
    struct vit_unit unit = vit_unit_of(r, "%s", key);
    variant->hold = (struct vit_hold){form == VIT_MATCHED ? VIT_HELD_THROUGHPUT : VIT_HELD_NOTHING, 1};
    variant->train = network == VIT_PROXY;
    unit.measure = vit_variant_measure;
    unit.context = variant;
    unit.options.argument[unit.options.n_argument++] = base;
    unit.options.warmup_s = budgets[r->budget].warmup_s;
    unit.options.min_time_s = budgets[r->budget].min_time_s;
    unit.options.repeat = budgets[r->budget].repeat;
    unit.options.traffic = network == VIT_FULL_SIZE ? "simulated" : NULL;
    unit.expected_s = 4 + (form == VIT_MATCHED ? 5 : 1) * (2 + budgets[r->budget].min_time_s);
    int status = network == VIT_PROXY ? plan_training(r, &unit) : VIT_OK;
    return status == VIT_OK ? vit_reproduction_add(r, &unit) : status;
}

int vit_ablation_plan(struct vit_ablation *a, struct vit_reproduction *r)
{
    const int networks = budgets[r->budget].data ? VIT_ABLATION_NETWORKS : VIT_PROXY;
    int status = VIT_OK;
    for (int i = 0; i < a->n; i++)
        for (int form = 0; form < VIT_ABLATION_FORMS; form++)
            for (int network = 0; network < networks && status == VIT_OK; network++) {
                struct vit_variant *variant = &a->variant[i][form][network];
                *variant = (struct vit_variant){.change = a->row[i].change};
                if (!vit_ablation_unit(r, &a->row[i], form, network)) /* rows of one network share its unit */
                    status = plan_unit(r, variant, form, network);
            }
    return status;
}
