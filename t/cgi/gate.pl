#!/usr/bin/perl
# Does what its query says, and waits there where a test wants it to: see TaiGate.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use TaiGated;

TaiGated::answer(\*STDOUT, $ENV{QUERY_STRING}, 'Status: 200 OK');
