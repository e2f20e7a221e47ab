# The scripts for Redis as C strings: of NAME.lua a macro TAI_NAME_LUA. Comments and indentation stay
# behind: they would go over the network with every EVAL.
#
#   awk -f scripts.awk FILE.lua...

FNR == 1 {
    name = FILENAME
    sub(/.*\//, "", name)
    sub(/\.lua$/, "", name)
    printf "%s#define TAI_%s_LUA", NR == 1 ? "" : "\n\n", toupper(name)
}

{
    sub(/^ +/, "")
    if ($0 == "" || /^--/) {
        next
    }
    gsub(/\\/, "\\\\")
    gsub(/"/, "\\\"")
    printf " \\\n    \"%s\\n\"", $0
}

END {
    print ""
}
