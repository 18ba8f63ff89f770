# SPDX-License-Identifier: MIT
# importance_widths.gp - the paper's Fig. 5: channels of query/key, value and FFN by block relative to the embedding's
# width, before and after those of least importance went; the paper's points beside.
# data: CSV with source (here, paper), kind (qk, v, ffn), place, ratio_before, ratio_after. model: its name. Optional:
# subtitle.
width = 900
height = 620
title = "Channels left by importance, ".model
load palette
set datafile missing NaN
is(s, k) = strcol("source") eq s && strcol("kind") eq k
papers = 0
stats data using (strcol("source") eq "paper" ? (papers = 1) : 0) nooutput
kinds = "ffn v qk"
names_of = "FFN value query/key"
array color[3] = [0x3B75AF, 0x009E73, 0xD55E00]
set multiplot
set lmargin at screen 0.09
set rmargin at screen 0.80
set xrange [0.5:*]
set xtics 1
do for [i = 1:3] {
    k = word(kinds, i)
    set tmargin at screen 0.88 - (i == 1 ? 0 : i == 2 ? 0.40 : 0.62)
    set bmargin at screen 0.88 - (i == 1 ? 0.36 : i == 2 ? 0.58 : 0.80)
    set yrange [0:*]
    step = i == 1 ? 1 : 0.5
    set ytics step
    set ylabel word(names_of, i)
    below = i == 3 ? "%g" : ""
    set format x below
    set xlabel (i == 3 ? "block (FFNs: in their order)" : "")
    set label 1 (i == 1 ? "channels / embedding width" : "") at graph 0,1.04 left
    set key at screen 0.82, screen (i == 1 ? 0.86 : i == 2 ? 0.46 : 0.24) left top reverse Left samplen 2 spacing 1.2
    plot data using (is("here", k) ? column("place") : NaN):(column("ratio_before")) with lines dashtype 2 linecolor rgb "#8C8C8C" title "before", \
         data using (is("here", k) ? column("place") : NaN):(column("ratio_after")) with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb color[i] title "here", \
         for [p = 1:papers] data using (is("paper", k) ? column("place") : NaN):(column("ratio_after")) with points pointtype 8 pointsize 0.9 linecolor rgb "#99000D" title "paper, Swin-T"
    unset label 101
    unset label 102
}
unset multiplot
