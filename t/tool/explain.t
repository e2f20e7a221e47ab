# What explain and unlock refuse before they ask a server, and what they say where none answers.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use Taictl;
use Test::More;

delete $ENV{TAIAUTH_URL};
new_database();

# A text as the name of a test.
sub shown { return $_[0] =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger }

my @get = ('explain', 'GET', '/v1', '--key-id', 'key_1');

misused(qr/too few or too many arguments\nusage: taictl explain METHOD PATH --key-id ID/, 'no path', 'explain', 'GET');
misused(qr/explain needs --key-id ID/, 'no key', 'explain', 'GET', '/v1');
misused(qr/METHOD must be a method/, "a method that is none: " . shown($_), 'explain', $_, '/v1', '--key-id', 'key_1')
    for '', 'GE T', "GET\n", 'G' x 33, 'GET/';
misused(qr/TRACE is refused everywhere/, 'TRACE', 'explain', 'TRACE', '/v1', '--key-id', 'key_1');
misused(qr/PATH must begin with a slash/, "a path that is none: " . shown($_), 'explain', 'GET', $_, '--key-id', 'key_1')
    for '', 'v1', '*', "/v1\r\nX: y", '/v 1', '/v1#a', "/caf\303\251", 'http://localhost/v1';
misused(qr/--client must be an address/, "no address: " . shown($_), @get, '--client', $_)
    for '', 'localhost', '10.1.2', '10.1.2.0/24', '10.1.2.3:80', '[::1]', '::1%lo';

misused(qr/no such command/, 'unlock whom', 'unlock');
misused(qr/no such command/, 'unlock what nobody knows', 'unlock', 'door', 'x');
misused(qr/ADDRESS must be one of IPv4 or IPv6/, 'a client that is no address', 'unlock', 'client', 'localhost');
misused(qr/ADDRESS must be one of IPv4 or IPv6/, 'a key with no address', 'unlock', 'key', 'key_1', 'here');
misused(qr/usage: taictl unlock key ID ADDRESS/, 'a key without a client', 'unlock', 'key', 'key_1');
misused(qr/arguments must be UTF-8/, 'a user name that is no text', 'unlock', 'user', "\377");
misused(qr/this command has no --client/, 'an option of another command', 'unlock', 'user', 'ann', '--client', '10.1.2.3');

for my $command (\@get, ['unlock', 'client', '10.1.2.3']) {
    misused(qr/the URL must be http:/, "$command->[0]: a URL that is none: " . shown($_), @$command, '--url', $_)
        for 'localhost', 'ftp://localhost', 'http:/localhost', 'http://', 'http://localhost/v1', 'http://me@localhost',
            'http://localhost/?x', 'http://local host', "http://localhost\r\n";
    misused(qr/--host must be the name of a host/, "$command->[0]: a host that is none", @$command, '--host', $_)
        for '', "a\r\nb", 'a b', 'a/b';
}

# Nobody listens there.
my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport;
refused(qr{^taictl: no answer from http://127\.0\.0\.1:$free: Connection refused$}m, 'no server',
    @get, '--url', "http://127.0.0.1:$free");
refused(qr{^taictl: no answer from http://\[::1\]:$free/: Connection refused$}m, 'no server, by IPv6', @get, '--url', "http://[::1]:$free/");
refused(qr{^taictl: no answer from https://127\.0\.0\.1:$free: Connection refused$}m, 'no server, with TLS',
    'unlock', 'user', 'ann', '--url', "https://127.0.0.1:$free");
{
    local $ENV{TAIAUTH_URL} = "http://localhost:$free";
    refused(qr{no answer from http://localhost:$free: }, 'the URL of the environment', @get);
}

refused(qr/an order has 2000 bytes at the most/, 'a key id without an end', 'explain', 'GET', '/v1', '--key-id', 'k' x 2001);

# Without a database there is nowhere to leave an order.
refused(qr/database .*none\.db/, 'no database', @get, '--driver', 'sqlite3', '--database', "$dir/none.db");

done_testing;
