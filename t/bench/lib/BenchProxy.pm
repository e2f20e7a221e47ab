# In front of an application: httpd as a reverse proxy, with the module and without it.
package BenchProxy;

use strict;
use warnings;

use BenchKeys;
use BenchLoad;
use BenchNginx;
use BenchRounds;
use BenchTaiauth;

my $KEYS = 1000;
my %TITLE = (none => 'no module', On => '`TaiAuth On`');

sub measure {
    my ($run, $report, %skipped) = @_;
    if ($skipped{nginx}) {
        print STDERR "  skipped: nginx is the application\n";
        return;
    }
    my $keys = BenchKeys->new($run, 'proxy');
    my $values = $keys->import_many($KEYS);
    my $backend = BenchNginx->new(run => $run, name => 'backend', processor => 1)->start;
    my %server = map { $_ => front($run, $keys, $_, $backend->port) } keys %TITLE;
    my %load = (path => '/on/x', header => 'X-API-Key', status => 200, values => $values);
    load(%load, server => $_->start) for values %server;
    my $seen = in_turn([sort keys %server], sub { load(%load, server => $server{$_[0]}, seconds => seconds()) });
    $_->stop for values %server, $backend;
    my %cpu = map { $_ => [map { $_->{cpu} } @{$seen->{$_}}] } keys %server;
    my $ratio = median(over($cpu{none}, $cpu{On}));
    $report->table('Behind mod_proxy: microseconds of processor time for each request, of the proxy alone', ['', 'in all'],
        [map { [$TITLE{$_}, sprintf '%.1f', median(@{$cpu{$_}})] } reverse sort keys %cpu]);
    $report->aim('behind mod_proxy: requests for each second of processor time, against unprotected', 'x', '>=', 0.97, $ratio);
    $report->figures(proxy => { ratio => $ratio, map { $_ => median(@{$cpu{$_}}) } keys %cpu });
    return;
}

sub front {
    my ($run, $keys, $mode, $port) = @_;
    return BenchTaiauth->new(run => $run, name => "proxy$mode", keys => $keys, mode => $mode,
        modules => [qw(proxy proxy_http)], conf => "ProxyPass /on/ http://127.0.0.1:$port/on/\n");
}

1;
