# An outage of the database that is shorter than the lease goes unnoticed by keys that are in use.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiCluster;
use TaiKeys qw(unknown_key);
use TaiNodes;
use TaiTest;
use TaiTraffic;

my $cluster = TaiCluster->start('TaiAuthLease 60s');
my @nodes = $cluster->nodes;
my $ann = $cluster->manager('lease');
my ($valid, $revoked) = map { create_key($ann) } 1, 2;
for my $node (@nodes) {
    is use_all($node, $_), 200, 'known to all' for $valid, $revoked;
}
is data(api($ann, DELETE => "/keys/$revoked->{id}"))->{nodes}{applied}, 3, 'one is revoked';

sub relays { my ($order, @how) = @_; return sub { $cluster->to_database($_)->$order(@how) for @nodes } }

my @outages = (
    ['cut off',            relays('cut'),                  relays('pass')],
    ['a black hole',       relays('stall'),                relays('pass')],
    ['3 s late',           relays('delay', 3000),          relays('delay', 0)],
    ['killed, restarted',  sub { $cluster->kill_database }, sub { $cluster->start_database }],
);
my %right = (valid => '200', revoked => '401', unknown => '401');

for my $outage (@outages) {
    my ($name, $break, $mend) = @$outage;
    subtest $name => sub {
        my $traffic = TaiTraffic->start(\@nodes, 2, {
            valid   => sub { (GET => '/v1/x', { 'X-API-Key' => $valid->{key} }) },
            revoked => sub { (GET => '/v1/x', { 'X-API-Key' => $revoked->{key} }) },
            unknown => sub { (GET => '/v1/x', { 'X-API-Key' => unknown_key() }) },
        });
        $traffic->phase('broken');
        $break->();
        for my $node (@nodes) {
            wait_for(sub { $node->get('/v1/x', { 'X-API-Key' => unknown_key() })->status == 503 }, 'the outage to be felt');
        }
        $traffic->more(20);
        is api($ann, POST => '/keys', { name => 'one more' })->status, 503, 'nothing can be changed';
        $traffic->phase('mending');
        $mend->();
        for my $node (@nodes) {
            wait_for(sub { $node->get('/v1/x', { 'X-API-Key' => unknown_key() })->status == 401 }, 'the end of it');
        }
        $traffic->phase('after');
        $traffic->more(10);
        my $seen = $traffic->stop;
        my @wrong = TaiTraffic::wrong($seen, sub {
            my ($phase, $kind) = @_;
            return $phase =~ /broken|mending/ && $kind ne 'valid' ? "$right{$kind}|503" : $right{$kind};
        });
        is_deeply \@wrong, [], 'the key in use was served throughout' or diag explain $seen;
    };
}

done_testing;
