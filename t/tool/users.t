use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IPC::Open2 'open2';
use Taictl;
use Test::More;

my $path = new_database();
my $password = 'a fine long password';

done('an account', 'account', 'add', 'acme');
like done('user add', \"$password\n", 'user', 'add', 'acme', 'ann')->{out},
    qr/^user ann of account acme, primary_admin: usr_[0-9A-Za-z]{22}\n\z/,
    'the first user is the primary administrator';
my $bob = json_of(\$password, 'user', 'add', 'acme', 'bob');
like delete $bob->{id}, qr/^usr_/, 'the next one has an id';
is_deeply $bob, { account => 'acme', username => 'bob', role => 'member', status => 'active' },
    'and is a member';

refused(qr/has a primary administrator already: ann/, 'a second primary administrator',
    \"$password\n", 'user', 'add', 'acme', 'eve', '--role', 'primary_admin');
refused(qr/no role "owner"; allowed: primary_admin, member/, 'an unknown role', \"$password\n",
    'user', 'add', 'acme', 'eve', '--role', 'owner');
refused(qr/no account "acne"/, 'an unknown account', \"$password\n", 'user', 'add', 'acne', 'eve');
refused(qr/a user "ann" already/, 'a name twice', \"$password\n", 'user', 'add', 'acme', 'ann');
refused(qr/user name "" is not allowed: 1 to 64/, 'no name', \"$password\n", 'user', 'add', 'acme',
    '');
refused(qr/no line on standard input/, 'no password', 'user', 'add', 'acme', 'eve');
refused(qr/12 to 72 bytes/, 'a short password', \"elevenbytes\n", 'user', 'add', 'acme', 'eve');
refused(qr/12 to 72 bytes/, 'a long password', \('x' x 73), 'user', 'add', 'acme', 'eve');
refused(qr/too long/, 'a far too long password', \('x' x 5000), 'user', 'add', 'acme', 'eve');
refused(qr/holds a NUL/, 'a password with a NUL', \"a fine long\0 password", 'user', 'add', 'acme',
    'eve');
refused(qr/first that are tried/, 'a common password', \"Password1234\n", 'user', 'add', 'acme',
    'eve');
done('a user who cannot log in', 'user', 'add', 'acme', 'eve', '--no-password');

sub hash_of_ann {
    open my $file, '<:raw', $path or die $!;
    local $/;
    my ($hash) = <$file> =~ m{ann(\$2y\$12\$[./0-9A-Za-z]{53})};
    return $hash;
}

sub in_files {
    my ($text) = @_;
    my $found = 0;
    for my $name (glob "$path*") {
        open my $file, '<:raw', $name or die $!;
        local $/;
        $found += index(<$file>, $text) >= 0;
    }
    return $found;
}

my $before = hash_of_ann();
ok $before, 'the database holds bcrypt of cost 12';
like done('user passwd', \"another fine password\n", 'user', 'passwd', 'ann')->{out},
    qr/^user ann: password set$/, 'a new password';
isnt hash_of_ann(), $before, 'another hash';
ok !in_files($_), "the database does not hold '$_'" for $password, 'another fine password';
ok in_files('acme'), 'though it does hold what is no secret';
refused(qr/no user "nobody"/, 'the password of an unknown user', \"$password\n", 'user', 'passwd',
    'nobody');
refused(qr/12 to 72 bytes/, 'a new password that is too short', \"short\n", 'user', 'passwd',
    'ann');

done('user disable', 'user', 'disable', 'ann');
is_deeply json_of('user', 'disable', 'ann'), { username => 'ann', status => 'disabled' },
    'twice, as JSON';
refused(qr/no user "nobody"/, 'an unknown user', 'user', 'disable', 'nobody');
is json_of(\"$password\n", 'user', 'add', 'acme', 'ann2')->{role}, 'primary_admin',
    'the account lacks a primary administrator again';

# script(1) gives taictl a terminal: what is typed after each prompt, and what was then seen.
sub at_terminal {
    my @typed = @_;
    local $SIG{ALRM} = sub { die "no prompt, or no end\n" };
    alarm 60;
    my $pid = open2(my $out, my $in, 'script', '-qec', "'$ENV{TAICTL}' user passwd bob", '/dev/null');
    my $seen = '';
    for my $line (@typed) {
        my $from = length $seen;
        while (substr($seen, $from) !~ /: \z/) {
            sysread $out, $seen, 1, length $seen or last;
        }
        syswrite $in, "$line\n";
    }
    while (sysread $out, $seen, 100, length $seen) { }
    waitpid $pid, 0;
    alarm 0;
    return ($? >> 8, $seen);
}

SKIP: {
    skip 'no terminal is to be had here', 6 if !-e '/dev/pts/ptmx';
    skip 'no script(1)', 6 if !grep { -x "$_/script" } split /:/, $ENV{PATH};
    my ($status, $seen) = at_terminal('typed in silence', 'typed in silence');
    is $status, 0, 'a password from the terminal';
    like $seen, qr/New password: .*New password again: .*user bob: password set/s,
        'is asked for twice';
    unlike $seen, qr/silence/, 'and not shown';
    ($status, $seen) = at_terminal('typed in silence', 'typed in silense');
    is $status, 1, 'two that differ';
    like $seen, qr/the two were not the same/, 'are refused';
    unlike $seen, qr/silen[cs]e/, 'and not shown';
}

done_testing;
