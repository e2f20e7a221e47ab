# A database of a MariaDB server: see TaiDatabase.
package TaiDatabase::MariaDB;

use strict;
use warnings;

use parent 'TaiDatabase::Server';

sub kind { return 'mariadb' }

sub source {
    my ($self, $name) = @_;
    return "dbi:mysql:host=$self->{value}{host};port=$self->{value}{port};database=$name";
}

sub master_source { return 'dbi:mysql:mysql_socket=' . TaiDatabase::of_server('socket') }

sub tables {
    my ($self, $handle) = @_;
    return @{$handle->selectcol_arrayref(q(SELECT table_name FROM information_schema.tables WHERE table_schema = database()))};
}

my $WHO = q(taiauth@'127.0.0.1', taiauth@localhost);

# What a connection may do was found out when it began. KILL returns before it has ended, and one that
# begins has no database yet.
sub grant {
    my ($self, $statement) = @_;
    my $master = $self->master;
    $master->do($statement);
    while (1) {
        my $ids = $master->selectcol_arrayref(q(SELECT id FROM information_schema.processlist
            WHERE db = ? OR command = 'Connect'), undef, $self->name);
        last unless @$ids;
        eval { $master->do("KILL $_") } for @$ids; # it may have gone meanwhile
    }
    $master->disconnect;
    return;
}

sub away { my ($self) = @_; return $self->grant("REVOKE ALL ON $self->{name}.* FROM $WHO") }
sub back { my ($self) = @_; return $self->grant("GRANT ALL ON $self->{name}.* TO $WHO") }
sub away_text { return qr/Access denied/ }

sub read_only { my ($self) = @_; return $self->grant("REVOKE INSERT, UPDATE, DELETE ON $self->{name}.* FROM $WHO") }
sub writable  { my ($self) = @_; return $self->back }
sub read_only_text { return qr/command denied/ }

sub locking {
    my ($self, $what, $handle) = @_;
    my $mode = $what eq 'all' ? 'WRITE' : 'READ';
    return (['LOCK TABLES ' . join(', ', map { "$_ $mode" } $self->tables($handle))], 'UNLOCK TABLES');
}

# Has somebody added keys, and not said yet whether that holds?
sub is_held {
    my ($self) = @_;
    return !eval { $self->handle->selectall_arrayref('SELECT id FROM api_keys LOCK IN SHARE MODE NOWAIT') };
}

sub refusing {
    my ($self, $table, $text, $when) = @_;
    return "CREATE TRIGGER refuse_$table BEFORE INSERT ON $table FOR EACH ROW
        IF $when THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '$text'; END IF";
}

sub taking { my ($self, $table) = @_; return "DROP TRIGGER refuse_$table" }

sub making   { my ($self) = @_; return "CREATE DATABASE $self->{name}" }
sub dropping { my ($self) = @_; return "DROP DATABASE $self->{name}" }

1;
