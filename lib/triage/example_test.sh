#!/usr/bin/env bash
# usage: example_test.sh TRIAGE_EXAMPLE - the example program prints what its first comment says.
set -euo pipefail
said=$(printf 'Presión en el pecho, niega fiebre\nI feel fine\n' | "$1" | sed 's/ruleset .*/ruleset/')
expected='0.66 URGENT ruleset
   66 chest_pain             "Presión en el pecho" (ESI2,CTAS2-3,MTS-orange)
    - fever                  negated "fiebre"
  vital signs missing: 6
0.18 LOW ruleset
   18 complaint_not_recognised "" (-)
  review: complaint not recognised
  review: nothing to score
  vital signs missing: 6'
[ "$said" = "$expected" ] || { printf 'said:\n%s\n' "$said" && exit 1; }
