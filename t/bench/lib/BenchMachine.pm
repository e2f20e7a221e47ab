# What the figures were measured with and on; and whether all that is needed is there.
package BenchMachine;

use strict;
use warnings;

use BenchService;
use POSIX ();

# program -> the Debian packages that bring it
my %PACKAGES = (
    gnuplot => 'gnuplot-nox',
    haproxy => 'haproxy',
    mariadbd => 'mariadb-server libaprutil1-dbd-mysql',
    nginx   => 'nginx libnginx-mod-http-lua',
    psql    => 'postgresql libaprutil1-dbd-pgsql',
    'redis-server' => 'redis-server redis-tools',
    taskset => 'util-linux',
    wrk     => 'wrk',
);

# What BENCH_SKIP leaves out -> its program, where that is called otherwise.
my %PROGRAM = (mariadb => 'mariadbd', postgresql => 'psql', redis => 'redis-server');

$ENV{PATH} .= ':/usr/sbin'; # servers are there, and not everybody looks there

# Die of what is missing, but for servers that are skipped. Nothing is installed: some of these
# packages start a server on port 80.
sub check {
    my (%skipped) = @_;
    my %unused = map { ($PROGRAM{$_} // $_) => 1 } keys %skipped;
    my @missing = grep { !$unused{$_} && !found($_) } sort keys %PACKAGES;
    my @packages = map { $PACKAGES{$_} } @missing;
    push @packages, 'libdbd-sqlite3-perl' unless eval { require DBD::SQLite };
    die "missing: @packages; install them, or leave servers out with BENCH_SKIP\n" if @packages;
    die "two processors are needed, one for the server and one for the load\n" if processors() < 2;
    return;
}

sub found {
    my ($program) = @_;
    return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

sub processors { return qx(nproc) + 0 }

# What a reader of the figures wants to know.
sub describe {
    my ($run, %skipped) = @_;
    my %machine = (
        processor => (map { /^model name\s*:\s*(.*)/ } lines('/proc/cpuinfo'))[0] // 'unknown',
        processors => processors(),
        kernel    => first_line('uname -sr'),
        load      => (split ' ', (lines('/proc/loadavg'))[0])[0],
        date      => first_line('date -u +%F'),
        httpd     => first_line("$run->{httpd} -v") =~ s/^Server version: //r,
        wrk       => first_line('wrk -v'),
    );
    $machine{postgresql} = first_line('psql --version') =~ s/^psql \((.*?)\) (\S+).*/$1 $2/r unless $skipped{postgresql};
    $machine{mariadb} = first_line('mariadbd --version') =~ s/.*Ver (\S+).*/MariaDB $1/r unless $skipped{mariadb};
    $machine{redis} = first_line('redis-server --version') =~ s/ server v=(\S+).*/ $1/r unless $skipped{redis};
    $machine{nginx} = first_line('nginx -v') =~ s/^nginx version: //r unless $skipped{nginx};
    $machine{haproxy} = first_line('haproxy -v') =~ s/ - .*//r unless $skipped{haproxy};
    return \%machine;
}

# Seconds of processor time: all that was used on this machine since it started, and what this
# process, those that it has waited for and services that have ended have used. Interrupts are part of it: those of loopback's
# packets stand in the processes' times, too.
sub used {
    my @ticks = split ' ', (grep { /^cpu / } lines('/proc/stat'))[0];
    my ($user, $nice, $system, $irq, $softirq) = @ticks[1 .. 3, 6, 7];
    my $ours = BenchService::spent();
    $ours += $_ for times;
    return { all => ($user + $nice + $system + $irq + $softirq) / POSIX::sysconf(POSIX::_SC_CLK_TCK()), ours => $ours };
}

sub lines {
    my ($path) = @_;
    open my $in, '<', $path or return;
    return <$in>;
}

sub first_line {
    my ($command) = @_;
    return (split /\n/, qx($command 2>&1))[0] // '';
}

1;
