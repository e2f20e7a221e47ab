#!/usr/bin/perl
# Stands for the application behind the demo's POST: checks what it is sent and answers with what
# it would have created. Keeps nothing. Whatever else has no file comes here for its 404.
use strict;
use warnings;

use JSON::PP;

use constant MAX_BYTES => 16 * 1024;

my %required = (
    programs      => [qw(name category)],
    organizations => [qw(name)],
    webhooks      => [qw(url)],
);
my %reason = (200 => 'OK', 201 => 'Created', 400 => 'Bad Request', 404 => 'Not Found',
    413 => 'Content Too Large', 415 => 'Unsupported Media Type');

my $envelope = ($ENV{DEMO_DIALECT} // '') eq 'ts';
my $resource = $ENV{DEMO_RESOURCE} // '';
my $json = JSON::PP->new->utf8->canonical->allow_nonref(0);

sub answer {
    my ($status, $body) = @_;
    print "Status: $status $reason{$status}\r\nContent-Type: application/json\r\n\r\n",
        $json->encode($body), "\n";
    exit 0;
}

sub refuse {
    my ($status, $code, $text) = @_;
    answer($envelope ? (200, { errors => [$text], data => [] })
                     : ($status, { error => $text, code => $code }));
}

sub body {
    my $length = $ENV{CONTENT_LENGTH} // '';
    $length =~ /^\d+$/ or refuse(400, 'BAD_REQUEST', 'The request has no body of known length.');
    $length <= MAX_BYTES or refuse(413, 'TOO_LARGE', 'The body is larger than 16 KiB.');
    ($ENV{CONTENT_TYPE} // '') =~ m{^application/json\s*(;|$)}i
        or refuse(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.');
    my $bytes = '';
    read STDIN, $bytes, $length;
    my $value = eval { $json->decode($bytes) };
    ref $value eq 'HASH' or refuse(400, 'BAD_REQUEST', 'The body must be a JSON object.');
    return $value;
}

my $wanted = $required{$resource} or refuse(404, 'NOT_FOUND', 'There is nothing at this address.');
my $value = body();
for my $member (@$wanted) {
    defined $value->{$member} && !ref $value->{$member} && length $value->{$member}
        or refuse(400, 'BAD_REQUEST', qq(The member "$member" is missing.));
}

my %created = (%$value, created_by => $ENV{TAIAUTH_ACCOUNT} // $ENV{REMOTE_USER});
answer($envelope ? (200, { errors => [], data => \%created }) : (201, { created => \%created }));
