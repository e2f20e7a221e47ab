# Several servers that share a database: what ends on one has ended on all, also where one of them is
# stopped, killed, or as slow as can be; whoever revokes waits for them, and in turn.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use TaiApi;
use TaiDatabase ();
use TaiLogin qw(log_in);
use TaiNodes;
use TaiTest;

my $ROUNDS = 10;

sub status_on { my ($httpd, $key) = @_; return use_key($key, undef, $httpd->port) }
sub revoke { my ($who, $key) = @_; return api($who, DELETE => "/keys/$key->{id}") }

# UTC seconds of a time in an answer.
sub seconds {
    my ($text) = @_;
    require Time::Local;
    my ($y, $m, $d, $h, $min, $s) = $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/ or die "no time: $text";
    return Time::Local::timegm($s, $min, $h, $d, $m - 1, $y);
}

subtest 'two nodes under load' => sub {
    my $one = first_node();
    my $two = further_node($one);
    wait_for(sub { registered($one) == 2 }, 'both to register');
    my $ann = manager($one, 'two');
    my @keys = map { create_key($ann) } 1 .. $ROUNDS;
    my $load = TaiNodes->hammer([$one, $two], 4, @keys);
    for my $key (@keys) {
        $load->ends(401, 'a revocation', sub {
            my $answer = revoke($ann, $key);
            is_deeply data($answer)->{nodes}, { applied => 2, of => 2, silent => 0 }, 'in force on both' or diag $answer->body;
        });
    }
    $load->judge;

    # The second has the old key in its memory, without an end.
    subtest 'a grace' => sub {
        my $old = create_key($ann);
        is use_all($two, $old), 200, 'good on the second';
        my $new = note_secrets(data(api($ann, POST => "/keys/$old->{id}/roll", { grace_seconds => 2 })));
        my $end = seconds($new->{replaces}{ends_at});
        my (@good, $bad);
        wait_for(sub {
            my $sent = time;
            my $status = status_on($two, $old);
            push @good, $sent if $status == 200;
            $bad = time if $status == 401;
            return $bad;
        }, 'the old key to end');
        cmp_ok $good[-1] // 0, '<', $end, 'not good after its end';
        cmp_ok $bad, '>=', $end, 'and bad not before it';
        is use_all($two, $new), 200, 'the new one goes on';
    };

    subtest 'a server that stops in good order' => sub {
        my $key = create_key($ann);
        ok $two->stop, 'stopped';
        is_deeply data(revoke($ann, $key))->{nodes}, { applied => 1, of => 1, silent => 0 }, 'nobody waits for it';
    };
};

subtest 'a node that stands still' => sub {
    my $one = first_node('TaiAuthLease 1s');
    my $two = further_node($one, 'TaiAuthLease 1s');
    my $ann = manager($one, 'still');
    my ($key, $other) = map { create_key($ann) } 1, 2;
    is use_all($two, $_), 200, 'the keys are known to the second' for $key, $other;
    wait_for(sub { registered($one) == 2 }, 'both to register');
    ok $two->pause, 'the second stands still';
    my $answer = revoke($ann, $key);
    is_done $answer, 200, 'revoked';
    is_deeply data($answer)->{nodes}, { applied => 1, of => 2, silent => 1 }, 'the second was silent';
    like $one->log, qr/taiauth: node \S+:@{[$two->port]} did not answer; it stopped honouring keys when its lease ended/,
        '... which the log of the first says by its name';
    is scalar(registered($one)), 1, '... and is struck off';
    is status_on($one, $key), 401, 'in force on the first';

    # They wait in the second's queue, and are the first that it finds when it goes on.
    my @waiting = map { TaiHttp->new($two->port)->send(TaiHttp::bytes(GET => '/v1/x', { 'X-API-Key' => $key->{key} }, undef, 'close')) } 1 .. 12;
    $two->go_on;
    my $seen = statuses(map { $_->read('GET')->status } @waiting);
    like $seen, qr/^401(?: 503)?\z/, 'the second, going on, does not serve it';
    ok wait_for(sub { status_on($two, $other) == 200 }, 'the second to be back'), 'it serves the other key';
    is use_all($two, $key), 401, 'and not the revoked one';
    is scalar(registered($one)), 2, 'it has registered anew';
    is_deeply data(revoke($ann, $other))->{nodes}, { applied => 2, of => 2, silent => 0 }, 'and is told again';

    subtest 'a node that is killed' => sub {
        my @keys = map { create_key($ann) } 1, 2;
        is use_all($one, $_), 200, 'good' for @keys;
        ok $two->kill_all, 'killed';
        is_deeply data(revoke($ann, $keys[0]))->{nodes}, { applied => 1, of => 2, silent => 1 }, 'it is waited for';
        is_deeply data(revoke($ann, $keys[1]))->{nodes}, { applied => 1, of => 1, silent => 0 }, '... once';
        is use_all($one, $_), 401, 'in force' for @keys;
    };
};

# --- in turn ------------------------------------------------------------------------------------

subtest 'sixteen at a time' => sub {
    my $one = first_node('TaiAuthLease 60s');
    my $two = further_node($one, 'TaiAuthLease 60s');
    wait_for(sub { registered($one) == 2 }, 'both to register');
    my ($ann, $bob) = map { manager($one, $_) } 'turn-ann', 'turn-bob';
    my @keys = map { my $who = $_; map { [$who, create_key($who)] } 1 .. 8 } $ann, $bob;
    my $late = create_key($ann);
    is use_all($one, $late), 200, 'one more';
    my ($cid, $dan) = map { manager($one, $_) } 'turn-cid', 'turn-dan';
    my $pair = data(log_in($cid, port => $one->port));
    is use_all($one, $pair), 200, 'one from the token endpoint';

    ok $two->pause, 'the second stands still';
    my $revoked = sub { scalar $one->database->handle->selectrow_array('SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NOT NULL') };
    # each is made before the next is sent: of many who would write at once some are told to come again
    my $made = sub {
        my ($who, $key) = @_;
        my $before = $revoked->();
        my $connection = send_call($who, DELETE => "/keys/$key->{id}");
        wait_for(sub { $revoked->() == $before + 1 }, 'a revocation to be made', 60);
        return $connection;
    };
    my @waiting = map { $made->(@$_) } @keys;

    for my $call ([DELETE => "/keys/$late->{id}"], [POST => "/keys/$late->{id}/roll", { grace_seconds => 60 }]) {
        my $answer = api($ann, @$call);
        is_refused $answer, 503, 'AUTH_UNAVAILABLE', qr/^Too many revocations are under way\. Nothing was changed/, "$$call[0]: the seventeenth";
        is $answer->header('Retry-After'), 1, '... shortly';
    }
    is_refused log_in($cid, port => $one->port, busy => 1), 503, 'AUTH_UNAVAILABLE', qr/Nothing was changed/, 'a log-in that would replace a key';
    is_done log_in($dan, port => $one->port), 201, 'one that replaces none';
    is $revoked->(), 16, 'nothing was changed';
    is use_all($one, $_), 200, 'they are good' for $late, $pair;

    $two->go_on;
    my @told = map { data($_->read('DELETE'))->{nodes} } @waiting;
    is_deeply \@told, [({ applied => 2, of => 2, silent => 0 }) x 16], 'the sixteen have waited for the second';
    is_deeply data(revoke($ann, $late))->{nodes}, { applied => 2, of => 2, silent => 0 }, 'then it is one more\'s turn';

    # A change that is made, of which it cannot be found out who knows it.
    subtest 'the database goes away meanwhile' => sub {
        my ($old, $revoked_one) = map { create_key($bob) } 1, 2;
        for my $call ([$revoked_one, qr/^The key is revoked; asking again is safe\. It is not known/, DELETE => "/keys/$revoked_one->{id}"],
            [$old, qr/^The key was rolled, and the new one has not been shown.* It is not known/, POST => "/keys/$old->{id}/roll", { grace_seconds => 0 }]) {
            my ($key, $text, @call) = @$call;
            my $before = $revoked->();
            ok $two->pause, 'the second stands still';
            my $waiting = send_call($bob, @call);
            wait_for(sub { $revoked->() == $before + 1 }, 'the change to be made', 60);
            $one->database->away;
            my $answer = $waiting->read($call[0]);
            $one->database->back;
            is_refused $answer, 503, 'AUTH_UNAVAILABLE', $text, "$call[0]: it says what was done";
            unlike $answer->body, qr/tai_/, '... and shows no key';
            $two->go_on;
            my $again = wait_for(sub { my $again = revoke($bob, $key); $again->status == 200 && $again }, 'the database to be found');
            is_deeply data($again)->{nodes}, { applied => 2, of => 2, silent => 0 }, 'asked again, it is known';
            is use_all($_, $key), 401, 'in force' for $one, $two;
        }
    };

    # Whoever has a turn when its child dies leaves it.
    subtest 'children that die meanwhile' => sub {
        my $ele = manager($one, 'turn-ele');
        my $left = create_key($ele);
        my @more = map { my $who = $_; map { [$who, create_key($who)] } 1 .. 8 } $ann, $bob;
        ok $two->pause, 'the second stands still';
        my @again = map { $made->(@$_) } @more;
        my @children = $one->children;
        kill KILL => @children;
        $_->close for @again;
        $two->go_on;
        ok wait_for(sub { eval { is_in_force(revoke($ele, $left)) } }, 'new children'), 'it is the next one\'s turn';
    };
};

sub is_in_force { my ($answer) = @_; return $answer->status == 200 && data($answer)->{nodes}{applied} == 2 }

# It keeps changes waiting, and nothing else.
subtest 'beside a transaction that somebody has forgotten' => sub {
    plan skip_all => 'SQLite has one writer' if TaiDatabase::is_file();
    my $one = first_node('TaiAuthDatabaseTimeout 2s');
    my $ann = manager($one, 'forgotten');
    my $key = create_key($ann);
    my $open = $one->database->handle;
    $open->begin_work;
    $open->do('UPDATE change_counter SET seq = seq + 1');
    my $two = further_node($one, 'TaiAuthDatabaseTimeout 2s');
    ok wait_for(sub { status_on($two, $key) == 200 }, 'a key to be good'), 'a node starts, and serves';
    is registered($one), 2, 'it is one of two';
    is revoke($ann, $key)->status, 503, 'a revocation has to wait';
    $open->rollback;
    is_deeply data(revoke($ann, $key))->{nodes}, { applied => 2, of => 2, silent => 0 }, 'for no longer than that';
};

done_testing;
