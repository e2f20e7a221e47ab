# Many clients at one account: exactly ten keys, one winner of a roll, one time of a revocation.
use strict;
use warnings;

use IO::Select;
use Test::More;
use TaiApi;
use TaiClients;
use TaiTest;

my $CLIENTS = 10;
my $EACH = 5;
my $ROUNDS = 2;

my $httpd = own_server(api_conf('/manage') . <<'CONF');
AliasMatch "^/v1/" "@root@/htdocs/page.html"
<Location /v1>
    TaiAuth On
</Location>
CONF

# Where many are to write, a few wait and the others are told to come again: they do, until they have an
# answer. $first: that of a call that was made already.
sub answer_to {
    my ($who, $call, $first) = @_;
    my $answer = $first;
    while (!$answer || $answer->status == 503 && $answer->header('Retry-After')) {
        $answer = api($who, @$call) or last;
    }
    return $answer;
}

# The same call of each client several times: what came back, of all of them. All connections of a
# client are open before it reads the first answer.
sub storm {
    my ($n, $who, @call) = @_;
    my $clients = TaiClients->start($CLIENTS, sub {
        my @connections = map { send_call($who, @call) } 1 .. $n;
        my @answers;
        for my $connection (@connections) {
            my $answer = $connection->read($call[0]);
            $answer = answer_to($who, \@call, $answer) if $answer;
            push @answers, $answer ? [$answer->status, data($answer)] : ['lost', {}];
        }
        return { answers => \@answers };
    });
    my @answers = map { $_->{answers}->@* } $clients->results;
    note_secrets($_->[1]) for @answers;
    return @answers;
}

# How often each status, or code of a refusal.
sub tally_of {
    my %seen;
    $seen{$_->[1]{code} // $_->[0]}++ for @_;
    return \%seen;
}

sub active_keys {
    my ($account) = @_;
    return db()->selectrow_array('SELECT COUNT(*) FROM api_keys k JOIN accounts a ON a.id = k.account_id
        WHERE a.name = ? AND k.revoked_at IS NULL', undef, $account);
}

for my $round (1 .. $ROUNDS) {
    my $who = elsewhere(administrator("parallel-$round"), '/manage', port => $httpd->port);
    my @answers = storm($EACH, $who, POST => '/keys', { name => 'race' });
    is_deeply tally_of(@answers), { 201 => 10, KEY_LIMIT_REACHED => $CLIENTS * $EACH - 10 },
        "round $round: of " . $CLIENTS * $EACH . ' creations ten, the others KEY_LIMIT_REACHED';
    is active_keys("parallel-$round"), 10, '... ten active keys are there';
    my @made = grep { $_->{key} } map { $_->[1] } @answers;
    is scalar(grep { use_key($_, '/v1/x', $httpd->port) == 200 } @made), 10, '... each is good';
    my %ids = map { $_->{id} => 1 } @made;
    is scalar keys %ids, 10, '... each another one';

    my @rolled = storm(2, $who, POST => "/keys/$made[0]{id}/roll", { grace_seconds => 600 });
    is_deeply tally_of(@rolled), { 201 => 1, KEY_NOT_ACTIVE => 2 * $CLIENTS - 1 }, "round $round: of many rolls one wins";
    is active_keys("parallel-$round"), 11, '... and made one key';
    is new_key($who)->status, 409, '... the pair takes one place of the ten, the other nine are taken';

    my @revoked = storm(1, $who, DELETE => "/keys/$made[1]{id}");
    is_deeply [grep { $_ ne 200 } map { $_->[0] } @revoked], [], "round $round: parallel revocations are all answered";
    my %at = map { $_->[1]{revoked_at} => 1 } @revoked;
    is scalar keys %at, 1, '... with the same time';
    is scalar @{[grep { $_->{action} eq 'key.revoke' && $_->{subject} eq $made[1]{id} }
        @{data(api($who, GET => '/audit?limit=100'))->{audit}}]}, 1, '... and recorded once';
}

# Creations, rolls and revocations all at once: whatever the order, never more than ten.
{
    my $who = elsewhere(administrator('parallel-mixed'), '/manage', port => $httpd->port);
    my $clients = TaiClients->start($CLIENTS, sub {
        my ($i) = @_;
        my (%seen, @mine);
        for my $step (1 .. 8) {
            my $key = $step % 3 && @mine ? shift @mine : undef;
            my @call = !$key     ? (POST => '/keys', { name => 'test' })
                     : $step % 2 ? (POST => "/keys/$key->{id}/roll", { grace_seconds => 0 })
                     :             (DELETE => "/keys/$key->{id}");
            my $answer = answer_to($who, \@call);
            my $data = data($answer);
            push @mine, note_secrets($data) if $data->{key};
            $seen{$data->{code} // $answer->status}++;
        }
        return { seen => \%seen, mine => \@mine };
    });
    my @results = $clients->results;
    my $seen = tally(map { $_->{seen} } @results);
    is_deeply [grep { !/^(?:200|201|KEY_LIMIT_REACHED)$/ } keys %$seen], [], 'a mixture: nothing else is answered';
    my @mine = map { $_->{mine}->@* } @results;
    is active_keys('parallel-mixed'), scalar @mine, 'those are active that somebody has';
    cmp_ok scalar @mine, '<=', 10, 'ten at the most';
    is scalar(grep { use_key($_, '/v1/x', $httpd->port) == 200 } @mine), scalar @mine, 'each is good';
}

# While somebody else is writing, revocations wait for him: sixteen of them, and no more.
{
    my $who = elsewhere(administrator('parallel-busy'), '/manage', port => $httpd->port);
    my $key = create_key($who);
    my $writer = database()->lock;
    my @waiting = map { send_call($who, DELETE => "/keys/$key->{id}") } 1 .. 20;
    my $select = IO::Select->new(map { $_->socket } @waiting);
    my %of = map { $_->socket => $_ } @waiting;
    for my $i (1 .. 4) {
        my ($socket) = $select->can_read(60) or die "nobody is refused\n";
        $select->remove($socket);
        my $answer = delete($of{$socket})->read('DELETE');
        is_refused $answer, 503, 'AUTH_UNAVAILABLE', qr/Too many revocations.*Nothing was changed/, "too many: $i of four";
        is $answer->header('Retry-After'), 1, '... with the time to wait';
    }
    is use_key($key, '/v1/x', $httpd->port), 200, 'the key is good as yet';
    $writer->release;
    my @answers = map { answer_to($who, [DELETE => "/keys/$key->{id}"], $_->read('DELETE')) } values %of;
    is_deeply [map { $_->status } @answers], [(200) x 16], 'sixteen are done when he is';
    is scalar keys %{{ map { data($_)->{revoked_at} => 1 } @answers }}, 1, '... once';
    is api($who, DELETE => "/keys/$key->{id}")->status, 200, 'one more, behind them';
}

my %pids = do { open my $in, '<', $httpd->root . '/logs/pids' or die "pids: $!"; map { $_ => 1 } <$in> };
cmp_ok scalar keys %pids, '>', 1, 'several children answered';

done_testing;
