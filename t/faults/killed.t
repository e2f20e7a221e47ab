# Children are killed where they have changed one half of something in shared memory: the others go
# on, no lock stays behind, what was torn is mended, and no window gains or forgets an admission.
#
#   TAI_KILLS=N  how often at each point (default 3)
use strict;
use warnings;

use Test::More;
use TaiClients;
use TaiFaults;
use TaiLimits;
use TaiTest;
use TaiText qw(credential_text);

my $KILLS = $ENV{TAI_KILLS} || 3;
my ($N, $WINDOW) = (40, 1);

my $faults = TaiFaults->new;
my $httpd = own_server(<<"CONF");
TaiAuthSharedMemory 4M
TaiAuthKeyCache 50
TaiAuthSyncInterval 100ms
AliasMatch "^/(hammered|spent|fresh|failing)" "\@root\@/htdocs/page.html"
<Location /hammered>
    TaiAuth On
    TaiAuthRateLimit $N/${WINDOW}s
</Location>
<Location /spent>
    TaiAuth On
    TaiAuthRateLimit 7/1h
</Location>
<Location /fresh>
    TaiAuth On
    TaiAuthRateLimit 1000/1h
</Location>
<Location /failing>
    TaiAuth On
    TaiAuthLockout 1000000/1h 1h
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
my $port = $httpd->port;

# More keys than are remembered: each request of one of them stores a record in the place of another.
my $account = make_account('killed', plan => 'pro');
my @keys = map { on_many($_) } 1 .. 140;
my $revoked = $keys[-1];
my $hammered = with_key(fresh_key());
my $spent = with_key(fresh_key());

# Ten keys an account.
sub on_many {
    my ($i) = @_;
    $account = make_account("killed-$i", plan => 'pro') if $i % 10 == 1;
    return make_key($account);
}

is ask($port, '/spent', $spent), 200, 'three of seven, before' for 1 .. 3;
is taictl(key => 'revoke', $revoked->{id})->{nodes}{silent}, 0, 'one is revoked';

# --- everything at once -------------------------------------------------------------------------

# What each client does, so that every point is come to.
my @acts = (
    sub { return hammer() },
    sub { return (fresh => ask($port, '/fresh', with_key($keys[rand @keys - 1]))) },
    sub { return (revoked => ask($port, '/fresh', with_key($revoked))) },
    sub { return (failing => ask($port, '/failing', with_key({ key => wrong_key() }))) },
);
my @admitted; # of a client

# Now and then one that has to be looked up: it is remembered as unknown, so that there is always
# something new for a table to take in. Not more often: such look-ups are throttled.
my $tries = 0;
sub wrong_key { return ++$tries % 20 ? 'tai_nothing' : credential_text('tai_') }

sub hammer {
    my $sent = now();
    my $status = ask($port, '/hammered', $hammered);
    push @admitted, [$sent, now()] if $status eq '200';
    return (hammered => $status);
}

my $clients = TaiClients->start(8, sub {
    my ($i) = @_;
    my %seen;
    until (stopped()) {
        my ($what, $status) = $acts[$i % @acts]->();
        $seen{"$what $status"}++;
    }
    return { seen => \%seen, admitted => [@admitted] };
});

# A change now and then, for the syncs to have something to do, and for the table to be struck.
my $stirred = 0;
sub stir { on_many_changes() if ++$stirred % 10 == 0; return }
sub on_many_changes { taictl(account => 'set-plan', 'killed-1', $stirred % 20 ? 'pro' : 'claimed'); return }

my @points = qw(records.put records.compact learn.locked table.insert windows.charge windows.charged usage.add failures.record
    sync.read sync.applied sync.acknowledged lookup.selected lookup.recalled);
for my $point (@points) {
    for my $round (1 .. $KILLS) {
        $faults->kill($point);
        ok wait_for(sub { stir(); $faults->struck($point) }, "a child to die at $point", 60), "$point: a child has died";
        is ask_again('/fresh', with_key($keys[0])), 200, '... and a request is answered';
    }
}

# One that is lost with its child is sent again.
sub ask_again {
    my ($path, $headers) = @_;
    return wait_for(sub { my $status = ask($port, $path, $headers); $status =~ /^\d+$/ && $status }, 'an answer');
}

# --- what it has come to ------------------------------------------------------------------------

my @results = $clients->stop->results;
my $seen = tally(map { $_->{seen} } @results);
delete $seen->{$_} for grep { / lost$/ } keys %$seen;
is_deeply [sort keys %$seen], ['failing 401', 'fresh 200', 'hammered 200', 'hammered 429', 'revoked 401'],
    'whoever got an answer got the right one' or diag explain $seen;
cmp_ok most_within($WINDOW, map { $_->{admitted}->@* } @results), '<=', $N, 'no window admitted too many';

is left($httpd->get('/spent', $spent)), 3, 'four of seven, after all of it';
is $httpd->get('/spent', $spent)->status, 200, 'three more' for 1 .. 3;
is $httpd->get('/spent', $spent)->status, 429, '... and not a fourth';

# A set that a dead child left is emptied by the next one who changes the table.
is ask($port, '/fresh', with_key($_)), 200, 'a key is good' for @keys[0 .. 9];
my %value = $httpd->get('/metrics')->body =~ /^taiauth_(key_cache_\w+|registrations_total) (\d+)$/mg;
is $value{key_cache_disordered}, 0, 'the key cache is in order';
cmp_ok $value{key_cache_torn_total}, '>', 0, '... after it was torn';
my %recovered = $httpd->get('/metrics')->body =~ /^taiauth_table_recovered_total\{table="(\w+)"\} (\d+)$/mg;
cmp_ok $recovered{windows}, '>', 0, 'locks of windows were taken over';
cmp_ok $recovered{usage}, '>', 0, '... and of usage';

done_testing;
