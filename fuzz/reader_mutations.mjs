#!/usr/bin/env node
// Damaged files against the jailed reader: how many it refuses, reads, crashes or hangs on, and that
// nothing of it is left behind. Not a test of CI: it takes a quarter of an hour of a quiet core.
//
//   node fuzz/reader_mutations.mjs [--count 10000] [--from 0] [--seed 1] [--build build] [--keep DIR]
//
// The files are small pages of each type and depth, damaged by a seeded generator, so a run can be
// repeated, and gone on with (--from). Some damage is put right on the outside (checksums, packing), so that it gets past the
// decoder to what reads the page. A file that was not read in time is tried once more alone: a busy
// machine is slow, a hang stays one. Files that crashed or hung the child go to --keep. Exit status 1:
// something got out (the parent died, a file or process was left, or the child grew beyond its limit).
// Rule: only processes started here are looked at, by their id.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { deflateSync, inflateSync } from 'node:zlib';

import { jpegClaims, pdfActions, pdfOfPages, pdfPage, pdfPictureBomb, tiffPages } from '../test/lib/bad_files.mjs';
import { crop, exif, jpegWrite, pngChunk, pngRead, pngWrite, tiffWrite } from '../test/lib/pictures.mjs';

const root = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({
    options: { count: { type: 'string', default: '10000' }, from: { type: 'string', default: '0' }, seed: { type: 'string', default: '1' }, build: { type: 'string', default: 'build' }, keep: { type: 'string' } },
});
const BATCH = 200; // loading the models costs as much as some pages
const MEMORY_MAX_KB = 1536 * 1024; // the jail's own limit

// xorshift: the same files for the same seed.
let state = (Number(options.seed) * 2654435761 + 88172645463) >>> 0 || 1;
function random(n) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % n;
}
const pick = (list) => list[random(list.length)];

// Pages are scaled up to three times before they are read, so these cost a tenth of a second each.
function seeds() {
    const form = pngRead(fs.readFileSync(join(root, 'demo/forms/en-below-unwell.png')));
    const [page, small, tiny] = [crop(form, 100, 330, 560, 240), crop(form, 100, 330, 300, 110), crop(form, 100, 380, 160, 60)];
    const lines = [[9, 12, 10, 'Full Name: Ana Prueba'], [9, 24, 10, 'Date of Birth: 01/02/1990'], [9, 36, 10, 'Card: 4111 1111 1111 1111'], [9, 48, 10, '[X] Fever   [ ] Cough   HR: 88  BP: 120/80']];
    const box = '0 740 612 792';
    const strip = (pdf, from, to) => Buffer.from(pdf.toString('latin1').replaceAll(`MediaBox${from}`, `MediaBox${to}`), 'latin1'); // a low page, as many bytes
    return [
        ['png', pngWrite(page)],
        ['tif', tiffWrite([page], { depth: 1 })],
        ...[1, 2, 4, 8, 16].map((depth) => ['png', pngWrite(small, { depth })]),
        ...['rgb', 'rgba', 'ga', 'palette'].map((kind) => ['png', pngWrite(tiny, { kind })]),
        ...['grey', 'rgb', 'cmyk'].map((kind) => ['jpg', jpegWrite(small, { kind, segments: [exif(6)] })]),
        ['jpg', jpegClaims(jpegWrite(tiny), 3000, 3000)],
        ...[1, 8, 16].map((depth) => ['tif', tiffWrite([small], { depth })]),
        ...['rgb', 'cmyk', 'palette'].map((kind) => ['tif', tiffWrite([tiny, tiny], { kind, compress: true })]),
        ['tif', tiffPages(9)],
        ['pdf', pdfPage(lines, { rules: [[50, 26, 120, 1]], box })],
        ['pdf', pdfActions(lines, 'http://127.0.0.1:9', '/tmp/nothing', box)],
        ['pdf', pdfOfPages(2, '0 0 612 50')],
        ['pdf', strip(pdfPictureBomb(600, 800), '[0 0 612 792]', '[0 0 612 092]')],
        ['pdf', strip(fs.readFileSync(join(root, 'demo/forms/en-two-pages-unwell.pdf')), ' [0 0 612 792] ', '[0 680 612 792]')],
    ];
}

const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 3000];

const damages = {
    bytes(b) {
        for (let i = 1 + random(40); i > 0; i--) b[random(b.length)] = random(256);
        return b;
    },
    bits(b) {
        for (let i = 1 + random(12); i > 0; i--) b[random(b.length)] ^= 1 << random(8);
        return b;
    },
    head(b) {
        for (let i = 1 + random(6); i > 0; i--) b[random(Math.min(b.length, 400))] = random(256);
        return b;
    },
    number(b) {
        const [at, v] = [random(Math.max(1, b.length - 4)), pick(NUMBERS)];
        if (b.length > 4) pick([(x) => b.writeUInt32BE(x, at), (x) => b.writeUInt32LE(x, at), (x) => b.writeUInt16BE(x & 0xffff, at)])(v);
        return b;
    },
    cut: (b) => b.subarray(0, random(b.length)),
    hole(b) {
        const at = random(b.length);
        return Buffer.concat([b.subarray(0, at), b.subarray(Math.min(b.length, at + 1 + random(2000)))]);
    },
    again(b) {
        const at = random(b.length);
        const piece = b.subarray(at, at + 1 + random(3000));
        const to = random(b.length);
        return Buffer.concat([b.subarray(0, to), piece, b.subarray(to)]);
    },
    zeros(b) {
        const at = random(b.length);
        b.fill(random(2) ? 0 : 255, at, Math.min(b.length, at + 1 + random(4000)));
        return b;
    },
    word(b) { // a PDF's numbers and names
        const text = b.toString('latin1');
        const found = [...text.slice(0, 20000).matchAll(/\d+|\/[A-Za-z]+/g)];
        if (!found.length) return damages.bytes(b);
        const hit = pick(found);
        return Buffer.from(text.slice(0, hit.index) + pick(['-1', '0', '99999999999', '2147483648', '1e300', '/Kids', '/Length', '3 0 R', '[', '<<']) + text.slice(hit.index + hit[0].length), 'latin1');
    },
    inner(b) { // a PNG's pixels and filter bytes, packed again
        const { head, rows, tail } = pngParts(b);
        if (!rows) return damages.bytes(b);
        const out = damages[pick(['bytes', 'zeros', 'hole', 'again'])](rows);
        return Buffer.concat([head, pngChunk('IDAT', deflateSync(out)), tail]);
    },
    claim(b) { // what a PNG's header says of its size, depth and colour, with the right checksum
        if (b.length < 33 || b.toString('latin1', 12, 16) !== 'IHDR') return damages.head(b);
        const ihdr = Buffer.from(b.subarray(16, 29));
        const at = pick([3, 7, 8, 9, 10, 11, 12]);
        ihdr[at] = pick([0, 1, 2, 3, 4, 6, 8, 16, random(256)]);
        return Buffer.concat([b.subarray(0, 8), pngChunk('IHDR', ihdr), b.subarray(33)]);
    },
    splice(b, all) {
        const other = pick(all)[1];
        return Buffer.concat([b.subarray(0, random(b.length)), other.subarray(random(other.length))]);
    },
};

// A PNG around its packed rows; `rows` undefined for anything else.
function pngParts(b) {
    const at = b.indexOf('IDAT', 0, 'latin1') - 4;
    if (at < 8 || b.readUInt32BE(at) + at + 12 > b.length) return {};
    const end = at + 12 + b.readUInt32BE(at);
    try {
        return { head: b.subarray(0, at), rows: inflateSync(b.subarray(at + 8, end - 4)), tail: b.subarray(end) };
    } catch {
        return {}; // damaged already
    }
}

function damaged(all) {
    const [type, bytes] = pick(all);
    let out = Buffer.from(bytes);
    let how = '';
    for (let i = 1 + random(3); i > 0 && out.length > 0; i--) {
        const name = pick(Object.keys(damages));
        how += `${name} `;
        out = Buffer.from(damages[name](out, all));
    }
    return { type, bytes: out, how };
}

const peak = { kb: 0 };
function watch(parent) {
    return setInterval(() => {
        try {
            for (const pid of fs.readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').filter(Boolean)) {
                const kb = Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
                peak.kb = Math.max(peak.kb, kb);
            }
        } catch { /* it ended between two looks */ }
    }, 50);
}

function read(binary, dir, files) {
    return new Promise((done) => {
        const child = spawn(binary, ['read', ...files], { cwd: dir, env: { ...process.env, TMPDIR: dir }, stdio: ['ignore', 'pipe', 'ignore'] });
        const timer = watch(child.pid);
        let out = '';
        child.stdout.on('data', (d) => (out += d));
        child.on('close', (status, signal) => {
            clearInterval(timer);
            done({ status, signal, lines: out.split('\n').filter(Boolean).map((l) => JSON.parse(l)) });
        });
    });
}

async function main() {
    const all = seeds();
    const count = Number(options.count);
    const binary = join(resolve(root, options.build), 'nexacore');
    const dir = fs.mkdtempSync(join(os.tmpdir(), 'reader-mutations-'));
    const tally = {};
    const wrong = [];
    const from = Date.now();
    for (let n = 0; n < count; n += BATCH) {
        const batch = Array.from({ length: Math.min(BATCH, count - n) }, (_, i) => ({ ...damaged(all), name: `${n + i}` }));
        if (n < Number(options.from)) continue;
        batch.forEach((f) => (f.name += `.${f.type}`) && fs.writeFileSync(join(dir, f.name), f.bytes));
        const { signal, lines } = await read(binary, dir, batch.map((f) => f.name));
        if (signal || lines.length !== batch.length) wrong.push(`batch at ${n}: ${lines.length} of ${batch.length} answered, signal ${signal}`);
        for (const line of lines) {
            const code = line.error?.code ?? 'read';
            tally[code] = (tally[code] ?? 0) + 1;
            const file = batch.find((f) => f.name === line.file);
            if (!code.startsWith('reader-')) continue;
            let again = '';
            if (code !== 'reader-crashed') {
                again = (await read(binary, dir, [file.name])).lines[0]?.error?.code ?? 'read';
                tally[`${code}, alone ${again}`] = (tally[`${code}, alone ${again}`] ?? 0) + 1;
            }
            console.log(`${code} ${file.name} (${file.how.trim()}) ${again && `alone ${again}`}`);
            if (options.keep) fs.mkdirSync(options.keep, { recursive: true }), fs.copyFileSync(join(dir, file.name), join(options.keep, `${options.seed}-${file.name}`));
        }
        for (const f of batch) fs.rmSync(join(dir, f.name));
        const left = fs.readdirSync(dir);
        if (left.length) wrong.push(`left behind at ${n}: ${left}`);
        if (n % 500 === 0) console.log(`${n + batch.length} ${((Date.now() - from) / 1000) | 0} s ${JSON.stringify(tally)} peak ${peak.kb >> 10} MB`);
    }
    if (peak.kb > MEMORY_MAX_KB) wrong.push(`the child grew to ${peak.kb >> 10} MB`);
    fs.rmSync(dir, { recursive: true });
    console.log(`${count} damaged files, seed ${options.seed}: ${JSON.stringify(tally)}; peak memory of a child ${peak.kb >> 10} MB; ${((Date.now() - from) / 1000) | 0} s`);
    console.log(wrong.length ? `NOT CONTAINED:\n${wrong.join('\n')}` : 'contained: every file was answered, nothing was left behind');
    return wrong.length ? 1 : 0;
}

process.exitCode = await main();
