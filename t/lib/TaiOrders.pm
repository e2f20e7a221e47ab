# Orders of the operator to a running server: by taictl, or by a ticket of the test's own.
#
#   my $ran = order(port('explain'), explain => 'GET', '/e/x', '--key-id', $id);
#   # { status => 1, out => ..., err => ..., answer => { steps => [...], verdict => {...} } }
#   my $ticket = leave_ticket({ order => 'explain', ... });
package TaiOrders;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use JSON::PP ();
use TaiKeys;
use TaiTest;

our @EXPORT = qw(order leave_ticket);

# taictl with these arguments, on the server at this port, or at this URL.
sub order {
    my ($server, @args) = @_;
    my $url = $server =~ /^\d+$/ ? "http://127.0.0.1:$server" : $server;
    my ($status, $out, $err) = taictl_status(undef, '--json', @args, '--url', $url);
    my $answer = length $out ? JSON::PP->new->utf8->decode($out) : undef;
    return { status => $status, out => $out, err => $err, answer => $answer };
}

# Leave an order, a hash or a text, that is good for so many seconds. Returns its ticket.
sub leave_ticket {
    my ($order, $seconds) = @_;
    my $ticket = TaiKeys::text('tao_');
    my $text = ref $order ? JSON::PP->new->utf8->encode($order) : $order;
    db()->do('INSERT INTO tickets (ticket_hash, order_json, expires_at) VALUES (?, ?, ?)', undef,
        sha256_hex($ticket), $text, time + ($seconds // 30));
    return $ticket;
}

1;
