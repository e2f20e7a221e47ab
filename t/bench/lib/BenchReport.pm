# What a run has found: tables for people, the figures behind them, and the aims.
#
#   $report->table('Keys', ['keys', 'us'], [[1000, '31.2'], ...], 'a note');
#   $report->figures(keys => {...});
#   $report->aim('memory for each cached key', 'bytes', '<=', 192, $measured);
package BenchReport;

use strict;
use warnings;

use JSON::PP ();

my $QUIET = 5; # percent of the processor time that others may have had

# machine: as BenchMachine describes it
sub new {
    my ($class, $machine) = @_;
    return bless { machine => $machine, tables => [], figures => {}, aims => [] }, $class;
}

sub table {
    my ($self, $title, $columns, $rows, @notes) = @_;
    $self->add({ title => $title, columns => $columns, rows => $rows, notes => \@notes });
    return;
}

sub add {
    my ($self, $table) = @_;
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

# The last table: what should hold, and whether it does. Others: how much of the processor time others
# than the servers and their load had, in percent.
sub conclude {
    my ($self, $others) = @_;
    @{$self->{machine}}{qw(others_percent quiet)} = ($others, $others <= $QUIET ? JSON::PP::true : JSON::PP::false);
    $self->add(aims_table($self->{aims}, $self->{machine})) if @{$self->{aims}};
    return;
}

sub aims_table {
    my ($aims, $machine) = @_;
    my @rows = map { [$_->{what}, "$_->{aim} $_->{unit}", $_->{measured}, $_->{met} ? 'yes' : '**no**'] } @$aims;
    my $note = sprintf 'Of the processor time that was used meanwhile, %.0f %% was that of others.', $machine->{others_percent};
    $note .= ' **That is too much: measure on a machine that does nothing else.**' unless $machine->{quiet};
    return { title => 'Aims', columns => ['what', 'aim', 'measured', 'met'], rows => \@rows, notes => [$note] };
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
    put("$dir/bench.md", join "\n", $self->head, map { markdown($_) } @{$self->{tables}});
    put("$dir/bench.json", JSON::PP->new->canonical->pretty->encode(
        { %{$self->{figures}}, machine => $self->{machine}, aims => $self->{aims} }));
    return;
}

sub head {
    my ($self) = @_;
    my %of = %{$self->{machine}};
    my $servers = join ', ', grep { defined } @of{qw(httpd nginx haproxy postgresql mariadb redis wrk)};
    return <<"HEAD";
# Measurements

By `make bench`, $of{date}: $of{processor}, $of{processors} processors, $of{kernel}; $servers.
How each is made: [t/bench](../../t/bench/README.md).
HEAD
}

sub put {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
    return;
}

1;
