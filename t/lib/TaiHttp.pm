# HTTP/1.1 byte by byte: what a client library would tidy up is what the tests are about.
package TaiHttp;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;

my $TIMEOUT = 120; # seconds until a silent server fails the test

# A connection to a port of this machine.
sub new {
    my ($class, $port) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => $TIMEOUT)
        or die "port $port: $@";
    $socket->blocking(1);
    return bless { socket => $socket, buffer => '', eof => 0 }, $class;
}

# A request as bytes. Headers as a hash or as an array of names and values; Host is added where
# missing. $connection: value of the Connection header, if any.
sub bytes {
    my ($method, $path, $headers, $body, $connection) = @_;
    my @pairs = ref $headers eq 'ARRAY' ? @$headers : map { ($_, $headers->{$_}) } sort keys %{$headers || {}};
    my %sent = map { lc($_) => 1 } @pairs[grep { $_ % 2 == 0 } 0 .. $#pairs];
    unshift @pairs, Host => 'localhost' unless $sent{host};
    push @pairs, 'Content-Length' => length $body if defined $body && !$sent{'content-length'};
    push @pairs, Connection => $connection if defined $connection && !$sent{connection};

    my $bytes = "$method $path HTTP/1.1\r\n";
    while (my ($name, $value) = splice @pairs, 0, 2) {
        $bytes .= "$name: $value\r\n";
    }
    return "$bytes\r\n" . ($body // '');
}

# A server that closes early breaks the pipe: its answer is still worth reading.
sub send {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->{socket}->syswrite($bytes);
    return $self;
}

# The next response; $method is that of its request (HEAD has no body). Interim responses (1xx)
# are passed over. undef: the server closed before sending one.
sub read {
    my ($self, $method) = @_;
    my $response;
    do {
        my $head = $self->take_head // return undef;
        $response = TaiHttp::Response->parse($head);
    } while $response->status < 200 && $response->status != 101;

    $response->{body} = $self->take_body($response) unless bodiless($response, $method || 'GET');
    return $response;
}

sub bodiless {
    my ($response, $method) = @_;
    my $status = $response->status;
    return $method eq 'HEAD' || $status == 101 || $status == 204 || $status == 304;
}

# Has the server closed its side, with nothing left to read? Waits for it at most so many seconds.
sub closed {
    my ($self, $seconds) = @_;
    return 0 if length $self->{buffer};
    $self->fill($seconds // $TIMEOUT) unless $self->{eof};
    return $self->{eof} && !length $self->{buffer};
}

sub close {
    my ($self) = @_;
    CORE::close $self->{socket};
    return;
}

sub socket {
    my ($self) = @_;
    return $self->{socket};
}

# Read what there is; waits for it. False: nothing came in time, or the end.
sub fill {
    my ($self, $seconds) = @_;
    return 0 unless IO::Select->new($self->{socket})->can_read($seconds // $TIMEOUT);
    my $n = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
    $self->{eof} = 1 unless $n;
    return $n;
}

# Read more; false at the end of the connection, which a second call does not wait for.
sub fill_or_die {
    my ($self) = @_;
    return 0 if $self->{eof};
    my $filled = $self->fill;
    die "the server is silent\n" unless $filled || $self->{eof};
    return $filled;
}

sub take_head {
    my ($self) = @_;
    until ($self->{buffer} =~ /\r\n\r\n/) {
        next if $self->fill_or_die;
        return undef unless length $self->{buffer};
        die "the connection broke off in a head: $self->{buffer}\n";
    }
    $self->{buffer} =~ s/\A(.*?\r\n)\r\n//s;
    return $1;
}

sub take_body {
    my ($self, $response) = @_;
    return $self->take_chunks if ($response->header('Transfer-Encoding') // '') =~ /chunked/i;
    my $length = $response->header('Content-Length');
    return $self->take($length) if defined $length;
    1 while $self->fill_or_die;
    return $self->take(length $self->{buffer});
}

sub take {
    my ($self, $length) = @_;
    while (length $self->{buffer} < $length) {
        $self->fill_or_die or die "the connection broke off in a body\n";
    }
    return substr $self->{buffer}, 0, $length, '';
}

sub take_line {
    my ($self) = @_;
    until ($self->{buffer} =~ /\r\n/) {
        $self->fill_or_die or die "the connection broke off in a chunk\n";
    }
    $self->{buffer} =~ s/\A(.*?)\r\n//s;
    return $1;
}

sub take_chunks {
    my ($self) = @_;
    my $body = '';
    while (1) {
        my $size = hex($self->take_line =~ s/;.*//r);
        last unless $size;
        $body .= $self->take($size);
        $self->take_line;
    }
    1 while length $self->take_line;
    return $body;
}

package TaiHttp::Response;

use JSON::PP ();

sub parse {
    my ($class, $head) = @_;
    my ($first, @lines) = split /\r\n/, $head;
    my ($status, $reason) = $first =~ m{^HTTP/1\.[01] (\d{3}) ?(.*)} or die "no response: $first\n";
    my @headers = map { /^([^:]+):[ \t]*(.*?)[ \t]*$/ ? [$1, $2] : die "no header: $_\n" } @lines;
    return bless { status => $status, reason => $reason, headers => \@headers, head => $head }, $class;
}

sub status { $_[0]{status} }
sub reason { $_[0]{reason} }
sub head   { $_[0]{head} }
sub body   { $_[0]{body} // '' }

# Names and values, in the order in which they came.
sub headers { @{$_[0]{headers}} }

# Value of a field, several of the same name joined as HTTP does; undef where there is none.
sub header {
    my ($self, $name) = @_;
    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name } $self->headers;
    return @values ? join ', ', @values : undef;
}

# The body decoded; undef where it is no valid UTF-8 JSON.
sub json {
    my ($self) = @_;
    return eval { JSON::PP->new->utf8->decode($self->body) };
}

1;
