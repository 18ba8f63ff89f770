/* SPDX-License-Identifier: MIT */
#include "analysis/probe_choice.h"

#include "analysis/callgrind_child.h"
#include "model/base/status.h"

#include <stdio.h>
#include <string.h>

static const char default_probes[] = "traffic,memory,counters,cache_sim";

/* What profile computes without being asked must not keep anybody waiting. */
static const double unasked_s = 5;

/* Words of --traffic and the probes that answer them. */
static const struct {
    const char *word, *probe;
} source[] = {
    {"compulsory", "traffic"},  {"measured", "counters"},   {"simulated", "cache_sim"},
    {"footprint", "footprint"}, {"callgrind", "callgrind"},
};
enum { N_SOURCES = sizeof source / sizeof source[0] };

struct choice {
    const struct vit_options *options;
    char callgrind[4096];            /* argument of that probe: what its child runs */
    char text[VIT_MAX_PROBES][4200]; /* "name" or "name=argument" */
    int n;
};

static bool chosen(const struct choice *choice, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < choice->n; i++)
        if (strncmp(choice->text[i], name, length) == 0 && (!choice->text[i][length] || choice->text[i][length] == '='))
            return true;
    return false;
}

/* What an option says to a probe; NULL: nothing. */
static const char *argument_of(const struct choice *choice, const char *name)
{
    if (strcmp(name, "cache_sim") == 0)
        return choice->options->cache;
    if (strcmp(name, "callgrind") == 0)
        return choice->callgrind;
    return strcmp(name, "counters") == 0 ? choice->options->counters : NULL;
}

static int add(struct choice *choice, const char *name)
{
    const char *argument = strchr(name, '=') ? NULL : argument_of(choice, name);
    if (choice->n == VIT_MAX_PROBES)
        return vit_fail(VIT_EINVAL, "--probes: more than %d", VIT_MAX_PROBES);
    int length = snprintf(choice->text[choice->n], sizeof choice->text[0], "%s%s%s", name, argument ? "=" : "",
                          argument ? argument : "");
    if (length >= (int)sizeof choice->text[0])
        return vit_fail(VIT_EINVAL, "probe %.40s: its argument is longer than %zu characters", name,
                        sizeof choice->text[0] - 50);
    choice->n++;
    return VIT_OK;
}

/* Items of a comma-separated list, one call of take for each. */
static int each(struct choice *choice, const char *list, int (*take)(struct choice *choice, const char *item))
{
    char text[2048], *rest = NULL;
    if (strlen(list) >= sizeof text)
        return vit_fail(VIT_EINVAL, "a list longer than %zu characters", sizeof text - 1);
    strcpy(text, list);
    int status = VIT_OK;
    for (char *item = strtok_r(text, ",", &rest); item && status == VIT_OK; item = strtok_r(NULL, ",", &rest))
        status = take(choice, item);
    return status;
}

/* wall_time is there already: one mention of it is no repetition. */
static int take_probe(struct choice *choice, const char *name)
{
    if (strcmp(name, "wall_time") == 0 && choice->n == 1)
        return VIT_OK;
    return add(choice, name);
}

static int take_source(struct choice *choice, const char *word)
{
    bool all = strcmp(word, "all") == 0, known = all;
    for (int i = 0; i < N_SOURCES; i++) {
        if (!all && strcmp(word, source[i].word) != 0)
            continue;
        known = true;
        int status = chosen(choice, source[i].probe) ? VIT_OK : add(choice, source[i].probe);
        if (status != VIT_OK)
            return status;
    }
    if (!known)
        return vit_fail(VIT_EINVAL, "%s: there are compulsory, measured, simulated, footprint, callgrind and all",
                        word);
    return VIT_OK;
}

int vit_probe_choice_open(struct vit_session *session, const struct vit_instance *instance,
                          const struct vit_options *options)
{
    struct choice choice = {.options = options};
    const char *name[VIT_MAX_PROBES];
    const char *given = options->probes ? options->probes : options->traffic ? "traffic,memory" : default_probes;
    int status = vit_callgrind_argument(instance, options->cache, choice.callgrind, sizeof choice.callgrind);
    if (status != VIT_OK)
        choice.callgrind[0] = '\0'; /* the probe then says what is missing */
    status = add(&choice, "wall_time");
    if (status == VIT_OK)
        status = each(&choice, given, take_probe);
    if (status != VIT_OK)
        return vit_fail_in(status, "--probes");
    if (options->traffic)
        status = each(&choice, options->traffic, take_source);
    if (status != VIT_OK)
        return vit_fail_in(status, "--traffic");
    for (int i = 0; i < choice.n; i++)
        name[i] = choice.text[i];
    status = vit_session_open(session, &instance->plan, name, choice.n);
    return status == VIT_OK ? VIT_OK : vit_fail_in(status, options->probes ? "--probes" : "probes");
}

double vit_probe_choice_limit(const struct vit_options *options)
{
    return options->probes || options->traffic ? 0 : unasked_s;
}
