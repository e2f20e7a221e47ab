# The outage table: each component is broken in turn and brought back, under load, and every answer is
# put in its class. A key is never answered wrongly; 503 comes only while something is broken, and only
# from whom it concerns; all is well again by itself.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use TaiApi;
use TaiCluster;
use TaiKeys qw(unknown_key);
use TaiLimits;
use TaiNodes;
use TaiTest;
use TaiTraffic;

my $FRESH = 3000; # keys that nobody remembers
my $LIMIT = 5;    # of /few

my $cluster = TaiCluster->start('', timeout => '2s');
my @nodes = $cluster->nodes;
my ($one, $two, $three) = @nodes;
my $ann = $cluster->manager('outages');
my ($valid, $revoked) = map { create_key($ann) } 1, 2;
for my $node (@nodes) {
    is use_all($node, $_), 200, 'known to all' for $valid, $revoked;
}
is data(api($ann, DELETE => "/keys/$revoked->{id}"))->{nodes}{applied}, 3, 'one is revoked';
my @fresh = plant_keys($FRESH);

# Keys by the thousand. An account may have ten of its own.
sub plant_keys {
    my ($n) = @_;
    my @keys = map { unknown_key() } 1 .. $n;
    my $db = $cluster->database->handle;
    my @of = $db->selectrow_array('SELECT account_id, id FROM users');
    my $insert = $db->prepare('INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    $db->begin_work;
    for my $i (1 .. $n) {
        $insert->execute(("key_fresh$i") x 2, @of, 'planted', substr($keys[$i - 1], 0, 12), sha256_hex($keys[$i - 1]), 'programs:read', time);
    }
    $db->commit;
    $cluster->on(\&settled);
    return @keys;
}

sub with { my ($text) = @_; return { 'X-API-Key' => $text } }

# --- what is broken -------------------------------------------------------------------------------

sub databases { my ($order, @how) = @_; return sub { $cluster->to_database($_)->$order(@how) for @nodes } }
sub of_three { my ($order, @how) = @_; return sub { $cluster->to_database($three)->$order(@how) } }
sub limiters  { my ($order, @how) = @_; return sub { $cluster->to_limiter($_)->$order(@how) for @nodes } }

sub both { my ($order) = @_; return sub { $_->() for databases($order), limiters($order) } }

# Until these nodes cannot check keys any more.
sub felt {
    my (@who) = @_;
    return sub { for my $node (@nodes[@who]) { wait_for(sub { use_key($valid, undef, $node->port) == 503 }, '503') } };
}

# Until clients at these nodes have gone on for a while.
sub used { my (@who) = @_; return sub { my ($traffic) = @_; $traffic->more(20, @who) } }

# The same; and a key that nobody has used before is counted by each node for itself.
sub apart {
    return sub {
        my ($traffic) = @_;
        my $key = $cluster->on(sub { fresh_key() });
        for my $node (@nodes) {
            is join(' ', map { $node->get('/few/x', with($key->{key}))->status } 0 .. $LIMIT), '200 ' x $LIMIT . '429', 'a new key, at each node';
        }
        $traffic->more(20, 0 .. $#nodes);
    };
}

my @all = (0 .. 2);
my %postgresql = (enough => felt(@all), unavailable => \@all);
my %of_three = (enough => felt(2), unavailable => [2]);
my %redis = (enough => apart());

# What is broken, when it is broken long enough, what mends it; at which nodes 503 may come, and at which
# no answer; how a limit is counted that was reached before: "shared" (default) once for all, for the
# nodes remember meanwhile that it was; "lost" anew, as soon as they have asked again.
my @outages = (
    { name => 'PostgreSQL: cut off',                   break => databases('cut'), mend => databases('pass'), %postgresql },
    { name => 'PostgreSQL: a black hole',              break => databases('stall'), mend => databases('pass'), %postgresql },
    { name => 'PostgreSQL: 3 s late',                  break => databases('delay', 3000), mend => databases('delay', 0), %postgresql },
    { name => 'PostgreSQL: killed, restarted',         break => sub { $cluster->kill_database }, mend => sub { $cluster->start_database }, %postgresql },
    { name => 'PostgreSQL: cut off from node 3',       break => of_three('cut'), mend => of_three('pass'), %of_three },
    { name => 'PostgreSQL: a black hole for node 3',   break => of_three('stall'), mend => of_three('pass'), %of_three },
    { name => 'Redis: cut off',                        break => limiters('cut'), mend => limiters('pass'), %redis },
    { name => 'Redis: a black hole',                   break => limiters('stall'), mend => limiters('pass'), %redis },
    { name => 'Redis: 3 s late',                       break => limiters('delay', 3000), mend => limiters('delay', 0), %redis },
    { name => 'Redis: accepts, and breaks off',        break => limiters('reset'), mend => limiters('pass'), %redis },
    { name => 'Redis: killed, restarted',              break => sub { $cluster->redis->crash }, mend => sub { $cluster->redis->start_again }, %redis, counted => 'lost' },
    { name => 'Redis: FLUSHALL',                       break => sub { $cluster->redis->command('FLUSHALL') }, mend => sub { }, enough => used(@all), counted => 'lost' },
    { name => 'Redis: SCRIPT FLUSH',                   break => sub { $cluster->redis->command('SCRIPT', 'FLUSH') }, mend => sub { }, enough => used(@all) },
    { name => 'PostgreSQL and Redis: cut off',         break => both('cut'), mend => both('pass'), %postgresql },
    { name => 'PostgreSQL and Redis: black holes',     break => both('stall'), mend => both('pass'), %postgresql },
    { name => 'Redis: cut off; node 3: killed',        break => sub { limiters('cut')->(); $three->kill_all }, mend => sub { $three->start; limiters('pass')->() },
        enough => used(0, 1), silent => [2] },
    { name => 'node 3: stopped',                       break => sub { $three->pause }, mend => sub { $three->go_on }, enough => used(0, 1), unavailable => [2], silent => [2] },
    { name => 'node 3: killed',                        break => sub { $three->kill_all }, mend => sub { $three->start }, enough => used(0, 1), silent => [2] },
);

# --- the classes ----------------------------------------------------------------------------------

my %right = (valid => '200', fresh => '200', revoked => '401', unknown => '401', limited => '200|429');

sub traffic {
    my ($limited) = @_;
    my $next = int rand @fresh;
    return TaiTraffic->start(\@nodes, 3, {
        valid   => sub { (GET => '/v1/x', with($valid->{key})) },
        fresh   => sub { (GET => '/v1/x', with($fresh[($$ * 997 + $next++) % @fresh])) },
        revoked => sub { (GET => '/v1/x', with($revoked->{key})) },
        unknown => sub { (GET => '/v1/x', with(unknown_key())) },
        limited => sub { (GET => '/few/x', with($limited->{key})) },
    });
}

# What may come; of nodes that it concerns, while something is broken, more.
sub may {
    my ($outage) = @_;
    my %more = (unavailable => [503], silent => [qw(lost silent)]);
    return sub {
        my ($phase, $kind, $node) = @_;
        my @concerned = $phase =~ /broken|mending/ ? grep { grep { $_ == $node } @{$outage->{$_} // []} } sort keys %more : ();
        return join '|', $right{$kind}, map { @{$more{$_}} } @concerned;
    };
}

# Kinds that nobody asked for in the end, at some node.
sub untried {
    my ($seen) = @_;
    return grep { my $kind = $_; grep { !%{TaiTraffic::sum($seen, $kind, [$_], 'after')} } 0 .. $#nodes } sort keys %right;
}

# --- the table ------------------------------------------------------------------------------------

my @table;

sub shown { my ($came) = @_; return join ' ', map { "$_:$came->{$_}" } sort keys %$came }

sub note_row {
    my ($name, $seen) = @_;
    for my $part (['broken', 'broken', 'mending'], ['after', 'after']) {
        my ($title, @phases) = @$part;
        push @table, [$title eq 'broken' ? $name : '', $title, map { shown(TaiTraffic::sum($seen, $_, [0 .. $#nodes], @phases)) } sort keys %right];
    }
    return;
}

sub print_table {
    my @rows = (['', '', sort keys %right], @table);
    my @width = map { my $column = $_; (sort { $b <=> $a } map { length $_->[$column] } @rows)[0] } 0 .. $#{$rows[0]};
    for my $row (@rows) {
        diag join('  ', map { sprintf "%-$width[$_]s", $row->[$_] } 0 .. $#$row) =~ s/ +$//r;
    }
    return;
}

# --- one after the other --------------------------------------------------------------------------

# Every kind of key is answered rightly at every node, and limits are counted together.
sub is_well {
    for my $node (@nodes) {
        return 0 unless use_key($valid, undef, $node->port) == 200;
        return 0 unless $node->get('/v1/x', with(unknown_key()))->status == 401;
    }
    my $key = $cluster->on(sub { fresh_key() });
    my @left = map { left($_->get('/few/x', with($key->{key}))) // 'none' } @nodes;
    return "@left" eq '4 3 2';
}

# How often the limited key was admitted.
sub admitted { my ($seen, $nodes, @phases) = @_; return TaiTraffic::sum($seen, 'limited', $nodes, @phases)->{200} // 0 }

sub is_counted {
    my ($seen, $counted) = @_;
    is admitted($seen, \@all, 'before'), $LIMIT, 'the limit, counted together';
    is admitted($seen, \@all, @TaiTraffic::PHASES), $LIMIT * ($counted eq 'lost' ? 2 : 1), "... and $counted in all";
    return;
}

# Redis has a window that was full anew: that of the limited key, for others are used thrice at the most.
sub counted_anew {
    my $redis = $cluster->redis;
    my $full = 16 + 8 * $LIMIT; # bytes
    return scalar grep { $redis->command(STRLEN => $_) == $full } grep { /:w\{/ } split /\n/, $redis->command('--scan');
}

for my $outage (@outages) {
    subtest $outage->{name} => sub {
        my $limited = $cluster->on(sub { fresh_key() });
        my $traffic = traffic($limited);
        $traffic->phase('broken');
        $outage->{break}->();
        $outage->{enough}->($traffic);
        $traffic->phase('mending');
        $outage->{mend}->();
        wait_for(\&counted_anew, 'what was said to be too old') if ($outage->{counted} // '') eq 'lost';
        ok eval { wait_for(\&is_well, 'all to be well', 60) }, 'all is well again by itself' or diag $@;
        $traffic->phase('after');
        $traffic->more(20);
        my $seen = $traffic->stop;
        note_row($outage->{name}, $seen);
        is_deeply [TaiTraffic::wrong($seen, may($outage))], [], 'every answer was right' or diag explain $seen;
        is_deeply [untried($seen)], [], 'and every kind of key was tried in the end';
        is_counted($seen, $outage->{counted} // 'shared');
    };
}
print_table();

done_testing;
