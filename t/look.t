# A key that was revoked while a request with it was under way gets no answer to it: just before its
# first byte the response is taken back, whoever has made it, and the client reads the refusal.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiGate;
use TaiHttp;
use TaiMetrics;
use TaiTest;

my $scopes = "    TaiAuthScope GET programs:read\n";
my %places = (
    '/v1'       => "    TaiAuth On\n$scopes    TaiAuthRateLimit 1000/1h name=look\n",
    '/envelope' => "    TaiAuth On\n$scopes    TaiAuthErrorFormat envelope\n",
    '/problem'  => "    TaiAuth On\n$scopes    TaiAuthErrorFormat problem\n",
    '/write'    => "    TaiAuth On\n    TaiAuthScope GET programs:write\n",
    '/dry'      => "    TaiAuth On\n    TaiAuthScope GET programs:write\n    TaiAuthDryRun scope\n",
    '/locking'  => "    TaiAuth On\n    TaiAuthLockout 1/1h 1h\n",
    '/text'     => qq(    TaiAuth On\n    ErrorDocument 401 "own text"\n    ErrorDocument 403 "own text"\n),
    '/page'     => "    TaiAuth On\n    ErrorDocument 401 /401.html\n    ErrorDocument 403 /401.html\n",
    '/optional' => "    TaiAuth Optional\n",
    '/pair'     => "    TaiAuth On\n    TaiAuthKeyHeader apikey\n    TaiAuthTokenHeader x-ts-authorization\n",
);
my $libexecdir = TaiHttpd::libexecdir();
my $server = TaiGate->server(places => \%places, conf => <<"LUA" . <<'CONF' . api_conf('/manage'));
LoadModule lua_module $libexecdir/mod_lua.so
LUA
Protocols h2c http/1.1
Alias /v1/moved "@root@/htdocs/moved"
<Directory "@root@/htdocs/moved">
    Options +FollowSymLinks
    RewriteEngine On
    RewriteRule x.html /open/
</Directory>
ProxyPass /open http://127.0.0.1:@backend@/
ProxyPass /off http://127.0.0.1:@backend@/
AliasMatch "^/[a-z0-9]+/deaf" "@root@/htdocs/deaf.lua"
<Files deaf.lua>
    SetHandler lua-script
</Files>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
my $httpd = $server->httpd;
open my $page, '>', $httpd->root . '/htdocs/401.html' or die "401.html: $!";
print $page "our own page\n";
close $page or die "401.html: $!";
$httpd->place('moved');
open my $lua, '>', $httpd->root . '/htdocs/deaf.lua' or die "deaf.lua: $!";
print $lua <<'LUA';
function handle(r)
    local gate = r.args:match("&(.*)")
    io.open(gate .. ".reached", "w"):close()
    repeat
        r.usleep(20000)
        local open = io.open(gate .. ".open")
    until open
    r.content_type = "application/json"
    r.err_headers_out["X-Balance"] = "42"
    for i = 1, 2000 do
        r:puts("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Balance: 42\r\n\r\n")
    end
    return apache2.OK
end
LUA
close $lua or die "deaf.lua: $!";
$server->start;

my ($accounts, $admin) = (0);

# A new account, and a key of it.
sub fresh {
    my (%want) = @_;
    return on_database($httpd->database, sub {
        my $name = 'look-' . ++$accounts;
        $admin = elsewhere(administrator($name, plan => $want{plan}), '/manage', port => $httpd->port);
        return { account => $name, make_key($name, %want)->%* };
    });
}

sub with { return { 'X-API-Key' => $_[0]{key} } }
sub tool { my @args = @_; return on_database($httpd->database, sub { taictl(@args) }) }

# In SQL nobody waits: the node hears of it by itself.
sub in_sql {
    my ($sql, @values) = @_;
    on_database($httpd->database, sub { db()->do($sql, undef, @values) });
    wait_for(sub { $server->in_force }, 'the change to be in force');
    return;
}

sub revoke { return tool(key => 'revoke', $_[0]{id}) }

# what | what is done to a key
my %ways = (
    API     => sub { is data(api($admin, DELETE => "/keys/$_[0]{id}"))->{nodes}{silent}, 0, 'no silent node' },
    taictl  => \&revoke,
    SQL     => sub { in_sql('UPDATE api_keys SET revoked_at = 1 WHERE id = ?', $_[0]{id}) },
    expired => sub { in_sql('UPDATE api_keys SET expires_at = 1 WHERE id = ?', $_[0]{id}) },
    gone    => sub { in_sql('DELETE FROM api_keys WHERE id = ?', $_[0]{id}) },
);

# --- the answer to who was revoked meanwhile -----------------------------------------------------

# Nothing that the application has said goes out.
sub is_taken_back {
    my ($answer, $name) = @_;
    is $answer->header('X-Balance'), undef, "$name: nothing of its head";
    is $answer->header('Set-Cookie'), undef, "$name: no cookie";
    unlike $answer->body, qr/balance/, "$name: nothing of its body";
    return;
}

for my $by (qw(cgi proxied)) {
    my $key = fresh();
    my $flight = $server->begin(GET => "/v1/$by", 'before', with($key));
    my $answer = $flight->land;
    is $answer->status, 200, "$by: a good key";
    is $answer->json->{balance}, 42, '... gets the answer';
    is $answer->header('X-Balance'), 42, '... and its head';

    for my $way (sort keys %ways) {
        my $key = fresh();
        my $flight = $server->begin(GET => "/v1/$by", 'before', with($key));
        $ways{$way}->($key);
        my $answer = $flight->land;
        is_refusal $answer, 401, 'INVALID_API_KEY', "$by, $way: refused before the first byte";
        is_taken_back($answer, "$by, $way");
        like $answer->header('WWW-Authenticate'), qr/^ApiKey /, '... with a challenge';
        is $answer->header('Content-Length'), length $answer->body, '... Content-Length';
        is $answer->header('RateLimit'), undef, '... and nothing of its limit, which it got back';
        like $answer->header('Vary'), qr/X-API-Key/, '... Vary';
    }
}

# The connection goes on, and nothing of the first response is left on it.
for my $by (qw(cgi proxied)) {
    my ($key, $other) = (fresh(), fresh());
    my $flight = $server->begin(GET => "/v1/$by", 'before', with($key));
    revoke($key);
    is $flight->land->status, 401, "$by: refused";
    my $connection = $flight->connection;
    $connection->send(TaiHttp::bytes(GET => '/v1/big.bin', { %{with($other)}, Range => 'bytes=0-3' }));
    my $answer = $connection->read('GET');
    is $answer && $answer->status, 206, '... and the next request on its connection is answered';
    is $answer && $answer->body, pack('N', 1), '... with what it asked for';
}

for my $by (qw(cgi proxied)) {
    my $key = fresh();
    my $flight = $server->begin(HEAD => "/v1/$by", 'before', with($key));
    revoke($key);
    my $answer = $flight->land;
    is $answer->status, 401, "$by: HEAD";
    is_taken_back($answer, "$by: HEAD");
    $flight->connection->send(TaiHttp::bytes(GET => '/v1/big.bin', {}));
    is $flight->connection->read('GET')->status, 401, '... has no body';
}

# A handler that does not hear that its response was taken back, and writes on: what it writes is not
# taken for the next response.
for my $place (qw(v1 envelope text page)) {
    my $key = fresh();
    is $server->begin(GET => "/$place/deaf", 'before', with($key))->land->header('X-Balance'), 42, "/$place: a good key";
    my $flight = $server->begin(GET => "/$place/deaf", 'before', with($key));
    tool(account => 'suspend', $key->{account});
    my $answer = $flight->land;
    is $answer->status, $place eq 'envelope' ? 200 : 403, "/$place: a deaf handler";
    is_taken_back($answer, "/$place: a deaf handler");
    $flight->connection->send(TaiHttp::bytes(GET => '/v1/big.bin', {}));
    is $flight->connection->read('GET')->status, 401, '... and nothing behind it';
}

# --- formats, error documents ---------------------------------------------------------------------

for my $by (qw(cgi proxied)) {
    my $key = fresh();
    my $flight = $server->begin(GET => "/problem/$by", 'before', with($key));
    revoke($key);
    my $answer = $flight->land;
    is $answer->status, 401, "$by: problem";
    is $answer->header('Content-Type'), 'application/problem+json', '... its type';
    is $answer->json->{code}, 'INVALID_API_KEY', '... its code';

    $key = fresh();
    $flight = $server->begin(GET => "/envelope/$by", 'before', with($key));
    revoke($key);
    $answer = $flight->land;
    is $answer->status, 401, "$by: envelope";
    is_deeply $answer->json, { errors => ['The API key is invalid.'], data => [] }, '... its body';

    $key = fresh();
    $flight = $server->begin(GET => "/envelope/$by", 'before', with($key));
    tool(account => 'suspend', $key->{account});
    $answer = $flight->land;
    is $answer->status, 200, "$by: envelope, suspended";
    is_deeply $answer->json, { errors => ['The account is not in good standing.'], data => [] }, '... its body';
    is_taken_back($answer, "$by, envelope");
    $flight->connection->send(TaiHttp::bytes(GET => '/v1/big.bin', {}));
    is $flight->connection->read('GET')->status, 401, '... and that is all';

    $key = fresh();
    $flight = $server->begin(GET => "/text/$by", 'before', with($key));
    revoke($key);
    $answer = $flight->land;
    is $answer->status, 401, "$by: an ErrorDocument of text";
    is $answer->body, 'own text', '... has its say';
    is_taken_back($answer, "$by, text");
    is $answer->header('Cache-Control'), 'no-store', '... with our headers';
    $flight->connection->send(TaiHttp::bytes(GET => '/v1/big.bin', {}));
    is $flight->connection->read('GET')->status, 401, '... and nothing behind it';

    $key = fresh();
    $flight = $server->begin(GET => "/page/$by", 'before', with($key));
    revoke($key);
    $answer = $flight->land;
    is $answer->status, 401, "$by: an ErrorDocument that is a page";
    is $answer->body, "our own page\n", '... has its say';
    is $answer->header('Cache-Control'), 'no-store', '... with our headers';
    is_taken_back($answer, "$by, page");
}

# --- what else may have become of a key ------------------------------------------------------------

for my $by (qw(cgi proxied)) {
    my $key = fresh(plan => 'pro', scopes => ['programs:read', 'programs:write']);
    my $flight = $server->begin(GET => "/v1/$by", 'before', with($key));
    tool(account => 'suspend', $key->{account});
    is_refusal $flight->land, 403, 'ACCOUNT_SUSPENDED', "$by: an account that was suspended";
    tool(account => 'reinstate', $key->{account});

    my ($writing, $reading, $dry) = map { $server->begin(GET => "/$_/$by", 'before', with($key)) } qw(write v1 dry);
    tool(account => 'set-plan', $key->{account}, 'free');
    my $answer = $writing->land;
    is_refusal $answer, 403, 'INSUFFICIENT_SCOPE', "$by: a plan that grants the scope no more";
    is $answer->json->{error}, 'The "programs:write" scope requires a Claimed or Pro plan.', '... as it is said elsewhere';
    is_taken_back($answer, "$by, plan");
    is $reading->land->status, 200, "$by: a place that needs another scope answers";
    is $dry->land->status, 200, "$by: so does one under TaiAuthDryRun scope";
}
{
    my $key = fresh();
    my $flight = $server->begin(GET => '/v1/cgi', 'before', with($key));
    revoke(fresh());
    in_sql('UPDATE plans SET title = title');
    is $flight->land->status, 200, 'a change that does not concern the key costs it nothing';
}
{
    my $key = fresh(token => 1);
    my $headers = { apikey => $key->{key}, 'x-ts-authorization' => $key->{token} };
    my $flight = $server->begin(GET => '/pair/cgi', 'before', $headers);
    revoke(fresh());
    is $flight->land->status, 200, 'key and token are judged again';
    $flight = $server->begin(GET => '/pair/cgi', 'before', $headers);
    revoke($key);
    is_refusal $flight->land, 401, 'INVALID_API_KEY', '... and refused';
}

# --- whom the look does not concern ------------------------------------------------------------------

{
    my $flight = $server->begin(GET => '/optional/cgi', 'before', {});
    revoke(fresh());
    is $flight->land->status, 200, 'nobody in particular';
    $flight = $server->begin(GET => '/off/', 'before', {});
    revoke(fresh());
    is $flight->land->status, 200, 'an open place';
    my $key = fresh();
    $flight = $server->begin(GET => '/optional/cgi', 'before', with($key));
    revoke($key);
    is_refusal $flight->land, 401, 'INVALID_API_KEY', 'a key that was not asked for is judged all the same';
    $key = fresh();
    $flight = $server->begin(GET => '/v1/moved/x.html', 'before', with($key));
    revoke($key);
    is $flight->land->status, 401, 'a request that was sent on to an open place was admitted by its key';
}

# --- what is counted ----------------------------------------------------------------------------------

{
    my $key = fresh();
    my $flight = $server->begin(GET => '/locking/cgi', 'before', with($key));
    revoke($key);
    is $flight->land->status, 401, 'refused where one failure locks';
    is $httpd->get('/locking/big.bin', with(fresh()))->status, 200, '... is no failure of its client';
    is $httpd->get('/locking/big.bin', { 'X-API-Key' => 'garbage' })->status, 401, '... which may have one';
    my $lines = () = $httpd->log =~ /taiauth: refused 401 INVALID_API_KEY: key_revoked, key \Q$key->{prefix}\E/g;
    is $lines, 1, 'one line in the log';
}
{
    my $before = TaiMetrics::parse($httpd->get('/metrics')->body)->{value};
    my $key = fresh();
    my $flight = $server->begin(GET => '/v1/proxied', 'before', with($key));
    revoke($key);
    $flight->land;
    my $after = TaiMetrics::parse($httpd->get('/metrics')->body)->{value};
    my $revoked = 'taiauth_requests_total{code="INVALID_API_KEY",reason="key_revoked"}';
    is $after->{$revoked} - $before->{$revoked}, 1, 'refused once';
    my ($usage) = map { $_->{usage} } data(api($admin, GET => "/keys/$key->{id}"));
    ok $usage, 'its usage';
}

# --- HTTP/2 ---------------------------------------------------------------------------------------------

SKIP: {
    skip 'mod_http2 does not work under prefork', 1 if var('mpm') eq 'prefork';
    for my $by (qw(cgi proxied)) {
        my $key = fresh();
        my ($query, $gate) = $server->query('before');
        open my $curl, '-|', 'curl', '-sS', '--include', '--http2-prior-knowledge', '--header', "X-API-Key: $key->{key}",
            'http://127.0.0.1:' . $httpd->port . "/v1/$by?$query" or die "curl: $!";
        wait_for(sub { -e "$gate.reached" }, "$by to be reached");
        revoke($key);
        TaiGate::Flight->new(undef, 'GET', $gate)->open_gate;
        my $said = do { local $/; <$curl> };
        close $curl or die "curl: $?";
        my ($head, $body) = $said =~ /\A(HTTP\/2 .*?\r\n)\r\n(.*)\z/s or die "not HTTP/2: $said\n";
        my $answer = TaiHttp::Response->parse($head =~ s{^HTTP/2}{HTTP/1.1}r);
        $answer->{body} = $body;
        is_refusal $answer, 401, 'INVALID_API_KEY', "$by over HTTP/2";
        is_taken_back($answer, "$by over HTTP/2");
    }
}

done_testing;
