// Pictures of any kind from one page of grey pixels: PNG, JPEG and TIFF in the depths, colours and
// orientations that scanners, phones and fax machines make. No picture library: the files are exact.
//
//   const page = pngRead(formBytes('en-below-unwell.png'));       // {w, h, grey: one byte a pixel}
//   pngWrite(page, { depth: 16 }); jpegWrite(page, { kind: 'cmyk' }); tiffWrite([page], { depth: 1 });
// Rule: what is written here is valid; damage is test/lib/bad_files.mjs' business.
import { crc32, deflateSync, inflateSync } from 'node:zlib';

// ---- pixels -------------------------------------------------------------------------------------

// A page for which `at(x, y)` gives each grey value.
export function pageOf(w, h, at) {
    const grey = Buffer.alloc(w * h);
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) grey[y * w + x] = at(x, y);
    return { w, h, grey };
}

export const crop = (page, x0, y0, w, h) => pageOf(w, h, (x, y) => page.grey[(y + y0) * page.w + x + x0]);

// How a page must be stored so that EXIF/TIFF orientation `o` (1..8) shows it upright.
export function stored(page, o) {
    const { w, h, grey } = page;
    const [sw, sh] = o >= 5 ? [h, w] : [w, h];
    const from = {
        1: (x, y) => [x, y],
        2: (x, y) => [w - 1 - x, y],
        3: (x, y) => [w - 1 - x, h - 1 - y],
        4: (x, y) => [x, h - 1 - y],
        5: (x, y) => [y, x],
        6: (x, y) => [w - 1 - y, x],
        7: (x, y) => [w - 1 - y, h - 1 - x],
        8: (x, y) => [y, h - 1 - x],
    }[o];
    return pageOf(sw, sh, (x, y) => {
        const [px, py] = from(x, y);
        return grey[py * w + px];
    });
}

// ---- PNG (ISO 15948) ----------------------------------------------------------------------------

export function pngChunk(type, data) {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length, 0);
    out.write(type, 4, 'latin1');
    data.copy(out, 8);
    out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
}

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

export function pngOf(w, h, depth, colour, rows, extra = []) {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(w, 0);
    head.writeUInt32BE(h, 4);
    head[8] = depth;
    head[9] = colour;
    return Buffer.concat([SIGNATURE, pngChunk('IHDR', head), ...extra, pngChunk('IDAT', rows), pngChunk('IEND', Buffer.alloc(0))]);
}

function unfilter(kind, row, above, step) {
    for (let i = 0; i < row.length; i++) {
        const a = i >= step ? row[i - step] : 0;
        const b = above ? above[i] : 0;
        const c = above && i >= step ? above[i - step] : 0;
        const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
        row[i] += [0, a, b, (a + b) >> 1, pa <= pb && pa <= pc ? a : pb <= pc ? b : c][kind];
    }
}

// Grey, RGB or RGBA of 8 bits, not interlaced: what the demo's forms are.
export function pngRead(bytes) {
    const [w, h, samples] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), { 0: 1, 2: 3, 6: 4 }[bytes[25]]];
    if (bytes[24] !== 8 || !samples) throw new Error('not a plain PNG of 8 bits');
    const parts = [];
    for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at))
        if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
    const raw = inflateSync(Buffer.concat(parts));
    const stride = w * samples;
    const grey = Buffer.alloc(w * h);
    let above;
    for (let y = 0; y < h; y++) {
        const row = raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1));
        unfilter(raw[y * (stride + 1)], row, above, samples);
        for (let x = 0; x < w; x++) grey[y * w + x] = row[x * samples + (samples > 1 ? 1 : 0)];
        above = row;
    }
    return { w, h, grey };
}

// `kind`: grey, rgb, rgba, palette or grey with alpha ('ga'); `depth`: 1, 2, 4, 8, 16 where it exists.
export function pngWrite(page, { kind = 'grey', depth = 8, extra = [] } = {}) {
    const colour = { grey: 0, rgb: 2, palette: 3, ga: 4, rgba: 6 }[kind];
    const samples = { grey: 1, rgb: 3, palette: 1, ga: 2, rgba: 4 }[kind];
    const stride = Math.ceil((page.w * samples * depth) / 8);
    const rows = Buffer.alloc((stride + 1) * page.h);
    for (let y = 0; y < page.h; y++)
        for (let x = 0; x < page.w; x++)
            for (let s = 0; s < samples; s++) {
                const alpha = (kind === 'ga' && s === 1) || s === 3;
                const v = alpha ? 255 : page.grey[y * page.w + x];
                const bit = (x * samples + s) * depth;
                const at = y * (stride + 1) + 1 + (bit >> 3);
                if (depth === 16) rows.writeUInt16BE(v * 257, at);
                else rows[at] |= (v >> (8 - depth)) << (8 - depth - (bit & 7));
            }
    const palette = Buffer.alloc(3 << depth, 0).map((_, i) => Math.round(((i / 3) | 0) * (255 / ((1 << depth) - 1))));
    if (kind === 'palette') extra = [pngChunk('PLTE', palette), ...extra];
    return pngOf(page.w, page.h, depth, colour, deflateSync(rows), extra);
}

// ---- JPEG (T.81, baseline, no subsampling) ------------------------------------------------------

// The code lengths and values of annex K.3's luminance tables, used for every component.
const DC = [[0, 1, 5, 1, 1, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]];
const AC = [
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
    [...Buffer.from(
        '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a' +
            '535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7' +
            'c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa', 'hex')],
];
const ZIGZAG = [];
for (let s = 0; s < 15; s++)
    for (let i = 0; i <= s; i++) {
        const [y, x] = s % 2 ? [i, s - i] : [s - i, i];
        if (x < 8 && y < 8) ZIGZAG.push(y * 8 + x);
    }
const COS = Array.from({ length: 8 }, (_, u) => Array.from({ length: 8 }, (_, x) => Math.cos(((2 * x + 1) * u * Math.PI) / 16) / (u ? 2 : Math.SQRT2 * 2)));

function codes([counts, values]) {
    const table = [];
    for (let length = 1, code = 0, k = 0; length <= 16; length++, code <<= 1)
        for (let i = 0; i < (counts[length - 1] ?? 0); i++) table[values[k++]] = [code++, length];
    return table;
}
const DC_CODES = codes(DC);
const AC_CODES = codes(AC);

class Bits {
    bytes = [];
    hold = 0;
    n = 0;
    put(value, length) {
        for (let i = length - 1; i >= 0; i--) {
            this.hold = (this.hold << 1) | ((value >> i) & 1);
            if (++this.n < 8) continue;
            this.bytes.push(this.hold);
            if (this.hold === 0xff) this.bytes.push(0);
            this.hold = this.n = 0;
        }
    }
    number(v, table, run = 0) {
        const size = v ? 32 - Math.clz32(Math.abs(v)) : 0;
        this.put(...table[(run << 4) | size]);
        if (size) this.put(v < 0 ? v + (1 << size) - 1 : v, size);
    }
}

const QUANT = 6;
function block(bits, samples, before) {
    const rows = Array.from({ length: 64 }, (_, i) => {
        const [y, u] = [i >> 3, i & 7];
        let sum = 0;
        for (let x = 0; x < 8; x++) sum += samples[y * 8 + x] * COS[u][x];
        return sum;
    });
    const out = ZIGZAG.map((at) => {
        const [v, u] = [at >> 3, at & 7];
        let sum = 0;
        for (let y = 0; y < 8; y++) sum += rows[y * 8 + u] * COS[v][y];
        return Math.round(sum / QUANT);
    });
    bits.number(out[0] - before, DC_CODES);
    for (let i = 1, run = 0; i < 64; i++) {
        if (out[i] === 0) {
            run++;
            if (i === 63) bits.put(...AC_CODES[0]);
            continue;
        }
        if (out.slice(i).every((v) => v === 0)) break;
        for (; run > 15; run -= 16) bits.put(...AC_CODES[0xf0]);
        bits.number(out[i], AC_CODES, run);
        run = 0;
    }
    return out[0];
}

const segment = (marker, data) => Buffer.concat([Buffer.from([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255]), data]);

// An EXIF segment: the orientation and a description.
export function exif(orientation, description = '') {
    const text = Buffer.from(`${description}\0`, 'latin1');
    const ifd = Buffer.from('4d4d002a00000008' + '0002' + '010e0002' + '00000000' + '00000026' + '01120003' + '00000001' + '00000000' + '00000000', 'hex');
    ifd.writeUInt32BE(Math.max(5, text.length), 14); // shorter ones would stand in the entry itself
    ifd.writeUInt16BE(orientation, 30);
    return segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), ifd, text, Buffer.alloc(5)]));
}

// Adobe's metadata packet with a description.
export const xmp = (text) =>
    segment(0xe1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:description>${text}</dc:description></x:xmpmeta>`, 'latin1'));

// `kind`: grey, rgb (YCbCr without colour) or cmyk (Adobe's inverted: ink in K alone); `segments` go first.
export function jpegWrite(page, { kind = 'grey', segments = [] } = {}) {
    const n = { grey: 1, rgb: 3, cmyk: 4 }[kind];
    const level = { grey: (v) => [v], rgb: (v) => [v, 128, 128], cmyk: (v) => [255, 255, 255, v] }[kind];
    const frame = Buffer.from([8, page.h >> 8, page.h & 255, page.w >> 8, page.w & 255, n, ...Array.from({ length: n }, (_, i) => [i + 1, 0x11, 0]).flat()]);
    const scan = Buffer.from([n, ...Array.from({ length: n }, (_, i) => [i + 1, 0]).flat(), 0, 63, 0]);
    const table = (kindOf, [counts, values]) => segment(0xc4, Buffer.from([kindOf, ...Array.from({ length: 16 }, (_, i) => counts[i] ?? 0), ...values]));
    const bits = new Bits();
    const before = Array(n).fill(0);
    for (let y = 0; y < page.h; y += 8)
        for (let x = 0; x < page.w; x += 8) {
            const cells = Array.from({ length: 64 }, (_, i) => level(page.grey[Math.min(y + (i >> 3), page.h - 1) * page.w + Math.min(x + (i & 7), page.w - 1)]));
            for (let c = 0; c < n; c++) before[c] = block(bits, cells.map((v) => v[c] - 128), before[c]);
        }
    bits.put(0x7f, 7);
    return Buffer.concat([
        Buffer.from([0xff, 0xd8]),
        ...segments,
        ...(kind === 'cmyk' ? [segment(0xee, Buffer.from('Adobe\0\x64\0\0\0\0\0', 'latin1'))] : []),
        segment(0xdb, Buffer.from([0, ...Array(64).fill(QUANT)])),
        segment(0xc0, frame),
        table(0x00, DC),
        table(0x10, AC),
        segment(0xda, scan),
        Buffer.from(bits.bytes),
        Buffer.from([0xff, 0xd9]),
    ]);
}

// ---- TIFF 6.0 -----------------------------------------------------------------------------------

function tiffRows(page, kind, depth) {
    const samples = { grey: 1, rgb: 3, cmyk: 4, palette: 1 }[kind];
    const stride = Math.ceil((page.w * samples * depth) / 8);
    const out = Buffer.alloc(stride * page.h);
    for (let y = 0; y < page.h; y++)
        for (let x = 0; x < page.w; x++)
            for (let s = 0; s < samples; s++) {
                const grey = page.grey[y * page.w + x];
                const v = kind !== 'cmyk' ? grey : s === 3 ? 255 - grey : 0;
                const bit = (x * samples + s) * depth;
                if (depth === 16) out.writeUInt16LE(v * 257, y * stride + (bit >> 3));
                else out[y * stride + (bit >> 3)] |= (v >> (8 - depth)) << (8 - depth - (bit & 7));
            }
    return out;
}

// Pages one after the other; `compress` deflates; `dpi`: [across, down], as faxes say it. `loop` makes the last page's next page the first.
export function tiffWrite(pages, { kind = 'grey', depth = 8, orientation = 1, compress = false, loop = false, dpi = null } = {}) {
    const samples = { grey: 1, rgb: 3, cmyk: 4, palette: 1 }[kind];
    const parts = [Buffer.from('II*\0\0\0\0\0', 'latin1')];
    let at = 8;
    let link = [parts[0], 4];
    const add = (bytes) => {
        const from = at;
        parts.push(bytes.length % 2 ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes);
        at += bytes.length + (bytes.length % 2);
        return from;
    };
    const shorts = (values) => Buffer.from(new Uint16Array(values).buffer);
    const ratio = (n) => Buffer.from(new Uint32Array([n, 1]).buffer);
    for (const page of pages) {
        const raw = tiffRows(page, kind, depth);
        const data = compress ? deflateSync(raw) : raw;
        const strip = add(data);
        const bits = samples > 1 ? add(shorts(Array(samples).fill(depth))) : depth;
        const map = kind === 'palette' ? add(shorts(Array.from({ length: 3 << depth }, (_, i) => Math.round((i % (1 << depth)) * (65535 / ((1 << depth) - 1)))))) : 0;
        const tags = [
            [256, 4, 1, page.w], [257, 4, 1, page.h], [258, 3, samples, bits], [259, 3, 1, compress ? 8 : 1],
            [262, 3, 1, { grey: 1, rgb: 2, palette: 3, cmyk: 5 }[kind]], [273, 4, 1, strip], [274, 3, 1, orientation],
            [277, 3, 1, samples], [278, 4, 1, page.h], [279, 4, 1, data.length],
            ...(dpi ? [[282, 5, 1, add(ratio(dpi[0]))], [283, 5, 1, add(ratio(dpi[1]))], [296, 3, 1, 2]] : []), ...(map ? [[320, 3, 3 << depth, map]] : []),
        ];
        const ifd = Buffer.alloc(2 + tags.length * 12 + 4);
        ifd.writeUInt16LE(tags.length, 0);
        tags.forEach(([tag, type, count, value], i) => {
            ifd.writeUInt16LE(tag, 2 + i * 12);
            ifd.writeUInt16LE(type, 4 + i * 12);
            ifd.writeUInt32LE(count, 6 + i * 12);
            ifd.writeUInt32LE(value, 10 + i * 12);
        });
        link[0].writeUInt32LE(add(ifd), link[1]);
        link = [ifd, ifd.length - 4];
    }
    if (loop) link[0].writeUInt32LE(parts[0].readUInt32LE(4), link[1]);
    return Buffer.concat(parts);
}
