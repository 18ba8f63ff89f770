# SPDX-License-Identifier: MIT
# fig5.gp - the paper's Fig. 5: channels of FFN, value and query/key by block relative to the embedding's width, before
# and after pruning by Taylor importance, the paper's points with their reading error; below, accuracy against what is
# left, by criterion. A column for each model.
# data: CSV with model, source (here, untrained, paper), kind (qk, v, ffn), block, before_ratio, after_ratio, error_ratio.
# accuracy: CSV with model, source, network (molchanov, magnitude, random, finetuned, reallocated; the paper's: baseline,
# pruned), macs_pct, top1_pct. Optional: title, subtitle, note.
set datafile separator ","
set datafile columnheaders
n = 1
least = 100
stats data using (strcol("model") eq "deit_tiny" ? (n = 2) : 0) nooutput
tested = ""
stats accuracy using (strcol("top1_pct") eq "" ? 0 : (tested = tested." ".strcol("model"), 0)) nooutput
stats accuracy using (column("macs_pct") < least ? (least = column("macs_pct")) : 0) nooutput
width = n == 1 ? 760 : 1120
height = 940
load palette
if (!exists("note")) note = ""
set datafile missing NaN
models = "swin_tiny deit_tiny"
set label 103 note at screen 0.5,0.014 center font ",11" textcolor rgb "#5A5A5A"
kinds = "ffn v qk"
names_of = "FFN value query/key"
full(m) = m eq "swin_tiny" ? "Swin-T" : "DeiT-T"
is(m, s, k) = strcol("model") eq m && strcol("source") eq s && strcol("kind") eq k
of(m, s, w) = strcol("model") eq m && strcol("source") eq s && strcol("network") eq w
left = n == 1 ? 0.12 : 0.08
room = n == 1 ? 0.84 : 0.42
set multiplot
do for [j = 1:n] {
    m = word(models, j)
    unset label 104
    set lmargin at screen left + (j - 1) * (room + 0.06)
    set rmargin at screen left + (j - 1) * (room + 0.06) + room
    set xrange [0.5:12.5]
    set xtics 1
    set offsets 0,0,0,0
    do for [i = 1:3] {
        k = word(kinds, i)
        set tmargin at screen 0.91 - (i == 1 ? 0 : i == 2 ? 0.20 : 0.34)
        set bmargin at screen 0.91 - (i == 1 ? 0.18 : i == 2 ? 0.32 : 0.46)
        set yrange [0:i == 1 ? 4.4 : 1.1]
        step = i == 1 ? 1 : 0.5
        set ytics step
        set ylabel (j == 1 ? word(names_of, i) : "")
        below = i == 3 ? "%g" : ""
        set format x below
        set xlabel (i == 3 ? "block" : "") offset 0,0.5
        set label 1 (i == 1 ? full(m).": channels / embedding width" : "") at graph 0,1.09 left
        if (i == 1 && j == 1) { set key at screen 0.5,0.385 center vertical samplen 2 maxrows 2 } else { unset key }
        plot data using (is(m, "here", k) ? column("block") : NaN):(column("before_ratio")) with lines dashtype 2 linecolor rgb "#8C8C8C" title "before", \
             data using (is(m, "here", k) ? column("block") : NaN):(column("after_ratio")) with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb "#3B75AF" title "here", \
             data using (is(m, "untrained", k) ? column("block") : NaN):(column("after_ratio")) with lines dashtype 3 linecolor rgb "#3B75AF" title "untrained", \
             data using (is(m, "paper", k) ? column("block") : NaN):(column("after_ratio")):(column("error_ratio")) with yerrorbars pointtype 8 pointsize 0.9 linecolor rgb "#99000D" title "paper, read off"
        unset label 101
        unset label 102
        unset label 103
    }
    set tmargin at screen 0.335
    set bmargin at screen 0.15
    set format x "%g"
    set xrange [least - 2:102]
    if (strstrt(tested, m)) { set yrange [*:*] } else { set yrange [0:1]; set label 104 "not tested" at graph 0.5,0.5 center textcolor rgb "#7A7A7A" }
    set offsets 0,0,graph 0.1,graph 0.1
    set xtics 10
    set ytics autofreq
    set xlabel "MACs left (%)" offset 0,0.5
    set ylabel (j == 1 ? "top-1, proxy (%)" : "")
    set label 1 full(m).": accuracy by what is left" at graph 0,1.06 left
    if (j == 1) { set key at screen 0.5,0.06 center vertical samplen 2 maxrows 3 } else { unset key }
    plot accuracy using (of(m, "here", "molchanov") ? column("macs_pct") : NaN):(column("top1_pct")) with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb "#3B75AF" title "Taylor", \
         accuracy using (of(m, "here", "magnitude") ? column("macs_pct") : NaN):(column("top1_pct")) with linespoints pointtype 5 pointsize 0.5 linecolor rgb "#E69F00" title "magnitude", \
         accuracy using (of(m, "here", "random") ? column("macs_pct") : NaN):(column("top1_pct")) with linespoints pointtype 9 pointsize 0.5 linecolor rgb "#8C8C8C" title "random", \
         accuracy using (of(m, "here", "finetuned") ? column("macs_pct") : NaN):(column("top1_pct")) with points pointtype 3 pointsize 1.2 linewidth 2 linecolor rgb "#3B75AF" title "fine-tuned", \
         accuracy using (of(m, "here", "reallocated") ? column("macs_pct") : NaN):(column("top1_pct")) with points pointtype 12 pointsize 1.2 linewidth 2 linecolor rgb "#009E73" title "widths by Taylor, trained", \
         accuracy using (of(m, "paper", "baseline") || of(m, "paper", "pruned") ? column("macs_pct") : NaN):(column("top1_pct")) with linespoints dashtype 3 pointtype 8 pointsize 0.9 linecolor rgb "#99000D" title "paper, ImageNet (MACs derived)"
}
unset multiplot
