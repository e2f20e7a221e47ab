#!/bin/sh
# Every test that was written is run: a file that nobody listed, or a function that nobody
# registered, would look like a test that passes.
#
#   TAI_TESTS         what `make check` runs
#   TAI_FUZZ_TARGETS  the fuzz targets that are built
. "$(dirname "$0")/tap.sh"

listed() {
    case " $TAI_TESTS " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
    esac
}

# check_files PATTERN: all of them must be listed; .c files by the name of their program.
check_files() {
    found=0
    for file in "$TAI_SRC"/$1; do
        [ -f "$file" ] || continue
        name=${file#"$TAI_SRC"/}
        [ "$name" != t/guard/tap.sh ] || continue
        found=$((found + 1))
        listed "${name%.c}"
        result $? "$name is run"
    done
    same "there are files $1" yes "$([ $found -gt 0 ] && echo yes)"
}

check_files 't/unit/*_test.c'
check_files 't/tool/*.t'
check_files 't/guard/*.sh'

# Of each unit test, the functions defined and those registered.
for file in "$TAI_SRC"/t/unit/*_test.c; do
    name=$(basename "$file")
    defined=$(sed -n 's/^START_TEST(\([a-z0-9_]*\)).*/\1/p' "$file" | sort)
    registered=$(tr '\n' ' ' <"$file" | grep -oE '(tcase_add_[a-z_]+|unit_[a-z_]+)\([^;]*;' |
        grep -oE '[a-z0-9_]+' | sort -u)
    some "$name has tests" "$defined"
    none "every test of $name is registered" \
        "$(for one in $defined; do echo "$registered" | grep -qx "$one" || echo "$one"; done)"
done

# Of each fuzz target, whether it is built and has inputs to replay.
for file in "$TAI_SRC"/t/fuzz/*_fuzz.c; do
    name=$(basename "$file" .c)
    case " $TAI_FUZZ_TARGETS " in
    *" t/fuzz/$name "*) result 0 "$name is built" ;;
    *) result 1 "$name is built" ;;
    esac
    some "$name has a corpus" "$(ls -A "$TAI_SRC/t/fuzz/corpus/${name%_fuzz}" 2>/dev/null)"
done

finish
