#!/usr/bin/env bash
# usage: example_test.sh PAN_EXAMPLE - the example program prints what its first comment says.
set -euo pipefail
said=$(printf 'tarjeta 4111 1111 1111 1111 vence 05/29\nTel 310 555 0142\n' | "$1")
expected='pan    canonical  8..27
expiry label      34..39
tarjeta ************1111 vence **/**
Tel 310 555 0142'
[ "$said" = "$expected" ] || { printf 'said:\n%s\n' "$said" && exit 1; }
