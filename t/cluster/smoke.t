# Of everything in this directory a little.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiClients;
use TaiCluster;
use TaiKeys qw(unknown_key);
use TaiLimits;
use TaiNodes;
use TaiTest;

my $CLIENTS = 32;

my $cluster = TaiCluster->start;
my @nodes = $cluster->nodes;
my ($one, $two, $three) = @nodes;
my $ann = $cluster->manager('smoke');

sub everywhere { my ($key) = @_; return statuses(map { use_key($key, undef, $_->port) } @nodes) }

{
    my $key = with_key($cluster->known($cluster->on(sub { fresh_key() })));
    my $clients = TaiClients->start($CLIENTS, sub {
        my ($i) = @_;
        my %seen;
        $seen{ask($nodes[($i + $_) % @nodes]->port, '/hundred/x', $key)}++ for 1 .. 6;
        return \%seen;
    });
    is_deeply tally($clients->results), { 200 => 100, 429 => $CLIENTS * 6 - 100 }, 'exactly a hundred';
}

my @keys = map { create_key($ann) } 1 .. 4;
is everywhere($_), 200, 'a key is good everywhere' for @keys;
my $load = TaiNodes->hammer(\@nodes, 6, @keys[0, 1]);
for my $key (@keys[0, 1]) {
    $load->ends(401, 'a revocation', sub {
        is_deeply data(api($ann, DELETE => "/keys/$key->{id}"))->{nodes}, { applied => 3, of => 3, silent => 0 }, 'in force everywhere';
    });
}
$load->judge;

$cluster->to_database($three)->cut;
is_deeply data(api($ann, DELETE => "/keys/$keys[2]{id}"))->{nodes}, { applied => 2, of => 3, silent => 1 }, 'a node that is cut off is waited for';
is use_key($keys[2], undef, $three->port), 503, '... and does not serve the key';
is use_key($keys[3], undef, $one->port), 200, '... the others serve';
$cluster->to_database($three)->pass;
ok wait_for(sub { use_key($keys[3], undef, $three->port) == 200 }, 'the node to be back'), 'it comes back';
is everywhere($keys[2]), 401, '... and knows what has happened';

$cluster->to_limiter($_)->cut for @nodes;
my $key = with_key($cluster->on(sub { fresh_key() }));
is statuses(map { $_->get('/few/x', $key)->status } @nodes), 200, 'without Redis they go on';
$cluster->to_limiter($_)->pass for @nodes;
ok wait_for(sub {
    my $fresh = with_key($cluster->on(sub { fresh_key() }));
    join(' ', map { left($_->get('/few/x', $fresh)) } @nodes) eq '4 3 2';
}, 'them to count together'), '... and with it they count together again';

done_testing;
