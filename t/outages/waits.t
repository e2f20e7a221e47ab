# Who waits for a database server, and who does not: of each kind, behind a relay.
#
#   TAI_ONLY  pgsql or mysql: that one alone
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiClients;
use TaiDatabase;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiNodes;
use TaiRelay;
use TaiTest;

my $THREADS = 8; # of all children

# How many children they are of is the MPM's affair; or they are of one, as far as it can be.
sub conf {
    my ($is_one) = @_;
    my ($children, $threads) = $is_one ? (1, $THREADS) : ($THREADS, $THREADS / 2);
    return <<"CONF";
<IfModule mpm_prefork_module>
    StartServers $children
    MaxRequestWorkers $children
</IfModule>
<IfModule !mpm_prefork_module>
    ThreadLimit $threads
    ThreadsPerChild $threads
    StartServers @{[$THREADS / $threads]}
    MaxRequestWorkers $THREADS
</IfModule>
TaiAuthSharedMemory 32M
TaiAuthSyncInterval 100ms
LogLevel taiauth:info
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
}

# A server of httpd whose connections go through a relay, with a key that it remembers.
sub behind {
    my ($relay, $conf) = @_;
    my $database = TaiDatabase->new->init;
    my $params = $database->params =~ s/\bport=\K\d+/$relay->port/er;
    my $httpd = TaiNodes::started(TaiHttpd->new(database => TaiDatabase->of($params), conf => TaiNodes::conf_of("$conf\n")));
    my $key = on_database($database, sub { make_key(make_account('acme'))->{key} });
    on_database($database, \&settled);
    wait_for(sub { status($httpd, $key) == 200 }, 'a key to be good');
    return ($httpd, $key);
}

sub status { my ($httpd, $key) = @_; return $httpd->get('/v1/x', { 'X-API-Key' => $key })->status }

# Of those who ask for something that is not remembered half may be kept waiting, and no more: with
# the others all else is answered.
sub silent {
    my $relay = TaiRelay->start(to => TaiDatabase::of_server('port'));
    my ($httpd, $key) = behind($relay, conf(0) . "TaiAuthDatabaseTimeout 60s connect=60s\nTaiAuthLease 60s");
    my @unknown = map { unknown_key() } 1 .. 4 * $THREADS;
    $relay->stall;
    my $clients = TaiClients->start(scalar @unknown, sub { return { status($httpd, $unknown[$_[0]]) => 1 } });
    ok wait_for(sub { $httpd->log =~ /as many wait for it as may/ }, 'enough to wait'), 'enough wait';
    for my $round (1 .. 20) {
        is $httpd->get('/page.html')->status, 200, 'an open page' if $round == 1;
        is status($httpd, $key), 200, "a key that is remembered, round $round";
    }
    is $httpd->metric('database_open'), 0, 'and the server has not been given up: they still wait';
    $relay->pass;
    my %seen = %{tally($clients->results)};
    my ($told, $spared) = map { $seen{$_} // 0 } 401, 503;
    is $told + $spared, scalar @unknown, 'the others were told, or told to come again';
    cmp_ok $told, '>', 0, 'some waited';
    cmp_ok $told, '<=', $THREADS / 2 + 1, 'no more of them than may, and one who came a moment before';
    $relay->stall;
    is status($httpd, $key), 200, 'a key is used, which is to be written';
    ok $httpd->stop, 'the end of a server waits for none that is silent';
    return;
}

# Clients that ask for keys which are not remembered, each again and again.
sub flood {
    my ($httpd) = @_;
    my @unknown = map { unknown_key() } 1 .. 50 * $THREADS;
    return TaiClients->start(4 * $THREADS, sub {
        my ($i, %seen) = @_;
        until (TaiClients::stopped()) {
            my $status = status($httpd, $unknown[rand @unknown]);
            $seen{$status}++;
            select undef, undef, undef, 0.1 if $status == 503; # as one who comes again; else two cores do nothing else
        }
        return \%seen;
    });
}

# However many ask for what is not remembered, and go on asking: there are threads for all else, and
# places for who revokes a key.
sub flooded {
    my $relay = TaiRelay->start(to => TaiDatabase::of_server('port'));
    my ($httpd, $key) = behind($relay, conf(0) . "TaiAuthDatabaseTimeout 20s connect=20s\nTaiAuthLease 60s");
    my $ann = manager($httpd, 'boss');
    my @doomed = map { create_key($ann, name => "doomed $_") } 1 .. 3;
    $relay->stall;
    my $clients = flood($httpd);
    ok wait_for(sub { $httpd->log =~ /as many wait for it as may/ }, 'enough to wait'), 'enough wait';
    for (1 .. 20) {
        is_deeply [$httpd->get('/page.html')->status, status($httpd, $key)], [200, 200], "an open page, and a key that is remembered, round $_";
    }
    is $httpd->metric('database_open'), 0, 'before those who wait are given up';
    $relay->delay(400); # in each direction
    is api($ann, DELETE => "/keys/$_->{id}")->status, 200, 'a key is revoked' for @doomed;
    is status($httpd, $key), 200, 'the other one is good';
    $relay->pass;
    my %seen = %{tally($clients->stop->results)};
    is_deeply [grep { !/401|503/ } keys %seen], [], 'those who ask are told, or told to come again';
    is status($httpd, $_->{key}), 401, 'and what was revoked is' for @doomed;
    return;
}

# Whoever waited when his child was ended waits no more, for those who come after a restart.
sub restarted {
    my $relay = TaiRelay->start(to => TaiDatabase::of_server('port'));
    my ($httpd) = behind($relay, conf(0) . "TaiAuthDatabaseTimeout 60s connect=60s\nTaiAuthLease 60s");
    my @unknown = map { unknown_key() } 0 .. 2 * $THREADS;
    my $after = pop @unknown;
    $relay->stall;
    my $clients = TaiClients->start(scalar @unknown, sub { return { ask($httpd->port, '/v1/x', { 'X-API-Key' => $unknown[$_[0]] }) => 1 } });
    ok wait_for(sub { $httpd->log =~ /as many wait for it as may/ }, 'enough to wait'), 'enough wait';
    ok $httpd->restart, 'the server is restarted';
    my $syncs = $httpd->metric('syncs_total');
    $relay->pass;
    ok wait_for(sub { $httpd->metric('syncs_total') > $syncs }, 'a sync'), 'it syncs';
    is status($httpd, $after), 401, 'and asks the database';
    $clients->results;
    return;
}

# Of the connections that are open nothing comes any more, as where a firewall has forgotten them; the
# server is well.
sub lost {
    my @ways = map { TaiRelay->start(to => TaiDatabase::of_server('port')) } 1, 2;
    my $relay = TaiRelay->start(to => $ways[0]->port);
    my ($httpd, $key) = behind($relay, conf(1) . "TaiAuthDatabaseTimeout 60s connect=60s\nTaiAuthLease 4s");
    my $synced = sub { my $at_least = $_[0] + $httpd->metric('syncs_total'); return sub { $httpd->metric('syncs_total') >= $at_least } };
    wait_for($synced->(3), 'the node to sync on a connection that is open');
    $relay->lead_to($ways[1]->port);
    $ways[0]->stall;
    my ($again, %seen) = $synced->(3); # one may have been under way
    ok wait_for(sub { $seen{status($httpd, $key)}++; $again->() }, 'syncs to go on', 60), 'syncs go on';
    is_deeply [keys %seen], [200], 'and the lease has not ended';
    is $httpd->metric('database_opened_total'), 0, 'nobody was kept from the server';
    return;
}

# A connection that is not made has its own time, connect=, however long a statement may take.
sub unopened {
    my $relay = TaiRelay->start(to => TaiDatabase::of_server('port'));
    my $database = TaiDatabase->new->init;
    my $params = $database->params =~ s/\bport=\K\d+/$relay->port/er;
    $relay->stall;
    my $conf = conf(1) . "TaiAuthDatabaseTimeout 60s connect=2s\nTaiAuthLease 60s\n";
    my $httpd = TaiNodes::started(TaiHttpd->new(database => TaiDatabase->of($params), conf => TaiNodes::conf_of($conf)));
    is status($httpd, unknown_key()), 503, 'a server that does not greet';
    ok wait_for(sub { $httpd->log =~ /no answer within 2000 ms|timeout expired/ }, 'the end of that'), 'is given up in time';
    $relay->pass;
    ok wait_for(sub { status($httpd, unknown_key()) == 401 }, 'the server to be found'), 'and found when it does';
    return;
}

my %kinds = (pgsql => 'postgresql', mysql => 'mariadb');

for my $driver (grep { !$ENV{TAI_ONLY} || $_ eq $ENV{TAI_ONLY} } sort keys %kinds) {
    my $dir = var('t_logs') . "/waits-$kinds{$driver}";
    local $ENV{TAI_DATABASE} = $driver;
    local $ENV{TAI_SERVER} = $dir;
    TaiDatabase::service(start => $kinds{$driver}, $dir);
    subtest "$driver: a server that is silent" => \&silent;
    subtest "$driver: a server that is slow, and a flood" => \&flooded;
    subtest "$driver: a restart while it is silent" => \&restarted;
    subtest "$driver: connections that were lost" => \&lost;
    subtest "$driver: connections that are not made" => \&unopened;
    TaiDatabase::service(stop => $dir);
}

END {
    local $?;
    for my $kind (values %kinds) {
        my $dir = eval { var('t_logs') . "/waits-$kind" } // next;
        eval { TaiDatabase::service(stop => $dir) } if -f "$dir/service";
    }
}

done_testing;
