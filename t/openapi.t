# The OpenAPI descriptions and the server say the same: every status, media type and code that they
# list is asked for here in each dialect, and t/openapi/check.js holds every answer against them.
use strict;
use warnings;

use IPC::Open2 qw(open2);
use JSON::PP ();
use Test::More;
use TaiApi;
use TaiHttpd;
use TaiTest;

# Dialect: the description that it is held against.
my %dialects = (
    json     => 'openapi.yaml',
    problem  => 'openapi.yaml',
    envelope => 'openapi-envelope.yaml',
);

# --- the server -----------------------------------------------------------------------------------

# TaiAuthAPI and TaiAuthTokenEndpoint at /manage and /auth/token below each of these.
sub places {
    my ($dialect) = @_;
    my $users = TaiApi::users_file();
    my $either = <<"CONF";
AuthType Basic
AuthName api
AuthBasicProvider file
<RequireAny>
    Require valid-user
    Require expr "-z %{HTTP:Authorization}"
</RequireAny>
CONF
    my %rules = (
        "/$dialect"        => "TaiAuthRateLimit off\nTaiAuthLockout 1/300s 900s\n$either",
        "/$dialect/few"    => "TaiAuthRateLimit 1/1h\n$either",
        "/$dialect/nobody" => "Require all denied\n",
    );
    return map { <<"CONF" } sort keys %rules;
<Location $_>
    TaiAuthErrorFormat $dialect
    TaiAuthPasswordProvider file
    AuthUserFile "$users"
    $rules{$_}
</Location>
<Location $_/manage>
    TaiAuthAPI On
</Location>
<Location $_/auth/token>
    TaiAuthTokenEndpoint On
</Location>
CONF
}

# The client says where it is: locks of one case are not those of another.
my $httpd = TaiHttpd->new(conf => join '', "RemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1\n",
    map { places($_) } sort keys %dialects);
ok $httpd->start, 'a server with the three dialects' or BAIL_OUT $httpd->said . $httpd->log;

my %who = on_database($httpd->database, sub {
    my %made = (
        ann => administrator('acme', plan => 'pro'),
        mel => person('acme', 'mel', role => 'member'),
        map { $_ => administrator($_) } qw(free full limited closed),
    );
    taictl(account => 'close', 'closed', '--yes');
    return %made;
});

# --- exchanges -------------------------------------------------------------------------------------

my @exchanges;
my $client = 0;

# One call, in a place (undef: the usual one), by somebody (undef: nobody), noted for the check. The
# last: more headers. Returns what it says.
sub call {
    my ($dialect, $place, $person, $method, $path, $body, @more) = @_;
    my $root = join '/', '', $dialect, $place // ();
    my $who = { %{$person || {}}, port => $httpd->port, place => $path =~ m{^/auth/} ? $root : "$root/manage" };
    $body = JSON::PP->new->utf8->canonical->encode($body) if ref $body;
    my $answer = api($who, $method, $path, $body, @more);
    my %headers = map { lc $_->[0] => $answer->header($_->[0]) } $answer->headers;
    push @exchanges, { description => $dialects{$dialect}, method => $method, path => $path, sent => $body,
        status => 0 + $answer->status, headers => \%headers, body => $answer->body };
    note_answer($answer);
    return $answer;
}

sub note_answer {
    my ($answer) = @_;
    my $said = data($answer);
    secret($_) for grep { defined } map { ref $said eq 'HASH' ? $said->{$_} : () } qw(apikey token key);
    secret($1) if ($answer->header('Set-Cookie') // '') =~ /taiauth=(\w+)/;
    return;
}

# An address of the loopback network that nobody has come from yet.
sub from_elsewhere { return ('X-Client' => '127.1.0.' . ++$client) }

sub password_of {
    my ($person) = @_;
    return { username => $person->{user}, password => $person->{password} };
}

my %wrong = (username => 'nobody', password => 'not a password');

# --- calls ------------------------------------------------------------------------------------------

# Every call: method, path below the base, a body that is right; who may make it.
sub calls {
    my ($id) = @_;
    return (
        { anyone => 1, line => [POST => '/auth/token', password_of($who{ann})] },
        { anyone => 1, line => [POST => '/session', password_of($who{ann})] },
        { anyone => 1, line => [DELETE => '/session'] },
        { line => [GET => '/account'] },
        { line => [GET => '/scopes'] },
        { admin => 1, line => [GET => '/keys'] },
        { admin => 1, line => [POST => '/keys', { name => 'walk' }] },
        { admin => 1, line => [GET => "/keys/$id"] },
        { admin => 1, line => [PATCH => "/keys/$id", { name => 'walk on' }] },
        { admin => 1, line => [POST => "/keys/$id/roll", { grace_seconds => 60 }] },
        { admin => 1, line => [DELETE => "/keys/$id"] },
        { admin => 1, line => [GET => '/audit'] },
    );
}

# What is refused of every call of a kind, before it does anything.
sub walk_refusals {
    my ($dialect) = @_;
    for my $call (calls('key_0')) {
        my ($method, $path, $body) = @{$call->{line}};
        my $person = $call->{anyone} ? undef : $who{ann};
        my @long = ($body ? ($method, $path, '{"name": "' . 'x' x 16384 . '"}') : ());

        call($dialect, undef, $person, $method, "$path?no=such", $body);
        call($dialect, 'nobody', undef, @{$call->{line}});
        call($dialect, undef, $person, $method, $path, $body, 'Sec-Fetch-Site' => 'cross-site') if $method ne 'GET';
        call($dialect, undef, $person, $method, $path, $body, 'Content-Type' => 'text/plain') if $body;
        call($dialect, undef, $person, @long) if @long;
        call($dialect, undef, $person, $method, $path, { no => 'such' }) if $body;
        call($dialect, undef, $person, @{$call->{line}}) if $path =~ /key_0/;
        next if $call->{anyone};
        call($dialect, undef, undef, @{$call->{line}});
        call($dialect, undef, $who{closed}, @{$call->{line}});
        call($dialect, undef, $who{mel}, @{$call->{line}}) if $call->{admin};
        call($dialect, 'few', $who{limited}, @{$call->{line}});
    }
    return;
}

sub walk_methods {
    my ($dialect) = @_;
    my %paths = map { $_->{line}[1] => 1 } calls('key_0');
    call($dialect, undef, $who{ann}, PUT => $_) for sort keys %paths;
    return;
}

# A password, right and wrong, once and too often.
sub walk_logins {
    my ($dialect) = @_;
    for my $path ('/auth/token', '/session') {
        my %nobody = (%wrong, username => "nobody$path$dialect");
        my @here = from_elsewhere();
        call($dialect, undef, undef, POST => $path, \%nobody, @here) for 1 .. 2;
        call($dialect, undef, undef, POST => $path, password_of($who{$_}), from_elsewhere()) for qw(ann mel closed);
    }
    call($dialect, undef, undef, POST => '/session', password_of($who{ann}), 'X-Client' => '192.0.2.1');
    call($dialect, undef, undef, POST => '/auth/token', password_of($who{full}), from_elsewhere());
    call($dialect, 'few', undef, POST => '/auth/token', password_of($who{limited}), from_elsewhere());

    my $answer = call($dialect, undef, undef, POST => '/session', password_of($who{mel}));
    my ($cookie) = ($answer->header('Set-Cookie') // '') =~ /^([^;]+)/;
    call($dialect, undef, { cookie => $cookie }, GET => '/account');
    call($dialect, undef, { cookie => $cookie }, DELETE => '/session') for 1 .. 2;
    return;
}

sub walk_keys {
    my ($dialect) = @_;
    my $ann = sub { call($dialect, undef, $who{ann}, @_) };
    my @make = (POST => '/keys', { name => 'walk', scopes => ['analytics:read'], expires_at => '2037-12-31T00:00:00Z' });
    my $key = data($ann->(@make));
    my $path = "/keys/$key->{id}";
    my $pair = data($ann->(POST => '/keys', { name => 'walk', expires_at => undef, token => JSON::PP::true }));

    $ann->(GET => '/account');
    call($dialect, undef, { %{$who{ann}}, password => $wrong{password} }, GET => '/account');
    $ann->(GET => '/scopes');
    $ann->(GET => '/keys?limit=1');
    $ann->(GET => "/keys?limit=100&after=$pair->{id}");
    $ann->(GET => '/keys?limit=0');
    $ann->(GET => $path);
    $ann->(PATCH => $path, { name => "\x{e4}" x 50 });
    $ann->(PATCH => $path, { scopes => ['programs:read'] });
    my $new = data($ann->(POST => "$path/roll", { grace_seconds => 600 }));
    $ann->(POST => "$path/roll", { grace_seconds => 600 });
    $ann->(DELETE => "/keys/$_->{id}") for $key, $key, $new, $pair;
    $ann->(GET => '/audit?limit=3');
    $ann->(GET => '/audit?limit=100&before=3');

    call($dialect, undef, $who{free}, @make);
    call($dialect, undef, $who{full}, POST => '/keys', { name => 'one too many' });
    return;
}

# The database is away: nobody can say who is asking.
sub walk_unavailable {
    my ($dialect) = @_;
    for my $call (calls('key_0')) {
        my $person = $call->{anyone} ? { cookie => 'taiauth=' . '0' x 64 } : $who{ann};
        call($dialect, undef, $person, @{$call->{line}}[0 .. 2], from_elsewhere());
    }
    return;
}

call('json', undef, $who{full}, POST => '/keys', { name => "number $_" }) for 1 .. 10;
call('json', 'few', $who{limited}, GET => '/account');
for my $dialect (sort keys %dialects) {
    walk_refusals($dialect);
    walk_methods($dialect);
    walk_logins($dialect);
    walk_keys($dialect);
}
$httpd->database->away;
walk_unavailable($_) for sort keys %dialects;
$httpd->database->back;

# --- held against the descriptions ----------------------------------------------------------------

my @names = do { my %once = map { $_ => 1 } values %dialects; sort keys %once };
my $root = var('serverroot');
my $pid = open2(my $out, my $in, 'node', "$root/openapi/check.js", "$root/../docs", @names);
print $in map { JSON::PP->new->utf8->encode($_), "\n" } @exchanges;
close $in;
while (my $line = <$out>) {
    my $result = JSON::PP->new->utf8->decode($line);
    ok $result->{ok}, $result->{name} or diag $result->{why};
}
waitpid $pid, 0;
is $?, 0, 'the check came to its end';

done_testing;
