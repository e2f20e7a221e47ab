# Sessions: begun by a password, kept in a cookie that no application and no log gets to see, ended by
# log-out, by time and by what happens to the user.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use TaiApi;
use TaiBackend;
use TaiTest;

$TaiApi::VHOST = 'api';

my $ann = administrator('api-session', user => 'session-ann', plan => 'pro');

sub log_in {
    my ($who, %want) = @_;
    my $caller = { place => $want{place} // '/manage', headers => $want{headers} // [], $want{port} ? (port => $want{port}) : () };
    my $answer = api($caller, POST => '/session', { username => $who->{user}, password => $want{password} // $who->{password} });
    my ($id) = ($answer->header('Set-Cookie') // '') =~ /taiauth=([0-9a-f]+)/;
    secret($id) if $id;
    return ($answer, $id);
}

sub with { my ($id, $place) = @_; return { place => $place // '/manage', headers => [Cookie => "taiauth=$id", 'Sec-Fetch-Site' => 'same-origin'] } }
sub is_in { my ($id) = @_; return api(with($id), GET => '/account')->status == 200 }
sub sessions { return db()->selectrow_array('SELECT COUNT(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = ?', undef, @_) }
sub audited { return db()->selectrow_array('SELECT COUNT(*) FROM audit_log WHERE actor = ? AND action = ?', undef, @_) }

# --- log-in --------------------------------------------------------------------------------------

my $now = time;
my ($answer, $id) = log_in($ann);
is_done $answer, 201, 'log-in';
like $answer->header('Set-Cookie'), qr{^taiauth=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict$}, 'its cookie, on loopback without TLS';
my $begun = data($answer);
my $ends = delete $begun->{expires_at};
like $ends, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'when it ends at the latest';
is_deeply $begun, { username => 'session-ann', account => 'api-session', role => 'primary_admin', idle_seconds => 1800 }, 'what it says';
unlike $answer->body, qr/\Q$id\E/, 'the id is in the cookie alone';
ok is_in($id), 'the session is there';
is_deeply data(api(with($id), GET => '/account'))->{user}{session}, { expires_at => $ends, idle_seconds => 1800 },
    '... and may be asked for its end';
{
    my @both = (GET => '/account', undef, Cookie => "taiauth=$id");
    my $seen = data(api(elsewhere($ann, '/either'), @both));
    is_deeply [@{$seen->{user}}{qw(name session)}], ['session-ann', undef], '... where httpd itself vouches for him it is not asked';
}
is_deeply db()->selectall_arrayref("SELECT id_hash FROM sessions WHERE user_id = ?", undef, $ann->{id}), [[sha256_hex($id)]],
    'the database knows its SHA-256';
is audited('session-ann', 'session.create'), 1, 'it is on record';
ok !is_in(sha256_hex($id)), 'who reads that is not logged in by it';

my ($again, $other) = log_in($ann);
isnt $other, $id, 'another log-in, another id';
ok is_in($_), 'both are there' for $id, $other;

is_refused((log_in($ann, password => secret('pw-wrong-for-a-session')))[0], 401, 'UNAUTHENTICATED',
    qr/^The user name or the password is wrong\.$/, 'a wrong password');
is_refused api({ place => '/manage' }, POST => '/session', $_->[0]), 400, 'BAD_REQUEST', $_->[1], 'not a log-in'
    for [{ username => 'session-ann' }, qr/^The member "password" is missing: a text\.$/],
        [{ username => 'session-ann', password => 12345678 }, qr/^The member "password" must be a text\.$/],
        [{ username => 'session-ann', password => 'x', remember => 1 }, qr/^There is no member "remember"; allowed: username, password\.$/];
is_refused api({ place => '/manage' }, POST => '/session?username=session-ann', { username => 'x', password => 'y' }), 400,
    'BAD_REQUEST', qr/^This call has no parameters\.$/, 'nothing in the query';

# --- an id that was there before -----------------------------------------------------------------

($answer, my $fresh) = log_in($ann, headers => [Cookie => "taiauth=$other", 'Sec-Fetch-Site' => 'same-origin']);
is $answer->status, 201, 'log-in with a session';
isnt $fresh, $other, 'a new id';
ok !is_in($other), 'the one before is dead';
ok is_in($id), '... that one alone';
my $planted = 'deadbeef' x 8;
($answer, my $own) = log_in($ann, headers => [Cookie => "taiauth=$planted", 'Sec-Fetch-Site' => 'same-origin']);
isnt $own, $planted, 'an id that somebody has planted is not taken over';
ok !is_in($planted), '... and is none';

# --- log-out -------------------------------------------------------------------------------------

$answer = api(with($own), DELETE => '/session');
is_done $answer, 200, 'log-out';
is_deeply data($answer), { ended => JSON::PP::true }, 'what it says';
is $answer->header('Set-Cookie'), 'taiauth=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0', 'the browser forgets';
ok !is_in($own), 'the session is dead';
is audited('session-ann', 'session.end'), 2, 'on record, as is the one that was replaced';
$answer = api(with($own), DELETE => '/session');
is $answer->status, 200, 'again';
is_deeply data($answer), { ended => JSON::PP::false }, '... there was none left';
is api({ place => '/manage' }, DELETE => '/session')->status, 200, 'without any';

# --- cookies that are none -----------------------------------------------------------------------

my %cookies = (
    'twice' => "taiauth=$id; taiauth=$id", 'twice, the second another' => "taiauth=$id; taiauth=$planted",
    'twice, in two fields' => undef, 'the name for TLS' => "__Host-taiauth=$id", 'another case' => "TaiAuth=$id",
    'too short' => 'taiauth=' . substr($id, 1), 'too long' => "taiauth=${id}0", 'upper case' => 'taiauth=' . uc $id,
    'quoted' => qq(taiauth="$id"), 'empty' => 'taiauth=', 'no value' => 'taiauth', 'with more behind it' => "taiauth=$id x",
    'of another name' => "xtaiauth=$id", 'not hex' => 'taiauth=' . 'g' x 64,
);
for my $name (sort keys %cookies) {
    my @cookie = defined $cookies{$name} ? (Cookie => $cookies{$name}) : (Cookie => "taiauth=$id", Cookie => "taiauth=$id");
    is api({ place => '/manage', headers => \@cookie }, GET => '/account')->status, 401, "a cookie $name is none";
}
is api({ place => '/manage', headers => [Cookie => $_] }, GET => '/account')->status, 200, "among others: $_" =~ s/$id/ID/r
    for "a=b; taiauth=$id", "taiauth=$id; a=b", "a=b;taiauth=$id;c=d", "a=\"b;c\"; taiauth = $id ", "xtaiauth=1; taiauth=$id",
        "a=b, taiauth=$id";

# --- what an application gets to see -------------------------------------------------------------

# Cookie: of a request on its way to an application; undef: it has none.
sub seen {
    my ($path, @cookies) = @_;
    my $seen = request('api', GET => $path, [map { (Cookie => $_) } @cookies])->json;
    my ($field) = grep { lc $_->[0] eq 'cookie' } @{$seen->{headers}};
    return $field ? $field->[1] : undef;
}
{
    my $backend = TaiBackend->start;
    my @rows = (
        [["taiauth=$id"], undef], [["__Host-taiauth=$id"], undef], [["taiauth=$id; __Host-taiauth=$id; taiauth=$id"], undef],
        [["a=1; taiauth=$id; b=2"], 'a=1; b=2'], [["taiauth=$id; a=1"], 'a=1'], [["a=1;taiauth=$id"], 'a=1'],
        [["a=1", "taiauth=$id"], 'a=1'], [["taiauth=$id", "a=1"], 'a=1'], [["a=1, taiauth=$id; b=2"], 'a=1; b=2'],
        [["a=\"x,y;z\"; taiauth=$id; b=2,3"], 'a="x,y;z"; b=2,3'], [["taiauth=\"$id\"; a=1"], 'a=1'],
        [["  taiauth \t= $id ;  a=1  "], 'a=1'], [["a=taiauth; b=taiauth=1"], 'a=taiauth; b=taiauth=1'],
        [['taiauth2=1; xtaiauth=2'], 'taiauth2=1; xtaiauth=2'], [['a=1; b; c='], 'a=1; b; c='],
    );
    for my $row (@rows) {
        my ($cookies, $reaches) = @$row;
        my $name = join(' | ', @$cookies) =~ s/\Q$id\E/ID/gr;
        is seen('/proxied/x', @$cookies), $reaches, "through the proxy: $name";
    }
}
my $cgi = request('api', GET => '/cgi/echo.pl', [Cookie => "a=1; taiauth=$id"]);
unlike $cgi->body, qr/\Q$id\E/, 'no CGI program sees it';
like $cgi->body, qr/a=1/, '... and does see the others';
$cgi = request('http2', GET => '/more', [Cookie => "taiauth=$id"]);
is $cgi->status, 401, 'where there is no management it is taken out all the same';

# --- time ----------------------------------------------------------------------------------------

my $db = db();
sub age { my ($id, %seconds) = @_; $db->do("UPDATE sessions SET $_ = $_ - ? WHERE id_hash = ?", undef, $seconds{$_}, sha256_hex($id)) for keys %seconds; return }
for my $row (['29 minutes idle', 1, used_at => 29 * 60], ['30 minutes idle', 0, used_at => 30 * 60],
             ['12 hours old, in use', 0, created_at => 12 * 3600], ['almost 12 hours old', 1, created_at => 12 * 3600 - 60]) {
    my ($name, $lasts, %age) = @$row;
    my (undef, $aged) = log_in($ann);
    age($aged, %age);
    is is_in($aged) ? 1 : 0, $lasts, "a session $name " . ($lasts ? 'lasts' : 'is over');
    is is_in($aged) ? 1 : 0, $lasts, '... asked again' if $lasts;
}

# --- how many ------------------------------------------------------------------------------------

my $zoe = person('api-session', 'session-zoe', role => 'member');
my @of_zoe = map { (log_in($zoe))[1] } 1 .. 10;
age($of_zoe[3], used_at => 60);
push @of_zoe, (log_in($zoe))[1];
is sessions('session-zoe'), 10, 'ten of one user';
is_deeply [map { is_in($_) ? 1 : 0 } @of_zoe], [(1) x 3, 0, (1) x 7], 'the eleventh has the place of the one not used for the longest';

# --- the user ------------------------------------------------------------------------------------

my ($left) = grep { is_in($_) } @of_zoe;
taictl(\"@{[secret('pw-another-password-for-zoe')]}\n", user => 'passwd', 'session-zoe');
ok !is_in($left), 'another password ends her sessions';
(undef, $left) = log_in($zoe, password => 'pw-another-password-for-zoe');
ok is_in($left), 'begun anew';
taictl(user => 'disable', 'session-zoe');
ok !is_in($left), 'disabled: her sessions are over at once';
is((log_in($zoe, password => 'pw-another-password-for-zoe'))[0]->status, 401, '... and none begins');
ok is_in($id), "others' go on";

# --- a reload ------------------------------------------------------------------------------------

graceful();
ok is_in($id), 'a session outlives a graceful restart';

# --- TLS -----------------------------------------------------------------------------------------

sub remote { my ($place, @headers) = @_; return { place => $place, port => port('api_remote'), headers => \@headers } }
my @login = (POST => '/session', { username => $ann->{user}, password => $ann->{password} });
is_refused api(remote('/manage', 'X-Client' => '192.0.2.7'), @login), 403, 'TLS_REQUIRED', qr/^Logging in needs https\.$/,
    'without TLS from afar, behind a proxy on this host';
is_refused api(remote('/manage', 'X-Client' => '192.0.2.7'), POST => '/session', 'no json'), 403, 'TLS_REQUIRED', qr/./,
    '... before anything is read';
is api(remote('/manage', 'X-Client' => '192.0.2.7', Cookie => "taiauth=$id"), GET => '/account')->status, 401,
    '... where no session is taken';
is api(remote('/manage', Cookie => "taiauth=$id"), GET => '/account')->status, 200, 'from this host without the proxy';
is api(remote('/manage', 'X-Client' => '127.9.9.9', Cookie => "taiauth=$id"), GET => '/account')->status, 200, 'from this host with it';
is api(remote('/manage', 'X-Client' => '::1', Cookie => "taiauth=$id"), GET => '/account')->status, 200, '... by IPv6';

($answer, my $offloaded) = log_in($ann, port => port('api_offloaded'));
like $answer->header('Set-Cookie'), qr{^__Host-taiauth=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict; Secure$},
    'where ServerName says https, something else does TLS';
my $behind = { place => '/manage', port => port('api_offloaded') };
is api({ %$behind, headers => [Cookie => "__Host-taiauth=$offloaded"] }, GET => '/account')->status, 200, '... by that cookie';
is api({ %$behind, headers => [Cookie => "taiauth=$offloaded"] }, GET => '/account')->status, 401, '... and by no other';

done_testing;
