# A revocation on one node is in force on all when it is answered, with clients at full load on each.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiCluster;
use TaiNodes;
use TaiTest;

my $ROUNDS = 9;
my $CLIENTS = 9;

my $cluster = TaiCluster->start;
my @nodes = $cluster->nodes;
my $ann = $cluster->manager('revocation');
my @keys = map { create_key($ann) } 1 .. $ROUNDS;

my $load = TaiNodes->hammer(\@nodes, $CLIENTS, @keys);
for my $i (0 .. $#keys) {
    my $at = elsewhere($ann, '/manage', port => $nodes[$i % @nodes]->port);
    $load->ends(401, 'a revocation on node ' . (1 + $i % @nodes), sub {
        my $answer = api($at, DELETE => "/keys/$keys[$i]{id}");
        is_deeply data($answer)->{nodes}, { applied => 3, of => 3, silent => 0 }, 'in force on all' or diag $answer->body;
    });
}
$load->judge;

done_testing;
