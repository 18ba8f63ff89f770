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
label_of(unused) = is("here") ? stringcolumn("model") : stringcolumn("family")." ".stringcolumn("model")

set lmargin 9
set logscale x 2
set offsets graph 0.06, graph 0.12, graph 0.04, graph 0.04
set xlabel "throughput by that of EfficientViT-M5 on the same machine"
set ylabel "published ImageNet top-1 (%)"
set key bottom left reverse Left samplen 1.5 spacing 1.3
plot data using (x_of("paper")):(column("top1_pct")):(color_of(stringcolumn("family"))) with points pointtype 6 \
         pointsize 1 linewidth 1 linecolor rgb variable notitle, \
     data using (x_of("paper")):(column("top1_pct")):(label_of(0)) with labels left offset 0.7,-0.5 font ",8" \
         textcolor rgb "#8C8C8C" notitle, \
     data using (x_of("here")):(column("top1_pct")):(column("low_by_m5")):(column("high_by_m5")): \
         (color_of(stringcolumn("family"))) with xerrorbars pointtype 7 pointsize 1.1 linewidth 1.2 \
         linecolor rgb variable notitle, \
     data using (x_of("here")):(column("top1_pct")):(label_of(0)) with labels left offset 0.7,0.6 font ",10" \
         textcolor rgb "#1A1A1A" notitle, \
     NaN with points pointtype 7 linecolor rgb "#1A1A1A" title "here (bars: quartiles)", \
     NaN with points pointtype 6 linecolor rgb "#1A1A1A" title "paper, V100 (D: read off the image)"
