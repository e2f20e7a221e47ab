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

# The end of its connections shows in no list as long as they begin: to rename it waits for them too.
sub away {
    my ($self) = @_;
    my $master = $self->master;
    $master->do("ALTER DATABASE $self->{name} ALLOW_CONNECTIONS false");
    my $renamed;
    until ($renamed) {
        $master->do('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?', undef, $self->name);
        $renamed = eval { $master->do("ALTER DATABASE $self->{name} RENAME TO $self->{name}_away") };
        die $@ if $@ && $@ !~ /being accessed by other users/;
    }
    return;
}

sub back {
    my ($self) = @_;
    my $master = $self->master;
    $master->do($_) for "ALTER DATABASE $self->{name}_away RENAME TO $self->{name}", "ALTER DATABASE $self->{name} ALLOW_CONNECTIONS true";
    return;
}

sub away_text { return qr/does not exist/ }

# What an owner may do he may deny himself.
sub read_only { my ($self) = @_; $self->handle->do("REVOKE $WRITE FROM taiauth"); return }
sub writable  { my ($self) = @_; $self->handle->do("GRANT $WRITE TO taiauth"); return }
sub read_only_text { return qr/permission denied/ }

sub locking {
    my ($self, $what, $handle) = @_;
    my $mode = $what eq 'all' ? 'ACCESS EXCLUSIVE' : 'EXCLUSIVE';
    return (['BEGIN', 'LOCK TABLE ' . join(', ', $self->tables($handle)) . " IN $mode MODE"], 'ROLLBACK');
}

# Has somebody changed rows, and not said yet whether that holds?
sub is_held {
    my ($self) = @_;
    return scalar $self->handle->selectrow_array(
        'SELECT COUNT(*) FROM pg_stat_activity WHERE datname = ? AND backend_xid IS NOT NULL', undef, $self->name);
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
