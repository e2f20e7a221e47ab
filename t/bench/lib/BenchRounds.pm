# Several rounds, in each of which everything has its turn: what else the machine does meets all.
package BenchRounds;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(rounds seconds in_turn median quartiles spread minus over);

# How often, and how long each turn is measured: BENCH_ROUNDS and BENCH_SECONDS.
sub rounds { return number('BENCH_ROUNDS', 9) }
sub seconds { return number('BENCH_SECONDS', 3) }

sub number {
    my ($name, $default) = @_;
    my $value = $ENV{$name} // $default;
    die "$name is '$value', must be a number from 1 to 1000\n" unless $value =~ /^[1-9]\d{0,2}$|^1000$/;
    return $value;
}

# Call the code for each of them, round by round, and never in the same order: name -> what the code
# returned, in a list by rounds.
sub in_turn {
    my ($names, $code) = @_;
    my @order = @$names;
    my %of;
    for my $round (1 .. rounds()) {
        print STDERR "  round $round of ", rounds(), ":";
        for my $name (@order) {
            push @{$of{$name}}, $code->($name);
            print STDERR " $name";
        }
        print STDERR "\n";
        push @order, shift @order;
    }
    return \%of;
}

sub median { return quantile(0.5, @_) }

# What a half of the values lies between.
sub quartiles { return (quantile(0.25, @_), quantile(0.75, @_)) }

# The median and, in brackets, the quartiles; format: of each.
sub spread {
    my ($format, @values) = @_;
    return sprintf "$format ($format to $format)", median(@values), quartiles(@values);
}

sub quantile {
    my ($part, @values) = @_;
    my @sorted = sort { $a <=> $b } @values;
    my $at = $part * $#sorted;
    my $below = int $at;
    return $sorted[$below] if $below == $#sorted;
    return $sorted[$below] + ($at - $below) * ($sorted[$below + 1] - $sorted[$below]);
}

# Two lists by rounds: their differences and their quotients.
sub minus { my ($x, $y) = @_; return map { $x->[$_] - $y->[$_] } 0 .. $#$x }
sub over { my ($x, $y) = @_; return map { $x->[$_] / $y->[$_] } 0 .. $#$x }

1;
