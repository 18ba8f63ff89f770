/* SPDX-License-Identifier: MIT */
/* counter_stimulus.h - work that must move an event, and a stream of known size to compare bytes with. */
#pragma once

#include "probes/counter_map.h"

/* Memory is taken when the first stimulus needs it. */
struct vit_stream {
    size_t bytes; /* that one pass reads or writes; a multiple of the line */
    char *memory;
};

/* Four times the last cache, at most 256 MiB. */
size_t vit_stream_size(void);

/* False: this work cannot be done here (one processor to run on, no memory). */
bool vit_stimulate(enum vit_stimulus stimulus, struct vit_stream *stream);
void vit_stream_close(struct vit_stream *stream);
