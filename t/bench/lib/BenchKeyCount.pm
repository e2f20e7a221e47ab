# A thousand keys or a million, in random order: all of them in the key table, and with a window each.
package BenchKeyCount;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchTaiauth;

my @COUNTS = (1000, 10_000, 100_000, 1_000_000);

sub measure {
    my ($run, $report) = @_;
    my @counts = grep { $_ <= most() } @COUNTS;
    my $keys = BenchKeys->new($run, 'keys');
    my $values = $keys->import_many($counts[-1]);
    my %served = map { $_ => serve($run, $keys, $values, $_) } @counts;
    my @turns = map { my $n = $_; map { "$n $_" } qw(free on) } @counts;
    my $seen = in_turn(\@turns, sub {
        my ($n, $page) = split ' ', $_[0];
        return load(%{$served{$n}}, path => "/$page/x", seconds => seconds())->{cpu};
    });
    my @rows = map { row($_, $served{$_}, $seen, $counts[0]) } @counts;
    $_->{server}->stop for values %served;
    report($report, \@rows);
    $report->figures(keys => \@rows);
    return;
}

# BENCH_KEYS: the most that are tried; a million take some minutes and 2 GiB.
sub most {
    my $most = $ENV{BENCH_KEYS} // $COUNTS[-1];
    die "BENCH_KEYS is '$most', must be a number, $COUNTS[1] or more\n" unless $most =~ /^\d+$/ && $most >= $COUNTS[1];
    return $most;
}

# A server that has seen each of the first n keys, and what it is sent.
sub serve {
    my ($run, $keys, $all, $n) = @_;
    my $server = BenchTaiauth->new(run => $run, name => "keys$n", keys => $keys, conf => <<"CONF");
TaiAuthSharedMemory @{[64 + int($n / 1000) * 3]}M
TaiAuthKeyCache @{[int 1.25 * $n]}
CONF
    my %load = (server => $server->start, header => 'X-API-Key', status => 200, values => BenchKeys::first($all, $n));
    load(%load, path => '/on/x');
    return \%load;
}

sub row {
    my ($n, $served, $seen, $fewest) = @_;
    my $server = $served->{server};
    my ($on, $free) = map { $seen->{"$n $_"} } qw(on free);
    return {
        keys         => $n,
        cpu          => median(@$free),
        cpu_ratio    => median(over($free, $seen->{"$fewest free"})),
        limited      => median(@$on),
        limited_ratio => median(over($on, $seen->{"$fewest on"})),
        table_live   => $server->metric('taiauth_key_cache_keys'),
    };
}

sub report {
    my ($report, $rows) = @_;
    my @lines = map {
        my $row = $_;
        [@$row{qw(keys table_live)}, (map { sprintf '%.2f', $row->{$_} } qw(cpu cpu_ratio limited limited_ratio))]
    } @$rows;
    $report->table('Keys in random order: microseconds of processor time for each request',
        ['keys', 'in the table', 'no limit', 'against the fewest', 'a limit each', 'against the fewest'], \@lines);
    my $last = $rows->[-1];
    $report->aim("$last->{keys} keys in random order, against 1000", 'x', '<=', 1.3, $last->{cpu_ratio});
    $report->aim("$last->{keys} keys with a limit each, against 1000", 'x', '<=', 1.3, $last->{limited_ratio});
    return;
}

1;
