# How much a flood of log-ins slows the API down: requests with a good key at a steady rate, by turns
# with the flood and without it, so that whatever else this machine does meets both alike.
use strict;
use warnings;

use IO::Select;
use List::Util qw(sum0);
use Test::More;
use TaiClients;
use TaiLimits qw(now sleep_until);
use TaiLogin;
use TaiTest;

my $ROUNDS = $ENV{ROUNDS} || 10; # of each kind
my $SECONDS = 5;                 # a round
my $CLIENTS = 4;                 # of the API
my $RATE = 25;                   # requests a second by each
my $GUESSES = 200;               # a second: many times what can be evaluated

my $httpd = own_server(<<'CONF');
LogLevel error
<IfModule !mpm_prefork_module>
    StartServers 2
    ThreadsPerChild 32
    MaxRequestWorkers 64
</IfModule>
MaxKeepAliveRequests 0
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
<Location /page.html>
    TaiAuth On
    TaiAuthRateLimit 1000000/1h
</Location>
<Location /auth/token>
    TaiAuthTokenEndpoint On
    TaiAuthLockout off
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
my $ann = login_user('flooded', plan => 'pro');
my $key = make_key($ann->{account})->{key};
my $guess = qq({"username": "$ann->{user}", "password": "wrong password"});
my $request = TaiHttp::bytes(GET => '/page.html', { 'X-API-Key' => $key });

# Requests with the good key for one round, each client's on one connection as long as it is kept.
sub api {
    my $clients = TaiClients->start($CLIENTS, sub {
        my ($begun, $connection, @times) = (now());
        for my $n (0 .. $SECONDS * $RATE - 1) {
            sleep_until($begun + $n / $RATE);
            my $sent = now();
            my $answer = $connection && eval { $connection->send($request)->read };
            $answer //= ($connection = TaiHttp->new($httpd->port))->send($request)->read;
            die 'refused: ', $answer->status, "\n" unless $answer->status == 200;
            push @times, 1000 * (now() - $sent);
        }
        return \@times;
    });
    return map { @$_ } $clients->results;
}

# Guesses from everywhere at a steady rate, by one process that takes little of the processors itself.
sub flood {
    return TaiClients->start(1, sub {
        my ($n, $begun, $open, %seen) = (0, now(), IO::Select->new);
        until (stopped()) {
            while ($n < (now() - $begun) * $GUESSES) {
                my $client = join '.', 10, int $n / 62500, int($n / 250) % 250, 1 + $n++ % 250;
                $open->add(send_login($ann, port => $httpd->port, client => $client, body => $guess)->socket);
            }
            for my $socket ($open->can_read(0.005)) {
                sysread $socket, my $head, 64;
                $seen{($head // '') =~ m{^HTTP/1.1 (\d+)} ? $1 : 'lost'}++;
                $open->remove($socket);
                close $socket;
            }
        }
        return \%seen;
    });
}

sub percentile {
    my ($percent, @times) = @_;
    return (sort { $a <=> $b } @times)[@times * $percent / 100];
}

api(); # warm
my (@alone, @flooded, %seen, @ratios);
for my $round (1 .. $ROUNDS) {
    my @without = api();
    my $guessers = flood();
    my @with = api();
    my $answers = tally($guessers->stop->results);
    $seen{$_} += $answers->{$_} for keys %$answers;
    push @alone, @without;
    push @flooded, @with;
    push @ratios, percentile(99, @with) / percentile(99, @without);
    diag sprintf 'round %2d: p99 %.2f ms alone, %.2f ms under the flood, ratio %.2f', $round,
        percentile(99, @without), percentile(99, @with), $ratios[-1];
}
diag sprintf '%d log-ins a second: %s', sum0(values %seen) / $ROUNDS / $SECONDS,
    join ', ', map { "$_ x $seen{$_}" } sort keys %seen;
diag sprintf 'all rounds: p50 %.2f and %.2f ms, p99 %.2f and %.2f ms', map { my $p = $_; map { percentile($p, @$_) } \(@alone, @flooded) } 50, 99;
diag sprintf 'ratio of the p99: %.2f (median of the rounds %.2f)', percentile(99, @flooded) / percentile(99, @alone), percentile(50, @ratios);
ok $seen{401}, 'passwords were checked meanwhile';

done_testing;
