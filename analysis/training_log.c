/* SPDX-License-Identifier: MIT */
/* training_log.c - metrics.csv (a row per step), epochs.csv (a row per epoch), run.json, the figure, and what is told
 * on the terminal. */
#include "analysis/training.h"

#include "analysis/output.h"
#include "analysis/run_info.h"
#include "model/base/clock.h"
#include "model/base/communicator.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/gnuplot.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct vit_column metric_columns[] = {
    {"step", VIT_INT, "", "update of the weights, from 1, over all epochs"},
    {"epoch", VIT_INT, "", "epoch, from 1"},
    {"loss", VIT_REAL, "", "of the step's images, before the update"},
    {"lr", VIT_REAL, "", "learning rate"},
    {"gradient_norm", VIT_REAL, "", "of all gradients together, before clipping"},
    {"images_per_s", VIT_REAL, "", "images of the step / its time"},
    {"time_ns", VIT_REAL, "ns", "time of the step, waiting for images included"},
    {"data_wait_pct", VIT_REAL, "%", "share of the time that was spent waiting for images"},
};
static const struct vit_schema metric_schema = {"metrics", 1, sizeof metric_columns / sizeof metric_columns[0],
                                                metric_columns};

static const struct vit_column epoch_columns[] = {
    {"epoch", VIT_INT, "", "epoch, from 1"},
    {"steps", VIT_INT, "", "updates of the weights"},
    {"train_loss", VIT_REAL, "", "mean over the steps, on changed images and mixed targets"},
    {"val_loss", VIT_REAL, "", "cross entropy on the images of --val"},
    {"top1_pct", VIT_REAL, "%", "share of them whose label is the likeliest class"},
    {"top5_pct", VIT_REAL, "%", "share of them whose label is among the five likeliest"},
    {"ema_val_loss", VIT_REAL, "", "the same of the averaged weights"},
    {"ema_top1_pct", VIT_REAL, "%", "the same of the averaged weights"},
    {"ema_top5_pct", VIT_REAL, "%", "the same of the averaged weights"},
    {"images_per_s", VIT_REAL, "", "images of the epoch / time of its steps"},
    {"data_wait_pct", VIT_REAL, "%", "share of that time that was spent waiting for images"},
    {"time_s", VIT_REAL, "s", "time of its steps"},
    {"val_time_s", VIT_REAL, "s", "time of the evaluation"},
    {"broken_images", VIT_INT, "", "images that could not be read and were replaced"},
};
enum { N_EPOCH = sizeof epoch_columns / sizeof epoch_columns[0] };
static const struct vit_schema epoch_schema = {"epochs", 1, N_EPOCH, epoch_columns};

static bool is_writer(const struct vit_training *t)
{
    return vit_communicator_rank(t->comm) == 0;
}

static double images_of_step(const struct vit_training *t)
{
    return (double)t->options->batch * t->options->accumulate * vit_communicator_ranks(t->comm);
}

/* The sums of the epoch in progress, from its rows. */
static int read_sums(struct vit_training *t, const char *path)
{
    struct vit_csv *csv;
    int loss, time, waited, status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = vit_csv_find(csv, "loss", &loss);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "time_ns", &time);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "data_wait_pct", &waited);
    for (int64_t row = t->epoch * t->steps; row < vit_csv_rows(csv) && status == VIT_OK; row++) {
        struct vit_cell cell[3];
        status = vit_csv_real(csv, row, loss, &cell[0]);
        if (status == VIT_OK)
            status = vit_csv_real(csv, row, time, &cell[1]);
        if (status == VIT_OK)
            status = vit_csv_real(csv, row, waited, &cell[2]);
        t->sums.loss += cell[0].r;
        t->sums.time_s += cell[1].r / 1e9;
        t->sums.waited_s += cell[1].r / 1e9 * cell[2].r / 100;
    }
    vit_csv_close(csv);
    return status;
}

int vit_training_log_open(struct vit_training *t)
{
    if (!is_writer(t))
        return VIT_OK;
    snprintf(t->metrics_path, sizeof t->metrics_path, "%s/metrics.csv", t->folder);
    snprintf(t->epochs_path, sizeof t->epochs_path, "%s/epochs.csv", t->folder);
    int status = vit_csv_log_open(&t->metrics, t->metrics_path, &metric_schema, t->epoch * t->steps + t->step);
    if (status == VIT_OK)
        status = vit_csv_log_open(&t->epochs, t->epochs_path, &epoch_schema, t->epoch);
    if (status == VIT_OK && t->step)
        status = read_sums(t, t->metrics_path);
    t->sums.broken = t->broken_before;
    if (status == VIT_OK && !t->options->quiet && !vit_output_is_table(t->options))
        status = vit_output_open(&t->rows, t->options, &epoch_schema, NULL);
    return status;
}

int vit_training_log_sync(struct vit_training *t)
{
    int status = vit_csv_log_sync(&t->metrics);
    return status == VIT_OK ? vit_csv_log_sync(&t->epochs) : status;
}

int vit_training_log_step(struct vit_training *t, const struct vit_training_step *s)
{
    const struct vit_cell row[] = {vit_int(t->epoch * t->steps + t->step + 1),
                                   vit_int(t->epoch + 1),
                                   vit_real_cell(s->loss),
                                   vit_real_cell(s->lr),
                                   vit_real_cell(s->gradient_norm),
                                   vit_real_cell(images_of_step(t) / s->time_s),
                                   vit_real_cell(s->time_s * 1e9),
                                   vit_real_cell(100 * s->waited_s / s->time_s)};
    return is_writer(t) ? vit_csv_log_write(&t->metrics, row) : VIT_OK;
}

/* Images that could not be read and were replaced, with the paths of those not told yet. */
static void tell_broken(struct vit_training *t)
{
    const char *message;
    if (!t->sums.broken)
        return;
    printf("       %" PRId64 " images could not be read and were replaced by others\n", t->sums.broken);
    for (; (message = vit_loader_broken(t->loader, t->told_broken)); t->told_broken++)
        printf("       %s\n", message);
}

static void tell_epoch(struct vit_training *t, const struct vit_training_scores *s)
{
    const double rate = images_of_step(t) * (double)t->steps / t->sums.time_s;
    printf("%5" PRId64 "  %10.4f", t->epoch + 1, t->sums.loss / (double)t->steps);
    if (!isnan(s->top1))
        printf("  %8.4f  %7.2f  %7.2f", s->val_loss, s->top1, s->top5);
    if (!isnan(s->ema_top1))
        printf("  %11.2f", s->ema_top1);
    printf("  %8.0f  %6.0f s", rate, t->sums.time_s + s->time_s);
    printf("\n");
    tell_broken(t);
    fflush(stdout);
}

int vit_training_log_epoch(struct vit_training *t, const struct vit_training_scores *s)
{
    const struct vit_training_epoch *e = &t->sums;
    const struct vit_cell row[N_EPOCH] = {vit_int(t->epoch + 1),
                                          vit_int(t->steps),
                                          vit_real_cell(e->loss / (double)t->steps),
                                          vit_defined(s->val_loss),
                                          vit_defined(s->top1),
                                          vit_defined(s->top5),
                                          vit_defined(s->ema_loss),
                                          vit_defined(s->ema_top1),
                                          vit_defined(s->ema_top5),
                                          vit_real_cell(images_of_step(t) * (double)t->steps / e->time_s),
                                          vit_real_cell(100 * e->waited_s / e->time_s),
                                          vit_real_cell(e->time_s),
                                          t->val.def ? vit_real_cell(s->time_s) : vit_absent(),
                                          vit_int(e->broken)};
    if (!is_writer(t))
        return VIT_OK;
    vit_progress_hide(&t->progress);
    if (t->rows.def) {
        int status = vit_sink_write(&t->rows, row);
        if (status != VIT_OK)
            return status;
    } else if (!t->options->quiet) {
        tell_epoch(t, s);
    }
    return vit_csv_log_write(&t->epochs, row);
}

static int draw(const struct vit_training *t)
{
    char data[4096], output[4096], title[256], subtitle[256];
    const struct vit_options *o = t->options;
    if (t->epoch < 1 || !vit_plot_available())
        return VIT_OK;
    snprintf(data, sizeof data, "%s/epochs.csv", t->folder);
    snprintf(output, sizeof output, "%s/learning_curves", t->folder);
    snprintf(title, sizeof title, "%s learns %.150s", t->settings.choice.model.name, o->data);
    snprintf(subtitle, sizeof subtitle, "%d x %d, batch %d, %s, lr %s, seed %" PRIu64, t->settings.preprocess.size,
             t->settings.preprocess.size, o->batch * o->accumulate, o->optimizer, o->lr, o->seed);
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH}, {"title", title, VIT_PLOT_TEXT}, {"subtitle", subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(&(struct vit_plot){"learning_curves", output, variable, 3});
}

static void add_settings(struct vit_json *json, const struct vit_training *t)
{
    char line[VIT_OPTION_TEXT + 64];
    vit_json_object(json, "settings");
    for (const char *at = t->text; *at; at += strcspn(at, "\n") + 1) {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        char *value = strchr(line, '=');
        *value = '\0';
        vit_json_string(json, line, value + 1);
    }
    vit_json_end(json);
}

static void add_state(struct vit_json *json, const struct vit_training *t, const char *state)
{
    vit_json_string(json, "state", state);
    vit_json_integer(json, "epochs_done", t->epoch);
    vit_json_integer(json, "steps_done", t->epoch * t->steps + t->step);
    vit_json_integer(json, "steps", vit_schedule_epochs(&t->settings.schedule) * t->steps);
    vit_json_number(json, "time_s", t->before_s + (double)(vit_clock_ns() - t->begin_ns) / 1e9);
    if (t->best >= 0) {
        vit_json_number(json, "best_top1_pct", t->best);
        vit_json_integer(json, "best_epoch", t->best_epoch);
    } else {
        vit_json_null(json, "best_top1_pct", "nothing was evaluated");
    }
    vit_json_integer(json, "parameters", vit_graph_parameters((struct vit_graph *)&t->trainer.graph));
    vit_json_integer(json, "train_images", t->data.count);
    vit_json_integer(json, "ranks", vit_communicator_ranks(t->comm));
    if (t->ranks.steps > 0) {
        vit_json_number(json, "communication_pct", 100 * t->ranks.talked_s / t->ranks.time_s);
        vit_json_number(json, "sent_bytes_per_step", (double)t->ranks.sent / (double)t->ranks.steps);
    }
    vit_json_integer(json, "activation_arena_bytes", (int64_t)t->trainer.plan.space_bytes[VIT_SPACE_ACTIVATION]);
}

int vit_training_write_run(struct vit_training *t, const char *state)
{
    char path[4096];
    static struct vit_machine machine;
    struct vit_json json;
    if (!is_writer(t))
        return VIT_OK;
    int status = vit_machine_read(&machine);
    if (status != VIT_OK)
        return status;
    vit_json_open(&json);
    vit_run_info_describe(&json, t->command, t->options, &machine);
    add_settings(&json, t);
    add_state(&json, t, state);
    snprintf(path, sizeof path, "%s/run.json", t->folder);
    status = vit_json_write(&json, path);
    vit_json_close(&json);
    return status == VIT_OK ? draw(t) : status;
}

void vit_training_tell_begin(const struct vit_training *t)
{
    const struct vit_options *o = t->options;
    const struct vit_training_settings *s = &t->settings;
    if (!is_writer(t) || o->quiet || !vit_output_is_table(o))
        return;
    printf("%s: %.2f M parameters, %d x %d, %d classes; %" PRId64 " images of %s", s->choice.model.name,
           (double)vit_graph_parameters((struct vit_graph *)&t->trainer.graph) / 1e6, s->preprocess.size,
           s->preprocess.size, t->data.classes, t->data.count, o->data);
    if (t->val.def)
        printf(", tested on %" PRId64 " of %s", t->val.count, o->val);
    if (o->weights)
        printf("\nbegins with %s: %d tensors, %d of them resized%s", o->weights, t->start_report.loaded,
               t->start_report.resized, t->start_report.kept ? "; the head is new" : "");
    printf("\n%" PRId64 " epoch%s of %" PRId64 " steps of %.0f images, %s, learning rate %.3g, seed %" PRIu64
           ", %d thread%s; results in %s\n",
           vit_schedule_epochs(&s->schedule), vit_schedule_epochs(&s->schedule) == 1 ? "" : "s", t->steps,
           images_of_step(t), o->optimizer, s->schedule.lr, o->seed, o->threads, o->threads > 1 ? "s" : "", t->folder);
    if (t->epoch || t->step)
        printf("goes on after step %" PRId64 " of epoch %" PRId64 "\n", t->step, t->epoch + 1);
    printf("\nepoch  train loss%s%s  images/s      time\n", t->val.def ? "  val loss  top-1 %  top-5 %" : "",
           t->val.def && s->trainer.ema > 0 ? "  EMA top-1 %" : "");
    fflush(stdout);
}

/* What sharing the steps cost. The share without communication bounds the efficiency: images/s of N ranks over N times
 * those of one with the same batch. */
static void tell_ranks(const struct vit_training *t)
{
    const struct vit_training_ranks *r = &t->ranks;
    if (r->steps == 0)
        return;
    printf("%d ranks: %.1f images/s; rank 0 spent %.1f %% of its steps on communication, waiting for others included, "
           "and sent %.1f MB a step: efficiency at most %.2f\n",
           t->comm->ranks, images_of_step(t) * (double)r->steps / r->time_s, 100 * r->talked_s / r->time_s,
           (double)r->sent / (double)r->steps / 1e6, 1 - r->talked_s / r->time_s);
}

void vit_training_tell_end(const struct vit_training *t, const char *reason)
{
    if (!is_writer(t) || t->options->quiet || !vit_output_is_table(t->options))
        return;
    if (t->best >= 0)
        printf("\nbest: %.2f %% top-1 after epoch %" PRId64 " (best.safetensors)\n", t->best, t->best_epoch);
    tell_ranks(t);
    if (!reason)
        printf("finished in %s: final.safetensors, metrics.csv, epochs.csv, run.json%s\n", t->folder,
               vit_plot_available() ? ", learning_curves.png, .svg" : "");
    else if (t->epoch >= vit_schedule_epochs(&t->settings.schedule))
        printf("%s: this run is finished; nothing is left to do\n", t->folder);
    else
        printf("stopped by %s after step %" PRId64
               "; the same command without it goes on from %s/last.safetensors, which eval reads too\n",
               reason, t->epoch * t->steps + t->step, t->folder);
}
