# DBDParams holds the password of a database: nothing that mod_info writes of the configuration does, and
# mod_dbd reads it all the same.
use strict;
use warnings;

use Test::More;
use TaiHttpd;
use TaiModules;
use TaiTest;

my $secret = secret('dbd-' . join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 24);
my $conf = TaiModules::more_lines(Apache::Test::vars('httpd'), TaiHttpd::libexecdir(), 'info') . <<"CONF";
DBDMin 1
DBDKeep 1
<VirtualHost 127.0.0.1:\@port\@>
    <Location />
        TaiAuth On
    </Location>
    <Location /server-info>
        TaiAuth Off
        SetHandler server-info
    </Location>
    <Location /server-status>
        TaiAuth Off
    </Location>
</VirtualHost>
<VirtualHost 127.0.0.1:1>
    <IfModule taiauth_module>
        DBDriver pgsql
        dbdparams "host=127.0.0.1 port=1 dbname=other password=$secret"
    </IfModule>
</VirtualHost>
CONF

my $httpd = TaiHttpd->new(conf => $conf);
my @secrets = ($secret, grep { defined } $httpd->database->password);

sub hides {
    my ($text, $what) = @_;
    my $shown = () = $text =~ /DBDParams(?:<\/i>|\s|&nbsp;|<[^>]*>)*\.\.\./gi;
    is $shown, 2, "$what shows that there are parameters";
    ok index($text, $_) < 0, "$what does not show the password" for @secrets;
    unlike $text, qr/\Q@{[$httpd->database->params]}/, '... nor any other one';
    return;
}

is $httpd->call('-t', -D => 'DUMP_CONFIG'), 0, 'the configuration is good' or diag $httpd->said;
hides($httpd->said, '-D DUMP_CONFIG');

ok $httpd->start, 'it starts' or diag $httpd->said, $httpd->log;
hides($httpd->get('/server-info?config')->body, 'the page of mod_info');
ok $httpd->graceful, 'a reload';
hides($httpd->get('/server-info?config')->body, 'the page behind it');
like $httpd->log, qr/AH00629: Can't connect to pgsql: connection to server at "127.0.0.1", port 1 failed/, 'mod_dbd has read what it is given';
ok wait_for(sub { $httpd->get('/x')->status == 401 }, 'the server to ask for keys'), 'keys are asked for';

done_testing;
