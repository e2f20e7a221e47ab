# Where the servers of a run count windows and lockouts.
#
#   TAI_LIMITER   shm (default): in their own shared memory; redis: in a Redis that is started for the run
#   TAI_SERVICE   path of build/service, which starts it
#   TAI_REDIS     its folder, where one runs already; else start() makes one
#
#   print $conf TaiLimiter::conf('one');   # LoadModule and TaiAuthLimiter, or nothing
package TaiLimiter;

use strict;
use warnings;

use TaiDatabase;

sub kind { return $ENV{TAI_LIMITER} || 'shm' }

sub is_shared { return kind() ne 'shm' }

my $started; # in this process

# Start the Redis of this run in a folder, where it needs one. Returns its password.
sub start {
    my ($dir) = @_;
    die "TAI_LIMITER is '@{[kind()]}', must be shm or redis\n" unless kind() =~ /^(?:shm|redis)$/;
    return unless is_shared();
    TaiDatabase::service(start => 'redis', $dir);
    $started = $$;
    $ENV{TAI_REDIS} = $dir;
    return of_server('password');
}

# Stop what start() has started.
sub stop {
    return unless ($started // 0) == $$;
    undef $started;
    TaiDatabase::service(stop => delete $ENV{TAI_REDIS});
    return;
}

# A line of what build/service has written about it.
sub of_server {
    my ($name) = @_;
    open my $in, '<', "$ENV{TAI_REDIS}/service" or die "$ENV{TAI_REDIS}/service: $!";
    my ($value) = map { /^$name=(.*)$/ ? $1 : () } <$in>;
    return $value;
}

# Lines for a server; those of one prefix count together. A call may take its time: the machine is
# busy, and what is counted elsewhere meanwhile would be missed.
sub conf {
    my ($prefix) = @_;
    return '' unless is_shared();
    return sprintf "LoadModule taiauth_redis_module %s\nTaiAuthLimiter redis://127.0.0.1:%d/0 timeout=5s on-error=deny password=%s prefix=%s\n",
        $ENV{TAI_REDIS_MODULE}, of_server('port'), of_server('password'), $prefix;
}

1;
