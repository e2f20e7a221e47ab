# A change that another site has had a browser send is refused, whoever the browser says is asking.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiTest;

$TaiApi::VHOST = 'api';

my $ann = administrator('api-origin', user => 'origin-ann');
my $session = { place => '/either', cookie => logged_in($ann, '/either')->{cookie} };
my $basic = elsewhere($ann, '/either');
my $host = 'localhost:' . port('api');

sub traces { return db()->selectrow_array("SELECT COUNT(*) FROM audit_log WHERE actor = 'origin-ann' AND action LIKE 'key.%'") }

# The status of a creation with these headers.
sub creates {
    my ($who, @headers) = @_;
    my @as = $who->{cookie} ? (Cookie => $who->{cookie}) : TaiApi::credentials($who);
    my $before = traces();
    my $answer = api({ place => '/either', headers => \@as }, POST => '/keys', { name => 'x' }, @headers);
    if ($answer->status == 201) {
        taictl(key => 'revoke', note_secrets(data($answer))->{id});
    }
    else {
        is_refused $answer, 403, 'CROSS_SITE', qr/^This request was started by another site, or does not say by which\.$/,
            'the refusal';
        is traces(), $before, '... and nothing was done';
    }
    return $answer->status;
}

# headers | what a session gets | what a name and password get
my @rows = (
    [[], 403, 201], # curl sends neither
    [['Sec-Fetch-Site' => 'same-origin'], 201, 201],
    [['Sec-Fetch-Site' => 'same-site'], 403, 403],
    [['Sec-Fetch-Site' => 'cross-site'], 403, 403],
    [['Sec-Fetch-Site' => 'none'], 403, 403],
    [['Sec-Fetch-Site' => 'Same-Origin'], 403, 403],
    [['Sec-Fetch-Site' => ''], 403, 403],
    [['Sec-Fetch-Site' => 'same-origin', 'Sec-Fetch-Site' => 'same-origin'], 403, 403],
    [['Sec-Fetch-Site' => 'cross-site', Origin => "http://$host"], 403, 403],
    [['Sec-Fetch-Site' => 'same-origin', Origin => 'http://evil.example'], 201, 201],
    [[Origin => "http://$host"], 201, 201],
    [[Origin => "HTTP://LOCALHOST:" . port('api')], 201, 201],
    [[Origin => 'http://localhost'], 403, 403],
    [[Origin => 'http://localhost:80'], 403, 403],
    [[Origin => "https://$host"], 403, 403],
    [[Origin => "http://$host/"], 403, 403],
    [[Origin => "http://$host.evil.example"], 403, 403],
    [[Origin => "http://evil.example/http://$host"], 403, 403],
    [[Origin => "http:$host"], 403, 403],
    [[Origin => $host], 403, 403],
    [[Origin => 'null'], 403, 403],
    [[Origin => ''], 403, 403],
    [[Origin => "http://$host", Origin => 'http://evil.example'], 403, 403],
    [[Referer => "http://$host/page"], 403, 201], # may be left out at will: it proves nothing
    [['X-Requested-With' => 'XMLHttpRequest'], 403, 201],
);
for my $row (@rows) {
    my ($headers, $by_cookie, $by_password) = @$row;
    my @named = (Host => $host, @$headers);
    my $name = join ', ', map { defined $_ ? $_ : '-' } @$headers;
    subtest $name || 'neither header' => sub {
        is creates($session, @named), $by_cookie, 'a session';
        is creates($basic, @named), $by_password, 'a name and password';
    };
}

subtest 'the host as the client names it' => sub {
    is creates($session, Host => 'manage.example', Origin => 'http://manage.example'), 201, 'another name';
    is creates($session, Host => 'manage.example', Origin => 'http://manage.example:80'), 201, 'the port that goes without saying';
    is creates($session, Host => 'manage.example:80', Origin => 'http://manage.example'), 201, '... on the other side';
    is creates($session, Host => 'manage.example', Origin => 'http://manage.example:443'), 403, 'that of https is another';
    is creates($session, Host => 'manage.example', Origin => 'http://manage.example:8080'), 403, 'another port';
    is creates($session, Host => "manage.example:8080", Origin => 'http://manage.example'), 403, '... on the other side';
    is creates($session, Host => 'a.example', Origin => 'http://b.example'), 403, 'another host';
    is creates($session, Host => '[::1]:8080', Origin => 'http://[::1]:8080'), 201, 'an IPv6 address';
};

subtest 'every change' => sub {
    my $key = create_key($basic);
    my $evil = { place => '/either', headers => [TaiApi::credentials($basic), Origin => 'http://evil.example'] };
    for my $call ([PATCH => "/keys/$key->{id}", { name => 'y' }], [POST => "/keys/$key->{id}/roll", { grace_seconds => 0 }],
                  [DELETE => "/keys/$key->{id}"], [DELETE => '/session'],
                  [POST => '/session', { username => $ann->{user}, password => $ann->{password} }]) {
        is_refused api($evil, @$call), 403, 'CROSS_SITE', qr/./, "@$call[0, 1]";
    }
    my $now = data(api($basic, GET => "/keys/$key->{id}"));
    is_deeply [@$now{qw(name status)}], ['test', 'active'], 'nothing has changed';
    is api($evil, GET => '/account')->status, 200, 'reading is none: another site cannot see the answer';
    is api($evil, HEAD => '/account')->status, 200, '... HEAD neither';
};

subtest 'log-in and log-out' => sub {
    my @login = (POST => '/session', { username => $ann->{user}, password => $ann->{password} });
    my $in = sub {
        my $answer = api({ place => '/manage', headers => [@_] }, @login);
        secret($1) if ($answer->header('Set-Cookie') // '') =~ /=([0-9a-f]{64})/;
        return $answer->status;
    };
    is $in->(), 201, 'log-in without a cookie, by no browser';
    is $in->('Sec-Fetch-Site' => 'cross-site'), 403, '... by another site';
    is $in->('Sec-Fetch-Site' => 'same-origin'), 201, '... by our own page';
    is $in->(Cookie => 'taiauth=' . 'a' x 64), 403, 'with a cookie somebody must vouch for it';
    is $in->(Cookie => 'other=1'), 201, '... with one of ours';
    my $other = logged_in($ann, '/manage');
    is_refused api({ place => '/manage', headers => [Cookie => $other->{cookie}] }, DELETE => '/session'), 403, 'CROSS_SITE',
        qr/./, 'log-out with the cookie alone';
    is api($other, GET => '/account')->status, 200, '... has not ended the session';
    is data(api($other, DELETE => '/session'))->{ended}, JSON::PP::true, 'log-out by our own page';
};

done_testing;
