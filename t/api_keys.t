# The calls about keys and the audit log over the management API, in both dialects: what they answer,
# what they refuse and with which code, and that what they make is good at once.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiKeys;
use TaiTest;

my @reads = map { "$_:read" } qw(categories organizations programs reviews);
my @members = qw(created_at created_by effective_scopes expires_at has_token id last_used_at name
    origin prefix rate_limit revoked_at scopes status usage);
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/;
my $nobody = 'key_' . 'A' x 22; # in no account

# Each dialect: its place, and the header that its keys are to be sent in.
my %dialects = (
    json     => { place => '/manage', key => 'X-API-Key' },
    envelope => { place => '/ts-manage', key => 'apikey' },
);

# The rows of a list: in the envelope each column is named once.
sub rows {
    my ($answer, $name) = @_;
    my $data = data($answer);
    return @{$data->{$name}} if $data->{$name};
    return map { my $row = $_; +{ map { $data->{columns}[$_] => $row->[$_] } 0 .. $#$row } } @{$data->{data}};
}

for my $dialect (sort keys %dialects) {
    my ($place, $key_header) = @{$dialects{$dialect}}{qw(place key)};
    my $ann = elsewhere(administrator("api-$dialect", plan => 'claimed'), $place);
    my $other = elsewhere(administrator("api-$dialect-other", plan => 'pro'), $place);

    subtest "$dialect: a key" => sub {
        my $answer = new_key($ann, { name => "\x{2713} first" });
        is_done $answer, 201, 'created';
        my $made = data($answer);
        my $shown = substr $made->{key}, 0, 12;
        like $made->{key}, qr/^tai_[0-9A-Za-z]{38}\z/, 'its text';
        is $made->{prefix}, "$shown...", 'its shown part';
        is $made->{name}, "\x{2713} first", 'its name';
        is_deeply $made->{scopes}, \@reads, 'the default scopes';
        is_deeply $made->{effective_scopes}, \@reads, '... all of them count';
        is_deeply [@$made{qw(status origin created_by)}], ['active', 'api', "api-$dialect-admin"], 'status, origin, maker';
        is_deeply [@$made{qw(expires_at revoked_at last_used_at rate_limit)}], [(undef) x 4], 'no end, no use, no limit';
        is_deeply $made->{usage}, { admitted => 0, refused => 0 }, 'no usage';
        like $made->{created_at}, $time, 'created';
        is_deeply [sort keys %$made], [sort @members, qw(headers key)], 'its members';
        is_deeply $made->{headers}, [{ name => $key_header, value => $made->{key} }], 'how to send it';
        is $answer->header('Location'), "$place/keys/$made->{id}", 'Location';
        is request('api_keys', GET => '/v1/x', { 'X-API-Key' => $made->{key} })->status, 200, 'good at once';

        my $again = api($ann, GET => "/keys/$made->{id}");
        is_done $again, 200, 'shown';
        my %expected = (%$made, days => []);
        delete @expected{qw(key headers)};
        my $seen = data($again);
        delete @$_{qw(usage last_used_at days)} for $seen, \%expected; # they are written in their time
        is_deeply $seen, \%expected, '... the same but for its text and its use';
    };

    subtest "$dialect: what it may be" => sub {
        my $made = create_key($ann, scopes => ['programs:write', 'programs:read'], token => \1,
            expires_at => '2099-12-31T23:59:59Z');
        is_deeply $made->{scopes}, ['programs:write', 'programs:read'], 'scopes as asked for';
        is $made->{expires_at}, '2099-12-31T23:59:59Z', 'its end';
        is $made->{has_token}, JSON::PP::true(), 'it has a token';
        like $made->{token}, qr/^tat_[0-9A-Za-z]{38}\z/, '... which is shown';
        is_deeply $made->{headers}, [{ name => 'apikey', value => $made->{key} },
            { name => 'x-ts-authorization', value => $made->{token} }], 'how to send both';
        is use_key($made, '/pair/x'), 200, 'good at once';
        is api($ann, DELETE => "/keys/$made->{id}")->status, 200, 'revoked';
        is use_key($made, '/pair/x'), 401, 'bad at once';
        for my $order ({ token => \0 }, { expires_at => undef }) {
            my $plain = create_key($ann, %$order);
            is_deeply [@$plain{qw(has_token expires_at token)}], [JSON::PP::false(), undef, undef],
                (keys %$order)[0] . ' as if left out';
            api($ann, DELETE => "/keys/$plain->{id}");
        }
    };

    # --- what is refused ------------------------------------------------------------------------

    my $key = create_key($ann, name => 'kept');
    my $at = "/keys/$key->{id}";
    my $long = 'x' x 101;
    my @refused = (
        # call, body, status, code, text
        ['POST /keys', {}, 400, 'BAD_REQUEST', qr/"name"/],
        ['POST /keys', { name => '' }, 400, 'BAD_REQUEST', qr/[Kk]ey name/],
        ['POST /keys', { name => $long }, 400, 'BAD_REQUEST', qr/[Kk]ey name.*100/],
        ['POST /keys', { name => "a\nb" }, 400, 'BAD_REQUEST', qr/[Kk]ey name/],
        ['POST /keys', { name => 5 }, 400, 'BAD_REQUEST', qr/"name"/],
        ['POST /keys', { name => undef }, 400, 'BAD_REQUEST', qr/"name"/],
        ['POST /keys', { name => 'x', scopes => [] }, 400, 'BAD_REQUEST', qr/scope/],
        ['POST /keys', { name => 'x', scopes => undef }, 400, 'BAD_REQUEST', qr/"scopes"/],
        ['POST /keys', { name => 'x', scopes => 'programs:read' }, 400, 'BAD_REQUEST', qr/"scopes"/],
        ['POST /keys', { name => 'x', scopes => [5] }, 400, 'BAD_REQUEST', qr/"scopes"/],
        ['POST /keys', { name => 'x', scopes => ['programs:fly'] }, 400, 'BAD_REQUEST', qr/programs:fly.*programs:read/],
        ['POST /keys', { name => 'x', scopes => ['programs:read '] }, 400, 'BAD_REQUEST', qr/there is no scope/i],
        ['POST /keys', { name => 'x', scopes => ['programs:read,programs:write'] }, 400, 'BAD_REQUEST', qr/there is no scope/i],
        ['POST /keys', { name => 'x', scopes => ['analytics:read'] }, 403, 'PLAN_REQUIRED', qr/"analytics:read".*[Pp]ro/],
        ['POST /keys', { name => 'x', expires_at => '2001-01-01T00:00:00Z' }, 400, 'BAD_REQUEST', qr/future/],
        ['POST /keys', { name => 'x', expires_at => '2099-02-30T00:00:00Z' }, 400, 'BAD_REQUEST', qr/"expires_at".*2026-01-31T23:59:59Z/],
        ['POST /keys', { name => 'x', expires_at => '2099-01-01T00:00:00+01:00' }, 400, 'BAD_REQUEST', qr/"expires_at"/],
        ['POST /keys', { name => 'x', expires_at => 4102444800 }, 400, 'BAD_REQUEST', qr/"expires_at"/],
        ['POST /keys', { name => 'x', token => 'yes' }, 400, 'BAD_REQUEST', qr/"token"/],
        ['POST /keys', { name => 'x', token => 1 }, 400, 'BAD_REQUEST', qr/"token"/],
        ['POST /keys', { name => 'x', colour => 'red' }, 400, 'BAD_REQUEST', qr/colour/],
        ['POST /keys', '{"name": "x"', 400, 'BAD_REQUEST', qr/./],
        ['POST /keys', '["x"]', 400, 'BAD_REQUEST', qr/./],
        ['POST /keys', '{"name": "x", "name": "y"}', 400, 'BAD_REQUEST', qr/./],
        ['POST /keys', '{"name": "' . 'x' x 17000 . '"}', 413, 'TOO_LARGE', qr/16384/],
        ["PATCH $at", {}, 400, 'BAD_REQUEST', qr/"name"/],
        ["PATCH $at", { name => $long }, 400, 'BAD_REQUEST', qr/[Kk]ey name.*100/],
        ["PATCH $at", { name => 'x', colour => 'red' }, 400, 'BAD_REQUEST', qr/colour/],
        ["PATCH $at", { scopes => ['programs:read'] }, 409, 'SCOPES_IMMUTABLE', qr/never change/],
        ["PATCH $at", { name => 'x', scopes => undef }, 409, 'SCOPES_IMMUTABLE', qr/never change/],
        ["PATCH /keys/$nobody", { name => 'x' }, 404, 'NOT_FOUND', qr/./],
        ["POST $at/roll", {}, 400, 'BAD_REQUEST', qr/"grace_seconds"/],
        ["POST $at/roll", { grace_seconds => -1 }, 400, 'BAD_REQUEST', qr/604800/],
        ["POST $at/roll", { grace_seconds => 604801 }, 400, 'BAD_REQUEST', qr/604800/],
        ["POST $at/roll", { grace_seconds => '60' }, 400, 'BAD_REQUEST', qr/"grace_seconds"/],
        ["POST $at/roll", '{"grace_seconds": 1.5}', 400, 'BAD_REQUEST', qr/"grace_seconds"/],
        ["POST $at/roll", '{"grace_seconds": 99999999999999999999}', 400, 'BAD_REQUEST', qr/./],
        ["POST $at/roll", '', 400, 'BAD_REQUEST', qr/./],
        ["POST $at/roll", undef, 415, 'UNSUPPORTED_MEDIA_TYPE', qr/application\/json/],
        ["POST /keys/$nobody/roll", { grace_seconds => 0 }, 404, 'NOT_FOUND', qr/./],
        ["GET /keys/$nobody", undef, 404, 'NOT_FOUND', qr/./],
        ["DELETE /keys/$nobody", undef, 404, 'NOT_FOUND', qr/./],
        ['GET /keys/' . substr($key->{key}, 0, 12), undef, 404, 'NOT_FOUND', qr/./], # the shown part is no id
        (map {
            my $list = $_;
            map { ["GET $list?limit=$_", undef, 400, 'BAD_REQUEST', qr/"limit".* 1 to 100/] }
                '', 0, 101, -1, '+5', '1e1', '5.0', '%35', 'ten', '00000000000000000020'
        } qw(/keys /audit)),
        ['GET /keys?limit=5&limit=6', undef, 400, 'BAD_REQUEST', qr/"limit"/],
        ['GET /keys?colour=red', undef, 400, 'BAD_REQUEST', qr/"limit".*"after"/],
        ['GET /keys?before=5', undef, 400, 'BAD_REQUEST', qr/"after"/],
        ['GET /keys?after=', undef, 400, 'BAD_REQUEST', qr/"after"/],
        ["GET /keys?after=$nobody", undef, 400, 'BAD_REQUEST', qr/"after"/],
        ['GET /keys?after=key_%00', undef, 400, 'BAD_REQUEST', qr/"after"/],
        ['GET /audit?after=5', undef, 400, 'BAD_REQUEST', qr/"before"/],
        (map { ["GET /audit?before=$_", undef, 400, 'BAD_REQUEST', qr/"before"/] } 0, -1, 'x', '1.5', '9' x 30),
        ['PUT /keys', {}, 405, 'METHOD_NOT_ALLOWED', qr/./, 'GET, HEAD, POST'],
        ["PUT $at", {}, 405, 'METHOD_NOT_ALLOWED', qr/./, 'DELETE, GET, HEAD, PATCH'],
        ["GET $at/roll", undef, 405, 'METHOD_NOT_ALLOWED', qr/./, 'POST'],
        ['DELETE /keys', undef, 405, 'METHOD_NOT_ALLOWED', qr/./, 'GET, HEAD, POST'],
        ['POST /audit', {}, 405, 'METHOD_NOT_ALLOWED', qr/./, 'GET, HEAD'],
        ['GET /keys/', undef, 404, 'NOT_FOUND', qr/./],
        ["GET $at/", undef, 404, 'NOT_FOUND', qr/./],
        ["POST $at/roll/now", {}, 404, 'NOT_FOUND', qr/./],
    );
    for my $row (@refused) {
        my ($call, $body, $status, $code, $text, $allow) = @$row;
        my ($method, $path) = split / /, $call, 2;
        my $answer = api($ann, $method, $path, $body);
        my $shown = ref $body ? JSON::PP->new->canonical->encode($body) : $body // '';
        is_refused $answer, $status, $code, $text, "$dialect: $call " . substr($shown, 0, 60) . " $status $code";
        is join(', ', sort split /, */, $answer->header('Allow') // ''), $allow, '... with Allow' if $allow;
    }
    subtest "$dialect: a body of another type" => sub {
        is_refused api($ann, POST => '/keys', 'name=x', 'Content-Type' => 'text/plain'), 415,
            'UNSUPPORTED_MEDIA_TYPE', qr/application\/json/, 'refused';
    };
    is_deeply [map { $_->{id} } grep { $_->{status} eq 'active' && $_->{name} eq 'kept' } rows(api($ann, GET => '/keys'), 'keys')],
        [$key->{id}], "$dialect: the key is what it was, and no other was made";

    # --- the others -----------------------------------------------------------------------------

    subtest "$dialect: a new name" => sub {
        my $answer = api($ann, PATCH => $at, { name => 'renamed' });
        is_done $answer, 200, 'renamed';
        is data($answer)->{name}, 'renamed', 'the answer has it';
        is_deeply [sort keys %{data($answer)}], \@members, 'and what else there is to see';
        is data(api($ann, GET => $at))->{name}, 'renamed', 'it stays';
    };

    subtest "$dialect: a roll" => sub {
        my $answer = api($ann, POST => "$at/roll", { grace_seconds => 60 });
        is_done $answer, 201, 'rolled';
        my $new = note_secrets(data($answer));
        is_deeply [sort keys %$new], [sort @members, qw(headers key replaces)], 'the members of a new key, and what it replaces';
        is_deeply [sort keys %{$new->{replaces}}], [qw(ends_at id)], 'what that has';
        is $new->{replaces}{id}, $key->{id}, 'the old key';
        is $new->{replaces}{ends_at}, data(api($ann, GET => $at))->{expires_at}, 'and its end';
        is $answer->header('Location'), "$place/keys/$new->{id}", 'Location';
        is use_key($new, '/v1/x'), 200, 'the new one is good at once' if $key_header eq 'X-API-Key';
        is_refused api($ann, POST => "$at/roll", { grace_seconds => 60 }), 409, 'KEY_NOT_ACTIVE', qr/./, 'again, while the grace runs';
    };

    subtest "$dialect: a revocation" => sub {
        my $answer = api($ann, DELETE => $at);
        is_done $answer, 200, 'revoked';
        my $said = data($answer);
        is_deeply [sort keys %$said], [qw(id nodes revoked_at)], 'its members';
        is $said->{id}, $key->{id}, 'the key';
        like $said->{revoked_at}, $time, 'when';
        is_deeply $said->{nodes}, { applied => 1, of => 1, silent => 0 }, 'in force';
        is request('api_keys', GET => '/v1/x', { 'X-API-Key' => $key->{key} })->status, 401, 'bad at once';
        my $again = api($ann, DELETE => $at);
        is_done $again, 200, 'again';
        is_deeply data($again), $said, '... says the same';
        my $seen = data(api($ann, GET => $at));
        is_deeply [@$seen{qw(status revoked_at)}], ['revoked', $said->{revoked_at}], 'shown as revoked';
        is_refused api($ann, POST => "$at/roll", { grace_seconds => 0 }), 409, 'KEY_NOT_ACTIVE', qr/./, 'not to be rolled';
        is_done api($ann, PATCH => $at, { name => 'late' }), 200, 'still to be named';
    };

    subtest "$dialect: the list" => sub {
        my $answer = api($ann, GET => '/keys');
        is_done $answer, 200, 'listed';
        my @keys = rows($answer, 'keys');
        is_deeply [sort keys %{$keys[0]}], [sort @members, 'days'], 'the members of each';
        is data($answer)->{next}, undef, 'all on one page';
        my ($listed, $one) = ({ %{$keys[0]} }, data(api($ann, GET => "/keys/$keys[0]{id}")));
        delete @$_{qw(usage last_used_at days)} for $listed, $one; # they are written in their time
        is_deeply $listed, $one, 'each as it is shown';
        is_deeply [map { $_->{created_at} } @keys], [sort { $b cmp $a } map { $_->{created_at} } @keys], 'the newest first';
        my $page = api($ann, GET => '/keys?limit=1');
        is_deeply [map { $_->{id} } rows($page, 'keys')], [$keys[0]{id}], 'a page of one';
        is data($page)->{next}, $keys[0]{id}, 'where the next begins';
        is_deeply [map { $_->{id} } rows(api($ann, GET => "/keys?after=$keys[0]{id}&limit=100"), 'keys')],
            [map { $_->{id} } @keys[1 .. $#keys]], 'the rest';
        is api($ann, HEAD => '/keys')->status, 200, 'HEAD';
    };

    # Of thirty days. Not to their ends: midnight may pass meanwhile. The key was never used: nothing else
    # is written of it.
    subtest "$dialect: usage" => sub {
        my $used = create_key($ann, name => 'used');
        my %counts = (1 => [5, 1], 28 => [2, 0], 31 => [100, 100]); # days ago -> admitted, refused
        my %day = map { my @t = gmtime(time - 86400 * $_); $_ => sprintf '%04d-%02d-%02d', $t[5] + 1900, $t[4] + 1, $t[3] } keys %counts;
        db()->do('INSERT INTO key_usage (key_id, day, admitted, refused) VALUES (?, ?, ?, ?)', undef, $used->{id}, $day{$_}, @{$counts{$_}})
            for keys %counts;
        my $one = data(api($ann, GET => "/keys/$used->{id}"));
        is_deeply $one->{usage}, { admitted => 7, refused => 1 }, 'of thirty days, together';
        is_deeply $one->{days}, [map { { day => $day{$_}, admitted => $counts{$_}[0], refused => $counts{$_}[1] } } 1, 28],
            '... and day by day, the latest first';
        my $unused = create_key($ann, name => 'unused');
        my %listed = map { $_->{id} => $_ } rows(api($ann, GET => '/keys?limit=100'), 'keys');
        is_deeply $listed{$used->{id}}, $one, 'the same in the list';
        is_deeply [@{$listed{$unused->{id}}}{qw(usage days)}], [{ admitted => 0, refused => 0 }, []], '... of each key its own';
        is_deeply data(api($ann, GET => "/keys/$unused->{id}"))->{days}, [], '... and none of one that was not used';
        api($ann, DELETE => "/keys/$_->{id}") for $used, $unused;
    };

    subtest "$dialect: ten of them" => sub {
        my $answer;
        for (1 .. 11) {
            $answer = new_key($other);
            last if !data($answer) || ref data($answer) ne 'HASH' || !data($answer)->{key};
        }
        is_refused $answer, 409, 'KEY_LIMIT_REACHED', qr/10/, 'the eleventh';
        my @keys = rows(api($other, GET => '/keys'), 'keys');
        is scalar @keys, 10, 'ten there are';
        api($other, DELETE => "/keys/$keys[3]{id}");
        is_done new_key($other), 201, 'a revoked one makes room';
    };

    subtest "$dialect: the audit log" => sub {
        my $answer = api($ann, GET => '/audit?limit=100');
        is_done $answer, 200, 'shown';
        my @lines = rows($answer, 'audit');
        is_deeply [sort keys %{$lines[0]}], [qw(action actor at client detail seq subject)], 'the members of each';
        is_deeply [map { $_->{seq} } @lines], [sort { $b <=> $a } map { $_->{seq} } @lines], 'the newest first';
        my @key = reverse grep { ($_->{subject} // '') eq $key->{id} } @lines;
        is_deeply [map { $_->{action} } @key], [qw(key.create key.rename key.roll key.revoke key.rename)],
            'what was done to a key; a second revocation is none';
        is_deeply [map { "$_->{actor} $_->{client}" } @key], [("api-$dialect-admin 127.0.0.1") x @key], 'by whom, from where';
        like $_->{at}, $time, 'when' for $key[0];
        ok !(grep { ($_->{actor} // '') =~ /other/ } @lines), 'nothing of another account';

        my @walked;
        my $query = '/audit?limit=2';
        while (1) {
            my $piece = api($ann, GET => $query);
            push @walked, map { $_->{seq} } rows($piece, 'audit');
            die "the pages have no end\n" if @walked > 1000;
            my $next = data($piece)->{next} // last;
            $query = "/audit?limit=2&before=$next";
        }
        is_deeply \@walked, [map { $_->{seq} } @lines], 'page by page';
    };
}

done_testing;
