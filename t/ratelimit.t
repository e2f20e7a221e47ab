# Rate limits as the configuration sets them: how many pass, whose windows they are, what the
# headers say, what costs nothing, and how long to wait.
use strict;
use warnings;

use POSIX qw(ceil);
use Test::More;
use TaiLimits;
use TaiTest;

sub page {
    my ($name, $headers) = @_;
    return request('ratelimit', GET => "/page/$name", $headers);
}

# --- N of a window, and the fields that count it ------------------------------------------------

{
    my $key = fresh_key();
    for my $used (1 .. 5) {
        my $answer = page('five', with_key($key));
        is $answer->status, 200, "request $used of 5";
        is $answer->header('RateLimit-Policy'), '"default";q=5;w=3600', '... RateLimit-Policy';
        my ($left, $reset) = ($answer->header('RateLimit') // '') =~ /^"default";r=(\d+);t=(\d+)$/;
        is $left, 5 - $used, '... RateLimit: what is left';
        ok $reset > 0 && $reset <= 3600, '... RateLimit: until the oldest leaves';
    }
    my $answer = page('five', with_key($key));
    is_refusal $answer, 429, 'RATE_LIMITED', 'the sixth';
    is $answer->json->{error}, 'Rate limit exceeded: 5 requests per 3600 seconds.', '... says which';
    is $answer->header('RateLimit-Policy'), '"default";q=5;w=3600', '... RateLimit-Policy';
    is left($answer), 0, '... nothing left';
    is policies($answer)->{default}{t}, $answer->header('Retry-After'),
        '... the wait is until the oldest leaves';
}

# --- whose windows ------------------------------------------------------------------------------

# Who asks after the first has spent N, and whether that one still finds everything.
my $account = make_account('ratelimit');
my ($mine, $sister) = map { make_key($account) } 1 .. 2;
my ($stranger, $pro) = (fresh_key(), fresh_key(plan => 'pro'));
my @here = ('X-Client' => '192.0.2.77');

# name | path spent | N | by whom | then asked for | by whom | the other's answer
my @windows = (
    ['per key',                'five',     5, [$mine],            'five',     [$sister],          200],
    ['per account',            'account',  3, [$mine],            'account',  [$sister],          429],
    ['per account, another',   'account',  0, [$mine],            'account',  [$stranger],        200],
    ['per address',            'address',  3, [$mine, @here],     'address',  [$stranger, @here], 429],
    ['per address, another',   'address',  0, [$mine, @here],     'address',  [$mine],            200],
    ['for all plans',          'plan',     2, [$stranger],        'plan',     [$pro],             200],
    ['for one plan',           'plan',     3, [$pro],             'plan',     [$sister],          200],
    ['named, other route',     'shared/a', 3, [$mine],            'shared/b', [$mine],            429],
    ['equal and unnamed',      'equal/a',  3, [$mine],            'equal/b',  [$mine],            429],
    ['unequal and unnamed',    'equal/a',  0, [$mine],            'unequal',  [$mine],            200],
    ['an inner section',       'outer/inner', 2, [$mine],         'outer',    [$mine],            200],
    ['off in an inner section', 'outer',   4, [$mine],            'outer/off', [$mine],           200],
);
for my $row (@windows) {
    my ($name, $path, $n, $who, $then, $whom, $expected) = @$row;
    spent_exactly $n, 'ratelimit', "/page/$path", with_key(@$who), "$name: exactly $n" if $n;
    spent_exactly 0, 'ratelimit', "/page/$path", with_key(@$who), "$name: spent" unless $n;
    is page($then, with_key(@$whom))->status, $expected, "$name: the other one";
}

for my $path ('outer/off', 'none') {
    my $answer = page($path, with_key($mine));
    is $answer->header('RateLimit-Policy'), undef, "$path: no limit, no RateLimit-Policy";
    is $answer->header('RateLimit'), undef, "$path: no RateLimit";
}
is_deeply [sort keys %{policies(page('outer/inner', with_key(fresh_key())))}], ['default'],
    'an inner section replaces the named lines too';

# --- nobody's requests, per address -------------------------------------------------------------

# address that spends | another | the other's answer
my @addresses = (
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', 429, 'IPv6: the same /64'],
    ['2001:db8:0:1::1', '2001:db8:0:2::1',      200, 'IPv6: another /64'],
    ['198.51.100.1',    '198.51.100.1',         429, 'IPv4: the same address'],
    ['198.51.100.1',    '198.51.100.2',         200, 'IPv4: the next address'],
    ['198.51.100.1',    '::ffff:198.51.100.1',  429, 'IPv4 written as IPv6'],
);
for my $row (@addresses) {
    my ($one, $other, $expected, $name) = @$row;
    spend('ratelimit', '/page/optional', { 'X-Client' => $one }, 4);
    is_refusal page('optional', { 'X-Client' => $one }), 429, 'RATE_LIMITED', "$name: spent";
    is page('optional', { 'X-Client' => $other })->status, $expected, $name;
}
is page('optional', with_key(fresh_key(), 'X-Client' => '198.51.100.1'))->status, 200,
    'a key at a spent address has its own window';

# --- several limits on one route ----------------------------------------------------------------

{
    my $key = fresh_key();
    spent_exactly 3, 'ratelimit', '/page/two', with_key($key), 'two limits: the smaller one holds';
    my $answer = page('two', with_key($key));
    is left($answer), 0, 'two limits: nothing left of the one';
    is left($answer, 'day'), 3, '... and what it refused cost nothing in the other';
    like $answer->json->{error}, qr/ 3 requests per 4200 seconds/, '... the one that refused is named';

    spent_exactly 3, 'ratelimit', '/page/two/day', with_key($key), 'the rest of the other';
    $answer = page('two', with_key($key));
    like $answer->json->{error}, qr/ 6 requests per 7200 seconds/, 'both refuse: the longer wait is named';
    is $answer->header('Retry-After'), policies($answer)->{day}{t}, '... and told';

    $key = fresh_key();
    spend('ratelimit', '/page/two/day', with_key($key), 6);
    page('two', with_key($key)) for 1 .. 2;
    is left(page('two', with_key($key))), 3, 'what the second limit refused cost nothing in the first';
}

# --- what costs nothing -------------------------------------------------------------------------

{
    my $key = fresh_key();
    my $headers = with_key($key, 'X-Client' => '192.0.2.1');
    my @free = (
        ['no key',           GET    => 'costs',         { 'X-Client' => '192.0.2.1' }, 401],
        ['a bad key',        GET    => 'costs',         { 'X-Client' => '192.0.2.1', 'X-API-Key' => 'x' }, 401],
        ['a missing scope',  POST   => 'costs',         $headers,                      403],
        ['a Require',        GET    => 'costs/require', $headers,                      403],
        ['an unnamed method', DELETE => 'costs',        $headers,                      405],
    );
    for my $row (@free) {
        my ($name, $method, $path, $sent, $status) = @$row;
        is request('ratelimit', $method => "/page/$path", $sent)->status, $status, $name for 1 .. 4;
    }
    my $said = policies(page('costs', $headers));
    is $said->{$_}{r}, 2, "... cost nothing per $_" for qw(default address);
}

# --- an application's own fields ----------------------------------------------------------------

for my $path ('/cgi/ratelimit.pl', '/proxied/ratelimit.pl') {
    my $answer = request('ratelimit', GET => $path, with_key(fresh_key()));
    is $answer->body, "upstream\r\n", "$path answers";
    is_deeply [keys %{policies($answer)}], ['default'], "$path: its own fields are replaced";
}

# --- dry run ------------------------------------------------------------------------------------

# path | requests | what the log says of the last
my @dry = (
    ['dry/limit', 3, qr/would refuse 429 RATE_LIMITED/],
    ['dry/scope', 1, qr/would refuse 403 INSUFFICIENT_SCOPE/],
);
for my $row (@dry) {
    my ($path, $n, $logged) = @$row;
    my $key = fresh_key();
    my $mark = log_mark();
    is_deeply spend('ratelimit', "/page/$path", with_key($key), $n), { 200 => $n }, "$path: not enforced";
    like log_since($mark), $logged, "$path: logged";
}
{
    my $key = fresh_key();
    spent_exactly 1, 'ratelimit', '/page/dry/scope', with_key($key), 'a dry run of scopes enforces limits';
}

# --- Retry-After --------------------------------------------------------------------------------

# Whoever waits so long is admitted, whoever waits two seconds less is not. A machine that stood
# still in between has shown neither: then once more.
for my $try (1 .. 5) {
    my $headers = with_key(fresh_key());
    my $sent = now();
    my @first = map { page('short', $headers)->status } 1 .. 2;
    my $refused = page('short', $headers);
    my $told = now();
    next if $told - $sent > 1;
    is_deeply \@first, [200, 200], 'two of two';
    is_refusal $refused, 429, 'RATE_LIMITED', 'the third';
    my $wait = $refused->header('Retry-After');
    cmp_ok $wait, '>=', ceil(4 - ($told - $sent)), 'no less than what is left of the window';
    cmp_ok $wait, '<=', 4, 'no more than the window';

    sleep_until($told + $wait - 2);
    my $early = page('short', $headers);
    next if now() - $sent >= 4;
    is_refusal $early, 429, 'RATE_LIMITED', 'two seconds less are not enough';
    sleep_until($told + $wait);
    is page('short', $headers)->status, 200, 'so many seconds are, the refusals in between cost nothing';
    last;
}
continue {
    die "this machine is too slow to tell\n" if $try == 5;
}

done_testing;
