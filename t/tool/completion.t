use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Taictl;
use Test::More;

# The completion of bash is what the program says of itself; here both are asked.
my $script = "$FindBin::Bin/../../mod_taiauth/tool/taictl.bash";

# What is proposed for the last of some words.
sub complete {
    my (@words) = @_;
    open my $bash, '-|', 'bash', '-c', <<'BASH', 'bash', $script, $ENV{TAICTL}, @words
set -u
compopt() { :; }
. "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_taictl "$2" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
complete -p taictl
BASH
        or die "bash: $!";
    chomp(my @proposed = <$bash>);
    close $bash or die "bash: exit status $?";
    is pop @proposed, 'complete -F _taictl taictl', "@words: bash knows for what";
    return [grep { length } @proposed];
}

my $help = taictl('--help')->{out};
my (@nouns, %verbs);
for my $line (grep { /^  [a-z]/ } split /\n/, $help) {
    my ($noun, $verb) = split ' ', $line;
    push @nouns, $noun if !$verbs{$noun};
    push @{$verbs{$noun} //= []}, $verb && $verb =~ /^[a-z]/ ? $verb : ();
}
cmp_ok scalar(@nouns), '>=', 8, 'there are commands';

is_deeply complete(''), \@nouns, 'the first word';
is_deeply complete('acc'), ['account'], 'as far as it is there';
is_deeply complete('nonsense', ''), [], 'nothing behind what is none';
is_deeply complete('nonsense', 'x', '--'), [], 'nothing at all';
is_deeply complete('--database', '/tmp/x', ''), \@nouns, 'behind an option with its value';
is_deeply complete('--json', 'key', '--driver', 'x', 'ro'), ['roll'], 'with options in between';

for my $noun (@nouns) {
    is_deeply complete($noun, ''), $verbs{$noun}, "$noun: its verbs" if @{$verbs{$noun}};
    for my $verb (@{$verbs{$noun}} ? @{$verbs{$noun}} : '') {
        my @command = grep { length } $noun, $verb;
        my %value = taictl(@command, '--help')->{out} =~ /^  (--[a-z-]+) (\S*)/mg;
        is_deeply [sort @{complete(@command, '--')}], [sort keys %value], "@command: its options";
        for my $option (grep { $value{$_} =~ /^[a-z]/ } sort keys %value) {
            is_deeply complete(@command, $option, ''), [split /\|/, $value{$option}],
                "@command: values of $option";
        }
    }
}
is_deeply complete('import', 'acme', '--hashed', 'h'), ['hex'], 'a value as far as it is there';
is_deeply complete('key', 'roll', '--grace', ''), [], 'a value that nobody knows';

# Files are what there is.
open my $file, '>', "$dir/old keys.csv" or die $!;
close $file;
is_deeply complete(@$_, "$dir/old"), ["$dir/old keys.csv"], "a file behind @$_"
    for ['--database'], ['import', 'acme'];
is_deeply complete('account', 'show', "$dir/old"), [], 'none where none is wanted';

done_testing;
