# What a refusal costs: whoever sends garbage must not cost more than whoever has a key.
package BenchRefusals;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchRounds;
use BenchTaiauth;

my $KEYS = 1000;
my $UNKNOWN = 200_000; # so many that hardly one comes twice

# name | location | status; - where it is now this, now that | title
my @KINDS = (
    [qw(admitted /on 200),      '**admitted**'],
    [qw(missing /on 401),       'no key'],
    [qw(shape /on 401),         'no shape of a key'],
    [qw(checksum /on 401),      'wrong checksum'],
    [qw(unknown /on -),         'right checksum, unknown, each another (401, and 503 above 500 look-ups a second)'],
    [qw(again /on -),           'unknown, one again and again (401; 503 where the one before has used the look-ups up)'],
    [qw(locked_out /locking -), 'unknown, each another, client locked out (429)'],
    [qw(revoked /on 401),       'revoked'],
    [qw(scope /scope 403),      'insufficient scope'],
    [qw(limited /limited 429),  'over the limit'],
);

sub measure {
    my ($run, $report) = @_;
    my $keys = BenchKeys->new($run, 'refusals');
    my $good = $keys->import_many($KEYS);
    my %values = values_of($run, $keys, $good);
    my $server = server($run, $keys)->start;
    my %load = map { my ($name, $at, $status) = @$_; $name => {
        server => $server, path => "$at/x", values => $values{$name} // $good,
        header => $name eq 'missing' ? 'X-Other' : 'X-API-Key',
        status => $status eq '-' ? undef : $status,
    } } @KINDS;
    load(%{$load{$_}}, status => undef) for qw(admitted limited); # those have used their one request
    my $seen = in_turn([map { $_->[0] } @KINDS], sub { load(%{$load{$_[0]}}, seconds => seconds())->{cpu} });
    $server->stop;
    report($report, $seen);
    return;
}

sub server {
    my ($run, $keys) = @_;
    return BenchTaiauth->new(run => $run, name => 'refusals', keys => $keys, conf => <<'CONF');
<Location /locking>
    TaiAuth On
    TaiAuthLockout 5/300s 900s
</Location>
<Location /scope>
    TaiAuth On
    TaiAuthScope analytics:read
</Location>
<Location /limited>
    TaiAuth On
    TaiAuthRateLimit 1/1d
</Location>
CONF
}

# What is sent, where it is not good keys.
sub values_of {
    my ($run, $keys, $good) = @_;
    my $created = $keys->create;
    $keys->taictl(qw(key revoke), $created->{id});
    my $unknown = $keys->texts($UNKNOWN);
    return (
        shape      => changed($good, 'shape', sub { 'x' . substr $_[0], 1 }),
        checksum   => changed($good, 'checksum', \&other_checksum),
        unknown    => $unknown,
        locked_out => $unknown,
        again      => $keys->texts(1),
        revoked    => $keys->file($created->{key}),
    );
}

sub other_checksum {
    my ($key) = @_;
    my $last = chop $key;
    return $key . ($last eq 'A' ? 'B' : 'A');
}

sub changed {
    my ($file, $name, $change) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    open my $out, '>', "$file.$name" or die "$file.$name: $!\n";
    while (my $text = <$in>) {
        chomp $text;
        print $out $change->($text), "\n";
    }
    close $out or die "$file.$name: $!\n";
    return "$file.$name";
}

sub report {
    my ($report, $seen) = @_;
    my (@rows, %figures);
    for my $kind (@KINDS) {
        my ($name, undef, undef, $title) = @$kind;
        my ($cpu, $ratio) = (median(@{$seen->{$name}}), median(over($seen->{$name}, $seen->{admitted})));
        push @rows, [$title, sprintf('%.1f', $cpu), sprintf '%.2f', $ratio];
        $figures{$name} = { cpu => $cpu, ratio => $ratio };
        $report->aim("refused, $title: cost against an admitted request", 'x', '<', 1, $ratio) if $name ne 'admitted';
    }
    $report->table('Refusals: microseconds of processor time for each request', ['', 'in all', 'against admitted'], \@rows);
    $report->figures(refusals => \%figures);
    return;
}

1;
