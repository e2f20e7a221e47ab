#!/usr/bin/perl
# An application with rate limit fields of its own, of which no client must hear.
use strict;
use warnings;

print <<"ANSWER" =~ s/\n/\r\n/gr;
Content-Type: text/plain
RateLimit-Policy: "upstream";q=999;w=1
RateLimit: "upstream";r=998;t=1
X-RateLimit-Limit: 999
X-RateLimit-Remaining: 998
X-RateLimit-Reset: 1

upstream
ANSWER
