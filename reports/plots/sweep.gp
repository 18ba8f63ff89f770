# SPDX-License-Identifier: MIT
# sweep.gp - a sweep: speed by the base's, multiply-accumulates, memory-bound share and, where points were trained, accuracy against
# the first axis; a line for each combination of the others.
# data: CSV with series, place (on the first axis, from 0), a column named by axis (its values as text), speed_ratio,
# speed_ratio_low, speed_ratio_high, macs, memory_bound_pct, memory_bound_low_pct, memory_bound_high_pct, top1_pct.
# axis: name of the first axis. Optional: title, subtitle.
width = 960
height = 680
load palette
set datafile missing NaN
names = ""
stats data using (see(strcol("series"))) nooutput
serieses = names
n = words(serieses)
in(i, x) = strcol("series") eq word(serieses, i) ? x : NaN
names = ""
stats data using (see(strcol(axis))) nooutput # values in the order of their places: the first axis runs slowest
values = names
last = 0
stats data using (last = column("place") > last ? column("place") : last) nooutput
shown = 0
stats data using (strcol("top1_pct") eq "" ? 0 : (shown = 1, 0)) nooutput
colors = "0x3B75AF 0xE69F00 0x009E73 0x99000D 0x56B4E9 0xCC79A7 0x7A7A7A 0xEF6548"
shade(i) = int(word(colors, (i - 1) % 8 + 1))
set xrange [-0.3:last + 0.3]
set offsets 0,0,graph 0.08,graph 0.05
set xtics ()
do for [i = 1:words(values)] { set xtics add (word(values, i) i - 1) }
set multiplot
do for [j = 1:4] {
    set lmargin at screen 0.09 + ((j - 1) % 2) * 0.49
    set rmargin at screen 0.48 + ((j - 1) % 2) * 0.49
    set tmargin at screen j < 3 ? 0.86 : 0.46
    set bmargin at screen j < 3 ? 0.56 : 0.16
    set xlabel (j > 2 ? axis : "")
    set ylabel word("speed/base MACs memory-bound top-1", j).(j == 2 ? " (10^6)" : j > 2 ? " (%)" : "")
    if (j == 1 && n > 1) { set key at screen 0.5,0.03 center horizontal maxrows 2 samplen 2 } else { unset key }
    if (j == 4 && !shown) { set label 103 "not trained" at graph 0.5,0.5 center textcolor rgb "#7A7A7A" }
    y = word("speed_ratio macs memory_bound_pct top1_pct", j)
    scale = j == 2 ? 1e-6 : 1
    low = word("speed_ratio_low macs memory_bound_low_pct top1_pct", j)
    high = word("speed_ratio_high macs memory_bound_high_pct top1_pct", j)
    if (j == 4 && !shown) { set yrange [0:1]; unset ytics } else { set yrange [*:*]; set ytics }
    plot for [i = 1:n] data using (in(i, column("place"))):(scale * column(y)):(scale * column(low)):(scale * column(high)) with yerrorbars linewidth 1 pointsize 0 linecolor rgb shade(i) notitle, \
         for [i = 1:n] data using (in(i, column("place"))):(scale * column(y)) with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb shade(i) title word(serieses, i)
    unset label 101
    unset label 102
}
unset multiplot
