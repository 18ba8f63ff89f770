# SPDX-License-Identifier: MIT
# learning_curves.gp - loss and accuracy after each epoch.
# data: CSV, one row per epoch: epoch, train_loss, val_loss, top1_pct, ema_top1_pct; all but the first two may be empty.
# Optional: title, subtitle.
width = 900
height = 420
load palette

set datafile missing NaN
stats data using (column("val_loss")) name "VAL" nooutput
stats data using (column("ema_top1_pct")) name "EMA" nooutput
stats data using (column("epoch")) name "EPOCH" nooutput
has_val = exists("VAL_records") && VAL_records > 0
has_ema = exists("EMA_records") && EMA_records > 0

# One epoch alone has no range of its own: losses and accuracies start at 0.
if (EPOCH_records == 1) { set yrange [0:*]; set offsets 0,0,graph 0.15,0 }

set xlabel "epoch"
set xrange [0.5 : EPOCH_max + 0.5]
if (EPOCH_max <= 15) set xtics 1
set bmargin 3.5
set multiplot layout 1, (has_val ? 2 : 1)
set ylabel "loss"
set key inside right top Left reverse samplen 2
plot data using (column("epoch")):(column("train_loss")) with linespoints pointtype 7 pointsize 0.4 linewidth 1.6 \
         linecolor rgb 0x0072B2 title "training", \
     (has_val ? data : "/dev/null") using (column("epoch")):(column("val_loss")) with linespoints pointtype 6 pointsize 0.5 \
         linewidth 1.6 linecolor rgb 0xD55E00 title (has_val ? "validation" : "")
if (has_val) {
    unset label 101
    unset label 102
    set ylabel "top-1 accuracy (%)"
    set key inside right bottom Left reverse samplen 2
    plot data using (column("epoch")):(column("top1_pct")) with linespoints pointtype 6 pointsize 0.5 linewidth 1.6 \
             linecolor rgb 0xD55E00 title "validation", \
         (has_ema ? data : "/dev/null") using (column("epoch")):(column("ema_top1_pct")) with linespoints pointtype 4 \
             pointsize 0.5 linewidth 1.6 linecolor rgb 0x009E73 title (has_ema ? "validation, averaged weights" : "")
}
unset multiplot
