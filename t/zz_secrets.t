# What the other files made secret stands in no log, no database file and nothing that was captured
# behind the server.
use strict;
use warnings;

use File::Find;
use Test::More;
use TaiTest;

# The harness checks itself: were nothing registered, nothing would be looked for.
secret(my $planted = 'planted-' . $$ . time);
my @secrets = do { open my $in, '<', var('secrets') or die "secrets: $!"; map { chomp; $_ } <$in> };
cmp_ok scalar @secrets, '>', 1, 'secrets were registered';

my @files = (glob(var('database') . '*'));
find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && $_ ne var('secrets') } }, var('t_logs'));
ok((grep { /error_log$/ } @files), 'the error log is among the files');
ok((grep { /access_log$/ } @files), 'the access log is among the files');
ok((grep { /keys\.db$/ } @files), 'the database is among the files');

my $pattern = join '|', map { quotemeta } @secrets;
for my $file (sort @files) {
    open my $in, '<:raw', $file or die "$file: $!";
    my $bytes = do { local $/; <$in> } // '';
    ok $bytes !~ /$pattern/, "no secret in $file" or diag 'found near: ', near($bytes, $pattern);
}

# The line of the find, without the secret itself.
sub near {
    my ($bytes, $what) = @_;
    my ($line) = $bytes =~ /([^\n]*(?:$what)[^\n]*)/;
    return $line =~ s/$what/<secret>/gr =~ s/[^\x20-\x7e]/./gr;
}

done_testing;
