# password=exec: a program that says the password of Redis is asked each time that the configuration is
# read. That it fails keeps a server from starting, and stops none that runs.
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use TaiHttpd;
use TaiKeys;
use TaiLimited;
use TaiRedis;
use TaiTest;

my $redis = TaiRedis->start;
my $dir = tempdir(CLEANUP => 1);

sub write_file {
    my ($name, $text) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print $out $text;
    close $out or die "$dir/$name: $!";
    return;
}

# Says the password that the test has noted, as long as it has noted one.
write_file(program => qq(#!/bin/sh\ncat "$dir/vault"\n));
chmod 0700, "$dir/program" or die "$dir/program: $!";

my $conf = sprintf "LoadModule taiauth_redis_module %s\nTaiAuthLimiter redis://127.0.0.1:%d/0 %s on-error=deny timeout=5s\n",
    $ENV{TAI_REDIS_MODULE}, $redis->port, "password=exec:$dir/program";

# --- where it is ----------------------------------------------------------------------------------

# What build/service has made, for the tests and the demo: others on this machine read no more of it
# than the port.
is join(' ', map { sprintf '%s %04o', $_, (stat $redis->dir . "/$_")[2] & 07777 } qw(password redis.conf service)),
    'password 0600 redis.conf 0600 service 0600', 'the password is in files that nobody else reads';
open my $words, '<', '/proc/' . $redis->pid . '/cmdline' or die "cmdline: $!";
unlike join('', <$words>), qr/\Q@{[$redis->password]}\E|requirepass/, '... and not among the words of its command';

# --- nobody knows it yet --------------------------------------------------------------------------

my $fails = qr/TaiAuthLimiter: \Q$dir\E\/program ended with status 1/;
my $closed = TaiHttpd->new(conf => $conf);
ok !$closed->test, 'a program that fails: httpd -t refuses it';
like $closed->said, $fails, '... and says why';
ok !$closed->start, '... and so does the start';

# --- known once -----------------------------------------------------------------------------------

write_file(vault => $redis->password . "\n");
my $server = limited_server($conf);
my $key = make_key(make_account('limiter_password'))->{key};

sub counted_there {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $redis->calls;
    is ask_at($server, '/many/x', key => $key)->status, 200, "$name: a request with a limit";
    is $redis->calls - $before, 1, '... was counted in Redis';
    return;
}
counted_there('the program said it');

unlink "$dir/vault" or die "$dir/vault: $!";
my $mark = length $server->log;
ok $server->graceful, 'a reload while the program fails: the server goes on';
counted_there('with the password that it said before');
like substr($server->log, $mark), qr/$fails; the password that it said before is still used/, 'the log says so';
ok !$server->test, 'httpd -t, which knows of no password, refuses it';
ok $server->graceful, 'and another reload';
counted_there('and still');

# --- another one ----------------------------------------------------------------------------------

my $new = secret('redis-' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 24);
$redis->change_password($new);
write_file(vault => "$new\n");
$mark = length $server->log;
ok $server->graceful, 'a reload behind another password';
counted_there('with the new one');
unlike substr($server->log, $mark), $fails, 'nothing failed';

$server->stop;
done_testing;
