use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Taictl;
use Test::More;
use Time::HiRes qw(sleep time);

# Many rows at once, an import that is killed, and two at the same time: counted exactly.
my $database = new_database();
done('an account', 'account', 'add', 'acme');
done('its owner', 'user', 'add', 'acme', 'ann', '--no-password');
my $db = database();

sub file {
    my ($name, @numbers) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print $out "name,key\n", map { sprintf "customer %d,sk_live_%022d\n", $_, $_ } @numbers;
    close $out or die "$dir/$name: $!";
    return "$dir/$name";
}

sub count { return $db->selectrow_array("SELECT COUNT(*) FROM $_[0]") }

# An import in the background: its process, and where its output is.
my $started = 0;

sub start {
    my ($file) = @_;
    my $out = "$dir/out" . $started++;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', $out or POSIX::_exit(99);
        exec $ENV{TAICTL}, 'import', 'acme', $file, '--json' or POSIX::_exit(99);
    }
    return { pid => $pid, out => $out };
}

sub ended {
    my ($import) = @_;
    waitpid $import->{pid}, 0;
    open my $in, '<', $import->{out} or die "$import->{out}: $!";
    local $/;
    return ($?, scalar <$in>);
}

my $many = file('many.csv', 1 .. 100_000);
my $one = json_of('key', 'create', 'acme', '--name', 'one');
my ($keys, $changes, $lines) = map { count($_) } 'api_keys', 'key_changes', 'audit_log';

# --- killed in the middle -------------------------------------------------------------------------

my $import = start($many);
my $end = time + 60;
until ($database->is_held || time > $end) {
    last if waitpid($import->{pid}, POSIX::WNOHANG());
    sleep 0.005;
}
ok $database->is_held, 'an import is writing';
ok json_of(\$one->{key}, 'key', 'verify')->{admitted}, 'meanwhile keys are verified';
is kill('KILL', $import->{pid}), 1, 'it is killed';
my ($status) = ended($import);
is $status & 127, 9, 'and did not end before';
is count('api_keys'), $keys, 'it leaves no key';
is count('key_changes'), $changes, 'no change';
is count('audit_log'), $lines, 'and no line';
is $db->selectrow_array('PRAGMA integrity_check'), 'ok', 'in a database that is whole' if TaiDatabase::is_file();

# --- many ------------------------------------------------------------------------------------------

my $said = json_of('import', 'acme', $many);
is_deeply { map { $_ => $said->{$_} } qw(rows imported present refused) },
    { rows => 100_000, imported => 100_000, present => 0, refused => 0 }, '100,000 rows';
is count('api_keys'), $keys + 100_000, 'are 100,000 keys';
is $db->selectrow_array("SELECT COUNT(DISTINCT key_hash) FROM api_keys WHERE origin = 'import'"), 100_000,
    'each its own';
is count('key_changes'), $changes + 1, 'one change';
is $db->selectrow_array('SELECT MAX(seq) FROM key_changes'), $changes + 1, 'without a gap';
is count('audit_log'), $lines + 1, 'one line in the audit log';
is json_of('audit', '--limit', '1')->[0]{detail}, 'keys: 100000', 'with the count';
is json_of('account', 'show', 'acme')->{active_keys}, 100_001, 'the account counts them';
refused(qr/several keys have the prefix "sk_l"; name one by its id: (?:key_\w+, ){9}key_\w+, and more$/,
    'a prefix of them all', 'key', 'show', 'sk_l');

# --- two at the same time --------------------------------------------------------------------------

my @two = map { start($_) } file('a.csv', 200_001 .. 210_000), file('b.csv', 205_001 .. 215_000);
my (%sum, @failed);
for my $each (@two) {
    my ($ended, $out) = ended($each);
    push @failed, $ended if $ended;
    my $counts = JSON::PP::decode_json($out || '{}');
    $sum{$_} += $counts->{$_} // 0 for qw(rows imported present refused);
}
is_deeply \@failed, [], 'both end well';
is_deeply \%sum, { rows => 20_000, imported => 15_000, present => 5_000, refused => 0 },
    'what both have is imported once';
is count('api_keys'), $keys + 115_000, 'and is there once';
is count('key_changes'), $changes + 3, 'a change for each import';

done_testing;
