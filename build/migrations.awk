# Numbered migrations as a C table:
#
#   awk -v driver=sqlite3 -f migrations.awk 001_*.sql 002_*.sql ... > migrations_sqlite3.inc
#
# A statement is a paragraph, so that the semicolons inside a trigger do no harm. Lines that start
# with -- are dropped. A gap or a wrong order in the numbers stops the build: an applied migration
# is known by its number alone.

BEGIN {
    RS = ""
    FS = "\n"
    print "/* Made by build/migrations.awk; do not edit. */"
}

function fail(text)
{
    print text > "/dev/stderr"
    failed = 1
    exit 1
}

function begin_file(    name)
{
    if (files)
        print "    NULL\n};"
    files++
    name = FILENAME
    sub(/.*\//, "", name)
    if (name !~ /^[0-9][0-9][0-9]_[a-z0-9_]+\.sql$/ || substr(name, 1, 3) + 0 != files)
        fail(FILENAME ": migration " files " was expected here, named NNN_name.sql")
    printf "static const char *const %s_%d[] = {\n", driver, files
}

FNR == 1 { begin_file() }

{
    text = ""
    for (i = 1; i <= NF; i++) {
        line = $i
        sub(/[ \t]+$/, "", line)
        if (line ~ /^--/)
            continue
        gsub(/\\/, "\\\\&", line)
        gsub(/"/, "\\\"", line)
        text = text (text == "" ? "    \"" : "\\n\"\n    \"") line
    }
    if (text != "") {
        print text "\","
        statements++
    }
}

END {
    if (failed)
        exit 1
    if (!statements)
        fail("no statements in these migrations")
    print "    NULL\n};"
    printf "static const char *const *const migrations_%s[] = {", driver
    for (i = 1; i <= files; i++)
        printf "%s%s_%d", (i > 1 ? ", " : ""), driver, i
    print "};"
}
