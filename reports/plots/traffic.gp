# SPDX-License-Identifier: MIT
# traffic.gp - bytes by class of operators, one bar per source; simulated bars are hatched, measured and touched ones
# solid, and the compulsory bytes are a line across the bars of a class.
# data: CSV, one row per class and source, classes from the top in file order: class, figure, tier, bytes,
# compulsory_bytes, ratio; rows without a ratio are left out, and sources
# without a byte are named below. Optional: height, title, subtitle;
# passes: 1 where data has the column pass, whose rows other than "forward" are called after it too.
width = 860
if (!exists("height")) height = 560
load palette
if (!exists("passes")) passes = 0
class_name(unused) = passes && stringcolumn("pass") ne "forward" ? stringcolumn("class")."/".stringcolumn("pass") : stringcolumn("class")
stats data using (see(class_name(0))) nooutput
classes = names
names = ""
stats data using (column("ratio") >= 0 && column("bytes") > 0 ? see(stringcolumn("figure")) : 0) nooutput
figures = names
nothing = ""
note(f) = (strstrt(names, '"'.f.'"') || strstrt(nothing, f) ? 0 : (nothing = nothing.(nothing eq "" ? "" : ", ").f), 0)
stats data using (column("ratio") >= 0 ? note(stringcolumn("figure")) : 0) nooutput
n_class = words(classes)
n_figure = words(figures)

place_of(list, s) = (found = 0, sum [i = 1:words(list)] (word(list, i) eq s ? (found = i) : 0), found)
row(c, f) = -(place_of(classes, c) - 1) * (n_figure + 1.0) - (place_of(figures, f) - 1)
middle(c) = -(c - 1) * (n_figure + 1.0) - (n_figure - 1) / 2.0
stats data using (column("bytes")) name "B" nooutput
stats data using (column("compulsory_bytes")) name "C" nooutput
most = B_max > C_max ? B_max : C_max
unit = most >= 1e9 ? 1e9 : most >= 1e6 ? 1e6 : 1e3
unit_name = most >= 1e9 ? "GB" : most >= 1e6 ? "MB" : "kB"

set lmargin passes ? 22 : 14
set rmargin 9
set bmargin 5.5 + 1.3 * n_figure
if (nothing ne "") set label 103 nothing.": no bytes" at screen 0.98,screen 0.02 right font ",9" textcolor rgb "#5A5A5A"
set yrange [-(n_class * (n_figure + 1)) + 1.2 : 0.8]
set xrange [0 : 1.12 * most / unit]
set xlabel sprintf("bytes of one run (%s)", unit_name)
unset grid
set grid xtics linetype 1 linecolor rgb "#E3E3E3" linewidth 0.6
set border 1
set ytics scale 0 ()
set for [c = 1:n_class] ytics add (word(classes, c) middle(c))
set key at screen passes ? 0.22 : 0.16,screen 0.005 left bottom reverse Left vertical maxrows n_figure + 1 samplen 2 spacing 1.25

# Figures of one source share a colour family; hatching marks a model's numbers.
color(f) = strstrt(f, "[SIM callgrind]") ? 0x56B4E9 : strstrt(f, "cold") == 1 ? 0x0072B2 : \
           strstrt(f, "chained") == 1 ? 0x009E73 : strstrt(f, "[FOOT]") ? 0xE69F00 : \
           strstrt(f, "write") ? 0xCC79A7 : 0xD55E00
pattern(f) = strstrt(f, "chained") == 1 ? 5 : 4
simulated(f) = strstrt(f, "[SIM") > 0
bytes_of(f) = stringcolumn("figure") eq f && column("bytes") >= 0 ? column("bytes") / unit : NaN
at(f) = row(class_name(0), f)
ratio(f) = column("compulsory_bytes") > 0 && bytes_of(f) >= 0 ? \
           sprintf("%.2f x", column("bytes") / column("compulsory_bytes")) : ""
# The ratio stands behind its bar, or behind the line where that would cross it.
behind(b, c) = b < c && c - b < 0.1 * most / unit ? c : b
hatched(f, v) = simulated(f) ? v : NaN
solid(f, v) = simulated(f) ? NaN : v
plot for [i = 1:n_figure] f = word(figures, i) data \
         using (hatched(f, bytes_of(f)) / 2):(at(f)):(0):(bytes_of(f)):(at(f) - 0.4):(at(f) + 0.4) with boxxyerror \
         fillstyle pattern 4 border rgb "#4D4D4D" linecolor rgb color(f) title (simulated(f) ? f : ""), \
     for [i = 1:n_figure] f = word(figures, i) data \
         using (solid(f, bytes_of(f)) / 2):(at(f)):(0):(bytes_of(f)):(at(f) - 0.4):(at(f) + 0.4) with boxxyerror \
         fillstyle solid 1.0 linecolor rgb color(f) title (simulated(f) ? "" : f), \
     data using (column("ratio") >= 0 && place_of(figures, stringcolumn("figure")) > 0 ? column("compulsory_bytes") / unit : NaN):(row(class_name(0), stringcolumn("figure")) - 0.5):(0):(1) \
         with vectors nohead linewidth 2 linecolor rgb "#1A1A1A" notitle, \
     NaN with lines linewidth 2 linecolor rgb "#1A1A1A" title "compulsory [MIN]", \
     for [i = 1:n_figure] f = word(figures, i) data \
         using (behind(bytes_of(f), column("compulsory_bytes") / unit)):(at(f)):(ratio(f)) with labels left offset 0.7,0 font ",9" textcolor rgb "#1A1A1A" notitle
