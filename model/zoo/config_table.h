/* SPDX-License-Identifier: MIT */
/* config_table.h - the settings as data: shared by what reads and what writes their text. */
#pragma once

#include "model/zoo/config.h"

#include <stddef.h>

enum vit_setting_type {
    VIT_SETTING_WHOLE,
    VIT_SETTING_REAL,
    VIT_SETTING_CHOICE,
    VIT_SETTING_SWITCH,
    VIT_SETTING_LAYERS
};

/* How many values a setting has, and of what. */
enum vit_setting_list { VIT_SETTING_ONE, VIT_SETTING_STAGES, VIT_SETTING_HEADS };

struct vit_setting {
    const char *name;
    const char *families; /* that know it, separated by blanks */
    enum vit_setting_type type;
    enum vit_setting_list list;
    size_t offset;       /* in struct vit_model_config */
    double least, most;  /* of numbers */
    const char *choices; /* words of a choice, separated by blanks, in the order of its enum */
    const char *word;    /* stands for the number word_value */
    double word_value;
    const char *help;
};

extern const struct vit_setting vit_settings[];
extern const int vit_n_settings;

/* A setting of one block or stage: NAME.INDEX. */
struct vit_indexed_setting {
    const char *name, *families;
    size_t offset, stride; /* of item 0, and from item to item */
    int items, values;     /* indices, and numbers that an index can have */
    const char *help;
};

extern const struct vit_indexed_setting vit_indexed_settings[];
extern const int vit_n_indexed_settings;
