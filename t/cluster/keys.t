# What is done to a key on one node holds on the others at once.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiCluster;
use TaiKeys qw(import_key unknown_key);
use TaiLogin qw(log_in);
use TaiNodes;
use TaiTest;

my $ROUNDS = 5;

my $cluster = TaiCluster->start;
my @nodes = $cluster->nodes;
my @calls = map { my $node = $_; [$node, $cluster->manager('keys-' . $node->port, $node)] } @nodes;

# The statuses of a key at every node.
sub everywhere { my ($key) = @_; return statuses(map { use_key($key, undef, $_->port) } @nodes) }

# A text as a key that use_key can send.
sub as_key { my ($text) = @_; return { headers => [{ name => 'X-API-Key', value => $text }] } }

for my $round (1 .. $ROUNDS) {
    for my $call (@calls) {
        my ($node, $who) = @$call;
        my $key = create_key($who);
        my $at = 'at port ' . $node->port . ", round $round";
        is everywhere($key), 200, "created $at";
        my $new = note_secrets(data(api($who, POST => "/keys/$key->{id}/roll", { grace_seconds => 0 })));
        is everywhere($new), 200, "rolled $at";
        is everywhere($key), 401, '... and the old one is gone';
        my $answer = api($who, DELETE => "/keys/$new->{id}");
        is_deeply data($answer)->{nodes}, { applied => 3, of => 3, silent => 0 }, "revoked $at";
        is everywhere($new), 401, '... everywhere';
    }
}

# Nobody can know a key that is still to be made, but for one that is brought along.
subtest 'a key that they remember as unknown' => sub {
    my $text = unknown_key();
    is statuses(map { everywhere(as_key($text)) } 1 .. 3), 401, 'nobody knows it';
    $cluster->on(sub { import_key(make_account('keys-import'), $text) });
    is everywhere(as_key($text)), 200, 'imported, it is good everywhere';
};

subtest 'a log-in' => sub {
    my $who = $cluster->manager('keys-login');
    my ($first, $second) = map { data(log_in($who, port => $_->port)) } @nodes[0, 1];
    is everywhere($second), 200, 'the key is good everywhere';
    is everywhere($first), 401, 'and the one before nowhere';
};

subtest 'what the operator does' => sub {
    my $who = $cluster->manager('keys-operator');
    my ($key, $other) = map { create_key($who) } 1, 2;
    is everywhere($key), 200, 'good';
    my $told = $cluster->on(sub { taictl(key => 'revoke', $key->{id}) })->{nodes};
    is "$told->{applied} of $told->{of}", '3 of 3', 'taictl key revoke';
    is everywhere($key), 401, '... is in force everywhere';
    for my $order (['suspend', 403], ['reinstate', 200]) {
        my ($what, $status) = @$order;
        $cluster->on(sub { taictl(account => $what, 'keys-operator') });
        is everywhere($other), $status, "taictl account $what is";
    }
};

done_testing;
