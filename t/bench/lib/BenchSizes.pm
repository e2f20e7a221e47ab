# What a key takes in each database, and a window in Redis; how long an import lasts.
package BenchSizes;

use strict;
use warnings;

use DBI ();
use Time::HiRes qw(time);
use BenchKeys;
use BenchService;

my $KEYS = 100_000;

# The indexes of a key's row, of which a look-up by key needs key_hash alone.
my %SIZES = (
    pgsql => <<'SQL',
SELECT PG_RELATION_SIZE('api_keys'), PG_INDEXES_SIZE('api_keys'),
    (SELECT PG_RELATION_SIZE(indexrelid) FROM pg_stat_user_indexes WHERE indexrelname = 'api_keys_key_hash_key')
SQL
    mysql => <<'SQL',
SELECT data_length, index_length, NULL FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'api_keys'
SQL
    sqlite3 => <<'SQL',
SELECT SUM(pgsize * (name = 'api_keys')), SUM(pgsize * (name <> 'api_keys')), SUM(pgsize * (name = 'sqlite_autoindex_api_keys_2'))
    FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = 'api_keys')
SQL
);

# kind, as DBI's driver
my @DATABASES = ([qw(SQLite sqlite3)], [qw(PostgreSQL pgsql)], [qw(MariaDB mysql)]);

sub measure {
    my ($run, $report, %skipped) = @_;
    my @wanted = grep { !$skipped{lc $_->[0]} } @DATABASES;
    my @rows = map { { database => $_->[0], in_database($run, @$_) } } @wanted;
    $report->table("$KEYS keys: bytes for each",
        ['', 'row', 'all indexes', 'of which that of digests', 'together', 'imported a second, by taictl'],
        [map { my $row = $_; [$row->{database}, (map { defined $row->{$_} ? sprintf '%.0f', $row->{$_} : '' } qw(row indexes digests together)),
            sprintf '%.0f', $row->{imported}] } @rows]);
    $report->figures(sizes => \@rows);
    return;
}

sub in_database {
    my ($run, $title, $driver) = @_;
    my $service = $driver eq 'sqlite3' ? undef : BenchService->start($run, lc $title);
    my $keys = BenchKeys->new($run, "sizes_$driver", $service);
    my $begun = time;
    $keys->import_many($KEYS);
    my $took = time - $begun;
    my ($row, $indexes, $digests) = map { defined $_ ? $_ / $KEYS : undef } sizes($keys, $driver);
    return (row => $row, indexes => $indexes, digests => $digests, together => $row + $indexes, imported => $KEYS / $took);
}

sub sizes {
    my ($keys, $driver) = @_;
    my $db = connect_to($keys->database, $driver);
    $db->do('ANALYZE TABLE api_keys') if $driver eq 'mysql'; # its figures are old ones else
    my @sizes = $db->selectrow_array($SIZES{$driver});
    $db->disconnect;
    return @sizes;
}

# As who the database belongs to; his parameters are words of DBDParams.
sub connect_to {
    my ($params, $driver) = @_;
    return DBI->connect("dbi:SQLite:dbname=$params", '', '', { RaiseError => 1 }) if $driver eq 'sqlite3';
    my %of = $params =~ /(\w+)=([^ ,]+)/g;
    my $source = $driver eq 'pgsql' ? 'Pg' : 'mysql';
    return DBI->connect("dbi:$source:host=$of{host};port=$of{port};dbname=$of{dbname}", $of{user}, $of{password} // $of{pass},
        { RaiseError => 1 });
}

1;
