# A strict reader of Prometheus' text format 0.0.4.
package TaiMetrics;

use strict;
use warnings;

my $NAME = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $LABEL = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/;
my $NUMBER = qr/(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|\+Inf|NaN)/;

# Returns { type => { FAMILY => TYPE }, value => { 'NAME{LABELS}' => NUMBER } }; dies of what is wrong
# with the page.
sub parse {
    my ($text) = @_;
    my $page = { type => {}, value => {}, help => {}, family => '' };
    $text =~ /\n\z/ or die "the last line has no end\n";
    read_line($page, $_) for split /\n/, $text;
    for my $family (sort keys %{$page->{type}}) {
        check_histogram($page, $family) if $page->{type}{$family} eq 'histogram';
    }
    return $page;
}

sub read_line {
    my ($page, $line) = @_;
    if ($line =~ /^# HELP ($NAME) (\S.*)$/) {
        die "a second HELP for $1\n" if $page->{help}{$1}++;
        $page->{family} = $1;
    }
    elsif ($line =~ /^# TYPE ($NAME) (counter|gauge|histogram)$/) {
        add_family($page, $1, $2);
    }
    elsif ($line =~ /^($NAME)(\{$LABEL(?:,$LABEL)*\})? ($NUMBER)$/) {
        add_sample($page, $1, $2 // '', $3);
    }
    else {
        die "no line of this format: $line\n";
    }
    return;
}

sub add_family {
    my ($page, $name, $type) = @_;
    die "TYPE of $name does not follow its HELP\n" unless $page->{family} eq $name;
    die "a second TYPE for $name\n" if $page->{type}{$name};
    die "the counter $name is not called _total\n" if $type eq 'counter' && $name !~ /_total$/;
    $page->{type}{$name} = $type;
    return;
}

sub add_sample {
    my ($page, $name, $labels, $value) = @_;
    my $family = $page->{family};
    my $type = $page->{type}{$family} or die "$name comes before a TYPE\n";
    my $belongs = $type eq 'histogram' ? $name =~ /^\Q$family\E_(?:bucket|sum|count)$/ : $name eq $family;
    die "$name does not belong to $family\n" unless $belongs;
    die "$name$labels is there twice\n" if exists $page->{value}{"$name$labels"};
    die "the counter $name is $value\n" if $type eq 'counter' && $value !~ /^[0-9]+$/;
    $page->{value}{"$name$labels"} = $value;
    push @{$page->{order}}, "$name$labels";
    return;
}

# Bounds rise, counts never fall, the last bucket holds everything.
sub check_histogram {
    my ($page, $family) = @_;
    my ($bound, $count, $last) = (-1, 0, undef);
    for my $series (grep { /^\Q$family\E_bucket\{/ } @{$page->{order}}) {
        my ($le) = $series =~ /[{,]le="([^"]+)"/ or die "$series has no le\n";
        die "the bound of $series is no number\n" unless $le =~ /^$NUMBER$/;
        die "$series after +Inf\n" if ($last // '') eq '+Inf';
        die "$series does not rise\n" if $le ne '+Inf' && $le <= $bound;
        die "$series is less than the one before\n" if $page->{value}{$series} < $count;
        ($bound, $count, $last) = ($le eq '+Inf' ? $bound : $le, $page->{value}{$series}, $le);
    }
    die "$family has no bucket +Inf\n" unless ($last // '') eq '+Inf';
    die "${family}_count is not its bucket +Inf\n" if $page->{value}{"${family}_count"} != $count;
    die "$family has no sum\n" unless defined $page->{value}{"${family}_sum"};
    return;
}

# What has moved between two pages: series => by how much, only those whose name begins like this.
sub moved {
    my ($before, $after, $name) = @_;
    my %moved;
    for my $series (grep { /^\Q$name\E/ } keys %{$after->{value}}) {
        my $by = $after->{value}{$series} - ($before->{value}{$series} // 0);
        $moved{$series} = $by if $by;
    }
    return \%moved;
}

1;
