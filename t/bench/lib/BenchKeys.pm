# A database with keys, and their texts in files that the load generator reads. The account bench, whose
# administrator is bench, has those that are imported, any number; the account single those that are
# created, at most ten.
#
# It is a file of SQLite, or a database of a server:
#   BenchKeys->new($run, 'keys', BenchService->start($run, 'postgresql'))
package BenchKeys;

use strict;
use warnings;

use JSON::PP ();
use TaiText qw(credential_text);

# run: what BenchRun knows; name: of the database; service: whose it is (default: a file)
sub new {
    my ($class, $run, $name, $service) = @_;
    my $path = "$run->{dir}/$name.db";
    my $self = bless { run => $run, files => $path }, $class;
    @$self{qw(driver database conf)} = $service ? ($service->line('driver'), ($service->database($name)) x 2)
        : ('sqlite3', $path, "file:$path?mode=rw");
    $self->taictl(qw(db init));
    for my $account (qw(bench single)) {
        $self->taictl(qw(account add), $account, qw(--plan pro));
        $self->taictl(qw(user add), $account, $account, '--no-password');
    }
    return $self;
}

sub database { $_[0]{database} }

# taictl on the database, with this on its standard input; its output.
sub taictl {
    my ($self, @args) = @_;
    my $input = ref $args[0] ? ${shift @args} : '/dev/null';
    my $command = join ' ', map { "'$_'" } $self->{run}{taictl}, '--driver', $self->{driver}, '--database', $self->{database}, @args;
    my $said = qx($command <'$input');
    die "taictl @args failed\n" if $?;
    return $said;
}

# A key with these options of `key create`; what taictl says of it.
sub create {
    my ($self, @options) = @_;
    return JSON::PP->new->decode($self->taictl(qw(--json key create single --name bench), @options));
}

# So many keys with the default scopes. Returns a file with their texts, one in a line.
sub import_many {
    my ($self, $n) = @_;
    my $texts = $self->texts($n);
    my $csv = "$self->{run}{dir}/import.csv";
    open my $in, '<', $texts or die "$texts: $!\n";
    open my $out, '>', $csv or die "$csv: $!\n";
    print $out "name,key\n";
    while (my $text = <$in>) {
        print $out "bench,$text";
    }
    close $out or die "$csv: $!\n";
    $self->taictl(qw(import bench), $csv);
    unlink $csv;
    return $texts;
}

# A file with so many texts that nobody was given, right checksums included.
sub texts {
    my ($self, $n) = @_;
    return $self->file(map { credential_text('tai_') } 1 .. $n);
}

# A file with these texts, one in a line.
sub file {
    my ($self, @texts) = @_;
    my $path = $self->{files} . '.values' . $self->{written}++;
    open my $out, '>', $path or die "$path: $!\n";
    print $out "$_\n" for @texts;
    close $out or die "$path: $!\n";
    return $path;
}

# A file with the first n of a file of texts.
sub first {
    my ($file, $n) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my $path = "$file.$n";
    open my $out, '>', $path or die "$path: $!\n";
    print $out scalar <$in> for 1 .. $n;
    close $out or die "$path: $!\n";
    return $path;
}

# What httpd needs to be told of it.
sub conf {
    my ($self) = @_;
    return <<"CONF";
DBDriver $self->{driver}
DBDParams "$self->{conf}"
DBDMin 0
CONF
}

1;
