/* SPDX-License-Identifier: MIT */
/* sweep.c - `vitscope sweep MODEL --axis ...`: every combination of settings, each a unit of work as those of
 * `vitscope reproduce`: kept once it is done, shared out by --shard. */
#include "analysis/sweep.h"

#include "analysis/command.h"
#include "analysis/machine_store.h"
#include "analysis/output.h"
#include "analysis/recipe.h"
#include "analysis/recognise.h"
#include "analysis/run_info.h"
#include "analysis/training_settings.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct vit_sweep sweep; /* large; there is one */

static bool trains(const struct vit_options *o)
{
    return o->epochs || o->recipe || o->data;
}

/* FNV-1a, 32 bits. */
static uint32_t hash(uint32_t value, const char *text)
{
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 16777619U;
    return value;
}

/* Whatever decides what a point is: two sweeps in one folder share the points that they have in common. */
static int key_hash(uint32_t *value, const char *change)
{
    const struct vit_options *o = &sweep.options;
    char hold[32];
    snprintf(hold, sizeof hold, "%d %.17g", (int)sweep.hold.what, sweep.hold.factor);
    *value = hash(hash(hash(2166136261U, change), o->argument[0]), hold);
    char *training = trains(o) ? vit_training_settings_text(o, o->argument[0], 1) : NULL;
    if (trains(o) && !training)
        return vit_fail(VIT_ENOMEM, "out of memory: settings of a training");
    *value = training ? hash(*value, training) : *value;
    free(training);
    return VIT_OK;
}

static int add_point(struct vit_reproduction *r, int point)
{
    char *change = sweep.text + (size_t)point * VIT_AXIS_TEXT;
    uint32_t value;
    vit_axes_settings(change, VIT_AXIS_TEXT, &sweep.axes, point, 0);
    int status = key_hash(&value, change);
    if (status != VIT_OK)
        return status;
    struct vit_unit unit = vit_unit_of(r, "%.90s.%08" PRIx32, change, value);
    for (char *c = unit.key; *c; c++)
        *c = (char)(isalnum((unsigned char)*c) || strchr("._-", *c) ? *c : *c == '=' ? '-' : '_');
    sweep.variant[point] = (struct vit_variant){.change = change, .hold = sweep.hold, .train = trains(r->options)};
    unit.context = &sweep.variant[point];
    unit.measure = vit_variant_measure;
    unit.expected_s = (sweep.hold.what == VIT_HELD_THROUGHPUT ? 15 : 5) + (trains(r->options) ? 300 : 0);
    unit.options.argument[unit.options.n_argument++] = r->options->argument[0];
    return vit_reproduction_add(r, &unit);
}

static int plan(struct vit_reproduction *r)
{
    int status = VIT_OK;
    for (int point = 0; point < sweep.axes.points && status == VIT_OK; point++)
        status = add_point(r, point);
    return status;
}

static int finish(struct vit_reproduction *r)
{
    int status = vit_sweep_write(&sweep, r);
    return status == VIT_OK && vit_plot_available() ? vit_sweep_draw(&sweep, r) : status;
}

static const struct vit_reproduction_def def = {.name = "sweep", .plan = plan, .finish = finish};

/* The options of the base and, where points are trained, of that; then what they are about. */
static int open_sweep(const struct vit_options *given)
{
    static struct vit_recognised base; /* large */
    struct vit_options *o = &sweep.options;
    sweep = (struct vit_sweep){.options = *given};
    int status = VIT_OK;
    if (trains(o)) {
        status = vit_recipe_apply(o, o->argument[0]);
        if (status == VIT_OK)
            status = vit_options_default(o, "data", "fashion-mnist:train");
        if (status == VIT_OK)
            status = vit_options_default(o, "val",
                                         strncmp(o->data, "fashion-mnist", 13) == 0 ? "fashion-mnist:test" : "none");
    }
    if (status == VIT_OK)
        status = vit_recognise_model(&base, o->argument[0], NULL, o->set);
    if (status == VIT_OK && o->hold && vit_hold_parse(&sweep.hold, o->hold) != VIT_OK)
        status = vit_fail_in(VIT_EINVAL, "--hold");
    if (status == VIT_OK &&
        vit_axes_parse(&sweep.axes, o->axis ? o->axis : "", &base.model->config, base.model->family->name) != VIT_OK)
        status = vit_fail_in(VIT_EINVAL, "--axis");
    if (status != VIT_OK)
        return status;
    snprintf(sweep.subtitle, sizeof sweep.subtitle, "%s%s%s%.100s%s%s", sweep.hold.what ? "held: " : "nothing held",
             sweep.hold.what ? o->hold : "", trains(o) ? "; accuracy: proxy, one training on " : "",
             trains(o) ? o->data : "", "; bars: quartiles", sweep.hold.what ? "; hollow: not surely held" : "");
    sweep.variant = calloc((size_t)sweep.axes.points, sizeof *sweep.variant);
    sweep.text = calloc((size_t)sweep.axes.points, VIT_AXIS_TEXT);
    return sweep.variant && sweep.text ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: %d points", sweep.axes.points);
}

static int describe(const struct vit_reproduction *r)
{
    struct vit_json json;
    char path[4200];
    snprintf(path, sizeof path, "%s/run.json", r->root);
    vit_json_open(&json);
    vit_run_info_begin(&json, "sweep", r->options, r->machine);
    vit_json_string(&json, "axis", r->options->axis);
    vit_json_string(&json, "hold", r->options->hold ? r->options->hold : "nothing");
    int status = vit_json_write(&json, path);
    vit_json_close(&json);
    return status;
}

static int conclude(struct vit_reproductions *work)
{
    int status = vit_reproduction_finish(work->item);
    if (status == VIT_OK)
        status = vit_sweep_print(&sweep, work->item);
    if (status != VIT_OK || !vit_output_is_table(work->options))
        return status;
    printf("\nresults in %s: sweep.csv, results.csv, run.json%s; units/ is kept: the same command goes on, further "
           "values add points\n",
           work->root, vit_plot_available() ? ", sweep.png, .svg" : "");
    if (!vit_plot_available())
        printf("%s\n", vit_error());
    return VIT_OK;
}

static int work_through(struct vit_reproductions *work, struct vit_machine *machine)
{
    const struct vit_shard shard = work->options->shard;
    int units, missing = 0, status = vit_reproductions_plan(work, &units);
    if (status == VIT_OK)
        status = vit_run_folder(work->root);
    if (status == VIT_OK)
        status = vit_machine_read(machine);
    if (status == VIT_OK)
        status = describe(work->item);
    if (status == VIT_OK)
        status = vit_reproductions_measure(work, &missing);
    if (status != VIT_OK || missing == 0)
        return status == VIT_OK ? conclude(work) : status;
    printf("shard %d/%d is done; %d points of other shards are not in %s/units yet\n", shard.index, shard.count,
           missing, work->root);
    return VIT_OK;
}

static int run(const struct vit_options *given)
{
    static struct vit_machine machine;
    char root[3900] = "runs/";
    int status = open_sweep(given);
    const struct vit_options *o = &sweep.options;
    struct vit_reproductions work = {.options = o,
                                     .root = root,
                                     .shard = o->shard.index,
                                     .shards = o->shard.count > 0 ? o->shard.count : 1,
                                     .item = calloc(1, sizeof *work.item),
                                     .n = 1};
    if (status == VIT_OK && !work.item)
        status = vit_fail(VIT_ENOMEM, "out of memory: a sweep");
    if (status == VIT_OK) {
        /* No date in the name: the same command finds what it has finished. */
        if (o->out)
            snprintf(root, sizeof root, "%s", o->out);
        else
            vit_run_folder_within(root, sizeof root, "runs", o->argument[0]);
        *work.item = (struct vit_reproduction){.def = &def, .options = o, .root = root, .machine = &machine};
        snprintf(work.item->folder, sizeof work.item->folder, "%s", root);
        status = work_through(&work, &machine);
    }
    if (work.item)
        vit_reproductions_close(&work);
    free(sweep.variant);
    free(sweep.text);
    return status;
}

static void print_settings(FILE *out)
{
    fprintf(out, "\naxes are settings of the model:\n\n");
    vit_config_print_settings(out);
}

const struct vit_command vit_command_sweep = {
    .name = "sweep",
    .arguments = "MODEL",
    .summary = "settings of a model as axes: cost, speed and accuracy of every combination",
    .detail =
        "--axis \"NAME=VALUE,VALUE,...\" may be repeated; every combination is a point, compared with MODEL as it is\n"
        "(changed by --set). In the figure the first --axis is x, and each combination of the others is a line. Lists\n"
        "of one number per stage have slashes: embed_dim=64/128/192,96/192/288.\n\n"
        "--hold throughput|macs|params|bytes brings each point to what MODEL has, or =FACTOR times that, by scaling\n"
        "its width, then its depth: throughput is measured in pairs with MODEL (sought within 3 %), the others are\n"
        "counted (within 1 %). Column held tells which points are there: yes; median (its quartiles are not); no.\n"
        "A search can change mhsa_share: the figure has column mhsa_share_pct, the share of the network it found.\n"
        "--epochs, --recipe or --data train each point with the same recipe and seed.\n\n"
        "Speeds of one row are of the same moments: compare points by speed_ratio.\n"
        "Times are those of forwards of 16 images with one thread, batch norms folded; --threads is for training.\n"
        "A combination that cannot exist is a row with its reason. Points are kept in OUT/units: killed, the same\n"
        "command goes on, and --shard 0/2 and --shard 1/2 with the same --out share the points.\n\n"
        "  vitscope sweep efficientvit_m4 --axis qk_dim=4,8,16,32,64 --out runs/qk\n"
        "  vitscope sweep efficientvit_m4 --axis qk_dim=4,8,16 --axis v_ratio=0.5,1 --hold throughput\n"
        "  vitscope sweep deit_tiny --axis mhsa_share=0.2,0.4,0.5,0.6 --hold macs=0.8\n"
        "  vitscope sweep efficientvit_m0 --axis act=relu,hswish --recipe fashion --epochs 4\n",
    .more = print_settings,
    .takes = "axis hold set img data val recipe epochs batch accumulate optimizer lr min-lr warmup-lr warmup-epochs "
             "cooldown-epochs schedule weight-decay momentum clip ema smoothing mixup cutmix augment repeats crop seed "
             "threads workers traffic cache warmup min-time repeat isa shard out format",
    .min_arguments = 1,
    .max_arguments = 1,
    .all_threads = true,
    .run = run,
};
