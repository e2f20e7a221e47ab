# What shared memory does not answer is 503: never a key that passes uncounted, never a refusal that
# the client did not earn. Its mutexes fail while a file is there, by a library put before libc.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiMetrics;
use TaiTest;

my $httpd = TaiHttpd->new(conf => <<'CONF');
TaiAuthSharedMemory 16M
<Location /open>
    TaiAuth Off
</Location>
<Location /key>
    TaiAuth On
</Location>
<Location /lock>
    TaiAuth On
    TaiAuthLockout 1/1h 1h
</Location>
<Location /address>
    TaiAuth Optional
    TaiAuthRateLimit 1000/1h per=address
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF
$httpd->place(qw(open key lock address));
my $key = on_database($httpd->database, sub { make_key(make_account('acme')) });

# Nobody but the module locks with a clock: httpd's own mutexes go on working.
my $fault = $httpd->root . '/fault';
my $library = $httpd->root . '/fault.so';
open my $cc, '|-', "cc -shared -fPIC -D_GNU_SOURCE -DFAULT='\"$fault\"' -o '$library' -xc - -ldl" or die "cc: $!";
print $cc <<'SOURCE';
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
    int (*next)(pthread_mutex_t *, clockid_t, const struct timespec *);

    if (access(FAULT, F_OK) == 0) {
        return ENOTRECOVERABLE;
    }
    *(void **)&next = dlsym(RTLD_NEXT, "pthread_mutex_clocklock");
    return next(mutex, clock, until);
}
SOURCE
close $cc or die "cc failed: $?";

{
    local $ENV{LD_PRELOAD} = $library;
    $httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;
}

sub ask {
    my ($path, $value) = @_;
    return $httpd->get($path, defined $value ? { 'X-API-Key' => $value } : {});
}

# what, path, credential, status while all is well
my @requests = (
    ['a good key', '/key/x.html', $key->{key}, 200],
    ['an unknown key', '/key/x.html', 'tai_' . 'A' x 32 . '2Fjjgu', 401],
    ['garbage that counts as a failure', '/lock/x.html', 'garbage', 401],
    ['nobody, under a limit per address', '/address/x.html', undef, 200],
);

# While it has a lease, no lock is needed to say what may be answered.
wait_for(sub { $httpd->get('/metrics')->body =~ /^taiauth_lease_seconds [1-9]/m }, 'the server to have a lease');

open my $out, '>', $fault or die "$fault: $!";
close $out;
for my $request (@requests) {
    my ($what, $path, $value) = @$request;
    my $answer = ask($path, $value);
    is_refusal $answer, 503, 'AUTH_UNAVAILABLE', "$what: 503";
    like $answer->header('Retry-After') // 'none', qr/^[1-9]\d*$/, "$what: with Retry-After";
}
is ask('/open/x.html')->status, 200, 'an open location';
unlink $fault or die "$fault: $!";

for my $request (@requests) {
    my ($what, $path, $value, $status) = @$request;
    is ask($path, $value)->status, $status, "afterwards: $what";
}
my $page = TaiMetrics::parse($httpd->get('/metrics')->body);
is $page->{value}{'taiauth_requests_total{code="AUTH_UNAVAILABLE",reason="shared_memory"}'}, scalar @requests,
    'each was counted with its reason';

done_testing;
