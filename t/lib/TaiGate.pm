# A server whose handlers are stopped where a test wants them: see TaiGated.
#
#   my $server = TaiGate->server(conf => ...);      # a TaiHttpd with /.../cgi and /.../proxied
#   my $flight = $server->begin(GET => '/v1/cgi', 'before', $headers);
#   ... now the handler runs, and waits ...
#   my $answer = $flight->land;
package TaiGate;

use strict;
use warnings;

use File::Path qw(make_path);
use TaiBackend;
use TaiGated;
use TaiHttp;
use TaiHttpd;
use TaiModules;
use TaiTest;

my $count = 0; # of gates

# --- the server ---------------------------------------------------------------------------------

# A TaiHttpd on a database of its own, not started yet. places => { '/v1' => "TaiAuth On\n" }: below
# each are cgi, proxied and big.bin; conf => further lines; @backend@ is the port of the backend.
sub server {
    my ($class, %want) = @_;
    my $port = TaiHttpd::free_port();
    my $httpd = TaiHttpd->new(conf => '');
    my $self = bless { httpd => $httpd, gates => $httpd->root . '/gates', want => \%want, port => $port }, $class;
    make_path($self->{gates});
    $self->configure;
    open my $file, '>:raw', $httpd->root . '/htdocs/big.bin' or die "big.bin: $!";
    print $file TaiGated::big_bytes();
    close $file or die "big.bin: $!";
    $self->{backend} = TaiBackend->start(port => $port, answer => sub {
        my ($client, $line) = @_;
        TaiGated::answer($client, $line =~ /\?(\S+)/, 'HTTP/1.1 200 OK');
    });
    return $self;
}

# The configuration, with these lines behind it.
sub configure {
    my ($self, $more) = @_;
    my %places = %{$self->{want}{places}};
    my $text = TaiModules::cgi_lines(TaiHttpd::libexecdir(), $self->{httpd}->root);
    $text .= qq(<Directory "@{[var('serverroot')]}/cgi">\n    Options +ExecCGI\n</Directory>\n);
    for my $place (sort keys %places) {
        $text .= <<"CONF";
ScriptAlias $place/cgi "@{[var('serverroot')]}/cgi/gate.pl"
Alias $place/big.bin "\@root\@/htdocs/big.bin"
ProxyPass $place/proxied http://127.0.0.1:$self->{port}/ flushpackets=on
<Location $place>
$places{$place}</Location>
CONF
    }
    $text .= join "\n", $self->{want}{conf} // '', $more // '';
    $text =~ s/\@backend\@/$self->{port}/g;
    $self->{httpd}->configure($text);
    return $self;
}

sub httpd { return $_[0]{httpd} }

# Start it, or end the test.
sub start {
    my ($self) = @_;
    $self->{httpd}->start or die 'the server would not start: ', $self->{httpd}->said, $self->{httpd}->log;
    return $self;
}

# The query for a handler, and its gate.
sub query {
    my ($self, $word) = @_;
    my $gate = "$self->{gates}/" . ++$count;
    return ("$word&$gate", $gate);
}

# A request under way: returns when its handler has been reached.
sub begin {
    my ($self, $method, $path, $word, $headers) = @_;
    my ($query, $gate) = $self->query($word);
    my $connection = TaiHttp->new($self->{httpd}->port);
    $connection->send(TaiHttp::bytes($method, "$path?$query", $headers));
    wait_for(sub { -e "$gate.reached" }, "$path to be reached");
    return TaiGate::Flight->new($connection, $method, $gate);
}

# Has every node of the database applied every change?
sub in_force {
    my ($self) = @_;
    my ($behind) = on_database($self->{httpd}->database, sub {
        db()->selectrow_array('SELECT count(*) FROM nodes WHERE applied_seq < (SELECT seq FROM change_counter)');
    });
    return !$behind;
}

sub metric { my ($self, $name) = @_; return $self->{httpd}->metric($name) }

package TaiGate::Flight;

sub new {
    my ($class, $connection, $method, $gate) = @_;
    return bless { connection => $connection, method => $method, gate => $gate }, $class;
}

sub connection { return $_[0]{connection} }

# Let the handler go on.
sub open_gate {
    my ($self) = @_;
    open my $file, '>', "$self->{gate}.open" or die "$self->{gate}.open: $!";
    close $file;
    return $self;
}

# The same; returns the answer.
sub land {
    my ($self) = @_;
    return $self->open_gate->{connection}->read($self->{method});
}

1;
