# Over TLS: the cookie that a browser takes over TLS alone, and the origin with its scheme.
use strict;
use warnings;

use IPC::Open2 qw(open2);
use Test::More;
use TaiHttp;
use TaiHttpd;
use TaiModules;
use TaiTest;

sub ran { my (@command) = @_; my $said = qx(@command 2>&1); die "@command: $said" if $?; return $said }

my $tls_port = TaiHttpd::free_port();
my $load = TaiModules::more_lines(var('httpd'), TaiHttpd::libexecdir(), qw(socache_shmcb ssl));
my $httpd = TaiHttpd->new(conf => <<"CONF");
${load}Listen 127.0.0.1:$tls_port
TaiAuthSharedMemory 16M
Header always set X-Cookie "expr=%{req:Cookie}"
<VirtualHost 127.0.0.1:$tls_port>
    ServerName localhost
    SSLEngine on
    SSLCertificateFile "\@root\@/certificate.pem"
    SSLCertificateKeyFile "\@root\@/key.pem"
</VirtualHost>
<Location /manage>
    TaiAuthAPI On
    Require all granted
</Location>
CONF
my $root = $httpd->root;
ran(qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout), "$root/key.pem", '-out', "$root/certificate.pem");
$httpd->place('page');

my $password = secret('pw-of-ann-who-comes-over-tls');
on_database($httpd->database, sub {
    taictl(account => 'add', 'tls', '--plan', 'pro');
    taictl(\"$password\n", user => 'add', 'tls', 'ann');
});
$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;

# One request, answered over TLS.
sub over_tls {
    my ($method, $path, $headers, $body) = @_;
    my $pid = open2(my $out, my $in, qw(openssl s_client -quiet -verify_quiet -servername localhost -CAfile),
        "$root/certificate.pem", '-verify_return_error', '-connect', "127.0.0.1:$tls_port");
    my @host = grep({ $_ eq 'Host' } @{$headers || []}) ? () : (Host => "localhost:$tls_port");
    print $in TaiHttp::bytes($method, $path, [@host, @{$headers || []}], $body, 'close');
    $in->flush;
    my $said = do { local $/; <$out> };
    close $in;
    waitpid $pid, 0;
    my ($head, $rest) = ($said // '') =~ /\A(.*?\r\n)\r\n(.*)\z/s or die "no answer over TLS\n";
    my $answer = TaiHttp::Response->parse($head);
    $answer->{body} = $rest;
    return $answer;
}

my @json = ('Content-Type' => 'application/json');
my $credentials = qq({"username": "ann", "password": "$password"});

my $answer = over_tls(POST => '/manage/session', \@json, $credentials);
is $answer->status, 201, 'log-in over TLS' or diag $answer->body;
like $answer->header('Set-Cookie'), qr{^__Host-taiauth=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict; Secure$}, 'its cookie';
my ($id) = $answer->header('Set-Cookie') =~ /=([0-9a-f]{64})/;
secret($id);

sub status { return over_tls(GET => '/manage/account', [@_])->status }
is status(Cookie => "__Host-taiauth=$id"), 200, 'a session over TLS';
is status(Cookie => "taiauth=$id"), 401, 'a cookie that anybody on the way could have set is none';
is status(Cookie => "taiauth=$id; __Host-taiauth=$id"), 200, '... and takes nothing from the other';
is status(Cookie => "__Host-taiauth=$id; __Host-taiauth=$id"), 401, 'sent twice';
is $httpd->get('/manage/account', { Cookie => "__Host-taiauth=$id" })->status, 401, 'without TLS that name is none';
is $httpd->get('/manage/account', { Cookie => "taiauth=$id" })->status, 200, '... on loopback the other is, of the same session';

is over_tls(GET => '/page/x.html', [Cookie => "a=1; __Host-taiauth=$id; taiauth=$id"])->header('X-Cookie'), 'a=1',
    'an application sees neither';

my @change = (DELETE => '/manage/session');
my @cookie = (Cookie => "__Host-taiauth=$id");
is over_tls(@change, [@cookie, Origin => $_])->status, 403, "another origin: $_"
    for "http://localhost:$tls_port", 'https://localhost', 'https://localhost:443', 'null';
is over_tls(@change, \@cookie)->status, 403, 'no origin';
$answer = over_tls(@change, [@cookie, Origin => "https://localhost:$tls_port"]);
is $answer->status, 200, 'our own origin, with https';
is $answer->header('Set-Cookie'), '__Host-taiauth=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0', 'the browser forgets';
is status(@cookie), 401, 'the session is dead';
for my $row (['', 'BAD_REQUEST'], [':443', 'BAD_REQUEST'], [':80', 'CROSS_SITE']) {
    my ($port, $code) = @$row; # an empty log-in is looked at, or it is not
    my @named = (Host => 'manage.example', Origin => "https://manage.example$port");
    is over_tls(POST => '/manage/session', [@json, @named], '{}')->json->{code}, $code, "https has a port of its own: '$port'";
}

done_testing;
