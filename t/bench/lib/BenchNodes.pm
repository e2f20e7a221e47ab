# One, two and three nodes on one PostgreSQL and one Redis: what they admit in all, and whether of N
# requests N are admitted.
package BenchNodes;

use strict;
use warnings;

use List::Util qw(sum);
use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchService;
use BenchTaiauth;

my $NODES = 3;
my $KEYS = 1000;          # in random order
my $LIMIT = 500;          # in an hour, of a key that no other turn has
my $STORM = 1;            # seconds for which all nodes are sent that key: the limit is reached in some tenths
my $EVERYWHERE = '0,1';   # processors: there are two for all nodes, servers and the load

my $CONF = <<"CONF";
AliasMatch "^/exact/x" "\@dir\@/htdocs/on/x"
<Location /exact>
    TaiAuth On
    TaiAuthRateLimit $LIMIT/1h
</Location>
CONF

sub measure {
    my ($run, $report, %skipped) = @_;
    if ($skipped{postgresql} || $skipped{redis}) {
        print STDERR "  skipped: nodes share PostgreSQL and Redis\n";
        return;
    }
    local $BenchService::PROCESSOR = $EVERYWHERE;
    my %shared = map { $_ => BenchService->start($run, $_) } qw(postgresql redis);
    my $keys = BenchKeys->new($run, 'nodes', $shared{postgresql});
    my $values = $keys->import_many($KEYS);
    my @fresh = map { $keys->import_many(1) } 1 .. $NODES * rounds();
    my @nodes = map { BenchTaiauth->new(run => $run, name => "node$_", keys => $keys, modules => ['alias'], conf => $CONF,
        redis => $shared{redis}, processor => $EVERYWHERE)->start } 1 .. $NODES;
    my %load = (header => 'X-API-Key', processor => $EVERYWHERE);
    load_together(together(\@nodes, %load, path => '/on/x', status => 200, values => $values, seconds => 1));
    my $seen = in_turn([1 .. $NODES], sub {
        my @some = @nodes[0 .. $_[0] - 1];
        return { rate(\%shared, together(\@some, %load, path => '/on/x', status => 200, values => $values, seconds => seconds())),
            admitted => admitted(together(\@some, %load, path => '/exact/x', values => shift @fresh, seconds => $STORM)) };
    });
    $_->stop for @nodes;
    report($report, $seen);
    return;
}

sub together {
    my ($nodes, %load) = @_;
    return map { { %load, server => $_ } } @$nodes;
}

# Requests a second of all nodes, the slowest answers of any, and processor time for each request.
sub rate {
    my ($shared, @loads) = @_;
    my %before = map { $_ => $shared->{$_}->cpu } keys %$shared;
    my @of = load_together(@loads);
    my $requests = sum(map { $_->{requests} } @of);
    return (
        rate => sum(map { $_->{rate} } @of),
        p50  => sum(map { $_->{p50} } @of) / @of,
        p99  => (sort { $b <=> $a } map { $_->{p99} } @of)[0],
        cpu  => sum(map { $_->{cpu} * $_->{requests} } @of) / $requests,
        map { $_ => 1e6 * ($shared->{$_}->cpu - $before{$_}) / $requests } keys %$shared,
    );
}

# One of each node before wrk begins, and those of wrk. What wrk breaks off at its end would have been
# refused: the limit is reached long since.
sub admitted {
    my @loads = @_;
    return @loads + sum(map { $_->{requests} - $_->{refused} } load_together(@loads));
}

sub report {
    my ($report, $seen) = @_;
    my (@lines, @figures);
    for my $n (1 .. $NODES) {
        my @of = @{$seen->{$n}};
        my %list = map { my $what = $_; $what => [map { $_->{$what} } @of] } keys %{$of[0]};
        my $ratio = median(over($list{rate}, [map { $_->{rate} } @{$seen->{1}}]));
        my ($most_off) = sort { $b <=> $a } map { abs $_ - $LIMIT } @{$list{admitted}};
        push @lines, [$n, spread('%.0f', @{$list{rate}}), sprintf('%.2f', $ratio),
            (map { sprintf '%.2f', median(@{$list{$_}}) } qw(p50 p99)),
            (map { sprintf '%.1f', median(@{$list{$_}}) } qw(cpu redis postgresql)),
            $most_off ? "**@{$list{admitted}}**" : "$LIMIT, each time"];
        push @figures, { nodes => $n, ratio => $ratio, rounds => \@of };
        $report->aim("$n node" . ($n > 1 ? 's' : '') . " on one Redis: admissions more or fewer than a limit of $LIMIT", '', '<=', 0, $most_off);
    }
    $report->table('Nodes on one PostgreSQL and one Redis',
        ['nodes', 'admitted a second, in all', 'against one', 'p50, ms', 'p99, ms, of the slowest node',
            'us of httpd', 'us of redis-server', 'us of PostgreSQL', "admitted of a limit of $LIMIT"], \@lines,
        'All nodes, Redis, PostgreSQL and a wrk for each node share two processors: what is seen here is what a further node '
        . 'costs the others, not what it adds on a machine of its own.');
    $report->figures(nodes => \@figures);
    return;
}

1;
