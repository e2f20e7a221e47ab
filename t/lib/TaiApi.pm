# Callers of the management API, and what it answers, in either dialect.
#
#   my $ann = administrator('acme', plan => 'pro');
#   my $answer = api($ann, POST => '/keys', { name => 'ci' });
#   is_done $answer, 201, 'created';
#   my $key = data($answer);
#
# Who httpd itself has to know stands in a file that it reads at each request: no bcrypt slows the
# tests down, and none of its slots is taken. People log in for a session where a test is about that.
package TaiApi;

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use Exporter 'import';
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;
use TaiTest;

our @EXPORT = qw(
    administrator person known_to_httpd elsewhere logged_in api send_call data is_done is_refused new_key create_key
    note_secrets use_key api_conf
);

our $VHOST = 'api_keys'; # t/conf/api_keys.conf.in

# Text for the configuration of a test's own server: a place that takes its callers from our file.
sub api_conf {
    my ($path, @lines) = @_;
    my $users = users_file();
    return join '', map { "$_\n" } "<Location $path>", 'TaiAuthAPI On', 'TaiAuthRateLimit off', 'AuthType Basic',
        'AuthName api', 'AuthBasicProvider file', qq(AuthUserFile "$users"), 'Require valid-user', @lines,
        '</Location>';
}

# --- people -------------------------------------------------------------------------------------

sub users_file { return var('serverroot') . '/conf/api_keys.users' }

sub read_users {
    open my $in, '<', users_file() or return;
    return readline $in;
}

# Someone httpd knows; whether the module does, too, is up to the test.
sub known_to_httpd {
    my ($username) = @_;
    my $password = secret('pw-' . join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 24);
    my %lines = map { /^([^:]+):/ ? ($1 => $_) : () } read_users();
    $lines{$username} = "$username:{SHA}" . sha1_base64($password) . "=\n"; # of another database, perhaps
    open my $out, '>', users_file() or die users_file() . ": $!";
    print $out map { $lines{$_} } sort keys %lines;
    close $out or die users_file() . ": $!";
    return { user => $username, password => $password, place => '/manage' };
}

# A user of an account, with the same password there and in httpd's file: role => member.
sub person {
    my ($account, $username, %want) = @_;
    my $who = known_to_httpd($username);
    my @role = $want{role} ? ('--role', $want{role}) : ();
    $who->{id} = add_user($account, $username, $who->{password}, @role);
    $who->{account} = $account;
    return $who;
}

# A new account and its primary administrator: plan => 'pro', user => 'ann'.
sub administrator {
    my ($account, %want) = @_;
    taictl(account => 'add', $account, '--plan', $want{plan} || 'free');
    return person($account, $want{user} || "$account-admin");
}

# The same one, calling another place: port => that of a server of the test's own.
sub elsewhere {
    my ($who, $place, %want) = @_;
    return { %$who, place => $place, %want };
}

# The same one, known by a session alone.
sub logged_in {
    my ($who, $place) = @_;
    my $self = { %$who, place => $place || '/session' };
    my $answer = api({ place => $self->{place} }, POST => '/session', { username => $who->{user}, password => $who->{password} });
    my ($cookie) = ($answer->header('Set-Cookie') // '') =~ /^([^;]+)/ or die "no session: ", $answer->head, $answer->body;
    $self->{cookie} = $cookie;
    secret($cookie =~ s/^[^=]*=//r);
    return $self;
}

sub credentials {
    my ($who) = @_;
    return @{$who->{headers}} if $who->{headers};
    return (Cookie => $who->{cookie}, 'Sec-Fetch-Site' => 'same-origin') if $who->{cookie};
    return () unless defined $who->{user};
    return (Authorization => 'Basic ' . encode_base64("$who->{user}:$who->{password}", ''));
}

# --- calls --------------------------------------------------------------------------------------

# One call. $who undef: nobody. A body that is no text is sent as JSON. More headers come last.
sub api {
    my ($who, $method, @call) = @_;
    return send_call($who, $method, @call)->read($method);
}

# The same, without waiting for the answer: the connection to read it from.
sub send_call {
    my ($who, $method, $path, $body, @more) = @_;
    $who //= { place => '/manage' };
    $body = JSON::PP->new->utf8->canonical->encode($body) if ref $body;
    my @headers = (credentials($who), defined $body ? ('Content-Type' => 'application/json') : (), @more);
    my $connection = TaiHttp->new($who->{port} || port($VHOST));
    return $connection->send(
        TaiHttp::bytes($method, ($who->{place} // '/manage') . $path, \@headers, $body, 'close'));
}

# What it says, without the envelope.
sub data {
    my ($answer) = @_;
    my $json = $answer->json // return undef;
    return $json->{errors} ? $json->{data} : $json;
}

sub in_envelope { return ref $_[0]->json eq 'HASH' && $_[0]->json->{errors} }

# As one test: it was done. The envelope has 200 for all that is.
sub is_done {
    my ($answer, $status, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return subtest $name => sub {
        is $answer->status, in_envelope($answer) ? 200 : $status, 'status' or diag $answer->body;
        is_deeply $answer->json->{errors}, [], 'no errors' if in_envelope($answer);
        is_common($answer);
    };
}

sub is_common {
    my ($answer) = @_;
    like $answer->header('Content-Type'), qr{^application/json\b}, 'Content-Type';
    like $answer->header('Cache-Control'), qr/^(?:private, )?no-store$/, 'Cache-Control';
    is $answer->header('X-Content-Type-Options'), 'nosniff', 'X-Content-Type-Options';
    is $answer->header('Content-Security-Policy'), "default-src 'none'", 'Content-Security-Policy';
    ok $answer->json, 'the body is JSON';
    return;
}

# As one test: it was refused, with a text like this. The envelope keeps these statuses alone.
my %kept = map { $_ => 1 } 401, 405, 429, 503;

sub is_refused {
    my ($answer, $status, $code, $text, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return subtest $name => sub {
        if (in_envelope($answer)) {
            is $answer->status, $kept{$status} ? $status : 200, 'status';
            is_deeply $answer->json->{data}, [], 'no data';
            is scalar @{$answer->json->{errors}}, 1, 'one error';
            like $answer->json->{errors}[0], $text, 'its text';
        }
        else {
            is_refusal $answer, $status, $code, 'as refusals are';
            like data($answer)->{error} // '', $text, 'its text';
        }
        is_common($answer);
    };
}

# --- keys ---------------------------------------------------------------------------------------

# What no log and no file may hold of what was made.
sub note_secrets {
    my ($made) = @_;
    secret($_) for map { $made->{$_} // () } qw(key token);
    return $made;
}

# Make a key over the API; returns the answer.
sub new_key {
    my ($who, $order) = @_;
    my $answer = api($who, POST => '/keys', { name => 'test', %{$order || {}} });
    note_secrets(data($answer)) if ref data($answer) eq 'HASH';
    return $answer;
}

# The same, for a test that cannot go on without it; returns the key.
sub create_key {
    my ($who, %order) = @_;
    my $answer = new_key($who, \%order);
    my $key = data($answer);
    die 'no key: ', $answer->status, ' ', $answer->body unless ref $key eq 'HASH' && $key->{key};
    return $key;
}

# The status of a request with this key, sent as its maker was told to.
sub use_key {
    my ($key, $path, $port) = @_;
    my @headers = map { ($_->{name} => $_->{value}) } @{$key->{headers}};
    $path //= $key->{token} ? '/pair/x' : '/v1/x';
    my $connection = TaiHttp->new($port || port($VHOST));
    $connection->send(TaiHttp::bytes(GET => $path, \@headers, undef, 'close'));
    return $connection->read('GET')->status;
}

1;
