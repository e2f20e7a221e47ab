#!/bin/sh
# Every fuzz target takes the inputs of its corpus without a crash.
#
#   TAI_FUZZ_TARGETS  the fuzz targets that are built
. "$(dirname "$0")/../guard/tap.sh"

for target in $TAI_FUZZ_TARGETS; do
    name=$(basename "$target" _fuzz)
    said=$("$TAI_BUILT/$target" "$TAI_SRC/t/fuzz/corpus/$name" 2>&1)
    result $? "$name: $said"
done

finish
