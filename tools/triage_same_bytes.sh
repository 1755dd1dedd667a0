#!/usr/bin/env bash
# usage: triage_same_bytes.sh TRIAGE_DATA_H FILE... - lib/triage built by gcc and clang at -O0 and -O3
# prints the same bytes for every line of FILE. Rule: only lib/triage is built four ways, what it
# stands on once; a compiler that is missing is a failure, not a skip.
set -euo pipefail
data=$(readlink -f "$1") && shift # before the cd: it may be relative to the build folder
cd "$(dirname "$0")/.."
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
mkdir "$dir/triage" && cp "$data" "$dir/triage/triage_data.h"
flags=(-std=gnu17 -D_GNU_SOURCE -Ilib -I"$dir")
below=(lib/base/{arena,buf,clock,crypt,mem,problem,str,uuid}.c lib/json/json_out.c)
libs=(-lunistring -lcrypto -lpthread)
own=(lib/triage/{same_bytes,assertion,classes,default,pattern,rules,score,symbols,text,together,units,vitals,write}.c)

(cd "$dir" && for c in "${below[@]}"; do gcc -std=gnu17 -D_GNU_SOURCE -I"$OLDPWD/lib" -O1 -c "$OLDPWD/$c"; done)
for how in "gcc -O0" "gcc -O3" "clang -O0" "clang -O3"; do
    $how "${flags[@]}" -o "$dir/program" "${own[@]}" "$dir"/*.o "${libs[@]}"
    "$dir/program" "$@" >"$dir/now"
    [ -f "$dir/first" ] || mv "$dir/now" "$dir/first"
    [ ! -f "$dir/now" ] || cmp "$dir/first" "$dir/now" || { echo "$how differs from gcc -O0" && exit 1; }
done
lines=$(wc -l <"$dir/first")
[ "$lines" -gt 4000 ] || { echo "only $lines results compared" && exit 1; }
echo "$lines results, the same $(wc -c <"$dir/first") bytes four times"
