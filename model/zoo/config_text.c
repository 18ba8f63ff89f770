/* SPDX-License-Identifier: MIT */
/* config_text.c - a configuration as settings, and the help of all settings. */
#include "model/base/status.h"
#include "model/base/text.h"
#include "model/zoo/config.h"
#include "model/zoo/config_table.h"

#include <stdlib.h>
#include <string.h>

/* The fewest digits that give the number back; whole ones without an exponent. */
static void print_real(FILE *file, double number)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number && !strchr(text, 'e'))
            break;
    }
    fputs(text, file);
}

static double number_at(const void *field, const struct vit_setting *setting, int i)
{
    return setting->type == VIT_SETTING_REAL ? ((const double *)field)[i] : ((const int *)field)[i];
}

static void print_numbers(FILE *file, const struct vit_model_config *config, const struct vit_setting *setting)
{
    const void *field = (const char *)config + setting->offset;
    int n = setting->list == VIT_SETTING_STAGES ? config->stages : 1;
    for (int h = 1; setting->list == VIT_SETTING_HEADS && h < VIT_MAX_KERNELS; h++)
        if (config->kernels[h])
            n = h + 1;
    bool equal = setting->list == VIT_SETTING_STAGES;
    for (int i = 1; i < n; i++)
        equal = equal && number_at(field, setting, i) == number_at(field, setting, 0);
    for (int i = 0; i < (equal ? 1 : n); i++) {
        const double number = number_at(field, setting, i);
        fputs(i ? "," : "", file);
        if (setting->word && number == setting->word_value)
            fputs(setting->word, file);
        else
            print_real(file, number);
    }
}

static void print_choice(FILE *file, const char *choices, unsigned choice)
{
    for (; choice; choice--) {
        choices += strcspn(choices, " ");
        choices += strspn(choices, " ");
    }
    fprintf(file, "%.*s", (int)strcspn(choices, " "), choices);
}

static void print_value(FILE *file, const struct vit_model_config *config, const struct vit_setting *setting)
{
    const void *field = (const char *)config + setting->offset;
    switch (setting->type) {
    case VIT_SETTING_CHOICE:
        print_choice(file, setting->choices, *(const unsigned *)field);
        break;
    case VIT_SETTING_SWITCH:
        fputs(*(const bool *)field ? "on" : "off", file);
        break;
    case VIT_SETTING_LAYERS:
        fputs(*config->layers ? config->layers : setting->word, file);
        break;
    default:
        print_numbers(file, config, setting);
    }
}

static size_t size_of(const struct vit_setting *setting)
{
    const size_t items = setting->list == VIT_SETTING_ONE      ? 1
                         : setting->list == VIT_SETTING_STAGES ? VIT_MAX_STAGES
                                                               : VIT_MAX_KERNELS;
    switch (setting->type) {
    case VIT_SETTING_REAL:
        return items * sizeof(double);
    case VIT_SETTING_SWITCH:
        return sizeof(bool);
    case VIT_SETTING_LAYERS:
        return sizeof((struct vit_model_config *)0)->layers;
    default:
        return items * sizeof(int);
    }
}

static void print_indexed(FILE *file, const struct vit_model_config *config, const struct vit_indexed_setting *setting)
{
    for (int item = 0; item < setting->items; item++) {
        const char *at = (const char *)config + setting->offset + (size_t)item * setting->stride;
        const int *value = (const int *)(const void *)at;
        int n = 0;
        for (int i = 0; i < setting->values; i++)
            n = value[i] ? i + 1 : n;
        if (n == 0)
            continue;
        bool equal = true;
        for (int i = 1; i < setting->values; i++)
            equal = equal && value[i] == value[0];
        fprintf(file, "%s%s.%d=%d", ftell(file) > 0 ? " " : "", setting->name, item, value[0]);
        for (int i = 1; i < n && !equal; i++)
            fprintf(file, ",%d", value[i]);
    }
}

/* from: leaves out what is the same there; NULL: nothing. */
static char *print(const struct vit_model_config *config, const struct vit_model_config *from, const char *family)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file) {
        vit_fail(VIT_ENOMEM, "out of memory: text of a configuration");
        return NULL;
    }
    for (int i = 0; i < vit_n_settings; i++) {
        const struct vit_setting *setting = &vit_settings[i];
        const void *field = (const char *)config + setting->offset;
        if (!vit_text_listed(setting->families, family) ||
            (from && memcmp(field, (const char *)from + setting->offset, size_of(setting)) == 0))
            continue;
        fprintf(file, "%s%s=", ftell(file) > 0 ? " " : "", setting->name);
        print_value(file, config, setting);
    }
    for (int i = 0; i < vit_n_indexed_settings; i++)
        if (vit_text_listed(vit_indexed_settings[i].families, family))
            print_indexed(file, config, &vit_indexed_settings[i]);
    if (fclose(file) != 0) {
        free(text);
        vit_fail(VIT_ENOMEM, "out of memory: text of a configuration");
        return NULL;
    }
    return text;
}

char *vit_config_text(const struct vit_model_config *config, const char *family)
{
    return print(config, NULL, family);
}

char *vit_config_differences(const struct vit_model_config *config, const struct vit_model_config *from,
                             const char *family)
{
    return print(config, from, family);
}

static void print_range(FILE *file, const struct vit_setting *setting)
{
    switch (setting->type) {
    case VIT_SETTING_CHOICE:
        fprintf(file, "one of: %s", setting->choices);
        break;
    case VIT_SETTING_SWITCH:
        fputs("on or off", file);
        break;
    case VIT_SETTING_LAYERS:
        fprintf(file, "letters A and F, or %s", setting->word);
        break;
    default:
        fprintf(file, "%s %.10g to %.10g%s%s%s", setting->type == VIT_SETTING_REAL ? "number" : "whole number",
                setting->least, setting->most, setting->word ? ", or " : "", setting->word ? setting->word : "",
                setting->list == VIT_SETTING_STAGES  ? "; one, or one per stage"
                : setting->list == VIT_SETTING_HEADS ? "; one, or one per head"
                                                     : "");
    }
}

void vit_config_print_settings(FILE *file)
{
    fputs("Settings change a model's configuration: --set \"NAME=VALUE[,VALUE...] ...\", or MODEL[NAME=VALUE ...] in "
          "the\n"
          "place of a model's name. Lists have one value per stage.\n\n",
          file);
    for (int i = 0; i < vit_n_settings; i++) {
        const struct vit_setting *setting = &vit_settings[i];
        fprintf(file, "  %-18s %s\n%21s", setting->name, setting->help, "");
        print_range(file, setting);
        fprintf(file, " (%s)\n", setting->families);
    }
    fputs("\nOf single blocks, numbered over the whole network from 0 (a pruned network):\n\n", file);
    for (int i = 0; i < vit_n_indexed_settings; i++)
        fprintf(file, "  %s.%-*s %s (%s)\n", vit_indexed_settings[i].name,
                17 - (int)strlen(vit_indexed_settings[i].name), "N", vit_indexed_settings[i].help,
                vit_indexed_settings[i].families);
    fputs("\n  vitscope models efficientvit_m4 --set \"qk_dim=v\"\n"
          "  vitscope profile deit_tiny \"deit_tiny[mhsa_share=0.2]\" \"deit_tiny[head_split=on]\"\n"
          "  vitscope throughput swin_tiny --set \"depth=2,2,2,2 ffn_ratio=2.5\"\n"
          "  vitscope models deit_tiny --set \"ffn_dim.3=300 qk_dim.3=20 heads.3=2 v_dim.3=64\"\n",
          file);
}
