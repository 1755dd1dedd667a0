#!/usr/bin/env bash
# Fails when a C source calls a function that lib/base/banned.h lists. Comments do not count: the
# compiler strips them first. lib/base alone may call the allocator.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0

list=$(sed -nE 's/^ \* BANNED (([a-z0-9_]+ +)+) .*/\1/p' lib/base/banned.h)
[ -n "$list" ] || { echo "check_banned: no BANNED lines in lib/base/banned.h" && exit 1; }
join() { tr -s ' \n' '|' | sed -E 's/^\||\|$//g'; }
everywhere=$(echo $list | join)
in_base=$(echo $list | tr ' ' '\n' | grep -vxE 'malloc|calloc|realloc|strdup' | join)

for file in $(git ls-files -co --exclude-standard '*.c' '*.h'); do
    [ -f "$file" ] || continue
    case $file in lib/base/*) names=$in_base ;; *) names=$everywhere ;; esac
    # Keeps line numbers: -fpreprocessed only strips comments, -P is not given.
    found=$(gcc -fpreprocessed -dD -E -x c "$file" 2>/dev/null | sed -E 's/"([^"\\]|\\.)*"/""/g' |
        grep -v '^#' | grep -oE "(^|[^A-Za-z0-9_.>])($names)[[:space:]]*\(" | sort -u)
    if [ -n "$found" ]; then
        echo "$file: calls$(echo "$found" | tr -dc 'a-z0-9_\n' | sed 's/^/ /' | tr -d '\n'); see lib/base/banned.h"
        failed=1
    fi
done
exit $failed
