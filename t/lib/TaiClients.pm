# Clients in processes of their own, all at once, and a server of the test's own for them.
#
#   my $clients = TaiClients->start(8, sub { my ($i) = @_; ...; return { 200 => 12 } });
#   my @seen = $clients->results;
package TaiClients;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use JSON::PP ();
use POSIX ();
use TaiHttp;
use TaiHttpd;
use TaiLimits;
use TaiTest;

our @EXPORT = qw(own_conf own_server ask stopped tally most_within);

my $end; # in a client: a pipe that the parent closes when it is to end

# Fork n clients; each runs the code with its number and ends with what that returns. No client
# begins before all are there.
sub start {
    my ($class, $n, $code) = @_;
    pipe my $gate, my $open or die "pipe: $!";
    pipe my $stop, my $going or die "pipe: $!";
    my @clients;
    for my $i (0 .. $n - 1) {
        pipe my $out, my $in or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            close $_ for $open, $going;
            $end = $stop;
            sysread $gate, my $nothing, 1; # the parent has closed it, behind the last fork
            report($in, $code, $i);
        }
        close $in;
        push @clients, { pid => $pid, out => $out };
    }
    return bless { clients => \@clients, going => $going }, $class;
}

# A client's end: nothing of the parent's is torn down in it.
sub report {
    my ($in, $code, $i) = @_;
    my $result = eval { $code->($i) };
    print $in JSON::PP->new->encode($result // { died => $@ });
    close $in;
    POSIX::_exit(0);
}

# Ask them to end: stopped() is true for them from now on. No signal: it would break into their
# reading. A byte that nobody takes: whoever was forked later holds this end of the pipe as well.
sub stop {
    my ($self) = @_;
    syswrite $self->{going}, '.';
    close delete $self->{going};
    return $self;
}

# Wait for their end; what each returned.
sub results {
    my ($self) = @_;
    my @results;
    for my $client (@{$self->{clients}}) {
        my $text = do { local $/; readline $client->{out} };
        waitpid $client->{pid}, 0;
        die "a client ended without a word\n" unless length $text // '';
        my $result = JSON::PP->new->decode($text);
        die "a client died: $result->{died}" if ref $result eq 'HASH' && $result->{died};
        push @results, $result;
    }
    return @results;
}

sub stopped {
    return IO::Select->new($end)->can_read(0);
}

# One request on a connection of its own: its status; 'lost' where the connection broke off before
# an answer, 'silent' where none came.
sub ask {
    my ($port, $path, $headers) = @_;
    my $answer = eval {
        my $connection = TaiHttp->new($port);
        $connection->send(TaiHttp::bytes(GET => $path, $headers, undef, 'close'));
        $connection->read('GET');
    };
    return $answer->status if $answer;
    return $@ =~ /silent/ ? 'silent' : 'lost';
}

# The counts of several clients together.
sub tally {
    my %sum;
    for my $seen (@_) {
        $sum{$_} += $seen->{$_} for keys %$seen;
    }
    return \%sum;
}

# The most admissions that certainly lie in one interval of so many seconds. Each is a pair of
# times, [sent, answered]: it happened somewhere in between. The server counts in whole milliseconds.
sub most_within {
    my ($window, @spans) = @_;
    my $most = 0;
    $window -= 0.001;
    for my $begin (map { $_->[0] } @spans) {
        my $n = grep { $_->[0] >= $begin && $_->[1] < $begin + $window } @spans;
        $most = $n if $n > $most;
    }
    return $most;
}

# The configuration of a server with several small children, of so many threads that a quarter is more than
# the revocations that may wait at a time.
sub own_conf {
    my ($conf) = @_;
    return <<'CONF' . $conf;
LogLevel warn
LogFormat "%P" pid
CustomLog "@root@/logs/pids" pid
<IfModule mpm_prefork_module>
    StartServers 8
    MinSpareServers 8
    MaxSpareServers 16
    ServerLimit 80
    MaxRequestWorkers 80
</IfModule>
<IfModule !mpm_prefork_module>
    StartServers 4
    ThreadsPerChild 6
    ServerLimit 14
    MinSpareThreads 24
    MaxSpareThreads 48
    MaxRequestWorkers 84
</IfModule>
CONF
}

# Such a server, started, on the run's database; /page.html is an open page.
sub own_server {
    my ($conf) = @_;
    my $httpd = TaiHttpd->new(database => database(), conf => own_conf($conf));
    open my $page, '>', $httpd->root . '/htdocs/page.html' or die "page.html: $!";
    print $page "page\n";
    close $page or die "page.html: $!";
    $httpd->start or die 'the server would not start: ', $httpd->said, $httpd->log;
    return $httpd;
}

1;
