#!/usr/bin/env bash
# Unpacks the free fonts that make.mjs writes with into DIR (Debian packages, not installed).
#
#   bench/forms/fonts.sh DIR
#
# Without them make.mjs still runs, with the machine's own fonts: other forms, no handwriting.
set -euo pipefail
dir=${1:?where to}
packages=(fonts-lato fonts-roboto-unhinted fonts-courier-prime fonts-open-sans fonts-gnutypewriter
    fonts-ebgaramond fonts-crosextra-caladea fonts-inconsolata fonts-cantarell fonts-vollkorn
    fonts-sil-charis fonts-dkg-handwriting fonts-bwht fonts-kristi fonts-tomsontalks
    fonts-humor-sans fonts-rufscript fonts-dancingscript fonts-dustin fonts-klee)
mkdir -p "$dir/deb"
(cd "$dir/deb" && apt-get download -q "${packages[@]}")
for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" "$dir/unpacked"; done
find "$dir/unpacked" -type f \( -name '*.ttf' -o -name '*.otf' \) -exec cp -t "$dir" {} +
rm -rf "$dir/deb" "$dir/unpacked"
