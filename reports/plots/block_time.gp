# SPDX-License-Identifier: MIT
# block_time.gp - stacked bars: time of each block, in order of execution, by operator class.
# data: CSV in long form, one row per block and class: block, class, time_ns. Optional: title, subtitle.
width = 1000
height = 480
load palette

names = ""
stats data using (see(stringcolumn("block"))) nooutput
blocks = names
n_blocks = words(blocks)
names = ""
stats data using (see(stringcolumn("class"))) nooutput
classes = ordered(names)

# Height of each bar so far; first pass: the whole bars, for the axis.
array top[n_blocks]
do for [b = 1:n_blocks] { top[b] = 0 }
block_at(unused) = (names = blocks, place(stringcolumn("block")))
rise(b, t) = (t == t ? (top[b] = top[b] + t) : top[b])
stats data using (rise(block_at(0), column("time_ns"))) name "bar" nooutput
unit = bar_max >= 2e9 ? 1e9 : bar_max >= 2e6 ? 1e6 : bar_max >= 2e3 ? 1e3 : 1
unit_name = unit == 1e9 ? "s" : unit == 1e6 ? "ms" : unit == 1e3 ? "µs" : "ns"
do for [b = 1:n_blocks] { top[b] = 0 }

set lmargin 10
set ylabel "time (".unit_name.")"
set yrange [0 : *]
set xrange [0.3 : n_blocks + 0.7]
set xlabel "block, in order of execution"
set grid noxtics ytics
set xtics scale 0 offset 0,0
longest = 0
do for [b = 1:n_blocks] { longest = strlen(word(blocks, b)) > longest ? strlen(word(blocks, b)) : longest }
if (n_blocks * longest > 90) { set xtics rotate by 90 right font ",9"; set xlabel offset 0,0.8 }
set xtics ()
do for [b = 1:n_blocks] { set xtics add (word(blocks, b) b) }
set key outside right center reverse Left samplen 1.2 spacing 1.3 invert

# One plot per class, so that the order of the rows does not matter; rows of other classes give no box.
is(c) = stringcolumn("class") eq word(classes, c)
b = 1
plot for [c = 1:words(classes)] data \
    using (is(c) ? (b = block_at(0)) : NaN):(low = is(c) ? top[b] / unit : NaN):(b - 0.4):(b + 0.4): \
          (low):(is(c) ? rise(b, column("time_ns")) / unit : NaN) \
    with boxxyerror linecolor rgb class_color(word(classes, c)) title word(classes, c)
