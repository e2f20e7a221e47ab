# Apache::TestRun with our modules, a key database of the kind that TAI_DATABASE names, loopback only, and tests that are counted.
package TaiRun;

use strict;
use warnings;

use parent 'Apache::TestRun';

use Apache::TestConfig ();
use Apache::TestServer ();
use File::Basename qw(basename);
use File::Spec::Functions qw(catfile);
use TAP::Harness;
use TaiDatabase;
use TaiLimiter;
use TaiModules;
use TaiSkips;

sub new_test_config {
    my ($self) = @_;
    my $opts = $self->{conf_opts};
    $opts->{port} ||= free_port();
    $opts->{httpd_conf} = $self->write_modules($opts);
    return TaiRun::Config->new($opts);
}

# Below the ports that the system hands out by itself, and at random: several runs may share this
# machine. The ports of the virtual hosts follow it, Apache::Test looks for free ones. See
# TaiHttpd::free_port, too.
sub free_port {
    for (1 .. 100) {
        my $port = 16_000 + 40 * int rand 100;
        return $port if Apache::TestServer->port_available($port);
    }
    die "no free port\n";
}

# Apache::Test takes its LoadModule lines from the installed server's configuration; we want ours.
sub write_modules {
    my ($self, $opts) = @_;
    my $apxs = $opts->{apxs} or die "needs -apxs\n";
    my $httpd = $opts->{httpd} or die "needs -httpd\n";
    chomp(my $libexecdir = qx($apxs -q LIBEXECDIR));

    my $file = catfile($FindBin::Bin, 'conf', 'modules.load');
    open my $out, '>', $file or die "$file: $!\n";
    print $out TaiModules::load_lines($httpd, $libexecdir);
    close $out or die "$file: $!\n";
    return $file;
}

sub configure {
    my ($self) = @_;
    my $vars = $self->{test_config}{vars};
    TaiDatabase::start(catfile($vars->{top_dir}, 'server'));
    my $database = TaiDatabase->new(catfile($vars->{serverroot}, 'keys.db'));
    $vars->{driver} = TaiDatabase::driver();
    $vars->{database} = $database->params;
    $vars->{secrets} = catfile($vars->{t_logs}, 'secrets');
    note_secret($vars->{secrets}, $database->password);
    note_secret($vars->{secrets}, TaiLimiter::start(catfile($vars->{top_dir}, 'redis')));
    $vars->{limiter} = TaiLimiter::conf('main');
    $vars->{backend_port} = $self->{server}->select_next_port;
    $vars->{mpm} = TaiModules::mpm();

    $self->SUPER::configure;
    $database->init;
}

# For zz_secrets.t, as TaiTest::secret.
sub note_secret {
    my ($file, $text) = @_;
    return unless defined $text;
    open my $out, '>>', $file or die "$file: $!\n";
    print $out "$text\n";
    close $out or die "$file: $!\n";
    return;
}

# The tests of the run, those named zz_ last: they look at what all the others left behind.
sub tests {
    my ($self) = @_;
    my @files = @{$self->{tests}} ? @{$self->{tests}} : glob "$FindBin::Bin/*.t";
    return sort { basename($a) cmp basename($b) } @files;
}

sub run_tests {
    my ($self) = @_;
    return unless $self->{opts}{'run-tests'};

    my $top = $self->{test_config}{vars}{top_dir};
    my $harness = TAP::Harness->new({
        verbosity => $self->{opts}{verbose} ? 1 : 0,
        lib       => ["$top/t/lib", $top],
        timer     => 1,
    });
    $harness->callback(made_parser => sub { $self->listen(@_) });
    $self->{result} = $harness->runtests(map { [$_, basename($_)] } $self->tests);
}

# Note what failed in a file and what it skipped.
sub listen {
    my ($self, $parser, $test) = @_;
    my $seen = $self->{seen}{$test->[1]} = { failed => [], skipped => [] };
    $parser->callback(test => sub {
        my ($test) = @_;
        push @{$seen->{failed}}, join ' ', $test->number, $test->description unless $test->is_ok;
        push @{$seen->{skipped}}, $test->explanation if $test->has_skip;
    });
    $parser->callback(plan => sub {
        my ($plan) = @_;
        push @{$seen->{skipped}}, $plan->explanation if $plan->has_skip;
    });
    return;
}

# What the server runs under writes its findings there: AddressSanitizer a file for each, valgrind a
# file for each process, which holds findings alone.
sub stop {
    my ($self) = @_;
    my $logs = $self->{test_config}{vars}{t_logs};
    my $stopped = $self->SUPER::stop;
    $self->{findings} = [grep { -s } glob "$logs/{asan,valgrind}.*"];
    push @{$self->{findings}}, 'valgrind did not run'
        if ($ENV{TAI_WRAP} // '') eq 'valgrind' && !glob "$logs/valgrind.*";
    return $stopped;
}

# Print what failed and the counts as `make check` prints them. Returns the exit status.
sub verdict {
    my ($self) = @_;
    my $result = $self->{result} or die "no test was run\n";
    my ($passed, $failed, $skipped) = (0, 0, 0);
    my @errors = map { "findings: $_" } @{$self->{findings} || []};

    for my $name ($result->descriptions) {
        my ($parser) = $result->parsers($name);
        $passed  += $parser->passed - $parser->skipped;
        $failed  += $parser->failed;
        $skipped += $parser->skipped;
        print "FAIL: t/$name $_\n" for @{$self->{seen}{$name}{failed}};
        push @errors, map { "t/$name $_" } $self->faults_of($name, $parser);
    }
    print "ERROR: $_\n" for @errors;
    printf "# PASS:  %d\n# SKIP:  %d\n# FAIL:  %d\n# ERROR: %d\n", $passed, $skipped, $failed, scalar @errors;
    return $failed || @errors || !$passed ? 1 : 0;
}

# What is wrong with a file beside the tests that failed.
sub faults_of {
    my ($self, $name, $parser) = @_;
    my @skipped = @{$self->{seen}{$name}{skipped}};
    my @faults = map { "- skipped, which t/lib/TaiSkips.pm does not list: $_" } TaiSkips::unforeseen($name, @skipped);
    return (@faults, '- ran no test') if $parser->tests_run == $parser->skipped && !@skipped;
    return (@faults, '- broke off') if $parser->has_problems && !$parser->failed;
    return @faults;
}

# Apache::Test lets its virtual hosts listen on every address of the machine.
package TaiRun::Config;

use parent -norequire, 'Apache::TestConfig';

sub parse_vhost {
    my $self = shift;
    my $vhost = $self->SUPER::parse_vhost(@_) or return;
    $vhost->{out_string} =~ s/0\.0\.0\.0/127.0.0.1/;
    return $vhost;
}

1;
