# Every configuration that we hand out starts a server as it stands, and protects what it says.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiModules;
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
);

my $conf = var('serverroot') . '/../conf';

# The text of one, with what is a site's own put in place: its files, and the port.
sub content {
    my ($name) = @_;
    open my $in, '<', "$conf/$name" or die "$conf/$name: $!";
    local $/;
    my $text = <$in>;
    $text =~ s{^ *DBDriver .*\n *DBDParams .*\n}{\@dbd\@}mg;
    $text =~ s{^Listen \d+\n}{}m;
    $text =~ s{<VirtualHost \*:\d+>}{<VirtualHost 127.0.0.1:\@port\@>};
    $text =~ s{"/etc/ssl/(certs|private)/api\.example\.com\.pem"}{"\@root\@/$1.pem"}g;
    return $text;
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

check($_, content($_), $protected{$_}) for sort keys %protected;

my $defaults = content('taiauth.conf');
my $shown = $defaults =~ s/^( *)#(?=TaiAuth|DBDMax|LogFormat|CustomLog)/$1/mg;
cmp_ok $shown, '>', 10, 'taiauth.conf shows defaults';
check('taiauth.conf with every default written out', $defaults, '/v1/programs');

done_testing;
