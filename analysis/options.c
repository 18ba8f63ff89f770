/* SPDX-License-Identifier: MIT */
#include "analysis/options.h"

#include "model/base/status.h"
#include "model/base/text.h"
#include "reports/number.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum type { INTEGER, SEED, NUMBER, SHARD, TEXT, SETTINGS, FLAG };

#define AT(field) offsetof(struct vit_options, field)

static const struct vit_option_def table[] = {
    {"batch", "N", "images per forward or step (default 1; throughput: 16; train: the recipe's)", INTEGER, AT(batch), 1,
     4096},
    {"threads", "N", "threads (default 1; machine, reproduce, train: all); results are the same bit for bit", INTEGER,
     AT(threads), 1, 1024},
    {"img", "N", "side of the input in pixels (default: the model's, 224)", INTEGER, AT(img), 1, 4096},
    {"sizes", "LIST", "sides of the input in pixels of a study that compares them: \"224,384,512\"", TEXT, AT(sizes), 0,
     0},
    {"axis", "AXIS", "a setting of the model and its values: \"qk_dim=4,8,16\"; may be repeated", SETTINGS, AT(axis), 0,
     0},
    {"hold", "NAME[=X]", "scale each point to X (default 1) times the base's throughput, macs, params or bytes", TEXT,
     AT(hold), 0, 0},
    {"classes", "N", "classes of the head (default: the model's, 1000)", INTEGER, AT(classes), 1, 1000000},
    {"graph", "NAME", "eager (as PyTorch runs it, default) or folded (batch norm in the weights)", TEXT, AT(graph), 0,
     0},
    {"kernel", "NAME", "implementation to prefer where an operator has one of this name: openblas, panels, ...", TEXT,
     AT(kernel), 0, 0},
    {"isa", "NAME", "vector kernels: v4 (AVX-512), v3 (AVX2), generic (default: the best that runs here)", TEXT,
     AT(isa), 0, 0},
    {"train", NULL, "the training step instead of the forward (graph train)", FLAG, AT(train), 0, 0},
    {"recompute", "KINDS", "with --train: also compute these kinds again on the way back: \"gelu layer_norm\"", TEXT,
     AT(recompute), 0, 0},
    {"image", "FILE", "read this JPEG or PNG", TEXT, AT(image), 0, 0},
    {"data", "SPEC", "read images of a dataset: fashion-mnist, a folder, idx:FILE (see `vitscope help data`)", TEXT,
     AT(data), 0, 0},
    {"images", "N", "images of a study, drawn by --seed", INTEGER, AT(images), 1, 65535},
    {"synthetic", NULL, "generated input (the default)", FLAG, AT(synthetic), 0, 0},
    {"weights", "FILE", "safetensors weights; where not needed, without it they are generated from --seed", TEXT,
     AT(weights), 0, 0},
    {"seed", "N", "seed of generated weights and input (default 1)", SEED, AT(seed), 0, 0},
    {"warmup", "SECONDS", "time to warm up before measuring (default 0.5; throughput: its protocol's)", NUMBER,
     AT(warmup_s), 0, 3600},
    {"min-time", "SECONDS", "least time to measure (default 1; throughput: its protocol's)", NUMBER, AT(min_time_s), 0,
     86400},
    {"repeat", "N", "least number of measured runs (default 10)", INTEGER, AT(repeat), 1, 100000},
    {"probes", "LIST", "comma-separated probes (see the text below)", TEXT, AT(probes), 0, 0},
    {"traffic", "LIST",
     "where bytes come from: compulsory, measured, simulated, footprint, callgrind or all (see the text below)", TEXT,
     AT(traffic), 0, 0},
    {"cache", "LIST", "caches to simulate instead of this machine's: \"L1=32K,8 L2=512K,8 L3=32M,16\" (bytes, ways)",
     TEXT, AT(cache), 0, 0},
    {"counters", "LIST", "auto (default), list (show them), none, or names of counters or events", TEXT, AT(counters),
     0, 0},
    {"out", "DIR", "folder for the results (default: one in runs, named by the command)", TEXT, AT(out), 0, 0},
    {"format", "NAME", "of what is printed: table (default), csv or json", TEXT, AT(format), 0, 0},
    {"shard", "I/N", "only the I-th of N shares of the list, counted from 0 (`vitscope merge` joins tables)", SHARD,
     AT(shard), 0, 0},
    {"labels", "FILE", "class names, one a line", TEXT, AT(labels), 0, 0},
    {"top", "N", "classes to print for an image (default 5)", INTEGER, AT(top), 1, 1000},
    {"protocol", "NAME", "paper (10 s warm-up, 60 s) or quick (default: 0.5 s, 2 s)", TEXT, AT(protocol), 0, 0},
    {"epochs", "N", "passes over the training images", INTEGER, AT(epochs), 1, 1000000},
    {"accumulate", "N", "batches whose gradients make one step together", INTEGER, AT(accumulate), 1, 65536},
    {"recipe", "NAME", "settings that single options override; list shows all with their sources", TEXT, AT(recipe), 0,
     0},
    {"val", "SPEC", "images to test on after each epoch; none: no test", TEXT, AT(val), 0, 0},
    {"set", "SETTINGS", "change the model: \"depth=6 act=hswish\"; may be repeated (see `vitscope help set`)", SETTINGS,
     AT(set), 0, 0},
    {"optimizer", "NAME", "adamw or sgd", TEXT, AT(optimizer), 0, 0},
    {"lr", "X[/N]", "peak learning rate; 1e-3/512: for 512 images a step, growing with them", TEXT, AT(lr), 0, 0},
    {"weight-decay", "X", "weight decay; of adamw decoupled, of sgd part of the gradient", NUMBER, AT(weight_decay), 0,
     1000},
    {"momentum", "X", "of sgd; of scores of importance, over batches", NUMBER, AT(momentum), 0, 1},
    {"schedule", "NAME",
     "of the learning rate: cosine, linear, constant, step/N (a tenth every N epochs); cosine:epoch changes with "
     "epochs, not with steps",
     TEXT, AT(schedule), 0, 0},
    {"warmup-epochs", "N", "epochs in which the learning rate rises from --warmup-lr", INTEGER, AT(warmup_epochs), 0,
     1e6},
    {"cooldown-epochs", "N", "epochs at --min-lr after the schedule", INTEGER, AT(cooldown_epochs), 0, 1e6},
    {"warmup-lr", "X", "learning rate of the first step", NUMBER, AT(warmup_lr), 0, 1000},
    {"min-lr", "X", "learning rate at the end of the schedule", NUMBER, AT(min_lr), 0, 1000},
    {"smoothing", "X", "share of a target spread over all classes", NUMBER, AT(smoothing), 0, 1},
    {"mixup", "X", "alpha of mixup; 0: none", NUMBER, AT(mixup), 0, 1000},
    {"cutmix", "X", "alpha of cutmix; 0: none", NUMBER, AT(cutmix), 0, 1000},
    {"augment", "TEXT", "random changes of training images: a set, then changes of it (see the text below)", TEXT,
     AT(augment), 0, 0},
    {"repeats", "N", "times that an image stands in a row in the order of training, changed anew", INTEGER, AT(repeats),
     1, 64},
    {"crop", "X", "share of the resized side that is kept, in evaluation", NUMBER, AT(crop), 0.05, 1},
    {"ema", "X", "decay of the averaged weights; 0: none", NUMBER, AT(ema), 0, 1},
    {"clip", "TEXT", "bounds of gradients: agc:X, norm:X, value:X or none", TEXT, AT(clip), 0, 0},
    {"distill", "NAME", "soft or hard, from the teacher of --distill-from", TEXT, AT(distill), 0, 0},
    {"distill-from", "FILE", "weights of the teacher", TEXT, AT(distill_from), 0, 0},
    {"alpha", "X", "share of the teacher in the loss", NUMBER, AT(alpha), 0, 1},
    {"tau", "X", "temperature of soft distillation", NUMBER, AT(tau), 1e-3, 1000},
    {"freeze", "LIST", "parameters that stay as they are: beginnings of their names, or backbone (all but the head)",
     TEXT, AT(freeze), 0, 0},
    {"workers", "N", "threads that read and augment images", INTEGER, AT(workers), 1, 1024},
    {"max-steps", "N", "stop after this step; the same command with more goes on", INTEGER, AT(max_steps), 1, 1e9},
    {"time-budget", "SECONDS", "stop after this time; the same command goes on", NUMBER, AT(time_budget_s), 0, 1e9},
    {"checkpoint-every", "N", "steps between checkpoints, besides those at the end of each epoch", INTEGER,
     AT(checkpoint_every), 1, 1e9},
    {"strict", NULL, "stop at an image that cannot be read", FLAG, AT(strict), 0, 0},
    {"budget", "NAME", "quick (minutes, default), normal (hours) or full (what the paper did)", TEXT, AT(budget), 0, 0},
    {"to", "BUDGET", "what is to be left: params=0.8, macs=0.7 or latency=0.8 of the whole network's", TEXT, AT(to), 0,
     0},
    {"criterion", "NAME",
     "of importance: molchanov (default), squared_sum, absolute_sum, sum_absolute, magnitude, random", TEXT,
     AT(criterion), 0, 0},
    {"kinds", "LIST", "groups that may go: qk,v,ffn,head,embed (default: qk,v,ffn)", TEXT, AT(kinds), 0, 0},
    {"per", "NAME", "divide scores by what goes at once: channels (default), params, macs or none", TEXT, AT(per), 0,
     0},
    {"rounds", "N", "rounds in which it is reached, scores are taken anew in each (default 5)", INTEGER, AT(rounds), 1,
     1000},
    {"batches", "N", "batches that scores of a round come from (default 10)", INTEGER, AT(batches), 1, 100000},
    {"finetune-epochs", "N", "epochs that the pruned network learns on (default: none)", INTEGER, AT(finetune_epochs),
     1, 100000},
    {"reallocate", NULL, "widen what is left until it needs as much as before; train both from the beginning", FLAG,
     AT(reallocate), 0, 0},
    {"stats", NULL, "decode all images: mean and standard deviation of their pixels", FLAG, AT(stats), 0, 0},
    {"sheet", "FILE", "draw some images as a PNG, as they are and augmented", TEXT, AT(sheet), 0, 0},
    {"help", NULL, "this text", FLAG, AT(help), 0, 0},
};

/* Paths are at most 4095 bytes; results have names of their own below --out. */
enum { N_OPTIONS = sizeof table / sizeof table[0], LONGEST_TEXT = 3900 };
_Static_assert((int)N_OPTIONS <= (int)VIT_MAX_OPTIONS, "options.h: given has a place for every option");

static const struct vit_option_def *find(const char *takes, const char *name, size_t length)
{
    for (int i = 0; i < N_OPTIONS; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return strcmp(table[i].name, "help") == 0 || vit_text_listed(takes, table[i].name) ? &table[i] : NULL;
    return NULL;
}

static int set_number(void *field, const struct vit_option_def *def, const char *value)
{
    char *end;
    errno = 0;
    double number = strtod(value, &end);
    bool whole = def->type == NUMBER || number == floor(number);
    if (end == value || *end || errno || !isfinite(number) || !whole || number < def->least || number > def->most)
        return vit_fail(VIT_EINVAL, "--%s %s: takes a%s number from %.10g to %.10g", def->name, value,
                        def->type == NUMBER ? "" : " whole", def->least, def->most);
    if (def->type == NUMBER)
        *(double *)field = number;
    else
        *(int *)field = (int)number;
    return VIT_OK;
}

/* Texts of a repeated option become one. */
static int add_settings(struct vit_options *options, const struct vit_option_def *def, const char *value)
{
    char *text = def->offset == AT(set) ? options->set_text : options->axis_text;
    const size_t used = strlen(text);
    if (!*value)
        return vit_fail(VIT_EINVAL, "--%s: takes %s, not an empty text", def->name, def->argument);
    if (used + 1 + strlen(value) > LONGEST_TEXT)
        return vit_fail(VIT_EINVAL, "--%s: takes at most %d characters in all", def->name, LONGEST_TEXT);
    snprintf(text + used, VIT_OPTION_TEXT - used, "%s%s", used ? " " : "", value);
    *(const char **)((char *)options + def->offset) = text;
    return VIT_OK;
}

static int set(struct vit_options *options, const struct vit_option_def *def, const char *value)
{
    void *field = (char *)options + def->offset;
    char *end;
    switch (def->type) {
    case FLAG:
        *(bool *)field = true;
        return VIT_OK;
    case TEXT:
        if (!*value)
            return vit_fail(VIT_EINVAL, "--%s: takes a %s, not an empty text", def->name, def->argument);
        if (strlen(value) > LONGEST_TEXT)
            return vit_fail(VIT_EINVAL, "--%s: takes at most %d characters", def->name, LONGEST_TEXT);
        *(const char **)field = value;
        return VIT_OK;
    case SETTINGS:
        return add_settings(options, def, value);
    case SEED:
        errno = 0;
        *(uint64_t *)field = strtoull(value, &end, 10);
        if (end == value || *end || errno || !isdigit((unsigned char)*value))
            return vit_fail(VIT_EINVAL, "--%s %s: takes a whole number from 0 to 2^64-1", def->name, value);
        return VIT_OK;
    case SHARD:
        if (vit_shard_parse(field, value) != VIT_OK)
            return vit_fail(VIT_EINVAL, "--%s %s", def->name, vit_error());
        return VIT_OK;
    default:
        return set_number(field, def, value);
    }
}

static int parse_option(struct vit_options *options, const char *takes, char *const *argv, int left)
{
    const char *text = argv[0] + 2, *equal = strchr(text, '=');
    size_t length = equal ? (size_t)(equal - text) : strlen(text);
    const struct vit_option_def *def = find(takes, text, length);
    if (!def)
        return vit_fail(VIT_EINVAL, "option --%.*s is not one of this command; it takes --help%s%s", (int)length, text,
                        *takes ? " and: " : "", takes);
    if (!def->argument && equal)
        return vit_fail(VIT_EINVAL, "--%s takes no value", def->name);
    if (def->argument && !equal && left < 2)
        return vit_fail(VIT_EINVAL, "--%s needs a value: --%s %s", def->name, def->name, def->argument);
    int status = set(options, def, !def->argument ? "" : equal ? equal + 1 : argv[1]);
    if (status != VIT_OK)
        return status;
    options->given[def - table] = true;
    return def->argument && !equal ? 2 : 1;
}

int vit_options_parse(struct vit_options *options, const char *takes, int argc, char *const *argv)
{
    bool only_arguments = false;
    for (int i = 0; i < argc;) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
            i++;
        } else if (!only_arguments && strncmp(argv[i], "--", 2) == 0) {
            int used = parse_option(options, takes, argv + i, argc - i);
            if (used < 0)
                return used;
            i += used;
        } else if (!only_arguments && strcmp(argv[i], "-h") == 0) {
            options->help = true;
            i++;
        } else if (!only_arguments && argv[i][0] == '-' && argv[i][1]) {
            return vit_fail(VIT_EINVAL, "option %s: options are written with two dashes", argv[i]);
        } else if (options->n_argument == VIT_MAX_ARGUMENTS) {
            return vit_fail(VIT_EINVAL, "%s: more than %d arguments", argv[i], VIT_MAX_ARGUMENTS);
        } else {
            options->argument[options->n_argument++] = argv[i++];
        }
    }
    return VIT_OK;
}

int vit_options_default(struct vit_options *options, const char *name, const char *value)
{
    const struct vit_option_def *def = find(name, name, strlen(name));
    if (!def)
        return vit_fail(VIT_EINVAL, "there is no option --%s", name);
    if (options->given[def - table])
        return VIT_OK;
    options->given[def - table] = true;
    return set(options, def, value);
}

void vit_options_text(char text[VIT_OPTION_TEXT], const struct vit_options *options, const char *name)
{
    const struct vit_option_def *def = find(name, name, strlen(name));
    assert(def);
    const void *field = (const char *)options + def->offset;
    text[0] = '\0';
    if (!options->given[def - table])
        return;
    if ((def->type == TEXT || def->type == SETTINGS) && !*(const char *const *)field) /* taken back by the program */
        return;
    switch (def->type) {
    case FLAG:
        snprintf(text, VIT_OPTION_TEXT, "yes");
        return;
    case TEXT:
    case SETTINGS:
        snprintf(text, VIT_OPTION_TEXT, "%s", *(const char *const *)field);
        return;
    case SEED:
        snprintf(text, VIT_OPTION_TEXT, "%" PRIu64, *(const uint64_t *)field);
        return;
    case NUMBER:
        vit_number_exact(text, *(const double *)field);
        return;
    default:
        snprintf(text, VIT_OPTION_TEXT, "%d", *(const int *)field);
    }
}

void vit_options_print(FILE *file, const char *takes)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        char left[64];
        if (strcmp(table[i].name, "help") != 0 && !vit_text_listed(takes, table[i].name))
            continue;
        snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument ? " " : "",
                 table[i].argument ? table[i].argument : "");
        fprintf(file, "  %-20s %s\n", left, table[i].help);
    }
}
