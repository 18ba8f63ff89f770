/* SPDX-License-Identifier: MIT */
#include "analysis/study_model.h"

#include "model/base/status.h"

static int choose_found(struct vit_study_model *model, const struct vit_options *options)
{
    if (!options->weights)
        return vit_fail(VIT_EINVAL, "needs MODEL, or --weights FILE that tells it");
    int status = vit_recognise(options->weights, &model->found);
    if (status != VIT_OK)
        return status;
    model->own = *model->found.model;
    if (model->found.classes)
        model->own.config.classes = model->found.classes;
    if (options->set && vit_config_set(&model->own.config, model->own.family->name, options->set) != VIT_OK)
        return vit_fail_in(VIT_EINVAL, "--set");
    if (options->crop > 0)
        model->own.crop_percentage = options->crop;
    model->model = &model->own;
    return VIT_OK;
}

int vit_study_model_open(struct vit_study_model *model, const struct vit_options *options, const char *spec)
{
    *model = (struct vit_study_model){0};
    if (!spec)
        return choose_found(model, options);
    int status = vit_model_choose(&model->choice, spec, options->set);
    if (status == VIT_OK && options->crop > 0)
        model->choice.model.crop_percentage = options->crop;
    model->model = status == VIT_OK ? &model->choice.model : NULL;
    return status;
}

void vit_study_model_close(struct vit_study_model *model)
{
    if (model->model && model->model == &model->choice.model)
        vit_model_choice_close(&model->choice);
    *model = (struct vit_study_model){0};
}
