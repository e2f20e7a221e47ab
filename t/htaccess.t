# .htaccess files: they may make a place stricter, and choose how its refusals look; nothing else.
use strict;
use warnings;

use File::Path qw(make_path);
use Test::More;
use TaiHttpd;
use TaiTest;

my $httpd = TaiHttpd->new(conf => <<'CONF');
TaiAuthSharedMemory 16M
<Directory "@root@/htdocs">
    AllowOverride AuthConfig
</Directory>
<Directory "@root@/htdocs/documents">
    AllowOverride AuthConfig FileInfo
</Directory>
<Directory "@root@/htdocs/ignored">
    AllowOverride None
</Directory>
<Directory "@root@/htdocs/not_ours">
    AllowOverride FileInfo
</Directory>
<Location /on>
    TaiAuth On
</Location>
<Location /scoped>
    TaiAuth On
    TaiAuthScope programs:read
</Location>
<Location /documents/ours>
    TaiAuth On
    ErrorDocument 401 /documents/ours/x.html
</Location>
<Location /methods>
    TaiAuth On
    TaiAuthScope GET programs:read
</Location>
CONF
my ($read, $analytics, $both) = on_database($httpd->database, sub {
    make_account('acme', plan => 'pro');
    return map { make_key('acme', scopes => $_) }
        ['programs:read'], ['analytics:read'], ['programs:read', 'analytics:read'];
});
$httpd->start or die 'the server does not start: ', $httpd->said, $httpd->log;

# A page below that folder, and its .htaccess.
sub put {
    my ($place, $htaccess) = @_;
    $httpd->place($place);
    open my $out, '>', $httpd->root . "/htdocs/$place/.htaccess" or die ".htaccess: $!";
    print $out $htaccess;
    close $out or die ".htaccess: $!";
    return "/$place/x.html";
}

sub ask {
    my ($path, $key) = @_;
    return $httpd->get($path, $key ? { 'X-API-Key' => $key->{key} } : {});
}

subtest 'TaiAuth On' => sub {
    my $path = put('closed', 'TaiAuth On');
    is_refusal ask($path), 401, 'MISSING_API_KEY', 'no key';
    is ask($path, $read)->status, 200, 'a key';
    is ask(put('open', ''))->status, 200, 'beside it';
};

subtest 'TaiAuthErrorFormat' => sub {
    is_deeply ask(put('on/envelope', 'TaiAuthErrorFormat envelope'))->json,
        { errors => ['An API key is required.'], data => [] }, 'envelope';
    is ask(put('on/problem', 'TaiAuthErrorFormat problem'))->header('Content-Type'), 'application/problem+json', 'problem';
};

subtest 'Require' => sub {
    is_refusal ask(put('on/require_scope', 'Require tai-scope analytics:read'), $read), 403, 'INSUFFICIENT_SCOPE', 'tai-scope';
    is ask('/on/require_scope/x.html', $analytics)->status, 200, 'tai-scope: a key that has it';
    is_refusal ask(put('on/require_plan', 'Require tai-plan free'), $read), 403, 'FORBIDDEN', 'tai-plan';
    is_refusal ask(put('on/require_account', 'Require tai-account other'), $read), 403, 'FORBIDDEN', 'tai-account';
    is ask(put('on/require_mine', 'Require tai-account acme'), $read)->status, 200, 'tai-account: the own';
};

subtest 'TaiAuthScope adds to what the server asks for' => sub {
    my $path = put('scoped/more', 'TaiAuthScope analytics:read');
    my $refused = ask($path, $read);
    is_refusal $refused, 403, 'INSUFFICIENT_SCOPE', 'the scope of .htaccess is missing';
    like $refused->json->{error}, qr/"analytics:read"/, 'which is named';
    $refused = ask($path, $analytics);
    is_refusal $refused, 403, 'INSUFFICIENT_SCOPE', 'the scope of the Location is missing';
    like $refused->json->{error}, qr/"programs:read"/, 'which is named';
    is ask($path, $both)->status, 200, 'both';

    put('nested', "TaiAuth On\nTaiAuthScope programs:read");
    my $inner = put('nested/inner', 'TaiAuthScope analytics:read');
    is ask('/nested/x.html', $read)->status, 200, 'the outer .htaccess alone';
    is ask($inner, $_)->status, 403, 'the inner one adds to it' for $read, $analytics;
    is ask($inner, $both)->status, 200, 'both of them';

    is ask(put('methods/more', 'TaiAuthScope POST programs:read'), $read)->status, 405,
        'GET has to be named by both';
};

subtest 'ErrorDocument opens nothing' => sub {
    my $mine = put('documents/open', '');
    my $secret = put('on/secret', '');
    is ask($secret, $read)->body, 'on/secret', 'a protected page';
    is ask(put('documents/ours', ''))->body, 'documents/ours', "the server's own one";
    my $path = put('documents/one', "TaiAuth On\nErrorDocument 401 $mine");
    is ask($path)->body, 'documents/open', 'one outside of what is protected';
    for my $lines ("ErrorDocument 401 $secret", "<Files x.html>\nErrorDocument 401 $secret\n</Files>") {
        put('documents/two', "TaiAuth On\n$lines");
        is_refusal ask('/documents/two/x.html'), 401, 'MISSING_API_KEY', 'a protected one is no way round its key';
        put('documents/two/inner', 'ErrorDocument 403 "no"');
        is_refusal ask('/documents/two/inner/x.html'), 401, 'MISSING_API_KEY', '... in a folder below';
    }
    put('documents/ours/theirs', "ErrorDocument 401 $secret");
    unlike ask('/documents/ours/theirs/x.html')->body, qr/secret/, "... nor beside the server's own one";
};

# What an owner of files may not do to what the server's owner has decided.
my @refused = (
    ['TaiAuth Off', qr/TaiAuth: "Off" is wrong; allowed: on$/m],
    ['TaiAuth Optional', qr/TaiAuth: "Optional" is wrong; allowed: on$/m],
    ['TaiAuthErrorFormat xml', qr/TaiAuthErrorFormat: "xml" is wrong; allowed: json, envelope, problem$/m],
    ['TaiAuthScope Programs', qr/TaiAuthScope: "Programs" is wrong; allowed: /],
    ['Require tai-scope A', qr/"A" is not the name of a scope/],
    map { my ($name) = /^(\w+)/; [$_, qr/$name not allowed (?:here|in)/] }
        'TaiAuthSharedMemory 16M', 'TaiAuthLimiter shm', 'TaiAuthKeyFormat any', 'TaiAuthRealm x',
        'TaiAuthRateLimitHeaders off', 'TaiAuthKeyHeader apikey', 'TaiAuthTokenHeader none', 'TaiAuthBearer On',
        'TaiAuthRateLimit off', 'TaiAuthRateLimit 5/60s', 'TaiAuthLockout off', 'TaiAuthForwardIdentity On',
        'TaiAuthForwardKey On', 'TaiAuthEnvironment Off', 'TaiAuthPreflight pass', 'TaiAuthDryRun scope',
        'TaiAuthMetrics On',
);
for my $row (@refused) {
    my ($line, $message) = @$row;
    my $path = put('on/' . $line =~ s/\W+/_/gr, $line);
    my $mark = length $httpd->log;
    is ask($path, $both)->status, 500, "$line: refused";
    like substr($httpd->log, $mark), $message, "$line: the message";
}

subtest 'without AllowOverride AuthConfig' => sub {
    is ask(put('ignored', 'TaiAuth Off'))->status, 200, 'None: not even read';
    is ask(put('not_ours', $_))->status, 500, "FileInfo: $_" for 'TaiAuth On', 'TaiAuthScope a', 'TaiAuthErrorFormat json';
};

done_testing;
