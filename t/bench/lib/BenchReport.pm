# What a run has found: tables for people, the figures behind them, and the aims.
#
#   $report->table('Keys', ['keys', 'us'], [[1000, '31.2'], ...], 'a note');
#   $report->figures(keys => {...});
#   $report->aim('memory for each cached key', 'bytes', '<=', 192, $measured);
package BenchReport;

use strict;
use warnings;

use JSON::PP ();

sub new { return bless { tables => [], figures => {}, aims => [] }, $_[0] }

sub table {
    my ($self, $title, $columns, $rows, @notes) = @_;
    my $table = { title => $title, columns => $columns, rows => $rows, notes => \@notes };
    push @{$self->{tables}}, $table;
    print "\n", markdown($table);
    return;
}

sub figures {
    my ($self, $name, $figures) = @_;
    $self->{figures}{$name} = $figures;
    return;
}

# comparison: <=, >= or <
sub aim {
    my ($self, $what, $unit, $comparison, $limit, $measured) = @_;
    my $met = $comparison eq '>=' ? $measured >= $limit : $comparison eq '<' ? $measured < $limit : $measured <= $limit;
    push @{$self->{aims}}, { what => $what, unit => $unit, aim => "$comparison " . shown($limit),
        measured => shown($measured), met => $met ? JSON::PP::true : JSON::PP::false };
    return;
}

sub shown {
    my ($number) = @_;
    return $number if $number =~ /^-?\d+$/;
    return sprintf abs $number < 10 ? '%.2f' : '%.1f', $number;
}

# The last table: what should hold, and whether it does.
sub conclude {
    my ($self) = @_;
    my @rows = map { [$_->{what}, "$_->{aim} $_->{unit}", $_->{measured}, $_->{met} ? 'yes' : '**no**'] } @{$self->{aims}};
    $self->table('Aims', ['what', 'aim', 'measured', 'met'], \@rows) if @rows;
    return;
}

sub markdown {
    my ($table) = @_;
    my @lines = ($table->{columns}, [map { '---' } @{$table->{columns}}], @{$table->{rows}});
    my $body = join '', map { '| ' . join(' | ', @$_) . " |\n" } @lines;
    return "### $table->{title}\n\n$body" . join '', map { "\n$_\n" } @{$table->{notes}};
}

# bench.md, bench.json
sub write {
    my ($self, $dir) = @_;
    put("$dir/bench.md", join "\n", map { markdown($_) } @{$self->{tables}});
    put("$dir/bench.json", JSON::PP->new->canonical->pretty->encode({ %{$self->{figures}}, aims => $self->{aims} }));
    return;
}

sub put {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
    return;
}

1;
