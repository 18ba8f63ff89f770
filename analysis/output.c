/* SPDX-License-Identifier: MIT */
#include "analysis/output.h"

#include "model/base/status.h"

#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int vit_output_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

bool vit_output_is_table(const struct vit_options *options)
{
    return !options->format || strcmp(options->format, "table") == 0;
}

int vit_output_open(struct vit_sink *sink, const struct vit_options *options, const struct vit_schema *schema,
                    const char *bar)
{
    const struct vit_sink_def *def;
    int status = vit_sink_find(&def, options->format ? options->format : "table");
    if (status != VIT_OK)
        return status;
    struct vit_sink_target target = {
        .stream = stdout, .width = vit_output_width(), .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0, .bar = bar};
    return vit_sink_open(sink, def, schema, &target);
}
