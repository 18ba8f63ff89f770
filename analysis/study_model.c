/* SPDX-License-Identifier: MIT */
#include "analysis/study_model.h"

#include "model/base/status.h"

int vit_study_model_open(struct vit_study_model *model, const struct vit_options *options, const char *spec)
{
    *model = (struct vit_study_model){0};
    if (!spec && !options->weights)
        return vit_fail(VIT_EINVAL, "needs MODEL, or --weights FILE that tells it");
    int status = vit_recognise_model(&model->found, spec, options->weights, options->set);
    if (status != VIT_OK)
        return status;
    model->own = *model->found.model;
    model->own.config.classes = model->found.classes;
    if (options->crop > 0)
        model->own.crop_percentage = options->crop;
    model->model = &model->own;
    return VIT_OK;
}

void vit_study_model_close(struct vit_study_model *model)
{
    *model = (struct vit_study_model){0};
}
