# How long a revocation takes until it is in force everywhere, in intervals of TaiAuthSyncInterval.
package BenchRevocation;

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);
use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchService;
use BenchTaiauth;
use TaiHttp;

my $REVOKED = 20;      # keys, by each way
my $INTERVAL = 0.25;   # seconds: the default of TaiAuthSyncInterval
my @DATABASES = ([qw(sqlite3 SQLite)], [qw(postgresql PostgreSQL)]);
my ($NAME, $PASSWORD) = ('bench', 'bench'); # of the account's administrator

sub measure {
    my ($run, $report, %skipped) = @_;
    my (@rows, %figures);
    for my $database (grep { !$skipped{$_->[0]} } @DATABASES) {
        my ($driver, $called) = @$database;
        my ($service, $where) = $driver eq 'sqlite3' ? (undef, '') : (BenchService->start($run, $driver), " on $called");
        for my $nodes (1, 3) {
            my $keys = BenchKeys->new($run, "revocation$nodes", $service);
            my %took = revocations($run, $keys, $nodes, "$driver$nodes");
            for (['api', 'DELETE /keys/{id}'], ['taictl', 'taictl key revoke']) {
                my ($way, $title) = @$_;
                my ($median, $most) = (median(@{$took{$way}}), (sort { $b <=> $a } @{$took{$way}})[0]);
                push @rows, [$title, $called, $nodes, map { sprintf '%.2f', $_ } $median, $most];
                $figures{$driver}{$way}{$nodes} = { median => $median, most => $most };
                $report->aim("$title$where, $nodes live node" . ($nodes > 1 ? 's' : '') . ", the slowest of $REVOKED",
                    'sync intervals', '<=', 2, $most);
            }
        }
    }
    $report->table("Revoking a key: time until the answer, in sync intervals of @{[1000 * $INTERVAL]} ms",
        ['by', 'database', 'live nodes', 'median', 'slowest'], \@rows);
    $report->figures(revocation => \%figures);
    return;
}

# By each way: how long each of some revocations took, in intervals.
sub revocations {
    my ($run, $keys, $nodes, $name) = @_;
    my $values = $keys->import_many(2 * $REVOKED);
    my @ids = map { $_->{id} } @{JSON::PP->new->decode($keys->taictl(qw(--json key list bench)))};
    my @servers = map { node($run, $keys, "$name.$_")->start } 1 .. $nodes;
    # who has answered for a key is registered
    ask_once(server => $_, path => '/on/x', header => 'X-API-Key', values => $values, status => 200) for @servers;
    my %revoke = (api => sub { by_api($servers[0], $nodes, @_) }, taictl => sub { by_taictl($keys, $nodes, @_) });
    my %took = map { my $way = $_; $way => [map { timed($revoke{$way}, $_) / $INTERVAL } splice @ids, 0, $REVOKED] } keys %revoke;
    $_->stop for @servers;
    return %took;
}

sub node {
    my ($run, $keys, $name) = @_;
    my $passwords = "$run->{dir}/passwords";
    open my $out, '>', $passwords or die "$passwords: $!\n";
    print $out "$NAME:{SHA}", sha1_base64($PASSWORD), "=\n";
    close $out or die "$passwords: $!\n";
    return BenchTaiauth->new(run => $run, name => $name, keys => $keys,
        modules => [qw(auth_basic authn_file authz_user)], conf => <<"CONF");
<Location /manage>
    TaiAuthAPI On
    TaiAuthRateLimit 1000000/60s
    AuthType Basic
    AuthName bench
    AuthBasicProvider file
    AuthUserFile "$passwords"
    Require valid-user
</Location>
CONF
}

sub timed {
    my ($revoke, $id) = @_;
    my $begun = time;
    $revoke->($id);
    return time - $begun;
}

sub by_api {
    my ($server, $nodes, $id) = @_;
    my $connection = TaiHttp->new($server->port);
    $connection->send(TaiHttp::bytes(DELETE => "/manage/keys/$id",
        { Authorization => 'Basic ' . encode_base64("$NAME:$PASSWORD", '') }, undef, 'close'));
    my $answer = $connection->read('DELETE');
    die 'DELETE was answered with ', $answer->status, ': ', $answer->body, "\n"
        unless $answer->status == 200 && $answer->body =~ /"applied":\s*$nodes\b/;
    return;
}

sub by_taictl {
    my ($keys, $nodes, $id) = @_;
    my $said = $keys->taictl(qw(key revoke), $id);
    die "taictl key revoke: $said" unless $said =~ /in force on $nodes of $nodes nodes?\b/;
    return;
}

1;
