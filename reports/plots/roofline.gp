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
    x_high = larger(x_high, above(log10(ridge) + 0.6))
    y_high = larger(Y_max, log10(peak_gflops)) + 0.2
}
# Margins are known, so that the label of the slanted line can follow it.
set lmargin at screen 0.095
set rmargin at screen 0.825
set tmargin at screen 0.875
set bmargin at screen 0.185
plot_width = 0.73 * width
plot_height = 0.69 * height
set xlabel "arithmetic intensity (FLOP/byte)" offset 0,0.3
set ylabel "performance (GFLOP/s)"
set key outside right center reverse Left samplen 1 spacing 1.3

if (roof) {
    set arrow 1 from ridge,graph 0 to ridge,peak_gflops nohead dashtype 3 linecolor rgb "#808080"
    set label 1 sprintf("ridge %.3g FLOP/byte", ridge) at ridge,peak_gflops right offset -0.3,0.6 textcolor rgb "#5A5A5A"
    set label 2 sprintf("%.3g GFLOP/s", peak_gflops) at 10**x_high,peak_gflops right offset -0.5,0.6 textcolor rgb "#1A1A1A"

    # Pixels along the slanted line, from where it enters the axes, and off it.
    decade_x = plot_width / (x_high - x_low)
    decade_y = plot_height / (y_high - y_low)
    diagonal = sqrt(decade_x**2 + decade_y**2)
    enters = larger(x_low, y_low - log10(bandwidth_gbs))
    line_length = (log10(ridge) - enters) * diagonal
    dx(x) = (log10(x) - enters) * decade_x
    dy(y) = (log10(y) - log10(bandwidth_gbs) - enters) * decade_y
    along(x, y) = (dx(x) * decade_x + dy(y) * decade_y) / diagonal
    off(x, y) = (dy(y) * decade_x - dx(x) * decade_y) / diagonal
    # The label stands where it hides the fewest points: places along the line, above it and below it.
    label_length = 125
    first = 8 + 24 * larger(decade_x / decade_y, decade_y / decade_x) # no corner of the text beyond the axes
    near(x, y) = shown(1) == 1 && along(x, y) > start - 14 && along(x, y) < start + label_length + 14 && \
                 side * off(x, y) > -4 && side * off(x, y) < 26
    least = 1e9
    array order = [5, 6, 4, 7, 3, 8, 2, 9, 1, 10, 0]
    do for [side in "1 -1"] {
        do for [k = 1:|order|] {
            start = first + (line_length - label_length - first - 8) * order[k] / 10.0
            hidden_points = 0
            stats data using (near(column("intensity_flop_per_byte"), column("gflop_per_s")) ? \
                              (hidden_points = hidden_points + 1) : 0) nooutput
            if (hidden_points < least) { least = hidden_points; best_start = start; best_side = side + 0 }
        }
    }
    # Its anchor is the middle of the text's height, 13 pixels off the line.
    label_x = 10**(enters + best_start / diagonal - best_side * 13 * decade_y / diagonal / decade_x)
    label_y = bandwidth_gbs * 10**(enters + best_start / diagonal + best_side * 13 * decade_x / diagonal / decade_y)
    set label 3 sprintf("DRAM %.3g GB/s", bandwidth_gbs) at label_x,label_y left \
        rotate by atan2(decade_y, decade_x) * 180 / pi textcolor rgb "#1A1A1A"
}
note = hidden ? sprintf("not shown: %d operators without arithmetic, %.1f %% of the time; ", hidden, hidden_pct) : ""
set label 4 note."bytes: compulsory (analytic)" at screen 0.5,0 center offset 0,1.9 font ",10" textcolor rgb "#5A5A5A"
if (roof) {
    note = exists("peak_source") ? "roof: ".peak_source.". " : ""
    set label 5 note."Points above the DRAM line worked from caches." at screen 0.5,0 center offset 0,0.8 font ",10" \
        textcolor rgb "#5A5A5A"
}

set logscale xy
set xrange [10**x_low : 10**x_high]
set yrange [10**y_low : 10**y_high]
set format xy "%g"
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
