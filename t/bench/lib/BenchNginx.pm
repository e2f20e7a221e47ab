# nginx with Lua and shared dictionaries, one worker.
package BenchNginx;

use strict;
use warnings;

use parent 'BenchServer';

use File::Path qw(make_path);
use FindBin;

# run:     what BenchRun knows
# name:    for messages, and of its directory
# values:  file with the texts of keys that it is to know; undef: it checks nothing
# processor: as BenchServer
sub new {
    my ($class, %want) = @_;
    my $dir = "$want{run}{dir}/$want{name}";
    my $port = BenchServer::free_port();
    make_path("$dir/htdocs/on", "$dir/tmp");
    put("$dir/htdocs/on/x", "ok\n");
    put("$dir/nginx.conf", conf($dir, $port, $want{values}));
    return $class->SUPER::new(name => $want{name}, port => $port, dir => $dir,
        processor => $want{processor}, command => ['nginx', '-p', $dir, '-c', "$dir/nginx.conf", '-e', "$dir/error.log"]);
}

sub put {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
    return;
}

sub modules_path {
    return qx(nginx -V 2>&1) =~ /--modules-path=(\S+)/ ? $1 : die "nginx -V names no path of modules\n";
}

sub conf {
    my ($dir, $port, $values) = @_;
    my $modules = modules_path();
    my $load = defined $values ? <<"CONF" : '';
load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;
CONF
    my $lua = defined $values ? <<"CONF" : '';
    lua_shared_dict records 256m;
    lua_shared_dict windows 256m;
    lua_package_path '$FindBin::Bin/lib/?.lua;/usr/share/lua/5.1/?.lua;;';
    init_by_lua_block { check = require "nginx"; check.fill("$values") }
CONF
    my $check = defined $values ? 'access_by_lua_block { check.access() }' : '';
    my $temporary = join '', map { "    ${_}_temp_path $dir/tmp/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi);
    return <<"CONF";
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log;
${load}events {
    worker_connections 1024;
}
http {
    access_log off;
    keepalive_requests 1000000000;
$temporary$lua
    server {
        listen 127.0.0.1:$port;
        root $dir/htdocs;
        location /on/ {
            $check
        }
    }
}
CONF
}

1;
