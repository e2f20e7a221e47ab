# A TCP relay in a process of its own, between a server and who talks to it, that can be told to
# misbehave as a network does.
#
#   my $relay = TaiRelay->start(to => $port);   # or the path of a Unix socket
#   ... 127.0.0.1:$relay->port ...
#   $relay->stall; ...; $relay->pass;
#   $relay->counts->{accepted};
#
# It ends with the object. Only the process that has started it may tell it anything.
package TaiRelay;

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM);

my $CHUNK = 65536;      # read at once
my $HELD = 1 << 20;     # bytes that one direction holds back before it reads no more
my @PORTS = (20000, 32000); # below those that the kernel gives to who asks for any

# to:    a port of this machine, or the path of a Unix socket
# port:  to listen at (default: a free one, which nobody is given by chance while we refuse)
sub start {
    my ($class, %want) = @_;
    my $to = $want{to} // die "TaiRelay: to what?\n";
    my $listener = listen_at($want{port});
    my $port = $listener->sockport;
    socketpair my $mine, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        close $mine;
        my $relay = bless { to => $to, port => $port, listener => $listener, orders => $its }, 'TaiRelay::Process';
        eval { $relay->run; 1 } or warn "TaiRelay: $@";
        POSIX::_exit(0);
    }
    close $its;
    close $listener;
    return bless { pid => $pid, owner => $$, port => $port, orders => $mine }, $class;
}

sub listen_at {
    my ($port) = @_;
    my $last = '';
    for (1 .. 100) {
        my $at = $port // $PORTS[0] + int rand($PORTS[1] - $PORTS[0]);
        my $listener = IO::Socket::INET->new(Listen => 1024, LocalAddr => '127.0.0.1', LocalPort => $at,
            ReuseAddr => 1, Blocking => 0);
        return $listener if $listener;
        $last = $@;
        last if $port;
    }
    die "TaiRelay: no port to listen at: $last";
}

sub port { $_[0]{port} }

# --- what it can be told; each returns when it is so ---------------------------------------------

# Forward everything, what was held back too.
sub pass { $_[0]->order(mode => 'pass') }

# Nobody listens any more, and every connection breaks off.
sub cut { $_[0]->order(mode => 'cut') }

# The same, but who comes is accepted, counted and sent away: a server that is up and falls over.
sub reset { $_[0]->order(mode => 'reset') }

# A black hole: whoever comes is accepted, what he sends is not read, connections stay open.
sub stall { $_[0]->order(mode => 'stall') }

# Forward everything so many milliseconds later, in each direction.
sub delay { $_[0]->order(mode => 'pass', delay => $_[1] / 1000) }

# Lead whoever comes from now on to another port, or path; connections that are open stay where they are.
sub lead_to { $_[0]->order(to => $_[1]) }

# Instead of what the server says next, on whatever connection, these bytes; the same for the next so
# many times (default 1). A reply is what comes at once.
sub answer { $_[0]->order(answer => unpack('H*', $_[1]), times => $_[2] // 1) }

# What has passed since the start: accepted (connections), open (of them, now), sent (bytes of the
# clients that reached the server), received (the other way round), answered (replies that were
# replaced).
sub counts { $_[0]->order }

sub order {
    my ($self, %order) = @_;
    die "TaiRelay: not of this process\n" unless $$ == $self->{owner};
    my $orders = $self->{orders};
    syswrite $orders, JSON::PP::encode_json(\%order) . "\n" or die "TaiRelay: $!";
    my $line = '';
    until ($line =~ /\n\z/) {
        sysread $orders, $line, $CHUNK, length $line or die "TaiRelay: it is gone\n";
    }
    return JSON::PP::decode_json($line);
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    return unless $$ == $self->{owner};
    local ($?, $!);
    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY { $_[0]->stop }

# --- the process ----------------------------------------------------------------------------------

package TaiRelay::Process;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);
use Time::HiRes qw(time);

sub run {
    my ($self) = @_;
    $SIG{PIPE} = 'IGNORE';
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    %$self = (%$self, mode => 'pass', delay => 0, answers => 0, halves => {}, text => '',
        counts => { accepted => 0, sent => 0, received => 0, answered => 0 });
    while ($self->{orders}) {
        my ($readable, $writable) = IO::Select->select($self->wanted);
        my %ready = map { (fileno $_ => 1) } @{$readable // []};
        $self->obey if $ready{fileno $self->{orders}};
        last unless $self->{orders};
        $self->accept_all if $self->{listener} && $ready{fileno $self->{listener}};
        for my $half (grep { $ready{fileno $_->{from}} } $self->halves) {
            $self->take($half);
        }
        $self->give($_) for $self->halves; # also those whose time has come
    }
    return;
}

# What select waits for: handles to read, to write, none, and how long.
sub wanted {
    my ($self) = @_;
    my $read = IO::Select->new($self->{orders});
    my $write = IO::Select->new;
    my $wait;
    $read->add($self->{listener}) if $self->{listener};
    for my $half ($self->{mode} eq 'stall' ? () : $self->halves) {
        $read->add($half->{from}) unless $half->{ended} || $half->{held} >= $HELD;
        my $next = $half->{queue}[0] // next;
        my $left = $next->[0] - time;
        if ($left <= 0) { $write->add($half->{to}) }
        else { $wait = $left if !defined $wait || $left < $wait }
    }
    return ($read, $write, undef, $wait);
}

sub halves {
    my ($self) = @_;
    return grep { !$_->{gone} } values %{$self->{halves}};
}

sub obey {
    my ($self) = @_;
    sysread $self->{orders}, $self->{text}, $CHUNK, length $self->{text} or return delete $self->{orders};
    $self->{text} =~ s/\A(.*?)\n//s or return;
    my $order = JSON::PP::decode_json($1);
    $self->{answer} = pack 'H*', $order->{answer} if defined $order->{answer};
    $self->{answers} = $order->{times} if defined $order->{times};
    $self->{to} = $order->{to} if defined $order->{to};
    $self->turn($order->{mode}, $order->{delay} // 0) if $order->{mode};
    my %counts = (%{$self->{counts}}, open => scalar($self->halves) / 2);
    syswrite $self->{orders}, JSON::PP::encode_json(\%counts) . "\n";
    return;
}

sub turn {
    my ($self, $mode, $delay) = @_;
    @$self{qw(mode delay)} = ($mode, $delay);
    if ($mode eq 'cut') {
        my $listener = delete $self->{listener};
        close $listener if $listener; # who is in its queue is refused with it
    }
    else {
        $self->{listener} //= TaiRelay::listen_at($self->{port});
    }
    if ($mode eq 'cut' || $mode eq 'reset') {
        $self->break_off($_) for $self->halves;
    }
    return;
}

sub accept_all {
    my ($self) = @_;
    while (my $client = $self->{listener}->accept) {
        $self->{counts}{accepted}++;
        my $server = $self->{mode} =~ /cut|reset/ ? undef : $self->connect_on;
        if (!$server) {
            end_hard($client);
            next;
        }
        setsockopt $_, IPPROTO_TCP, TCP_NODELAY, 1 for $client, $server; # no use with a Unix socket
        $_->blocking(0) for $client, $server;
        my $sent = { from => $client, to => $server, counts => 'sent' };
        my $received = { from => $server, to => $client, counts => 'received', other => $sent };
        $sent->{other} = $received;
        for my $half ($sent, $received) {
            @$half{qw(queue held ended)} = ([], 0, 0);
            $self->{halves}{fileno $half->{from}} = $half;
        }
    }
    return;
}

# The server is on this machine: its kernel answers for it.
sub connect_on {
    my ($self) = @_;
    return $self->{to} =~ m{/} ? IO::Socket::UNIX->new(Peer => $self->{to})
        : IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{to});
}

sub end_hard {
    my ($socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $socket;
    return;
}

sub break_off {
    my ($self, $half) = @_;
    return if $half->{gone};
    for my $one ($half, $half->{other}) {
        delete $self->{halves}{fileno $one->{from}};
        $one->{gone} = 1;
    }
    end_hard($_) for $half->{from}, $half->{to};
    delete $_->{other} for $half->{other}, $half; # each holds the other
    return;
}

# Read what one side has sent.
sub take {
    my ($self, $half) = @_;
    return if $half->{gone};
    my $n = sysread $half->{from}, (my $bytes), $CHUNK;
    if (!defined $n) {
        return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        return $self->break_off($half);
    }
    $half->{ended} = 1 if !$n;
    if ($n && $half->{counts} eq 'received' && $self->{answers} > 0) {
        $self->{answers}--;
        $self->{counts}{answered}++;
        $bytes = $self->{answer};
    }
    $half->{held} += length $bytes;
    push @{$half->{queue}}, [time + $self->{delay}, $bytes];
    return;
}

# Pass on what is due; an end is passed on as one, behind it all.
sub give {
    my ($self, $half) = @_;
    return if $self->{mode} eq 'stall';
    my $queue = $half->{queue};
    while (!$half->{gone} && @$queue && $queue->[0][0] <= time) {
        my $next = $queue->[0];
        if (length $next->[1]) {
            my $n = syswrite $half->{to}, $next->[1];
            if (!defined $n) {
                return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
                return $self->break_off($half);
            }
            substr $next->[1], 0, $n, '';
            $half->{held} -= $n;
            $self->{counts}{$half->{counts}} += $n;
            return if length $next->[1];
        }
        shift @$queue;
    }
    $self->end_half($half) if !$half->{gone} && $half->{ended} && !@$queue;
    return;
}

sub end_half {
    my ($self, $half) = @_;
    shutdown $half->{to}, 1 unless $half->{closed}++;
    $self->break_off($half) if $half->{other}{closed};
    return;
}

1;
