# What httpd itself has for people with a name and a password: mod_auth_basic, which asks
# mod_authn_dbd, with or without mod_authn_socache in front of it.
package BenchBasic;

use strict;
use warnings;

use parent 'BenchHttpd';

use DBI;
use Digest::SHA qw(sha1_base64);
use MIME::Base64 qw(encode_base64);

my $NAME_LENGTH = 12; # of the characters of a key: its name; what follows is the password

my %CONF = (
    dbd => '    AuthBasicProvider dbd',
    socache => <<'CONF',
    AuthBasicProvider socache dbd
    AuthnCacheProvideFor dbd
    AuthnCacheTimeout 86400
CONF
);

# run, name: as BenchHttpd; provider: dbd or socache; database: as make_database made it
sub new {
    my ($class, %want) = @_;
    my $cache = $want{provider} eq 'socache' ? 'AuthnCacheSOCache shmcb:@dir@/logs/authn(16777216)' : '';
    return $class->SUPER::new(
        run     => $want{run},
        name    => $want{name},
        modules => [qw(dbd auth_basic authn_dbd authn_socache socache_shmcb authz_user)],
        conf    => <<"CONF",
DBDriver sqlite3
DBDParams "$want{database}"
DBDMin 1
DBDKeep 32
DBDMax 32
$cache
<Location /on>
    AuthType Basic
    AuthName bench
$CONF{$want{provider}}
    AuthDBDUserPWQuery "SELECT password FROM users WHERE name = %s"
    Require valid-user
</Location>
CONF
    );
}

# A database with these keys as names and passwords, hashed with the cheapest function that
# mod_authn_dbd understands and that is not one for plain text. Returns its path, and a file with
# what a client sends.
sub make_database {
    my ($run, $values) = @_;
    my ($path, $file) = ("$run->{dir}/basic.db", "$run->{dir}/basic.values");
    my $db = DBI->connect("dbi:SQLite:dbname=$path", '', '', { RaiseError => 1, AutoCommit => 0 });
    $db->do('CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT NOT NULL)');
    open my $in, '<', $values or die "$values: $!\n";
    open my $out, '>', $file or die "$file: $!\n";
    while (my $key = <$in>) {
        chomp $key;
        my ($name, $password) = (substr($key, 0, $NAME_LENGTH), substr $key, $NAME_LENGTH);
        $db->do('INSERT INTO users VALUES (?, ?)', undef, $name, '{SHA}' . sha1_base64($password) . '=');
        print $out encode_base64("$name:$password", ''), "\n";
    }
    $db->commit;
    $db->disconnect;
    close $out or die "$file: $!\n";
    return ($path, $file);
}

1;
