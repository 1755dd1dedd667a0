// A card number where no form field is: in a request id, an unknown key, a query or a path.
//
// Rule: it appears in no answer, no log line and no table, in none of the ways cards are written.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { cardForms, startWorld } from '../lib/world.mjs';

const PAN = '5500005555555559';
const PATIENTS = '/api/v1/patients';
const ALERTS = '/api/v1/alerts';

let world;
before(async () => (world = await startWorld({ workers: 1, env: { NEXACORE_LOG_LEVEL: 'debug' } })));
after(() => world?.stop());

const said = ({ body, headers }) => JSON.stringify([body, [...headers]]);

async function nowhere(answers) {
    for (const answer of answers) for (const form of cardForms(PAN)) assert.ok(!said(answer).includes(form), said(answer));
    assert.deepEqual(await world.scan(cardForms(PAN)), []);
}

test('a request id that holds a card number is replaced by a made one', async () => {
    const admissions = world.as('admissions');
    const made = await admissions.post(PATIENTS, { fullName: 'Prueba Número' }, { 'x-request-id': PAN });
    assert.equal(made.status, 201);
    assert.match(made.headers.get('x-request-id'), /^[0-9a-f]{8}-/);
    const dashed = PAN.match(/.{4}/g).join('-');
    const missing = await admissions.get('/api/v1/nothing', { 'x-request-id': dashed });
    assert.equal(missing.status, 404);
    const own = await admissions.get(PATIENTS, { 'x-request-id': 'desk-7' });
    assert.equal(own.headers.get('x-request-id'), 'desk-7');
    await nowhere([made, missing]);
});

test('a card number as an unknown key, in a query or in a path is echoed nowhere', async () => {
    const admissions = world.as('admissions');
    const dashed = PAN.match(/.{4}/g).join('-');
    const long = 'x'.repeat(50) + PAN; // the pointer is cut inside the number
    const answers = [];
    for (const key of [PAN, dashed, long]) {
        const answer = await admissions.post(PATIENTS, { fullName: 'Prueba Clave', [key]: 1 });
        assert.equal(answer.status, 400);
        assert.equal(answer.body.errors.length, 1);
        assert.ok(!said(answer).includes(PAN.slice(0, 10)), said(answer));
        answers.push(answer);
    }
    for (const query of [`q=${PAN}`, `${PAN}=1`, `status=${PAN}`, `cursor=${PAN}`, `limit=${PAN}`])
        for (const path of [PATIENTS, ALERTS]) answers.push(await world.as('admin').get(`${path}?${query}`));
    for (const path of [`${PATIENTS}/${PAN}`, `${ALERTS}/${dashed}`, `/api/v1/nothing/${PAN}`])
        answers.push(await world.as('admin').get(path));
    const page = await fetch(`${world.url}/${PAN}`); // the page where it is built, else a problem
    answers.push({ body: await page.text(), headers: page.headers });
    await nowhere(answers);
});
