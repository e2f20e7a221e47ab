# A server is a node of its database from its first sync to its orderly end: a revocation need not
# wait for one that has been stopped. Restarts keep it; one that was killed is left for its lease.
use strict;
use warnings;

use Sys::Hostname 'hostname';
use Test::More;
use TaiHttpd;
use TaiProcess;
use TaiTest;

my $conf = <<'CONF';
TaiAuthSyncInterval 100ms
TaiAuthLease 1s
<Location /v1>
    TaiAuth On
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
my $httpd = TaiHttpd->new(conf => $conf);
$httpd->place('v1');
my $key = on_database($httpd->database, sub { make_key(make_account('acme')) });

# The nodes of the database: id => lease in ms.
sub nodes {
    return on_database($httpd->database, sub { +{ map { @$_ } db()->selectall_arrayref('SELECT id, lease_ms FROM nodes')->@* } });
}

# A column of its one node's row.
sub row {
    my ($column) = @_;
    return on_database($httpd->database, sub { scalar db()->selectrow_array("SELECT $column FROM nodes") });
}

sub ask { return $httpd->get('/v1/x.html', { 'X-API-Key' => $key->{key} })->status }

# Its one node; waits until it has registered.
sub registered {
    my $nodes = wait_for(sub { my $nodes = nodes(); keys %$nodes == 1 && $nodes }, 'the node to register');
    return (%$nodes)[0];
}

sub start { $httpd->start or die 'it would not start: ', $httpd->said, $httpd->log }

# --- a configuration that is tried ---------------------------------------------------------------

ok $httpd->test, 'httpd -t';
is_deeply nodes(), {}, '... is no node';

# --- start, restart, stop -------------------------------------------------------------------------

start();
my $id = registered();
like $id, qr/^[0-9a-f]{32}$/, 'a start registers, without any request';
is nodes()->{$id}, 1000, '... with the lease of the configuration';
is ask(), 200, 'it answers';

# --- what it says for people ----------------------------------------------------------------------

my $name = (hostname() =~ s/[^A-Za-z0-9._-]/?/gr) . ':' . $httpd->port;
is row('name'), $name, 'the node has the name of its host and its port';
cmp_ok abs(row('synced_at') - row('registered_at')), '<', 60, '... and says when it has synced';
{
    my $told = sub { on_database($httpd->database, sub { db()->do('UPDATE nodes SET synced_at = 1, name = NULL') }) };
    $told->();
    ok wait_for(sub { row('synced_at') > 1 }, 'the next note'), 'again and again';
    is row('name'), $name, '... with its name';
    is_deeply [keys %{nodes()}], [$id], '... and is the same';
}

ok $httpd->test, 'httpd -t beside it';
is_deeply [keys %{nodes()}], [$id], '... leaves the node alone';
for (1 .. 2) {
    ok $httpd->graceful, 'a graceful restart';
    is ask(), 200, '... it answers';
    is_deeply [keys %{nodes()}], [$id], '... the node is the same';
}
{
    my $before = $httpd->generation;
    kill HUP => $httpd->pid or die "kill: $!";
    wait_for(sub { ($httpd->generation // -1) > $before }, 'the restart');
    is ask(), 200, 'a restart: it answers';
    is_deeply [keys %{nodes()}], [$id], '... the node is the same';
}
kill KILL => ($httpd->children)[0] or die "kill: $!";
is ask(), 200, 'a child is killed: it answers';
is_deeply [keys %{nodes()}], [$id], '... the node is the same';

$httpd->configure($conf =~ s/Lease 1s/Lease 2s/r);
ok $httpd->graceful, 'another lease';
wait_for(sub { my ($lease) = values %{nodes()}; keys %{nodes()} == 1 && $lease == 2000 }, 'it to be in force');
isnt registered(), $id, '... is another registration';

ok $httpd->stop, 'a stop';
is_deeply nodes(), {}, '... is the end of the node';
$httpd->configure($conf);

start();
registered();
kill TERM => my $parent = $httpd->pid or die "kill: $!";
wait_for(sub { !runs($parent) }, 'the end');
is_deeply nodes(), {}, 'so is one at once';

# --- killed ---------------------------------------------------------------------------------------

start();
my $dead = registered();
kill_all();
is_deeply [keys %{nodes()}], [$dead], 'a server that was killed is still a node';
start();
wait_for(sub { keys %{nodes()} == 2 }, 'the next start to register');
is ask(), 200, 'the next start is another one, and answers';
my ($status, $said) = on_database($httpd->database, sub { taictl_status(undef, key => 'revoke', $key->{id}) });
is $status, 0, 'a revocation';
like $said, qr/in force on 1 of 2 nodes; \Q$name\E did not answer; it stopped honouring keys when its lease ended$/m,
    '... waits for the dead one, and names it';
is ask(), 401, '... and is in force';
ok !exists nodes()->{$dead}, '... which is struck off';

# The parent first: it would start others. Whoever is to ask for its end may be slow, and as long its
# pid in the file is taken for a server that runs.
sub kill_all {
    my $parent = $httpd->pid;
    my @all = ($parent, $httpd->children);
    kill STOP => $parent;
    @all = ($parent, map { $_->{pid} } child_processes($parent));
    kill KILL => @all;
    wait_for(sub { !grep { runs($_) } @all }, 'their end');
    unlink $httpd->root . '/logs/httpd.pid';
    return;
}

# --- a database that does not let go ---------------------------------------------------------------

{
    my $lock = $httpd->database->lock;
    my $parent = $httpd->pid;
    my $log = length $httpd->log;
    kill WINCH => $parent or die "kill: $!";
    wait_for(sub { !runs($parent) }, 'the end', 60);
    # whichever comes first: the end's own time, or that of a statement that waits for a lock
    like substr($httpd->log, $log), qr/this node cannot be signed off, .*(?:no answer within 2000 ms|lock(?: wait)? timeout|statement timeout|max_statement_time)/i,
        'a locked database does not hold up a stop';
    $lock->release;
    # a server does what it was asked for when nobody waits for that any more
    is scalar keys %{nodes()}, 1, '... the node is left for its lease' if TaiDatabase::is_file();
}
{
    $httpd->database->away;
    $httpd->configure($conf);
    $httpd->database->back;
    my %before = %{nodes()};
    start();
    wait_for(sub { grep { !$before{$_} } keys %{nodes()} }, 'the next one to register');
    $httpd->database->away;
    my $log = length $httpd->log;
    ok $httpd->stop, 'nor does one that is away';
    # a child may have found that out a moment before
    like substr($httpd->log, $log), qr/this node cannot be signed off, .*(?:@{[$httpd->database->away_text]}|gave no answer a moment ago)/,
        '... the log says so';
    $httpd->database->back;
}

done_testing;
