use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

# Who made a change: the operator, by the name that he logged in with.

new_database();
my $login = getpwuid $<;

sub actor {
    return join ' ', database()->selectrow_array('SELECT actor, client FROM audit_log ORDER BY seq DESC LIMIT 1');
}

delete $ENV{SUDO_USER};
done('a change', 'account', 'add', 'acme');
is actor(), "operator:$login local", 'whoever runs it';

my @sudo = (
    ['joe', 'joe'],
    ['', $login],
    ["j\no\e\xff", 'j\x0ao\x1b\xff'],
    ['j' x 65, 'j' x 61 . '...'],
);
for my $row (@sudo) {
    my ($user, $shown) = @$row;
    local $ENV{SUDO_USER} = $user;
    done("a change by sudo from '$shown'", 'account', 'add', 'a' . length($user));
    is actor(), "operator:$shown local", '... is told to be of that';
}

done_testing;
