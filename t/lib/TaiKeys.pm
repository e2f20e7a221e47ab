# Keys that taictl does not make, and what the server says it decided.
package TaiKeys;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use JSON::PP ();
use TaiTest;
use TaiText qw(credential_text);

our @EXPORT = qw(unknown_key unknown_token import_key plant_key metric reason_of last_refusal);

# --- texts --------------------------------------------------------------------------------------

# A key that nobody was given: right shape, right checksum.
sub unknown_key { return text('tai_') }
sub unknown_token { return text('tat_') }
sub text { return secret(credential_text($_[0])) }

# A text of the caller's as a key of an account, as an operator imports keys. Returns it.
sub import_key {
    my ($account, $text) = @_;
    my $row = JSON::PP::encode_json({ name => 'imported', key => $text, scopes => ['programs:read'] });
    taictl(\$row, import => $account, '-', '--format', 'jsonl');
    return $text;
}

# The same for a text that no import takes: past taictl.
sub plant_key {
    my ($account, $text) = @_;
    my $db = db();
    my $id = sha256_hex(rand . $text) =~ s/^(.{20}).*/k_$1/r;
    my ($account_id, $user_id) = $db->selectrow_array(
        'SELECT a.id, u.id FROM accounts a JOIN users u ON u.account_id = a.id WHERE a.name = ?',
        undef, $account);
    $db->do('INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes,
        created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', undef,
        $id, $id, $account_id, $user_id, 'planted', substr($text, 0, 4), sha256_hex($text),
        'programs:read', time);
    return $text;
}

# --- decisions ----------------------------------------------------------------------------------

# The value of a metric, given as it stands on the page: metric('lookup_seconds_count').
# metric('requests_total', 'key_unknown') is the counter of that exact reason.
sub metric {
    my ($name, $reason) = @_;
    my $page = request(undef, GET => '/metrics')->body;
    my $labels = defined $reason ? qr/\{[^}]*reason="$reason"[^}]*\}/ : '';
    return $page =~ /^taiauth_$name$labels (\d+)$/m ? $1 : die "no metric $name @{[$reason // '']}\n";
}

# TAIAUTH_REASON of the request that carried this User-Agent, from the access log: '-' for none.
sub reason_of {
    my ($agent) = @_;
    my $line = wait_for(sub { access_line($agent) }, "the access log to show $agent");
    return $line =~ /(\S+) "[^"]*" "\Q$agent\E"$/ ? $1 : "no reason in: $line";
}

sub access_line {
    my ($agent) = @_;
    open my $in, '<', var('t_logs') . '/access_log' or return;
    my ($line) = grep { /"\Q$agent\E"$/ } <$in>;
    return $line =~ s/\n\z//r if defined $line;
    return;
}

# The last of our lines in the error log since a mark; '' where there is none.
sub last_refusal {
    my ($mark) = @_;
    my @lines = grep { /taiauth: (?:would refuse|refused) / } split /\n/, log_since($mark);
    return $lines[-1] // '';
}

1;
