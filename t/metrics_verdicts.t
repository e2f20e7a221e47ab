# Every verdict moves its own counter on the metrics page by one.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiMetrics;
use TaiTest;

my $conf = <<'CONF';
TaiAuthSharedMemory 16M
<Location /key>
    TaiAuth On
</Location>
<Location /optional>
    TaiAuth Optional
</Location>
<Location /preflight>
    TaiAuth On
    TaiAuthPreflight pass
</Location>
<Location /scope>
    TaiAuth On
    TaiAuthScope GET analytics:read
</Location>
<Location /dry>
    TaiAuth On
    TaiAuthScope webhooks:manage
    TaiAuthDryRun scope
</Location>
<Location /require>
    TaiAuth On
    Require tai-account somebody-else
</Location>
<Location /limit>
    TaiAuth On
    TaiAuthRateLimit 1/1h
</Location>
<Location /pair>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-token
</Location>
<Location /longlock>
    TaiAuth On
    TaiAuthLockout 1/1h 1h
</Location>
<Location /pairlock>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-token
    TaiAuthLockout 1/2h 1h
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

my $httpd = TaiHttpd->new(conf => $conf);
$httpd->place(qw(key optional preflight scope dry require limit pair longlock pairlock));

my %key;
on_database($httpd->database, sub {
    make_account("$_-account", plan => 'pro') for qw(pro suspended closed disabled downgraded);
    my @scopes = (scopes => ['programs:read', 'analytics:read']);
    $key{$_} = make_key("$_-account", @scopes) for qw(pro suspended closed disabled downgraded);
    $key{$_} = make_key('pro-account', name => $_) for qw(plain revoked expired endless limited);
    $key{$_} = make_key('pro-account', name => $_, token => 1) for qw(pair other_pair);
    taictl(account => 'suspend', 'suspended-account');
    taictl(account => 'set-plan', 'downgraded-account', 'free');
    taictl(user => 'disable', 'disabled-account-admin');
    taictl(key => 'revoke', $key{revoked}{id});
    my $db = db();
    $db->do("UPDATE accounts SET status = 'closed' WHERE name = 'closed-account'");
    $db->do('UPDATE api_keys SET expires_at = 1 WHERE id = ?', undef, $key{expired}{id});
    $db->do('UPDATE api_keys SET expires_at = -1 WHERE id = ?', undef, $key{endless}{id});
});
my $unknown = 'tai_' . 'A' x 32 . '2Fjjgu'; # well-formed, in no database

$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;

sub ask {
    my ($method, $path, @headers) = @_;
    return $httpd->ask($method, $path, \@headers);
}

sub page { TaiMetrics::parse($httpd->get('/metrics')->body) }

sub key { ('X-API-Key' => ref $_[0] ? $_[0]{key} : $_[0]) }
sub pair { (apikey => $_[0]{key}, 'x-token' => $_[1]) }

# What of the requests is counted, by the exact reason.
my @requests = (
    ['admitted',             200, GET => '/key/x.html', key($key{pro})],
    ['anonymous',            200, GET => '/optional/x.html'],
    ['preflight', 200, OPTIONS => '/preflight/x.html', Origin => 'http://a', 'Access-Control-Request-Method' => 'PUT'],
    ['key_missing',          401, GET => '/key/x.html'],
    ['token_missing',        401, GET => '/pair/x.html', apikey => $key{pair}{key}],
    ['key_repeated',         401, GET => '/key/x.html', key($key{pro}), key($key{pro})],
    ['key_malformed',        401, GET => '/key/x.html', key('garbage')],
    ['key_checksum',         401, GET => '/key/x.html', key('tai_' . 'A' x 32 . '2Fjjgv')],
    ['key_unknown',          401, GET => '/key/x.html', key($unknown)],
    ['key_revoked',          401, GET => '/key/x.html', key($key{revoked})],
    ['key_expired',          401, GET => '/key/x.html', key($key{expired})],
    ['key_expiry_malformed', 401, GET => '/key/x.html', key($key{endless})],
    ['token_malformed',      401, GET => '/pair/x.html', pair($key{pair}, 'garbage')],
    ['token_mismatch',       401, GET => '/pair/x.html', pair($key{pair}, $key{other_pair}{token})],
    ['token_not_asked',      401, GET => '/key/x.html', key($key{pair})],
    ['token_not_issued',     401, GET => '/pair/x.html', pair($key{plain}, $key{pair}{token})],
    ['account_suspended',    403, GET => '/key/x.html', key($key{suspended})],
    ['account_closed',       403, GET => '/key/x.html', key($key{closed})],
    ['user_disabled',        403, GET => '/key/x.html', key($key{disabled})],
    ['scope_not_held',       403, GET => '/scope/x.html', key($key{plain})],
    ['scope_not_in_plan',    403, GET => '/scope/x.html', key($key{downgraded})],
    ['require_refused',      403, GET => '/require/x.html', key($key{pro})],
    ['method_not_allowed',   405, POST => '/scope/x.html', key($key{pro})],
    ['admitted',             200, GET => '/limit/x.html', key($key{limited})],
    ['rate_limited',         429, GET => '/limit/x.html', key($key{limited})],
    ['key_malformed',        401, GET => '/longlock/x.html', key('garbage')],
    ['client_locked',        429, GET => '/longlock/x.html', key('garbage')],
    ['token_malformed',      401, GET => '/pairlock/x.html', pair($key{pair}, 'garbage')],
    ['pair_locked',          429, GET => '/pairlock/x.html', pair($key{pair}, $key{pair}{token})],
    ['admitted',             200, GET => '/pair/x.html', pair($key{pair}, $key{pair}{token})],
);
my %covered = map { $_->[0] => 1 } @requests;

sub series {
    my ($page, $family, $reason) = @_;
    my @found = grep { /^taiauth_$family\{.*reason="$reason"/ } keys %{$page->{value}};
    return @found == 1 ? $found[0] : die "$family: no single series for $reason\n";
}

for my $row (@requests) {
    my ($reason, $status, @request) = @$row;
    my $before = page();
    my $answer = ask(@request);
    my $after = page();
    is $answer->status, $status, "$reason: status";
    is_deeply TaiMetrics::moved($before, $after, 'taiauth_requests_total'),
        { series($after, 'requests_total', $reason) => 1 }, "$reason: one counter moves, by one";
}

subtest 'the public code of a reason' => sub {
    my $page = page();
    like series($page, 'requests_total', 'key_revoked'), qr/code="INVALID_API_KEY"/, 'key_revoked';
    like series($page, 'requests_total', 'pair_locked'), qr/code="LOCKED_OUT"/, 'pair_locked';
    like series($page, 'requests_total', 'admitted'), qr/code="ADMITTED"/, 'admitted';
};

subtest 'dry run' => sub {
    my $before = page();
    is ask(GET => '/dry/x.html', key($key{pro}))->status, 200, 'not enforced';
    my $after = page();
    is_deeply TaiMetrics::moved($before, $after, 'taiauth_dry_run_total'),
        { series($after, 'dry_run_total', 'scope_not_held') => 1 }, 'counted apart';
    is_deeply TaiMetrics::moved($before, $after, 'taiauth_requests_total'),
        { series($after, 'requests_total', 'admitted') => 1 }, 'and as admitted';
};

subtest 'look-ups' => sub {
    my $lookups = sub { TaiMetrics::moved($_[0], page(), 'taiauth_lookup')->{$_[1]} // 0 };
    my $before = page();
    ask(GET => '/key/x.html', key($_)) for ((unknown_key()) x 3, (unknown_key()) x 3);
    is $lookups->($before, 'taiauth_lookup_seconds_count'), 2, 'one for each key that is new to the server';
    $before = page();
    ask(GET => '/key/x.html', key('garbage'));
    is $lookups->($before, 'taiauth_lookup_seconds_count'), 0, 'none for garbage';

    $covered{database} = 1;
    $httpd->database->away;
    is ask(GET => '/key/x.html', key(unknown_key()))->status, 503, 'no database';
    $httpd->database->back;
    my $after = page();
    is $lookups->($before, 'taiauth_lookup_failures_total'), 1, 'a failed one';
    is_deeply TaiMetrics::moved($before, $after, 'taiauth_requests_total'), {
        series($after, 'requests_total', 'key_malformed') => 1,
        series($after, 'requests_total', 'database') => 1,
    }, 'the reason';
    ok wait_for(sub { ask(GET => '/key/x.html', key(unknown_key()))->status == 401 }, 'the database to be found'), 'it is back';
};

# Requests with one unknown key each, on one connection, as fast as they are answered. Returns their
# statuses.
sub burst {
    my ($count, $path) = @_;
    my @requests = map { TaiHttp::bytes('GET', $path, [key(unknown_key())]) } 1 .. $count;
    my $connection = TaiHttp->new($httpd->port);
    my @statuses;
    while (my @some = splice @requests, 0, 20) {
        # 20 at a time: neither side waits for the other to read
        $connection->send(join '', @some);
        for (@some) {
            my $answer = $connection->read('GET') or last;
            push @statuses, $answer->status;
            next unless ($answer->header('Connection') // '') eq 'close';
            $connection = TaiHttp->new($httpd->port);
            last;
        }
    }
    return @statuses;
}

subtest 'throttles' => sub {
    $covered{$_} = 1 for qw(client_lookups node_lookups);
    my $before = page();
    my @statuses = burst(60, '/longlock/x.html');
    my $after = page();
    my $moved = TaiMetrics::moved($before, $after, 'taiauth_requests_total');
    is scalar(grep { $_ == 429 } @statuses), scalar @statuses, 'a locked client is refused';
    cmp_ok $moved->{series($after, 'requests_total', 'client_lookups')} // 0, '>', 0, 'most without a look-up';
    cmp_ok TaiMetrics::moved($before, $after, 'taiauth_lookup_seconds_count')->{taiauth_lookup_seconds_count} // 0,
        '<', @statuses, 'which the histogram confirms';

    $before = page();
    my ($unavailable, $sent) = (0, 0);
    while ($sent < 20_000 && !$unavailable) {
        @statuses = burst(1_000, '/key/x.html');
        $unavailable += grep { $_ == 503 } @statuses;
        $sent += @statuses;
    }
    $after = page();
    cmp_ok $unavailable, '>', 0, 'look-ups of unknown keys are held back for the whole node';
    is TaiMetrics::moved($before, $after, 'taiauth_requests_total')->{series($after, 'requests_total', 'node_lookups')},
        $unavailable, 'as often as it was answered';
};

# In the order of the page; from "managed" on they are of the management API, see metrics_managed.t.
my @reasons = $httpd->get('/metrics')->body =~ /^taiauth_requests_total\{.*reason="(\w+)"/mg;
my ($managed) = grep { $reasons[$_] eq 'managed' } 0 .. $#reasons;
my @left = grep { !$covered{$_} } @reasons[0 .. $managed - 1];
is_deeply [sort @left], [qw(digest limiter shared_memory)], 'every reason was met, but those that no request can cause';

done_testing;
