# A file of SQLite: see TaiDatabase.
package TaiDatabase::SQLite;

use strict;
use warnings;

use parent 'TaiDatabase::Common';

# What build/service is to start.
sub kind { return }

sub of {
    my ($class, $params) = @_;
    my ($path) = $params =~ /^(?:file:)?([^?]+)/ or die "no file is named: $params\n";
    return $class->at($path);
}

# The file at a path, whether it is there or not.
sub at {
    my ($class, $path) = @_;
    return bless { path => $path, params => "file:$path?mode=rw" }, $class;
}

sub path     { return $_[0]{path} }
sub location { return $_[0]{path} }

# How our texts call it, as a pattern.
sub called { return quotemeta $_[0]{path} }

# DBDParams of another one, which nobody has made.
sub other { return "$_[0]{path}.other" }

# The file and what SQLite puts beside it.
sub files { return grep { -f } glob $_[0]->path . '*' }

sub handle {
    my ($self) = @_;
    my $handle = DBI->connect("dbi:SQLite:uri=$self->{params}", '', '',
        { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
    $handle->sqlite_busy_timeout(10_000);
    return $handle;
}

# As if nobody had made it, or nothing but a file.
sub clear {
    my ($self, $but) = @_;
    unlink $self->files;
    return unless $but;
    open my $out, '>', $self->path or die "@{[$self->path]}: $!";
    close $out or die "@{[$self->path]}: $!";
    return;
}

# What changes when anything is made or written, also where there is no schema.
sub traces {
    my ($self) = @_;
    return [map { my @s = stat; "$_ $s[2] $s[7] $s[9]" } $self->files];
}

sub tables {
    my ($self, $handle) = @_;
    return @{$handle->selectcol_arrayref(q(SELECT name FROM sqlite_master WHERE type = 'table'))};
}

sub away { my ($self) = @_; rename $self->path, $self->path . '.away' or die "rename: $!"; return }
sub back { my ($self) = @_; rename $self->path . '.away', $self->path or die "rename: $!"; return }

# What the log says while it is away.
sub away_text { return qr/no database at/ }

sub read_only { my ($self) = @_; chmod 0444, $self->files; return }
sub writable  { my ($self) = @_; chmod 0644, $self->files; return }
sub read_only_text { return qr/read-?only/i }

# Without a write-ahead log, so that readers have to wait for a writer.
sub make_lockable {
    my ($self) = @_;
    $self->handle->do('PRAGMA journal_mode = DELETE');
    return;
}

sub locking {
    my ($self, $what) = @_;
    return ([$what eq 'all' ? 'BEGIN EXCLUSIVE' : 'BEGIN IMMEDIATE'], 'ROLLBACK');
}

sub refusing {
    my ($self, $table, $text, $when) = @_;
    return "CREATE TRIGGER refuse_$table BEFORE INSERT ON $table WHEN $when BEGIN SELECT RAISE(ABORT, '$text'); END";
}

sub taking { my ($self, $table) = @_; return "DROP TRIGGER refuse_$table" }

# Is somebody writing? With a connection of its own, which a refused BEGIN leaves in disorder.
sub is_held {
    my ($self) = @_;
    my $probe = $self->handle;
    $probe->sqlite_busy_timeout(0);
    my $free = eval { $probe->do('BEGIN IMMEDIATE'); $probe->do('ROLLBACK'); 1 };
    $probe->disconnect;
    return !$free;
}

# A function whose result changes with whatever is written.
sub watch {
    my ($self) = @_;
    my $handle = $self->handle;
    return sub {
        my ($version) = $handle->selectrow_array('PRAGMA data_version');
        return [$version, map { my @s = stat; "$_ @s[1, 7, 9]" } grep { !/-shm$/ } $self->files];
    };
}

# For those who look for what may not be in it.
sub bytes {
    my ($self) = @_;
    my @files = $self->files or return '';
    local (@ARGV, $/) = @files;
    return join '', <>;
}

# The file goes with its folder.
sub drop { return }

1;
