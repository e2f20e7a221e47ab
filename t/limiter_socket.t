# Redis at a Unix socket: the children of httpd need the right to write to it.
use strict;
use warnings;

use Test::More;
use TaiKeys;
use TaiLimited;
use TaiRedis;
use TaiTest;

my $redis = TaiRedis->start;
my $socket = $redis->line('socket');
chmod 0, $socket or die "$socket: $!";
my $server = limited_server(sprintf "LoadModule taiauth_redis_module %s\nTaiAuthLimiter unix://:%s@%s?db=3 timeout=5s on-error=deny\n",
    $ENV{TAI_REDIS_MODULE}, $redis->password, $socket);
my $key = make_key(make_account('limiter_socket'))->{key};

is ask_at($server, '/limited/x', key => $key)->status, 503, 'without that right';
like $server->log, qr{taiauth: the limiter unix://\Q$socket\E\?db=3 does not answer: .*no connection: Permission denied}, 'the log says so';

chmod 0700, $socket or die "$socket: $!";
wait_for(sub { ask_at($server, '/many/x', key => $key)->status == 200 }, 'the limiter to answer');
is statuses_at($server, '/limited/x', 6, key => $key), '200 200 200 200 200 429', 'with it, counted';
like $redis->command(INFO => 'keyspace'), qr/^db3:keys=/m, '... in its database';
unlike $redis->command(INFO => 'keyspace'), qr/^db0:/m, '... and in no other';

$server->stop;
done_testing;
