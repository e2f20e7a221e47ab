# One run of a bench: a directory of its own, which an unprivileged user works in.
#
#   BenchRun::run($build_dir, sub { my ($run) = @_; ...; open my $out, '>', "$run->{results}/x" ... });
#
# Servers refuse to run as root or drop its rights by themselves, and the user they run as may not be
# able to enter the folder of this clone. So root copies the module and taictl to a directory below
# /tmp, has a child without privileges do the work there, and brings what it left in results/ to
# BUILD_DIR/bench.
package BenchRun;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use POSIX ();

my $USER = 'nobody'; # instead of root

# The code is called with what a run knows:
#   dir      its directory
#   results  what is to stay
#   bench    where the files of the bench are
#   module, redis_module, taictl, service, httpd, libexecdir   paths
# Ends the program: with 0, or with the reason on stderr.
sub run {
    my ($build, $code) = @_;
    my $run = prepare($build);
    my $pid = fork // die "fork: $!\n";
    work($run, $code) unless $pid;
    local @SIG{qw(HUP INT TERM)} = (sub { kill TERM => $pid }) x 3;
    1 while waitpid($pid, 0) != $pid;
    exit finish($run, $?);
}

sub prepare {
    my ($build) = @_;
    die "usage: $0 BUILD_DIR\n" unless defined $build && -f "$build/Makefile";
    die "no mod_taiauth.so in $build: run make there first\n" unless -f "$build/.libs/mod_taiauth.so";
    my $dir = tempdir('/tmp/taiauth-bench.XXXXXX');
    chmod 0755, $dir;
    make_path("$dir/results");
    copy_program("$build/.libs/mod_taiauth.so", $dir);
    copy_program($_, $dir) for "$build/taictl", bench_dir() . '/../../build/service';
    copy_program($_, $dir) for glob "$build/.libs/mod_taiauth_redis.so";
    copy_tree($_, $dir) for bench_dir(), bench_dir() . '/../lib';
    return {
        build      => abs_path($build),
        dir        => $dir,
        results    => "$dir/results",
        bench      => "$dir/bench",
        module     => "$dir/mod_taiauth.so",
        redis_module => "$dir/mod_taiauth_redis.so",
        service    => "$dir/service",
        taictl     => "$dir/taictl",
        httpd      => made($build, 'HTTPD'),
        libexecdir => qx(@{[made($build, 'APXS')]} -q LIBEXECDIR) =~ s/\n//r,
    };
}

# Where this file's programs lie.
sub bench_dir {
    return abs_path(__FILE__ =~ s{[^/]*$}{..}r);
}

sub copy_program {
    my ($from, $to) = @_;
    copy($from, $to) or die "$from: $!\n";
    chmod 0755, $to . ($from =~ m{(/[^/]+)$})[0];
    return;
}

sub copy_tree {
    my ($from, $to) = @_;
    system('cp', '-R', abs_path($from), $to) == 0 or die "cp $from\n";
    return;
}

# What configure found.
sub made {
    my ($build, $name) = @_;
    open my $in, '<', "$build/Makefile" or die "$build/Makefile: $!\n";
    my ($value) = map { /^\Q$name\E = (.*)$/ } <$in>;
    return $value // die "$build/Makefile has no $name\n";
}

sub work {
    my ($run, $code) = @_;
    give_up_root($run) if $> == 0;
    chdir $run->{dir} or die "$run->{dir}: $!\n";
    $| = 1;
    $SIG{$_} = sub { die "interrupted\n" } for qw(HUP INT TERM);
    my $done = eval { $code->($run); 1 };
    print STDERR $@ unless $done;
    exit !$done; # not _exit: what was started is stopped by destructors
}

sub give_up_root {
    my ($run) = @_;
    my ($uid, $gid) = (getpwnam $USER)[2, 3];
    system('chown', '-R', "$uid:$gid", $run->{dir}) == 0 or die "chown $run->{dir}\n";
    $( = $gid;
    $) = "$gid $gid";
    POSIX::setuid($uid) or die "setuid: $!\n";
    return;
}

# Bring the results home. The directory stays where something went wrong.
sub finish {
    my ($run, $status) = @_;
    if ($status) {
        print STDERR "kept for a look: $run->{dir}\n";
        return 1;
    }
    remove_tree("$run->{build}/bench"); # no plot of another run beside these figures
    make_path("$run->{build}/bench");
    for my $file (glob "$run->{results}/*") {
        copy($file, "$run->{build}/bench") or die "$file: $!\n";
    }
    remove_tree($run->{dir});
    return 0;
}

1;
