# What a CGI and a backend do that wait for a test: one text for both. The first word of the query
# says what, the second is the path of a gate: a file of that name and ".reached" tells that they
# have come to it, one of that name and ".open" lets them go on.
#
#   before  waits, then answers with a head of its own and a body
#   stream  sends a head and a few bytes each moment until it may go on, then ends well
#   big     sends $BIG bytes as fast as they are taken
#   echo    agrees to an upgrade and sends back every line; by a backend alone
package TaiGated;

use strict;
use warnings;

use IO::Handle;
use Time::HiRes qw(sleep);

our $BIG = 32 << 20; # more than the buffers of a connection hold
my $PATIENCE = 60;   # seconds until one gives up
my $began;           # to wait

# Answer a request: $out a file handle, $query "WORD&GATE", $first the line that a head begins with.
sub answer {
    my ($out, $query, $first) = @_;
    my ($word, $gate) = split /&/, $query;
    my $handler = { before => \&before, stream => \&stream, big => \&big, echo => \&echo }->{$word} or die "no handler $word\n";
    local $SIG{PIPE} = 'IGNORE'; # who goes on writing is told
    $out->autoflush(1);
    $handler->($out, $gate, "$first\r\nContent-Type: application/json\r\nX-Balance: 42\r\nSet-Cookie: of=application\r\n");
    return;
}

sub before {
    my ($out, $gate, $head) = @_;
    reach($gate);
    sleep 0.02 until is_open($gate);
    my $body = qq({"balance": 42}\n);
    print $out $head, 'Content-Length: ', length $body, "\r\n\r\n", $body;
    return;
}

sub stream {
    my ($out, $gate, $head) = @_;
    print $out "$head\r\n";
    reach($gate);
    until (is_open($gate)) {
        print $out "tick\n" or last;
        sleep 0.05;
    }
    print $out "end\n";
    return;
}

sub big {
    my ($out, $gate, $head) = @_;
    print $out $head, "Content-Length: $BIG\r\n\r\n";
    reach($gate);
    my $piece = piece();
    for (1 .. $BIG / length $piece) {
        print $out $piece or last;
    }
    return;
}

sub echo {
    my ($out, $gate) = @_;
    local $/ = "\n";
    print $out "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    reach($gate);
    while (defined(my $line = <$out>)) {
        print $out $line;
    }
    return;
}

sub piece { return join '', map { pack 'N', $_ } 1 .. 16384 }
sub big_bytes { return piece() x ($BIG / length piece()) }

sub reach {
    my ($gate) = @_;
    open my $file, '>', "$gate.reached" or die "$gate.reached: $!";
    close $file;
    return;
}

sub is_open {
    my ($gate) = @_;
    $began //= time;
    return -e "$gate.open" || time - $began > $PATIENCE;
}

1;
