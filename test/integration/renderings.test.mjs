// Every picture of a form with a card that the API gives: burnt, read again by us, free of metadata;
// and no route gives what was uploaded.
//
// Rule: the routes come from the served description of the API, so a new one is looked at too.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { cardForms, formBytes, forms, startWorld } from '../lib/world.mjs';

const CARDS = ['en-table-diabetes.pdf', 'es-dotted-chest-pain-fax.tif', 'en-stacked-ear-ache.png'];
let world;
before(async () => (world = await startWorld({ workers: 2 })));
after(() => world?.stop());

const cards = (file) => forms().find((f) => f.file === file).cards;

function readAgain(png) {
    const file = join(world.system.dir, 'log', 'again.png');
    fs.writeFileSync(file, png);
    const out = execFileSync(world.system.binary, ['read', file], { encoding: 'utf8', env: { ...process.env, OMP_THREAD_LIMIT: '1' } });
    fs.rmSync(file);
    return JSON.parse(out);
}

function chunksOf(png) {
    const names = [];
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) names.push(png.toString('latin1', at + 4, at + 8));
    return [...new Set(names)];
}

test('what the API shows of forms with cards has no card on it, and nothing but pixels', async () => {
    const client = world.as('admin');
    const { body: api } = await client.get('/openapi.json');
    const reading = Object.entries(api.paths).filter(([path, ops]) => path.startsWith('/api/v1/intake/{id}') && ops.get).map(([path]) => path);
    assert.ok(reading.length >= 3);
    for (const file of CARDS) {
        const { body } = await client.upload(formBytes(file));
        const form = await world.form('admin', body.formId);
        assert.equal(form.panDetected, true, file);
        let shown = 0;
        for (const path of reading)
            for (const n of path.includes('{page}') ? [1, 2, 3] : [0]) {
                const answer = await client.get(path.replace('{id}', body.formId).replace('{page}', `${n}.png`));
                const type = answer.headers.get('content-type') ?? '';
                if (type.startsWith('image/')) {
                    shown++;
                    assert.equal(form.panRedacted, true, `${file} is shown before it was read again`);
                    const again = readAgain(answer.body);
                    assert.equal(again.panDetected, false, file);
                    for (const card of cards(file)) for (const way of cardForms(card)) assert.ok(!again.text.includes(way), way);
                    assert.deepEqual(chunksOf(answer.body).filter((c) => !['IHDR', 'IDAT', 'IEND', 'PLTE', 'pHYs', 'gAMA'].includes(c)), []);
                } else {
                    const text = JSON.stringify(answer.body);
                    for (const card of cards(file)) for (const way of cardForms(card)) assert.ok(!text.includes(way), `${path} ${way}`);
                    if (n === 1 && !form.panRedacted) assert.equal(answer.status, 409);
                }
            }
        // Shown, or withheld and said so to whoever reviews it; the upload itself is gone either way.
        if (!form.panRedacted) {
            assert.equal(form.status, 'REVIEW');
            const { body: whole } = await client.get(`/api/v1/intake/${body.formId}`);
            assert.ok(whole.parsed.reviewWhy.some((why) => ['page-withheld', 'no-pages'].includes(why)), JSON.stringify(whole.parsed.reviewWhy));
        }
        const dir = join(world.system.dir, 'store', 'clinic', world.account('admin').clinicId, 'intake', body.formId);
        assert.ok(!fs.readdirSync(dir).some((o) => ['original', 'ocr'].includes(o)), `${fs.readdirSync(dir)}`);
        console.log(`${file}: ${shown} page(s) shown, panRedacted ${form.panRedacted}`);
    }
});
