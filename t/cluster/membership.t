# Nodes join, leave and are killed while all are at work: the others never fail, and nobody is ever
# answered wrongly.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiCluster;
use TaiKeys qw(unknown_key);
use TaiNodes;
use TaiTest;
use TaiTraffic;

my $ROUNDS = 2;

my $cluster = TaiCluster->start;
my $four = $cluster->add_node;
my ($one, $two, $three) = $cluster->nodes;
my $ann = $cluster->manager('membership');
my ($valid, $revoked) = map { create_key($ann) } 1, 2;
is use_all($_, $revoked), 200, 'known' for $cluster->nodes;
revoke($revoked);

sub revoke { my ($key) = @_; return data(api($ann, DELETE => "/keys/$key->{id}"))->{nodes} }

sub traffic {
    my (@nodes) = @_;
    return TaiTraffic->start(\@nodes, 2, {
        valid   => sub { (GET => '/v1/x', { 'X-API-Key' => $valid->{key} }) },
        revoked => sub { (GET => '/v1/x', { 'X-API-Key' => $revoked->{key} }) },
        unknown => sub { (GET => '/v1/x', { 'X-API-Key' => unknown_key() }) },
    });
}

# Nothing but these statuses came, and the first of them did.
sub came {
    my ($traffic, $name, %may) = @_;
    my $seen = $traffic->stop;
    is_deeply [TaiTraffic::wrong($seen, sub { $may{$_[1]} })], [], "$name: every answer was right" or diag explain $seen;
    for my $kind (sort keys %may) {
        my ($first) = split /\|/, $may{$kind};
        cmp_ok TaiTraffic::sum($seen, $kind, [0, 1], 'before')->{$first} // 0, '>', 0, "... to $kind keys";
    }
    return;
}

my $steady = traffic($one, $two);
my $unsteady = traffic($three, $four);
for my $round (1 .. $ROUNDS) {
    ok $three->stop, 'the third leaves';
    $cluster->wait_for_nodes(3);
    is_deeply revoke(create_key($ann)), { applied => 3, of => 3, silent => 0 }, '... and nobody waits for it';
    $steady->more(10);

    ok $three->start, 'it joins again' or diag $three->said;
    is use_all($three, $valid), 200, '... and serves';
    is use_all($three, $revoked), 401, '... what is good';
    $cluster->wait_for_nodes(4);
    is_deeply revoke(create_key($ann)), { applied => 4, of => 4, silent => 0 }, '... and is told';
    $unsteady->more(10, 0);

    ok $four->kill_all, 'the fourth is killed';
    is_deeply revoke(create_key($ann)), { applied => 3, of => 4, silent => 1 }, '... it is waited for';
    is_deeply revoke(create_key($ann)), { applied => 3, of => 3, silent => 0 }, '... once';
    $steady->more(10);
    ok $four->start, 'it comes back' or diag $four->said;
    is use_all($four, $valid), 200, '... and serves';
    $cluster->wait_for_nodes(4);
    $unsteady->more(10);
}
came($steady, 'the others', valid => '200', revoked => '401', unknown => '401');
came($unsteady, 'those that come and go', valid => '200|lost', revoked => '401|lost', unknown => '401|lost');

done_testing;
