# A revocation is in force on all nodes when it is answered, one that stands still or does not reach the
# database included: it is waited for until its lease is over, and struck off.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiCluster;
use TaiHttp;
use TaiNodes;
use TaiTest;
use TaiTraffic;

my $cluster = TaiCluster->start;
my @nodes = $cluster->nodes;
my $three = $nodes[2];
my $ann = $cluster->manager('silent');

sub with { my ($key) = @_; return { 'X-API-Key' => $key->{key} } }
sub revoke { my ($key) = @_; return data(api($ann, DELETE => "/keys/$key->{id}"))->{nodes} }

my @ways = (
    ['stands still', sub { $three->pause or die 'it does not' }, sub { $three->go_on }],
    ['is cut off from the database', sub { $cluster->to_database($three)->cut }, sub { $cluster->to_database($three)->pass }],
    ['gets no answer of the database', sub { $cluster->to_database($three)->stall }, sub { $cluster->to_database($three)->pass }],
);
for my $way (@ways) {
    my ($name, $break, $mend) = @$way;
    subtest "a node $name" => sub {
        my ($ended, $next, $good) = map { create_key($ann) } 1 .. 3;
        my $traffic = TaiTraffic->start(\@nodes, 2, {
            map { my ($kind, $key) = @$_; $kind => sub { (GET => '/v1/x', with($key)) } } [ended => $ended], [next => $next], [good => $good],
        });
        $traffic->phase('broken');
        $break->();
        is_deeply revoke($ended), { applied => 2, of => 3, silent => 1 }, 'it is waited for';
        $traffic->phase('mending');
        is scalar($cluster->registered), 2, 'it is struck off';
        $traffic->more(6, 0, 1);
        my @waiting = map { TaiHttp->new($three->port)->send(TaiHttp::bytes(GET => '/v1/x', with($ended), undef, 'close')) } 1 .. 6;
        is_deeply revoke($next), { applied => 2, of => 2, silent => 0 }, 'the next revocation waits for nobody';
        $mend->();
        like statuses(map { $_->read('GET')->status } @waiting), qr/^(?:401|503|401 503)\z/, 'who came meanwhile is not served';
        ok wait_for(sub { use_key($good, undef, $three->port) == 200 }, 'it to be back'), 'it is back by itself';
        $traffic->phase('after');
        $traffic->more(10);
        my $seen = $traffic->stop;

        # kind => what may come in each phase at the others; and at the third
        my %allowed = (
            good  => [[qw(200 200 200 200)], [qw(200 200|503 200|503 200)]],
            ended => [[qw(200 200|401 401 401)], [qw(200 200|401|503 401|503 401)]],
            next  => [[qw(200 200 200|401 401)], [qw(200 200|401|503 200|401|503 401)]],
        );
        my %number = map { $TaiTraffic::PHASES[$_] => $_ } 0 .. 3;
        my @wrong = TaiTraffic::wrong($seen, sub { my ($phase, $kind, $node) = @_; return $allowed{$kind}[$node == 2][$number{$phase}] });
        is_deeply \@wrong, [], 'every answer was right' or diag explain $seen;
        is scalar(grep { $seen->{after}{$_->[0]}[$_->[1]] } map { my $k = $_; map { [$k, $_] } 0 .. 2 } keys %allowed), 9,
            'and in the end each key was tried at each';
        is_deeply revoke($good), { applied => 3, of => 3, silent => 0 }, 'the third is told again';
    };
}

done_testing;
