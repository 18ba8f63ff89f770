/* SPDX-License-Identifier: MIT */
/* study.c - `vitscope study NAME`: runs a study of studies.def. */
#include "analysis/study.h"

#include "analysis/command.h"
#include "analysis/run_info.h"
#include "model/base/status.h"

#include <string.h>

#define VIT_STUDY(name) extern const struct vit_study_def vit_study_##name;
#include "analysis/studies.def"
#undef VIT_STUDY

const struct vit_study_def *const vit_studies[] = {
#define VIT_STUDY(name) &vit_study_##name,
#include "analysis/studies.def"
#undef VIT_STUDY
};
const int vit_n_studies = (int)(sizeof vit_studies / sizeof vit_studies[0]);

static void list(void)
{
    for (int i = 0; i < vit_n_studies; i++)
        printf("%s: %s\n%s\n", vit_studies[i]->name, vit_studies[i]->question, vit_studies[i]->detail);
}

static int run(const struct vit_options *options)
{
    if (strcmp(options->argument[0], "list") == 0) {
        list();
        return VIT_OK;
    }
    for (int i = 0; i < vit_n_studies; i++) {
        if (strcmp(vit_studies[i]->name, options->argument[0]) != 0)
            continue;
        char folder[4000];
        vit_run_folder_name(folder, sizeof folder, vit_studies[i]->name, options);
        int status = vit_run_folder(folder);
        return status == VIT_OK ? vit_studies[i]->run(options, folder) : status;
    }
    return vit_fail(VIT_EINVAL, "there is no study \"%s\"; `vitscope study list` tells those there are",
                    options->argument[0]);
}

const struct vit_command vit_command_study = {
    .name = "study",
    .arguments = "list|NAME [MODEL...]",
    .summary = "run one of the paper's studies, machine beside paper",
    .detail =
        "  vitscope study list\n"
        "  vitscope study memory-bound\n"
        "  vitscope study memory-bound swin_tiny deit_tiny efficientvit_m4 --batch 16 --out runs/fig2\n"
        "  vitscope study redundancy --weights runs/deit/best.safetensors --data fashion-mnist:test --images 128\n"
        "  vitscope study importance --weights runs/swin/best.safetensors --data fashion-mnist:train --images 1024\n"
        "  vitscope study resolution deit_tiny efficientvit_m4 --sizes 224,384,512 --out runs/resolution\n"
        "  vitscope study join --weights runs/deit/best.safetensors --data fashion-mnist:test --images 128\n",
    .takes =
        "batch threads img sizes graph kernel isa image data synthetic images weights set crop classes seed momentum "
        "traffic cache warmup min-time repeat out format",
    .min_arguments = 1,
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
