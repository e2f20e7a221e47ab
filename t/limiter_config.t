# TaiAuthLimiter with mod_taiauth_redis loaded: what httpd -t takes and refuses, and that no password is
# shown, by an error or by what mod_info writes of the configuration.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiModules;
use TaiTest;

die "no mod_taiauth_redis.so was built: is libhiredis-dev installed?\n" unless -f $ENV{TAI_REDIS_MODULE};

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
    ['redis://127.0.0.1 password=exec:/bin/pwd', 'redis://127.0.0.1 password=...'],
);
for my $case (@good) {
    my ($words, $shown) = @$case;
    my $said = said($words);
    like $said, qr/^TaiAuthLimiter \Q$shown\E$/m, "shown as $shown";
    like $said, qr/Syntax OK/, '... and taken';
    unlike $said, qr/\Q$secret\E/, '... without the password';
}

my @bad = (
    ["redis://:$secret\@127.0.0.1:0/0", 'the port "0" is no number from 1 to 65535'],
    ["redis://:$secret\@127.0.0.1/0 password=$secret", 'the password is given twice'],
    ["redis://127.0.0.1/0 pasword=$secret", 'Redis has no option pasword: there are password=, user= and ca='],
    ['redis://127.0.0.1/0 password=exec:/bin/false', '/bin/false ended with status 1'],
    ['redis://127.0.0.1/0 user=me', 'a user needs a password: in the address, or password='],
    ["unix://run/redis.sock password=$secret", 'a socket is unix:///path[?db=N], with three slashes'],
);
for my $case (@bad) {
    my ($words, $error) = @$case;
    my $said = said($words);
    like $said, qr/^taiauth: TaiAuthLimiter: \Q$error\E$/m, $error;
    unlike $said, qr/\Q$secret\E/, '... without the password';
}

done_testing;
