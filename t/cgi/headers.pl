#!/usr/bin/perl
# Answers with the header fields that the query names: ?Vary=Accept&Cache-Control=public
use strict;
use warnings;

my @fields = map { s/%([0-9A-Fa-f]{2})/chr hex $1/ger =~ s/=/: /r } split /&/, $ENV{QUERY_STRING} // '';
print map { "$_\r\n" } 'Content-Type: text/plain', @fields;
print "\r\nprotected content\n";
