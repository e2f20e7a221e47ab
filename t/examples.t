# Every configuration that we hand out starts a server as it stands, and protects what it says.
use strict;
use warnings;

use Test::More;
use TaiDatabase;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiModules;
use TaiRedis;
use TaiTest;

# A path that each of them protects.
my %protected = (
    'taiauth.conf'                => '/v1/programs',
    'examples/developer-page.conf' => '/manage/keys',
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
    $text =~ s{"/usr/local/share/mod_taiauth/dashboard"}{'"' . var('serverroot') . '/../dashboard"'}ge;
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

# A browser opens a window of its own where it is asked for Basic.
{
    my $httpd = TaiHttpd->new(conf => content('examples/management.conf'));
    ok $httpd->start, 'management.conf for people' or diag $httpd->said, $httpd->log;
    my $answer = $httpd->get('/manage/account');
    is_deeply [map { $_->[1] } grep { lc $_->[0] eq 'www-authenticate' } $answer->headers], ['Session realm="API keys"'],
        'a page that has no session is not asked for a password';
    $httpd->stop;
}

for my $name (sort keys %protected) {
  SKIP: {
        skip 'mod_taiauth_redis was not built', 3 if text_of($name) =~ /^\s*TaiAuthLimiter redis:/m && !TaiRedis::is_built();
        check($name, content($name), $protected{$name});
    }
}

# What stands there of a server's parameters, also in comments, on such a server: with that user, password
# and database. Where it is, and who has signed for it, is a site's own.
my $dir = var('t_logs') . '/examples-postgresql';
my $owner = $$;

END {
    local $?;
    TaiDatabase::service(stop => $dir) if defined $dir && $$ == $owner && -f "$dir/service";
}

sub on_server {
    my ($name, $line) = @_;
    my $port = TaiDatabase::of_server('port');
    my $here = $line =~ s/host=[\d.]+/host=127.0.0.1/r =~ s/host=[a-z.]+/host=localhost/r =~ s/port=5432/port=$port/r
        =~ s{/etc/ssl/certs/db-ca\.pem}{$dir/ca.pem}r;
    $here =~ s/" *$/ port=$port"/ if $here !~ /port=/; # its default
    my ($params) = $here =~ /"(.*)"/;
    my $httpd = TaiHttpd->new(database => TaiDatabase->of($params), conf => "$here\n<Location /v1>\nTaiAuth On\n</Location>");
    ok $httpd->start, "$name: it starts with $line" or diag $httpd->said, $httpd->log;
    ok wait_for(sub { $httpd->get('/v1/x', { 'X-API-Key' => unknown_key() })->status == 401 }, 'an answer of the database'), '... and asks the server';
    $httpd->stop;
    return;
}

my @servers = map { my $name = $_; map { [$name, $_] } text_of($name) =~ /^#?(DBDParams ".*host=.*)/mg } sort keys %protected;
cmp_ok scalar @servers, '>=', 4, 'databases on servers are shown';
{
    local @ENV{qw(TAI_DATABASE TAI_SERVER)} = ('pgsql', $dir);
    TaiDatabase::service(start => 'postgresql', $dir, '--tls');
    my $database = TaiDatabase->of(TaiDatabase::of_server('params'));
    $database->init;
    for my $shown (@servers) {
        my ($name, $line) = @$shown;
        my ($password) = $line =~ /password=([\w.]+)/;
        $database->master->do("ALTER ROLE taiauth PASSWORD '$password'");
        on_server($name, $line);
    }
}

my $defaults = content('taiauth.conf');
my $shown = $defaults =~ s/^( *)#(?=TaiAuth|DBDMax|LogFormat|CustomLog)/$1/mg;
cmp_ok $shown, '>', 10, 'taiauth.conf shows defaults';
check('taiauth.conf with every default written out', $defaults, '/v1/programs');

done_testing;
