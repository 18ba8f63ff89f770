/* SPDX-License-Identifier: MIT */
/* training.h - a training as a whole: data, network, epochs, evaluation, files; what `vitscope train` and `vitscope
 * finetune` share. Its folder holds all that is needed to go on after being killed at any moment. */
#pragma once

#include "analysis/instance.h"
#include "analysis/recognise.h"
#include "analysis/training_settings.h"
#include "model/base/communicator.h"
#include "model/train/checkpoint.h"
#include "model/train/evaluate.h"
#include "reports/csv_log.h"
#include "reports/progress.h"
#include "reports/sink.h"

/* Of the epoch in progress. */
struct vit_training_epoch {
    double loss;     /* sum over its steps */
    double time_s;   /* of its steps */
    double waited_s; /* of that, for images */
    int64_t broken;  /* images that could not be read */
};

/* Of this process, where it is one of several ranks. */
struct vit_training_ranks {
    int64_t steps, sent; /* bytes to others */
    double time_s;       /* of the steps */
    double talked_s;     /* of that, in communication, waiting for slower ranks included */
};

/* Must not be moved while open. */
struct vit_training {
    struct vit_options complete;
    const struct vit_options *options; /* these */
    struct vit_communicator *comm;     /* the ranks; NULL: alone */
    const char *command;
    const struct vit_model_def *model; /* before settings */
    struct vit_training_settings settings;
    char *text; /* of the settings */
    char folder[4000];
    struct vit_dataset data, val; /* val.def is NULL without one */
    struct vit_loader *loader, *val_loader;
    struct vit_trainer trainer;
    struct vit_instance judge, teacher; /* forwards: of the same network on val, and of the teacher; or not open */
    struct vit_recognised start, teacher_found; /* of weights to begin with, and of the teacher's */
    struct vit_weights_report start_report;
    struct vit_evaluation evaluation;
    struct vit_csv_log metrics, epochs;
    char metrics_path[4096], epochs_path[4096];
    struct vit_sink rows; /* epochs on stdout, where the form is not for readers */
    struct vit_progress progress;
    double shown_rate;   /* images/s on the progress line */
    int64_t epoch, step; /* the next: epoch from 0, step in it */
    int64_t steps;       /* of an epoch */
    int64_t first_step;  /* of this process, counted over all epochs */
    struct vit_training_epoch sums;
    struct vit_training_ranks ranks;
    int64_t broken_before, loader_broken; /* broken images of the epoch: those before this process, or minus those of
                                             epochs before; those that the loader has counted */
    int told_broken;                      /* messages about broken images that were printed */
    double best;                          /* top-1 of best.safetensors in percent; below 0: there is none */
    int64_t best_epoch;                   /* from 1 */
    double before_s;                      /* time of the run before this process */
    int64_t begin_ns;                     /* of this process */
};

/* Images to learn from and to test on, where options do not tell: Fashion-MNIST, what belongs to --data. VIT_EINVAL
 * where both are the same. */
int vit_training_choose_data(struct vit_options *options);

/* Trains to the end, or as far as --max-steps and --time-budget allow; goes on where the folder has a checkpoint of the
 * same settings. options: of the command line; the recipe is applied here. VIT_ESTOPPED: stopped by a signal, after a
 * checkpoint. */
int vit_training_run(const struct vit_options *options, const char *command);

/* What a training works with (training_open.c); where a checkpoint is, it goes on there. Complete options are those of
 * the command line, then of the recipe. On failure nothing is left to close. */
int vit_training_open(struct vit_training *t, const struct vit_options *options, const char *command);
void vit_training_close(struct vit_training *t);

/* Checkpoint and weights (training_state.c). A folder without a checkpoint is fine; one of other settings is not. */
int vit_training_peek(const struct vit_training *t);
int vit_training_restore(struct vit_training *t);
int vit_training_save(struct vit_training *t);
int vit_training_save_weights(struct vit_training *t, const char *name, bool average); /* NAME.safetensors */

/* What is told while it runs (training_log.c). */
struct vit_training_step {
    double loss, lr, gradient_norm, time_s, waited_s;
};

struct vit_training_scores {
    double val_loss, top1, top5, ema_loss, ema_top1, ema_top5; /* NaN: not evaluated; in percent */
    double time_s;
};

int vit_training_log_open(struct vit_training *t);
int vit_training_log_sync(struct vit_training *t);
int vit_training_log_step(struct vit_training *t, const struct vit_training_step *step);
int vit_training_log_epoch(struct vit_training *t, const struct vit_training_scores *scores);
int vit_training_write_run(struct vit_training *t, const char *state); /* run.json, figures */
void vit_training_tell_begin(const struct vit_training *t);
void vit_training_tell_end(const struct vit_training *t, const char *reason);
