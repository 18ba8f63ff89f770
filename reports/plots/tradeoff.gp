# SPDX-License-Identifier: MIT
# tradeoff.gp - the paper's Fig. 1: throughput by that of EfficientViT-M5 on the same machine against published top-1, the
# paper's points hollow, this machine's filled. data: CSV, one row per point: source (paper, here), family, model, by_m5,
# top1_pct; low_by_m5, high_by_m5 may be empty. Optional: title, subtitle.
width = 1000
height = 620
load palette

family_color(f) = f eq "EfficientViT" || f eq "efficientvit" ? 0xD55E00 : f eq "EfficientNet" ? 0x009E73 : \
                  strstrt(f, "obileNet") || f eq "mobilenet" ? 0x0072B2 : f eq "deit" ? 0xCC79A7 : f eq "swin" ? 0xE69F00 : 0x8C8C8C
color_of(f) = strstrt(stringcolumn("model"), "efficientnet") ? 0x009E73 : family_color(f)
is(s) = stringcolumn("source") eq s
x_of(s) = is(s) ? column("by_m5") : NaN
label_of(unused) = is("here") || stringcolumn("family") eq stringcolumn("model") ? stringcolumn("model") : \
                   stringcolumn("family")." ".stringcolumn("model")

# Axes are set by hand: labels are placed by the pixels of points.
stats data using (column("by_m5")) name "X" nooutput
stats data using (column("top1_pct")) name "Y" nooutput
x_low = X_min / 1.2
x_high = X_max * 1.9
y_low = Y_min - 1.5
y_high = Y_max + 1.5
wide = 0.905 * width
tall = height - 150.0
set lmargin at screen 0.075
set rmargin at screen 0.98
set tmargin at screen 1 - 80.0 / height
set bmargin at screen 70.0 / height
pixel_x(x) = wide * log(x / x_low) / log(x_high / x_low)
pixel_y(y) = tall * (y - y_low) / (y_high - y_low)

# What a label should not cover: points with their bars, labels that have their place.
array box_left[500]; array box_right[500]; array box_low[500]; array box_high[500]
n_box = 0
add_box(l, r, b, t) = (n_box = n_box < 500 ? n_box + 1 : n_box, box_left[n_box] = l, box_right[n_box] = r, box_low[n_box] = b, box_high[n_box] = t, 0)
least(a, b) = a < b ? a : b
most(a, b) = a > b ? a : b
shared(a, b, c, d) = most(0, least(b, d) - most(a, c))
covered(l, r, b, t) = (sum [i = 1:n_box] shared(l, r, box_left[i], box_right[i]) * shared(b, t, box_low[i], box_high[i])) + \
    100 * (most(0, -l) + most(0, r - wide) + most(0, -b) + most(0, t - tall))
array label_x[250]; array label_y[250]; array label_text[250]; array label_size[250]
n_label = 0
or(v, other) = v == v ? v : other
take(x, y, low, high, text, size) = n_label == 250 || x != x || y != y ? 0 : \
    (n_label = n_label + 1, label_x[n_label] = pixel_x(x), label_y[n_label] = pixel_y(y), label_text[n_label] = text, label_size[n_label] = size, \
     add_box(least(pixel_x(or(low, x)), pixel_x(x) - 5), most(pixel_x(or(high, x)), pixel_x(x) + 5), pixel_y(y) - 5, pixel_y(y) + 5))
# This machine's first: they are the larger ones.
stats data using (take(x_of("here"), column("top1_pct"), column("low_by_m5"), column("high_by_m5"), label_of(0), 10)) nooutput
stats data using (take(x_of("paper"), column("top1_pct"), NaN, NaN, label_of(0), 8)) nooutput

# Each takes the first of these places that covers least: right, left (negative) or centred (0); pixels above.
sides = "1 1 1 -1 -1 -1 0 0 1 1 -1 -1 0 0"
above = "10 -10 0 0 10 -10 13 -13 18 -18 18 -18 22 -22"
do for [k = 1:n_label] {
    long = strlen(label_text[k]) * (label_size[k] > 8 ? 6.5 : 5)
    high = label_size[k] > 8 ? 12 : 10
    best = -1
    do for [c = 1:words(sides)] {
        side = real(word(sides, c))
        x = label_x[k] + 8 * side - long * (1 - side) / 2
        y = label_y[k] + real(word(above, c)) - high / 2
        cost = covered(x, x + long, y, y + high)
        if (best < 0 || cost < best - 1e-9) { best = cost; best_x = x; best_y = y }
    }
    unused = add_box(best_x, best_x + long, best_y, best_y + high)
    set label 200 + k label_text[k] at graph best_x / wide,(best_y + high / 2.0) / tall left \
        font sprintf(",%d", label_size[k]) textcolor rgb (label_size[k] > 8 ? "#1A1A1A" : "#8C8C8C")
}

set logscale x 2
set xrange [x_low:x_high]
set yrange [y_low:y_high]
set xlabel "throughput by that of EfficientViT-M5 on the same machine"
set ylabel "published ImageNet top-1 (%)"
set key bottom left reverse Left samplen 1.5 spacing 1.3
plot data using (x_of("paper")):(column("top1_pct")):(color_of(stringcolumn("family"))) with points pointtype 6 \
         pointsize 1 linewidth 1 linecolor rgb variable notitle, \
     data using (x_of("here")):(column("top1_pct")):(column("low_by_m5")):(column("high_by_m5")): \
         (color_of(stringcolumn("family"))) with xerrorbars pointtype 7 pointsize 1.1 linewidth 1.2 \
         linecolor rgb variable notitle, \
     NaN with points pointtype 7 linecolor rgb "#1A1A1A" title "here (bars: quartiles)", \
     NaN with points pointtype 6 linecolor rgb "#1A1A1A" title "paper, V100 (read off its figure)"
