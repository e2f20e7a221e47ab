# Children of httpd are killed at any moment of their work: the others go on, no lock stays behind,
# and no window forgets or gains an admission.
use strict;
use warnings;

use List::Util qw(sum0);
use Test::More;
use TaiClients;
use TaiLimits;
use TaiTest;

my $KILLS = 25;
my $CLIENTS = 8;
my $READERS = 6;
my ($N, $WINDOW) = (40, 1);

# Many lines: a charge then locks many windows.
my $lines = join '', map { "    TaiAuthRateLimit 100000/1h name=line$_\n" } 1 .. 12;
my $httpd = own_server(<<"CONF");
TaiAuthSharedMemory 512M
AliasMatch "^/(hammered|other|failures)" "\@root\@/htdocs/page.html"
<Location /hammered>
    TaiAuth On
    TaiAuthRateLimit $N/${WINDOW}s
$lines</Location>
<Location /other>
    TaiAuth On
    TaiAuthRateLimit 7/1h
</Location>
<Location /failures>
    TaiAuth On
    TaiAuthLockout 3/1h 1h
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

my $before = with_key(fresh_key());
is $httpd->get('/other', $before)->status, 200, 'one of seven, before' for 1 .. 3;

# --- the hammering ------------------------------------------------------------------------------

# A charge holds its locks for a moment that few kills would hit. Whoever reads the metrics goes from
# lock to lock, the longer the larger the memory: so there are readers too, and the killing goes on
# until some child has left a lock behind.
my $headers = with_key(fresh_key());
my $clients = TaiClients->start($CLIENTS + $READERS, sub {
    my ($i) = @_;
    my $path = $i < $CLIENTS ? '/hammered' : '/metrics';
    my (%seen, @admitted);
    until (stopped()) {
        my $sent = now();
        my $status = ask($httpd->port, $path, $headers);
        $seen{$status}++;
        push @admitted, [$sent, now()] if $status eq '200' && $path eq '/hammered';
    }
    return { seen => \%seen, admitted => \@admitted };
});

# After each kill a request gets its answer; where a lock was left behind it never would. Which
# child and when is chance: a random child, after a random part of what 8 clients keep it busy with.
my (%killed, @took); # seconds until the next answer
until (keys %killed >= $KILLS && recovered() || @took == 8 * $KILLS) {
    ask($httpd->port, '/hammered', $headers) for 1 .. 1 + rand 20;
    my $victim = wait_for(\&kill_one, 'a child to kill');
    $killed{$victim} = 1;
    my $killed = now();
    wait_for(sub { ask($httpd->port, '/hammered', $headers) =~ /^(?:200|429)$/ }, 'an answer');
    push @took, now() - $killed;
}

# How many locks were taken over from dead children.
sub recovered {
    return sum0($httpd->get('/metrics')->body =~ /^taiauth_table_recovered_total\{[^}]*\} (\d+)$/mg);
}

# Its pid; false where there is only one that lives, or where the one chosen has just ended by itself.
sub kill_one {
    my @children = $httpd->children;
    return undef unless @children > 1;
    my $victim = $children[rand @children];
    return kill(KILL => $victim) && $victim;
}

my @results = $clients->stop->results;
my $seen = tally(map { $_->{seen} } @results);
my @admitted = map { $_->{admitted}->@* } @results;

cmp_ok scalar keys %killed, '>=', $KILLS, "$KILLS children were killed";
cmp_ok recovered(), '>', 0, 'some while they held a lock';
cmp_ok +(sort { $a <=> $b } @took)[@took / 2], '<', 1, 'the others went on, as a rule within a second';
is $seen->{silent} // 0, 0, 'no request hung';
delete $seen->{lost}; # those that the killed children had in hand
is_deeply [sort keys %$seen], [200, 429], 'admitted or limited, nothing else';
cmp_ok scalar @admitted, '>', $N, 'admitted over and over';
cmp_ok most_within($WINDOW, @admitted), '<=', $N, "never more than $N within $WINDOW s";

# --- afterwards ---------------------------------------------------------------------------------

ok $httpd->pid, 'the server runs';
is_deeply [sort keys %{tally(map { { ask($httpd->port, '/other', $before) => 1 } } 1 .. 4)}], [200],
    'a window of before: four of seven were left';
is_refusal $httpd->get('/other', $before), 429, 'RATE_LIMITED', '... and no more';
my $fresh = with_key(fresh_key());
is_deeply tally(map { { ask($httpd->port, '/other', $fresh) => 1 } } 1 .. 9), { 200 => 7, 429 => 2 },
    'a new window: exactly seven';
my $burst = tally(TaiClients->start(4, sub {
    return tally(map { { ask($httpd->port, '/hammered', $headers) => 1 } } 1 .. $N);
})->results);
ok $burst->{429}, 'the key that was hammered is still limited';

is_refusal $httpd->get('/failures', { 'X-API-Key' => 'tai_bad' }), 401, 'INVALID_API_KEY', 'a failure' for 1 .. 3;
is_refusal $httpd->get('/failures', { 'X-API-Key' => 'tai_bad' }), 429, 'LOCKED_OUT', 'failures count';

my ($counted) = $httpd->get('/metrics')->body =~
    /^taiauth_requests_total\{code="ADMITTED",reason="admitted"\} (\d+)$/m;
cmp_ok $counted // 0, '>=', scalar @admitted, 'the counters are alive';

done_testing;
