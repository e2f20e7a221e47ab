# Every configuration that we hand out starts a server as it stands, and protects what it says.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiModules;
use TaiRedis;
use TaiTest;

# A path that each of them protects.
my %protected = (
    'taiauth.conf'                => '/v1/programs',
    'examples/key-and-token.conf' => '/ts/programs',
    'examples/management.conf'    => '/manage/keys',
    'examples/migration.conf'     => '/v1/programs',
    'examples/one-machine.conf'   => '/v1/programs',
    'examples/proxied.conf'       => '/v1/programs',
    'examples/scoped-keys.conf'   => '/v1/programs',
    'examples/three-nodes.conf'   => '/v1/programs',
    'examples/two-nodes.conf'     => '/v1/programs',
);

my $conf = var('serverroot') . '/../conf';

my $redis;

sub text_of {
    my ($name) = @_;
    open my $in, '<', "$conf/$name" or die "$conf/$name: $!";
    local $/;
    return <$in>;
}

# The text of one, with what is a site's own put in place: its servers, its files, and the port.
sub content {
    my ($name) = @_;
    my $text = text_of($name);
    $text =~ s{^ *DBDriver .*\n *DBDParams .*\n}{\@dbd\@}mg;
    $text =~ s{modules/mod_taiauth_redis\.so}{$ENV{TAI_REDIS_MODULE}};
    $text =~ s{redis://10\.0\.0\.21:6379}{'redis://127.0.0.1:' . ($redis //= TaiRedis->start)->port}e;
    $text =~ s{/usr/local/sbin/taiauth-redis-password}{program()}e;
    $text =~ s{^Listen \d+\n}{}m;
    $text =~ s{<VirtualHost \*:\d+>}{<VirtualHost 127.0.0.1:\@port\@>};
    $text =~ s{"/etc/ssl/(certs|private)/api\.example\.com\.pem"}{"\@root\@/$1.pem"}g;
    return $text;
}

# One that prints the password of Redis.
sub program {
    my $path = var('serverroot') . '/redis-password';
    open my $out, '>', $path or die "$path: $!";
    printf $out "#!/bin/sh\necho '%s'\n", $redis->password;
    close $out or die "$path: $!";
    chmod 0755, $path or die "$path: $!";
    return $path;
}

sub is_tls { return $_[0] =~ /^\s*SSLEngine on$/m }

# The certificate that such a configuration names, and mod_ssl.
sub with_tls {
    my ($httpd, $text) = @_;
    my $root = $httpd->root;
    my $said = qx(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=api.example.com -keyout $root/private.pem -out $root/certs.pem 2>&1);
    die "openssl: $said" if $?;
    $httpd->configure(TaiModules::more_lines(var('httpd'), TaiHttpd::libexecdir(), qw(socache_shmcb ssl)) . $text);
    return;
}

sub status_of {
    my ($httpd, $scheme, $path) = @_;
    return qx(curl -sk -o /dev/null -w '%{http_code}' '$scheme://127.0.0.1:@{[$httpd->port]}$path');
}

sub check {
    my ($what, $text, $path) = @_;
    my $httpd = TaiHttpd->new(conf => $text);
    with_tls($httpd, $text) if is_tls($text);
    ok $httpd->test, "$what: httpd -t" or diag $httpd->said;
    ok $httpd->start, "$what: it starts" or diag $httpd->said, $httpd->log;
    is status_of($httpd, is_tls($text) ? 'https' : 'http', $path), 401, "$what: $path asks who is there";
    $httpd->stop;
    return;
}

is_deeply [sort map { s{^\Q$conf/\E}{}r } glob("$conf/*.conf $conf/examples/*.conf")],
    [sort keys %protected], 'every configuration is tried here';

for my $name (sort keys %protected) {
  SKIP: {
        skip 'mod_taiauth_redis was not built', 3 if text_of($name) =~ /^\s*TaiAuthLimiter redis:/m && !TaiRedis::is_built();
        check($name, content($name), $protected{$name});
    }
}

# What stands there of a server's parameters, also in comments; nobody is there at that port.
my @servers = map { my $name = $_; map { [$name, $_] } text_of($name) =~ /^#?(DBDParams ".*host=.*)/mg } sort keys %protected;
cmp_ok scalar @servers, '>=', 4, 'databases on servers are shown';
for my $shown (@servers) {
    my ($name, $line) = @$shown;
    my $httpd = TaiHttpd->new(conf => "DBDriver pgsql\n" . $line =~ s/host=\S+ port=\d+/host=127.0.0.1 port=1/r . "\n<Location /v1>\nTaiAuth On\n</Location>");
    ok $httpd->test, "$name: httpd -t with $line" or diag $httpd->said;
}

my $defaults = content('taiauth.conf');
my $shown = $defaults =~ s/^( *)#(?=TaiAuth|DBDMax|LogFormat|CustomLog)/$1/mg;
cmp_ok $shown, '>', 10, 'taiauth.conf shows defaults';
check('taiauth.conf with every default written out', $defaults, '/v1/programs');

done_testing;
