// Every picture of a form with a card that the API gives: burnt, read again by us, free of metadata;
// and no route gives what was uploaded.
//
// Rule: the routes come from the served description of the API, so a new one is looked at too.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { until } from '../../tools/lib/process.mjs';
import { pdfPage } from '../lib/bad_files.mjs';
import { cardNumber } from '../lib/canary.mjs';
import { crop, exif, jpegWrite, pngChunk, pngRead, pngWrite, xmp } from '../lib/pictures.mjs';
import { cardForms, formBytes, forms, startWorld } from '../lib/world.mjs';

const CARDS = ['en-table-diabetes.pdf', 'es-dotted-chest-pain-fax.tif', 'en-stacked-ear-ache.png'];
let world;
before(async () => (world = await startWorld({ workers: 2 })));
after(() => world?.stop());

const cards = (file) => forms().find((f) => f.file === file).cards;

// What our own reader sees on these pictures, all in one run.
function readAgain(pngs) {
    const files = pngs.map((png, i) => join(world.system.dir, 'log', `again-${i}.png`));
    files.forEach((file, i) => fs.writeFileSync(file, pngs[i]));
    const out = execFileSync(world.system.binary, ['read', ...files], { encoding: 'utf8', env: { ...process.env, OMP_THREAD_LIMIT: '1' } });
    for (const file of files) fs.rmSync(file);
    return out.trim().split('\n').map((line) => JSON.parse(line));
}

function chunksOf(png) {
    const names = [];
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) names.push(png.toString('latin1', at + 4, at + 8));
    return [...new Set(names)];
}

// Every picture and every answer that the API gives of a form to one who may read it.
async function everythingOf(client, formId) {
    const { body: api } = await client.get('/openapi.json');
    const reading = Object.entries(api.paths).filter(([path, ops]) => path.startsWith('/api/v1/intake/{id}') && ops.get).map(([path]) => path);
    assert.ok(reading.length >= 3);
    const asked = reading.flatMap((path) => (path.includes('{page}') ? [1, 2, 3] : [0]).map((n) => path.replace('{id}', formId).replace('{page}', `${n}.png`)));
    const answers = [];
    for (const path of asked) answers.push({ path, ...(await client.get(path)) });
    const isPicture = (a) => (a.headers.get('content-type') ?? '').startsWith('image/');
    return { pictures: answers.filter(isPicture), others: answers.filter((a) => !isPicture(a)) };
}

const stored = (formId) => fs.readdirSync(join(world.system.dir, 'store', 'clinic', world.account('admin').clinicId, 'intake', formId)).sort();
const saysNothingOf = (text, numbers) => {
    for (const card of numbers) for (const way of cardForms(card)) assert.ok(!text.includes(way), way);
};
const onlyPixels = (png) => assert.deepEqual(chunksOf(png).filter((c) => !['IHDR', 'IDAT', 'IEND', 'PLTE', 'pHYs', 'gAMA'].includes(c)), []);

async function uploadAll(files) {
    const client = world.as('admin');
    const forms = [];
    for (const bytes of files) forms.push((await client.upload(bytes)).body.formId);
    return Promise.all(forms.map((formId) => world.form('admin', formId)));
}

test('what the API shows of forms with cards has no card on it, and nothing but pixels', async () => {
    const client = world.as('admin');
    const done = await uploadAll(CARDS.map(formBytes));
    const shown = [];
    for (const [i, file] of CARDS.entries()) {
        const form = done[i];
        assert.equal(form.panDetected, true, file);
        const { pictures, others } = await everythingOf(client, form.formId);
        for (const { body } of pictures) onlyPixels(body);
        shown.push(...pictures.map(({ body }) => ({ file, body })));
        for (const answer of others) saysNothingOf(JSON.stringify(answer.body), cards(file));
        if (pictures.length) assert.equal(form.panRedacted, true, `${file} is shown before it was read again`);
        // Shown, or withheld and said so to whoever reviews it; the upload itself is gone either way.
        if (!form.panRedacted) {
            assert.equal(form.status, 'REVIEW');
            const { parsed } = others.find((a) => a.body.parsed).body;
            assert.ok(parsed.reviewWhy.some((why) => ['page-withheld', 'no-pages'].includes(why)), JSON.stringify(parsed.reviewWhy));
        }
        // Once the form is final, its worker removes them.
        await until(() => !stored(form.formId).some((o) => ['original', 'ocr'].includes(o)), 'the upload removed');
        console.log(`${file}: ${pictures.length} page(s) shown, panRedacted ${form.panRedacted}`);
    }
    assert.ok(shown.length >= 1, 'nothing was shown: the test proves nothing');
    for (const [i, again] of readAgain(shown.map((s) => s.body)).entries()) {
        assert.equal(again.panDetected, false, shown[i].file);
        saysNothingOf(again.text, cards(shown[i].file));
    }
});

test('a page that cannot be cleaned for certain is withheld from everybody, also once it is confirmed', async () => {
    // More card numbers than one form can have blacked out.
    const numbers = Array.from({ length: 130 }, (_, i) => cardNumber(i));
    const rows = numbers.map((n, i) => [i % 2 ? 330 : 60, 60 + 11 * Math.floor(i / 2), 9, n.match(/.{4}/g).join(' ')]);
    const [form] = await uploadAll([pdfPage([[60, 40, 12, 'Full Name: Nora Samplewood'], ...rows])]);
    assert.deepEqual([form.status, form.panDetected, form.panRedacted], ['REVIEW', true, false], JSON.stringify(form));
    const look = async (login) => {
        const { pictures, others } = await everythingOf(world.as(login), form.formId);
        assert.deepEqual(pictures, []);
        const page = others.find((a) => a.path.endsWith('/pages/1.png'));
        assert.equal(page.status, 409);
        assert.match(page.body.detail, /withheld/);
        const text = JSON.stringify(others.map((a) => a.body));
        saysNothingOf(text, numbers);
        return others.find((a) => a.body.parsed !== undefined).body;
    };
    const { parsed } = await look('admin');
    assert.ok(parsed.reviewWhy.includes('page-withheld'), JSON.stringify(parsed.reviewWhy));
    await look('doctor');
    await until(() => !stored(form.formId).some((o) => ['original', 'ocr'].includes(o)), 'the upload removed');
    const fields = { fullName: 'Nora Samplewood', dateOfBirth: '1968-03-14', chiefComplaint: 'ear ache' };
    const confirmed = await world.as('admin').patch(`/api/v1/intake/${form.formId}/confirm`, { fields });
    assert.deepEqual([confirmed.status, confirmed.body.status, confirmed.body.panRedacted], [200, 'CONFIRMED', false]);
    await look('admissions');
});

test('what a picture or a PDF says about itself is on no page that is shown, and not kept when it is a card', async () => {
    const secret = 'Canary Metadata 4012888888881881';
    const grey = crop(pngRead(formBytes('en-below-unwell.png')), 0, 0, 1700, 620); // its card is further down
    const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, secret.length + 2]), Buffer.from(secret)]);
    const files = [
        jpegWrite(grey, { segments: [exif(1, secret), xmp(secret), comment] }),
        pngWrite(grey, { extra: [pngChunk('tEXt', Buffer.from(`Comment\0${secret}`, 'latin1')), pngChunk('eXIf', exif(1, secret).subarray(10))] }),
        pdfPage([[60, 60, 14, 'Full Name: Nora Samplewood'], [60, 90, 14, 'Reason for visit: ear ache']], { info: secret }),
    ];
    for (const bytes of files) assert.ok(bytes.includes(secret), 'it is not in the file: the test proves nothing');
    for (const form of await uploadAll(files)) {
        assert.ok(['PROCESSED', 'REVIEW'].includes(form.status), JSON.stringify(form));
        // A card number that only the file's metadata had is gone with the upload, too.
        assert.deepEqual([form.panDetected, form.panRedacted], [true, true], JSON.stringify(form));
        assert.ok(!stored(form.formId).some((o) => ['original', 'ocr'].includes(o)), `${stored(form.formId)}`);
        const { pictures, others } = await everythingOf(world.as('admin'), form.formId);
        assert.equal(pictures.length, 1);
        onlyPixels(pictures[0].body);
        for (const answer of [...pictures, ...others]) {
            const text = Buffer.isBuffer(answer.body) ? answer.body.toString('latin1') : JSON.stringify(answer.body);
            assert.ok(!text.includes('Canary') && !text.includes('4012888888881881'), answer.path);
        }
    }
});
