# Processes as /proc shows them.
package TaiProcess;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(process runs stands_still child_processes);

# Its pid, parent and number of threads; undef where there is none. One that has ended and that its
# parent has not asked for yet is none.
sub process {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return undef;
    my $line = <$in> // return undef;
    my ($state, $parent, @more) = split ' ', $line =~ s/^.*\) //r;
    return $state eq 'Z' ? undef : { pid => $pid, state => $state, parent => $parent, threads => $more[15] };
}

sub runs {
    my ($pid) = @_;
    return defined process($pid);
}

# Stopped by a signal, or gone.
sub stands_still {
    my ($pid) = @_;
    my $process = process($pid) or return 1;
    return $process->{state} eq 'T';
}

sub child_processes {
    my ($parent) = @_;
    return grep { $_ && $_->{parent} == $parent }
        map { process($_) } map { m{^/proc/(\d+)$} } glob '/proc/[0-9]*';
}

1;
