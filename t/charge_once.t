# One request of a client is charged once, however many subrequests and internal redirects httpd
# makes of it, and each place where these land is judged by its own rules.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use Test::More;
use TaiLimits;
use TaiTest;

my $N = 20;
my $INCLUDES = join '', map { qq(<!--#include virtual="/fragments/$_.html" -->\n) } 'a' .. 'e';

my %files = (
    'index/page.shtml'        => $INCLUDES,
    'multi/page.html.en'      => 'hello',
    'multi/page.html.de'      => 'hallo',
    'ssi/page.shtml'          => $INCLUDES,
    'ssi/mixed.shtml'         => qq(own [<!--#include virtual="/scoped/page.html" -->]\n),
    'ssi/limits.shtml'        => join('', map { qq(<!--#include virtual="/other-limit/$_.html" -->) } 1 .. 3),
    'open/sizes.shtml'        => '[<!--#fsize virtual="/alone/page.html" -->] [<!--#fsize virtual="/token/page.html" -->]'
        . ' [<!--#include virtual="/token/page.html" -->] [<!--#include virtual="/alone/page.html" -->]',
    'alone/page.html'         => '7 bytes',
    'token/page.html'         => '7 bytes',
    'open/who.shtml'          => join("\n", '<!--#fsize virtual="/cgi/echo.pl" -->', '<!--#include virtual="/cgi/echo.pl" -->'),
    'only-post/form.html'     => 'a form',
    'errors/404.html'         => 'nothing here',
    'errors/403.html'         => 'not for you',
    'scoped/page.html'        => 'for writers',
    'other-header/page.html'  => 'for others',
    'other-limit/page.html'   => 'for few',
    'open/page.html'          => 'for all',
    'rewritten/.htaccess'     => <<'HTACCESS',
RewriteEngine On
RewriteRule ^twice$ again [L]
RewriteRule ^again$ /plain.html [L]
RewriteRule ^directory$ /plain.html [L]
RewriteRule ^to-scoped$ /scoped/page.html [L]
RewriteRule ^to-other-header$ /other-header/page.html [L]
RewriteRule ^to-other-limit$ /other-limit/page.html [L]
RewriteRule ^to-listing$ /listing/ [L]
HTACCESS
    'open/.htaccess'          => "RewriteEngine On\nRewriteRule ^in\$ /plain.html [L]\n",
    'five/page.html'          => 'five',
    (map { ("fragments/$_.html" => "fragment $_\n") } 'a' .. 'e'),
    (map { ("other-limit/$_.html" => "part $_\n") } 1 .. 3),
    (map { ("listing/file$_.html" => "<title>Title $_</title>") } 1 .. 40),
);
my $root = var('documentroot') . '/charge_once';
for my $name (keys %files) {
    make_path(dirname("$root/$name"));
    open my $out, '>', "$root/$name" or die "$root/$name: $!";
    print $out $files{$name};
    close $out or die "$root/$name: $!";
}

sub get {
    my ($path, $headers) = @_;
    return request('charge_once', GET => $path, $headers);
}

# What one more request finds charged before it.
sub charged {
    my ($headers, $path, $limit) = @_;
    my $left = left(get($path // '/plain.html', $headers)) // die "no RateLimit field\n";
    return ($limit // $N) - 1 - $left;
}

# --- one request, one charge --------------------------------------------------------------------

# what happens | path | status | in the body | charged
my @ways = (
    ['a plain file',                   '/plain.html',          200, qr/^plain/,        1],
    ['DirectoryIndex, the third name', '/index/',              200, qr/fragment e/,    1],
    ['MultiViews',                     '/multi/page',          200, qr/^hello/,        1],
    ['mod_rewrite, server',            '/rewritten/server',    200, qr/^plain/,        1],
    ['mod_rewrite, directory',         '/rewritten/directory', 200, qr/^plain/,        1],
    ['mod_rewrite, directory, twice',  '/rewritten/twice',     200, qr/^plain/,        1],
    ['mod_rewrite into a listing',     '/rewritten/to-listing', 200, qr/Title 40/,     1],
    ['mod_rewrite from an open place', '/open/in',             200, qr/^plain/,        1],
    ['SSI, five protected fragments',  '/ssi/page.shtml',      200, qr/fragment e/,    1],
    ['mod_autoindex, forty files',     '/listing/',            200, qr/Title 40/,      1],
    ['FallbackResource',               '/fallback/anything',   200, qr/^plain/,        1],
    ['mod_proxy',                      '/proxied/index.html',  200, qr/./,             1],
    ['mod_rewrite to a proxy',         '/rewritten/proxy',     200, qr/./,             1],
    ['a CGI',                          '/cgi/echo.pl',         200, qr/GET/,           1],
    ['a CGI with a path behind it',    '/cgi/echo.pl/a/b',     200, qr/GET/,           1],
    ['an ErrorDocument behind a 404',  '/absent.html',         404, qr/^nothing here/, 1],
    ['an ErrorDocument, none else',    '/gone',                404, qr/^nothing here/, 0],
    ['an ErrorDocument behind a 403',  '/scoped/page.html',    403, qr/./,             0],
    ['an open place',                  '/open/page.html',      200, qr/^for all/,      0],
    ['the metrics',                    '/metrics',             200, qr/^taiauth_/m,    0],
    ['the status page',                '/status',              200, qr/Server Status/, 0],
    ['the status page for programs',   '/status?auto',         200, qr/^Total/m,       0],
);
for my $way (@ways) {
    my ($name, $path, $status, $body, $charges) = @$way;
    my $headers = with_key(fresh_key(), 'Accept-Language' => 'en');
    my $answer = get($path, $headers);
    is $answer->status, $status, "$name: $status";
    like $answer->body, $body, '... the right page';
    is charged($headers), $charges, '... charged ' . ($charges ? 'once' : 'nothing');
}

# --- where a request lands ----------------------------------------------------------------------

{
    my $key = fresh_key();
    my $answer = get('/rewritten/to-scoped', with_key($key));
    is $answer->status, 403, 'a redirect to a place that asks for a scope: 403';
    unlike $answer->body, qr/for writers/, '... and not its page';
    is $answer->header('RateLimit'), undef, '... and no word of a limit';
    is charged(with_key($key)), 0, '... it costs nothing, though it was admitted where it began';

    my $writer = fresh_key(plan => 'pro', scopes => ['programs:write']);
    is get('/rewritten/to-scoped', with_key($writer))->body, 'for writers', 'with the scope: its page';

    $answer = get('/ssi/mixed.shtml', with_key($key));
    is $answer->status, 200, 'a fragment that asks for a scope: the page around it';
    like $answer->body, qr/^own \[/, '... is there';
    unlike $answer->body, qr/for writers|INSUFFICIENT_SCOPE/, '... without the fragment and its refusal';
    like get('/ssi/mixed.shtml', with_key($writer))->body, qr/^own \[for writers/, 'with the scope: both';
}

# Into a place that takes its key from elsewhere: only what stands there counts.
my ($one, $other) = (fresh_key(), fresh_key());
my @others = (
    ['no key there',       {},                                   401, 'MISSING_API_KEY'],
    ['a bad key there',    { 'X-Other-Key' => 'tai_bad' },       401, 'INVALID_API_KEY'],
    ['a good key there',   { 'X-Other-Key' => $other->{key} },   200],
);
for my $row (@others) {
    my ($name, $more, $status, $code) = @$row;
    my $answer = get('/rewritten/to-other-header', with_key($one, %$more));
    is $answer->status, $status, "a redirect to another credential, $name: $status";
    is $answer->json->{code}, $code, "... $code" if $code;
}

# A look-up is gone when the next one begins: nothing that was learnt in it may hang on it.
for my $round (1 .. 3) {
    my $answer = get('/open/sizes.shtml', with_key($one));
    like $answer && $answer->body, qr/^\[ *7 *\] \[\D+\] \[\D+\] \[7 bytes\]$/,
        "looked up with and without a token, round $round: each judged by its own rules";
    $answer = get('/open/who.shtml', with_key($one));
    like $answer->body, qr/"TAIAUTH_KEY_ID":"$one->{id}"/, 'looked up, then included: told who is asking';
}
is get('/only-post/', with_key($one))->header('Allow'), 'POST, PUT', 'the Allow of an index file that was looked up';

# Into a place with a limit of its own: that one is charged as well, once.
for my $path ('/rewritten/to-other-limit', '/ssi/limits.shtml') {
    my $headers = with_key(fresh_key());
    is get($path, $headers)->status, 200, "$path, which reaches a place with another limit";
    is charged($headers), 1, '... the first limit is charged once';
    is charged($headers, '/other-limit/page.html', 10), 1, '... the other once';
}

# --- one connection, many requests --------------------------------------------------------------

{
    my $headers = with_key(fresh_key());
    my $connection = connection('charge_once');
    my @left;
    for (1 .. 5) {
        my $answer = $connection->send(TaiHttp::bytes(GET => '/five/page.html', $headers))->read('GET');
        push @left, left($answer);
    }
    is_deeply \@left, [4, 3, 2, 1, 0], 'kept alive: each request once';
}
for my $round (1 .. 3) {
    my $connection = connection('charge_once');
    my $request = TaiHttp::bytes(GET => '/five/page.html', with_key(fresh_key()));
    $connection->send($request x 10);
    my @statuses = map { my $answer = $connection->read('GET'); $answer ? $answer->status : 'closed' } 1 .. 10;
    is_deeply \@statuses, [(200) x 5, (429) x 5], "pipelined, round $round: five of ten, on one connection";
}

done_testing;
