/* SPDX-License-Identifier: MIT */
/* callgrind_child.c - the hidden command that runs a model under callgrind, and the words that start it. */
#include "analysis/callgrind_child.h"

#include "analysis/command.h"
#include "model/base/status.h"
#include "model/blas.h"
#include "model/kernel_set.h"
#include "probes/cache_geometry.h"
#include "probes/callgrind_client.h"
#include "probes/machine.h"

#include <inttypes.h>
#include <string.h>

static int caches_of_machine(char text[VIT_CACHE_TEXT])
{
    struct vit_machine machine;
    struct vit_cache_geometry geometry;
    int status = vit_machine_read(&machine);
    if (status == VIT_OK)
        status = vit_cache_geometry_of(&geometry, &machine);
    if (status == VIT_OK)
        vit_cache_geometry_text(&geometry, text);
    return status;
}

int vit_callgrind_argument(const struct vit_instance *instance, const char *caches, char *text, size_t size)
{
    const struct vit_instance_options *options = &instance->options;
    const struct vit_tensor *input = instance->graph.input;
    const char *isa = vit_kernels()->isa;
    char found[VIT_CACHE_TEXT];
    int status = caches ? VIT_OK : caches_of_machine(found);
    if (status != VIT_OK)
        return status;
    int length =
        snprintf(text, size, "%s\ncallgrind-child\n%s\n--batch=%" PRId64 "\n--img=%" PRId64 "\n--seed=%" PRIu64,
                 caches ? caches : found, *instance->spec ? instance->spec : instance->model->name, input->dim[0],
                 input->dim[2], options->seed);
    struct {
        const char *name, *value;
    } more[] = {
        {"graph", options->model.graph},
        {"set", options->set},
        {"kernel", options->kernel},
        {"isa", strcmp(isa, "v4") == 0 ? NULL : isa}, /* the child then takes the best that valgrind runs */
    };
    for (size_t i = 0; i < sizeof more / sizeof more[0] && length < (int)size; i++)
        if (more[i].value)
            length += snprintf(text + length, size - (size_t)length, "\n--%s=%s", more[i].name, more[i].value);
    if (options->model.classes && length < (int)size)
        length += snprintf(text + length, size - (size_t)length, "\n--classes=%d", options->model.classes);
    return length < (int)size ? VIT_OK : vit_fail(VIT_EINVAL, "callgrind: its command is longer than %zu bytes", size);
}

/* "kernels v3, OpenBLAS Haswell": what the child really ran. */
static void describe(const struct vit_plan *plan, char *text, size_t size)
{
    bool blas = false;
    for (int i = 0; i < plan->n_step; i++)
        blas = blas || plan->step[i].kernel->blas;
    snprintf(text, size, "kernels %s%s%s", vit_kernels()->isa, blas ? ", OpenBLAS " : "",
             blas ? vit_blas_kernel() : "");
}

static int run(const struct vit_options *options)
{
    struct vit_instance instance;
    const struct vit_instance_options wanted = {
        .model = {.batch = options->batch, .img = options->img, .classes = options->classes, .graph = options->graph},
        .set = options->set,
        .threads = 1,
        .kernel = options->kernel,
        .seed = options->seed};
    int status = vit_instance_open(&instance, options->argument[0], &wanted);
    if (status != VIT_OK)
        return status;
    char about[128];
    describe(&instance.plan, about, sizeof about);
    status = vit_callgrind_serve(&instance.exec, about);
    vit_instance_close(&instance);
    return status;
}

const struct vit_command vit_command_callgrind_child = {
    .name = "callgrind-child",
    .arguments = "MODEL",
    .summary = "run under valgrind by profile --traffic callgrind",
    .detail = "It counts nothing by itself.\n",
    .takes = "set batch img classes graph kernel isa seed",
    .min_arguments = 1,
    .max_arguments = 1,
    .hidden = true,
    .run = run,
};
