# Every refusal as bytes: status, text, code, headers, in the three formats and among what operators
# and httpd itself add.
use strict;
use warnings;

use Test::More;
use TaiKeys;
use TaiTest;

my $account = make_account('refusals', plan => 'claimed');
my $good = make_key($account)->{key};
my $unknown = unknown_key();
my $spent = make_key($account)->{key};
request('refusals', GET => '/json/limit/', { 'X-API-Key' => $spent }) for 1 .. 2;

my $broken = make_key($account);
db()->do("UPDATE api_keys SET rate_limit = 'many' WHERE id = ?", undef, $broken->{id});

my %standing = map { $_ => make_key(make_account("refusals-$_"))->{key} } qw(suspended closed disabled);
db()->do('UPDATE accounts SET status = ? WHERE name = ?', undef, $_, "refusals-$_") for qw(suspended closed);
taictl(user => 'disable', 'refusals-disabled-admin');

# Two keys that outlived their plan.
my $former = make_account('refusals-former', plan => 'pro');
my $downgraded = make_key($former, scopes => ['programs:write', 'analytics:read'])->{key};
taictl(account => 'set-plan', $former, 'free');

request('refusals', GET => '/json/lock/', { 'X-API-Key' => unknown_key() }); # starts the lock

# code, status, title, text, retry_after, rest of the challenge: by the path and key that bring it
my $suspended = ['ACCOUNT_SUSPENDED', 403, 'Account suspended', 'The account is not in good standing.'];
my @rows = (
    [GET => 'missing', undef, 'MISSING_API_KEY', 401, 'API key missing', 'An API key is required.'],
    [GET => 'invalid', $unknown, 'INVALID_API_KEY', 401, 'API key invalid', 'The API key is invalid.'],
    [GET => 'scope', $good, 'INSUFFICIENT_SCOPE', 403, 'Insufficient scope',
        'This action requires the "programs:write" scope.', undef, 'programs:write'],
    [GET => 'scope', $downgraded, 'INSUFFICIENT_SCOPE', 403, 'Insufficient scope',
        'The "programs:write" scope requires a Claimed or Pro plan.', undef, 'programs:write'],
    [GET => 'analytics', $downgraded, 'INSUFFICIENT_SCOPE', 403, 'Insufficient scope',
        'The "analytics:read" scope requires a Pro plan.', undef, 'analytics:read'],
    [GET => 'require', $good, 'FORBIDDEN', 403, 'Forbidden', 'This API key is not allowed to make this request.'],
    (map { [GET => 'standing', $standing{$_}, @$suspended] } sort keys %standing),
    [DELETE => 'method', $good, 'METHOD_NOT_ALLOWED', 405, 'Method not allowed', qr/^This method is not allowed/],
    [GET => 'limit', $spent, 'RATE_LIMITED', 429, 'Rate limit exceeded',
        'Rate limit exceeded: 2 requests per 3600 seconds.', 3600],
    [GET => 'lock', $unknown, 'LOCKED_OUT', 429, 'Locked out', 'Too many failed authentication attempts.', 3600],
    [GET => 'broken', $broken->{key}, 'AUTH_UNAVAILABLE', 503, 'Authentication unavailable',
        'The API key could not be checked. Try again shortly.', 5],
);

# What the body of a row must be, retry_after aside.
my %body = (
    json => sub {
        my ($code, $status, $title, $text) = @_;
        return { error => $text, code => $code };
    },
    envelope => sub {
        my ($code, $status, $title, $text) = @_;
        return { errors => [$text], data => [] };
    },
    problem => sub {
        my ($code, $status, $title, $text) = @_;
        return { type => 'urn:taiauth:problem:' . lc $code, title => $title, status => $status,
                 detail => $text, code => $code, error => $text };
    },
);

sub close_to {
    my ($seconds, $expected, $name) = @_;
    my $shift = $expected == 3600 ? 60 : 0; # the window began when this file did
    ok $seconds =~ /^\d+$/ && $seconds <= $expected && $seconds >= $expected - $shift && $seconds >= 1, $name
        or diag $seconds;
}

sub once {
    my ($answer, $name) = @_;
    return [map { $_->[1] } grep { lc $_->[0] eq lc $name } $answer->headers];
}

for my $format (qw(json envelope problem)) {
    for my $row (@rows) {
        my ($method, $place, $key, $code, $status, $title, $text, $retry, $scope) = @$row;
        # a refusal is whole, also where the envelope makes it a 200
        my $headers = { Range => 'bytes=0-3', defined $key ? ('X-API-Key' => $key) : () };
        my $public = $format eq 'envelope' && $status == 403 ? 200 : $status;

        subtest "$format: $place: $code" => sub {
            my $answer = request('refusals', $method => "/$format/$place/", $headers);
            is $answer->status, $public, 'status';
            my $type = $format eq 'problem' ? 'application/problem+json' : 'application/json';
            is_deeply once($answer, 'Content-Type'), [$type], 'Content-Type';
            is_deeply once($answer, 'Content-Length'), [length $answer->body], 'Content-Length';
            is_deeply once($answer, 'Cache-Control'), ['no-store'], 'Cache-Control';
            is_deeply once($answer, 'X-Content-Type-Options'), ['nosniff'], 'X-Content-Type-Options';
            is_deeply once($answer, 'X-Operator'), ['yes'], 'Header always';
            is_deeply once($answer, 'Access-Control-Allow-Origin'), ['https://app.example'], 'CORS';
            is_deeply once($answer, 'Vary'), ['X-API-Key,Authorization'], 'Vary';

            my $got = $answer->json;
            ok $got, 'valid JSON' or return diag $answer->body;
            if ($status == 429 && $format ne 'envelope') {
                close_to(delete $got->{retry_after}, $retry, 'retry_after');
            }
            if (ref $text) {
                like $answer->body, qr/"This method is not allowed here/, 'text';
                $text = $format eq 'envelope' ? $got->{errors}[0] : $got->{error};
            }
            is_deeply $got, $body{$format}->($code, $status, $title, $text), 'the body';

            my $after = $answer->header('Retry-After');
            $retry ? close_to($after, $retry, 'Retry-After') : is $after, undef, 'no Retry-After';
            my $error = $scope ? qq(, error="insufficient_scope", scope="$scope") : '';
            my $realm = 'realm="Quoted \"name\""';
            is_deeply once($answer, 'WWW-Authenticate'),
                $status == 401 || $scope
                    ? [qq(ApiKey $realm, header="X-API-Key"$error), "Bearer $realm$error"] : [],
                'WWW-Authenticate';
            is $answer->header('Allow'), $status == 405 ? 'GET, HEAD, PUT' : undef, 'Allow';

            # HEAD: the same head (of a clock apart), and nothing behind it.
            if ($method eq 'GET') {
                my $head = request('refusals', HEAD => "/$format/$place/", $headers);
                is masked($head), masked($answer), 'HEAD has the head of GET';
            }
        };
    }
}

# TaiHttp stops reading behind the head of an answer to HEAD: what follows would be seen here.
my $connection = connection('refusals');
$connection->send(TaiHttp::bytes(HEAD => '/json/missing/') . TaiHttp::bytes(GET => '/index.html', {}, undef, 'close'));
is $connection->read('HEAD')->status, 401, 'HEAD is refused';
is $connection->read('GET')->status, 200, 'without a body';

sub masked {
    my ($answer) = @_;
    return $answer->head =~ s/^(Date|Retry-After|Content-Length): \K[^\r]*//gmr;
}

# The connection goes on, the body of a refused request is not taken for the next one.
my %keep = (
    401 => ['missing', undef], 403 => ['scope', $good], 405 => ['method', $good],
    429 => ['limit', $spent],
);
for my $status (sort keys %keep) {
    my ($place, $key) = @{$keep{$status}};
    my @key = defined $key ? ('X-API-Key' => $key) : ();
    for my $body (undef, 'a body', 'b' x 30_000) {
        my $again = connection('refusals');
        my $method = $status == 405 ? 'PATCH' : defined $body ? 'POST' : 'GET';
        $again->send(TaiHttp::bytes($method => "/json/$place/", [@key], $body));
        is $again->read->status, $status, "$status to $method, " . length($body // '') . ' bytes';
        $again->send(TaiHttp::bytes(GET => '/index.html'));
        my $next = $again->read;
        is $next && $next->status, 200, 'and the connection goes on';
    }
}

# An operator's own document: its body, our headers.
my %document = (
    text => "<h1>own text %d</h1>", outside => "the outside page\n", inside => "the inside page\n",
);
for my $place (sort keys %document) {
    for my $row ([401, 'missing', undef], [403, 'scope', $good], [403, 'require', $good], [429, 'limit', $spent]) {
        my ($status, $why, $key) = @$row;
        my $answer = request('refusals', GET => "/$place/$why/", defined $key ? { 'X-API-Key' => $key } : {});
        subtest "ErrorDocument $place for $status ($why)" => sub {
            is $answer->status, $status, 'status';
            is $answer->body, $document{$place} =~ s/%d/$status/r, 'the body is the operator\'s';
            like $answer->header('Content-Type'), qr{^text/html\b}, 'Content-Type';
            is_deeply once($answer, 'Cache-Control'), ['no-store'], 'Cache-Control';
            is_deeply once($answer, 'X-Content-Type-Options'), ['nosniff'], 'X-Content-Type-Options';
            is scalar @{once($answer, 'WWW-Authenticate')}, $why eq 'missing' || $why eq 'scope' ? 2 : 0, 'WWW-Authenticate';
            my $retry = $answer->header('Retry-After');
            $status == 429 ? close_to($retry, 3600, 'Retry-After') : is $retry, undef, 'no Retry-After';
        };
    }
}

# A subrequest that is refused leaves nothing in the page around it, but what that page says itself.
for my $row (['no key', {}], ['a key', { 'X-API-Key' => $spent }]) {
    my ($name, $headers) = @$row;
    my $page = request('refusals', GET => '/refusals/page.shtml', $headers);
    is $page->status, 200, "$name: the page around refused fragments";
    is scalar(() = $page->body =~ /\[an error occurred/g), 3, 'has three error marks';
    unlike $page->body, qr/INSUFFICIENT|RATE_LIMITED|MISSING|"code"|"error"/, 'and no JSON';
    for my $field (qw(WWW-Authenticate Retry-After X-Content-Type-Options Cache-Control RateLimit)) {
        is $page->header($field), undef, "no $field";
    }
}

# The realm.
is request('refusals_realm', GET => '/')->header('WWW-Authenticate'), 'ApiKey realm="My API", header="X-API-Key"',
    'TaiAuthRealm beats AuthName';
is_deeply once(request('refusals_plain', GET => '/'), 'WWW-Authenticate'),
    [map { qq(ApiKey realm="API", header="$_") } qw(X-New-Key X-API-Key)], 'one challenge for each name; the default realm';

# A site's own fields of the names that we set.
for my $row (['/index.html', 401], ['/index.html', 200, 'X-API-Key' => $good], ['/nowhere', 404, 'X-API-Key' => $good]) {
    my ($path, $status, @headers) = @$row;
    my $answer = request('refusals_plain', GET => $path, [@headers]);
    is $answer->status, $status, "$path: $status";
    is_deeply once($answer, 'Cache-Control'), [$status == 401 ? 'no-store' : 'private'], 'one Cache-Control, ours';
    is_deeply [sort split /,\s*/, $answer->header('Vary')], [qw(Origin X-API-Key X-New-Key)], 'Vary has theirs too';
    is_deeply once($answer, 'X-Content-Type-Options'), ['nosniff'], 'one nosniff';
}

# What is refused inside a page is told by that page.
my $counted = metric('requests_total', 'scope_not_held');
request('refusals', GET => '/refusals/page.shtml', { 'X-API-Key' => $spent });
is metric('requests_total', 'scope_not_held'), $counted, 'a fragment is no client request of its own';

done_testing;
