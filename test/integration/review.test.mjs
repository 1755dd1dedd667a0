// The review queue: what a clerk sees of a form that wants a person, and the soft lock that keeps two
// clerks from correcting the same one.
//
// Rule: every form goes to review here (NEXACORE_REVIEW_SAMPLE 1), so none is there by chance.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { formBytes, startWorld } from '../lib/world.mjs';

let world;
let forms;
before(async () => {
    world = await startWorld({ workers: 2, env: { NEXACORE_REVIEW_SAMPLE: '1' } });
    forms = {};
    for (const file of ['en-stacked-ear-ache.png', 'es-table-vitals.tif']) {
        const { body } = await world.as('admissions').upload(formBytes(file), { fields: { roomNumber: '12' } });
        forms[file] = body.formId;
    }
    for (const id of Object.values(forms)) assert.equal((await world.form('admissions', id)).status, 'REVIEW');
});
after(() => world?.stop());

const queue = async (login, query = '') => (await world.as(login).get(`/api/v1/intake/review-queue${query}`)).body;

test('the queue holds each form in review, most urgent first, page by page, and no other clinic', async () => {
    const { items } = await queue('admissions');
    assert.deepEqual(items.map((i) => i.formId).sort(), Object.values(forms).sort());
    assert.equal(items[0].formId, forms['es-table-vitals.tif'], 'the emergency comes first');
    for (const item of items) {
        assert.equal(item.status, 'REVIEW');
        // An emergency has its patient and alert at once; the others wait for the clerk.
        assert.equal(Boolean(item.patientId && item.alertId), item.formId === forms['es-table-vitals.tif'], JSON.stringify(item));
        assert.ok(Date.parse(item.createdAt) > Date.now() - 600_000);
        assert.equal(item.lockedBy, null);
        assert.equal(item.lockedUntil, null);
    }
    const first = await queue('admissions', '?limit=1');
    const second = await queue('admissions', `?limit=1&cursor=${encodeURIComponent(first.nextCursor)}`);
    assert.deepEqual([...first.items, ...second.items].map((i) => i.formId), items.map((i) => i.formId));
    assert.equal(second.nextCursor, null);
    assert.deepEqual((await queue('admissions-b')).items, []);
});

test('readings have the digits that stand on the form', async () => {
    const { body } = await world.as('admissions').get(`/api/v1/intake/${forms['es-table-vitals.tif']}`);
    assert.doesNotMatch(JSON.stringify(body.parsed), /\d\.\d{10,}/);
});

test('who opens a form first has it for five minutes; a doctor who looks takes no lock', async () => {
    const id = forms['en-stacked-ear-ache.png'];
    const open = async (login) => (await world.as(login).get(`/api/v1/intake/${id}`)).body;
    await world.sql('UPDATE intake_forms SET locked_by = NULL, locked_until = NULL');
    assert.equal((await open('doctor')).lockedBy, null);
    const clerk = world.account('admissions').userId;
    const mine = await open('admissions');
    assert.equal(mine.lockedBy, clerk);
    const left = Date.parse(mine.lockedUntil) - Date.now();
    assert.ok(left > 4 * 60_000 && left <= 5 * 60_000 + 1000, `${left} ms`);
    assert.equal((await open('admin')).lockedBy, clerk, 'the second sees whose it is');
    assert.equal((await queue('admin')).items.find((i) => i.formId === id).lockedBy, clerk);
    await world.sql("UPDATE intake_forms SET locked_until = now() - interval '1 second' WHERE id = $1", [id]);
    assert.equal((await open('admin')).lockedBy, world.account('admin').userId, 'a lock that ran out is free');
});

test('a confirmed form leaves the queue', async () => {
    const id = forms['en-stacked-ear-ache.png'];
    const path = `/api/v1/intake/${id}/confirm`;
    const { status, body } = await world.as('admin').patch(path, { fields: { fullName: 'Prueba Revisada' } });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.status, 'CONFIRMED');
    assert.deepEqual((await queue('admissions')).items.map((i) => i.formId), [forms['es-table-vitals.tif']]);
});
