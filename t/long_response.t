# A response that takes its time ends when its key does: the connection is shut down, by whatever
# handler and protocol it is sent. Others go on to their end.
use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use Test::More;
use Time::HiRes qw(sleep);
use TaiGate;
use TaiGated;
use TaiHttp;
use TaiTest;

my %places = (
    '/v1'    => "    TaiAuth On\n    TaiAuthScope GET programs:read\n",
    '/write' => "    TaiAuth On\n    TaiAuthScope GET programs:write\n",
    '/dry'   => "    TaiAuth On\n    TaiAuthScope GET programs:write\n    TaiAuthDryRun scope\n",
);
my $server = TaiGate->server(places => \%places, conf => <<"CGI" . <<'CONF');
ScriptAlias /v1/nph "@{[var('serverroot')]}/cgi/nph-gate.pl"
CGI
Protocols h2c http/1.1
LogLevel taiauth:info
ProxyPass /ws ws://127.0.0.1:@backend@/
ProxyPass /upgrade http://localhost:@backend@/ upgrade=websocket
<LocationMatch "^/(ws|upgrade)">
    TaiAuth On
</LocationMatch>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
my $httpd = $server->start->httpd;

my $accounts = 0;

sub fresh {
    my (%want) = @_;
    return on_database($httpd->database, sub {
        my $name = make_account('long-' . ++$accounts, %want);
        return { account => $name, make_key($name, %want)->%* };
    });
}

sub with { return { 'X-API-Key' => $_[0]{key} } }
sub tool { my @args = @_; return on_database($httpd->database, sub { taictl(@args) }) }
sub revoke { return tool(key => 'revoke', $_[0]{id}) }

# How many responses are on the list now.
sub listed { return $server->metric('long_responses') }

# --- downloads ------------------------------------------------------------------------------------

# A download of a big body that has begun: its head is read.
sub download {
    my ($path, $key) = @_;
    my ($query) = $server->query('big');
    my $connection = TaiHttp->new($httpd->port);
    $connection->send(TaiHttp::bytes(GET => "$path?$query", with($key), undef, 'close'));
    my $answer = $connection->{answer} = TaiHttp::Response->parse($connection->take_head);
    is $answer->status, 200, "$path: a download has begun";
    return $connection;
}

# What comes yet, to the end of the connection, however that comes about.
sub rest {
    my ($connection) = @_;
    my $bytes = '';
    while (1) {
        my $n = sysread $connection->socket, my $piece, 1 << 20;
        last unless $n;
        $bytes .= $piece;
    }
    return $connection->take(length $connection->{buffer}) . $bytes;
}

# The server has ended a response before its end: the connection is closed, which costs the server no
# byte more than what was on its way already.
sub is_cut {
    my ($connection, $name) = @_;
    my $bytes = eval { local $SIG{ALRM} = sub { die "silent\n" }; alarm 30; my $rest = rest($connection); alarm 0; $rest };
    alarm 0;
    ok defined $bytes, "$name: its connection is shut down";
    cmp_ok length($bytes // ''), '<', $TaiGated::BIG, "$name: before its end";
    return;
}

# It goes on to its end.
sub is_whole {
    my ($connection, $name) = @_;
    my $body = eval { $connection->take_body($connection->{answer}) } // $@;
    is length $body, $TaiGated::BIG, "$name: goes on to its end";
    ok $body eq TaiGated::big_bytes(), '... with the right bytes';
    return;
}

for my $path (qw(/v1/big.bin /v1/cgi /v1/proxied)) {
    my ($key, $other) = (fresh(), fresh());
    my ($mine, $second, $theirs) = map { download($path, $_) } $key, $key, $other;
    wait_for(sub { listed() >= 3 }, 'three on the list');
    my $cut = $server->metric('responses_cut_total');
    revoke($key);
    wait_for(sub { $server->metric('responses_cut_total') == $cut + 2 }, 'two to be cut off');
    is_cut($_, $path) for $mine, $second;
    is_whole($theirs, "$path: that of another key");
    wait_for(sub { listed() == 0 }, 'the list to be empty');
    my $lines = () = $httpd->log =~ /\[taiauth:info\].* taiauth: cut off INVALID_API_KEY: key_revoked, key \Q$key->{prefix}\E/g;
    is $lines, 2, "$path: a line in the log for each";
}

# What is as good as before is not cut, whatever else changes.
{
    my $key = fresh();
    my $download = download('/v1/big.bin', $key);
    revoke(fresh()) for 1 .. 2;
    on_database($httpd->database, sub { db()->do('UPDATE plans SET title = title') });
    wait_for(sub { $server->in_force }, 'the change to be in force');
    is_whole($download, 'a download whose key was not concerned by the changes');
}

# In SQL, a suspended account, a plan that grants a scope no more.
for my $row (
    ['SQL', sub { my ($key) = @_; on_database($httpd->database, sub { db()->do('UPDATE api_keys SET revoked_at = 1 WHERE id = ?', undef, $key->{id}) }) }],
    ['a suspended account', sub { tool(account => 'suspend', $_[0]{account}) }],
    ['another plan', sub { tool(account => 'set-plan', $_[0]{account}, 'free') }],
) {
    my ($what, $change) = @$row;
    my $key = fresh(plan => 'pro', scopes => ['programs:read', 'programs:write']);
    my $download = download('/write/big.bin', $key);
    my ($reading, $dry) = $what eq 'another plan' ? map { download("/$_/big.bin", $key) } qw(v1 dry) : ();
    my $cut = $server->metric('responses_cut_total');
    $change->($key);
    wait_for(sub { $server->metric('responses_cut_total') == $cut + 1 }, "$what to be noticed");
    is_cut($download, $what);
    for my $connection (grep { $_ } $reading, $dry) {
        is_whole($connection, "$what: that of a place that it does not concern");
    }
}

# --- streams of few bytes -------------------------------------------------------------------------

for my $by (qw(cgi proxied)) {
    my ($key, $other) = (fresh(), fresh());
    my ($mine, $theirs) = map { $server->begin(GET => "/v1/$by", 'stream', with($_)) } $key, $other;
    for my $flight ($mine, $theirs) {
        is(TaiHttp::Response->parse($flight->connection->take_head)->status, 200, "$by: a stream has begun");
    }
    revoke($key);
    is_cut($mine->connection, "$by: a stream");
    $theirs->open_gate;
    like rest($theirs->connection), qr/tick\n.*end\n/s, "$by: that of another key ends well";
    $mine->open_gate;
}
wait_for(sub { listed() == 0 }, 'the list to be empty');

# --- a CGI that writes to the connection itself ----------------------------------------------------

# No filter sees it begin: it is on the list from before.
for my $word (qw(before stream)) {
    my ($key, $other) = (fresh(), fresh());
    my ($mine, $theirs) = map { $server->begin(GET => '/v1/nph', $word, with($_)) } $key, $other;
    is listed(), 2, "nph, $word: two on the list";
    my $cut = $server->metric('responses_cut_total');
    revoke($key);
    wait_for(sub { $server->metric('responses_cut_total') == $cut + 1 }, "nph, $word: one to be cut off");
    my $rest = rest($mine->connection);
    $_->open_gate for $mine, $theirs;
    unlike $rest, qr/"balance"|end\n/, "nph, $word: cut off before its end";
    like rest($theirs->connection), qr/"balance"|end\n/, '... that of another key goes on';
    wait_for(sub { listed() == 0 }, 'the list to be empty');
    is $server->begin(GET => '/v1/nph', 'before', with($other))->land->json->{balance}, 42, '... and answers the next';
    is_refusal $httpd->get('/v1/nph?before&none', with($key)), 401, 'INVALID_API_KEY', '... the revoked one no more';
    wait_for(sub { listed() == 0 }, 'the list to be empty');
}

# --- upgraded connections -------------------------------------------------------------------------

for my $path (qw(/ws /upgrade)) {
    my ($key, $other) = (fresh(), fresh());
    my ($mine, $theirs) = map { websocket($path, $_) } $key, $other;
    revoke($key);
    is_cut($mine, $path);
    is says($theirs, 'again'), 'again', "$path: that of another key goes on";
    $theirs->close;
    my $refused = upgrade($path, $key)->read('GET');
    is_refusal $refused, 401, 'INVALID_API_KEY', "$path: an upgrade with a revoked key";
}
wait_for(sub { listed() == 0 }, 'the list to be empty');

sub upgrade {
    my ($path, $key) = @_;
    my ($query) = $server->query('echo');
    my $connection = TaiHttp->new($httpd->port);
    return $connection->send(TaiHttp::bytes(GET => "$path/?$query", { %{with($key)}, Upgrade => 'websocket',
        Connection => 'Upgrade', 'Sec-WebSocket-Key' => 'x', 'Sec-WebSocket-Version' => 13 }));
}

# A connection upgraded to one that echoes.
sub websocket {
    my ($path, $key) = @_;
    my $connection = upgrade($path, $key);
    is $connection->read('GET')->status, 101, "$path: upgraded";
    is says($connection, 'hello'), 'hello', '... to one that echoes';
    return $connection;
}

sub says {
    my ($connection, $word) = @_;
    $connection->send("$word\n");
    return $connection->take(length $word) . ($connection->take(1) eq "\n" ? '' : '?');
}

# --- HTTP/2 ---------------------------------------------------------------------------------------

SKIP: {
    skip 'mod_http2 does not work under prefork', 1 if var('mpm') eq 'prefork';
    for my $path (qw(/v1/big.bin /v1/cgi /v1/proxied)) {
        my ($key, $other) = (fresh(), fresh());
        my @downloads = map { h2_download($path, $_) } $key, $other;
        revoke($key);
        my ($mine, $theirs) = map { $_->() } @downloads;
        isnt $mine->{status}, 0, "$path over HTTP/2: the client is told that it broke off";
        cmp_ok $mine->{size}, '<', $TaiGated::BIG, '... before its end';
        is $theirs->{status}, 0, '... that of another key goes on';
        is $theirs->{size}, $TaiGated::BIG, '... to its end';
    }
    wait_for(sub { listed() == 0 }, 'the list to be empty');
}

# A slow download by curl that has begun; returns how to wait for its end.
sub h2_download {
    my ($path, $key) = @_;
    my ($query, $gate) = $server->query('big');
    my $file = "$gate.body";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        exec 'curl', '-sS', '--http2-prior-knowledge', '--limit-rate', '8M', '--output', $file,
            '--header', "X-API-Key: $key->{key}", 'http://127.0.0.1:' . $httpd->port . "$path?$query";
    }
    wait_for(sub { -s $file }, "$path to begin");
    return sub {
        waitpid $pid, 0;
        return { status => $? >> 8, size => -s $file };
    };
}

# --- a database that is away ----------------------------------------------------------------------

{
    my $key = fresh();
    my $flight = $server->begin(GET => '/v1/cgi', 'stream', with($key));
    is(TaiHttp::Response->parse($flight->connection->take_head)->status, 200, 'a stream has begun');
    my $failures = $server->metric('sync_failures_total');
    $httpd->database->away;
    wait_for(sub { $server->metric('sync_failures_total') > $failures + 2 }, 'the database to be missed');
    $httpd->database->back;
    $flight->open_gate;
    like rest($flight->connection), qr/tick\n.*end\n/s, 'a stream goes on while the database is away';
    my $lines = () = $httpd->log =~ /taiauth: what has changed of keys cannot be read: /g;
    is $lines, 1, 'it is said once that it is away';
    wait_for(sub { $httpd->log =~ /taiauth: what has changed of keys can be read again/ }, 'that it is back to be said');
}

# --- restarts and stops ---------------------------------------------------------------------------

{
    my ($key, $other) = (fresh(), fresh());
    my ($mine, $theirs) = map { $server->begin(GET => '/v1/cgi', 'stream', with($_)) } $key, $other;
    is(TaiHttp::Response->parse($_->connection->take_head)->status, 200, 'a stream has begun') for $mine, $theirs;
    ok $httpd->graceful, 'a graceful restart';
    revoke($key);
    is_cut($mine->connection, 'a stream of a child of the generation before');
    $theirs->open_gate;
    like rest($theirs->connection), qr/tick\n.*end\n/s, '... another one ends well';
    $mine->open_gate;

    my $last = $server->begin(GET => '/v1/cgi', 'stream', with($other));
    kill TERM => $httpd->pid or die "kill: $!";
    ok $httpd->stop, 'a stop with a response on the list';
    unlike $httpd->log, qr/sending a SIGKILL/, '... in good order';
    $last->open_gate;
}

done_testing;
