/* SPDX-License-Identifier: MIT */
/* utf8.c - sequences by the ranges of RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
#include "reports/utf8.h"

static int follows(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

int vit_utf8_sequence(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;
    if (b[0] == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    if (b[0] >= 0xC2 && b[0] <= 0xDF)
        return follows(b[1]) ? 2 : 0;
    if (b[0] >= 0xE0 && b[0] <= 0xEF) {
        if (!follows(b[1]) || !follows(b[2]))
            return 0;
        if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F))
            return 0;
        return 3;
    }
    if (b[0] >= 0xF0 && b[0] <= 0xF4) {
        if (!follows(b[1]) || !follows(b[2]) || !follows(b[3]))
            return 0;
        if ((b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F))
            return 0;
        return 4;
    }
    return 0;
}

int vit_utf8_width(const char *text)
{
    int width = 0;
    while (*text) {
        int bytes = vit_utf8_sequence(text);
        text += bytes ? bytes : 1;
        width++;
    }
    return width;
}
