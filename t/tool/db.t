use strict;
use warnings;
use DBI ();
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

# The status of a database, without what differs from host to host.
sub state_of {
    my $status = json_of('db', 'status', @_);
    delete @$status{'server', 'clock_ahead'};
    return $status;
}

my $path = "$dir/k e y s.db";
my @database = ('--database', $path);

refused(qr/no database at \Q$path\E; make it with: taictl db init --database \Q$path\E/,
    'an absent database', 'account', 'list', @database);
my $status = taictl('db', 'status', @database);
is $status->{status}, 1, 'its status is a failure';
like $status->{out}, qr/^state +absent$/m, 'and says that it is absent';
ok !-e $path, 'asking made no file';

like done('db init', 'db', 'init', @database)->{out}, qr/\Q$path\E with schema version 3/,
    'it says what it made';
is sprintf('%o', (stat $path)[2] & 07777), '600', 'nobody else can read the file';
refused(qr/exists already, with schema version 3/, 'db init again', 'db', 'init', @database);
like done('db migrate', 'db', 'migrate', @database)->{out}, qr/^schema version 3 already$/,
    'nothing is left to migrate';
like done('db status', 'db', 'status', @database)->{out}, qr/^state +ready$/m, 'it is ready';
my %ready = (driver => 'sqlite3', version => 3, needed => 3, state => 'ready', writable => JSON::PP::true, durable => JSON::PP::true,
    nodes => 0, silent => 0);
is_deeply state_of(@database), { database => $path, %ready }, 'status as JSON';
is_deeply json_of('db', 'migrate', @database), { from => 3, version => 3 }, 'migrate as JSON';
is_deeply json_of('db', 'init', '--database', "$dir/2.db"),
    { database => "$dir/2.db", version => 3 }, 'init as JSON';

refused(qr/cannot be made/, 'no directory', 'db', 'init', '--database', "$dir/none/keys.db");
refused(qr/no database/, 'nothing to migrate', 'db', 'migrate', '--database', "$dir/none.db");
refused(qr/no user "nobody-here"/, 'an unknown owner', 'db', 'init', '--owner', 'nobody-here',
    '--database', "$dir/3.db");
ok !-e "$dir/3.db", 'an unknown owner gets no file';
# An empty file that is there is used, unless others can look into it.
sub empty {
    my ($file, $mode) = @_;
    open my $out, '>', $file or die "$file: $!";
    chmod $mode, $file or die "$file: $!";
    return $file;
}
done('an empty file', 'db', 'init', '--database', empty("$dir/empty.db", 0640));
refused(qr/others than its owner and group/, 'an empty file that others may read', 'db', 'init', '--database',
    empty("$dir/readable.db", 0644));
refused(qr/others than its owner and group/, '... or write', 'db', 'init', '--database', empty("$dir/writable.db", 0602));
is -s "$dir/readable.db", 0, 'it stays empty';

# A database that the first release made, with a key in it.
sub first_release {
    my ($file) = @_;
    my $db = DBI->connect("dbi:SQLite:$file", '', '', { RaiseError => 1 });
    open my $in, '<', "$ENV{TAI_SRC}/mod_taiauth/sql/sqlite3/001_accounts.sql" or die $!;
    my $sql = do { local $/; <$in> };
    $db->do($_) for grep { !/\A(?:--.*\n?)*\z/ } split /;\n+(?=\n|\z)/, $sql;
    $db->do($_)
        for 'INSERT INTO schema_version VALUES (1, 100)',
        q{INSERT INTO accounts VALUES ('acc_1', 'old', 'pro', 'active', 100)},
        q{INSERT INTO users VALUES ('usr_1', 'acc_1', 'olga', NULL, 'primary_admin', 'active', 100)},
        q{INSERT INTO api_keys VALUES ('key_1', 'key_1', 'acc_1', 'usr_1', 'kept', 'tai_8f3a2b1c',
            '} . 'a' x 64 . q{', NULL, 'analytics:read', '5/60s', 100, NULL, NULL, 200)};
    $db->disconnect;
}
my @old = ('--database', "$dir/old.db");
first_release($old[1]);
refused(qr/has schema version 1, this program needs 3; bring it up with: taictl db migrate/,
    'a database of the first release', 'key', 'list', 'old', @old);
my $behind = taictl('db', 'status', @old);
is $behind->{status}, 1, 'its status is a failure';
like $behind->{out}, qr/^schema version +1$/m, 'which names its version';
like $behind->{out}, qr/^needed +3$/m, 'and the one that is needed';
like done('db migrate', 'db', 'migrate', @old)->{out}, qr/^schema version 3, was 1$/,
    'it is brought up, and told so';
is_deeply state_of(@old), { database => $old[1], %ready }, 'its status as JSON';
my ($kept) = @{ json_of('key', 'list', 'old', @old) };
is_deeply { map { $_ => $kept->{$_} } qw(id name prefix rate_limit scopes status created_at
        last_used_at) },
    {
    id => 'key_1', name => 'kept', prefix => 'tai_8f3a2b1c', rate_limit => '5/60s',
    scopes => ['analytics:read'], status => 'active', created_at => '1970-01-01T00:01:40Z',
    last_used_at => '1970-01-01T00:03:20Z'
    },
    'its key is as it was';
done('it takes another', 'key', 'create', 'old', '--name', 'new', @old);
is_deeply json_of('db', 'migrate', @old), { from => 3, version => 3 }, 'nothing is left to do';

SKIP: {
    skip 'only root gives files away', 9 if $> != 0;
    my @give = ('db', 'init', '--owner', 'nobody', '--database');
    done('db init --owner', @give, "$dir/4.db");
    is +(stat "$dir/4.db")[4], scalar getpwnam('nobody'), 'the file is his';
    # He may write to the directory, perhaps: what he puts there must not become his by our hand.
    empty("$dir/$_", 0600) for 'target', 'twice';
    symlink "$dir/target", "$dir/5.db" or die $!;
    link "$dir/twice", "$dir/6.db" or die $!;
    refused(qr/cannot be given away/, 'a symbolic link', @give, "$dir/5.db");
    refused(qr/cannot be given away/, 'a hard link', @give, "$dir/6.db");
    is +(stat "$dir/$_")[4], 0, "$_ is still root's" for 'target', 'twice';
}

open my $junk, '>', "$dir/junk.db" or die $!;
print $junk 'no database at all ' x 100;
close $junk;
refused(qr/\Q$dir\E\/junk\.db: file is not a database/, 'a file that is no database', 'account',
    'list', '--database', "$dir/junk.db");

# Where the database is, in the order of what counts.
$ENV{TAIAUTH_DATABASE} = $path;
done('the environment', 'account', 'list');
refused(qr/\Q$dir\E\/none\.db/, 'an option counts more', 'account', 'list', '--database',
    "$dir/none.db");
$ENV{TAIAUTH_DATABASE} = '';
refused(qr{ /var/lib/taiauth/keys\.db;}, 'the default', 'account', 'list') if !-e '/var/lib/taiauth';
refused(qr/"oracle" cannot be used; allowed: sqlite3/, 'an unknown driver', '--driver', 'oracle',
    'account', 'list', @database);
$ENV{TAIAUTH_DBDRIVER} = 'oracle';
refused(qr/"oracle"/, 'an unknown driver in the environment', 'account', 'list', @database);
done('the driver as an option', 'account', 'list', '--driver=sqlite3', @database);

done_testing;
