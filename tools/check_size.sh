#!/usr/bin/env bash
# Fails on a file of more than 600 lines or a C function of more than 60. clang-format puts a
# function's braces, and nothing else, alone in the first column.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0

files=$(git ls-files -co --exclude-standard '*.c' '*.h' '*.mjs' '*.ts' '*.tsx' '*.sh' dev)
for file in $files; do
    [ -f "$file" ] || continue
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || { echo "$file: $lines lines, 600 are allowed" && failed=1; }
    case $file in *.c | *.h) ;; *) continue ;; esac
    awk -v file="$file" '
        /^{$/ { start = NR }
        /^}$/ && start {
            if (NR - start + 1 > 60) {
                printf "%s:%d: function of %d lines, 60 are allowed\n", file, start, NR - start + 1
                bad = 1
            }
            start = 0
        }
        END { exit bad }' "$file" || failed=1
done
exit $failed
