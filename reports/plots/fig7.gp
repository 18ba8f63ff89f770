# SPDX-License-Identifier: MIT
# fig7.gp - the paper's Fig. 7: accuracy (above) and speed (below) against the width of query and key (left) and of the
# value (right), each as the difference to M4's own width, so that machines and data sets stand beside each other.
# data: CSV with variant (qk4, v0.4, ...), x, form (unscaled, matched), speed_delta_pct, speed_delta_low_pct,
# speed_delta_high_pct, proxy_top1_pct, proxy_top1_delta_points with low and high, paper_top1_delta_points,
# paper_gpu_delta_pct. noise: how far M4 differs from itself in speed, in %: a grey band. Optional: title, subtitle.
width = 960
height = 680
load palette
if (!exists("noise")) noise = 0
set datafile missing NaN
of(k, f, x) = strstrt(strcol("variant"), k) == 1 && strcol("form") eq f ? x : NaN
trained = 0
stats data using (strcol("proxy_top1_pct") eq "" ? 0 : (trained = 1, 0)) nooutput
set multiplot
do for [j = 1:4] {
    k = j % 2 ? "qk" : "v"
    set lmargin at screen 0.09 + ((j - 1) % 2) * 0.49
    set rmargin at screen 0.48 + ((j - 1) % 2) * 0.49
    set tmargin at screen j < 3 ? 0.86 : 0.49
    set bmargin at screen j < 3 ? 0.58 : 0.21
    if (j % 2) { set logscale x 2; set xrange [3.4:76]; set xtics (4, 8, 16, 32, 64) } else { unset logscale x; set xrange [0.35:1.25]; set xtics 0.2 }
    set xlabel (j < 3 ? "" : j == 3 ? "width of query and key of a head" : "width of the value by the width it is made from")
    set ylabel (j == 1 ? "top-1 against M4 (points)" : j == 3 ? "images/s against M4 (%)" : "")
    set offsets 0, 0, graph 0.08, graph 0.08
    if (j < 3 && !trained) { set label 103 "here: not trained at this budget" at graph 0.5,0.08 center textcolor rgb "#7A7A7A" } else { unset label 103 }
    if (j > 2 && noise > 0) { set object 1 rectangle from graph 0,first -noise to graph 1,first noise fillcolor rgb "#E6E6E6" fillstyle solid noborder behind } else { unset object 1 }
    y = j < 3 ? "proxy_top1_delta_points" : "speed_delta_pct"
    low = j < 3 ? "proxy_top1_delta_low_points" : "speed_delta_low_pct"
    high = j < 3 ? "proxy_top1_delta_high_points" : "speed_delta_high_pct"
    paper = j < 3 ? "paper_top1_delta_points" : "paper_gpu_delta_pct"
    if (j == 3) { set key at screen 0.5,0.06 center vertical Left reverse maxrows 2 samplen 2 width -6 } else { unset key }
    plot data using (of(k, "unscaled", column("x"))):(column(y)):(column(low)):(column(high)) with yerrorbars pointsize 0 linewidth 1 linecolor rgb "#3B75AF" notitle, \
         data using (of(k, "matched", column("x"))):(column(y)):(column(low)):(column(high)) with yerrorbars pointsize 0 linewidth 1 linecolor rgb "#56B4E9" notitle, \
         data using (of(k, "unscaled", column("x"))):(column(y)) smooth unique with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb "#3B75AF" title "here (top-1: proxy), as it is", \
         data using (of(k, "matched", column("x"))):(column(y)) smooth unique with linespoints linewidth 2 pointtype 5 pointsize 0.6 linecolor rgb "#56B4E9" title "here (top-1: proxy), scaled to M4's speed", \
         data using (of(k, "unscaled", column("x"))):(column(paper)) smooth unique with linespoints dashtype 3 pointtype 8 pointsize 0.8 linecolor rgb "#99000D" title "paper: ImageNet, V100"
    unset label 101
    unset label 102
}
unset multiplot
