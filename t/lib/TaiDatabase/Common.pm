# What all kinds of databases have in common: see TaiDatabase.
package TaiDatabase::Common;

use strict;
use warnings;

# As in DBDParams.
sub params { return $_[0]{params} }

# That stands in its parameters; undef: there is none.
sub password { return undef }

# What is taictl's --database; for a file its path.
sub location { return $_[0]{params} }

# Lines for a configuration of httpd.
sub conf {
    my ($self) = @_;
    return sprintf qq(DBDriver %s\nDBDParams "%s"\n), TaiDatabase::driver(), $self->params;
}

# What has taictl work on it: variables of the environment, since what stands in a command line is
# seen by everybody.
sub environment {
    my ($self) = @_;
    return (TAIAUTH_DBDRIVER => TaiDatabase::driver(), TAIAUTH_DATABASE => $self->location);
}

sub init {
    my ($self) = @_;
    my %environment = $self->environment;
    local @ENV{keys %environment} = values %environment;
    my $said = qx('$ENV{TAICTL}' db init 2>&1);
    die "taictl db init: $said" if $?;
    return $self;
}

# Let no row into a table, or only those of another name, with this text; until they are taken again.
sub refuse_rows {
    my ($self, $table, $text, $name) = @_;
    my $handle = $self->handle;
    $handle->do($_) for $self->refusing($table, $text, defined $name ? "NEW.name = '$name'" : '1 = 1');
    return;
}

sub take_rows {
    my ($self, $table) = @_;
    my $handle = $self->handle;
    $handle->do($_) for $self->taking($table);
    return;
}

# All that is in it, as text: table, then its rows.
sub dump {
    my ($self) = @_;
    my $handle = $self->handle;
    my @lines;
    for my $table (sort $self->tables($handle)) {
        my $rows = $handle->selectall_arrayref("SELECT * FROM $table");
        push @lines, $table, sort map { join "\t", map { $_ // 'NULL' } @$_ } @$rows;
    }
    return join '', map { "$_\n" } @lines;
}

# Append what it holds to a file, where zz_secrets.t looks for what it may not hold.
sub keep {
    my ($self, $to) = @_;
    open my $out, '>>:raw', $to or die "$to: $!";
    print $out $self->bytes;
    close $out or die "$to: $!";
    return;
}

# Nobody else may write (write), or read (all), until this is released.
sub lock {
    my ($self, $what) = @_;
    my $handle = $self->handle;
    my ($take, $give) = $self->locking($what // 'write', $handle);
    $handle->do($_) for @$take;
    return bless { handle => $handle, give => $give }, 'TaiDatabase::Lock';
}

package TaiDatabase::Lock;

sub release {
    my ($self) = @_;
    my $handle = delete $self->{handle} or return;
    $handle->do($self->{give});
    $handle->disconnect;
    return;
}

1;
