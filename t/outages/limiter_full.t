# Strangers have filled Redis, which evicts nothing: what cannot be written is counted by each server or
# refused, as on-error says; what can be read holds on all of them, and nobody takes Redis for gone.
use strict;
use warnings;

use Test::More;
use TaiKeys;
use TaiLimited;
use TaiLimits;
use TaiRedis;
use TaiTest;

my $ROOM = 100_000; # bytes that strangers may fill: some hundreds of them do

sub pair_of { return [@{$_[0]}{qw(key token)}] }

my $redis = TaiRedis->start;
my ($one, $two) = map { limited_server($redis->conf('timeout=5s on-error=local')) } 1, 2;
my $deny = limited_server($redis->conf('timeout=5s on-error=deny'));
my ($full, $used) = map { fresh_key()->{key} } 1, 2;
my $pair = fresh_key(token => 1);
is statuses_at($one, '/limited/x', 6, key => $full), '200 200 200 200 200 429', 'a limit that is reached';
is statuses_at($one, '/limited/x', 3, key => $used), '200 200 200', 'one of which three of five are used';
my $locked = lock_pair($one, $pair);
ask_at($_, '/pair/x', pair => pair_of($pair)) for $two, $deny; # a pair is remembered

$redis->command(qw(CONFIG SET maxmemory-policy noeviction));
my ($memory) = $redis->command('INFO', 'memory') =~ /^used_memory:(\d+)/m;
$redis->command(qw(CONFIG SET maxmemory), $memory + $ROOM);
my $strangers = 0;
until ($one->metric('limiter_failures_total') || $strangers > 20_000) {
    $strangers += 100;
    my %seen = map { ask_at($one, '/locked/x', key => 'x')->status => 1 } 1 .. 100;
    is_deeply \%seen, { 401 => 1 }, "$strangers strangers with malformed keys";
}
cmp_ok $strangers, '<', 20_000, "$strangers strangers have filled it";
like $one->log, qr/the limiter redis\S+ has failed a request: .*OOM.*; this server counts it \(on-error=local\)/, 'the log says so';
$redis->command(qw(CONFIG SET maxmemory), $memory); # what a client's buffers leave makes no room either

my $hurt = new_client();
is statuses_at($one, '/locked/x', 5, key => 'x', client => $hurt), '401 401 401 429 429', 'failures of a stranger count on this server';
is statuses_at($one, '/limited/x', 3, key => $used), '200 200 429', 'a real key goes on from what this server has admitted';
for my $server ($two, $deny) {
    is ask_at($server, '/limited/x', key => $full)->status, 429, 'what is full is so on all of them';
    is ask_at($server, '/pair/x', pair => $_, client => $locked)->status, 429, '... and who is locked out' for pair_of($pair), wrong($pair);
    is ask_at($server, '/pair/x', pair => pair_of($pair))->status, 200, '... but not from elsewhere';
}
is_refusal ask_at($deny, '/limited/x', key => $used), 503, 'AUTH_UNAVAILABLE', 'deny: what has to be counted';
is_refusal ask_at($deny, '/locked/x', key => 'x'), 503, 'AUTH_UNAVAILABLE', '... a failure, too';
for my $server ($one, $two, $deny) {
    is $server->metric("limiter_$_"), 0, "$_: it has answered" for qw(open opened_total);
}
unlike $one->log . $deny->log, qr/does not answer/, 'nobody says that it does not';

# It stands still, and is full when it goes on: what it says then is an answer, and the outage is over.
my $late = limited_server($redis->conf('timeout=1s on-error=deny'));
$redis->command(qw(CONFIG SET maxmemory 1)); # nor what it gives back while it has nothing to do
sub refused_late { return ask_at($late, '/limited/x', key => $used)->status }
$redis->pause;
is join(' ', map { refused_late() } 1 .. 3), '503 503 503', 'full, and silent';
is $late->metric('limiter_open'), 1, '... which is an outage';
$redis->go_on;
wait_for(sub { $late->metric('limiter_open') == 0 }, 'the outage to be over');
like $late->log, qr/the limiter redis\S+ answers again/, 'who says that he is full is there';
for (1 .. 3) {
    $redis->pause;
    is refused_late(), 503, 'one answer is late';
    $redis->go_on;
    is refused_late(), 503, '... and the next one is that it is full';
}
is $late->metric('limiter_opened_total'), 1, '... which is no outage';
unlike $late->log, qr/does not answer: .*OOM/, 'nobody says that what answers does not';

$redis->command(qw(CONFIG SET maxmemory 0));
my $key = fresh_key()->{key};
is statuses_at($one, '/limited/x', 3, key => $key), '200 200 200', 'with room again, all is shared at once';
is statuses_at($two, '/limited/x', 3, key => $key), '200 200 429', '... by all';

done_testing;
