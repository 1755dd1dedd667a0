#!/usr/bin/env bash
# Fails when a source does not begin with a comment, when a header declares a function in a
# paragraph without a comment, or when a setting of the program is missing from the README.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0

for file in $(git ls-files -co --exclude-standard '*.c' '*.h' '*.mjs' '*.sh' '*.sql'); do
    [ -f "$file" ] || continue
    head -n 2 "$file" | sed '1{/^#!/d}' | head -n 1 | grep -E '^(/\*|//|#|--)' >/dev/null ||
        { echo "$file: the first line must say what the file is for" && failed=1; }
done

for file in $(git ls-files -co --exclude-standard 'lib/*.h' 'src/*.h'); do
    [ -f "$file" ] || continue
    awk -v file="$file" '
        BEGIN { RS = ""; line = 1 }
        {
            if ($0 !~ /\/\*/ && $0 ~ /(^|\n)[a-z][A-Za-z0-9_ *]*\([^\n]*/ && $0 ~ /\);/ && $0 !~ /#define/) {
                split($0, rows, "\n")
                printf "%s: undocumented: %s\n", file, rows[1]
                bad = 1
            }
        }
        END { exit bad }' "$file" || failed=1
done

if [ -f src/app/settings.c ]; then
    for name in $(grep -oE '"NEXACORE_[A-Z0-9_]+"' src/app/settings.c | tr -d '"' | sort -u); do
        grep -q "$name" README.md || { echo "README.md: $name is not explained" && failed=1; }
    done
fi
exit $failed
