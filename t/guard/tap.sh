# What the guards share: results as TAP. A guard calls `same` or `result` for each thing it checked
# and `finish` at its end, which makes a guard that checked nothing a failure.
#
# The Makefile exports what they look at: TAI_SRC (the clone), TAI_BUILT (the build directory) and
# the names below each guard's own heading.

set -u
checked=0
failed=0

# result STATUS NAME [DETAIL]: one line of TAP; the detail only where it failed.
result() {
    checked=$((checked + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $checked - $2"
        return
    fi
    failed=$((failed + 1))
    echo "not ok $checked - $2"
    [ -z "${3:-}" ] || printf '%s\n' "$3" | sed 's/^/#   /'
}

# same NAME EXPECTED FOUND
same() {
    status=0
    [ "$2" = "$3" ] || status=1
    result $status "$1" "expected: $2
found: $3"
}

# none NAME FOUND: nothing may have been found.
none() {
    status=0
    [ -z "$2" ] || status=1
    result $status "$1" "$2"
}

# some NAME FOUND: there must be something, else the checks on it prove nothing.
some() {
    status=0
    [ -n "$2" ] || status=1
    result $status "$1" 'found nothing'
}

finish() {
    [ $checked -gt 0 ] || result 1 'the guard checked something'
    echo "1..$checked"
    [ $failed -eq 0 ]
    exit
}
