# Load by wrk: over loopback, on the processor that the server does not have, with connections that
# are kept alive.
package BenchLoad;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use POSIX ();
use BenchServer;
use TaiHttp;

our @EXPORT = qw(load load_together ask_once);

my $CONNECTIONS = 16;
my $PROCESSOR = 1; # of the load; servers have another

my $LONGEST = 3600; # seconds that every value once may take

# Send requests for so many seconds, or each value once.
#   server   BenchServer
#   path     of the page
#   header   name, or two of them; prefix  what stands before each value; values  file of them, as
#            load.lua wants it
#   depth    how many requests are sent at once on a connection; default 1
#   seconds  how long; undef: each value once
#   status   of the answers; undef: any
#   processor  where wrk runs; default its own
# Returns { requests, cpu (microseconds each), rate (a second), p50, p99 (milliseconds), refused }.
sub load {
    my (%want) = @_;
    return (load_together(\%want))[0];
}

# The same to several servers at once.
sub load_together {
    my @wanted = @_;
    ask_once(%$_) for @wanted;
    my @before = map { $_->{server}->cpu } @wanted;
    my @running = map { begin(%$_) } @wanted;
    my @done = map { finish($_) } @running;
    return map { outcome($wanted[$_], $done[$_], $before[$_]) } 0 .. $#wanted;
}

sub outcome {
    my ($want, $done, $before) = @_;
    my $cpu = $want->{server}->cpu - $before;
    check($done, %$want);
    return {
        requests => $done->{requests},
        refused  => $done->{refused},
        rate     => $done->{requests} / $done->{seconds},
        cpu      => 1e6 * $cpu / $done->{requests},
        map { $_ => $done->{$_} / 1000 } qw(p50 p99),
    };
}

# The answer to the first value: wrk tells 200 from 401, but not one refusal from another.
sub ask_once {
    my (%want) = @_;
    open my $in, '<', $want{values} or die "$want{values}: $!\n";
    chomp(my $line = <$in>);
    my @values = split /\t/, ($want{prefix} // '') . $line;
    my $answer = $want{server}->get($want{path}, { map { $_ => shift @values } split /,/, $want{header} });
    return $answer if !defined $want{status} || $answer->status == $want{status};
    die $want{server}->name, " answered $want{path} with ", $answer->status, " instead of $want{status}: ", $answer->body, "\n";
}

# A wrk that runs: its process and what it prints.
sub begin {
    my (%want) = @_;
    my @command = (qw(taskset -c), $want{processor} // $PROCESSOR, 'wrk', '-t1', "-c$CONNECTIONS",
        '-d' . ($want{seconds} // $LONGEST) . 's', '-s', "$FindBin::Bin/lib/load.lua",
        'http://127.0.0.1:' . $want{server}->port . $want{path},
        '--', $want{depth} // 1, defined $want{seconds} ? 'random' : 'each', $want{values}, $want{header}, $want{prefix} // '');
    my $pid = open my $out, '-|', @command or die "wrk: $!\n";
    return { pid => $pid, out => $out };
}

sub finish {
    my ($running) = @_;
    my ($pid, $out) = @$running{qw(pid out)};
    my %done;
    while (my $line = <$out>) {
        # A thread that has stopped is waited for until the time is over.
        kill INT => $pid if $line eq "sent all\n";
        @done{qw(requests microseconds refused broken p50 p99)} = split ' ', $1 if $line =~ /^done ([\d ]+)$/;
    }
    close $out;
    die "wrk failed: $?\n" unless $done{requests};
    $done{seconds} = $done{microseconds} / 1e6;
    return \%done;
}

# Answers of the wrong kind would be measured as if they were right.
sub check {
    my ($done, %want) = @_;
    my $expected = !defined $want{status} ? $done->{refused} : $want{status} < 400 ? 0 : $done->{requests};
    return if $done->{refused} == $expected && ($done->{broken} == 0 || !defined $want{status});
    die sprintf "%s: of %d answers to %s %d were refusals, and should have been %d; %d connections broke\n",
        $want{server}->name, $done->{requests}, $want{path}, $done->{refused}, $expected, $done->{broken};
}

1;
