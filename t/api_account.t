# GET /account and GET /scopes: what a user is told of his account and of what its plan allows.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiTest;

$TaiApi::VHOST = 'api';

my $ann = elsewhere(administrator('api-account', plan => 'claimed', user => 'account-ann'), '/basic');
my $member = elsewhere(person('api-account', 'account-mia', role => 'member'), '/basic');
my @read = map { "$_:read" } qw(categories organizations programs reviews);

sub account { my ($who) = @_; return data(api($who, GET => '/account')) }

# --- the account --------------------------------------------------------------------------------

is_deeply account($ann), {
    name => 'api-account',
    plan => { name => 'claimed', title => 'Claimed' },
    status => 'active',
    limits => { rate_limit => undef, active_keys => 0, max_keys => 10 },
    user => { name => 'account-ann', role => 'primary_admin', session => undef },
}, 'a new account';
is_done api($ann, GET => '/account'), 200, 'as every answer';
is_deeply account($member)->{user}, { name => 'account-mia', role => 'member', session => undef }, 'who is asking';

my $first = create_key($ann);
my $second = create_key($ann);
taictl(key => 'revoke', $second->{id});
create_key($ann, expires_at => '2099-01-01T00:00:00Z');
my $expired = create_key($ann, expires_at => '2099-01-01T00:00:00Z');
db()->do('UPDATE api_keys SET expires_at = 1 WHERE id = ?', undef, $expired->{id});
is account($member)->{limits}{active_keys}, 2, 'neither revoked nor expired keys are active';

# A plan is a row; what it grants is the operator's.
my $db = db();
$db->do("INSERT INTO plans (name, title, rank, rate_limit, max_keys) VALUES ('api-gold', 'Gold \xc3\xbc', 77, '7/60s', 3)");
taictl(account => 'set-plan', 'api-account', 'api-gold');
my $gold = account($ann);
is_deeply [$gold->{plan}, $gold->{limits}],
    [{ name => 'api-gold', title => "Gold \x{fc}" }, { rate_limit => '7/60s', active_keys => 2, max_keys => 3 }],
    'a plan of the operator, on the next request';
taictl(account => 'set-plan', 'api-account', 'claimed');
$db->do("DELETE FROM plans WHERE name = 'api-gold'");

taictl(account => 'suspend', 'api-account');
is account($ann)->{status}, 'suspended', 'a suspended account may read';
taictl(account => 'reinstate', 'api-account');

# --- the catalogue ------------------------------------------------------------------------------

my $scopes = data(api($ann, GET => '/scopes'));
is_deeply [keys %$scopes], ['scopes'], 'one list, in one piece';
my %scope = map { $_->{name} => $_ } @{$scopes->{scopes}};
is_deeply [sort keys %scope], [sort @read, qw(programs:write organizations:write analytics:read webhooks:manage)],
    'every scope';
is_deeply $scope{'programs:write'}, {
    name => 'programs:write', description => 'Create and update program listings',
    default => JSON::PP::false, plans => ['claimed', 'pro'], plan_titles => ['Claimed', 'Pro'], allowed => JSON::PP::true,
}, 'one that the plan grants';
is_deeply [@{$scope{'analytics:read'}}{qw(plans plan_titles allowed)}], [['pro'], ['Pro'], JSON::PP::false], 'one that it does not';
is_deeply [sort grep { $scope{$_}{default} } keys %scope], \@read, 'the default ones';
is_deeply data(api($member, GET => '/scopes')), $scopes, 'a member is told the same';

# Plans of the operator, the first by name the last by rank; and a scope of no plan.
$db->do("INSERT INTO plans (name, title, rank, max_keys) VALUES ('api-gold', 'Gold \xc3\xbc', 77, 3), ('api-lead', 'An entry', -1, 3)");
$db->do("INSERT INTO plan_scopes (plan, scope) VALUES ('api-gold', 'analytics:read'), ('api-lead', 'analytics:read')");
$db->do("INSERT INTO scopes (name, description, is_default) VALUES ('api-account:none', 'Nobody has it', 0)");
%scope = map { $_->{name} => $_ } @{data(api($ann, GET => '/scopes'))->{scopes}};
is_deeply [@{$scope{'analytics:read'}}{qw(plans plan_titles)}], [[qw(api-lead pro api-gold)], ['An entry', 'Pro', "Gold \x{fc}"]],
    'plans by rank, and their titles in the same order';
is_deeply [@{$scope{'api-account:none'}}{qw(plans plan_titles allowed)}], [[], [], JSON::PP::false], 'a scope of no plan';
$db->do($_) for "DELETE FROM plan_scopes WHERE plan IN ('api-gold', 'api-lead')",
    "DELETE FROM plans WHERE name IN ('api-gold', 'api-lead')", "DELETE FROM scopes WHERE name = 'api-account:none'";

taictl(account => 'set-plan', 'api-account', 'pro');
ok !(grep { !$_->{allowed} } @{data(api($ann, GET => '/scopes'))->{scopes}}), 'another plan holds on the next request';

# --- ways to ask ----------------------------------------------------------------------------------

my $head = api($ann, HEAD => '/account');
is $head->status, 200, 'HEAD';
is $head->header('Content-Length'), length api($ann, GET => '/account')->body, '... is as long as GET, without a body';
is api($ann, GET => '/account', 'no json')->status, 200, 'a body is not looked at';
is_refused api($ann, GET => $_), 400, 'BAD_REQUEST', qr/^This call has no parameters\.$/, "GET $_"
    for '/account?x=1', '/scopes?limit=10', '/account?limit';
is api($ann, GET => '/account?')->status, 200, 'an empty query is none';
is_refused api($ann, GET => $_), 404, 'NOT_FOUND', qr/^There is no such call\.$/, "GET $_"
    for '/', '', '/Account', '/account/', '/accounts', '/keys/a/b', '/keys/a-b', '/keys/%2e%2e', '/keys/', '/session/x',
        '/keys/' . 'a' x 65;
is_refused api($ann, GET => '/keys/' . 'a' x 64), 404, 'NOT_FOUND', qr/^There is no such thing in this account\.$/,
    'an id that may be one';
is api(elsewhere($ann, '/either'), GET => '/account')->status, 200, 'a base with a slash at its end';

for my $row (['/account', 'GET, HEAD'], ['/scopes', 'GET, HEAD'], ['/session', 'POST, DELETE'], ['/keys', 'GET, HEAD, POST'],
             ['/keys/key_1', 'GET, HEAD, PATCH, DELETE'], ['/keys/key_1/roll', 'POST'], ['/audit', 'GET, HEAD']) {
    my ($path, $allow) = @$row;
    for my $method (qw(PUT OPTIONS MKCOL get)) {
        my $answer = api($ann, $method => $path);
        is_refused $answer, 405, 'METHOD_NOT_ALLOWED', qr/; allowed: \Q$allow\E\.$/, "$method $path";
        is $answer->header('Allow'), $allow, "$method $path: Allow";
    }
}
is_refused api({ place => '/manage' }, @$_), 401, 'UNAUTHENTICATED', qr/^Log in first\.$/, "nobody: @$_"
    for [GET => '/nothing'], [PUT => '/account'], [OPTIONS => '/keys'], [GET => '/session'], [GET => '/'];

done_testing;
