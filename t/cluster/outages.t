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

my $cluster = TaiCluster->start('TaiAuthLease 1s', timeout => '2s');
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

my $database = sub { my ($order, @how) = @_; return sub { $cluster->to_database($_)->$order(@how) for @nodes } };
my $limiter  = sub { my ($order, @how) = @_; return sub { $cluster->to_limiter($_)->$order(@how) for @nodes } };
my $of_three = sub { my ($order, @how) = @_; return sub { $cluster->to_database($three)->$order(@how) } };

# Wait until nodes cannot check keys any more; until they have gone on for a while.
my $felt = sub { my (@who) = @_; return sub { for my $node (@who) { wait_for(sub { use_key($valid, undef, $node->port) == 503 }, '503') } } };
my $used = sub { my (@who) = @_; return sub { $_[0]->more(20, @who) } };

# name; break; when it is broken long enough; mend; at which nodes 503 may come, from which no answer;
# what a limit may be reached with: "shared": once, "apart": once, and once more on each node; "lost":
# the count was lost, so twice.
my @outages = (
    ['PostgreSQL: cut off',           $database->('cut'),         $felt->(@nodes), $database->('pass'), [0, 1, 2], [], 'shared'],
    ['PostgreSQL: a black hole',      $database->('stall'),       $felt->(@nodes), $database->('pass'), [0, 1, 2], [], 'shared'],
    ['PostgreSQL: 3 s late',          $database->('delay', 3000), $felt->(@nodes), $database->('delay', 0), [0, 1, 2], [], 'shared'],
    ['PostgreSQL: killed, restarted', sub { $cluster->kill_database }, $felt->(@nodes), sub { $cluster->start_database }, [0, 1, 2], [], 'shared'],
    ['PostgreSQL: cut off from node 3', $of_three->('cut'),       $felt->($three), $of_three->('pass'), [2], [], 'shared'],
    ['PostgreSQL: a black hole for node 3', $of_three->('stall'), $felt->($three), $of_three->('pass'), [2], [], 'shared'],
    ['Redis: cut off',                $limiter->('cut'),          $used->(0, 1, 2), $limiter->('pass'), [], [], 'apart'],
    ['Redis: a black hole',           $limiter->('stall'),        $used->(0, 1, 2), $limiter->('pass'), [], [], 'apart'],
    ['Redis: 3 s late',               $limiter->('delay', 3000),  $used->(0, 1, 2), $limiter->('delay', 0), [], [], 'apart'],
    ['Redis: killed, restarted',      sub { $cluster->redis->crash }, $used->(0, 1, 2), sub { $cluster->redis->start_again }, [], [], 'apart, lost'],
    ['Redis: FLUSHALL',               sub { $cluster->redis->command('FLUSHALL') }, $used->(0, 1, 2), sub { }, [], [], 'lost'],
    ['Redis: SCRIPT FLUSH',           sub { $cluster->redis->command('SCRIPT', 'FLUSH') }, $used->(0, 1, 2), sub { }, [], [], 'shared'],
    ['node 3: stopped',               sub { $three->pause },      $used->(0, 1),   sub { $three->go_on }, [2], [2], 'shared'],
    ['node 3: killed',                sub { $three->kill_all },   $used->(0, 1),   sub { $three->start }, [], [2], 'shared'],
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
    my ($unavailable, $silent) = @_;
    return sub {
        my ($phase, $kind, $node) = @_;
        my @more = $phase =~ /broken|mending/ ? ((grep { $_ == $node } @$unavailable) ? 503 : (), (grep { $_ == $node } @$silent) ? qw(lost silent) : ()) : ();
        return join '|', $right{$kind}, @more;
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

for my $outage (@outages) {
    my ($name, $break, $enough, $mend, $unavailable, $silent, $counted) = @$outage;
    subtest $name => sub {
        my $limited = $cluster->on(sub { fresh_key() });
        my $traffic = traffic($limited);
        $traffic->phase('broken');
        $break->();
        $enough->($traffic);
        $traffic->phase('mending');
        $mend->();
        ok eval { wait_for(\&is_well, 'all to be well', 30) }, 'all is well again by itself' or diag $@;
        $traffic->phase('after');
        $traffic->more(20);
        my $seen = $traffic->stop;
        note_row($name, $seen);
        is_deeply [TaiTraffic::wrong($seen, may($unavailable, $silent))], [], 'every answer was right' or diag explain $seen;
        is_deeply [untried($seen)], [], 'and every kind of key was tried in the end';

        my $most = $LIMIT * ($counted =~ /lost/ ? 2 : 1);
        if ($counted =~ /apart/) {
            for my $node (0 .. $#nodes) {
                cmp_ok TaiTraffic::sum($seen, 'limited', [$node], 'broken', 'mending')->{200} // 0, '<=', $LIMIT + $most, "the limit at node @{[$node + 1]} by itself";
            }
            cmp_ok TaiTraffic::sum($seen, 'limited', [0 .. $#nodes], 'before', 'after')->{200} // 0, '<=', $most, 'the limit, counted together';
        }
        else {
            cmp_ok TaiTraffic::sum($seen, 'limited', [0 .. $#nodes], @TaiTraffic::PHASES)->{200} // 0, '<=', $most, 'the limit, counted together';
        }
    };
}
print_table();

done_testing;
