# A database of a PostgreSQL server: see TaiDatabase.
package TaiDatabase::PostgreSQL;

use strict;
use warnings;

use parent 'TaiDatabase::Server';

sub kind { return 'postgresql' }

sub source {
    my ($self, $name) = @_;
    return "dbi:Pg:host=$self->{value}{host};port=$self->{value}{port};dbname=$name";
}

sub master_source {
    my ($self) = @_;
    return "dbi:Pg:host=$ENV{TAI_SERVER};port=$self->{value}{port};dbname=postgres";
}

# Bytes, as they come.
sub handle {
    my ($self) = @_;
    my $handle = $self->SUPER::handle;
    $handle->{pg_enable_utf8} = 0;
    $handle->do("SET client_min_messages = 'warning'");
    return $handle;
}

my $WRITE = 'INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public';

sub tables {
    my ($self, $handle) = @_;
    return @{$handle->selectcol_arrayref('SELECT tablename FROM pg_tables WHERE schemaname = current_schema()')};
}

sub end_connections {
    my ($self, $master) = @_;
    $master->do('SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = ?', undef, $self->name);
    return;
}

sub shutting { my ($self) = @_; return "ALTER DATABASE $self->{name} ALLOW_CONNECTIONS false" }
sub opening  { my ($self) = @_; return "ALTER DATABASE $self->{name} ALLOW_CONNECTIONS true" }
sub away_text { return qr/not currently accepting connections/ }

# What an owner may do he may deny himself.
sub read_only { my ($self) = @_; $self->handle->do("REVOKE $WRITE FROM taiauth"); return }
sub writable  { my ($self) = @_; $self->handle->do("GRANT $WRITE TO taiauth"); return }
sub read_only_text { return qr/permission denied/ }

sub locking {
    my ($self, $what, $handle) = @_;
    my $mode = $what eq 'all' ? 'ACCESS EXCLUSIVE' : 'EXCLUSIVE';
    return (['BEGIN', 'LOCK TABLE ' . join(', ', $self->tables($handle)) . " IN $mode MODE"], 'ROLLBACK');
}

sub refusing {
    my ($self, $table, $text, $when) = @_;
    return (
        "CREATE FUNCTION refuse_$table() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION '$text'; END \$\$",
        "CREATE TRIGGER refuse_$table BEFORE INSERT ON $table FOR EACH ROW WHEN ($when) EXECUTE FUNCTION refuse_$table()",
    );
}

sub taking { my ($self, $table) = @_; return "DROP FUNCTION refuse_$table() CASCADE" }

sub making   { my ($self) = @_; return "CREATE DATABASE $self->{name} OWNER taiauth" }
sub dropping { my ($self) = @_; return "DROP DATABASE $self->{name} WITH (FORCE)" }

1;
