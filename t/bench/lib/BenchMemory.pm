# What a key and a window take of the shared memory, and whether the processes grow with the requests
# that they answer.
package BenchMemory;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchTaiauth;

my $KEYS = 100_000;       # a full table
my $REQUESTS = 1_000_000; # by some of them, behind which no process is to be larger
my $SOME = 1000;
my $CHUNK = 10;           # seconds of load at a time
my $SLACK = 256;          # KiB: a heap in use moves by some pages; a byte lost by each were 977

sub measure {
    my ($run, $report) = @_;
    my $keys = BenchKeys->new($run, 'memory');
    my $values = $keys->import_many($KEYS);
    my %memory = (per_entry($run, $keys, $values), growth($run, $keys, BenchKeys::first($values, $SOME)));
    $report->table('Memory', ['', ''], [
        ['bytes for each key of `TaiAuthKeyCache`', sprintf '%.0f', $memory{key_bytes}],
        ['of which in use, the table being full', sprintf '%.0f', $memory{key_used_bytes}],
        ['keys in it, of ' . $KEYS, $memory{keys}],
        ['bytes for each place of a window', sprintf '%.0f', $memory{window_bytes}],
        ["KiB that the processes have grown by after $memory{requests} requests", $memory{grown}],
    ]);
    $report->aim('memory for each cached key', 'bytes', '<=', 192, $memory{key_bytes});
    $report->aim("anonymous memory of the processes after $memory{requests} requests", 'KiB more', '<=', $SLACK, $memory{grown});
    $report->figures(memory => \%memory);
    return;
}

# A table has a part of fixed size too: what a key takes is what a table of twice as many takes more.
# Both are made of whole sets, hence whole bytes.
sub per_entry {
    my ($run, $keys, $values) = @_;
    my ($full, $twice) = map { BenchTaiauth->new(run => $run, name => "cache$_", keys => $keys, conf => "TaiAuthKeyCache $_\n")->start }
        $KEYS, 2 * $KEYS;
    load(server => $full, path => '/on/x', header => 'X-API-Key', status => 200, values => $values);
    my ($bytes, $used, $live, $table, $places) = map { $full->metric("taiauth_$_") }
        qw(key_cache_bytes key_cache_used_bytes key_cache_keys), 'table_bytes{table="windows"}', 'table_places{table="windows"}';
    my $more = $twice->metric('taiauth_key_cache_bytes') - $bytes;
    $_->stop for $full, $twice;
    return (keys => $live, key_bytes => sprintf('%.0f', $more / $KEYS), key_used_bytes => $used / $live, window_bytes => $table / $places);
}

sub growth {
    my ($run, $keys, $values) = @_;
    my $server = BenchTaiauth->new(run => $run, name => 'growth', keys => $keys)->start;
    my %load = (server => $server, path => '/on/x', header => 'X-API-Key', status => 200, values => $values, seconds => $CHUNK);
    answer(\%load, requests() / 10); # every thread, often: it has what it needs
    my $before = $server->memory('Anonymous');
    my $requests = answer(\%load, requests());
    my $grown = $server->memory('Anonymous') - $before;
    $server->stop;
    return (requests => $requests, grown => $grown);
}

# Load until so many requests are answered, or more.
sub answer {
    my ($load, $n) = @_;
    my $answered = 0;
    $answered += load(%$load)->{requests} while $answered < $n;
    return $answered;
}

# BENCH_REQUESTS: how many behind which growth is looked for.
sub requests {
    my $n = $ENV{BENCH_REQUESTS} // $REQUESTS;
    die "BENCH_REQUESTS is '$n', must be a number\n" unless $n =~ /^\d+$/;
    return $n;
}

1;
