# A server behind the server: answers every request with what reached it, as JSON.
#
#   my $backend = TaiBackend->start;     # at var('backend_port'), where t/conf/*.conf.in send requests
#   my $seen = request(...)->json;       # { line => 'GET / HTTP/1.1', headers => [[name, value], ...] }
#
# With answer => CODE it does not answer itself: each request is a process that runs the code with the
# connection and the first line of the request; port => N: there instead.
#
# What it saw is kept in t_logs/backend_log, where zz_secrets.t looks for secrets. It ends with the
# object.
package TaiBackend;

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use TaiTest;

# headers => text: further lines of each answer's head, each ending in CRLF.
sub start {
    my ($class, %want) = @_;
    my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', ReuseAddr => 1,
        LocalPort => $want{port} // var('backend_port')) or die "backend: $@";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        serve($listener, $want{headers} // '', $want{answer});
        POSIX::_exit(0);
    }
    return bless { pid => $pid, owner => $$ }, $class;
}

sub serve {
    my ($listener, $headers, $answer) = @_;
    local $SIG{CHLD} = 'IGNORE';
    open my $log, '>>', var('t_logs') . '/backend_log' or die "backend_log: $!";
    $log->autoflush(1);
    while (my $client = $listener->accept) {
        local $/ = "\r\n\r\n";
        my $head = <$client> // next;
        print $log $head;
        my ($line, @fields) = split /\r\n/, $head;
        if ($answer) {
            fork // die "fork: $!" or answer_alone($answer, $client, $line);
            close $client;
            next;
        }
        my %seen = (line => $line, headers => [map { [split /:\s*/, $_, 2] } @fields]);
        my $body = JSON::PP->new->latin1->canonical->encode(\%seen);
        print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${headers}Content-Length: ",
            length $body, "\r\nConnection: close\r\n\r\n$body";
        close $client;
    }
    return;
}

sub answer_alone {
    my ($answer, $client, $line) = @_;
    eval { $answer->($client, $line); 1 } or warn "backend: $@";
    POSIX::_exit(0);
}

sub DESTROY {
    my ($self) = @_;
    return unless $$ == $self->{owner};
    local ($?, $!);
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
