use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

new_database();
my $password = 'a fine long password';

done('an account', 'account', 'add', 'acme');
like done('user add', \"$password\n", 'user', 'add', 'acme', 'ann')->{out},
    qr/^user ann of account acme, primary_admin: usr_[0-9A-Za-z]{22}\n\z/,
    'the first user is the primary administrator';
my $bob = json_of(\$password, 'user', 'add', 'acme', 'bob');
like delete $bob->{id}, qr/^usr_/, 'the next one has an id';
like delete $bob->{created_at}, qr/^\d{4}-\d\d-\d\dT/, 'and its time';
is_deeply $bob, { account => 'acme', username => 'bob', role => 'member', status => 'active' },
    'and is a member';

refused(qr/has a primary administrator already: ann/, 'a second primary administrator',
    \"$password\n", 'user', 'add', 'acme', 'eve', '--role', 'primary_admin');
refused(qr/no role "owner"; allowed: primary_admin, member/, 'an unknown role', \"$password\n",
    'user', 'add', 'acme', 'eve', '--role', 'owner');
refused(qr/no account "acne"/, 'an unknown account', \"$password\n", 'user', 'add', 'acne', 'eve');
refused(qr/a user "ann" already/, 'a name twice', \"$password\n", 'user', 'add', 'acme', 'ann');
refused(qr/user name "" is not allowed: 1 to 64/, 'no name', \"$password\n", 'user', 'add', 'acme',
    '');
refused(qr/no line on standard input/, 'no password', 'user', 'add', 'acme', 'eve');
refused(qr/12 to 72 bytes/, 'a short password', \"elevenbytes\n", 'user', 'add', 'acme', 'eve');
refused(qr/12 to 72 bytes/, 'a long password', \('x' x 73), 'user', 'add', 'acme', 'eve');
refused(qr/too long/, 'a far too long password', \('x' x 5000), 'user', 'add', 'acme', 'eve');
refused(qr/holds a NUL/, 'a password with a NUL', \"a fine long\0 password", 'user', 'add', 'acme',
    'eve');
refused(qr/first that are tried/, 'a common password', \"Password1234\n", 'user', 'add', 'acme',
    'eve');
done('a user who cannot log in', 'user', 'add', 'acme', 'eve', '--no-password');

sub hash_of_ann { return scalar database()->selectrow_array(q(SELECT password_hash FROM users WHERE username = 'ann')) }

my $before = hash_of_ann();
like $before, qr{^\$2y\$12\$[./0-9A-Za-z]{53}$}, 'the database holds bcrypt of cost 12';
like done('user passwd', \"another fine password\n", 'user', 'passwd', 'ann')->{out},
    qr/^user ann: password set$/, 'a new password';
isnt hash_of_ann(), $before, 'another hash';
ok !holds($_), "the database does not hold '$_'" for $password, 'another fine password';
ok holds('acme'), 'though it does hold what is no secret';
refused(qr/no user "nobody"/, 'the password of an unknown user', \"$password\n", 'user', 'passwd',
    'nobody');
refused(qr/12 to 72 bytes/, 'a new password that is too short', \"short\n", 'user', 'passwd',
    'ann');

my $none = { applied => 0, of => 0, silent => 0, silent_nodes => [] };
done('user disable', 'user', 'disable', 'ann');
is_deeply json_of('user', 'disable', 'ann'), { username => 'ann', status => 'disabled',
    nodes => $none },
    'twice, as JSON';
refused(qr/no user "nobody"/, "an unknown user is not ${_}d", 'user', $_, 'nobody')
    for 'disable', 'enable';
like done('user enable', 'user', 'enable', 'ann')->{out}, qr/^user ann: status active; no node is running$/, 'enabled';
is_deeply json_of('user', 'enable', 'ann'), { username => 'ann', status => 'active',
    nodes => $none },
    'twice, as JSON';
done('user disable again', 'user', 'disable', 'ann');
is json_of(\"$password\n", 'user', 'add', 'acme', 'ann2')->{role}, 'primary_admin',
    'the account lacks a primary administrator again';
refused(qr/another|already/, 'the one before cannot come back beside him', 'user', 'enable', 'ann');

my $users = json_of('user', 'list', 'acme');
is_deeply [map { "$_->{username} $_->{role} $_->{status}" } @$users],
    ['ann primary_admin disabled', 'ann2 primary_admin active', 'bob member active',
    'eve member active'], 'the users of an account, by name';
is_deeply [sort keys %{$users->[0]}], [qw(account created_at id role status username)],
    'no user has a password to show';
like done('user list', 'user', 'list', 'acme')->{out},
    qr/^USERNAME +ROLE +STATUS +CREATED +ID\nann +primary_admin +disabled +\d{4}-\S+ +usr_/,
    'users as a table';
refused(qr/no account "acne"/, 'the users of nobody', 'user', 'list', 'acne');

SKIP: {
    skip no_terminal(), 6 if no_terminal();
    my @passwd = ('user', 'passwd', 'bob');
    my ($status, $seen) = at_terminal(\@passwd, 'typed in silence', 'typed in silence');
    is $status, 0, 'a password from the terminal';
    like $seen, qr/New password: .*New password again: .*user bob: password set/s,
        'is asked for twice';
    unlike $seen, qr/silence/, 'and not shown';
    ($status, $seen) = at_terminal(\@passwd, 'typed in silence', 'typed in silense');
    is $status, 1, 'two that differ';
    like $seen, qr/the two were not the same/, 'are refused';
    unlike $seen, qr/silen[cs]e/, 'and not shown';
}

done_testing;
