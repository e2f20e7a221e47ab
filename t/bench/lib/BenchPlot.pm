# Bars as SVG, drawn by gnuplot.
package BenchPlot;

use strict;
use warnings;

# What each adds to its own server, and what half of the rounds lie between: rows as
# BenchContenders makes them.
sub contenders {
    my ($path, $rows) = @_;
    my $data = join '', map {
        sprintf "\"%s\" %g %g %g\n", $_->{title} =~ s/, /\\n/gr =~ tr/*`//dr, $_->{added}, @{$_->{added_quartiles}}
    } @$rows;
    open my $gnuplot, '|-', 'gnuplot' or die "gnuplot: $!\n";
    print $gnuplot <<"PLOT";
set terminal svg size 900,420 dynamic noenhanced background rgb 'white' font 'sans-serif,12'
set output '$path'
set title 'Processor time that a check adds to a request of the same server'
set ylabel 'microseconds'
set yrange [0:*]
set grid ytics
set key off
set boxwidth 0.6
set style fill solid 0.8
set xtics scale 0
set bmargin 6
\$rows << END
${data}END
plot \$rows using 0:2:xticlabels(1) with boxes linecolor rgb '#3b6ea5', \\
    \$rows using 0:2:3:4 with yerrorbars linecolor rgb 'black' pointtype 0, \\
    \$rows using 0:4:(sprintf('%.1f', \$2)) with labels offset 0,0.8
PLOT
    close $gnuplot or die "gnuplot failed\n";
    return;
}

1;
