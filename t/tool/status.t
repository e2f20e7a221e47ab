use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

# What an operator asks when something is wrong: which database this is, and how it is.
my $database = new_database();
my $driver = TaiDatabase::driver();
my %named = (sqlite3 => qr/^SQLite \d+\.\d+/, pgsql => qr/^PostgreSQL \d+/, mysql => qr/^\d+\.\d+\.\d+-MariaDB/);

my $status = json_of('db', 'status');
like delete $status->{server}, $named{$driver}, 'the server and its version';
cmp_ok abs(delete $status->{clock_ahead}), '<=', 2, 'its clock, on the same host';
my $name = delete $status->{database};
my $risk = delete $status->{risk};
my $durable = $driver eq 'sqlite3'; # the servers of the tests are told to be fast
is_deeply $status,
    { driver => $driver, version => 3, needed => 3, state => 'ready', writable => JSON::PP::true,
        durable => $durable ? JSON::PP::true : JSON::PP::false, nodes => 0, silent => 0 },
    'how it is';
my %risky = (pgsql => 'fsync or full_page_writes is off', mysql => 'innodb_flush_log_at_trx_commit is not 1');
like $risk // 'none', $durable ? qr/^none$/ : qr/dbname=[^:]*: $risky{$driver}: a crash/, 'what a crash of its host could undo';

# No secret is part of what it is called, here or where it is made.
my ($secret) = $ENV{TAIAUTH_DATABASE} =~ /pass(?:word)?=([^ ,]+)/;
if (TaiDatabase::is_file()) {
    is $name, $ENV{TAIAUTH_DATABASE}, 'it is called by its path';
}
else {
    ok $secret, 'there is a password';
    like $name, qr/dbname=/, 'it is called by its parameters';
    is_silent(json_of('db', 'status')->{database}, 'its status');
    is_silent(taictl('db', 'init')->{err}, 'that it is there already');
    is_silent(taictl(@$_)->{out}, "@$_") for ['db', 'status'], ['db', 'migrate'];
    my $empty = TaiDatabase->new("$dir/empty.db");
    my %to = $empty->environment;
    local @ENV{keys %to} = values %to;
    my $absent = refused(qr/make it with: taictl db init --driver $driver --database /, 'an empty one', 'account', 'list');
    is_silent($absent->{err}, 'how to make it');
    refused(qr/--owner is for a file, and database .* is a server's/, 'an owner', 'db', 'init', '--owner', 'root');
    is_silent(done('it is made', 'db', 'init')->{out}, 'it');
    my $wrong = { %to, TAIAUTH_DATABASE => $to{TAIAUTH_DATABASE} =~ s/(pass(?:word)?=)\w+/$1wrong-$secret/r };
    local $ENV{TAIAUTH_DATABASE} = $wrong->{TAIAUTH_DATABASE};
    my $refused = taictl('db', 'status');
    is $refused->{status}, 1, 'a wrong password';
    like $refused->{out}, qr/^state +unreachable$/m, '... is what it says';
    is_silent($refused->{$_}, "... on std$_") for 'out', 'err';
}

sub is_silent {
    my ($text, $what) = @_;
    unlike $text, qr/\Q$secret\E/, "$what: without the password";
}

# --- nodes --------------------------------------------------------------------------------------

sub node {
    my ($digit, $synced_at) = @_;
    database()->do('INSERT INTO nodes (id, lease_ms, applied_seq, registered_at, synced_at) VALUES (?, 1000, 0, 1, ?)',
        undef, $digit x 32, $synced_at);
}
node('a', time + 60);
node('b', time - 60);
node('c', undef);
$status = json_of('db', 'status');
is_deeply [@$status{'nodes', 'silent'}], [3, 2], 'nodes, and who of them is silent';
my $shown = done('db status', 'db', 'status')->{out};
like $shown, qr/^\Q$_->[0]\E +\Q$_->[1]\E$/m, "$_->[0]: for people"
    for ['driver', $driver], ['state', 'ready'], ['writable', 'yes'], ['nodes', 3], ['silent nodes', 2];
unlike $shown, qr/^why not/m, 'no reason where there is none';

# --- one that cannot be written to --------------------------------------------------------------

# Of those who may read it, everybody is told the same.
SKIP: {
    skip 'nobody can take a right from himself there', 9 if $driver eq 'mysql';
    my $db = database();
    $db->do($driver eq 'pgsql' ? 'REVOKE UPDATE, INSERT, DELETE ON ALL TABLES IN SCHEMA public FROM CURRENT_USER' : 'BEGIN IMMEDIATE');
    my $reason = $driver eq 'pgsql' ? qr/permission denied/ : qr/locked/;
    $status = json_of('db', 'status');
    is_deeply [@$status{'state', 'writable'}], ['ready', JSON::PP::false], 'ready, and not to be written to';
    like $status->{unwritable}, $reason, '... and why';
    done("@$_", @$_) for ['nodes'], ['account', 'list'], ['audit'];
    # who waits for a lock waits for long
    like done('db status', 'db', 'status')->{out}, qr/^why not +.*$reason/m, 'for people' if $driver eq 'pgsql';
    $db->do($driver eq 'pgsql' ? 'GRANT ALL ON ALL TABLES IN SCHEMA public TO CURRENT_USER' : 'ROLLBACK');
}

# --- somebody's lock ----------------------------------------------------------------------------

SKIP: {
    skip 'SQLite has one writer', 4 if TaiDatabase::is_file();
    done('account add', 'account', 'add', 'waits');
    my $db = database();
    $db->begin_work;
    $db->do('UPDATE change_counter SET seq = seq + 1');
    is json_of('db', 'status')->{writable}, JSON::PP::true, 'the status waits for nobody';
    open my $said, '-|', "'$ENV{TAICTL}' account suspend waits 2>&1" or die "taictl: $!";
    like scalar <$said>, qr/^taictl: still waiting for the database: .*pg_stat_activity/, 'whoever waits is told where to look';
    $db->rollback;
    like join('', <$said>), qr/suspended/, 'and goes on when it is over';
    ok close $said, 'well';
}

done_testing;
