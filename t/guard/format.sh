#!/bin/sh
# The C files are formatted as .clang-format says. Skipped where there is no clang-format.
. "$(dirname "$0")/tap.sh"

if ! command -v clang-format >/dev/null; then
    echo '1..0 # SKIP no clang-format: apt-get install clang-format'
    exit 0
fi

for file in $(find "$TAI_SRC/mod_taiauth" "$TAI_SRC/t" -name '*.[ch]' | sort); do
    said=$(clang-format --style="file:$TAI_SRC/.clang-format" --dry-run -Werror "$file" 2>&1)
    result $? "${file#"$TAI_SRC"/}" "$said"
done

finish
