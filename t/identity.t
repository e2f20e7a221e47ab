# The application learns who is asking from us alone, and never the credential.
use strict;
use warnings;

use Test::More;
use TaiBackend;
use TaiKeys;
use TaiTest;

my $backend = TaiBackend->start;
my $account = make_account('identity', plan => 'pro', user => 'identity-boss');
my $key = make_key($account, scopes => [qw(programs:read programs:write)]);
my $pair = make_key($account, token => 1);
my $given = $key->{key};
# For TaiAuthForwardKey a key that zz_secrets.t does not look for in what the backend saw.
my $shown = taictl(key => 'create', $account, '--name', 'shown')->{key};

# What a CGI saw: its environment.
sub cgi {
    my ($place, @headers) = @_;
    my $answer = request('identity', GET => "/$place/", [@headers]);
    return $answer->json ? $answer->json->{env} : die 'no CGI: ' . $answer->status . "\n";
}

# What a proxied application saw: its header fields by lower-case name, repeated ones joined.
sub proxied {
    my ($place, @headers) = @_;
    my $answer = request('identity', GET => "/proxied/$place/", [@headers]);
    my %seen;
    push @{$seen{lc $_->[0]}}, $_->[1] for @{$answer->json->{headers}};
    return { map { $_ => join ', ', @{$seen{$_}} } keys %seen };
}

sub only {
    my ($pattern, $seen) = @_;
    return { map { $_ => $seen->{$_} } grep { /$pattern/ } keys %$seen };
}

my %identity = (
    ACCOUNT => 'identity', USER => 'identity-boss', KEY_ID => $key->{id},
    KEY_PREFIX => substr($given, 0, 12) . '...', PLAN => 'pro', SCOPES => 'programs:read programs:write',
);
my %variables = map { ("TAIAUTH_$_" => $identity{$_}) } keys %identity;
my %fields = map { ('x-tai-' . lc(s/_/-/r) => $identity{$_}) } keys %identity;

# --- what it is told ----------------------------------------------------------------------------

my $env = cgi('cgi', 'X-API-Key' => $given);
is_deeply only(qr/^TAIAUTH_/, $env), \%variables, 'the environment';
is_deeply [@$env{qw(REMOTE_USER AUTH_TYPE)}], [$account, 'TaiKey'], 'user and type with a key';
is_deeply only(qr/^HTTP_X_TAI/, $env), {}, 'no fields unless asked for';
is_deeply only(qr/^x-tai/, proxied('cgi', 'X-API-Key' => $given)), {}, 'nor to a proxied application';

$env = cgi('quiet', 'X-API-Key' => $given);
is_deeply only(qr/^TAIAUTH_/, $env), {}, 'TaiAuthEnvironment Off';
is $env->{REMOTE_USER}, $account, 'the user is known all the same';

is_deeply only(qr/^x-tai/, proxied('forward', 'X-API-Key' => $given)), \%fields, 'TaiAuthForwardIdentity On';
is_deeply only(qr/^x-tai/, proxied('optional')), {}, 'nobody is nobody';
is_deeply only(qr/^TAIAUTH_|REMOTE_USER|AUTH_TYPE/, cgi('optional')), {}, 'in the environment too';

my @both = (apikey => $pair->{key}, 'x-ts-authorization' => $pair->{token});
$env = cgi('pair', @both);
is_deeply [@$env{qw(REMOTE_USER AUTH_TYPE)}], ['identity-boss', 'TaiKey'], 'user and type with key and token';
is $env->{TAIAUTH_ACCOUNT}, $account, 'the account';
is proxied('pair', @both)->{'x-tai-user'}, 'identity-boss', 'the user behind a proxy';

# --- what a client says under our names ---------------------------------------------------------

my @forged = map { ($_ => 'forged') } qw(
    X-Tai-Account x-tai-account X-TAI-ACCOUNT X_Tai_Account X.Tai.Account X-Tai_Account X_tai.account
    X-Tai-User X-Tai-Key-Id X_Tai_Key_Id X-Tai-Plan X-Tai-Scopes X-Tai-Key-Prefix X-Tai-Admin X-Tai-);
for my $place (qw(forward cgi keep open optional)) {
    my @key = $place =~ /open|optional/ ? () : ('X-API-Key' => $place eq 'keep' ? $shown : $given);
    my $env = cgi($place, @forged, @key);
    my $mine = $place eq 'forward' ? { map { ('HTTP_' . uc(s/-/_/gr) => $fields{$_}) } keys %fields } : {};
    is_deeply only(qr/^HTTP_X.?TAI/, $env), $mine, "$place: forged fields do not reach a CGI";
    is_deeply only(qr/^x.tai/, proxied($place, @forged, @key)), $place eq 'forward' ? \%fields : {},
        "$place: nor a proxied application";
}

# A field that Connection names is dropped by the next hop: ours must not be named there.
my @hops = (
    'X-Tai-Account', 'x-tai-account, close', 'close, X_Tai_Account', 'X.Tai.Account',
    "close,\tX-TAI-account ,keep-alive", 'X-Tai-Account, X-Tai-User, X-Tai-Plan',
    # mod_proxy takes a semicolon or a blank for a comma
    'close; X-Tai-Account', 'close;X_Tai_Account;x', 'close X-Tai-Account', "close\tX-Tai-User X-Tai-Plan",
);
for my $value (@hops) {
    my $seen = proxied('forward', 'X-API-Key' => $given, Connection => $value);
    is_deeply only(qr/^x-tai/, $seen), \%fields, "Connection: $value";
}
my $seen = proxied('forward', 'X-API-Key' => $given, Connection => 'close', Connection => 'X-Tai-Account');
is_deeply only(qr/^x-tai/, $seen), \%fields, 'Connection in two lines';
is proxied('open', 'X-Other' => 'kept', Connection => 'X-Tai-Plan, X-Gone', 'X-Gone' => 1)->{'x-other'}, 'kept', 'others stay';
ok !exists proxied('open', Connection => 'X-Tai-Plan, X-Gone', 'X-Gone' => 1)->{'x-gone'}, 'and Connection still works for them';

# --- the credential -----------------------------------------------------------------------------

# No field and no variable holds any part of a secret behind its shown prefix.
sub hides {
    my ($name, $seen, @secrets) = @_;
    my $all = join "\n", map { "$_: $seen->{$_}" } sort keys %$seen;
    ok !(grep { index($all, substr $_, 12) >= 0 } @secrets), $name or diag 'it is there';
}

my @alike = map { ($_ => $given) } qw(X_API_Key X.API.Key X-Api_Key x_api_key);
for my $place (qw(cgi quiet forward bearer)) {
    for my $headers (['X-API-Key' => $given], ['X-API-Key' => $given, @alike]) {
        my $name = "$place: " . @$headers / 2 . ' fields with the key';
        hides("$name, CGI", cgi($place, @$headers), $given);
        hides("$name, proxied", proxied($place, @$headers), $given);
    }
}
hides('look-alikes by themselves, where no key is needed', $_, $given) for cgi('optional', @alike), proxied('optional', @alike);
my @spellings = map { ($_ => $pair->{token}) } qw(x_ts_authorization X.Ts.Authorization);
hides('key and token', $_, $pair->{key}, $pair->{token}) for cgi('pair', @both, @spellings), proxied('pair', @both, @spellings);

is cgi('keep', 'X-API-Key' => $shown)->{HTTP_X_API_KEY}, $shown, 'TaiAuthForwardKey On: CGI';
is proxied('keep', 'X-API-Key' => $shown)->{'x-api-key'}, $shown, 'TaiAuthForwardKey On: proxied';

# Authorization: ours goes, an application's own stays.
hides('Bearer key', proxied('bearer', Authorization => "Bearer $given"), $given);
hides('bearer key', proxied('bearer', Authorization => "bearer  $given"), $given);
ok !exists proxied('bearer', Authorization => "Bearer $given")->{authorization}, 'the field goes as a whole';
hides('Bearer key beside the same in X-API-Key', proxied('bearer', 'X-API-Key' => $given, Authorization => "Bearer $given"), $given);
for my $theirs ('Bearer eyJhbGciOiJub25lIn0.e30.', 'Basic dXNlcjpwYXNz', 'Negotiate abc') {
    is proxied('bearer', 'X-API-Key' => $given, Authorization => $theirs)->{authorization}, $theirs, "$theirs stays";
    is proxied('cgi', 'X-API-Key' => $given, Authorization => $theirs)->{authorization}, $theirs, "$theirs stays without TaiAuthBearer";
}

# An ErrorDocument that stands where credentials come in other fields.
my $document = request('identity', GET => '/cgi/refused', [@both]);
is $document->status, 401, 'refused, with an ErrorDocument';
is $document->json->{method}, 'GET', 'which is an application';
hides('ErrorDocument', $document->json->{env}, $pair->{key}, $pair->{token});

# A refusal lets nothing through.
my $log = var('t_logs') . '/backend_log';
my $size = -s $log;
is request('identity', GET => '/proxied/forward/', $_)->status, 401, 'refused' for {}, { 'X-API-Key' => unknown_key() };
is -s $log, $size, 'the application saw nothing of it';

done_testing;
