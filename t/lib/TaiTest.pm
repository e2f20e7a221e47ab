# What the .t files share: keys, requests byte by byte, the database, the log, the server's children.
#
#   use TaiTest;
#   my $account = make_account('acme', plan => 'pro');
#   my $key = make_key($account, scopes => ['programs:read']);
#   my $answer = request('topic', GET => '/v1/programs', { 'X-API-Key' => $key->{key} });
#   is $answer->status, 200;
package TaiTest;

use strict;
use warnings;

use Exporter 'import';
use Apache::Test ();
use IPC::Open3 qw(open3);
use JSON::PP ();
use Symbol qw(gensym);
use Test::More;
use Time::HiRes qw(sleep time);
use TaiDatabase;
use TaiHttp;
use TaiProcess;

our @EXPORT = qw(
    taictl taictl_status database on_database of_files of_servers make_account add_user make_key secret db settled
    port request connection is_refusal
    wait_for log_mark log_since graceful children var
);

# One of Apache::Test's settings: serverroot, t_logs, database, backend_port, mpm, ...
sub var {
    my ($name) = @_;
    return Apache::Test::vars($name);
}

# --- keys ---------------------------------------------------------------------------------------

my $database; # of a private server, while on_database lasts

# The one that taictl and db() work on.
sub database { return $database // TaiDatabase->of(var('database')) }

# Run the code with taictl, and all that is built on it, on another database than the server's.
sub on_database {
    my ($other, $code) = @_;
    my $before = $database;
    $database = $other;
    my @result = eval { $code->() };
    my $error = $@;
    $database = $before;
    die $error if $error;
    return wantarray ? @result : $result[0];
}

# Ends a file or a subtest that is about a file, where databases are none. t/lib/TaiSkips.pm lists them.
sub of_files {
    plan skip_all => 'about a file' unless TaiDatabase::is_file();
    return;
}

# The same for what is about a server.
sub of_servers {
    plan skip_all => 'about a server' if TaiDatabase::is_file();
    return;
}

# Run taictl on the server's database. In list context: exit status, standard output, error output.
sub taictl_status {
    my ($input, @args) = @_;
    local $SIG{PIPE} = 'IGNORE'; # it may refuse before it has read
    my %environment = database()->environment;
    local @ENV{keys %environment} = values %environment;
    my $err = gensym;
    my $pid = open3(my $in, my $out, $err, $ENV{TAICTL}, @args);
    print $in $input if defined $input;
    close $in;
    my $printed = do { local $/; <$out> };
    my $said = do { local $/; <$err> };
    waitpid $pid, 0;
    return ($? >> 8, $printed // '', $said // '');
}

# What taictl --json prints, decoded. Dies where it fails.
sub taictl {
    my @args = @_;
    my $input = ref $args[0] ? ${shift @args} : undef;
    my ($status, $printed, $said) = taictl_status($input, '--json', @args);
    die "taictl @args: exit status $status: $said" if $status;
    return length $printed ? JSON::PP->new->utf8->decode($printed) : undef;
}

# Remember a text that no log and no database file may ever hold; zz_secrets.t looks for it.
sub secret {
    my ($text) = @_;
    open my $out, '>>', var('secrets') or die "@{[var('secrets')]}: $!";
    print $out "$text\n";
    close $out or die "@{[var('secrets')]}: $!";
    return $text;
}

# An account with its primary administrator, who cannot log in. Returns its name.
sub make_account {
    my ($name, %want) = @_;
    taictl(account => 'add', $name, '--plan', $want{plan} || 'free');
    taictl(user => 'add', $name, $want{user} || "$name-admin", '--no-password');
    return $name;
}

# A user of an account; returns his id. taictl would take a quarter of a second for the hash of his
# password: this one costs as little as the module admits.
sub add_user {
    my ($account, $username, $password, @role) = @_;
    my $id = taictl(user => 'add', $account, $username, @role, '--no-password')->{id};
    my $salt = join '', map { ('.', '/', 'A' .. 'Z', 'a' .. 'z', 0 .. 9)[rand 64] } 1 .. 21;
    db()->do('UPDATE users SET password_hash = ? WHERE id = ?', undef, crypt($password, "\$2y\$10\$$salt."), $id);
    return $id;
}

# A key of an account: scopes => [...], token => 1, options => [further options of taictl].
# Returns what taictl prints: id, key, prefix, token, ...
sub make_key {
    my ($account, %want) = @_;
    my @options = @{$want{options} || []};
    push @options, '--scopes', join ',', @{$want{scopes}} if $want{scopes};
    push @options, '--token' if $want{token};
    my $made = taictl(key => 'create', $account, '--name', $want{name} || 'test', @options);
    secret($made->{key});
    secret($made->{token}) if $made->{token};
    return $made;
}

# A handle on the server's database.
sub db { return database()->handle }

# Wait until every server on the database has heard of all that was changed: from then on it holds,
# and what a server remembers of keys it need not forget for it.
sub settled {
    my $db = db();
    my $behind = 'SELECT COUNT(*) FROM nodes WHERE applied_seq < (SELECT seq FROM change_counter)';
    return wait_for(sub { !$db->selectrow_array($behind) }, 'every server to have heard of all changes');
}

# --- requests -----------------------------------------------------------------------------------

# Port of a virtual host of t/conf/*.conf.in; without a name the main server's.
sub port {
    my ($vhost) = @_;
    return var('port') unless defined $vhost;
    my $config = Apache::Test::config()->{vhosts}{$vhost} or die "no virtual host '$vhost'";
    return $config->{port};
}

# A connection to a virtual host: see TaiHttp.
sub connection {
    my ($vhost) = @_;
    return TaiHttp->new(port($vhost));
}

# One request on a connection of its own. Headers: a hash, or an array where order or repetition
# matters.
sub request {
    my ($vhost, $method, $path, $headers, $body) = @_;
    my $connection = connection($vhost);
    $connection->send(TaiHttp::bytes($method, $path, $headers, $body, 'close'));
    return $connection->read($method);
}

# The whole shape of a refusal in the format `json`, as one test.
sub is_refusal {
    my ($answer, $status, $code, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %limited = map { $_ => 1 } qw(RATE_LIMITED LOCKED_OUT);
    subtest $name || "$status $code" => sub {
        is $answer->status, $status, 'status';
        like $answer->header('Content-Type'), qr{^application/json\b}, 'Content-Type';
        is $answer->header('Cache-Control'), 'no-store', 'Cache-Control';
        is $answer->header('X-Content-Type-Options'), 'nosniff', 'X-Content-Type-Options';
        my $body = $answer->json;
        ok $body, 'the body is JSON' or return;
        is $body->{code}, $code, 'code';
        ok length($body->{error} // ''), 'error';
        my @members = ('code', 'error', $limited{$code} ? 'retry_after' : ());
        is_deeply [sort keys %$body], \@members, 'no other members';
        is $answer->header('Retry-After'), $body->{retry_after}, 'Retry-After' if $limited{$code};
    };
}

# --- the server ---------------------------------------------------------------------------------

# Wait until a condition holds; fails the test that waits for what never comes. Returns its value.
sub wait_for {
    my ($condition, $what, $seconds) = @_;
    my $deadline = time + ($seconds || 20);
    while (1) {
        my $value = $condition->();
        return $value if $value;
        last if time > $deadline;
        sleep 0.02;
    }
    die "waited in vain for $what\n";
}

# Where the error log ends now.
sub log_mark {
    return -s var('t_logs') . '/error_log' || 0;
}

# What has been logged since.
sub log_since {
    my ($mark) = @_;
    open my $in, '<', var('t_logs') . '/error_log' or die "error_log: $!";
    seek $in, $mark, 0;
    local $/;
    return <$in> // '';
}

# Restart gracefully; returns when the new generation answers.
sub graceful {
    my $before = generation();
    kill USR1 => server_pid() or die "cannot signal httpd: $!";
    wait_for(sub { (generation() // $before) > $before }, 'the new generation');
}

sub generation {
    my $status = request(undef, GET => '/server-status?auto');
    return $status->body =~ /^ParentServerConfigGeneration: (\d+)/m ? $1 : undef;
}

sub server_pid {
    open my $in, '<', var('t_pid_file') or die "@{[var('t_pid_file')]}: $!";
    chomp(my $pid = <$in>);
    return $pid;
}

# The processes that answer requests. mod_cgid's daemon is a child of httpd too, but has no threads.
sub children {
    my $threaded = var('mpm') ne 'prefork';
    return map { $_->{pid} } grep { !$threaded || $_->{threads} > 1 } child_processes(server_pid());
}

1;
