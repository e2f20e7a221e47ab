# What is remembered of keys: how many SELECTs it spares, and that no answer is another one for it.
# Every look-up in the database is counted by the metrics of the server itself.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;
use TaiHttp;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiTest;

# Of the threads of a process half may wait for a database server; the others would be told to come again.
my $THREADS = 100;
my $AT_ONCE = TaiDatabase::is_file() ? 2 * $THREADS : $THREADS / 2;

my $places = <<'CONF';
TaiAuthSyncInterval 100ms
MaxKeepAliveRequests 0
Header always set X-Key-Id "expr=%{reqenv:TAIAUTH_KEY_ID}"
<Location /api>
    TaiAuth On
</Location>
<Location /write>
    TaiAuth On
    TaiAuthScope programs:write
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

# A server with so many children, all of which stay; its account has the plan claimed.
sub server {
    my ($children, $conf) = @_;
    my $workers = $children * $THREADS;
    my $httpd = TaiHttpd->new(conf => <<"CONF" . $conf . $places);
LogLevel warn
ListenBacklog 511
<IfModule mpm_prefork_module>
    StartServers $children
    MinSpareServers 1
    MaxSpareServers $children
    MaxRequestWorkers $children
</IfModule>
<IfModule !mpm_prefork_module>
    StartServers $children
    ThreadLimit $THREADS
    ThreadsPerChild $THREADS
    ServerLimit $children
    MinSpareThreads 1
    MaxSpareThreads $workers
    MaxRequestWorkers $workers
</IfModule>
CONF
    $httpd->place(qw(api write));
    on_database($httpd->database, sub { make_account('acme', plan => 'claimed') });
    $httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
    return $httpd;
}

sub taictl_on {
    my ($httpd, @args) = @_;
    return on_database($httpd->database, sub { taictl(@args) });
}

sub handle_on {
    my ($httpd) = @_;
    return on_database($httpd->database, sub { db() });
}

sub new_key {
    my ($httpd, @options) = @_;
    my $key = on_database($httpd->database, sub { make_key('acme', options => \@options) })->{key};
    on_database($httpd->database, \&settled);
    return $key;
}

# Keys by the hundred: [text, id]. An account may have ten of its own.
sub plant_keys {
    my ($httpd, $n) = @_;
    my @keys = map { [unknown_key(), "key_planted$_"] } 1 .. $n;
    my $db = handle_on($httpd);
    my ($account, $user) = $db->selectrow_array('SELECT account_id, id FROM users');
    $db->begin_work;
    $db->do('INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes,
        created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', undef, $_->[1], $_->[1], $account, $user,
        'planted', substr($_->[0], 0, 12), sha256_hex($_->[0]), 'programs:read', time) for @keys;
    $db->commit;
    on_database($httpd->database, \&settled);
    return @keys;
}

sub ask {
    my ($httpd, $key, $path) = @_;
    return $httpd->get($path // '/api/x.html', { 'X-API-Key' => $key });
}

# The statuses of requests with these keys, one after the other on one connection.
sub statuses {
    my ($httpd, @keys) = @_;
    my $connection = TaiHttp->new($httpd->port);
    my @statuses;
    for my $key (@keys) {
        $connection->send(TaiHttp::bytes(GET => '/api/x.html', { 'X-API-Key' => $key }));
        push @statuses, $connection->read('GET')->status;
    }
    return @statuses;
}

# How often each status came of many requests with one key that are under way together.
sub storm {
    my ($httpd, $key) = @_;
    my $bytes = TaiHttp::bytes(GET => '/api/x.html', { 'X-API-Key' => $key }, undef, 'close');
    my @connections = map { TaiHttp->new($httpd->port) } 1 .. $AT_ONCE;
    $_->send($bytes) for @connections;
    my %seen;
    for my $connection (@connections) {
        my $answer = $connection->read('GET');
        $seen{$answer ? $answer->status : 'lost'}++;
        $connection->close;
    }
    return \%seen;
}

sub selects {
    my ($httpd) = @_;
    $httpd->get('/metrics')->body =~ /^taiauth_lookup_seconds_count (\d+)$/m or die "no count of look-ups\n";
    return $1;
}

# Runs the code; how many look-ups in the database it has caused.
sub cost {
    my ($httpd, $code) = @_;
    my $before = selects($httpd);
    $code->();
    return selects($httpd) - $before;
}

for my $children (1, 2, 4) {
    subtest "$AT_ONCE requests at once, children: $children" => sub {
        my $httpd = server($children, '');
        for my $case (['a real key', 200, sub { new_key($httpd) }], ['an unknown key', 401, \&unknown_key]) {
            my ($name, $status, $make) = @$case;
            for my $round (1 .. 3) {
                my $key = $make->();
                my $cost = cost($httpd, sub {
                    is_deeply storm($httpd, $key), { $status => $AT_ONCE }, "$name, cold, round $round";
                });
                cmp_ok $cost, '>=', 1, 'somebody has asked the database';
                cmp_ok $cost, '<=', $children, "once a process: $cost";
                is cost($httpd, sub { storm($httpd, $key) }), 0, "$name, warm: nobody";
            }
        }
    };
}

subtest 'TaiAuthKeyCache Off' => sub {
    my $httpd = server(2, "TaiAuthKeyCache Off\n");
    my $key = new_key($httpd);
    my $unknown = unknown_key();
    is cost($httpd, sub { is_deeply storm($httpd, $key), { 200 => $AT_ONCE }, 'a real key' }), $AT_ONCE,
        'a SELECT for each request';
    is cost($httpd, sub { is_deeply [statuses($httpd, ($unknown) x 20)], [(401) x 20], 'an unknown key' }), 20,
        'a SELECT for each request';
};

subtest 'an unknown key' => sub {
    my $httpd = server(2, '');
    my $key = unknown_key();
    is cost($httpd, sub { is_deeply [statuses($httpd, ($key) x 20)], [(401) x 20], 'is refused' }), 1,
        'and looked up once';
    my $row = JSON::PP::encode_json({ name => 'imported', key => $key, scopes => ['programs:read'] });
    taictl_on($httpd, \$row, import => 'acme', '-', '--format', 'jsonl');
    ok wait_for(sub { ask($httpd, $key)->status == 200 }, 'the key to be known'), 'imported, it is known';
    is_deeply [statuses($httpd, ($key) x 20)], [(200) x 20], 'and stays so';
};

subtest 'unknown keys do not push out known ones' => sub {
    my $httpd = server(1, "TaiAuthKeyCache 100\n");
    my $key = new_key($httpd);
    is ask($httpd, $key)->status, 200, 'a key';
    # a node looks up 500 in a second
    is_deeply [statuses($httpd, map { unknown_key() } 1 .. 450)], [(401) x 450], '450 unknown ones are refused';
    is cost($httpd, sub { is ask($httpd, $key)->status, 200, 'the key' }), 0, 'is remembered still';
};

subtest 'more keys in use than are remembered' => sub {
    my $httpd = server(2, "TaiAuthKeyCache 100\n");
    my @keys = plant_keys($httpd, 1000);
    for my $round (1 .. 3) {
        my @wrong;
        my $cost = cost($httpd, sub {
            my $connection = TaiHttp->new($httpd->port);
            for my $key (@keys) {
                $connection->send(TaiHttp::bytes(GET => '/api/x.html', { 'X-API-Key' => $key->[0] }));
                my $answer = $connection->read('GET');
                push @wrong, join ' ', $key->[1], $answer->status, $answer->header('X-Key-Id') // ''
                    unless $answer->status == 200 && $answer->header('X-Key-Id') eq $key->[1];
            }
        });
        is "@wrong", '', "round $round: each is answered as itself";
        cmp_ok $cost, '<=', 1000, "with one look-up for each at the most: $cost";
    }
    is cost($httpd, sub { is_deeply [statuses($httpd, ($keys[7][0]) x 20)], [(200) x 20], 'one again and again' })
        <= 1, 1, 'is remembered';
};

subtest 'a key that expires' => sub {
    my $httpd = server(1, '');
    my $key = new_key($httpd, '--expires-in', '5s');
    my $changes = sub { (handle_on($httpd)->selectrow_array('SELECT seq FROM change_counter'))[0] };
    is ask($httpd, $key)->status, 200, 'is good before';
    my ($seq, $before) = ($changes->(), selects($httpd));
    ok wait_for(sub { ask($httpd, $key)->status == 401 }, 'the key to expire'), 'and refused behind';
    is $changes->(), $seq, 'nothing has changed in the database';
    is selects($httpd), $before, 'nor was it asked';
};

subtest 'a plan changes' => sub {
    my $httpd = server(2, '');
    my $key = new_key($httpd, '--scopes', 'programs:write');
    my $write = sub { ask($httpd, $key, '/write/x.html')->status };
    is $write->(), 200, 'the plan grants the scope';
    taictl_on($httpd, account => 'set-plan', 'acme', 'free');
    is $write->(), 403, 'taictl has taken it down: the next request';
    taictl_on($httpd, account => 'set-plan', 'acme', 'claimed');
    is $write->(), 200, 'and up again';
    my %steps = (
        'the plan of the account' => ["UPDATE accounts SET plan = 'free'", "UPDATE accounts SET plan = 'claimed'"],
        'what the plan grants' => ["DELETE FROM plan_scopes WHERE plan = 'claimed' AND scope = 'programs:write'",
            "INSERT INTO plan_scopes (plan, scope) VALUES ('claimed', 'programs:write')"],
    );
    for my $name (sort keys %steps) {
        my ($down, $up) = @{$steps{$name}};
        handle_on($httpd)->do($down);
        ok wait_for(sub { $write->() == 403 }, "$name to be noticed"), "$name, by SQL: refused after a sync";
        handle_on($httpd)->do($up);
        ok wait_for(sub { $write->() == 200 }, "$name to be noticed"), "$name, by SQL: admitted again";
    }
};

done_testing;
