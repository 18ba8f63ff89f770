/* SPDX-License-Identifier: MIT */
#include "analysis/instance.h"

#include "model/base/status.h"
#include "model/data/dataset.h"
#include "model/noise.h"
#include "model/train/loss.h"
#include "model/weights/generate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Image i is of class i, as in the reference numbers. */
static void set_targets(struct vit_graph *graph)
{
    const int64_t classes = graph->targets->dim[1];
    memset(graph->targets->data, 0, vit_nbytes(graph->targets));
    for (int64_t i = 0; i < graph->batch; i++)
        graph->targets->data[i * classes + i % classes] = 1;
}

static int fill(struct vit_instance *instance)
{
    const struct vit_instance_options *options = &instance->options;
    int status = options->weights ? vit_weights_load(&instance->graph, options->weights, &instance->weights)
                                  : vit_weights_generate(&instance->graph, options->seed);
    if (status != VIT_OK)
        return status;
    vit_exec_prepare(&instance->exec);
    vit_noise_set(instance->graph.noise, options->seed, 0, (struct vit_noise_places){.first = 0});
    if (instance->graph.targets)
        set_targets(&instance->graph);
    vit_generate_input(options->seed, vit_numel(instance->graph.input), instance->graph.input->data);
    snprintf(instance->input, sizeof instance->input, "generated, seed %" PRIu64, options->seed);
    return VIT_OK;
}

/* Memory is given out before it is there: a plan larger than the machine would be killed on the way instead of
 * failing. */
static int check_memory(const struct vit_plan *plan)
{
    double bytes = (double)plan->workspace_bytes;
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < VIT_N_SPACES; i++)
        bytes += (double)plan->space_bytes[i];
    if (machine > 0 && bytes > machine)
        return vit_fail(VIT_ENOMEM, "%s with batch %d needs %.1f GiB of memory, this machine has %.1f GiB",
                        plan->graph->name, plan->graph->batch, bytes / (1 << 30), machine / (1 << 30));
    return VIT_OK;
}

static int open_optimizer(struct vit_instance *instance)
{
    const struct vit_optimizer_def *def = vit_optimizer_find(instance->options.optimizer);
    return def ? vit_optimizer_open(&instance->optimizer, &instance->exec, def, &def->defaults) : VIT_EINVAL;
}

/* The instance has its model and its options. */
static int open_net(struct vit_instance *instance)
{
    const struct vit_instance_options *options = &instance->options;
    int status = vit_model_build(&instance->graph, instance->model, options->model);
    if (status == VIT_OK && options->backward)
        status = vit_graph_add_loss(&instance->graph,
                                    &(struct vit_loss_options){.gradient = {.input = options->input_gradient}});
    if (status == VIT_OK)
        status = vit_plan_build(&instance->plan, &instance->graph,
                                (struct vit_plan_options){.threads = options->threads,
                                                          .keep_taps = options->keep_taps,
                                                          .kernel = options->kernel,
                                                          .backward = options->backward,
                                                          .recompute = options->recompute});
    if (status == VIT_OK)
        status = check_memory(&instance->plan);
    if (status == VIT_OK)
        status = vit_exec_open(&instance->exec, &instance->plan);
    if (status == VIT_OK && options->optimizer)
        status = open_optimizer(instance);
    if (status == VIT_OK)
        status = fill(instance);
    if (status != VIT_OK)
        vit_instance_close(instance);
    return status;
}

int vit_instance_open(struct vit_instance *instance, const char *model, const struct vit_instance_options *options)
{
    *instance = (struct vit_instance){.options = *options};
    int status = vit_recognise_model(&instance->own, model, options->weights, options->set);
    if (status != VIT_OK)
        return status;
    instance->model = instance->own.model;
    if (!instance->options.model.classes)
        instance->options.model.classes = instance->own.classes;
    if (!options->weights && vit_is_weight_file(model))
        instance->options.weights = model;
    snprintf(instance->spec, sizeof instance->spec, "%s", model ? model : options->weights);
    return open_net(instance);
}

int vit_instance_open_model(struct vit_instance *instance, const struct vit_model_def *model,
                            const struct vit_instance_options *options)
{
    *instance = (struct vit_instance){.model = model, .options = *options};
    return open_net(instance);
}

void vit_instance_close(struct vit_instance *instance)
{
    if (instance->optimizer.def)
        vit_optimizer_close(&instance->optimizer);
    vit_exec_close(&instance->exec);
    vit_plan_close(&instance->plan);
    vit_graph_close(&instance->graph);
}

struct vit_preprocess vit_model_preprocess(const struct vit_model_def *model, int img)
{
    return (struct vit_preprocess){.size = img,
                                   .crop_percentage = model->crop_percentage,
                                   .interpolation = VIT_INTERPOLATION_BICUBIC,
                                   .crop_mode = VIT_CROP_CENTER,
                                   .mean = VIT_IMAGENET_MEAN,
                                   .std = VIT_IMAGENET_STD};
}

struct vit_preprocess vit_instance_preprocess(const struct vit_instance *instance)
{
    return vit_model_preprocess(instance->model, (int)instance->graph.input->dim[2]);
}

static void describe_input(struct vit_instance *instance, const struct vit_dataset *dataset, const char *spec)
{
    int64_t batch = instance->graph.input->dim[0], count = dataset->count;
    char which[64];
    if (batch == 1)
        snprintf(which, sizeof which, "the first");
    else
        snprintf(which, sizeof which, "the first %" PRId64, batch < count ? batch : count);
    if (count == 1)
        snprintf(instance->input, sizeof instance->input, "%s%s", spec, batch > 1 ? ", repeated" : "");
    else
        snprintf(instance->input, sizeof instance->input, "%s of %" PRId64 " images of %s%s", which, count, spec,
                 batch > count ? ", repeated" : "");
}

int vit_instance_read_images(struct vit_instance *instance, const char *spec)
{
    struct vit_dataset dataset;
    int status = vit_dataset_open(&dataset, spec);
    if (status != VIT_OK)
        return status;
    struct vit_preprocess preprocess = vit_instance_preprocess(instance);
    struct vit_tensor *input = instance->graph.input;
    int64_t image = vit_numel(input) / input->dim[0], done = 0;
    while (done < input->dim[0] && status == VIT_OK) {
        int64_t left = input->dim[0] - done;
        struct vit_batch batch = {.count = (int)(left < dataset.count ? left : dataset.count),
                                  .preprocess = &preprocess,
                                  .images = input->data + done * image};
        status = vit_dataset_batch(&dataset, &batch);
        done += batch.count;
    }
    describe_input(instance, &dataset, spec);
    vit_dataset_close(&dataset);
    return status;
}

int vit_instance_read_image(struct vit_instance *instance, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return vit_fail(VIT_EIO, "--image %s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return vit_fail(VIT_EFORMAT, "--image %s: takes one JPEG or PNG file; --data takes folders and datasets", path);
    return vit_instance_read_images(instance, path);
}
