# Who knows the passwords: httpd's providers behind our endpoint, and ours behind httpd's Basic
# authentication.
use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use MIME::Base64 qw(encode_base64);
use Test::More;
use TaiApi qw(is_done is_refused);
use TaiKeys;
use TaiLogin;
use TaiTest;

# --- the file of users --------------------------------------------------------------------------

my %in_file;

sub write_file {
    my $path = var('serverroot') . '/conf/password_provider.users';
    open my $out, '>', $path or die "$path: $!";
    print $out map { "$_:{SHA}" . sha1_base64($in_file{$_}) . "=\n" } sort keys %in_file;
    close $out or die "$path: $!";
    return;
}

# The same user with a password of his own in the file.
sub in_file {
    my ($who, $password) = @_;
    $in_file{$who->{user}} = secret($password // password());
    write_file();
    return { %$who, password => $in_file{$who->{user}} };
}

sub ask {
    my ($who, $place, @want) = @_;
    return log_in($who, vhost => 'password_provider', place => "/$place/auth/token", @want);
}

# Users with a password in the table, of which some have another one in the file.
my $ann = login_user('provider-ann');
my $bob = login_user('provider-bob');
my $ann_of_file = in_file($ann);
my $disabled = login_user('provider-disabled');
my $disabled_of_file = in_file($disabled);
taictl(user => 'disable', $disabled->{user});
taictl(account => 'add', 'provider-mute');
taictl(user => 'add', 'provider-mute', 'provider-mute', '--no-password');
my $mute = { account => 'provider-mute', user => 'provider-mute', password => password() };
my $mute_of_file = in_file($mute);
my $stranger = in_file({ user => 'provider-stranger' });

# --- providers behind the endpoint --------------------------------------------------------------

my $yes = 201;
my $no = 401;
my @table = ( # who is let in, where
    ['ann, the password of the file',        $ann_of_file,      file => $yes, 'file-first' => $yes, 'file-last' => $no,  'file-last/own' => $no],
    ['ann, the password of the table',       $ann,              file => $no,  'file-first' => $no,  'file-last' => $yes, 'file-last/own' => $yes],
    ['bob, who is not in the file',          $bob,              file => $no,  'file-first' => $yes, 'file-last' => $yes, 'file-last/own' => $yes],
    ['one without a password in the table',  $mute_of_file,     file => $yes, 'file-first' => $yes, 'file-last' => $yes, 'file-last/own' => $no],
    ['one who is in the file alone',         $stranger,         file => $no,  'file-first' => $no,  'file-last' => $no,  'file-last/own' => $no],
    ['a disabled one, the file\'s',          $disabled_of_file, file => $no,  'file-first' => $no,  'file-last' => $no,  'file-last/own' => $no],
    ['a disabled one, the table\'s',         $disabled,         file => $no,  'file-first' => $no,  'file-last' => $no,  'file-last/own' => $no],
    ['one whom nobody knows',                { user => 'provider-nobody', password => password() },
                                                                file => $no,  'file-first' => $no,  'file-last' => $no,  'file-last/own' => $no],
);
my %refusals;
for my $row (@table) {
    my ($name, $who, %places) = @$row;
    for my $place (sort keys %places) {
        my $answer = ask($who, $place);
        is $answer->status, $places{$place}, "$name, $place";
        $refusals{without_date($answer)}++ if $answer->status == $no;
    }
}
is scalar keys %refusals, 1, 'every refusal has the same bytes' or diag explain \%refusals;

my $long = in_file($bob, 'pw-' . 'x' x 70);
is ask($long, 'file')->status, 401, 'a password of more than 72 bytes, though the file has it';
is ask(in_file($bob, 'pw-' . 'y' x 69), 'file')->status, 201, '... of 72 bytes';
is ask({ %$bob, password => '' }, 'file')->status, 401, 'none';

subtest 'locks hold whoever knows the passwords' => sub {
    my $here = address();
    is join(' ', map { ask($ann_of_file, 'file', client => $here, password => password())->status } 1 .. 6),
        '401 401 401 401 401 429', 'the fifth failure locks';
    is_refused ask($ann_of_file, 'file', client => $here), 429, 'LOCKED_OUT', qr/Too many/, 'the right password of the file';
    is_refused ask($ann, 'file-last/own', client => $here), 429, 'LOCKED_OUT', qr/Too many/, '... and of the table';
    is scalar(grep { $_->[2] eq $here } audited('login.failed', 'provider-ann')), 5, 'five failures in the audit log';
};

subtest 'a provider that cannot say' => sub {
    my ($here, $undecided) = (address(), metric('requests_total', 'login_provider'));
    is_refused ask($ann, 'broken', client => $here), 503, 'AUTH_UNAVAILABLE', qr/again/, "try $_" for 1 .. 5;
    is metric('requests_total', 'login_provider'), $undecided + 5, 'none of them is a failure';
    is_done ask($ann, 'file-last', client => $here), 201, 'who could not be checked is not locked out';
};

# --- AuthBasicProvider taiauth ------------------------------------------------------------------

sub basic {
    my ($who, $place, %want) = @_;
    my $pair = encode_base64(join(':', $who->{user}, $want{password} // $who->{password}), '');
    return request('password_provider', GET => "/$place/x",
        [Authorization => "Basic $pair", 'X-Client' => $want{client} // address()]);
}

my $member = login_user('provider-member', account => $ann->{account}, role => 'member');
is basic($ann, 'basic')->status, 200, 'Basic: the right password';
is basic($member, 'basic')->status, 200, 'Basic: of a member';
is basic($ann, 'basic', password => password())->status, 401, 'Basic: a wrong one';
is basic($ann_of_file, 'basic')->status, 401, 'Basic: that of the file';
is basic($ann_of_file, 'basic-file')->status, 401, 'Basic, with a file behind: the table knows the user';
is basic($mute_of_file, 'basic-file')->status, 401, 'Basic, with a file behind: one who cannot log in is none of the file\'s';
is basic($disabled, 'basic')->status, 401, 'Basic: a disabled user';
is basic({ user => 'provider-nobody', password => password() }, 'basic')->status, 401, 'Basic: an unknown one';
is basic({ user => $ann->{user}, password => '' }, 'basic')->status, 401, 'Basic: none';

subtest 'Basic: locks' => sub {
    my $here = address();
    is join(' ', map { basic($ann, 'basic-brief', client => $here, password => password())->status } 1, 2), '401 401', 'two failures';
    is basic($ann, 'basic-brief', client => $here)->status, 401, 'lock, for the right password too';
    is basic($ann, 'basic', client => $here)->status, 401, '... everywhere';
    is_refused ask($ann, 'file-last', client => $here), 429, 'LOCKED_OUT', qr/Too many/, '... at the endpoint too';
    is scalar(grep { $_->[2] eq $here } audited('login.failed', 'provider-ann')), 2, 'two were evaluated';
    is basic($ann, 'basic')->status, 200, 'from elsewhere it is good';
};

subtest 'Basic: slots' => sub {
    my $pair = encode_base64("$ann->{user}:$ann->{password}", '');
    my $statuses = wait_for(sub {
        my $here = address();
        my @connections = map {
            connection('password_provider')->send(TaiHttp::bytes(GET => '/basic/x',
                [Authorization => "Basic $pair", 'X-Client' => $here], undef, 'close'))
        } 1, 2;
        my $seen = join ' ', sort map { $_->read->status } @connections;
        return $seen eq '200 200' ? undef : $seen;
    }, 'two of one address to meet');
    is $statuses, '200 500', 'one at a time: the other cannot be decided';
};

done_testing;
