# A limit that is counted in shared memory, and one in Redis; beside it redis-benchmark, which runs the
# same script with as many connections: how much of what Redis can do is reached?
package BenchLimiter;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchService;
use BenchTaiauth;

my $KEYS = 1000;
my $PAIRS = 10;     # of a key and its token: as many as one account may make
my $PROCESSOR = 0;  # of redis-benchmark: where httpd is in its turns
my $TRIED = 20_000; # calls behind which redis-benchmark is known to be how fast

# name | keys | title
my @CASES = (
    [qw(one scoped), 'one limit'],
    [qw(two scoped), 'two limits'],
    [qw(pair pair), 'a key and its token: one limit, one lock'],
);

my @COUNTED_BY = ([shm => 'shared memory'], [redis => 'Redis'], [benchmark => 'redis-benchmark, the same script']);

my $CONF = <<'CONF';
AliasMatch "^/(one|two|pair)/x" "@dir@/htdocs/on/x"
<Location /one>
    TaiAuth On
    TaiAuthRateLimit 1000000000/60s
</Location>
<Location /two>
    TaiAuth On
    TaiAuthRateLimit 1000000000/60s
    TaiAuthRateLimit 1000000000/1h name=hour
</Location>
<Location /pair>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-ts-authorization
    TaiAuthRateLimit 1000000000/60s
    TaiAuthLockout 5/300s 900s
</Location>
CONF

sub measure {
    my ($run, $report, %skipped) = @_;
    if ($skipped{redis}) {
        print STDERR "  skipped: redis is what shared memory is compared with\n";
        return;
    }
    my $keys = BenchKeys->new($run, 'limiter');
    my $redis = BenchService->start($run, 'redis');
    my %server = (
        shm   => BenchTaiauth->new(run => $run, name => 'limiter.shm', keys => $keys, modules => ['alias'], conf => $CONF),
        redis => BenchTaiauth->new(run => $run, name => 'limiter.redis', keys => $keys, modules => ['alias'], conf => $CONF, redis => $redis),
    );
    $_->start for values %server;
    my %load = loads($keys);
    load(%{$load{$_}}, server => $server{redis}, seconds => 1) for keys %load; # the keys are known, the scripts as well
    my %command = map { $_ => command($redis, $server{redis}, $load{$_}) } keys %load;
    my $connections = connections($redis);
    my @turns = map { my $case = $_->[0]; map { "$case $_->[0]" } @COUNTED_BY } @CASES;
    my $seen = in_turn(\@turns, sub {
        my ($case, $by) = split ' ', $_[0];
        return $by eq 'benchmark' ? benchmark($redis, $command{$case}, $connections, $case eq 'pair' ? $PAIRS : $KEYS)
            : counted($redis, %{$load{$case}}, server => $server{$by}, seconds => seconds());
    });
    $_->stop for values %server;
    report($report, $seen, $connections);
    return;
}

sub loads {
    my ($keys) = @_;
    my $scoped = $keys->import_many($KEYS);
    my @pairs = map { $keys->create('--token') } 1 .. $PAIRS;
    my $pairs = $keys->file(map { "$_->{key}\t$_->{token}" } @pairs);
    my %header = (scoped => ['X-API-Key', $scoped], pair => ['apikey,x-ts-authorization', $pairs]);
    return map { my ($name, $kind) = @$_; $name => {
        path => "/$name/x", status => 200, header => $header{$kind}[0], values => $header{$kind}[1],
    } } @CASES;
}

# What the module sends Redis for a request of this kind, as it stands in what MONITOR prints.
sub command {
    my ($redis, $server, $load) = @_;
    local $ENV{REDISCLI_AUTH} = $redis->line('password');
    my $pid = open my $monitor, '-|', 'redis-cli', '-s', $redis->line('socket'), 'MONITOR' or die "redis-cli: $!\n";
    <$monitor>; # OK: it has begun
    ask_once(%$load, server => $server);
    my $line = <$monitor>;
    $line = <$monitor> until !defined $line || $line =~ /^[^"]*"evalsha"/i;
    kill TERM => $pid;
    close $monitor;
    return [map { s/\\(.)/$1/gr } ($line // die "the module calls no script\n") =~ /"((?:[^"\\]|\\.)*)"/g];
}

# Of httpd, to Redis: those that it has opened are kept.
sub connections {
    my ($redis) = @_;
    return scalar grep { /\bcmd=evalsha\b/ } split /\n/, $redis->command(qw(CLIENT LIST));
}

# Every turn begins with nothing in Redis.
sub counted {
    my ($redis, %load) = @_;
    $redis->command('FLUSHALL');
    my $before = $redis->cpu;
    my $seen = load(%load);
    return { %$seen, redis_cpu => 1e6 * ($redis->cpu - $before) / $seen->{requests} };
}

# The same call, where the identity in a key begins with twelve digits, one of so many numbers.
sub benchmark {
    my ($redis, $command, $connections, $keys) = @_;
    my @command = map { s/^(taiauth:\w\{.*?\}).{12}/$1__rand_int__/r } @$command;
    my $run = sub {
        my ($n) = @_;
        $redis->command('FLUSHALL');
        my $before = $redis->cpu;
        open my $out, '-|', qw(taskset -c), $PROCESSOR, qw(redis-benchmark --csv -P 1 -h 127.0.0.1), '-p', $redis->port,
            '-a', $redis->line('password'), '-c', $connections, '-n', $n, '-r', $keys, @command or die "redis-benchmark: $!\n";
        my ($last) = map { [map { tr/"//dr } split /,/] } (grep { /^"evalsha/i } <$out>)[-1] // die "redis-benchmark tells nothing\n";
        close $out or die "redis-benchmark: exit status @{[$? >> 8]}\n";
        my %seen = (rate => $last->[-7], p50 => $last->[-4], p99 => $last->[-2]);
        return { %seen, redis_cpu => 1e6 * ($redis->cpu - $before) / $n };
    };
    return $run->(int 1 + seconds() * $run->($TRIED)->{rate});
}

sub report {
    my ($report, $seen, $connections) = @_;
    my (@lines, %figures);
    for my $case (@CASES) {
        my ($name, undef, $title) = @$case;
        my %of = map { $_->[0] => $seen->{"$name $_->[0]"} } @COUNTED_BY;
        my %rate = map { my $by = $_; $by => [map { $_->{rate} } @{$of{$by}}] } keys %of;
        for (@COUNTED_BY) {
            my ($by, $by_title) = @$_;
            push @lines, ["$title, $by_title", spread('%.0f', @{$rate{$by}}), (map { shown('%.2f', $of{$by}, $_) } qw(p50 p99)),
                (map { $by eq 'redis' ? sprintf '%.2f', median(over($rate{$by}, $rate{$_})) : '' } qw(shm benchmark)),
                shown('%.1f', $of{$by}, 'cpu'), $by eq 'shm' ? '' : shown('%.1f', $of{$by}, 'redis_cpu')];
        }
        $figures{$name} = { rounds => \%of, of_shm => median(over(@rate{qw(redis shm)})),
            of_redis => median(over(@rate{qw(redis benchmark)})) };
    }
    $report->table('A limit in shared memory and in Redis',
        ['', 'requests or calls a second', 'p50, ms', 'p99, ms', 'of the rate with shared memory', 'of that of redis-benchmark',
            'us of httpd', 'us of redis-server'], \@lines,
        "In brackets: what half of the rounds lie between. httpd has one processor; Redis and wrk share the other. "
        . "redis-benchmark has the processor that is httpd's, and the $connections connections that httpd had.");
    $report->figures(limiter => { %figures, connections => $connections });
    return;
}

sub shown {
    my ($format, $of, $what) = @_;
    my @values = map { $_->{$what} // () } @$of;
    return @values ? sprintf $format, median(@values) : '';
}

1;
