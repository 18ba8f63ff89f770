# SPDX-License-Identifier: MIT
# roofline.gp - log-log: what each operator reached against its intensity, below what the machine can reach.
# data: CSV, one row per operator: class, intensity_flop_per_byte, gflop_per_s, share_pct (area of the point).
# Optional: peak_gflops, bandwidth_gbs (both, or no roof is drawn), peak_source (text), title, subtitle;
# roof_levels: further slanted roofs, "L1 485 L2 229 L3 119" (GB/s); flagged: 1 where data has the column above_roof, whose
# rows other than "none" and "" get a mark of their own;
# intensity_column: another column for the x axis, intensity_title: its label, intensity_source: whence its bytes are.
if (!exists("intensity_column")) intensity_column = "intensity_flop_per_byte"
if (!exists("intensity_title")) intensity_title = "arithmetic intensity (FLOP / compulsory byte)"
if (!exists("intensity_source")) intensity_source = "compulsory (analytic)"
if (!exists("roof_levels")) roof_levels = ""
if (!exists("flagged")) flagged = 0
width = 860
height = 560
load palette

positive(v) = v > 0 ? v : NaN
shown(v) = (column(intensity_column) > 0 && column("gflop_per_s") > 0) ? v : NaN
stats data using (shown(1) == 1 ? see(stringcolumn("class")) : 0) nooutput
classes = ordered(names)
stats data using (log10(shown(column(intensity_column)))) name "X" nooutput
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
set xlabel intensity_title offset 0,0.3
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
            stats data using (near(column(intensity_column), column("gflop_per_s")) ? \
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
set label 4 note."bytes: ".intensity_source at screen 0.5,0 center offset 0,1.9 font ",10" textcolor rgb "#5A5A5A"
if (roof) {
    note = exists("peak_source") ? "roof: ".peak_source.". " : ""
    note = note.(intensity_column eq "intensity_flop_per_byte" ? "Points above the DRAM line worked from caches." : \
                 "Points above the DRAM line have too few bytes or too short a time.")
    set label 5 note at screen 0.5,0 center offset 0,0.8 font ",10" \
        textcolor rgb "#5A5A5A"
}

set logscale xy
set xrange [10**x_low : 10**x_high]
set yrange [10**y_low : 10**y_high]
set format xy "%g"
roof_at(x) = roof ? (x < ridge ? x * bandwidth_gbs : peak_gflops) : NaN
# Roofs of caches: from the core outwards, the nearest one darkest, named in the key.
n_levels = roof ? words(roof_levels) / 2 : 0
level_gbs(i) = i <= n_levels ? real(word(roof_levels, 2 * i)) : NaN # also asked for when there is none
level_at(x, i) = x * level_gbs(i) < peak_gflops ? x * level_gbs(i) : NaN
level_shade(i) = int(0x60 + (i - 1) * 0x22) * 0x010101

is_flagged(unused) = flagged == 1 && stringcolumn("above_roof") ne "none" && stringcolumn("above_roof") ne ""
of(c, v) = stringcolumn("class") eq word(classes, c) ? v : NaN
mark(f, c, v) = is_flagged(0) == f ? of(c, v) : NaN
size(pct) = pct > 0 ? 0.4 + 0.55 * sqrt(pct) : 0.4
set samples 800
# Discs, and diamonds for those above a roof: first filled, then their edges.
full = "7 13"
edge = "6 12"
plot for [i = 1:n_levels] level_at(x, i) with lines linewidth 1.2 dashtype i + 1 linecolor rgb level_shade(i) notitle, \
     (roof ? 1 : NaN) * roof_at(x) with lines linewidth 1.6 linecolor rgb "#1A1A1A" notitle, \
     for [f = 0:flagged] for [c = 1:words(classes)] data \
         using (mark(f, c, positive(column(intensity_column)))):(positive(column("gflop_per_s"))):(size(column("share_pct"))) \
         with points pointtype int(word(full, f + 1)) pointsize variable linecolor rgb class_color(word(classes, c)) notitle, \
     for [f = 0:flagged] for [c = 1:words(classes)] data \
         using (mark(f, c, positive(column(intensity_column)))):(positive(column("gflop_per_s"))):(size(column("share_pct"))) \
         with points pointtype int(word(edge, f + 1)) pointsize variable linewidth 0.5 linecolor rgb "#404040" notitle, \
     for [c = 1:words(classes)] NaN with points pointtype 7 pointsize 1 linecolor rgb class_color(word(classes, c)) \
         title word(classes, c), \
     for [f = 1:flagged] NaN with points pointtype 12 pointsize 1 linewidth 1 linecolor rgb "#404040" title "above a roof", \
     for [i = 1:n_levels] NaN with lines linewidth 1.2 dashtype i + 1 linecolor rgb level_shade(i) \
         title sprintf("%s %.3g GB/s", word(roof_levels, 2 * i - 1), level_gbs(i))
