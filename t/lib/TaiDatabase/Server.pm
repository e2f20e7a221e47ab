# A database of the server that build/service has started for this run: see TaiDatabase.
package TaiDatabase::Server;

use strict;
use warnings;

use parent 'TaiDatabase::Common';

sub of {
    my ($class, $params) = @_;
    my %value = $params =~ /(\w+)=([^\s,]+)/g;
    return bless { params => $params, value => \%value, name => $value{dbname} }, $class;
}

sub name { return $_[0]{name} }

# How our texts call it, as a pattern.
sub called { return '[^;]*dbname=' . $_[0]{name} . '[^;]*' }

# DBDParams of another one, which nobody has made.
sub other { return $_[0]{params} =~ s/dbname=\w+/dbname=other/r }

# As if nobody had used it yet.
sub clear {
    my ($self) = @_;
    return $self->as_master($self->dropping, $self->making);
}

sub traces { my ($self) = @_; return [split /\n/, $self->dump] }

sub password { my ($self) = @_; return $self->{value}{password} // $self->{value}{pass} }

# As the owner of the database; or as the server's, on its socket, in a database of this name.
sub handle {
    my ($self) = @_;
    return connected($self->source($self->name), $self->{value}{user}, $self->password);
}

sub master {
    my ($self) = @_;
    return connected($self->master_source, scalar getpwuid $>, '');
}

sub connected {
    my ($source, $user, $password) = @_;
    return DBI->connect($source, $user, $password, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
}

sub as_master {
    my ($self, @statements) = @_;
    my $master = $self->master;
    $master->do($_) for @statements;
    $master->disconnect;
    return;
}

# Whoever holds a table may keep readers out of it at any time.
sub make_lockable { return }

sub watch {
    my ($self) = @_;
    return sub { return [split /\n/, $self->dump] };
}

sub bytes { return $_[0]->dump }

sub drop {
    my ($self) = @_;
    $self->as_master($self->dropping);
    return;
}

1;
