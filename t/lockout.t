# Failures lock a client out, and nobody else.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use TaiKeys;
use TaiLimiter;
use TaiTest;

my $account = make_account('lockout');
my $good = make_key($account)->{key};
my $pair = make_key($account, token => 1);
my $other_pair = make_key($account, token => 1);
my $dead = make_key($account);
taictl(key => 'revoke', $dead->{id});
$dead = $dead->{key};

my $host = 0;
sub client { return '10.1.1.' . ++$host } # an address that has done nothing yet

sub ask {
    my ($place, $client, $key, $token) = @_;
    my @key = !defined $key ? () : $place =~ /pair/ ? (apikey => $key) : ('X-API-Key' => $key);
    my @token = defined $token ? ('x-ts-authorization' => $token) : ();
    return request('lockout', GET => "/$place/", ['X-Client' => $client, @key, @token]);
}

# Statuses in turn, as one text.
sub statuses {
    my ($place, $client, @keys) = @_;
    return join ' ', map { ask($place, $client, ref $_ ? @$_ : $_)->status } @keys;
}

# --- the lock -----------------------------------------------------------------------------------

my $first = client();
my $locks = metric('locks_started_total');
is statuses(three => $first, unknown_key(), 'malformed', $dead), '401 401 401', 'the third failure is still told as one';
is metric('locks_started_total'), $locks + 1, 'and starts one lock';
my $mark = log_mark();
my $locked = ask(three => $first, unknown_key());
is_refusal $locked, 429, 'LOCKED_OUT', 'the next one';
is $locked->json->{error}, 'Too many failed authentication attempts.', 'text';
my $left = $locked->json->{retry_after};
ok $left <= 3600 && $left > 3500, 'retry_after is what is left of the lock' or diag $left;
like last_refusal($mark), qr/refused 429 LOCKED_OUT: client_locked, /, 'the log says which lock';
is statuses(three => $first, 'malformed', $dead, 'malformed'), '429 429 429', 'whatever fails';
is metric('locks_started_total'), $locks + 1, 'tries during a lock start none';
cmp_ok ask(three => $first, 'malformed')->json->{retry_after}, '<=', $left, 'nor prolong it';
is statuses(three => $first, $good), 200, 'a good key passes';
is ask(three => $first)->json->{code}, 'MISSING_API_KEY', 'no key is no failure';
is statuses(three => $first, make_key($account)->{key}), 200, 'a good key that was never seen before passes too';
my $page = request(undef, GET => '/metrics')->body;
SKIP: {
    skip 'about locks of this host', 2 if TaiLimiter::is_shared();
    like $page, qr/^taiauth_lockouts\{table="clients"\} [1-9]/m, 'the lock is in force in the metrics';
    my ($now) = request(undef, GET => '/server-status?auto')->body =~ /^TaiAuth-LockoutsInForce: (\d+)/m;
    cmp_ok $now, '>=', 1, 'and on the status page';
}

# --- who is locked ------------------------------------------------------------------------------

is statuses(three => client(), 'x'), 401, 'another address is not';
is statuses(same => $first, 'x'), 429, 'a policy with the same numbers is the same';
is statuses(other => $first, 'x', 'x', 'x', 'x', 'x'), '401 401 401 401 429', 'another policy has its own count';

my @shared = (['2001:db8:1:2::1', '2001:db8:1:2:ffff::2'], ['10.1.2.1', '::ffff:10.1.2.1']);
for my $addresses (@shared) {
    my ($one, $two) = @$addresses;
    is statuses(three => $one, ('x') x 3), '401 401 401', "$one fails";
    is statuses(three => $two, 'x'), 429, "$two is the same client";
}
is statuses(three => $_, 'x'), 401, "$_ is another" for '2001:db8:1:3::1', '10.1.2.2', '2001:db8::';

# --- what counts --------------------------------------------------------------------------------

my $client = client();
is statuses(three => $client, 'x', 'x', $good, $good, 'x', 'x'), '401 401 200 200 401 429', 'a success clears nothing';

$client = client();
is statuses(three => $client, (undef) x 4, ('') x 4), join(' ', (401) x 8), 'missing keys';
is statuses(scope => $client, ($good) x 4), '403 403 403 403', '403s';
is statuses(limit => $client, ($good) x 4), '200 429 429 429', '429s';
is statuses(optional => $client, (undef) x 4), '200 200 200 200', 'anonymous requests';
is statuses(three => $client, 'x', 'x', 'x', 'x'), '401 401 401 429', 'are no failures';
is statuses(scope => $client, 'x', 'x'), '401 429', 'nor in a policy of one';

$client = client();
is statuses(optional => $client, 'x', 'x', 'x', undef, $good), '401 401 429 200 200', 'a bad key where none is needed';

$client = client();
is statuses(window => $client, 'x'), 401, 'a failure';
sleep 1.1; # the window of the policy
is statuses(window => $client, 'x'), 401, 'and one when it has left the window';
sleep 1.1;
is statuses(window => $client, 'x', 'x', 'x'), '401 401 429', 'two within it lock';

# --- the end of a lock --------------------------------------------------------------------------

$client = client();
is statuses(short => $client, 'x', 'x', 'x'), '401 401 429', 'a short lock';
is ask(short => $client, 'x')->json->{retry_after}, 1, 'its rest is told in whole seconds';
wait_for(sub { ask(short => $client, 'x')->status == 401 }, 'the end of a lock under constant tries');
is statuses(short => $client, 'x', 'x'), '401 429', 'it left no count behind';

# --- key and token ------------------------------------------------------------------------------

my ($here, $there) = (client(), client());
my $wrong = unknown_token();
my $right = [$pair->{key}, $pair->{token}];
is statuses(pair => $here, $right, [$pair->{key}, $wrong], [$pair->{key}, 'malformed'], [$pair->{key}]), '200 401 401 401',
    'two wrong tokens and none';
is statuses(pair => $here, [$pair->{key}, $other_pair->{token}]), 401, 'the third';
$mark = log_mark();
is_refusal ask(pair => $here, @$right), 429, 'LOCKED_OUT', 'the right token from there';
like last_refusal($mark), qr/refused 429 LOCKED_OUT: pair_locked, /, 'the log says which lock';
is statuses(pair => $there, $right), 200, 'the right token from elsewhere';
is statuses(pair => $there, [$pair->{key}, $wrong]), 401, 'a wrong one from elsewhere';
is statuses(pair => $here, [$other_pair->{key}, $other_pair->{token}]), 200, 'another apikey, its token, from there';
is statuses(pair => $here, [$other_pair->{key}, $wrong]), 429, 'another apikey, a wrong token, from there';
is statuses(pair => $here, [$pair->{key}]), 401, 'no token';

$here = client();
is statuses(pair => $here, map { [unknown_key(), $pair->{token}] } 1 .. 4), '401 401 401 429', 'unknown apikeys lock their client';
is statuses(pair => $here, $right), 200, 'and no pair';

# --- dry run ------------------------------------------------------------------------------------

$client = client();
$mark = log_mark();
my $dry = metric('dry_run_total', 'client_locked');
is statuses(dry => $client, ('x') x 4), '401 401 401 401', 'TaiAuthDryRun lockout refuses nothing for a lock';
is metric('dry_run_total', 'client_locked'), $dry + 2, 'it counts';
is scalar(() = log_since($mark) =~ /taiauth: would refuse 429 LOCKED_OUT: client_locked, /g), 2, 'and logs';
is statuses('dry-pair' => $client, ([$pair->{key}, $wrong]) x 3, $right), '401 401 401 200', 'pairs too';

# --- look-ups -----------------------------------------------------------------------------------

# Many requests on one connection, all written before the first answer is read.
sub pipelined {
    my ($place, $client, @keys) = @_;
    my $connection = connection('lockout');
    $connection->send(join '', map {
        TaiHttp::bytes(GET => "/$place/", ['X-Client' => $client, 'X-API-Key' => $_]) } @keys);
    my @answers;
    while (@answers < @keys) {
        push @answers, $connection->read // last;
    }
    return @answers;
}

$client = client();
is statuses(three => $client, ('x') x 3), '401 401 401', 'a locked client';
my @guesses = map { unknown_key() } 1 .. 60;
my ($before, $begun) = (metric('lookup_seconds_count'), time);
my @answers = pipelined(three => $client, @guesses);
my $seconds = time - $begun;
my $lookups = metric('lookup_seconds_count') - $before;
my @throttled = grep { $_->header('Retry-After') == 1 } @answers;
is scalar(grep { $_->status == 429 } @answers), 60, 'is refused 60 guesses';
is $lookups + @throttled, 60, 'each is looked up or told to wait a second';
cmp_ok $lookups, '>=', 10, 'ten look-ups are granted';
cmp_ok $lookups, '<=', 10 * (1 + int $seconds), 'and no more than ten a second';
is statuses(three => $client, ($good) x 20), join(' ', (200) x 20), 'while a good key goes on';

# No lockout here: all that protects the database is what the node grants to unknown keys.
($before, $begun) = (metric('lookup_seconds_count'), time);
my ($refused) = @{wait_for(sub {
    my @busy = grep { $_->status != 401 } pipelined(off => client(), map { unknown_key() } 1 .. 200);
    return @busy ? \@busy : undef;
}, 'the node to have enough of unknown keys')};
is $refused->status, 503, 'beyond 500 a second: 503';
is $refused->json->{code}, 'AUTH_UNAVAILABLE', 'AUTH_UNAVAILABLE';
is $refused->header('Retry-After'), 1, 'Retry-After';
is statuses(off => client(), $good), 200, 'while a known key goes on';
$lookups = metric('lookup_seconds_count') - $before;
cmp_ok $lookups, '<=', 500 * (1 + int(time - $begun)) + 1, 'no more than 500 look-ups a second, and one of the known key';
cmp_ok $lookups, '>=', 500 - 60, 'and no less, but for the guesses of a moment ago';

# --- many at once -------------------------------------------------------------------------------

my %pids;
for my $round (1 .. 5) {
    my $attacker = client();
    $mark = log_mark();
    my @pipes = map { flood($attacker) } 1 .. 20;
    my %count;
    for my $pipe (@pipes) {
        $count{$_}++ for split ' ', do { local $/; <$pipe> } // '';
        close $pipe;
    }
    is_deeply \%count, { 401 => 5, 429 => 195 }, "round $round: 20 clients at once, 200 failures, the lock at five";
    $pids{$_}++ for log_since($mark) =~ /\[pid (\d+)[^\n]*taiauth: refused/g;
}
cmp_ok scalar keys %pids, '>', 1, 'counted by several processes';

# A process that fails ten times; what it is told comes out of the pipe.
sub flood {
    my ($attacker) = @_;
    my $pid = open my $pipe, '-|';
    die "fork: $!" unless defined $pid;
    return $pipe if $pid;
    print statuses(five => $attacker, ('x') x 10), "\n";
    close STDOUT;
    require POSIX;
    POSIX::_exit(0);
}

# --- a restart ----------------------------------------------------------------------------------

my $counted = client();
is statuses(three => $counted, 'x', 'x'), '401 401', 'two failures';
graceful();
is statuses(three => $first, 'x'), 429, 'a lock survives a graceful restart';
is statuses(three => $counted, 'x', 'x'), '401 429', 'so does a count';

done_testing;
