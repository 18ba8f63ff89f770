/* SPDX-License-Identifier: MIT */
/* weights_command.c - `vitscope weights`: list, check and make weight files. */
#include "analysis/command.h"
#include "analysis/instance.h"
#include "analysis/output.h"
#include "analysis/recognise.h"
#include "model/base/status.h"
#include "model/weights/safetensors.h"

#include <inttypes.h>
#include <string.h>

static const struct vit_column columns[] = {
    {"tensor", VIT_TEXT, "", "name in the file"}, {"dtype", VIT_TEXT, "", "stored format"},
    {"shape", VIT_TEXT, "", "dimensions"},        {"elements", VIT_INT, "count", "product of the dimensions"},
    {"bytes", VIT_INT, "B", "stored size"},
};

static const struct vit_schema schema = {"weights", 1, sizeof columns / sizeof columns[0], columns};

static int list(const struct vit_options *options)
{
    struct vit_safetensors file;
    int status = vit_safetensors_open(&file, options->argument[1]);
    if (status != VIT_OK)
        return status;
    struct vit_sink sink;
    status = vit_output_open(&sink, options, &schema, NULL);
    for (int i = 0; i < file.n_entry && status == VIT_OK; i++) {
        const struct vit_safetensors_entry *e = &file.entry[i];
        char shape[VIT_SAFETENSORS_SHAPE_TEXT];
        struct vit_cell row[] = {vit_text(e->name), vit_text(vit_dtype_table[e->dtype].name),
                                 vit_text(vit_safetensors_shape_text(e, shape)), vit_int(e->numel),
                                 vit_int((int64_t)e->bytes)};
        status = vit_sink_write(&sink, row);
    }
    status = vit_sink_finish(&sink, status);
    vit_safetensors_close(&file);
    return status;
}

static int open_model(struct vit_instance *instance, const struct vit_options *options, const char *weights)
{
    struct vit_instance_options o = {.model = {.img = options->img, .classes = options->classes},
                                     .set = options->set,
                                     .weights = weights,
                                     .seed = options->seed};
    return vit_instance_open(instance, options->argument[1], &o);
}

static const struct vit_column check_columns[] = {
    {"file", VIT_TEXT, "", "weight file"},
    {"model", VIT_TEXT, "", "model it was loaded into, or recognised as"},
    {"classes", VIT_INT, "", "rows of the head"},
    {"tensors", VIT_INT, "", "tensors loaded"},
    {"resized", VIT_INT, "", "tables resized to the input size"},
    {"ignored", VIT_INT, "", "counters and index tables passed over"},
    {"dtype", VIT_TEXT, "", "stored format"},
    {"naming", VIT_TEXT, "", "naming scheme"},
    {"sha256", VIT_TEXT, "", "of the whole file"},
};
enum { N_CHECK = sizeof check_columns / sizeof check_columns[0] };
static const struct vit_schema check_schema = {"weights_check", 1, N_CHECK, check_columns};

static int print_one(const struct vit_options *options, const struct vit_cell row[N_CHECK])
{
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &check_schema, NULL);
    if (status != VIT_OK)
        return status;
    status = vit_sink_write(&sink, row);
    return vit_sink_finish(&sink, status);
}

/* Adds to the message of a misfit which model the file is of. */
static int explain_misfit(const struct vit_options *options, int status)
{
    char message[4096];
    struct vit_recognised found;
    snprintf(message, sizeof message, "%s", vit_error());
    bool other = status == VIT_EFORMAT && vit_recognise(options->argument[2], &found) == VIT_OK &&
                 strcmp(found.model->name, options->argument[1]) != 0;
    return other ? vit_fail(status, "%.3900s; the file looks like %s", message, found.model->name)
                 : vit_fail(status, "%s", message);
}

static int check(const struct vit_options *options)
{
    struct vit_instance instance;
    int status = open_model(&instance, options, options->argument[2]);
    if (status != VIT_OK)
        return explain_misfit(options, status);
    const struct vit_weights_report *r = &instance.weights;
    const struct vit_cell row[N_CHECK] = {vit_text(options->argument[2]),
                                          vit_text(options->argument[1]),
                                          vit_int(instance.graph.logits->dim[1]),
                                          vit_int(r->loaded),
                                          vit_int(r->resized),
                                          vit_int(r->ignored),
                                          vit_text(r->dtype),
                                          vit_text(r->naming),
                                          vit_text(r->sha256)};
    status = print_one(options, row);
    vit_instance_close(&instance);
    return status;
}

static int make(const struct vit_options *options)
{
    struct vit_instance instance;
    int status = open_model(&instance, options, NULL);
    if (status != VIT_OK)
        return status;
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, options->seed);
    const struct vit_safetensors_pair pair[] = {
        {"format", "pt"}, {"model", options->argument[1]}, {"generated_from_seed", seed}};
    struct vit_weights_metadata metadata = {pair, sizeof pair / sizeof pair[0]};
    status = vit_weights_save(&instance.graph, options->argument[2], &metadata);
    if (status == VIT_OK)
        printf("%s: weights of %s, generated from seed %s\n", options->argument[2], options->argument[1], seed);
    vit_instance_close(&instance);
    return status;
}

static int recognise(const struct vit_options *options)
{
    struct vit_recognised found;
    int status = vit_recognise(options->argument[1], &found);
    if (status != VIT_OK)
        return status;
    const struct vit_cell row[N_CHECK] = {vit_text(options->argument[1]), vit_text(found.model->name),
                                          vit_int(found.classes)}; /* nothing is loaded: the others are absent */
    return print_one(options, row);
}

static const struct {
    const char *name;
    int arguments;
    int (*run)(const struct vit_options *options);
    const char *usage;
} actions[] = {
    {"list", 2, list, "list FILE"},
    {"check", 3, check, "check MODEL FILE"},
    {"recognise", 2, recognise, "recognise FILE"},
    {"make", 3, make, "make MODEL FILE"},
};

static int run(const struct vit_options *options)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(options->argument[0], actions[i].name) != 0)
            continue;
        if (options->n_argument != actions[i].arguments)
            return vit_fail(VIT_EINVAL, "usage: vitscope weights %s", actions[i].usage);
        return actions[i].run(options);
    }
    return vit_fail(VIT_EINVAL, "there is no \"weights %s\"; there are list, check, recognise and make",
                    options->argument[0]);
}

const struct vit_command vit_command_weights = {
    .name = "weights",
    .arguments = "list|check|recognise|make [MODEL] FILE",
    .summary = "list, check, recognise and make weight files (safetensors)",
    .detail =
        "list prints the tensors of the file; check loads it into the model and tells what is missing, unexpected or\n"
        "of another shape; recognise tells from the tensors which model the file is for; make writes the weights that\n"
        "are generated from --seed.\n\n"
        "  vitscope weights list model.safetensors\n"
        "  vitscope weights check swin_tiny model.safetensors\n"
        "  vitscope weights recognise model.safetensors\n"
        "  vitscope weights make efficientvit_m0 m0.safetensors --seed 1\n"
        "  vitscope weights make deit_tiny shallow.safetensors --set depth=6\n",
    .takes = "set img classes seed format",
    .min_arguments = 2,
    .max_arguments = 3,
    .run = run,
};
