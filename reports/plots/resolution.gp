# SPDX-License-Identifier: MIT
# resolution.gp - figures of models against the side of the input, with the power laws that were fitted.
# data: CSV, one row per model and size: model, image_size, and the columns named in quantities (separated by blanks;
# labels: a word for each). exponents: CSV with model, quantity, exponent, exponent_low, exponent_high,
# factor (of pixels). low, high: columns of error bars, or "". axis: label; scale: its unit. logarithmic: 0 or 1 (with
# lines of the laws). Optional: title, subtitle.
width = words(quantities) > 1 ? 1060 : 900
height = 560
load palette

names = ""
stats data using (see(stringcolumn("model"))) nooutput
models = names
sizes = ""
stats data using (strstrt(sizes, " ".stringcolumn("image_size")." ") ? 0 : (sizes = sizes." ".stringcolumn("image_size")." ", 0)) nooutput
colors = "0x0072B2 0xD55E00 0x009E73 0xCC79A7 0xE69F00 0x56B4E9 0x999999"
color_of(m) = int(word(colors, m > 7 ? 7 : m))
of(m, q) = stringcolumn("model") eq word(models, m) ? column(word(quantities, q)) / scale : NaN
side(m) = stringcolumn("model") eq word(models, m) ? column("image_size") : NaN
law(m, q) = stringcolumn("model") eq word(models, m) && stringcolumn("quantity") eq word(quantities, q)
# The laws as lists: word (m - 1) * words(quantities) + q is that of model m and quantity q.
fit_e = ""
fit_low = ""
fit_high = ""
fit_f = ""
do for [m = 1:words(models)] {
    do for [q = 1:words(quantities)] {
        e = NaN
        f = NaN
        low_ = NaN
        high_ = NaN
        stats exponents using (law(m, q) ? (e = column("exponent"), f = column("factor"), low_ = column("exponent_low"), high_ = column("exponent_high"), 0) : 0) nooutput
        fit_e = fit_e.sprintf(" %g", e)
        fit_low = fit_low.sprintf(" %g", low_)
        fit_high = fit_high.sprintf(" %g", high_)
        fit_f = fit_f.sprintf(" %.17g", f)
    }
}
at(m, q) = (m - 1) * words(quantities) + q
number(list, m, q) = word(list, at(m, q)) eq "nan" || word(list, at(m, q)) eq "NaN" ? NaN : real(word(list, at(m, q)))
law_text(m, q) = number(fit_e, m, q) != number(fit_e, m, q) ? "" : \
    sprintf(": pixels^%.2f", number(fit_e, m, q)).(number(fit_low, m, q) != number(fit_low, m, q) ? "" : \
    sprintf(" [%.2f, %.2f]", number(fit_low, m, q), number(fit_high, m, q)))
# A quantity without points has no entry: not measured, or 0 where the axis is logarithmic.
measured = ""
do for [m = 1:words(models)] { do for [q = 1:words(quantities)] {
    some = 0
    stats data using (of(m, q) > 0 || (!logarithmic && of(m, q) == of(m, q)) ? (some = 1) : 0) nooutput
    measured = measured.sprintf(" %d", some)
} }
entry(m, q) = word(measured, at(m, q)) eq "0" ? "" : word(models, m).(words(quantities) > 1 ? ", ".word(labels, q) : "").(logarithmic ? law_text(m, q) : "")
curve(m, q, x) = logarithmic ? number(fit_f, m, q) * (x ** 2) ** number(fit_e, m, q) / scale : NaN

set lmargin 11
set datafile missing NaN # lines go on over rows of other models
set logscale x
set xtics ()
do for [i = 1:words(sizes)] { set xtics add (word(sizes, i) real(word(sizes, i))) }
stats data using "image_size" name "S" nooutput
set xrange [S_min / 1.08 : S_max * 1.08]
set xlabel "side of the input (pixels)"
set ylabel axis offset 0.5,0
if (logarithmic) { set logscale y } else { set yrange [0 : *] }
set samples 200
set key outside right center reverse Left samplen 2 spacing 1.3
plot for [m = 1:words(models)] for [q = 1:words(quantities)] data using (side(m)):(logarithmic ? curve(m, q, side(m)) : of(m, q)) \
         smooth unique with lines linewidth 1.4 dashtype q linecolor rgb color_of(m) notitle, \
     for [m = 1:words(models)] for [q = 1:words(quantities)] data using (side(m)):(of(m, q)) \
         with points pointtype (q == 1 ? 7 : 6) pointsize 0.9 linecolor rgb color_of(m) title entry(m, q), \
     for [m = 1:(low eq "" ? 0 : words(models))] data using (side(m)):(of(m, 1)):(column(low) / scale):(column(high) / scale) \
         with yerrorbars pointtype 7 pointsize 0.9 linewidth 1 linecolor rgb color_of(m) notitle
