// Makes a set of intake forms with their truth: other layouts, words, fonts and values than the 40 of
// test/data/forms, so that what is tuned on those can be measured honestly.
//
//   node bench/forms/make.mjs OUT_DIR [FIRST_SEED] [COUNT] [FONTS_DIR]
//
// OUT_DIR then holds forms/ and manifest.jsonl in the shape of test/data/forms, so that
// `bench/forms_accuracy.sh BUILD OUT_DIR` scores it. The same seed gives the same form with the same
// Chromium and fonts (bench/forms/fonts.sh). Rule: forms of odd seeds are never looked at to mend the
// reader; they are what is reported.
import fs from 'node:fs';
import { join } from 'node:path';

import { pdf, stream } from '../../test/lib/bad_files.mjs';
import { openBrowser } from '../../test/lib/browser.mjs';
import { exif, pngRead, pngWrite, tiffWrite } from '../../test/lib/pictures.mjs';
import { sheetOf, styleOf } from './sheet.mjs';
import { drawOf, patientOf } from './values.mjs';
import * as wear from './wear.mjs';

const PROFILES = ['clean_png', 'scan_jpeg', 'photo', 'fax_fine', 'scan_skew', 'pdf_born', 'lowdpi', 'photo_exif', 'tiff_g4', 'rot180', 'scan_jpeg', 'fax_std', 'dark_photo', 'pdf_layer', 'rot90', 'photo', 'pdf_scan'];
const PAPER = { letter: [816, 1056], a4: [794, 1123] };
const DPI = { lowdpi: 110, clean_png: 200, scan_jpeg: 200, tiff_g4: 200, fax_fine: 204, fax_std: 204 };

const TYPED = ['LiberationSans-Regular', 'LiberationMono-Regular', 'LiberationSerif-Regular', 'DejaVuSerif', 'Lato-Regular', 'Courier Prime', 'OpenSans-Regular', 'GNUTypewriter', 'EBGaramond12-Regular', 'Caladea-Regular', 'Inconsolata', 'Cantarell-Regular', 'Roboto-Regular', 'CharisSIL-Regular', 'DejaVuSansMono', 'Vollkorn-Regular', 'RobotoCondensed-Regular'];
const HAND = ['Kristi', 'dkg', 'BecauseWeOrganize-Regular', 'BecauseWeLearn-Regular', 'TomsonTalks', 'Humor-Sans', 'Rufscript010', 'DancingScript-Regular', 'Domestic_Manners', 'KleeOne-Regular'];
const LABELS = ['LiberationSans-Regular', 'DejaVuSans', 'LiberationSerif-Regular', 'Lato-Regular', 'Roboto-Regular', 'LiberationSansNarrow-Regular', 'OpenSans-Regular', 'Caladea-Regular'];
const LARGER = { Kristi: 1.75, dkg: 1.25, Rufscript010: 1.5, 'DancingScript-Regular': 1.35, Domestic_Manners: 1.35, 'BecauseWeOrganize-Regular': 1.3, 'BecauseWeLearn-Regular': 1.3 };

const known = new Map();
for (const dir of [process.argv[5], '/usr/share/fonts'].filter(Boolean))
    for (const name of fs.readdirSync(dir, { recursive: true }))
        if (/\.[ot]tf$/.test(name) && !known.has(name.split('/').pop().slice(0, -4))) known.set(name.split('/').pop().slice(0, -4), join(dir, name));
const fontOf = (draw, names) => {
    const there = names.filter((n) => known.has(n));
    return there.length ? draw.pick(there) : null;
};
const fontUrl = (name) => `data:font/ttf;base64,${fs.readFileSync(known.get(name)).toString('base64')}`;

// Runs in the page: where everything is, in fractions of each sheet.
function measure() {
    return [...document.querySelectorAll('.page')].map((sheet) => {
        const frame = sheet.getBoundingClientRect();
        const box = (r) => [(r.x - frame.x) / frame.width, (r.y - frame.y) / frame.height, r.width / frame.width, r.height / frame.height];
        const words = [];
        const walker = document.createTreeWalker(sheet, NodeFilter.SHOW_TEXT);
        for (let node; (node = walker.nextNode()); ) {
            const kind = node.parentElement.closest('[data-c]')?.dataset.c ?? 'l';
            if (kind === 'none' || node.parentElement.closest('[data-word],style')) continue;
            for (const m of node.data.matchAll(/[^\s\u00a0]+/g)) {
                const range = document.createRange();
                range.setStart(node, m.index);
                range.setEnd(node, m.index + m[0].length);
                words.push([m[0], kind, ...box(range.getBoundingClientRect())]);
            }
        }
        for (const e of sheet.querySelectorAll('[data-word]')) words.push([e.dataset.word, e.dataset.c, ...box(e.getBoundingClientRect())]);
        const secrets = [];
        for (const e of sheet.querySelectorAll('[data-s]')) {
            const range = document.createRange();
            range.selectNodeContents(e);
            for (const r of e.dataset.word ? [e.getBoundingClientRect()] : range.getClientRects()) if (r.width > 2) secrets.push([e.dataset.s, ...box(r)]);
        }
        return {
            words, secrets,
            boxes: [...sheet.querySelectorAll('[data-box]')].map((e) => [e.dataset.box, Number(e.dataset.on), ...box(e.getBoundingClientRect())]),
            fields: [...sheet.querySelectorAll('[data-k]')].map((e) => [e.dataset.k, ...box(e.getBoundingClientRect())]),
            over: sheet.scrollHeight > sheet.clientHeight + 1 || sheet.scrollWidth > sheet.clientWidth + 1,
        };
    });
}

async function drawn(browser, seed, patient, style, fonts) {
    for (let tries = 0; ; tries++) {
        const { css, pages } = sheetOf(drawOf(seed * 7 + 1), style, patient, fonts);
        const [w, h] = PAPER[style.paper];
        await browser.page.setContent(`<style>@page{size:${w}px ${h}px;margin:0}.page{width:${w}px;height:${h}px;break-after:page}${css}</style>${pages.map((p) => `<div class="page">${p}</div>`).join('')}`);
        await browser.page.evaluate(() => document.fonts.ready);
        const truth = await browser.page.evaluate(measure);
        if (!truth.some((t) => t.over) || tries > 8) return { truth, w, h };
        style.size *= 0.93;
        if (style.size < 9.2 && !style.twoPages) Object.assign(style, { twoPages: true, size: 11 });
    }
}

// One page through scanner, fax or phone: {page, map, dpi}.
function worn(draw, profile, clean) {
    let at = { page: clean, map: (p) => p };
    const then = (step) => { const before = at.map; at = { page: step.page, map: (p) => step.map(before(p)) }; };
    const grain = draw.int(4, 26);
    if (profile === 'photo' || profile === 'photo_exif' || profile === 'dark_photo') {
        const tall = draw.int(2300, 2900);
        then(wear.photographed(draw, at.page, Math.round(tall * 0.755), tall, draw.real(0.008, 0.035)));
        then(wear.lit(draw, at.page, profile === 'dark_photo' ? draw.real(0.55, 0.75) : draw.real(0.1, 0.4)));
        then(wear.blurred(at.page, draw.real(0, 0.7)));
        then(wear.noisy(draw, at.page, profile === 'dark_photo' ? 9 : grain, 25, 235));
        return at;
    }
    const angle = profile === 'scan_skew' ? draw.real(1, 3.8) * (draw.yes(0.5) ? 1 : -1) : profile === 'clean_png' ? 0 : draw.real(-0.5, 0.5);
    if (angle) then(wear.skewed(at.page, angle));
    if (profile === 'rot90' || profile === 'rot180') then(wear.turned(at.page, profile === 'rot180' ? 2 : draw.pick([1, 3])));
    if (profile === 'fax_std') then(wear.scaled(at.page, at.page.w, Math.round(at.page.h * 98 / 204)));
    if (profile === 'fax_fine') then(wear.scaled(at.page, at.page.w, Math.round(at.page.h * 196 / 204)));
    if (/fax|g4/.test(profile)) then(wear.faxed(draw, at.page, draw.int(120, 175), profile === 'tiff_g4' ? 60 : 900));
    else if (profile !== 'clean_png') {
        then(wear.blurred(at.page, draw.real(0, 0.6)));
        then(wear.noisy(draw, at.page, grain, draw.int(5, 50), draw.int(225, 252)));
    }
    return at;
}

const jpegOf = async (browser, page, quality) => {
    const url = await browser.page.evaluate(async ([png, q]) => {
        const picture = new Image();
        picture.src = png;
        await picture.decode();
        const canvas = Object.assign(document.createElement('canvas'), { width: picture.width, height: picture.height });
        canvas.getContext('2d').drawImage(picture, 0, 0);
        return canvas.toDataURL('image/jpeg', q);
    }, [`data:image/png;base64,${pngWrite(page).toString('base64')}`, quality]);
    return Buffer.from(url.split(',')[1], 'base64');
};

// A PDF of scanned pages; `layer`: invisible text over each, as scanners' programs add it (or lie).
function pdfOf(jpegs, pages, [w, h], layer) {
    const [pw, ph] = [w * 0.75, h * 0.75];
    const objects = ['<</Type/Catalog/Pages 2 0 R>>', `<</Type/Pages/Kids[${jpegs.map((_, i) => `${4 + i * 3} 0 R`).join(' ')}]/Count ${jpegs.length}>>`, '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>'];
    jpegs.forEach((jpeg, i) => {
        const text = layer ? layer[i].map(([t, , x, y, , th]) => `BT /F ${(th * ph * 0.8).toFixed(1)} Tf 3 Tr ${(x * pw).toFixed(1)} ${((1 - y - th) * ph).toFixed(1)} Td (${t.normalize('NFD').replace(/[^\x20-\x7e]|[\\()]/g, '')}) Tj ET`).join('\n') : '';
        objects.push(
            `<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${pw} ${ph}]/Contents ${5 + i * 3} 0 R/Resources<</XObject<</I ${6 + i * 3} 0 R>>/Font<</F 3 0 R>>>>>>`,
            stream('', Buffer.from(`q ${pw} 0 0 ${ph} 0 0 cm /I Do Q\n${text}`)),
            stream(`/Type/XObject/Subtype/Image/Width ${pages[i].w}/Height ${pages[i].h}/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/DCTDecode`, jpeg),
        );
    });
    return pdf(objects);
}

async function fileOf(browser, draw, profile, made, pictures) {
    const jpegs = async (q) => Promise.all(pictures.map((p) => jpegOf(browser, p, q)));
    switch (profile) {
    case 'pdf_born': return ['pdf', await browser.page.pdf({ width: `${made.w}px`, height: `${made.h}px`, printBackground: true, margin: { top: 0, bottom: 0, left: 0, right: 0 } })];
    case 'pdf_scan': case 'pdf_layer': {
        const lies = draw.yes(0.4) ? [['1999', 'l', 0.2, 0.2, 0.1, 0.01], ['Patient', 'l', 0.1, 0.12, 0.1, 0.01], ['Nobody', 'l', 0.3, 0.12, 0.1, 0.01]] : null;
        return ['pdf', pdfOf(await jpegs(0.72), pictures, [made.w, made.h], profile === 'pdf_layer' ? made.truth.map((t) => lies ?? t.words.filter((w) => w[1] !== 'p')) : null)];
    }
    case 'tiff_g4': case 'fax_fine': case 'fax_std': return ['tif', tiffWrite(pictures, { depth: 1, compress: true, dpi: profile === 'fax_std' ? [204, 98] : profile === 'fax_fine' ? [204, 196] : [200, 200] })];
    case 'clean_png': if (pictures.length === 1) return ['png', pngWrite(pictures[0])]; // falls through
    default:
        if (pictures.length > 1) return ['tif', tiffWrite(pictures, { compress: true })];
        if (profile === 'photo_exif') {
            const side = wear.turned(pictures[0], 3).page; // stored lying, to be turned clockwise
            const jpeg = await jpegOf(browser, side, 0.8);
            return ['jpg', Buffer.concat([jpeg.subarray(0, 2), exif(6), jpeg.subarray(2)])];
        }
        return ['jpg', await jpegOf(browser, pictures[0], draw.real(0.55, 0.9))];
    }
}

const round = (n) => Math.round(n * 1e5) / 1e5;
function rectOf(map, [x, y, w, h]) {
    const q = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]].map(map);
    const [xs, ys] = [q.map((p) => p[0]), q.map((p) => p[1])];
    const [l, t] = [Math.min(...xs), Math.min(...ys)];
    return { quad: q.map((p) => p.map(round)), box: [l, t, Math.max(...xs) - l, Math.max(...ys) - t].map(round) };
}

async function formOf(browser, seed) {
    const draw = drawOf(seed);
    const id = `s${String(seed).padStart(4, '0')}`;
    const lang = draw.pick(['en', 'es']);
    const style = styleOf(draw, seed);
    const patient = patientOf(draw, lang, { comb: style.comb });
    const profile = PROFILES[(seed * 7) % PROFILES.length];
    const hand = draw.yes(0.3) ? fontOf(draw, HAND) : null;
    const font = hand ?? fontOf(draw, TYPED);
    const label = fontOf(draw, LABELS);
    const fonts = { value: fontUrl(font), label: fontUrl(label), hand: Boolean(hand), scale: LARGER[font] ?? (hand ? 1.2 : style.comb ? 1.15 : 1.08) };
    const made = await drawn(browser, seed, patient, style, fonts);
    const scale = (DPI[profile] ?? 170) / 96;
    const pictures = [];
    const maps = [];
    for (const sheet of await browser.page.$$('.page')) {
        const shot = pngRead(await sheet.screenshot({ scale: 'device' }));
        const step = wear.scaled(shot, Math.round(made.w * scale), Math.round(made.h * scale));
        const out = profile === 'pdf_born' ? step : worn(draw, profile, step.page);
        pictures.push(out.page);
        maps.push(out.map);
    }
    const [ext, bytes] = await fileOf(browser, draw, profile, made, pictures);
    fs.writeFileSync(join(out, 'forms', `${id}.${ext}`), bytes);
    const each = (name, to) => made.truth.flatMap((t, page) => t[name].map((v) => to(v, page)));
    const pans = [patient.card && { brand: patient.card.brand, pan: patient.card.pan, where: 'payment' }, patient.spoken && { brand: patient.spoken.brand, pan: patient.spoken.pan, where: 'free_text' }].filter(Boolean);
    return {
        id, file: `forms/${id}.${ext}`, set: seed % 2 ? 'kept' : 'tuned', layout: `${style.field}+${style.symptoms}+${style.vitals}+${style.mark}`, language: lang, profile, pages: pictures.length,
        handwritten_font: Boolean(hand), value_font: font, label_font: label, fields: patient.truth, vitals: patient.vitals, news2: patient.news2,
        symptoms: [...new Set(each('boxes', ([key, on]) => on && !key.includes('#') ? key : null).filter(Boolean))], symptoms_red: [],
        is_emergency: patient.emergency, emergency_by: patient.emergency_by, pan_present: pans.length > 0, pans, cvv: patient.card?.cvv ?? null, expiry: patient.card?.expiry ?? null,
        page_size: pictures.map((p) => [p.w, p.h]),
        sensitive: each('secrets', ([kind, ...r], page) => ({ type: kind.split(':')[0], ...(kind.startsWith('pan') ? { pan: kind === 'pan:spoken' && patient.card ? 1 : 0 } : {}), page, quad: rectOf(maps[page], r).quad })),
        checkboxes: each('boxes', ([key, on, ...r], page) => ({ page, key, on, box: rectOf(maps[page], r).box })),
        field_boxes: each('fields', ([key, ...r], page) => ({ page, key, box: rectOf(maps[page], r).box })),
        words: each('words', ([text, kind, ...r], page) => [page, text, kind, ...rectOf(maps[page], r).box]),
    };
}

const [, , out, first = '1', count = '80'] = process.argv;
fs.mkdirSync(join(out, 'forms'), { recursive: true });
const browser = await openBrowser({ size: { width: 900, height: 1200 }, deviceScaleFactor: 2.125 });
try {
    const lines = [];
    for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
        const form = await formOf(browser, seed);
        form.symptoms_red = form.symptoms.filter((k) => ['chest_pain', 'short_breath', 'stroke_signs', 'loss_conscious', 'severe_bleeding', 'throat_swelling', 'suicidal'].includes(k));
        lines.push(JSON.stringify(form));
        console.log(form.id, form.profile, form.layout, form.language, form.value_font);
    }
    fs.writeFileSync(join(out, 'manifest.jsonl'), lines.join('\n') + '\n');
} finally {
    await browser.close();
}
