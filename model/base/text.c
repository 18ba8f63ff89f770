/* SPDX-License-Identifier: MIT */
#include "model/base/text.h"

#include <string.h>

static bool separates(char c)
{
    return c == ' ' || c == ',';
}

bool vit_text_listed(const char *names, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(names, name); at; at = strstr(at + 1, name))
        if ((at == names || separates(at[-1])) && (separates(at[length]) || at[length] == '\0'))
            return true;
    return false;
}
