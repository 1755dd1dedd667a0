// The edges of the pipeline: pages that cannot be made, forms that cannot be read, scores that fall.
//
// Rule: each of these once lost something, so each looks for what was lost.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';

import { sleep } from '../../tools/lib/process.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const EMERGENCY = 'es-table-vitals.tif';
let world;
before(async () => {
    world = await startWorld({ workers: 1 });
});
after(() => world?.stop());

async function until(what, seconds = 240) {
    for (let i = 0; i < seconds * 5; i++) {
        const found = await what();
        if (found) return found;
        await sleep(200);
    }
    throw new Error('it did not happen in time');
}

function scrubQueue() {
    const { hostname, port } = new URL(world.redis.url);
    return new Queue('pan-scrub', { connection: { host: hostname, port: Number(port) } });
}

const openAlerts = async (formId) =>
    world.sql('SELECT id, status, urgency_level FROM alerts WHERE intake_form_id = $1', [formId]);

test('an emergency whose pages cannot be made still raises its alert', async () => {
    const queue = scrubQueue();
    await queue.pause();
    const { body } = await world.as('admissions').upload(formBytes(EMERGENCY));
    const status = async () => (await world.as('admissions').get(`/api/v1/intake/${body.formId}/status`)).body;
    await until(async () => (await status()).status === 'SCRUBBING');
    const store = join(world.system.dir, 'store');
    const original = fs
        .readdirSync(store, { recursive: true })
        .find((f) => f.includes(body.formId) && f.endsWith('original'));
    fs.rmSync(join(store, original));
    await queue.resume();
    await queue.close();
    const form = await world.form('admissions', body.formId);
    assert.equal(form.status, 'REVIEW');
    assert.equal(form.isEmergency, true);
    assert.equal((await openAlerts(body.formId)).length, 1);
    const page = await world.as('admin').get(`/api/v1/intake/${body.formId}/pages/1.png`);
    assert.equal(page.status, 404);
});

test('a form that cannot be read waits in the review queue and can be typed in', async () => {
    const clerk = world.as('admissions');
    const { body } = await clerk.upload(Buffer.from('%PDF-1.4\nnothing that is a page\n%%EOF\n'));
    const form = await world.form('admissions', body.formId);
    assert.equal(form.status, 'FAILED');
    assert.equal(form.error, 'damaged');
    assert.equal(form.requiresReview, true);
    const queue = await clerk.get('/api/v1/intake/review-queue?limit=200');
    assert.ok(queue.body.items.some((f) => f.formId === body.formId));
    const fields = { fullName: 'Teresa Tecleada', dateOfBirth: '1990-01-02', chiefComplaint: 'dolor en el pecho' };
    const confirmed = await clerk.patch(`/api/v1/intake/${body.formId}/confirm`, { fields });
    assert.equal(confirmed.status, 200);
    assert.equal(confirmed.body.status, 'CONFIRMED');
    assert.equal(confirmed.body.isEmergency, true);
    assert.ok(confirmed.body.patientId);
    assert.equal((await openAlerts(body.formId)).length, 1);
});

test('a lower score after review is noted, closes nothing and leaves the patient urgent', async () => {
    const clerk = world.as('admissions');
    const { body } = await clerk.upload(formBytes(EMERGENCY));
    const form = await world.form('admissions', body.formId);
    assert.equal(form.isEmergency, true);
    const harmless = { heartRate: 70, respiratoryRate: 14, systolicBp: 120, diastolicBp: 80, temperatureC: 36.6 };
    const fields = { ...harmless, spo2: 98, consciousness: 'A', chiefComplaint: 'control anual' };
    const confirmed = await clerk.patch(`/api/v1/intake/${body.formId}/confirm`, { fields });
    assert.equal(confirmed.status, 200);
    assert.ok(confirmed.body.emergencyScore < form.emergencyScore);
    const [alert] = await openAlerts(body.formId);
    assert.notEqual(alert.status, 'CLOSED');
    const { body: timeline } = await world.as('admin').get(`/api/v1/alerts/${alert.id}/timeline`);
    assert.ok(JSON.stringify(timeline).includes('LOWERED'));
    const { body: patient } = await world.as('admin').get(`/api/v1/patients/${confirmed.body.patientId}`);
    assert.equal(patient.urgencyLevel, form.urgencyLevel);
});

test('a name is found by each of its words, with hyphens, apostrophes and accents or without', async () => {
    const clerk = world.as('admissions');
    await clerk.post('/api/v1/patients', { fullName: "Ana María O'Neil-Pérez" });
    for (const q of ['perez', 'PÉREZ', "o'neil", 'neil', 'ana maria', 'neil-perez', 'María Pérez']) {
        const { body } = await clerk.get(`/api/v1/patients?q=${encodeURIComponent(q)}`);
        assert.ok(body.items.some((p) => p.fullName.startsWith('Ana María O')), q);
    }
    const { body } = await clerk.get('/api/v1/patients?q=gomez');
    assert.ok(!body.items.some((p) => p.fullName.startsWith('Ana María O')));
});

test('a name with a word of symbols alone is registered and found by its letters', async () => {
    const clerk = world.as('admissions');
    for (const fullName of ['Iván Bedoya - o', 'Ana & Luisa Símbolos', "Smith , John", '😀 Sonrisa']) {
        const { status, body } = await clerk.post('/api/v1/patients', { fullName });
        assert.equal(status, 201, fullName);
        assert.equal(body.fullName, fullName);
    }
    const { body } = await clerk.get('/api/v1/patients?q=luisa');
    assert.equal(body.items[0].fullName, 'Ana & Luisa Símbolos');
});
