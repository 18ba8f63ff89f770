# SPDX-License-Identifier: MIT
# bandwidth_threads.gp - how loads and triads of each level grow with the number of threads.
# data: CSV, one row per figure: level, operation, threads, unit, best; rows of other units are left out. threads: the
# most. Optional: title, subtitle.
width = 760
height = 500
load palette

is_bandwidth(unused) = stringcolumn("unit") eq "GB/s" && column("best") > 0
names = ""
stats data using (is_bandwidth(0) ? see(stringcolumn("level")) : 0) nooutput
levels = names
# From the core outwards: warm to cold.
colors = "0xD55E00 0xE69F00 0x009E73 0x56B4E9 0xCC79A7"
color_of(l) = word(levels, l) eq "DRAM" ? 0x0072B2 : int(word(colors, l > 5 ? 5 : l))
of(l, o) = is_bandwidth(0) && stringcolumn("level") eq word(levels, l) && stringcolumn("operation") eq o ? column("threads") : NaN

set lmargin 11
set datafile missing NaN # lines go on over rows of other levels
set logscale x 2
set logscale y
set xrange [0.9 : threads * 1.12]
set format y "%g"
set xlabel "threads"
set ylabel "bandwidth (GB/s), all threads together, best"
set key outside right center reverse Left samplen 2 spacing 1.3
plot for [l = 1:words(levels)] data using (of(l, "load")):(column("best")) with linespoints pointtype 7 pointsize 0.7 \
         linewidth 1.6 linecolor rgb color_of(l) title word(levels, l)." load", \
     for [l = 1:words(levels)] data using (of(l, "triad")):(column("best")) with linespoints pointtype 6 pointsize 0.7 \
         linewidth 1.2 dashtype 2 linecolor rgb color_of(l) title word(levels, l)." triad"
