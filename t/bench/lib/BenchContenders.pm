# What a check adds to a request: to httpd by this module and by its own, to nginx and HAProxy by
# theirs. Each is compared with the same server without a check.
package BenchContenders;

use strict;
use warnings;

use BenchBasic;
use BenchHaproxy;
use BenchKeys;
use BenchLoad;
use BenchNginx;
use BenchPlot;
use BenchRounds;
use BenchTaiauth;

my $KEYS = 1000; # in random order
my $DEPTH = 16;  # requests at once on a connection, in the second measurement

# name | its base | program it needs | title
my @CONTENDERS = (
    [qw(httpd - httpd),        'httpd, no check'],
    [qw(off httpd httpd),      'httpd, mod_taiauth loaded, `TaiAuth Off` here'],
    [qw(taiauth httpd httpd),  '**httpd, mod_taiauth**'],
    [qw(socache httpd httpd),  'httpd, mod_auth_basic, mod_authn_dbd, mod_authn_socache'],
    [qw(dbd httpd httpd),      'httpd, mod_auth_basic, mod_authn_dbd'],
    [qw(nginx - nginx),        'nginx, no check'],
    [qw(lua nginx nginx),      'nginx, Lua, shared dictionary'],
    [qw(haproxy - haproxy),    'HAProxy, no check'],
    [qw(stick haproxy haproxy), 'HAProxy, map, stick table'],
);

sub measure {
    my ($run, $report, %skipped) = @_;
    my @names = map { $_->[0] } grep { !$skipped{$_->[2]} } @CONTENDERS;
    my %servers = servers($run, map { $_ => 1 } @names);
    my $seen = in_turn(\@names, sub { turn($servers{$_[0]}) });
    my %row = map { $_->[0] => row($_, $seen) } grep { $seen->{$_->[0]} } @CONTENDERS;
    report($report, [@row{@names}]);
    $report->figures(contenders => { map { $_ => { %{$row{$_}}, rounds => $seen->{$_} } } @names });
    BenchPlot::contenders("$run->{results}/bench.svg", [grep { exists $_->{added} } @row{@names}]);
    return;
}

# name -> a server that runs during its turns alone, and what it is sent.
sub servers {
    my ($run, %wanted) = @_;
    my $keys = BenchKeys->new($run, 'contenders');
    my $values = $keys->import_many($KEYS);
    my ($database, $basic) = BenchBasic::make_database($run, $values);
    my %made = (
        (map { my ($n, $m) = @$_; $n => sub { BenchTaiauth->new(run => $run, name => $n, keys => $keys, mode => $m) } }
            [qw(httpd none)], [qw(off Off)], [qw(taiauth On)]),
        (map { my $p = $_; $p => sub { BenchBasic->new(run => $run, name => $p, provider => $p, database => $database) } }
            qw(dbd socache)),
        nginx   => sub { BenchNginx->new(run => $run, name => 'nginx') },
        lua     => sub { BenchNginx->new(run => $run, name => 'lua', values => $values) },
        haproxy => sub { BenchHaproxy->new(run => $run, name => 'haproxy') },
        stick   => sub { BenchHaproxy->new(run => $run, name => 'stick', values => $values) },
    );
    my @key = (path => '/on/x', status => 200, header => 'X-API-Key', values => $values);
    my @password = (path => '/on/x', status => 200, header => 'Authorization', prefix => 'Basic ', values => $basic);
    return map { $_ => { server => $made{$_}->(), /^(?:dbd|socache)$/ ? @password : @key } } grep { $made{$_} } keys %wanted;
}

# A life of its own for each turn: where a process lies in memory has some effect on its speed.
sub turn {
    my ($contender) = @_;
    $contender->{server}->start;
    load(%$contender); # every key once
    my %seen = map { $_ => load(%$contender, depth => $_, seconds => seconds())->{cpu} } 1, $DEPTH;
    $contender->{server}->stop;
    return \%seen;
}

# Medians and quartiles of the rounds: of one request at a time, in all and what it adds to the base,
# and what it adds where many come at once.
sub row {
    my ($contender, $seen) = @_;
    my ($name, $base, undef, $title) = @$contender;
    my ($one, $many, $base_one, $base_many) = map {
        my $of = $_;
        map { my $depth = $_; [map { $_->{$depth} } @{$seen->{$of} // []}] } 1, $DEPTH;
    } $name, $base;
    my %row = (name => $name, title => $title, cpu => median(@$one), cpu_quartiles => [quartiles(@$one)]);
    return \%row if $base eq '-';
    my %added = (added => [minus($one, $base_one)], added_many => [minus($many, $base_many)]);
    for my $what (keys %added) {
        @row{$what, "${what}_quartiles"} = (median(@{$added{$what}}), [quartiles(@{$added{$what}})]);
    }
    return \%row;
}

sub shown {
    my ($row, $what) = @_;
    return exists $row->{$what} ? sprintf '%.2f (%.2f to %.2f)', $row->{$what}, @{$row->{"${what}_quartiles"}} : '';
}

sub report {
    my ($report, $rows) = @_;
    my @lines = map { my $row = $_; [$row->{title}, map { shown($row, $_) } qw(cpu added added_many)] } @$rows;
    $report->table('What a check costs: microseconds of processor time for each request',
        ['', 'in all', 'added', "added, $DEPTH requests at once"], \@lines,
        'In brackets: what half of the rounds lie between.');
    my %added = map { $_->{name} => $_->{added} } @$rows;
    $report->aim('a checked request, added to httpd without the module', 'us', '<=', 1.5, $added{taiauth});
    $report->aim('... against what HAProxy adds to itself', 'us', '<', $added{stick}, $added{taiauth}) if defined $added{stick};
    $report->aim('... against what nginx with Lua adds to itself', 'us', '<', $added{lua}, $added{taiauth}) if defined $added{lua};
    return;
}

1;
