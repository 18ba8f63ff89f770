# SPDX-License-Identifier: MIT
# memory_bound_sweep.gp - share of the run time in memory-bound operators against batch or number of threads.
# data: CSV, one row per point: model, graph, batch, threads, memory_bound_pct, low_pct, high_pct. axis: batch or
# threads; fixed: value of the other one that is shown. Optional: title, subtitle.
width = 820
height = 500
load palette

other = axis eq "batch" ? "threads" : "batch"
shown(unused) = column(other) == fixed
names = ""
stats data using (shown(0) ? see(stringcolumn("model")) : 0) nooutput
models = names
names = ""
stats data using (shown(0) ? see(stringcolumn("graph")) : 0) nooutput
graphs = names
colors = "0x0072B2 0xD55E00 0x009E73 0xCC79A7 0xE69F00"
color_of(m) = int(word(colors, m > 5 ? 5 : m))
of(m, g) = shown(0) && stringcolumn("model") eq word(models, m) && stringcolumn("graph") eq word(graphs, g) ? column(axis) : NaN

set lmargin 10
set datafile missing NaN # lines go on over rows of other series
set logscale x 2
set offsets graph 0.04, graph 0.04, 0, 0
set yrange [0 : *]
set xlabel axis eq "batch" ? "images per forward" : "threads"
set ylabel "memory-bound share of the run time (%)"
set key outside right center reverse Left samplen 2.5 spacing 1.3
plot for [m = 1:words(models)] for [g = 1:words(graphs)] data using (of(m, g)):(column("memory_bound_pct")) smooth unique \
         with lines linewidth 1.6 dashtype g linecolor rgb color_of(m) title word(models, m).", ".word(graphs, g), \
     for [m = 1:words(models)] for [g = 1:words(graphs)] data \
         using (of(m, g)):(column("memory_bound_pct")):(column("low_pct")):(column("high_pct")) \
         with yerrorbars pointtype (g == 1 ? 7 : 6) pointsize 0.7 linewidth 1 linecolor rgb color_of(m) notitle
