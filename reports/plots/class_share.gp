# SPDX-License-Identifier: MIT
# class_share.gp - horizontal bars: share of a run by operator class.
# data: CSV, one row per class, drawn from the top in file order: class, time_ns, share_pct. Optional: title, subtitle;
# passes: 1 where data has the column pass, whose rows other than "forward" are called after it too.
width = 800
height = 420
load palette
if (!exists("passes")) passes = 0
class_name(unused) = passes && stringcolumn("pass") ne "forward" ? stringcolumn("class")." ".stringcolumn("pass") : stringcolumn("class")
n_row = 0
stats data using (n_row = n_row + 1, see(stringcolumn("class"))) nooutput
stats data using (column("share_pct")) name "share" nooutput

set lmargin passes ? 22 : 14
set rmargin share_max > 80 ? 17 : 4 # texts stand behind the bars
set yrange [-n_row + 0.4 : 0.6]
set xrange [0 : share_max > 80 ? 100 : share_max * 1.25]
set xtics 0, share_max > 50 ? 20 : share_max > 20 ? 10 : 5, 100
set xlabel "share of time (%)"
set format x "%g"
unset grid
set border 1
set ytics scale 0

share_text(pct) = pct > 0 && pct < 0.05 ? "< 0.1 %" : sprintf("%.1f %%", pct)
plot data using (column("share_pct") / 2):(-column(0)):(0):(column("share_pct")):(-column(0) - 0.36):(-column(0) + 0.36): \
         (class_color(stringcolumn("class"))):yticlabels(class_name(0)) with boxxyerror linecolor rgb variable, \
     data using (column("share_pct")):(-column(0)): \
         (share_text(column("share_pct"))."  (".time_text(column("time_ns")).")") \
         with labels left offset 0.7,0 textcolor rgb "#1A1A1A"
