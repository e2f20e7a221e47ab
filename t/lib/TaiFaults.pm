# Points where a server stops or dies: for one whose module was built with --enable-faults.
#
#   my $faults = TaiFaults->new;          # before a server is started, which is told by its environment
#   $faults->stop('lookup.selected');     # whoever comes there waits ...
#   $faults->reached('lookup.selected');  # ... and this waits for him
#   $faults->go_on('lookup.selected');
#   $faults->kill('windows.charge');      # one process that comes there dies
#
# The points stand in the sources: TAI_FAULT("...").
package TaiFaults;

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use TaiTest;

sub new {
    my ($class) = @_;
    my $directory = tempdir('faults.XXXXXX', DIR => var('t_logs'), CLEANUP => 1);
    $ENV{TAI_FAULTS} = $directory;
    return bless { directory => $directory }, $class;
}

sub path { my ($self, $point) = @_; return "$self->{directory}/$point" }

# In one step: nobody is to find half of a word.
sub arm {
    my ($self, $point, $word) = @_;
    my $path = $self->path($point);
    unlink "$path.reached";
    open my $out, '>', "$path.new" or die "$path.new: $!";
    print $out $word;
    close $out or die "$path.new: $!";
    rename "$path.new", $path or die "$path: $!";
    return;
}

sub stop { my ($self, $point) = @_; $self->arm($point, 'stop'); return }
sub kill { my ($self, $point) = @_; $self->arm($point, 'kill'); return }

# Wait until somebody has come there. That nobody ever does is what a build without faults looks like.
sub reached {
    my ($self, $point) = @_;
    return wait_for(sub { -e $self->path("$point.reached") }, "$point to be reached");
}

# Has somebody died there?
sub struck {
    my ($self, $point) = @_;
    return !-e $self->path($point);
}

# True where it was still armed.
sub go_on {
    my ($self, $point) = @_;
    return unlink $self->path($point);
}

1;
