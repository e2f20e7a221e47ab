# Limits in the database: a key's own beats its plan's, which beats the unnamed line; a change judges
# the admissions that are there already.
use strict;
use warnings;

use POSIX qw(ceil);
use Test::More;
use TaiLimits;
use TaiTest;

my $db = db();

sub page {
    my ($name, $key) = @_;
    return request('ratelimit', GET => "/page/$name", with_key($key));
}

sub set_limit {
    my ($key, $limit) = @_;
    my $rows = $db->do('UPDATE api_keys SET rate_limit = ? WHERE id = ?', undef, $limit, $key->{id});
    is $rows, 1, 'the limit is ' . ($limit // 'none') or die "no such key\n";
    settled();
    return;
}

sub make_plan {
    my ($name, $limit) = @_;
    $db->do('INSERT INTO plans (name, title, rank, rate_limit, max_keys)
             SELECT ?, ?, MAX(rank) + 1, ?, 10 FROM plans', undef, $name, ucfirst $name, $limit);
    $db->do('INSERT INTO plan_scopes (plan, scope)
             SELECT ?, scope FROM plan_scopes WHERE plan = ?', undef, $name, 'free');
    return $name;
}

sub own_limit {
    my ($limit, %want) = @_;
    return fresh_key(%want, options => ['--rate-limit', $limit]);
}

# --- which limit holds --------------------------------------------------------------------------

my $gold = make_plan('gold', '3/1h');

# what holds | path | key | how many pass
my @precedence = (
    ['the unnamed line',                       'five',    fresh_key(),                      5],
    ["a plan's limit",                         'five',    fresh_key(plan => $gold),         3],
    ["a key's own limit",                      'five',    own_limit('4/1h'),                4],
    ["a key's own limit, not its plan's",      'five',    own_limit('2/1h', plan => $gold), 2],
    ["a key's own limit, larger than both",    'five',    own_limit('7/1h', plan => $gold), 7],
    ["a key's own limit where no line is",     'none',    own_limit('2/1h'),                2],
    ["a plan's limit where no line is",        'none',    fresh_key(plan => $gold),         3],
    ["a named line, whatever the key's own",   'besides', own_limit('5/1h'),                2],
    ["a key's own limit besides a named line", 'besides', own_limit('1/1h'),                1],
    ["a key's own limit besides 15 of them",   'many',    own_limit('3/1h'),                3],
    ["a plan's limit besides 15 of them",      'many',    fresh_key(plan => $gold),         3],
);
for my $row (@precedence) {
    my ($name, $path, $key, $n) = @$row;
    spent_exactly $n, 'ratelimit', "/page/$path", with_key($key), "$name: exactly $n";
}

is_deeply policies(page('five', own_limit('8/30m'))), { default => { q => 8, w => 1800, r => 7, t => 1800 } },
    'the headers tell the limit that holds';

# --- changed while its window is in use ---------------------------------------------------------

{
    my $key = own_limit('2/1h');
    spent_exactly 2, 'ratelimit', '/page/five', with_key($key), 'two of two';
    set_limit($key, '5/1h');
    spent_exactly 3, 'ratelimit', '/page/five', with_key($key), '2 to 5: three more at once';
    set_limit($key, '2/1h');
    is_refusal page('five', $key), 429, 'RATE_LIMITED', '5 to 2: refused';
    set_limit($key, undef);
    spent_exactly 0, 'ratelimit', '/page/five', with_key($key), 'none of its own: the line judges the same five';
}
{
    my $key = fresh_key(plan => $gold);
    spent_exactly 3, 'ratelimit', '/page/five', with_key($key), 'three of three';
    $db->do('UPDATE plans SET rate_limit = ? WHERE name = ?', undef, '4/1h', $gold);
    settled();
    spent_exactly 1, 'ratelimit', '/page/five', with_key($key), "a plan's limit, raised: one more";
}

# 5 to 2: one more passes when four have left. Three go at first, two later: what decides is the
# fourth. Only where the machine was quick enough has it shown that; else once more.
for my $try (1 .. 5) {
    my $window = 6;
    my $key = own_limit("5/${window}s");
    my $began = now();
    my @three = map { page('changing', $key)->status } 1 .. 3;
    my $three_done = now();
    sleep_until($began + 3);
    my $fourth_sent = now();
    my $fourth = page('changing', $key)->status;
    my $fourth_done = now();
    my $fifth = page('changing', $key)->status;
    $db->do('UPDATE api_keys SET rate_limit = ? WHERE id = ?', undef, "2/${window}s", $key->{id});
    settled();
    my $asked = now();
    my $refused = page('changing', $key);
    my $told = now();
    next if $told - $began > $window - 1;

    is_deeply [@three, $fourth, $fifth], [(200) x 5], '5 to 2: five admitted';
    is_refusal $refused, 429, 'RATE_LIMITED', '5 to 2: the limit lowered';
    my $wait = $refused->header('Retry-After');
    cmp_ok $wait, '>=', ceil($fourth_sent + $window - $told), '5 to 2: wait for the fourth, not less';
    cmp_ok $wait, '<=', ceil($fourth_done + $window - $asked), '... and not more';

    sleep_until($three_done + $window);
    my $early = page('changing', $key);
    next if now() >= $fourth_sent + $window;
    is_refusal $early, 429, 'RATE_LIMITED', '5 to 2: three have left, not enough';
    sleep_until($told + $wait);
    is page('changing', $key)->status, 200, '5 to 2: four have left';
    last;
}
continue {
    die "this machine is too slow to tell\n" if $try == 5;
}

# --- what is no limit ---------------------------------------------------------------------------

for my $malformed ('5 per minute', '0/60s', '5/', '-1/60s', '5/60s ') {
    my $key = fresh_key();
    set_limit($key, $malformed);
    my $mark = log_mark();
    my $answer = page('five', $key);
    is_refusal $answer, 503, 'AUTH_UNAVAILABLE', "\"$malformed\" decides nothing";
    ok $answer->header('Retry-After'), '... Retry-After';
    like log_since($mark), qr/refused 503 AUTH_UNAVAILABLE: database, key \S+, key id $key->{id},/,
        '... the log names the key';
    set_limit($key, '5/1h');
    is left(page('five', $key)), 4, '... mended: nothing was charged meanwhile';
}
{
    my $key = fresh_key(plan => make_plan('broken', 'unlimited'));
    is_refusal page('five', $key), 503, 'AUTH_UNAVAILABLE', "a plan's malformed limit decides nothing";
    # A child says so once a second.
    my $mark = log_mark();
    my $said = qr/key $key->{id} is under the rate limit "unlimited", which is none/;
    ok wait_for(sub { page('five', $key); log_since($mark) =~ $said }, 'the log to name the limit'),
        '... the log says what is wrong';
    set_limit($key, '5/1h');
    is page('five', $key)->status, 200, "... but for a key with a limit of its own";
}
is page('five', fresh_key())->status, 200, 'and everybody else is none the wiser';

done_testing;
