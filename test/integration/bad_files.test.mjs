// What front desks, broken scanners and attackers upload, through the jailed reader: each is refused
// with its reason or read, the child stays within its memory, nothing is left behind, and the form
// after it is read as ever. That nothing in a PDF runs or is fetched: broken_files.test.mjs; that no
// metadata comes out with a page: renderings.test.mjs.
//
// EVERY=1 reads every depth, colour and orientation instead of a few of each.
// Rule: `nexacore read` is the pipeline's own reader without the database, so one child meets them all.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import * as bad from '../lib/bad_files.mjs';
import { crop, exif, jpegWrite, pngRead, pngWrite, stored, tiffWrite } from '../lib/pictures.mjs';

const root = resolve(import.meta.dirname, '../..');
const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const form = (file) => fs.readFileSync(join(root, 'demo/forms', file));
const MEGA = 1 << 20;
// The jail's own limit, and what an upload may be.
const CHILD_KB_MAX = 1536 * 1024;
const FILE_MAX = 20 * MEGA;
const every = process.env.EVERY === '1';

let dir;
let page; // a part of a form that is quickly read
before(() => {
    dir = fs.mkdtempSync(join(tmpdir(), 'nexacore-bad-'));
    page = crop(pngRead(form('en-below-unwell.png')), 0, 0, 1700, 620);
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

function peakOf(parent) {
    const peak = { kb: 0 };
    const look = () => {
        try {
            for (const pid of fs.readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').filter(Boolean))
                peak.kb = Math.max(peak.kb, Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0));
        } catch { /* it ended between two looks */ }
    };
    const timer = setInterval(look, 20);
    return { peak, end: () => clearInterval(timer) };
}

// Reads files in one run: {status, lines by name, peak of the child in KB}.
async function read(files) {
    const run = fs.mkdtempSync(join(dir, 'run-'));
    for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(join(run, name), bytes);
    const child = spawn(join(build, 'nexacore'), ['read', ...Object.keys(files)], { cwd: run, env: { ...process.env, TMPDIR: run }, stdio: ['ignore', 'pipe', 'pipe'] });
    const { peak, end } = peakOf(child.pid);
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    const status = await new Promise((done) => child.on('close', done));
    end();
    assert.deepEqual(fs.readdirSync(run).sort(), Object.keys(files).sort(), 'a file was left behind');
    fs.rmSync(run, { recursive: true });
    const lines = Object.fromEntries(out.split('\n').filter(Boolean).map((l) => JSON.parse(l)).map((l) => [l.file, l]));
    return { status, lines, kb: peak.kb };
}

const isRead = (line) => assert.equal(line.fields?.fullName?.value, 'Shauna Winslow', JSON.stringify(line.error ?? line.fields));

// ---- refused, each with its reason ---------------------------------------------------------------

const png = () => pngWrite(page);
const jpeg = () => form('en-table-vaccines.jpg');
const tiff = () => form('es-table-vitals.tif');
const pdf = () => form('en-table-diabetes.pdf');

const REFUSED = {
    empty: { 'zero.png': () => Buffer.alloc(0) },
    'too-large': { 'limit+1.png': () => Buffer.concat([png(), Buffer.alloc(FILE_MAX + 1 - png().length)]) },
    'too-many-pixels': {
        'header.png': () => bad.pngBomb(60_000, 60_000),
        'most.png': () => bad.pngBomb(0x7fffffff, 0x7fffffff),
        'claims.jpg': () => bad.jpegClaims(jpeg(), 65_535, 65_535),
        'claims.tif': () => bad.tiffClaims(60_000, 60_000),
    },
    'too-many-pages': {
        'eleven.tif': () => bad.tiffPages(11),
        'loop-of-one.tif': () => bad.tiffLoop(1),
        'loop-of-three.tif': () => bad.tiffLoop(3),
        'eleven.pdf': () => bad.pdfOfPages(11),
        'million.pdf': () => bad.pdfOfPages(1_000_000),
    },
    'password-protected': { 'locked.pdf': () => bad.pdfLocked('secret') },
    'unsupported-type': { 'zip.png': () => bad.zipThenPng(png()), 'text.pdf': () => Buffer.from('Name: Ana\n'), 'gif.jpg': () => Buffer.from('GIF89a\x01\0\x01\0', 'latin1') },
    damaged: {
        'cut.png': () => png().subarray(0, 9000),
        'cut.jpg': () => jpeg().subarray(0, 60_000),
        'cut.tif': () => tiff().subarray(0, 3000),
        'holes.png': () => png().fill(0, 6000, 7000),
        'claims-49.jpg': () => bad.jpegClaims(jpeg(), 7000, 7000),
        'claims-49.tif': () => bad.tiffClaims(7000, 7000),
        'pdf-behind.jpg': () => bad.jpegHeadPdf(pdf()),
        'head-only.png': () => png().subarray(0, 8),
        'head-only.pdf': () => Buffer.from('%PDF-1.7\n'),
        'head-only.jpg': () => Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
    },
    'no-pages': { 'tree-loop.pdf': () => bad.pdfTreeLoop(), 'head-only.tif': () => Buffer.from('II*\0', 'latin1') },
};

test('files that are no form are refused, each with its reason, and the form behind them is read', async () => {
    const files = Object.assign({}, ...Object.values(REFUSED).map((group) => Object.fromEntries(Object.entries(group).map(([n, make]) => [n, make()]))));
    const { lines, kb } = await read({ ...files, 'last.png': png() });
    for (const [code, group] of Object.entries(REFUSED))
        for (const name of Object.keys(group)) {
            assert.equal(lines[name]?.error?.code, code, `${name}: ${JSON.stringify(lines[name]).slice(0, 200)}`);
            assert.match(lines[name].error.detail, /^[A-Z].{20,}\.$/);
        }
    isRead(lines['last.png']);
    assert.ok(kb < CHILD_KB_MAX, `${kb} KB`);
});

test('every reason of the reader has words for the clerk, in Spanish and in English', () => {
    const codes = [...fs.readFileSync(join(root, 'lib/formread/refusal.c'), 'utf8').matchAll(/\{"([a-z-]+)",/g)].map((m) => m[1]);
    assert.ok(codes.length >= 8);
    for (const language of ['es', 'en']) {
        const words = fs.readFileSync(join(root, `web/src/app/${language}.json`), 'utf8');
        for (const code of [...codes, 'reader-crashed', 'reader-timeout', 'reader-unavailable', 'internal'])
            assert.match(words, new RegExp(`"refusal\\.${code}"|"${code}":`), `${language} ${code}`);
    }
});

// ---- bombs: bounded, and read or refused ---------------------------------------------------------

test('pictures and pages that grow a thousandfold stay within the child\'s memory', async () => {
    const { lines, kb } = await read({
        'fifty.png': bad.pngBomb(7000, 7000, { honest: true }),
        'poster.pdf': bad.pdfPoster(1e6, 1e6),
        'picture.pdf': bad.pdfPictureBomb(6000, 6000),
        'nested.pdf': bad.pdfNestedFlate(3, 50e6),
        'last.png': png(),
    });
    for (const [name, line] of Object.entries(lines)) assert.ok(line.error ? line.error.detail.length > 20 : line.pages === 1, name);
    assert.equal(Object.keys(lines).length, 5);
    isRead(lines['last.png']);
    assert.ok(kb < CHILD_KB_MAX, `${kb} KB`);
});

// ---- unusual and right ---------------------------------------------------------------------------

const KINDS = {
    'grey16.png': () => pngWrite(page, { depth: 16 }),
    'palette.png': () => pngWrite(page, { kind: 'palette', depth: 4 }),
    'one.tif': () => tiffWrite([page], { depth: 1 }),
    'cmyk.jpg': () => jpegWrite(page, { kind: 'cmyk' }),
    'a-png.pdf': () => png(),
};
const MORE_KINDS = {
    'one.png': () => pngWrite(page, { depth: 1 }),
    'alpha16.png': () => pngWrite(page, { kind: 'rgba', depth: 16 }),
    'ycc.jpg': () => jpegWrite(page, { kind: 'rgb' }),
    'sixteen.tif': () => tiffWrite([page], { depth: 16 }),
    'cmyk.tif': () => tiffWrite([page], { kind: 'cmyk', compress: true }),
    'palette.tif': () => tiffWrite([page], { kind: 'palette', compress: true }),
    'a-jpeg.png': () => jpegWrite(page),
};

const padded = (size) => Buffer.concat([png(), Buffer.alloc(size - png().length)]);
const LIMITS = { 'limit.png': () => padded(FILE_MAX), 'limit-1.png': () => padded(FILE_MAX - 1) };
const TWO_TYPES = { 'both.pdf': () => bad.pngThenPdf(png(), pdf()), 'page.html': () => bad.htmlThenPdf(pdf()) };

// All of them in one run.
let run;
async function linesOf(group) {
    const all = { ...KINDS, ...(every ? MORE_KINDS : {}), ...LIMITS, ...TWO_TYPES };
    run ??= read(Object.fromEntries(Object.entries(all).map(([name, make]) => [name, make()])));
    const { lines, kb } = await run;
    assert.ok(kb < CHILD_KB_MAX, `${kb} KB`);
    assert.deepEqual(Object.keys(lines).sort(), Object.keys(all).sort());
    return Object.keys(group).map((name) => lines[name]).filter(Boolean);
}

test('16 bits, palettes, one bit, alpha, CMYK and wrong names: the form is read all the same', async () => {
    const lines = await linesOf({ ...KINDS, ...MORE_KINDS });
    assert.ok(lines.length >= Object.keys(KINDS).length);
    for (const line of lines) isRead(line);
});

test('a file of the limit, and of one byte less, is read', async () => {
    for (const line of await linesOf(LIMITS)) isRead(line);
});

test('a phone held in any of eight ways: the page comes out upright', async () => {
    const files = {};
    for (const o of every ? [1, 2, 3, 4, 5, 6, 7, 8] : [3, 6, 8]) files[`${o}.jpg`] = jpegWrite(stored(page, o), { segments: [exif(o)] });
    for (const o of every ? [1, 2, 3, 4, 5, 6, 7, 8] : [7]) files[`${o}.tif`] = tiffWrite([stored(page, o)], { orientation: o, compress: true });
    const { lines } = await read(files);
    assert.deepEqual(Object.keys(lines).sort(), Object.keys(files).sort());
    for (const line of Object.values(lines)) {
        isRead(line);
        const [, y] = line.fields.fullName.box;
        assert.ok(y < 0.7, 'the box is on the page as displayed');
    }
});

test('two types in one file: the first bytes decide', async () => {
    const [picture, page] = await linesOf(TWO_TYPES);
    isRead(picture);
    assert.equal(page.pages, 1);
});
