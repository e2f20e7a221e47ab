# The envelope of the management API: {"errors": [], "data": ...}, 200 for whoever is known, lists in
# columns; and what it says is what the other dialect says.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiTest;

$TaiApi::VHOST = 'api';

my $ann = administrator('enveloped', user => 'enveloped-ann', plan => 'pro');
my ($json, $envelope) = map { elsewhere($ann, $_) } '/basic', '/ts-basic';

# What the columns of a list say, as objects.
sub rows {
    my ($data) = @_;
    my @columns = @{$data->{columns}};
    return [map { my $row = $_; +{ map { ($columns[$_] => $row->[$_]) } 0 .. $#columns } } @{$data->{data}}];
}

my $made = api($envelope, POST => '/keys', { name => 'first' });
is $made->status, 200, 'a creation is 200 here';
is_deeply [sort keys %{$made->json}], ['data', 'errors'], 'two members';
is_deeply $made->json->{errors}, [], 'no errors';
my $first = note_secrets($made->json->{data});
is $made->header('Location'), "/ts-basic/keys/$first->{id}", 'where it is';
my $second = create_key($envelope, name => 'second', scopes => ['programs:read', 'analytics:read']);

for my $path ('/account', "/keys/$first->{id}") {
    is_deeply api($envelope, GET => $path)->json->{data}, api($json, GET => $path)->json, "GET $path: the same in either";
}

# list | its name in the other dialect | whether it has pages
for my $row (['/scopes', 'scopes', 0], ['/keys', 'keys', 1], ['/keys?limit=1', 'keys', 1], ['/audit', 'audit', 1], ['/audit?limit=1', 'audit', 1]) {
    my ($path, $name, $paged) = @$row;
    my ($in_columns, $plain) = map { api($_, GET => $path) } $envelope, $json;
    is $in_columns->status, 200, "GET $path";
    my $data = $in_columns->json->{data};
    is_deeply [sort keys %$data], ['columns', 'data', $paged ? 'next' : ()], "GET $path: its members";
    is_deeply [sort keys %{$plain->json}], [sort $name, $paged ? 'next' : ()], "GET $path: those of the other dialect";
    is_deeply rows($data), $plain->json->{$name}, "GET $path: the same in either";
    is_deeply $data->{next}, $plain->json->{next}, "GET $path: next" if $paged;
    ok !(grep { @$_ != @{$data->{columns}} } @{$data->{data}}), "GET $path: each row has a value for each column";
}
is scalar @{api($envelope, GET => '/keys?limit=1')->json->{data}{data}}, 1, 'one on a page';
ok api($envelope, GET => '/keys?limit=1')->json->{data}{next}, '... and another page';
my $none = elsewhere(administrator('enveloped-none', user => 'enveloped-none'), '/ts-basic');
my $empty = api($none, GET => '/keys')->json->{data};
ok @{$empty->{columns}}, 'an empty list has its columns';
is_deeply [@$empty{qw(data next)}], [[], undef], '... and no rows';

# An error of one who is known is 200 with its text; of one who is not it has its status.
my $refused = api($envelope, GET => '/keys/key_none');
is $refused->status, 200, 'not found, by one who is known';
is_deeply $refused->json, { errors => ['There is no such thing in this account.'], data => [] }, '... is said in the body';
is api({ place => '/ts-basic' }, GET => '/keys/key_none')->status, 401, 'by nobody';
is api({ place => '/ts-manage' }, POST => '/session', 'no json')->status, 400, 'a log-in that is none';
my $in = api({ place => '/ts-manage' }, POST => '/session', { username => $ann->{user}, password => $ann->{password} });
is $in->status, 200, 'log-in';
my ($id) = $in->header('Set-Cookie') =~ /^taiauth=([0-9a-f]{64});/;
secret($id);
is $in->json->{data}{username}, 'enveloped-ann', '... says who';
my $session = { place => '/ts-manage', headers => [Cookie => "taiauth=$id", 'Sec-Fetch-Site' => 'same-origin'] };
is_deeply api($session, DELETE => '/session')->json, { errors => [], data => { ended => JSON::PP::true } }, 'log-out';
is api($session, GET => '/account')->status, 401, '... is one';
is api($envelope, HEAD => '/account')->header('Content-Length'), length api($envelope, GET => '/account')->body, 'HEAD is as long as GET';

# What breaks the connection off does so whatever status it is told with.
my $large = api($envelope, POST => '/keys', ' ' x 16385);
is $large->status, 200, 'too large, by one who is known';
is $large->header('Connection'), 'close', '... whose connection is not used for what he sends on';
is api({ %$envelope, headers => [TaiApi::credentials($envelope), Range => 'bytes=0-3'] }, GET => '/account')->status, 200, 'no part of an answer is sent';

done_testing;
