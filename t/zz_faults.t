# No process of any server of this run ended by a fault of its own. Tests that kill children use
# SIGKILL, which is none.
use strict;
use warnings;

use Test::More;
use TaiTest;

my $log = log_since(0);
ok length $log, 'there is an error log';
if (open my $in, '<', var('t_logs') . '/servers_error_log') {
    local $/;
    $log .= <$in>; # of the private servers
}
my @faults = grep { /exit signal (?!Killed)|AddressSanitizer|runtime error:/ } split /\n/, $log;
is scalar @faults, 0, 'no child died of a fault' or diag join "\n", @faults;

done_testing;
