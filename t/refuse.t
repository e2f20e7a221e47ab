# Every case in refuse/*.conf must keep httpd from starting, with the message that it names. A file
# holds several; each begins with a line "# case:" and consists of
#
#   # case: WHAT IS WRONG
#   # expect: REGEX             must be in what httpd prints or logs
#   # at: configtest|start      what refuses it (default configtest)
#   # database: DATABASE        what DBDParams names (default ready): see %databases; or unset: there
#                               are no DBDriver and DBDParams at all
#   configuration
#
# The cases of database_DRIVER.conf are for that driver alone.
use strict;
use warnings;

use Test::More;
use TaiDatabase;
use TaiHttpd;
use TaiTest;

# What is put in place of the database that is ready for use; on a server an absent one is empty.
# @called@ in what is expected is how texts call it.
my %databases = (
    ready  => sub { },
    unset  => sub { },
    absent => sub { $_[0]->database->clear },
    empty  => sub { $_[0]->database->clear('but a file') },
    older  => sub { set_version($_[0], -1) },
    newer  => sub { set_version($_[0], 99) },
);

sub set_version {
    my ($httpd, $version) = @_;
    my $handle = $httpd->database->handle;
    $handle->do('DELETE FROM schema_version');
    $handle->do('INSERT INTO schema_version (version, applied_at) VALUES (?, 1)', undef, $version);
    $handle->disconnect;
    return;
}

sub cases {
    my ($file) = @_;
    my $text = do { open my $in, '<', $file or die "$file: $!"; local $/; <$in> };
    my ($remark, %conf) = split /^# case: (.+)\n/m, $text;
    my $count = () = $text =~ /^# case: /mg;
    die "$file: no case, or two of the same name\n" unless $count && $count == keys %conf;
    return map { one_case($file, $_, $conf{$_}) } sort keys %conf;
}

sub one_case {
    my ($file, $name, $conf) = @_;
    my %said = $conf =~ /^# (expect|at|database): (.+)$/mg;
    defined $said{expect} or die "$file: $name: no line '# expect: REGEX'\n";
    my $case = { name => $name, conf => $conf, at => 'configtest', database => 'ready', %said };
    $case->{at} =~ /^(?:configtest|start)$/ or die "$file: $name: at '$case->{at}'\n";
    $databases{$case->{database}} or die "$file: $name: database '$case->{database}'\n";
    return $case;
}

# The state of what DBDParams names; httpd may not change it while it refuses.
sub looks {
    my ($httpd) = @_;
    return $httpd->database->traces;
}

sub check {
    my ($httpd, $case) = @_;
    $httpd->configure($case->{conf}, database => $case->{database} ne 'unset');
    $databases{$case->{database}}->($httpd);
    my $before = looks($httpd);
    my $accepted = $case->{at} eq 'start' ? $httpd->test && $httpd->start : $httpd->test;
    ok !$accepted, "$case->{name}: refused at $case->{at}";
    my $said = $httpd->said . ($case->{at} eq 'start' ? $httpd->log : '');
    my $called = $httpd->database->called;
    my $expect = $case->{expect} =~ s/\@called\@/$called/gr;
    like $said, qr/$expect/, "$case->{name}: the message";
    is_deeply looks($httpd), $before, "$case->{name}: nothing was made or changed";
    $httpd->stop;
}

# Without a case the server starts: what is refused below is refused for the case.
my $plain = TaiHttpd->new(conf => "<Location />\nTaiAuth On\n</Location>");
ok $plain->test && $plain->start, 'a server without a case starts' or diag $plain->said, $plain->log;
$plain->stop;

my $driver = TaiDatabase::driver();
my @files = grep { !/database_(\w+)\.conf$/ || $1 eq $driver } glob var('serverroot') . '/refuse/*.conf';
die "no case in refuse/\n" unless @files;
for my $file (@files) {
    my ($topic) = $file =~ m{([^/]+)\.conf$};
    subtest $topic => sub {
        for my $case (cases($file)) {
            # a configuration test leaves nothing behind, and one server serves for all of them
            my $httpd = $case->{at} eq 'start' ? TaiHttpd->new : $plain;
            check($httpd, $case);
        }
    };
}

done_testing;
