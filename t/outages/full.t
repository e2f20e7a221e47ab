# A database server that has no room for another connection, of each kind: those that are open go on, and
# it is not taken for one that does not answer.
#
#   TAI_ONLY  pgsql or mysql: that one alone
use strict;
use warnings;

use POSIX ();
use Test::More;
use TaiApi;
use TaiDatabase;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiNodes;
use TaiTest;

my $CLIENTS = 16;
my $LOGS = var('t_logs');
my %kinds = (
    pgsql => { name => 'postgresql', limit => 'ALTER ROLE taiauth CONNECTION LIMIT %d', none => -1 },
    mysql => { name => 'mariadb', limit => q(ALTER USER taiauth@'127.0.0.1' WITH MAX_USER_CONNECTIONS %d), none => 0 },
);

# One process: else each child would have room for as many.
my $CONF = <<'CONF';
DBDMax 8
TaiAuthLockout off
<IfModule mpm_event_module>
    StartServers 1
    ServerLimit 1
    ThreadsPerChild 16
    MaxRequestWorkers 16
</IfModule>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

sub status { my ($httpd, $key) = @_; return $httpd->get('/v1/x', { 'X-API-Key' => $key })->status }

# Of keys that nobody has asked for: how often which.
sub statuses_of_many {
    my ($httpd, $n) = @_;
    my @pids;
    my $path = "$LOGS/full.$$";
    for my $client (1 .. $CLIENTS) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            srand $$; # else all ask for the same keys
            my @seen = map { status($httpd, unknown_key()) } 1 .. $n;
            open my $out, '>', "$path.$client" or POSIX::_exit(1);
            print $out join ' ', @seen;
            close $out;
            POSIX::_exit(0);
        }
        push @pids, $pid;
    }
    waitpid $_, 0 for @pids;
    my %count;
    for my $client (1 .. $CLIENTS) {
        open my $in, '<', "$path.$client" or die "$path.$client: $!";
        $count{$_}++ for split / /, <$in>;
        unlink "$path.$client";
    }
    return \%count;
}

for my $driver (grep { !$ENV{TAI_ONLY} || $_ eq $ENV{TAI_ONLY} } sort keys %kinds) {
    my $kind = $kinds{$driver};
    my $dir = "$LOGS/full_$kind->{name}";
    local $ENV{TAI_DATABASE} = $driver;
    local $ENV{TAI_SERVER} = $dir;
    TaiDatabase::service(start => $kind->{name}, $dir);

    subtest $driver => sub {
        my $httpd = first_node($CONF);
        my $database = $httpd->database;
        wait_for(sub { status($httpd, unknown_key()) == 401 }, 'a look-up');
        $database->as_master(sprintf $kind->{limit}, 1);
        my $count = statuses_of_many($httpd, 10);
        is_deeply [grep { !/^(?:401|503)$/ } keys %$count], [], 'answered, or not to be found out';
        ok $count->{401}, "who has a connection goes on: $count->{401}";
        like $httpd->log, qr/taiauth: database [^\n]* a crash of its host may undo revocations/, 'a server that is told to be fast is told of';
        is $httpd->metric('database_opened_total'), 0, 'it is not left alone';
        like $httpd->log, qr/cannot be opened: [^\n]*(?:too many connections|max_user_connections)/, 'the log says why';
        $database->as_master(sprintf $kind->{limit}, $kind->{none});
        wait_for(sub { my $seen = statuses_of_many($httpd, 2); join(' ', keys %$seen) eq '401' }, 'all to be well', 30);
        pass 'all is well when there is room again';
    };
    TaiDatabase::service(stop => $dir);
}

END {
    local $?;
    for my $name (map { $_->{name} } values %kinds) {
        my $dir = "$LOGS/full_$name";
        eval { TaiDatabase::service(stop => $dir) } if -f "$dir/service";
    }
}

done_testing;
