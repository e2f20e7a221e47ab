#!/bin/sh
# The arrows point down: core knows nothing of httpd, nor does the limiter on Redis but for its module
# record, only the store speaks SQL, and each module shows httpd one symbol.
#
#   TAI_CORE_FLAGS   what core is preprocessed with
#   TAI_HTTPD_FLAGS  where httpd's headers are
#   TAI_CC, TAI_NM
. "$(dirname "$0")/tap.sh"

parts=$TAI_SRC/mod_taiauth
includes_httpd() {
    printf '#include <apr.h>\n#include <httpd.h>\n' | $TAI_CC "$@" -E -o /dev/null - 2>/dev/null
}

# Could core see httpd? The second probe shows that the first one can fail.
includes_httpd $TAI_CORE_FLAGS
same "httpd.h is out of core's reach" 1 "$([ $? -eq 0 ]; echo $?)"
includes_httpd $TAI_CORE_FLAGS $TAI_HTTPD_FLAGS
same "httpd.h is there for the module" 0 $?

# Did it? What the compiler wrote down about every object of core, one file each.
sources=$(ls "$parts"/core/*.c | wc -l)
recorded=$(grep -l "core/.*\.h" "$TAI_BUILT"/mod_taiauth/core/.deps/libtaicore_la-*.Plo | wc -l)
same 'the compiler recorded the headers of every source of core' "$sources" "$recorded"
none 'no source of core was compiled with a header of httpd' \
    "$(grep -lE '/(httpd|http_[a-z]+|ap_[a-z_]+|util_[a-z]+|mod_[a-z]+)\.h' \
        "$TAI_BUILT"/mod_taiauth/core/.deps/*.Plo)"
none 'core includes nothing from above it' \
    "$(grep -nE '#include.*(httpd/|tool/|redis/|\.\./)' "$parts"/core/*.[ch])"
none 'taictl includes nothing of the module' "$(grep -nE '#include.*httpd' "$parts"/tool/*.[ch])"

# SQL, and the calls that carry it.
sql='apr_dbd_[a-z]+ *\(|"[^"]*(SELECT .* FROM|INSERT INTO|UPDATE .* SET|DELETE FROM|CREATE (TABLE|TRIGGER|INDEX)) '
some 'the store speaks SQL' "$(grep -lE "$sql" "$parts"/core/store_*.[ch])"
none 'nobody else does' \
    "$(grep -nE "$sql" "$parts"/*/*.[ch] | grep -v "^$parts/core/store_")"

# The symbols of the modules.
exports() {
    $TAI_NM -D --defined-only "$TAI_BUILT/.libs/$1" | awk '{print $NF}' | sed 's/@.*//' | xargs
}
same 'the module exports taiauth_module alone' taiauth_module "$(exports mod_taiauth.so)"
needs=$(ldd "$TAI_BUILT/.libs/mod_taiauth.so")
some 'the module needs libraries' "$(echo "$needs" | grep libcrypto)"
none 'but not hiredis' "$(echo "$needs" | grep hiredis)"

# The limiter on Redis, where it is built.
if [ -f "$TAI_BUILT/.libs/mod_taiauth_redis.so" ]; then
    same 'mod_taiauth_redis exports taiauth_redis_module alone' taiauth_redis_module \
        "$(exports mod_taiauth_redis.so)"
    none 'nothing of it but its module record includes a header of httpd' \
        "$(grep -lE '/(httpd|http_[a-z]+|ap_[a-z_]+|util_[a-z]+|mod_[a-z]+)\.h' \
            "$TAI_BUILT"/mod_taiauth/redis/.deps/libtairedis_la-*.Plo)"
    some 'which does' "$(grep -lE '/httpd\.h' "$TAI_BUILT"/mod_taiauth/redis/.deps/*.Plo)"
fi

finish
