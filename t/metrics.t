# The metrics page and the section of mod_status: their format, what they say of shared memory, who
# may read them, and that reading is free.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiLogin;
use TaiMetrics;
use TaiTest;

my $conf = <<'CONF';
TaiAuthSharedMemory 16M
<Location /limits>
    TaiAuth On
    TaiAuthRateLimit 1000/1h per=key
    TaiAuthRateLimit 1000/1h per=address
</Location>
<Location /lock>
    TaiAuth On
    TaiAuthLockout 1/2s 2s
</Location>
<Location /pairs>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-token
    TaiAuthLockout 2/1h 1h
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
<Location /guarded-metrics>
    TaiAuth On
    TaiAuthRateLimit 1/1h name=guarded
    Require tai-account pro-account
    TaiAuthMetrics On
</Location>
<Location /auth/token>
    TaiAuthTokenEndpoint On
</Location>
<Location /closed-metrics>
    Require ip 192.0.2.1
    TaiAuthMetrics On
</Location>
<Location /server-status>
    TaiAuthRateLimit 1/1h name=status
    TaiAuth Optional
</Location>
CONF

my $httpd = TaiHttpd->new(conf => $conf);
$httpd->place(qw(limits lock pairs));

my ($key, $pair, $suspended) = on_database($httpd->database, sub {
    make_account($_, plan => 'pro') for qw(pro-account suspended-account);
    my @keys = (make_key('pro-account'), make_key('pro-account', token => 1), make_key('suspended-account'));
    taictl(account => 'suspend', 'suspended-account');
    return @keys;
});

$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;

sub ask {
    my ($method, $path, @headers) = @_;
    return $httpd->ask($method, $path, \@headers);
}

sub page { TaiMetrics::parse($httpd->get('/metrics')->body) }

sub key { ('X-API-Key' => $_[0]{key}) }

subtest 'the page' => sub {
    my $answer = $httpd->get('/metrics');
    is $answer->status, 200, 'status';
    is $answer->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8', 'Content-Type';
    is $answer->header('Cache-Control'), 'no-store', 'Cache-Control';
    my $page = eval { TaiMetrics::parse($answer->body) };
    ok $page, 'parses' or diag $@;
    is_deeply [sort { $a cmp $b } grep { !/^taiauth_/ } keys %{$page->{type}}], [], 'every name is ours';
    is $page->{type}{taiauth_lookup_seconds}, 'histogram', 'look-ups are a histogram';
    my %labels = map { $_ => 1 } map { /(\w+)="/g } keys %{$page->{value}};
    is_deeply [sort keys %labels], [qw(code le reason table)], 'labels';

    my $head = ask(HEAD => '/metrics');
    is $head->status . length $head->body, '2000', 'HEAD: 200 without a body';
    my $post = ask(POST => '/metrics');
    is $post->status, 405, 'POST';
    like $post->header('Allow'), qr/\bGET\b/, 'POST: Allow';
    is $httpd->get('/metrics/')->status, 200, 'a slash behind it';
    is $httpd->get("/metrics$_")->status, 404, "metrics$_" for qw(/x x);
};

subtest 'tables' => sub {
    my $page = page();
    my @tables = map { /^taiauth_table_places\{table="(\w+)"\}/ } sort keys %{$page->{value}};
    is_deeply \@tables, [qw(addresses clients known pairs unknown usage usernames windows)], 'each table has its size';
    ask(GET => '/limits/x.html', key($key));
    ask(GET => '/pairs/x.html', apikey => $pair->{key}, 'x-token' => 'garbage');
    is log_in({ user => 'nobody', password => password() }, port => $httpd->port)->status, 401, 'a failed log-in';
    is ask(GET => '/limits/x.html', 'X-API-Key' => unknown_key())->status, 401, 'an unknown key';
    # what is known of usage may just have been written
    wait_for(sub {
        ask(GET => '/limits/x.html', key($key));
        ($page = page())->{value}{'taiauth_table_live{table="usage"}'};
    }, 'usage that is not written yet');
    for my $table (@tables) {
        my ($live, $places, $bytes) = map { $page->{value}{qq(taiauth_table_$_\{table="$table"\})} } qw(live places bytes);
        cmp_ok $live, '>', 0, "$table is in use";
        cmp_ok $live, '<=', $places, "$table: no more than it holds";
        cmp_ok $bytes, '>', $places, "$table: its size is in bytes";
    }
};

subtest 'the key cache' => sub {
    my $number = sub { my $page = page(); return map { $page->{value}{"taiauth_key_cache_$_"} } @_ };
    ask(GET => '/limits/x.html', key($key));
    my ($bytes, $used, $keys, $evicted, $torn) = $number->(qw(bytes used_bytes keys evicted_total torn_total));
    cmp_ok $keys, '>=', 1, 'a key is remembered';
    cmp_ok $used, '>', 100 * $keys, 'and takes room';
    cmp_ok $used, '<', $bytes, 'less than there is';
    is "$evicted $torn", '0 0', 'none had to go';
};

subtest 'lockouts in force' => sub {
    my $locks = sub { page()->{value}{'taiauth_lockouts{table="clients"}'} };
    my $before = page();
    my $count = $locks->();
    is ask(GET => '/lock/x.html', 'X-API-Key' => 'garbage')->status, 401, 'a failure';
    is $locks->(), $count + 1, 'one more';
    is TaiMetrics::moved($before, page(), 'taiauth_locks_started')->{taiauth_locks_started_total}, 1, 'started: one';
    ok wait_for(sub { $locks->() == $count }, 'the lock to end'), 'until it ends';
};

subtest 'nobody is named' => sub {
    my $text = $httpd->get('/metrics')->body . $httpd->get('/server-status?auto')->body =~ s/^(?!TaiAuth).*\n//mgr;
    my @names = map { $_->{key}, $_->{prefix}, $_->{id} } $key, $pair, $suspended;
    unlike $text, qr/$_/, 'not on the page' for join('|', map { quotemeta } @names), '(?:pro|suspended)-account', '127\.0\.0\.1|::1';
};

subtest 'reading charges nothing, and Require holds' => sub {
    my $before = page();
    is ask(GET => '/guarded-metrics', key($key))->status, 200, "read $_" for 1 .. 3;
    is_deeply TaiMetrics::moved($before, page(), 'taiauth_requests_total'), {}, 'not even counted';
    is ask(GET => '/guarded-metrics')->status, 401, 'TaiAuth On: not without a key';
    is ask(GET => '/guarded-metrics', key($suspended))->status, 403, 'nor with a bad one';
    is $httpd->get('/closed-metrics')->status, 403, 'Require ip';
    is ask(GET => '/server-status?auto', key($key))->status, 200, "mod_status $_" for 1 .. 3;
};

subtest 'mod_status' => sub {
    my %auto = $httpd->get('/server-status?auto')->body =~ /^TaiAuth-(\w+): (\d+)$/mg;
    my $page = page();
    my %sum;
    for my $series (grep { /^taiauth_requests_total/ } keys %{$page->{value}}) {
        my ($code) = $series =~ /code="(\w+)"/;
        $sum{$code} += $page->{value}{$series};
    }
    $sum{DatabaseLookups} = $page->{value}{taiauth_lookup_seconds_count};
    my ($lease, $metric) = (delete $auto{LeaseMilliseconds}, $page->{value}{taiauth_lease_seconds});
    ok $_ > 0 && $_ <= 10, "what is left of the lease: $_" for $lease / 1000, $metric;
    $sum{$_->[0]} = $page->{value}{"taiauth_limiter_$_->[1]"}
        for ['LimiterFailures', 'failures_total'], ['LimiterFallbacks', 'fallbacks_total'], ['LimiterOpen', 'open'];
    $sum{DatabaseOpen} = $page->{value}{taiauth_database_open};
    $sum{LongResponses} = $page->{value}{taiauth_long_responses};
    $sum{ResponsesCut} = $page->{value}{taiauth_responses_cut_total};
    $sum{CachedKeys} = $page->{value}{taiauth_key_cache_keys};
    $sum{LockoutsInForce} = 0;
    $sum{LockoutsInForce} += $page->{value}{$_} for grep { /^taiauth_lockouts/ } keys %{$page->{value}};
    is_deeply \%auto, \%sum, '?auto: the same numbers';
    my ($line) = $httpd->get('/server-status')->body =~ /^(.*\bTaiAuth: .*)$/m;
    for my $name (sort keys %sum) {
        like $line, qr/\b$name $sum{$name}\b/, "text: $name";
    }
};

done_testing;
