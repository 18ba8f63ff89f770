# SPDX-License-Identifier: MIT
# roofline.gp - log-log: what each operator reached against its arithmetic intensity, below what the machine can reach.
# data: CSV, one row per operator: class, intensity_flop_per_byte, gflop_per_s, share_pct (area of the point).
# Optional: peak_gflops, bandwidth_gbs (both, or no roof is drawn), peak_source (text), title, subtitle.
width = 860
height = 560
load palette

positive(v) = v > 0 ? v : NaN
shown(v) = (column("intensity_flop_per_byte") > 0 && column("gflop_per_s") > 0) ? v : NaN
stats data using (shown(1) == 1 ? see(stringcolumn("class")) : 0) nooutput
classes = ordered(names)
stats data using (log10(shown(column("intensity_flop_per_byte")))) name "X" nooutput
stats data using (log10(shown(column("gflop_per_s")))) name "Y" nooutput

# Operators without arithmetic have no place on logarithmic axes: their number and share are told.
hidden = 0
hidden_pct = 0
count_hidden(s) = (shown(1) == 1 ? 0 : (hidden = hidden + 1, hidden_pct = hidden_pct + s), 0)
stats data using (count_hidden(column("share_pct"))) nooutput

roof = exists("peak_gflops") && exists("bandwidth_gbs")
# Half decades around what is drawn.
below(v) = floor(2 * v - 0.2) / 2.0
above(v) = ceil(2 * v + 0.2) / 2.0
larger(a, b) = a > b ? a : b
x_low = below(X_min)
x_high = above(X_max)
y_low = below(Y_min)
y_high = above(Y_max)
if (roof) {
    ridge = 1.0 * peak_gflops / bandwidth_gbs
    x_high = larger(x_high, above(log10(ridge) + 0.3))
    y_high = larger(y_high, above(log10(peak_gflops)))
}
set logscale xy
set xrange [10**x_low : 10**x_high]
set yrange [10**y_low : 10**y_high]
set format xy "%g"
set lmargin 10
set xlabel "arithmetic intensity (FLOP/byte)"
set ylabel "performance (GFLOP/s)"
set key outside right center reverse Left samplen 1 spacing 1.3

if (roof) {
    set arrow 1 from ridge,graph 0 to ridge,peak_gflops nohead dashtype 3 linecolor rgb "#808080"
    set label 1 sprintf("ridge %.3g FLOP/byte", ridge) at ridge,graph 0 left rotate by 90 offset 0.9,0.6 textcolor rgb "#5A5A5A"
    set label 2 sprintf("%.4g GFLOP/s", peak_gflops) at 10**x_high,peak_gflops right offset -0.5,0.7 textcolor rgb "#1A1A1A"
    # On the middle of the slanted line that is inside the axes.
    visible = larger(10**x_low, 10**y_low / bandwidth_gbs)
    middle = sqrt(visible * ridge)
    set label 3 sprintf("%.3g GB/s", bandwidth_gbs) at middle,middle * bandwidth_gbs right offset -0.8,0.4 textcolor rgb "#1A1A1A"
}
note = hidden ? sprintf("not shown: %d operators without arithmetic, %.1f %% of the time", hidden, hidden_pct) : ""
if (exists("peak_source")) note = note.(hidden ? "; " : "")."peaks: ".peak_source
if (strlen(note)) {
    set label 4 note at screen 0.5,0 center offset 0,0.9 textcolor rgb "#5A5A5A"
    set bmargin 5
}

roof_at(x) = roof ? (x < ridge ? x * bandwidth_gbs : peak_gflops) : NaN
of(c, v) = stringcolumn("class") eq word(classes, c) ? v : NaN
size(pct) = pct > 0 ? 0.4 + 0.55 * sqrt(pct) : 0.4
set samples 800
plot (roof ? 1 : NaN) * roof_at(x) with lines linewidth 1.6 linecolor rgb "#1A1A1A" notitle, \
     for [c = 1:words(classes)] data \
         using (of(c, positive(column("intensity_flop_per_byte")))):(positive(column("gflop_per_s"))):(size(column("share_pct"))) \
         with points pointtype 7 pointsize variable linecolor rgb class_color(word(classes, c)) notitle, \
     for [c = 1:words(classes)] data \
         using (of(c, positive(column("intensity_flop_per_byte")))):(positive(column("gflop_per_s"))):(size(column("share_pct"))) \
         with points pointtype 6 pointsize variable linewidth 0.5 linecolor rgb "#404040" notitle, \
     for [c = 1:words(classes)] NaN with points pointtype 7 pointsize 1 linecolor rgb class_color(word(classes, c)) \
         title word(classes, c)
