# Where an order goes and what it leaves there: virtual hosts by name, TLS, caches, logs at their
# finest, and strangers who make tickets up.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use TaiHttp;
use TaiHttpd;
use TaiKeys;
use TaiOrders;
use TaiTest;

my $ssl = TaiHttpd::libexecdir() . '/mod_ssl.so';
my $tls_port = TaiHttpd::free_port();

my $conf = <<"CONF";
LoadModule ssl_module $ssl
MaxKeepAliveRequests 0
Listen 127.0.0.1:$tls_port https
CacheQuickHandler On
CacheEnable disk /open/
CacheRoot "\@root\@/cache"
CacheDefaultExpire 3600
<Location /a/>
    TaiAuth On
</Location>
<VirtualHost 127.0.0.1:\@port\@>
    ServerName first.example
</VirtualHost>
<VirtualHost 127.0.0.1:\@port\@>
    ServerName second.example
    <Location /a/>
        TaiAuthScope programs:write
    </Location>
</VirtualHost>
<VirtualHost 127.0.0.1:$tls_port>
    ServerName localhost
    SSLEngine On
    SSLCertificateFile "\@root\@/cert.pem"
    SSLCertificateKeyFile "\@root\@/key.pem"
</VirtualHost>
CONF
my $httpd = TaiHttpd->new(conf => "LogLevel trace8\n$conf");
my $root = $httpd->root;
mkdir "$root/cache" or die "$root/cache: $!";
chmod 0777, "$root/cache";
$httpd->place('open', 'plain', 'a');
utime 0, 0, "$root/htdocs/open/x.html"; # what has been the same for long is kept
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    . " -keyout $root/key.pem -out $root/cert.pem -subj /CN=localhost"
    . " -addext subjectAltName=DNS:localhost,DNS:other.example 2>/dev/null") == 0 or die 'openssl req failed';
$httpd->start or BAIL_OUT('httpd does not start: ' . $httpd->said . $httpd->log);

on_database($httpd->database, sub {
    my $account = make_account('explain-server');
    my $key = make_key($account, scopes => ['programs:read']);
    my $plain = 'http://127.0.0.1:' . $httpd->port;
    my $explain = sub { order($_[0], explain => 'GET', $_[1], '--key-id', $key->{id}, @_[2 .. $#_]) };

    # --- virtual hosts by name --------------------------------------------------------------------

    is $explain->($plain, '/a/x.html')->{status}, 0, 'the first virtual host';
    is $explain->($plain, '/a/x.html', '--host', 'second.example')->{answer}{verdict}{reason}, 'scope_not_held',
        '--host: another';
    is $explain->($plain, '/a/x.html', '--host', 'second.example:80')->{status}, 1, '... with a port';

    # --- TLS --------------------------------------------------------------------------------------

    my @rows = (
        ['a certificate that the system trusts', 1, 'localhost', [], qr/^$/],
        ['one that it does not', 0, 'localhost', [], qr/no answer from https:\S+: self.signed certificate$/],
        ['... with --insecure', 0, 'localhost', ['--insecure'], qr/^$/],
        ['a certificate for another address', 1, '127.0.0.1', [], qr/IP address mismatch/],
        ['... with --insecure', 1, '127.0.0.1', ['--insecure'], qr/^$/],
        ['... with a name that it is for', 1, '127.0.0.1', ['--host', 'localhost'], qr/^$/],
        ['... with a name that it is not for', 1, '127.0.0.1', ['--host', 'third.example'], qr/hostname mismatch/],
    );
    for my $row (@rows) {
        my ($name, $trusted, $host, $options, $said) = @$row;
        local $ENV{SSL_CERT_FILE} = $trusted ? "$root/cert.pem" : '/dev/null';
        local $ENV{SSL_CERT_DIR} = $root;
        my $ran = $explain->("https://$host:$tls_port", '/a/x.html', @$options);
        like $ran->{err}, $said, $name;
        is $ran->{status}, $said eq qr/^$/ ? 0 : 1, '... exit status';
    }
    isnt $explain->("https://localhost:" . $httpd->port, '/a/x.html')->{err}, '', 'TLS where there is none';
    like $explain->("http://localhost:$tls_port", '/a/x.html')->{err}, qr/did not take the order \(it answered 400/,
        'none where there is TLS';

    # --- caches -----------------------------------------------------------------------------------

    is $explain->($plain, '/open/x.html')->{status}, 0, 'a page that a cache may keep' for 1 .. 2;
    is $httpd->get('/open/x.html')->body, 'open', 'is what it was';
    is $httpd->get('/open/x.html')->body, 'open', '... from the cache too';
    ok defined $httpd->get('/open/x.html')->header('Age'), '... where it is by now';
    is $explain->($plain, '/open/x.html')->{answer}{order}, 'explain', 'what is in a cache is explained';

    # --- logs -------------------------------------------------------------------------------------

    $httpd->stop;
    my $log = $httpd->log;
    like $log, qr/Headers received from client/, 'the log is at its finest';
    unlike $log, qr/tao_[0-9A-Za-z]{9}/, 'and holds no ticket';
    unlike $log, qr/Headers received from client(?:(?!Headers received).)*X-Tai/s, 'nor a field that brings one';

    # at its finest httpd's own log has keys, and one is sent below
    $httpd->configure($conf);
    $httpd->start or BAIL_OUT('httpd does not start again: ' . $httpd->said);

    # --- strangers --------------------------------------------------------------------------------

    # 510 tickets that there are not within a second: more than the 500 look-ups that a node does, and
    # than the 100 of one client
    my ($held, $seconds);
    for (1 .. 5) {
        my $good = leave_ticket({ order => 'explain', method => 'GET', key_id => $key->{id}, actor => 'test' });
        my $unseen = make_key($account);
        my @requests = map { TaiHttp::bytes(GET => '/plain/x.html', { 'X-Tai-Ticket' => $_ }) }
            (map { TaiKeys::text('tao_') } 1 .. 510), $good;
        push @requests, TaiHttp::bytes(GET => '/a/x.html', { 'X-API-Key' => $unseen->{key} });
        my $connection = TaiHttp->new($httpd->port);
        my $begun = time;
        $connection->send(join '', @requests);
        my @bodies = map { $connection->read('GET')->body } @requests;
        $seconds = time - $begun;
        is scalar(grep { $_ eq 'plain' } @bodies[0 .. 509]), 510, 'who makes tickets up gets what he asks for';
        is $bodies[-1], 'a', '... and keeps no key from being looked up';
        $held = $bodies[-2] eq 'plain';
        last if $held || $seconds < 0.9;
    }
    SKIP: {
        skip 'too slow to flood', 1 if !$held && $seconds >= 0.9;
        ok $held, 'a flood of tickets is held back';
    }
    wait_for(sub { ($explain->($plain, '/open/x.html')->{answer} // {})->{order} }, 'the end of the flood');
    pass 'and orders are taken again';
});

done_testing;
