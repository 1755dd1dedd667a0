#!/usr/bin/env bash
# Fails when a process that carries this test run's mark in its environment is still there, and ends
# it by its id. A grace of 5 s covers what is just now ending.
set -uo pipefail
mark=NEXACORE_TEST_RUN=${NEXACORE_TEST_RUN:?set by tools/test_all.sh}

ancestors() { local pid=$$; while [ "$pid" -gt 1 ]; do echo "$pid"; pid=$(awk '/^PPid/ {print $2}' "/proc/$pid/status"); done; }
ours=" $(ancestors | tr '\n' ' ') "

leftovers() {
    local dir pid
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        case $ours in *" $pid "*) continue ;; esac
        [ "$(awk '/^PPid/ {print $2}' "$dir/status" 2>/dev/null)" != $$ ] || continue
        tr '\0' '\n' <"$dir/environ" 2>/dev/null | grep -qxF "$mark" || continue
        echo "$pid"
    done
}

for _ in 1 2 3 4 5; do
    found=$(leftovers)
    [ -n "$found" ] || exit 0
    sleep 1
done
for pid in $found; do
    echo "left behind: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
    kill -KILL "$pid" 2>/dev/null
done
exit 1
