# SPDX-License-Identifier: MIT
# confusion.gp - what images of each class are taken for: a heat map, rows are labels, columns the likeliest class.
# data: CSV, one row per pair of classes: label, label_name, predicted, images, share_pct (of the label; empty where it
# has no images). Names may be empty. Optional: title, subtitle.
set datafile separator ","
set datafile columnheaders
stats data using (column("label")) name "LABEL" nooutput
classes = int(LABEL_max) + 1
named = classes <= 30
width = named ? 260 + 46 * classes : 760
width = width < 520 ? 520 : width
height = named ? 190 + 34 * classes : 720
load palette

unset grid
set size ratio 1
set tmargin 4.5
set lmargin (named ? 14 : 8)
set bmargin (named ? 7 : 4)
set xrange [-0.5 : classes - 0.5]
set yrange [classes - 0.5 : -0.5]
set cbrange [0 : 100]
set palette defined (0 "#FFFFFF", 5 "#DCEAF5", 25 "#8DBFE3", 60 "#2F86C4", 100 "#00457A")
set colorbox
set cblabel "share of the label's images (%)"
set ylabel "label"
set xlabel "likeliest class"
if (named) {
    set xtics rotate by 40 right nomirror
}
shown(s) = s < 0.05 ? "" : s < 9.95 ? sprintf("%.1f", s) : sprintf("%.0f", s)
text_of(name, k) = strlen(name) > 0 ? name : sprintf("%d", k)
plot data using (column("predicted")):(column("label")):(column("share_pct")) with image pixels, \
     (named ? data : "/dev/null") using (column("predicted")):(column("label")):(shown(column("share_pct"))):\
         (column("share_pct") > 45 ? 0xFFFFFF : 0x1A1A1A) with labels textcolor rgb variable font ",9", \
     (named ? data : "/dev/null") using (-0.5):(column("label")):\
         ytic(text_of(stringcolumn("label_name"), column("label"))) with points pointtype -1, \
     (named ? data : "/dev/null") using (column("predicted")):(-0.5):\
         xtic(text_of(stringcolumn("predicted_name"), column("predicted"))) with points pointtype -1
