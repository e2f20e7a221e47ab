# Exactly N of many parallel requests are admitted, whichever child of httpd gets them.
use strict;
use warnings;

use Test::More;
use TaiClients;
use TaiLimits;
use TaiTest;

my $CLIENTS = 10;
my $EACH = 50;
my $AT_ONCE = 50; # connections that a client has under way: 500 in all

# Many lines: a charge then takes longer, and others get in where it is not locked.
my $lines = join '', map { "    TaiAuthRateLimit 1000000/1h name=line$_\n" } 1 .. 12;
my $httpd = own_server(<<'CONF' =~ s/^LINES\n/$lines/mr);
MaxKeepAliveRequests 0
AliasMatch "^/(hundred|twenty|pair|rush)" "@root@/htdocs/page.html"
<Location /hundred>
    TaiAuth On
    TaiAuthRateLimit 100/1h
</Location>
<Location /twenty>
    TaiAuth On
    TaiAuthRateLimit 20/1h
    TaiAuthScope GET programs:read
</Location>
<Location /pair>
    TaiAuth On
    TaiAuthRateLimit 30/1h
    TaiAuthRateLimit 70/2h per=account name=pair
</Location>
<Location /rush>
    TaiAuth On
    TaiAuthRateLimit 5000/1h
LINES
</Location>
CONF

# All of a client's requests, some at once: [method, path, headers]. How often each name came with
# each status.
sub storm {
    my (@requests) = @_;
    my %seen;
    while (my @now = splice @requests, 0, $AT_ONCE) {
        for my $asked (@now) {
            $asked->{connection} = TaiHttp->new($httpd->port);
            $asked->{connection}->send(
                TaiHttp::bytes($asked->{method} // 'GET', $asked->{path}, $asked->{headers}, undef, 'close'));
        }
        for my $asked (@now) {
            my $answer = $asked->{connection}->read('GET');
            $asked->{connection}->close; # or a worker waits for it
            my $status = $answer ? $answer->status : 'lost';
            $seen{"$asked->{name} $status"}++;
        }
    }
    return \%seen;
}

# Every client sends the same kinds of requests, one after the other.
sub storms {
    my (@kinds) = @_;
    my $clients = TaiClients->start($CLIENTS, sub {
        my ($i) = @_;
        return storm(map { { %{$kinds[($_ + $i) % @kinds]} } } 1 .. $EACH);
    });
    return tally($clients->results);
}

# --- one key ------------------------------------------------------------------------------------

for my $round (1 .. 10) {
    my $seen = storms({ name => 'key', path => '/hundred', headers => with_key(fresh_key()) });
    is_deeply $seen, { 'key 200' => 100, 'key 429' => 400 }, "round $round: 100 of 500";
}

# --- several keys, and what is none -------------------------------------------------------------

for my $round (1 .. 3) {
    my @kinds = map { { name => "key $_", path => '/twenty', headers => with_key(fresh_key()) } } 1 .. 5;
    my %expected = map { ("key $_ 200" => 20, "key $_ 429" => 80) } 1 .. 5;
    is_deeply storms(@kinds), \%expected, "several keys, round $round: 20 of 100 each";
}
{
    my $good = with_key(fresh_key());
    my @kinds = (
        { name => 'good',   path => '/twenty', headers => $good },
        { name => 'none',   path => '/twenty' },
        { name => 'bad',    path => '/twenty', headers => { 'X-API-Key' => 'tai_nothing' } },
        { name => 'method', path => '/twenty', headers => $good, method => 'DELETE' },
        { name => 'open',   path => '/page.html' },
    );
    is_deeply storms(@kinds),
        { 'good 200' => 20, 'good 429' => 80, 'none 401' => 100, 'bad 401' => 100, 'method 405' => 100,
          'open 200' => 100 },
        'a mixture: what is refused for other reasons takes nothing';
}

# Three keys of one account: 30 each, 70 together; what one limit refuses costs nothing in the other.
{
    my $account = make_account('parallel');
    my @keys = map { make_key($account) } 1 .. 3;
    my @kinds = map { { name => "key", path => '/pair', headers => with_key($_) } } @keys;
    is_deeply storms(@kinds), { 'key 200' => 70, 'key 429' => 430 }, 'two limits: 70 by the account';
    my @spent = sort { $a <=> $b } map {
        30 - left($httpd->get('/pair', with_key($_)))
    } @keys;
    is $spent[0] + $spent[1] + $spent[2], 70, '... each charged to its key, none besides';
    cmp_ok $spent[2], '<=', 30, '... none over its own limit';
}

# --- as fast as they come -----------------------------------------------------------------------

# The clients above are slow: they would hardly ever meet in the middle of a charge. h2load is not.
for my $round (1 .. 2) {
    my $key = fresh_key();
    my $url = 'http://127.0.0.1:' . $httpd->port . '/rush';
    my ($good, $refused) = (0, 0);
    # a busy server closes connections between requests, which h2load does not open again
    for (1 .. 20) {
        my $said = qx(h2load --h1 -n 6000 -c 20 -H 'X-API-Key: $key->{key}' $url 2>&1);
        $said =~ /^status codes: (\d+) 2xx, 0 3xx, (\d+) 4xx, 0 5xx/m or die "h2load: $said\n";
        $good += $1;
        last if $refused += $2;
    }
    is $good, 5000, "in a rush, round $round: exactly 5000";
    cmp_ok $refused, '>', 0, '... and the limit was reached';
}

# --- several children did it --------------------------------------------------------------------

my %pids = do { open my $in, '<', $httpd->root . '/logs/pids' or die "pids: $!"; map { $_ => 1 } <$in> };
cmp_ok scalar keys %pids, '>=', 4, 'four children or more answered';

done_testing;
