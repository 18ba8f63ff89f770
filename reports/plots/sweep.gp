# SPDX-License-Identifier: MIT
# sweep.gp - a sweep: speed by the base's, multiply-accumulates, memory-bound share and, where points were trained, accuracy against
# the first axis; a line for each combination of the others; the base is a dashed line.
# data: CSV with series (empty where there is one axis), place (on the first axis, from 0), x (its value as a number), a column
# named by axis (its values as text), speed_ratio, speed_ratio_low, speed_ratio_high, macs, base_macs, memory_bound_pct,
# memory_bound_low_pct, memory_bound_high_pct, top1_pct, held (points that are not surely so are hollow).
# axis: name of the first axis; numeric: 1 where x is to be used; trained: 1 with accuracies. Optional: base, title, subtitle.
width = trained ? 960 : 1180
height = trained ? 700 : 460
load palette
if (exists("base")) set label 103 base at screen 0.5,1 center offset 0,-4.1 textcolor rgb "#5A5A5A"
set datafile missing NaN
names = ""
stats data using (see(strcol("series"))) nooutput
serieses = names
n = words(serieses)
in(i, x) = strcol("series") eq word(serieses, i) ? x : NaN
names = ""
stats data using (see(strcol(axis))) nooutput # values in the order of their places: the first axis runs slowest
values = names
colors = "0x3B75AF 0xE69F00 0x009E73 0x99000D 0x56B4E9 0xCC79A7 0x7A7A7A 0xEF6548"
shade(i) = int(word(colors, (i - 1) % 8 + 1))
x(i) = in(i, column(numeric ? "x" : "place"))
stats data using (column(numeric ? "x" : "place")) name "X" nooutput
if (!exists("X_records") || X_records == 0) { X_min = 0; X_max = 1 } # no point exists
few = words(values) <= 8
if (numeric) {
    ticks = ""
    add(v) = (strstrt(ticks." ", sprintf(" %.4g ", v)) ? 0 : (ticks = ticks.sprintf(" %.4g", v)), 0)
    stats data using (add(column("x"))) nooutput
    steep = X_min > 0 && X_max >= 8 * X_min
    if (steep) { set logscale x 2 }
    aside = 0.08 * (X_max - X_min) + 0.5 * (X_max == X_min)
    x_low = steep ? X_min / 1.2 : X_min - aside
    x_high = steep ? X_max * 1.2 : X_max + aside
    if (few || steep) {
        set xtics ()
        do for [i = 1:words(ticks)] { if (word(ticks, i) ne "NaN" && word(ticks, i) ne "nan") { set xtics add (word(ticks, i) real(word(ticks, i))) } }
    }
} else {
    x_low = X_min - 0.3
    x_high = X_max + 0.3
    set xtics ()
    do for [i = 1:words(values)] { set xtics add (word(values, i) i - 1) }
}
set xrange [x_low:x_high]
set offsets 0,0,graph 0.08,graph 0.05
across = trained ? 2 : 3
n_panel = trained ? 4 : 3
below = (n > 1 ? 50.0 : 12.0) / height
hollow(u) = strcol("held") eq "no" || strcol("held") eq "median"
set multiplot
do for [j = 1:n_panel] {
    column_ = (j - 1) % across
    row_ = (j - 1) / across
    tall = (1 - below - 100.0 / height) / (trained ? 2 : 1)
    set lmargin at screen (trained ? 0.09 : 0.07) + column_ * (trained ? 0.49 : 0.335)
    set rmargin at screen (trained ? 0.48 : 0.315) + column_ * (trained ? 0.49 : 0.335)
    set tmargin at screen 1 - 100.0 / height - row_ * tall
    set bmargin at screen 1 - 100.0 / height - row_ * tall - tall + 66.0 / height
    set xlabel axis
    set ylabel word("speed/base MACs memory-bound top-1", j).(j == 2 ? " (10^6)" : j > 2 ? " (%)" : "")
    if (j == 1 && n > 1) { set key at screen 0.5,12.0 / height center bottom horizontal maxrows 2 samplen 2 } else { unset key }
    y = word("speed_ratio macs memory_bound_pct top1_pct", j)
    scale = j == 2 ? 1e-6 : 1
    low = word("speed_ratio_low macs memory_bound_low_pct top1_pct", j)
    high = word("speed_ratio_high macs memory_bound_high_pct top1_pct", j)
    some = 0
    stats data using (strcol(y) eq "" ? 0 : (some = 1, 0)) nooutput
    if (some) { set yrange [*:*]; unset label 1 } else { set yrange [0:1]; set label 1 "no values" at graph 0.5,0.5 center textcolor rgb "#7A7A7A" }
    base_line(u) = !some ? NaN : j == 1 ? 1 : j == 2 ? scale * column("base_macs") : NaN
    plot data using (x_low):(base_line(0)):(x_high - x_low):(0) with vectors nohead dashtype 2 linewidth 1.2 linecolor rgb "#7A7A7A" notitle, \
         for [i = 1:n] data using (x(i)):(scale * column(y)) smooth unique with lines linewidth 2 linecolor rgb shade(i) notitle, \
         for [i = 1:n] data using (x(i)):(scale * column(y)):(scale * column(low)):(scale * column(high)) with yerrorbars linewidth 1 pointsize 0 linecolor rgb shade(i) notitle, \
         for [i = 1:n] data using (x(i)):(scale * column(y)) with points pointtype 7 pointsize 0.7 linecolor rgb shade(i) notitle, \
         for [i = 1:n] data using (x(i)):(hollow(0) ? scale * column(y) : NaN) with points pointtype 7 pointsize 0.4 linecolor rgb "#FFFFFF" notitle, \
         for [i = 1:n] NaN with linespoints linewidth 2 pointtype 7 pointsize 0.7 linecolor rgb shade(i) title word(serieses, i)
    unset label 101
    unset label 102
    unset label 103
}
unset multiplot
