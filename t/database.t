# The key database while the server runs: gone, replaced, locked, broken, read-only, of another
# schema. What cannot be asked is 503, no failure of the client's, and over once it is mended; what is
# remembered is answered as long as the lease runs.
use strict;
use warnings;

use File::Copy qw(copy);
use Test::More;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiTest;

my $conf = <<'CONF';
TaiAuthSharedMemory 16M
TaiAuthSyncInterval 100ms
TaiAuthLease 1s
<Location /api>
    TaiAuth On
    TaiAuthLockout 3/300s 900s
</Location>
<Location /analytics>
    TaiAuth On
    TaiAuthScope analytics:read
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

# A server of its own with an account of the plan pro and two keys.
sub server {
    my (%want) = @_;
    my $httpd = TaiHttpd->new(conf => $conf);
    $httpd->place(qw(api analytics));
    my @keys = on_database($httpd->database, sub {
        make_account('acme', plan => 'pro');
        map { make_key('acme', scopes => ['programs:read', 'analytics:read']) } 1, 2;
    });
    settle($httpd->database) if TaiDatabase::is_file();
    $want{before_start}->($httpd) if $want{before_start};
    $httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
    return ($httpd, @keys);
}

sub write_file {
    my ($path, $bytes) = @_;
    open my $out, '>', $path or die "$path: $!";
    print $out $bytes;
    close $out or die "$path: $!";
    return;
}

# Everything into the one file, so that it can be copied alone.
sub settle {
    my ($file) = @_;
    my $handle = $file->handle;
    $handle->do('PRAGMA wal_checkpoint(TRUNCATE)');
    $handle->disconnect;
    return;
}

# Another file in the place of this one. What SQLite keeps beside a file goes away with it, and while
# none is there: else it would be taken for the new one's, by processes that have it mapped.
sub replace {
    my ($path, $new) = @_;
    for my $old (map { "$path$_" } '', '-wal', '-shm') {
        rename $old, "$old.former" or $!{ENOENT} or die "$old: $!";
    }
    rename $new, $path or die "$new: $!";
    return;
}

sub ask {
    my ($httpd, $key, $path) = @_;
    return $httpd->get($path || '/api/x.html', { 'X-API-Key' => ref $key ? $key->{key} : $key });
}

# The statuses of several requests, each on a connection of its own: both children get some.
sub statuses {
    my ($httpd, $key, $path) = @_;
    my %seen = map { ask($httpd, $key, $path)->status => 1 } 1 .. 8;
    return join ' ', sort keys %seen;
}

sub is_unavailable {
    my ($httpd, $key, $name) = @_;
    my $answer = ask($httpd, $key);
    is_refusal $answer, 503, 'AUTH_UNAVAILABLE', $name;
    like $answer->header('Retry-After'), qr/^[1-9]\d*$/, "$name: with Retry-After";
}

sub metric {
    my ($httpd, $name) = @_;
    return $httpd->get('/metrics')->body =~ /^taiauth_\Q$name\E (\d+)$/m ? $1 : undef;
}

# Wait until all of several requests come to this.
sub comes_to {
    my ($httpd, $key, $status, $name) = @_;
    return ok wait_for(sub { statuses($httpd, $key) eq $status }, "$name: $status"), "$name: $status";
}

# While the database is away, more failing requests than the lockout allows, good keys and bad;
# once it is back, nobody is locked out and everything is as it was.
sub is_bridged {
    my ($httpd, $good, $name, $break, $mend) = @_;
    my $unknown = unknown_key();
    my $complaints = () = $httpd->log =~ /taiauth:error/g;
    $break->();
    is_unavailable $httpd, $unknown, "$name: an unknown key";
    comes_to $httpd, $good, '503', "$name: a good key, when the lease is over";
    is_unavailable $httpd, $good, "$name: a good key";
    is statuses($httpd, $unknown), '503', "$name: never 401, however often";
    is $httpd->get('/index.html')->status, 404, "$name: open locations do not need it";
    is metric($httpd, 'lockouts{table="clients"}'), 0, "$name: no lockout";
    cmp_ok scalar(() = $httpd->log =~ /taiauth:error/g), '>', $complaints, "$name: the log says it";
    $mend->();
    comes_to $httpd, $good, '200', "$name: mended, a good key";
    is ask($httpd, $unknown)->status, 401, "$name: mended, an unknown key is refused";
    is metric($httpd, 'locks_started_total'), 0, "$name: no failure was counted";
    unlike $httpd->log, qr/exit signal/, "$name: no child died";
}

subtest 'moved away' => sub {
    my ($httpd, $key) = server();
    my $database = $httpd->database;
    is statuses($httpd, $key), '200', 'before';
    is_bridged($httpd, $key, 'gone', sub { $database->away }, sub {
        ok !-e $database->path, 'nobody made a new one' if TaiDatabase::is_file();
        $database->back;
    });
    like $httpd->log, $database->away_text, 'the log says why';
};

subtest 'its server is stopped' => sub {
    of_servers();
    my ($httpd, $key) = server();
    is statuses($httpd, $key), '200', 'before';
    is_bridged($httpd, $key, 'stopped', \&TaiDatabase::stop_for_now, \&TaiDatabase::go_on);
    ok wait_for(sub { request('smoke', GET => '/protected/x', { 'X-API-Key' => unknown_key() })->status == 401 }, 'the others'),
        'it is so for every server';
};

subtest 'replaced, as by a restore' => sub {
    of_files();
    my ($httpd, $first, $second) = server();
    my $path = $httpd->database->path;
    is statuses($httpd, $first), '200', 'before';
    copy($path, "$path.new") or die "copy: $!";
    my $restored = TaiDatabase->new("$path.new");
    on_database($restored, sub { taictl(key => 'revoke', $first->{id}) });
    settle($restored);
    replace($path, "$path.new");
    my $place = '/analytics/x.html'; # no lockout there
    ok wait_for(sub { statuses($httpd, $first, $place) eq '401' }, 'the new file to be read'), 'a key that the new file has revoked';
    is statuses($httpd, $second, $place), '200', 'one that it has not';
};

subtest 'locked' => sub {
    my ($httpd, $key) = server(before_start => sub { $_[0]->database->make_lockable });
    is statuses($httpd, $key), '200', 'before';
    my $unknown = unknown_key();
    # so that the node has nothing to write, for which it would take the lock itself
    on_database($httpd->database, \&settled);
    my $lock = $httpd->database->lock('all');
    is_unavailable $httpd, $unknown, 'locked: an unknown key';
    comes_to $httpd, $key, '503', 'locked: a good key, when the lease is over';
    is_unavailable $httpd, $key, 'locked: a good key';
    $lock->release;
    comes_to $httpd, $key, '200', 'unlocked: a good key';
    is ask($httpd, $unknown)->status, 401, 'unlocked: an unknown key';
    is metric($httpd, 'locks_started_total'), 0, 'no failure was counted';
};

subtest 'a writer at work' => sub {
    my ($httpd, $key) = server();
    my $writer = $httpd->database->handle;
    is statuses($httpd, $key), '200', 'before';
    $writer->begin_work;
    $writer->do("UPDATE accounts SET status = 'suspended'");
    is statuses($httpd, $key), '200', 'does not hold up readers; what it has not committed does not hold';
    $writer->commit;
    on_database($httpd->database, \&settled);
    is statuses($httpd, $key), '403', 'what it has committed does';
};

my %broken = (
    'no database at all' => sub { 'x' x length $_[0] },
    'cut short'          => sub { substr $_[0], 0, 8192 },
);
for my $name (sort keys %broken) {
    subtest $name => sub {
        of_files();
        my ($httpd, $key) = server();
        my $path = $httpd->database->path;
        my $good = do { open my $in, '<:raw', $path or die "$path: $!"; local $/; <$in> };
        my $put = sub { write_file("$path.new", $_[0]); replace($path, "$path.new") };
        is statuses($httpd, $key), '200', 'before';
        is_bridged($httpd, $key, $name, sub { $put->($broken{$name}->($good)) }, sub { $put->($good) });
    };
}

subtest 'read-only' => sub {
    my ($httpd, $key) = server(before_start => sub { $_[0]->database->read_only });
    is_unavailable $httpd, $_, 'a server that cannot say what it has applied has no lease' for $key, unknown_key();
    like $httpd->log, qr/taiauth:error.*@{[$httpd->database->read_only_text]}/, 'the log says why';
    $httpd->database->writable;
    comes_to $httpd, $key, '200', 'mended, a good key';
};

subtest 'another schema, or none, at a restart' => sub {
    my ($httpd, $key) = server();
    my $database = $httpd->database;
    my ($needed) = $database->handle->selectrow_array('SELECT MAX(version) FROM schema_version');
    my $version = sub { my ($from, $to) = @_; $database->handle->do('UPDATE schema_version SET version = ? WHERE version = ?', undef, $to, $from) };
    my $restart = sub { ok $httpd->graceful, 'the server goes on' or diag $httpd->log };

    is_bridged($httpd, $key, 'newer schema', sub { $version->($needed, 99); $restart->() }, sub { $version->(99, $needed) });
    like $httpd->log, qr/schema version 99.*until then every request with a key gets 503/, 'the log says it';
    is_bridged($httpd, $key, 'absent', sub { $database->away; $restart->() }, sub { $database->back });
    like $httpd->log, qr/@{[$database->away_text]}.*until then every request with a key gets 503/, 'the log says it';
};

subtest 'no write on the request path' => sub {
    my ($httpd, $key) = server();
    my $unknown = unknown_key();
    statuses($httpd, $_) for $key, $unknown; # what opening a connection may leave behind is there
    # what the watchdog writes has a test of its own: last_used.t
    $httpd->database->refuse_rows(key_usage => 'not now');
    my $state = $httpd->database->watch;
    # what is done from time to time may write in between, but not each time
    my $before;
    my $unchanged = sub {
        $before = join ' ', @{$state->()};
        for my $path ('/api/x.html', '/analytics/x.html') {
            statuses($httpd, $_, $path) for ($key, $unknown, 'garbage') x 4;
        }
        return $before eq join ' ', @{$state->()};
    };
    ok wait_for($unchanged, 'requests behind which the database is what it was', 60), 'it is what it was';
    taictl_on($httpd, key => 'revoke', $key->{id});
    isnt join(' ', @{$state->()}), $before, 'which would have been noticed';
};

sub taictl_on {
    my ($httpd, @args) = @_;
    return on_database($httpd->database, sub { taictl(@args) });
}

subtest 'taictl acts on the next request' => sub {
    my ($httpd, $key, $other) = server();
    my $place = '/analytics/x.html';
    my @steps = (
        ['in the plan', undef, 200],
        ['set-plan free', [account => 'set-plan', 'acme', 'free'], 403, 'INSUFFICIENT_SCOPE'],
        ['set-plan pro', [account => 'set-plan', 'acme', 'pro'], 200],
        ['suspend', [account => 'suspend', 'acme'], 403, 'ACCOUNT_SUSPENDED'],
        ['reinstate', [account => 'reinstate', 'acme'], 200],
        ['revoke', [key => 'revoke', $key->{id}], 401, 'INVALID_API_KEY'],
    );
    for my $step (@steps) {
        my ($name, $command, $status, $code) = @$step;
        taictl_on($httpd, @$command) if $command;
        is statuses($httpd, $key, $place), $status, $name;
        is_refusal ask($httpd, $key, $place), $status, $code, "$name: $code" if $code;
    }
    is statuses($httpd, $other, $place), '200', 'another key of the account is not revoked with it';
    taictl_on($httpd, user => 'disable', 'acme-admin');
    is_refusal ask($httpd, $other, $place), 403, 'ACCOUNT_SUSPENDED', 'the user is disabled';
};

done_testing;
