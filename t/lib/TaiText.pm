# Texts of keys, tokens and tickets in the shape that the module makes them.
package TaiText;

use strict;
use warnings;

use Compress::Zlib ();
use Exporter 'import';

our @EXPORT_OK = qw(credential_text checksum);

my @digits = ('0' .. '9', 'A' .. 'Z', 'a' .. 'z');

# A text that nobody was given, with the right checksum. Its kind: 'tai_', 'tat_' or 'tao_'.
sub credential_text {
    my ($kind) = @_;
    my $text = $kind . join '', map { $digits[rand 62] } 1 .. 32;
    return $text . checksum($text);
}

# The last six characters of a text that begins like this.
sub checksum {
    my ($text) = @_;
    my $crc = Compress::Zlib::crc32($text);
    my $check = '';
    for (1 .. 6) {
        $check = $digits[$crc % 62] . $check;
        $crc = int $crc / 62;
    }
    return $check;
}

1;
