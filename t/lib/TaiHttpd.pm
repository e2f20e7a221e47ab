# A httpd of its own for tests that start, restart, break and kill servers.
#
#   my $httpd = TaiHttpd->new(conf => 'TaiAuthSharedMemory 16M');
#   my $key = on_database($httpd->database, sub { make_key(make_account('acme')) });
#   $httpd->start or diag $httpd->said;
#   $httpd->get('/open');
#   $httpd->stop;
#
# Everything lives in a directory that goes with the object; so does the process, if it still runs.
package TaiHttpd;

use strict;
use warnings;

use Apache::Test ();
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Scalar::Util qw(weaken);
use Socket qw(PF_INET SOCK_STREAM SOL_SOCKET SO_REUSEADDR INADDR_LOOPBACK pack_sockaddr_in);
use Time::HiRes qw(sleep time);
use TaiDatabase;
use TaiHttp;
use TaiLimiter;
use TaiModules;
use TaiProcess;

my $TIMEOUT = 60; # seconds for a start or stop; valgrind is slow

my %made; # root -> object, weak

# conf:      text after the modules and the basics; the names in conf_values() are replaced
# database:  a TaiDatabase that somebody else has made; default: an empty one
sub new {
    my ($class, %want) = @_;
    my $root = tempdir('httpd.XXXXXX', DIR => Apache::Test::vars('t_logs'), CLEANUP => 1);
    make_path("$root/htdocs", "$root/logs");
    my $self = bless {
        root     => $root,
        port     => free_port(),
        database => $want{database} // TaiDatabase->new("$root/keys.db")->init,
        shared   => defined $want{database},
        httpd    => Apache::Test::vars('httpd'),
        owner    => $$,
    }, $class;
    weaken($made{$root} = $self);
    $self->configure($want{conf} // '');
    return $self;
}

sub root     { $_[0]{root} }
sub port     { $_[0]{port} }
sub database { $_[0]{database} }

# What httpd printed when it was last called.
sub said { $_[0]{said} }

my @bound; # sockets

# A port of our own: none that the system gives to a client by itself, and below those of TaiRun and of
# build/service. It stays bound as long as this process lives, so that nobody else chooses it; whoever
# listens with SO_REUSEADDR, as servers do, may have it.
sub free_port {
    for (1 .. 1000) {
        my $port = 10_000 + int rand 6000;
        socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
        bind $socket, pack_sockaddr_in($port, INADDR_LOOPBACK) or next;
        setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, 1 or die "SO_REUSEADDR: $!";
        push @bound, $socket;
        return $port;
    }
    die 'no free port';
}

# A page /NAME/x.html for each name, which says its name.
sub place {
    my ($self, @names) = @_;
    for my $name (@names) {
        make_path("$self->{root}/htdocs/$name");
        open my $out, '>', "$self->{root}/htdocs/$name/x.html" or die "$name/x.html: $!";
        print $out $name;
        close $out or die "$name/x.html: $!";
    }
    return;
}

# Write another configuration, for the next start or restart. database => 0: without the lines that
# say where the database is.
sub configure {
    my ($self, $conf, %want) = @_;
    my $text = $self->basics;
    $text =~ s/^\@dbd\@//m unless $want{database} // 1;
    $text .= "$conf\n";
    my %value = $self->conf_values;
    $text =~ s/\@(\w+)\@/$value{$1} \/\/ "\@$1\@"/ge;
    open my $out, '>', "$self->{root}/httpd.conf" or die "$self->{root}/httpd.conf: $!";
    print $out $text;
    close $out or die "$self->{root}/httpd.conf: $!";
    return;
}

# @dbd@ is the lines that name the database, @limiter@ those that say where is counted; @other@ says where there is none of ours.
sub conf_values {
    my ($self) = @_;
    my $database = $self->database;
    return (root => $self->root, port => $self->port, dbd => $database->conf, driver => TaiDatabase::driver(),
        params => $database->params, location => $database->location, other => $database->other,
        limiter => TaiLimiter::conf("server-$self->{port}"));
}

sub basics {
    my $libexecdir = libexecdir();
    my $modules = join '', TaiModules::load_lines(Apache::Test::vars('httpd'), $libexecdir, cgi => 0);
    return $modules . <<'CONF';
ServerRoot "@root@"
ServerName localhost
Listen 127.0.0.1:@port@
PidFile "@root@/logs/httpd.pid"
DefaultRunTimeDir "@root@/logs"
DocumentRoot "@root@/htdocs"
TypesConfig /dev/null
AddType text/html .html
AddType application/json .json
ErrorLog "@root@/logs/error_log"
LogLevel debug taiauth:trace8
StartServers 2
@dbd@DBDMin 0
@limiter@<Location /server-status>
    SetHandler server-status
    Require local
</Location>
CONF
}

sub libexecdir {
    my $apxs = Apache::Test::vars('apxs');
    chomp(my $dir = qx('$apxs' -q LIBEXECDIR));
    return $dir;
}

# httpd with our configuration and these options, to its end. Returns the exit status.
sub call {
    my ($self, @options) = @_;
    my $command = join ' ', map { "'$_'" } $self->{httpd}, -f => "$self->{root}/httpd.conf", @options;
    $self->{said} = qx($command 2>&1 </dev/null);
    return $? >> 8;
}

# httpd -t; true: the configuration is accepted.
sub test {
    my ($self) = @_;
    return $self->call('-t') == 0;
}

# Start it; true when it answers. False: it would not; what it says is in said() and log().
sub start {
    my ($self) = @_;
    my $mark = length $self->log;
    return 0 if $self->call('-k', 'start');
    # The parent listens and writes its pid file before post_config, where it may yet refuse to go on.
    return until_true(sub {
        my $logged = substr $self->log, $mark;
        die "gave up\n" if $logged =~ /AH00016|Configuration Failed/i;
        return $logged =~ /resuming normal operations/ && $self->answers;
    });
}

sub answers {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 1);
}

# True as soon as the condition is; false when it dies or when time is over.
sub until_true {
    my ($condition) = @_;
    my $deadline = time + $TIMEOUT;
    while (time < $deadline) {
        my $value = eval { $condition->() };
        return 0 if $@;
        return $value if $value;
        sleep 0.02;
    }
    return 0;
}

# pid of the parent process; undef when none runs.
sub pid {
    my ($self) = @_;
    open my $in, '<', "$self->{root}/logs/httpd.pid" or return undef;
    chomp(my $pid = <$in> // '');
    return $pid =~ /^\d+$/ && runs($pid) ? $pid : undef;
}

# Stop it and wait until it is gone. The children go first, and gracefully: at SIGTERM a child of
# mpm_event closes the sockets of all its connections from its main thread, also one whose own thread
# is just giving it back to the system, and then dies of SIGSEGV, whatever modules it has.
sub stop {
    my ($self) = @_;
    $self->go_on;
    my $pid = $self->pid or return 1;
    kill WINCH => $pid;
    until_true(sub { !child_processes($pid) });
    kill TERM => $pid; # by itself it looks for its children once a second
    return until_true(sub { !runs($pid) });
}

# Have all of its processes stand still, amid whatever they do.
sub pause {
    my ($self) = @_;
    kill STOP => $self->pid; # first, that it starts no more of them
    my @processes = ($self->pid, $self->children);
    $self->{paused} = \@processes;
    kill STOP => @processes;
    return until_true(sub { !grep { !stands_still($_) } @processes });
}

sub go_on {
    my ($self) = @_;
    kill CONT => @{delete $self->{paused} // []};
    return;
}

# Kill it, with all its children. Whoever is to ask for its end may be slow, and as long its pid in the
# file would be taken for a server that runs.
sub kill_all {
    my ($self) = @_;
    kill STOP => $self->pid;
    my @processes = ($self->pid, $self->children);
    kill KILL => @processes;
    my $killed = until_true(sub { !grep { runs($_) } @processes });
    unlink "$self->{root}/logs/httpd.pid";
    return $killed;
}

# Restart gracefully; true when the new generation answers.
sub graceful { return $_[0]->begin_generation('USR1') }

# Restart, with whatever is under way being ended; the same.
sub restart { return $_[0]->begin_generation('HUP') }

sub begin_generation {
    my ($self, $signal) = @_;
    my $before = $self->generation;
    kill $signal => $self->pid or return 0;
    return until_true(sub {
        die "gone\n" unless $self->pid;
        return ($self->generation // -1) > $before;
    });
}

sub generation {
    my ($self) = @_;
    my $status = eval { $self->get('/server-status?auto') } or return undef;
    return $status->body =~ /^ParentServerConfigGeneration: (\d+)/m ? $1 : undef;
}

# The processes that answer requests.
sub children {
    my ($self) = @_;
    my $parent = $self->pid or return;
    return map { $_->{pid} } child_processes($parent);
}

# One request on a connection of its own.
sub ask {
    my ($self, $method, $path, $headers) = @_;
    my $connection = TaiHttp->new($self->{port});
    $connection->send(TaiHttp::bytes($method, $path, $headers, undef, 'close'));
    return $connection->read($method);
}

sub get {
    my ($self, $path, $headers) = @_;
    return $self->ask(GET => $path, $headers);
}

# A number of the metrics page, which is at /metrics.
sub metric {
    my ($self, $name) = @_;
    my $page = $self->get('/metrics')->body;
    return $page =~ /^taiauth_\Q$name\E (\d+(?:\.\d+)?)$/m ? $1 : die "no metric $name\n";
}

# The whole error log.
sub log {
    my ($self) = @_;
    open my $in, '<', "$self->{root}/logs/error_log" or return '';
    local $/;
    return <$in> // '';
}

# An object that lives as long as its file is destroyed too late: its directory, with the pid of the
# server in it, is gone by then.
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
    delete $made{$self->{root}};
    $self->stop;
    $self->keep;
    return;
}

# What zz_faults.t and zz_secrets.t look at, once the directory is gone.
sub keep {
    my ($self) = @_;
    my $logs = Apache::Test::vars('t_logs');
    if (-e "$self->{root}/logs/error_log") {
        open my $out, '>>:raw', "$logs/servers_error_log" or die "servers_error_log: $!";
        copy("$self->{root}/logs/error_log", $out) or die "error_log: $!";
    }
    return if $self->{shared};
    $self->database->keep("$logs/servers.db");
    $self->database->drop;
    return;
}

1;
