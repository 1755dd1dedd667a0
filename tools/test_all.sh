#!/usr/bin/env bash
# Every check and test in order, each part adding its counts; the last line is the sum, for CI.
#
# Rule: a part that breaks counts as a failure, never as nothing. Parts: see `parts` below; naming
# some runs those alone. Start it through ./dev test, which installs what the parts need.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

readonly parts=(check gcc release clang unit tsan web integration demo browser fuzz leftovers)
readonly out=$PWD/var/test
passed=0 failed=0 skipped=0

export NEXACORE_BUILD=$PWD/build-test
# Everything started below carries this mark, so that what stays behind can be found by it alone.
NEXACORE_TEST_RUN=$$-$(date +%s) && export NEXACORE_TEST_RUN
export ASAN_OPTIONS=halt_on_error=1:exitcode=99:detect_leaks=1:strict_string_checks=1:log_path=$out/sanitizer/asan
export UBSAN_OPTIONS=halt_on_error=1:exitcode=99:print_stacktrace=1:log_path=$out/sanitizer/ubsan
export TSAN_OPTIONS=halt_on_error=1:exitcode=99:second_deadlock_stack=1:log_path=$out/sanitizer/tsan
export LSAN_OPTIONS=suppressions=$PWD/tools/lsan.supp:print_suppressions=0
export OMP_THREAD_LIMIT=1
# What failed, told once more before the sum: what the parts said may be far above.
export NEXACORE_FAILURES=$out/failures

# add PASSED FAILED [SKIPPED]
add() {
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + ${3:-0}))
    printf '   %s passed, %s failed, %s skipped\n' "$1" "$2" "${3:-0}"
}

# one COMMAND...: a part that is one yes or no; the output is shown when it is no.
one() {
    local log=$out/$part.log
    if "$@" >"$log" 2>&1 </dev/null; then
        add 1 0
    else
        tail -n 80 "$log"
        { echo "$part: $*" && tail -n 30 "$log"; } >>"$NEXACORE_FAILURES"
        add 0 1
    fi
}

# counted COMMAND...: the last line of the output is "PASSED FAILED SKIPPED".
counted() {
    local log=$out/$part.log numbers
    "$@" 2>&1 </dev/null | tee "$log" | grep --line-buffered -vE '^[0-9]+ [0-9]+ [0-9]+$'
    numbers=$(tail -n 1 "$log")
    if [[ $numbers =~ ^[0-9]+\ [0-9]+\ [0-9]+$ ]]; then
        # shellcheck disable=SC2086
        add $numbers
    else
        add 0 1
    fi
}

# build_into DIR MESON-OPTION...
build_into() {
    local dir=$1
    shift
    [ -f "$dir/build.ninja" ] || { rm -rf "$dir" && meson setup "$dir" "$@"; } || return 1
    ninja -C "$dir"
}

part_check() {
    local check
    for check in format layers banned size docs; do
        echo "   $check"
        one "tools/check_$check.sh"
    done
}

part_gcc() {
    one build_into build-test -Db_sanitize=address,undefined -Doptimization=1
}

# The optimiser sees warnings that the sanitizer build does not, and people run this one first.
part_release() {
    one build_into build --buildtype=release -Doptimization=2
}

# clang with the fuzz targets: warnings are errors here too, and the targets are ready for part fuzz.
part_clang() {
    CC=clang CXX=clang++ one build_into build-clang -Dfuzz=true -Doptimization=1 \
        -Dc_args=-fsanitize=fuzzer-no-link -Db_sanitize=address,undefined -Db_lundef=false
}

part_unit() {
    counted node tools/test_unit.mjs build-test unit
}

# ThreadSanitizer over what threads share: tests of the suite "lanes". Only their executables are
# built. Addresses are not randomised, because gcc 12's runtime cannot cope with much of it.
part_tsan() {
    local targets
    [ -f build-tsan/build.ninja ] || meson setup build-tsan -Db_sanitize=thread -Doptimization=1 >"$out/tsan.log" 2>&1
    targets=$(node tools/test_unit.mjs build-tsan lanes --targets)
    # shellcheck disable=SC2086
    one ninja -C build-tsan ${targets:-all}
    counted setarch -R node tools/test_unit.mjs build-tsan lanes
}

part_web() {
    echo "   types"
    one npm run --prefix web check
    echo "   unit"
    one npm test --prefix web
    echo "   build"
    one npm run --prefix web build
}

# Two files at a time: each has its own servers, ports and folders, and mostly waits.
part_integration() {
    counted node tools/test_node.mjs --jobs 2 --seconds 600 test --except test/e2e
}

part_demo() {
    one node tools/demo_check.mjs
    grep -h 'seconds from upload' "$out/demo.log"
}

part_browser() {
    counted node tools/test_node.mjs --jobs 1 --seconds 600 test/e2e
}

part_fuzz() {
    counted tools/test_fuzz.sh build-clang "${NEXACORE_FUZZ_SECONDS:-4}"
}

# What is still running with this run's mark, and what a sanitizer wrote although its program ended well.
part_leftovers() {
    echo "   processes"
    one tools/check_leftovers.sh
    echo "   sanitizer reports"
    one tools/check_reports.sh "$out/sanitizer"
}

main() {
    local part start wanted=("$@")
    if [ "${1:-}" = --list ]; then echo "${parts[@]}" && return; fi
    [ $# -gt 0 ] || wanted=("${parts[@]}")
    rm -rf "$out" && mkdir -p "$out/sanitizer" && chmod 1777 "$out/sanitizer"
    for part in "${wanted[@]}"; do
        declare -F "part_$part" >/dev/null || { echo "no part $part; there are: ${parts[*]}" && exit 2; }
        start=$SECONDS
        echo "== $part"
        "part_$part"
        echo "   $((SECONDS - start)) s"
    done
    if [ -s "$NEXACORE_FAILURES" ]; then echo "== what failed" && head -n 300 "$NEXACORE_FAILURES"; fi
    printf '%s passed, %s failed' "$passed" "$failed"
    [ "$skipped" = 0 ] || printf ', %s skipped' "$skipped"
    printf '\n'
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
{ main "$@"; exit; } # one line: an edit while it runs must not be read
