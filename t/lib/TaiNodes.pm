# Servers that share a database, each a node of its own, and keys that end while clients use them.
#
#   my $one = first_node('TaiAuthLease 1s');
#   my $two = further_node($one, 'TaiAuthLease 1s');
#   my $ann = manager($one, 'acme', plan => 'pro');
#   $two->pause; ...; $two->go_on;
#
#   my $load = TaiNodes->hammer([$one, $two], 6, @keys);   # keys as create_key gives them
#   $load->ends(401, 'a revocation', sub { ... });          # of the next key, in that order
#   $load->judge;
package TaiNodes;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use Test::More;
use TaiApi;
use TaiClients;
use TaiDatabase;
use TaiHttpd;
use TaiLimits;
use TaiTest;

our @EXPORT = qw(first_node further_node manager on registered use_all statuses);

# --- servers ------------------------------------------------------------------------------------

my $PLACES = <<'CONF';
AliasMatch "^/(v1|pair)/" "@root@/htdocs/page.html"
KeepAlive On
MaxKeepAliveRequests 0
<Location /v1>
    TaiAuth On
</Location>
<Location /v1/write>
    TaiAuthScope programs:write
</Location>
<Location /pair>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-ts-authorization
</Location>
<Location /auth/token>
    TaiAuthTokenEndpoint On
    TaiAuthRateLimit off
    TaiAuthLockout off
</Location>
CONF

# A server of several children on a database of its own, started.
sub first_node {
    my ($conf) = @_;
    return started(TaiHttpd->new(conf => conf_of($conf)));
}

# Another one on the same database, with its own memory.
sub further_node {
    my ($first, $conf) = @_;
    return started(TaiHttpd->new(database => $first->database, conf => conf_of($conf)));
}

sub conf_of {
    my ($conf) = @_;
    return own_conf("LogLevel taiauth:info\n$PLACES" . api_conf('/manage') . ($conf // '') . "\n");
}

sub started {
    my ($httpd) = @_;
    open my $page, '>', $httpd->root . '/htdocs/page.html' or die "page.html: $!";
    print $page "page\n";
    close $page or die "page.html: $!";
    $httpd->start or die 'the server would not start: ', $httpd->said, $httpd->log;
    return $httpd;
}

sub on {
    my ($httpd, $code) = @_;
    return on_database($httpd->database, $code);
}

# The administrator of a new account, who calls this server.
sub manager {
    my ($httpd, $account, %want) = @_;
    my $who = on($httpd, sub { administrator($account, plan => 'pro', %want) });
    return elsewhere($who, '/manage', port => $httpd->port);
}

# The rows of the nodes.
sub registered {
    my ($httpd) = @_;
    return @{on($httpd, sub { taictl('nodes') })};
}

# Use a key until every child of a server has it from the common memory: whichever answers, it is there.
sub use_all {
    my ($httpd, $key) = @_;
    return statuses(map { use_key($key, undef, $httpd->port) } 1 .. 5);
}

# The statuses that there were, each once: "200", "200 401".
sub statuses {
    my %seen = map { $_ => 1 } @_;
    return join ' ', sort keys %seen;
}

# --- keys that end under load -------------------------------------------------------------------

# What clients and test tell one another: numbers in a file. The first is that of the key in use; of
# each client one counts its answers.
sub board {
    my ($self, $place, $value) = @_;
    my $file = $self->{boards}{$$} //= open_board($self->{board});
    if (defined $value) {
        sysseek $file, 8 * $place, 0;
        syswrite $file, pack 'Q', $value;
        return $value;
    }
    sysseek $file, 8 * $place, 0;
    sysread $file, my $bytes, 8;
    return unpack 'Q', $bytes // '';
}

sub open_board {
    my ($path) = @_;
    open my $file, '+<:raw', $path or die "$path: $!";
    return $file;
}

# n clients at the servers in turn. Each uses the key in use as fast as it can.
sub hammer {
    my ($class, $servers, $n, @keys) = @_;
    my $self = bless { n => $n, keys => \@keys, rounds => [], board => $servers->[0]->root . '/board' }, $class;
    open my $out, '>:raw', $self->{board} or die "$self->{board}: $!";
    print $out pack 'Q*', (0) x ($n + 1);
    close $out or die "$self->{board}: $!";
    my @ports = map { $_->port } @$servers;
    $self->{clients} = TaiClients->start($n, sub { $self->client($_[0], $ports[$_[0] % @ports]) });
    return $self;
}

# For each key: how often which status came, and when the last request that got 200 was sent.
sub client {
    my ($self, $i, $port) = @_;
    my ($connection, $count, @seen);
    until (stopped()) {
        my $round = $self->board(0);
        my $request = $self->{requests}[$round] //= request_bytes($self->{keys}[$round]);
        my ($status, $sent) = answer_to($request, $port, \$connection);
        $seen[$round]{$status}++;
        $seen[$round]{last_good} = $sent if $status eq '200';
        $self->board($i + 1, ++$count);
    }
    return \@seen;
}

sub request_bytes {
    my ($key) = @_;
    my @headers = map { ($_->{name} => $_->{value}) } @{$key->{headers}};
    return TaiHttp::bytes(GET => $key->{path} // ($key->{token} ? '/pair/x' : '/v1/x'), \@headers);
}

# The status, and when the request was sent that got it. Of a connection that was kept, httpd closes the
# idle ones when all threads of the child are busy: nothing was read, so the client asks again (RFC 9110, 9.2.2).
sub answer_to {
    my ($request, $port, $connection) = @_;
    my $kept = $$connection;
    my ($status, $sent) = answer_on($request, $port, $connection);
    ($status, $sent) = answer_on($request, $port, $connection) if $kept && $status eq 'unread';
    return ($status eq 'unread' ? 'lost' : $status, $sent);
}

sub answer_on {
    my ($request, $port, $connection) = @_;
    my $sent = now();
    my $status = eval {
        $$connection //= TaiHttp->new($port);
        my $answer = $$connection->send($request)->read('GET');
        $answer ? $answer->status : 'unread';
    } // 'lost';
    undef $$connection if $status =~ /\D/;
    return ($status, $sent);
}

# Wait until each client has got so many more answers.
sub wait_for_answers {
    my ($self, $more) = @_;
    my @before = map { $self->board($_) } 1 .. $self->{n};
    return wait_for(sub { !grep { $self->board($_) < $before[$_ - 1] + $more } 1 .. $self->{n} },
        'answers to every client', 60);
}

# While all of them use the next key, end it; from the answer on it is refused with this status.
sub ends {
    my ($self, $status, $name, $code) = @_;
    $self->board(0, scalar @{$self->{rounds}});
    $self->wait_for_answers(5);
    $code->();
    my $answered = now();
    $self->wait_for_answers(5);
    push @{$self->{rounds}}, { name => $name, status => $status, answered => $answered };
    return;
}

# What became of it: a test for each key. lost => 1: connections may break off, a server restarts. Where
# a slow database server is asked for a key by more than half of the threads, some are told to come again.
sub judge {
    my ($self, %may) = @_;
    my $fine = join '|', 200, 'last_good', $may{lost} ? 'lost' : (), TaiDatabase::is_file() ? () : 503;
    my @clients = $self->{clients}->stop->results;
    for my $i (0 .. $#{$self->{rounds}}) {
        my $round = $self->{rounds}[$i];
        subtest "$round->{name}: key " . ($i + 1) => sub {
            my @seen = map { $_->[$i] // {} } @clients;
            is scalar(grep { $_->{200} && $_->{$round->{status}} } @seen), $self->{n}, "every client had it admitted, and refused with $round->{status}";
            is_deeply [grep { !/^(?:$fine|$round->{status})$/ } map { keys %$_ } @seen], [], 'and nothing else';
            is_deeply [grep { $_ > 0 } map { ($_->{last_good} // 0) - $round->{answered} } @seen], [],
                'none that was sent after the answer was admitted';
        } or diag explain { answered => $round->{answered}, seen => [map { $_->[$i] } @clients] };
    }
    return;
}

1;
