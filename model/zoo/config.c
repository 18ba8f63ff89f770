/* SPDX-License-Identifier: MIT */
#include "model/zoo/config.h"

#include "model/base/status.h"
#include "model/base/text.h"
#include "model/zoo/config_table.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NUMBER = 32, SHOWN = 60 /* characters of a setting that a message repeats */ };

/* NAME=VALUE or NAME.INDEX=VALUE within a text. */
struct word {
    const char *text;
    int length;
    const char *name, *value;
    int name_length, value_length;
    int index; /* -1: none */
};

#define VIT_WORD_SHOWN(word) ((word)->length < SHOWN ? (word)->length : SHOWN), (word)->text

/* Passes over one word; 0: there is none left. */
static int next_word(const char **text, struct word *word)
{
    const char *t = *text + strspn(*text, " \t");
    *word = (struct word){.text = t, .length = (int)strcspn(t, " \t"), .index = -1};
    *text = t + word->length;
    return word->length;
}

static int split_word(struct word *word)
{
    const char *equal = memchr(word->text, '=', (size_t)word->length);
    if (!equal || equal == word->text || equal + 1 == word->text + word->length)
        return vit_fail(VIT_EINVAL, "setting \"%.*s\": settings are NAME=VALUE[,VALUE...]", VIT_WORD_SHOWN(word));
    word->name = word->text;
    word->name_length = (int)(equal - word->text);
    word->value = equal + 1;
    word->value_length = word->length - word->name_length - 1;
    const char *dot = memchr(word->name, '.', (size_t)word->name_length);
    if (!dot)
        return VIT_OK;
    int digits = (int)(equal - dot) - 1;
    word->index = 0;
    for (int i = 1; i <= digits && digits <= 4; i++)
        word->index = isdigit((unsigned char)dot[i]) && word->index >= 0 ? word->index * 10 + (dot[i] - '0') : -1;
    word->name_length = (int)(dot - word->name);
    if (digits < 1 || digits > 4 || word->index < 0)
        return vit_fail(VIT_EINVAL, "setting \"%.*s\": what follows the dot is the number of a block or stage",
                        VIT_WORD_SHOWN(word));
    return VIT_OK;
}

static bool is_called(const struct word *word, const char *name)
{
    return strlen(name) == (size_t)word->name_length && memcmp(word->name, name, (size_t)word->name_length) == 0;
}

static int unknown(const struct word *word, const char *family)
{
    char list[1024];
    size_t used = 0;
    list[0] = '\0';
    for (int i = 0; i < vit_n_settings && used < sizeof list; i++)
        if (vit_text_listed(vit_settings[i].families, family))
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", vit_settings[i].name);
    for (int i = 0; i < vit_n_indexed_settings && used < sizeof list; i++)
        if (vit_text_listed(vit_indexed_settings[i].families, family))
            used += (size_t)snprintf(list + used, sizeof list - used, ", %s.N", vit_indexed_settings[i].name);
    return vit_fail(VIT_EINVAL, "setting \"%.*s\" is unknown to %s; it has %s", VIT_WORD_SHOWN(word), family, list);
}

/* One item of a list, from *value to `end`, as text of its own; false where it is too long. */
static bool next_item(const char **value, const char *end, char item[LONGEST_NUMBER])
{
    const char *comma = memchr(*value, ',', (size_t)(end - *value)), *stop = comma ? comma : end;
    size_t length = (size_t)(stop - *value);
    if (length >= LONGEST_NUMBER)
        return false;
    memcpy(item, *value, length);
    item[length] = '\0';
    *value = comma ? comma + 1 : end;
    return true;
}

static bool read_number(const char *item, const struct vit_setting *setting, double *number)
{
    if (setting->word && strcmp(item, setting->word) == 0) {
        *number = setting->word_value;
        return true;
    }
    char *end;
    errno = 0;
    if (item[strspn(item, "0123456789.eE+-")]) /* no hexadecimal, no nan */
        return false;
    *number = strtod(item, &end);
    return end != item && !*end && !errno && *number >= setting->least && *number <= setting->most &&
           (setting->type == VIT_SETTING_REAL || *number == floor(*number));
}

static int wrong_number(const struct word *word, const struct vit_setting *setting)
{
    return vit_fail(VIT_EINVAL, "setting \"%.*s\": takes %s from %.10g to %.10g%s%s", VIT_WORD_SHOWN(word),
                    setting->type == VIT_SETTING_REAL ? "numbers" : "whole numbers", setting->least, setting->most,
                    setting->word ? " or " : "", setting->word ? setting->word : "");
}

/* Reads a list of 1 to `most` numbers; *n says how many. */
static int read_numbers(const struct word *word, const struct vit_setting *setting, int most, double *number, int *n)
{
    const char *value = word->value, *end = word->value + word->value_length;
    char item[LONGEST_NUMBER];
    int commas = 0;
    for (const char *c = value; c < end; c++)
        commas += *c == ',';
    if (commas >= most) {
        *n = commas + 1;
        return VIT_OK; /* the caller says how many there may be */
    }
    for (*n = 0; *n <= commas; ++*n)
        if (!next_item(&value, end, item) || !read_number(item, setting, &number[*n]))
            return wrong_number(word, setting);
    return VIT_OK;
}

static void store(void *field, enum vit_setting_type type, int i, double number)
{
    if (type == VIT_SETTING_REAL)
        ((double *)field)[i] = number;
    else
        ((int *)field)[i] = (int)number;
}

static int set_numbers(struct vit_model_config *config, const struct vit_setting *setting, const struct word *word)
{
    const int most = setting->list == VIT_SETTING_ONE      ? 1
                     : setting->list == VIT_SETTING_STAGES ? config->stages
                                                           : VIT_MAX_KERNELS;
    double number[VIT_MAX_KERNELS];
    int n, status = read_numbers(word, setting, most, number, &n);
    if (status != VIT_OK)
        return status;
    if (setting->list == VIT_SETTING_HEADS && n > most)
        return vit_fail(VIT_EINVAL, "setting \"%.*s\": takes 1 to %d values, one per head", VIT_WORD_SHOWN(word), most);
    if (setting->list != VIT_SETTING_HEADS && n != 1 && n != most)
        return most == 1 ? vit_fail(VIT_EINVAL, "setting \"%.*s\": takes one value", VIT_WORD_SHOWN(word))
                         : vit_fail(VIT_EINVAL, "setting \"%.*s\": takes 1 value, or %d, one per stage",
                                    VIT_WORD_SHOWN(word), most);
    void *field = (char *)config + setting->offset;
    if (setting->list == VIT_SETTING_HEADS)
        memset(field, 0, VIT_MAX_KERNELS * sizeof(int));
    const int places = setting->list == VIT_SETTING_STAGES ? most : n;
    for (int i = 0; i < places; i++)
        store(field, setting->type, i, number[n == 1 ? 0 : i]);
    return VIT_OK;
}

static int set_choice(void *field, const struct vit_setting *setting, const struct word *word)
{
    const char *choices = setting->choices;
    for (int i = 0; *choices; i++) {
        size_t length = strcspn(choices, " ");
        if (length == (size_t)word->value_length && memcmp(choices, word->value, length) == 0) {
            *(unsigned *)field = (unsigned)i;
            return VIT_OK;
        }
        choices += length + strspn(choices + length, " ");
    }
    return vit_fail(VIT_EINVAL, "setting \"%.*s\": takes one of: %s", VIT_WORD_SHOWN(word), setting->choices);
}

static bool has_value(const struct word *word, const char *value)
{
    return strlen(value) == (size_t)word->value_length && memcmp(word->value, value, strlen(value)) == 0;
}

static int set_switch(bool *field, const struct word *word)
{
    if (!has_value(word, "on") && !has_value(word, "off"))
        return vit_fail(VIT_EINVAL, "setting \"%.*s\": takes on or off", VIT_WORD_SHOWN(word));
    *field = has_value(word, "on");
    return VIT_OK;
}

static int set_layers(struct vit_model_config *config, const struct vit_setting *setting, const struct word *word)
{
    bool usual = has_value(word, setting->word);
    if (!usual && (word->value_length > VIT_MAX_LAYERS || strspn(word->value, "AF") < (size_t)word->value_length))
        return vit_fail(VIT_EINVAL, "setting \"%.*s\": takes at most %d letters A (attention) and F (FFN), or %s",
                        VIT_WORD_SHOWN(word), VIT_MAX_LAYERS, setting->word);
    memset(config->layers, 0, sizeof config->layers);
    if (!usual)
        memcpy(config->layers, word->value, (size_t)word->value_length);
    return VIT_OK;
}

/* New stages begin as copies of the last. */
static void copy_stages(struct vit_model_config *config, int before)
{
    for (int i = 0; i < vit_n_settings; i++) {
        const struct vit_setting *setting = &vit_settings[i];
        if (setting->list != VIT_SETTING_STAGES)
            continue;
        const size_t size = setting->type == VIT_SETTING_REAL ? sizeof(double) : sizeof(int);
        char *field = (char *)config + setting->offset;
        for (int k = before; k < VIT_MAX_STAGES; k++) /* a stage that is not there holds nothing */
            if (k < config->stages)
                memcpy(field + (size_t)k * size, field + (size_t)(before - 1) * size, size);
        if (config->stages < VIT_MAX_STAGES)
            memset(field + (size_t)config->stages * size, 0, (size_t)(VIT_MAX_STAGES - config->stages) * size);
    }
}

static int set_one(struct vit_model_config *config, const struct vit_setting *setting, const struct word *word)
{
    void *field = (char *)config + setting->offset;
    const int before = config->stages;
    switch (setting->type) {
    case VIT_SETTING_CHOICE:
        return set_choice(field, setting, word);
    case VIT_SETTING_SWITCH:
        return set_switch(field, word);
    case VIT_SETTING_LAYERS:
        return set_layers(config, setting, word);
    default: {
        int status = set_numbers(config, setting, word);
        if (status == VIT_OK && field == &config->stages)
            copy_stages(config, before);
        return status;
    }
    }
}

static int set_indexed(struct vit_model_config *config, const struct vit_indexed_setting *setting,
                       const struct word *word)
{
    const struct vit_setting numbers = {.name = setting->name, .type = VIT_SETTING_WHOLE, .most = 1 << 20};
    double number[VIT_MAX_BLOCK_LAYERS];
    int n, status = read_numbers(word, &numbers, setting->values, number, &n);
    if (status != VIT_OK)
        return status;
    if (n > setting->values)
        return vit_fail(VIT_EINVAL, "setting \"%.*s\": takes at most %d value%s", VIT_WORD_SHOWN(word), setting->values,
                        setting->values > 1 ? "s" : "");
    if (word->index >= setting->items)
        return vit_fail(VIT_EINVAL, "setting \"%.*s\": the largest number is %d", VIT_WORD_SHOWN(word),
                        setting->items - 1);
    int *field = (int *)((char *)config + setting->offset + (size_t)word->index * setting->stride);
    for (int i = 0; i < setting->values; i++)
        field[i] = n == 1 ? (int)number[0] : i < n ? (int)number[i] : 0;
    return VIT_OK;
}

static int set_word(struct vit_model_config *config, const char *family, const struct word *word)
{
    for (int i = 0; word->index < 0 && i < vit_n_settings; i++)
        if (is_called(word, vit_settings[i].name) && vit_text_listed(vit_settings[i].families, family))
            return set_one(config, &vit_settings[i], word);
    for (int i = 0; word->index >= 0 && i < vit_n_indexed_settings; i++)
        if (is_called(word, vit_indexed_settings[i].name) && vit_text_listed(vit_indexed_settings[i].families, family))
            return set_indexed(config, &vit_indexed_settings[i], word);
    return unknown(word, family);
}

static int check_text(const char *settings)
{
    size_t length = strlen(settings);
    if (length > VIT_MAX_CONFIG_SETTINGS)
        return vit_fail(VIT_EINVAL, "settings of %zu characters: at most %d", length, VIT_MAX_CONFIG_SETTINGS);
    for (const char *c = settings; *c; c++)
        if (!isprint((unsigned char)*c) && *c != '\t')
            return vit_fail(VIT_EINVAL, "settings: byte 0x%02x at %zu is no printable ASCII character",
                            (unsigned)(unsigned char)*c, (size_t)(c - settings));
    return VIT_OK;
}

/* The number of stages counts before all lists of stages, wherever it stands. */
int vit_config_set(struct vit_model_config *config, const char *family, const char *settings)
{
    struct vit_model_config changed = *config;
    int status = check_text(settings);
    for (int pass = 0; pass < 2 && status == VIT_OK; pass++) {
        const char *text = settings;
        struct word word;
        while (status == VIT_OK && next_word(&text, &word)) {
            status = split_word(&word);
            if (status == VIT_OK && (pass == 0) == is_called(&word, "stages"))
                status = set_word(&changed, family, &word);
        }
    }
    if (status == VIT_OK)
        *config = changed;
    return status;
}
