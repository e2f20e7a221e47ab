# Which bytes of a request are its credential, and what each wrong one is called.
use strict;
use warnings;

use Test::More;
use Time::HiRes ();
use TaiKeys;
use TaiTest;

my %status = (
    admitted => 200,
    (map { $_ => 401 } qw(
        key_missing token_missing key_repeated key_malformed key_checksum key_unknown key_revoked
        key_expired key_expiry_malformed token_malformed token_mismatch token_not_asked
        token_not_issued)),
);

my $account = make_account('credentials');
my $good = make_key($account)->{key};
my $other = make_key($account)->{key};
my $pair = make_key($account, token => 1);
my $pair2 = make_key($account, token => 1);

my %dead = (revoked => make_key($account));
taictl(key => 'revoke', $dead{revoked}{id});
my %expires = (now => time, later => time + 1000, negative => -1);
# what SQLite takes for a number
%expires = (%expires, word => 'tomorrow', empty => '', trailing => time + 1000 . 'x') if TaiDatabase::is_file();
for my $name (sort keys %expires) {
    $dead{$name} = make_key($account);
    expire($dead{$name}, $expires{$name});
}

sub expire {
    my ($made, $at) = @_;
    db()->do('UPDATE api_keys SET expires_at = ? WHERE id = ?', undef, $at, $made->{id});
    return;
}

my $unknown = unknown_key();
my $unsound = substr($good, 0, -1) . (substr($good, -1) eq 'A' ? 'B' : 'A');

my $case = 0;

# One request: its status, code, exact reason in the log, in the metric and in TAIAUTH_REASON.
sub decides {
    my ($vhost, $path, $headers, $reason, $name) = @_;
    my $agent = 'credentials-' . ++$case;
    my $mark = log_mark();
    my $before = metric('requests_total', $reason);
    my $answer = request($vhost, GET => $path, ['User-Agent' => $agent, @$headers]);
    subtest "$path $name: $reason" => sub {
        is $answer->status, $status{$reason}, 'status';
        is metric('requests_total', $reason), $before + 1, 'the metric of this reason';
        my $admitted = $reason eq 'admitted';
        is reason_of($agent), $admitted ? '-' : $reason, 'TAIAUTH_REASON';
        return if $admitted;
        is $answer->json->{code}, $reason =~ /_missing$/ ? 'MISSING_API_KEY' : 'INVALID_API_KEY', 'code';
        like last_refusal($mark), qr/ refused 401 \w+: $reason, /, 'the log';
    };
    return $answer;
}

# One value in X-API-Key.
my @values = (
    ['a good key', $good, 'admitted'],
    ['blanks around it, which are no part of a field', "  $good\t ", 'admitted'],
    ['empty', '', 'key_missing'],
    ['blanks', '   ', 'key_missing'],
    ['unknown', $unknown, 'key_unknown'],
    ['wrong checksum', $unsound, 'key_checksum'],
    ['revoked', $dead{revoked}{key}, 'key_revoked'],
    ['expired this second', $dead{now}{key}, 'key_expired'],
    ['expires later', $dead{later}{key}, 'admitted'],
    (map { ["expiry: $_ ($expires{$_})", $dead{$_}{key}, 'key_expiry_malformed'] } grep { !/now|later/ } sort keys %expires),
    ['key of a pair', $pair->{key}, 'token_not_asked'],
    ['a token', $pair->{token}, 'key_malformed'],
    ['two values in one line', "$good,$good", 'key_repeated'],
    ['comma behind', "$good,", 'key_repeated'],
    ['comma alone', ',', 'key_repeated'],
    ['blank inside', substr($good, 0, 20) . ' ' . substr($good, 20), 'key_malformed'],
    ['tab inside', substr($good, 0, 20) . "\t" . substr($good, 20), 'key_malformed'],
    ['two keys with a blank', "$good $other", 'key_malformed'],
    ['folded line', substr($good, 0, 20) . "\r\n " . substr($good, 20), 'key_malformed'],
    ['byte 0x80 behind', "$good\x80", 'key_malformed'],
    ['byte 0xff inside', substr($good, 0, 41) . "\xff", 'key_malformed'],
    ['UTF-8 inside', substr($good, 0, 40) . "\xc3\xa4", 'key_malformed'],
    ['one short', substr($good, 0, -1), 'key_malformed'],
    ['one long', "${good}0", 'key_malformed'],
    ['quoted', "\"$good\"", 'key_malformed'],
    ['upper case', uc $good, 'key_malformed'],
    ['the scheme of a challenge', "ApiKey $good", 'key_malformed'],
    ['8000 characters', 'A' x 8000, 'key_malformed'],
    ['a key and 7000 characters', $good . 'A' x 7000, 'key_malformed'],
    ['percent-encoded', $good =~ s/^t/%74/r, 'key_malformed'],
);
my @invalid;
for my $row (@values) {
    my ($name, $value, $reason) = @$row;
    my $answer = decides(credentials => '/one/', ['X-API-Key' => $value], $reason, $name);
    push @invalid, [$name, $answer] if $status{$reason} == 401 && $reason ne 'key_missing';
}

# Complete headers decide: [name, path, headers, reason].
my $bearer = "Bearer $good";
my @rows = (
    ['nothing', '/one/', [], 'key_missing'],
    ['name in capitals', '/one/', ['X-API-KEY' => $good], 'admitted'],
    ['two lines, the same key', '/one/', ['X-API-Key' => $good, 'X-API-Key' => $good], 'key_repeated'],
    ['two lines, case of the name', '/one/', ['X-API-Key' => $good, 'x-api-key' => $good], 'key_repeated'],
    ['two lines, the first empty', '/one/', ['X-API-Key' => '', 'X-API-Key' => $good], 'key_repeated'],
    (map { ["look-alike $_", '/one/', [$_ => $good], 'key_missing'] }
        qw(X_API_Key X-API_Key X.API.Key XAPIKey X-API-Keys X-X-API-Key apikey)),
    ['look-alike beside a good key', '/one/', ['X_API_Key' => $unknown, 'X-API-Key' => $good], 'admitted'],
    ['query', "/one/?X-API-Key=$other&api_key=$other&apikey=$other", [], 'key_missing'],
    ['cookie', '/one/', [Cookie => "X-API-Key=$good; api_key=$good"], 'key_missing'],
    ['Bearer where it is off', '/one/', [Authorization => $bearer], 'key_missing'],
    ['bad key, Bearer where it is off', '/one/', ['X-API-Key' => $unknown, Authorization => $bearer], 'key_unknown'],

    ['first name', '/two/', ['X-New-Key' => $good], 'admitted'],
    ['second name', '/two/', ['X-API-Key' => $good], 'admitted'],
    ['first good, second bad', '/two/', ['X-New-Key' => $good, 'X-API-Key' => $unknown], 'admitted'],
    ['first bad, second good', '/two/', ['X-API-Key' => $good, 'X-New-Key' => $unknown], 'key_unknown'],
    ['first empty, second good', '/two/', ['X-New-Key' => '', 'X-API-Key' => $good], 'key_missing'],
    ['neither', '/two/', [], 'key_missing'],

    ['Bearer', '/bearer/', [Authorization => $bearer], 'admitted'],
    ['bearer', '/bearer/', [Authorization => "bearer $good"], 'admitted'],
    ['BEARER', '/bearer/', [Authorization => "BEARER $good"], 'admitted'],
    ['Bearer and blanks', '/bearer/', [Authorization => "Bearer   $good"], 'admitted'],
    ['Bearer alone', '/bearer/', [Authorization => 'Bearer'], 'key_missing'],
    ['Bearer without a blank', '/bearer/', [Authorization => "Bearer$good"], 'key_missing'],
    ['Basic', '/bearer/', [Authorization => "Basic $good"], 'key_missing'],
    ['no scheme', '/bearer/', [Authorization => $good], 'key_missing'],
    ['Bearer unknown', '/bearer/', [Authorization => "Bearer $unknown"], 'key_unknown'],
    ['Bearer of another kind', '/bearer/', [Authorization => 'Bearer eyJhbGciOi.J9.x'], 'key_malformed'],
    ['Bearer twice', '/bearer/', [Authorization => $bearer, Authorization => $bearer], 'key_repeated'],
    ['Bearer with a parameter', '/bearer/', [Authorization => "$bearer realm=x"], 'key_malformed'],
    ['key header', '/bearer/', ['X-API-Key' => $good], 'admitted'],
    ['key header bad, Bearer good', '/bearer/', ['X-API-Key' => $unknown, Authorization => $bearer], 'key_unknown'],
    ['key header empty, Bearer good', '/bearer/', ['X-API-Key' => '', Authorization => $bearer], 'key_missing'],
    ['key header good, Bearer bad', '/bearer/', ['X-API-Key' => $good, Authorization => 'Bearer x'], 'admitted'],

    ['neither half', '/pair/', [], 'key_missing'],
    ['both halves', '/pair/', both($pair->{key}, $pair->{token}), 'admitted'],
    ['no token', '/pair/', [apikey => $pair->{key}], 'token_missing'],
    ['empty token', '/pair/', both($pair->{key}, ''), 'token_missing'],
    ['no apikey', '/pair/', ['x-ts-authorization' => $pair->{token}], 'key_missing'],
    ['empty apikey', '/pair/', both('', $pair->{token}), 'key_missing'],
    ['token of another pair', '/pair/', both($pair->{key}, $pair2->{token}), 'token_mismatch'],
    ['unknown token', '/pair/', both($pair->{key}, unknown_token()), 'token_mismatch'],
    ['malformed token', '/pair/', both($pair->{key}, 'tat_x'), 'token_malformed'],
    ['token twice', '/pair/', [@{both($pair->{key}, $pair->{token})}, 'x-ts-authorization', $pair->{token}], 'token_malformed'],
    ['the apikey as token', '/pair/', both($pair->{key}, $pair->{key}), 'token_malformed'],
    ['swapped', '/pair/', both($pair->{token}, $pair->{key}), 'key_malformed'],
    ['key without a token', '/pair/', both($good, $pair->{token}), 'token_not_issued'],
    ['unknown apikey', '/pair/', both($unknown, $pair->{token}), 'key_unknown'],
    ['the other dialect\'s header', '/pair/', ['X-API-Key' => $pair->{key}, 'x-ts-authorization' => $pair->{token}], 'key_missing'],
);

sub both {
    my ($key, $token) = @_;
    return [apikey => $key, 'x-ts-authorization' => $token];
}

my %pair_answers;
for my $row (@rows) {
    my ($name, $path, $headers, $reason) = @$row;
    my $answer = decides(credentials => $path, $headers, $reason, $name);
    $pair_answers{$name} = $answer if $path eq '/pair/' && $answer->json && $answer->json->{code} eq 'INVALID_API_KEY';
}

# No probing: which fault it was does not show.
my %bytes = map { bytes_of($_->[1]) => 1 } @invalid;
cmp_ok scalar @invalid, '>', 20, 'many ways to be invalid';
is scalar keys %bytes, 1, 'have one public answer' or diag join "\n--\n", keys %bytes;
%bytes = map { bytes_of($_) => 1 } values %pair_answers;
cmp_ok scalar keys %pair_answers, '>', 6, 'with a token too';
is scalar keys %bytes, 1, 'they have one' or diag join "\n--\n", keys %bytes;

sub bytes_of {
    my ($answer) = @_;
    return $answer->head =~ s/^Date: [^\r]*\r\n//mr . $answer->body;
}

# Bytes that HTTP itself forbids in a field do not come as far as us. (httpd logs such a value whole,
# which is why it is no key here.)
for my $byte ("\x01", "\x00", "\x7f") {
    my $answer = request('credentials', GET => '/one/', ['X-API-Key' => 'tai_' . 'A' x 38 . $byte]);
    is $answer->status, 400, sprintf 'byte 0x%02x', ord $byte;
}
is request('credentials', GET => '/one/', ['X-API-Key' => 'A' x 9000])->status, 400, '9000 characters';

# The body: not read for a key, not even waited for.
for my $type ('application/x-www-form-urlencoded', 'application/json') {
    my $body = $type =~ /json/ ? "{\"X-API-Key\":\"$good\"}" : "X-API-Key=$good&apikey=$good";
    is request('credentials', POST => '/one/', ['Content-Type' => $type], $body)->status, 401, "a key in $type";
}
my $connection = connection('credentials');
$connection->send(TaiHttp::bytes(POST => '/one/', ['Content-Length' => 20, Expect => '100-continue']));
is $connection->read->status, 401, 'the refusal does not wait for the body';

# What an import brings: [name, text, reason under any]; strict wants none of them.
my @imported = (
    ['22 characters', 'Legacy-key_22.chars!/x', 'admitted'],
    ['256 characters', 'z~' x 128, 'admitted'],
    ['32 hex', 'deadbeef' x 3 . '01234567', 'admitted'],
    ['31 characters, not all hex', 'deadbeef' x 3 . '012345g', 'admitted'],
    ['quotes and backslashes', '"\\\\' x 8, 'admitted'],
    ['21 characters', 'Legacy-key_21.chars!/', 'key_malformed'],
    ['257 characters', 'y' x 257, 'key_malformed'],
    ['31 hex', 'deadbeef' x 3 . '0123456', 'key_malformed'],
    ['31 hex in capitals', 'DEADBEEF' x 3 . '0123456', 'key_malformed'],
    ['a comma', 'Legacy-key,23.characters', 'key_repeated'],
    ['a blank', 'Legacy-key 23.characters', 'key_malformed'],
);
for my $row (@imported) {
    my ($name, $text, $reason) = @$row;
    $reason eq 'admitted' ? import_key($account, $text) : plant_key($account, $text);
    decides(credentials_any => '/one/', ['X-API-Key' => $text], $reason, "imported, any, $name");
    my $lookups = metric('lookup_seconds_count');
    decides(credentials => '/one/', ['X-API-Key' => $text],
        $reason eq 'key_repeated' ? $reason : 'key_malformed', "imported, strict, $name");
    is metric('lookup_seconds_count'), $lookups, 'and costs no look-up';
}
decides(credentials_any => '/one/', ['X-API-Key' => $good], 'admitted', 'a key of ours, any');
decides(credentials_any => '/one/', ['X-API-Key' => $unsound], 'key_unknown', 'wrong checksum, any');

# The second in which a key ends. Each answer is held against clocks read before and after it; the
# fine one, since time() may be some milliseconds behind what httpd reads.
my $ending = make_key(make_account('credentials-ending'));
my $end = time + 2;
expire($ending, $end);
my ($admitted, $wrong) = (0, 0);
wait_for(sub {
    my $before = Time::HiRes::time();
    my $status = request('credentials', GET => '/one/', ['X-API-Key' => $ending->{key}])->status;
    $wrong++ if $status == 200 ? $before >= $end : Time::HiRes::time() < $end;
    $admitted++ if $status == 200;
    return $status == 401;
}, 'the key to expire');
cmp_ok $admitted, '>', 0, 'a key lives until its last second';
is $wrong, 0, 'and not a second longer or shorter';

done_testing;
