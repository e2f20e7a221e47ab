# What may be skipped in a run of the server tests. Whatever else is skipped counts as an error: a test
# that nobody runs tests nothing.
package TaiSkips;

use strict;
use warnings;

use TaiDatabase;
use TaiLimiter;
use TaiModules;
use TaiRedis;

# file (*: any), the reason it gives, in which runs, how often at most
my @SKIPS = (
    ['*', 'mod_taiauth_redis was not built', sub { !TaiRedis::is_built() }, 3],
    ['api_body.t', 'mod_http2 does not work under prefork', \&prefork, 1],
    ['api_faults.t', 'about a file', \&database_server, 1],
    ['database.t', 'about a file', \&database_server, 3],
    ['database.t', 'about a server', \&file, 1],
    ['database_tls.t', 'about PostgreSQL', sub { TaiDatabase::driver() ne 'pgsql' }, 1],
    ['explain_server.t', 'too slow to flood', sub { 1 }, 1],
    ['http2.t', 'mod_http2 does not work under prefork', \&prefork, 1],
    ['last_used.t', 'prefork alone ends children like this', sub { !prefork() }, 1],
    ['long_response.t', 'mod_http2 does not work under prefork', \&prefork, 1],
    ['look.t', 'mod_http2 does not work under prefork', \&prefork, 1],
    ['lockout.t', 'about locks of this host', \&TaiLimiter::is_shared, 2],
    ['lookups.t', 'threads alone wait for one another', \&prefork, 1],
    ['nodes.t', 'SQLite has one writer', \&file, 1],
);

sub prefork         { return TaiModules::mpm() eq 'prefork' }
sub file            { return TaiDatabase::is_file() }
sub database_server { return !TaiDatabase::is_file() }

# Of the reasons for which tests of a file were skipped, those that may not be.
sub unforeseen {
    my ($file, @reasons) = @_;
    my %left = map { $_->[0] =~ /^(?:\*|\Q$file\E)$/ && $_->[2]->() ? ($_->[1] => $_->[3]) : () } @SKIPS;
    return grep { --($left{$_} //= 0) < 0 } @reasons;
}

1;
