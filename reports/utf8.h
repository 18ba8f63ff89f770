/* SPDX-License-Identifier: MIT */
/* utf8.h - just enough UTF-8 to count columns of a terminal and to keep invalid bytes out of JSON. */
#pragma once

/* Bytes of the valid sequence at `text` (1 to 4), or 0 when its first byte starts none. "" is 0. */
int vit_utf8_sequence(const char *text);

/* Code points in `text`, an invalid byte counting as one. Wide and combining characters count as one as well. */
int vit_utf8_width(const char *text);
