# From page to page of the keys, while others are made and revoked: each that was there at the first
# page comes once, also where many were made in the same second.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiTest;

my $KEYS = 57;

# Revoked keys, for there may be ten that are not, most of them of the same second.
sub fill {
    my ($account) = @_;
    my $db = db();
    my ($account_id, $user_id) = $db->selectrow_array(
        'SELECT a.id, u.id FROM accounts a JOIN users u ON u.account_id = a.id WHERE a.name = ?', undef, $account);
    my $now = time;
    $db->begin_work;
    for my $i (1 .. $KEYS) {
        my $id = sprintf 'key_%s%06d', join('', map { ('a' .. 'z', 'A' .. 'Z')[rand 52] } 1 .. 16), $i;
        my $at = $i % 5 ? $now - 60 : $now - 60 - $i;
        $db->do('INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes, created_at, revoked_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', undef, $id, $id, $account_id, $user_id, "n$i", 'tai_' . substr($id, 4, 8),
            sprintf('%064x', rand 2**53), 'programs:read', $at, $at);
    }
    $db->commit;
    return;
}

# Go through all pages; between two of them the code runs. Returns the keys, page by page.
sub walk {
    my ($who, $limit, $between) = @_;
    my ($after, @pages) = '';
    while (1) {
        my $data = data(api($who, GET => "/keys?limit=$limit$after"));
        push @pages, $data->{keys};
        die "the pages have no end\n" if @pages > 3 * $KEYS;
        cmp_ok scalar @{$data->{keys}}, '<=', $limit, "page @{[scalar @pages]}: no more than were asked for";
        last unless defined $data->{next};
        is scalar @{$data->{keys}}, $limit, '... and no fewer, where more follow';
        is $data->{next}, $data->{keys}[-1]{id}, '... the next follows the last';
        $after = "&after=$data->{next}";
        $between->(scalar @pages) if $between;
    }
    return @pages;
}

sub ids { return map { $_->{id} } map { @$_ } @_ }

my $ann = administrator('paging');
fill('paging');
my @there = do { my @rows = @{db()->selectcol_arrayref(
    'SELECT id FROM api_keys WHERE account_id = (SELECT id FROM accounts WHERE name = ?)', undef, 'paging')}; sort @rows };
is scalar @there, $KEYS, 'the keys are there';

for my $limit (1, 7, 19, $KEYS - 1, $KEYS, 100) {
    subtest "in pages of $limit" => sub {
        my @pages = walk($ann, $limit);
        is_deeply [sort(ids(@pages))], \@there, 'each once';
        my @times = map { $_->{created_at} } map { @$_ } @pages;
        is_deeply \@times, [sort { $b cmp $a } @times], 'the newest first';
        cmp_ok scalar @{$pages[-1]}, '>', 0, 'the last is not empty';
        is_deeply [ids(walk($ann, $limit))], [ids(@pages)], 'in the same order again';
    };
}

is scalar @{data(api($ann, GET => '/keys'))->{keys}}, 20, 'twenty where the client does not say';

# The last key of a page may be revoked, renamed or end: it is still where the next page begins.
subtest 'while keys are made, revoked and renamed' => sub {
    my @active = map { create_key($ann, name => "walk $_")->{id} } 1 .. 4;
    my @before = sort @there, @active;
    my @made;
    my @pages = walk($ann, 5, sub {
        my ($page) = @_;
        push @made, create_key($ann, name => "between $page")->{id};
        api($ann, DELETE => "/keys/$made[-1]");
        api($ann, DELETE => "/keys/$active[$page % 4]");
        api($ann, PATCH => "/keys/$there[$page]", { name => "renamed $page" });
    });
    my @seen = ids(@pages);
    my %seen;
    is_deeply [grep { $seen{$_}++ } @seen], [], 'none twice';
    is_deeply [grep { !$seen{$_} } @before], [], 'none of those that were there is left out';
    my %before = map { $_ => 1 } @before;
    my %new = map { $_ => 1 } @made;
    is_deeply [grep { !$before{$_} && !$new{$_} } @seen], [], 'and nothing else';
};

subtest 'another page than ours' => sub {
    my $bob = administrator('paging-other');
    my $theirs = create_key($bob)->{id};
    my $unknown = 'key_' . 'A' x 22;
    my ($a, $b) = map { api($ann, GET => "/keys?after=$_") } $theirs, $unknown;
    is $a->status, 400, "another account's key begins no page";
    is $a->body =~ s/\Q$theirs\E/ID/gr, $b->body =~ s/\Q$unknown\E/ID/gr, '... and looks like one that there is not';
};

done_testing;
