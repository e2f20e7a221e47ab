use strict;
use warnings;
use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib $FindBin::Bin;
use MIME::Base64 'encode_base64';
use Taictl;
use Test::More;

my $database = new_database();
$ENV{TMPDIR} = "$dir/tmp";
mkdir $ENV{TMPDIR} or die $!;
done('an account', 'account', 'add', 'acme', '--plan', 'claimed');
done('its owner', 'user', 'add', 'acme', 'ann', '--no-password');
my $db = database();
my ($account_id, $user_id) = $db->selectrow_array('SELECT account_id, id FROM users');
my $imported = 0; # so far

sub file {
    my ($name, @lines) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print $out @lines;
    close $out or die "$dir/$name: $!";
    return "$dir/$name";
}

# Keys as somebody else has made them: $n is 0 to 999.
sub key { return sprintf 'sk_live_%03d_%s', $_[0], 'x' x 16 }

sub row_of {
    my ($key) = @_;
    return $db->selectrow_hashref('SELECT * FROM api_keys WHERE key_hash = ?', undef,
        sha256_hex($key));
}

sub count { return $db->selectrow_array('SELECT COUNT(*) FROM api_keys') }

# An import that succeeds, with what it says.
sub imports {
    my ($name, $expected, @args) = @_;
    my $said = json_of(@args);
    is_deeply { map { $_ => $said->{$_} } keys %$expected }, $expected, $name;
    $imported += $said->{dry_run} ? 0 : $said->{imported};
    is count(), $imported, "$name: so many keys are there";
    return $said;
}

# One that is refused: the lines that are named, with their reasons. Nothing is imported.
sub refuses {
    my ($name, $reasons, @args) = @_;
    my $ran = taictl(@args);
    is $ran->{status}, 1, "$name: exit status";
    my %said = $ran->{err} =~ /^line (\d+): (.*)$/mg;
    is_deeply [sort { $a <=> $b } keys %said], [sort { $a <=> $b } keys %$reasons], "$name: which lines";
    like $said{$_}, $reasons->{$_}, "$name: line $_" for sort keys %said;
    unlike "$ran->{out}$ran->{err}", qr/sk_live_\d/, "$name: no key is repeated";
    is count(), $imported, "$name: nothing was imported";
    return $ran->{out};
}

# --- CSV ----------------------------------------------------------------------------------------

my $first = file('first.csv', "\xef\xbb\xbfscopes,name,rate_limit,key,expires_at,created_at\r\n",
    qq("programs:read programs:write","a ""quoted"", name",5/60s,@{[ key(1) ]},2099-12-31T23:59:59Z,2020-01-31T00:00:01Z\r\n),
    "\r\n",
    qq(,b\xc3\xb6lt,,"@{[ key(2) ]}",,\r\n),
    qq("programs:read,reviews:read",c,,@{[ key(3) ]},2020-06-01T00:00:00Z,\r\n));
my $before = time;
imports('a file of all columns', { rows => 3, imported => 3, present => 0, refused => 0,
    dry_run => JSON::PP::false, refused_rows => [], account => 'acme' }, 'import', 'acme', $first);
my $row = row_of(key(1));
is_deeply { map { $_ => $row->{$_} } grep { !/^(?:id|line)$/ } keys %$row },
    {
    account_id => $account_id, user_id => $user_id, name => 'a "quoted", name', prefix => 'sk_l',
    key_hash => sha256_hex(key(1)), token_hash => undef, scopes => 'programs:read programs:write',
    rate_limit => '5/60s', created_at => 1580428801, expires_at => 4102444799, revoked_at => undef,
    last_used_at => undef, origin => 'import'
    },
    'a row with all of it';
like $row->{id}, qr/^key_[0-9A-Za-z]{22}$/, 'with an id of ours';
is $row->{line}, $row->{id}, 'the first of its line';
$row = row_of(key(2));
is_deeply [@$row{qw(name scopes rate_limit expires_at)}],
    ["b\xc3\xb6lt", 'categories:read organizations:read programs:read reviews:read', undef, undef],
    'a row with nothing but name and key gets the default scopes';
cmp_ok $row->{created_at}, '>=', $before, 'and is new';
is row_of(key(3))->{scopes}, 'programs:read reviews:read', 'scopes between commas';
is row_of(key(3))->{expires_at}, 1590969600, 'and has expired already';

# All of it once more: they are there.
imports('the same file', { rows => 3, imported => 0, present => 3, refused => 0 }, 'import',
    'acme', $first);
like done('and in words', 'import', 'acme', $first)->{out},
    qr/^account acme: 0 keys imported, 3 there already, 0 refused\n\z/, 'nothing is to be done';
done('revoked', 'key', 'revoke', $row->{id});
imports('a revoked key', { imported => 0, present => 1 }, \"name,key\nx,@{[ key(2) ]}", 'import',
    'acme', '-', '--format', 'csv');
ok defined row_of(key(2))->{revoked_at}, 'stays revoked';

imports('a key twice', { rows => 2, imported => 1, present => 1 },
    \"name,key\nx,@{[ key(4) ]}\ny,@{[ key(4) ]}\n", 'import', 'acme', '-', '--format', 'csv');
imports('no rows', { rows => 0, imported => 0 }, \"name,key\n", 'import', 'acme', '-', '--format', 'csv');
imports('other default scopes', { imported => 1 }, \"name,key\nx,@{[ key(5) ]}\n", 'import', 'acme',
    '-', '--format', 'csv', '--scopes', 'reviews:read');
is row_of(key(5))->{scopes}, 'reviews:read', 'are those of a row without';
imports('more than the plan allows', { imported => 20 },
    \join('', "name,key\n", map { "x,@{[ key($_) ]}\n" } 100 .. 119), 'import', 'acme', '-',
    '--format', 'csv');
my $ours = json_of('key', 'create', 'acme', '--name', 'x', '--database', elsewhere())->{key};
imports('a key of another installation', { imported => 1 }, \"name,key\nx,$ours\n", 'import', 'acme',
    '-', '--format', 'csv');
is row_of($ours)->{prefix}, substr($ours, 0, 12), 'is shown like one of ours';

# A database with a key in it, whose text is known.
sub elsewhere {
    my $other = TaiDatabase->new("$dir/elsewhere.db")->init;
    local $ENV{TAIAUTH_DATABASE} = $other->location;
    taictl('account', 'add', 'acme');
    taictl('user', 'add', 'acme', 'ann', '--no-password');
    return $other->location;
}

# --- JSON lines, and digests --------------------------------------------------------------------

my $hex = file('hex.jsonl', map { JSON::PP::encode_json($_) . "\n" }
    { name => "d\x{e9}", key_hash => sha256_hex(key(10)), prefix => 'sk_live_', scopes => ['programs:read'] },
    { name => 'e', key_hash => uc sha256_hex(key(11)), prefix => undef, rate_limit => '1/1s',
        expires_at => '2099-01-01T00:00:00Z' });
imports('digests in hex', { imported => 2, refused => 0 }, 'import', 'acme', $hex, '--hashed', 'hex');
$row = row_of(key(10));
is_deeply [@$row{qw(name prefix scopes)}], ["d\xc3\xa9", 'sk_l', 'programs:read'],
    'of a given prefix four characters are kept';
is_deeply [@{row_of(key(11))}{qw(prefix rate_limit expires_at)}], ['', '1/1s', 4070908800],
    'without one nothing is shown';
imports('the digest of a key of another installation', { imported => 1 },
    \"name,key_hash,prefix\nx,@{[ sha256_hex(key(14)) ]},tai_8f3a2b1c\n", 'import', 'acme', '-', '--format',
    'csv', '--hashed', 'hex');
is row_of(key(14))->{prefix}, 'tai_8f3a2b1c', 'is shown like one of ours';
imports('digests in base64', { imported => 1 },
    \('name,key_hash' . "\nx," . encode_base64(sha256(key(12)), '') . "\n"), 'import', 'acme', '-',
    '--format', 'csv', '--hashed', 'base64');
imports('keys in JSON', { imported => 1 }, \qq(\n{"key": "@{[ key(13) ]}", "name": "x"}\n\n), 'import',
    'acme', '-', '--format', 'jsonl');
ok row_of(key($_)), "key $_ is found by its digest" for 12, 13;
ok json_of(\key(10), 'key', 'verify')->{admitted}, 'a key of which only the digest came is good';

# --- what is refused ----------------------------------------------------------------------------

my @bad = (
    ['x' x 21, qr/22 to 256/], ['x' x 257, qr/22 to 256/], ['a1' x 15, qr/22 to 256/],
    ['x' x 22 . ' x', qr/22 to 256/], ['x' x 22 . "\xc3\xa9", qr/22 to 256/],
    ['', qr/needs key/], [qq("@{[ 'x' x 22 ]},x"), qr/no comma/],
    [$ours =~ s/(.)\z/$1 eq 'x' ? 'y' : 'x'/er, qr/wrong checksum/],
);
refuses('forms of keys', { map { $_ + 2 => $bad[$_][1] } 0 .. $#bad },
    \join('', "name,key\n", map { "x,$_->[0]\n" } @bad), 'import', 'acme', '-', '--format', 'csv');
my %cells = (
    'scopes' => [['programs:rite', qr/there is no scope "programs:rite"; allowed: .*programs:write/],
        ['analytics:read', qr/The "analytics:read" scope requires a Pro plan\.$/],
        [' ', qr/at least one scope/], ['Programs:Read', qr/"Programs:Read" cannot be a scope/]],
    'rate_limit' => [['5', qr/N\/WINDOW/], ['0/60s', qr/N\/WINDOW/]],
    'created_at' => [['2020-01-01', qr/^created_at: .*such as 2026/], ['2999-01-01T00:00:00Z', qr/in the future/]],
    'expires_at' => [['never', qr/^expires_at: .*such as 2026/], ['1580428801', qr/such as 2026/]],
    'name' => [['', qr/it has no name/], ['x' x 101, qr/1 to 100 bytes/], ["\xff", qr/1 to 100 bytes/],
        ["\"a\nb\"", qr/"a\\x0ab" is not allowed/]],
);
for my $column (sort keys %cells) {
    for my $cell (@{$cells{$column}}) {
        my ($value, $reason) = @$cell;
        my ($head, $line) = $column eq 'name' ? ('', '') : (',name', ',x');
        refuses("$column '" . $value =~ s/\n/ /r . "'", { 2 => $reason },
            \"$column,key$head\n$value,@{[ key(20) ]}$line\n", 'import', 'acme', '-', '--format', 'csv');
    }
}
refuses('too few and too many fields', { 2 => qr/has 1 fields, and the first line has 2/, 3 => qr/has 3/ },
    \"name,key\nx\nx,y,z\n", 'import', 'acme', '-', '--format', 'csv');
for my $row (['{"name": "x"', qr/^The row must be one JSON object in UTF-8: it ends too early/], ['[1]', qr/one JSON object/], ['{"name": "x"} x', qr/behind/],
    ['{"name": "x", "name": "y"}', qr/twice/], ['{"name": 1}', qr/"name" must be a text/],
    ['{"name": "x", "user": "y"}', qr/no member "user"; allowed: name, key/],
    ['{"name": "x"}', qr/needs key/], ['{"key": "' . key(20) . '"}', qr/no name/],
    ['{"name": "x", "scopes": [], "key": "' . key(20) . '"}', qr/"scopes" must be a list/],
    ['{"name": "x", "scopes": ["a b"], "key": "' . key(20) . '"}', qr/"a b" cannot be a scope/],
    ["{\"name\": \"x\", \"key\": \"\\u0000@{[ key(20) ]}\"}", qr/NUL/], ["{\"name\": \"\xff\"}", qr/UTF-8/],
    ['{"name": "' . 'x' x 17000 . '"}', qr/longer than 16384 bytes/]) {
    my ($line, $reason) = @$row;
    refuses('JSON ' . substr($line, 0, 30), { 2 => $reason }, \"\n$line\n", 'import', 'acme', '-',
        '--format', 'jsonl');
}
refuses('digests that are none', { map { $_ => qr/64 hexadecimal digits/ } 2 .. 4 },
    \"name,key_hash\nx,@{['a' x 63]}\nx,@{['a' x 65]}\nx,@{['g' x 64]}\n", 'import', 'acme', '-',
    '--format', 'csv', '--hashed', 'hex');
my $base64 = encode_base64(sha256(key(20)), '');
refuses('base64 that is none', { map { $_ => qr/44 characters/ } 2 .. 5 },
    \join("\n", 'name,key_hash', "x,@{[ substr $base64, 0, 43 ]}", "x,$base64=", "x,@{[ 'A' x 44 ]}",
    "x,@{[ 'A' x 42 ]}B="), 'import', 'acme', '-', '--format', 'csv', '--hashed', 'base64');
refuses('a key where digests are expected', { 2 => qr/needs key_hash, and not key/ },
    \"name,key\nx,@{[ key(20) ]}\n", 'import', 'acme', '-', '--format', 'csv', '--hashed', 'hex');
refuses('a digest where keys are expected', { 2 => qr/needs key, and neither key_hash nor prefix/ },
    \"name,key_hash\nx,@{[ sha256_hex(key(20)) ]}\n", 'import', 'acme', '-', '--format', 'csv');
refuses('a prefix of two lines', { 2 => qr/prefix is visible/ },
    \qq(\n{"name": "x", "key_hash": "@{[ 'a' x 64 ]}", "prefix": "a\\nb"}), 'import', 'acme', '-',
    '--format', 'jsonl', '--hashed', 'hex');

# Another account's keys are its own.
done('another account', 'account', 'add', 'bolt');
done('its owner', 'user', 'add', 'bolt', 'bob', '--no-password');
refuses('a key of another account', { 2 => qr/another account has this key/ },
    \"name,key\nx,@{[ key(1) ]}\n", 'import', 'bolt', '-', '--format', 'csv');

# All or none, or what is good.
my $mixed = file('mixed.csv', "name,key\n", "a,@{[ key(30) ]}\n", "b,short\n", "c,@{[ key(31) ]}\n",
    "d,@{[ key(1) ]}\n");
like refuses('one bad row among good ones', { 3 => qr/22 to 256/ }, 'import', 'acme', $mixed),
    qr/^account acme: 0 keys imported, 1 there already, 1 refused; --skip-bad leaves those out\n\z/,
    'says what would help';
imports('a dry run', { imported => 1, present => 0, dry_run => JSON::PP::true },
    \"name,key\nx,@{[ key(30) ]}\n", 'import', 'acme', '-', '--format', 'csv', '--dry-run');
my $changes = $db->selectrow_array('SELECT COUNT(*) FROM key_changes');
my $ran = taictl('import', 'acme', $mixed, '--skip-bad', '--dry-run', '--json');
is $ran->{status}, 1, 'a refused row is a failure, left out or not';
is_deeply JSON::PP::decode_json($ran->{out}),
    {
    account => 'acme', rows => 4, imported => 2, present => 1, refused => 1,
    dry_run => JSON::PP::true, refused_rows => [{ line => 3, reason => 'a key is 22 to 256 visible '
        . 'characters of ASCII, at least 32 if all of them are hexadecimal digits' }]
    },
    'and reported as JSON';
is count(), $imported, 'a dry run leaves nothing';
is $db->selectrow_array('SELECT COUNT(*) FROM key_changes'), $changes, 'no change either';
$ran = taictl('import', 'acme', $mixed, '--skip-bad');
is $ran->{status}, 1, 'and so without --dry-run';
like $ran->{out}, qr/^account acme: 2 keys imported, 1 there already, 1 refused\n\z/, 'it imports the rest';
$imported += 2;
is count(), $imported, 'really';
is $db->selectrow_array('SELECT COUNT(*) FROM key_changes'), $changes + 1, 'one change';
is_deeply [$db->selectrow_array('SELECT key_hash, account_id FROM key_changes ORDER BY seq DESC LIMIT 1')],
    [undef, undef], 'of every key';
is_deeply [@{json_of('audit', 'acme', '--limit', '1')->[0]}{qw(action subject detail)}],
    ['key.import', $account_id, 'keys: 2'], 'one line in the audit log';

# --- what cannot be read ------------------------------------------------------------------------

for my $broken (
    ["name,key\nx,\"@{[ key(40) ]}\n", qr/line 2: a quote is not closed; the rest was not read/],
    ["name,key\na,@{[ key(40) ]}\nx,\"y\"z\n", qr/line 3: something stands between a closing quote/],
    ["name,key\nx,y\"z\"\n", qr/line 2: a quote stands inside/], ["name,key\nx,y\0z\n", qr/line 2: it holds a NUL/],
    ["name,key\nx,\"" . 'y' x 20000, qr/line 2: it is longer than 16384 bytes, or a quote is not closed/],
    ['name,key' . "\n" . ',' x 20, qr/line 2: it has more fields than there are columns/],
    ["name,key\n" . 'x' x 16383 . ",\n", qr/line 2: it is longer/],
    ['', qr/no first line, with the names of the columns/],
    ["name,secret\n", qr/has a column "secret"; allowed, each once: name, key, key_hash, prefix, scopes/],
    ["name,name\n", qr/has a column "name"; allowed, each once/], ["Name,key\n", qr/a column "Name"/],
    ["\"name\n", qr/the first line cannot be read: a quote is not closed/],
    [key(40) . "\n", qr/has a column "sk_live_040/],
) {
    my ($text, $error) = @$broken;
    refused($error, 'CSV ' . substr($text, 0, 20) =~ s/[\n\0]/ /gr, \$text, 'import', 'acme', '-', '--format', 'csv',
        '--skip-bad');
    is count(), $imported, '... and nothing was imported';
}
refused(qr/file \Q$dir\E\/none\.csv cannot be read: No such file/, 'no file', 'import', 'acme', "$dir/none.csv");
mkdir "$dir/folder.$_" or die $! for 'csv', 'jsonl';
refused(qr/reading failed/, 'a folder', 'import', 'acme', "$dir/folder.$_") for 'csv', 'jsonl';
misused(qr/--format is csv or jsonl, and needed/, 'no format', 'import', 'acme', '-');
misused(qr/--format is csv or jsonl/, 'an unknown format', 'import', 'acme', $first, '--format', 'xml');
misused(qr/--hashed is none, hex or base64/, 'an unknown digest', 'import', 'acme', $first, '--hashed', 'md5');
misused(qr/usage: taictl import ACCOUNT FILE/, 'no file', 'import', 'acme');
refused(qr/no account "acne"/, 'an unknown account', 'import', 'acne', $first);
done('an account without an owner', 'account', 'add', 'lonely');
refused(qr/no active primary administrator/, 'nobody to have the keys', 'import', 'lonely', $first);
done('suspended', 'account', 'suspend', 'bolt');
refused(qr/account "bolt" is suspended/, 'a suspended account', 'import', 'bolt', $first);

# A database that fails amid the rows is tried once more, from the first of them on.
$database->refuse_rows(api_keys => 'there is no more room', 'stop');
refused(qr/^taictl: line 4: database .*: .*there is no more room/, 'a database that fails',
    \"name,key\ngo,@{[ key(50) ]}\nbad,short\nstop,@{[ key(51) ]}\n", 'import', 'acme', '-', '--format', 'csv',
    '--skip-bad');
is count(), $imported, '... and nothing was imported';
$database->take_rows('api_keys');

SKIP: {
    skip no_terminal(), 3 if no_terminal();
    my ($status, $seen) = at_terminal(['import', 'acme', $first]);
    is $status, 0, 'at a terminal';
    like $seen, qr/reading \[\.{40}\]   0%/, 'it shows how far it has read';
    like $seen, qr/writing \[#{40}\] 100%/, 'and written';
}
is_deeply [glob "$ENV{TMPDIR}/*"], [], 'no temporary file is left';
ok holds('sk_l'), 'the database holds what is shown of them';
ok !holds("sk_live_$_"), '... and no key' for 0 .. 9;

done_testing;
