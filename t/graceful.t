# A graceful restart forgets no admission and no lockout, and costs no client its answer.
use strict;
use warnings;

use Test::More;
use TaiClients;
use TaiLimits;
use TaiTest;

my $RESTARTS = 20;

my $conf = <<'CONF';
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

# Half of the clients ask for what is limited, the others for an open page: what httpd itself loses
# while it restarts is no fault of ours.
{
    my $headers = with_key(fresh_key());
    my $clients = TaiClients->start(6, sub {
        my ($i) = @_;
        my %seen;
        until (stopped()) {
            my $path = $i % 2 ? '/page.html' : '/many';
            $seen{join ' ', $path, ask($httpd->port, $path, $headers)}++;
        }
        return \%seen;
    });
    my $restarts = grep { $httpd->graceful } 1 .. $RESTARTS;
    my %mine;
    wait_for(sub { my $status = ask($httpd->port, '/many', $headers); $mine{"/many $status"}++; $status == 429 },
        'the limit to be reached');
    my $seen = tally(\%mine, $clients->stop->results);

    is $restarts, $RESTARTS, "$RESTARTS graceful restarts under load";
    my $lost = $seen->{'/many lost'} // 0;
    cmp_ok $lost, '<=', $seen->{'/page.html lost'} // 0, 'no more connections lost than without keys';
    delete $seen->{$_} for '/many lost', '/page.html lost';
    is $seen->{'/many 200'}, 500, 'exactly 500 admitted';
    is_deeply [sort keys %$seen], ['/many 200', '/many 429', '/page.html 200'], 'and no other answer';
}

done_testing;
