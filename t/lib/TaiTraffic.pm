# Clients that go on asking several servers while a test breaks something, and what each was answered.
#
#   my $traffic = TaiTraffic->start([$one, $two, $three], 3, {
#       valid   => sub { (GET => '/v1/x', $headers) },    # called for each request, in the client,
#       unknown => sub { my ($server) = @_; ... },        # with the number of the server
#   });
#   $traffic->phase('broken'); ...; $traffic->more(20);     # until each client has 20 more answers
#   my $seen = $traffic->stop;
#   TaiTraffic::sum($seen, 'valid', [1], 'broken')          # of the second server: { 200 => 17, 503 => 2 }
#
# The phases are before, broken, mending, after. An answer belongs to the phase in which its request was
# sent; to broken, where that was before and the answer came later.
#
# Each client asks one server, on a connection that it keeps; at most 200 times in a second, so that no
# bound on the look-ups of a node is reached.
package TaiTraffic;

use strict;
use warnings;

use File::Temp qw(tempfile);
use Time::HiRes qw(sleep);
use TaiClients;
use TaiHttp;
use TaiTest;

our @PHASES = qw(before broken mending after);
my %number = map { $PHASES[$_] => $_ } 0 .. $#PHASES;

my $PAUSE = 0.005; # seconds between two requests

# clients: at each server
sub start {
    my ($class, $servers, $clients, $kinds) = @_;
    my ($file, $path) = tempfile('traffic.XXXXXX', DIR => var('t_logs'), UNLINK => 1);
    my @ports = map { $_->port } @$servers;
    my $n = $clients * @ports;
    my $self = bless { path => $path, n => $n, kinds => $kinds, servers => scalar @ports, ports => \@ports }, $class;
    $self->set($_, 0) for 0 .. $n;
    $self->{clients} = TaiClients->start($n, sub { $self->client($_[0]) });
    $self->more(2 * keys %$kinds);
    return $self;
}

# What clients and test tell one another: numbers in a file. The first is that of the phase; then of
# each client the number of its answers.
sub board {
    my ($self) = @_;
    return $self->{boards}{$$} //= do {
        open my $file, '+<:raw', $self->{path} or die "$self->{path}: $!";
        $file;
    };
}

sub set {
    my ($self, $place, $value) = @_;
    sysseek $self->board, 8 * $place, 0;
    syswrite $self->board, pack 'Q', $value;
    return;
}

sub get {
    my ($self, $place) = @_;
    sysseek $self->board, 8 * $place, 0;
    sysread $self->board, my $bytes, 8;
    return unpack 'Q', $bytes;
}

sub phase {
    my ($self, $name) = @_;
    $self->set(0, $number{$name});
    return $self;
}

# Wait until each client, or each at the servers of these numbers, has so many more answers.
sub more {
    my ($self, $more, @servers) = @_;
    @servers = 0 .. $self->{servers} - 1 unless @servers;
    my @clients = grep { my $i = $_; grep { $i % $self->{servers} == $_ } @servers } 0 .. $self->{n} - 1;
    my %enough = map { $_ => $self->get($_ + 1) + $more } @clients;
    return wait_for(sub { !grep { $self->get($_ + 1) < $enough{$_} } @clients }, 'answers to every client', 60);
}

# --- a client -----------------------------------------------------------------------------------

# How often which status came: by phase, kind and number of the server.
sub client {
    my ($self, $i) = @_;
    my $server = $i % $self->{servers};
    my @kinds = sort keys %{$self->{kinds}};
    my ($connection, $count, %seen);
    until (stopped()) {
        my $kind = $kinds[($i + $count++) % @kinds];
        my $sent = $self->get(0);
        my $status = answer_to(TaiHttp::bytes($self->{kinds}{$kind}->($server)), $self->{ports}[$server], \$connection);
        my $phase = $PHASES[$sent || ($self->get(0) ? 1 : 0)];
        $seen{$phase}{$kind}{$server}{$status}++;
        $self->set($i + 1, $count);
        sleep $PAUSE;
    }
    return \%seen;
}

# A server may close a connection between two requests: then it is sent once more.
sub answer_to {
    my ($request, $port, $connection) = @_;
    my $kept = $$connection;
    my $answer = ask_on($request, $port, $connection);
    $answer = ask_on($request, $port, $connection) if $kept && $answer eq 'lost';
    return $answer;
}

sub ask_on {
    my ($request, $port, $connection) = @_;
    my $answer = eval {
        $$connection //= TaiHttp->new($port);
        $$connection->send($request)->read('GET');
    };
    undef $$connection if !$answer || ($answer->header('Connection') // '') eq 'close';
    return $answer ? $answer->status : $@ =~ /silent/ ? 'silent' : 'lost';
}

# --- what came ------------------------------------------------------------------------------------

sub stop {
    my ($self) = @_;
    my %sum;
    for my $seen ($self->{clients}->stop->results) {
        for my $phase (keys %$seen) {
            for my $kind (keys %{$seen->{$phase}}) {
                while (my ($server, $statuses) = each %{$seen->{$phase}{$kind}}) {
                    $sum{$phase}{$kind}[$server] = tally($sum{$phase}{$kind}[$server] // {}, $statuses);
                }
            }
        }
    }
    return \%sum;
}

# All that came of a kind at the servers of these numbers, in these phases, together.
sub sum {
    my ($seen, $kind, $servers, @phases) = @_;
    return tally(map { my $phase = $_; map { $seen->{$phase}{$kind}[$_] // {} } @$servers } @phases);
}

# Answers that should not have come, as texts. The code says which may: a regular expression for a phase,
# a kind and the number of a server.
sub wrong {
    my ($seen, $may) = @_;
    my @wrong;
    for my $phase (grep { $seen->{$_} } @PHASES) {
        for my $kind (sort keys %{$seen->{$phase}}) {
            for my $server (0 .. $#{$seen->{$phase}{$kind}}) {
                my $came = sum($seen, $kind, [$server], $phase);
                my $right = $may->($phase, $kind, $server);
                push @wrong, map { "$phase, node @{[$server + 1]}, $kind: $came->{$_} times $_" } grep { !/^(?:$right)$/ } sort keys %$came;
            }
        }
    }
    return @wrong;
}

1;
