# A Redis of a test's own, for servers that share their limiter.
#
#   my $redis = TaiRedis->start;
#   my $conf = $redis->conf('on-error=deny');    # LoadModule and TaiAuthLimiter
#   $redis->calls;                               # scripts that it has run since the start
#   $redis->pause; ...; $redis->go_on;           # it stands still: connections stay open
#   $redis->crash; ...; $redis->start_again;
#   $redis->command('FLUSHALL');
#
# It ends with the object. What it holds at the end is kept for zz_secrets.t.
package TaiRedis;

use strict;
use warnings;

use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Scalar::Util qw(weaken);
use Test::More;
use TaiDatabase;
use TaiProcess;
use TaiTest qw(secret var wait_for);

my %made; # directory -> object, weak

# Ends a test of what was not built: --without-hiredis, or there is no hiredis. TaiSkips lists it.
sub needs_module {
    plan skip_all => 'mod_taiauth_redis was not built' unless is_built();
    return;
}

sub is_built { return -f $ENV{TAI_REDIS_MODULE} }

# With further words for redis-server.
sub start {
    my ($class, @words) = @_;
    needs_module();
    my $dir = tempdir('redis.XXXXXX', DIR => var('t_logs'), CLEANUP => 1);
    my $self = bless { dir => $dir, words => \@words, owner => $$ }, $class;
    weaken($made{$dir} = $self);
    $self->start_again;
    return $self;
}

# Behind crash: on the same port, with nothing in it.
sub start_again {
    my ($self) = @_;
    TaiDatabase::service(start => 'redis', $self->{dir}, '--', @{$self->{words}});
    $self->{password} = secret($self->line('password'));
    return;
}

sub password { return $_[0]{password} }
sub dir { return $_[0]{dir} }

# Until it is started again, it wants this one; no argument list ever shows it.
sub change_password {
    my ($self, $password) = @_;
    local $ENV{REDISCLI_AUTH} = $self->{password};
    open my $in, '|-', 'redis-cli', -s => $self->line('socket'), -x => qw(CONFIG SET requirepass) or die "redis-cli: $!";
    print $in $password;
    close $in or die "redis-cli: exit status @{[$? >> 8]}\n";
    $self->{password} = $password;
    return;
}
sub port { return $_[0]->line('port') }
sub pid  { return $_[0]->line('pid') }

# A line of what build/service has written about it.
sub line {
    my ($self, $name) = @_;
    open my $in, '<', "$self->{dir}/service" or die "$self->{dir}/service: $!";
    my ($value) = map { /^$name=(.*)$/ ? $1 : () } <$in>;
    return $value // die "$self->{dir}/service has no $name\n";
}

# What a server needs to count in it; port: of a relay before it.
sub conf {
    my ($self, $words, $port) = @_;
    return sprintf "LoadModule taiauth_redis_module %s\nTaiAuthLimiter redis://127.0.0.1:%d/0 password=%s %s\n",
        $ENV{TAI_REDIS_MODULE}, $port // $self->port, $self->{password}, $words // '';
}

# What it answers to a command.
sub command {
    my ($self, @command) = @_;
    local $ENV{REDISCLI_AUTH} = $self->{password};
    open my $out, '-|', 'redis-cli', -s => $self->line('socket'), @command or die "redis-cli: $!";
    my $answer = do { local $/; <$out> };
    close $out or die "redis-cli @command: exit status @{[$? >> 8]}\n";
    return $answer;
}

# Scripts that it has run: one is a call of the limiter. It does not know each at first, and says so.
sub calls {
    my ($self) = @_;
    my $stats = $self->command('INFO', 'commandstats');
    my $sum = 0;
    $sum += $1 - $2 while $stats =~ /^cmdstat_eval(?:sha)?:calls=(\d+).*failed_calls=(\d+)/mg;
    return $sum;
}

# --- outages --------------------------------------------------------------------------------------

sub pause {
    my ($self) = @_;
    kill STOP => $self->pid;
    return wait_for(sub { stands_still($self->pid) }, 'Redis to stand still');
}

sub go_on { my ($self) = @_; kill CONT => $self->pid; return }

sub crash {
    my ($self) = @_;
    my $pid = $self->pid;
    kill KILL => $pid;
    return wait_for(sub { !runs($pid) }, 'the end of Redis');
}

# --- the end --------------------------------------------------------------------------------------

# As of TaiHttpd: an object that lives as long as its file would be destroyed too late.
END {
    local ($?, $@, $!);
    $_->finish for grep { defined } values %made;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@, $!);
    $self->finish;
    return;
}

sub finish {
    my ($self) = @_;
    return if $$ != $self->{owner} || $self->{finished}++;
    delete $made{$self->{dir}};
    return unless -f "$self->{dir}/service";
    $self->go_on;
    eval { $self->keep(var('t_logs') . '/servers_redis'); 1 } or warn $@ if runs($self->pid);
    TaiDatabase::service(stop => $self->{dir});
    return;
}

# What it holds and has logged, for those who look for what may not be in it.
sub keep {
    my ($self, $to) = @_;
    open my $out, '>>', $to or die "$to: $!";
    for my $key (split /\n/, $self->command('--scan')) {
        print $out "$key ", $self->command(DUMP => $key);
    }
    copy("$self->{dir}/log", $out) or die "$self->{dir}/log: $!";
    close $out or die "$to: $!";
    return;
}

1;
