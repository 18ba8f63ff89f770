# SPDX-License-Identifier: MIT
# roofline_machine.gp - log-log: the roofs of a machine, without operators.
# data: CSV, one row per roof: roofline, roof, threads, gb_per_s (slanted) or gflop_per_s (flat).
# roofline: cache_aware (bytes that the core names) or dram (bytes that crossed the bus); threads: which rows. Optional:
# title, subtitle.
width = 860
height = 520
load palette

is_roof(unused) = stringcolumn("roofline") eq roofline && column("threads") == threads
slanted(unused) = is_roof(0) && column("gb_per_s") > 0
flat(unused) = is_roof(0) && column("gflop_per_s") > 0
stats data using (slanted(0) ? column("gb_per_s") : NaN) name "B" nooutput
stats data using (flat(0) ? column("gflop_per_s") : NaN) name "F" nooutput

# Names and heights, for labels and lines.
roofs = ""
peaks = ""
take(list, name, v) = list.sprintf(' "%s" %.6g', name, v)
stats data using (slanted(0) ? (roofs = take(roofs, stringcolumn("roof"), column("gb_per_s")), 0) : 0) nooutput
stats data using (flat(0) ? (peaks = take(peaks, stringcolumn("roof"), column("gflop_per_s")), 0) : 0) nooutput
n_roofs = words(roofs) / 2
n_peaks = words(peaks) / 2
name_of(list, i) = word(list, 2 * i - 1)
height_of(list, i) = real(word(list, 2 * i))
top = F_max

x_low = floor(2 * log10(top / B_max) - 2.2) / 2.0
x_high = ceil(2 * log10(top / B_min) + 2) / 2.0
y_low = log10(B_min) + x_low - 0.05
y_high = log10(top) + 0.25
set lmargin at screen 0.095
set rmargin at screen 0.97
set tmargin at screen 0.865
set bmargin at screen 0.17
decade_y = 0.695 * height / (y_high - y_low) # pixels

set logscale xy
set xrange [10**x_low : 10**x_high]
set yrange [10**y_low : 10**y_high]
set format xy "%g"
set ytics add (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
set ylabel "performance (GFLOP/s)"
set xlabel (roofline eq "dram" ? "operational intensity (FLOP / byte that crossed the DRAM bus)" : \
            "arithmetic intensity (FLOP / byte that the core names)") offset 0,0.2
set label 105 (roofline eq "dram" ? "bytes measured or simulated belong here; best repetitions" : \
               "the roof of a level holds for bytes that all come from it, of operators: compulsory bytes; slanted: best load") \
    at screen 0.5,0 center offset 0,0.9 font ",10" textcolor rgb "#5A5A5A"

colors = "0xD55E00 0xE69F00 0x009E73 0x56B4E9 0xCC79A7"
color_of(i) = strstrt(name_of(roofs, i), "DRAM") == 1 ? 0x0072B2 : int(word(colors, i > 5 ? 5 : i))
do for [i = 1:n_roofs] {
    set arrow 300 + i from top / height_of(roofs, i),graph 0 to top / height_of(roofs, i),top nohead dashtype 3 linecolor rgb "#BDBDBD"
}
roof_at(x, i) = x * height_of(roofs, i) < top ? x * height_of(roofs, i) : NaN
dash_of(i) = strstrt(name_of(roofs, i), "past") ? 2 : 1
set key inside bottom right reverse Left samplen 2 spacing 1.3 box linecolor rgb "#E3E3E3" opaque height 0.4 width 1
# Peaks that lie close to another would have their names over each other: each stands at least 15 pixels off the one above.
array above[n_peaks]
do for [i = 1:n_peaks] {
    rank = 1
    do for [k = 1:n_peaks] { rank = rank + (height_of(peaks, k) > height_of(peaks, i) || (height_of(peaks, k) == height_of(peaks, i) && k < i)) }
    above[rank] = i
}
last = 1e9
do for [r = 1:n_peaks] {
    i = above[r]
    y = log10(height_of(peaks, i)) * decade_y
    shown = y + 9 < last - 15 ? y + 9 : y - 9 < last - 15 ? y - 9 : last - 15
    last = shown
    set label 400 + i sprintf("%s %.4g GFLOP/s", name_of(peaks, i), height_of(peaks, i)) at graph 1,first 10**(shown / decade_y) \
        right offset -0.4,0 textcolor rgb (r == 1 ? "#1A1A1A" : "#5A5A5A")
    begins = height_of(peaks, i) / B_max
    dash = r == 1 ? 1 : 2
    set arrow 400 + i from begins,height_of(peaks, i) to 10**x_high,height_of(peaks, i) nohead \
        linewidth (r == 1 ? 2 : 1) dashtype dash linecolor rgb (r == 1 ? "#1A1A1A" : "#8C8C8C")
}
set samples 1500
plot for [i = 1:n_roofs] roof_at(x, i) with lines linewidth 2 dashtype dash_of(i) linecolor rgb color_of(i) \
     title sprintf("%s %.3g GB/s, ridge %.3g FLOP/B", name_of(roofs, i), height_of(roofs, i), top / height_of(roofs, i))
