# POST /auth/token: a user name and a password for a key with a token; who gets one, who does not and
# learns nothing, and who is locked out.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use TaiApi qw(data is_done is_refused);
use TaiClients;
use TaiKeys;
use TaiLogin;
use TaiTest;

# The status of a request with a pair, sent as its owner was told to.
sub use_pair {
    my ($given, $path, $client) = @_;
    my @headers = map { ($_->{name} => $_->{value}) } @{$given->{headers}};
    return request('token', GET => $path // '/pair/x', ['X-Client' => $client // address(), @headers])->status;
}

sub active_keys {
    my ($who) = @_;
    return grep { $_->{status} eq 'active' } @{taictl(key => 'list', $who->{account})};
}

my $ann = login_user('token-ann', plan => 'pro', taictl => 1);

# --- the key ------------------------------------------------------------------------------------

for my $place (['json', '/auth/token', '/pair/x', qw(apikey x-ts-authorization)],
    ['envelope', '/ts/auth/token', '/pair/x', qw(apikey x-ts-authorization)],
    ['headers of its own', '/own/auth/token', '/own/page/x', qw(X-Own-Key X-Own-Token)]) {
    my ($name, $path, $page, @headers) = @$place;
    subtest "a pair: $name" => sub {
        my $answer = log_in($ann, place => $path);
        is_done $answer, 201, 'given';
        is $answer->header('Set-Cookie'), undef, 'no cookie';
        my $given = data($answer);
        is_deeply [sort keys %$given], [qw(apikey headers token)], 'its members';
        like $given->{apikey}, qr/^tai_[0-9A-Za-z]{38}\z/, 'apikey';
        like $given->{token}, qr/^tat_[0-9A-Za-z]{38}\z/, 'token';
        is_deeply $given->{headers},
            [{ name => $headers[0], value => $given->{apikey} }, { name => $headers[1], value => $given->{token} }],
            'how to send them';
        is use_pair($given, $page), 200, 'good at once';
        is use_pair({ headers => [$given->{headers}[0]] }, $page), 401, 'the key alone is not';

        my $again = data(log_in($ann, place => $path));
        isnt $again->{apikey}, $given->{apikey}, 'asked again: another key';
        is use_pair($again, $page), 200, '... is good';
        is use_pair($given, $page), 401, '... in place of the one before';
    };
}
my @made = active_keys($ann);
is scalar @made, 1, 'there is one key, wherever it was asked for';
is_deeply [@{$made[0]}{qw(name origin created_by)}], ['auth/token', 'token', 'token-ann'], 'its name, origin and user';
is_deeply $made[0]{scopes}, [map { "$_:read" } qw(categories organizations programs reviews)], 'the default scopes';
is scalar(audited('token.issue', 'token-ann')), 6, 'each is in the audit log';
like request('token', POST => '/own/auth/token', { 'Content-Type' => 'application/json', 'X-Client' => address() },
    JSON::PP::encode_json({ username => $ann->{user}, password => $ann->{password} }))->body,
    qr/RATE_LIMITED/, 'TaiAuthRateLimit holds for each user';

subtest 'ten keys' => sub {
    my $full = login_user('token-full');
    make_key($full->{account}) for 1 .. 9;
    my $tenth = log_in($full);
    is_done $tenth, 201, 'the tenth';
    is_done log_in($full), 201, 'in its place';
    is scalar(active_keys($full)), 10, 'ten';

    my $other = login_user('token-other');
    make_key($other->{account}) for 1 .. 10;
    my $before = join ' ', map { $_->{id} } active_keys($other);
    is_refused log_in($other), 409, 'KEY_LIMIT_REACHED', qr/10/, 'the eleventh';
    is_refused log_in($other, place => '/ts/auth/token'), 409, 'KEY_LIMIT_REACHED', qr/10/, '... in the envelope';
    is join(' ', map { $_->{id} } active_keys($other)), $before, 'nothing has changed';
};

# --- who gets none ------------------------------------------------------------------------------

subtest 'the right password is not enough' => sub {
    my $member = login_user('token-member', account => $ann->{account}, role => 'member');
    my $suspended = login_user('token-suspended');
    taictl(account => 'suspend', $suspended->{account});
    my $closed = login_user('token-closed');
    db()->do(q(UPDATE accounts SET status = 'closed' WHERE name = ?), undef, $closed->{account});
    for my $place ('/auth/token', '/ts/auth/token') {
        is_refused log_in($member, place => $place), 403, 'NOT_PRIMARY_ADMIN', qr/primary administrator/, "a member, $place";
        is_refused log_in($suspended, place => $place), 403, 'ACCOUNT_SUSPENDED', qr/good standing/, "suspended, $place";
        is_refused log_in($closed, place => $place), 403, 'ACCOUNT_SUSPENDED', qr/good standing/, "closed, $place";
    }
    is scalar(active_keys($_)), $_ == $member ? 1 : 0, "$_->{user}: no key" for $member, $suspended, $closed;
    taictl(account => 'reinstate', $suspended->{account});
    is_done log_in($suspended), 201, 'reinstated';
};

# Whoever they are, they are told the same.
my $disabled = login_user('token-disabled', account => $ann->{account}, role => 'member');
taictl(user => 'disable', $disabled->{user});
my $nobody = { user => 'token-nobody', password => password() };
my $mute = { user => 'token-mute', password => password() };
taictl(user => 'add', $ann->{account}, $mute->{user}, '--role', 'member', '--no-password');
my @strangers = (
    ['a wrong password', $ann, password => password()],
    ['an unknown user', $nobody],
    ['a disabled user', $disabled],
    ['a disabled user, a wrong password', $disabled, password => password()],
    ['a user without a password', $mute],
    ['an empty password', $ann, password => ''],
    ['a password of 73 bytes', $ann, password => secret($ann->{password} . 'x' x (73 - length $ann->{password}))],
    ['an empty user name', { user => '', password => password() }],
    ['a user name of a kilobyte', { user => 'n' x 1024, password => password() }],
    ['a user name that is none', { user => "a\nb\x{7f}\x{e9}", password => password() }],
    ['another case', { %$ann, user => 'Token-Ann' }],
);
for my $place ('/auth/token', '/ts/auth/token') {
    my %seen;
    for my $stranger (@strangers) {
        my ($name, $who, @want) = @$stranger;
        my $answer = log_in($who, place => $place, @want);
        push @{$seen{without_date($answer)}}, $name;
        is_refused $answer, 401, 'UNAUTHENTICATED', qr/^The user name or the password is wrong\.\z/, "$name, $place"
            unless keys %seen > 1;
    }
    is scalar keys %seen, 1, "the same bytes for all, $place" or diag explain \%seen;
}
is_done log_in($ann), 201, 'while who knows it is let in';

subtest 'what is written of a failure' => sub {
    my $mark = log_mark();
    my ($here, $wrong) = (address(), password());
    my $key = unknown_key();
    log_in($ann, client => $here, password => $wrong);
    log_in({ user => qq(token\r\n"evil\\), password => $wrong }, client => $here);
    log_in({ user => $key, password => $wrong }, client => $here);
    log_in($disabled, client => $here);
    my $log = log_since($mark);
    like $log, qr/taiauth: log-in of "token-ann" from \Q$here\E: wrong password$/m, 'a line for the operator';
    # httpd escapes our escapes once more
    like $log, qr/taiauth: log-in of "token\\\\x0d\\\\x0a\\\\"evil\\\\\\\\" from \Q$here\E: unknown user$/m, 'one line, whatever the name is';
    like $log, qr/log-in of "tai_\w{8}\.\.\." from/, 'a key for a user name is not shown';
    like $log, qr/log-in of "token-disabled" from \Q$here\E: disabled user$/m, 'a disabled user';
    like $log, qr/refused 401 UNAUTHENTICATED: login_failed, /, 'beside that of the refusal';

    my ($account) = db()->selectrow_array('SELECT id FROM accounts WHERE name = ?', undef, $ann->{account});
    my @audit = grep { $_->[2] eq $here } audited('login.failed', 'token-ann');
    is_deeply \@audit, [[$account, 'token-ann', $here, $ann->{id}, 'wrong password']], 'a line of the account';
    @audit = grep { $_->[2] eq $here } audited('login.failed', 'token\x0d\x0a\"evil\\\\');
    is_deeply [map { $_->[0], $_->[3] } @audit], [undef, undef], 'of nobody: a line of no account';
};

# --- what is asked ------------------------------------------------------------------------------

subtest 'what is no log-in' => sub {
    my $failures = metric('requests_total', 'login_failed');
    for my $method (qw(GET HEAD PUT DELETE OPTIONS)) {
        my $answer = send_login($ann, method => $method)->read($method);
        is $answer->status, 405, "$method: 405";
        is $answer->header('Allow'), 'POST', "$method: Allow";
        is $answer->header('Cache-Control'), 'no-store', "$method: not kept";
    }
    my @bodies = (
        [400, 'BAD_REQUEST', qr/password/, '{"username": "a"}', 'no password'],
        [400, 'BAD_REQUEST', qr/username/, '{"password": "a"}', 'no user name'],
        [400, 'BAD_REQUEST', qr/username.*text/, '{"username": 1, "password": "a"}', 'a number'],
        [400, 'BAD_REQUEST', qr/password.*text/, '{"username": "a", "password": null}', 'null'],
        [400, 'BAD_REQUEST', qr/"remember"; allowed: username, password\./,
            '{"username": "a", "password": "a", "remember": true}', 'another member'],
        [400, 'BAD_REQUEST', qr/./, '{"username": "a", "password": "a\u0000b"}', 'NUL'],
        [400, 'BAD_REQUEST', qr/./, '["a", "b"]', 'no object'],
        [413, 'TOO_LARGE', qr/16384/, '{"username": "a", "password": "' . 'a' x 16384 . '"}', 'too much'],
    );
    is_refused log_in($ann, body => $_->[3]), @$_[0 .. 2], $_->[4] for @bodies;
    is_refused send_login($ann, headers => ['Content-Type' => 'text/plain'])->read, 415,
        'UNSUPPORTED_MEDIA_TYPE', qr/json/, 'another type';
    is_refused log_in($ann, place => '/auth/token?username=a'), 400, 'BAD_REQUEST', qr/no parameters/, 'a query';
    is_refused log_in($ann, headers => ['Sec-Fetch-Site' => 'cross-site']), 403, 'CROSS_SITE', qr/another site/, 'another site';
    is_refused log_in($ann, headers => [Origin => 'https://evil.example']), 403, 'CROSS_SITE', qr/another site/, 'another origin';
    is metric('requests_total', 'login_failed'), $failures, 'nothing of that was evaluated';

    is_done log_in($ann, headers => ['Sec-Fetch-Site' => 'same-origin']), 201, 'a page of this site';
    is_done log_in($ann, place => '/auth/token/'), 201, 'a slash behind it';
    is log_in($ann, place => "/auth/token$_")->status, 404, "/auth/token$_" for qw(/x /off);
    is log_in($ann, place => '/auth/tokens')->status, 401, '/auth/tokens is a place that wants a key';
};

# --- locks --------------------------------------------------------------------------------------

subtest 'the fifth failure locks' => sub {
    my %seen;
    for my $who ($ann, $nobody, $disabled) {
        my $here = address();
        my @answers = map { log_in($who, client => $here, password => password()) } 1 .. 7;
        my $right = log_in($who, client => $here);
        is join(' ', map { $_->status } @answers, $right), '401 401 401 401 401 429 429 429', $who->{user};
        is $right->header('Retry-After'), $right->json->{retry_after}, 'how long';
        ok $right->header('Retry-After') <= 900 && $right->header('Retry-After') > 800, 'fifteen minutes';
        $seen{join "\n", map { without_date($_) } @answers, $right}++;
    }
    is scalar keys %seen, 1, 'the same bytes for a known user, an unknown and a disabled one' or diag explain \%seen;
    is_done log_in($ann), 201, 'from elsewhere the right password is good';
};

subtest 'what a lock is' => sub {
    my $who = login_user('token-locked');
    my ($here, $locks, $mark) = (address(), metric('locks_started_total'), log_mark());
    my @at = (place => '/two/auth/token', client => $here);
    is statuses_of($who, [password(), password()], @at), '401 401', 'two failures, where two lock';
    is metric('locks_started_total'), $locks + 1, 'start one lock';
    is_refused log_in($who, @at), 429, 'LOCKED_OUT', qr/^Too many failed authentication attempts\.\z/,
        'the right password: TaiAuthDryRun makes no guessing of it';
    is statuses_of($who, [password(), password()], @at), '429 429', 'further tries';
    is metric('locks_started_total'), $locks + 1, '... start none';
    is_refused log_in($who, place => '/auth/token', client => $here), 429, 'LOCKED_OUT', qr/Too many/, 'at another door too';
    is_refused log_in($who, place => '/ts/auth/token', client => $here), 429, 'LOCKED_OUT', qr/Too many/, '... in the envelope';
    like log_since($mark), qr/taiauth: log-in of "token-locked" from \Q$here\E: locked by user name and client address, for 3600 seconds$/m,
        'the log says so';
    is_deeply [map { [@$_[1, 2, 4]] } audited('login.locked', 'token-locked')],
        [['token-locked', $here, 'user name and client address, for 3600 seconds']], 'and so does the audit log';
    is scalar(audited('login.failed', 'token-locked')), 2, 'beside the failures that were evaluated';

    my $key = make_key($who->{account})->{key};
    my $api = sub { request('token', GET => '/v1/x', ['X-Client' => $here, 'X-API-Key' => $_[0]])->status };
    is $api->($key), 200, 'a key from there is good';
    is $api->(unknown_key()), 401, '... a wrong one is the first wrong one';
    my $other = login_user('token-beside');
    is_done log_in($other, @at), 201, 'another user from there';
    is_done log_in($who, client => address()), 201, 'the user from elsewhere';
    graceful();
    is log_in($who, @at)->status, 429, 'it outlasts a graceful restart';
};

subtest 'failures of keys are none of log-ins' => sub {
    my ($who, $here) = (login_user('token-key-failures'), address());
    my $wrong = sub { request('token', GET => '/v1/x', ['X-Client' => $here, 'X-API-Key' => unknown_key()])->status };
    is join(' ', map { $wrong->() } 1 .. 5), '401 401 401 429 429', 'an address is locked out of the API';
    is_done log_in($who, client => $here), 201, 'and logs in';
    is $wrong->(), 429, 'which lifts nothing there';
};

subtest 'the right password begins anew' => sub {
    my ($who, $here) = (login_user('token-anew'), address());
    my @wrong = map { password() } 1 .. 4;
    is statuses_of($who, [@wrong, $who->{password}, @wrong, $who->{password}], client => $here),
        '401 401 401 401 201 401 401 401 401 201', 'four failures, twice';
};

subtest 'ten times as many from one address, or at one name' => sub {
    my ($here, $locked) = (address(), qr/locked by client address, for 3600 seconds$/m);
    my $mark = log_mark();
    my @names = map { { user => "token-of-many-$_", password => password() } } 1 .. 20;
    is join(' ', map { log_in($_, place => '/two/auth/token', client => $here)->status } @names), join(' ', (401) x 20),
        'twenty names from one address';
    like log_since($mark), $locked, 'lock the address';
    is log_in($ann, place => '/two/auth/token', client => $here)->status, 429, 'for every user name';
    is_done log_in($ann), 201, 'but not elsewhere';

    my $who = login_user('token-of-many');
    $mark = log_mark();
    is join(' ', map { log_in($who, place => '/two/auth/token', password => password())->status } 1 .. 20), join(' ', (401) x 20),
        'twenty addresses at one name';
    like log_since($mark), qr/locked by user name, for 3600 seconds$/m, 'lock the name';
    is log_in($who, place => '/two/auth/token')->status, 429, 'from everywhere';
};

subtest 'a lock ends' => sub {
    my ($who, $here) = (login_user('token-short'), address());
    my @at = (place => '/short/auth/token', client => $here);
    ok wait_for(sub { statuses_of($who, [password(), $who->{password}], @at) eq '401 429' }, 'two within a second'),
        'one failure locks for a second';
    ok wait_for(sub { log_in($who, @at)->status == 201 }, 'the end of the lock, under constant tries'), 'then it is over';
};

subtest 'without locks' => sub {
    my $here = address();
    is statuses_of($ann, [(map { password() } 1 .. 7), $ann->{password}], place => '/unlocked/auth/token', client => $here),
        join(' ', (401) x 7, 201), 'TaiAuthLockout off';
};

# --- many at once -------------------------------------------------------------------------------

subtest '200 guesses at once' => sub {
    my $who = login_user('token-guessed');
    my ($here, $failed) = (address(), metric('requests_total', 'login_failed'));
    my @guesses = map { password() } 1 .. 200;
    my $clients = TaiClients->start(10, sub {
        my ($i) = @_;
        my %seen;
        $seen{log_in($who, client => $here, password => $_)->status}++ for @guesses[20 * $i .. 20 * $i + 19];
        return \%seen;
    });
    is_deeply tally($clients->results), { 401 => 5, 429 => 195 }, 'five are evaluated';
    is scalar(audited('login.failed', 'token-guessed')), 5, '... says the audit log';
    is metric('requests_total', 'login_failed'), $failed + 5, '... and so do the metrics';
    is log_in($who, client => $here)->status, 429, 'the right one comes too late';
};

# Two at a time, and one of an address; the rest is told to come again, at once.
subtest 'nobody waits' => sub {
    my $busy = wait_for(sub {
        my $here = address();
        my @connections = map { send_login($ann, client => $here) } 1, 2;
        my ($busy) = grep { $_->status == 503 } map { note_pair($_->read) } @connections;
        return $busy;
    }, 'two log-ins of one address to meet');
    is_refused $busy, 503, 'AUTH_UNAVAILABLE', qr/again/, 'the second of one address';
    is $busy->header('Retry-After'), 1, 'Retry-After';

    my $clients = TaiClients->start(6, sub {
        my ($i) = @_;
        my %seen;
        $seen{log_in($ann, client => "10.9.9.$i", place => '/unlocked/auth/token', busy => 1)->status}++ for 1 .. 20;
        return \%seen;
    });
    my $seen = tally($clients->results);
    is_deeply [sort keys %$seen], [201, 503], 'six addresses at once: let in or busy';
    is $seen->{201} + $seen->{503}, 120, 'each has an answer';
    is_done log_in($ann), 201, 'and afterwards all slots are free';
};

# --- a server that is killed, restarted, or cannot write ----------------------------------------------

sub token_server {
    return own_server(<<'CONF');
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
AliasMatch "^/pair/" "@root@/htdocs/page.html"
<Location /auth/token>
    TaiAuthTokenEndpoint On
</Location>
<Location /pair>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-ts-authorization
</Location>
CONF
}

# The slot of who is asked for a password right now is the only thing that tells that he is.
sub under_way {
    my ($httpd, $client) = @_;
    my $connection = send_login($ann, port => $httpd->port, client => $client);
    my $busy = log_in($ann, port => $httpd->port, client => $client, busy => 1);
    return $busy->status == 503 ? $connection : undef;
}

# The process of a log-in that is under way ends; the next one is let in. A slot that stayed taken
# would say busy for ever.
for my $way (['killed', sub { kill KILL => $_[0]->children }], ['restarted', sub { kill HUP => $_[0]->pid }]) {
    my ($name, $end) = @$way;
    subtest "a slot is not left behind: $name" => sub {
        my $httpd = token_server();
        my $here = address();
        wait_for(sub {
            my $connection = under_way($httpd, $here) or return 0;
            $end->($httpd);
            return !eval { $connection->read };
        }, "a log-in whose process is $name");
        my $answer = wait_for(sub {
            my $next = eval { log_in($ann, port => $httpd->port, client => $here, busy => 1) };
            return $next && $next->status != 503 ? $next : undef;
        }, 'the next one');
        is $answer->status, 201, 'the next one is let in';
    };
}

subtest 'a key that was told is there' => sub {
    my $httpd = token_server();
    my $given = data(log_in($ann, port => $httpd->port));
    my @processes = ($httpd->pid, $httpd->children);
    kill KILL => @processes;
    wait_for(sub { !grep { kill 0 => $_ } @processes }, 'all to be gone');
    unlink $httpd->root . '/logs/httpd.pid';
    ok $httpd->start, 'killed right behind the answer, and started again';
    my $answer = $httpd->get('/pair/x', { map { ($_->{name} => $_->{value}) } @{$given->{headers}} });
    is $answer->status, 200, 'it is good';
};

subtest 'a database that cannot be written' => sub {
    my $httpd = TaiHttpd->new(conf => <<'CONF');
<Location /auth/token>
    TaiAuthTokenEndpoint On
</Location>
CONF
    my $who = on_database($httpd->database, sub { login_user('token-read-only') });
    $httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
    my $keys = sub { on_database($httpd->database, sub { scalar active_keys($who) }) };
    $httpd->database->refuse_rows(audit_log => 'database or disk is full');
    for my $password ($who->{password}, password()) {
        my $answer = log_in($who, port => $httpd->port, password => $password);
        is_refused $answer, 503, 'AUTH_UNAVAILABLE', qr/./, $password eq $who->{password} ? 'the right password' : 'a wrong one';
    }
    is $keys->(), 0, 'no key';
    $httpd->database->take_rows('audit_log');
    is_done log_in($who, port => $httpd->port), 201, 'mended';
    is $keys->(), 1, 'a key';
};

done_testing;
