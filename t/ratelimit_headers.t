# TaiAuthRateLimitHeaders: which fields tell of a limit, on what is admitted and on what is refused.
use strict;
use warnings;

use Test::More;
use TaiLimits;
use TaiTest;

my @draft = qw(RateLimit-Policy RateLimit);
my @legacy = qw(X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset);

# virtual host | fields that it sends | how many requests pass
my @styles = (
    ['ratelimit_legacy', \@legacy,            3],
    ['ratelimit_both',   [@draft, @legacy],   5],
    ['ratelimit_off',    [],                  5],
);

for my $style (@styles) {
    my ($vhost, $fields, $n) = @$style;
    my $headers = with_key(fresh_key());
    my $admitted = request($vhost, GET => '/page/', $headers);
    is $admitted->status, 200, "$vhost: admitted";
    has_fields($admitted, $fields, "$vhost, admitted");

    spend($vhost, '/page/', $headers, $n - 1);
    my $refused = request($vhost, GET => '/page/', $headers);
    is_refusal $refused, 429, 'RATE_LIMITED', "$vhost: limits hold whatever the headers";
    has_fields($refused, $fields, "$vhost, refused");
}

sub has_fields {
    my ($answer, $fields, $name) = @_;
    my %wanted = map { $_ => 1 } @$fields;
    for my $field (@draft, @legacy) {
        is defined $answer->header($field), !!$wanted{$field},
            "$name: " . ($wanted{$field} ? $field : "no $field");
    }
    return;
}

# Of two limits the old fields name the one that is closest to refusing.
{
    my $headers = with_key(fresh_key());
    my $answer = request('ratelimit_legacy', GET => '/page/', $headers);
    is $answer->header('X-RateLimit-Limit'), 3, 'X-RateLimit-Limit';
    is $answer->header('X-RateLimit-Remaining'), 2, 'X-RateLimit-Remaining';
    my $reset = $answer->header('X-RateLimit-Reset');
    ok $reset > 3600 && $reset <= 7200, 'X-RateLimit-Reset in seconds from now';
}

{
    my $answer = request('ratelimit_both', GET => '/page/', with_key(fresh_key()));
    my $said = policies($answer)->{default};
    is_deeply [@$said{qw(q r t)}], [map { $answer->header($_) } @legacy], 'both tell the same';
}

done_testing;
