use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

new_database();

my $help = done('--help', '--help')->{out};
my @commands = map { /^  ((?:[a-z][a-z-]*(?: |$))+)/ ? $1 =~ s/ $//r : () } split /\n/, $help;
for my $command ('db init', 'db status', 'db migrate', 'account add', 'account list', 'account show',
    'account set-plan', 'account suspend', 'account reinstate', 'account close', 'user add',
    'user list', 'user passwd', 'user disable', 'user enable', 'key create', 'key list', 'key show',
    'key rename', 'key roll', 'key revoke', 'key verify', 'scope list', 'audit', 'export',
    'import', 'nodes', 'nodes clear') {
    ok((grep { $_ eq $command } @commands), "--help knows $command");
}

# Each command says how to write it, what it does, and every option that its usage names.
for my $command (@commands) {
    my $says = done("$command --help", split(/ /, $command), '--help')->{out};
    my ($usage, $what, $options) = $says =~ /\Ausage: taictl (\Q$command\E\b.*?)\n\n(.+?)\n\n(.+)\z/s;
    ok $what, "$command says what it does";
    like $what, qr/^[A-Z].*[.?]\z/, 'in a sentence';
    like $help, qr/^  \Q$usage\E$/m, "$command is written the same in --help";
    my %option = map { $_ => 1 } $options =~ /^  (--[a-z-]+)/mg;
    is_deeply [sort grep { !$option{$_} } $usage =~ /(--[a-z-]+)/g], [],
        "$command explains each option of its usage";
    my %usual = map { $_ => 1 } qw(--driver --database --config --json --help);
    is_deeply [sort grep { !$usual{$_} && $usage !~ /\Q$_\E\b/ } keys %option], [],
        'and has no other';
}
is done('key --help', 'key', '--help')->{out},
    join('', $help =~ /^(  key .*\n(?:    .*\n)*)/mg), 'half a command: those that begin so';
is done('--help in front', '--help', 'key', 'roll')->{out},
    done('--help behind', 'key', 'roll', '--help')->{out}, '--help may stand anywhere';
misused(qr/no such command/, 'help of an unknown noun', 'acount', '--help');
misused(qr/no such command/, 'help of an unknown verb', 'account', 'lists', '--help');

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
is json_of('account', 'add', '-')->{name}, '-', 'one that is a dash';
is json_of('account', 'show', '-')->{name}, '-', 'and is found by it';

SKIP: {
    skip 'no /dev/full', 2 if !-c '/dev/full';
    my $said = qx('$ENV{TAICTL}' account list 2>&1 >/dev/full);
    is $? >> 8, 1, 'an answer that cannot be written is a failure';
    like $said, qr/could not be written/, 'and says so';
}

done_testing;
