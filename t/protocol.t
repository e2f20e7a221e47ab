# The edges of HTTP, and what caches and browsers do with a protected answer.
use strict;
use warnings;

use Test::More;
use TaiHttp;
use TaiHttpd;
use TaiKeys;
use TaiTest;

my $account = make_account('protocol', plan => 'pro');
my $made = make_key($account);
my $good = $made->{key};
my $pair = make_key($account, token => 1);
my @key = ('X-API-Key' => $good);

# Bytes to a virtual host, and all that comes back until it closes.
sub raw {
    my ($vhost, $bytes) = @_;
    my $socket = connection($vhost)->send($bytes)->socket;
    shutdown $socket, 1;
    local $/;
    return <$socket> // '';
}

# --- TRACE --------------------------------------------------------------------------------------

my @credentials = (
    'X-API-Key' => $good, X_API_Key => $good, 'X.API.Key' => $good, 'x-api-KEY' => $good,
    apikey => $pair->{key}, 'x-ts-authorization' => $pair->{token}, 'X_TS_Authorization' => $pair->{token},
    'X-New-Key' => $good,
);
for my $path ('/protocol/', '/', '/nowhere', 'http://localhost/protocol/') {
    for my $headers ([], [@key], [@credentials]) {
        my $answer = request('protocol', TRACE => $path, $headers);
        is_refusal $answer, 405, 'METHOD_NOT_ALLOWED', "TRACE $path, " . @$headers / 2 . ' fields';
        like $answer->header('Allow'), qr/\bGET\b/, 'Allow';
        unlike $answer->header('Allow'), qr/TRACE/, 'which TRACE is not';
        unlike $answer->head . $answer->body, qr/\Q$good\E/, 'nothing is echoed';
    }
}
for my $vhost (undef, 'protocol_open') {
    my $answer = request($vhost, TRACE => '/', [@credentials, 'X-Other' => 'echoed']);
    my $name = 'TRACE where nothing is protected, ' . ($vhost // 'main server');
    is $answer->status, 200, $name;
    like $answer->body, qr/^X-Other: echoed\r$/m, 'echoes what was sent';
    unlike $answer->body, qr/\Q$good\E|\Q$pair->{key}\E|\Q$pair->{token}\E/, 'but no credential';
}
unlike raw('protocol', "trace /protocol/ HTTP/1.1\r\nHost: x\r\nX-API-Key: $good\r\n\r\n"), qr/\Q$good\E/, 'nor does a trace in small letters';

{
    # Nobody has read the .htaccess file when TRACE is answered.
    my $httpd = TaiHttpd->new(conf => 'TraceEnable on');
    ok $httpd->start, 'a server whose configuration protects nothing' or diag $httpd->said;
    my $answer = TaiHttp->new($httpd->port)->send("TRACE / HTTP/1.0\r\nX-API-Key: $good\r\nX-Other: 1\r\n\r\n")
        ->read('TRACE');
    like $answer->body, qr/^X-Other: 1/m, 'it echoes what was sent';
    unlike $answer->body, qr/\Q$good\E/, 'but for the key, which a .htaccess may ask for';
    ok $httpd->stop, 'stop';
}

# --- ways to spell a path -----------------------------------------------------------------------

my $content = qr/^protected content$/m;

# target, its status without a key and with one
my @paths = (
    (map { [$_, 401, 200] } '/protocol/', '/protocol/index.html', '//protocol/', '/protocol//index.html',
        '/./protocol/', '/protocol/./', '/x/../protocol/', '/%2e/protocol/', '/x/%2e%2e/protocol/', '/x/%2E./protocol/',
        '/protocol/x/../index.html', '/%70rotocol/', '/%70%72otocol/index%2ehtml', '///./protocol/', '/protocol/?x=/../',
        'http://localhost/protocol/', 'HTTP://LOCALHOST//protocol/', 'http://elsewhere.example/protocol/'),
    ['/protocol%2findex.html', 404, 404],
    ['/protocol/..%2fprotocol/', 404, 404],
    ['/PROTOCOL/', 404, 404],
    ['/protocol%00/', 404, 404],
    ['/../protocol/', 400, 400],
    ['/protocol-open/', 200, 200],
    ['/protocol-open/../protocol/', 401, 200],
    ['/protocol/../protocol-open/', 200, 200],
);
for my $row (@paths) {
    my ($target, @expected) = @$row;
    for my $headers ([], [@key]) {
        my $answer = request('protocol', GET => $target, $headers);
        my $expected = shift @expected;
        is $answer->status, $expected, "GET $target with " . @$headers / 2 . ' key';
        unlike $answer->body, $content, 'closed' unless @$headers;
        like $answer->body, $content, 'open' if @$headers && "@$row[1, 2]" eq '401 200';
    }
}

# --- request lines ------------------------------------------------------------------------------

my @lines = (
    'OPTIONS * HTTP/1.1', 'OPTIONS * HTTP/1.0', 'GET * HTTP/1.1', 'TRACE * HTTP/1.1', 'HEAD * HTTP/1.1',
    'GET foo HTTP/1.1', 'GET protocol/ HTTP/1.1', 'GET protocol/index.html HTTP/1.0', 'GET ../protocol/ HTTP/1.1',
    'GET  HTTP/1.1', 'GET HTTP/1.1', 'GET ? HTTP/1.1', 'GET %2fprotocol/ HTTP/1.1', 'GET http: HTTP/1.1', 'GET http:// HTTP/1.1',
    'GET http:///protocol/ HTTP/1.1', 'GET /protocol/', 'GET /protocol/ HTTP/0.9', 'GET /protocol/ HTTP/1.0',
    'GET /protocol/ HTTP/2.0', 'GET /protocol/ HTTP/9.9', 'CONNECT localhost:80 HTTP/1.1', 'CONNECT protocol/ HTTP/1.1', 'PRI * HTTP/2.0',
    'POST * HTTP/1.1', 'FOO /protocol/ HTTP/1.1', "GET\t/protocol/\tHTTP/1.1", '', ' ', ' /protocol/ HTTP/1.1',
);
for my $line (@lines) {
    my $bytes = raw('protocol', "$line\r\nHost: localhost\r\nX-API-Key: bad\r\n\r\n");
    unlike $bytes, $content, "$line: opens nothing";
    my ($status) = $bytes =~ m{^HTTP/1\.\d (\d{3}) };
    ok !defined $status || $status != 500, 'and is no fault of the server' or diag $bytes;
}
like raw('protocol', "GET /protocol/\r\n"), qr/"code": ?"MISSING_API_KEY"/, 'HTTP/0.9 gets the refusal\'s body';
my $old = raw('protocol', "GET /protocol/ HTTP/1.0\r\n\r\n");
like $old, qr{^HTTP/1\.[01] 401 }, 'HTTP/1.0';
like raw('protocol', "GET /protocol/ HTTP/1.0\r\nX-API-Key: $good\r\n\r\n"), $content, 'and with a key';
like raw('protocol', "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), qr{^HTTP/1\.1 200 }, 'OPTIONS * is httpd\'s own';

# --- preflights ---------------------------------------------------------------------------------

my @preflight = (Origin => 'https://app.example', 'Access-Control-Request-Method' => 'GET');
my $passed = metric('requests_total', 'preflight');
for my $headers ([@preflight], [@preflight, 'X-API-Key' => 'bad'], [@preflight, @key], [@preflight]) {
    my $answer = request('protocol', OPTIONS => '/pass/', $headers);
    is $answer->status, 200, 'a preflight passes, past scopes and Require, ' . @$headers / 2 . ' fields';
    is $answer->header('Access-Control-Allow-Origin'), 'https://app.example', 'CORS';
    my $env = $answer->json->{env};
    is_deeply [@$env{qw(REMOTE_USER TAIAUTH_ACCOUNT HTTP_X_API_KEY)}], [undef, undef, undef], 'as nobody';
}
is metric('requests_total', 'preflight'), $passed + 4, 'and is counted as one';
is request('protocol', GET => '/pass/', [@key])->status, 200, 'it costs nothing of a limit of one';
is request('protocol', GET => '/pass/', [@key])->status, 429, 'which is in force';
is request('protocol', OPTIONS => '/pass/', [@preflight])->status, 200, 'nor is it held to it';
is request('protocol', OPTIONS => '/folder/', [@preflight])->status, 200, 'a folder with an index file';
like request('protocol', GET => '/includes/', [@key])->body, qr/protected content/, 'a script takes in a page';
my $taken = request('protocol', OPTIONS => '/includes/', [@preflight])->body;
like $taken, qr/^taken in: /, 'for a preflight it runs, too';
unlike $taken, qr/protected content/, '... but its page stays out';
for my $row (
    [OPTIONS => 'no Access-Control-Request-Method', '/pass/', @preflight[0, 1]],
    [OPTIONS => 'no Origin', '/pass/', @preflight[2, 3]],
    [OPTIONS => 'neither', '/pass/'],
    [GET => 'no OPTIONS', '/pass/', @preflight],
    [POST => 'no OPTIONS', '/pass/', @preflight],
    [OPTIONS => 'no TaiAuthPreflight pass', '/require/', @preflight],
) {
    my ($method, $name, $path, @headers) = @$row;
    my $answer = request('protocol', $method => $path, [@headers]);
    is_refusal $answer, 401, 'MISSING_API_KEY', "$method $path, $name";
    is $answer->header('Access-Control-Allow-Origin'), 'https://app.example', 'CORS on the refusal';
}

# --- what caches are told -----------------------------------------------------------------------

# path below /headers/, Vary, Cache-Control
my @told = (
    ['', 'X-API-Key', 'private'],
    ['?Cache-Control=public,%20max-age%3D60', 'X-API-Key', 'private'],
    ['?Cache-Control=no-store', 'X-API-Key', 'private, no-store'],
    ['?Cache-Control=public,%20no-store', 'X-API-Key', 'private, no-store'],
    ['?Vary=Accept', 'Accept,X-API-Key', 'private'],
    ['?Vary=X-API-Key', 'X-API-Key', 'private'],
    ['?Vary=*', '*,X-API-Key', 'private'],
    ['set/', 'Accept-Language,X-API-Key', 'private'],
    ['set/?Vary=Accept', 'Accept,Accept-Language,X-API-Key', 'private'],
    ['always/', 'X-API-Key', 'private'],
    ['optional/', 'X-API-Key', 'private'],
);
for my $row (@told) {
    my ($path, $vary, $control) = @$row;
    my $answer = request('protocol', GET => "/headers/$path", [@key]);
    is $answer->status, 200, "/headers/$path";
    is join(',', sort split /\s*,\s*/, $answer->header('Vary') // ''), $vary, 'Vary';
    is scalar(grep { lc $_->[0] eq 'cache-control' } $answer->headers), 1, 'one Cache-Control';
    is $answer->header('Cache-Control'), $control, 'Cache-Control';
}
my $answer = request('protocol', GET => '/headers/all/', ['X-API-Key' => $pair->{key}, 'X-Token' => $pair->{token}]);
is $answer->status, 200, '/headers/all/';
is join(',', sort split /\s*,\s*/, $answer->header('Vary')), 'Authorization,X-API-Key,X-New-Key,X-Token', 'Vary names every source';
is request('protocol', GET => '/headers/optional/')->header('Cache-Control'), 'private', 'anonymous answers too';
is request('protocol', GET => '/protocol-open/')->header('Vary'), undef, 'an open page says nothing of keys';

# --- mod_cache ----------------------------------------------------------------------------------

sub cached { return request('protocol_cache', GET => @_)->header('X-Cache') // '' }

like cached('/protocol-open/index.html'), qr/^MISS/, 'an open page is not in the cache';
wait_for(sub { cached('/protocol-open/index.html') =~ /^HIT/ }, 'the cache to hold an open page');
for my $path ('/protocol/redirected', '/protocol/index.html', '/protocol/', '/protocol/cgi?Cache-Control=public,max-age%3D600') {
    for (1 .. 3) {
        my $answer = request('protocol_cache', GET => $path, [@key]);
        is $answer->status, 200, "$path with a key";
        unlike $answer->header('X-Cache') // '', qr/^HIT/, 'is never answered by the cache';
    }
    is_refusal request('protocol_cache', GET => $path), 401, 'MISSING_API_KEY', "$path without one";
}

# An open page that takes in a protected one: at its beginning, and where half of it has been sent.
my $open = var('documentroot') . '/protocol-open';
my $secret = request('protocol_cache', GET => '/protocol/index.html', [@key])->body;
for my $before (0, 100_000) {
    my $page = "with$before.shtml";
    open my $out, '>', "$open/$page" or die "$open/$page: $!";
    print $out '.' x $before, '<!--#include virtual="/protocol/index.html" -->';
    close $out or die "$open/$page: $!";
    for (1 .. 3) {
        my $answer = request('protocol_cache', GET => "/protocol-open/$page", [@key]);
        like $answer->body, qr/\Q$secret\E/, "$before bytes, then a protected fragment";
        unlike $answer->header('X-Cache') // '', qr/^HIT/, 'is never answered by the cache';
    }
    unlike request('protocol_cache', GET => "/protocol-open/$page")->body, qr/\Q$secret\E/, '... nor got without a key';
}

taictl(key => 'revoke', $made->{id});
is request('protocol_cache', GET => '/protocol/index.html', [@key])->status, 401, 'nor for a key that is revoked now';

done_testing;
