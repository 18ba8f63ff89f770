# SPDX-License-Identifier: MIT
# head_similarity.gp - the paper's Fig. 4: similarity of heads by block, mean of each head's largest cosine with another
# head: this machine with its interval, the network as training begins, and the paper's points; SHViT's means over pairs.
# data: CSV with number, source, block (empty: mean), object, measure, reduction, value, low, high; here and random are
# drawn of cosines of the whole. number: whose rows; model: its name. Optional: subtitle.
width = 900
height = 520
title = "Similarity of heads by block, ".model
load palette
set datafile missing NaN # lines go on past rows of others

largest(s) = column("number") == number && strcol("reduction") eq "mean_max" && strcol("source") eq s && strcol("block") ne ""
is(s, o) = largest(s) && strcol("measure") eq "cosine_whole" && strcol("object") eq o
pairs(s, o) = column("number") == number && strcol("reduction") eq "mean" && strcol("source") eq s && strcol("block") ne "" && \
              strcol("measure") eq "cosine_whole" && strcol("object") eq o
published(s) = column("number") == number && strcol("source") eq s && strcol("block") ne ""
names = ""
stats data using (column("number") == number && strstrt(strcol("source"), ":") && strcol("block") ne "" ? see(strcol("source")) : 0) nooutput
papers = names
randoms = 0
stats data using (strcol("source") eq "random" && column("number") == number ? (randoms = 1) : 0) nooutput

stats data using (column("number") == number ? column("block") : NaN) name "B" nooutput
set xrange [0.5:B_max + 0.5]
set yrange [*<0:100]
set xtics 1
set xlabel "attention block"
set ylabel "cosine similarity (%)"
set key outside right center reverse Left samplen 2 spacing 1.3
paper_color(i) = word("#99000D #EF6548 #7A7A7A #A6A6A6", i > 4 ? 4 : i)
plot data using (is("here", "map") ? column("block") : NaN):(100 * column("low")):(100 * column("high")) \
         with filledcurves fillcolor rgb "#3B75AF" fillstyle transparent solid 0.2 notitle, \
     data using (is("here", "output") ? column("block") : NaN):(100 * column("low")):(100 * column("high")) \
         with filledcurves fillcolor rgb "#009E73" fillstyle transparent solid 0.2 notitle, \
     data using (is("here", "map") ? column("block") : NaN):(100 * column("value")) \
         with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb "#3B75AF" title "maps, mean of maxima", \
     data using (pairs("here", "map") ? column("block") : NaN):(100 * column("value")) \
         with lines linewidth 1.2 dashtype 3 linecolor rgb "#3B75AF" title "maps, mean of pairs", \
     (randoms ? data : "/dev/null") using (is("random", "map") ? column("block") : NaN):(100 * column("value")) \
         with lines linewidth 1.2 dashtype 2 linecolor rgb "#8DBFE3" title (randoms ? "maps, as training begins" : ""), \
     data using (is("here", "output") ? column("block") : NaN):(100 * column("value")) \
         with linespoints linewidth 2 pointtype 5 pointsize 0.5 linecolor rgb "#009E73" title "outputs, mean of maxima", \
     (randoms ? data : "/dev/null") using (is("random", "output") ? column("block") : NaN):(100 * column("value")) \
         with lines linewidth 1.2 dashtype 2 linecolor rgb "#8FD3BE" title (randoms ? "outputs, as training begins" : ""), \
     for [i = 1:words(papers)] data using (published(word(papers, i)) ? column("block") : NaN):(100 * column("value")) \
         with points pointtype (i < 3 ? 2 * i + 6 : 2 * i - 4) pointsize 0.8 linecolor rgb paper_color(i) title word(papers, i)
