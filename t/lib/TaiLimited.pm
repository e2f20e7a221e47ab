# Servers whose limiter is shared, and what is asked of them.
#
#   my $redis = TaiRedis->start;
#   my $server = limited_server($redis->conf('on-error=deny'));
#   ask_at($server, '/pair/x', client => $address, pair => $pair)->status;
#   api(elsewhere($ann, '/manage', port => $server->port), GET => '/account');   # five in an hour
#
# All places of pairs but /pair/dry have the same lockout: who is locked at one is at each.
package TaiLimited;

use strict;
use warnings;

use Exporter 'import';
use TaiApi qw(api_conf);
use TaiClients;
use TaiKeys;
use TaiTest;

our @EXPORT = qw(limited_server reload_with ask_at statuses_at wrong new_client lock_pair);

my $PLACES = <<'CONF';
TaiAuthSharedMemory 16M
LogLevel taiauth:info
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
AliasMatch "^/(limited|brief|hundred|many|free|locked|refunded|pair)(/.*)?$" "@root@/htdocs/page.html"
<LocationMatch "^/(limited|brief|hundred|many|free|locked|refunded)">
    TaiAuth On
</LocationMatch>
<Location /limited>
    TaiAuthRateLimit 5/1h
</Location>
<Location /brief>
    TaiAuthRateLimit 1/7s
</Location>
<Location /hundred>
    TaiAuthRateLimit 100/1h
</Location>
<Location /many>
    TaiAuthRateLimit 101/1h
    TaiAuthRateLimit 90/2h name=long
    TaiAuthRateLimit 70/1h name=least
    TaiAuthRateLimit 10000/1h per=account
    TaiAuthRateLimit 10001/1h per=address
</Location>
<Location /locked>
    TaiAuthLockout 3/1h 1h
</Location>
<Location /refunded>
    TaiAuthRateLimit 3/1h
</Location>
<Location /refunded/forbidden>
    TaiAuthScope programs:write
</Location>
<Location /refunded/to>
    RewriteEngine On
    RewriteRule ^ /refunded/forbidden
</Location>
<Location /pair>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-ts-authorization
    TaiAuthLockout 3/1h 1h
</Location>
<Location /pair/limited>
    TaiAuthRateLimit 100/1h
</Location>
<Location /pair/off>
    TaiAuthRateLimit off
</Location>
<Location /pair/two>
    TaiAuthRateLimit 2/1h
</Location>
<Location /pair/scope>
    TaiAuthScope programs:write
</Location>
<Location /pair/plan>
    TaiAuthScope analytics:read
</Location>
<Location /pair/method>
    TaiAuthScope POST programs:read
</Location>
<Location /pair/require>
    Require tai-account nobody
</Location>
<Location /pair/require-scope>
    Require tai-scope programs:write
</Location>
<Location /pair/require-host>
    Require ip 192.0.2.1
</Location>
<Location /pair/document>
    ErrorDocument 403 /open.html
    Require all denied
</Location>
<Location /pair/document-here>
    ErrorDocument 403 /pair/page
    Require all denied
</Location>
<Location /pair/envelope>
    TaiAuthErrorFormat envelope
    TaiAuthScope programs:write
</Location>
<Location /pair/absent>
    ProxyPass http://127.0.0.1:1/
</Location>
<Location /pair/dry>
    TaiAuthLockout 2/1h 59m
    TaiAuthDryRun lockout
    TaiAuthRateLimit 3/1h
</Location>
<Location /pair/status>
    SetHandler server-status
</Location>
<Directory "@root@/htdocs/chosen">
    Options MultiViews Includes Indexes FollowSymLinks
    DirectoryIndex index.shtml
    AddOutputFilter INCLUDES .shtml
    AddType text/html .shtml
    AddLanguage en .en
    AddLanguage de .de
    ForceLanguagePriority None
</Directory>
<Directory "@root@/htdocs/open">
    Options Includes
    AddOutputFilter INCLUDES .shtml
    AddType text/html .shtml
    SSIErrorMsg refused
</Directory>
Alias /pair-chosen "@root@/htdocs/chosen"
<Location /pair-chosen>
    TaiAuth On
    TaiAuthKeyHeader apikey
    TaiAuthTokenHeader x-ts-authorization
    TaiAuthLockout 3/1h 1h
    TaiAuthRateLimit 100/1h
</Location>
<Location /auth/token>
    TaiAuthTokenEndpoint On
    TaiAuthRateLimit off
    TaiAuthLockout 3/1h 1h
</Location>
<Location /metrics>
    TaiAuthMetrics On
</Location>
CONF

# A server of several children on the run's database, with the places above.
sub limited_server {
    my ($conf) = @_;
    my $manage = api_conf('/manage', 'TaiAuthErrorFormat json') =~ s/^TaiAuthRateLimit off$/TaiAuthRateLimit 5\/1h/mr;
    my $httpd = own_server("$conf$PLACES$manage");
    my $root = $httpd->root . '/htdocs';
    mkdir "$root/chosen" or die "$root/chosen: $!";
    write_page("$root/open.html", "open\n");
    mkdir "$root/open" or die "$root/open: $!";
    write_page("$root/open/two.shtml", join ' ', '[', ('<!--#include virtual="/pair-chosen/part.html" -->') x 2, "]\n");
    write_page("$root/chosen/two.html.$_", "$_\n") for qw(en de);
    write_page("$root/chosen/part.html", "part\n");
    write_page("$root/chosen/index.shtml", qq(<!--#include virtual="part.html" --><!--#include virtual="part.html" -->\n));
    return $httpd;
}

# The same server behind a graceful restart, with these words of its configuration in the place of those.
sub reload_with {
    my ($httpd, $old, $new) = @_;
    my $path = $httpd->root . '/httpd.conf';
    open my $in, '<', $path or die "$path: $!";
    my $conf = do { local $/; <$in> };
    $conf =~ s/\Q$old\E/$new/ or die "$path does not say $old\n";
    write_page($path, $conf);
    return $httpd->graceful || die 'no restart: ', $httpd->said;
}

sub write_page {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return;
}

my $host = 0;

# An address that has done nothing yet.
sub new_client { $host++; return join '.', 10, 9, int $host / 250, 1 + $host % 250 }

# A request: client => address, key => text, pair => [apikey, token], headers => [...], method.
sub ask_at {
    my ($server, $path, %want) = @_;
    my @headers = ('X-Client' => $want{client} // new_client(), @{$want{headers} // []});
    push @headers, 'X-API-Key' => $want{key} if defined $want{key};
    push @headers, apikey => $want{pair}[0], 'x-ts-authorization' => $want{pair}[1] if $want{pair};
    return $server->ask($want{method} // 'GET', $path, \@headers);
}

# Statuses of so many of them, as one text.
sub statuses_at {
    my ($server, $path, $n, %want) = @_;
    return join ' ', map { ask_at($server, $path, %want)->status } 1 .. $n;
}

# A pair as taictl made it with the right token, and with a wrong one.
sub right { my ($made) = @_; return [@$made{qw(key token)}] }
sub wrong { my ($made) = @_; return [$made->{key}, unknown_token()] }

# Three failures; the client they come from.
sub lock_pair {
    my ($server, $made, $client) = @_;
    $client //= new_client();
    ask_at($server, '/pair/x', client => $client, pair => wrong($made)) for 1 .. 3;
    return $client;
}

1;
