# httpd with this module: /on asks for a key that has a scope and is held to a limit that it never
# reaches, /free for one without a limit.
package BenchTaiauth;

use strict;
use warnings;

use parent 'BenchHttpd';

# run, name, mpm, modules, wrap, options, children, processor: as BenchHttpd
# keys:    BenchKeys
# mode:    of the two locations: On, Off, or none: the same httpd, without the module
# inside:  further lines of both
# redis:   BenchService whose Redis counts; default: shared memory
# conf:    text at the end
sub new {
    my ($class, %want) = @_;
    my $mode = $want{mode} // 'On';
    my $limiter = $want{redis} ? limiter($want{redis}) : '';
    my ($on, $free, $metrics) = $mode eq 'none' ? ('    Require all granted') x 3
        : (<<"ON" . ($want{inside} // ''), <<"FREE" . ($want{inside} // ''), '    TaiAuthMetrics On');
    TaiAuth $mode
    TaiAuthScope programs:read
    TaiAuthRateLimit 1000000000/60s
ON
    TaiAuth $mode
    TaiAuthScope programs:read
FREE
    return $class->SUPER::new(
        %want,
        modules => [qw(dbd watchdog), @{$want{modules} // []}, $mode eq 'none' ? () : 'taiauth',
            $limiter ? 'taiauth_redis' : ()],
        conf    => $want{keys}->conf . $limiter . <<"CONF" . ($want{conf} // ''),
<Location /on>
$on
</Location>
<Location /free>
$free
</Location>
<Location /metrics>
$metrics
</Location>
CONF
    );
}

# Its time-out is nothing that a busy machine comes to.
sub limiter {
    my ($redis) = @_;
    return sprintf "TaiAuthLimiter redis://127.0.0.1:%d/0 password=%s timeout=5s\n", $redis->port, $redis->line('password');
}

# A number of the metrics page, as it is called there: 'taiauth_table_live{table="known"}'.
sub metric {
    my ($self, $name) = @_;
    my $page = $self->get('/metrics', {})->body;
    return $page =~ /^\Q$name\E ([\d.]+)$/m ? $1 : die "the metrics page has no $name\n";
}

1;
