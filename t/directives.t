# What each directive does by default, in each context, and how an inner section meets an outer one:
# a value replaces, no value inherits, and the default said aloud is a value too.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use TaiHttpd;
use TaiTest;

my ($httpd, $key, $pair); # of the server that is asked
my $imported = secret('Imported-' . join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 24);

sub ask { return ask_as('GET', @_) }

sub ask_as {
    my ($method, $host, $path, @headers) = @_;
    return $httpd->ask($method, $path, [Host => $host, @headers]);
}

sub good { ('X-API-Key' => $key->{key}) }
sub status { ask(@_)->status }
sub third_garbage { (map { status(@_, 'X-API-Key' => 'garbage') } 1 .. 3)[2] }
sub policy { ask(@_, good())->header('RateLimit-Policy') // 'none' }
sub styles { my $answer = ask(@_, good()); return join ' ', map { $answer->header($_) ? 1 : 0 } qw(RateLimit X-RateLimit-Limit) }
sub seen { my ($n, @where) = @_; return (split /\|/, ask(@where, good())->header('X-Seen'), -1)[$n] }

# directive | what it is by default | another value | a third one, and what a probe then finds. The
# probe gets host and path. `with` is what stands beside it.
my @rows = (
    { directive => 'TaiAuth', with => '', probe => sub { status(@_) . ' ' . status(@_, 'X-API-Key' => 'garbage') },
      default => ['Off', '200 200'], value => ['On', '401 401'], third => ['Optional', '200 401'] },
    { directive => 'TaiAuthKeyHeader',
      probe => sub { my @to = @_; join ' ', map { status(@to, $_ => $key->{key}) } qw(X-API-Key apikey X-Old) },
      default => ['X-API-Key', '200 401 401'], value => ['apikey', '401 200 401'],
      third => ['X-Old X-API-Key', '200 401 200'] },
    { directive => 'TaiAuthTokenHeader',
      probe => sub { status(@_, good()) . ' ' . status(@_, 'X-API-Key' => $pair->{key}, 'x-token' => $pair->{token}) },
      default => ['none', '200 401'], value => ['x-token', '401 200'], third => ['x-other', '401 401'] },
    { directive => 'TaiAuthBearer', probe => sub { status(@_, Authorization => "Bearer $key->{key}") },
      default => ['Off', 401], value => ['On', 200] },
    { directive => 'TaiAuthScope', probe => sub { status(@_, good()) },
      default => [undef, 200], value => ['webhooks:manage', 403], third => ['programs:read', 200] },
    { directive => 'TaiAuthRateLimit', probe => \&policy, default => ['off', 'none'],
      value => ['700/60s', '"default";q=700;w=60'], third => ['900/60s name=x', '"x";q=900;w=60'] },
    { directive => 'TaiAuthLockout', probe => \&third_garbage,
      default => ['off', 401], value => ['1/1h 1h', 429], third => ['1000000/1h 1h', 401] },
    { directive => 'TaiAuthErrorFormat', probe => sub { join ' ', sort keys %{ask(@_)->json} },
      default => ['json', 'code error'], value => ['envelope', 'data errors'],
      third => ['problem', 'code detail error status title type'] },
    { directive => 'TaiAuthForwardIdentity', probe => sub { seen(0, @_) },
      default => ['Off', ''], value => ['On', 'acme'] },
    { directive => 'TaiAuthForwardKey', probe => sub { seen(1, @_) eq $key->{key} ? 'there' : 'gone' },
      default => ['Off', 'gone'], value => ['On', 'there'] },
    { directive => 'TaiAuthEnvironment', probe => sub { seen(2, @_) },
      default => ['On', 'acme'], value => ['Off', ''] },
    { directive => 'TaiAuthPreflight',
      probe => sub { ask_as('OPTIONS', @_, Origin => 'http://a', 'Access-Control-Request-Method' => 'PUT')->status },
      default => ['require', 401], value => ['pass', 200] },
    { directive => 'TaiAuthDryRun', with => "TaiAuth On\nTaiAuthScope webhooks:manage\n",
      probe => sub { status(@_, good()) },
      default => ['off', 403], value => ['scope', 200], third => ['limit lockout', 403] },
);

# Sections that a directive may stand in, each for a path of its own.
my %sections = (
    location       => ['<Location "/location/">', '</Location>'],
    location_match => ['<LocationMatch "^/location_match/">', '</LocationMatch>'],
    directory      => ['<Directory "@root@/htdocs/directory">', '</Directory>'],
    files          => ['<Files "files.html">', '</Files>'],
    if             => ['<If "%{REQUEST_URI} =~ m#^/if/#">', '</If>'],
);

sub vhost {
    my ($name, @lines) = @_;
    my $text = join '', map { "$_\n" } @lines;
    return "<VirtualHost 127.0.0.1:\@port\@>\nServerName $name\n$text</VirtualHost>\n";
}

# The virtual hosts of a row: one without it, one whose sections have it, one that has it itself.
sub vhosts {
    my ($row) = @_;
    my $name = lc $row->{directive};
    my $with = $row->{with} // "TaiAuth On\n";
    my $line = sub { "$row->{directive} $row->{$_[0]}[0]" };
    my @inner = map { ("<Location /$_/>", $line->($_), '</Location>') } grep { $row->{$_} && defined $row->{$_}[0] } qw(third default);
    my @outer = ('<Location /nested/>', $line->('value'), '</Location>', '<Location /nested/inherited/>',
        'Header set X-Inner 1', '</Location>');
    return vhost("unset.$name", $with), vhost("set.$name", $with, $line->('value'), @inner),
        vhost("sections.$name", $with, @outer, map { ($sections{$_}[0], $line->('value'), $sections{$_}[1]) } sort keys %sections);
}

# What a handler would have seen of the request.
my $common = <<'CONF';
TaiAuthSharedMemory 16M
Header always set X-Seen "expr=%{req:X-Tai-Account}|%{req:X-API-Key}|%{reqenv:TAIAUTH_ACCOUNT}"
CONF

sub server {
    my ($conf) = @_;
    my $server = TaiHttpd->new(conf => $conf);
    $server->place('', qw(third default nested nested/inherited x), keys %sections);
    rename $server->root . '/htdocs/files/x.html', $server->root . '/htdocs/files/files.html' or die "rename: $!";
    ($key, $pair) = on_database($server->database, sub {
        make_account('acme', plan => 'pro');
        my @keys = (make_key('acme', scopes => ['programs:read']), make_key('acme', token => 1));
        db()->do("INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes, created_at)
            SELECT 'key_imported', 'key_imported', a.id, u.id, 'imported', 'Impo', ?, 'programs:read', 1
            FROM accounts a JOIN users u ON u.account_id = a.id", undef, sha256_hex($imported));
        return @keys;
    });
    $server->start or die 'the server does not start: ', $server->said, $server->log;
    return $server;
}

$httpd = server(join '', $common, map { vhosts($_) } @rows);
for my $row (@rows) {
    my $name = lc $row->{directive};
    my ($default, $value) = map { $row->{$_}[1] } qw(default value);
    subtest $row->{directive} => sub {
        isnt $default, $value, 'the probe can tell';
        is $row->{probe}->("unset.$name", '/x/x.html'), $default, 'default';
        is $row->{probe}->("set.$name", '/x/x.html'), $value, 'in a virtual host';
        is $row->{probe}->("set.$name", '/third/x.html'), $row->{third}[1], 'an inner value replaces it' if $row->{third};
        is $row->{probe}->("set.$name", '/default/x.html'), $default, 'the default said aloud too' if defined $row->{default}[0];
        is $row->{probe}->("sections.$name", '/x/x.html'), $default, 'outside of sections';
        is $row->{probe}->("sections.$name", '/nested/inherited/x.html'), $value, 'an inner section without it inherits';
        for my $section (sort keys %sections) {
            my $file = $section eq 'files' ? 'files.html' : 'x.html';
            is $row->{probe}->("sections.$name", "/$section/$file"), $value, "in a section: $section";
        }
    };
}
$httpd->stop;

# --- the main server, and what its virtual hosts make of it ------------------------------------------

my $asks = "TaiAuth On\nTaiAuthRateLimit 700/60s\n";
my @server_rows = (
    ['TaiAuthKeyFormat', sub { status(@_, 'X-API-Key' => $imported) },
        default => ['strict', 401], value => ['any', 200]],
    ['TaiAuthRealm', sub { ask(@_)->header('WWW-Authenticate') =~ /realm="([^"]*)"/ ? $1 : 'no realm' },
        default => [undef, 'API'], value => ['"The API"', 'The API'], third => ['Other', 'Other']],
    ['TaiAuthRateLimitHeaders', \&styles,
        default => ['draft', '1 0'], value => ['legacy', '0 1'], third => ['both', '1 1'], off => ['off', '0 0']],
);
my $set = join '', map { my ($name, undef, %is) = @$_; "$name $is{value}[0]\n" } @server_rows;
my $overridden = join '', map {
    my ($name, undef, %is) = @$_;
    map { vhost(lc "$_.$name", $asks, "$name $is{$_}[0]") } grep { defined $is{$_}[0] } keys %is;
} @server_rows;
my $unset = server($common . vhost('unset', $asks) . vhost('named', $asks, '<Location />', 'AuthName Named', '</Location>') . $overridden);
my ($unset_key) = $key;
my $main = server($common . $set . vhost('unset', $asks) . $overridden);
my %servers = ('main server without it' => [$unset, $unset_key, 'default'], 'main server with it' => [$main, $key, 'value']);

for my $which (sort keys %servers) {
    ($httpd, $key, my $inherited) = @{$servers{$which}};
    for my $row (@server_rows) {
        my ($name, $probe, %is) = @$row;
        subtest "$name: $which" => sub {
            is $probe->('unset', '/x/x.html'), $is{$inherited}[1], "a virtual host without it: $inherited";
            for my $how (grep { defined $is{$_}[0] } sort keys %is) {
                is $probe->(lc "$how.$name", '/x/x.html'), $is{$how}[1], "a virtual host with $is{$how}[0]";
            }
        };
    }
}
$httpd = $unset;
like ask('named', '/x/x.html')->header('WWW-Authenticate'), qr/realm="Named"/, 'without TaiAuthRealm: AuthName';

# The main configuration is a context of every directive but TaiAuthMetrics.
my %accepted = (TaiAuthSharedMemory => '1G', TaiAuthKeyCache => 1000, TaiAuthLimiter => 'shm', map { $_->{directive} => $_->{value}[0] } @rows);
for my $directive (sort keys %accepted) {
    $main->configure("$directive $accepted{$directive}");
    ok $main->test, "$directive in the main configuration" or diag $main->said;
}

done_testing;
