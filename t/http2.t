# HTTP/2: streams of one connection are requests like any others, and are refused like any others.
use strict;
use warnings;

use Test::More;
use TaiHttp;
use TaiLimits;
use TaiTest;

# mod_http2 answers with a fatal error where no threads are.
if (var('mpm') eq 'prefork') {
    is request('http2', GET => '/ten', with_key(fresh_key()))->status, 200, 'HTTP/1.1 on prefork';
    SKIP: { skip 'mod_http2 does not work under prefork', 1 }
    done_testing;
    exit;
}

my $url = 'http://127.0.0.1:' . port('http2');

# What a command prints; it must exist and go well.
sub output_of {
    my (@command) = @_;
    open my $out, '-|', @command or die "$command[0]: $!";
    my $text = do { local $/; <$out> };
    close $out or die "@command[0 .. 1]: exit status $?\n";
    return $text;
}

# n requests as so many streams at once on one connection. Returns 2xx, 4xx, streams done, broken.
sub streams {
    my ($path, $key, $n) = @_;
    my $said = output_of('h2load', '-p', 'h2c', '-n', $n, '-c', 1, '-m', $n, '-H', "X-API-Key: $key->{key}",
        "$url$path");
    my ($done, $broken) = $said =~ /(\d+) done, .*?(\d+) errored/ or die "h2load: $said\n";
    my ($good, $refused) = $said =~ /status codes: (\d+) 2xx, \d+ 3xx, (\d+) 4xx, 0 5xx/ or die "h2load: $said\n";
    return { done => $done, broken => $broken, '2xx' => $good, '4xx' => $refused };
}

for my $round (1 .. 10) {
    is_deeply streams('/ten', fresh_key(), 100), { done => 100, broken => 0, '2xx' => 10, '4xx' => 90 },
        "round $round: 100 streams, 10 admitted";
}
{
    my $key = fresh_key();
    streams('/more', $key, 100);
    is left(request('http2', GET => '/more', with_key($key))), 899, 'each stream is charged once';
}

# --- the offer to go on in HTTP/2 ---------------------------------------------------------------

# Clients that prefer HTTP/2 make it with every request to http: curl --http2, Java's HttpClient.
{
    my $key = fresh_key();
    my @offer = (Upgrade => 'h2c', 'HTTP2-Settings' => 'AAMAAABkAAQAAP__', Connection => 'Upgrade, HTTP2-Settings');
    for my $left (9, 8) {
        my $answer = request('http2', GET => '/ten', [%{with_key($key)}, @offer]);
        is $answer->status, 200, 'a key with an offer to upgrade';
        is left($answer), $left, '... charged once';
    }
    is_refusal request('http2', GET => '/ten', [@offer]), 401, 'MISSING_API_KEY', 'no key with an offer';
}

# --- one answer ---------------------------------------------------------------------------------

# A request by curl, as a response of TaiHttp.
sub h2 {
    my ($method, $path, $key) = @_;
    my @method = $method eq 'HEAD' ? '--head' : ('--request', $method);
    my $text = output_of('curl', '-sS', '--include', '--http2-prior-knowledge', @method,
        $key ? ('--header', "X-API-Key: $key->{key}") : (), "$url$path");
    my ($head, $body) = $text =~ /\A(HTTP\/2 .*?\r\n)\r\n(.*)\z/s or die "not HTTP/2: $text\n";
    my $answer = TaiHttp::Response->parse($head =~ s{^HTTP/2}{HTTP/1.1}r);
    $answer->{body} = $body;
    return $answer;
}

my $key = fresh_key();
my $answer = h2(GET => '/ten', $key);
is $answer->status, 200, 'a good key';
is $answer->header('RateLimit-Policy'), '"default";q=10;w=3600', '... RateLimit-Policy';
is left($answer), 9, '... RateLimit';
is $answer->header('Cache-Control'), 'private', '... Cache-Control';

my $spent = fresh_key();
streams('/ten', $spent, 10);

# name | method | key | status | code
my @refusals = (
    ['no key',            GET    => undef,                     401, 'MISSING_API_KEY'],
    ['a bad key',         GET    => { key => 'tai_nothing' },  401, 'INVALID_API_KEY'],
    ['a missing scope',   POST   => $key,                      403, 'INSUFFICIENT_SCOPE'],
    ['an unnamed method', DELETE => $key,                      405, 'METHOD_NOT_ALLOWED'],
    ['a spent key',       GET    => $spent,                    429, 'RATE_LIMITED'],
);
for my $row (@refusals) {
    my ($name, $method, $with, $status, $code) = @$row;
    my $refused = h2($method => '/ten', $with);
    is_refusal $refused, $status, $code, "$name over HTTP/2";
    is $refused->header('Content-Length'), length $refused->body, '... Content-Length';
}
is left(h2(GET => '/ten', $key)), 8, 'and none of these cost anything';

my $head = h2(HEAD => '/ten', $spent);
is $head->status, 429, 'HEAD is refused';
is $head->body, '', '... without a body';

done_testing;
