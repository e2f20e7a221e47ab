# Require tai-scope, tai-plan and tai-account, alone and among httpd's own.
use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;
use TaiKeys;
use TaiTest;

my %key;
for my $name (qw(free claimed pro pro-2)) {
    my $account = make_account("require-$name", plan => $name =~ s/-\d//r);
    my @scopes = $name eq 'free' ? () : (scopes => ['programs:read', 'programs:write']);
    $key{$name} = make_key($account, @scopes)->{key};
}
my @people = (Authorization => 'Basic ' . encode_base64('people:people', ''));
my @strangers = (Authorization => 'Basic ' . encode_base64('people:wrong', ''));

my %status = (MISSING_API_KEY => 401, INVALID_API_KEY => 401, INSUFFICIENT_SCOPE => 403, FORBIDDEN => 403);

# path, then key and outcome in turn: 200 or a code
my @rows = (
    ['scope', free => 'INSUFFICIENT_SCOPE', claimed => 200, pro => 200],
    ['plan', free => 'FORBIDDEN', claimed => 200, pro => 200],
    ['account', free => 'FORBIDDEN', pro => 200, 'pro-2' => 'FORBIDDEN'],
    ['lines', free => 200, claimed => 'FORBIDDEN', pro => 200],
    ['any-elsewhere', free => 'INSUFFICIENT_SCOPE', pro => 200],
    ['any-here', free => 200, pro => 200],
    ['all-here', free => 'INSUFFICIENT_SCOPE', pro => 200],
    ['all-elsewhere', pro => 'FORBIDDEN', claimed => 'FORBIDDEN'],
    ['none', free => 'FORBIDDEN', claimed => 200, pro => 200],
    ['unwanted', free => 'FORBIDDEN', pro => 200],
    ['unwanted-none', free => 'FORBIDDEN', pro => 200],
    ['valid-user', free => 200, pro => 200],
    ['user', free => 'FORBIDDEN', pro => 200],
    ['denied', free => 'FORBIDDEN', pro => 'FORBIDDEN'],
    ['basic', free => 'FORBIDDEN', pro => 200],
    ['basic-off', free => 'FORBIDDEN', pro => 200],
    ['basic-on', free => 'FORBIDDEN', pro => 200],
    ['basic-scope', free => 'INSUFFICIENT_SCOPE', claimed => 200],
    ['basic-user', free => 'FORBIDDEN', pro => 200],
    ['open', free => 'closed', pro => 'closed'],
    ['optional', free => 200, pro => 200],
    ['optional-user', free => 200, pro => 200],
    ['optional-any', free => 200, pro => 200],
);

sub outcome {
    my ($path, $headers, $expected, $name, $vhost) = @_;
    my $mark = log_mark();
    my $answer = request($vhost // 'require', GET => "/r/$path/", $headers);
    if ($expected eq 200) {
        return is $answer->status, 200, $name;
    }
    is_refusal $answer, $status{$expected}, $expected, $name;
    my $challenge = $answer->header('WWW-Authenticate') // '';
    like $challenge, $expected eq 'FORBIDDEN' ? qr/^$/ : qr/^ApiKey /, 'challenge';
    unlike $challenge, qr/Basic/, 'no challenge of another kind';
    is scalar(() = log_since($mark) =~ /taiauth: refused/g), 1, 'one line in the log';
    return;
}

for my $row (@rows) {
    my ($path, @pairs) = @$row;
    while (my ($key, $expected) = splice @pairs, 0, 2) {
        my @headers = ('X-API-Key' => $key{$key});
        if ($expected eq 'closed') {
            isnt request('require', GET => "/r/$path/", [@headers])->status, 200, "$path is open to nobody ($key)";
            next;
        }
        outcome($path, [@headers], $expected, "$path, $key");
        next unless $path =~ /^basic/;
        outcome($path, [@headers, @strangers], $expected, "$path, $key, wrong password")
            if $expected eq 'FORBIDDEN' && $path ne 'basic-user';
        outcome($path, [@headers, @people], $expected, "$path, $key, right password") if $path ne 'basic-user';
    }
}

# AuthMerging: what the inner section makes of the outer one's tai-plan pro.
my @merging = (
    ['none', free => 'FORBIDDEN', pro => 200],
    ['and', 'pro-2' => 200, pro => 'FORBIDDEN', claimed => 'FORBIDDEN', free => 'FORBIDDEN'],
    ['or', free => 200, pro => 200, claimed => 'FORBIDDEN'],
    ['off', free => 200, pro => 'FORBIDDEN'],
);
for my $row (@merging) {
    my ($path, @pairs) = @$row;
    while (my ($key, $expected) = splice @pairs, 0, 2) {
        outcome($path, { 'X-API-Key' => $key{$key} }, $expected, "merging $path, $key", 'require_merging');
    }
    outcome($path, {}, 'MISSING_API_KEY', "merging $path without a key", 'require_merging');
}

# Without a key, or with a bad one, no Require lets anybody in; what it refuses then is told as 401.
my %anonymous = ('optional-any' => 1);
for my $path (grep { $_ ne 'open' } map { $_->[0] } @rows) {
    outcome($path, {}, $anonymous{$path} ? 200 : 'MISSING_API_KEY', "$path without a key");
    outcome($path, [@people], 'MISSING_API_KEY', "$path, a password and no key") if $path =~ /^basic/;
}
is request('require', GET => '/r/valid-user/', { 'X-API-Key' => unknown_key() })->json->{code}, 'INVALID_API_KEY',
    'a bad key is told as one';

# Who sent no key is not told that his key was refused.
my %told = ('' => 'This request is not allowed.', $key{pro} => 'This API key is not allowed to make this request.');
while (my ($key, $text) = each %told) {
    my $answer = request('require', GET => '/r/optional-address/', length $key ? { 'X-API-Key' => $key } : {});
    is_refusal $answer, 403, 'FORBIDDEN', 'from another address, ' . (length $key ? 'with a key' : 'without one');
    is $answer->json->{error}, $text, $text;
}

# The plan's text, from a Require too.
my $moved = make_account('require-moved', plan => 'claimed');
my $outlived = make_key($moved, scopes => ['programs:write'])->{key};
taictl(account => 'set-plan', $moved, 'free');
is request('require', GET => '/r/all-here/', { 'X-API-Key' => $outlived })->json->{error},
    'The "programs:write" scope requires a Claimed or Pro plan.', 'the plans are named';

# The application sees who it was.
my $env = request('require', GET => '/r/valid-user/', { 'X-API-Key' => $key{pro} })->json->{env};
is_deeply [@$env{qw(REMOTE_USER AUTH_TYPE)}], ['require-pro', 'TaiKey'], 'user and type';

# Satisfy Any would let a Require make up for a bad key.
for my $path (qw(satisfy satisfy-user satisfy-optional basic-satisfy)) {
    for my $row (['no key', {}], ['bad key', { 'X-API-Key' => 'x' }],
        ['password', [@people]],  ['good key', { 'X-API-Key' => $key{pro} }]) {
        my ($name, $headers) = @$row;
        my $mark = log_mark();
        is request('require', GET => "/r/$path/", $headers)->status, 500, "$path, $name: 500";
        like log_since($mark), qr/taiauth: Satisfy Any holds here/, 'and the log says why';
    }
}

done_testing;
