# A roll: the old key and the new one while the grace runs, the window that they share, and the second
# in which the old one ends.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use TaiApi;
use TaiTest;

my $ann = administrator('roll', plan => 'claimed');

sub roll {
    my ($key, $grace) = @_;
    my $answer = api($ann, POST => "/keys/$key->{id}/roll", { grace_seconds => $grace });
    note_secrets(data($answer)) if ref data($answer);
    return $answer;
}

sub rolled {
    my ($key, $grace) = @_;
    my $answer = roll($key, $grace);
    die 'no roll: ', $answer->body unless data($answer)->{key};
    return data($answer);
}

sub shown { return data(api($ann, GET => "/keys/$_[0]{id}")) }

sub revoke { return api($ann, DELETE => "/keys/$_[0]{id}") }

# UTC seconds of a time in an answer.
sub seconds {
    my ($text) = @_;
    require Time::Local;
    my ($y, $m, $d, $h, $min, $s) = $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/ or die "no time: $text";
    return Time::Local::timegm($s, $min, $h, $d, $m - 1, $y);
}

subtest 'while the grace runs' => sub {
    my $old = create_key($ann, name => 'first', scopes => ['programs:read', 'programs:write'], token => \0);
    my $new = rolled($old, 600);
    is use_key($old), 200, 'the old key is good';
    is use_key($new), 200, 'and so is the new one';
    isnt $new->{key}, $old->{key}, 'they are two';
    is_deeply [@$new{qw(name scopes effective_scopes expires_at rate_limit has_token)}],
        [@$old{qw(name scopes effective_scopes expires_at rate_limit has_token)}],
        'of the same name, scopes, end and limit';
    is use_key($new, '/v1/write/x'), 200, 'the new one may what the old one may';
    is seconds(shown($old)->{expires_at}), seconds($new->{created_at}) + 600, 'the old one ends after the grace';
    is_refused roll($old, 600), 409, 'KEY_NOT_ACTIVE', qr/\Q$new->{id}\E/, 'a second roll of the old one';
    is_refused roll($new, 600), 409, 'KEY_NOT_ACTIVE', qr/\Q$old->{id}\E/, 'a roll of the new one';
    revoke($old);
    is use_key($old), 401, 'the old one, revoked before its time';
    is use_key($new), 200, '... the new one is good';
    my $third = rolled($new, 600);
    is use_key($third), 200, 'the new one can be rolled then';
    revoke($_) for $new, $third;
};

subtest 'with a token' => sub {
    my $old = create_key($ann, token => \1);
    my $new = rolled($old, 600);
    is use_key($_), 200, 'the pair is good' for $old, $new;
    is use_key({ %$new, headers => [$new->{headers}[0], $old->{headers}[1]] }), 401, 'the new key with the old token is not';
    is use_key({ %$old, headers => [$old->{headers}[0], $new->{headers}[1]] }), 401, '... nor the old one with the new';
    revoke($_) for $old, $new;
};

subtest 'one window' => sub {
    my $old = create_key($ann);
    my @seen = map { use_key($old, '/v1/five/x') } 1, 2;
    my $new = rolled($old, 600);
    push @seen, map { use_key($_, '/v1/five/x') } $new, $old, $new;
    is "@seen", '200 200 200 200 200', 'five of both together';
    is use_key($_, '/v1/five/x'), 429, 'none more, of either' for $old, $new;
    revoke($old);
    my $third = rolled($new, 0);
    is use_key($third, '/v1/five/x'), 429, 'nor of the one after them';
    revoke($third);
};

# A request is decided on somewhere between its being sent and its answer.
subtest 'to the second' => sub {
    my $old = create_key($ann);
    my $new = rolled($old, 2);
    my $end = seconds($new->{replaces}{ends_at});
    my (@good, $bad);
    wait_for(sub {
        my $sent = time;
        my $status = use_key($old);
        push @good, $sent if $status == 200;
        $bad = time if $status == 401;
        return $bad;
    }, 'the old key to end');
    cmp_ok scalar @good, '>', 0, 'it was good';
    cmp_ok $good[-1], '<', $end, '... not after its end';
    cmp_ok $bad, '>=', $end, '... and bad not before it';
    is shown($old)->{status}, 'expired', 'it is shown as expired';
    is use_key($new), 200, 'the new one goes on';
    is roll($old, 5)->status, 409, 'what has ended is not rolled';
    revoke($new);
};

subtest 'never beyond the old end' => sub {
    my $end = time + 300;
    my @t = gmtime $end;
    my $text = sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0];
    my $old = create_key($ann, expires_at => $text);
    my $new = rolled($old, 600);
    is $new->{replaces}{ends_at}, $text, 'the old key ends when it would have ended';
    is shown($old)->{expires_at}, $text, '... as it is shown';
    is $new->{expires_at}, $text, 'and so does the new one';
    revoke($_) for $old, $new;
};

subtest 'without a grace' => sub {
    my $old = create_key($ann);
    my $new = rolled($old, 0);
    is use_key($old), 401, 'the old key is bad at once';
    is use_key($new), 200, 'the new one is good';
    my $seen = shown($old);
    is $seen->{status}, 'revoked', 'the old one is revoked';
    is $new->{replaces}{ends_at}, $seen->{revoked_at}, '... when the answer says';
    is_refused roll($old, 0), 409, 'KEY_NOT_ACTIVE', qr/revoked/, 'it is not rolled again';
    revoke($new);
};

subtest 'at the limit of ten' => sub {
    my $bob = administrator('roll-ten');
    my @keys = map { create_key($bob) } 1 .. 10;
    my $answer = api($bob, POST => "/keys/$keys[0]{id}/roll", { grace_seconds => 600 });
    is_done $answer, 201, 'a roll needs no room';
    note_secrets(data($answer));
    is_refused new_key($bob), 409, 'KEY_LIMIT_REACHED', qr/10/, 'and makes none';
    api($bob, DELETE => "/keys/$keys[0]{id}");
    is_refused new_key($bob), 409, 'KEY_LIMIT_REACHED', qr/10/, 'the end of one of the pair makes none';
    api($bob, DELETE => '/keys/' . data($answer)->{id});
    is_done new_key($bob), 201, 'that of both does';
};

# What the plan has taken from a key it has taken from the one that follows it.
subtest 'after the plan was lowered' => sub {
    my $cid = administrator('roll-lowered', plan => 'claimed');
    my $old = create_key($cid, scopes => ['programs:read', 'programs:write']);
    taictl(account => 'set-plan', 'roll-lowered', 'free');
    my $answer = api($cid, POST => "/keys/$old->{id}/roll", { grace_seconds => 600 });
    is_done $answer, 201, 'rolled';
    my $new = note_secrets(data($answer));
    is_deeply $new->{scopes}, $old->{scopes}, 'the same scopes';
    is_deeply $new->{effective_scopes}, ['programs:read'], 'one of them counts';
    is use_key($new, '/v1/write/x'), 403, 'no more is allowed';
    is use_key($new), 200, '... and no less';
};

done_testing;
