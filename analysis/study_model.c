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

int vit_study_images_open(struct vit_image_stream *stream, const struct vit_options *o, const struct vit_instance *net,
                          int64_t images)
{
    const int classes = (int)net->graph.logits->dim[1];
    int status =
        vit_image_stream_open(stream, &(struct vit_image_stream_options){.spec = o->data,
                                                                         .images = o->images ? o->images : images,
                                                                         .preprocess = vit_instance_preprocess(net),
                                                                         .batch = net->graph.batch,
                                                                         .classes = classes,
                                                                         .whole_batches = true,
                                                                         .seed = o->seed});
    if (status == VIT_OK && !stream->labelled)
        return vit_fail(VIT_EINVAL,
                        "--data %s: has %d classes, the model %d: importance is of the loss, which needs their labels",
                        o->data ? o->data : "synthetic", stream->dataset.classes, classes);
    return status;
}
