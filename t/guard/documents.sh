#!/bin/sh
# The documents say of the code what the code says of itself: every reason and its code, every
# refusal and its text, every metric, every command of taictl; and their links lead somewhere.
. "$(dirname "$0")/tap.sh"

docs=$TAI_SRC/mod_taiauth/docs
verdict=$TAI_SRC/mod_taiauth/core/verdict.h
documents='databases.md developer-page.md directives.md guide.md management.md operations.md redis.md refusals.md security.md sizing.md'

# --- links ----------------------------------------------------------------------------------------

# anchors FILE: what its headings can be linked to by.
anchors() {
    awk '/^```/ { code = !code } !code && /^#+ / { sub(/^#+ /, ""); print tolower($0) }' "$1" |
        sed 's/[^a-z0-9_ -]//g; s/ /-/g'
}

# dead_links FILE: its links to documents and headings that there are not.
dead_links() {
    grep -oE '\]\([^):]*\)' "$docs/$1" | sed 's/^](//; s/)$//' | while IFS='#' read -r file anchor; do
        target=$docs/${file:-$1}
        if [ ! -f "$target" ]; then
            echo "$file"
        elif [ -n "$anchor" ] && ! anchors "$target" | grep -qx "$anchor"; then
            echo "$file#$anchor"
        fi
    done
}

for document in $documents; do
    some "$document has headings" "$(anchors "$docs/$document")"
    none "every link of $document leads somewhere" "$(dead_links "$document")"
done
some 'there are links' "$(cd "$docs" && grep -hoE '\]\([^):]*\)' $documents)"

# --- verdicts -------------------------------------------------------------------------------------

reasons=$(sed -n 's/^ *X([A-Z_]*, "\([a-z_]*\)", \([A-Z_]*\)).*/\1 \2/p' "$verdict")
some 'verdict.h has reasons' "$reasons"
same 'operations.md has every reason with its code' "$reasons" \
    "$(sed -n '/^## Reasons/,/^## Metrics/s/^| `\([a-z_]*\)` | `\([A-Z_]*\)` |.*/\1 \2/p' "$docs/operations.md")"

codes=$(tr -d '\n\\' <"$verdict" | sed 's/ X(/\n&/g' |
    sed -n 's/^ *X(\([A-Z_]*\), *\([0-9][0-9]*\), *"[^"]*", *\(.*\)).*/\2 \1 \3/p' | grep -v ' ADMITTED ')
some 'verdict.h has codes' "$codes"
same 'refusals.md has every code with its status' "$(echo "$codes" | cut -d' ' -f1,2)" \
    "$(sed -n 's/^| \([0-9]*\) | \[`\([A-Z_]*\)`\].*/\1 \2/p' "$docs/refusals.md")"
same 'refusals.md has a heading for each' "$(echo "$codes" | cut -d' ' -f2)" \
    "$(sed -n 's/^## \([A-Z_]*\)$/\1/p' "$docs/refusals.md")"
none 'refusals.md shows the text of each that has one of its own' \
    "$(echo "$codes" | sed -n 's/^[0-9]* \([A-Z_]*\) "\([^"]*\)".*/"error": "\2", "code": "\1"/p' |
        while read -r text; do grep -qF "$text" "$docs/refusals.md" || echo "$text"; done)"

# --- responses: as long as they say ------------------------------------------------------------------

responses=$(awk '/^```http/ { shown = NR; length_of = ""; next } !shown { next }
    /^Content-Length: / { length_of = $2 }
    /^```/ { print shown, length_of, length(body) + 1; shown = 0 }
    { body = $0 }' "$docs/refusals.md")
some 'refusals.md shows responses' "$responses"
none 'each has the length it states' "$(echo "$responses" | awk '$2 != $3 { print "line", $0 }')"

# --- metrics --------------------------------------------------------------------------------------

# names FILE: metrics that a file speaks of; those of a histogram by the name of the whole.
names() {
    grep -oE "$2" "$1" | grep -oE '[a-z]+(_[a-z]+)+|lockouts' | sed 's/^taiauth_//; s/_bucket$//' |
        sort -u
}

made=$(names "$TAI_SRC/mod_taiauth/httpd/metrics.c" \
    '(head|write_verdicts)\(r, "[a-z_]+"|\{"[a-z_]+", "(gauge|counter)"' |
    grep -vE '^(write_verdicts|head)$')
some 'metrics.c has metrics' "$made"
same 'operations.md has each of them' "$made" \
    "$(names "$docs/operations.md" '`taiauth_[a-z_]+`')"

# --- taictl ---------------------------------------------------------------------------------------

tool=$TAI_SRC/mod_taiauth/tool
manual=$docs/taictl.1
commands=$(sed -n 's/^ *{"\([a-z]*\)", "\{0,1\}\([a-zN-]*\)[",U].*/\1 \2/p' "$tool/commands.c" | sed 's/ N$//' | sort)
some 'taictl has commands' "$commands"
same 'taictl.1 has each of them' "$commands" \
    "$(sed -n 's/^\.It Cm \([a-z -]*[a-z]\).*/\1/p' "$manual" | sort)"
options=$(sed -n 's/^ *X([A-Z_]*, "\([a-z-]*\)", .*/\1/p' "$tool/taictl.h" | sort)
some 'taictl has options' "$options"
same 'taictl.1 has each of them, and no other' "$options" \
    "$(grep -oE 'Fl -[a-z-]+' "$manual" | sed 's/^Fl -//' | sort -u)"

finish
