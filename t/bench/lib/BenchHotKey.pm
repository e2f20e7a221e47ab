# One key that everybody uses: its window is one place in memory, which all workers of all processes
# change at each request.
package BenchHotKey;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchTaiauth;

my $CHILDREN = 4;
my $EVERYWHERE = '0,1'; # the workers are to meet: server and load share both processors

sub measure {
    my ($run, $report) = @_;
    my $keys = BenchKeys->new($run, 'hot');
    my $server = BenchTaiauth->new(run => $run, name => 'hot', keys => $keys, children => $CHILDREN,
        processor => $EVERYWHERE)->start;
    my %load = (server => $server, header => 'X-API-Key', status => 200, values => $keys->import_many(1),
        processor => $EVERYWHERE);
    load(%load, path => "/$_/x", seconds => 1) for qw(on free);
    my $seen = in_turn([qw(free on)], sub { load(%load, path => "/$_[0]/x", seconds => seconds()) });
    $server->stop;
    my %of;
    for my $what (qw(rate cpu)) {
        my ($on, $free) = map { [map { $_->{$what} } @{$seen->{$_}}] } qw(on free);
        $of{$what} = { on => median(@$on), free => median(@$free), ratio => median(over($on, $free)) };
    }
    $report->table("One key against $CHILDREN processes of 32 threads on two processors, which wrk shares",
        ['', 'requests a second', 'us of processor time'],
        [['no limit', map { sprintf '%.1f', $_ } $of{rate}{free}, $of{cpu}{free}],
            ['a limit', map { sprintf '%.1f', $_ } $of{rate}{on}, $of{cpu}{on}],
            ['ratio', map { sprintf '%.3f', $_ } $of{rate}{ratio}, $of{cpu}{ratio}]]);
    $report->aim('one hot key with a limit: rate against that without', 'x', '>=', 0.95, $of{rate}{ratio});
    $report->figures(hot_key => \%of);
    return;
}

1;
