# A graceful restart forgets no admission and no lockout, and costs no client its answer.
use strict;
use warnings;

use List::Util qw(sum0);
use Test::More;
use TaiClients;
use TaiLimits;
use TaiTest;

my $RESTARTS = 20;

# The server's log says which requests were read.
my $conf = <<'CONF';
LogLevel core:trace5
AliasMatch "^/(few|many|locked)" "@root@/htdocs/page.html"
<Location /few>
    TaiAuth On
    TaiAuthRateLimit 5/1h
</Location>
<Location /many>
    TaiAuth On
    TaiAuthRateLimit 500/1h
</Location>
<Location /locked>
    TaiAuth On
    TaiAuthLockout 3/1h 1h
</Location>
CONF
my $httpd = own_server($conf);

# --- what was counted before is counted after ---------------------------------------------------

{
    my $headers = with_key(fresh_key());
    is left($httpd->get('/few', $headers)), 4, 'one of five';
    for my $left (3, 2, 1, 0) {
        ok $httpd->graceful, 'a graceful restart';
        is left($httpd->get('/few', $headers)), $left, "... $left left";
    }
    ok $httpd->graceful, 'a graceful restart';
    is_refusal $httpd->get('/few', $headers), 429, 'RATE_LIMITED', 'spent before, refused after';
}
{
    my $bad = { 'X-API-Key' => 'tai_bad' };
    is_refusal $httpd->get('/locked', $bad), 401, 'INVALID_API_KEY', 'a failure' for 1 .. 2;
    ok $httpd->graceful, 'a graceful restart';
    is_refusal $httpd->get('/locked', $bad), 401, 'INVALID_API_KEY', 'the third failure';
    is_refusal $httpd->get('/locked', $bad), 429, 'LOCKED_OUT', 'locks';
    ok $httpd->graceful, 'a graceful restart';
    my $answer = $httpd->get('/locked', $bad);
    is_refusal $answer, 429, 'LOCKED_OUT', '... and the lock holds';
    cmp_ok $answer->json->{retry_after}, '<=', 3600, '... until its old end';
}

# Another configuration, the same windows: N is no part of a window that is named.
{
    my $headers = with_key(fresh_key());
    $httpd->configure(own_conf($conf =~ s{5/1h}{5/1h name=few}r));
    $httpd->graceful or die "no restart\n";
    is left($httpd->get('/few', $headers), 'few'), 4, 'a named limit of five';
    $httpd->configure(own_conf($conf =~ s{5/1h}{3/1h name=few}r));
    $httpd->graceful or die "no restart\n";
    is left($httpd->get('/few', $headers), 'few'), 1, '... lowered to three, judges what is there';
}

# --- under load ---------------------------------------------------------------------------------

# When it restarts, httpd may close a connection before it has read anything of it: no module hears
# of that, and a client repeats its request. One whose first line was read must get its answer. Half
# of the clients ask for an open page: what is lost there too is no fault of ours.
{
    my $headers = with_key(fresh_key());
    my $clients = TaiClients->start(6, sub {
        my ($i) = @_;
        return ask_until(\&stopped, $i % 2 ? '/page.html' : '/many', $i, $headers);
    });
    my $restarts = grep { $httpd->graceful } 1 .. $RESTARTS;
    my $left = 501; # as many reach the limit without any help
    my $mine = ask_until(sub { $_[0] eq '429' || !$left-- }, '/many', 'mine', $headers);
    my @results = ($mine, $clients->stop->results);
    my $seen = tally(map { $_->{seen} } @results);
    my @lost = map { $_->{lost}->@* } @results;
    my %read = map { $_ => 1 } $httpd->log =~ m{Request received from client: GET (/(?:many|page\.html)\?\S+)}g;

    is $restarts, $RESTARTS, "$RESTARTS graceful restarts under load";
    is_deeply [grep { $read{$_} } @lost], [], 'no request is lost that was read';
    is scalar keys %read, sum0(values %$seen), 'every request that was read has its answer';
    is $seen->{'/many 200'}, 500, 'exactly 500 admitted';
    is_deeply [sort keys %$seen], ['/many 200', '/many 429', '/page.html 200'], 'and no other answer';
}

# Requests until the end, which is asked with the last status: how often each status was seen, and
# the targets of those whose connection was lost. A query makes each request another one in the log.
sub ask_until {
    my ($end, $path, $name, $headers) = @_;
    my (%seen, @lost);
    my $status = '';
    until ($end->($status)) {
        my $target = "$path?$name." . (sum0(values %seen) + @lost);
        $status = ask($httpd->port, $target, $headers);
        $status eq 'lost' ? push @lost, $target : $seen{"$path $status"}++;
    }
    return { seen => \%seen, lost => \@lost };
}

done_testing;
