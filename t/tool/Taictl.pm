package Taictl;

# Runs taictl, the one that $TAICTL names, on databases of its own: of the kind that TAI_DATABASE names,
# see TaiDatabase.

use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use FindBin;
use IPC::Open2 'open2';
use IPC::Open3 'open3';
use JSON::PP ();
use Test::More;
use lib "$FindBin::Bin/../lib";
use TaiDatabase;

our @EXPORT = qw(taictl json_of new_database database holds done refused misused at_terminal no_terminal $dir);

our $dir = File::Temp::tempdir('taictl.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $databases = 0;

$ENV{TAICTL} && -x $ENV{TAICTL} or BAIL_OUT('TAICTL must name the program');
delete @ENV{qw(TAIAUTH_DATABASE TAIAUTH_DBDRIVER)};
$ENV{LC_ALL} = 'C';

sub slurp {
    my ($file) = @_;
    seek $file, 0, 0;
    local $/;
    return scalar(<$file>) // '';
}

# Bytes in, bytes out: { status, out, err }. With a reference in front, that is its standard input.
sub taictl {
    my $stdin = ref $_[0] ? ${ shift() } : '';
    my ($in, $out, $err) = map { File::Temp->new(DIR => $dir) } 1 .. 3;
    print $in $stdin;
    $in->flush;
    seek $in, 0, 0;
    my $pid = open3('<&' . fileno $in, '>&' . fileno $out, '>&' . fileno $err, $ENV{TAICTL}, @_);
    waitpid $pid, 0;
    return { status => $? & 127 ? "signal $?" : $? >> 8, out => slurp($out), err => slurp($err) };
}

# What a command prints with --json; it must succeed.
sub json_of {
    my $ran = taictl(@_, '--json');
    is "$ran->{status}$ran->{err}", '0', "@{[ grep { !ref } @_ ]} --json succeeds" or return undef;
    return JSON::PP->new->utf8->decode($ran->{out});
}

# Where the server is, if one is started here.
my $server = File::Temp::tempdir('taictl-server.XXXXXX', TMPDIR => 1, CLEANUP => 1);
END { local $?; TaiDatabase::stop() }

# A new database becomes the default one of what follows; returns it, a TaiDatabase.
my $database;

sub new_database {
    TaiDatabase::start($server);
    $database = eval { TaiDatabase->new("$dir/keys" . $databases++ . '.db')->init } or BAIL_OUT($@);
    my %environment = $database->environment;
    @ENV{keys %environment} = values %environment;
    return $database;
}

# A handle on the default database.
sub database { return $database->handle }

# Does it hold this text, in whatever it is kept?
sub holds {
    my ($text) = @_;
    return index($database->bytes, $text) >= 0;
}

# Why taictl cannot have a terminal here; '' where it can.
sub no_terminal {
    return 'no terminal is to be had here' if !-e '/dev/pts/ptmx';
    return (grep { -x "$_/script" } split /:/, $ENV{PATH}) ? '' : 'no script(1)';
}

# script(1) gives taictl a terminal: its arguments, and what is typed after each prompt. Returns the
# exit status and what was then seen.
sub at_terminal {
    my ($args, @typed) = @_;
    local $SIG{ALRM} = sub { die "no prompt, or no end\n" };
    alarm 60;
    my $command = join ' ', map { s/'/'\\''/gr =~ s/(.*)/'$1'/sr } $ENV{TAICTL}, @$args;
    my $pid = open2(my $out, my $in, 'script', '-qec', $command, '/dev/null');
    my $seen = '';
    for my $line (@typed) {
        my $from = length $seen;
        while (substr($seen, $from) !~ /: \z/) {
            sysread $out, $seen, 1, length $seen or last;
        }
        syswrite $in, "$line\n";
    }
    while (sysread $out, $seen, 100, length $seen) { }
    waitpid $pid, 0;
    alarm 0;
    return ($? >> 8, $seen);
}

# Each gives a name and the arguments; returns what ran.
sub ends {
    my ($status, $name, @args) = @_;
    my $ran = taictl(@args);
    is $ran->{status}, $status, $name or diag $ran->{err};
    return $ran;
}

sub done {
    my $ran = ends(0, @_);
    is $ran->{err}, '', "$_[0]: nothing on stderr";
    return $ran;
}

# Also takes a pattern in front: what must be said.
sub complains {
    my ($status, $pattern, $name, @args) = @_;
    my $ran = ends($status, $name, @args);
    like $ran->{err}, $pattern, "$name: says why";
    is $ran->{out}, '', "$name: nothing on stdout";
    return $ran;
}

sub refused { return complains(1, @_) }
sub misused { return complains(2, @_) }

1;
