# SPDX-License-Identifier: MIT
# head_heatmap.gp - one small heat map per attention block: cosine of each pair of heads' attention maps, of the whole.
# data: CSV with number, source (drawn: here), block, head, other, object, measure, value. number: whose rows; model: its name; blocks: how
# many the network has. Optional: subtitle.
across = blocks < 6 ? blocks : blocks <= 8 ? 4 : 6
down = int(ceil(blocks * 1.0 / across))
width = 160 + 160 * across
width = width < 900 ? 900 : width # the heading's, whatever the number of blocks
height = 110 + 185 * down
title = "Cosine of heads' attention maps by block, ".model
load palette

is(b) = column("number") == number && strcol("source") eq "here" && column("block") == b && strcol("object") eq "map" && \
        strcol("measure") eq "cosine_whole"
unset grid
unset colorbox
set palette defined (0 "#FFFFFF", 0.25 "#DCEAF5", 0.5 "#8DBFE3", 0.75 "#2F86C4", 1 "#00457A")
set cbrange [0:1]
set border linecolor rgb "#B0B0B0"
set tics scale 0
side = 123.0 # pixels of a map
room = (width - 110.0) / across # for a map and what stands left of it
room = room > 220 ? 220 : room
left(i) = ((width - 80 - across * room) / 2 + ((i - 1) % across) * room + (room - side) / 2) / width
top(i) = 1 - (70.0 + 185 * ((i - 1) / across)) / height
set multiplot
do for [b = 1:blocks] {
    most = 0
    stats data using (is(b) ? (most = column("head") > most ? column("head") : most) : 0) nooutput
    set lmargin at screen left(b)
    set rmargin at screen left(b) + side / width
    set tmargin at screen top(b) - 22.0 / height
    set bmargin at screen top(b) - (22 + side) / height
    set xrange [-0.5 : most + 0.5]
    set yrange [most + 0.5 : -0.5]
    step = most < 8 ? 1 : most < 16 ? 4 : 8
    set xtics 0,step offset 0,0.5 font ",8"
    set ytics 0,step offset 0.5,0 font ",8"
    set xlabel "head" offset 0,0.9 font ",9"
    set ylabel ((b - 1) % across == 0 ? "head" : "") offset 1.5,0 font ",9"
    set label 1 sprintf("block %d", b) at graph 0.5,1.09 center
    set object 1 rectangle from graph 0,0 to graph 1,1 fillcolor rgb "#EDEDED" fillstyle solid noborder behind
    if (most == 0) {
        set label 2 "one head" at graph 0.5,0.5 center
        plot NaN notitle
        unset label 2
    } else {
        shown(v) = most < 8 ? sprintf("%.2f", v) : ""
        plot data using (is(b) ? column("other") : NaN):(column("head")):(column("other") - 0.5):(column("other") + 0.5): \
                 (column("head") - 0.5):(column("head") + 0.5):(column("value")) with boxxyerror fillstyle solid 1 noborder \
                 linecolor palette notitle, \
             data using (is(b) ? column("other") : NaN):(column("head")):(shown(column("value"))): \
                 (column("value") > 0.6 ? 0xFFFFFF : 0x1A1A1A) with labels font (most < 4 ? ",9" : ",6") textcolor rgb variable notitle
    }
    unset label 101
    unset label 102
}
# The scale, beside all of them.
set lmargin at screen left(across) + (side + 45) / width
set rmargin at screen left(across) + (side + 61) / width
set tmargin at screen 1 - 92.0 / height
set bmargin at screen 1 - 215.0 / height
unset xlabel
unset ylabel
unset object 1
unset label 1
set xrange [0:1]
set yrange [0:1]
unset xtics
unset ytics
set y2tics 0.25 font ",9" offset -0.5,0
set y2range [0:1]
set samples 101
plot "+" using (0.5):(($0) / 100):(0):(1):(($0) / 100 - 0.006):(($0) / 100 + 0.006):(($0) / 100) with boxxyerror fillstyle solid 1 noborder linecolor palette notitle
unset multiplot
