# What a page takes in by a subrequest is looked at by itself: where the key was revoked meanwhile it
# stays out, also of a page that is open to anybody.
use strict;
use warnings;

use Test::More;
use TaiGate;
use TaiTest;

my %places = ('/v1' => "    TaiAuth On\n", '/write' => "    TaiAuth On\n    TaiAuthScope GET programs:write\n");
my $server = TaiGate->server(places => \%places, conf => <<'CONF');
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
    $handler = "v1/$handler" unless $handler =~ m{/};
    print $page qq($before<!--#include virtual="/$handler?\$QUERY_STRING" -->behind it\n);
    close $page or die "$name.shtml: $!";
    return;
}

page(cgi      => '',            'cgi');
page(cgilate  => "before it\n", 'cgi');
page(prox     => '',            'proxied');
page(proxlate => "before it\n", 'proxied');
page(write    => '',            'write/cgi');
$server->start;

my $accounts = 0;

sub fresh {
    my (%want) = @_;
    return on_database($httpd->database, sub {
        my $name = make_account('fragment-' . ++$accounts, %want);
        return { account => $name, make_key($name, %want)->%* };
    });
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

# A plan that no longer grants the scope of a fragment.
{
    my $key = fresh(plan => 'pro', scopes => ['programs:read', 'programs:write']);
    my %flights = map { $_ => begin($_, $key) } qw(/write.shtml /cgi.shtml);
    on_database($httpd->database, sub { taictl(account => 'set-plan', $key->{account}, 'free') });
    my %answers = map { $_ => $flights{$_}->land } keys %flights;
    unlike $answers{'/write.shtml'}->body, qr/balance/, 'a fragment whose scope is no longer granted stays out';
    is $answers{'/write.shtml'}->status, 200, '... and the page goes on';
    like $answers{'/cgi.shtml'}->body, qr/"balance": 42/, 'one that needs none is there';
}
{
    my $key = fresh();
    my $flight = begin('/cgi.shtml', $key);
    revoke(fresh());
    like $flight->land->body, qr/"balance": 42/, 'the change of another key keeps nothing out';
}

ok $httpd->stop, 'stop';
done_testing;
