# SPDX-License-Identifier: MIT
# cost_importance.gp - share of importance against share of cost of the layers of all blocks: time left, bytes right.
# data: CSV with level (rows "layer" are drawn), block, layer, time_pct, compulsory_pct, importance_pct.
# model: its name; of_time, of_bytes: what is said above the panels. Optional: subtitle.
width = 1220
height = 620
title = "Is what costs most what matters least? ".model
load palette
set label 102 font ",10" # it says a lot
names = ""
stats data using (strcol("level") eq "layer" && strcol("importance_pct") ne "" ? see(strcol("layer")) : 0) nooutput
layers = names
color(l) = l eq "attention" ? 0x0072B2 : l eq "ffn" ? 0xD55E00 : l eq "norm" ? 0xE69F00 : l eq "token_mix" ? 0x009E73 : \
           l eq "merge" ? 0xCC79A7 : 0x7F7F7F
shape(l) = l eq "attention" ? 7 : l eq "ffn" ? 5 : l eq "norm" ? 9 : l eq "token_mix" ? 13 : l eq "merge" ? 11 : 15
drawn(l) = strcol("level") eq "layer" && strcol("layer") eq l
shown(l, c) = drawn(l) && column(c) > 0 ? column(c) : NaN
stats data using (strcol("level") eq "layer" && column("importance_pct") > 0 ? column("importance_pct") : NaN) name "Y" nooutput
set logscale xy
set yrange [Y_min / 2 : Y_max * 2]
set format "%g"
set grid
set multiplot
do for [i = 1:2] {
    cost = i == 1 ? "time_pct" : "compulsory_pct"
    stats data using (strcol("level") eq "layer" && column("importance_pct") > 0 ? column(cost) : NaN) name "X" nooutput
    set xrange [X_min / 1.6 : X_max * 2.2]
    set tmargin at screen 0.84
    set bmargin at screen 0.11
    set lmargin at screen (i == 1 ? 0.07 : 0.50)
    set rmargin at screen (i == 1 ? 0.44 : 0.87)
    set xlabel i == 1 ? "share of time (%)" : "share of compulsory bytes (%)"
    set ylabel i == 1 ? "share of Taylor importance (%)" : ""
    set label 1 (i == 1 ? of_time : of_bytes) at graph 0.5,1.04 center
    if (i == 2) { set key at screen 0.88,0.6 left top Left reverse samplen 1 spacing 1.3 } else { unset key }
    plot x with lines linecolor rgb "#8C8C8C" dashtype 2 title (i == 2 ? "equal shares" : ""), \
         for [k = 1:words(layers)] data using (shown(word(layers, k), cost)):(column("importance_pct")) with points \
             pointtype shape(word(layers, k)) pointsize 0.9 linecolor rgb color(word(layers, k)) title word(layers, k), \
         for [k = 1:words(layers)] data using (shown(word(layers, k), cost)):(column("importance_pct")):(strcol("block")) \
             with labels left offset 0.6,0.2 font ",7" textcolor rgb color(word(layers, k)) notitle
    unset label 101
    unset label 102
}
unset multiplot
