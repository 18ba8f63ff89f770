# SPDX-License-Identifier: MIT
# fig3.gp - the paper's Fig. 3: accuracy against the share of attention layers at equal throughput, a panel for each
# base; here on the left axis (proxy), the paper on the right (ImageNet). Below: memory-bound share of the run time here.
# The paper's points are filled where it prints the number, open where it was read off the figure.
# data: CSV with model, target (1.25x, 1.5x), source (here, paper), mhsa_share_pct, top1_pct and memory_bound_pct with
# low and high, certainty. Optional: title, subtitle.
width = 1040
height = 740
load palette
set datafile missing NaN
models = "swin_tiny deit_tiny"
targets = "1.25x 1.5x"
colors = "0x3B75AF 0xE69F00"
dark = "0x1F4E79 0x99640A"
of(s, m, t) = strcol("source") eq s && strcol("model") eq m && strcol("target") eq t ? column("mhsa_share_pct") : NaN
set xrange [-6:106]
set xtics 20
set label 2 "paper: filled as printed, open as read off its figure" at screen 0.5,0.018 center textcolor rgb "#5A5A5A"
set multiplot
do for [j = 1:2] {
    do for [i = 1:2] {
        m = word(models, i)
        set lmargin at screen 0.075 + (i - 1) * 0.495
        set rmargin at screen 0.425 + (i - 1) * 0.495
        set tmargin at screen j == 1 ? 0.85 : 0.44
        set bmargin at screen j == 1 ? 0.51 : 0.19
        set xlabel (j == 2 ? "attention layers by all layers (%)" : "")
        set ylabel (j == 1 ? "top-1 here, proxy (%)" : "memory-bound here (%)")
        set label 1 (i == 1 ? "Swin" : "DeiT") at graph 0.5,1.06 center
        set offsets 0, 0, graph 0.06, graph 0.06
        have = 0
        stats data using (of("here", m, strcol("target")) >= 0 && strcol(j == 1 ? "top1_pct" : "memory_bound_pct") ne "" ? (have = 1, 0) : 0) nooutput
        if (have) {
            set yrange [*:*]
            unset label 3
        } else {
            set yrange [0:1]
            set label 3 "not measured here" at graph 0.5,0.08 center textcolor rgb "#7A7A7A"
        }
        if (j == 1) {
            set border 11
            set y2label "top-1 in the paper, ImageNet (%)" offset -1,0
            set y2tics nomirror
        } else {
            set border 3
            unset y2label
            unset y2tics
            unset label 1
        }
        if (i == 1 && j == 1) { set key at screen 0.5,0.07 center vertical Left reverse maxrows 2 samplen 2 width -4 } else { unset key }
        if (j == 1) {
            plot for [t = 1:2] data using (of("here", m, word(targets, t))):(column("top1_pct")):(column("top1_low_pct")):(column("top1_high_pct")) with yerrorbars pointsize 0 linewidth 1 linecolor rgb int(word(colors, t)) notitle, \
                 for [t = 1:2] data using (of("here", m, word(targets, t))):(column("top1_pct")) with linespoints linewidth 2 pointtype 7 pointsize 0.7 linecolor rgb int(word(colors, t)) title word(targets, t)." here (proxy)", \
                 for [t = 1:2] data using (of("paper", m, word(targets, t))):(column("top1_pct")) axes x1y2 with linespoints dashtype 3 pointtype 8 pointsize 0.9 linecolor rgb int(word(dark, t)) title word(targets, t)." paper (right axis)", \
                 for [t = 1:2] data using (of("paper", m, word(targets, t))):(strcol("certainty")[1:1] eq "A" ? column("top1_pct") : NaN) axes x1y2 with points pointtype 9 pointsize 0.9 linecolor rgb int(word(dark, t)) notitle
        } else {
            plot for [t = 1:2] data using (of("here", m, word(targets, t))):(column("memory_bound_pct")):(column("memory_bound_low_pct")):(column("memory_bound_high_pct")) with yerrorbars pointsize 0 linewidth 1 linecolor rgb int(word(colors, t)) notitle, \
                 for [t = 1:2] data using (of("here", m, word(targets, t))):(column("memory_bound_pct")) with linespoints linewidth 2 pointtype 7 pointsize 0.7 linecolor rgb int(word(colors, t)) notitle
        }
        unset label 2
        unset label 101
        unset label 102
    }
}
unset multiplot
