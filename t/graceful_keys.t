# A graceful restart loses nothing of what is remembered of keys: no key is looked up again for it,
# and none that was revoked before it, or amid it, is served behind it.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiNodes;
use TaiTest;

my $RESTARTS = 20;
my $CLIENTS = 6;

my $server = first_node(<<'CONF');
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
my @keys = map {
    my $who = manager($server, "restarted-$_");
    map { +{ %{create_key($who)}, who => $who } } 1 .. 10;
} 1 .. $RESTARTS / 10;
my $who = manager($server, 'restarted');
my ($stays, $ended) = map { create_key($who) } 1, 2;

sub behind { return grep { $_->{behind} } registered($server) }

# --- under load ---------------------------------------------------------------------------------

wait_for(sub { !behind() }, 'the node to hear of all keys');
is use_all($server, $_), 200, 'good' for $stays, $ended;
is_deeply data(api($who, DELETE => "/keys/$ended->{id}"))->{nodes}, { applied => 1, of => 1, silent => 0 }, 'one is revoked';
is use_all($server, $ended), 401, 'which is remembered';

my @node = map { $_->{id} } registered($server);
my $restarts = 0;
my $load = TaiNodes->hammer([$server], $CLIENTS, @keys);
for my $key (@keys) {
    my $before = $server->generation;
    $load->ends(401, 'a revocation amid a restart', sub {
        kill USR1 => $server->pid;
        # a connection may break off: to repeat it is safe
        wait_for(sub { (eval { api($key->{who}, DELETE => "/keys/$key->{id}")->status } // 0) == 200 }, 'a revocation');
    });
    $restarts += wait_for(sub { ($server->generation // -1) > $before }, 'the restart');
}
$load->judge(lost => 1);

is $restarts, $RESTARTS, "$RESTARTS graceful restarts under load";
is_deeply [map { $_->{id} } registered($server)], \@node, 'it is the same node all the time';

# --- behind it ----------------------------------------------------------------------------------

is use_all($server, $_), 401, 'revoked amid a restart' for @keys;
my $lookups = $server->metric('lookup_seconds_count');
for (1 .. 3) {
    ok $server->graceful, 'another restart';
    is use_all($server, $stays), 200, 'a key that was known before all of them';
    is use_all($server, $ended), 401, 'one that was revoked before all of them';
}
is $server->metric('lookup_seconds_count'), $lookups, 'neither was looked up again';
is $server->metric('registrations_total'), 1, 'nothing was forgotten';

done_testing;
