# Every code that the management API refuses with: its status, its text and its body in each format,
# by a real request. In the envelope whoever is known gets 200, save where the status matters more.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiTest;

$TaiApi::VHOST = 'api';

my $ann = administrator('api-errors', user => 'errors-ann');
my $mia = person('api-errors', 'errors-mia', role => 'member');
my $sue = administrator('api-errors-suspended', user => 'errors-sue');
my $full = administrator('api-errors-full', user => 'errors-full');
create_key(elsewhere($full, '/basic')) for 1 .. 10;
my $key = create_key(elsewhere($ann, '/basic'));
my $revoked = create_key(elsewhere($ann, '/basic'));
taictl(key => 'revoke', $revoked->{id});
taictl(account => 'suspend', 'api-errors-suspended');

my $stranger = {};
my $remote = { port => port('api_remote'), headers => ['X-Client' => '192.0.2.9'] };
my $neighbour = { port => port('api_remote'), headers => ['X-Client' => '127.7.7.7'] };
my $password = secret('pw-of-nobody-at-all');
my @login = (POST => '/session', { username => 'errors-nobody', password => $password });
my @locked = (POST => '/session', { username => 'errors-locked', password => $password });

# One wrong password locks; where one limit is spent, further calls are refused.
api({ %$neighbour, place => '/lock' }, @locked);
for my $prefix ('', 'ts-', 'problem-') {
    api(elsewhere($ann, "/${prefix}limit"), GET => '/account') for 1 .. 3;
}

# code | status | known: whether the envelope has 200 | title | text | who | place | call
my @rows = (
    ['BAD_REQUEST', 400, 1, 'Bad request', 'The member "name" is missing: a text.', $ann, 'basic', POST => '/keys', {}],
    ['BAD_REQUEST', 400, 0, 'Bad request', 'The member "username" is missing: a text.', $stranger, 'manage', POST => '/session', {}],
    ['UNAUTHENTICATED', 401, 0, 'Not logged in', 'Log in first.', $stranger, 'manage', GET => '/account'],
    ['UNAUTHENTICATED', 401, 0, 'Not logged in', 'Log in first.', $stranger, 'basic', GET => '/account'],
    ['UNAUTHENTICATED', 401, 0, 'Not logged in', 'The user name or the password is wrong.', $stranger, 'manage', @login],
    ['NOT_PRIMARY_ADMIN', 403, 1, 'Not the primary administrator',
        'Only the primary administrator of the account may do this.', $mia, 'basic', GET => '/keys'],
    ['PLAN_REQUIRED', 403, 1, 'Plan required', qr/^The "analytics:read" scope requires a Pro plan\.$/, $ann, 'basic',
        POST => '/keys', { name => 'x', scopes => ['analytics:read'] }],
    ['ACCOUNT_SUSPENDED', 403, 1, 'Account suspended', 'The account is not in good standing.', $sue, 'basic', POST => '/keys', {}],
    ['CROSS_SITE', 403, 1, 'Cross-site request', 'This request was started by another site, or does not say by which.',
        $ann, 'basic', POST => '/keys', {}, Origin => 'http://evil.example'],
    ['CROSS_SITE', 403, 0, 'Cross-site request', 'This request was started by another site, or does not say by which.',
        $stranger, 'manage', @login, Origin => 'http://evil.example'],
    ['TLS_REQUIRED', 403, 0, 'TLS required', 'Logging in needs https.', $remote, 'manage', @login],
    ['FORBIDDEN', 403, 0, 'Forbidden', 'This request is not allowed.', $stranger, 'nobody', GET => '/account'],
    ['NOT_FOUND', 404, 1, 'Not found', 'There is no such thing in this account.', $ann, 'basic', GET => '/keys/key_none'],
    ['NOT_FOUND', 404, 1, 'Not found', 'There is no such call.', $ann, 'basic', GET => '/nothing'],
    ['METHOD_NOT_ALLOWED', 405, 0, 'Method not allowed', 'This method is not allowed here; allowed: GET, HEAD.', $ann, 'basic',
        DELETE => '/account'],
    ['SCOPES_IMMUTABLE', 409, 1, 'Scopes never change',
        'The scopes of a key never change. Create a key with the scopes you need.', $ann, 'basic',
        PATCH => "/keys/$key->{id}", { scopes => ['programs:read'] }],
    ['KEY_LIMIT_REACHED', 409, 1, 'Key limit reached', qr/^[A-Z].*\b10\b.*[^.]\.$/, $full, 'basic', POST => '/keys', { name => 'eleventh' }],
    ['KEY_NOT_ACTIVE', 409, 1, 'Key not active', qr/^[A-Z].*[^.]\.$/, $ann, 'basic', POST => "/keys/$revoked->{id}/roll", { grace_seconds => 0 }],
    ['TOO_LARGE', 413, 1, 'Too large', 'A request body is 16384 bytes at the most.', $ann, 'basic', POST => '/keys', ' ' x 16385],
    ['TOO_LARGE', 413, 0, 'Too large', 'A request body is 16384 bytes at the most.', $stranger, 'manage', POST => '/session', ' ' x 16385],
    ['UNSUPPORTED_MEDIA_TYPE', 415, 1, 'Unsupported media type', 'A request body must be application/json.', $ann, 'basic',
        POST => '/keys'],
    ['RATE_LIMITED', 429, 0, 'Rate limit exceeded', 'Rate limit exceeded: 3 requests per 3600 seconds.', $ann, 'limit',
        GET => '/account'],
    ['LOCKED_OUT', 429, 0, 'Locked out', 'Too many failed authentication attempts.', $neighbour, 'lock', @locked],
    ['AUTH_UNAVAILABLE', 503, 0, 'Authentication unavailable', 'This could not be checked. Try again shortly.', $ann, 'nowhere',
        GET => '/account'],
);

# What the body of a row must be, its text and retry_after aside.
my %body = (
    '' => sub { my ($code) = @_; return { code => $code } },
    'ts-' => sub { return { data => [] } },
    'problem-' => sub {
        my ($code, $status, $title) = @_;
        return { type => 'urn:taiauth:problem:' . lc $code, title => $title, status => $status, code => $code };
    },
);

sub like_text { my ($got, $text) = @_; return ref $text ? like($got, $text, 'text') : is($got, $text, 'text') }

for my $prefix (sort keys %body) {
    for my $row (@rows) {
        my ($code, $status, $known, $title, $text, $who, $place, @call) = @$row;
        my $answer = api({ %$who, place => "/$prefix$place" }, @call);
        subtest "/$prefix$place: $code: $call[0] $call[1]" => sub {
            my $json = $answer->json or return fail('JSON: ' . $answer->body);
            is $answer->status, $prefix eq 'ts-' && $known ? 200 : $status, 'status';
            is $answer->header('Content-Type'), $prefix eq 'problem-' ? 'application/problem+json' : 'application/json', 'type';
            is $answer->header('Content-Length'), length $answer->body, 'length';
            is $answer->header('Cache-Control'), 'no-store', 'Cache-Control';
            is $answer->header('X-Content-Type-Options'), 'nosniff', 'X-Content-Type-Options';
            is $answer->header('Content-Security-Policy'), "default-src 'none'", 'Content-Security-Policy';
            my $retry = delete $json->{retry_after};
            is $answer->header('Retry-After'), $retry, 'Retry-After' if $status == 429 && $prefix ne 'ts-';
            like $answer->header('Retry-After') // '', $status == 429 || $status == 503 ? qr/^[1-9]\d*$/ : qr/^$/, 'when to come again';
            like $answer->header('WWW-Authenticate') // '', $status == 401 ? qr/\bSession realm="/ : qr/^$/, 'challenge';
            like $answer->header('Allow') // '', $status == 405 ? qr/GET/ : qr/^$/, 'Allow';
            if ($prefix eq 'ts-') {
                is scalar @{$json->{errors}}, 1, 'one error';
                like_text((delete $json->{errors})->[0], $text);
            }
            else {
                like_text($json->{error}, $text);
                is delete $json->{detail}, $json->{error}, 'detail' if $prefix;
                delete $json->{error};
            }
            is_deeply $json, $body{$prefix}->($code, $status, $title), 'no other members';
        };
    }
}

# Each code of the API is among them.
my %told = map { $_->[0] => 1 } @rows;
is_deeply [grep { !$told{$_} } qw(
    BAD_REQUEST UNAUTHENTICATED NOT_PRIMARY_ADMIN PLAN_REQUIRED ACCOUNT_SUSPENDED CROSS_SITE TLS_REQUIRED FORBIDDEN NOT_FOUND
    METHOD_NOT_ALLOWED SCOPES_IMMUTABLE KEY_LIMIT_REACHED KEY_NOT_ACTIVE TOO_LARGE UNSUPPORTED_MEDIA_TYPE RATE_LIMITED LOCKED_OUT
    AUTH_UNAVAILABLE
)], [], 'every code';

# --- an operator's own say -----------------------------------------------------------------------

my $own = api({ place => '/own' }, GET => '/account');
is $own->status, 401, 'an ErrorDocument of the operator';
is $own->body, 'my own words', '... has its words';
is $own->header('WWW-Authenticate'), 'Session realm="API"', '... and our headers';
is $own->header('X-Operator'), 'yes', '... beside his';
is $own->header('Content-Security-Policy'), "default-src 'none'", 'a policy for pages does not become one for the API';
is $own->header('Cache-Control'), 'no-store', '... nor does what he says of caches';
is_done api(logged_in($ann, '/own'), GET => '/account'), 200, '... and of what succeeds';

# --- the connection -------------------------------------------------------------------------------

my $connection = connection('api');
$connection->send(join '', map { TaiHttp::bytes(GET => '/manage/account') } 1 .. 3);
is $connection->read('GET')->status, 401, "a refusal leaves the connection open: $_" for 1 .. 3;
is api({ place => '/manage' }, HEAD => '/account')->body, '', 'no body on HEAD';

done_testing;
