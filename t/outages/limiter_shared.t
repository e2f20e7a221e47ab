# Two servers with one limiter in Redis: what is counted on one counts on the other, exactly, whatever
# happens to Redis; and whatever it says, nobody gets in who should not.
use strict;
use warnings;

use Test::More;
use TaiApi qw(administrator api elsewhere);
use TaiClients;
use TaiKeys;
use TaiLimited;
use TaiLimits;
use TaiLogin;
use TaiOrders;
use TaiRedis;
use TaiRelay;
use TaiTest;

my $PARALLEL = 32;
my $redis = TaiRedis->start;
my $relay = TaiRelay->start(to => $redis->port);
my ($one, $two) = map { limited_server($redis->conf('timeout=5s on-error=deny', $_)) } undef, $relay->port;
my @both = ($one, $two);

sub pair_of { return [@{$_[0]}{qw(key token)}] }

# Clients all at once, each of them so many requests, in turn at the servers: how many were answered with what.
sub rush {
    my ($servers, $each, $path, $headers) = @_;
    my @ports = map { $_->port } @$servers;
    return tally(TaiClients->start($PARALLEL, sub {
        my ($i) = @_;
        my %seen;
        $seen{ask($ports[($i + $_) % @ports], $path, $headers)}++ for 1 .. $each;
        return \%seen;
    })->results);
}

sub by_key { return { 'X-API-Key' => $_[0]{key} } }

# --- exactly ------------------------------------------------------------------------------------

for my $round (1, 2) {
    for my $case (['one server of four children', $one], ['two servers', @both]) {
        my ($name, @servers) = @$case;
        my $key = fresh_key();
        is_deeply rush(\@servers, 10, '/hundred/x', by_key($key)), { 200 => 100, 429 => 220 }, "round $round, $name: exactly 100 of 320";
        is_deeply rush(\@servers, 2, '/limited/x', by_key($key)), { 200 => 5, 429 => 59 }, '... 5 of 64';
        is_deeply rush(\@servers, 5, '/many/x', by_key($key)), { 200 => 70, 429 => 90 }, '... 70 of 160, of five limits the least';
    }
}

my $bob = administrator('limiter_redis-api');
my @calls = map { api(elsewhere($bob, '/manage', port => $both[$_ % 2]->port), GET => '/account') } 1 .. 6;
is join(' ', map { $_->status } @calls), '200 200 200 200 200 429', 'a user of the management API, here and there';
like $calls[4]->header('RateLimit'), qr/;r=0;/, '... is told what is left of both';

# --- locks --------------------------------------------------------------------------------------

my $pair = fresh_key(token => 1);
my $client = new_client();
is ask_at($both[$_ % 2], '/pair/x', client => $client, pair => wrong($pair))->status, 401, 'a wrong token, here and there' for 1 .. 3;
is ask_at($_, '/pair/x', client => $client, pair => pair_of($pair))->status, 429, 'locked on each' for @both;
is ask_at($_, '/pair/x', pair => pair_of($pair))->status, 200, 'not so elsewhere' for @both;
is ask_at($_, '/locked/x', client => $client, key => 'x')->status, 429, 'the client is too' for @both;
order($one->port, unlock => key => $pair->{id}, $client);
is ask_at($one, '/pair/x', client => $client, pair => pair_of($pair))->status, 200, 'one unlocks for both, for itself at once';
wait_for(sub { ask_at($two, '/pair/x', client => $client, pair => pair_of($pair))->status == 200 }, 'the other to ask again');

my $guessed = fresh_key(token => 1);
my $wrong = rush(\@both, 5, '/pair/x', { apikey => $guessed->{key}, 'x-ts-authorization' => unknown_token(), 'X-Client' => new_client() });
is_deeply $wrong, { 401 => 3, 429 => 157 }, 'of 160 guesses at once three are judged';

my $ann = login_user('limiter_redis');
$client = address();
sub log_in_at { my ($server, @more) = @_; return log_in($ann, port => $server->port, @more)->status }
is log_in_at($both[$_ % 2], client => $client, password => password()), 401, 'a wrong password, here and there' for 1 .. 3;
is log_in_at($_, client => $client), 429, 'locked on each' for @both;
is log_in_at($_), 201, 'not so elsewhere' for @both;
order($two->port, unlock => user => $ann->{user});
is log_in_at($two, client => $client), 201, 'one unlocks for both, for itself at once';
wait_for(sub { log_in_at($one, client => $client) == 201 }, 'the other to ask again');

# --- an answer that is heard late -----------------------------------------------------------------

# It is on its way for longer than Retry-After is rounded up by: remembered from when it was heard, the
# limit would be reached beyond the end that the other server tells.
my $late = fresh_key();
is ask_at($one, '/brief/x', key => $late->{key})->status, 200, 'a limit of some seconds';
$relay->delay(1500);
is ask_at($two, '/brief/x', key => $late->{key})->status, 429, 'it is reached, which is heard late';
$relay->pass;
my $told = ask_at($one, '/brief/x', key => $late->{key});
is $told->status, 429, 'elsewhere it is told in time';
sleep_until(now() + $told->header('Retry-After'));
is ask_at($two, '/brief/x', key => $late->{key})->status, 200, 'who waits for as long as he was told is admitted on each';

# --- Redis forgets --------------------------------------------------------------------------------

my $key = fresh_key();
for my $command ([qw(SCRIPT FLUSH)], [qw(CLIENT KILL TYPE normal SKIPME yes)]) {
    my @ports = map { $_->port } @both;
    my $path = $command->[0] eq 'SCRIPT' ? '/hundred/x' : '/many/x';
    my $clients = TaiClients->start($PARALLEL, sub {
        my ($i) = @_;
        my %seen;
        until (stopped()) {
            $seen{ask($ports[$i % @ports], $path, by_key($key))}++;
        }
        return \%seen;
    });
    for (1 .. 5) {
        $redis->command(@$command);
        sleep_until(now() + 0.1);
    }
    my $seen = tally($clients->stop->results);
    # what is under way when a connection ends has failed, and the breaker rests
    delete $seen->{503} if $command->[0] eq 'CLIENT';
    my $limit = $path eq '/many/x' ? 70 : 100;
    cmp_ok $seen->{200}, '<=', $limit, "@$command amid load: not one too many";
    is_deeply [grep { !/^(?:200|429)$/ } keys %$seen], [], '... and nobody is told anything else' or diag explain $seen;
}
# Until a server asks Redis again, and is answered.
sub in_use {
    my ($server) = @_;
    return wait_for(sub {
        ask_at($server, '/pair/x', pair => pair_of($pair));
        $server->metric('limiter_open') == 0;
    }, 'the limiter to be in use');
}
in_use($_) for @both;
$redis->command('FLUSHALL');
wait_for(sub { ask_at($one, '/hundred/x', key => $key->{key})->status == 200 }, 'what was said to be too old');
is $one->metric('limiter_open'), 0, 'FLUSHALL: what was counted is forgotten, and nothing fails';

# --- Redis says something else --------------------------------------------------------------------

my @replies = (
    "+OK\r\n", "\$-1\r\n", "*0\r\n", ":1\r\n", "*1\r\n:1\r\n", "\$5\r\nhello\r\n", "-NOAUTH Authentication required.\r\n",
    "-LOADING Redis is loading\r\n", "-MOVED 1 127.0.0.1:1\r\n", "*1000000000\r\n", "\$2000000000\r\n",
    "HTTP/1.1 400 Bad Request\r\n\r\n", "\xff" x 5000, "*4\r\n:1\r\n:99999999999999999999\r\n:0\r\n:0\r\n", "*1\r\n" x 5000 . ":1\r\n", '',
);
my $children = join ' ', sort $two->children;
my $good = fresh_key(token => 1);
my $locked = lock_pair($one, $good);
$key = fresh_key();
is statuses_at($one, '/limited/x', 6, key => $key->{key}), '200 200 200 200 200 429', 'a limit that is reached';
my @asked = (
    ['a limit that is reached', 429, '/limited/x', key => $key->{key}],
    ['a locked pair',           429, '/pair/x', client => $locked, pair => pair_of($good)],
    ['a locked pair, a scope',  429, '/pair/scope', client => $locked, pair => pair_of($good)],
    ['a wrong token',           401, '/pair/x', pair => wrong($good)],
);
for my $i (0 .. $#replies) {
    my ($name, $status, $path, @who) = @{$asked[$i % @asked]};
    my $shown = substr $replies[$i] =~ s/[^ -~]/./gr, 0, 40;
    in_use($two);
    $relay->answer($replies[$i]);
    like ask_at($two, $path, @who)->status, qr/^(?:503|$status)$/, "'$shown': $name";
}
is join(' ', sort $two->children), $children, 'no child has died';
unlike $two->log, qr/exit signal/, '... nor said so';
unlike $two->log, qr/hello|\Q$key->{key}\E/, 'what it said is not in the log as it came';

done_testing;
