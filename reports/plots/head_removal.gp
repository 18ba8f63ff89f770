# SPDX-License-Identifier: MIT
# head_removal.gp - what the network loses without each head, beside how much the head resembles others: bars by block,
# and a scatter of both, in the colours of the bars.
# data: CSV with number, block, name, head, loss_change and its bounds, logit_change_pct and its bounds, map_similarity,
# output_similarity; rows without a head are left out. number: whose rows; model: its name; labelled: 1 where losses are known, else the
# change of the logits is drawn. Optional: subtitle.
width = 980
height = 640
title = "One head left out, ".model
load palette

effect_of(u) = labelled ? column("loss_change") : column("logit_change_pct")
low(u) = labelled ? column("loss_change_low") : column("logit_change_low_pct")
high(u) = labelled ? column("loss_change_high") : column("logit_change_high_pct")
what = labelled ? "change of the loss" : "change of the logits (%)"
is(u) = column("number") == number && strcol("head") ne ""
stats data using (is(0) ? column("block") : NaN) name "B" nooutput
n_block = int(B_max)
array color[4] = [0x3B75AF, 0xE69F00, 0x009E73, 0xCC79A7]
color_of(b) = b == b ? color[(int(b) - 1) % 4 + 1] : 0

set multiplot
set lmargin at screen 0.08
set rmargin at screen 0.97
set tmargin at screen 0.86
set bmargin at screen 0.56
set ylabel what
set xlabel "heads, block by block (above: block, below: head)"
unset xtics
n = 0
next(u) = (n = n + 1, n)
array start[n_block + 1]
do for [b = 1:n_block + 1] { start[b] = 0 }
count(b) = (n = n + 1, start[b] == 0 ? (start[b] = n) : 0, 0)
stats data using (is(0) ? count(int(column("block"))) : 0) nooutput
total = n
set xtics scale 0 ()
do for [b = 1:n_block] {
    last = b < n_block && start[b + 1] > 0 ? start[b + 1] - 1 : total
    if (start[b] > 0) { set label 200 + b sprintf(n_block > 8 ? "%d" : "block %d", b) at (start[b] + last) / 2.0,graph 1.06 center textcolor rgb color_of(b) }
    if (b > 1) { set arrow 400 + b from start[b] - 0.5,graph 0 to start[b] - 0.5,graph 1 nohead linecolor rgb "#D0D0D0" back }
}
set xrange [0.3:total + 0.7]
set yrange [*<0:*]
n = 0
number_head(h) = (n = n + 1, total <= 48 ? (tics = tics.sprintf(" %d", h)) : 0, 0)
tics = ""
stats data using (is(0) ? number_head(int(column("head"))) : 0) nooutput
do for [i = 1:words(tics)] { set xtics add (word(tics, i) i) }
set xtics font ",9"
n = 0
at = 0
plot data using (is(0) ? (at = next(0)) : NaN):(effect_of(0)):(0.8):(color_of(column("block"))) with boxes linecolor rgb variable notitle, \
     (n = 0, data) using (is(0) ? (at = next(0)) : NaN):(low(0)):(0):(high(0) - low(0)) with vectors nohead linewidth 0.9 linecolor rgb "#1A1A1A" notitle
do for [b = 1:n_block] { unset arrow 400 + b; unset label 200 + b }
unset label 101
unset label 102
set tmargin at screen 0.44
set bmargin at screen 0.09
set xrange [*:*]
set yrange [*<0:*]
set offsets graph 0.06, graph 0.06, graph 0.1, graph 0.06
set xtics auto nomirror scale 0.6 font "" textcolor rgb "#1A1A1A"
do for [s = 1:2] {
    set lmargin at screen (s == 1 ? 0.08 : 0.56)
    set rmargin at screen (s == 1 ? 0.49 : 0.97)
    set ylabel (s == 1 ? what : "")
    set xlabel (s == 1 ? "largest cosine with another head, attention map" : "largest cosine with another head, output")
    plot data using (is(0) ? column(s == 1 ? "map_similarity" : "output_similarity") : NaN):(effect_of(0)):(color_of(column("block"))) \
             with points pointtype 7 pointsize 0.7 linecolor rgb variable notitle
}
unset multiplot
