#!/bin/sh
# The demo of a cluster: three servers that answer as one; its end leaves nothing, nor does that of a
# start that has failed half way. It runs beside any other: on ports and with a state of its own.
. "$(dirname "$0")/../guard/tap.sh"

# Three free ports in a row.
PORT=$(perl -MIO::Socket::INET -e '
    while (1) {
        my $port = 10000 + int rand 20000;
        my @free = grep { $_ } map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $port + $_) } 0 .. 2;
        print($port), last if @free == 3;
    }')
work=$(mktemp -d)
DEMO_STATE=$work/state
export PORT DEMO_STATE
trap '"$TAI_SRC/build/demo" --cluster stop >/dev/null; rm -rf "$work"' EXIT

# left DIR: processes that stand in it, or run on its files.
left() {
    for process in /proc/[0-9]*; do
        case "$(readlink "$process/cwd")/ $(tr '\0' ' ' 2>/dev/null <"$process/cmdline")" in
        "$1"/* | *" $1/"*) cat "$process/comm" ;;
        esac
    done
}

# --- a start that fails half way ------------------------------------------------------------------

mkdir "$work/bin"
printf '#!/bin/sh\necho no Redis today >&2\nexit 1\n' >"$work/bin/redis-server"
chmod 755 "$work" "$work/bin" "$work/bin/redis-server"
PATH=$work/bin:$PATH "$TAI_SRC/build/demo" --cluster >"$work/shown" 2>&1 </dev/null
same 'without Redis it does not start' 1 $?
same '... and says why' yes "$(grep -q 'no Redis today' "$work/shown" && echo yes)"
root=$(cat "$DEMO_STATE")
some '... PostgreSQL runs by then' "$(left "$root")"
"$TAI_SRC/build/demo" --cluster stop >/dev/null
result $? 'it ends'
none '... with all that was started' "$(left "$root")"

# --- three nodes ----------------------------------------------------------------------------------

"$TAI_SRC/build/demo" --cluster --json >"$work/json" 2>"$work/shown" </dev/null
status=$?
result $status 'each step is answered as it should be, by each node' "$(tail -n 20 "$work/shown")"
[ $status -eq 0 ] || finish
root=$(cat "$DEMO_STATE")

# member PERL: a piece of what the demo has printed, as an expression on $_.
member() {
    perl -MJSON::PP -0777 -ne "print map { $1 } decode_json(\$_)" "$work/json"
}

# status CURL_ARGUMENT...
status() {
    curl -s -o "$work/body" -w '%{http_code}' "$@"
}

# everywhere CURL_ARGUMENT... PATH: the statuses at each node in turn.
everywhere() {
    for node in $nodes; do
        printf '%s ' "$(status -H "X-API-Key: $1" "$node/v1/programs")"
    done
}

nodes=$(member 'map { "$_ " } @{$_->{nodes}}')
same 'there are three nodes' "http://127.0.0.1:$PORT http://127.0.0.1:$((PORT + 1)) http://127.0.0.1:$((PORT + 2)) " "$nodes"
same '... the first is the one that the plain demo would be' "http://127.0.0.1:$PORT" "$(member '$_->{url}')"
for named in pro:200 revoked:401 expired:401 suspended:403; do
    status=${named#*:}
    same "the key \"${named%:*}\" at each" "$status $status $status " "$(everywhere "$(member "\$_->{keys}{${named%:*}}")")"
done
free=$(member '$_->{keys}{free}')
same 'five requests in a minute, at whichever node' '200 200 200 200 200 429 ' "$(everywhere "$free")$(everywhere "$free")"

login=$(member '"$_->{login}{username}:$_->{login}{password}"')
api=$(member '$_->{api}')
same 'a key from the first' 201 "$(status -u "$login" -H 'Content-Type: application/json' -d '{"name": "one"}' "$api/keys")"
made=$(cat "$work/body")
key=$(echo "$made" | perl -MJSON::PP -0777 -ne 'print decode_json($_)->{key}')
id=$(echo "$made" | perl -MJSON::PP -0777 -ne 'print decode_json($_)->{id}')
same '... is good at each' '200 200 200 ' "$(everywhere "$key")"
status -u "$login" -X DELETE "$api/keys/$id" >/dev/null
same '... its revocation is in force on three nodes' '3 of 3, 0 silent' "$(perl -MJSON::PP -0777 -ne \
    'my $n = decode_json($_)->{nodes}; print "$n->{applied} of $n->{of}, $n->{silent} silent"' "$work/body")"
same '... and it is refused at each' '401 401 401 ' "$(everywhere "$key")"

"$TAI_SRC/build/demo" --cluster stop >/dev/null
result $? 'it ends'
none '... with all that was started' "$(left "$root")"
for node in $nodes; do
    same "nobody answers any more on $node" 000 "$(status "$node/")"
done
finish
