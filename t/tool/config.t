use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IPC::Open3 'open3';
use Taictl;
use Test::More;

# Which database, said by a configuration file of httpd: its lines are read as httpd reads them.
new_database();
my $driver = delete $ENV{TAIAUTH_DBDRIVER} // 'sqlite3';
my $params = delete $ENV{TAIAUTH_DATABASE};
my @here = ('--driver', $driver, '--database', $params);
done('an account that tells this database from others', 'account', 'add', 'acme', @here);

my $files = 0;

# A file that nobody else reads; returns its name.
sub config {
    my ($text, $mode) = @_;
    my $file = "$dir/httpd" . $files++ . '.conf';
    open my $out, '>:raw', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
    chmod $mode // 0600, $file or die "$file: $!";
    return $file;
}

# Names of the accounts of the database that a file says; @with is given beside it.
sub accounts {
    my ($file, @with) = @_;
    return [map { $_->{name} } @{json_of('account', 'list', '--config', $file, @with) // []}];
}

my $quoted = qq{"@{[$params =~ s/(["\\])/\\$1/gr]}"};
my $single = qq{'@{[$params =~ s/(['\\])/\\$1/gr]}'};
my $half = int(length($quoted) / 2);
my $parted = substr($quoted, 0, $half) . "\\\n" . substr($quoted, $half);

my %read = (
    'as it stands'          => "DBDriver $driver\nDBDParams $quoted\n",
    'in single quotes'      => "DBDriver '$driver'\nDBDParams $single\n",
    'any case'              => "dbdriver $driver\nDBDPARAMS $quoted\n",
    'without a last newline' => "DBDParams $quoted\nDBDriver $driver",
    'of Windows'            => "DBDriver $driver\r\nDBDParams $quoted\r\n",
    'continued'             => "DBDriver \\\n  $driver\nDBDParams $parted\n",
    'continued, of Windows' => "DBDriver \\\r\n$driver\r\nDBDParams \\\r\n\t$quoted\r\n",
    'in sections'           => "<IfModule mod_dbd.c>\n\tDBDriver $driver\n</IfModule>\n<VirtualHost *:80>\n"
        . "\tDBDParams $quoted \nServerName x\n</VirtualHost>\n",
    'comments'              => "# DBDriver oracle\n  #DBDParams \"x\"\n# goes on \\\nDBDParams y\nDBDriver $driver\n"
        . "DBDParams $quoted\n",
    'beside others'         => "DBDPersist On\nDBDParamsX y\nDBDriver $driver\nDBDMax 5\nDBDParams $quoted\n",
);
is_deeply accounts(config($read{$_})), ['acme'], $_ for sort keys %read;

{
    local $ENV{TAI_TEST_PARAMS} = $params;
    local $ENV{TAI_TEST_DRIVER} = $driver;
    is_deeply accounts(config("DBDriver \${TAI_TEST_DRIVER}\nDBDParams \${TAI_TEST_PARAMS}\n")), ['acme'],
        'variables of the environment';
    local $ENV{TAI_TEST_PARAMS} = substr $params, 3;
    is_deeply accounts(config("DBDriver $driver\nDBDParams \"@{[substr $params, 0, 3]}\${TAI_TEST_PARAMS}\"\n")), ['acme'],
        '... amid a word';
}

# What counts more.
{
    local $ENV{TAIAUTH_DATABASE} = "$dir/none.db";
    local $ENV{TAIAUTH_DBDRIVER} = 'oracle';
    is_deeply accounts(config($read{'as it stands'})), ['acme'], 'it counts more than the environment';
}
misused(qr/--config says which database is meant, so --driver and --database do not/, "beside --$_->[0]",
    'account', 'list', '--config', config($read{'as it stands'}), "--$_->[0]", $_->[1])
    for ['driver', $driver], ['database', $params];

# --- what is refused, and where it stands; never with the value --------------------------------

my $secret = 'hush-hush';
my %refused = (
    'nothing'            => ['', qr/ has no DBDriver; what it includes is not looked at: name the file that has it$/],
    'no DBDParams'       => ["DBDriver $driver\nInclude other.conf\n", qr/ has no DBDParams; what it includes/],
    'only in a comment'  => ["DBDriver $driver\n# DBDParams password=$secret\n", qr/ has no DBDParams/],
    'two of one'         => ["DBDriver $driver\n\nDBDParams password=$secret\ndbdparams password=$secret\n",
        qr/: DBDParams stands on line 3 and on line 4; which one is meant\?$/],
    'two values'         => ["\\\n\nDBDriver $driver\nDBDParams host=x password=$secret\n",
        qr/, line 4: DBDParams takes one value, in quotes where a blank is in it$/],
    'none'               => ["DBDriver\nDBDParams password=$secret\n", qr/, line 1: DBDriver takes one value/],
    'an empty one'       => ["DBDriver $driver\nDBDParams \"\"\n", qr/, line 2: DBDParams takes one value/],
    'behind a quote'     => ["DBDriver $driver\nDBDParams \"x\"password=$secret\n", qr/, line 2: DBDParams takes one value/],
    'Define'             => ["Define TAI_NONE $secret\nDBDriver $driver\nDBDParams \"password=$secret \${TAI_NONE}\"\n",
        qr/, line 3: \$\{TAI_NONE\} of DBDParams is not in the environment, and Define is not looked at$/],
    'a NUL'              => ["DBDriver $driver\nDBDParams password=$secret\0\n", qr/ is no configuration of httpd$/],
    'a driver of others' => ["DBDriver oracle\nDBDParams password=$secret\n", qr/"oracle" cannot be used; allowed: /],
);
for my $name (sort keys %refused) {
    my ($text, $says) = @{$refused{$name}};
    my $ran = refused($says, $name, 'account', 'list', '--config', config($text));
    unlike $ran->{err}, qr/$secret/, '... without the value';
}
refused(qr/^taictl: \Q$dir\E\/none\.conf cannot be read: No such file/, 'no file', 'account', 'list', '--config', "$dir/none.conf");
refused(qr/ cannot be read: Is a directory/, 'a directory', 'account', 'list', '--config', $dir);
refused(qr/ is no configuration of httpd/, 'a file without an end', 'account', 'list', '--config', '/dev/zero');

# --- a file that holds a password ---------------------------------------------------------------

my $warning = qr/^taictl: warning: everybody on this host may read \S+, and the password in it: /m;
my $open = config("DBDriver $driver\nDBDParams \"$params password=$secret\"\n", 0644);
like taictl('account', 'list', '--config', $open)->{err}, $warning, 'everybody may read it';
chmod 0640, $open or die $!;
unlike taictl('account', 'list', '--config', $open)->{err}, $warning, 'its group may';
{
    local $ENV{TAI_TEST_PARAMS} = $params;
    done('one whose password is elsewhere', 'account', 'list', '--config',
        config("DBDriver $driver\nDBDParams \${TAI_TEST_PARAMS}\n", 0644));
}

# --- a password in the arguments ----------------------------------------------------------------

# What others see of taictl while it waits for its standard input.
SKIP: {
    skip 'no /proc', 4 if !-e "/proc/$$/cmdline";
    done('a database', 'db', 'init', '--database', "$dir/password=$secret.db");
    my $pid = open3(my $in, my $out, undef, $ENV{TAICTL}, 'key', 'verify', '--driver', 'sqlite3',
        "--database=$dir/password=$secret.db");
    my $seen = '';
    for (my $tries = 0; $tries < 1000 && $seen !~ /x{20}/; $tries++) {
        open my $args, '<', "/proc/$pid/cmdline" or last;
        local $/;
        $seen = <$args> // last;
        select undef, undef, undef, 0.01;
    }
    like $seen, qr/\0verify\0--driver\0sqlite3\0--database=x{20,}\0/, 'overwritten';
    unlike $seen, qr/$secret/, 'it is not seen';
    close $in;
    my @said = <$out>;
    waitpid $pid, 0;
}

done_testing;
