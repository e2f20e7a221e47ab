# Every configuration in refuse/ must keep httpd from starting, with the message that it names:
#
#   # expect: REGEX             must be in what httpd prints or logs
#   # at: configtest|start      what refuses it (default configtest)
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiTest;

my @cases = glob var('serverroot') . '/refuse/*.conf';
die "no case in refuse/\n" unless @cases;

for my $file (@cases) {
    my ($name) = $file =~ m{([^/]+)\.conf$};
    my $conf = do { open my $in, '<', $file or die "$file: $!"; local $/; <$in> };
    my ($expect) = $conf =~ /^# expect: (.+)$/m or die "$file: no line '# expect: REGEX'\n";
    my $at = $conf =~ /^# at: (\w+)$/m ? $1 : 'configtest';

    my $httpd = TaiHttpd->new(conf => $conf);
    my $accepted = $at eq 'start' ? $httpd->test && $httpd->start : $httpd->test;
    ok !$accepted, "$name is refused at $at";
    like $httpd->said . $httpd->log, qr/$expect/, "$name: the message";
    $httpd->stop;
}

done_testing;
