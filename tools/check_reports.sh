#!/usr/bin/env bash
# usage: tools/check_reports.sh DIR - fails when a sanitizer left a report in DIR, and shows it.
set -uo pipefail
shopt -s nullglob
failed=0
for report in "$1"/*; do
    echo "== $report" && head -n 60 "$report"
    failed=1
done
exit $failed
