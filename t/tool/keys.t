use strict;
use warnings;
use Digest::SHA 'sha256_hex';
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

sub key_named {
    my ($name) = @_;
    return (grep { $_->{name} eq $name } @{json_of('key', 'list', 'acme')})[0];
}

new_database();
my $key = qr/tai_[0-9A-Za-z]{38}/;
my $token = qr/tat_[0-9A-Za-z]{38}/;
my @reads = map { "$_:read" } qw(categories organizations programs reviews);

done('an account', 'account', 'add', 'acme', '--plan', 'claimed');
refused(qr/no active primary administrator/, 'no owner', 'key', 'create', 'acme', '--name', 'x');
done('its owner', 'user', 'add', 'acme', 'ann', '--no-password');

# A key is shown once.
my $shown = done('key create', 'key', 'create', 'acme', '--name', 'first')->{out};
my ($first) = $shown =~ /^key +($key)$/m;
ok $first, 'the key is shown';
like $shown, qr/not shown again/, 'with a warning';
like $shown, qr/curl -H 'X-API-Key: \Q$first\E'/, 'and a line to try it';
unlike $shown, qr/tat_/, 'without a token that nobody asked for';

my $second = json_of('key', 'create', 'acme', '--name', "\xe2\x9c\x93 two", '--token', '--scopes',
    'programs:write,programs:read', '--expires', '2099-12-31T23:59:59Z', '--rate-limit', '5/60s');
like $second->{key}, qr/^$key$/, 'a key as JSON';
like $second->{token}, qr/^$token$/, 'with its token';
is $second->{prefix}, substr($second->{key}, 0, 12), 'its prefix';
like $second->{id}, qr/^key_[0-9A-Za-z]{22}$/, 'its id';
is_deeply $second->{scopes}, ['programs:write', 'programs:read'], 'its scopes, as asked for';
is $second->{name}, "\x{2713} two", 'its name';
is $second->{expires_at}, '2099-12-31T23:59:59Z', 'its end';
is $second->{rate_limit}, '5/60s', 'its limit';
is $second->{status}, 'active', 'active';
like done('a token for people', 'key', 'create', 'acme', '--name', 'pair', '--token')->{out},
    qr/^token +($token)\n.*curl -H 'apikey: $key' -H 'x-ts-authorization: \1'/ms,
    'a token is shown with its header';

# What is refused, and what it says.
my @refused = (
    [qr/"programs:rite"; allowed: .*programs:write/, '--scopes', 'programs:rite'],
    [qr/The "analytics:read" scope requires a Pro plan\.$/, '--scopes',
        'programs:read,analytics:read'],
    [qr/at least one scope/, '--scopes', ''],
    [qr/at least one scope/, '--scopes', ' , '],
    [qr/in the future/, '--expires', '2020-01-01T00:00:00Z'],
    [qr/such as 2026/, '--expires', '2099-02-30T00:00:00Z'],
    [qr/such as 2026/, '--expires', '2099-01-01'],
    [qr/such as 2026/, '--expires', '2099-01-01T00:00:00+01'],
    [qr/such as 2026/, '--expires', ''],
    [qr/such as 30d/, '--expires-in', '30'],
    [qr/such as 30d/, '--expires-in', '-1d'],
    [qr/such as 30d/, '--expires-in', '0d'],
    [qr/such as 30d/, '--expires-in', '3651d'],
    [qr/such as 30d/, '--expires-in', '99999999999999999999s'],
    [qr/not both/, '--expires-in', '1d', '--expires', '2099-01-01T00:00:00Z'],
    [qr/N\/WINDOW/, '--rate-limit', '5'],
    [qr/N\/WINDOW/, '--rate-limit', '0/60s'],
);
for my $row (@refused) {
    my ($pattern, @options) = @$row;
    refused($pattern, "@options", 'key', 'create', 'acme', '--name', 'x', @options);
}
refused(qr/key name .* 1 to 100 bytes/, 'a long name', 'key', 'create', 'acme', '--name', 'x' x 101);
refused(qr/no account "acne"/, 'an unknown account', 'key', 'create', 'acne', '--name', 'x');
is @{ json_of('key', 'list', 'acme') }, 3, 'none of them left a key';

my $soon = json_of('key', 'create', 'acme', '--name', 'soon', '--expires-in', '30d');
ok $soon->{expires_at} gt $soon->{created_at}, 'a span ends later than it began';
is_deeply $soon->{scopes}, \@reads, 'the default scopes';

# Nothing but the creation shows a key, and no file holds one.
my $list = done('key list', 'key', 'list', 'acme')->{out};
like $list, qr/^ID +PREFIX +STATUS +NAME +SCOPES +EXPIRES$/m, 'keys as a table';
my $show = done('key show', 'key', 'show', $second->{id})->{out};
like $show, qr/^scopes +programs:write programs:read$/m, 'one key for people';
my $json = done('key list --json', 'key', 'list', 'acme', '--json')->{out};
for my $secret ($first, @$second{qw(key token)}) {
    my $rest = substr $secret, 12;
    unlike $_, qr/\Q$rest\E|@{[ sha256_hex($secret) ]}/, 'shows neither a secret nor a digest'
        for $list, $show, $json;
}
ok !holds(substr $_, 12), 'the database holds no secret' for $first, @$second{qw(key token)};
ok holds(sha256_hex($second->{key})), 'it holds the digest';

# What counts follows the plan.
done('a downgrade', 'account', 'set-plan', 'acme', 'free');
my $info = json_of('key', 'show', $second->{id});
is_deeply $info->{scopes}, ['programs:write', 'programs:read'], 'a key keeps its scopes';
is_deeply $info->{effective_scopes}, ['programs:read'], 'the plan says which count';

# A whole key comes through standard input alone.
is json_of(\"$first\n", 'key', 'show', '--stdin')->{name}, 'first', 'found by the whole key';
my $said = misused(qr/can be seen by others/, 'a whole key as an argument', 'key', 'revoke', $first);
unlike $said->{err}, qr/\Q@{[ substr $first, 12 ]}\E/, 'it is not repeated';
refused(qr/no such key/, 'an unknown whole key', \"tai_nobody\n", 'key', 'show', '--stdin');
refused(qr/no line/, 'no whole key', 'key', 'show', '--stdin');
misused(qr/--stdin/, 'no key at all', 'key', 'show');
misused(qr/--stdin/, 'two ways at once', 'key', 'show', $second->{id}, '--stdin');

# Revocation.
like done('key revoke', 'key', 'revoke', $second->{id})->{out},
    qr/^key \Q$second->{id}\E \(\Q$second->{prefix}\E\.\.\.\) revoked at \d{4}-\S+Z; no node is running$/, 'by id';
my $again = json_of('key', 'revoke', "$second->{prefix}...");
ok $again->{again}, 'again, by prefix, as JSON';
is $again->{revoked_at}, json_of('key', 'show', $second->{id})->{revoked_at}, 'the time is kept';
like done('key revoke again', 'key', 'revoke', $second->{id})->{out},
    qr/was revoked already at \Q$again->{revoked_at}\E; no node is running$/, 'and told';
done('by the whole key', \$first, 'key', 'revoke', '--stdin');
refused(qr/no key with the id or prefix "key_nobody"/, 'an unknown key', 'key', 'revoke',
    'key_nobody');
is_deeply [map { $_->{status} } sort { $a->{name} cmp $b->{name} } @{ json_of('key', 'list', 'acme') }],
    [qw(revoked active active revoked)], 'the list says which are revoked';
refused(qr/no account "acne"/, 'the keys of nobody', 'key', 'list', 'acne');

# Another name.
my $unnamed = json_of('key', 'show', $soon->{id});
my $named = json_of('key', 'rename', $soon->{id}, "\xc3\xa9t\xc3\xa9");
is $named->{name}, "\x{e9}t\x{e9}", 'another name';
is_deeply { %$named, name => 'soon' }, $unnamed, 'and nothing else is different';
like done('key rename', 'key', 'rename', "$soon->{prefix}...", 'later')->{out},
    qr/^key \Q$soon->{id}\E: name later$/, 'by prefix';
refused(qr/key name .* 1 to 100 bytes/, 'a long name', 'key', 'rename', $soon->{id}, 'x' x 101);
refused(qr/key name "a\\x0ab" is not allowed/, 'a name of two lines', 'key', 'rename', $soon->{id},
    "a\nb");
refused(qr/no key with the id or prefix "key_nobody"/, 'an unknown key', 'key', 'rename',
    'key_nobody', 'x');
misused(qr/can be seen by others/, 'a whole key as an argument', 'key', 'rename', $first, 'x');
misused(qr/usage: taictl key rename ID/, 'no new name', 'key', 'rename', $soon->{id});

# Two are active; eight more and the plan is used up.
done("key $_", 'key', 'create', 'acme', '--name', "key $_") for 3 .. 10;
refused(qr/has 10 active keys, and its plan allows 10/, 'one too many', 'key', 'create', 'acme',
    '--name', 'x');
is json_of('account', 'list')->[0]{active_keys}, 10, 'the account has ten';

# A key that follows another one; with ten keys too, since the two of them are one.
my $rolled = json_of('key', 'roll', $soon->{id}, '--grace', '1h');
like $rolled->{key}, qr/^$key$/, 'a new key';
isnt $rolled->{id}, $soon->{id}, 'with an id of its own';
is_deeply [@$rolled{qw(name scopes expires_at account status)}],
    ['later', @$soon{qw(scopes expires_at account status)}], 'and the rest of the old one';
is $rolled->{replaces}{id}, $soon->{id}, 'it says which it follows';
is json_of('key', 'show', $soon->{id})->{expires_at}, $rolled->{replaces}{ends_at},
    'and when that one ends';
ok $rolled->{replaces}{ends_at} lt $soon->{expires_at}, 'earlier than it would have';
is json_of('account', 'list')->[0]{active_keys}, 10, 'the two count as one';
refused(qr/grace of a roll still runs: key \Q$_->[0]\E is active/, "$_->[1] cannot be rolled again",
    'key', 'roll', $_->[2], '--grace', '1h')
    for [$rolled->{id}, 'the old one', $soon->{id}], [$soon->{id}, 'the new one', $rolled->{id}];
my ($third, $pair) = map { key_named($_) } 'key 3', 'pair';
my $now = done('key roll', 'key', 'roll', $third->{id}, '--grace', '0')->{out};
like $now, qr/^key +($key)\n.*^ends +\Q$third->{id}\E, the key before it, at \d{4}-\S+Z\nnodes  no node is running\n/ms,
    'without a grace';
is json_of('key', 'show', $third->{id})->{status}, 'revoked', 'the old one ends now';
refused(qr/key \Q$third->{id}\E is revoked/, 'a revoked key', 'key', 'roll', $third->{id}, '--grace',
    '0');
my ($again_key) = $now =~ /^key +(\S+)/m;
my $by_stdin = json_of(\$again_key, 'key', 'roll', '--stdin', '--grace', '7d');
is $by_stdin->{name}, 'key 3', 'by the whole key';
like json_of('key', 'roll', $pair->{id}, '--grace', '1s')->{token}, qr/^$token$/, 'a key with a token is followed by one';
refused(qr/a week at the most|0 to 604800 seconds/, "a grace of '$_'", 'key', 'roll', $rolled->{id},
    '--grace', $_) for '8d', '-1s', '1', '1h30m', '';
misused(qr/needs --grace/, 'no grace', 'key', 'roll', $rolled->{id});
misused(qr/can be seen by others/, 'a whole key as an argument', 'key', 'roll', $again_key,
    '--grace', '0');
misused(qr/--stdin/, 'no key', 'key', 'roll', '--grace', '0');

done('suspended', 'account', 'suspend', 'acme');
refused(qr/account "acme" is suspended/, 'nor does it roll one', 'key', 'roll', $by_stdin->{id},
    '--grace', '0');
refused(qr/account "acme" is suspended/, 'a suspended account', 'key', 'create', 'acme', '--name',
    'x');
done('it may revoke', 'key', 'revoke', $soon->{id});

# What others have put into the database hides no key, moves no cursor and begins no line. A file
# takes any bytes for a text.
my $database = new_database();
done('an account', 'account', 'add', 'odd');
done('its owner', 'user', 'add', 'odd', 'otto', '--no-password');
my %odd = ("'a\e\a\nkey_fake'" => ["a\e\a\nkey_fake", 'a\x1b\x07\x0akey_fake']);
$odd{"CAST(x'fffe' AS TEXT)"} = ['\xff\xfe', '\xff\xfe'] if TaiDatabase::is_file();
$odd{"x''"} = [undef, '-'] if TaiDatabase::is_file();
my $db = database();
for my $sql (sort keys %odd) {
    my $id = json_of('key', 'create', 'odd', '--name', 'x')->{id};
    my ($json, $text) = @{$odd{$sql}};
    $db->do("UPDATE api_keys SET name = $sql WHERE id = ?", undef, $id);
    is_deeply [map { $_->{name} } grep { $_->{id} eq $id } @{json_of('key', 'list', 'odd')}], [$json], "key list --json, $sql";
    like done('key list', 'key', 'list', 'odd')->{out}, qr/^\Q$id\E .* \Q$text\E /m, '... key list';
    like done('key show', 'key', 'show', $id)->{out}, qr/^name +\Q$text\E$/m, '... key show';
}
$db->do("UPDATE accounts SET name = 'o\n'");
is json_of('account', 'list')->[0]{name}, "o\n", 'account list --json';
like done('account list', 'account', 'list')->{out}, qr/^o\\x0a /m, 'account list';
if (TaiDatabase::is_file()) {
    $db->do("UPDATE accounts SET name = 'o' || char(10) || CAST(x'ff' AS TEXT)");
    is json_of('account', 'list')->[0]{name}, 'o\x0a\xff', 'account list --json, no UTF-8';
    like done('account list', 'account', 'list')->{out}, qr/^o\\x0a\\xff /m, 'account list, no UTF-8';
}
$db->disconnect;

done_testing;
