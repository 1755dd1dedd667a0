// Files that look like forms and cannot be read, through the whole product: the form ends as FAILED
// with the code of its fault (lib/formread/refusal.c), never as a reader that crashed or was slow; the
// worker and its child live on within their memory, nothing is left lying about, and the good forms
// among them go through.
//
// Rule: the upload itself is taken (its first bytes are right), so the fault shows in the status.
// What the reader alone makes of more of them: bad_files.test.mjs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import * as bad from '../lib/bad_files.mjs';
import { jpegWrite, pageOf } from '../lib/pictures.mjs';
import { plainForm } from '../lib/plain_form.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const MEGA = 1 << 20;
const JAIL_KB_MAX = 1536 * 1024;
const cut = (file, bytes) => formBytes(file).subarray(0, bytes);
const jpeg = () => jpegWrite(pageOf(200, 100, (x) => x));

const FAULTS = [
    ['a PNG cut off', () => cut('en-below-unwell.png', 9000), 'damaged'],
    ['a JPEG cut off', () => cut('en-table-vaccines.jpg', 60_000), 'damaged'],
    ['a TIFF cut off', () => cut('es-table-vitals.tif', 3000), 'damaged'],
    ['a PDF without its end', () => cut('en-two-pages-unwell.pdf', 1500), 'damaged'],
    ['a PNG with a hole', () => formBytes('en-below-unwell.png').fill(0, 6000, 7000), 'damaged'],
    ['a PDF behind the head of a JPEG', () => bad.jpegHeadPdf(plainForm()), 'damaged'],
    ['a PNG of 3.6 gigapixels', () => bad.pngBomb(60_000, 60_000), 'too-many-pixels'],
    ['a PNG that says it is', () => bad.pngClaims(formBytes('en-below-unwell.png'), 60_000, 60_000), 'too-many-pixels'],
    ['a JPEG of 4.3 gigapixels', () => bad.jpegClaims(jpeg(), 65_535, 65_535), 'too-many-pixels'],
    ['a TIFF of 3.6 gigapixels', () => bad.tiffClaims(60_000, 60_000), 'too-many-pixels'],
    ['a TIFF whose pages go round', () => bad.tiffLoop(3), 'too-many-pages'],
    ['a TIFF of eleven pages', () => bad.tiffPages(11), 'too-many-pages'],
    ['a PDF of 100,000 pages', () => bad.pdfOfPages(100_000), 'too-many-pages'],
    ['a PDF whose page tree goes round', () => bad.pdfTreeLoop(), 'no-pages'],
    ['a PDF with a password', () => bad.pdfLocked('secret'), 'password-protected'],
];

let world;
let heard; // by the server that the PDF's actions are aimed at
const forms = new Map();
const good = []; // a form after every fifth
const peak = { kb: 0 };
let before_; // what lay in the folders of the machine and of the product

const lying = () => [fs.readdirSync(join(world.system.dir, 'state')), fs.readdirSync('/tmp').filter((f) => /^(nexacore-reader|poppler|tess|lept)/.test(f))];
function look() {
    const parent = world.system.works[0].pid;
    try {
        for (const task of fs.readdirSync(`/proc/${parent}/task`))
            for (const pid of fs.readFileSync(`/proc/${parent}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean))
                peak.kb = Math.max(peak.kb, Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0));
    } catch { /* it ended between two looks */ }
}

async function take(what, bytes) {
    const { status, body } = await world.as('admissions').upload(bytes);
    assert.equal(status, 202, `${what}: ${JSON.stringify(body)}`);
    forms.set(what, body.formId);
}

before(async () => {
    world = await startWorld({ workers: 1 });
    before_ = lying();
    for (const [i, [what, bytes]] of FAULTS.entries()) {
        await take(what, bytes());
        if (i % 5 === 4) await take(`good ${good.push(i)}`, plainForm({ fullName: `Nora Sample${'abc'[good.length]}wood` }));
    }
});
after(() => world?.stop());

const outcome = (what) => world.form('admissions', forms.get(what));

for (const [what, , code] of FAULTS)
    test(`${what} ends as FAILED: ${code}`, async () => {
        const timer = setInterval(look, 30);
        const result = await outcome(what);
        clearInterval(timer);
        assert.deepEqual([result.status, result.error, result.requiresReview], ['FAILED', code, true], JSON.stringify(result));
        assert.equal(result.patientId ?? null, null);
        assert.equal((await world.as('admissions').get(`/api/v1/intake/${result.formId}/pages/1.png`)).status, 404);
        assert.equal((await world.as('admissions').get(`/api/v1/intake/${result.formId}`)).body.pages, 0);
    });

test('the good forms among them are read, by the same worker', async () => {
    assert.equal(good.length, 3);
    for (const n of good.keys()) {
        const form = await outcome(`good ${n + 1}`);
        assert.equal(form.status, 'PROCESSED', JSON.stringify(form));
        assert.ok(form.patientId);
    }
    assert.ok(world.system.works[0].running);
});

test('a page that grows a thousandfold is read or refused, not tried three times', async () => {
    const timer = setInterval(look, 30);
    await take('flate', bad.pdfNestedFlate(3, 50e6));
    await take('poster', bad.pdfPoster(1e6, 1e6));
    for (const what of ['flate', 'poster']) {
        const form = await outcome(what);
        assert.ok(['REVIEW', 'FAILED'].includes(form.status) && !/^reader-|internal/.test(form.error ?? ''), JSON.stringify(form));
    }
    clearInterval(timer);
});

test('scripts, launches and addresses in a PDF are neither run nor fetched, and its form is read', async () => {
    heard = [];
    const server = http.createServer((rq, rs) => heard.push(rq.url) && rs.end()).listen(0, '127.0.0.1');
    await new Promise((done) => server.on('listening', done));
    server.on('connection', (socket) => heard.push(socket.remotePort));
    const launched = join(world.system.dir, 'launched');
    await take('actions', bad.pdfActions([[72, 100, 14, 'Full Name: Ana Prueba'], [72, 130, 14, 'Reason for visit: ear ache']], `http://127.0.0.1:${server.address().port}`, launched));
    const form = await outcome('actions');
    server.close();
    assert.equal(form.status, 'REVIEW', JSON.stringify(form));
    const { body } = await world.as('admissions').get(`/api/v1/intake/${form.formId}`);
    assert.equal(body.parsed.fields.fullName.value, 'Ana Prueba');
    assert.deepEqual(heard, []);
    assert.ok(!fs.existsSync(launched));
});

test('a file of the limit is taken, one of a byte more is 413 and leaves nothing', async () => {
    const padded = (size) => Buffer.concat([plainForm(), Buffer.alloc(size - plainForm().length, 0x20)]);
    await take('limit', padded(20 * MEGA));
    const [{ n }] = await world.sql('SELECT count(*)::int AS n FROM intake_forms');
    const objects = () => fs.readdirSync(join(world.system.dir, 'store'), { recursive: true }).filter((f) => f.endsWith('original')).length;
    const kept = objects();
    const more = await world.as('admissions').upload(padded(20 * MEGA + 1));
    assert.deepEqual([more.status, more.body.detail], [413, 'the file is larger than 20 MB']);
    assert.equal((await world.sql('SELECT count(*)::int AS n FROM intake_forms'))[0].n, n);
    assert.equal(objects(), kept);
    assert.equal((await outcome('limit')).status, 'PROCESSED');
});

test('what is no form of ours is refused before anything is kept: 0 bytes, WebP, HEIC and others', async () => {
    const [{ n }] = await world.sql('SELECT count(*)::int AS n FROM intake_forms');
    const empty = await world.as('admissions').upload(Buffer.alloc(0), { name: 'form.png' });
    assert.deepEqual([empty.status, empty.body.errors], [400, [{ pointer: '/file', detail: 'is empty' }]]);
    for (const [name, head] of [
        ['form.webp', 'RIFF\x24\0\0\0WEBPVP8 '], ['form.heic', '\0\0\0\x18ftypheic'], ['form.bmp', 'BM\x36\0\0\0'], ['form.gif', 'GIF89a'],
        ['form.pdf', 'PK\x03\x04'], ['form.png', '%!PS-Adobe-3.0'], ['form.jp2', '\0\0\0\x0cjP  \r\n\x87\n'], ['form.tif', 'II+\0\x08\0\0\0'],
    ]) {
        const { status, body } = await world.as('admissions').upload(Buffer.from(`${head}${'x'.repeat(500)}`, 'latin1'), { name });
        assert.deepEqual([status, body.detail], [415, 'the file is neither PNG, JPEG, TIFF nor PDF'], name);
    }
    assert.equal((await world.sql('SELECT count(*)::int AS n FROM intake_forms'))[0].n, n);
});

test('after all of it memory was bounded and no file is left', () => {
    assert.ok(peak.kb > 0 && peak.kb < JAIL_KB_MAX, `${peak.kb} KB`);
    assert.ok(world.system.works[0].rssKb() < JAIL_KB_MAX);
    const [state, temporary] = lying();
    assert.deepEqual(temporary, before_[1]);
    assert.deepEqual(state.filter((f) => !before_[0].includes(f) && !/journal/.test(f)), []);
});
