# Keys that the table does not have yet, and a server that has no table.
package BenchMisses;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchTaiauth;

my $KEYS = 10_000;

sub measure {
    my ($run, $report) = @_;
    my $keys = BenchKeys->new($run, 'misses');
    my %load = (path => '/on/x', header => 'X-API-Key', status => 200, values => $keys->import_many($KEYS));
    my %server = map { $_->[0] => BenchTaiauth->new(run => $run, name => $_->[0], keys => $keys, conf => "TaiAuthKeyCache $_->[1]\n") }
        ['cached', 100_000], ['uncached', 'Off'];
    my (@miss, @hit);
    my $off = in_turn(['uncached', 'cached'], sub {
        my $server = $server{$_[0]}->start;
        my $cold = load(%load, server => $server)->{cpu};
        my $warm = load(%load, server => $server, seconds => seconds())->{cpu};
        $server->stop;
        return { cold => $cold, warm => $warm };
    });
    my %cpu = (
        hit  => median(map { $_->{warm} } @{$off->{cached}}),
        miss => median(map { $_->{cold} } @{$off->{cached}}),
        off  => median(map { $_->{warm} } @{$off->{uncached}}),
    );
    my @titles = (hit => 'in the table', miss => 'asked for the first time', off => '`TaiAuthKeyCache Off`');
    my @rows;
    while (my ($name, $title) = splice @titles, 0, 2) {
        push @rows, [$title, sprintf '%.1f', $cpu{$name}];
    }
    $report->table('A key that is in the table, and one that is not: microseconds of processor time for each request',
        ['the key is', 'in all'], \@rows);
    $report->figures(misses => \%cpu);
    return;
}

1;
