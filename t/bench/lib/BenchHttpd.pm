# httpd for a bench: few modules, no access log, one child with a thread for every connection, for it
# has one processor.
package BenchHttpd;

use strict;
use warnings;

use parent 'BenchServer';

use File::Path qw(make_path);

# What serves a file and needs no module of those that are compared.
my @BASIC = qw(authn_core authz_core unixd);

# run:      what BenchRun knows
# name:     for messages, and of its directory
# modules:  names beyond the basic ones, in their order; taiauth and taiauth_redis are ours
# mpm:      default event
# conf:     text after the basics; @dir@ is the server's directory
# wrap:     what the server runs under: program and arguments
# options:  of httpd, such as -X; default -DFOREGROUND
# children: how many of 32 threads; default 1
# processor: as BenchServer
sub new {
    my ($class, %want) = @_;
    my $dir = "$want{run}{dir}/$want{name}";
    my $port = BenchServer::free_port();
    make_path("$dir/htdocs", "$dir/logs");
    place("$dir/htdocs/$_") for qw(on off free);
    my $self = $class->SUPER::new(
        name      => $want{name},
        port      => $port,
        dir       => $dir,
        processor => $want{processor},
        command   => [@{$want{wrap} // []}, $want{run}{httpd}, '-f', "$dir/httpd.conf",
            @{$want{options} // ['-DFOREGROUND']}],
    );
    $self->write_conf(%want);
    return $self;
}

sub place {
    my ($dir) = @_;
    make_path($dir);
    open my $out, '>', "$dir/x" or die "$dir/x: $!\n";
    print $out "ok\n";
    close $out or die "$dir/x: $!\n";
    return;
}

sub write_conf {
    my ($self, %want) = @_;
    my $conf = join '', load_lines($want{run}, 'mpm_' . ($want{mpm} // 'event'), @BASIC, @{$want{modules} // []}),
        basics($self->{port}, $want{children} // 1), $want{conf} // '';
    $conf =~ s/\@dir\@/$self->{dir}/g;
    open my $out, '>', "$self->{dir}/httpd.conf" or die "$self->{dir}/httpd.conf: $!\n";
    print $out $conf;
    close $out or die "$self->{dir}/httpd.conf: $!\n";
    return;
}

# Some builds have some of them compiled in.
sub load_lines {
    my ($run, @names) = @_;
    my %static = map { $_ => 1 } map { /^\s+(?:mod_)?(\w+)\.c$/ } qx($run->{httpd} -l);
    my %ours = (taiauth => $run->{module}, taiauth_redis => $run->{redis_module});
    return map { "LoadModule ${_}_module " . ($ours{$_} // "$run->{libexecdir}/mod_$_.so") . "\n" }
        grep { !$static{$_} } @names;
}

sub basics {
    my ($port, $children) = @_;
    my $workers = 32 * $children;
    return <<"CONF";
ServerRoot "\@dir\@"
ServerName localhost
Listen 127.0.0.1:$port
PidFile "\@dir\@/logs/httpd.pid"
DefaultRunTimeDir "\@dir\@/logs"
DocumentRoot "\@dir\@/htdocs"
ErrorLog "\@dir\@/logs/error_log"
LogLevel warn
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
<IfModule mpm_event_module>
    StartServers $children
    ServerLimit $children
    ThreadsPerChild 32
    ThreadLimit 32
    MinSpareThreads $workers
    MaxSpareThreads $workers
    MaxRequestWorkers $workers
</IfModule>
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
CONF
}

1;
