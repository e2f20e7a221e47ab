use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

new_database();

my $help = done('--help', '--help')->{out};
for my $command ('db init', 'db status', 'db migrate', 'account add', 'account list',
    'account set-plan', 'account suspend', 'account reinstate', 'user add', 'user passwd',
    'user disable', 'key create', 'key list', 'key show', 'key revoke', 'scope list') {
    like $help, qr/^  \Q$command\E\b/m, "--help knows $command";
}

misused(qr/no command given\nusage: taictl /, 'nothing');
misused(qr/no such command\nusage: taictl .*\n\n  db init/s, 'half a command', 'account');
misused(qr/no such command/, 'an unknown noun', 'acount', 'list');
misused(qr/no such command/, 'an unknown verb', 'account', 'lists');
misused(qr/invalid option: --color\nusage: /, 'an unknown option', 'account', 'list', '--color');
misused(qr/missing argument: --database\nusage: /, 'an option without its value', 'account',
    'list', '--database');
misused(qr/has no --plan\nusage: taictl account list/, 'an option of another command', 'account',
    'list', '--plan', 'pro');
misused(qr/usage: taictl account add NAME/, 'too few arguments', 'account', 'add');
misused(qr/usage: taictl account add NAME/, 'too many arguments', 'account', 'add', 'a', 'b');
misused(qr/needs --name NAME/, 'a key without a name', 'key', 'create', 'acme');

# Options may stand before, between and after.
for my $args (['--json', 'account', 'list'], ['account', '--json', 'list'],
    ['account', 'list', '--json']) {
    is done("@$args", @$args)->{out}, "[]\n", "@$args: JSON";
}
done('a name that looks like an option', 'account', 'add', '--', '--json');

SKIP: {
    skip 'no /dev/full', 2 if !-c '/dev/full';
    my $said = qx('$ENV{TAICTL}' account list 2>&1 >/dev/full);
    is $? >> 8, 1, 'an answer that cannot be written is a failure';
    like $said, qr/could not be written/, 'and says so';
}

done_testing;
