#!/usr/bin/env bash
# Fails when an include points the wrong way: lib/base <- lib/* <- src/<feature> <- src/main.c.
#
# A library may include lib/base and the libraries its meson.build depends on (X_dep), no others.
# A feature may include any library, any feature's header, and what src/app offers to features (app,
# features, rest, web); the rest of src/app, src/cli and src/main.c is the wiring, which nobody
# includes but itself. A library's code, tests and examples aside, never names a clinic or a patient.
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

check_feature() {
    local dir=$1 file inc
    for file in $(git ls-files -co --exclude-standard "$dir/*.c" "$dir/*.h"); do
        [ -f "$file" ] || continue
        for inc in $(includes "$file"); do
            case $inc in
            app/app.h | app/features.h | app/rest.h | app/web.h) ;;
            app/* | cli/*) complain "$file: a feature includes the wiring, \"$inc\"" ;;
            esac
        done
    done
}

for dir in lib/*/; do
    [ ! -f "$dir/meson.build" ] || check_library "$(basename "$dir")"
done
for dir in src/*/; do
    case $dir in src/app/ | src/cli/) ;; *) check_feature "${dir%/}" ;; esac
done
exit $failed
