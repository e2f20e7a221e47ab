# HAProxy with a map of digests and a stick table, one thread. It answers by itself: there is no
# server behind it.
package BenchHaproxy;

use strict;
use warnings;

use parent 'BenchServer';

use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path);

my $RECORD = 'bench,categories:read,organizations:read,programs:read,reviews:read,';

# run:     what BenchRun knows
# name:    for messages, and of its directory
# values:  file with the texts of keys that it is to know; undef: it checks nothing
sub new {
    my ($class, %want) = @_;
    my $dir = "$want{run}{dir}/$want{name}";
    my $port = BenchServer::free_port();
    make_path($dir);
    write_map("$dir/keys.map", $want{values}) if defined $want{values};
    open my $out, '>', "$dir/haproxy.cfg" or die "$dir/haproxy.cfg: $!\n";
    print $out conf($dir, $port, defined $want{values});
    close $out or die "$dir/haproxy.cfg: $!\n";
    return $class->SUPER::new(name => $want{name}, port => $port, dir => $dir,
        command => ['haproxy', '-db', '-f', "$dir/haproxy.cfg"]);
}

sub write_map {
    my ($path, $values) = @_;
    open my $in, '<', $values or die "$values: $!\n";
    open my $out, '>', $path or die "$path: $!\n";
    while (my $key = <$in>) {
        chomp $key;
        print $out uc sha256_hex($key), " $RECORD\n"; # as the converter hex writes it
    }
    close $out or die "$path: $!\n";
    return;
}

sub conf {
    my ($dir, $port, $checks) = @_;
    my $basics = <<"CONF";
global
    nbthread 1
    maxconn 1000
defaults
    mode http
    timeout client 60s
    timeout connect 60s
    timeout server 60s
frontend api
    bind 127.0.0.1:$port
CONF
    return $basics . <<'CONF' unless $checks;
    http-request return status 200 content-type text/plain string "ok\n"
CONF
    return $basics . <<"CONF";
    stick-table type string len 64 size 1100k expire 60s store http_req_rate(60s)
    http-request set-var(txn.digest) req.hdr(X-API-Key),sha2(256),hex
    http-request set-var(txn.record) var(txn.digest),map_str($dir/keys.map)
    http-request return status 401 content-type application/json string "{\\"code\\": \\"INVALID_API_KEY\\"}" unless { var(txn.record) -m found }
    http-request return status 403 content-type application/json string "{\\"code\\": \\"INSUFFICIENT_SCOPE\\"}" unless { var(txn.record) -m sub ,programs:read, }
    http-request track-sc0 var(txn.digest)
    http-request return status 429 content-type application/json string "{\\"code\\": \\"RATE_LIMITED\\"}" if { sc0_http_req_rate gt 1000000000 }
    http-request return status 200 content-type text/plain string "ok\\n" hdr RateLimit-Policy "\\"default\\";q=1000000000;w=60" hdr RateLimit "\\"default\\";r=%[sc0_http_req_rate,neg,add(1000000000)];t=60"
CONF
}

1;
