#!/usr/bin/env bash
# Makes data/hand.bin anew: the reader's model of handwriting, taught on lines drawn in free fonts and
# in strokes of a pen.
#
#   tools/handmodel/make.sh WORK_DIR [MINUTES] [FILES]
#
# MINUTES of training (60), on FILES of 5000 lines (80). `make.sh DIR 2 2` is a quick trial of every
# step. A second run in the same WORK_DIR keeps the fonts and lines, and goes on from its model.
# Fonts come as Debian packages and are only unpacked. Those in `held` are never learned from: the
# written fonts of test/data/forms, and three more, so that what is reported is for unknown hands.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
work=${1:?work dir} minutes=${2:-60} files=${3:-80}
need=(gcc pkg-config node combine_tessdata dawg2wordlist)
libraries=(cairo-ft freetype2 lept)
packages=(fonts-averia-sans-gwf fonts-bajaderka fonts-breip fonts-bwht fonts-cabinsketch
    fonts-comic-neue fonts-courier-prime fonts-dancingscript fonts-dkg-handwriting fonts-dustin
    fonts-ecolier-court fonts-ecolier-lignes-court fonts-femkeklaver fonts-havana fonts-humor-sans
    fonts-junction fonts-jura fonts-kaushanscript fonts-kiloji fonts-klee fonts-kristi
    fonts-leckerli-one fonts-levien-typoscript fonts-lobstertwo fonts-nanum-extra fonts-okolaks
    fonts-open-sans fonts-opendyslexic fonts-rufscript fonts-seto fonts-sil-andika fonts-sjfonts
    fonts-summersby fonts-tlwg-purisa-ttf fonts-tomsontalks fonts-urw-base35 fonts-yozvox-yozfont-cute
    fonts-yozvox-yozfont-edu fonts-yozvox-yozfont-standard-kana fonts-yusei-magic
    texlive-fonts-extra)
held_public=(Breip.ttf breipfont.ttf femkeklaver.ttf Delphine.ttf SteveHand.ttf)
held_other=(BecauseWeConnect-Regular.otf Domestic_Manners.ttf NanumPen.ttf)
# symbols, near copies, and faces that no pen writes
unwanted='*Thin* *Hairline* *Symbols* D050000L* *Black* C059* URWBook* P052* NimbusMono* *LCDFJ*
    *YetHangul* NanumMyeong* NanumSquare* NanumGothic* NanumBarunGothic* AmiciLogo* Lexend* frc[ac]*
    frcslc* frcf* frc*6.pfb frc*14.pfb YOz*90* YOz*i.ttf YOzR*X* *Rslant* AuriocusK*Slant*
    OpenDyslexicAlta* OpenSans-Cond* Ovrlck* atkinsn* miama.pfb *Prime*Sans* *Semi* *Dustismo_Roman*
    flatline* progenisis* Junkyard* Wargames* Balker* Winks* MarkedFool*'

missing=()
for tool in "${need[@]}"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
for library in "${libraries[@]}"; do pkg-config --exists "$library" || missing+=("$library"); done
/usr/bin/python3 -c 'import numpy, torch' 2>/dev/null || missing+=("python3-torch")
if [ ${#missing[@]} -gt 0 ]; then
    echo "missing: ${missing[*]}" >&2
    echo "apt-get install gcc pkg-config nodejs tesseract-ocr tesseract-ocr-spa libleptonica-dev" \
        "libcairo2-dev libfreetype-dev python3-torch python3-numpy" >&2
    exit 2
fi

mkdir -p "$work"/{deb,fonts,held_public,held_other,words,strips,model}
cd "$work"
if [ ! -e fonts/.done ]; then
    (cd deb && apt-get download -q "${packages[@]}")
    for deb in deb/*.deb; do
        case $deb in
            *texlive*) dpkg-deb --fsys-tarfile "$deb" | tar x -C fonts --wildcards --no-anchored \
                '*/augie/*.pfb' '*/aurical/*.pfb' '*/calligra-type1/*.pfb' '*/miama/*.otf' \
                '*/frcursive/*.pfb' '*/comfortaa/*.pfb' '*/atkinson/*.otf' '*/punknova/*.otf' \
                '*/overlock/*.otf' '*/tapir/*.pfb' '*/frederika2016/*.otf' ;;
            *) dpkg -x "$deb" fonts ;;
        esac
    done
    find fonts -mindepth 2 -type f \( -iname '*.ttf' -o -iname '*.otf' -o -name '*.pfb' \) \
        -not -path '*X11*' -exec mv -t fonts {} +
    # shellcheck disable=SC2086 # the patterns are meant to be split and expanded
    (cd fonts && rm -rf usr && rm -f $unwanted)
    for font in "${held_public[@]}"; do mv "fonts/$font" held_public/; done
    for font in "${held_other[@]}"; do mv "fonts/$font" held_other/; done
    touch fonts/.done
fi

tessdata=$(dirname "$(dpkg -L tesseract-ocr-spa | grep 'spa.traineddata$')")
for lang in eng spa; do # word lists: those of Tesseract's models
    [ -s "words/$lang.txt" ] && continue
    combine_tessdata -e "$tessdata/$lang.traineddata" "words/$lang.lstm-word-dawg" \
        "words/$lang.lstm-unicharset" >/dev/null 2>&1
    dawg2wordlist "words/$lang.lstm-unicharset" "words/$lang.lstm-word-dawg" "words/$lang.txt" \
        >/dev/null 2>&1
done

read -ra flags < <(pkg-config --cflags --libs "${libraries[@]}")
gcc -O2 -std=gnu17 -I"$here/../../lib" -I"$here" "$here/lines.c" "$here/strokes.c" \
    "$here/../../lib/formread/strip.c" -o lines "${flags[@]}" -lm
strips() { # NAME SEED COUNT FONT...
    local name=$1 seed=$2 count=$3
    shift 3
    [ -s "strips/$name.strips" ] && return
    node "$here/texts.mjs" "$seed" "$count" words/spa.txt words/eng.txt |
        ./lines "$seed" "$@" >"strips/$name.new"
    mv "strips/$name.new" "strips/$name.strips"
}
shopt -s nullglob
strips held_public 900 1200 held_public/*
strips held_other 901 1200 held_other/*
learned=(fonts/*.ttf fonts/*.otf fonts/*.pfb)
echo "${#learned[@]} fonts"
for i in $(seq 1 "$files"); do strips "$i" $((1000 + i)) 5000 "${learned[@]}"; done
learn() { # MINUTES
    OMP_NUM_THREADS=1 /usr/bin/python3 "$here/train.py" strips model "$1" \
        strips/held_public.strips strips/held_other.strips
}
half=$(awk -v m="$minutes" 'BEGIN { print m / 2 }')
learn "$half" # all lines; then numbers for the most part, which is what the reader asks it for
RATE=5e-4 WORDS=0.1 learn "$half"
echo "made $work/model/hand.bin; to use it: cp $work/model/hand.bin data/hand.bin"
