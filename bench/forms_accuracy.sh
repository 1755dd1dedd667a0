#!/usr/bin/env bash
# How well the reader reads the 40 public forms: `nexacore read` over test/data/forms, scored.
#
#   bench/forms_accuracy.sh [BUILD_DIR] [FORMS_DIR] [FILTER]
#
# Prints the score (fields, vitals, boxes, emergencies, card numbers) and milliseconds per page.
# The predictions stay in BUILD_DIR/forms_pred.jsonl.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
build=${1:-build}
forms=${2:-test/data/forms}
filter=${3:-}
mapfile -t files < <(find "$forms/forms" -type f | sort)
"$build/nexacore" read "${files[@]}" >"$build/forms_read.jsonl" || true
node bench/forms_pred.mjs <"$build/forms_read.jsonl" >"$build/forms_pred.jsonl"
node test/data/forms/score.mjs forms "$forms" "$build/forms_pred.jsonl" ${filter:+"$filter"}
