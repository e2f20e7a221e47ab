# TaiAuthScope: which scopes which method needs where, and what the plan leaves of a key's scopes.
use strict;
use warnings;

use Test::More;
use TaiKeys;
use TaiTest;

my $account = make_account('scopes', plan => 'pro');
my %key = (
    default => make_key($account)->{key},
    write => make_key($account, scopes => [qw(programs:read programs:write)])->{key},
    reviews => make_key($account, scopes => ['reviews:read'])->{key},
    all => make_key($account, scopes => [qw(programs:read reviews:read programs:write
        organizations:write)])->{key},
    unknown => unknown_key(),
);

# path, method, key, and what becomes of it: 200, the scope that is missing, the Allow of a 405, or
# the code of a 401
my @rows = (
    ['/s/', 'GET', 'reviews', 200],
    ['/s/one/', 'GET', 'default', 200],
    ['/s/one/', 'POST', 'default', 200],
    ['/s/one/', 'DELETE', 'write', 200],
    ['/s/one/', 'GET', 'reviews', 'programs:read'],
    ['/s/one/', 'POST', 'reviews', 'programs:read'],

    # all of a line, the first one missing is named
    ['/s/all/', 'GET', 'all', 200],
    ['/s/all/', 'GET', 'default', 'programs:write'],
    ['/s/all/', 'GET', 'reviews', 'programs:write'],
    ['/s/all/', 'GET', 'write', 'reviews:read'],

    ['/s/methods/', 'GET', 'default', 200],
    ['/s/methods/', 'HEAD', 'default', 200],
    ['/s/methods/', 'GET', 'reviews', 'programs:read'],
    ['/s/methods/', 'POST', 'write', 200],
    ['/s/methods/', 'POST', 'default', 'programs:write'],
    ['/s/methods/', 'PUT', 'write', 'organizations:write'],
    ['/s/methods/', 'PUT', 'default', 'programs:write'],
    ['/s/methods/', 'PUT', 'all', 200],
    ['/s/methods/', 'DELETE', 'all', { allow => 'GET, HEAD, POST, PUT' }],
    ['/s/methods/', 'PATCH', 'reviews', { allow => 'GET, HEAD, POST, PUT' }],
    ['/s/methods/', 'OPTIONS', 'all', { allow => 'GET, HEAD, POST, PUT' }],
    ['/s/methods/', 'get', 'all', { allow => 'GET, HEAD, POST, PUT' }],
    ['/s/methods/', 'DELETE', undef, 'MISSING_API_KEY'],
    ['/s/methods/', 'DELETE', 'unknown', 'INVALID_API_KEY'],
    ['/s/head/', 'GET', 'default', 200],
    ['/s/head/', 'PUT', 'default', { allow => 'GET, HEAD, POST' }],

    # a line without methods holds for every one, the others come on top
    ['/s/mixed/', 'GET', 'default', 200],
    ['/s/mixed/', 'PATCH', 'default', 200],
    ['/s/mixed/', 'DELETE', 'default', 'programs:write'],
    ['/s/mixed/', 'DELETE', 'write', 200],
    ['/s/mixed/', 'DELETE', 'reviews', 'programs:read'],

    # an inner section replaces them as a whole; one that says nothing of scopes does not
    ['/s/mixed/inner/', 'POST', 'reviews', 200],
    ['/s/mixed/inner/', 'POST', 'write', 'reviews:read'],
    ['/s/mixed/inner/', 'GET', 'all', { allow => 'POST' }],
    ['/s/mixed/inner/unset/', 'POST', 'reviews', 200],
    ['/s/mixed/inner/unset/', 'GET', 'all', { allow => 'POST' }],

    ['/s/unheard-of/', 'GET', 'all', 'nobody:knows-it'],

    ['/s/optional/', 'GET', undef, 200],
    ['/s/optional/', 'GET', 'reviews', 200],
    ['/s/optional/', 'GET', 'unknown', 'INVALID_API_KEY'],
    ['/s/optional/scoped/', 'GET', undef, 'MISSING_API_KEY'],
    ['/s/optional/scoped/', 'GET', 'unknown', 'INVALID_API_KEY'],
    ['/s/optional/scoped/', 'GET', 'reviews', 'programs:read'],
    ['/s/optional/scoped/', 'GET', 'default', 200],
    ['/s/optional/scoped/', 'POST', 'default', 'programs:write'],
);

for my $row (@rows) {
    my ($path, $method, $key, $expected) = @$row;
    my $headers = defined $key ? { 'X-API-Key' => $key{$key} } : {};
    my $answer = request('scopes', $method => $path, $headers);
    my $name = "$method $path with " . ($key // 'no key');
    if (ref $expected) {
        is_refusal $answer, 405, 'METHOD_NOT_ALLOWED', $name;
        is $answer->header('Allow'), $expected->{allow}, 'Allow';
    }
    elsif ($expected eq 200) {
        is $answer->status, 200, $name;
    }
    elsif ($expected =~ /^[A-Z]/) {
        is_refusal $answer, 401, $expected, $name;
    }
    else {
        is_refusal $answer, 403, 'INSUFFICIENT_SCOPE', $name;
        is $answer->json->{error}, qq(This action requires the "$expected" scope.), 'names the scope';
        like $answer->header('WWW-Authenticate'), qr/ error="insufficient_scope", scope="\Q$expected\E"$/, 'challenge';
    }
}

is request('scopes', GET => '/s/optional/')->json->{env}{REMOTE_USER}, undef, 'anonymous is nobody';
is request('scopes', GET => '/s/optional/', { 'X-API-Key' => $key{default} })->json->{env}{REMOTE_USER},
    $account, 'who has a key there is somebody';
is request('scopes', GET => '/s/optional/', { 'X-API-Key' => '' })->status, 200, 'an empty key is none';

# mod_dir and mod_negotiation look a file up with GET, and then the client's method is carried out.
for my $path ('/lookup/echo.pl', '/lookup/', '/lookup/echo') {
    my $key = { 'X-API-Key' => $key{default} };
    is request('scopes', GET => $path, $key)->status, 200, "GET $path";
    is_refusal request('scopes', POST => $path, $key), 403, 'INSUFFICIENT_SCOPE', "POST $path without the scope for it";
    like request('scopes', POST => $path)->status, qr/^4/, "$path without a key";
}

# --- plans --------------------------------------------------------------------------------------

sub answer {
    my ($key, $path) = @_;
    return request('scopes', GET => $path, { 'X-API-Key' => $key });
}

sub scopes_of {
    my ($key) = @_;
    return join ' ', sort split ' ', answer($key, '/s/')->json->{env}{TAIAUTH_SCOPES};
}

my $reading = 'categories:read organizations:read programs:read reviews:read';
is scopes_of($key{default}), $reading, 'a key made without a list has the default scopes';

my $moving = make_account('scopes-moving', plan => 'pro');
my $key = make_key($moving, scopes => [qw(programs:read programs:write analytics:read)])->{key};
my %granted = (
    free => ['programs:read', 'The "analytics:read" scope requires a Pro plan.'],
    claimed => ['programs:read programs:write', 'The "analytics:read" scope requires a Pro plan.'],
    pro => ['analytics:read programs:read programs:write', undef],
);
for my $plan (qw(pro free claimed free pro)) {
    my ($scopes, $text) = @{$granted{$plan}};
    taictl(account => 'set-plan', $moving, $plan);
    my $answer = answer($key, '/s/analytics/');
    is $answer->status, defined $text ? 403 : 200, "$plan: the very next request";
    is $answer->json->{error}, $text, "$plan: the plans that grant it are named" if defined $text;
    is scopes_of($key), $scopes, "$plan: effective scopes";
}

# Plans and scopes are rows.
my $db = db();
$db->do("INSERT INTO scopes (name, description, is_default) VALUES ('reports:export', 'Export', 0)");
$db->do("INSERT INTO plans (name, title, rank, max_keys) VALUES ('enterprise', 'Enterprise', 9, 10)");
$db->do("INSERT INTO plan_scopes (plan, scope) VALUES ('enterprise', 'reports:export')");
my $large = make_account('scopes-large', plan => 'enterprise');
my $export = make_key($large, scopes => ['reports:export'])->{key};
is answer($export, '/s/reports/')->status, 200, 'a new plan and a new scope are rows';
taictl(account => 'set-plan', $large, 'pro');
is answer($export, '/s/reports/')->json->{error}, 'The "reports:export" scope requires an Enterprise plan.',
    'and texts name them';
$db->do("INSERT INTO plan_scopes (plan, scope) VALUES ('claimed', 'reports:export'), ('free', 'reports:export')");
is answer($export, '/s/reports/')->json->{error},
    'The "reports:export" scope requires a Free, Claimed or Enterprise plan.', 'by rank';
$db->do("DELETE FROM plan_scopes WHERE scope = 'reports:export'");
is answer($export, '/s/reports/')->json->{error}, 'The "reports:export" scope is not part of any plan.', 'or none';

done_testing;
