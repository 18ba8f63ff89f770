/* SPDX-License-Identifier: MIT */
/* csv_read.h - CSV files read back by column name: our own, and the paper's numbers in reports/paper/.
 * The whole file is read at once. Blank lines are skipped. */
#pragma once

#include "reports/record.h"

struct vit_csv;

/* Malformed files (rows of other length than the heading, quotes not closed, a heading twice) end in VIT_EFORMAT with
 * file and line. On failure *csv is NULL and nothing is left to close. */
int vit_csv_open(struct vit_csv **csv, const char *path);
void vit_csv_close(struct vit_csv *csv);

int64_t vit_csv_rows(const struct vit_csv *csv); /* without the heading */
int vit_csv_columns(const struct vit_csv *csv);
const char *vit_csv_name(const struct vit_csv *csv, int column);

/* VIT_EFORMAT names the file and lists the columns it has. */
int vit_csv_find(const struct vit_csv *csv, const char *name, int *column);

/* NULL when the cell is absent (empty and not quoted); "" is an empty text. Lives as long as csv. */
const char *vit_csv_text(const struct vit_csv *csv, int64_t row, int column);

/* An absent cell gives an absent cell, and so does "nan". Text that is no number is VIT_EFORMAT with its line. */
int vit_csv_int(const struct vit_csv *csv, int64_t row, int column, struct vit_cell *cell);
int vit_csv_real(const struct vit_csv *csv, int64_t row, int column, struct vit_cell *cell);
