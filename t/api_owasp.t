# The OWASP API Security Top 10 of 2023, API1 to API5, each as the attacks that it describes.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(encode_base64);
use Test::More;
use TaiApi;
use TaiTest;

my $ann = administrator('owasp', plan => 'claimed');
my $eve = administrator('owasp-eve', plan => 'pro');
my $member = person('owasp', 'owasp-member', role => 'member');
my $key = create_key($ann, name => 'target', scopes => ['programs:read'], token => \1);
my $unknown = 'key_' . 'A' x 22;

# What there is of a key, as the database has it, but for its last use, which is written in its time.
sub row {
    my ($id) = @_;
    my $row = db()->selectrow_hashref('SELECT * FROM api_keys WHERE id = ?', undef, $id);
    delete $row->{last_used_at};
    return $row;
}

sub count_keys { return scalar db()->selectrow_array('SELECT COUNT(*) FROM api_keys') }

# An answer to its last byte, but for what tells one request from another.
sub whole {
    my ($answer, $id) = @_;
    return ($answer->head . $answer->body) =~ s/^Date: .*\r\n//mr =~ s/\Q$id\E/ID/gr;
}

# --- API1 ---------------------------------------------------------------------------------------

subtest 'API1:2023 Broken Object Level Authorization' => sub {
    my $before = row($key->{id});
    my @calls = (
        [GET => '/keys/{id}'],
        [HEAD => '/keys/{id}'],
        [GET => '/keys?after={id}'],
        [PATCH => '/keys/{id}', { name => 'taken' }],
        [PATCH => '/keys/{id}', { scopes => ['programs:write'] }],
        [POST => '/keys/{id}/roll', { grace_seconds => 600 }],
        [DELETE => '/keys/{id}'],
    );
    for my $place ('/manage', '/ts-manage') {
        for my $call (@calls) {
            my ($method, $path, $body) = @$call;
            my ($theirs, $nobodys) = map { my $id = $_;
                whole(api(elsewhere($eve, $place), $method, $path =~ s/\{id\}/$id/r, $body), $id) } $key->{id}, $unknown;
            is $theirs, $nobodys, "$place: $method $path: as if there were no such key";
        }
    }
    is_deeply row($key->{id}), $before, 'the key is what it was';
    is use_key($key), 200, '... and good';

    my @seen = map { api($eve, GET => $_)->body } '/keys?limit=100', '/audit?limit=100';
    unlike $_, qr/\Q$key->{id}\E|owasp-admin|owasp-member/, 'no list of hers shows anything of his' for @seen;
    my $last = db()->selectrow_array('SELECT MAX(seq) FROM audit_log');
    unlike api($eve, GET => "/audit?before=@{[$last + 1]}&limit=100")->body, qr/\Q$key->{id}\E/, 'nor does a number of the log';
};

# --- API2 ---------------------------------------------------------------------------------------

subtest 'API2:2023 Broken Authentication' => sub {
    my $basic = sub { (Authorization => 'Basic ' . encode_base64("$_[0]:$_[1]", '')) };
    my $session = logged_in($ann);
    my ($cookie, $id) = split /=/, $session->{cookie}, 2;
    my $guess = join '', map { (0 .. 9, 'a' .. 'f')[rand 16] } 1 .. length $id;
    my @strangers = (
        # what, place, headers
        ['nothing', '/manage'],
        ['a wrong password', '/manage', $basic->($ann->{user}, 'wrong')],
        ['no password', '/manage', $basic->($ann->{user}, '')],
        ['a key for a password', '/manage', $basic->($ann->{user}, $key->{key})],
        ['a token for a password', '/manage', $basic->($ann->{user}, $key->{token})],
        ['the digest of a key for a password', '/manage', $basic->($ann->{user}, sha256_hex($key->{key}))],
        ['a key', '/session', 'X-API-Key' => $key->{key}],
        ['a key and its token', '/session', apikey => $key->{key}, 'x-ts-authorization' => $key->{token}],
        ['a key as a bearer', '/session', Authorization => "Bearer $key->{key}"],
        ['a password where only sessions count', '/session', $basic->($ann->{user}, $ann->{password})],
        ['names of users in other fields', '/session', 'X-Remote-User' => $ann->{user}, REMOTE_USER => $ann->{user},
            'X-Forwarded-User' => $ann->{user}, 'X-Tai-User' => $ann->{user}],
        ['a guessed session', '/session', Cookie => "$cookie=$guess"],
        ['the digest of a session', '/session', Cookie => "$cookie=" . sha256_hex($id)],
        ['an empty session', '/session', Cookie => "$cookie="],
        ['a session by another name', '/session', Cookie => "session=$id"],
        ['a session twice', '/session', Cookie => "$cookie=$guess; $cookie=$id"],
        ['a session in another field', '/session', Authorization => "Session $id"],
    );
    for my $stranger (@strangers) {
        my ($what, $place, @headers) = @$stranger;
        is_refused api({ place => $place }, GET => '/keys', undef, @headers), 401, 'UNAUTHENTICATED', qr/./, $what;
    }
    is api({ place => '/session' }, POST => '/keys', { name => 'x', $cookie => $id })->status, 401, 'a session in the body';
    is_done api($session, GET => '/keys'), 200, 'the session itself';

    my $fixed = api({ place => '/session' }, POST => '/session', { username => $ann->{user}, password => $ann->{password} },
        Cookie => "$cookie=$guess", 'Sec-Fetch-Site' => 'same-origin');
    my ($new) = ($fixed->header('Set-Cookie') // '') =~ /^\Q$cookie\E=([^;]+)/;
    secret($new);
    isnt $new, $guess, 'a session that the client chose is not adopted at log-in';
    is api({ place => '/session' }, GET => '/keys', undef, Cookie => "$cookie=$guess")->status, 401, '... and none';

    is api($session, DELETE => '/session')->status, 200, 'logged out';
    is_refused api($session, GET => '/keys'), 401, 'UNAUTHENTICATED', qr/./, 'a session after the log-out';
    my $again = { place => '/session', cookie => "$cookie=$new" };
    is_done api($again, GET => '/keys'), 200, 'another one of his';
    my $password = secret('pw-' . 'x' x 8 . int rand 1e9);
    taictl(\"$password\n", user => 'passwd', $ann->{user});
    is_refused api($again, GET => '/keys'), 401, 'UNAUTHENTICATED', qr/./, '... after a change of his password';
};

# --- API3 ---------------------------------------------------------------------------------------

my %foreign = (
    account => 'owasp-eve', account_id => 'acc_x', user => 'owasp-eve-admin', user_id => $eve->{id}, id => 'key_mine',
    line => $key->{id}, prefix => 'tai_00000000', key => 'tai_' . 'A' x 38, key_hash => 'a' x 64, token_hash => 'a' x 64,
    rate_limit => '1000000/1s', origin => 'operator', plan => 'pro', status => 'active', revoked_at => undef,
    created_at => '2001-01-01T00:00:00Z', last_used_at => undef, effective_scopes => ['webhooks:manage'], role => 'primary_admin',
    max_keys => 1000, usage => { admitted => 0 }, __proto__ => {},
);

subtest 'API3:2023 Broken Object Property Level Authorization: what is written' => sub {
    my $revoked = create_key($ann, name => 'revoked');
    api($ann, DELETE => "/keys/$revoked->{id}");
    my ($before, $gone, $count) = (row($key->{id}), row($revoked->{id}), count_keys());
    for my $member (sort keys %foreign) {
        my %more = ($member => $foreign{$member});
        my @answers = (
            api($ann, POST => '/keys', { name => 'x', %more }),
            api($ann, PATCH => "/keys/$key->{id}", { name => 'x', %more }),
            api($ann, PATCH => "/keys/$revoked->{id}", { name => 'x', %more }),
            api($ann, POST => "/keys/$key->{id}/roll", { grace_seconds => 0, %more }),
        );
        is_deeply [map { $_->status . data($_)->{code} } @answers], [('400BAD_REQUEST') x 4], "\"$member\" is no member of any body";
    }
    for my $member (qw(expires_at token)) { # those of a new key alone
        my %more = ($member => $member eq 'token' ? \1 : '2099-01-01T00:00:00Z');
        is api($ann, PATCH => "/keys/$key->{id}", { name => 'x', %more })->status, 400, "\"$member\" is none of a change";
        is api($ann, POST => "/keys/$key->{id}/roll", { grace_seconds => 0, %more })->status, 400, '... nor of a roll';
    }
    is_refused api($ann, PATCH => "/keys/$key->{id}", { name => 'x', scopes => ['programs:write'] }), 409, 'SCOPES_IMMUTABLE',
        qr/./, '"scopes" in a change';
    is api($ann, POST => "/keys/$key->{id}/roll", { grace_seconds => 0, scopes => ['programs:write'] })->status, 400, '... and in a roll';
    is_deeply row($key->{id}), $before, 'the key is what it was';
    is_deeply row($revoked->{id}), $gone, '... and so is the revoked one';
    is count_keys(), $count, 'none was made';
};

subtest 'API3:2023 Broken Object Property Level Authorization: what is read' => sub {
    my @answers = map { my $place = $_; map { api(elsewhere($ann, $place), GET => $_) }
        "/keys/$key->{id}", '/keys?limit=100', '/audit?limit=100', '/account', '/scopes' } '/manage', '/ts-manage';
    push @answers, api($ann, PATCH => "/keys/$key->{id}", { name => 'target' });
    my ($hash) = db()->selectrow_array('SELECT password_hash FROM users WHERE id = ?', undef, $ann->{id});
    like $hash, qr/^\$2/, 'there is a password hash to look for';
    my $secret = join '|', map { quotemeta } $key->{key}, $key->{token}, (map { sha256_hex($_) } @$key{qw(key token)}), $hash,
        substr($key->{key}, 0, 13), $ann->{password};
    for my $answer (@answers) {
        is $answer->status, 200, 'an answer';
        unlike $answer->head . $answer->body, qr/$secret/, '... without a key, a token, a password or a digest of one';
        unlike $answer->body, qr/[0-9a-f]{64}|\$2[aby]\$|_hash/, '... or of anything';
    }
    my $made = create_key($ann, name => 'once', token => \1);
    unlike api($ann, GET => $_)->body, qr/\Q$made->{key}\E|\Q$made->{token}\E/, "shown at its creation, and not by $_"
        for "/keys/$made->{id}", '/keys', '/audit';
    my $answer = api($ann, POST => "/keys/$made->{id}/roll", { grace_seconds => 600 });
    note_secrets(data($answer));
    unlike $answer->body, qr/\Q$made->{key}\E|\Q$made->{token}\E/, 'a roll shows the new key, and not the old one';
    my $pattern = join '|', map { sha256_hex($_) } @$made{qw(key token)}, @{data($answer)}{qw(key token)};
    unlike $answer->body, qr/$pattern/, '... and no digest';
};

# --- API4 ---------------------------------------------------------------------------------------

subtest 'API4:2023 Unrestricted Resource Consumption' => sub {
    my $max = '{"name": "' . 'x' x (16384 - 12) . '"}';
    is length $max, 16384, 'a body as long as bodies may be';
    is_refused api($ann, POST => '/keys', $max), 400, 'BAD_REQUEST', qr/[Kk]ey name/, '... is read';
    is_refused api($ann, POST => '/keys', "$max "), 413, 'TOO_LARGE', qr/16384/, 'one byte more is not';
    is_refused api($ann, POST => '/keys', '{"name": ' . '[' x 5000 . ']' x 5000 . '}'), 400, 'BAD_REQUEST', qr/./, 'depth';
    is_refused api($ann, POST => '/keys', { name => 'x', scopes => [('programs:read') x 101] }), 400, 'BAD_REQUEST', qr/100/, 'a list';
    is_refused api($ann, GET => "/$_?limit=101"), 400, 'BAD_REQUEST', qr/1 to 100/, "a page of $_" for qw(keys audit);
    is_refused api($ann, GET => "/$_?limit=99999999999999999999"), 400, 'BAD_REQUEST', qr/1 to 100/, "... however large" for qw(keys audit);
    is_refused api($ann, GET => '/keys/' . 'k' x 4000), 404, 'NOT_FOUND', qr/./, 'an id';
    is api($ann, GET => '/keys/' . 'k' x 9000)->status, 414, '... longer than httpd takes one';
    is_refused api($ann, POST => "/keys/$key->{id}/roll", { grace_seconds => 604801 }), 400, 'BAD_REQUEST', qr/604800/, 'a grace';

    my $limited = elsewhere(administrator('owasp-limited'), '/limited');
    my @seen = map { api($limited, @$_) } [GET => '/keys'], [POST => '/keys', {}], [GET => '/audit'];
    is_deeply [map { $_->status } @seen], [200, 400, 200], 'three requests of one user, good or bad';
    my $refused = api($limited, GET => '/keys');
    is_refused $refused, 429, 'RATE_LIMITED', qr/3 requests per 3600 seconds/, 'the fourth is refused';
    cmp_ok $refused->header('Retry-After'), '>=', 1, '... with the time to wait';
    is api(elsewhere($limited, '/manage'), GET => '/keys')->status, 200, '... there alone';
    is api(elsewhere($ann, '/limited'), GET => '/keys')->status, 200, '... and him alone';

    my $many = administrator('owasp-many');
    my @made = map { new_key($many)->status } 1 .. 11;
    is "@made", '201 201 201 201 201 201 201 201 201 201 409', 'ten keys of an account';
};

# --- API5 ---------------------------------------------------------------------------------------

subtest 'API5:2023 Broken Function Level Authorization' => sub {
    my ($before, $count) = (row($key->{id}), count_keys());
    my @functions = ([POST => '/keys', { name => 'x' }], [GET => '/keys'], [GET => "/keys/$key->{id}"],
        [PATCH => "/keys/$key->{id}", { name => 'x' }], [POST => "/keys/$key->{id}/roll", { grace_seconds => 0 }],
        [DELETE => "/keys/$key->{id}"], [GET => '/audit']);
    my $session = logged_in($member);
    for my $function (@functions) {
        my ($method, $path) = @$function;
        is_refused api($_, @$function), 403, 'NOT_PRIMARY_ADMIN', qr/./, "a member: $method $path" for $member, $session;
        is_refused api(undef, @$function), 401, 'UNAUTHENTICATED', qr/./, "nobody: $method $path";
    }
    # the role that he says he has, a method that he does not send, a path that only looks another
    my @detours = (
        [GET => '/account?role=primary_admin', undef],
        [GET => '/account', undef, 'X-HTTP-Method-Override' => 'DELETE'],
        [POST => '/keys', { name => 'x', role => 'primary_admin' }],
        [POST => '/keys', { name => 'x', user => $ann->{user} }],
        [GET => "/keys/$key->{id}", undef, 'X-HTTP-Method-Override' => 'DELETE', 'X-Original-URL' => '/manage/account'],
        [GET => '//keys'], [GET => '/./keys'], [GET => '/account/../keys'], [GET => '/%6beys'], [GET => '/keys;x=/account'],
        [GET => '/KEYS'], [GET => '/keys/'], [GET => '/keys%2f'], [GET => '/keys%00'], [GET => '/account/keys'],
        [POST => "/keys/$key->{id}/revoke", {}], [POST => '/account', { plan => 'pro' }], [PATCH => '/account', { plan => 'pro' }],
        [PUT => '/scopes', {}], [GET => '/users'], [POST => '/users', {}], [GET => '/accounts'], [DELETE => '/audit'],
    );
    for my $detour (@detours) {
        my $answer = api($member, @$detour);
        my $body = $answer->body;
        unlike $body, qr/\Q$key->{id}\E|"seq"/, "a member: $$detour[0] $$detour[1]: shows nothing of the keys";
        cmp_ok $answer->status, '>=', 400, '... is refused' unless $$detour[1] eq '/account';
    }
    for my $unlike ([PATCH => '/account', { plan => 'pro' }], [POST => '/accounts', {}], [GET => '/users']) {
        like api($ann, @$unlike)->status, qr/^40[45]$/, "an administrator: $$unlike[0] $$unlike[1]: the operator's alone";
    }
    is_deeply row($key->{id}), $before, 'the key is what it was';
    is count_keys(), $count, 'none was made';
    is scalar(db()->selectrow_array('SELECT plan FROM accounts WHERE name = ?', undef, 'owasp')), 'claimed', 'the plan is what it was';
};

done_testing;
