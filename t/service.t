# build/service: what it makes of a folder, whose it is, and what it refuses.
use strict;
use warnings;

use File::Path qw(make_path);
use Test::More;
use TaiDatabase;
use TaiProcess;
use TaiTest;

my $top = var('t_logs') . '/service';
make_path($top);

# Exit status, and what it says on standard error.
sub refused {
    my (@words) = @_;
    my $said = qx('$ENV{TAI_SERVICE}' @words 2>&1 >/dev/null </dev/null);
    return ($? >> 8) . " $said";
}

sub line {
    my ($dir, $name) = @_;
    local $ENV{TAI_SERVER} = $dir;
    return TaiDatabase::of_server($name);
}

sub content { my ($file) = @_; open my $in, '<', $file or return undef; local $/; return <$in> }

my $dir = "$top/redis";

END {
    local $?;
    TaiDatabase::service(stop => $dir) if defined $dir && -f "$dir/service" && eval { line($dir, 'pid') };
}

like refused('stop', $dir), qr/^1 service: nothing was started in /, 'where nothing was started, nothing is stopped';
like refused('start', 'oracle', $dir), qr/^1 service: "oracle" is none of postgresql, mariadb, redis$/m, 'another kind';
like refused('start', 'redis', "'$top/a b'"), qr/^1 service: .*only letters, digits and/, 'a folder with a blank';
like refused('start', 'redis', $dir, 99999), qr/^1 service: port "99999" must be from 1 to 65535$/m, 'no port';
ok !-e $dir, 'nothing was made';

# --- somebody else's ------------------------------------------------------------------------------

make_path("$top/others");
open my $out, '>', "$top/others/file" or die "file: $!";
close $out or die "file: $!";
chmod 0755, "$top/others" or die "others: $!";
like refused('start', 'redis', "$top/others"), qr/^1 service: \S+ is neither empty nor was it made by this program/, 'a folder that is not ours';
is +(stat "$top/others")[2] & 0777, 0755, '... stays as it was';
is_deeply [glob "$top/others/*"], ["$top/others/file"], '... with what was in it';
rename "$top/others/file", "$top/others/service" or die "service: $!";
like refused('start', 'redis', "$top/others"), qr/^1 service: \S+ is neither empty nor was it made by this program/, '... though something in it is named as ours would be';

# --- ours ------------------------------------------------------------------------------------------

make_path($dir);
TaiDatabase::service(start => 'redis', $dir);
my ($pid, $port) = map { line($dir, $_) } qw(pid port);
ok runs($pid), 'an empty folder will do';
is +(stat $dir)[2] & 0777, 0700, 'it is closed to others';
is +(stat "$dir/$_")[2] & 0777, 0600, "... and so is $_" for qw(service password log);
like refused('start', 'redis', $dir), qr/^1 service: redis runs in \S+ already$/m, 'once';
like refused('start', 'postgresql', $dir), qr/^1 service: \S+ belongs to redis$/m, 'and for one kind';

kill KILL => $pid;
wait_for(sub { !runs($pid) }, 'its end');
is refused('stop', $dir), '0 ', 'one that is dead is stopped';
TaiDatabase::service(start => 'redis', $dir);
is line($dir, 'port'), $port, 'it is started again where it was';
$pid = line($dir, 'pid');
is refused('stop', $dir), '0 ', 'and stopped';
ok !runs($pid), '... which is its end';
is refused('stop', $dir), '0 ', 'twice';

# One whose number is somebody else's by now.
my $service = content("$dir/service") =~ s/^pid=\d+$/pid=$$/mr;
open $out, '>', "$dir/service" or die "service: $!";
print $out $service;
close $out or die "service: $!";
is refused('stop', $dir), '0 ', 'another process of that number';
ok runs($$), '... is left alone';

done_testing;
