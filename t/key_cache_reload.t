# What a reload makes of TaiAuthKeyCache: Off holds at once, another number at the next full start;
# and how many keys there is room for where no number is given.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiMetrics;
use TaiTest;

my $places = <<'CONF';
TaiAuthSharedMemory 4M
<Location /api>
    TaiAuth On
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

my $httpd = TaiHttpd->new(conf => $places);
$httpd->place('api');
my $key = on_database($httpd->database, sub { make_key(make_account('acme')) });

sub page { return TaiMetrics::parse($httpd->get('/metrics')->body)->{value} }

# How often the database is asked by so many requests with the key.
sub cost {
    my ($requests) = @_;
    my $before = page()->{taiauth_lookup_seconds_count};
    is $httpd->get('/api/x.html', { 'X-API-Key' => $key->{key} })->status, 200, 'the key' for 1 .. $requests;
    return page()->{taiauth_lookup_seconds_count} - $before;
}

# Have another configuration take effect; returns what is logged meanwhile.
sub reload {
    my ($conf) = @_;
    my $mark = length $httpd->log;
    $httpd->configure("$conf\n$places");
    $httpd->graceful or die 'no restart: ', $httpd->said;
    return substr $httpd->log, $mark;
}

$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
cmp_ok page()->{taiauth_key_cache_bytes}, '<=', 1 << 20, 'without a number: a quarter of a small memory at the most';
cmp_ok page()->{taiauth_key_cache_bytes}, '>', 0.9 * (1 << 20), '... and nearly all of it';
is cost(3), 1, 'the first request asks the database';

unlike reload(''), qr/TaiAuthKeyCache/, 'a reload that changes nothing says nothing';
is cost(3), 0, 'and forgets no key';

like reload('TaiAuthKeyCache 100'), qr/TaiAuthKeyCache stays at 4949 keys; 100 take effect at the next full start/,
    'a changed number is put off, and the log says so';
is cost(3), 0, 'the key is there still';

unlike reload('TaiAuthKeyCache Off'), qr/TaiAuthKeyCache/, 'Off is not put off';
is cost(3), 3, 'each request asks the database';

reload('');
is cost(3), 0, 'back on, what is there is used again';

$httpd->stop;
$httpd->configure("TaiAuthKeyCache Off\n$places");
$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
is cost(3), 3, 'started with Off';
is page()->{"taiauth_key_cache_$_"}, 0, "$_: none" for qw(bytes used_bytes keys);
like reload('TaiAuthKeyCache 100'), qr/TaiAuthKeyCache stays at 0 keys; 100 take effect at the next full start/,
    'there is no room for keys before the next full start';
is cost(3), 3, 'until then each request asks the database';
ok $httpd->stop, 'stop';

$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
is cost(3), 1, 'started anew, it remembers';
$httpd->stop;

done_testing;
