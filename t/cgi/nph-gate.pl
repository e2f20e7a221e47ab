#!/usr/bin/perl
# As gate.pl, for a CGI that writes to the connection itself.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use TaiGated;

TaiGated::answer(\*STDOUT, $ENV{QUERY_STRING}, "HTTP/1.1 200 OK\r\nConnection: close");
