# One line for each refusal: enough to find out why, never a secret, never a client's own line.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use TaiKeys;
use TaiTest;

my $begin = log_mark();
my $account = make_account('log');
my $key = make_key($account);
my $pair = make_key($account, token => 1);
my $dead = make_key($account);
taictl(key => 'revoke', $dead->{id});
my $broken = make_key($account);
db()->do("UPDATE api_keys SET rate_limit = 'many' WHERE id = ?", undef, $broken->{id});
my $unknown = unknown_key();
my $wrong_token = unknown_token();

sub shown { return substr($_[0], 0, 12) . '...' }

my $case = 0;

# One request; returns its answer and our lines about it.
sub ask {
    my ($method, $path, @headers) = @_;
    my $mark = log_mark();
    my $answer = request('log', $method => $path, ['User-Agent' => 'log-' . ++$case, 'X-Client' => '10.7.7.7', @headers]);
    return ($answer, lines(log_since($mark)));
}

sub lines { return grep { /\[taiauth:/ } split /\n/, $_[0] }

request('log', GET => '/log/lock', ['X-Client' => '10.7.7.7', 'X-API-Key' => 'x']); # starts the lock
request('log', GET => '/log/limit', ['X-API-Key' => $key->{key}]);

# --- one line, with what one needs to know ------------------------------------------------------

# path, key, what the line says, the key as it is shown, its id
my @rows = (
    ['/log', undef, '401 MISSING_API_KEY: key_missing', '-', '-'],
    ['/log', $unknown, '401 INVALID_API_KEY: key_unknown', shown($unknown), '-'],
    ['/log', substr($unknown, 0, -1) . '-', '401 INVALID_API_KEY: key_malformed', '-', '-'],
    ['/log', $dead->{key}, '401 INVALID_API_KEY: key_revoked', shown($dead->{key}), $dead->{id}],
    ['/log/scope', $key->{key}, '403 INSUFFICIENT_SCOPE: scope_not_held', shown($key->{key}), $key->{id}],
    ['/log/require', $key->{key}, '403 FORBIDDEN: require_refused', shown($key->{key}), $key->{id}],
    ['/log/method', $key->{key}, '405 METHOD_NOT_ALLOWED: method_not_allowed', shown($key->{key}), $key->{id}],
    ['/log/limit', $key->{key}, '429 RATE_LIMITED: rate_limited', shown($key->{key}), $key->{id}],
    ['/log/lock', $unknown, '429 LOCKED_OUT: client_locked', shown($unknown), '-'],
);
for my $row (@rows) {
    my ($path, $sent, $says, $prefix, $id) = @$row;
    my ($answer, @lines) = ask(GET => $path, defined $sent ? ('X-API-Key' => $sent) : ());
    is scalar @lines, 1, "$says: one line" or diag join "\n", @lines;
    like $lines[0], qr/\[taiauth:info\]/, 'at info';
    like $lines[0],
        qr/ taiauth: refused \Q$says\E, key \Q$prefix\E, key id \Q$id\E, client 10\.7\.7\.7, request (\S+), GET \Q$path\E$/,
        'reason, key, client, request';
    my ($request) = $lines[0] =~ /, request (\S+), /;
    like $request, qr/^[\w@-]{10,}$/, 'the request has an id';
    my $access = wait_for(sub { access_line_of("log-$case") }, 'the access log');
    like $access, qr/ "\Q$request\E" /, 'the same as in the access log';
}

sub access_line_of {
    my ($agent) = @_;
    open my $in, '<', var('t_logs') . '/access_log' or return;
    my ($line) = grep { /"\Q$agent\E"$/ } <$in>;
    return $line;
}

my ($admitted, @none) = ask(GET => '/log', 'X-API-Key' => $key->{key});
is $admitted->status, 200, 'an admitted request';
is scalar @none, 0, 'has no line';
(undef, @none) = ask(GET => '/log/quiet', 'X-API-Key' => $unknown);
is scalar @none, 0, 'nor has a refusal at LogLevel notice';

# The line of a fault of the operator's says what to mend; that of the refusal is there too.
my ($answer, @lines) = ask(GET => '/log', 'X-API-Key' => $broken->{key});
is $answer->status, 503, 'a limit in the database that is none';
is scalar(grep { / taiauth: refused 503 AUTH_UNAVAILABLE: database, key \Q@{[shown($broken->{key})]}\E, key id $broken->{id}, / } @lines),
    1, 'one line of the refusal';
ok((grep { /\[taiauth:error\].*key $broken->{id} is under the rate limit "many"/ } @lines), 'one that names what is wrong');

# --- what is not ours to show -------------------------------------------------------------------

my @foreign = map { secret($_) } (
    'Legacy-credential.0123456789abcdef', 'sk_live_4eC39HqLyjWDarjtT1zdp7dc', 'TAI_Abcdefghijklmnopqrstuvwxyz0123',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl', 'x tai_Foreign1234567890');
for my $text (@foreign) {
    for my $header (['X-API-Key' => $text], [Authorization => "Bearer $text"]) {
        my ($answer, @lines) = ask(GET => '/log', @$header);
        like $lines[0], qr/ key -, key id -, /, "$header->[0] of another kind is not shown";
        ok index($lines[0], substr $text, 0, 4) < 0, 'not even how it begins';
    }
}
my $imported = secret(import_key($account, 'Imported-key_of-36-characters.xyz+/='));
db()->do('UPDATE api_keys SET revoked_at = 1 WHERE key_hash = ?', undef, sha256_hex($imported));
my $mark = log_mark();
is request('log_any', GET => '/', { 'X-API-Key' => $imported })->status, 401, 'a revoked imported key';
@lines = lines(log_since($mark));
like $lines[0], qr/: key_revoked, key -, key id key_/, 'is told by its id';
unlike $lines[0], qr/Impo/, 'alone';

for my $token ($wrong_token, "$pair->{token},$pair->{token}", $pair->{key}, 'tat_short') {
    ($answer, @lines) = ask(GET => '/log/pair', 'X-API-Key' => $pair->{key}, 'X-Token' => $token);
    like $lines[0], qr/: token_\w+, key \Q@{[shown($pair->{key})]}\E, /, 'a wrong token: the key is shown';
    unlike $lines[0], qr/tat_/, 'the token is not';
}

# --- bytes of a client --------------------------------------------------------------------------

# percent-encoded path, what the line holds for it
my @paths = (
    ['%0d%0aFAKE%20line', qr{/\\+x0d\\+x0aFAKE line$}],
    ['%0aFAKE', qr{/\\+x0aFAKE$}],
    ['%1b%5b31mred', qr{/\\+x1b\[31mred$}],
    ['%22quoted%22', qr{/\\+"quoted\\+"$}],
    ['back%5cslash', qr{/back\\+slash$}],
    ['%c3%a4%ff', qr{/\\+xc3\\+xa4\\+xff$}],
    ['%7f%09%08', qr{/\\+x7f\\+x09\\+x08$}],
    ['%25n%25s%25%25', qr{/%n%s%%$}],
);
for my $row (@paths) {
    my ($path, $pattern) = @$row;
    $mark = log_mark();
    ($answer, @lines) = ask(GET => "/log/$path");
    is $answer->status, 401, "/log/$path";
    like $lines[0], $pattern, 'is escaped';
    unlike log_since($mark), qr/[^\n\x20-\x7e]/, 'no other byte in the log';
    unlike log_since($mark), qr/^FAKE/m, 'no line of the client\'s';
}

($answer, @lines) = ask(GET => '/log/' . 'a' x 7000);
is $answer->status, 401, 'a long path';
my ($path) = $lines[0] =~ / GET (\S+)$/;
is length $path, 256, 'is cut';
like $path, qr/\.\.\.$/, 'and marked';
cmp_ok length $lines[0], '<', 1000, 'the line is short';
($answer, @lines) = ask('LONG' x 100, '/log/');
is $answer->status, 401, 'a long method';
like $lines[0], qr{, (?=.{32} )LONG[LONG]*\.\.\. /log/$}, 'is cut too';
($answer, @lines) = ask(GET => '/log/?secret=in-the-query');
unlike $lines[0], qr/in-the-query/, 'a query is not shown';

# A key that a client has put into the path; not one of those that zz_secrets.t looks for, httpd
# itself shows paths in lines of its own.
my $placed = taictl(key => 'create', $account, '--name', 'placed')->{key};
for my $text ($placed, "x$placed", "$placed$placed", $placed =~ s/^tai_/tat_/r) {
    ($answer, @lines) = ask(GET => "/log/$text/end");
    my $hidden = substr $placed, 12;
    unlike $lines[0], qr/\Q$hidden\E/, 'a key in the path is cut';
    like $lines[0], qr/\.\.\.\/end$/, 'and what follows is shown';
}

# Nor from the address of a page that led here, which httpd adds to each line.
($answer, @lines) = ask(GET => '/log', Referer => "https://app.example/?key=$placed&x=1");
like $lines[0], qr{, referer: https://app\.example/\?key=\Q@{[shown($placed)]}\E&x=1$}, 'a key in the referer is cut';

# --- everything that this file has caused -------------------------------------------------------

my $all = log_since($begin);
cmp_ok scalar(lines($all)), '>', 30, 'there are many lines';
my @secrets = (@$pair{qw(key token)}, $wrong_token, $unknown, $imported, @foreign,
    map { $_->{key} } $key, $dead, $broken);
my @hidden = (@secrets, map { substr $_, 12 } grep { /^ta[it]_/ } @secrets);
ok !(grep { index($all, $_) >= 0 } @hidden), 'no key and no token, not even its hidden part';
ok !(grep { index(lc $all, sha256_hex($_)) >= 0 } @secrets), 'no digest';
unlike join("\n", lines($all)), qr/\b[0-9a-f]{64}\b/i, 'and nothing that looks like a digest';

done_testing;
