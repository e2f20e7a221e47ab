# What a page takes in by a subrequest is looked at by itself: where the key was revoked meanwhile it
# stays out, also of a page that is open to anybody.
use strict;
use warnings;

use Test::More;
use TaiGate;
use TaiTest;

my $server = TaiGate->server(places => { '/v1' => "    TaiAuth On\n" }, conf => <<'CONF');
<Directory "@root@/htdocs">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
AliasMatch "^/v1/([a-z]+\.shtml)$" "@root@/htdocs/$1"
CONF
my $httpd = $server->httpd;

# A page that takes in what a handler says.
sub page {
    my ($name, $before, $handler) = @_;
    open my $page, '>', $httpd->root . "/htdocs/$name.shtml" or die "$name.shtml: $!";
    print $page qq($before<!--#include virtual="/v1/$handler?\$QUERY_STRING" -->behind it\n);
    close $page or die "$name.shtml: $!";
    return;
}

page(cgi      => '',            'cgi');
page(cgilate  => "before it\n", 'cgi');
page(prox     => '',            'proxied');
page(proxlate => "before it\n", 'proxied');
$server->start;

my $accounts = 0;

sub fresh {
    return on_database($httpd->database, sub { make_key(make_account('fragment-' . ++$accounts)) });
}

sub revoke {
    my ($key) = @_;
    on_database($httpd->database, sub { taictl(key => 'revoke', $key->{id}) });
    return;
}

sub begin {
    my ($path, $key) = @_;
    return $server->begin(GET => $path, 'before', { 'X-API-Key' => $key->{key} });
}

for my $name (qw(cgi cgilate prox proxlate)) {
    for my $path ("/$name.shtml", "/v1/$name.shtml") {
        my $key = fresh();
        my $answer = begin($path, $key)->land;
        is $answer->status, 200, "$path: a good key";
        like $answer->body, qr/"balance": 42.*behind it/s, '... opens page and fragment';

        my $flight = begin($path, $key);
        revoke($key);
        $answer = $flight->land;
        unlike $answer ? $answer->body : '', qr/balance/, "$path: revoked meanwhile, the fragment stays out";
        is $answer->status, 200, '... and the page goes on' if $path !~ /^\/v1/; # else it may be cut off
    }
}
{
    my $key = fresh();
    my $flight = begin('/cgi.shtml', $key);
    revoke(fresh());
    like $flight->land->body, qr/"balance": 42/, 'the change of another key keeps nothing out';
}

ok $httpd->stop, 'stop';
done_testing;
