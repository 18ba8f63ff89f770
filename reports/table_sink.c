/* SPDX-License-Identifier: MIT */
/* table_sink.c - rows as an aligned table for readers: numbers scaled to three digits, absent cells "-", one column
 * drawn as a bar as well if asked. Where the terminal is too narrow, the bar and the gaps give way, then texts are cut
 * in their middle, numbers never. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"
#include "reports/number.h"
#include "reports/sink.h"
#include "reports/utf8.h"

enum { GAP = 2, BAR_WIDTH = 20, BAR_LEAST = 6, TEXT_LEAST = 8 };

struct table {
    char **cell; /* (rows with the heading, columns) */
    size_t cells, cells_size;
    double *value; /* (rows): of the bar column; NaN when absent */
    size_t values_size;
    int *width; /* (columns) */
    int gap;    /* blanks between columns */
    int bar;    /* column, or -1 */
    int bar_width;
};

/* Endings of column names that a heading shows as a unit, or not at all where each value carries its own. */
static const struct {
    const char *ending, *shown;
} endings[] = {
    {"_ns", ""},
    {"_bytes", ""},
    {"_pct", " %"},
    {"_flop_per_byte", " FLOP/B"},
};

static char *heading(const struct vit_column *column)
{
    char *text;
    size_t length = strlen(column->name);
    const char *shown = "";
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i].ending);
        if (length > ending && !strcmp(column->name + length - ending, endings[i].ending)) {
            length -= ending;
            shown = endings[i].shown;
            break;
        }
    }
    if (asprintf(&text, "%.*s%s", (int)length, column->name, shown) < 0)
        return NULL;
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = ' ';
    return text;
}

/* A copy that cannot disturb the terminal: control characters and invalid bytes become '?'. */
static char *harmless(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; c && *c;) {
        int bytes = vit_utf8_sequence(c);
        if (bytes == 0 || (unsigned char)*c < 0x20 || *c == 0x7F) {
            *c = '?';
            bytes = 1;
        }
        c += bytes;
    }
    return copy;
}

static char *cell_text(const struct vit_column *column, struct vit_cell cell)
{
    if (column->type == VIT_TEXT)
        return harmless(cell.present ? cell.s : "-");
    char text[VIT_NUMBER_BYTES];
    vit_number_scaled(text, column, cell);
    return strdup(text);
}

static int out_of_memory(const struct vit_sink *sink)
{
    return vit_fail(VIT_ENOMEM, "table %s: out of memory for %lld rows", sink->schema->name, (long long)sink->rows + 1);
}

static int add_cell(struct table *table, char *text)
{
    if (!text)
        return VIT_ENOMEM;
    if (table->cells == table->cells_size) {
        size_t size = table->cells_size ? table->cells_size * 2 : 256;
        char **grown = realloc(table->cell, size * sizeof *grown);
        if (!grown) {
            free(text);
            return VIT_ENOMEM;
        }
        table->cell = grown;
        table->cells_size = size;
    }
    table->cell[table->cells++] = text;
    return VIT_OK;
}

static int add_value(struct table *table, size_t row, double value)
{
    if (row == table->values_size) {
        size_t size = row ? row * 2 : 64;
        double *grown = realloc(table->value, size * sizeof *grown);
        if (!grown)
            return VIT_ENOMEM;
        table->value = grown;
        table->values_size = size;
    }
    table->value[row] = value;
    return VIT_OK;
}

static int open_table(struct vit_sink *sink)
{
    const struct vit_schema *schema = sink->schema;
    struct table *table = calloc(1, sizeof *table);
    sink->state = table;
    if (!table)
        return out_of_memory(sink);
    table->bar = sink->target.bar ? vit_schema_find(schema, sink->target.bar) : -1;
    table->bar_width = BAR_WIDTH;
    table->gap = GAP;
    table->width = calloc((size_t)schema->n_columns + 1, sizeof *table->width);
    int status = table->width ? VIT_OK : VIT_ENOMEM;
    for (int i = 0; i < schema->n_columns && status == VIT_OK; i++)
        status = add_cell(table, heading(&schema->column[i]));
    return status == VIT_OK ? VIT_OK : out_of_memory(sink);
}

static int write_row(struct vit_sink *sink, const struct vit_cell *row)
{
    struct table *table = sink->state;
    const struct vit_schema *schema = sink->schema;
    int status = VIT_OK;
    for (int i = 0; i < schema->n_columns && status == VIT_OK; i++)
        status = add_cell(table, cell_text(&schema->column[i], row[i]));
    if (status == VIT_OK && table->bar >= 0) {
        struct vit_cell cell = row[table->bar];
        double value = schema->column[table->bar].type == VIT_INT ? (double)cell.i : cell.r;
        status = add_value(table, (size_t)sink->rows, cell.present ? value : (double)NAN);
    }
    return status == VIT_OK ? VIT_OK : out_of_memory(sink);
}

static bool is_text(const struct vit_sink *sink, int column)
{
    return sink->schema->column[column].type == VIT_TEXT;
}

static int total_width(const struct table *table, int n)
{
    int total = (n - 1) * table->gap;
    if (table->bar >= 0 && table->bar_width > 0)
        total += table->gap + table->bar_width;
    for (int i = 0; i < n; i++)
        total += table->width[i];
    return total;
}

/* Widest text that may still give way, or -1. */
static int widest_text(const struct vit_sink *sink, const struct table *table)
{
    int widest = -1;
    for (int i = 0; i < sink->schema->n_columns; i++)
        if (is_text(sink, i) && table->width[i] > TEXT_LEAST && (widest < 0 || table->width[i] > table->width[widest]))
            widest = i;
    return widest;
}

/* Natural widths, then the bar, the gaps, what is left of the bar, and the widest texts give way until the table fits.
 */
static void choose_widths(const struct vit_sink *sink, struct table *table)
{
    int n = sink->schema->n_columns;
    for (size_t i = 0; i < table->cells; i++) {
        int width = vit_utf8_width(table->cell[i]);
        int *widest = &table->width[i % (size_t)n];
        *widest = width > *widest ? width : *widest;
    }
    while (sink->target.width > 0 && total_width(table, n) > sink->target.width) {
        int widest = widest_text(sink, table);
        if (table->bar >= 0 && table->bar_width > BAR_LEAST)
            table->bar_width--;
        else if (table->gap > 1)
            table->gap--;
        else if (table->bar >= 0 && table->bar_width > 0)
            table->bar_width = 0;
        else if (widest >= 0)
            table->width[widest]--;
        else
            break;
    }
}

static void print_repeated(FILE *file, const char *text, int times)
{
    while (times-- > 0)
        fputs(text, file);
}

static const char *skip_characters(const char *text, int n)
{
    while (n-- > 0 && *text) {
        int bytes = vit_utf8_sequence(text);
        text += bytes ? bytes : 1;
    }
    return text;
}

/* The text in exactly its own width, or its two ends around ".." in `width`. */
static void print_elided(const struct vit_sink *sink, const char *text, int width)
{
    int length = vit_utf8_width(text);
    if (length <= width) {
        fputs(text, sink->file);
        return;
    }
    const char *mark = sink->target.utf8 ? "\u2026" : "..";
    int kept = width - vit_utf8_width(mark);
    const char *head_end = skip_characters(text, kept / 2);
    fwrite(text, 1, (size_t)(head_end - text), sink->file);
    fputs(mark, sink->file);
    fputs(skip_characters(text, length - (kept - kept / 2)), sink->file);
}

/* In eighths of a character where the terminal can show them, else in characters. */
static int bar_units(const struct vit_sink *sink, double share, int width)
{
    return share > 0 ? (int)lround(share * width * (sink->target.utf8 ? 8 : 1)) : 0;
}

static void print_bar(const struct vit_sink *sink, int units)
{
    static const char *const eighth[] = {"",       "\u258F", "\u258E", "\u258D", "\u258C",
                                         "\u258B", "\u258A", "\u2589", "\u2588"};
    if (!sink->target.utf8) {
        print_repeated(sink->file, "#", units);
        return;
    }
    print_repeated(sink->file, eighth[8], units / 8);
    fputs(eighth[units % 8], sink->file);
}

/* Nothing is padded at the end of a line. */
static void print_line(const struct vit_sink *sink, const struct table *table, size_t row, double share)
{
    int n = sink->schema->n_columns, bar = bar_units(sink, share, table->bar_width);
    for (int i = 0; i < n; i++) {
        const char *text = table->cell[row * (size_t)n + (size_t)i];
        int width = table->width[i];
        int padding = width - vit_utf8_width(text);
        if (!is_text(sink, i))
            print_repeated(sink->file, " ", padding);
        print_elided(sink, text, width);
        bool last = i == n - 1 && bar == 0;
        if (is_text(sink, i) && !last)
            print_repeated(sink->file, " ", padding);
        if (!last)
            print_repeated(sink->file, " ", table->gap);
    }
    print_bar(sink, bar);
    fputc('\n', sink->file);
}

static int finish_table(struct vit_sink *sink)
{
    struct table *table = sink->state;
    if (sink->schema->n_columns == 0)
        return VIT_OK;
    choose_widths(sink, table);
    double most = 0;
    for (int64_t i = 0; i < sink->rows && table->bar >= 0; i++)
        most = fmax(most, table->value[i]);
    print_line(sink, table, 0, 0);
    for (int i = 0; i < sink->schema->n_columns; i++) {
        print_repeated(sink->file, " ", i ? table->gap : 0);
        print_repeated(sink->file, sink->target.utf8 ? "\u2500" : "-", table->width[i]);
    }
    fputc('\n', sink->file);
    for (int64_t i = 0; i < sink->rows; i++)
        print_line(sink, table, (size_t)i + 1, table->bar_width > 0 && most > 0 ? table->value[i] / most : 0);
    return VIT_OK;
}

static void release_table(struct vit_sink *sink)
{
    struct table *table = sink->state;
    if (!table)
        return;
    for (size_t i = 0; i < table->cells; i++)
        free(table->cell[i]);
    free(table->cell);
    free(table->value);
    free(table->width);
    free(table);
    sink->state = NULL;
}

const struct vit_sink_def vit_sink_table = {
    .name = "table",
    .suffix = ".txt",
    .help = "aligned for readers, numbers rounded to three digits",
    .open = open_table,
    .write = write_row,
    .finish = finish_table,
    .release = release_table,
};
