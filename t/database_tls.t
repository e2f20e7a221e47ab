# TLS to PostgreSQL: a certificate that is right, one that is not, and none. What cannot be trusted is
# no database: 503, with the reason in the log and from taictl, until it is put right.
use strict;
use warnings;

use Test::More;
use TaiDatabase;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiTest;

plan skip_all => 'about PostgreSQL' unless TaiDatabase::driver() eq 'pgsql';

my $CONF = <<'CONF';
TaiAuthSharedMemory 16M
TaiAuthLease 1s
TaiAuthSyncInterval 100ms
AliasMatch ^/api/ "@root@/htdocs/api/x.html"
<Location /api>
    TaiAuth On
</Location>
CONF

my $owner = $$;
my $dir = var('t_logs') . '/tls';
local $ENV{TAI_SERVER} = $dir;
TaiDatabase::service(start => 'postgresql', $dir, '--tls');

END {
    local $?;
    TaiDatabase::service(stop => $dir) if defined $dir && $$ == $owner && -f "$dir/service";
}

# Another authority, which has signed nothing of that server's.
my $other = "$dir/other.pem";
system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other'
    . " -keyout '$dir/other.key' -out '$other' 2>/dev/null") == 0 or die "openssl: $?";

my $database = TaiDatabase->new->init;
my $key = on_database($database, sub { make_key(make_account('acme')) });
my $right = $database->params;
like $right, qr/sslmode=verify-full sslrootcert=\S+/, 'the server is reached by a certificate that is verified';

sub server {
    my ($params) = @_;
    my $httpd = TaiHttpd->new(database => TaiDatabase->of($params), conf => $CONF);
    $httpd->place('api');
    $httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
    return $httpd;
}

sub ask { my ($httpd, $text) = @_; return $httpd->get('/api/x', { 'X-API-Key' => $text }) }

subtest 'the right certificate' => sub {
    my $httpd = server($right);
    is ask($httpd, $key->{key})->status, 200, 'a key';
    is ask($httpd, unknown_key())->status, 401, 'none';
    my ($encrypted) = $database->master->selectrow_array(
        'SELECT COUNT(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.datname = ? AND a.application_name = ? AND s.ssl',
        undef, $database->name, 'taiauth');
    my ($all) = $database->master->selectrow_array('SELECT COUNT(*) FROM pg_stat_activity WHERE datname = ? AND application_name = ?',
        undef, $database->name, 'taiauth');
    cmp_ok $all, '>', 0, 'there are connections';
    is $encrypted, $all, 'all of them are encrypted';
};

my @wrong = (
    ['a certificate of another authority', sub { s/sslrootcert=\S+/sslrootcert=$other/r }, qr/certificate verify failed/],
    ['an authority whose file is not there', sub { s/sslrootcert=\S+/sslrootcert=$dir\/none.pem/r }, qr/root certificate file ".*none\.pem" does not exist/],
    ['a certificate of another name', sub { s/host=\S+/host=other.invalid hostaddr=127.0.0.1/r }, qr/does not match host name "other\.invalid"/],
    ['no encryption', sub { s/sslmode=\S+/sslmode=disable/r }, qr/no pg_hba\.conf entry for host .* no encryption/],
);

for my $case (@wrong) {
    my ($name, $change, $reason) = @$case;
    subtest $name => sub {
        my ($params) = map { $change->() } $right;
        my $httpd = server($params);
        is_refusal ask($httpd, $_), 503, 'AUTH_UNAVAILABLE', 'a key gets 503' for $key->{key}, unknown_key();
        like $httpd->log, qr/taiauth: database [^\n]*cannot be opened: [^\n]*$reason/, 'the log says why';
        my ($status, undef, $said) = on_database(TaiDatabase->of($params), sub { taictl_status(undef, 'nodes') });
        is $status, 1, 'taictl fails';
        like $said, $reason, '... and says why';
        unlike $httpd->log . $said, qr/\Q@{[$database->password]}\E/, 'and nobody says the password';
        $httpd->configure("DBDParams \"$right\"\n$CONF");
        ok $httpd->graceful, 'put right, and reloaded';
        ok wait_for(sub { ask($httpd, $key->{key})->status == 200 }, 'the key to be good'), 'the key is good';
    };
}

done_testing;
