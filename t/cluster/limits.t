# What is counted is counted once, whichever node gets the request: exactly N are admitted of many that
# come to all nodes at once, and failures lock out on all of them.
use strict;
use warnings;

use Test::More;
use TaiClients;
use TaiCluster;
use TaiKeys qw(unknown_key unknown_token);
use TaiLimits;
use TaiLogin qw(address log_in login_user password);
use TaiTest;

my $CLIENTS = 32;

my $cluster = TaiCluster->start;
my @nodes = $cluster->nodes;

sub ask_node { my ($i, $path, $headers) = @_; return ask($nodes[$i % @nodes]->port, $path, $headers) }

# All clients at once, each at the nodes in turn; how often which status came. The headers may be code.
sub storm {
    my ($each, $path, $headers) = @_;
    my $clients = TaiClients->start($CLIENTS, sub {
        my ($i) = @_;
        my %seen;
        $seen{ask_node($i + $_, $path, ref $headers eq 'CODE' ? $headers->() : $headers)}++ for 1 .. $each;
        return \%seen;
    });
    return tally($clients->results);
}

sub a_key { my (@want) = @_; return $cluster->on(sub { fresh_key(@want) }) }

# The headers of one that nobody has to look up.
sub known { return with_key($cluster->known(a_key())) }

# --- limits -------------------------------------------------------------------------------------

for my $round (1 .. 5) {
    is_deeply storm(10, '/hundred/x', known()), { 200 => 100, 429 => $CLIENTS * 10 - 100 },
        "100 of @{[$CLIENTS * 10]}, round $round";
}
for my $round (1 .. 3) {
    is_deeply storm(2, '/few/x', known()), { 200 => 5, 429 => $CLIENTS * 2 - 5 },
        "5 of @{[$CLIENTS * 2]}, round $round";
}
{
    my $key = a_key();
    my @left = map { my $answer = $_->get('/few/x', with_key($key)); left($answer) } @nodes, $nodes[0];
    is_deeply \@left, [4, 3, 2, 1], 'each tells what is left of all';
}

# --- lockouts -----------------------------------------------------------------------------------

# The statuses of the same request at each node, as one text.
sub everywhere { my ($path, $headers) = @_; return join ' ', map { ask_node($_, $path, $headers) } 0 .. $#nodes }

subtest 'failures of an address' => sub {
    my $from = address();
    my $key = a_key();
    is everywhere('/locked/x', ['X-Client' => $from, 'X-API-Key' => unknown_key()]), '401 401 401', 'one at each node';
    is everywhere('/locked/x', ['X-Client' => $from, 'X-API-Key' => unknown_key()]), '429 429 429', 'it is locked at each';
    is everywhere('/locked/x', ['X-Client' => $from, 'X-API-Key' => $key->{key}]), '200 200 200', 'a valid key passes';
    is everywhere('/locked/x', ['X-Client' => address(), 'X-API-Key' => unknown_key()]), '401 401 401', 'another address is not';
};

subtest 'all at once' => sub {
    my $from = address();
    is_deeply storm(3, '/locked/x', ['X-Client' => $from, 'X-API-Key' => 'malformed']), { 401 => 3, 429 => $CLIENTS * 3 - 3 },
        'exactly three failures';
};

subtest 'failures of a key and its token' => sub {
    my $pair = a_key(token => 1);
    my ($here, $there) = (address(), address());
    my $with = sub { ['X-Client' => $_[0], apikey => $pair->{key}, 'x-ts-authorization' => $_[1]] };
    is everywhere('/pair-locked/x', $with->($here, $pair->{token})), '200 200 200', 'the right one';
    is everywhere('/pair-locked/x', $with->($here, unknown_token())), '401 401 401', 'a wrong token at each node';
    is everywhere('/pair-locked/x', $with->($here, $pair->{token})), '429 429 429', 'the right one is locked out at each';
    is everywhere('/pair-locked/x', $with->($there, $pair->{token})), '200 200 200', '... and not elsewhere';
};

subtest 'wrong passwords' => sub {
    my $ann = $cluster->on(sub { login_user('cluster-login') });
    my ($here, $there) = (address(), address());
    my $status = sub {
        my ($i, $from, @password) = @_;
        return log_in($ann, place => '/locked/token', port => $nodes[$i]->port, client => $from, @password)->status;
    };
    is join(' ', map { $status->($_, $here, password => password()) } 0 .. 2), '401 401 401', 'one at each node';
    is join(' ', map { $status->($_, $here) } 0 .. 2), '429 429 429', 'the right one is locked out at each';
    is $status->(1, $there), 201, '... and not elsewhere';
};

done_testing;
