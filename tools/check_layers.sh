#!/usr/bin/env bash
# Fails when an include points the wrong way:
#   lib/base <- lib/* <- ground <- features <- wiring
#
# lib/X     may include lib/base and the libraries its meson.build depends on (X_dep), no others; its
#           code, tests and examples aside, never names a clinic or a patient.
# ground    what every feature stands on: src/{tenancy,phi,auth,audit,outbox,live,ops} and the headers
#           app.h, features.h and rest.h of src/app. Knows no feature.
# features  every other folder of src: the ground, and other features by their public headers.
# wiring    the rest of src/app, src/cli and src/main.c: nobody includes it. In src/app features.c
#           alone names features.
# src/reader is also linked into the jailed process: libraries only.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0
complain() { echo "$*" && failed=1; }

includes() { sed -nE 's/^[[:space:]]*#[[:space:]]*include "([^"]+)".*/\1/p' "$1"; }

allowed_libs() { # NAME -> the libraries it may use: itself, base, and the X_dep it is built with
    echo "$1"
    echo base
    grep -v '^#' "lib/$1/meson.build" | grep -oE '\b[a-z0-9]+_dep\b' | sed 's/_dep$//'
}

check_library() {
    local lib=$1 allowed file inc
    allowed=" $(allowed_libs "$lib" | tr '\n' ' ') "
    for file in $(git ls-files -co --exclude-standard "lib/$lib/*.c" "lib/$lib/*.h"); do
        [ -f "$file" ] || continue
        for inc in $(includes "$file"); do
            case $inc in
            */*)
                [ -d "lib/${inc%%/*}" ] || { complain "$file: a library includes \"$inc\"" && continue; }
                case $allowed in *" ${inc%%/*} "*) ;; *)
                    complain "$file: includes \"$inc\", but lib/$lib/meson.build has no ${inc%%/*}_dep" ;;
                esac
                ;;
            *) [ -f "lib/$lib/$inc" ] || complain "$file: include \"$inc\" as dir/name.h" ;;
            esac
        done
        case $lib in triage | formread) continue ;; esac # forms and findings speak of patients
        case $file in *_test.c | */sio_echo*) continue ;; esac
        gcc -fpreprocessed -dD -E -x c "$file" 2>/dev/null | grep -v '^#' |
            grep -qiE '[a-z_]*(clinic|patient)[a-z_]*' && complain "$file: a library names a clinic or a patient"
    done
}

ground=' tenancy phi auth audit outbox live ops reader '
is_ground() { case "$ground" in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# One include of a file of src/FOLDER; prints what is wrong with it.
check_include() {
    local folder=$1 file=$2 inc=$3 to=${3%%/*}
    case $inc in
    app/app.h | app/features.h | app/rest.h) [ "$folder" != reader ] || echo "$inc" ;;
    app/* | cli/*) case $folder in app | cli) ;; *) echo "the wiring, $inc" ;; esac ;;
    */*)
        [ -d "src/$to" ] && [ "$to" != "$folder" ] || return
        case $inc in *_internal.h | *_int.h) echo "what is another folder's own, $inc" && return ;; esac
        [ "$folder" != reader ] || { echo "more than libraries, $inc" && return; }
        is_ground "$to" && return
        if is_ground "$folder"; then echo "a feature, $inc"; fi
        case $file in src/app/features.c) ;; src/app/*) echo "a feature, $inc" ;; esac
        ;;
    esac
}

check_source() {
    local dir=$1 file inc wrong
    for file in $(git ls-files -co --exclude-standard "$dir/*.c" "$dir/*.h"); do
        [ -f "$file" ] || continue
        for inc in $(includes "$file"); do
            wrong=$(check_include "$(basename "$dir")" "$file" "$inc")
            [ -z "$wrong" ] || complain "$file: includes $wrong"
        done
    done
}

for dir in lib/*/; do
    [ ! -f "$dir/meson.build" ] || check_library "$(basename "$dir")"
done
for dir in src/*/; do
    check_source "${dir%/}"
done
exit $failed
