# SPDX-License-Identifier: MIT
# importance_check.gp - change of the loss when one group of channels is masked: predicted by a first-order Taylor
# expansion against true, a panel for each kind of group.
# data: CSV with kind, predicted_change, true_change. model: its name. Optional: subtitle.
width = 1000
height = 660
title = "Loss without a channel: predicted and true, ".model
load palette
names = ""
stats data using (see(strcol("kind"))) nooutput
kinds = ""
do for [k in "qk v ffn head embed"] { kinds = kinds.(strstrt(names, '"'.k.'"') ? " ".k : "") }
full(k) = k eq "qk" ? "query/key channel" : k eq "v" ? "value channel" : k eq "ffn" ? "FFN hidden channel" : k eq "head" ? "attention head" : "embedding channel"
is(k) = strcol("kind") eq k
set multiplot
set format "%.2g"
set grid
do for [i = 1:words(kinds)] {
    k = word(kinds, i)
    column_ = (i - 1) % 3
    row = (i - 1) / 3
    set lmargin at screen 0.10 + column_ * 0.31
    set rmargin at screen 0.33 + column_ * 0.31
    set tmargin at screen 0.85 - row * 0.43
    set bmargin at screen 0.54 - row * 0.43
    set xrange [*:*]
    set yrange [*:*]
    stats data using (is(k) ? column("predicted_change") : NaN):(is(k) ? column("true_change") : NaN) name "S" nooutput
    low = S_min_x < S_min_y ? S_min_x : S_min_y
    high = S_max_x > S_max_y ? S_max_x : S_max_y
    room = high > low ? 0.06 * (high - low) : 1
    set xrange [low - room : high + room]
    set yrange [low - room : high + room]
    step = 10 ** floor(log10(high - low + 2 * room))
    step = (high - low + 2 * room) / step < 2 ? step / 2 : (high - low + 2 * room) / step < 5 ? step : 2 * step
    set xtics step
    set ytics step
    under = i + 3 > words(kinds) ? "predicted" : ""
    beside = column_ == 0 ? "true" : ""
    set xlabel under
    set ylabel beside offset 1,0
    set label 1 sprintf("%s, r = %.2f", full(k), S_correlation) at graph 0.5,1.07 center
    plot x with lines linecolor rgb "#8C8C8C" dashtype 2 notitle, \
         data using (is(k) ? column("predicted_change") : NaN):(column("true_change")) with points pointtype 7 pointsize 0.6 linecolor rgb "#3B75AF" notitle
    unset label 101
    unset label 102
}
unset multiplot
