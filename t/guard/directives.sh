#!/bin/sh
# The directives of the module, its reference and its example configuration name the same things:
# no directive without a word, no word about a directive that is none; the same contexts and
# defaults; and no member of the configuration that no directive can set.
. "$(dirname "$0")/tap.sh"

code=$TAI_SRC/mod_taiauth/httpd
docs=$TAI_SRC/mod_taiauth/docs/directives.md
conf=$TAI_SRC/conf/taiauth.conf

# The rows of the table as "NAME FUNCTION INFO WHERE"; a row may go over several lines.
rows=$(awk '/^const command_rec/ { table = 1 } table { text = text " " $0 }
    END { n = split(text, row, "AP_INIT_"); for (i = 2; i <= n; i++) print row[i] }' \
    "$code/directives.c" |
    sed -n 's/^[A-Z0-9_]*("\([A-Za-z]*\)", *\([a-z_]*\), *\([A-Za-z_()]*\), *\([A-Z_| ]*\), *".*/\1 \2 \3 \4/p' |
    sed 's/ | /|/g')
entries=$(awk '/^const command_rec/ { table = 1 } table' "$code/directives.c" | grep -c 'AP_INIT_')
same 'every row of the table is read' "$entries" "$(echo "$rows" | grep -c .)"

ours=$(echo "$rows" | grep '^Tai')
names=$(echo "$ours" | cut -d' ' -f1 | sort)
some 'the module has directives' "$names"

# --- the same names -----------------------------------------------------------------------------

same 'directives.md has a heading for each' "$names" \
    "$(sed -n 's/^## \(TaiAuth[A-Za-z]*\)$/\1/p' "$docs" | sort)"
same 'taiauth.conf has a line for each' "$names" \
    "$(sed -n 's/^ *#\{0,1\}\(TaiAuth[A-Za-z]*\) .*/\1/p' "$conf" | sort -u)"
for file in "$docs" "$conf"; do
    none "$(basename "$file") names no directive that there is not" \
        "$(grep -oE '\bTaiAuth[A-Za-z]*' "$file" | sort -u | grep -vxF "$names")"
done

# --- the same contexts ----------------------------------------------------------------------------

# context WHERE FUNCTION: what directives.md calls it, and the mark in taiauth.conf.
context() {
    case $1 in
    RSRC_CONF)
        if sed -nE "/^(static )?const char \*$2\(/,/^}/p" "$code"/directive*.c | grep -q GLOBAL_ONLY; then
            echo 'server config#whole server'
        else
            echo 'server config, virtual host#server'
        fi ;;
    ANYWHERE) echo 'server config, virtual host, directory#directory' ;;
    'ANYWHERE|OR_AUTHCFG') echo 'server config, virtual host, directory, .htaccess#htaccess' ;;
    ACCESS_CONF) echo '<Location /path>#<Location /path> alone' ;;
    *) echo "unknown to this guard: $1" ;;
    esac
}

# documented NAME FIELD: a field of its entry in directives.md.
documented() {
    sed -n "/^## $1\$/,/^## /s/^$2: *//p" "$docs" | head -n 1
}

# marked NAME: the last mark in brackets above its first line in taiauth.conf.
marked() {
    awk -v line="^ *#?$1 " '$0 ~ line { print mark; exit }
        /^ *#.*\[[^]]+\]$/ { sub(/.*\[/, ""); sub(/\]$/, ""); mark = $0 }' "$conf"
}

while read -r name function info where; do
    should=$(context "$where" "$function")
    same "$name: context in directives.md" "${should%#*}" "$(documented "$name" Context)"
    same "$name: context in taiauth.conf" "${should##*#}" "$(marked "$name")"
    some "$name: syntax in directives.md" "$(documented "$name" Syntax | grep "^$name ")"
    some "$name: default in directives.md" "$(documented "$name" Default)"
done <<ROWS
$ours
ROWS

# --- the same defaults ----------------------------------------------------------------------------

# A line that begins with "#Tai" and is the first of its name shows the default.
while read -r name _; do
    shown=$(grep -E "^ *#?$name " "$conf" | head -n 1 | sed -n 's/^ *#//p')
    default=$(documented "$name" Default)
    case $default in "$name "*) ;; *) continue ;; esac
    [ -n "$shown" ] || shown=$(grep -B 12 -E "^ *$name " "$conf" |
        sed -n "s/.*[Dd]efault: \([A-Za-z]*\).*/$name \1/p" | tail -n 1)
    same "$name: the default of directives.md in taiauth.conf" "$default" "$shown"
done <<ROWS
$ours
ROWS

# --- every member can be set ----------------------------------------------------------------------

functions=$(echo "$rows" | cut -d' ' -f2 | sort -u)
none 'every function of the table is there' "$(for one in $functions; do
    grep -qE "^(static )?const char \*$one\(" "$code"/directive*.c || echo "$one"
done)"

# What the functions of the table assign, or hand to a parser by its address.
assigned=$(awk '/^(static )?const char \*[a-z_]+\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*\*/, "", name) }
    { print name, $0 }' "$code"/directive*.c | grep -E "^($(echo $functions | tr ' ' '|')) " |
    grep -oE '(->[a-z_]+ = |&[^ ]*->[a-z_]+[,;)]|&conf->[a-z_]+ :)' | grep -oE '[a-z_]+[^a-z_]*$' | grep -oE '[a-z_]+')
members=$(sed -n '/^#define TAIAUTH_\(DIR\|SERVER\)_\(NUMBERS\|POINTERS\)/,/[^\\]$/p' "$code/taiauth.h" |
    sed -n -e 's/^ *X(\([a-z_]*\), [A-Z0-9_]*).*/\1/p' -e 's/^ *X([a-z_ ]*, \([a-z_]*\)).*/\1/p')
some 'the configuration has members' "$members"
for member in $members; do
    some "$member can be set by a directive" \
        "$(echo "$rows" | grep -E "(MEMBER|NOTED)\($member\)"; echo "$assigned" | grep -x "$member")"
done

finish
