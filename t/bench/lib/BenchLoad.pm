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

our @EXPORT = qw(load ask_once);

my $CONNECTIONS = 16;
my $PROCESSOR = 1; # of the load; servers have another

my $LONGEST = 3600; # seconds that every value once may take

# Send requests for so many seconds, or each value once.
#   server   BenchServer
#   path     of the page
#   header   name; prefix  what stands before each value; values  file of them, as load.lua wants it
#   depth    how many requests are sent at once on a connection; default 1
#   seconds  how long; undef: each value once
#   status   of the answers; undef: any
#   processor  where wrk runs; default its own
# Returns { requests, cpu (microseconds each), rate (a second), refused }.
sub load {
    my (%want) = @_;
    my $server = $want{server};
    ask_once(%want);
    my $before = $server->cpu;
    my $done = wrk(%want);
    my $cpu = $server->cpu - $before;
    check($done, %want);
    return {
        requests => $done->{requests},
        refused  => $done->{refused},
        rate     => $done->{requests} / $done->{seconds},
        cpu      => 1e6 * $cpu / $done->{requests},
    };
}

# The answer to the first value: wrk tells 200 from 401, but not one refusal from another.
sub ask_once {
    my (%want) = @_;
    open my $in, '<', $want{values} or die "$want{values}: $!\n";
    chomp(my $value = <$in>);
    my $answer = $want{server}->get($want{path}, { $want{header} => ($want{prefix} // '') . $value });
    return $answer if !defined $want{status} || $answer->status == $want{status};
    die $want{server}->name, " answered $want{path} with ", $answer->status, " instead of $want{status}: ", $answer->body, "\n";
}

sub wrk {
    my (%want) = @_;
    my @command = (qw(taskset -c), $want{processor} // $PROCESSOR, 'wrk', '-t1', "-c$CONNECTIONS",
        '-d' . ($want{seconds} // $LONGEST) . 's', '-s', "$FindBin::Bin/lib/load.lua",
        'http://127.0.0.1:' . $want{server}->port . $want{path},
        '--', $want{depth} // 1, defined $want{seconds} ? 'random' : 'each', $want{values}, $want{header}, $want{prefix} // '');
    my $pid = open my $out, '-|', @command or die "wrk: $!\n";
    my %done;
    while (my $line = <$out>) {
        # A thread that has stopped is waited for until the time is over.
        kill INT => $pid if $line eq "sent all\n";
        @done{qw(requests microseconds refused broken)} = ($1, $2, $3, $4) if $line =~ /^done (\d+) (\d+) (\d+) (\d+)$/;
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
