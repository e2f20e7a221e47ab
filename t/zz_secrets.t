# No key, token or password that this run has issued stands in a log, in a database file or in what
# a proxied application saw; no digest of one outside of the database. The last but for zz_, so that
# it looks at what all the others have left; and it asks for itself, for when it runs alone.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Find;
use Test::More;
use TaiBackend;
use TaiLogin;
use TaiTest;

my $logs = var('t_logs');

# --- every way in which a secret meets the server ------------------------------------------------

sub secrets { return do { open my $in, '<', var('secrets') or die "secrets: $!"; map { chomp; $_ } <$in> } }

my $account = make_account('zz_secrets');
my ($key, $revoked) = map { make_key($account) } 1, 2;
my $pair = make_key($account, token => 1);
taictl(\"$revoked->{key}\n", key => 'revoke', '--stdin');
my ($unknown, $mistyped) = (secret('tai_' . 'A' x 32 . '2Fjjgu'), secret($key->{key} =~ s/(.)$/$1 eq 'x' ? 'y' : 'x'/er));

my @requests = (
    (map { [200, '', 'X-API-Key' => $_] } $key->{key}),
    (map { [401, '', 'X-API-Key' => $_] } $revoked->{key}, $unknown, $mistyped, "$key->{key},", "$key->{key} x", "x$key->{key}"),
    [401, '', 'X_API_Key' => $key->{key}],
    [401, '', 'X-API-Key' => $key->{key}, 'X-API-Key' => $key->{key}],
    [200, '', Authorization => "Bearer $key->{key}"],
    [401, '', Authorization => "Bearer $pair->{key}"],
    [403, 'scope/', 'X-API-Key' => $key->{key}],
    [200, 'limit/', 'X-API-Key' => $key->{key}],
    [200, 'pair/', apikey => $pair->{key}, 'x-ts-authorization' => $pair->{token}],
    [401, 'pair/', apikey => $pair->{key}],
    [401, 'pair/', apikey => $pair->{token}, 'x-ts-authorization' => $pair->{key}],
    [401, 'pair/', apikey => $pair->{key}, 'x-ts-authorization' => "$pair->{token}x"],
    [429, 'pair/', apikey => $pair->{key}, 'x-ts-authorization' => "$pair->{token}y"],
);
my $backend = TaiBackend->start;
for my $request (@requests) {
    my ($status, $place, @headers) = @$request;
    is request('zz_secrets', GET => "/backend/${place}zz_marker", \@headers)->status, $status, "/backend/$place: $status";
}
my $seen = request('zz_secrets', GET => '/cgi/echo.pl', { 'X-API-Key' => $key->{key} });
unlike $seen->body, qr/\Q$key->{key}\E/, 'a CGI program does not see the key';
is request('zz_secrets', TRACE => '/backend/', { 'X-API-Key' => $key->{key} })->status, 405, 'TRACE';
undef $backend;

my $ann = login_user('zz_secrets-ann', account => $account, role => 'member');
my @log_ins = (
    [403, 'the right password', $ann],
    [401, 'a wrong one', $ann, password => password()],
    [401, 'a key for a user name', { user => $key->{key}, password => password() }],
    [400, 'a password that is no text', $ann, body => qq({"username": "x", "password": ["$ann->{password}"]})],
    [400, 'a password for a name of a member', $ann, body => qq({"username": "x", "password": "x", "tai_$ann->{password}": 1})],
    [400, 'a password in what is no JSON', $ann, body => qq({"username": "x", "password": "$ann->{password}"x)],
);
for my $log_in (@log_ins) {
    my ($status, $name, $who, @want) = @$log_in;
    is log_in($who, vhost => 'zz_secrets', @want)->status, $status, "a log-in: $name";
}
my $admin = login_user('zz_secrets-login', taictl => 1);
is log_in($admin, vhost => 'zz_secrets')->status, 201, 'a log-in that gives a key';

# --- where to look ----------------------------------------------------------------------------------

database()->keep("$logs/keys.db");
my @files;
find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && $_ ne var('secrets') && !is_of_service($_) } }, $logs);

# What build/service has noted of a server, its password among that, for those who talk to it.
sub is_of_service {
    my ($file) = @_;
    return $file =~ m{^(.*)/(?:service|password|redis\.conf)\z} && -f "$1/service";
}

sub bytes {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/;
    return <$in> // '';
}

# Each kind of file is there, and holds what this run has done: else nothing would have been searched.
my $digest = sha256_hex($key->{key});
my @kinds = (
    ['the access log', qr/access_log$/, qr/zz_marker/],
    ['the error log', qr/(?<!servers_)error_log$/, qr/refused 401 INVALID_API_KEY: key_revoked, key \Q$revoked->{prefix}\E/],
    ['the error log, at trace3', qr/(?<!servers_)error_log$/, qr/\[\w+:trace3\]/],
    ['the view of the backend', qr/backend_log$/, qr/zz_marker.*X-Tai-Account: zz_secrets/s],
    ['the database', qr/keys\.db$/, qr/$digest/],
);
for my $kind (@kinds) {
    my ($name, $file, $content) = @$kind;
    ok((grep { /$file/ && bytes($_) =~ $content } @files), "$name is among the files, with what was done");
}

# --- looking ----------------------------------------------------------------------------------------

my @secrets = secrets();
cmp_ok scalar(grep { /^tai_/ } @secrets), '>=', 5, 'keys were registered';
cmp_ok scalar(grep { /^tat_/ } @secrets), '>=', 1, 'tokens were registered';
cmp_ok scalar(grep { /^pw-/ } @secrets), '>=', 1, 'passwords were registered';

# Thousands of texts in megabytes: grep does at once what takes a regular expression minutes.
sub patterns {
    my ($name, @texts) = @_;
    my $file = var('serverroot') . "/$name";
    open my $out, '>', $file or die "$file: $!";
    print $out "$_\n" for @texts;
    close $out or die "$file: $!";
    return $file;
}

my $secret = patterns('zz_secrets.texts', @secrets);
my $or_digest = patterns('zz_secrets.or_digests', @secrets, map { sha256_hex($_) } @secrets);

sub lines {
    open my $grep, '-|', qw(env LC_ALL=C grep -aF -m1), @_ or die "grep: $!";
    chomp(my @lines = <$grep>);
    close $grep or $? >> 8 == 1 or die "grep: exit status $?";
    return @lines;
}

# The database holds digests, for that it is.
sub forbidden {
    my ($file) = @_;
    return $file =~ m{\.db$|/data/} ? $secret : $or_digest;
}

# What of a file nobody may read in it; undef: nothing.
sub found {
    my ($file) = @_;
    my @texts = (-f => forbidden($file), '--', $file);
    my ($line) = lines(@texts) or return undef;
    $line =~ s/\Q$_\E/<secret>/g for lines('-o', @texts);
    return $line =~ s/[^\x20-\x7e]/./gr;
}

# The search finds what there is to find.
sub plant {
    my ($name, $text) = @_;
    my $file = "$logs/$name";
    open my $out, '>', $file or die "$file: $!";
    print $out "one line\n\0\xff$text\0and another\n";
    close $out or die "$file: $!";
    my $line = found($file);
    unlink $file or die "$file: $!";
    return $line;
}

like plant('planted.log', $_->[1]), qr/<secret>/, "a planted $_->[0] is found"
    for ['key', $key->{key}], ['token', $pair->{token}], ['digest', $digest];
like plant('planted.db', $key->{key}), qr/<secret>/, 'a planted key is found in a database';
is plant('planted.db', $digest), undef, 'where a digest belongs';

# Those of these files in which there is something. Database servers leave files by the thousand: a process
# for each would take a quarter of an hour.
sub holding {
    my ($texts, @left) = @_;
    my @found;
    while (my @some = splice @left, 0, 1000) {
        push @found, lines('-l', -f => $texts, '--', @some);
    }
    return @found;
}

for my $texts ($secret, $or_digest) {
    my @of_kind = grep { forbidden($_) eq $texts } sort @files;
    my %found = map { $_ => found($_) } holding($texts, @of_kind);
    is_deeply \%found, {}, 'nothing in any of ' . @of_kind . ' files';
}

ok -s "$logs/servers_redis", 'a Redis has left what it held' if -e "$logs/servers_redis";

# A server's log and files, those of databases that are no more among them, and what it writes ahead.
if (my $server = $ENV{TAI_SERVER}) {
    my $log = TaiDatabase::of_server('log');
    ok -e $log, 'the database server has a log';
    ok scalar(lines('-rl', 'zz_secrets-ann', '--', "$server/data")), 'its files hold what was done';
    my @holding = lines('-rl', -f => $secret, '--', $log, "$server/data");
    is_deeply \@holding, [], 'nothing in what the database server writes';
}

done_testing;
