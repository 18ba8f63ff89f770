# SPDX-License-Identifier: MIT
# fig4.gp - the paper's Fig. 4: similarity of heads by block, heads that see all channels and heads that see a slice
# each; a panel for each model and object here (attention maps, outputs), the paper's points in each, since it does not
# tell its object.
# data: CSV with model, heads (full, split), source (here, paper), object, block, similarity_pct, low_pct, high_pct.
# Optional: title, subtitle.
width = 1000
height = 680
load palette
set datafile missing NaN
models = "swin_tiny deit_tiny"
objects = "map output"
here(m, o, h) = strcol("source") eq "here" && strcol("model") eq m && strcol("object") eq o && strcol("heads") eq h
paper(m, h) = strcol("source") eq "paper" && strcol("model") eq m && strcol("heads") eq h
set xrange [0.5:12.5]
set yrange [*<0:100]
set xtics 1
set multiplot
do for [j = 1:2] {
    do for [i = 1:2] {
        m = word(models, i)
        o = word(objects, j)
        set lmargin at screen 0.08 + (i - 1) * 0.47
        set rmargin at screen 0.50 + (i - 1) * 0.47
        set tmargin at screen 0.87 - (j - 1) * 0.40
        set bmargin at screen 0.57 - (j - 1) * 0.40
        across = j == 2 ? "block" : ""
        up = i == 1 ? "cosine similarity (%)" : ""
        set xlabel across
        set ylabel up
        set label 1 (i == 1 ? "Swin-T" : "DeiT-T").(j == 1 ? ", attention maps" : ", head outputs") at graph 0.5,1.06 center
        if (i == 1 && j == 1) { set key at screen 0.5,0.035 center horizontal samplen 2 } else { unset key }
        plot data using (here(m, o, "full") ? column("block") : NaN):(column("low_pct")):(column("high_pct")) with filledcurves fillcolor rgb "#3B75AF" fillstyle transparent solid 0.2 notitle, \
             data using (here(m, o, "split") ? column("block") : NaN):(column("low_pct")):(column("high_pct")) with filledcurves fillcolor rgb "#E69F00" fillstyle transparent solid 0.25 notitle, \
             data using (here(m, o, "full") ? column("block") : NaN):(column("similarity_pct")) with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb "#3B75AF" title "all channels, here", \
             data using (here(m, o, "split") ? column("block") : NaN):(column("similarity_pct")) with linespoints linewidth 2 pointtype 5 pointsize 0.6 linecolor rgb "#E69F00" title "a slice each, here", \
             data using (paper(m, "full") ? column("block") : NaN):(column("similarity_pct")) with linespoints dashtype 3 pointtype 8 pointsize 0.8 linecolor rgb "#99000D" title "all channels, paper", \
             data using (paper(m, "split") ? column("block") : NaN):(column("similarity_pct")) with linespoints dashtype 3 pointtype 10 pointsize 0.8 linecolor rgb "#EF6548" title "a slice each, paper"
        unset label 101
        unset label 102
    }
}
unset multiplot
