# Installations that share a Redis, each with a prefix= of its own: none counts for the other, none lifts
# what the other has locked. Servers of one prefix count together.
use strict;
use warnings;

use Test::More;
use TaiKeys;
use TaiLimited;
use TaiLogin;
use TaiRedis;
use TaiTest;

my $redis = TaiRedis->start;
my %server = map { $_->[0] => limited_server($redis->conf("timeout=5s on-error=deny $_->[1]")) } (
    ['production', 'prefix=production'],
    ['other', 'prefix=production'], # one more of the same
    ['staging', 'prefix=Staging_1.2-3'],
    ['default', ''],
);
my $account = make_account('limiter_prefix');

# --- rate limits ----------------------------------------------------------------------------------

my $key = make_key($account)->{key};
is statuses_at($server{production}, '/limited/x', 3, key => $key), '200 200 200', 'three of five';
is statuses_at($server{other}, '/limited/x', 3, key => $key), '200 200 429', '... and two at another server with this prefix';
is statuses_at($server{staging}, '/limited/x', 6, key => $key), '200 200 200 200 200 429', 'another prefix has its own five';
is statuses_at($server{default}, '/limited/x', 6, key => $key), '200 200 200 200 200 429', '... and so has who says nothing';

reload_with($server{other}, 'prefix=production', 'prefix=other');
is statuses_at($server{other}, '/limited/x', 6, key => $key), '200 200 200 200 200 429', 'a reload with another prefix: nothing is recalled of what the one before has refused';
reload_with($server{other}, 'prefix=other', 'prefix=production');
is statuses_at($server{other}, '/limited/x', 1, key => $key), '429', '... and back';

# --- lockouts -------------------------------------------------------------------------------------

my $pair = make_key($account, token => 1);
my $locked = lock_pair($server{production}, $pair);
is ask_at($server{other}, '/pair/x', client => $locked, pair => [@$pair{qw(key token)}])->status, 429, 'a lock holds at the other server';
is ask_at($server{staging}, '/pair/x', client => $locked, pair => [@$pair{qw(key token)}])->status, 200, '... and not elsewhere';

# --- log-ins --------------------------------------------------------------------------------------

my $user = login_user('limiter_prefix-login');
my $client = address();
sub log_in_at {
    my ($where, @more) = @_;
    return log_in($user, port => $server{$where}->port, client => $client, @more)->status;
}
is join(' ', map { log_in_at('production', password => password()) } 1 .. 2), '401 401', 'two wrong passwords of three';
is log_in_at('staging'), 201, 'a right one elsewhere';
is log_in_at('production', password => password()), 401, '... has not emptied the count: the third';
is log_in_at('production'), 429, '... which locks';
is log_in_at('staging'), 201, '... here alone';

# --- what is in it --------------------------------------------------------------------------------

my %names = map { /^([^:]*):[wfli]\{[\w-]{11}\}[\w-]{22}$/ ? ($1 => 1) : ($_ => 1) } split /\n/, $redis->command('--scan');
is_deeply [sort keys %names], ['Staging_1.2-3', 'other', 'production', 'taiauth'], 'each key begins with the prefix of who has made it';

$_->stop for values %server;
done_testing;
