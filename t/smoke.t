# The server is up, with our module in it, and a protected location is closed to who has no key.
use strict;
use warnings;

use Test::More;
use TaiTest;

my $account = make_account('smoke');
my $key = make_key($account);

is request(undef, GET => '/index.html')->status, 200, 'an open page';
is_refusal request('smoke', GET => '/protected/'), 401, 'MISSING_API_KEY', 'no key';
is_refusal request('smoke', GET => '/protected/', { 'X-API-Key' => 'tai_none' }), 401,
    'INVALID_API_KEY', 'no such key';

my $answer = request('smoke', GET => '/protected/echo.pl', { 'X-API-Key' => $key->{key} });
is $answer->status, 200, 'a good key';
is $answer->json->{env}{TAIAUTH_ACCOUNT}, $account, 'the application learns the account';

done_testing;
