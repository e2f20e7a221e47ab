# Three servers that answer as one: each has its own memory; they share a database of the run's server
# and a Redis. A relay before either of these for each node can cut that node off alone.
#
#   my $cluster = TaiCluster->start('TaiAuthLease 60s', on_error => 'deny');
#   my ($one, $two, $three) = $cluster->nodes;             # TaiHttpd
#   $cluster->to_database($two)->stall; ...; $cluster->to_database($two)->pass;
#   $cluster->to_limiter($_)->cut for $cluster->nodes;     # TaiRelay
#   $cluster->redis->command('FLUSHALL');                  # TaiRedis
#   $cluster->on(sub { taictl('nodes') });                 # on their database, past the relays
#   $cluster->manager('acme');                             # calls the first node
#
# The places that the nodes serve are those of TaiNodes, and these:
#
#   /hundred, /few   a limit of 100 and of 5 in an hour
#   /locked, /pair-locked, /locked/token   three failures lock out for an hour; X-Client is the address
#   /metrics
package TaiCluster;

use strict;
use warnings;

use File::Temp qw(tempdir);
use Scalar::Util qw(weaken);
use TaiApi qw(administrator elsewhere);
use TaiDatabase;
use TaiHttpd;
use TaiNodes ();
use TaiProcess;
use TaiRedis;
use TaiRelay;
use TaiTest qw(on_database settled taictl var wait_for);

# Times that a busy machine keeps to as well.
my $PLACES = <<'CONF';
TaiAuthSharedMemory 32M
TaiAuthSyncInterval 100ms
TaiAuthLease 3s
TaiAuthDatabaseTimeout 4s connect=4s
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
AliasMatch "^/(hundred|few|locked|pair-locked)/" "@root@/htdocs/page.html"
<Location /hundred>
    TaiAuth On
    TaiAuthRateLimit 100/1h
</Location>
<Location /few>
    TaiAuth On
    TaiAuthRateLimit 5/1h
</Location>
<Location /locked>
    TaiAuth On
    TaiAuthLockout 3/1h 1h
</Location>
<Location /pair-locked>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-ts-authorization
    TaiAuthLockout 3/1h 1h
</Location>
<Location /locked/token>
    TaiAuth Off
    TaiAuthTokenEndpoint On
    TaiAuthRateLimit off
    TaiAuthLockout 3/1h 1h
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

my %made; # directory -> object, weak

# conf:      more lines for all nodes
# on_error:  what they do without Redis (default local)
# timeout:   how long they wait for it (default 5s: nothing but what is broken is ever too slow)
sub start {
    my ($class, $conf, %want) = @_;
    my $dir = tempdir('cluster.XXXXXX', DIR => var('t_logs'), CLEANUP => 1);
    my $self = bless { dir => $dir, conf => $conf // '', on_error => 'local', timeout => '5s', %want, owner => $$ }, $class;
    weaken($made{$dir} = $self);
    $self->{database} = TaiDatabase->new("$dir/keys.db")->init;
    $self->{redis} = TaiRedis->start;
    $self->{port} = { limiter => $self->{redis}->port, database => TaiDatabase::of_server('port') };
    $self->add_node for 1 .. 3;
    $self->wait_for_nodes(3);
    return $self;
}

# One more node.
sub add_node {
    my ($self) = @_;
    my %relay = map { $_ => TaiRelay->start(to => $self->{port}{$_}) } keys %{$self->{port}};
    my $params = $self->{database}->params;
    $params =~ s/\bport=\K\d+/$relay{database}->port/e;
    my $conf = $self->{redis}->conf("timeout=$self->{timeout} on-error=$self->{on_error}", $relay{limiter}->port) . "$PLACES$self->{conf}\n";
    my $httpd = TaiHttpd->new(database => TaiDatabase->of($params), conf => TaiNodes::conf_of($conf));
    $self->{relays}{$httpd->port} = \%relay;
    push @{$self->{nodes}}, TaiNodes::started($httpd);
    return $httpd;
}

sub nodes { return @{$_[0]{nodes} // []} }
sub database { return $_[0]{database} }
sub redis { return $_[0]{redis} }

sub to_database { my ($self, $node) = @_; return $self->{relays}{$node->port}{database} }
sub to_limiter  { my ($self, $node) = @_; return $self->{relays}{$node->port}{limiter} }

sub on { my ($self, $code) = @_; return on_database($self->{database}, $code) }

# The rows of the nodes.
sub registered { my ($self) = @_; return @{$self->on(sub { taictl('nodes') })} }

sub wait_for_nodes {
    my ($self, $n) = @_;
    return wait_for(sub { $self->registered == $n }, "$n nodes");
}

# The administrator of a new account, who calls the first node, or another one.
sub manager {
    my ($self, $account, $node) = @_;
    my $who = $self->on(sub { administrator($account, plan => 'pro') });
    return elsewhere($who, '/manage', port => ($node // $self->{nodes}[0])->port);
}

# Use a key where nothing is counted, at each node: from then on none of them has to look it up. A node
# that hears of its making later would forget it once more. Returns it.
sub known {
    my ($self, $key) = @_;
    $self->on(\&settled);
    for my $node ($self->nodes) {
        my $status = $node->get('/v1/x', { 'X-API-Key' => $key->{key} })->status;
        die "a key gets $status\n" unless $status == 200;
    }
    return $key;
}

# --- the database server is killed ----------------------------------------------------------------

# All of its processes at once. Whoever is to ask for their end may be slow, and as long PostgreSQL would
# take its lock files for those of a server that runs.
sub kill_database {
    my $pid = TaiDatabase::of_server('pid');
    kill STOP => $pid;
    my @processes = ($pid, map { $_->{pid} } child_processes($pid));
    kill KILL => @processes;
    wait_for(sub { !grep { runs($_) } @processes }, 'the end of the server');
    unlink "$ENV{TAI_SERVER}/data/postmaster.pid", glob "$ENV{TAI_SERVER}/.s.PGSQL.*.lock";
    return;
}

# It goes on with its data.
sub start_database { return TaiDatabase::service(start => TaiDatabase::class_of_run()->kind, $ENV{TAI_SERVER}) }

# --- the end --------------------------------------------------------------------------------------

# As of TaiHttpd: an object that lives as long as its file would be destroyed too late.
END {
    local ($?, $@, $!);
    $_->finish for grep { defined } values %made;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@, $!);
    $self->finish;
    return;
}

# The nodes first: they sign off.
sub finish {
    my ($self) = @_;
    return if $$ != $self->{owner} || $self->{finished}++;
    delete $made{$self->{dir}};
    $_->finish for $self->nodes;
    eval { $self->{database}->keep(var('t_logs') . '/servers.db'); 1 } or warn $@;
    $self->{redis}->finish if $self->{redis};
    return;
}

1;
