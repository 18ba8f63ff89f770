/* SPDX-License-Identifier: MIT */
/* sink.c - what all forms of output share: their list, the file they write to, errors of writing. */
#include "reports/sink.h"

#include <errno.h>
#include <string.h>

#include "model/base/status.h"

#define VIT_SINK(name) extern const struct vit_sink_def vit_sink_##name;
#include "reports/sinks.def"
#undef VIT_SINK

static const struct vit_sink_def *const sinks[] = {
#define VIT_SINK(name) &vit_sink_##name,
#include "reports/sinks.def"
#undef VIT_SINK
};

enum { N_SINKS = sizeof sinks / sizeof *sinks };

const struct vit_sink_def *vit_sink_at(int index)
{
    return index >= 0 && index < N_SINKS ? sinks[index] : NULL;
}

int vit_sink_find(const struct vit_sink_def **def, const char *name)
{
    char names[128] = "";
    for (int i = 0; i < N_SINKS; i++) {
        if (!strcmp(sinks[i]->name, name)) {
            *def = sinks[i];
            return VIT_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", sinks[i]->name);
    }
    return vit_fail(VIT_EINVAL, "format %s is unknown: there are %s", name, names);
}

static const char *target_name(const struct vit_sink *sink)
{
    return sink->target.path ? sink->target.path : "standard output";
}

/* Turns a failure of the stream, which the forms need not look for, into a status. errno is that of the last write. */
static int check_stream(const struct vit_sink *sink, int status)
{
    if (status == VIT_OK && ferror(sink->file))
        return vit_fail(VIT_EIO, "%s: cannot be written: %s", target_name(sink), strerror(errno));
    return status;
}

int vit_sink_open(struct vit_sink *sink, const struct vit_sink_def *def, const struct vit_schema *schema,
                  const struct vit_sink_target *target)
{
    *sink = (struct vit_sink){.def = def, .schema = schema, .target = *target, .file = target->stream};
    if (target->path) {
        int status = vit_atomic_open(&sink->output, target->path);
        if (status != VIT_OK)
            return status;
        sink->file = sink->output.file;
    }
    int status = check_stream(sink, def->open ? def->open(sink) : VIT_OK);
    if (status != VIT_OK)
        vit_sink_abort(sink);
    return status;
}

int vit_sink_open_csv(struct vit_sink *sink, const struct vit_schema *schema, const char *path)
{
    return vit_sink_open(sink, &vit_sink_csv, schema, &(struct vit_sink_target){.path = path});
}

int vit_sink_write(struct vit_sink *sink, const struct vit_cell *row)
{
    int status = check_stream(sink, sink->def->write(sink, row));
    sink->rows += status == VIT_OK;
    return status;
}

int vit_sink_close(struct vit_sink *sink)
{
    int status = check_stream(sink, VIT_OK);
    if (status == VIT_OK && sink->def->finish)
        status = sink->def->finish(sink);
    if (status == VIT_OK && !sink->target.path) {
        fflush(sink->file);
        status = check_stream(sink, VIT_OK);
    }
    if (status != VIT_OK) {
        vit_sink_abort(sink);
        return status;
    }
    if (sink->def->release)
        sink->def->release(sink);
    status = sink->target.path ? vit_atomic_close(&sink->output) : VIT_OK;
    *sink = (struct vit_sink){.def = NULL};
    return status;
}

void vit_sink_abort(struct vit_sink *sink)
{
    if (!sink->def)
        return;
    if (sink->def->release)
        sink->def->release(sink);
    if (sink->target.path)
        vit_atomic_abort(&sink->output);
    *sink = (struct vit_sink){.def = NULL};
}

int vit_sink_finish(struct vit_sink *sink, int status)
{
    if (status == VIT_OK)
        return vit_sink_close(sink);
    vit_sink_abort(sink);
    return status;
}
