# Three masters of a Redis Cluster of a test's own, with one password.
#
#   my $cluster = TaiRedisCluster->start;
#   my $conf = $cluster->conf('on-error=deny');   # names the first of them
#   my ($one, $two, $three) = $cluster->masters;  # TaiRedis
#   $cluster->crash($two); ...; $cluster->start_again($two);
package TaiRedisCluster;

use strict;
use warnings;

use TaiRedis;
use TaiTest qw(wait_for);

sub start {
    my ($class) = @_;
    my @words = ('--cluster-enabled', 'yes', '--cluster-node-timeout', 2000, '--cluster-require-full-coverage', 'no');
    my $self = bless { masters => [map { TaiRedis->start(@words) } 1 .. 3] }, $class;
    my ($first, @others) = $self->masters;
    $_->change_password($first->password) for @others;
    $first->command('--cluster', 'create', (map { '127.0.0.1:' . $_->port } $self->masters), '--cluster-yes');
    $self->wait_for_all;
    return $self;
}

sub masters { return @{$_[0]{masters}} }

sub conf { my ($self, $words) = @_; return $self->{masters}[0]->conf($words) }

# Until each of them knows that all three are well.
sub wait_for_all {
    my ($self) = @_;
    return wait_for(sub { !grep { !is_whole($_) } $self->masters }, 'the cluster to be whole');
}

sub is_whole {
    my ($master) = @_;
    my $nodes = () = $master->command('CLUSTER', 'NODES') =~ /master - .* connected \d/g;
    return $nodes == 3 && $master->command('CLUSTER', 'INFO') =~ /^cluster_state:ok/m;
}

sub crash { my ($self, $master) = @_; return $master->crash }

# With its slots, and with nothing in them.
sub start_again {
    my ($self, $master) = @_;
    my $password = $master->password;
    $master->start_again;
    $master->change_password($password);
    $self->wait_for_all;
    return;
}

1;
