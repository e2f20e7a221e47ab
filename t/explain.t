# An operator has a decision explained: what is told is what is decided, step by step, and asking
# leaves no trace.
use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Test::More;
use TaiBackend;
use TaiClients;
use TaiHttpd;
use TaiKeys;
use TaiLimits qw(spend);
use TaiOrders;
use TaiTest;

# One who listens and says nothing, all the while that the rest is tested.
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "listen: $@";
my $waiting = TaiClients->start(1, sub {
    return order('http://127.0.0.1:' . $silent->sockport, explain => 'GET', '/x', '--key-id', 'key_nobody');
});

my $account = make_account('explain', plan => 'claimed');
my $key = make_key($account, scopes => ['programs:read', 'reviews:read']);
my $writer = make_key($account, scopes => ['programs:read', 'programs:write']);
my $pair = make_key($account, token => 1);

# What is explained: vhost, method, path, key, further options of taictl.
sub explain_at {
    my ($vhost, $method, $path, $key, @options) = @_;
    return order(port($vhost), explain => $method, $path, '--key-id', ref $key ? $key->{id} : $key, @options);
}

sub explained { return explain_at('explain', @_) }

sub step {
    my ($ran, $name) = @_;
    my ($step) = grep { $_->{step} eq $name } @{$ran->{answer}{steps}};
    return $step || {};
}

sub names { return join ' ', map { $_->{step} } @{$_[0]{answer}{steps}} }

# As one test: the step that refuses is the last, and why; what a client would get.
sub is_explained {
    my ($ran, $step, $reason, $status, $code, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    subtest $name => sub {
        is $ran->{err}, '', 'nothing on stderr';
        my @steps = @{$ran->{answer}{steps}};
        my $verdict = $ran->{answer}{verdict};
        if (!defined $step) {
            is $ran->{status}, 0, 'exit status';
            is_deeply [grep { $_->{result} eq 'refuses' } @steps], [], 'no step refuses';
            ok $verdict->{admitted}, 'admitted';
            return;
        }
        is $ran->{status}, 1, 'exit status';
        is_deeply [map { $_->{step} } grep { $_->{result} eq 'refuses' } @steps], [$step], 'what refuses';
        is $steps[-1]{step}, $step, 'is the last step';
        is $steps[-1]{reason}, $reason, 'its reason';
        is_deeply [@{$verdict}{qw(status code reason)}], [$status, $code, $reason], 'the verdict';
        ok !$verdict->{admitted}, 'not admitted';
        ok length $verdict->{text}, 'a text';
    };
    return;
}

# What a client gets is what was explained.
sub agrees {
    my ($ran, $method, $path, $headers, $name) = @_;
    my $answer = request('explain', $method => $path, $headers);
    my $said = $answer->json || {};
    my $verdict = $ran->{answer}{verdict};
    is_deeply [$answer->status, $said->{code}, $said->{error}], [@{$verdict}{qw(status code text)}], $name;
    return;
}

sub as { return { 'X-API-Key' => $_[0]{key} } }

# --- every step -----------------------------------------------------------------------------------

my $ran = explained(GET => '/e/x', $key);
is_explained $ran, undef, undef, undef, undef, 'admitted';
is names($ran), 'request place key lockout token validity standing require limits', 'the steps';
is_deeply [map { $_->{result} } @{$ran->{answer}{steps}}], [('ok') x 9], 'all is well';
like step($ran, 'request')->{detail}, qr{^GET /e/x from 127\.0\.0\.1, }, 'request';
is step($ran, 'place')->{detail}, 'TaiAuth On: key in X-API-Key', 'place';
is step($ran, 'key')->{detail}, "$key->{id}, $key->{prefix}...: account explain, user explain-admin, plan claimed", 'key';
is step($ran, 'lockout')->{detail}, 'TaiAuthLockout is off here', 'lockout';
is step($ran, 'validity')->{detail}, 'not revoked, never expires', 'validity';
is step($ran, 'standing')->{detail}, 'account explain is active, user explain-admin is active', 'standing';
unlike $ran->{out}, qr/[0-9a-f]{64}|tai_[0-9A-Za-z]{20}/, 'no digest and no key';

is step(explained(GET => '/e/sources/x', $key), 'place')->{detail},
    'TaiAuth On: key in X-API-Key X-Old-Key or Authorization: Bearer', 'where keys are taken from';

$ran = explained(GET => '/e/open/x', $key);
is_explained $ran, undef, undef, undef, undef, 'an open place';
is names($ran), 'request place require', 'asks for no key';
is step($ran, 'place')->{detail}, 'TaiAuth Off: no key is asked for', 'and says so';
is_explained explained(GET => '/e/open/denied/x', $key), 'require', undef, 403, undef, 'an open place that httpd closes';
is_explained explained(GET => '/e/optional/x', $key), undef, undef, undef, undef, 'where a key is optional';
my $mark = log_mark();
is_explained explained(GET => '/e/satisfy/x', $key), 'place', undef, 500, undef, 'Satisfy Any';
like log_since($mark), qr/Satisfy Any holds here/, 'the log says more';

is_explained explained(GET => '/e/x', 'key_nobody'), 'key', 'key_unknown', 401, 'INVALID_API_KEY', 'no such key';

my %dead = map { $_ => make_key($account) } qw(revoked expired);
taictl(key => 'revoke', $dead{revoked}{id});
db()->do('UPDATE api_keys SET expires_at = 1767225600 WHERE id = ?', undef, $dead{expired}{id});
$ran = explained(GET => '/e/x', $dead{revoked});
is_explained $ran, 'validity', 'key_revoked', 401, 'INVALID_API_KEY', 'revoked';
like step($ran, 'validity')->{detail}, qr/^revoked at 20\d\d-/, 'since when';
agrees $ran, GET => '/e/x', as($dead{revoked}), 'as its owner is told';
$ran = explained(GET => '/e/x', $dead{expired});
is_explained $ran, 'validity', 'key_expired', 401, 'INVALID_API_KEY', 'expired';
is step($ran, 'validity')->{detail}, 'not revoked, expires at 2026-01-01T00:00:00Z', 'since when';
db()->do('UPDATE api_keys SET expires_at = -1 WHERE id = ?', undef, $dead{expired}{id});
is_explained explained(GET => '/e/x', $dead{expired}), 'validity', 'key_expiry_malformed', 401, 'INVALID_API_KEY',
    'an expiry that is none';

# key and token
is_explained explained(GET => '/e/pair/x', $pair), undef, undef, undef, undef, 'a pair where one is asked for';
is step(explained(GET => '/e/pair/x', $pair), 'place')->{detail}, 'TaiAuth On: key in apikey, token in x-ts-authorization',
    'the place names both headers';
is_explained explained(GET => '/e/pair/x', $key), 'token', 'token_not_issued', 401, 'INVALID_API_KEY',
    'a key without a token there';
is_explained explained(GET => '/e/x', $pair), 'token', 'token_not_asked', 401, 'INVALID_API_KEY', 'a pair elsewhere';

# standing
my $other = make_account('explain-standing');
my $fallen = make_key($other);
taictl(account => 'suspend', $other);
$ran = explained(GET => '/e/x', $fallen);
is_explained $ran, 'standing', 'account_suspended', 403, 'ACCOUNT_SUSPENDED', 'a suspended account';
is step($ran, 'standing')->{detail}, "account $other is suspended, user $other-admin is active", 'of account and user';
agrees $ran, GET => '/e/x', as($fallen), 'as its owner is told';
taictl(account => 'reinstate', $other);
taictl(user => 'disable', "$other-admin");
is_explained explained(GET => '/e/x', $fallen), 'standing', 'user_disabled', 403, 'ACCOUNT_SUSPENDED', 'a disabled user';

# scopes
$ran = explained(GET => '/e/scope/x', $key);
is_explained $ran, 'scopes', 'scope_not_held', 403, 'INSUFFICIENT_SCOPE', 'a scope that the key has not';
is_deeply [map { "$_->{result}: $_->{detail}" } grep { $_->{step} eq 'scopes' } @{$ran->{answer}{steps}}],
    ['ok: GET needs programs:read; the key has programs:read reviews:read; of them plan claimed grants programs:read reviews:read',
    'refuses: GET needs programs:write; the key has programs:read reviews:read; of them plan claimed grants programs:read reviews:read'],
    'line by line';
agrees $ran, GET => '/e/scope/x', as($key), 'as its owner is told';
is_explained explained(POST => '/e/scope/x', $writer), undef, undef, undef, undef, 'the method counts';
is_explained explained(HEAD => '/e/scope/x', $key), 'scopes', 'scope_not_held', 403, 'INSUFFICIENT_SCOPE', 'HEAD as GET';
$ran = explained(DELETE => '/e/scope/x', $writer);
is_explained $ran, 'scopes', 'method_not_allowed', 405, 'METHOD_NOT_ALLOWED', 'a method that no line names';
is step($ran, 'scopes')->{detail}, 'no TaiAuthScope line names DELETE', 'says so';
agrees $ran, DELETE => '/e/scope/x', as($writer), 'as its owner is told';
is explained(GET => '/e/envelope/x', $key)->{answer}{verdict}{status}, 200, 'the status of the dialect';
is_explained explained(GET => '/e/dry/x', $key), undef, undef, undef, undef, 'what is not enforced';
is_deeply [@{step(explained(GET => '/e/dry/x', $key), 'scopes')}{qw(result reason)}], ['not enforced', 'scope_not_held'],
    'is told all the same';
taictl(account => 'set-plan', $account, 'free');
$ran = explained(POST => '/e/scope/x', $writer);
is_explained $ran, 'scopes', 'scope_not_in_plan', 403, 'INSUFFICIENT_SCOPE', 'a scope that the plan does not grant';
agrees $ran, POST => '/e/scope/x', as($writer), 'as its owner is told';
taictl(account => 'set-plan', $account, 'claimed');

# Require
is_explained explained(GET => '/e/require/x', $key), 'require', 'require_refused', 403, 'FORBIDDEN', 'a Require';
is_explained explained(GET => '/e/require-scope/x', $key), 'require', 'scope_not_held', 403, 'INSUFFICIENT_SCOPE',
    'a Require of ours';
is_explained explained(GET => '/e/require-scope/x', $writer), undef, undef, undef, undef, '... that is met';
is_explained explained(GET => '/e/elsewhere/x', $key), 'require', 'require_refused', 403, 'FORBIDDEN', 'another address';
is_explained explained(GET => '/e/elsewhere/x', $key, '--client', '10.9.9.9'), undef, undef, undef, undef,
    '... is that of the client';
is step(explained(GET => '/e/x', $key, '--client', '2001:DB8:0::1'), 'request')->{detail},
    'GET /e/x from 2001:db8::1', 'as httpd writes it';

# what comes before and after
is_explained explained(DELETE => '/e/rewritten/x', $key), 'request', undef, 403, undef, 'refused before any key is looked at';
is_explained explained(GET => '/e/rewritten/x', $key), undef, undef, undef, undef, '... by the line of the request';
is_explained explained(POST => '/lookup/', $key), 'scopes', 'scope_not_held', 403, 'INSUFFICIENT_SCOPE',
    'a file that takes the place of a directory';
is_explained explained(POST => '/lookup/', $writer), undef, undef, undef, undef, '... with the scope';
is explained(GET => '/e/sent-on/x', $key)->{answer}{verdict}{text},
    'mod_rewrite sends it on to another path: explain that as well', 'what goes on elsewhere';
$ran = explained(GET => '/e/moved/x', $key);
is_explained $ran, undef, undef, undef, undef, 'what httpd answers';
is $ran->{answer}{verdict}{status}, 302, '... by itself';
is explained(GET => '/e/open', $key)->{answer}{verdict}{status}, undef, 'no status where the application answers';
is_explained explained(GET => '/e/x.gz?a=b&c', $key), undef, undef, undef, undef, 'a path with a type and a query';
is_explained explained(PATCH => '/e/x', $key), undef, undef, undef, undef, 'another method';
is_explained explained(FROBNICATE => '/e/x', $key), undef, undef, undef, undef, 'a method that httpd does not know';

# imported keys
my $imported = import_key($account, secret('imported-' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 20));
my ($imported_id) = db()->selectrow_array("SELECT id FROM api_keys WHERE name = 'imported' AND account_id =
    (SELECT id FROM accounts WHERE name = ?)", undef, $account);
is_explained explained(GET => '/e/x', $imported_id), 'key', 'key_malformed', 401, 'INVALID_API_KEY',
    'an imported key under TaiAuthKeyFormat strict';
is request('explain', GET => '/e/x', { 'X-API-Key' => $imported })->status, 401, '... as its owner is told';
is_explained explain_at('explain_any', GET => '/e/x', $imported_id), undef, undef, undef, undef, '... under any';

# --- locks ----------------------------------------------------------------------------------------

sub fail_at {
    my ($place, $client, @headers) = @_;
    return request('explain', GET => "/e/$place/x", ['X-Client' => $client, @headers])->status;
}

$ran = explained(GET => '/e/lockout/x', $key);
is_explained $ran, undef, undef, undef, undef, 'locks of nobody in particular';
is_deeply [@{step($ran, 'lockout')}{qw(result detail)}], ['not tested', 'depends on the client: name one by --client'],
    'are not looked for';
is step(explained(GET => '/e/lockout/x', $key, '--client', '10.3.1.1'), 'lockout')->{detail}, 'client 10.3.1.1: not locked',
    'a client that is not locked';
is join(' ', map { fail_at(lockout => '10.3.1.1', 'X-API-Key' => 'x') } 1 .. 3), '401 401 429', 'it is now';
$ran = explained(GET => '/e/lockout/x', $key, '--client', '10.3.1.1');
is_explained $ran, undef, undef, undef, undef, 'a good key passes from there';
like step($ran, 'lockout')->{detail},
    qr/^client 10\.3\.1\.1: locked for another 3[56]\d\d s: what fails gets 429, a good key passes$/, 'the lock is told';
is_explained explained(GET => '/e/lockout/x', $dead{revoked}, '--client', '10.3.1.1'), 'validity', 'client_locked', 429,
    'LOCKED_OUT', 'a bad one gets the lock';
is_explained explained(GET => '/e/lockout/x', $dead{revoked}, '--client', '10.3.1.2'), 'validity', 'key_revoked', 401,
    'INVALID_API_KEY', '... and from elsewhere what it is';
is_explained explained(GET => '/e/lockout/x', 'key_nobody', '--client', '10.3.1.1'), 'key', 'client_locked', 429,
    'LOCKED_OUT', 'one that is none too';

my @wrong = (apikey => $pair->{key}, 'x-ts-authorization' => unknown_token());
is join(' ', map { fail_at('lockout-pair', '10.3.1.3', @wrong) } 1 .. 3), '401 401 429', 'wrong tokens lock a pair';
$ran = explained(GET => '/e/lockout-pair/x', $pair, '--client', '10.3.1.3');
is_explained $ran, 'lockout', 'pair_locked', 429, 'LOCKED_OUT', 'the right token is locked as well';
cmp_ok $ran->{answer}{verdict}{retry_after}, '>', 3500, 'and for how long';
is_explained explained(GET => '/e/lockout-pair/x', $pair, '--client', '10.3.1.4'), undef, undef, undef, undef,
    'not from elsewhere';

# explaining is no failure, however often
explained(GET => '/e/lockout/x', $dead{revoked}, '--client', '10.3.1.5') for 1 .. 4;
is join(' ', map { fail_at(lockout => '10.3.1.5', 'X-API-Key' => 'x') } 1 .. 3), '401 401 429', 'a count of its own';

# --- limits ---------------------------------------------------------------------------------------

my $spender = make_key($account);
$ran = explained(GET => '/e/limit/x', $spender) for 1 .. 5;
is_explained $ran, undef, undef, undef, undef, 'a limit is tested';
is step($ran, 'limits')->{detail},
    '"default", 3 requests per 3600 seconds: 3 left; "burst", 50 requests per 3600 seconds: 50 left', 'and told';
is_deeply spend('explain', '/e/limit/x', as($spender), 5), { 200 => 3, 429 => 2 }, 'nothing was charged';
$ran = explained(GET => '/e/limit/x', $spender);
is_explained $ran, 'limits', 'rate_limited', 429, 'RATE_LIMITED', 'spent';
is $ran->{answer}{verdict}{text}, 'Rate limit exceeded: 3 requests per 3600 seconds.', 'the text';
cmp_ok $ran->{answer}{verdict}{retry_after}, '>', 3500, 'when to come again';
like step($ran, 'limits')->{detail}, qr/: 0 left; "burst", .*: 47 left$/, 'what is left of each';
is_explained explained(GET => '/e/address/x', $key, '--client', '10.3.2.1'), undef, undef, undef, undef, 'a limit per address';
is_deeply spend('explain', '/e/address/x', { %{as($key)}, 'X-Client' => '10.3.2.1' }, 3), { 200 => 2, 429 => 1 }, 'spent';
is_explained explained(GET => '/e/address/x', $key, '--client', '10.3.2.1'), 'limits', 'rate_limited', 429, 'RATE_LIMITED',
    'is that of the client';
is_explained explained(GET => '/e/address/x', $key, '--client', '10.3.2.2'), undef, undef, undef, undef, '... and of no other';
db()->do("UPDATE api_keys SET rate_limit = 'often' WHERE id = ?", undef, $spender->{id});
is_explained explained(GET => '/e/x', $spender), 'limits', 'database', 503, 'AUTH_UNAVAILABLE', 'a limit that is none';

# --- nothing runs, and nothing is left ------------------------------------------------------------

sub backend_log {
    open my $in, '<', var('t_logs') . '/backend_log' or return '';
    local $/;
    return <$in> // '';
}

my $backend = TaiBackend->start;
my $touched = var('t_logs') . '/touched';
# All metrics but those of what happens from time to time: the server syncs, and writes usage down;
# entries of tables come to their end.
sub counts { return request(undef, GET => '/metrics')->body =~ s/^taiauth_(?:sync|lease|table_live).*\n//mgr }
sub live { return { request(undef, GET => '/metrics')->body =~ /^taiauth_table_live\{table="(\w+)"\} (\d+)$/mg } }

settled();
my $live = live();
my $page = counts();
for my $method (qw(GET POST DELETE)) {
    is_explained explained($method => "/$_/explained", $key), undef, undef, undef, undef, "$method on /$_/"
        for qw(touch proxied rewritten);
}
is_explained explained(GET => '/touch/explained', $dead{revoked}), 'validity', 'key_revoked', 401, 'INVALID_API_KEY',
    'what is refused';
is counts(), $page, 'no metric has changed';
my $now = live();
is_deeply [grep { $now->{$_} > $live->{$_} } sort keys %$now], [], 'nothing has come into a table';
ok !-e $touched, 'no program has run';
unlike backend_log(), qr/explained/, 'nothing has reached the application behind';
request('explain', POST => "/$_/ran", as($key)) for qw(touch proxied);
ok -e $touched, 'a request of a client runs it';
like backend_log(), qr{^POST /ran }m, 'and reaches it';

# --- tickets --------------------------------------------------------------------------------------

sub with_ticket {
    my ($ticket, $path, $method, $name) = @_;
    return request('explain', $method // 'GET', $path // '/e/x', [$name // 'X-Tai-Ticket', $ticket]);
}

my %order = (order => 'explain', method => 'DELETE', key_id => $key->{id}, actor => 'operator:test');
my $ticket = leave_ticket(\%order);
my $answer = with_ticket($ticket);
is $answer->status, 200, 'a ticket';
is $answer->json->{order}, 'explain', 'is carried out';
is $answer->header('Content-Type'), 'application/json', 'Content-Type';
is $answer->header('Cache-Control'), 'no-store', 'no cache keeps it';
is $answer->header('X-Content-Type-Options'), 'nosniff', 'nosniff';
is $answer->header('Vary'), undef, 'nothing of the place';
is_refusal with_ticket($ticket), 401, 'MISSING_API_KEY', 'the second time it is an ordinary request';
is_refusal with_ticket(leave_ticket(\%order, -1)), 401, 'MISSING_API_KEY', 'an expired one';
is_refusal with_ticket(TaiKeys::text('tao_')), 401, 'MISSING_API_KEY', 'an unknown one';
for my $row (['a checksum that is wrong', sub { $_[0] =~ s/(.)$/$1 eq 'x' ? 'y' : 'x'/er }],
    ['another kind', sub { $_[0] =~ s/^tao_/tai_/r }],
    ['sent twice', sub { "$_[0], $_[0]" }],
    ['with something behind it', sub { "$_[0]x" }]) {
    my ($name, $change) = @$row;
    $ticket = leave_ticket(\%order);
    is_refusal with_ticket($change->($ticket)), 401, 'MISSING_API_KEY', $name;
    is with_ticket($ticket)->json->{order}, 'explain', '... leaves the ticket as it was';
}
$ticket = leave_ticket(\%order);
is_refusal with_ticket($ticket, undef, undef, 'X_Tai_Ticket'), 401, 'MISSING_API_KEY', 'another spelling';
is with_ticket($ticket, '/e/open/x')->json->{order}, 'explain', 'an open place carries it out as well';
my $env = with_ticket(TaiKeys::text('tao_'), '/e/open/x')->json->{env};
is_deeply [grep { /TICKET/ } keys %$env], [], 'no application sees a ticket';
is with_ticket(leave_ticket({%order, method => 'GET'}), '/e/x', 'HEAD')->body, '', 'HEAD has no body';
is with_ticket(leave_ticket({%order, method => 'GET'}), '/touch/posted', 'POST')->json->{order}, 'explain',
    'whatever the method of the request itself';
unlike do { open my $in, '<', $touched or die; local $/; <$in> }, qr/posted/, 'it runs nothing';

for my $row (['no JSON', 'x', qr/JSON/], ['no order', '{"actor": "operator:x"}', qr/"order"/],
    ['another order', '{"order": "dance", "actor": "x"}', qr/knows no such order/],
    ['no method', {%order, method => undef}, qr/method/], ['no key', {%order, key_id => undef}, qr/key/],
    ['TRACE', {%order, method => 'TRACE'}, qr/TRACE/], ['no address', {%order, client => 'localhost'}, qr/address/],
    ['what nobody knows', {%order, colour => 'red'}, qr/colour/]) {
    my ($name, $order, $said) = @$row;
    delete @$order{grep { !defined $order->{$_} } keys %$order} if ref $order;
    my $answer = with_ticket(leave_ticket($order));
    like $answer->json->{error}, $said, "an order with $name is refused";
}

# Of all who come with one ticket, one gets it.
$ticket = leave_ticket(\%order);
my @got = TaiClients->start(8, sub { return { status => with_ticket($ticket)->status } })->results;
is_deeply [sort map { $_->{status} } @got], [200, (401) x 7], 'of eight at once one gets it';

# --- no server of ours ----------------------------------------------------------------------------

sub is_told {
    my ($ran, $said, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $ran->{status}, 1, $name;
    is $ran->{out}, '', '... nothing on stdout';
    like $ran->{err}, $said, '... and why';
    return;
}

my $backend_url = 'http://127.0.0.1:' . var('backend_port');
is_told order($backend_url, explain => 'DELETE', '/x', '--key-id', $key->{id}),
    qr/^taictl: \Q$backend_url\E did not take the order \(it answered 200 to /, 'a server without the module';
like backend_log(), qr{^GET /x HTTP/1\.1\r\n.*X-Tai-Ticket: tao_}ms, 'gets a GET, whatever is explained';
undef $backend;
is_told order('http://127.0.0.1:' . TaiHttpd::free_port(), explain => 'GET', '/x', '--key-id', $key->{id}),
    qr/^taictl: no answer from http:\S+: Connection refused/, 'nobody there';

my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "listen: $@";
for my $row (['something else', "SSH-2.0-x\r\n\r\n", qr/this is no HTTP/], ['nothing', '', qr/no answer/],
    ['half an answer', "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", qr/no answer/],
    ['an answer without an end', "HTTP/1.1 200 OK\r\n\r\n" . '{"order": "explain"}' x 3, qr/did not take the order/]) {
    my ($name, $bytes, $said) = @$row;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $client = $mute->accept;
        sysread $client, my $request, 4096;
        syswrite $client, $bytes;
        POSIX::_exit(0);
    }
    is_told order('http://127.0.0.1:' . $mute->sockport, explain => 'GET', '/x', '--key-id', $key->{id}), $said,
        "a server that says $name";
    waitpid $pid, 0;
}

is_told(($waiting->results)[0], qr/no answer from http:\S+: it takes too long$/, 'a server that says nothing');

# Another database has other tickets.
my $elsewhere = TaiDatabase->new(var('t_logs') . '/explain.db')->init;
on_database($elsewhere, sub {
    is_told order(port('explain'), explain => 'GET', '/e/x', '--key-id', $key->{id}),
        qr/\(it answered 401 to .* use the database @{[$elsewhere->called]};/, 'a server with another database';
});

# --- for people -----------------------------------------------------------------------------------

my ($status, $out) = taictl_status(undef, explain => GET => '/e/scope/x', '--key-id', $key->{id},
    '--url', 'http://127.0.0.1:' . port('explain') . '/');
is $status, 1, 'a table';
like $out, qr/^step +result +detail$/m, 'with a head';
like $out, qr/^scopes +refuses +GET needs programs:write; /m, 'a line for each step';
like $out, qr/\n\nrefused: 403 INSUFFICIENT_SCOPE \(scope_not_held\): This action requires the "programs:write" scope\.\n\z/,
    'and the verdict at its end';
{
    local $ENV{TAIAUTH_URL} = 'http://127.0.0.1:' . port('explain');
    ($status, $out) = taictl_status(undef, explain => GET => '/e/x', '--key-id', $key->{id});
    is $status, 0, 'the URL of the environment';
    like $out, qr/\nadmitted: the application gets to see it\n\z/, 'and the verdict where there is nothing to refuse';
}

# Only a line in the log tells of it: who had what explained.
$mark = log_mark();
explained(DELETE => '/e/x', $key);
my @lines = grep { /taiauth: / } split /\n/, log_since($mark);
is scalar @lines, 1, 'one line in the error log';
like $lines[0], qr{taiauth: order explain of operator:\S+: key id \Q$key->{id}\E, user -, client -, DELETE /e/x\b},
    'who had what explained';
unlike log_since($mark), qr/tao_/, 'no ticket';
my $line = wait_for(sub { open my $in, '<', var('t_logs') . '/access_log' or die; my @l = <$in>; (grep { /"taictl"$/ } @l)[-1] },
    'the access log');
like $line, qr{^127\.0\.0\.1 - - \[[^\]]+\] "GET /e/x HTTP/1\.1" 200 \d+ - "-" "taictl"$}, 'the access log has what was sent';

done_testing;
