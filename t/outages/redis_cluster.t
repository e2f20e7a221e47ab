# Servers that count in a Redis Cluster of three masters: exactly N, locks, log-ins; and with one master
# killed what the others hold is counted as before, and nobody is admitted beyond his limit.
use strict;
use warnings;

use Test::More;
use TaiClients;
use TaiKeys;
use TaiLimited;
use TaiLimits;
use TaiLogin;
use TaiRedisCluster;
use TaiTest;

my $PARALLEL = 32;
my $cluster = TaiRedisCluster->start;
my @servers = map { limited_server($cluster->conf('timeout=5s on-error=deny')) } 1 .. 2;
my ($one, $two) = @servers;

# Clients all at once, each of them so many requests, in turn at the servers: how many were answered with what.
sub rush {
    my ($each, $path, $key) = @_;
    my @ports = map { $_->port } @servers;
    return tally(TaiClients->start($PARALLEL, sub {
        my ($i) = @_;
        my %seen;
        $seen{ask($ports[($i + $_) % @ports], $path, { 'X-API-Key' => $key->{key} })}++ for 1 .. $each;
        return \%seen;
    })->results);
}

# --- counts ---------------------------------------------------------------------------------------

for my $round (1, 2) {
    my $key = fresh_key();
    is_deeply rush(10, '/hundred/x', $key), { 200 => 100, 429 => 220 }, "round $round: exactly 100 of 320";
    is_deeply rush(2, '/limited/x', $key), { 200 => 5, 429 => 59 }, '... 5 of 64';
    is_deeply rush(5, '/many/x', $key), { 200 => 70, 429 => 90 },
        '... 70 of 160, of five limits the least: on the key, on its account, on an address, which lie in several slots';
}

my $pair = fresh_key(token => 1);
my $right = [@$pair{qw(key token)}];
my $locked = lock_pair($one, $pair);
is ask_at($two, '/pair/x', client => $locked, pair => $right)->status, 429, 'a lock holds at the other server';
is ask_at($two, '/pair/x', pair => $right)->status, 200, '... not for another client';

my $user = login_user('redis_cluster');
my $from = address();
sub log_in_at { my ($server, @more) = @_; return log_in($user, port => $server->port, client => $from, @more)->status }
is join(' ', map { log_in_at($servers[$_ % 2], password => password()) } 1 .. 3), '401 401 401', 'wrong passwords here and there';
is join(' ', map { log_in_at($_) } @servers), '429 429', '... lock both';

is $_->metric('limiter_failures_total'), 0, 'no call has failed' for @servers;

# --- a master is gone -----------------------------------------------------------------------------

my (undef, $victim) = $cluster->masters;
my @keys = map { make_key(make_account("redis_cluster-$_")) } 1 .. 24; # each account has its slot
is join(' ', map { ask_at($servers[$_ % 2], '/limited/x', key => $keys[$_]{key})->status } 0 .. $#keys), join(' ', (200) x @keys), 'each of many keys once';
cmp_ok $_->command('DBSIZE'), '>', 0, 'each master has something' for $cluster->masters;
$cluster->crash($victim);

# Of five one is used: exactly four are left where they are counted, and none where they are not.
my %left;
for my $key (@keys) {
    push @{$left{join ' ', map { ask_at($servers[$_ % 2], '/limited/x', key => $key->{key})->status } 1 .. 6}}, $key;
}
my ($counted, $lost) = ('200 200 200 200 429 429', '503 503 503 503 503 503');
is_deeply [sort keys %left], [$counted, $lost], 'a key is counted exactly, at a master that is there, or gets 503';
is $_->metric('limiter_open'), 0, 'the limiter is not taken for gone' for @servers;
like $_->log, qr/taiauth: the limiter \S+ .*127\.0\.0\.1:@{[$victim->port]}: /, 'the log names who does not answer' for @servers;

$cluster->start_again($victim);
for my $key (@{$left{$lost}}) {
    wait_for(sub { ask_at($one, '/free/x', key => $key->{key})->status == 200 && ask_at($two, '/limited/x', key => $key->{key})->status == 200 }, 'its keys to be counted again');
}
pass 'when it is back, its keys are counted again';

# --- new children, and the master that the configuration names is gone -------------------------------

my ($named) = $cluster->masters;
my %opened = map { $_->port => $_->metric('limiter_opened_total') } @servers;
$cluster->crash($named);
ok $_->graceful, 'a reload: all children are new' for @servers;
my %admitted;
for my $key (map { make_key(make_account("redis_cluster-new-$_")) } 1 .. 24) {
    $admitted{grep { ask_at($servers[$_ % 2], '/limited/x', key => $key->{key})->status == 200 } 1 .. 24}++;
}
is_deeply [sort keys %admitted], [0, 5], 'they count exactly at the masters that are there, and nothing else';
for (@servers) {
    is $_->metric('limiter_open'), 0, 'they take the limiter for gone for nobody';
    is $_->metric('limiter_opened_total'), $opened{$_->port}, '... not for a moment';
}

$_->stop for @servers;
done_testing;
