package Taictl;

# Runs taictl, the one that $TAICTL names, on databases of its own.

use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use IPC::Open3 'open3';
use JSON::PP ();
use Test::More;

our @EXPORT = qw(taictl json_of new_database done refused misused $dir);

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

# A new database becomes the default one of what follows; returns its path.
sub new_database {
    $ENV{TAIAUTH_DATABASE} = "$dir/keys" . $databases++ . '.db';
    my $ran = taictl('db', 'init');
    $ran->{status} == 0 or BAIL_OUT("db init: $ran->{err}");
    return $ENV{TAIAUTH_DATABASE};
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
