# The same keys in each database: those that are in the key table, those that are asked for the first
# time, and a server that has no table.
package BenchDatabases;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchService;
use BenchTaiauth;

my $KEYS = 10_000;

# name | title; the first one is what the others are compared with
my @DATABASES = ([qw(sqlite3 SQLite)], [qw(postgresql PostgreSQL)], [qw(mariadb MariaDB)]);

# turn | TaiAuthKeyCache | what it measures, as outcome -> title
my @TURNS = (
    [cached => 100_000, [cold => 'asked for the first time'], [warm => 'in the table']],
    [uncached => 'Off', [warm => '`TaiAuthKeyCache Off`']],
);

sub measure {
    my ($run, $report, %skipped) = @_;
    my @names = grep { !$skipped{$_} } map { $_->[0] } @DATABASES;
    my %load = map { $_ => place($run, $_) } @names;
    my $seen = in_turn([map { my $turn = $_->[0]; map { "$_ $turn" } @names } @TURNS], sub {
        my ($name, $turn) = split ' ', $_[0];
        return turn($load{$name}, @{(grep { $_->[0] eq $turn } @TURNS)[0]});
    });
    report($report, $seen, @names);
    return;
}

# What a database is loaded with: its servers, and its own server, unless it is a file.
sub place {
    my ($run, $name) = @_;
    my $service = $name eq 'sqlite3' ? undef : BenchService->start($run, $name);
    my $keys = BenchKeys->new($run, "keys_$name", $service);
    my $values = $keys->import_many($KEYS);
    my %servers = map { my ($turn, $cache) = @$_; $turn => BenchTaiauth->new(run => $run, name => "$name.$turn",
        keys => $keys, conf => "TaiAuthKeyCache $cache\n") } @TURNS;
    return { service => $service, servers => \%servers,
        load => { path => '/on/x', header => 'X-API-Key', status => 200, values => $values } };
}

# Cold: each key once, the table being empty. Warm: at random.
sub turn {
    my ($place, $turn, undef, @kinds) = @_;
    my $server = $place->{servers}{$turn}->start;
    my %seen = map { my $outcome = $_->[0]; $outcome => loaded($place, $server, $outcome eq 'cold' ? undef : seconds()) } @kinds;
    $server->stop;
    return \%seen;
}

sub loaded {
    my ($place, $server, $seconds) = @_;
    my $before = $place->{service} ? $place->{service}->cpu : 0;
    my $seen = load(%{$place->{load}}, server => $server, seconds => $seconds);
    $seen->{database_cpu} = 1e6 * ($place->{service}->cpu - $before) / $seen->{requests} if $place->{service};
    return $seen;
}

sub report {
    my ($report, $seen, @names) = @_;
    my %title = map { @$_ } @DATABASES;
    my (@lines, %figures);
    for my $turn (@TURNS) {
        my ($turn_name, undef, @kinds) = @$turn;
        for my $kind (@kinds) {
            my ($outcome, $kind_title) = @$kind;
            my %of = map { $_ => [map { $_->{$outcome} } @{$seen->{"$_ $turn_name"}}] } @names;
            push @lines, map { ["$title{$_}, $kind_title", line($of{$_}, $of{$names[0]})] } @names;
            $figures{"$turn_name $outcome"} = \%of;
        }
    }
    $report->table('Databases: a key that is in the table, and one that is not',
        ['', 'requests a second', 'p50, ms', 'p99, ms', "against $title{$names[0]}", 'us of httpd', 'us of the database server'], \@lines,
        "$KEYS keys. In brackets: what half of the rounds lie between. httpd has one processor; the database server and wrk share the other.");
    $report->figures(databases => \%figures);
    return;
}

sub line {
    my ($of, $base) = @_;
    my %list = map { my $what = $_; $what => [map { $_->{$what} // () } @$of] } qw(rate p50 p99 cpu database_cpu);
    my $ratio = median(over($list{rate}, [map { $_->{rate} } @$base]));
    return (spread('%.0f', @{$list{rate}}), (map { sprintf '%.2f', median(@{$list{$_}}) } qw(p50 p99)),
        sprintf('%.2f', $ratio), map { @$_ ? sprintf '%.0f', median(@$_) : '' } @list{qw(cpu database_cpu)});
}

1;
