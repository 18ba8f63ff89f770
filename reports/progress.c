/* SPDX-License-Identifier: MIT */
/* progress.c - percentage done and time left, supposing that pieces of work cost the same. */
#include "reports/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "model/base/clock.h"

static const int64_t drawing_interval_ns = 200000000;
static const char clear_line[] = "\r\033[K";

void vit_progress_open(struct vit_progress *progress, const char *label, int64_t total)
{
    *progress = (struct vit_progress){
        .stream = isatty(STDERR_FILENO) ? stderr : NULL,
        .label = label,
        .total = total > 0 ? total : 1,
        .start_ns = vit_clock_ns(),
    };
}

static void print_time_left(char *text, size_t size, int64_t seconds)
{
    if (seconds >= 3600)
        snprintf(text, size, "%" PRId64 " h %02" PRId64 " min", seconds / 3600, seconds / 60 % 60);
    else if (seconds >= 60)
        snprintf(text, size, "%" PRId64 " min %02" PRId64 " s", seconds / 60, seconds % 60);
    else
        snprintf(text, size, "%" PRId64 " s", seconds);
}

void vit_progress_text(char *text, size_t size, const struct vit_progress *progress, struct vit_progress_state state)
{
    double share = (double)state.done / (double)progress->total;
    int percent = (int)(share * 100);
    const char *gap = *progress->note ? "  " : "";
    if (state.done <= 0 || state.done >= progress->total) {
        snprintf(text, size, "%s%s%s  %d %%", progress->label, gap, progress->note, percent);
        return;
    }
    char left[48];
    print_time_left(left, sizeof left, (int64_t)((double)state.elapsed_ns * (1 / share - 1) / 1e9 + 0.5));
    snprintf(text, size, "%s%s%s  %d %%  %s left", progress->label, gap, progress->note, percent, left);
}

void vit_progress_note(struct vit_progress *progress, const char *format, ...)
{
    va_list arguments;
    if (!progress->stream)
        return;
    va_start(arguments, format);
    vsnprintf(progress->note, sizeof progress->note, format, arguments);
    va_end(arguments);
}

void vit_progress_update(struct vit_progress *progress, int64_t done)
{
    int64_t now = vit_clock_ns();
    if (!progress->stream || (progress->drawn_ns && now - progress->drawn_ns < drawing_interval_ns))
        return;
    progress->drawn_ns = now;
    char text[224];
    vit_progress_text(text, sizeof text, progress, (struct vit_progress_state){done, now - progress->start_ns});
    fprintf(progress->stream, "%s%s", clear_line, text);
    fflush(progress->stream);
}

void vit_progress_hide(struct vit_progress *progress)
{
    if (progress->stream && progress->drawn_ns) {
        fputs(clear_line, progress->stream);
        fflush(progress->stream);
    }
}

void vit_progress_close(struct vit_progress *progress)
{
    vit_progress_hide(progress);
    progress->stream = NULL;
}
