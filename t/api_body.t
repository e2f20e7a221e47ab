# What may be sent to the management API as a body, and that nothing is done with what may not.
use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;
use TaiApi;
use TaiHttp;
use TaiTest;

$TaiApi::VHOST = 'api';

my $ann = elsewhere(administrator('api-body', user => 'body-ann'), '/basic');
my @known = (Authorization => 'Basic ' . encode_base64("$ann->{user}:$ann->{password}", ''));
my @json = ('Content-Type' => 'application/json');

# Keys that there have ever been, and what the log says: the traces that a call leaves.
sub traces {
    return join ' ', map { db()->selectrow_array($_) }
        "SELECT COUNT(*) FROM api_keys k JOIN accounts a ON a.id = k.account_id WHERE a.name = 'api-body'",
        "SELECT COUNT(*) FROM audit_log l JOIN accounts a ON a.id = l.account_id WHERE a.name = 'api-body'";
}

# Bytes as they are, behind a head; returns the connection.
sub send_bytes {
    my ($path, $headers, $bytes, $vhost) = @_;
    my $head = TaiHttp::bytes(POST => $path, [@known, @$headers], undef, 'close');
    return connection($vhost // 'api')->send($head . ($bytes // ''));
}

sub posted { my ($headers, $bytes) = @_; return send_bytes('/basic/keys', $headers, $bytes)->read('POST') }
sub with_length { my ($body) = @_; return ('Content-Length' => length $body) }
sub chunk { my ($bytes) = @_; return sprintf "%x\r\n%s\r\n", length $bytes, $bytes }

# A creation whose body is as long as that.
my $n = 0;
sub padded { my ($length) = @_; my $body = '{"name": "pad' . $n++ . '"}'; return ' ' x ($length - length $body) . $body }

sub makes_one {
    my ($answer, $name) = @_;
    is $answer->status, 201, $name or diag $answer->body;
    note_secrets(data($answer));
    taictl(key => 'revoke', data($answer)->{id}); # an account has room for ten
    return;
}

sub does_nothing {
    my ($code, $name) = @_;
    my $before = traces();
    my @result = $code->();
    is traces(), $before, "$name: nothing was done";
    return wantarray ? @result : $result[0];
}

sub refuses {
    my ($status, $code, $text, $name, $sent) = @_;
    my $answer = does_nothing($sent, $name);
    is_refused $answer, $status, $code, $text, $name;
    return $answer;
}

# --- the type -------------------------------------------------------------------------------------

my $media = qr/^A request body must be application\/json\.$/;
for my $type ('application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"',
              'application/json ; v=1; charset=Utf-8', 'application/json;') {
    my $body = padded(40);
    makes_one(posted(['Content-Type' => $type, with_length($body)], $body), $type);
}
for my $type ('text/plain', 'application/json5', 'application/jsons', 'application', 'application/x-www-form-urlencoded',
              'multipart/form-data; boundary=application/json', 'application/problem+json', 'text/json', '', ';',
              'application/json; charset=iso-8859-1', 'application/json; charset=utf-16', 'application/json; charset',
              'application/json, text/plain', 'application/json; charset=utf-8; charset=latin1') {
    refuses(415, 'UNSUPPORTED_MEDIA_TYPE', $media, "Content-Type: $type",
        sub { my $body = padded(40); posted(['Content-Type' => $type, with_length($body)], $body) });
}
refuses(415, 'UNSUPPORTED_MEDIA_TYPE', $media, 'no Content-Type', sub { posted([with_length('{}')], '{}') });
refuses(415, 'UNSUPPORTED_MEDIA_TYPE', $media, 'two of them', sub { posted([@json, @json, with_length('{}')], '{}') });
refuses(415, 'UNSUPPORTED_MEDIA_TYPE', qr/^A request body must not be compressed\.$/, "Content-Encoding: $_",
    do { my $coding = $_; sub { my $body = padded(40); posted([@json, 'Content-Encoding' => $coding, with_length($body)], $body) } })
    for 'gzip', 'identity', '';
{
    my $connection = connection('api');
    my $body = padded(200);
    $connection->send(TaiHttp::bytes(POST => '/basic/keys', [@known, 'Content-Type' => 'text/plain'], $body)
        . TaiHttp::bytes(GET => '/basic/account', \@known, undef, 'close'));
    is $connection->read('POST')->status, 415, 'a refused type';
    is $connection->read('GET')->status, 200, '... takes the rest of the request along, and no more';
}

# --- the size -------------------------------------------------------------------------------------

my $large = qr/^A request body is 16384 bytes at the most\.$/;
{
    my $body = padded(16384);
    makes_one(posted([@json, with_length($body)], $body), '16384 bytes');
    makes_one(posted([@json, 'Transfer-Encoding' => 'chunked'], chunk($body) . "0\r\n\r\n"), '16384 bytes in a chunk');
    makes_one(posted([@json, 'Transfer-Encoding' => 'chunked'], join('', map { chunk($_) } $body =~ /(.{1,7})/gs) . "0\r\n\r\n"),
        '16384 bytes in many');
}
refuses(413, 'TOO_LARGE', $large, '16385 bytes', sub { my $body = padded(16385); posted([@json, with_length($body)], $body) });
refuses(413, 'TOO_LARGE', $large, 'too many by what Content-Length says, none of them sent',
    sub { posted([@json, 'Content-Length' => 16385]) });
refuses(413, 'TOO_LARGE', $large, 'more than a number of 64 bits',
    sub { posted([@json, 'Content-Length' => '9223372036854775807']) });
refuses(413, 'TOO_LARGE', $large, '16385 bytes in a chunk',
    sub { posted([@json, 'Transfer-Encoding' => 'chunked'], chunk(padded(16385)) . "0\r\n\r\n") });
refuses(413, 'TOO_LARGE', $large, 'chunks without an end',
    sub { posted([@json, 'Transfer-Encoding' => 'chunked'], chunk(' ' x 4096) x 5) });
refuses(413, 'TOO_LARGE', $large, 'a chunk without an end',
    sub { posted([@json, 'Transfer-Encoding' => 'chunked'], "fffffff\r\n" . ' ' x 20_000) });
for my $row ([16384, 'HTTP/1.1 100 Continue'], [16385, 'HTTP/1.1 413 ']) {
    my ($length, $first) = @$row;
    my $connection = send_bytes('/basic/keys', [@json, Expect => '100-continue', 'Content-Length' => $length]);
    like $connection->take_head, qr/\A\Q$first\E/, "Expect: 100-continue with $length bytes";
}
{
    my $less = qr/^The request is larger than this server takes\.$/;
    refuses(413, 'TOO_LARGE', $less, 'more than LimitRequestBody',
        sub { my $body = padded(65); send_bytes('/few/session', [@json, with_length($body)], $body)->read('POST') });
    refuses(413, 'TOO_LARGE', $less, '... in chunks',
        sub { send_bytes('/few/session', [@json, 'Transfer-Encoding' => 'chunked'], chunk(padded(65)) . "0\r\n\r\n")->read('POST') });
}

# --- what is in it --------------------------------------------------------------------------------

my $object = 'The body must be one JSON object in UTF-8';
for my $row (
    ['', qr/^\Q$object\E: it ends too early \(line 1, column 0\)\.$/],
    ['[]', qr/^\Q$object\E, such as /],
    ['"name"', qr/^\Q$object\E: this is no JSON/],
    ['{"name": "a"} x', qr/^\Q$object\E: nothing may stand behind it \(line 1, column 15\)\.$/],
    ['{"name": "a"}{}', qr/^\Q$object\E: nothing may stand behind it/],
    ['{"name": "a", "name": "b"}', qr/^\Q$object\E: no member may stand in it twice/],
    ['{"name": "a", "n\u0061me": "b"}', qr/^\Q$object\E: no member may stand in it twice/],
    ['{"name": "a\u0000b"}', qr/^\Q$object\E: no text may hold a NUL/],
    ["{\"name\": \"a\0b\"}", qr/^\Q$object\E: this is no JSON/],
    ["{\"name\": \"a\"}\0", qr/^\Q$object\E: nothing may stand behind it/],
    ["{\"name\": \"\xff\"}", qr/^\Q$object\E: this is no UTF-8/],
    ["{\"name\": \"\xed\xa0\x80\"}", qr/^\Q$object\E: this is no UTF-8/],
    ["{\"name\": \"\xc0\xaf\"}", qr/^\Q$object\E: this is no UTF-8/],
    ["\xef\xbb\xbf{\"name\": \"a\"}", qr/^\Q$object\E: this is no JSON/],
    ['{"name": "a", "scopes": ' . '[' x 8 . ']' x 8 . '}', qr/^The body must be no deeper than 8 objects and lists\.$/],
    ['[' x 16384, qr/^The body must be no deeper than 8 objects and lists\.$/],
    ['{"a":' x 3000, qr/^The body must be no deeper than 8 objects and lists\.$/],
    ['{"name": "a", "scopes": ' . '[' x 7 . ']' x 7 . '}', qr/^The member "scopes" must be a list of 1 to 100 texts\.$/],
    ['{}', qr/^The member "name" is missing: a text\.$/],
    ['{"name": null}', qr/^The member "name" must be a text\.$/],
    ['{"name": 7}', qr/^The member "name" must be a text\.$/],
    ['{"name": "a", "token": "yes"}', qr/^The member "token" must be true or false\.$/],
    ['{"name": "a", "token": 1}', qr/^The member "token" must be true or false\.$/],
    ['{"name": "a", "scopes": []}', qr/^The member "scopes" must be a list of 1 to 100 texts\.$/],
    ['{"name": "a", "scopes": ["programs:read", 1]}', qr/^The member "scopes" must be a list of 1 to 100 texts\.$/],
    ['{"name": "a", "Scopes": ["programs:read"]}', qr/^There is no member "Scopes"; allowed: name, scopes, expires_at, token\.$/],
    ['{"name": "a", "account": "another"}', qr/^There is no member "account"; allowed: /],
    ['{"name": "a", "\u001b[31m\"": 1}', qr/^There is no member "\\x1b\[31m\\""; allowed: /],
) {
    my ($body, $text) = @$row;
    my $name = length $body > 60 ? substr($body, 0, 20) . '...' : $body =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger;
    refuses(400, 'BAD_REQUEST', $text, $name || 'an empty body', sub { posted([@json, with_length($body)], $body) });
}
refuses(400, 'BAD_REQUEST', qr/^\Q$object\E: it ends too early/, 'no body at all', sub { posted(\@json) });

# --- what does not arrive -------------------------------------------------------------------------

sub cut { my ($connection) = @_; shutdown $connection->socket, 1; return $connection->read('POST') }

my $whole = qr/^The request body did not arrive as a whole\.$/;
refuses(400, 'BAD_REQUEST', $whole, 'less than Content-Length says',
    sub { my $body = padded(40); cut(send_bytes('/basic/keys', [@json, 'Content-Length' => 41], $body)) });
for my $row (['chunks without the last one', chunk(padded(40))], ['a chunk that is too short', "40\r\n" . padded(40)],
             ['no chunk', ''], ['half a size', '4']) {
    my ($name, $bytes) = @$row;
    my $answer = does_nothing(sub { cut(send_bytes('/basic/keys', [@json, 'Transfer-Encoding' => 'chunked'], $bytes)) }, $name);
    ok !defined $answer || $answer->status == 400, "$name: 400, or no answer at all";
}
for my $row (['a size that is none', "zz\r\n" . padded(40)], ['a size that is negative', "-5\r\n" . padded(40)],
             ['a size of too many digits', 'f' x 40 . "\r\n"], ['a chunk that is longer than its size', "5\r\n" . padded(40)]) {
    my ($name, $bytes) = @$row;
    my $answer = does_nothing(sub { cut(send_bytes('/basic/keys', [@json, 'Transfer-Encoding' => 'chunked'], $bytes)) }, $name);
    like $answer->status, qr/^4(?:00|13)$/, $name;
    ok $answer->json && $answer->json->{code}, "$name: told in JSON" or diag $answer->body;
}
{
    my $body = padded(40);
    my $answer = does_nothing(sub { posted([@json, 'Content-Length' => '4o'], $body) }, 'a length that is none');
    is $answer->status, 400, 'a length that is none';
    does_nothing(sub { posted([@json, 'Transfer-Encoding' => 'gzip'], $body) }, 'an unknown transfer coding');
    does_nothing(sub { send_bytes('/basic/keys', [@json, 'Content-Length' => 400], $body)->close }, 'a client that goes away');
}

# A client that takes longer than the server waits, on a virtual host that waits for a second.
{
    my ($answer) = does_nothing(sub {
        my $connection = send_bytes('/manage/session', [@json, 'Content-Length' => 400], padded(40), 'api_slow');
        return $connection->read('POST');
    }, 'a slow client');
    is_refused $answer, 400, 'BAD_REQUEST', $whole, 'a slow client';
}

# --- HTTP/2 ---------------------------------------------------------------------------------------

# The status of a creation over HTTP/2; without a length the body comes as it is read. nghttp, for
# curl takes an answer that comes before it has sent all for none.
sub over_http2 {
    my ($body, @options) = @_;
    my $file = var('t_logs') . '/http2_body';
    open my $out, '>', $file or die "$file: $!";
    print $out $body;
    close $out or die "$file: $!";
    my @nghttp = ('nghttp', '-v', '-d', $file, '-H', 'Content-Type: application/json',
        '-H', join(': ', @known), @options, 'http://localhost:' . port('api') . '/basic/keys');
    open my $said, '-|', @nghttp or die "nghttp: $!";
    my $frames = do { local $/; <$said> };
    close $said;
    my ($status) = $frames =~ /:status: (\d+)/ or die "nghttp: $frames";
    my $made = $frames =~ /^(\{.*\})$/m ? JSON::PP->new->utf8->decode($1) : {};
    note_secrets($made) if $made->{key};
    taictl(key => 'revoke', $made->{id}) if $made->{key};
    return $status;
}
SKIP: {
    skip 'mod_http2 does not work under prefork', 1 if var('mpm') eq 'prefork';
    subtest 'HTTP/2' => sub {
        is over_http2(padded(16384)), 201, '16384 bytes';
        is over_http2(padded(16384), '--no-content-length'), 201, '... without a length';
        my $before = traces();
        is over_http2(padded(16385)), 413, '16385 bytes';
        is over_http2(padded(16385), '--no-content-length'), 413, '... without a length';
        is over_http2('{"name": '), 400, 'half of one';
        is traces(), $before, 'nothing was done';
    };
}

# --- calls without a body -------------------------------------------------------------------------

is api($ann, GET => '/account', '{"name": ')->status, 200, 'GET with a body that is no JSON';
is api($ann, GET => '/account', 'x' x 20_000)->status, 200, 'GET with a large one';
my $key = create_key($ann);
is api($ann, DELETE => "/keys/$key->{id}", '{"name": ')->status, 200, 'DELETE with a body';

done_testing;
