# TaiAuthLimiter with mod_taiauth_redis loaded: what httpd -t takes and refuses, and that no password is
# shown, by an error or by what mod_info writes of the configuration.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiModules;
use TaiRedis;
use TaiTest;

TaiRedis::needs_module();

my $secret = secret('redis-' . join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 24);
my $httpd = TaiHttpd->new;
my $modules = TaiModules::more_lines(Apache::Test::vars('httpd'), TaiHttpd::libexecdir(), 'info')
    . "LoadModule taiauth_redis_module $ENV{TAI_REDIS_MODULE}\n";

# What httpd says of a TaiAuthLimiter, with the configuration as mod_info shows it.
sub said {
    my ($words) = @_;
    $httpd->configure("${modules}TaiAuthLimiter $words");
    $httpd->call('-t', -D => 'DUMP_CONFIG');
    return $httpd->said;
}

my @good = (
    ['redis://127.0.0.1:6379/0', 'redis://127.0.0.1:6379/0'],
    ["redis://me:$secret\@127.0.0.1:6379/0 timeout=20ms", 'redis://...@127.0.0.1:6379/0 timeout=20ms'],
    ["redis://127.0.0.1 user=me password=$secret on-error=deny", 'redis://127.0.0.1 user=... password=... on-error=deny'],
    ["unix://:$secret\@/run/redis.sock?db=1", 'unix://...@/run/redis.sock?db=1'],
    ["unix:///run/redis.sock?db=1 password=$secret", 'unix:///run/redis.sock?db=1 password=...'],
    ['redis://127.0.0.1 password=exec:/bin/pwd', 'redis://127.0.0.1 password=...'],
    ["redis://127.0.0.1 password=ab://$secret\@cd prefix=staging", 'redis://127.0.0.1 password=... prefix=staging'],
);
for my $case (@good) {
    my ($words, $shown) = @$case;
    my $said = said($words);
    like $said, qr/^TaiAuthLimiter \Q$shown\E$/m, "shown as $shown";
    like $said, qr/Syntax OK/, '... and taken';
    unlike $said, qr/\Q$secret\E/, '... without the password';
}

# In each of them somebody has written a password with what needs to be written otherwise, or in the
# wrong place. Of the two halves of it none may be seen.
my ($half, $other) = map { secret('redis-' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 24) } 1 .. 2;
my $behind = 'an @ stands behind a / or ? of the address: in user and password, / is written %2F, ? %3F, # %23 and @ %40';
my $form = 'the address is not of the form redis://[user[:password]@]host[:port][/db], rediss://... over TLS, or unix:///path[?db=N]';
my $allowed = 'what follows the address must be one of timeout=, on-error=, password=, user=, ca= and prefix=';
my $first = qr/the first word must be shm, or redis:/;
my @bad = (
    ["redis://:$secret\@127.0.0.1:0/0", 'the port is no number from 1 to 65535'],
    ["redis://:$secret\@127.0.0.1:65536/0", 'the port is no number from 1 to 65535'],
    ["redis://:$secret\@127.0.0.1/x", 'the database is no number from 0 to 65535'],
    ["redis://$half/$other\@127.0.0.1:6379/0", $behind],
    ["redis://me:12/$other\@127.0.0.1:6379/0", $behind],
    ["redis://me:998877/$other\@127.0.0.1:6379/0", $behind],
    ["redis://:$half/$other\@127.0.0.1:6379/0", $form],
    ["redis://:12?$other\@127.0.0.1:6379/0", $behind],
    ["redis://me:12#$other\@127.0.0.1:6379/0", $behind],
    ["redis://me:$half%zz$other\@127.0.0.1", 'the password in the address has a % that is not followed by two hex digits'],
    ["redis://127.0.0.1/0?password=$secret", $form],
    ["redis://127.0.0.1/0#$secret", $form],
    ["unix://:12/$other\@/run/redis.sock", $behind],
    ["unix://run/redis.sock password=$secret", 'a socket is unix:///path[?db=N], with three slashes'],
    ["unix:///run/redis.sock?password=$secret", 'of a socket, only ?db=N may follow the path'],
    ["unix:///run/redis.sock?db=$secret", 'the database is no number from 0 to 65535'],
    ["redis://:$secret\@127.0.0.1/0 password=$secret", 'password is given twice'],
    ["redis://127.0.0.1/0 password=$half password=$other", 'password is given twice'],
    ["redis://127.0.0.1/0 pasword=$secret", $allowed],
    ["redis://127.0.0.1/0 $secret==", $allowed],
    ["redis://127.0.0.1/0 $secret= $secret=", $allowed],
    ["redis://127.0.0.1/0 $secret", qr/what follows the address must be timeout=DURATION/],
    ["password=$secret redis://127.0.0.1/0", $first],
    ["me:$secret\@127.0.0.1/0", $first],
    ["$secret redis://127.0.0.1/0", $first],
    ["redis://127.0.0.1/0 prefix=a*", 'prefix= is 1 to 32 letters, digits and . _ -'],
    ['redis://127.0.0.1/0 password=exec:/bin/false', '/bin/false ended with status 1'],
    ['redis://127.0.0.1/0 user=me', 'a user needs a password: in the address, or password='],
    ["rediss://:$secret\@127.0.0.1/0 ca=/nowhere", qr/rediss:\/\/ needs a hiredis with TLS, and hiredis [\d.]+, which this module was built with, has none|ca= names no readable file/],
);
for my $case (@bad) {
    my ($words, $error) = @$case;
    my $said = said($words);
    my $name = $words =~ s/\Q$secret\E|\Q$half\E|\Q$other\E/.../gr;
    like $said, ref $error ? qr/TaiAuthLimiter: $error/ : qr/^taiauth: TaiAuthLimiter: \Q$error\E$/m, "$name: an error";
    unlike $said, qr/\Q$_\E/, '... without the password' for $secret, $half, $other;
}

done_testing;
