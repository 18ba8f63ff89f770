/* SPDX-License-Identifier: MIT */
/* number.h - numbers as text: exact for files, scaled for readers.
 * Both need LC_NUMERIC to be "C", as it is unless a program calls setlocale. */
#pragma once

#include "reports/record.h"

enum { VIT_NUMBER_BYTES = 32 }; /* enough for either function's result */

/* The shortest of %.15g, %.16g, %.17g that reads back as the same double: `char text[VIT_NUMBER_BYTES]`. */
void vit_number_exact(char *text, double value);

/* Three significant digits and a prefix by unit: ns -> us, ms, s; B -> KiB, MiB, GiB; MAC, FLOP, count -> k, M, G, T.
 * Other units get the digits only, integers of other units are printed as they are. Absent and NaN: "-". */
void vit_number_scaled(char *text, const struct vit_column *column, struct vit_cell cell);

/* Whether vit_number_scaled prints the unit with each value, so that a heading needs none. */
bool vit_number_has_unit(const struct vit_column *column);
