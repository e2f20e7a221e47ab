# Every verdict on a call of the management API moves its own counter on the metrics page by one.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiHttpd;
use TaiMetrics;
use TaiTest;

my $conf = <<'CONF' . api_conf('/manage');
TaiAuthSharedMemory 16M
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
<Location /people>
    TaiAuthAPI On
    TaiAuthLockout 1/1h 1h
    Require all granted
</Location>
<Location /either>
    TaiAuthAPI On
    TaiAuthRateLimit off
    TaiAuthLockout off
    AuthType Basic
    AuthName either
    AuthBasicProvider file
    AuthUserFile "@users@"
    <RequireAny>
        Require valid-user
        Require expr "-z %{HTTP:Authorization}"
    </RequireAny>
</Location>
<Location /limit>
    TaiAuthAPI On
    TaiAuthRateLimit 1/1h
    Require all granted
</Location>
<Location /nobody>
    TaiAuthAPI On
    Require all denied
</Location>
<Location /lost>
    TaiAuthAPI On
    TaiAuthPasswordProvider file
    AuthUserFile "@root@/no-such-file"
    Require all granted
</Location>
<Location /nowhere>
    TaiAuthAPI On
    AuthType Basic
    AuthName nowhere
    AuthBasicProvider file
    AuthUserFile "@root@/no-such-file"
    Require valid-user
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
$conf =~ s/\@users\@/TaiApi::users_file()/e;
my $httpd = TaiHttpd->new(conf => $conf);

my ($ann, $mia, $sue, $full);
on_database($httpd->database, sub {
    $ann = administrator('managed', user => 'managed-ann');
    $mia = person('managed', 'managed-mia', role => 'member');
    $sue = administrator('managed-suspended', user => 'managed-sue');
    $full = administrator('managed-full', user => 'managed-full');
    make_key('managed-full') for 1 .. 10;
    taictl(account => 'suspend', 'managed-suspended');
});
my $revoked = on_database($httpd->database, sub { my $key = make_key('managed'); taictl(key => 'revoke', $key->{id}); $key });
my $key = on_database($httpd->database, sub { make_key('managed') });

$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;

sub at { my ($who, $place) = @_; return elsewhere($who, $place, port => $httpd->port) }
sub page { return TaiMetrics::parse($httpd->get('/metrics')->body) }
sub stranger { my ($place, @headers) = @_; return { place => $place, port => $httpd->port, headers => \@headers } }
sub login { my ($who, $password) = @_; return (POST => '/session', { username => $who->{user}, password => $password // $who->{password} }) }

my $wrong = secret('pw-wrong-for-the-metrics');
my $in = api(stranger('/either'), login($mia));
my ($cookie) = $in->header('Set-Cookie') =~ /^(taiauth=[0-9a-f]{64})/ or die 'no session: ', $in->body;
secret($cookie =~ s/.*=//r);

# the exact reason | status | who | call
my @calls = (
    ['managed',           200, at($ann, '/manage'), GET => '/account'],
    ['managed',           201, stranger('/people'), login($ann)],
    ['bad_request',       400, at($ann, '/manage'), POST => '/keys', {}],
    ['caller_unknown',    401, stranger('/people'), GET => '/account'],
    ['caller_unknown',    401, stranger('/manage'), GET => '/account'],
    ['caller_disagrees',  401, { %{at($ann, '/either')}, headers => [TaiApi::credentials($ann), Cookie => $cookie] }, GET => '/account'],
    ['caller_forbidden',  403, stranger('/nobody'), GET => '/account'],
    ['login_failed',      401, stranger('/people', 'X-Client' => '127.3.3.3'), login({ user => 'managed-nobody' }, $wrong)],
    ['login_locked',      429, stranger('/people', 'X-Client' => '127.3.3.3'), login({ user => 'managed-nobody' }, $wrong)],
    ['login_provider',    503, stranger('/lost'), login($ann)],
    ['caller_suspended',  403, at($sue, '/manage'), POST => '/keys', { name => 'x' }],
    ['not_primary_admin', 403, at($mia, '/manage'), GET => '/keys'],
    ['plan_required',     403, at($ann, '/manage'), POST => '/keys', { name => 'x', scopes => ['analytics:read'] }],
    ['cross_site',        403, at($ann, '/manage'), POST => '/keys', { name => 'x' }, Origin => 'http://evil.example'],
    ['tls_required',      403, stranger('/people', 'X-Client' => '192.0.2.9'), login($ann)],
    ['not_found',         404, at($ann, '/manage'), GET => '/keys/key_none'],
    ['scopes_immutable',  409, at($ann, '/manage'), PATCH => "/keys/$key->{id}", { scopes => ['programs:read'] }],
    ['key_limit_reached', 409, at($full, '/manage'), POST => '/keys', { name => 'x' }],
    ['key_not_active',    409, at($ann, '/manage'), POST => "/keys/$revoked->{id}/roll", { grace_seconds => 0 }],
    ['too_large',         413, at($ann, '/manage'), POST => '/keys', ' ' x 16385],
    ['media_type',        415, at($ann, '/manage'), POST => '/keys'],
    ['undecided',         503, at($ann, '/nowhere'), GET => '/account'],
    ['method_not_allowed', 405, at($ann, '/manage'), PUT => '/keys'],
    ['managed',           200, stranger('/limit', Cookie => $cookie), GET => '/account'],
    ['rate_limited',      429, stranger('/limit', Cookie => $cookie), GET => '/account'],
);
for my $row (@calls) {
    my ($reason, $status, $who, @call) = @$row;
    my $before = page();
    my $answer = api($who, @call);
    my $after = page();
    secret($1) if ($answer->header('Set-Cookie') // '') =~ /=([0-9a-f]{64})/;
    my ($series) = grep { /^taiauth_requests_total\{.*reason="$reason"/ } keys %{$after->{value}};
    is $answer->status, $status, "$reason: status" or diag $answer->body;
    is_deeply TaiMetrics::moved($before, $after, 'taiauth_requests_total'), { $series => 1 }, "$reason: one counter moves, by one";
}

subtest 'without the database nothing is decided' => sub {
    my $before = page();
    $httpd->database->away;
    my @answers = map { api(@$_) } [at($ann, '/manage'), GET => '/account'], [stranger('/either', Cookie => $cookie), GET => '/account'],
        [stranger('/either'), login($mia)];
    $httpd->database->back;
    is_refused $_, 503, 'AUTH_UNAVAILABLE', qr/^This could not be checked\. Try again shortly\.$/, 'refused' for @answers;
    is_deeply [map { $_->header('Retry-After') } @answers], [5, 5, 5], 'when to come again';
    my ($series) = grep { /^taiauth_requests_total\{.*reason="database"/ } keys %{$before->{value}};
    is_deeply TaiMetrics::moved($before, page(), 'taiauth_requests_total'), { $series => 3 }, 'the reason';
    ok wait_for(sub { api(at($ann, '/manage'), GET => '/account')->status == 200 }, 'the database to be found'), 'it is back';
};

my %covered = map { $_->[0] => 1 } @calls;
my @reasons = $httpd->get('/metrics')->body =~ /^taiauth_requests_total\{.*reason="(\w+)"/mg;
my ($managed) = grep { $reasons[$_] eq 'managed' } 0 .. $#reasons;
is_deeply [sort grep { !$covered{$_} } @reasons[$managed .. $#reasons]], [qw(login_busy revocations_busy)],
    'every reason was met, but those of many clients at once';

done_testing;
