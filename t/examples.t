# Every configuration that we hand out starts a server as it stands, and protects what it says.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiTest;

# A path that each of them protects.
my %protected = (
    'taiauth.conf'                => '/v1/programs',
    'examples/key-and-token.conf' => '/ts/programs',
    'examples/management.conf'    => '/manage/keys',
    'examples/migration.conf'     => '/v1/programs',
    'examples/proxied.conf'       => '/v1/programs',
    'examples/scoped-keys.conf'   => '/v1/programs',
);

my $conf = var('serverroot') . '/../conf';

sub content {
    my ($name) = @_;
    open my $in, '<', "$conf/$name" or die "$conf/$name: $!";
    local $/;
    my $text = <$in>;
    $text =~ s{/var/lib/taiauth/keys\.db}{\@database\@}g;
    return $text;
}

sub check {
    my ($what, $text, $path) = @_;
    my $httpd = TaiHttpd->new(conf => $text);
    ok $httpd->test, "$what: httpd -t" or diag $httpd->said;
    ok $httpd->start, "$what: it starts" or diag $httpd->said, $httpd->log;
    is $httpd->get($path)->status, 401, "$what: $path asks who is there";
    $httpd->stop;
    return;
}

is_deeply [sort map { s{^\Q$conf/\E}{}r } glob("$conf/*.conf $conf/examples/*.conf")],
    [sort keys %protected], 'every configuration is tried here';

check($_, content($_), $protected{$_}) for sort keys %protected;

my $defaults = content('taiauth.conf');
my $shown = $defaults =~ s/^( *)#(?=TaiAuth|DBDMax|LogFormat|CustomLog)/$1/mg;
cmp_ok $shown, '>', 10, 'taiauth.conf shows defaults';
check('taiauth.conf with every default written out', $defaults, '/v1/programs');

done_testing;
