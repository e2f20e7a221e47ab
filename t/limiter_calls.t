# What a limiter that servers share is asked, counted at its side: one call of an admitted request,
# two at the most of one that fails, none of one that it has refused a moment ago; and a pair that is locked out learns no more with the right token
# than with a wrong one, however the request ends.
use strict;
use warnings;

use Test::More;
use TaiApi qw(administrator api elsewhere);
use TaiKeys;
use TaiLimited;
use TaiLimits qw(now);
use TaiLogin;
use TaiOrders;
use TaiRedis;
use TaiTest;

my $redis = TaiRedis->start;
my $server = limited_server($redis->conf('timeout=5s on-error=deny'));
my $account = make_account('limiter_calls');

# The status of a request, and how many calls it took.
sub costs {
    my ($path, $expected, $name, %want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $redis->calls;
    my $answer = ask_at($server, $path, %want);
    is join(' ', $answer->status, $redis->calls - $before), $expected, $name;
    return $answer;
}

# What it says of limits, but for seconds, which pass; and that these are as they were, or a few less.
my %seconds;

sub fields {
    my ($answer) = @_;
    my $text = join "\n", map { $answer->header($_) } qw(RateLimit-Policy RateLimit);
    my @now = ($answer->header('Retry-After'), $text =~ /;t=(\d+)/g);
    my $shape = $text =~ s/;t=\d+/;t=N/gr;
    if (my $before = $seconds{$shape}) {
        is scalar(grep { $now[$_] > $before->[$_] || $now[$_] < $before->[$_] - 60 } 0 .. $#now), 0, 'seconds pass';
    }
    $seconds{$shape} = \@now;
    return $shape . $answer->body =~ s/("retry_after": ?)\d+/$1N/r;
}

sub pair_of { return [@{$_[0]}{qw(key token)}] }

# --- single keys ----------------------------------------------------------------------------------

my $key = make_key($account)->{key};
costs('/free/x', '200 0', 'no limit: nothing is asked', key => $key);
costs('/limited/x', '200 1', 'one limit', key => $key);
costs('/many/x', '200 1', 'five limits', key => $key);
ask_at($server, '/limited/x', key => $key) for 1 .. 4;
my $said = costs('/limited/x', '429 1', 'a limit that is reached', key => $key);
my $again = costs('/limited/x', '429 0', '... and was a moment ago', key => $key);
is fields($again), fields($said), '... with the same to say';
ask_at($server, '/many/x', key => $key) for 1 .. 68; # one was above
my @same = (key => $key, client => new_client());
costs('/many/x', '200 1', 'five limits, the last that is admitted', @same);
$said = costs('/many/x', '429 1', '... one is reached', @same);
$again = costs('/many/x', '429 0', '... and was a moment ago', @same);
is fields($again), fields($said), '... with the same to say of each';
costs('/locked/x', '200 0', 'a lockout: a key that is remembered', key => $key);
costs('/locked/x', '200 1', '... one that is not', key => make_key($account)->{key});
my $client = new_client();
my $unknown = unknown_key();
costs('/locked/x', '401 2', 'an unknown key', key => $unknown, client => $client);
costs('/locked/x', '401 1', '... that is remembered as unknown', key => $unknown, client => $client);
costs('/locked/x', '401 1', 'a malformed one', key => 'x', client => $client);
costs('/locked/x', '429 0', 'and locked out', key => 'x', client => $client);
costs('/locked/x', '401 0', 'no key', client => $client);
costs('/locked/x', '200 0', 'a good one from there', key => $key, client => $client);

$key = make_key($account)->{key};
costs('/refunded/x', '200 1', 'a place that refuses nobody', key => $key);
costs('/refunded/forbidden', '403 0', 'one that does', key => $key);
my $way = costs('/refunded/to', '403 2', 'a redirect from one to the other is charged, and refunded', key => $key);
is $way->header('RateLimit'), undef, '... and says nothing of a limit';
is statuses_at($server, '/refunded/x', 3, key => $key), '200 200 429', 'nothing is left of it';

# --- pairs ----------------------------------------------------------------------------------------

my $pair = make_key($account, token => 1);
my $good = pair_of($pair);
is ask_at($server, '/pair/x', pair => $good)->status, 200, 'a pair is remembered';
costs('/pair/x', '200 1', 'a pair without a limit', pair => $good);
costs('/pair/off', '200 1', '... where limits are off', pair => $good);
costs('/pair/limited', '200 1', '... with one', pair => $good);
costs('/pair/status', '200 1', '... at the status page', pair => $good);
costs('/pair-chosen/', '200 1', '... a page with fragments, behind a redirect', pair => $good);
ask_at($server, '/pair/two', pair => $good) for 1, 2;
my $elsewhere_too = new_client();
costs('/pair/two', '429 1', 'a limit that is reached', pair => $good, client => $elsewhere_too);
costs('/pair/two', '429 0', '... and was a moment ago: its lock, too', pair => $good, client => $elsewhere_too);
costs('/pair/two', '429 1', '... from elsewhere nobody knows of the lock', pair => $good);

my @refusing = (
    ['/pair/scope',         403, 'a scope'],
    ['/pair/plan',          403, 'a scope that the plan lacks'],
    ['/pair/method',        405, 'a method'],
    ['/pair/require',       403, 'Require tai-account'],
    ['/pair/require-scope', 403, 'Require tai-scope'],
    ['/pair/require-host',  403, 'Require ip'],
    ['/pair/document',      403, 'an ErrorDocument elsewhere'],
    ['/pair/document-here', 403, 'an ErrorDocument that needs the pair'],
    ['/pair/envelope',      200, 'an envelope'],
    ['/pair/absent',        503, 'an application that is away'],
    ['/pair-chosen/two.html', 406, 'a language that there is not', headers => ['Accept-Language' => 'fr']],
    ['/pair-chosen/none',   404, 'a file that there is not'],
);
for my $row (@refusing) {
    my ($path, $status, $name, @more) = @$row;
    costs($path, "$status 1", "$name: one call, for the lock", pair => $good, @more);
}

my $elsewhere = new_client();
costs('/pair/x', '401 1', 'a wrong token', pair => wrong($pair), client => $elsewhere) for 1 .. 3;
costs('/pair/x', '429 0', 'and locked out', pair => wrong($pair), client => $elsewhere);
costs('/pair/x', '429 0', 'with the right token too', pair => $good, client => $elsewhere);
costs('/pair/x', '200 1', 'not so elsewhere', pair => $good);

# --- a locked pair --------------------------------------------------------------------------------

# Status, headers and body, with what may differ from one answer to the next taken out.
sub shape {
    my ($answer) = @_;
    my $text = $answer->head . $answer->body;
    $text =~ s/^Date: .*\r\n//mi;
    $text =~ s/(Retry-After: |"retry_after": ?)\d+/$1N/g;
    return $text;
}

my $locked = lock_pair($server, $pair);
my @places = (
    ['/pair/x', 200, 'a page'], ['/pair/limited', 200, 'a limit'], ['/pair/two', 429, 'a limit that is reached'],
    ['/pair/off', 200, 'no limit'], ['/pair/status', 200, 'the status page'], ['/pair-chosen/', 200, 'fragments'],
    ['/pair-chosen/part.html', 200, 'a fragment by itself'], @refusing,
);
for my $method (qw(GET HEAD POST)) {
    for my $row (@places) {
        my ($path, undef, $name, @more) = @$row;
        my ($right, $wrong) = map { ask_at($server, $path, method => $method, client => $locked, pair => $_, @more) } $good, wrong($pair);
        is $right->status, 429, "$method, $name: the right token";
        is shape($right), shape($wrong), '... gets the bytes that a wrong one gets';
    }
}
is_refusal ask_at($server, '/pair/scope', client => $locked, pair => $good), 429, 'LOCKED_OUT', 'the refusal';

is ask_at($server, '/open/two.shtml', client => $_->[0], pair => $good)->body =~ s/\s+/ /gr, "[ $_->[1] $_->[1] ] ", "fragments of an open page: $_->[1]"
    for [new_client(), 'part'], [$locked, 'refused'];

# The client's own lock ends later than that of the pair: only who is wrong could be told of it.
my $other = make_key($account, token => 1);
$locked = lock_pair($server, $other);
order($server->port, unlock => client => $locked);
sub waits { return ask_at($server, '/pair/x', client => $locked, pair => $_[0])->json->{retry_after} }
my $longest = waits(pair_of($other));
wait_for(sub { waits(pair_of($other)) < $longest - 2 }, 'some seconds of the lock to pass');
ask_at($server, '/pair/x', client => $locked, pair => [unknown_key(), unknown_token()]) for 1 .. 3;
cmp_ok waits([unknown_key(), unknown_token()]), '>', $longest - 2, 'another apikey: the lock of the client';
my $rest = waits(wrong($other));
ok $rest <= $longest - 2, 'a wrong token: that of the pair' or diag $rest;
cmp_ok abs(waits(pair_of($other)) - $rest), '<=', 1, 'as with the right one';

# Who is at a locked pair counts nowhere, whatever he shows: in Redis as in shared memory.
for my $case (['shared memory', limited_server('')], ['Redis', $server]) {
    my ($name, $at) = @$case;
    my $third = make_key($account, token => 1);
    my $from = lock_pair($at, $third);
    order($at->port, unlock => client => $from);
    is join(' ', map { ask_at($at, '/pair/x', client => $from, pair => $_)->status } (wrong($third)) x 4, pair_of($third)),
        '429 429 429 429 429', "$name: a locked pair";
    is statuses_at($at, '/locked/x', 4, client => $from, key => 'x'), '401 401 401 429', '... has counted nothing against its client';
}

my ($user, $hurt) = map { login_user("limiter_calls-$_") } qw(ann ben);
my $disabled = make_key($hurt->{account}, token => 1);
is ask_at($server, '/pair/x', pair => pair_of($disabled))->status, 200, 'an account that is active';
$locked = lock_pair($server, $disabled);
taictl(account => 'suspend', $hurt->{account});
settled();
costs('/pair/x', '403 1', 'a suspended account', pair => pair_of($disabled));
is_refusal ask_at($server, '/pair/x', client => $locked, pair => pair_of($disabled)), 429, 'LOCKED_OUT', '... locked out';

# --- a lockout that is not enforced ---------------------------------------------------------------

my $tried = make_key($account, token => 1);
$client = new_client();
is join(' ', map { ask_at($server, '/pair/dry', client => $client, pair => $_)->status } (wrong($tried)) x 4, (pair_of($tried)) x 4),
    '401 401 401 401 200 200 200 429', 'a dry lockout refuses nothing, and the limit holds';
like $server->log, qr/would refuse 429 LOCKED_OUT: pair_locked/, 'it is logged';

# --- log-ins --------------------------------------------------------------------------------------

sub log_in_costs {
    my ($expected, $name, %want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $redis->calls;
    my $answer = log_in($user, port => $server->port, %want);
    is join(' ', $answer->status, $redis->calls - $before), $expected, $name;
    return;
}
$client = address();
log_in_costs('201 2', 'a log-in: its beginning and its end', client => $client);
log_in_costs('401 2', 'one that fails', client => $client, password => password()) for 1 .. 3;
log_in_costs('429 0', 'and locked out', client => $client);
log_in_costs('201 2', 'not so elsewhere', client => address());

# --- the management API ---------------------------------------------------------------------------

my $bob = elsewhere(administrator('limiter_calls-api'), '/manage', port => $server->port);
my $before = $redis->calls;
is join(' ', map { api($bob, GET => '/account')->status } 1 .. 6), '200 200 200 200 200 429', 'a user of the management API';
is $redis->calls - $before, 6, '... costs one call each time';

is $server->metric('limiter_calls_total'), $redis->calls, 'every call was counted';
is $server->metric("limiter_$_"), 0, "$_: none" for qw(failures_total fallbacks_total open opened_total);

# --- orders ---------------------------------------------------------------------------------------

sub locks_lifted { return order($server->port, unlock => @_)->{answer}{locks} }

is locks_lifted(user => $user->{user}), 1, 'the lock of a log-in is lifted';
log_in_costs('201 2', 'and is none any more', client => $client);
$locked = lock_pair($server, $pair);
is locks_lifted(key => $pair->{id}, $locked), 1, 'the lock of a pair is lifted';
is locks_lifted(client => $locked), 1, 'and that of its client';
costs('/pair/x', '200 1', 'and is none any more', pair => $good, client => $locked);

# --- floods ---------------------------------------------------------------------------------------

# What is refused is asked about once in five seconds, however often that is.
sub flood {
    my ($path, $status, $name, %want) = @_;
    ask_at($server, $path, %want) until ask_at($server, $path, %want)->status == 429;
    my ($calls, $began, %seen) = ($redis->calls, now());
    $seen{ask_at($server, $path, %want)->status}++ for 1 .. 1000;
    my $most = 1 + int((now() - $began) / 5);
    is_deeply \%seen, { 429 => 1000 }, "a thousand more: $name";
    cmp_ok $redis->calls - $calls, '<=', $most, "... cost $most at the most";
    return;
}
my $recalled = $server->metric('limiter_recalled_total');
flood('/limited/x', 429, 'a limit that is reached', key => make_key($account)->{key}, client => new_client());
flood('/locked/x', 429, 'malformed keys of a client', key => 'x', client => new_client());
$pair = make_key($account, token => 1);
flood('/pair/x', 429, 'wrong tokens for a key', pair => wrong($pair), client => new_client());
cmp_ok $server->metric('limiter_recalled_total') - $recalled, '>=', 2000, 'the metrics count them';

# --- the end --------------------------------------------------------------------------------------

my $explained = order($server->port, explain => 'GET', '/pair/limited', '--key-id', $pair->{id}, '--client', lock_pair($server, $pair));
my %step = map { $_->{step} => $_ } @{$explained->{answer}{steps}};
is $step{limiter}{detail}, "redis://127.0.0.1:@{[$redis->port]}/0 answers", 'taictl explain names the limiter';
like $step{lockout}{detail}, qr/: locked for another \d+ s: /, '... and what it says of the client';
is $explained->{answer}{verdict}{reason}, 'pair_locked', '... and of the pair';

done_testing;
