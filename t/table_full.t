# When the shared table of client prefixes is full, the one closest to its end gives way, and the
# log says so once. The window of a key is in a table of its own: no crowd without keys reaches it.
use strict;
use warnings;

use Test::More;
use TaiHttp;
use TaiHttpd;
use TaiTest;

my $httpd = TaiHttpd->new(conf => <<'CONF');
TaiAuthSharedMemory 4M
RemoteIPHeader X-Client
<Location />
    TaiAuth Optional
    TaiAuthRateLimit 2/600s
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

my $key = on_database($httpd->database, sub { make_key(make_account('crowded'))->{key} });
ok $httpd->start, 'start' or diag $httpd->said;

sub as {
    my ($headers) = @_;
    return $httpd->get('/none', $headers)->status;
}

is as({ 'X-API-Key' => $key }), 404, 'the key, for the first time';
is as({ 'X-API-Key' => $key }), 404, 'and for the last within its window';
is as({ 'X-API-Key' => $key }), 429, 'its window is full';

my $places = places('addresses');
cmp_ok $places, '>', 0, 'a table of addresses';
crowd($places + 500);
cmp_ok lost('addresses'), '>', 0, 'client prefixes had to make room';
is lost('windows'), 0, 'no window of a key did';
is as({ 'X-API-Key' => $key }), 429, 'the key is limited as before';
wait_for(sub { $httpd->log =~ /is full/ }, 'a word about the full table');
ok $httpd->stop, 'stop'; # every child has said what it had to
is scalar(() = $httpd->log =~ /shared table "addresses" is full/g), 1, 'the log says it once';
like $httpd->log, qr/raise TaiAuthSharedMemory/, 'and what to do';
done_testing;

# One request from each of so many addresses, on one connection.
sub crowd {
    my ($size) = @_;
    my $connection;
    for my $n (1 .. $size) {
        my $address = join '.', 20, $n >> 16 & 255, $n >> 8 & 255, $n & 255;
        $connection = TaiHttp->new($httpd->port) if $n % 90 == 1;
        $connection->send(TaiHttp::bytes('GET', '/none', { 'X-Client' => $address }, undef,
            $n % 90 ? 'keep-alive' : 'close'));
        my $status = $connection->read('GET')->status;
        return fail("address $n: $status") if $status != 404;
    }
    return pass("$size addresses");
}

sub metric {
    my ($name, $table) = @_;
    my $page = $httpd->get('/metrics', { 'X-Client' => '10.0.0.1' })->body;
    return $page =~ /^taiauth_$name\{table="$table"\} (\d+)$/m ? $1 : die "no $name of $table";
}

sub places { return metric('table_places', $_[0]) }
sub lost   { return metric('table_lost_total', $_[0]) }
