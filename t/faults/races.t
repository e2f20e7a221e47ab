# Races that would let a revoked key pass, forced: a reader, a sync and a response are stopped just
# where it would happen, what must not come between comes between, and they go on.
use strict;
use warnings;

use Test::More;
use TaiApi;
use TaiFaults;
use TaiHttp;
use TaiKeys qw(plant_key unknown_key);
use TaiNodes;
use TaiTest;

my $faults = TaiFaults->new;
my $server = first_node("TaiAuthSyncInterval 100ms\nTaiAuthLease 1s");

# A request under way.
sub send_with {
    my ($key, $path) = @_;
    return TaiHttp->new($server->port)->send(
        TaiHttp::bytes(GET => $path // '/v1/x', { 'X-API-Key' => $key }, undef, 'close'));
}

sub status_of { my ($key, $path) = @_; return send_with($key, $path)->read('GET')->status }

# Every child of the server, from the memory that they share.
sub all_say { my ($key, $path) = @_; return statuses(map { status_of($key, $path) } 1 .. 5) }

sub operator {
    my (@command) = @_;
    my $done = on($server, sub { taictl(@command) });
    return $done->{nodes};
}

sub behind { return grep { $_->{behind} } registered($server) }

# --- a reader between its SELECT and what it learns from it -------------------------------------

# What is done meanwhile, what the request gets, and the place.
my @acts = (
    ['a revocation by the API', 401, sub { my ($who, $key) = @_; api($who, DELETE => "/keys/$key->{id}")->status == 200 }],
    ['a revocation by taictl', 401, sub { operator(key => 'revoke', $_[1]{id})->{applied} == 1 }],
    ['a suspension', 403, sub { operator(account => 'suspend', $_[0]{account})->{applied} == 1 }],
    ['a downgrade', 403, sub { operator(account => 'set-plan', $_[0]{account}, 'free')->{applied} == 1 }, '/v1/write/x'],
);
my $count = 0;

for my $point ('lookup.selected', 'lookup.recalled') {
    for my $act (@acts) {
        my ($name, $status, $do, $path) = @$act;
        subtest "$point: $name" => sub {
            my $who = manager($server, 'race-' . ++$count);
            my $key = create_key($who, scopes => ['programs:write'])->{key};
            my %made = (%{data(api($who, GET => '/keys'))->{keys}[0]}, key => $key);
            if ($point eq 'lookup.recalled') {
                wait_for(sub { !behind() }, 'the node to hear that it was made');
                is status_of($key, $path), 200, 'good, and remembered';
            }
            $faults->stop($point);
            my $request = send_with($key, $path);
            ok $faults->reached($point), 'a reader has found the key good';
            ok $do->($who, \%made), '... it ends meanwhile, which waits for no reader';
            ok $faults->go_on($point), '... and the reader goes on';
            is $request->read('GET')->status, $status, "it is answered with $status";
            is all_say($key, $path), $status, 'and so is everybody else';
        };
    }
}

subtest 'a key that is made while it is looked up in vain' => sub {
    my $account = on($server, sub { make_account('race-made') });
    my $key = unknown_key();
    $faults->stop('lookup.selected');
    my $request = send_with($key);
    ok $faults->reached('lookup.selected'), 'a reader has found no such key';
    on($server, sub { plant_key($account, $key) });
    wait_for(sub { !behind() }, 'the node to hear of it');
    ok $faults->go_on('lookup.selected'), 'it is there when he goes on';
    is $request->read('GET')->status, 200, 'he is told so';
    is all_say($key), 200, 'and nobody remembers that there was none';
};

# --- a sync that stands still -------------------------------------------------------------------

for my $point ('sync.read', 'sync.applied', 'sync.acknowledged') {
    subtest "$point: a sync stands still for longer than its lease" => sub {
        my $who = manager($server, 'race-' . ++$count);
        my ($ends, $stays) = map { create_key($who) } 1, 2;
        is status_of($_->{key}), 200, 'good' for $ends, $stays;
        $faults->stop($point);
        ok $faults->reached($point), 'it stands';
        my $told = operator(key => 'revoke', $ends->{id});
        is $told->{applied} + $told->{silent}, 1, 'a revocation is back';
        is_deeply [grep { $_ eq '200' } map { status_of($ends->{key}) } 1 .. 3], [], 'the key is not served';
        ok $faults->go_on($point), 'the sync goes on';
        ok wait_for(sub { status_of($stays->{key}) == 200 }, 'the node to be back'), 'another key is served again';
        is all_say($ends->{key}), 401, 'and this one is not';
        is scalar(registered($server)), 1, 'one node is registered';
    };
}

subtest 'while a sync stands still and the lease lasts, nobody waits for it' => sub {
    my $patient = first_node("TaiAuthSyncInterval 100ms\nTaiAuthLease 60s");
    my $who = manager($patient, 'race-patient');
    my $key = create_key($who);
    is use_all($patient, $key), 200, 'good';
    $faults->stop('sync.read');
    ok $faults->reached('sync.read'), 'it stands';
    is use_all($patient, $key), 200, 'all are answered';
    my $later = create_key($who);
    is use_all($patient, $later), 200, 'a key made meanwhile, too';
    ok $faults->go_on('sync.read'), 'it goes on';
    is_deeply data(api($who, DELETE => "/keys/$key->{id}"))->{nodes}, { applied => 1, of => 1, silent => 0 }, 'revoked';
    is use_all($patient, $key), 401, 'in force';
};

done_testing;
