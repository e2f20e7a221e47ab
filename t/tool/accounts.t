use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

new_database();

is_deeply json_of('account', 'list'), [], 'no accounts';
like done('account add', 'account', 'add', 'acme')->{out},
    qr/^account acme, plan free: acc_[0-9A-Za-z]{22}\n\z/, 'a new account is on the free plan';
my $bolt = json_of('account', 'add', "\xc3\xa9bolt", '--plan', 'pro');
is $bolt->{name}, "\x{e9}bolt", 'a name in UTF-8';
is $bolt->{plan}, 'pro', 'on the plan that was asked for';
is $bolt->{status}, 'active', 'active';
like $bolt->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'with its time';

refused(qr/an account "acme" already/, 'a name twice', 'account', 'add', 'acme');
refused(qr/no plan "gold"; allowed: free, claimed, pro/, 'an unknown plan', 'account', 'add',
    'other', '--plan', 'gold');
refused(qr/account name .* not allowed: 1 to 64 bytes/, "a name of @{[ length ]} bytes",
    'account', 'add', $_)
    for '', 'x' x 65;
refused(qr/account name "a\\x0ab" is not allowed/, 'a name of two lines', 'account', 'add', "a\nb");
refused(qr/account name "\\xff" is not allowed/, 'a name that is no UTF-8', 'account', 'add',
    "\xff");

# Columns are as wide as their widest value, in characters.
my @lines = split /\n/, done('account list', 'account', 'list')->{out};
utf8::decode($_) for @lines;
is @lines, 3, 'a heading and two accounts';
like $lines[0], qr/^NAME +PLAN +STATUS +USERS +KEYS +MAX +ID$/, 'the heading';
is index($lines[$_], 'acc_'), index($lines[0], 'ID'), "line $_ is aligned" for 1, 2;
unlike "@lines", qr/%/, 'numbers are numbers';

like done('account set-plan', 'account', 'set-plan', 'acme', 'claimed')->{out},
    qr/^account acme: plan claimed; no node is running$/, 'another plan';
refused(qr/no plan "gold"; allowed: free, claimed, pro/, 'an unknown plan', 'account', 'set-plan',
    'acme', 'gold');
refused(qr/no account "acne"/, 'an unknown account', 'account', 'set-plan', 'acne', 'pro');
like done('account suspend', 'account', 'suspend', 'acme')->{out}, qr/status suspended/,
    'suspended';
done('account suspend again', 'account', 'suspend', 'acme');
is json_of('account', 'list')->[0]{status}, 'suspended', 'the list says so';
done('account reinstate', 'account', 'reinstate', 'acme');
is_deeply json_of('account', 'reinstate', 'acme'), { name => 'acme', status => 'active',
    nodes => { applied => 0, of => 0, silent => 0, silent_nodes => [] } },
    'reinstated twice, as JSON';
refused(qr/no account "acne"/, "$_ of an unknown account", 'account', $_, 'acne')
    for 'suspend', 'reinstate';

my ($acme) = grep { $_->{name} eq 'acme' } @{ json_of('account', 'list') };
delete @$acme{qw(id created_at)};
is_deeply $acme,
    {
    name => 'acme', plan => 'claimed', status => 'active', users => 0, active_keys => 0,
    max_keys => 10
    },
    'one account as JSON';

my $shown = json_of('account', 'show', 'acme');
delete @$shown{qw(id created_at)};
is_deeply $shown, { %$acme, plan_rate_limit => undef }, 'one account by name';
like done('account show', 'account', 'show', "\xc3\xa9bolt")->{out},
    qr/^name +\xc3\xa9bolt\nid +acc_\w+\nplan +pro\n.*^active keys +0\nat most +10\n/ms,
    'one account for people';
refused(qr/no account "acne"/, 'an unknown account is not shown', 'account', 'show', 'acne');

# Closing is final, so it is asked for.
done('an account to close', 'account', 'add', 'gone');
misused(qr/closed for ever.*--yes\nusage: taictl account close NAME/, 'nobody to ask', \"yes\n",
    'account', 'close', 'gone');
is json_of('account', 'show', 'gone')->{status}, 'active', 'and nothing was done';
SKIP: {
    skip no_terminal(), 5 if no_terminal();
    my ($status, $seen) = at_terminal(['account', 'close', 'gone'], 'y');
    is $status, 1, 'an answer that is not yes';
    like $seen, qr/Account gone will be closed for ever\. Type yes to do it: .*nothing was changed/s,
        'leaves it as it is';
    is json_of('account', 'show', 'gone')->{status}, 'active', 'really';
    ($status, $seen) = at_terminal(['account', 'close', 'gone'], 'yes');
    is $status, 0, 'yes';
}
like done('account close', 'account', 'close', 'gone', '--yes')->{out},
    qr/^account gone: status closed; no node is running$/, 'closes it, again where it was closed';
is json_of('account', 'show', 'gone')->{status}, 'closed', 'for all to see';
refused(qr/account "gone" is closed/, "a closed account: $_", 'account', $_, 'gone')
    for 'reinstate', 'suspend';
refused(qr/no account "acne"/, 'an unknown account is not closed', 'account', 'close', 'acne',
    '--yes');

my $scopes = json_of('scope', 'list');
is @$scopes, 8, 'eight scopes';
my %scope = map { $_->{name} => $_ } @$scopes;
is_deeply $scope{'programs:write'},
    {
    name => 'programs:write', description => 'Create and update program listings',
    default => JSON::PP::false, plans => ['claimed', 'pro']
    },
    'one scope as JSON';
is_deeply [sort grep { $scope{$_}{default} } keys %scope],
    [map { "$_:read" } qw(categories organizations programs reviews)], 'the default scopes';
like done('scope list', 'scope', 'list')->{out},
    qr/^webhooks:manage +no +pro +Create and manage webhooks$/m, 'scopes as a table';

done_testing;
