#!/bin/sh
# The demo starts, its steps are answered as they should be, and what it hands out is what it says.
# It runs beside any other: on a port and with a state of its own.
. "$(dirname "$0")/../guard/tap.sh"

PORT=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
work=$(mktemp -d)
DEMO_STATE=$work/state
export PORT DEMO_STATE
trap '"$TAI_SRC/build/demo" stop >/dev/null; rm -rf "$work"' EXIT

"$TAI_SRC/build/demo" --json >"$work/json" 2>"$work/shown" </dev/null
status=$?
result $status 'each step is answered as it should be' "$(tail -n 20 "$work/shown")"
[ $status -eq 0 ] || finish

# member PERL: a piece of what the demo has printed, as an expression on $_.
member() {
    perl -MJSON::PP -0777 -ne "print map { $1 } decode_json(\$_)" "$work/json"
}

# status CURL_ARGUMENT...
status() {
    curl -s -o "$work/body" -w '%{http_code}' "$@"
}

url=$(member '$_->{url}')
api=$(member '$_->{api}')
for named in free:200 pro:200 revoked:401 expired:401 suspended:403; do
    key=$(member "\$_->{keys}{${named%:*}}")
    same "the key \"${named%:*}\"" "${named#*:}" "$(status -H "X-API-Key: $key" "$url/v1/programs")"
done
same 'the key and its token' 200 "$(status -H "apikey: $(member '$_->{keys}{pair}{apikey}')" \
    -H "x-ts-authorization: $(member '$_->{keys}{pair}{token}')" "$url/ts/programs")"

login=$(member '"$_->{login}{username}:$_->{login}{password}"')
same 'the user who may log in manages an account' 200 "$(status -u "$login" "$api/account")"
same '... on the pro plan' pro "$(perl -MJSON::PP -0777 -ne 'print decode_json($_)->{plan}{name}' "$work/body")"
same '... as its primary administrator' primary_admin \
    "$(perl -MJSON::PP -0777 -ne 'print decode_json($_)->{user}{role}' "$work/body")"
same 'whoever has no session is not asked for a password by his browser' 'Session realm="API keys"' \
    "$(curl -s -D - -o "$work/body" "$api/account" | tr -d '\r' | sed -n 's/^WWW-Authenticate: //p')"
status -u "$login" "$api/keys" >/dev/null
same '... with no key yet' '{"keys": [], "next": null}' "$(cat "$work/body")"
same '... and gets one' 201 "$(status -H 'Content-Type: application/json' -d "$(member \
    'JSON::PP->new->encode($_->{login})')" "$(member '$_->{token_endpoint}')")"

id=$(status -u "$login" "$api/keys" >/dev/null
    perl -MJSON::PP -0777 -ne 'print decode_json($_)->{keys}[0]{id}' "$work/body")
same '... whose revocation is answered' 200 "$(status -u "$login" -X DELETE "$api/keys/$id")"
same '... when it is in force on the only node' '1 of 1, 0 silent' "$(perl -MJSON::PP -0777 -ne \
    'my $n = decode_json($_)->{nodes}; print "$n->{applied} of $n->{of}, $n->{silent} silent"' "$work/body")"

# --- the Developer page: all of it, as the example serves it ---------------------------------------

page=$(member '$_->{developer_page}')
# header NAME: of the answer that was read last.
header() {
    tr -d '\r' <"$work/head" | sed -n "s/^$1: //Ip"
}

policy=$(sed -n 's/^ *Header always set Content-Security-Policy "\(.*\)"$/\1/p' "$TAI_SRC/conf/examples/developer-page.conf")
some 'the example has a policy' "$policy"
same 'the Developer page' 200 "$(status -D "$work/head" "$page")"
same '... has that policy' "$policy" "$(header Content-Security-Policy)"
same '... is kept by no browser' no-store "$(header Cache-Control)"
same '... lies in no frame' DENY "$(header X-Frame-Options)"

# of_type TYPE FILE...: those that have not come as this.
of_type() {
    type=$1
    shift
    for file in "$@"; do
        [ "$(status -D "$work/head" "$page$file") $(header Content-Type) $(header X-Content-Type-Options)" = "200 $type nosniff" ] ||
            echo "$file: $(head -n 1 "$work/head") $(header Content-Type)"
    done
}
none 'each of its modules comes as one' \
    "$(of_type text/javascript $(cd "$TAI_SRC/mod_taiauth/dashboard" && ls -- *.js))"
none 'so do its style and its icon' "$(of_type text/css style.css; of_type image/svg+xml icon.svg)"
status "${page}settings.json" >/dev/null
setting() {
    perl -MJSON::PP -0777 -ne "print decode_json(\$_)->{$1}" "$work/body"
}
same 'its settings name the management API' "$api" "$url$(setting management)"
description=$(setting description)
same '... and a description of this API' 200 "$(status -D "$work/head" "$url$description")"
same '... in JSON' application/json "$(header Content-Type)"
same '... of OpenAPI 3' 3 "$(perl -MJSON::PP -0777 -ne 'print decode_json($_)->{openapi} =~ /^(\d+)\./' "$work/body")"
none '... of paths that are there' "$(perl -MJSON::PP -0777 -ne 'print "$_\n" for grep { !m{\{} } keys %{decode_json($_)->{paths}}' \
    "$work/body" | while read -r path; do [ "$(status "$url$path")" != 404 ] || echo "$path"; done)"

"$TAI_SRC/build/demo" stop >/dev/null
result $? 'it ends'
same 'nobody answers any more' 000 "$(status "$url/")"
finish
