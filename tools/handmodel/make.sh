#!/usr/bin/env bash
# Makes data/handnum.traineddata anew: Tesseract's own trainer on numbers drawn in free fonts.
#
#   tools/handmodel/make.sh WORK_DIR [ITERATIONS]
#
# Takes hours. Needs tesseract-ocr and, for lines.c, libcairo2-dev, libfreetype-dev, libleptonica-dev.
# Fonts come as Debian packages and are only unpacked. The three written fonts of test/data/forms
# (breip, femkeklaver, sjfonts' Delphine) are left out on purpose: that set measures what the model
# has not seen.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
work=${1:?work dir} iterations=${2:-42000}
packages=(fonts-bwht fonts-dkg-handwriting fonts-kristi fonts-rufscript fonts-humor-sans
    fonts-ecolier-court fonts-klee fonts-dancingscript fonts-tomsontalks fonts-dustin
    fonts-comic-neue fonts-kaushanscript fonts-kiloji fonts-tlwg-purisa-ttf fonts-nanum-extra
    fonts-yozvox-yozfont-standard-kana fonts-yusei-magic fonts-okolaks fonts-bajaderka fonts-seto
    fonts-summersby fonts-gfs-gazis fonts-lobstertwo fonts-urw-base35 fonts-averia-sans-gwf
    fonts-sil-andika fonts-roboto-unhinted fonts-lato fonts-open-sans fonts-courier-prime)
mkdir -p "$work"/{deb,fonts,easy,full,out/num,checkpoint}
cd "$work"
(cd deb && apt-get download -q "${packages[@]}")
for deb in deb/*.deb; do dpkg -x "$deb" unpacked; done
find unpacked -type f \( -name '*.ttf' -o -name '*.otf' \) -exec cp -t fonts {} +
rm -f fonts/*{Thin,Hairline,Symbols,D050000L,Black}*
cc -O2 "$here/lines.c" -o lines $(pkg-config --cflags --libs cairo-ft freetype2 lept) -lm

pages() { # DIR FIRST LAST MODE FONT...
    local dir=$1 first=$2 last=$3 mode=$4
    shift 4
    for seed in $(seq "$first" "$last"); do
        node "$here/numbers.mjs" "$seed" 64 | ./lines "$mode" "$seed" "$dir/$seed" "$@"
        tesseract "$dir/$seed.tif" "$dir/$seed" --psm 6 lstm.train 2>/dev/null
    done
    ls "$dir"/*.lstmf >"$dir.list"
}
pages easy 20001 20040 plain fonts/{NimbusSans,Roboto-R,OpenSans,ComicNeue,Andika,Lato}*
pages full 1 260 worn fonts/*

printf '0123456789 / - . , %% ° C F ( ) +\n' >signs.txt
unicharset_extractor --output_unicharset num.unicharset --norm_mode 1 signs.txt
printf '# none\n' >radical-stroke.txt
combine_lang_model --input_unicharset num.unicharset --script_dir . --lang num --output_dir out \
    --pass_through_recoder
train() { # LIST ITERATIONS: goes on from the checkpoint
    OMP_THREAD_LIMIT=1 lstmtraining --traineddata out/num/num.traineddata \
        --net_spec '[1,36,0,1 Ct3,3,16 Mp3,3 Lfys48 Lfx96 Lrx96 Lfx128 O1c1]' \
        --model_output checkpoint/num --train_listfile "$1.list" --learning_rate 0.002 \
        --max_iterations "$2" --target_error_rate 0.002
}
train easy 21000 # plain lines first: on worn ones alone it learns nothing
train full "$iterations"
lstmtraining --stop_training --convert_to_int --continue_from checkpoint/num_checkpoint \
    --traineddata out/num/num.traineddata --model_output handnum.traineddata
echo "made $work/handnum.traineddata"
