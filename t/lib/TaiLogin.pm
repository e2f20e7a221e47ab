# People who log in for a key with a token: user names, passwords, the addresses they come from.
#
#   my $ann = login_user('acme');
#   my $answer = log_in($ann, place => '/auth/token', client => address());
#
# Failures count by user name and by address, and so does one log-in at a time: each test has its own.
package TaiLogin;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use TaiTest;
use TaiApi qw(data note_secrets);

our @EXPORT = qw(
    address password login_user send_login log_in note_pair statuses_of without_date audited
);

# --- people and places --------------------------------------------------------------------------

my $addresses = 0;

# An address that has done nothing yet.
sub address { $addresses++; return join '.', 10, 7, int $addresses / 250, 1 + $addresses % 250 }

# A password that nobody has; it is looked for in the logs.
sub password { return secret('pw-' . join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 24) }

# A user of a new account, its primary administrator: plan => 'pro'; of one that is there: account =>
# 'acme', role => 'member'. taictl => 1: with a hash as taictl makes it, whose check takes its time.
# Returns { account, user, password, id }.
sub login_user {
    my ($name, %want) = @_;
    my $account = $want{account} // $name;
    taictl(account => 'add', $account, '--plan', $want{plan} || 'free') unless $want{account};
    my $who = { account => $account, user => $name, password => password() };
    my @role = $want{role} ? ('--role', $want{role}) : ();
    $who->{id} = $want{taictl} ? taictl(\"$who->{password}\n", user => 'add', $account, $name, @role)->{id}
        : add_user($account, $name, $who->{password}, @role);
    return $who;
}

# --- log-ins ------------------------------------------------------------------------------------

# Ask for a key, without waiting for the answer: the connection to read it from. place, client, port
# or vhost, headers, body in place of the user name and password.
sub send_login {
    my ($who, %want) = @_;
    my $body = $want{body} // JSON::PP->new->utf8->canonical->encode(
        { username => $who->{user}, password => $want{password} // $who->{password} });
    my @headers = ('Content-Type' => 'application/json', 'X-Client' => $want{client} // address(),
        @{$want{headers} // []});
    my $connection = TaiHttp->new($want{port} // port($want{vhost} // 'token'));
    return $connection->send(
        TaiHttp::bytes($want{method} // 'POST', $want{place} // '/auth/token', \@headers, $body, 'close'));
}

# The answer. One that is busy is asked again: busy => 1 has it returned.
sub log_in {
    my ($who, %want) = @_;
    $want{client} //= address();
    while (1) {
        my $answer = send_login($who, %want)->read('POST');
        note_pair($answer);
        my $busy = $answer && $answer->status == 503 && ($answer->header('Retry-After') // 0) == 1;
        return $answer if !$busy || $want{busy};
    }
}

# What no log and no file may hold of what was answered.
sub note_pair {
    my ($answer) = @_;
    my $given = $answer && data($answer);
    return $answer unless ref $given eq 'HASH';
    secret($_) for map { $given->{$_} // () } qw(apikey token);
    return $answer;
}

# The statuses of several log-ins with these passwords, in turn, as one text.
sub statuses_of {
    my ($who, $passwords, %want) = @_;
    return join ' ', map { log_in($who, %want, password => $_)->status } @$passwords;
}

# An answer as it may be compared: all of its bytes but the date, seconds to wait as N.
sub without_date {
    my ($answer) = @_;
    my $bytes = $answer->head . $answer->body;
    $bytes =~ s/^Date: .*\r\n//m;
    $bytes =~ s/^(Retry-After: )\d+/$1N/m;
    $bytes =~ s/("retry_after": )\d+/$1N/;
    return $bytes;
}

# What the audit log has of an action of a user's: [account_id, actor, client, subject, detail] each.
sub audited {
    my ($action, $username) = @_;
    return @{db()->selectall_arrayref('SELECT account_id, actor, client, subject, detail FROM audit_log
        WHERE action = ? AND actor = ? ORDER BY seq', undef, $action, $username)};
}

1;
