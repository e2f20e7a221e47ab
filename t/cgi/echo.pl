#!/usr/bin/perl
# Answers with what reached it: method, environment, body.
use strict;
use warnings;

use JSON::PP;

my $body = '';
read STDIN, $body, $ENV{CONTENT_LENGTH} if $ENV{CONTENT_LENGTH};
my %seen = (method => $ENV{REQUEST_METHOD}, env => {%ENV}, body => $body);
print "Content-Type: application/json\r\n\r\n", JSON::PP->new->utf8->canonical->encode(\%seen), "\n";
