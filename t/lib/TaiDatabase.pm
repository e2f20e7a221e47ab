# The key databases of a run: files of SQLite, or databases of a server that is started for the run.
#
#   TAI_DATABASE  sqlite3 (default), pgsql or mysql
#   TAI_SERVICE   path of build/service, which starts that server
#   TAI_SERVER    its folder, where one runs already; else start() makes one
#
#   my $database = TaiDatabase->new("$dir/keys.db");   # empty; a server has no use for the path
#   $database->init;                                   # taictl db init
#   print $conf $database->conf;                       # DBDriver and DBDParams
#   $database->away; ...; $database->back;
#   my $lock = $database->lock('write'); ...; $lock->release;
#   $database->drop;
#
# What differs stands in TaiDatabase/SQLite.pm, PostgreSQL.pm and MariaDB.pm.
package TaiDatabase;

use strict;
use warnings;

use DBI ();
use TaiDatabase::MariaDB;
use TaiDatabase::PostgreSQL;
use TaiDatabase::SQLite;

my %class = (
    sqlite3 => 'TaiDatabase::SQLite',
    pgsql   => 'TaiDatabase::PostgreSQL',
    mysql   => 'TaiDatabase::MariaDB',
);

# --- which ------------------------------------------------------------------------------------

# As in DBDriver.
sub driver { return $ENV{TAI_DATABASE} || 'sqlite3' }

sub is_file { return driver() eq 'sqlite3' }

sub class_of_run {
    return $class{driver()} // die "TAI_DATABASE is '@{[driver()]}', must be @{[join ', ', sort keys %class]}\n";
}

# --- the server -------------------------------------------------------------------------------

my $started; # in this process

# Start the server of this run in a folder, where it needs one and none runs yet. Returns its folder.
sub start {
    my ($dir) = @_;
    my $kind = class_of_run()->kind or return;
    return $ENV{TAI_SERVER} if $ENV{TAI_SERVER};
    service(start => $kind, $dir);
    $started = $$;
    return $ENV{TAI_SERVER} = $dir;
}

# Stop what start() has started.
sub stop {
    return unless ($started // 0) == $$;
    undef $started;
    service(stop => delete $ENV{TAI_SERVER});
    return;
}

# Take the server away from everybody, and have it back where it was.
sub stop_for_now { service(stop => $ENV{TAI_SERVER}); return }
sub go_on        { service(start => class_of_run()->kind, $ENV{TAI_SERVER}); return }

# A command of build/service; returns what it prints.
sub service {
    my @command = @_;
    my $service = $ENV{TAI_SERVICE} // die "TAI_SERVICE must name build/service\n";
    open my $out, '-|', $service, @command or die "$service: $!\n";
    my $printed = do { local $/; <$out> };
    close $out or die "build/service @command: exit status @{[$? >> 8]}\n";
    note_passwords($printed);
    return $printed;
}

# For zz_secrets.t, as TaiTest::secret; where there is a run of Apache::Test.
sub note_passwords {
    my ($printed) = @_;
    my $secrets = eval { Apache::Test::vars('secrets') } // return;
    my @passwords = $printed =~ /\bpass(?:word)?=([0-9a-f]{32})\b/g or return;
    open my $out, '>>', $secrets or die "$secrets: $!";
    print $out "$_\n" for @passwords;
    close $out or die "$secrets: $!";
    return;
}

# A line of what build/service has written about the server: port, socket, log, ...
sub of_server {
    my ($name) = @_;
    open my $in, '<', "$ENV{TAI_SERVER}/service" or die "$ENV{TAI_SERVER}/service: $!";
    my ($value) = map { /^$name=(.*)$/ ? $1 : () } <$in>;
    return $value;
}

# --- a database ---------------------------------------------------------------------------------

my $count = 0; # of databases that this process has made

# A new one without a schema: for a file, the path at which it is to be.
sub new {
    my (undef, $path) = @_;
    my $class = class_of_run();
    return $class->at($path) unless $class->kind;
    $count++;
    chomp(my $params = service(database => $ENV{TAI_SERVER}, "t${$}_$count"));
    return $class->of($params);
}

# The one that these DBDParams name.
sub of {
    my (undef, $params) = @_;
    return class_of_run()->of($params);
}

1;
