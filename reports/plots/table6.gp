# SPDX-License-Identifier: MIT
# table6.gp - the paper's table 6 as a picture: a line for each variant of M4, what it changes of speed on the left and
# of accuracy on the right, here in two forms and in the paper. M4 itself is 0 by definition.
# data: CSV with position, label, form (unscaled, matched), speed_delta_pct, speed_delta_low_pct, speed_delta_high_pct,
# proxy_top1_pct, proxy_top1_delta_points with low and high, paper_top1_delta_points, paper_gpu_delta_pct,
# paper_onnx_delta_pct. rows: how many variants, with the baseline. noise: how far M4 differs from itself in
# speed, in %: a grey band. Optional: title, subtitle.
width = 1020
height = 640
load palette
if (!exists("noise")) noise = 0
set datafile missing NaN
in(f, x) = strcol("form") eq f ? x : NaN
changed(f, x) = strcol("form") eq f && column("position") > 0 ? x : NaN
at(d) = column("position") + d
set yrange [rows - 0.4:-0.6]
trained = 0
stats data using (strcol("proxy_top1_pct") eq "" ? 0 : (trained = 1, 0)) nooutput
set arrow 1 from 0,graph 0 to 0,graph 1 nohead linecolor rgb "#7A7A7A" linewidth 1 back
set multiplot
do for [j = 1:2] {
    set lmargin at screen j == 1 ? 0.2 : 0.62
    set rmargin at screen j == 1 ? 0.58 : 0.985
    set tmargin at screen 0.87
    set bmargin at screen 0.22
    set xlabel (j == 1 ? "images/s against M4 (%)" : "top-1 against M4 (points)")
    if (j == 1 && noise > 0) { set object 1 rectangle from first -noise,graph 0 to first noise,graph 1 fillcolor rgb "#E6E6E6" fillstyle solid noborder behind } else { unset object 1 }
    if (j == 1) {
        set key at screen 0.5,0.055 center vertical Left reverse maxrows 2 samplen 2 width -4
        plot data using (in("unscaled", column("speed_delta_pct"))):(at(-0.24)):(column("speed_delta_low_pct")):(column("speed_delta_high_pct")):ytic(strcol("label")) \
                 with xerrorbars pointtype 7 pointsize 0.7 linewidth 1.3 linecolor rgb "#3B75AF" title "here (top-1: proxy), as it is", \
             data using (changed("matched", column("speed_delta_pct"))):(at(-0.08)):(column("speed_delta_low_pct")):(column("speed_delta_high_pct")) \
                 with xerrorbars pointtype 5 pointsize 0.7 linewidth 1.3 linecolor rgb "#56B4E9" title "here (top-1: proxy), scaled to M4's speed", \
             data using (changed("unscaled", column("paper_gpu_delta_pct"))):(at(0.08)) with points pointtype 8 pointsize 1 linecolor rgb "#99000D" title "paper: V100; ImageNet, 100 epochs", \
             data using (changed("unscaled", column("paper_onnx_delta_pct"))):(at(0.24)) with points pointtype 10 pointsize 1 linecolor rgb "#EF6548" title "paper: ONNX Runtime, Xeon"
    } else {
        unset key
        set ytics -0.24,1 format ""
        if (!trained) { set label 103 "here: not trained at this budget" at graph 0.45,0.97 center textcolor rgb "#7A7A7A" }
        plot data using (changed("unscaled", column("proxy_top1_delta_points"))):(at(-0.24)):(column("proxy_top1_delta_low_points")):(column("proxy_top1_delta_high_points")) \
                 with xerrorbars pointtype 7 pointsize 0.7 linewidth 1.3 linecolor rgb "#3B75AF", \
             data using (changed("matched", column("proxy_top1_delta_points"))):(at(-0.08)):(column("proxy_top1_delta_low_points")):(column("proxy_top1_delta_high_points")) \
                 with xerrorbars pointtype 5 pointsize 0.7 linewidth 1.3 linecolor rgb "#56B4E9", \
             data using (changed("unscaled", column("paper_top1_delta_points"))):(at(0.08)) with points pointtype 8 pointsize 1 linecolor rgb "#99000D"
    }
    unset label 101
    unset label 102
}
unset multiplot
