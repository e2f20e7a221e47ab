use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

new_database();
done('an account', 'account', 'add', 'acme', '--plan', 'claimed');
done('its owner', 'user', 'add', 'acme', 'ann', '--no-password');
my $key = json_of('key', 'create', 'acme', '--name', 'one', '--scopes',
    'programs:read,programs:write');
my $pair = json_of('key', 'create', 'acme', '--name', 'two', '--token');
my $other = json_of('key', 'create', 'acme', '--name', 'three', '--token');

# What is said of what stands on standard input: it is refused for a reason, or admitted.
sub verify {
    my ($name, $input, $status, $reason, @options) = @_;
    my @command = ('key', 'verify', @options);
    my $ran = taictl(\$input, @command);
    is $ran->{status}, $status, "$name: exit status";
    is $ran->{err}, '', "$name: nothing on stderr";
    like $ran->{out}, $status ? qr/^refused: \Q$reason\E(?:;.*)?\n\z/m : qr/^admitted: admitted(?:;.*)?\n\z/m,
        "$name: said";
    my $json = taictl(\$input, @command, '--json');
    is $json->{status}, $status, "$name: exit status with --json";
    my $found = JSON::PP->new->utf8->decode($json->{out});
    is !!$found->{admitted}, !$status, "$name: as JSON";
    is $found->{reason}, $reason, "$name: the reason";
    my @secrets = grep { length } split /\n/, $input;
    unlike "$ran->{out}$json->{out}", qr/\Q$_\E/, "$name: a secret is not repeated" for @secrets;
    return ($found, $ran->{out});
}

my ($found, $said) = verify('a key', "$key->{key}\n", 0, 'admitted');
is_deeply [@{$found->{key}}{qw(id account created_by plan status name)}],
    [$key->{id}, qw(acme ann claimed active one)], 'whose it is';
is $found->{key_format}, 'strict', 'of our form';
is_deeply $found->{scopes}, [], 'no scope was asked for';
like $said, qr/^id +\Q$key->{id}\E\n.*^account +acme\nuser +ann\nplan +claimed\n/ms, 'for people';

# May it?
my @scopes = ('--scopes', 'programs:read,programs:write');
($found, $said) = verify('scopes that it holds', $key->{key}, 0, 'admitted', @scopes);
is_deeply [map { $_->{text} } @{$found->{scopes}}], ['held', 'held'], 'both are held';
($found, $said) = verify('one that it does not', $key->{key}, 1, 'scope_not_held', '--scopes',
    'programs:read,organizations:write');
is_deeply [map { $_->{admitted} ? 1 : 0 } @{$found->{scopes}}], [1, 0], 'each has its answer';
like $said, qr/^programs:read +held\norganizations:write +the key does not hold it$/m,
    'for people too';
done('a downgrade', 'account', 'set-plan', 'acme', 'free');
($found, $said) = verify('one that the plan does not grant', $key->{key}, 1, 'scope_not_in_plan',
    @scopes);
my $requires = 'The "programs:write" scope requires a Claimed or Pro plan.';
is $found->{scopes}[1]{text}, $requires, 'which plan it takes';
like $said, qr/^programs:write +\Q$requires\E$/m, 'for people too';
verify('without that scope', $key->{key}, 0, 'admitted', '--scopes', 'programs:read');

# With a token, and without.
verify('both halves', "$pair->{key}\n$pair->{token}\n", 0, 'admitted');
verify('a key without its token', "$pair->{key}\n", 1, 'token_not_asked');
verify('the token of another', "$pair->{key}\n$other->{token}\n", 1, 'token_mismatch');
verify('what is no token', "$pair->{key}\nsecret\n", 1, 'token_malformed');
verify('a token that was not issued', "$key->{key}\n$other->{token}", 1, 'token_not_issued');

# What is no key of ours.
my $mistyped = $key->{key} =~ s/(.)\z/$1 eq 'x' ? 'y' : 'x'/er;
($found) = verify('a mistyped key', $mistyped, 1, 'key_checksum');
is $found->{key}, undef, 'is nobody\'s';
verify('an unknown key', 'tai_' . 'A' x 32 . '2Fjjgu', 1, 'key_unknown');
verify('an unknown key of another form', 'sk_live_' . 'k' x 20, 1, 'key_unknown');
verify('what is too short', 'hunter2', 1, 'key_malformed');
verify('two keys', "$key->{key},$pair->{key}", 1, 'key_repeated');
refused(qr/no line on standard input/, 'nothing', 'key', 'verify');
refused(qr/too long/, 'far too much', \('x' x 5000), 'key', 'verify');
refused(qr/NUL/, 'a NUL', \"$key->{key}\0x", 'key', 'verify');
misused(qr/usage: taictl key verify/, 'a key on the command line', 'key', 'verify', $key->{key});

# What happens to a key, its account and its user.
my ($longest) = map { 'K' . '~' x 255 } 1;
done('imported', \"name,key\nold,$longest\n", 'import', 'acme', '-', '--format', 'csv');
($found, $said) = verify('an imported key of 256 characters', $longest, 0, 'admitted');
is $found->{key_format}, 'any', 'works where such keys are taken';
like $said, qr/^admitted: admitted; of a form that needs TaiAuthKeyFormat any$/m, 'for people too';
done('disabled', 'user', 'disable', 'ann');
verify('of a disabled user', $key->{key}, 1, 'user_disabled');
done('enabled', 'user', 'enable', 'ann');
done('suspended', 'account', 'suspend', 'acme');
verify('of a suspended account', $key->{key}, 1, 'account_suspended', '--scopes', 'programs:read');
done('reinstated', 'account', 'reinstate', 'acme');
database()->do('UPDATE api_keys SET expires_at = 1 WHERE id = ?', undef, $other->{id});
verify('an expired key', "$other->{key}\n$other->{token}\n", 1, 'key_expired');
done('revoked', 'key', 'revoke', $key->{id});
verify('a revoked key', $key->{key}, 1, 'key_revoked');
done('closed', 'account', 'close', 'acme', '--yes');
verify('of a closed account', "$pair->{key}\n$pair->{token}\n", 1, 'account_closed');

SKIP: {
    skip no_terminal(), 4 if no_terminal();
    my ($status, $seen) = at_terminal(['key', 'verify'], $pair->{key}, $pair->{token});
    is $status, 1, 'typed on a terminal';
    like $seen, qr/^Key: .*Token, if it has one: .*refused: account_closed/s, 'each after its prompt';
    unlike $seen, qr/\Q@{[ substr $_, 12 ]}\E/, 'and not shown' for @$pair{qw(key token)};
}

done_testing;
