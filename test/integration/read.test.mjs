// `nexacore read` on real forms and on files that are none: the jailed reader, the checks of its
// answer and the line that is printed.
//
// Each kind of page that a front desk sends is here once: the table below the heading "forms" names
// them.
// Rule: what is expected of a form comes from test/data/forms/manifest.jsonl, never from a run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { pdfScan } from '../lib/bad_files.mjs';

const root = resolve(import.meta.dirname, '../..');
const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const forms = join(root, 'test/data/forms');
const truth = new Map(
    readFileSync(join(forms, 'manifest.jsonl'), 'utf8').trim().split('\n').map((l) => JSON.parse(l)).map((g) => [g.id, g]),
);
const path = (id) => join(forms, truth.get(id).file);

// Every form that a test here looks at, read in one run: loading the models takes longer than a page.
const READ = ['p002', 'p005', 'p006', 'p010', 'p011', 'p012', 'p013', 'p016', 'p019', 'p021', 'p025', 'p026', 'p027', 'p031', 'p033', 'p034'];
let dir;
let good; // the run over them
let wrong; // the run over files that are no forms
before(() => {
    dir = mkdtempSync(join(tmpdir(), 'nexacore-read-'));
    good = start(...READ.map((id) => (id === 'p019' ? layered(id) : path(id))));
});
after(async () => {
    await Promise.all([good.done, wrong?.done]);
    rmSync(dir, { recursive: true, force: true });
});

async function lineOf(id) {
    const { status, lines } = await good.done;
    assert.equal(status, 0);
    assert.equal(lines.length, READ.length);
    return lines[READ.indexOf(id)];
}

function start(...args) {
    const child = spawn(join(build, 'nexacore'), ['read', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (err += d));
    const done = new Promise((ok) =>
        child.on('close', (status) =>
            ok({ status, err, lines: out.split('\n').filter(Boolean).map((l) => JSON.parse(l)) })));
    return { child, done };
}
const read = (...args) => start(...args).done;

function save(name, bytes) {
    const file = join(dir, name);
    writeFileSync(file, bytes);
    return file;
}

// A scan of the form as a PDF whose invisible text says other things than the page shows.
function layered(id) {
    const [w, h] = truth.get(id).page_size[0];
    const lies = [[60, 118, 9, 'Full Name: Nobody Wrongman'], [60, 140, 9, 'Date of Birth: 01/01/1901'], [330, 118, 9, 'Card: 4000 0566 5566 5556']];
    return save(`${id}.pdf`, pdfScan(readFileSync(path(id)), w, h, lies));
}

const folded = (s) => String(s ?? '').normalize('NFC').toUpperCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
const digits = (s) => String(s ?? '').replace(/\D/g, '');

// Every field, vital sign and checked symptom of the form is what the manifest says.
function assertReads(line, id, { mayMiss = [] } = {}) {
    const want = truth.get(id);
    const value = (key) => line.fields[key]?.value;
    assert.equal(line.pages, want.pages);
    assert.equal(line.language, want.language);
    assert.equal(folded(value('fullName')), folded(want.fields.full_name));
    assert.equal(value('dateOfBirth'), want.fields.date_of_birth);
    assert.equal(digits(value('phone')).slice(-10), want.fields.phone);
    assert.equal(folded(value('insuranceId')).replaceAll(' ', ''), folded(want.fields.insurance_id).replaceAll(' ', ''));
    assert.deepEqual(line.nationalId, { value: want.fields.national_id, type: want.fields.national_id_type });
    assert.equal(folded(value('chiefComplaint')), folded(want.fields.chief_complaint));
    assert.equal(line.isEmergency, want.is_emergency);
    assert.deepEqual(
        line.symptoms.filter((s) => s.checked).map((s) => s.concept).sort(),
        want.symptoms.toSorted(),
    );
    if (!want.vitals) return;
    for (const [key, name] of [['systolicBp', 'bp_sys'], ['diastolicBp', 'bp_dia'], ['heartRate', 'hr'], ['respiratoryRate', 'rr'], ['spo2', 'spo2']])
        if (value(key) !== null || !mayMiss.includes(key)) assert.equal(value(key), want.vitals[name], key);
    assert.ok(Math.abs(value('temperatureC') - want.vitals.temp_c) < 0.11);
    assert.equal(value('consciousness'), want.vitals.consciousness);
}

// ---- the jail ----------------------------------------------------------------------------------

async function jailedChild(parent) {
    for (let i = 0; i < 4800; i++) { // two minutes: a busy machine loads the models slowly
        await sleep(25);
        const [pid] = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
        if (pid && /^Seccomp:\t2$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return Number(pid);
    }
    throw new Error('no jailed reader appeared');
}

test('the reader works without privileges, files or core dumps', async () => {
    const pid = await jailedChild(good.child.pid);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^NoNewPrivs:\t1$/m);
    const fds = readdirSync(`/proc/${pid}/fd`).map(Number);
    assert.ok(fds.every((fd) => fd <= 2), `open: ${fds}`);
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    assert.match(limits, /Max core file size +0 +0 /);
    assert.match(limits, /Max file size +0 +0 /);
    assertReads(await lineOf('p011'), 'p011');
});

// ---- forms ---------------------------------------------------------------------------------------

// p025's blood pressure stands in a box that the reader does not find: nothing is better than a guess.
for (const [id, what, allow] of [
    ['p002', 'a form lying on its side, underlined'],
    ['p005', 'values above their labels, circled symptoms'],
    ['p006', 'a phone photo in Spanish, labels above their values'],
    ['p011', 'a scanned table in Spanish with YES and NO columns'],
    ['p012', 'one letter a cell, on a photo that EXIF turns'],
    ['p016', 'a fax of two pages with [X] boxes'],
    ['p019', 'a scanned PDF whose invisible text layer lies'],
    ['p025', 'boxes upside down', { mayMiss: ['systolicBp', 'diastolicBp'] }],
    ['p026', 'a born-digital PDF'],
    ['p027', 'a table scanned askew'],
    ['p031', 'dotted lines through a coarse fax'],
    ['p033', 'a scanned PDF with boxes'],
    ['p034', 'values that go on in a second line'],
])
    test(`${what}: the form is read whole (${id})`, async () => {
        assertReads(await lineOf(id), id, allow);
    });

test('no card number leaves in text or fields, and its place is to be blacked out', async () => {
    for (const id of ['p011', 'p019']) {
        const line = await lineOf(id);
        assert.equal(line.panDetected, true);
        assert.ok(line.redactions.some((r) => r.kind === 'pan' && r.w > 0.05));
        for (const { pan } of truth.get(id).pans)
            assert.ok(!digits(JSON.stringify([line.text, line.fields])).includes(pan));
    }
});

test('a dark photo of a sheet askew gives its name, date, numbers and complaint; a vital right or none', async () => {
    const { fields, requiresReview } = await lineOf('p021');
    const { fields: want, vitals } = truth.get('p021');
    assert.equal(folded(fields.fullName.value), folded(want.full_name));
    assert.equal(fields.dateOfBirth.value, want.date_of_birth);
    assert.equal(fields.phone.value, want.phone);
    assert.equal(fields.insuranceId.value, want.insurance_id);
    assert.equal(folded(fields.chiefComplaint.value), folded(want.chief_complaint));
    const read_as = [['heartRate', 'hr'], ['systolicBp', 'bp_sys'], ['respiratoryRate', 'rr'], ['spo2', 'spo2']];
    for (const [key, name] of read_as) assert.ok([null, vitals[name]].includes(fields[key].value), key);
    if (read_as.some(([key]) => fields[key].value === null)) assert.equal(requiresReview, true);
});

test('written vitals are looked for beside their labels, also where the other values stand above theirs', async () => {
    const { fields } = await lineOf('p013');
    for (const key of ['heartRate', 'systolicBp', 'respiratoryRate', 'spo2', 'temperatureC', 'consciousness']) {
        const [x, y] = fields[key].box ?? [];
        assert.ok(x > 0.3 && x < 0.36 && y > 0.66 && y < 0.84, `${key}: ${fields[key].box}`);
    }
});

test('a number in cells that is read in pieces is blacked out and masked in the text', async () => {
    const line = await lineOf('p006');
    const { pan } = truth.get('p006').pans[0];
    assert.ok(!digits(line.text).includes(pan.slice(4, 12)));
    const { quad } = truth.get('p006').sensitive.find((s) => s.type === 'pan');
    const [left, right] = [quad[0][0], quad[1][0]];
    const middle = (quad[0][1] + quad[2][1]) / 2;
    for (let x = left; x <= right; x += 0.004) // black in steps, where the sheet leans
        assert.ok(line.redactions.some((r) => r.x <= x && r.x + r.w >= x && r.y < middle && r.y + r.h > middle), `${x} shows`);
});

test('on a page lying on its side little but the card is blacked out', async () => {
    const { redactions } = await lineOf('p010');
    assert.ok(redactions.some((r) => r.kind === 'pan' && r.h > r.w));
    assert.ok(redactions.reduce((sum, r) => sum + r.w * r.h, 0) < 0.05);
});

test('the redacted page shows no card number and no metadata', async () => {
    const out = join(dir, 'redacted.png');
    const { status } = await read('--redacted', out, path('p011'));
    assert.equal(status, 0);
    const png = readFileSync(out);
    assert.equal(png.subarray(1, 4).toString(), 'PNG');
    for (const chunk of ['tEXt', 'zTXt', 'iTXt', 'eXIf']) assert.equal(png.indexOf(chunk), -1);
    const again = (await read(out)).lines[0];
    assert.equal(folded(again.fields.fullName.value), folded(truth.get('p011').fields.full_name));
    assert.ok(!again.text.includes(truth.get('p011').pans[0].pan.slice(-4)));
    assert.ok(!again.text.includes('*'.repeat(12)));
});

// ---- files that are no forms -------------------------------------------------------------------

// A TIFF of `pages` small white pages.
function tiff(pages) {
    const size = 2 + 8 * 12 + 4;
    const data = 8 + pages * size;
    const out = Buffer.alloc(data + 128 * 16, 0xff);
    out.write('II*\0', 0, 'latin1');
    out.writeUInt32LE(8, 4);
    for (let i = 0; i < pages; i++) {
        let at = 8 + i * size;
        at = out.writeUInt16LE(8, at);
        for (const [tag, type, value] of [
            [256, 3, 128], [257, 3, 128], [258, 3, 1], [259, 3, 1], [262, 3, 1], [273, 4, data], [278, 3, 128], [279, 4, 2048],
        ]) {
            at = out.writeUInt16LE(tag, at);
            at = out.writeUInt16LE(type, at);
            at = out.writeUInt32LE(1, at);
            at = out.writeUInt32LE(value, at);
        }
        out.writeUInt32LE(i + 1 < pages ? 8 + (i + 1) * size : 0, at);
    }
    return out;
}

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

// A PDF that needs the password "secret" (ISO 32000-1, 7.6.3: standard handler, revision 2).
function lockedPdf() {
    const pad = Buffer.from('28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A', 'hex');
    const padded = (s) => Buffer.concat([Buffer.from(s), pad]).subarray(0, 32);
    const md5 = (...parts) => createHash('md5').update(Buffer.concat(parts)).digest().subarray(0, 5);
    const id = Buffer.alloc(16, 7);
    const permissions = Buffer.alloc(4);
    permissions.writeInt32LE(-4);
    const owner = rc4(md5(padded('owner')), padded('secret'));
    const user = rc4(md5(padded('secret'), owner, permissions, id), pad);
    const objects = [
        '<</Type/Catalog/Pages 2 0 R>>',
        '<</Type/Pages/Kids[3 0 R]/Count 1>>',
        '<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>',
        `<</Filter/Standard/V 1/R 2/P -4/O<${owner.toString('hex')}>/U<${user.toString('hex')}>>>`,
    ];
    let pdf = '%PDF-1.4\n';
    const offsets = objects.map((o, i) => {
        const at = pdf.length;
        pdf += `${i + 1} 0 obj${o}endobj\n`;
        return at;
    });
    const xref = pdf.length;
    pdf += `xref\n0 5\n0000000000 65535 f \n${offsets.map((o) => `${String(o).padStart(10, '0')} 00000 n \n`).join('')}`;
    const hex = id.toString('hex');
    return `${pdf}trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<${hex}><${hex}>]>>\nstartxref\n${xref}\n%%EOF`;
}

function png(patch) {
    const bytes = Buffer.from(readFileSync(path('p005')));
    patch(bytes);
    return bytes;
}
const cut = (id, n) => readFileSync(path(id)).subarray(0, n);

const NO_FORMS = [
    ['nothing', 'empty', 'a.png', () => Buffer.alloc(0)],
    ['text with a picture\'s name', 'unsupported-type', 'b.png', () => 'Name: Ana\n'],
    ['a PNG cut off', 'damaged', 'c.png', () => cut('p005', 90_000)],
    ['a PNG with wrong bytes inside', 'damaged', 'd.png', () => png((b) => b.fill(0, 60_000, 61_000))],
    ['a JPEG cut off', 'damaged', 'e.jpg', () => cut('p011', 60_000)],
    ['a TIFF cut off', 'damaged', 'f.tif', () => cut('p003', 3_000)],
    ['a PDF that is none', 'damaged', 'g.pdf', () => '%PDF-1.7\nnothing of the kind'],
    ['a PDF with a password', 'password-protected', 'h.pdf', lockedPdf],
    ['a PNG of 3.6 gigapixels', 'too-many-pixels', 'i.png', () => png((b) => {
        b.writeUInt32BE(60_000, 16);
        b.writeUInt32BE(60_000, 20);
    })],
    ['a TIFF of eleven pages', 'too-many-pages', 'j.tif', () => tiff(11)],
    ['a file of more than 20 MB', 'too-large', 'k.png', () => Buffer.concat([readFileSync(path('p005')), Buffer.alloc(20 << 20)])],
];
const wrongRun = () => (wrong ??= start(...NO_FORMS.map((f) => save(f[2], f[3]())), '-')).done;
for (const [what, code, name] of NO_FORMS)
    test(`${what} is refused: ${code}`, async () => {
        const { status, lines } = await wrongRun();
        assert.equal(status, 1);
        const { error } = lines.find((l) => l.file === join(dir, name));
        assert.equal(error.code, code);
        assert.match(error.detail, /^[A-Z].{20,}\.$/);
    });
test('- is standard input, here an empty one', async () => {
    const { lines } = await wrongRun();
    assert.equal(lines.find((l) => l.file === '-').error.code, 'empty');
});

test('ten pages and a wrong extension are fine', async () => {
    const { status, lines } = await read(save('ten.jpg', tiff(10)), save('form.pdf', readFileSync(path('p005'))));
    assert.equal(status, 0);
    assert.equal(lines[0].pages, 10);
    assert.equal(lines[0].requiresReview, true);
    assertReads(lines[1], 'p005');
});

test('a reader killed in the middle is a clear error, and the next form is read', async () => {
    const { child, done } = start(path('p011'), path('p005'));
    const pid = await jailedChild(child.pid);
    await sleep(100);
    process.kill(pid, 'SIGKILL');
    const { status, lines } = await done;
    assert.equal(status, 1);
    assert.equal(lines[0].error.code, 'reader-crashed');
    assertReads(lines[1], 'p005');
});
