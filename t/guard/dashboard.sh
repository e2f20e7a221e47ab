#!/bin/sh
# The Developer page is installed as a whole, holds nothing that its policy would stop or that keeps a
# secret, and each of its modules can be read and is used.
#
#   TAI_DASHBOARD   what is installed of it
. "$(dirname "$0")/tap.sh"

# ls and sort in one order
LC_ALL=C
export LC_ALL
page=$TAI_SRC/mod_taiauth/dashboard
scripts=$(cd "$page" && ls -- *.js)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

same 'every file of it is installed, and no other' "$(cd "$page" && ls)" \
    "$(for file in $TAI_DASHBOARD; do echo "${file#mod_taiauth/dashboard/}"; done | sort)"

# --- what its policy would stop, or would have to allow -------------------------------------------

# uncommented FILE: without lines that are a comment.
uncommented() {
    sed -E '/^ *(\/\/|\/\*|\*)/s/.*//' "$page/$1"
}

# found PATTERN FILE...: where, as FILE:LINE.
found() {
    pattern=$1
    shift
    for file in "$@"; do
        uncommented "$file" | grep -nE -- "$pattern" | sed "s/^/$file:/"
    done
}

while read -r pattern what; do
    none "no script $what" "$(found "$pattern" $scripts)"
done <<'RULES'
(inner|outer)HTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML makes elements of text
\beval\b|\bFunction\(|set(Timeout|Interval)\(['"`] makes code of text
\b(localStorage|sessionStorage|indexedDB|cookieStore|caches)\b|document\.cookie keeps anything
\bconsole\.(log|debug|info|warn|dir|table)\b writes to the console what is no fault
javascript: makes an address that is code
setAttribute\(['"`](on|style) sets an attribute that the policy stops
debugger stops
RULES
none 'no script loads from elsewhere' "$(found 'https?://' $scripts | grep -v "'http://www.w3.org/2000/svg'")"
none 'nor does the style sheet' "$(found 'https?://|@import|url\(' $(cd "$page" && ls -- *.css 2>/dev/null))"
none 'the document has no inline style or script, and nothing from elsewhere' \
    "$(grep -nE '<style|style=|[[:space:]]on[a-z]+=|<script[^>]*>[^<]|https?://' "$page/index.html")"
none 'nor has the icon' "$(grep -nE '<script|<style|style=|[[:space:]]on[a-z]+=|href=' "$page"/*.svg)"

# --- modules --------------------------------------------------------------------------------------

imports=$(cd "$page" && grep -ohE "^(import|\}) .*from '[^']+'|import\('[^']+'" -- *.js | sed "s/.*'\(.*\)'/\1/" | sort -u)
some 'modules import others' "$imports"
none 'each import is a file beside it' "$(for import in $imports; do
    case $import in ./*) [ -f "$page/$import" ] || echo "$import" ;; *) echo "$import" ;; esac
done)"
same 'each module but the first is imported' main.js "$(for script in $scripts; do
    echo "$imports" | grep -qxF "./$script" || echo "$script"
done)"

# As modules, which is what they are; the ending says so to node.
if command -v node >/dev/null; then
    for script in $scripts; do
        cp "$page/$script" "$work/${script%.js}.mjs"
        said=$(node --check "$work/${script%.js}.mjs" 2>&1)
        result $? "$script is a module" "$said"
    done
fi

finish
