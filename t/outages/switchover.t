# A database server that is made read-only with its connections open, as one is that another takes over
# from, of each kind: no node goes on beyond its lease with what it is told there, and no revocation is
# in force where a node still serves the key.
#
#   TAI_ONLY  pgsql or mysql: that one alone
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiDatabase;
use TaiHttpd;
use TaiNodes;
use TaiRelay;
use TaiTest;

my $CONF = <<'CONF';
TaiAuthSyncInterval 100ms
TaiAuthLease 2s
TaiAuthDatabaseTimeout 2s connect=2s
CONF

# --- two servers ----------------------------------------------------------------------------------

my %kinds = (
    pgsql => {
        name      => 'postgresql',
        read_only => ['ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()'],
        writable  => ['ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()'],
        password  => q(ALTER ROLE taiauth PASSWORD '%s'),
        copy      => sub { my ($from, $to, $name) = @_; "pg_dump -h '$from->{dir}' -p $from->{port} $name | psql -X -q -v ON_ERROR_STOP=1 -h '$to->{dir}' -p $to->{port} $name" },
    },
    mysql => {
        name      => 'mariadb',
        read_only => ['SET GLOBAL read_only = 1'],
        writable  => ['SET GLOBAL read_only = 0'],
        password  => q(ALTER USER taiauth@'127.0.0.1' IDENTIFIED BY '%s'),
        copy      => sub { my ($from, $to, $name) = @_; "mariadb-dump --no-defaults --socket='$from->{dir}/mariadb.sock' $name | mariadb --no-defaults --socket='$to->{dir}/mariadb.sock' $name" },
    },
);

my $kind; # of this round
my $LOGS = var('t_logs');

sub started_server {
    my ($number) = @_;
    my $dir = "$LOGS/$kind->{name}$number";
    TaiDatabase::service(start => $kind->{name}, $dir);
    local $ENV{TAI_SERVER} = $dir;
    return { dir => $dir, port => TaiDatabase::of_server('port') };
}

sub as_master {
    my ($server, @statements) = @_;
    local $ENV{TAI_SERVER} = $server->{dir};
    TaiDatabase->of("host=127.0.0.1,port=$server->{port},dbname=x")->as_master(@statements);
    return;
}

# What one has, another one gets.
sub copy {
    my ($from, $to, $database) = @_;
    TaiDatabase::service(database => $to->{dir}, $database->name);
    as_master($to, sprintf $kind->{password}, $database->password);
    my $command = $kind->{copy}->($from, $to, $database->name);
    my $said = qx(set -e; { $command; } 2>&1 >/dev/null);
    die "$command: $said" if $?;
    return;
}

# --- nodes, each behind a relay --------------------------------------------------------------------

sub node {
    my ($server, $database) = @_;
    my $relay = TaiRelay->start(to => $server->{port});
    my $params = $database->params =~ s/\bport=\K\d+/$relay->port/er;
    my $httpd = TaiNodes::started(TaiHttpd->new(database => TaiDatabase->of($params), conf => TaiNodes::conf_of($CONF)));
    return { httpd => $httpd, relay => $relay };
}

sub status { my ($node, $key) = @_; return use_key($key, undef, $node->{httpd}->port) }

sub all_are {
    my ($status, $key, @nodes) = @_;
    return wait_for(sub { !grep { status($_, $key) != $status } @nodes }, "$status everywhere", 30);
}

# By a child that has each of its connections open.
sub revoke {
    my ($who, $key) = @_;
    return api($who, DELETE => "/keys/$key->{id}");
}

for my $driver (grep { !$ENV{TAI_ONLY} || $_ eq $ENV{TAI_ONLY} } sort keys %kinds) {
    $kind = $kinds{$driver};
    local $ENV{TAI_DATABASE} = $driver;
    my ($old, $new) = map { started_server($_) } 1, 2;
    local $ENV{TAI_SERVER} = $old->{dir};
    my $database = TaiDatabase->new->init;
    my ($one, $two) = map { node($old, $database) } 1, 2;
    my $ann = manager($one->{httpd}, 'acme');
    my @keys = map { create_key($ann) } 1 .. 5;
    all_are(200, $_, $one, $two) for @keys;

    subtest "$driver: read-only for a while" => sub {
        as_master($old, @{$kind->{read_only}});
        ok all_are(503, $keys[0], $one, $two), 'nobody goes on beyond the lease';
        like $_->{httpd}->log, qr/taiauth:(?:warn|error)[^\n]*cannot be read: [^\n]*read-only/, 'the log says why' for $one, $two;
        is revoke($ann, $keys[0])->status, 503, 'nothing is changed';
        as_master($old, @{$kind->{writable}});
        ok all_are(200, $keys[0], $one, $two), 'and all is well again when it is over';
        is_deeply data(revoke($ann, $keys[0]))->{nodes}, { applied => 2, of => 2, silent => 0 }, 'a revocation is in force';
        ok all_are(401, $keys[0], $one, $two), 'for certain';
    };

    subtest "$driver: another one takes over" => sub {
        as_master($old, @{$kind->{read_only}});
        copy($old, $new, $database);
        $one->{relay}->lead_to($new->{port});
        # the second node has not heard of it: its lease ends, and until then nothing is in force
        wait_for(sub { revoke($ann, $keys[1])->status == 200 }, 'a revocation to be made', 30);
        isnt status($_, $keys[1]), 200, 'in force means that nobody serves the key' for $one, $two;
        ok all_are(401, $keys[1], $one), 'the first node goes on with the new one';
        is status($two, $keys[2]), 503, 'and the second with none';
        $two->{relay}->lead_to($new->{port});
        ok all_are(200, $keys[2], $one, $two), 'until it is led there, too';
        ok all_are(401, $keys[1], $one, $two), 'where it hears of it';
        is_deeply data(revoke($ann, $keys[2]))->{nodes}, { applied => 2, of => 2, silent => 0 }, 'as before';
        isnt status($_, $keys[2]), 200, 'on both' for $one, $two;
    };

    subtest "$driver: one that writes still, and all connections to it" => sub {
        as_master($old, @{$kind->{writable}});
        ok all_are(200, $keys[3], $one, $two), 'nobody is there any more';
        my $log = join '', map { substr $_->{httpd}->log, 0 } $one, $two;
        ok $log !~ /exit signal/, 'no child died';
    };

    undef $_ for $one, $two;
    TaiDatabase::service(stop => $_->{dir}) for $old, $new;
}

END {
    local $?;
    for my $name (map { $_->{name} } values %kinds) {
        for my $dir (map { "$LOGS/$name$_" } 1, 2) {
            eval { TaiDatabase::service(stop => $dir) } if -f "$dir/service";
        }
    }
}

done_testing;
