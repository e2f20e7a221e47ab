# Revocation is immediate: once the answer to it has been read, no request that is sent is served with
# the key, whatever load there is; what else ends or narrows a key goes the same way. On one server of
# several children; t/nodes.t has several servers.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiLimits;
use TaiLogin qw(log_in);
use TaiNodes;
use TaiTest;

my $CLIENTS = 6;
my $ROUNDS = 20;

my $server = first_node();

sub status_of { my ($key) = @_; return use_key($key, $key->{path}, $server->port) }

# --- the answer ---------------------------------------------------------------------------------

subtest 'what is answered' => sub {
    my $ann = manager($server, 'answered');
    my $key = create_key($ann);
    is use_all($server, $key), 200, 'good';
    my $answer = api($ann, DELETE => "/keys/$key->{id}");
    is_done $answer, 200, 'revoked';
    is_deeply data($answer)->{nodes}, { applied => 1, of => 1, silent => 0 }, 'in force on the only node';
    is use_all($server, $key), 401, 'bad';
    my $again = api($ann, DELETE => "/keys/$key->{id}");
    is_done $again, 200, 'again';
    is_deeply data($again), data($answer), '... says the same';
    is_deeply [map { $_->{behind} } registered($server)], [0], 'taictl shows the node';
    is_deeply on($server, sub { taictl(key => 'revoke', $key->{id}) })->{nodes},
        { applied => 1, of => 1, silent => 0, silent_nodes => [] }, 'and tells it';
};

# --- under load ---------------------------------------------------------------------------------

# Ten keys an account.
my @revoked = map {
    my $who = manager($server, "load-$_");
    map { +{ %{create_key($who)}, who => $who } } 1 .. 10;
} 1 .. $ROUNDS / 10;

# The others: what is done, on an account of its own; status; what the key is made with.
sub delete_key { my ($key) = @_; return api($key->{who}, DELETE => "/keys/$key->{id}")->status == 200 || die 'not revoked' }

sub roll_key {
    my ($key) = @_;
    my $answer = api($key->{who}, POST => "/keys/$key->{id}/roll", { grace_seconds => 0 });
    die 'not rolled: ', $answer->body unless data($answer)->{key};
    return note_secrets(data($answer));
}

sub operator {
    my (@command) = @_;
    return sub {
        my ($key) = @_;
        my %stands_for = ('KEY' => $key->{id}, ACCOUNT => $key->{who}{account}, USER => $key->{who}{user});
        my $done = on($server, sub { taictl(map { $stands_for{$_} // $_ } @command) });
        die "@command: ", explain $done unless $done->{nodes}{applied} == 1;
        note_secrets($done);
    };
}

my @acts = (
    ['a roll without a grace', 401, \&roll_key],
    ['taictl key revoke', 401, operator(qw(key revoke KEY))],
    ['taictl key roll', 401, operator(qw(key roll KEY --grace 0))],
    ['an account suspended', 403, operator(qw(account suspend ACCOUNT))],
    ['an account closed', 403, operator(qw(account close ACCOUNT --yes))],
    ['a user disabled', 403, operator(qw(user disable USER))],
    ['a plan downgraded', 403, operator(qw(account set-plan ACCOUNT free)), { scopes => ['programs:write'] }, '/v1/write/x'],
);
my @others = map {
    my ($name, $status, $code, $order, $path) = @{$acts[$_]};
    my $who = manager($server, "act-$_");
    +{ %{create_key($who, %{$order // {}})}, who => $who, path => $path };
} 0 .. $#acts;

# A log-in for a key with a token replaces the one before.
my $by_token = manager($server, 'by-token');
my $pair = data(log_in($by_token, port => $server->port));
my $logged_in = { %$pair, who => $by_token };

my $load = TaiNodes->hammer([$server], $CLIENTS, @revoked, @others, $logged_in);
for my $key (@revoked) {
    $load->ends(401, 'a revocation', sub { delete_key($key) });
}
for my $i (0 .. $#acts) {
    my ($name, $status, $code) = @{$acts[$i]};
    $load->ends($status, $name, sub { $code->($others[$i]) });
}
my $replaced;
$load->ends(401, 'a key that the token endpoint replaces', sub { $replaced = log_in($by_token, port => $server->port) });
is_done $replaced, 201, 'replaced';
$load->judge;

# --- in SQL ---------------------------------------------------------------------------------------

# Nobody tells when; it comes with the next sync.
subtest 'a change made directly in SQL' => sub {
    my $ann = manager($server, 'by-sql');
    my ($revoked, $suspended) = map { create_key($ann) } 1, 2;
    is use_all($server, $_), 200, 'good' for $revoked, $suspended;
    my $db = on($server, sub { db() });
    $db->do('UPDATE api_keys SET revoked_at = ? WHERE id = ?', undef, time, $revoked->{id});
    ok wait_for(sub { status_of($revoked) == 401 }, 'the key to be refused'), 'a revoked key is refused';
    $db->do(q(UPDATE accounts SET status = 'suspended' WHERE name = 'by-sql'));
    ok wait_for(sub { status_of($suspended) == 403 }, 'the account to be refused'), 'a suspended account is refused';
    $db->do(q(UPDATE accounts SET status = 'active' WHERE name = 'by-sql'));
    ok wait_for(sub { status_of($suspended) == 200 }, 'the account to be served'), 'and served again';
};

# --- a database that goes away ----------------------------------------------------------------------

subtest 'the database is away for less than the lease' => sub {
    my $long = first_node('TaiAuthLease 60s');
    my $ann = manager($long, 'short-outage');
    my ($known, $new) = map { create_key($ann) } 1, 2;
    on($long, \&settled); # a sync that hears of the new key only now would forget it
    is use_all($long, $known), 200, 'a key is known';
    $long->database->away;
    wait_for(sub { $long->log =~ /what has changed of keys cannot be read/ }, 'the server to notice');
    is statuses(map { use_key($known, undef, $long->port) } 1 .. 50), 200, 'it goes on';
    is use_key($new, undef, $long->port), 503, 'one that is not known cannot be looked up';
    is api($ann, DELETE => "/keys/$known->{id}")->status, 503, 'and nothing can be revoked';
    $long->database->back;
    ok wait_for(sub { use_key($new, undef, $long->port) == 200 }, 'the database to be found'), 'it is back';
    is use_all($long, $_), 200, 'for all' for $known, $new;
    is data(api($ann, DELETE => "/keys/$known->{id}"))->{nodes}{applied}, 1, 'a revocation';
    is use_all($long, $known), 401, '... is in force';
};

subtest 'the database is away for longer' => sub {
    my $short = first_node('TaiAuthLease 1s');
    my $ann = manager($short, 'long-outage');
    my ($known, $other) = map { create_key($ann) } 1, 2;
    is use_all($short, $_), 200, 'known' for $known, $other;
    $short->database->away;
    my $ends = now() + 1; # whatever a sync had read by then
    ok wait_for(sub { now() > $ends && use_key($known, undef, $short->port) == 503 }, 'the lease to run out'), 'a key that is known is refused';
    is statuses(map { use_key($_, undef, $short->port) } ($known, $other) x 10), 503, 'and all others';
    $short->database->back;
    ok wait_for(sub { use_key($known, undef, $short->port) == 200 }, 'the database to be found'), 'it is back';
    is use_all($short, $_), 200, 'for all' for $known, $other;
};

done_testing;
