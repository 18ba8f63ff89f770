# SPDX-License-Identifier: MIT
# bandwidth.gp - what each level of memory gives, by kind of transfer: one panel for one thread, one for the most.
# data: CSV, one row per figure: level, operation, threads, unit, best, median, first_quartile, third_quartile; rows of
# other units are left out. threads: the most. Optional: title, subtitle.
width = 860
height = threads > 1 ? 760 : 460
load palette

is_bandwidth(unused) = stringcolumn("unit") eq "GB/s"
names = ""
stats data using (is_bandwidth(0) ? see(stringcolumn("level")) : 0) nooutput
levels = names
names = ""
stats data using (is_bandwidth(0) ? see(stringcolumn("operation")) : 0) nooutput
operations = names
stats data using (is_bandwidth(0) ? log10(column("best")) : NaN) name "high" nooutput
stats data using (is_bandwidth(0) ? log10(column("first_quartile")) : NaN) name "low" nooutput

# Stores past the caches have the hue of their plain kind, drawn open.
plain(o) = strstrt(o, "_nt") ? o[1:strlen(o) - 3] : o
color_of(o) = plain(o) eq "load" ? 0x0072B2 : plain(o) eq "store" ? 0xD55E00 : plain(o) eq "copy" ? 0x009E73 : 0xCC79A7
mark_of(o) = strstrt(o, "_nt") ? 6 : 7
said(o) = strstrt(o, "_nt") ? plain(o).", past caches" : o

# Levels side by side, each with the room that its kinds take.
array start[words(levels) + 1]
start[1] = 0.0
do for [l = 1:words(levels)] { start[l + 1] = start[l] + (word(levels, l) eq "DRAM" ? words(operations) : 4) + 1.5 }
level_at(unused) = (names = levels, place(stringcolumn("level")))
operation_at(unused) = (names = operations, place(stringcolumn("operation")))
x_of(unused) = start[level_at(0)] + operation_at(0)
is(o, t) = is_bandwidth(0) && stringcolumn("operation") eq o && column("threads") == t

set logscale y
set yrange [10**(low_min - 0.15) : 10**(high_max + 0.2)]
set xrange [0 : start[words(levels) + 1] - 0.5]
set format y "%g"
set ytics add (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
set grid noxtics ytics
set xtics scale 0 ()
do for [l = 1:words(levels)] {
    set xtics add (word(levels, l) (start[l] + start[l + 1] - 0.5) / 2)
    if (l > 1) { set arrow l from start[l] - 0.25, graph 0 to start[l] - 0.25, graph 1 nohead linecolor rgb "#BDBDBD" }
}
value_text(v) = v >= 9999.5 ? sprintf("%.0fk", v / 1000) : v >= 99.5 ? sprintf("%.0f", v) : sprintf("%.3g", v)
set label 103 "GB: 1e9 bytes that the program names. Circle and number: best repetition; tick: median; bar: quartiles." \
    at screen 0.5,0 center offset 0,0.9 font ",10" textcolor rgb "#5A5A5A"
panels = threads > 1 ? 2 : 1
note_room = 46.0 / height
head_room = 62.0 / height
room = (1 - note_room - head_room) / panels
set lmargin at screen 0.095
set rmargin at screen 0.785
set ylabel "bandwidth (GB/s), all threads together" offset -0.3,0
set multiplot
do for [p = 1:panels] {
    t = p == 1 ? 1 : threads
    set tmargin at screen 1 - head_room - (p - 1) * room - 24.0 / height
    set bmargin at screen 1 - head_room - p * room + 24.0 / height
    if (p == 2) { unset label 101; unset label 102; unset label 103 }
    set label 104 sprintf("%d thread%s", t, t == 1 ? "" : "s") at graph 0.5,1 center offset 0,0.6 font bold.",12"
    if (p == 1) { set key at screen 0.995,(1 - head_room - 24.0 / height) right top reverse Left samplen 1 spacing 1.4 } else { unset key }
    plot for [o = 1:words(operations)] data using \
             (is(word(operations, o), t) ? x_of(0) : NaN):(column("first_quartile")):(0):(column("third_quartile") - column("first_quartile")) \
             with vectors nohead linewidth 3 linecolor rgb (0x80000000 + color_of(word(operations, o))) notitle, \
         for [o = 1:words(operations)] data using \
             (is(word(operations, o), t) ? x_of(0) - 0.22 : NaN):(column("median")):(0.44):(0) \
             with vectors nohead linewidth 2 linecolor rgb color_of(word(operations, o)) notitle, \
         for [o = 1:words(operations)] data using \
             (is(word(operations, o), t) ? x_of(0) : NaN):(column("best")) \
             with points pointtype mark_of(word(operations, o)) pointsize 0.8 linewidth 1.5 \
             linecolor rgb color_of(word(operations, o)) title said(word(operations, o)), \
         data using (is_bandwidth(0) && column("threads") == t ? x_of(0) : NaN):(column("best")):(value_text(column("best"))) \
             with labels center offset 0,0.75 font ",8.5" textcolor rgb "#1A1A1A" notitle
}
unset multiplot
