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

# A row; returns its id.
sub node {
    my ($digit, $applied, $lease) = @_;
    my $id = $digit x 32;
    database()->do('INSERT INTO nodes (id, lease_ms, applied_seq, registered_at) VALUES (?, ?, ?, ?)',
        undef, $id, $lease // 1000, $applied, 1_700_000_000 + ord $digit);
    return $id;
}

sub node_ids { return [map { $_->[0] } @{database()->selectall_arrayref('SELECT id FROM nodes ORDER BY id')}] }

sub key { return json_of('key', 'create', 'acme', '--name', 'x') }

# --- the list -----------------------------------------------------------------------------------

is_deeply json_of('nodes'), [], 'none';
is done('nodes', 'nodes')->{out}, "ID  LEASE MS  APPLIED  OF  BEHIND  REGISTERED\n", '... as a table';
my ($counter) = database()->selectrow_array('SELECT seq FROM change_counter');
cmp_ok $counter, '>', 1, 'there are changes';
my @ids = (node('a', $counter, 10_000), node('b', $counter - 1), node('c', $ahead), node('d', -1));
my @listed = sort { $a->{id} cmp $b->{id} } @{json_of('nodes')};
is_deeply [map { $_->{id} } @listed], \@ids, 'all of them';
is_deeply [map { $_->{behind} } @listed], [0, 1, 0, $counter], 'how far each is behind';
is_deeply $listed[0], { id => $ids[0], lease_ms => 10_000, applied => $counter, of => $counter, behind => 0,
    registered_at => '2023-11-14T22:14:57Z' }, 'the members of each';
like done('nodes', 'nodes')->{out}, qr/^a{32}  10000 +$counter +$counter +0 +2023-11-14T22:14:57Z$/m, 'as a table';
database()->do('DELETE FROM nodes');

# --- what is told -------------------------------------------------------------------------------

my $none = '; no node is running';
is substr(done('nobody to tell', 'user', 'disable', 'ann')->{out}, -1 - length $none), "$none\n", 'no node';
is_deeply json_of('user', 'enable', 'ann')->{nodes}, { applied => 0, of => 0, silent => 0 }, '... as JSON';
node('a', $ahead);
like done('one to tell', 'account', 'suspend', 'acme')->{out}, qr/; in force on 1 of 1 node$/, 'one node';
node('b', $ahead);
node('c', 0);
my $began = time;
like done('one is silent', 'account', 'reinstate', 'acme')->{out},
    qr/; in force on 2 of 3 nodes; 1 silent node was struck off after its lease$/, 'three, one of them silent';
cmp_ok time - $began, '>=', 1.2, 'it was waited for for longer than its lease';
is_deeply node_ids(), ['a' x 32, 'b' x 32], '... and is gone';
node($_, 0) for 'c', 'd';
like done('two are silent', 'account', 'set-plan', 'acme', 'pro')->{out},
    qr/; in force on 2 of 4 nodes; 2 silent nodes were struck off after their lease$/, 'several';
is_deeply json_of('account', 'set-plan', 'acme', 'pro')->{nodes}, { applied => 2, of => 2, silent => 0 }, 'nobody waits for them twice';

# Every command that alters what a key may do.
my ($first, $second, $third) = map { key() } 1 .. 3;
my @commands = (['key', 'revoke', $first->{id}], ['key', 'revoke', $first->{id}],
    ['key', 'roll', $second->{id}, '--grace', '0'], ['key', 'roll', $third->{id}, '--grace', '1h'],
    ['account', 'set-plan', 'acme', 'free'], ['account', 'suspend', 'acme'], ['account', 'suspend', 'acme'],
    ['account', 'reinstate', 'acme'], ['user', 'disable', 'ann'], ['user', 'enable', 'ann'],
    ['account', 'close', 'acme', '--yes']);
for my $command (@commands) {
    my $silent = node('c', -1);
    is_deeply json_of(@$command)->{nodes}, { applied => 2, of => 3, silent => 1 }, "@$command waits";
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
    like $seen, qr/^taictl: waiting until every node has followed\r?\n.*0 of 1 node; 1 silent node was struck off/ms, 'a word while it lasts';
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
