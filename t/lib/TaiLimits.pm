# Keys to spend and the headers that tell what is left of them.
package TaiLimits;

use strict;
use warnings;

use Exporter 'import';
use Test::More;
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);
use TaiTest;

our @EXPORT = qw(fresh_key with_key policies left spend spent_exactly now sleep_until);

my $KEYS_PER_ACCOUNT = 10;
my %accounts; # plan -> [name, keys it has]
my $count = 0;

# A key that nothing was charged to yet, of an account of that plan. Takes what make_key takes.
sub fresh_key {
    my (%want) = @_;
    my $plan = delete $want{plan} || 'free';
    my $account = $accounts{$plan};
    if (!$account || $account->[1] == $KEYS_PER_ACCOUNT) {
        my $name = join '-', 'limits', $$, ++$count;
        $account = $accounts{$plan} = [make_account($name, plan => $plan), 0];
    }
    $account->[1]++;
    return make_key($account->[0], %want);
}

# The headers of a request with this key (undef: none) and these besides.
sub with_key {
    my ($key, %more) = @_;
    return { $key ? ('X-API-Key' => $key->{key}) : (), %more };
}

# name -> { q, w, r, t }: what RateLimit-Policy and RateLimit say of each policy, together.
sub policies {
    my ($answer) = @_;
    my %seen;
    for my $field ('RateLimit-Policy', 'RateLimit') {
        for my $item (split /, /, $answer->header($field) // '') {
            my ($name, $numbers) = $item =~ /^"([^"]+)"((?:;[a-z]=\d+)+)$/
                or die "no item of $field: $item\n";
            $seen{$name}{$1} = $2 while $numbers =~ /;([a-z])=(\d+)/g;
        }
    }
    return \%seen;
}

# How many requests are left of a policy, as this answer tells; undef: it does not name it.
sub left {
    my ($answer, $policy) = @_;
    my $said = policies($answer)->{$policy // 'default'} or return undef;
    return $said->{r};
}

# n requests on one connection; returns how often each status came.
sub spend {
    my ($vhost, $path, $headers, $n) = @_;
    my $connection = connection($vhost);
    my %seen;
    for (1 .. $n) {
        my $answer = $connection->send(TaiHttp::bytes(GET => $path, $headers))->read('GET');
        $seen{$answer ? $answer->status : 'closed'}++;
    }
    return \%seen;
}

# As one test: of n + 2 requests exactly n are admitted, and the others refused.
sub spent_exactly {
    my ($n, $vhost, $path, $headers, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %expected = (429 => 2, $n ? (200 => $n) : ());
    is_deeply spend($vhost, $path, $headers, $n + 2), \%expected, $name;
}

# Seconds of a clock that nobody sets, the same in every process.
sub now {
    return clock_gettime(CLOCK_MONOTONIC);
}

sub sleep_until {
    my ($moment) = @_;
    while ((my $rest = $moment - now()) > 0) {
        sleep $rest;
    }
    return;
}

1;
