# The tests' own relay: what others rely on when they cut, stall and delay.
use strict;
use warnings;

use Apache::Test ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use TaiHttpd;
use TaiRelay;
use TaiTest qw(wait_for);

my $PATIENCE = 30; # seconds

# A server that sends back what it is sent, from the end of the line on.
sub echo {
    my ($listener) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    local $SIG{CHLD} = 'IGNORE';
    while (my $client = $listener->accept) {
        next if fork;
        $client->autoflush(1);
        while (sysread $client, my $bytes, 65536) {
            my $at = 0;
            $at += syswrite $client, $bytes, length($bytes) - $at, $at while $at < length $bytes;
        }
        POSIX::_exit(0);
    }
    POSIX::_exit(0);
}

sub dial {
    my ($relay) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $relay->port);
}

# What comes until there are so many bytes, or the end.
sub hear {
    my ($socket, $n) = @_;
    my $heard = '';
    while (length $heard < $n && IO::Select->new($socket)->can_read($PATIENCE)) {
        sysread $socket, $heard, 65536, length $heard or last;
    }
    return $heard;
}

sub say_and_hear {
    my ($socket, $text, $n) = @_;
    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, $text;
    return hear($socket, $n // length $text);
}

# 1: it broke off, or has ended; 0: it is still open, as far as can be seen from here
sub is_over {
    my ($socket) = @_;
    return IO::Select->new($socket)->can_read(0) && !sysread $socket, my $nothing, 1;
}

my $tcp = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die "no server: $@";
my $path = Apache::Test::vars('t_logs') . '/relay.sock';
my $unix = IO::Socket::UNIX->new(Listen => 16, Local => $path) or die "no server: $!";
my $owner = $$;
my @servers = (echo($tcp), echo($unix));

for my $to ($tcp->sockport, $path) {
    subtest 'forwards to ' . ($to =~ m{/} ? 'a Unix socket' : 'a port') => sub {
        my $relay = TaiRelay->start(to => $to);
        my $socket = dial($relay);
        is say_and_hear($socket, "hello\n"), "hello\n", 'what is said comes back';
        my $big = join '', map { pack 'N', $_ } 1 .. 500_000;
        my $writer = fork // die "fork: $!";
        if (!$writer) {
            my $at = 0;
            $at += syswrite $socket, $big, 65536, $at while $at < length $big;
            POSIX::_exit(0);
        }
        ok hear($socket, length $big) eq $big, 'two megabytes come back whole, at once in both directions';
        waitpid $writer, 0;
        shutdown $socket, 1;
        is hear($socket, 1), '', 'an end is passed on';
        is_deeply $relay->counts, { accepted => 1, open => 0, sent => 6 + length $big, received => 6 + length $big, answered => 0 },
            'counted';
    };
}

subtest 'cut' => sub {
    my $relay = TaiRelay->start(to => $tcp->sockport);
    my @sockets = map { dial($relay) } 1 .. 3;
    is say_and_hear($_, 'a'), 'a', 'open' for @sockets;
    is $relay->counts->{open}, 3, 'three';
    is $relay->cut->{open}, 0, 'none';
    is hear($_, 1), '', 'broken off' for @sockets;
    is dial($relay), undef, 'refused';
    $relay->pass;
    is say_and_hear(dial($relay), 'b'), 'b', 'at the same port again';
    is $relay->counts->{accepted}, 4, 'who was refused is not counted';
};

subtest 'reset' => sub {
    my $relay = TaiRelay->start(to => $tcp->sockport);
    my $before = dial($relay);
    is say_and_hear($before, 'a'), 'a', 'open';
    $relay->reset;
    is hear($before, 1), '', 'broken off';
    is say_and_hear(dial($relay), 'b'), '', 'who comes is sent away' for 1 .. 3;
    is $relay->counts->{accepted}, 4, 'and counted';
};

subtest 'stall' => sub {
    my $relay = TaiRelay->start(to => $tcp->sockport);
    my $before = dial($relay);
    is say_and_hear($before, 'a'), 'a', 'open';
    $relay->stall;
    my $late = dial($relay);
    syswrite $_, "later\n" for $before, $late;
    wait_for(sub { $relay->counts->{accepted} == 2 }, 'both to be accepted');
    is_deeply [@{$relay->counts}{qw(accepted sent received)}], [2, 1, 1], 'accepted, and nothing passed on';
    ok !is_over($_), 'still open' for $before, $late;
    $relay->pass;
    is hear($_, 6), "later\n", 'all that was held back' for $before, $late;
};

subtest 'delay' => sub {
    my $relay = TaiRelay->start(to => $tcp->sockport);
    $relay->delay(300);
    my $socket = dial($relay);
    my $begun = time;
    is say_and_hear($socket, 'slow'), 'slow', 'it comes back';
    cmp_ok time - $begun, '>=', 0.59, 'in each direction so much later';
    $relay->pass;
    is say_and_hear($socket, 'fast'), 'fast', 'no longer';
};

subtest 'answer' => sub {
    my $relay = TaiRelay->start(to => $tcp->sockport);
    my $socket = dial($relay);
    $relay->answer("\0-ERR\xff\r\n", 2);
    is say_and_hear($socket, 'a', 8), "\0-ERR\xff\r\n", 'something else instead' for 1, 2;
    is say_and_hear($socket, 'a'), 'a', 'and then the server itself';
    is $relay->counts->{answered}, 2, 'counted';
};

subtest 'led elsewhere' => sub {
    my $relay = TaiRelay->start(to => $tcp->sockport);
    my $before = dial($relay);
    is say_and_hear($before, 'a'), 'a', 'open';
    $relay->lead_to(TaiHttpd::free_port());
    is say_and_hear(dial($relay), 'b'), '', 'who comes is led to where nobody is';
    is say_and_hear($before, 'c'), 'c', 'who is there stays';
    $relay->lead_to($path);
    is say_and_hear(dial($relay), 'd'), 'd', 'led to another one';
};

subtest 'a server that is not there' => sub {
    my $relay = TaiRelay->start(to => TaiHttpd::free_port());
    is say_and_hear(dial($relay), 'a'), '', 'its clients are sent away';
    is $relay->counts->{accepted}, 1, 'counted';
};

subtest 'its end' => sub {
    my $relay = TaiRelay->start(to => $tcp->sockport);
    my $port = $relay->port;
    my $socket = dial($relay);
    is say_and_hear($socket, 'a'), 'a', 'open';
    my $clone = fork // die "fork: $!";
    if (!$clone) {
        undef $relay;
        POSIX::_exit(0);
    }
    waitpid $clone, 0;
    is say_and_hear($socket, 'b'), 'b', 'no process but the one that started it ends it';
    undef $relay;
    is hear($socket, 1), '', 'it takes its connections along';
    my $second = TaiRelay->start(to => $tcp->sockport, port => $port);
    is say_and_hear(dial($second), 'c'), 'c', 'another one at the same port';
};

done_testing;

END {
    local $?;
    if ($$ == $owner) {
        kill TERM => @servers;
        waitpid $_, 0 for @servers;
    }
}
