# A database server that is cut off, silent, late, stopped or killed, of each kind, behind a relay and
# under load: nobody gets a wrong answer, keys that are remembered go on for as long as the lease, few
# find out that it does not answer, and all is well again by itself.
#
#   TAI_ONLY  pgsql or mysql: that one alone
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);
use TaiApi ();
use TaiCluster;
use TaiDatabase;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiNodes;
use TaiProcess;
use TaiRelay;
use TaiTest;
use TaiTraffic;

my $CLIENTS = 32;
my $VALID = 8;         # of so many kinds of requests all but two bring a key that is remembered
my $FRESH = 2000;      # keys that nobody remembers
my $CONNECTIONS = 8 * 12; # of all children of the server at the most, of any MPM

my $CONF = <<'CONF';
TaiAuthSharedMemory 32M
TaiAuthSyncInterval 100ms
TaiAuthDatabaseTimeout 3s connect=3s
LogLevel taiauth:info
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

# --- a server of httpd behind a relay -------------------------------------------------------------

sub behind_relay {
    my ($conf) = @_;
    my $database = TaiDatabase->new->init;
    my $relay = TaiRelay->start(to => TaiDatabase::of_server('port'));
    my $params = $database->params =~ s/\bport=\K\d+/$relay->port/er;
    my $httpd = TaiNodes::started(TaiHttpd->new(database => TaiDatabase->of($params), conf => TaiNodes::conf_of("$CONF$conf\n")));
    my $self = { httpd => $httpd, relay => $relay, database => $database };
    on_database($database, sub {
        make_account('acme', plan => 'pro');
        $self->{valid} = make_key('acme')->{key};
    });
    $self->{fresh} = [plant_keys($database, $FRESH)];
    on_database($database, \&settled);
    wait_for(sub { status($self, $self->{valid}) == 200 }, 'a key to be good');
    return $self;
}

# Keys by the thousand. An account may have ten of its own.
sub plant_keys {
    my ($database, $n) = @_;
    my @keys = map { unknown_key() } 1 .. $n;
    my $db = $database->handle;
    my @of = $db->selectrow_array('SELECT account_id, id FROM users');
    my $insert = $db->prepare('INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    $db->begin_work;
    $insert->execute(("key_fresh$_") x 2, @of, 'planted', substr($keys[$_], 0, 12), sha256_hex($keys[$_]), 'programs:read', int time) for 0 .. $#keys;
    $db->commit;
    return @keys;
}

sub with { my ($key) = @_; return { 'X-API-Key' => $key } }
sub status { my ($self, $key) = @_; return $self->{httpd}->get('/v1/x', with($key))->status }
sub metric { my ($self, $name) = @_; return $self->{httpd}->metric($name) }

my $next = 0;
sub fresh { my ($self) = @_; return $self->{fresh}[$next++ % @{$self->{fresh}}] }

sub traffic {
    my ($self) = @_;
    my $fresh = int rand $FRESH;
    return TaiTraffic->start([$self->{httpd}], $CLIENTS, {
        (map { ("valid$_" => sub { (GET => '/v1/x', with($self->{valid})) }) } 1 .. $VALID),
        fresh   => sub { (GET => '/v1/x', with($self->{fresh}[($$ * 997 + $fresh++) % $FRESH])) },
        unknown => sub { (GET => '/v1/x', with(unknown_key())) },
    });
}

my %right = (valid => '200', fresh => '200', unknown => '401');

# With a lease that lasts: what is remembered never needs the database.
sub may {
    my ($phase, $kind) = @_;
    my $right = $right{$kind =~ s/\d+$//r};
    return $kind !~ /valid/ && $phase =~ /broken|mending/ ? "$right|503" : $right;
}

sub is_well {
    my ($self) = @_;
    return status($self, $self->{valid}) == 200 && status($self, fresh($self)) == 200 && status($self, unknown_key()) == 401
        && metric($self, 'database_open') == 0;
}

# --- the server of the database -------------------------------------------------------------------

sub server_processes {
    my $pid = TaiDatabase::of_server('pid');
    return ($pid, map { $_->{pid} } child_processes($pid));
}

sub stop_server {
    my ($self) = @_;
    kill STOP => server_processes(); # first, that it starts no more of them
    kill STOP => @{$self->{stopped} = [server_processes()]};
    return;
}

sub continue_server {
    my ($self) = @_;
    kill CONT => @{delete $self->{stopped} // []};
    return;
}

sub relay { my ($order, @how) = @_; return sub { $_[0]{relay}->$order(@how) } }

my @outages = (
    { name => 'cut off',                 break => relay('cut'), mend => relay('pass') },
    { name => 'every connection breaks', break => relay('reset'), mend => relay('pass'), counted => 1 },
    { name => 'a black hole',            break => relay('stall'), mend => relay('pass'), counted => 1 },
    { name => 'later than the time-out', break => relay('delay', 2000), mend => relay('delay', 0), counted => 1 },
    { name => 'stopped',                 break => \&stop_server, mend => \&continue_server, counted => 1 },
    { name => 'killed, started again',   break => sub { TaiCluster::kill_database() }, mend => sub { TaiCluster::start_database() }, counted => 1 },
);

sub outage {
    my ($self, $outage) = @_;
    my ($httpd, $relay) = @$self{qw(httpd relay)};
    my ($opened, $log) = (metric($self, 'database_opened_total'), length $httpd->log);
    my $traffic = traffic($self);
    my ($attempts, $begun) = ($relay->counts->{accepted}, time);
    $traffic->phase('broken');
    $outage->{break}->($self);
    wait_for(sub { metric($self, 'database_open') }, 'the database to be left alone', 60);
    my $failed = metric($self, 'lookup_failures_total');
    $traffic->more(50);
    if ($outage->{counted}) {
        # who finds it left alone is spared: one a second tries
        wait_for(sub { metric($self, 'lookup_failures_total') > $failed + 2 * $CONNECTIONS }, 'many to be spared', 60);
        $attempts = $relay->counts->{accepted} - $attempts;
        cmp_ok $attempts, '<=', $CONNECTIONS + 1 + (time - $begun), "few have tried: $attempts";
    }
    $traffic->phase('mending');
    $outage->{mend}->($self);
    ok eval { wait_for(sub { is_well($self) }, 'all to be well', 60) }, 'all is well again by itself' or diag $@;
    $traffic->phase('after');
    $traffic->more(30);
    my $seen = $traffic->stop;
    is_deeply [TaiTraffic::wrong($seen, \&may)], [], 'every answer was right' or diag join "\n", TaiTraffic::wrong($seen, \&may);
    cmp_ok metric($self, 'database_opened_total'), '>', $opened, 'the metrics say it';
    my $said = substr $httpd->log, $log;
    like $said, qr/taiauth: the database answers again/, 'the log says when it is over' if $self->{said}++ == 0;
    return;
}

# --- both kinds ----------------------------------------------------------------------------------

my %kinds = (pgsql => 'postgresql', mysql => 'mariadb');

for my $driver (grep { !$ENV{TAI_ONLY} || $_ eq $ENV{TAI_ONLY} } sort keys %kinds) {
    my $dir = var('t_logs') . "/$kinds{$driver}";
    local $ENV{TAI_DATABASE} = $driver;
    local $ENV{TAI_SERVER} = $dir;
    TaiDatabase::service(start => $kinds{$driver}, $dir);

    {
        my $self = behind_relay('TaiAuthLease 60s');
        for my $outage (@outages) {
            subtest "$driver: $outage->{name}" => sub { outage($self, $outage) };
        }
        my $log = $self->{httpd}->log;
        ok $log =~ /taiauth:error[^\n]*taiauth: database [^\n]*dbname=/, "$driver: the log says why";
        my $complaints = () = $log =~ /taiauth: database [^\n]*(?:no answer|cannot be opened|left alone)/g;
        cmp_ok $complaints, '<', 60, "$driver: and not for each request";
        ok $log !~ /exit signal/, "$driver: no child died";
    }

    subtest "$driver: longer than the lease" => sub {
        my $self = behind_relay('TaiAuthLease 1s');
        my ($httpd, $relay) = @$self{qw(httpd relay)};
        $relay->stall;
        ok wait_for(sub { status($self, $self->{valid}) == 503 }, 'the lease to be over'), 'a remembered key gets 503';
        is_refusal $httpd->get('/v1/x', with($_)), 503, 'AUTH_UNAVAILABLE', 'and so do others' for fresh($self), unknown_key();
        ok $httpd->graceful, 'a restart is not held up';
        is status($self, $self->{valid}), 503, 'and forgets nothing of it';
        $relay->pass;
        ok wait_for(sub { is_well($self) }, 'all to be well'), 'all is well again by itself';
        $relay->stall;
        ok $httpd->stop, 'nor is the end';
        ok $httpd->start, 'a server starts without its database';
        is status($self, $self->{valid}), 503, 'with 503';
        $relay->pass;
        ok wait_for(sub { is_well($self) }, 'all to be well'), 'and finds it';
    };

    TaiDatabase::service(stop => $dir);
}

END {
    local $?;
    for my $kind (values %kinds) {
        my $dir = eval { var('t_logs') . "/$kind" } // next;
        eval { TaiDatabase::service(stop => $dir) } if -f "$dir/service";
    }
}

done_testing;
