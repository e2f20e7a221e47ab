# Which modules of httpd the tests load, and where they are.
package TaiModules;

use strict;
use warnings;

# In the order in which they are loaded: proxy before its protocols, cache before its storage.
my @shared = qw(
    authn_core authn_file auth_basic authz_core authz_user authz_host authz_groupfile
    access_compat alias autoindex cache cache_disk dbd deflate dir env expires
    filter headers http2 include log_config logio mime negotiation proxy proxy_http
    proxy_http2 proxy_wstunnel remoteip reqtimeout rewrite setenvif status unique_id unixd
    version watchdog
);

# mod_cgid wants threads' parent; under prefork a child can fork for itself.
my %cgi = (event => 'cgid', worker => 'cgid', prefork => 'cgi');

sub mpm {
    my $mpm = $ENV{TAI_MPM} || 'event';
    die "TAI_MPM is '$mpm', must be one of: @{[sort keys %cgi]}\n" unless $cgi{$mpm};
    return $mpm;
}

# Modules that register their access hook the old way, such as mod_allowmethods, have httpd run the
# hooks of all again for each subrequest. Most servers have none, some have one: worker is of those.
sub old_style {
    return mpm() eq 'worker' ? ('allowmethods') : ();
}

# The lines for CGI where load_lines was told to leave it out; $dir: where the daemon's socket goes.
sub cgi_lines {
    my ($libexecdir, $dir) = @_;
    my $name = $cgi{mpm()};
    my $socket = $name eq 'cgid' ? qq(ScriptSock "$dir/cgid.sock"\n) : '';
    return "LoadModule ${name}_module $libexecdir/mod_$name.so\n$socket";
}

# The lines for modules that hardly any test needs.
sub more_lines {
    my ($httpd, $libexecdir, @names) = @_;
    my %static = static_modules($httpd);
    return join '', map { "LoadModule ${_}_module $libexecdir/mod_$_.so\n" } grep { !$static{$_} } @names;
}

sub static_modules {
    my ($httpd) = @_;
    my %static = map { $_ => 1 } map { /^\s+(?:mod_)?(\w+)\.c$/ } qx($httpd -l);
    return %static ? %static : die "$httpd -l says nothing\n";
}

# The LoadModule lines for this httpd, ours last. With cgi => 0 the server has no CGI daemon, so
# that every child of httpd is a worker.
sub load_lines {
    my ($httpd, $libexecdir, %want) = @_;
    my %static = static_modules($httpd);

    my @names = ('mpm_' . mpm(), grep { !$static{$_} } @shared, old_style());
    push @names, $cgi{mpm()} if $want{cgi} // 1;
    my @lines = map { "LoadModule ${_}_module $libexecdir/mod_$_.so\n" } @names;
    return @lines, "LoadModule taiauth_module $ENV{TAI_MODULE}\n";
}

1;
