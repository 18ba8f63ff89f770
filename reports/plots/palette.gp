# SPDX-License-Identifier: MIT
# palette.gp - what all figures share: terminal, fonts, colours of operator classes, text of numbers.
# A figure sets width and height (in SVG pixels) and then loads this; the program has set suffix and output.
# Colours are Okabe and Ito's, told apart by readers with any colour vision: blues compute, warm colours move or touch memory.
set encoding utf8
if (suffix eq "svg") \
    set terminal svg noenhanced size width,height font "sans-serif,12" background rgb "#FFFFFF"; \
else \
    set terminal pngcairo noenhanced size 2*width,2*height font "Sans,12" fontscale 1.7 linewidth 2 pointscale 2 background rgb "#FFFFFF"
set output output

set datafile separator ","
set datafile columnheaders
set border 3 linecolor rgb "#4D4D4D" linewidth 0.8
set tics nomirror out scale 0.6 textcolor rgb "#1A1A1A"
set grid linetype 1 linecolor rgb "#E3E3E3" linewidth 0.6
set style fill solid 1.0 noborder
unset key

# The heading: title in bold, below it the settings that the numbers hold for.
if (!exists("title")) title = ""
if (!exists("subtitle")) subtitle = ""
# The svg terminal knows no bold face: it would take ":Bold" for a part of the family's name.
bold = (suffix eq "svg" ? "sans-serif" : "Sans:Bold")
set label 101 title at screen 0.5,1 center offset 0,-1.3 font bold.",14" textcolor rgb "#1A1A1A"
set label 102 subtitle at screen 0.5,1 center offset 0,-2.7 textcolor rgb "#5A5A5A"
set tmargin 4.5

class_color(c) = c eq "gemm"        ? 0x0072B2 : \
                 c eq "conv"        ? 0x56B4E9 : \
                 c eq "softmax"     ? 0x009E73 : \
                 c eq "norm"        ? 0xE69F00 : \
                 c eq "elementwise" ? 0xF0E442 : \
                 c eq "movement"    ? 0xD55E00 : \
                 c eq "reduction"   ? 0xCC79A7 : 0x999999
known = '"gemm" "conv" "softmax" "norm" "elementwise" "movement" "reduction"'

# Distinct texts of a column in order of appearance, as quoted words: names = ""; stats data using (see(stringcolumn("class"))) ...
names = ""
see(s) = (strstrt(names, '"'.s.'"') ? 0 : (names = names.' "'.s.'"'), 0)
# Position of a text among them, from 1.
place(s) = (found = 0, sum [i = 1:words(names)] (word(names, i) eq s ? (found = i) : 0), found)
# Classes in the order of `known`, unknown ones after them.
ordered(list) = (kept = "", \
    sum [i = 1:words(known)] (strstrt(list, '"'.word(known, i).'"') ? (kept = kept.' "'.word(known, i).'"', 0) : 0), \
    sum [i = 1:words(list)] (strstrt(known, '"'.word(list, i).'"') ? 0 : (kept = kept.' "'.word(list, i).'"', 0)), kept)

time_text(ns) = ns >= 1e9 ? sprintf("%.3g s", ns / 1e9) : ns >= 1e6 ? sprintf("%.3g ms", ns / 1e6) : \
                ns >= 1e3 ? sprintf("%.3g µs", ns / 1e3) : sprintf("%.3g ns", ns)
