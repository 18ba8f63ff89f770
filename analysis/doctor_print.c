/* SPDX-License-Identifier: MIT */
/* doctor_print.c - findings for readers: name, word, and text wrapped beside them. What is absent for the same reason
 * is told once. */
#include "analysis/doctor.h"

#include "reports/utf8.h"

#include <string.h>

enum { CHECK_WIDTH = 20, HEALTH_WIDTH = 7, GAP = 2, INDENT = CHECK_WIDTH + HEALTH_WIDTH + 2 * GAP, LEAST_TEXT = 30 };

/* Columns that are left of the text. */
static int text_width(int width)
{
    return width - INDENT < LEAST_TEXT ? LEAST_TEXT : width - INDENT;
}

/* One word that starts after `used` columns of the text; returns how many there are now. What is longer than a line is
 * cut. */
static int print_word(FILE *file, const char *word, size_t bytes, int used, int most)
{
    for (const char *end = word + bytes; word < end;) {
        int length = vit_utf8_sequence(word);
        if (used == most) {
            fprintf(file, "\n%*s", INDENT, "");
            used = 0;
        }
        length = length ? length : 1;
        fwrite(word, 1, (size_t)length, file);
        word += length;
        used++;
    }
    return used;
}

/* Prints text from column INDENT on, words kept whole where they can be. */
static void print_wrapped(FILE *file, const char *text, int width)
{
    int used = 0, most = text_width(width);
    while (*text) {
        size_t bytes = strcspn(text, " ");
        char word[VIT_DOCTOR_TEXT];
        snprintf(word, sizeof word, "%.*s", (int)bytes, text);
        bool fits = used + 1 + vit_utf8_width(word) <= most;
        if (used > 0 && !fits)
            fprintf(file, "\n%*s", INDENT, "");
        else if (used > 0)
            fputc(' ', file);
        used = print_word(file, text, bytes, used > 0 && fits ? used + 1 : 0, most);
        text += bytes;
        text += strspn(text, " ");
    }
    fputc('\n', file);
}

static bool is_alike(const struct vit_doctor_finding *f, const struct vit_doctor_finding *g)
{
    return strcmp(f->area, "counters") == 0 && strcmp(g->area, f->area) == 0 && f->health == VIT_HEALTH_ABSENT &&
           g->health == VIT_HEALTH_ABSENT && strcmp(g->text, f->text) == 0 && strcmp(g->cure, f->cure) == 0;
}

/* Findings that say the same as number i, itself among them; 0: an earlier one told it. */
static int count_alike(const struct vit_doctor *doctor, int i)
{
    int n = 1;
    for (int k = 0; k < doctor->n; k++)
        if (k != i && is_alike(&doctor->finding[k], &doctor->finding[i])) {
            if (k < i)
                return 0;
            n++;
        }
    return n;
}

/* Columns of bytes are measured_..._bytes all. */
static void short_name(char *text, size_t size, const char *name)
{
    static const char head[] = "measured_", tail[] = "_bytes";
    size_t length = strlen(name), cut = sizeof head - 1, end = sizeof tail - 1;
    if (length > cut + end && strncmp(name, head, cut) == 0 && strcmp(name + length - end, tail) == 0)
        snprintf(text, size, "%.*s", (int)(length - cut - end), name + cut);
    else
        snprintf(text, size, "%s", name);
}

static void print_line(FILE *file, const char *check, const char *health, const char *text, int width)
{
    fprintf(file, "%-*s%-*s", CHECK_WIDTH + GAP, check, HEALTH_WIDTH + GAP, health);
    print_wrapped(file, text, width);
}

/* "These are: cycles, ..." */
static void print_names(const struct vit_doctor *doctor, int i, FILE *file, int width)
{
    char text[VIT_DOCTOR_TEXT] = "These are:", name[64];
    size_t used = strlen(text);
    bool first = true;
    for (int k = i; k < doctor->n && used < sizeof text; k++) {
        if (k != i && !is_alike(&doctor->finding[k], &doctor->finding[i]))
            continue;
        short_name(name, sizeof name, doctor->finding[k].check);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s", first ? "" : ",", name);
        first = false;
    }
    print_line(file, "", "", text, width);
}

static void print_finding(const struct vit_doctor *doctor, int i, FILE *file, int width)
{
    const struct vit_doctor_finding *f = &doctor->finding[i];
    char text[VIT_DOCTOR_TEXT + 8];
    int alike = count_alike(doctor, i);
    if (alike == 0)
        return;
    if (alike > 1)
        snprintf(text, sizeof text, "%d counters", alike);
    else
        short_name(text, sizeof text, f->check);
    print_line(file, text, vit_health_name(f->health), f->text, width);
    if (alike > 1)
        print_names(doctor, i, file, width);
    if (f->cure[0]) {
        snprintf(text, sizeof text, "cure: %s", f->cure);
        print_line(file, "", "", text, width);
    }
}

void vit_doctor_print(const struct vit_doctor *doctor, FILE *file, int width)
{
    const char *area = "";
    for (int i = 0; i < doctor->n; i++) {
        if (strcmp(area, doctor->finding[i].area) != 0) {
            fprintf(file, "%s%s:\n", *area ? "\n" : "", doctor->finding[i].area);
            area = doctor->finding[i].area;
        }
        print_finding(doctor, i, file, width);
    }
}
