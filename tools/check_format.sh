#!/usr/bin/env bash
# Fails when a C source differs from what clang-format makes of it, or when a text file has tabs
# where they mean nothing, trailing blanks, carriage returns, or no newline at its end.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0

git ls-files -co --exclude-standard -z '*.c' '*.h' |
    xargs -0 -r clang-format --dry-run -Werror 2>&1 | grep -E 'error:' | head -n 40
[ "${PIPESTATUS[1]}" = 0 ] || failed=1

text=$(git ls-files -co --exclude-standard '*.c' '*.h' '*.mjs' '*.ts' '*.tsx' '*.css' '*.sh' '*.sql' \
    '*.md' '*.yaml' '*.build' dev .ci/run)
for file in $text; do
    [ -f "$file" ] || continue
    grep -nHE '[[:blank:]]+$' "$file" && failed=1
    grep -nHP '\r|\t' "$file" && failed=1
    [ -z "$(tail -c 1 "$file")" ] || { echo "$file: no newline at the end" && failed=1; }
done
[ $failed = 0 ] || echo "check_format: run ./dev fmt"
exit $failed
