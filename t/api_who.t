# Who may do what: each caller times each call, known by httpd and known by a session.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiTest;

# What a letter of the table stands for.
my %refusals = (
    A => [401, 'UNAUTHENTICATED'],
    N => [403, 'NOT_PRIMARY_ADMIN'],
    S => [403, 'ACCOUNT_SUSPENDED'],
    F => [404, 'NOT_FOUND'],
);

# {id} is a key of the caller's own account; for `other`, one of the admin's. A call that would change
# something gets a fresh one.
#
# anonymous    nobody                         suspended         its primary administrator
# member       of the admin's account         suspended-member  its member
# admin        the primary administrator      closed            a closed account's administrator
# disabled     a disabled administrator       other             administrator of another account
# stranger     httpd knows him, we do not     key               named by an API key
my @columns = qw(anonymous member admin disabled suspended suspended-member closed other stranger key);
my @table = map { [split ' ', $_, 3] } grep { /\S/ } split /\n/, <<'TABLE';
GET    /account         A   200  200  A  200  200  S  200  A  A
GET    /scopes          A   200  200  A  200  200  S  200  A  A
GET    /keys            A   N    200  A  200  N    S  200  A  A
GET    /keys/{id}       A   N    200  A  200  N    S  F    A  A
POST   /keys            A   N    201  A  S    S    S  201  A  A
PATCH  /keys/{id}       A   N    200  A  S    S    S  F    A  A
POST   /keys/{id}/roll  A   N    201  A  S    S    S  F    A  A
DELETE /keys/{id}       A   N    200  A  200  N    S  F    A  A
GET    /audit           A   N    200  A  200  N    S  200  A  A
POST   /session         A   201  201  A  201  201  S  201  A  A
DELETE /session         A   200  200  200 200 200  200 200 200 200
TABLE

my %bodies = (
    'POST /keys'           => { name => 'who' },
    'PATCH /keys/{id}'     => { name => 'renamed' },
    'POST /keys/{id}/roll' => { grace_seconds => 0 },
);

# --- the callers --------------------------------------------------------------------------------

my %admin; # the administrator of each account, who makes its keys while he may
for my $name (qw(own disabled suspended closed other)) {
    $admin{$name} = administrator("who-$name", plan => 'pro');
}
my %caller = (
    anonymous          => { place => '/manage' },
    member             => person('who-own', 'who-member', role => 'member'),
    admin              => $admin{own},
    disabled           => $admin{disabled},
    suspended          => $admin{suspended},
    'suspended-member' => person('who-suspended', 'who-suspended-member', role => 'member'),
    closed             => $admin{closed},
    other              => $admin{other},
    stranger           => known_to_httpd('who-stranger'),
);
my $pair = create_key($admin{own}, token => \1);
$caller{key} = { place => '/keyed', headers => [map { ($_->{name} => $_->{value}) } @{$pair->{headers}}] };

# Whose key {id} is.
my %owner = (
    (map { $_ => 'own' } qw(anonymous member admin other stranger key)),
    (map { $_ => $_ } qw(disabled suspended closed)),
    'suspended-member' => 'suspended',
);

# Sessions of those who may log in; one key for each cell that ends one, and one to look at.
my %sessions;
for my $name (@columns) {
    $sessions{$name} = logged_in($caller{$name}) if $name !~ /^(?:anonymous|stranger|key)$/;
}
my $kept = logged_in($admin{suspended});
my %spare;
for my $account (qw(own disabled suspended closed)) {
    $spare{$account} = [map { create_key($admin{$account}, name => 'spare')->{id} } 1 .. 4];
}
taictl(user => 'disable', 'who-disabled-admin');
taictl(account => 'suspend', 'who-suspended');
taictl(account => 'close', 'who-closed', '--yes');

# --- the cells ----------------------------------------------------------------------------------

sub everything {
    return db()->selectall_arrayref('SELECT id, name, revoked_at, expires_at, scopes, account_id FROM api_keys ORDER BY id');
}

# Who has no password of his own tries his luck with another's name.
sub login_of {
    my ($who) = @_;
    return { username => $who->{user} // $admin{own}{user}, password => $who->{password} // 'a guess' };
}

sub cell {
    my ($who, $method, $path, $id, $expected) = @_;
    my $before = everything();
    my $body = "$method $path" eq 'POST /session' ? login_of($who) : $bodies{"$method $path"};
    my $answer = api($who, $method, $path =~ s/\{id\}/$id/r, $body);
    secret($_) for ($answer->header('Set-Cookie') // '') =~ /^[^=]+=([^;]+)/;
    note_secrets(data($answer)) if ref data($answer) eq 'HASH';
    my $refusal = $refusals{$expected};
    if (!$refusal) {
        is_done $answer, $expected, 'done';
        return;
    }
    is_refused $answer, @$refusal, qr/./, 'refused';
    is_deeply everything(), $before, '... and no key was touched';
    return;
}

# DELETE and the roll take a spare key where they are allowed; all else looks at the first.
sub id_for {
    my ($owner, $method, $path, $expected) = @_;
    my $ends = "$method $path" =~ m{^DELETE /keys|/roll$} && !$refusals{$expected};
    return $ends ? splice @{$spare{$owner}}, -1 : $spare{$owner}[0];
}

for my $way (qw(httpd session)) {
    my $known_by = $way eq 'httpd' ? \%caller : \%sessions;
    for my $column (0 .. $#columns) {
        my $name = $columns[$column];
        my $who = $known_by->{$name} or next;
        for my $row (@table) {
            my ($method, $path, $cells) = @$row;
            my $expected = (split ' ', $cells)[$column];
            my $id = id_for($owner{$name}, $method, $path, $expected);
            subtest "$way: $name: $method $path: $expected" => sub { cell($who, $method, $path, $id, $expected) };
        }
    }
    # the second way needs keys to roll and delete, too
    push @{$spare{own}}, map { create_key($admin{own}, name => 'spare')->{id} } 1, 2 if $way eq 'httpd';
}

# --- and back -----------------------------------------------------------------------------------

taictl(account => 'reinstate', 'who-suspended');
taictl(user => 'enable', 'who-disabled-admin');
is_done new_key($admin{suspended}), 201, 'a reinstated account makes keys again';
is_done api($admin{disabled}, GET => '/keys'), 200, 'an enabled user is known again';
is_refused api($sessions{disabled}, GET => '/keys'), 401, 'UNAUTHENTICATED', qr/./, '... but his session is gone for good';
is_done api($kept, GET => '/keys'), 200, 'that of a suspended account was not';

done_testing;
