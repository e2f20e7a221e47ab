# The Developer page as the example serves it: every file with its type and its headers, an operator's
# own files in place of two of them, and who may have it.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiHttpd;
use TaiTest;

my $root = var('serverroot') . '/..';
my $page = "$root/dashboard";

sub text_of {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return <$in>;
}

my $example = text_of("$root/conf/examples/developer-page.conf") =~ s{/usr/local/share/mod_taiauth/dashboard}{$page}gr;

# A server on the example, behind an address that clients can choose.
sub server {
    my ($conf) = @_;
    my $httpd = TaiHttpd->new(conf => "RemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1\n$conf");
    ok $httpd->start, 'it starts' or BAIL_OUT $httpd->said . $httpd->log;
    return $httpd;
}

my %types = (
    html => 'text/html',
    js   => 'text/javascript',
    css  => 'text/css',
    svg  => 'image/svg+xml',
    json => 'application/json',
);

my %headers = (
    'X-Frame-Options'              => 'DENY',
    'X-Content-Type-Options'       => 'nosniff',
    'Referrer-Policy'              => 'no-referrer',
    'Cross-Origin-Opener-Policy'   => 'same-origin',
    'Cross-Origin-Resource-Policy' => 'same-origin',
    'Permissions-Policy'           => join(', ', map { "$_=()" } qw(camera display-capture geolocation microphone payment usb)),
);

my $policy = join '; ', "default-src 'none'", (map { "$_ 'self'" } qw(script-src style-src img-src connect-src form-action)),
    "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'";

# --- each file ------------------------------------------------------------------------------------

my $httpd = server($example);
my @files = sort map { s{.*/}{}r } glob "$page/*";
cmp_ok scalar @files, '>', 10, 'the page has files';

sub is_served {
    my ($path, $file) = @_;
    my $answer = $httpd->get("/developer/$path");
    my ($ending) = $file =~ /([^.]*)$/;
    return subtest "/developer/$path" => sub {
        is $answer->status, 200, 'status';
        is $answer->body, text_of("$page/$file"), 'it is the file';
        like $answer->header('Content-Type'), qr/^\Q$types{$ending}\E\b/, 'its type';
        is $answer->header('Content-Security-Policy'), $policy, 'Content-Security-Policy';
        is $answer->header($_), $headers{$_}, $_ for sort keys %headers;
        is $answer->header('Cache-Control'), $ending eq 'html' ? 'no-store' : 'no-cache', 'Cache-Control';
        ok $answer->header('ETag'), 'it has an ETag';
    };
}

is_served($_, $_) for @files;
is_served('', 'index.html');

my $tag = $httpd->get('/developer/main.js')->header('ETag');
my @others = (
    [304, 'what a browser has it need not get again', '/developer/main.js', { 'If-None-Match' => $tag }],
    [301, 'the path without its slash leads there', '/developer', {}],
    [404, 'no such file', '/developer/no-such.js', {}],
    [403, 'in the clear from elsewhere', '/developer/', { 'X-Client' => '192.0.2.1' }],
    [416, 'no such part', '/developer/main.js', { Range => 'bytes=9999999-' }],
);
for my $other (@others) {
    my ($status, $name, $path, $fields) = @$other;
    my $answer = $httpd->get($path, $fields);
    is $answer->status, $status, $name;
    is $answer->header('Content-Security-Policy'), $policy, '... has the policy, too';
    is $answer->header($_), $headers{$_}, "... and $_" for sort keys %headers;
}
is $httpd->get('/developer/../developer/', {})->status, 200, 'a path that goes up and down';
is $httpd->get('/developer/%2e%2e/%2e%2e/conf/taiauth.conf')->status, 400, 'nothing above it is served';

# --- who may have it --------------------------------------------------------------------------------

my %elsewhere = ('X-Client' => '192.0.2.1');
is $httpd->get($_, \%elsewhere)->status, 403, "$_ in the clear from elsewhere" for '/developer/', '/developer/main.js';
$httpd->stop;

# --- an operator's own files ------------------------------------------------------------------------

my $shown = $example =~ s/^#(?=Alias )//mgr =~ s{"/etc/apache2/}{"\@root\@/}gr;
isnt $shown, $example, 'the example shows how';
$httpd = server($shown);
for my $own (['settings.json', 'developer-page.json'], ['openapi.json', 'developer-page-openapi.json']) {
    my ($path, $file) = @$own;
    open my $out, '>', $httpd->root . "/$file" or die "$file: $!";
    print $out qq({"from": "$file"}\n);
    close $out or die "$file: $!";
    my $answer = $httpd->get("/developer/$path");
    is $answer->status, 200, "/developer/$path is the operator's" or diag $httpd->log;
    is $answer->json->{from}, $file, '... and no other';
    is $answer->header('Content-Type'), 'application/json', '... with its type';
    is $answer->header('Content-Security-Policy'), $policy, '... and the headers of all';
}
is $httpd->get('/developer/settings.js')->status, 200, 'the rest is the page';
$httpd->stop;

# --- where httpd knows who is there -------------------------------------------------------------------

my ($block) = $example =~ /^# --- a password of httpd's\n((?:#.*\n)+)/m;
ok $block, 'the example shows Basic';
my $users = TaiApi::users_file();
$httpd = server("$example\n" . $block =~ s/^#//mgr =~ s{"/etc/apache2/developer-page.htpasswd"}{"$users"}r);
my $ann = on_database($httpd->database, sub { administrator('acme', user => 'ann') });
my %known = TaiApi::credentials($ann);

is $httpd->get($_)->status, 401, "$_ asks who is there" for '/developer/', '/developer/main.js', '/manage/account';
is $httpd->get($_, \%known)->status, 200, "$_ for whom httpd knows" for '/developer/', '/developer/main.js', '/manage/account';
my $user = $httpd->get('/manage/account', \%known)->json->{user};
is $user->{name}, 'ann', 'the management API knows him by that name';
is $user->{session}, undef, '... and of no session, so that the page shows no form';
is $httpd->get('/developer/', { %known, %elsewhere })->status, 403, 'in the clear from elsewhere not even he gets it';
$httpd->stop;

done_testing;
