# A limiter that servers share is away: what each on-error does, that nobody waits behind the first,
# what the log and the metrics say, and that all is shared again by itself.
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

my $LIMIT_FIELDS = qr/^(?:RateLimit|X-RateLimit)/mi;

sub pair_of { return [@{$_[0]}{qw(key token)}] }

sub answers_again {
    my ($server) = @_;
    my $key = fresh_key()->{key};
    return wait_for(sub {
        ask_at($server, '/refunded/x', key => $key);
        $server->metric('limiter_open') == 0;
    }, 'the limiter to be in use again');
}

my $server; # the one that is asked

# Clients all at once, each of them so many requests with a key: how many were answered with what.
sub rush {
    my ($clients, $each, $path, $key) = @_;
    return tally(TaiClients->start($clients, sub {
        my %seen;
        $seen{ask($server->port, $path, { 'X-API-Key' => $key })}++ for 1 .. $each;
        return \%seen;
    })->results);
}

# How it goes away, and comes back.
my @outages = (
    ['stands still', sub { $_[0]->pause }, sub { $_[0]->go_on }],
    ['is killed',    sub { $_[0]->crash }, sub { $_[0]->start_again }], # the relay answers, and breaks off
);

# --- local ------------------------------------------------------------------------------------------

my $redis = TaiRedis->start;
my $relay = TaiRelay->start(to => $redis->port);
$server = limited_server($redis->conf('timeout=100ms', $relay->port));
for my $outage (@outages) {
    my ($how, $go, $come) = @$outage;
    my ($before, $amid) = map { fresh_key(token => 1) } 1, 2;
    my ($key, $half, $new) = map { fresh_key()->{key} } 1 .. 3;
    my $locked = lock_pair($server, $before);
    my $mark = $server->metric('limiter_calls_total');
    wait_for(sub {
        ask_at($server, '/pair/x', client => $locked, pair => wrong($before));
        $server->metric('limiter_calls_total') > $mark;
    }, 'a lock to be asked about again'); # Redis has looked at that of the pair alone
    is statuses_at($server, '/limited/x', 6, key => $key), '200 200 200 200 200 429', "Redis $how; before: shared";
    is statuses_at($server, '/limited/x', 3, key => $half), '200 200 200', '... three of five';

    rush(8, 10, '/hundred/x', fresh_key()->{key}); # connections to spare: who asked twice could do it at once
    my $scripts = $redis->calls;
    my %before = map { $_ => $server->metric("limiter_$_") } qw(calls_total failures_total opened_total fallbacks_total);
    my $since = sub { $server->metric("limiter_$_[0]") - $before{$_[0]} };
    $go->($redis);
    my $tried = 0;
    until ($since->('opened_total') || $tried == 10) {
        is ask_at($server, '/locked/x', key => 'x')->status, 401, 'a failure that is counted here';
        $tried++;
    }
    is $tried, 3, 'nobody asks behind the first three';

    is statuses_at($server, '/limited/x', 6, key => $key), join(' ', (429) x 6), 'local: what was full is';
    is statuses_at($server, '/limited/x', 4, key => $half), '200 200 429 429', '... what was admitted here counts';
    is statuses_at($server, '/limited/x', 6, key => $new), '200 200 200 200 200 429', '... what nobody has used begins empty';
    like ask_at($server, '/limited/x', key => $new)->head, $LIMIT_FIELDS, '... and tells what is left';
    is ask_at($server, '/pair/x', client => $locked, pair => pair_of($before))->status, 429, '... and a lock that was found runs';
    is statuses_at($server, '/pair/x', 3, client => $locked, pair => wrong($amid)), '429 429 429', '... that of the client, too, whatever is tried';
    is ask_at($server, '/pair/x', client => $locked, pair => pair_of($amid))->status, 429, '... and not for ever: three wrong tokens lock this pair';
    my $hurt = new_client();
    is statuses_at($server, '/pair/x', 4, client => $hurt, pair => wrong($amid)), '401 401 401 429', '... and failures lock';
    is ask_at($server, '/pair/scope', client => $hurt, pair => pair_of($amid))->status, 429, '... the right token too';
    is ask_at($server, '/pair/scope', pair => pair_of($amid))->status, 403, '... not elsewhere';
    my $asked = $since->('calls_total');
    cmp_ok $asked, '<', 15, "of all these only $asked have asked Redis";
    cmp_ok $since->('fallbacks_total'), '>=', 20, 'what was decided without it is counted';
    is $server->metric('limiter_open'), 1, 'and so is that it is left alone';
    like $server->get('/server-status?auto')->body, qr/^TaiAuth-LimiterOpen: 1$/m, 'the status page says it';

    my $explained = order($server->port, explain => 'GET', '/limited/x', '--key-id', $amid->{id});
    my ($step) = grep { $_->{step} eq 'limiter' } @{$explained->{answer}{steps}};
    is $step->{result}, 'fails', 'taictl explain says that it does not answer';
    like $step->{detail}, qr{^redis://127\.0\.0\.1:\d+/0 does not answer: .+; until it does, this server counts by itself}, '... and what is done';
    my $ran = order($server->port, unlock => client => $hurt);
    isnt $ran->{status}, 0, 'taictl unlock fails';
    like $ran->{err}, qr{the limiter redis://127\.0\.0\.1:\d+/0 does not answer: .*; locks there may stand}, '... and says why';

    $come->($redis);
    answers_again($server);
    is $server->metric('limiter_open'), 0, 'Redis is back, by itself';
    my $kept = $how =~ /still/;
    cmp_ok $redis->calls - $scripts, '<=', $since->('calls_total'), 'what was sent once has run once at the most' if $how =~ /still/;
    my $counted = sub {
        join ' ', ask_at($server, '/limited/x', key => $key)->status,
            ask_at($server, '/pair/x', client => $locked, pair => pair_of($before))->status;
    };
    wait_for(sub { $counted->() eq '200 200' }, 'what it has said to be too old') unless $kept;
    is $counted->(), $kept ? '429 429' : '200 200', 'what it has counted counts, locks too' . ($kept ? '' : ': nothing');
    is ask_at($server, '/pair/x', client => $hurt, pair => pair_of($amid))->status, 200, 'what was locked without it is not';
}
my $log = $server->log;
my @lines = $log =~ /^.*taiauth: the limiter (redis\S+) (does not answer|answers again)(.*)$/mg;
is scalar(@lines) / 3, 2, 'one line when it failed, within a minute, and one when it was back' or diag join "\n", @lines;
is_deeply [@lines[1, 4]], ['does not answer', 'answers again'], '... in that order';
is $lines[0], 'redis://127.0.0.1:' . $relay->port . '/0', '... naming it';
like $lines[2], qr/; until it does, this server counts by itself \(on-error=local\)/, '... and what is done meanwhile';

# --- many at once -----------------------------------------------------------------------------------

# Each client waits once, with those that were under way when it came out; from then on one a second and
# the watchdog try.
my $PARALLEL = 32;
my $many = fresh_key()->{key};
is ask_at($server, '/hundred/x', key => $many)->status, 200, 'a key is remembered';
my %before = map { $_ => $server->metric("limiter_$_") } qw(failures_total opened_total);
$redis->pause;
my $began = now();
my $seen = rush($PARALLEL, 20, '/hundred/x', $many);
my $tries = 2 * (1 + int(now() - $began));
is_deeply $seen, { 200 => 99, 429 => 541 }, 'Redis stands still, 32 clients: 100 in all, one of which it knows of';
my $waited = $server->metric('limiter_failures_total') - $before{failures_total};
cmp_ok $waited, '>=', 3, "$waited of 640 have waited, three at the least";
cmp_ok $waited, '<=', $PARALLEL + $tries, '... each client once, and who tries';
is $server->metric('limiter_opened_total') - $before{opened_total}, 1, '... one outage';
$redis->go_on;
# Nobody asks: the watchdog does.
wait_for(sub { $server->metric('limiter_open') == 0 }, 'Redis to be found without traffic');
like $server->log, qr/the limiter redis\S+ answers again/, '... and the log has it';

# --- a charge is given back where it was made -----------------------------------------------------

my $key = fresh_key()->{key};
is statuses_at($server, '/refunded/x', 2, key => $key), '200 200', 'shared: two of three';
$relay->cut; # what Redis never gets it does not count later
is ask_at($server, '/refunded/to', key => $key)->status, 403, 'amid an outage';
is $server->metric('limiter_open'), 1, '... where a connection is refused, one call finds it out';
is statuses_at($server, '/refunded/to', 5, key => $key), '403 403 403 403 403', 'amid an outage: charged and refunded here';
is statuses_at($server, '/refunded/x', 2, key => $key), '200 429', '... all of it';
$relay->pass;
answers_again($server);
is statuses_at($server, '/refunded/x', 2, key => $key), '200 429', '... and nothing of what is shared';

# --- log-ins --------------------------------------------------------------------------------------

my $ann = login_user('limiter_outage');
sub log_in_from { my ($client, @more) = @_; return log_in($ann, port => $server->port, client => $client, @more)->status }
my $client = address();
$redis->pause;
is join(' ', map { log_in_from($client, password => password()) } 1 .. 4), '401 401 401 429', 'log-ins are counted here';
is log_in_from($client), 429, 'the right password too';
is log_in_from(address()), 201, 'elsewhere it is good';
$redis->go_on;
answers_again($server);
is log_in_from($client), 201, 'what was locked here is not where it is shared';

# Away while a password is checked that takes its time: the try is counted here from its beginning.
my $slow = login_user('limiter_outage-slow');
db()->do('UPDATE users SET password_hash = ? WHERE id = ?', undef, crypt(password(), '$2y$13$' . 'abcdefghijklmnopqrstuu'), $slow->{id});
$client = address();
my $calls = $redis->calls;
my $under_way = send_login($slow, port => $server->port, client => $client, place => '/auth/token');
wait_for(sub { $redis->calls == $calls + 1 }, 'Redis to count a try');
$relay->cut;
is $under_way->read('POST')->status, 401, 'a log-in that fails while Redis goes away';
is join(' ', map { log_in($slow, port => $server->port, client => $client)->status } 1 .. 3), '401 401 429', '... is counted here, as those that follow';
$relay->pass;
answers_again($server);
$server->stop;

# --- deny -----------------------------------------------------------------------------------------

$server = limited_server($redis->conf('timeout=100ms on-error=deny'));
my $pair = fresh_key(token => 1);
$key = fresh_key()->{key};
my $bob = elsewhere(administrator('limiter_outage-api'), '/manage', port => $server->port);
is ask_at($server, '/pair/x', pair => pair_of($pair))->status, 200, 'deny: Redis is there';
is ask_at($server, '/limited/x', key => $key)->status, 200, '... for limits too';
is ask_at($server, '/locked/x', key => $key)->status, 200, '... and a lockout';
$redis->pause;
my @denied = (
    ['a limit', '/limited/x', key => $key], ['a pair', '/pair/x', pair => pair_of($pair)], ['a wrong token', '/pair/x', pair => wrong($pair)],
    ['a scope of a pair', '/pair/scope', pair => pair_of($pair)], ['a method', '/pair/method', pair => pair_of($pair)],
    ['a Require', '/pair/require', pair => pair_of($pair)], ['an ErrorDocument', '/pair/document', pair => pair_of($pair)],
    ['a malformed key', '/locked/x', key => 'x'], ['a key that is not remembered', '/locked/x', key => fresh_key()->{key}],
    ['a dry lockout', '/pair/dry', pair => pair_of($pair)],
);
for my $row (@denied) {
    my ($name, $path, @who) = @$row;
    is_refusal ask_at($server, $path, @who), 503, 'AUTH_UNAVAILABLE', "deny: $name";
}
is ask_at($server, '/limited/x', key => $key)->header('Retry-After'), 5, 'it says when to come again';
is ask_at($server, '/free/x', key => $key)->status, 200, 'who needs no counting goes on';
is ask_at($server, '/locked/x', key => $key)->status, 200, '... and a key that is remembered, under a lockout';
is log_in_from(address()), 503, 'nobody logs in';
is_refusal api($bob, GET => '/account'), 503, 'AUTH_UNAVAILABLE', 'nor manages keys';
my $page = $server->get('/metrics')->body;
like $page, qr/reason="limiter"\} [1-9]/, 'the reason is in the metrics';
like $server->log, qr/refused 503 AUTH_UNAVAILABLE: limiter, /, '... and in the log';
reload_with($server, 'on-error=deny', 'on-error=local');
is statuses_at($server, '/limited/x', 5, key => $key), '200 200 200 200 429', 'a reload with local amid the outage: what was admitted before counts';
reload_with($server, 'on-error=local', 'on-error=deny');
$redis->go_on;
answers_again($server);
is ask_at($server, '/limited/x', key => fresh_key()->{key})->status, 200, 'and back';
is log_in_from(address()), 201, '... log-ins too';
$server->stop;

# --- allow ----------------------------------------------------------------------------------------

$server = limited_server($redis->conf('timeout=100ms on-error=allow'));
$pair = fresh_key(token => 1);
is ask_at($server, '/limited/x', key => $key)->status, 200, 'allow: Redis is there';
$redis->pause;
is statuses_at($server, '/limited/x', 12, key => $key), join(' ', (200) x 12), 'no limit holds';
unlike ask_at($server, '/many/x', key => $key)->head, $LIMIT_FIELDS, '... and nothing is said of one';
is statuses_at($server, '/pair/two', 4, pair => pair_of($pair)), '200 200 200 200', '... of a pair neither';
$client = new_client();
is statuses_at($server, '/pair/two', 4, client => $client, pair => wrong($pair)), '401 401 401 429', 'a lockout does';
is ask_at($server, '/pair/two', client => $client, pair => pair_of($pair))->status, 429, '... for the right token';
is ask_at($server, '/pair/x', client => $client, pair => pair_of($pair))->status, 429, '... where there is no limit';
is ask_at($server, '/pair/scope', client => $client, pair => pair_of($pair))->status, 429, '... whatever refuses';
$client = address();
is join(' ', map { log_in_from($client, password => password()) } 1 .. 4), '401 401 401 429', 'log-ins are locked';
$redis->go_on;
answers_again($server);
$key = fresh_key()->{key};
like ask_at($server, '/many/x', key => $key)->head, $LIMIT_FIELDS, 'and back: limits are told';
is statuses_at($server, '/limited/x', 6, key => $key), '200 200 200 200 200 429', '... and hold';

done_testing;
