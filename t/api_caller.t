# Who is asking for management: a session or whom httpd knows, never an API key, and never two at once.
use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;
use TaiApi;
use TaiKeys;
use TaiTest;

$TaiApi::VHOST = 'api';

my $ann = administrator('api-caller', user => 'caller-ann');
my $bob = administrator('api-caller-other', user => 'caller-bob');
my $key = make_key('api-caller')->{key};

sub basic { my ($user, $password) = @_; return (Authorization => 'Basic ' . encode_base64("$user:$password", '')) }
sub cookie { my ($who) = @_; return (Cookie => $who->{cookie}, 'Sec-Fetch-Site' => 'same-origin') }

# Who the API takes the sender of these headers for.
sub who {
    my ($place, @headers) = @_;
    my $answer = api({ place => $place, headers => \@headers }, GET => '/account');
    return $answer->status == 200 ? data($answer)->{user}{name} : $answer->status . ' ' . ($answer->json->{code} // '');
}

my $nobody = '401 UNAUTHENTICATED';
my ($ann_in, $bob_in) = map { logged_in($_, '/manage') } $ann, $bob;

# --- httpd's own authentication ------------------------------------------------------------------

is who('/basic', basic(@$ann{qw(user password)})), 'caller-ann', 'whom httpd knows';
is who('/basic', basic($ann->{user}, secret('pw-wrong-password-of-ann'))), $nobody, 'a wrong password';
is who('/basic'), $nobody, 'no password';
is who('/manage', basic(@$ann{qw(user password)})), $nobody, 'a password where httpd does not look at it';
is who('/basic', basic(@$_{qw(user password)})), $nobody, 'whom httpd knows and we do not'
    for TaiApi::known_to_httpd('caller-stranger');
is who('/basic', basic(@$_{qw(user password)})), $nobody, 'nor is Caller-Ann caller-ann'
    for TaiApi::known_to_httpd('Caller-Ann');
{
    my $answer = api({ place => '/basic' }, GET => '/account');
    is_refused $answer, 401, 'UNAUTHENTICATED', qr/^Log in first\.$/, 'a 401 of httpd is told as ours';
    is_deeply [map { $_->[1] } grep { $_->[0] eq 'WWW-Authenticate' } $answer->headers],
        ['Basic realm="the \"staff\""', 'Session realm="the \"staff\""'], 'its challenge stands beside ours';
    $answer = api({ place => '/manage' }, GET => '/account');
    is $answer->header('WWW-Authenticate'), 'Session realm="API"', 'no challenge of keys, nor of what is not asked for';
}

# --- sessions ------------------------------------------------------------------------------------

is who('/manage', cookie($ann_in)), 'caller-ann', 'a session';
is who('/manage', Cookie => $ann_in->{cookie}), 'caller-ann', 'reading needs no word of the browser';
is who('/basic', cookie($ann_in)), $nobody, 'a session where httpd wants a password';
is who('/either', cookie($ann_in)), 'caller-ann', 'where it wants either';

{
    my @offer = (Upgrade => 'h2c', 'HTTP2-Settings' => 'AAMAAABkAAQAAP__', Connection => 'Upgrade, HTTP2-Settings');
    is who('/manage', cookie($ann_in), @offer), 'caller-ann', 'with an offer to go on in HTTP/2';
    is who('/basic', basic(@$ann{qw(user password)}), @offer), 'caller-ann', '... with a password';
}

# --- both ----------------------------------------------------------------------------------------

is who('/either', basic(@$ann{qw(user password)}), cookie($ann_in)), 'caller-ann', 'both, of one mind';
is who('/either', basic(@$ann{qw(user password)}), Cookie => 'taiauth=' . 'a' x 64), 'caller-ann', 'a session that is none says nothing';
my $mark = log_mark();
my $answer = api({ place => '/either', headers => [basic(@$ann{qw(user password)}), cookie($bob_in)] }, GET => '/account');
is_refused $answer, 401, 'UNAUTHENTICATED', qr/^You are logged in as somebody else\. Log out first\.$/, 'both, at odds';
like last_refusal($mark), qr/refused 401 UNAUTHENTICATED: caller_disagrees, user -,/, '... as the log says';
is who('/either', basic(@$_{qw(user password)}), cookie($ann_in)), $nobody, 'at odds with one whom we do not know'
    for TaiApi::known_to_httpd('caller-guest');

# --- keys ----------------------------------------------------------------------------------------

is who('/keyed', 'X-API-Key' => $key), $nobody, 'a key is nobody, where keys are asked for';
is who('/manage', 'X-API-Key' => $key), $nobody, '... and where they are not';
is who('/manage', Authorization => "Bearer $key"), $nobody, '... as a bearer';
is who('/v1/manage', 'X-API-Key' => $key), $nobody, 'below a place with keys';
is who('/v1/manage', cookie($ann_in)), 'caller-ann', '... where none is asked for';
is request('api', GET => '/v1/other')->status, 401, '... as everywhere else there';
is request('api', GET => '/v1/redirected', { 'X-API-Key' => $key })->status, 401, 'who was let in by a key is nobody further inside';
is who('/keyed', 'X-API-Key' => $key, cookie($ann_in)), 'caller-ann', 'a key and a session, where both are asked for';
is who('/keyed', cookie($ann_in)), '401 MISSING_API_KEY', '... one of them';
is who('/keyed-basic', 'X-API-Key' => $key, basic(@$bob{qw(user password)})), $nobody,
    'a key satisfies Require, so that httpd asks for no password';
for my $name (qw(X-Tai-User X-Tai-Account X_Tai_User Remote-User X-Remote-User X-Forwarded-User)) {
    is who('/manage', $name => 'caller-ann'), $nobody, "$name is anybody's to send";
}

# --- standing ------------------------------------------------------------------------------------

my $mia = person('api-caller', 'caller-mia', role => 'member');
my $mia_in = logged_in($mia, '/manage');
is who('/manage', cookie($mia_in)), 'caller-mia', 'a member';
taictl(user => 'disable', 'caller-mia');
is who('/manage', cookie($mia_in)), $nobody, 'a disabled user: her session is over';
is who('/basic', basic(@$mia{qw(user password)})), $nobody, '... and httpd vouches for nobody any more';
db()->do("UPDATE users SET status = 'active' WHERE username = 'caller-mia'");
is who('/basic', basic(@$mia{qw(user password)})), 'caller-mia', 'enabled again';
is who('/manage', cookie($mia_in)), $nobody, '... which brings no session back';

my %basic = (place => '/basic', headers => [basic(@$bob{qw(user password)})]);
my %calls = (reads => [GET => '/keys'], creates => [POST => '/keys', { name => 'x' }], revokes => [DELETE => '/keys/key_none'],
    renames => [PATCH => '/keys/key_none', { name => 'y' }], rolls => [POST => '/keys/key_none/roll', { grace_seconds => 0 }]);
sub standing { my ($call) = @_; my $answer = api(\%basic, @{$calls{$call}}); return join ' ', $answer->status, $answer->json->{code} // '' }
taictl(account => 'suspend', 'api-caller-other');
is standing('reads'), '200 ', 'a suspended account reads';
is standing('revokes'), '404 NOT_FOUND', '... and deletes';
is standing($_), '403 ACCOUNT_SUSPENDED', "... and no more: $_" for qw(creates renames rolls);
db()->do("UPDATE accounts SET status = 'closed' WHERE name = 'api-caller-other'");
is standing($_), '403 ACCOUNT_SUSPENDED', "a closed account does nothing: $_" for sort keys %calls;
is who('/either', cookie($bob_in)), '403 ACCOUNT_SUSPENDED', '... with a session neither';
$answer = api({ place => '/manage' }, POST => '/session', { username => $bob->{user}, password => $bob->{password} });
is_refused $answer, 403, 'ACCOUNT_SUSPENDED', qr/./, '... and begins none';
is $answer->header('Set-Cookie'), undef, '... no cookie';

# --- what is logged ------------------------------------------------------------------------------

$mark = log_mark();
api(elsewhere($ann, '/basic'), GET => '/nothing');
like last_refusal($mark), qr{refused 404 NOT_FOUND: not_found, user caller-ann, client 127\.0\.0\.1, request \S+, GET /basic/nothing},
    'a refusal names the user';
my $before = metric('requests_total', 'managed');
api(elsewhere($ann, '/basic'), GET => '/account');
is metric('requests_total', 'managed'), $before + 1, 'a success is counted as one';
$before = metric('requests_total', 'caller_unknown');
api({ place => '/manage' }, GET => '/account');
api({ place => '/basic' }, GET => '/account');
is metric('requests_total', 'caller_unknown'), $before + 2, 'a stranger is counted, whoever refuses him';

# --- limits ---------------------------------------------------------------------------------------

subtest 'calls are counted by user' => sub {
    my $cia = person('api-caller', 'caller-cia', role => 'member');
    my @left = map { api(elsewhere($cia, '/limit'), GET => '/account')->header('RateLimit') =~ /r=(\d+)/ } 1 .. 3;
    is_deeply \@left, [2, 1, 0], 'three';
    is_refused api(elsewhere($cia, '/limit'), GET => '/account'), 429, 'RATE_LIMITED',
        qr/^Rate limit exceeded: 3 requests per 3600 seconds\.$/, '... and no fourth';
    is api(elsewhere($ann, '/limit'), GET => '/account')->header('RateLimit-Policy'), '"default";q=3;w=3600', 'another user has his own';
    is api(elsewhere($ann, '/limit'), @$_[0, 1])->status, $_->[2], "what fails counts too: @$_[0, 1]"
        for [GET => '/nothing', 404], [PUT => '/keys', 405], [GET => '/account', 429];
    is api({ place => '/limit' }, GET => '/account')->header('RateLimit'), undef, 'who is not known is not counted';
    like api(elsewhere($ann, '/limit-account'), GET => '/account')->header('RateLimit'), qr/^"account";r=2;/, 'by account';
    like api(elsewhere($cia, '/limit-account'), GET => '/account')->header('RateLimit'), qr/^"account";r=1;/, '... whoever asks';
    my $pro = elsewhere(administrator('api-caller-pro', user => 'caller-pro', plan => 'pro'), '/limit-plan');
    is api($pro, GET => '/account')->header('RateLimit-Policy'), '"default";q=5;w=3600', 'by plan';
    is api(elsewhere($cia, '/standard'), GET => '/account')->header('RateLimit-Policy'), '"default";q=60;w=60', 'where no line says';
    is api(elsewhere($cia, '/basic'), GET => '/account')->header('RateLimit-Policy'), undef, 'off';
};

done_testing;
