# A server that runs in the foreground, as a child of ours, on the processor for servers.
#
#   my $server = BenchServer->new(name => 'nginx', port => $port, command => [qw(nginx -p), $dir]);
#   $server->start;
#   my $before = $server->cpu;      # seconds
#
# It ends with the object.
package BenchServer;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(clock_gettime sleep time);
use TaiHttp;
use TaiProcess;

my $PROCESSOR = 0; # of servers; the load has another

my $TIMEOUT = 120; # seconds for a start or stop; callgrind is slow

# A port that was free a moment ago.
sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)
        or die "no free port: $@\n";
    return $socket->sockport;
}

# name:     for messages
# port:     where it answers
# dir:      where it is started, and what it prints is kept
# processor: where it runs, as taskset has it; default the one for servers
# command:  program and arguments; it must stay in the foreground and end at SIGTERM
sub new {
    my ($class, %server) = @_;
    return bless { %server, owner => $$ }, $class;
}

sub name { $_[0]{name} }
sub port { $_[0]{port} }
sub pid  { $_[0]{pid} }

sub start {
    my ($self) = @_;
    my $pid = fork // die "fork: $!\n";
    $self->become unless $pid;
    $self->{pid} = $pid;
    $self->await(sub { $self->answers }, 'answers');
    return $self;
}

# In the child. With a process group of its own: httpd signals all of its group when it ends.
sub become {
    my ($self) = @_;
    my $said = "$self->{dir}/$self->{name}.out";
    setpgrp;
    chdir $self->{dir} and open STDOUT, '>', $said and open STDERR, '>&', \*STDOUT
        and open STDIN, '<', '/dev/null'
        and exec 'taskset', '-c', $self->{processor} // $PROCESSOR, @{$self->{command}};
    print STDERR "$self->{name}: $!\n";
    POSIX::_exit(127);
}

sub answers {
    my ($self) = @_;
    die "$self->{name} ended at its start; what it said is in $self->{dir}\n"
        if waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid} && delete $self->{pid};
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 1);
}

sub await {
    my ($self, $condition, $what) = @_;
    my $deadline = time + $TIMEOUT;
    until ($condition->()) {
        die "$self->{name}: waited $TIMEOUT seconds until it $what\n" if time > $deadline;
        sleep 0.02;
    }
    return;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;
    kill TERM => $pid;
    my $gone = eval { $self->await(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 'ended'); 1 };
    return if $gone;
    kill KILL => $pid;
    waitpid $pid, 0;
    die $@;
}

# All of its processes: itself and its descendants.
sub pids {
    my ($self) = @_;
    my @found = $self->{pid} // ();
    for (my $i = 0; $i < @found; $i++) {
        push @found, map { $_->{pid} } child_processes($found[$i]);
    }
    return @found;
}

# Seconds of processor time that they have used so far, user and system: the clock that
# clock_getcpuclockid(3) names for a process. It is what /proc/PID/stat shows, but in nanoseconds
# where that has hundredths of a second.
sub cpu {
    my ($self) = @_;
    my $sum = 0;
    $sum += clock_gettime((~(0 + $_) << 3) | 2) for $self->pids;
    return $sum;
}

# Memory of the processes but the first, which answer the requests, in KiB: a field of
# /proc/PID/smaps_rollup, such as Pss or Private_Dirty.
sub memory {
    my ($self, $field) = @_;
    my (undef, @children) = $self->pids;
    my $sum = 0;
    for my $pid (@children) {
        open my $in, '<', "/proc/$pid/smaps_rollup" or die "/proc/$pid/smaps_rollup: $!\n";
        $sum += (map { /^$field:\s+(\d+) kB/ } <$in>)[0] // die "no $field in smaps_rollup\n";
    }
    return $sum;
}

# One request on a connection of its own.
sub get {
    my ($self, $path, $headers) = @_;
    my $connection = TaiHttp->new($self->{port});
    $connection->send(TaiHttp::bytes('GET', $path, $headers, undef, 'close'));
    return $connection->read('GET') // die "$self->{name} closed without an answer to $path\n";
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    $self->stop;
    return;
}

1;
