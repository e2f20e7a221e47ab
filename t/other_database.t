# A reload that names another database: from then on its keys are good, and not those that are known of
# the one before, whoever still answers from that.
use strict;
use warnings;

use Test::More;
use TaiDatabase;
use TaiHttp;
use TaiHttpd;
use TaiTest;

my $places = <<'CONF';
TaiAuthSyncInterval 10s
TaiAuthLease 60s
<Location /api>
    TaiAuth On
</Location>
CONF

my $httpd = TaiHttpd->new(conf => $places);
my $other = TaiDatabase->new($httpd->root . '/other.db')->init;
$httpd->place('api');

sub new_key {
    my ($database) = @_;
    return on_database($database, sub { make_key(make_account('acme')) });
}

my $before = new_key($httpd->database);
my $behind = new_key($other);

sub status {
    my ($key) = @_;
    return $httpd->get('/api/x.html', { 'X-API-Key' => $key->{key} })->status;
}

sub nodes {
    my ($database) = @_;
    return on_database($database, sub { db()->selectrow_array('SELECT count(*) FROM nodes') });
}

$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
is status($before), 200, 'a key of the first database';
is status($behind), 401, 'one of the other';

my $mark = length $httpd->log;
$httpd->configure($other->conf . $places);
$httpd->graceful or die 'no restart: ', $httpd->said;
is status($before), 401, 'behind the reload a key of the first is none';
is status($behind), 200, '... and one of the other is';
my $log = substr $httpd->log, $mark;
like $log, qr/DBDriver or DBDParams name another database: counters and lockouts begin anew/, 'the log says so';
unlike $log, qr/\Q@{[$other->params]}\E|other\.db/, '... and not by what name: there may be a password in it';
is nodes($other), 1, 'the server is a node of the other';

$mark = length $httpd->log;
$httpd->graceful or die 'no restart: ', $httpd->said;
unlike substr($httpd->log, $mark), qr/begin anew/, 'a reload that names the same changes nothing';
ok $httpd->stop, 'stop';
is nodes($other), 0, 'at the end it is none any more';

done_testing;
