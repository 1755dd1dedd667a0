#!/usr/bin/env bash
# usage: tools/test_fuzz.sh BUILD-DIR SECONDS - runs each fuzz target for some seconds on its corpus.
# New inputs go to a temporary folder; a crash keeps its input under var/test/fuzz.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
dir=$1 seconds=$2 passed=0 failed=0
export ASAN_OPTIONS=halt_on_error=1:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

mkdir -p var/test/fuzz
for target in $(find "$dir" -type f -executable -name '*fuzz_*' ! -name '*.so*' | sort); do
    name=$(basename "$target") && name=${name#fuzz_}
    found=$(mktemp -d)
    if timeout $((seconds + 60)) "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="var/test/fuzz/$name-" "$found" \
        $([ ! -d "fuzz/corpus/$name" ] || echo "fuzz/corpus/$name") >"var/test/fuzz/$name.log" 2>&1; then
        passed=$((passed + 1))
        echo "   ok   $name $(grep -oE 'number_of_executed_units: *[0-9]+' "var/test/fuzz/$name.log" | tr -dc 0-9) inputs"
    else
        failed=$((failed + 1))
        echo "   FAIL $name" && tail -n 40 "var/test/fuzz/$name.log"
    fi
    rm -rf "$found"
done
[ $((passed + failed)) -gt 0 ] || { echo "   no fuzz target in $dir" && failed=1; }
echo "$passed $failed 0"
