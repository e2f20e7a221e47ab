# A database or Redis server of a run, as build/service starts it, on the processor of the load.
#
#   my $service = BenchService->start($run, 'postgresql');
#   my $params = $service->database('keys');        # as in DBDParams
#   my $before = $service->cpu;                     # seconds, of all its processes
#
# It ends with the object.
package BenchService;

use strict;
use warnings;

use parent 'BenchServer';

use POSIX ();

our $PROCESSOR = 1; # that of the load: httpd has the other one for itself

# As it would be for others than tests: what is committed is on the disk, what is read is in memory.
my %OPTIONS = (
    postgresql => [qw(-c fsync=on -c shared_buffers=256MB -c max_wal_size=1GB)],
    mariadb    => [qw(--innodb-flush-log-at-trx-commit=1 --innodb-flush-method=fsync --skip-debug-no-sync
        --innodb-buffer-pool-size=256M --innodb-log-file-size=256M)],
    redis => [],
);

my $spent = 0; # seconds of processor time, of those that have ended

# kind: postgresql, mariadb or redis
sub start {
    my ($class, $run, $kind) = @_;
    die "$kind was started without a kind of its own\n" unless $OPTIONS{$kind};
    my $dir = "$run->{dir}/$kind." . BenchServer::free_port();
    my $self = $class->SUPER::new(name => $kind, dir => $dir, service => $run->{service});
    $self->{said} = $self->ask([qw(taskset -c), $PROCESSOR], 'start', $kind, $dir, '--', @{$OPTIONS{$kind}});
    @$self{qw(port pid)} = map { $self->line($_) } qw(port pid);
    return $self;
}

# A command of build/service, with what it runs under; what it prints.
sub ask {
    my ($self, $under, @command) = @_;
    open my $out, '-|', @$under, $self->{service}, @command or die "$self->{service}: $!\n";
    my $printed = do { local $/; <$out> };
    close $out or die "build/service @command: exit status @{[$? >> 8]}\n";
    return $printed;
}

# What start has printed: driver, socket, ...
sub line {
    my ($self, $name) = @_;
    return $self->{said} =~ /^$name=(.*)$/m ? $1 : die "build/service start $self->{name} says nothing of $name\n";
}

# A new database; its parameters.
sub database {
    my ($self, $name) = @_;
    return $self->ask([], 'database', $self->{dir}, $name) =~ s/\n//r;
}

# Of Redis: what it answers to a command.
sub command {
    my ($self, @command) = @_;
    local $ENV{REDISCLI_AUTH} = $self->line('password');
    open my $out, '-|', 'redis-cli', '-s', $self->line('socket'), @command or die "redis-cli: $!\n";
    my $answer = do { local $/; <$out> };
    close $out or die "redis-cli @command: exit status @{[$? >> 8]}\n";
    return $answer;
}

sub stop {
    my ($self) = @_;
    return unless $self->{pid};
    $spent += $self->cpu + $self->reaped;
    delete $self->{pid};
    $self->ask([], 'stop', $self->{dir});
    return;
}

# Seconds of its processes that have ended: PostgreSQL has one for each session.
sub reaped {
    my ($self) = @_;
    open my $in, '<', "/proc/$self->{pid}/stat" or return 0;
    my @fields = split ' ', <$in> =~ s/^.*\) //r;
    return ($fields[13] + $fields[14]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Seconds of processor time that all of them have used that have ended: they are no children of ours.
sub spent { return $spent }

1;
