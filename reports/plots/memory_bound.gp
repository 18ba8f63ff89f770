# SPDX-License-Identifier: MIT
# memory_bound.gp - the paper's Fig. 2: stacked bars of run time by operator class, paper beside machine, memory-bound in red.
# data: CSV, one row per model, source and class: model, source, operator_class, share_pct, memory_bound (1 or 0),
# memory_bound_pct (of the bar). Medians of classes need not add up to medians of sums: numbers are printed as they are,
# boxes are drawn to fill the memory-bound share and the rest of 100.
# Bars stand in file order; bars of one model are neighbours. Optional: title, subtitle, width in pixels.
if (!exists("width")) width = 860
height = 560
load palette

is_bound(unused) = column("memory_bound") == 1
names = ""
stats data using (see(stringcolumn("model")."\t".stringcolumn("source"))) nooutput
bars = names
n_bars = words(bars)
# Memory-bound classes stand at the bottom, so that their sums can be compared along one line.
names = ""
stats data using (is_bound(0) ? see(stringcolumn("operator_class")) : 0) nooutput
n_bound = words(names)
stats data using (see(stringcolumn("operator_class"))) nooutput
classes = names

color_of(c) = c eq "Tensor Multiplication" ? 0x3B75AF : c eq "Others" ? 0xBDBDBD : c eq "Reshape" ? 0x99000D : \
              c eq "Copy" ? 0xEF6548 : c eq "Normalization" ? 0xCB2A1D : c eq "Addition" ? 0xFDBB84 : 0x8C8C8C
is_light(c) = c eq "Others" || c eq "Addition"
bar_of(unused) = (names = bars, place(stringcolumn("model")."\t".stringcolumn("source")))
part(s, i) = i == 1 ? s[1 : strstrt(s, "\t") - 1] : s[strstrt(s, "\t") + 1 : *]

# A gap before each new model, whose name stands below its bars.
array position[n_bars]
array top[n_bars]
array bound[n_bars]
array red[n_bars]
array rest[n_bars]
x = 0.0
set xtics scale 0 ()
do for [b = 1:n_bars] {
    model = part(word(bars, b), 1)
    new = b == 1 || model ne part(word(bars, b > 1 ? b - 1 : 1), 1)
    x = x + (new && b > 1 ? 1.45 : 1)
    position[b] = x
    top[b] = 0
    bound[b] = 0
    red[b] = 0
    rest[b] = 0
    set xtics add (part(word(bars, b), 2) x)
    start = new ? x : start
    if (new) { group = 200 + b }
    set label group model at (start + x) / 2, graph 0 center offset 0,-2.4 font bold.",12"
}
take_bound(b, v) = (v == v ? (bound[b] = v) : 0, 0)
add(b, v) = (v == v ? (is_bound(0) ? (red[b] = red[b] + v) : (rest[b] = rest[b] + v)) : 0, 0)
stats data using (take_bound(bar_of(0), column("memory_bound_pct"))) nooutput
stats data using (add(bar_of(0), column("share_pct"))) nooutput
fill(part, all) = all > 0 ? part / all : 1
drawn(b) = column("share_pct") * (is_bound(0) ? fill(bound[b], red[b]) : fill(100 - bound[b], rest[b]))

set xrange [position[1] - 0.7 : position[n_bars] + 0.7]
set yrange [0 : 108]
set ytics 0,20,100
set lmargin 10
set bmargin 4.5
set ylabel "share of run time (%)"
set grid noxtics ytics
set key outside right center reverse Left samplen 1.2 spacing 1.4 invert
do for [b = 1:n_bars] {
    set label 300 + b sprintf("%.1f %%", bound[b]) at position[b],100 center offset 0,0.8 font bold.",12" textcolor rgb "#99000D"
    set arrow 300 + b from position[b] - 0.36,bound[b] to position[b] + 0.36,bound[b] nohead front linewidth 2 linecolor rgb "#1A1A1A"
}
set label 300 "memory-bound" at graph 1,first 100 left offset 1,0.8 font bold.",12" textcolor rgb "#99000D"

rise(b, v) = (v == v ? (top[b] = top[b] + v) : top[b])
is(c) = stringcolumn("operator_class") eq word(classes, c)
# Labels are drawn after all boxes, with a height of their own. Shares too small for their segment are not printed.
array label_top[n_bars]
do for [b = 1:n_bars] { label_top[b] = 0 }
rise_label(b, v) = (v == v ? (label_top[b] = label_top[b] + v) : label_top[b])
share_text(v) = v >= 3 ? sprintf("%.1f", v) : ""
text_color(c) = is_light(c) ? 0x1A1A1A : 0xFFFFFF
b = 1
plot for [c = 1:words(classes)] data \
         using (is(c) ? (b = bar_of(0), position[b]) : NaN):(low = is(c) ? top[b] : NaN):(position[b] - 0.36):(position[b] + 0.36): \
               (low):(is(c) ? rise(b, drawn(b)) : NaN) \
         with boxxyerror linecolor rgb color_of(word(classes, c)) title word(classes, c), \
     for [c = 1:words(classes)] data \
         using (is(c) ? (b = bar_of(0), position[b]) : NaN): \
               (is(c) ? rise_label(b, drawn(b)) - drawn(b) / 2 : NaN): \
               (share_text(column("share_pct"))) \
         with labels textcolor rgb text_color(word(classes, c)) notitle
