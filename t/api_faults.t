# What goes wrong around the management API: a database that cannot be written, a full disk, a server
# that is killed; and what an operator changes, which holds for the next request.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use TaiApi;
use TaiHttpd;
use TaiTest;

# A server on a database of its own, with an administrator of the plan pro.
sub server {
    my (%want) = @_;
    my $httpd = TaiHttpd->new(conf => api_conf('/manage') . <<"CONF" . ($want{conf} // ''));
LogLevel warn taiauth:info
AliasMatch "^/(v1|pair)/" "\@root\@/htdocs/page.html"
<Location /v1>
    TaiAuth On
</Location>
<Location /pair>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-ts-authorization
</Location>
<Location /v1/write>
    TaiAuthScope programs:write
</Location>
CONF
    open my $page, '>', $httpd->root . '/htdocs/page.html' or die "page.html: $!";
    close $page or die "page.html: $!";
    my $who = on($httpd, sub { administrator('faults', plan => 'pro') });
    $want{before_start}->($httpd) if $want{before_start};
    start($httpd);
    return ($httpd, elsewhere($who, '/manage', port => $httpd->port));
}

sub start { $_[0]->start or die 'the server does not start: ', $_[0]->said, $_[0]->log }

sub on {
    my ($httpd, $code) = @_;
    return on_database($httpd->database, $code);
}

sub good { return use_key($_[1], $_[2] // '/v1/x', $_[0]->port) }

# What the database holds that a call could have changed.
sub everything {
    my ($httpd) = @_;
    return on($httpd, sub {
        my $db = db();
        return [map { $db->selectall_arrayref("SELECT * FROM $_ ORDER BY 1") } qw(api_keys audit_log change_counter key_changes)];
    });
}

# Every change of a key, each of one that is there.
sub changes {
    my ($key) = @_;
    return ([POST => '/keys', { name => 'x' }], [PATCH => "/keys/$key->{id}", { name => 'x' }],
        [POST => "/keys/$key->{id}/roll", { grace_seconds => 60 }], [DELETE => "/keys/$key->{id}"]);
}

sub is_unavailable {
    my ($answer, $name) = @_;
    return subtest $name => sub {
        is_refused $answer, 503, 'AUTH_UNAVAILABLE', qr/./, 'refused';
        like $answer->header('Retry-After'), qr/^[1-9]\d*$/, 'with Retry-After';
        unlike $answer->body, qr/tai_|tat_|\.db|sqlite|sql|dbname/i, 'no key, and nothing of the database';
    };
}

# A server of databases looks after its files itself.
sub is_whole {
    my ($httpd) = @_;
    return unless TaiDatabase::is_file();
    return is $httpd->database->handle->selectrow_array('PRAGMA integrity_check'), 'ok', 'the database is whole';
}

# --- a database that takes nothing ---------------------------------------------------------------

subtest 'a read-only database' => sub {
    my ($httpd, $ann) = server();
    my $key = create_key($ann);
    ok $httpd->stop, 'stopped';
    my $before = everything($httpd);
    $httpd->database->read_only;
    start($httpd);
    is_unavailable api($ann, @$_), "$$_[0] $$_[1]" for changes($key);
    is_done api($ann, GET => '/keys'), 200, 'the keys can be read';
    is good($httpd, $key), 503, 'and no key is answered: a server that cannot say what it has applied has no lease';
    like $httpd->log, qr/taiauth:error.*@{[$httpd->database->read_only_text]}/, 'the log says why';
    unlike $httpd->log, qr/tai_[0-9A-Za-z]{9}/, '... and shows no key';
    is_deeply everything($httpd), $before, 'nothing was changed';
    $httpd->database->writable;
    ok $httpd->stop, 'stopped';
    start($httpd);
    is good($httpd, create_key($ann)), 200, 'it may be written again: a key';
};

subtest 'a database that somebody else is writing' => sub {
    my ($httpd, $ann) = server();
    my $key = create_key($ann);
    on($httpd, \&settled); # while nobody can change anything, it goes on
    my $writer = $httpd->database->lock;
    is_unavailable api($ann, @$_), "$$_[0] $$_[1]" for (changes($key))[0]; # it waits for seconds
    is good($httpd, $key), 200, 'the key is good meanwhile';
    $writer->release;
    is_done api($ann, PATCH => "/keys/$key->{id}", { name => 'free again' }), 200, 'when he is done';
};

subtest 'whoever waits to write stands in no reader\'s way' => sub {
    my ($httpd, $ann) = server(conf => "DBDMax 1\n");
    my $key = create_key($ann);
    on($httpd, \&settled); # while nobody can change anything, it goes on
    my $writer = $httpd->database->lock;
    my @waiting = map { send_call($ann, POST => '/keys', { name => "waits $_" }) } 1 .. 8;
    is_deeply [map { good($httpd, $key) } 1 .. 20], [(200) x 20], 'the key is good, whichever child is asked';
    is api($ann, GET => '/keys')->status, 200, 'and the keys can be read';
    $writer->release;
    $_->read('POST') for @waiting;
};

subtest 'a database that is away' => sub {
    my ($httpd, $ann) = server();
    my $key = create_key($ann);
    $httpd->database->away;
    is_unavailable api($ann, @$_), "$$_[0] $$_[1]" for changes($key), [GET => '/keys'], [GET => '/audit'];
    $httpd->database->back;
    ok wait_for(sub { api($ann, GET => '/keys')->status == 200 }, 'the database to be found'), 'it is back';
};

# No file of this server may grow beyond that many blocks of 512 bytes: to write on is an error, as on
# a full disk. What grows first is the write-ahead log of the database.
subtest 'a full disk' => sub {
    of_files();
    my $blocks = 400;
    my ($httpd, $ann) = server(before_start => sub {
        my ($self) = @_;
        my $wrapper = $self->root . '/httpd.limited';
        open my $out, '>', $wrapper or die "$wrapper: $!";
        print $out "#!/bin/sh\nulimit -f $blocks\nexec '$self->{httpd}' \"\$@\"\n";
        close $out or die "$wrapper: $!";
        chmod 0755, $wrapper;
        @$self{qw(httpd unlimited)} = ($wrapper, $self->{httpd});
    });
    my $reader = on($httpd, sub { db() });
    $reader->do('BEGIN'); # holds the log back from being written into the database and begun anew
    $reader->selectrow_array('SELECT COUNT(*) FROM api_keys');

    my ($answer, @made);
    for (1 .. 500) {
        $answer = new_key($ann);
        last unless $answer->status == 201;
        push @made, data($answer);
        $answer = api($ann, DELETE => "/keys/$made[-1]{id}");
        last unless $answer->status == 200;
        $made[-1]{revoked} = 1;
    }
    cmp_ok scalar @made, '>', 0, 'it was not full at the beginning';
    is_unavailable $answer, 'full';
    is_unavailable new_key($ann), 'a key, on a full disk';
    $reader->do('ROLLBACK');
    $reader->disconnect;
    my $count = on($httpd, sub { db()->selectrow_array('SELECT COUNT(*) FROM api_keys') });
    is $count, scalar @made, 'there are the keys that were shown, and no other';
    is good($httpd, $_), $_->{revoked} ? 401 : 200, 'each as it was answered' for $made[0], $made[-1];
    like $httpd->log, qr/taiauth:error.*(?:full|disk)/i, 'the log says why';
    is_whole($httpd);

    ok $httpd->stop, 'stopped';
    $httpd->{httpd} = $httpd->{unlimited};
    start($httpd);
    is good($httpd, create_key($ann)), 200, 'there is room again: a key';
};

# --- a server that is killed ----------------------------------------------------------------------

subtest 'killed behind its answer' => sub {
    my ($httpd, $ann) = server(conf => "TaiAuthLease 1s\n"); # a revocation waits for that of the dead
    for my $round (1 .. 5) {
        my $answer = new_key($ann, { token => $round % 2 ? \1 : \0 });
        my @processes = ($httpd->pid, $httpd->children);
        kill KILL => @processes;
        wait_for(sub { !grep { kill 0 => $_ } @processes }, 'the server to be gone');
        is_done $answer, 201, "round $round: a key";
        start($httpd);
        my $key = data($answer);
        is request_pair($httpd, $key), 200, '... which is whole and good after the restart';
        is_done api($ann, DELETE => "/keys/$key->{id}"), 200, '... and can be revoked';
        my @processes_again = ($httpd->pid, $httpd->children);
        kill KILL => @processes_again;
        wait_for(sub { !grep { kill 0 => $_ } @processes_again }, 'the server to be gone');
        start($httpd);
        is request_pair($httpd, $key), 401, '... for good';
    }
    is_whole($httpd);
    my ($keys, $lines) = on($httpd, sub { map { db()->selectrow_array($_) } 'SELECT COUNT(*) FROM api_keys',
        "SELECT COUNT(*) FROM audit_log WHERE action = 'key.create'" });
    is $lines, $keys, 'each key has its line in the audit log';
};

sub request_pair {
    my ($httpd, $key) = @_;
    return good($httpd, $key, $key->{token} ? '/pair/x' : '/v1/x');
}

# --- what holds for the next request --------------------------------------------------------------

my ($httpd, $ann) = server();
my $key = on($httpd, sub { create_key($ann, scopes => ['programs:read', 'programs:write']) });

sub taictl_on {
    my (@args) = @_;
    return on($httpd, sub { taictl(@args) });
}

# The answer to a request with the key.
sub ask {
    my ($path) = @_;
    return $httpd->get($path // '/v1/x', { 'X-API-Key' => $key->{key} });
}

# The reason in the last of our lines in the log.
sub reason {
    my @lines = grep { /taiauth: refused / } split /\n/, $httpd->log;
    return ($lines[-1] // '') =~ /refused \d+ \w+: (\w+)/ ? $1 : '';
}

# command, path, code of its refusal, text of it, reason in the log; the way back
my @acts = (
    [[account => 'suspend', 'faults'], '/v1/x', 'ACCOUNT_SUSPENDED', qr/good standing/, 'account_suspended', [account => 'reinstate', 'faults']],
    [[user => 'disable', 'faults-admin'], '/v1/x', 'ACCOUNT_SUSPENDED', qr/good standing/, 'user_disabled', [user => 'enable', 'faults-admin']],
    [[account => 'set-plan', 'faults', 'free'], '/v1/write/x', 'INSUFFICIENT_SCOPE',
        qr/^The "programs:write" scope requires a Claimed or Pro plan\.$/, 'scope_not_in_plan', [account => 'set-plan', 'faults', 'claimed']],
);
for my $act (@acts) {
    my ($command, $path, $code, $text, $reason, $back) = @$act;
    subtest "@$command" => sub {
        is ask($path)->status, 200, 'before';
        taictl_on(@$command);
        my $answer = ask($path);
        is_refusal $answer, 403, $code, 'the next request';
        like $answer->json->{error}, $text, 'its text';
        is reason(), $reason, 'the log says which it was';
        taictl_on(@$back);
        is ask($path)->status, 200, 'taken back';
    };
}

subtest 'the management API says which it was' => sub {
    is_done api($ann, GET => '/keys'), 200, 'before';
    taictl_on(account => 'suspend', 'faults');
    is_refused new_key($ann), 403, 'ACCOUNT_SUSPENDED', qr/good standing/, 'suspended';
    taictl_on(account => 'reinstate', 'faults');
    taictl_on(user => 'disable', 'faults-admin');
    is_refused new_key($ann), 401, 'UNAUTHENTICATED', qr/./, 'disabled';
    taictl_on(user => 'enable', 'faults-admin');
    taictl_on(account => 'set-plan', 'faults', 'free');
    is_refused new_key($ann, { scopes => ['programs:write'] }), 403, 'PLAN_REQUIRED', qr/"programs:write"/, 'lowered';
    is_deeply data(api($ann, GET => "/keys/$key->{id}"))->{effective_scopes}, ['programs:read'], '... and shown with the key';
    taictl_on(account => 'set-plan', 'faults', 'pro');
    is_done new_key($ann), 201, 'all taken back';
};

subtest 'expired, to the second' => sub {
    my $end = int(time) + 3;
    my @t = gmtime $end;
    my $mortal = on($httpd, sub { create_key($ann,
        expires_at => sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0]) });
    my (@good, $bad);
    wait_for(sub {
        my $sent = time;
        my $status = good($httpd, $mortal);
        push @good, $sent if $status == 200;
        $bad = time if $status == 401;
        return $bad;
    }, 'the key to end');
    cmp_ok scalar @good, '>', 0, 'it was good';
    cmp_ok $good[-1], '<', $end, '... not after its end';
    cmp_ok $bad, '>=', $end, '... and bad not before it';
    is reason(), 'key_expired', 'the log says which it was';
    is data(api($ann, GET => "/keys/$mortal->{id}"))->{status}, 'expired', 'and so does the API';
};

subtest 'closed' => sub {
    is ask()->status, 200, 'before';
    taictl_on(account => 'close', 'faults', '--yes');
    is_refusal ask(), 403, 'ACCOUNT_SUSPENDED', 'the next request';
    is reason(), 'account_closed', 'the log says which it was';
    is_refused api($ann, GET => '/keys'), 403, 'ACCOUNT_SUSPENDED', qr/./, 'the management API';
};

done_testing;
