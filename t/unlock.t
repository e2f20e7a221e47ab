# An operator lifts locks: of a client, of a user name at log-in, of a key with a client.
use strict;
use warnings;

use Test::More;
use TaiKeys;
use TaiLogin;
use TaiOrders;
use TaiTest;

my $account = make_account('unlock');
my $key = make_key($account);
my $pair = make_key($account, token => 1);
my $other_pair = make_key($account, token => 1);

my $host = 0;
sub client { return '10.4.1.' . ++$host } # an address that has done nothing yet

# Statuses of requests from a client, in turn, as one text: a key, or a key and a token, each.
sub statuses {
    my ($place, $client, @keys) = @_;
    return join ' ', map {
        my @headers = ref $_ ? (apikey => $_->[0], 'x-ts-authorization' => $_->[1]) : ('X-API-Key' => $_);
        request('unlock', GET => "/$place/", ['X-Client' => $client, @headers])->status;
    } @keys;
}

sub unlock { return order(port('unlock'), unlock => @_) }

# How many locks were lifted; the command must succeed.
sub lifted {
    my ($expected, $name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ran = unlock(@args);
    is_deeply [@$ran{qw(status err)}, $ran->{answer}], [0, '', { order => 'unlock', locks => $expected }], $name;
    return;
}

sub last_audit {
    return db()->selectrow_arrayref('SELECT a.name, l.actor, l.client, l.action, l.subject, l.detail
        FROM audit_log l LEFT JOIN accounts a ON a.id = l.account_id ORDER BY l.seq DESC LIMIT 1');
}

# --- clients --------------------------------------------------------------------------------------

my $client = client();
lifted(0, 'a client that nobody has seen', client => $client);
is statuses(three => $client, ('x') x 4), '401 401 401 429', 'locked';
lifted(1, 'its lock is lifted', client => $client);
my $line = last_audit();
like $line->[1], qr/^operator:\S+$/, 'the audit log: who';
is_deeply [@$line[0, 2 .. 5]], [undef, 'local', 'unlock', undef, "client $client: 1 lock"], '... what';
lifted(0, 'and is none to lift any longer', client => $client);
is last_audit()->[5], "client $client: 0 locks", '... which is recorded as well';
is statuses(three => $client, ('x') x 4), '401 401 401 429', 'it counts and locks as ever';

is statuses(five => $client, ('x') x 6), '401 401 401 401 401 429', 'locked by another policy too';
lifted(2, 'the locks of every policy are lifted', client => $client);
is statuses(five => $client, 'x'), 401, 'of the one';
is statuses(three => $client, 'x'), 401, 'and of the other';

my ($here, $there) = ('2001:db8:4:1::1', '2001:db8:4:1:ffff::2');
is statuses(three => $here, ('x') x 4), '401 401 401 429', 'a client of IPv6';
lifted(1, 'is its prefix', client => $there);
is statuses(three => $here, 'x'), 401, 'not locked';

my ($locked, $free) = (client(), client());
is statuses(three => $_, ('x') x 4), '401 401 401 429', "$_ is locked" for $locked, $free;
lifted(1, 'one of them is unlocked', client => $free);
is statuses(three => $free, 'x'), 401, 'it alone';
is statuses(three => $locked, 'x'), 429, 'the other is not';

$client = client();
is statuses(three => $client, 'x', 'x'), '401 401', 'failures that have not locked yet';
lifted(0, 'are no lock', client => $client);
is statuses(three => $client, ('x') x 4), '401 401 401 429', 'and are forgotten';

# --- a key with a client --------------------------------------------------------------------------

sub wrong_tokens { my ($p, $n) = @_; return map { [$p->{key}, unknown_token()] } 1 .. $n }

($here, $there) = (client(), client());
my $right = [$pair->{key}, $pair->{token}];
is statuses(pair => $here, wrong_tokens($pair, 3), $right), '401 401 401 429', 'a locked pair';
is statuses(pair => $there, wrong_tokens($pair, 3), $right), '401 401 401 429', '... from elsewhere too';
lifted(0, 'another key is not locked there', key => $other_pair->{id}, $here);
lifted(1, 'this one is', key => $pair->{id}, $here);
$line = last_audit();
is_deeply [@$line[0, 2 .. 5]], [$account, 'local', 'unlock', $pair->{id}, "key $pair->{id}, client $here: 1 lock"],
    'the audit log has it with its account';
is statuses(pair => $here, $right), 200, 'the right token is good again';
is statuses(pair => $here, wrong_tokens($pair, 1)), 429, 'what fails is locked: the client still is';
lifted(1, 'which is another lock', client => $here);
lifted(0, 'what has failed meanwhile is none', key => $pair->{id}, $here);
is statuses(pair => $here, wrong_tokens($pair, 3), $right), '401 401 401 429', 'it counts and locks as ever';
is statuses(pair => $there, $right), 429, 'elsewhere nothing was lifted';

# --- user names -----------------------------------------------------------------------------------

my $ann = login_user('unlock-ann');
my $ben = login_user('unlock-ben');

# The statuses of so many wrong passwords, each from its own client unless one is given.
sub wrong_passwords {
    my ($who, $n, $from, $place) = @_;
    return join ' ', map {
        log_in($who, vhost => 'unlock', place => $place // '/auth/token', password => password(),
            client => $from // address())->status
    } 1 .. $n;
}

sub right_password {
    my ($who, $from) = @_;
    return log_in($who, vhost => 'unlock', client => $from)->status;
}

($here, $there) = (address(), address());
is wrong_passwords($ann, 3, $here), '401 401 429', 'a user name from a client';
is wrong_passwords($ann, 3, $there), '401 401 429', '... and from another';
is wrong_passwords($ben, 3, $here), '401 401 429', 'another user name';
is right_password($ann, $here), 429, 'the right password is refused';
lifted(2, 'a user name is unlocked wherever it was tried', user => $ann->{user});
is_deeply [@{last_audit()}[0, 2 .. 5]],
    [$ann->{account}, 'local', 'unlock', $ann->{id}, "user name $ann->{user}: 2 locks"], 'the audit log has it';
is right_password($ann, $here), 201, 'the right password is good again';
is right_password($ben, $here), 429, 'the other user name is locked still';
lifted(0, 'a user name that nobody has', user => "nobody's");
is_deeply [@{last_audit()}[0, 4, 5]], [undef, undef, "user name nobody's: 0 locks"], '... is nobody\'s in the audit log';

my $eve = login_user('unlock-eve');
my $one = '/one/auth/token';
is wrong_passwords($eve, 11, undef, $one), join(' ', (401) x 10, 429), 'a user name from everywhere';
lifted(11, 'has a lock from each place, and one of its own', user => $eve->{user});
is right_password($eve), 201, 'and none now';

$client = address();
my $crowd = sub { { user => "unlock-nobody-$_[0]", password => password() } };
is join(' ', map { wrong_passwords($crowd->($_), 1, $client, $one) } 1 .. 11), join(' ', (401) x 10, 429),
    'a client that tries many user names';
is right_password($eve, $client), 429, 'is locked for each';
lifted(1, 'it is unlocked as a client', client => $client);
is right_password($eve, $client), 201, 'and good again';

# --- what is wrong --------------------------------------------------------------------------------

my $lines = sub { db()->selectrow_array('SELECT COUNT(*) FROM audit_log') };
my $before = $lines->();
my $ran = unlock(key => 'key_nobody', client());
is_deeply [@$ran{qw(status out err)}], [1, '', qq{taictl: there is no key with the id "key_nobody"\n}], 'no such key';
my %order = (order => 'unlock', actor => 'operator:test');
for my $row (['nothing', {}], ['a key alone', { key_id => $pair->{id} }], ['a user and a client', { user => 'x', client => client() }]) {
    my ($name, $whom) = @$row;
    my $answer = request('unlock', GET => '/', { 'X-Tai-Ticket' => leave_ticket({ %order, %$whom }) });
    is $answer->json->{error}, 'unlock needs a client, a user name, or the id of a key and a client', "$name is no order";
}
is $lines->(), $before, 'nothing of it is in the audit log';

my ($status, $out) = taictl_status(undef, unlock => client => client(), '--url', 'http://127.0.0.1:' . port('unlock'));
like $out, qr/^client 10\.4\.1\.\d+: 0 locks lifted\n\z/, 'a sentence for people';

# --- a graceful restart ---------------------------------------------------------------------------

$client = client();
is statuses(three => $client, ('x') x 4), '401 401 401 429', 'locked before a restart';
graceful();
lifted(1, 'lifted after it', client => $client);
is statuses(three => $client, 'x'), 401, 'the policies are known again';

done_testing;
