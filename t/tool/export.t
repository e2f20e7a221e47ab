use strict;
use warnings;
use Digest::SHA qw(sha256_base64 sha256_hex);
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

new_database();
is done('nothing', 'export')->{out}, '', 'an empty database is no line';

my $password = 'a fine long password';
my @secrets = $password;
for my $account ('acme', "b\xc3\xb6lt") {
    done("account $account", 'account', 'add', $account);
    done("$account-admin", \"$password\n", 'user', 'add', $account, "$account-admin");
    done("$account-member", 'user', 'add', $account, "$account-member", '--no-password');
    for (1 .. 3) {
        my $key = json_of('key', 'create', $account, '--name', "key $_", '--token');
        push @secrets, @$key{qw(key token)};
    }
}
my $imported = 'sk_live_' . 'x' x 20;
push @secrets, $imported;
done('an imported key', \"name,key\nold,$imported\n", 'import', 'acme', '-', '--format', 'csv');

my $out = done('export', 'export')->{out};
my @lines = map { JSON::PP->new->utf8->decode($_) } split /\n/, $out;
is scalar(@lines), 2 + 4 + 7, 'a line for each';
is_deeply [map { $_->{type} } @lines],
    [qw(account user user), ('key') x 4, qw(account user user), ('key') x 3],
    'an account, its users, its keys; and the next';
is_deeply [map { $_->{account} } grep { $_->{type} eq 'key' } @lines], [('acme') x 4, ("b\x{f6}lt") x 3],
    'each key says whose it is';
is_deeply [sort keys %{$lines[1]}], [qw(account created_at id role status type username)],
    'what a user has';
is_deeply { %{$lines[3]}, type => 'key' },
    { %{json_of('key', 'show', $lines[3]{id})}, type => 'key' }, 'a key, as it is shown';
is done('with --json', 'export', '--json')->{out}, $out, '--json changes nothing';
is_deeply [map { JSON::PP->new->utf8->decode($_) }
    split /\n/, done('one account', 'export', 'acme')->{out}], [@lines[0 .. 6]], 'one account alone';
refused(qr/no account "acne"/, 'an unknown account', 'export', 'acne');

# Nothing in it opens anything.
my ($hash) = database()->selectrow_array('SELECT password_hash FROM users WHERE password_hash <> ?',
    undef, '');
like $hash, qr/^\$2y\$/, 'there is a hash of a password';
unlike $out, qr/\Q@{[ length $_ > 12 ? substr($_, 12) : $_ ]}\E/, 'no secret' for @secrets;
unlike $out, qr/@{[ sha256_hex($_) ]}|\Q@{[ sha256_base64($_) ]}\E/, 'no digest' for @secrets;
unlike $out, qr/\Q$hash\E|\$2y\$/, 'no hash of a password';

# More keys than are read at once: each of them, once.
my @many = map { sprintf 'many-%020d', $_ } 1 .. 2500;
done('many keys', \join('', "name,key\n", map { "$_,$_\n" } @many), 'import', "b\xc3\xb6lt", '-',
    '--format', 'csv');
my @names = map { JSON::PP->new->utf8->decode($_)->{name} } grep { /"type":"key"/ }
    split /\n/, done('many', 'export', "b\xc3\xb6lt")->{out};
is_deeply [sort @names], [sort @many, map { "key $_" } 1 .. 3], 'all keys, each once';

done_testing;
