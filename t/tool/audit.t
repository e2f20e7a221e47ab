use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

new_database();
delete $ENV{SUDO_USER};
my $me = 'operator:' . (getpwuid $<)[0];
done("account $_", 'account', 'add', $_) for 'acme', 'bolt';
done("user of $_", 'user', 'add', $_, "$_-admin", '--no-password') for 'acme', 'bolt';
my $key = json_of('key', 'create', 'acme', '--name', 'first');

# Every change of an operator's writes its line, and nothing else does.
my @changes = (
    ['account.plan', 'account', 'set-plan', 'acme', 'pro'],
    ['account.suspend', 'account', 'suspend', 'acme'],
    ['account.reinstate', 'account', 'reinstate', 'acme'],
    ['user.disable', 'user', 'disable', 'acme-admin'],
    ['user.enable', 'user', 'enable', 'acme-admin'],
    ['user.password', \"a fine long password\n", 'user', 'passwd', 'acme-admin'],
    ['key.rename', 'key', 'rename', $key->{id}, 'second'],
    ['key.roll', 'key', 'roll', $key->{id}, '--grace', '1h'],
    ['key.import', \"name,key\nx,@{['k' x 22]}\n", 'import', 'acme', '-', '--format', 'csv'],
    ['key.revoke', 'key', 'revoke', $key->{id}],
    ['account.close', 'account', 'close', 'acme', '--yes'],
);
for my $change (@changes) {
    my ($action, @command) = @$change;
    done($action, @command);
    my $lines = json_of('audit', 'acme', '--limit', '1');
    is_deeply [@{$lines->[0]}{qw(action actor client account)}], [$action, $me, 'local', 'acme'],
        "$action is recorded, with who did it";
    ok $lines->[0]{subject}, 'and to what';
}
for my $same (['account', 'close', 'acme', '--yes'], ['key', 'revoke', $key->{id}],
    ['user', 'enable', 'acme-admin'], ['account', 'show', 'acme'], ['export'], ['audit']) {
    my $before = json_of('audit', '--limit', '1')->[0]{seq};
    done("@$same", @$same);
    is json_of('audit', '--limit', '1')->[0]{seq}, $before, "@$same changes nothing, and writes none";
}

my $all = json_of('audit');
is_deeply [map { $_->{seq} } @$all], [reverse sort { $a <=> $b } map { $_->{seq} } @$all],
    'the latest first';
is_deeply [sort keys %{$all->[0]}], [qw(account action actor at client detail seq subject)],
    'what a line has';
is_deeply [map { $_->{action} } @{json_of('audit', 'bolt')}], ['user.create', 'account.create'],
    'those of one account';
is_deeply json_of('audit', '--limit', '3'), [@$all[0 .. 2]], 'a page';
is_deeply json_of('audit', '--limit', '3', '--before', $all->[2]{seq}), [@$all[3 .. 5]],
    'the one behind it';
is_deeply json_of('audit', '--before', '1'), [], 'behind the last';
like done('audit', 'audit', 'acme')->{out},
    qr/^SEQ +AT +ACCOUNT +ACTOR +CLIENT +ACTION +SUBJECT +DETAIL\n\d+ +\d{4}-\S+Z +acme +\Q$me\E +local +account\.close +acc_\w+/,
    'as a table';
unlike done('the whole log', 'audit', '--limit', '1000')->{out},
    qr/\Q@{[ substr $key->{key}, 12 ]}\E|a fine long|kkkk|\$2y\$/, 'no secret in it';

refused(qr/no account "acne"/, 'an unknown account', 'audit', 'acne');
misused(qr/--limit is a number from 1 to 1000\nusage: taictl audit/, "--limit '$_'", 'audit',
    '--limit', $_) for '0', '1001', '-1', 'x', '', '5x', '99999999999999999999';
misused(qr/--before is the SEQ of a line/, "--before '$_'", 'audit', '--before', $_)
    for '0', '-1', 'x', '', '99999999999999999999';

# Who became root by sudo is himself; and no line of his making.
$ENV{SUDO_USER} = "ann\n99 fake";
done('by sudo', 'account', 'add', 'carl');
is json_of('audit', 'carl')->[0]{actor}, 'operator:ann\x0a99 fake', 'a name of two lines is one';
is scalar(split /\n/, done('audit', 'audit', 'carl')->{out}), 2, 'in the table too';

done_testing;
