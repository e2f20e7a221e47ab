# Many requests with one key that nobody remembers, all of them under way before the database has
# answered the first: it is asked once by each process.
use strict;
use warnings;

use Test::More;
use TaiFaults;
use TaiHttp;
use TaiHttpd;
use TaiKeys qw(unknown_key);
use TaiTest;

my $AT_ONCE = 120;
my $WORKERS = 2 * $AT_ONCE; # only half of them may wait for a look-up

plan skip_all => 'threads alone wait for one another' if var('mpm') eq 'prefork';

my $faults = TaiFaults->new;

sub server {
    my ($children) = @_;
    my $threads = $WORKERS / $children;
    my $httpd = TaiHttpd->new(conf => <<"CONF");
LogLevel warn
ListenBacklog 511
ThreadLimit $threads
StartServers $children
ServerLimit $children
ThreadsPerChild $threads
MinSpareThreads 1
MaxSpareThreads $WORKERS
MaxRequestWorkers $WORKERS
<Location /api>
    TaiAuth On
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
    $httpd->place('api');
    on_database($httpd->database, sub { make_account('acme') });
    $httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
    return $httpd;
}

sub number {
    my ($httpd, $path, $name) = @_;
    return $httpd->get($path)->body =~ /^\Q$name\E:? (\d+)$/m ? $1 : die "no $name at $path\n";
}

sub selects { return number($_[0], '/metrics', 'taiauth_lookup_seconds_count') }
sub busy    { return number($_[0], '/server-status?auto', 'BusyWorkers') }

# How often each status came of all of them. Nobody is answered before all have asked.
sub crowd {
    my ($httpd, $key) = @_;
    my $bytes = TaiHttp::bytes(GET => '/api/x.html', { 'X-API-Key' => $key }, undef, 'close');
    my %seen;
    $faults->stop('lookup.selected');
    my @connections = map { TaiHttp->new($httpd->port)->send($bytes) } 1 .. $AT_ONCE;
    ok $faults->reached('lookup.selected'), 'the database has answered somebody, who does not know it yet';
    ok wait_for(sub { busy($httpd) > $AT_ONCE }, 'all requests to be under way'), 'all the others have come';
    ok $faults->go_on('lookup.selected'), 'he goes on';
    $seen{$_->read('GET')->status}++ for @connections;
    return \%seen;
}

for my $children (1, 2, 4) {
    subtest "children: $children" => sub {
        my $httpd = server($children);
        my $key = on_database($httpd->database, sub { make_key('acme')->{key} });
        on_database($httpd->database, \&settled);
        for my $case (['a real key', 200, $key], ['an unknown key', 401, unknown_key()]) {
            my ($name, $status, $text) = @$case;
            my $before = selects($httpd);
            is_deeply crowd($httpd, $text), { $status => $AT_ONCE }, "$name: all are answered";
            my $cost = selects($httpd) - $before;
            cmp_ok $cost, '>=', 1, 'somebody has asked the database';
            cmp_ok $cost, '<=', $children, "once a process: $cost";
        }
    };
}

done_testing;
