use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IPC::Open3 'open3';
use Symbol 'gensym';
use Taictl;
use Test::More;
use Time::HiRes qw(sleep time);

# Nodes as the database has them: what taictl makes of their rows, whoever wrote them. Here nobody
# runs: a row that is up to date is one that says so beforehand.
new_database();
done('an account', 'account', 'add', 'acme', '--plan', 'claimed');
done('a user', 'user', 'add', 'acme', 'ann', '--no-password');

my $ahead = 1_000_000;

# A row; returns its id. Named: name and synced_at.
sub node {
    my ($digit, $applied, $lease, %its) = @_;
    my $id = $digit x 32;
    database()->do('INSERT INTO nodes (id, lease_ms, applied_seq, registered_at, name, synced_at) VALUES (?, ?, ?, ?, ?, ?)',
        undef, $id, $lease // 1000, $applied, 1_700_000_000 + ord $digit, @its{'name', 'synced_at'});
    return $id;
}

sub node_ids { return [map { $_->[0] } @{database()->selectall_arrayref('SELECT id FROM nodes ORDER BY id')}] }

# What is told as JSON: on how many nodes of how many, and who was silent.
sub told {
    my ($applied, $of, @silent) = @_;
    return { applied => $applied, of => $of, silent => scalar @silent, silent_nodes => \@silent };
}

sub key { return json_of('key', 'create', 'acme', '--name', 'x') }

# --- the list -----------------------------------------------------------------------------------

is_deeply json_of('nodes'), [], 'none';
is done('nodes', 'nodes')->{out}, "NAME  STATE  LAST SYNC  APPLIED  LEASE  REGISTERED  ID\n", '... as a table';
my ($counter) = database()->selectrow_array('SELECT seq FROM change_counter');
cmp_ok $counter, '>', 1, 'there are changes';
my @ids = (node('a', $counter, 10_000, name => 'web1:443', synced_at => 1_700_000_100), node('b', $counter - 1),
    node('c', $ahead, 1000, synced_at => int time), node('d', -1, 1500, synced_at => 100 + int time));
my @listed = sort { $a->{id} cmp $b->{id} } @{json_of('nodes')};
is_deeply [map { $_->{id} } @listed], \@ids, 'all of them';
is_deeply [map { $_->{behind} } @listed], [0, 1, 0, $counter], 'how far each is behind';
my $ago = delete $listed[0]{synced_ago};
cmp_ok abs($ago - (time - 1_700_000_100)), '<', 60, 'how long ago it synced, in seconds';
is_deeply $listed[0], { id => $ids[0], name => 'web1:443', state => 'silent', synced_at => '2023-11-14T22:15:00Z',
    lease_ms => 10_000, wait_ms => 12_000, applied => $counter, of => $counter, behind => 0,
    registered_at => '2023-11-14T22:14:57Z' }, 'the members of each';
is_deeply [map { $_->{name} } @listed[1 .. 3]], [(undef) x 3], 'they may have no name';
is_deeply [map { $_->{state} } @listed], ['silent', 'silent', 'following', 'following'], 'who is following';
is_deeply [map { $_->{wait_ms} } @listed], [12_000, 1200, 0, 0], 'how long each would be waited for';
is $listed[1]{synced_at}, undef, 'one that has never said that it syncs';
is $listed[3]{synced_ago}, 0, 'one whose clock is ahead';
my $table = done('nodes', 'nodes')->{out};
like $table, qr/^web1:443  silent: would be waited for, 12 s +2023-11-14T22:15:00Z, \d{4} d ago +$counter of $counter +10 s +2023-11-14T22:14:57Z  a{32}$/m,
    'as a table';
like $table, qr/^- +silent: would be waited for, 1\.2 s +- +@{[$counter - 1]} of $counter +1 s +\S+  b{32}$/m, '... without a name';
like $table, qr/^- +following +\S+Z, \d s ago +$ahead of $counter +1 s +\S+  c{32}$/m, '... that follows';
database()->do('DELETE FROM nodes');

# --- what is told -------------------------------------------------------------------------------

my $none = '; no node is running';
is substr(done('nobody to tell', 'user', 'disable', 'ann')->{out}, -1 - length $none), "$none\n", 'no node';
is_deeply json_of('user', 'enable', 'ann')->{nodes}, told(0, 0), '... as JSON';
node('a', $ahead);
like done('one to tell', 'account', 'suspend', 'acme')->{out}, qr/; in force on 1 of 1 node$/, 'one node';
node('b', $ahead);
node('c', 0);
my $began = time;
like done('one is silent', 'account', 'reinstate', 'acme')->{out},
    qr/; in force on 2 of 3 nodes; c{32} did not answer; it stopped honouring keys when its lease ended$/, 'three, one of them silent';
cmp_ok time - $began, '>=', 1.2, 'it was waited for for longer than its lease';
is_deeply node_ids(), ['a' x 32, 'b' x 32], '... and is gone';
node('c', 0, 1000, name => 'web3:443');
node('d', 0, 1000, name => "web4\n\e[2J");
like done('two are silent', 'account', 'set-plan', 'acme', 'pro')->{out},
    qr/; in force on 2 of 4 nodes; web3:443, web4\\x0a\\x1b\[2J did not answer; they stopped honouring keys when their leases ended$/, 'several';
is_deeply json_of('account', 'set-plan', 'acme', 'pro')->{nodes}, told(2, 2), 'nobody waits for them twice';

# Every command that alters what a key may do.
my ($first, $second, $third) = map { key() } 1 .. 3;
my @commands = (['key', 'revoke', $first->{id}], ['key', 'revoke', $first->{id}],
    ['key', 'roll', $second->{id}, '--grace', '0'], ['key', 'roll', $third->{id}, '--grace', '1h'],
    ['account', 'set-plan', 'acme', 'free'], ['account', 'suspend', 'acme'], ['account', 'suspend', 'acme'],
    ['account', 'reinstate', 'acme'], ['user', 'disable', 'ann'], ['user', 'enable', 'ann'],
    ['account', 'close', 'acme', '--yes']);
for my $command (@commands) {
    node('c', -1, 1000, name => 'web3:443');
    is_deeply json_of(@$command)->{nodes}, told(2, 3, 'web3:443'), "@$command waits";
}

# --- where it cannot be told --------------------------------------------------------------------

new_database();
done('an account', 'account', 'add', 'acme', '--plan', 'claimed');
done('a user', 'user', 'add', 'acme', 'ann', '--no-password');

# Run a command that waits for a silent node until it has made its change, then take the nodes away.
sub cut_off {
    my ($changed, @command) = @_;
    node('a', -1, 60_000);
    my $err = gensym;
    my $pid = open3(my $in, my $out, $err, $ENV{TAICTL}, @command);
    my $deadline = time + 30;
    sleep 0.02 until $changed->() || time > $deadline;
    ok $changed->(), "@command: the change is made";
    database()->do('ALTER TABLE nodes RENAME TO away');
    local $/;
    my ($printed, $said) = (scalar <$out>, scalar <$err>);
    waitpid $pid, 0;
    database()->do('ALTER TABLE away RENAME TO nodes');
    database()->do('DELETE FROM nodes');
    return ($? >> 8, $printed // '', $said // '');
}

sub is_over {
    my ($id) = @_;
    return sub { (database()->selectrow_array('SELECT revoked_at FROM api_keys WHERE id = ?', undef, $id))[0] };
}

my $lost = key();
my ($status, $printed, $said) = cut_off(is_over($lost->{id}), 'key', 'revoke', $lost->{id});
is $status, 1, 'exit status';
is $printed, '', 'nothing on stdout';
like $said, qr/^taictl: key \Q$lost->{id}\E .* revoked at \S+; it is not known whether this is in force on every node: .*do it again/,
    'says what was done, and that it is not known';
like done('again', 'key', 'revoke', $lost->{id})->{out}, qr/revoked already.*no node is running$/, 'done again, it is known';

my $old = key();
($status, $printed, $said) = cut_off(is_over($old->{id}), 'key', 'roll', $old->{id}, '--grace', '0');
is $status, 1, 'a roll: exit status';
like $printed, qr/^key +tai_\w{38}$/m, '... the new key is shown all the same';
unlike $printed, qr/^nodes /m, '... and not where the end of the old one is in force';
like $said, qr/^taictl: it is not known whether every node knows the end of the key before it: .*; revoke that one/, '... which is said';

# --- patience -----------------------------------------------------------------------------------

SKIP: {
    my $why = no_terminal();
    skip $why, 3 if $why;
    my $slow = key();
    node('a', -1, 2000);
    ($status, my $seen) = at_terminal(['key', 'revoke', $slow->{id}]);
    is $status, 0, 'at a terminal';
    like $seen, qr/^taictl: waiting until every node has followed\r?\n.*0 of 1 node; a{32} did not answer/ms, 'a word while it lasts';
    ($status, $seen) = at_terminal(['key', 'revoke', $slow->{id}]);
    unlike $seen, qr/waiting/, '... and none where it does not';
}

# --- nodes clear --------------------------------------------------------------------------------

is done('nodes clear', 'nodes', 'clear')->{out}, "cleared 0 nodes; registered now: 0\n", 'nothing to clear';
node('a', $ahead, 1000);
node('b', $ahead, 2000);
$began = time;
is_deeply json_of('nodes', 'clear'), { cleared => 2, registered => 0 }, 'two';
cmp_ok time - $began, '>=', 2.4, 'when their leases are over for certain';
is_deeply node_ids(), [], 'they are gone';
done('nodes clear', 'nodes', 'clear');
misused(qr/too few or too many arguments/, 'of one node', 'nodes', 'clear', 'a' x 32);

done_testing;
