// The review queue: what a clerk sees of a form that wants a person, the soft lock that keeps two
// clerks from correcting the same one, what may be confirmed by whom, and what a clinic sets of it.
//
// Rule: every form goes to review here (NEXACORE_REVIEW_SAMPLE 1), so none is there by chance; the
// other clinic sets its own share.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';

import { plainForm } from '../lib/plain_form.mjs';
import { cardForms, startWorld } from '../lib/world.mjs';

const FORMS = {
    good: plainForm(),
    emergency: plainForm({ fullName: 'Eloise Fakeworth', chiefComplaint: 'crushing chest pain since one hour' }),
    other: plainForm({ fullName: 'Winston Samplewood', chiefComplaint: 'cough for two weeks' }),
    raced: plainForm({ fullName: 'Harriet Testley', chiefComplaint: 'sore throat' }),
};

let world;
let forms;
before(async () => {
    world = await startWorld({ workers: 2, env: { NEXACORE_REVIEW_SAMPLE: '1' } });
    forms = {};
    for (const name of ['good', 'emergency']) {
        const { body } = await world.as('admissions').upload(FORMS[name], { fields: { roomNumber: '12' } });
        forms[name] = body.formId;
    }
    for (const id of Object.values(forms)) assert.equal((await world.form('admissions', id)).status, 'REVIEW');
});
after(() => world?.stop());

const queue = async (login, query = '') => (await world.as(login).get(`/api/v1/intake/review-queue${query}`)).body;

test('the queue holds each form in review, most urgent first, page by page, and no other clinic', async () => {
    const { items } = await queue('admissions');
    assert.deepEqual(items.map((i) => i.formId).sort(), Object.values(forms).sort());
    assert.equal(items[0].formId, forms.emergency, 'the emergency comes first');
    for (const item of items) {
        assert.equal(item.status, 'REVIEW');
        // An emergency has its patient and alert at once; the others wait for the clerk.
        assert.equal(Boolean(item.patientId && item.alertId), item.formId === forms.emergency, JSON.stringify(item));
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
    const { body } = await world.as('admissions').get(`/api/v1/intake/${forms.emergency}`);
    assert.doesNotMatch(JSON.stringify(body.parsed), /\d\.\d{10,}/);
});

test('who opens a form first has it for five minutes; a doctor who looks takes no lock', async () => {
    const id = forms.good;
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

// ---- confirming ----------------------------------------------------------------------------------

const upload = async (login, bytes) => (await world.as(login).upload(bytes)).body.formId;
const form = async (login, id) => (await world.as(login).get(`/api/v1/intake/${id}`)).body;
const confirm = (login, id, fields, headers) => world.as(login).patch(`/api/v1/intake/${id}/confirm`, { fields }, headers);
const ofForm = (id) => world.sql(
    `SELECT f.version, f.status, (SELECT count(*)::int FROM patients WHERE id = f.patient_id) AS patients,
            (SELECT count(*)::int FROM alerts WHERE intake_form_id = f.id) AS alerts,
            (SELECT count(*)::int FROM audit_logs WHERE target_id = f.id AND action = 'FORM_CONFIRMED' AND outcome = 'SUCCESS') AS confirmed
       FROM intake_forms f WHERE f.id = $1`, [id]).then(([row]) => row);

test('a form is confirmed by the front desk of its own clinic alone, and not while somebody else has it open', async () => {
    await world.sql('UPDATE intake_forms SET locked_by = NULL, locked_until = NULL');
    const before = await ofForm(forms.good);
    for (const [login, status] of [['doctor', 403], ['corporate', 403], ['admin-b', 404], ['admissions-b', 404]])
        assert.equal((await confirm(login, forms.good, {})).status, status, login);
    await form('admissions', forms.good);
    const theirs = await confirm('admin', forms.good, {});
    assert.deepEqual([theirs.status, theirs.body.detail], [409, 'somebody else has this form open for review']);
    const stale = await confirm('admissions', forms.good, {}, { 'if-match': '"999"' });
    assert.equal(stale.status, 412);
    assert.deepEqual(await ofForm(forms.good), { ...before, version: (await ofForm(forms.good)).version });
    assert.equal((await form('admissions', forms.good)).status, 'REVIEW');
});

test('a value that cannot be is refused by the name of its field, and nothing of the request is kept', async () => {
    const before = (await form('admissions', forms.good)).parsed.fields;
    const next = `${new Date().getUTCFullYear() + 1}-01-01`;
    for (const [key, value] of [
        ['dateOfBirth', next], ['dateOfBirth', '1990-02-31'], ['dateOfBirth', 'yesterday'], ['heartRate', 'fast'], ['heartRate', -80],
        ['heartRate', '1O1'], ['spo2', 974], ['systolicBp', 12], ['diastolicBp', '80/50'], ['temperatureC', 400], ['temperatureC', '38 or 39'], ['consciousness', 'Z'], ['painScore', 11],
        ['phone', 'none'], ['fullName', ['Nora']], ['fullName', { value: 'Nora' }], ['chiefComplaint', true],
        ['ssn', '078-05-1120'], ['nationalId', '078051120'], ['shoeSize', 42],
    ]) {
        const { status, body } = await confirm('admissions', forms.good, { chiefComplaint: 'must not stay', [key]: value });
        assert.equal(status, 400, `${key} ${value}: ${JSON.stringify(body)}`);
        assert.equal(body.errors[0].pointer, `/fields/${key}`, JSON.stringify(body));
        assert.ok(!JSON.stringify(body).includes('078'), 'the value is not repeated');
    }
    const numberAsName = await confirm('admissions', forms.good, { 4111111111111111: 'x' });
    assert.equal(numberAsName.status, 400);
    for (const way of cardForms('4111111111111111')) assert.ok(!JSON.stringify(numberAsName.body).includes(way));
    for (const fields of [7, [], 'x', null]) assert.equal((await confirm('admissions', forms.good, fields)).status, 400, `${fields}`);
    assert.deepEqual((await form('admissions', forms.good)).parsed.fields, before);
});

test('corrected values are normalised, null empties one, the others stay, and the patient is so', async () => {
    const before = (await form('admissions', forms.good)).parsed.fields;
    const fields = { fullName: '  Nora   Sampledale ', dateOfBirth: '02/29/1968', temperatureC: '101.3 F', heartRate: '88', spo2: 97, insuranceId: null, allergies: 'penicillin' };
    const { status, body } = await confirm('admissions', forms.good, fields);
    assert.deepEqual([status, body.status, body.requiresReview, body.progress], [200, 'CONFIRMED', false, 100], JSON.stringify(body));
    const { parsed } = await form('admissions', forms.good);
    const value = Object.fromEntries(Object.entries(parsed.fields).map(([k, f]) => [k, f.value]));
    assert.deepEqual([value.dateOfBirth, value.heartRate, value.spo2, value.insuranceId, value.allergies], ['1968-02-29', 88, 97, null, 'penicillin']);
    assert.equal(value.fullName.replace(/\s+/g, ' ').trim(), 'Nora Sampledale');
    assert.ok(Math.abs(value.temperatureC - 38.5) < 0.06, `${value.temperatureC}`);
    assert.deepEqual([parsed.fields.dateOfBirth.confidence, parsed.fields.insuranceId.confidence], [1, 0]);
    for (const kept of ['phone', 'chiefComplaint']) assert.deepEqual(parsed.fields[kept], before[kept]);
    const { body: patient } = await world.as('admissions').get(`/api/v1/patients/${body.patientId}`);
    assert.deepEqual([patient.dateOfBirth, patient.insuranceId, patient.status], ['1968-02-29', null, 'WAITING']);
    assert.deepEqual(await ofForm(forms.good), { ...(await ofForm(forms.good)), status: 'CONFIRMED', patients: 1, alerts: 0, confirmed: 1 });
});

test('confirming a second time, or twice at the same moment, makes one patient and one row in the trail', async () => {
    const once = await ofForm(forms.good);
    const again = await confirm('admissions', forms.good, { fullName: 'Somebody Else' });
    assert.deepEqual([again.status, again.body.detail], [409, 'a form that is CONFIRMED cannot be confirmed']);
    assert.deepEqual(await ofForm(forms.good), once);
    const id = await upload('admissions', FORMS.raced);
    assert.equal((await world.form('admissions', id)).status, 'REVIEW');
    const tries = await Promise.all(Array.from({ length: 8 }, () => confirm('admissions', id, { chiefComplaint: 'crushing chest pain' })));
    assert.deepEqual(tries.map((t) => t.status).sort(), [200, ...Array(7).fill(409)]);
    assert.deepEqual(await ofForm(id), { ...(await ofForm(id)), status: 'CONFIRMED', patients: 1, alerts: 1, confirmed: 1 });
});

test('a form that is still to be read cannot be confirmed', async () => {
    const { hostname, port } = new URL(world.redis.url);
    const ocr = new Queue('ocr-processing', { connection: { host: hostname, port: Number(port) } });
    await ocr.pause();
    const id = await upload('admissions', FORMS.other);
    const early = await confirm('admissions', id, { fullName: 'Winston Early' });
    assert.deepEqual([early.status, early.body.detail], [409, 'a form that is QUEUED cannot be confirmed']);
    await ocr.resume();
    await ocr.close();
    assert.equal((await world.form('admissions', id)).status, 'REVIEW');
    assert.equal((await form('admissions', id)).parsed.fields.fullName.value, 'Winston Samplewood');
    forms.other = id;
});

// ---- what a clinic sets ---------------------------------------------------------------------------

const settings = (...args) => world.system.tool(['clinic', 'settings', '--clinic', world.account('admin-b').clinicId, ...args]);
async function readB(values = {}) {
    const id = await upload('admissions-b', plainForm(values));
    const { status } = await world.form('admissions-b', id);
    return { status, ...(await form('admissions-b', id)) };
}

test('a clinic sets what goes to review and what is an emergency; the other clinic is as before', async () => {
    const defaults = 'emergency-at\t0.60\nform-confidence\t0.80\nfield-confidence\t0.60\nreview-sample\tdefault\n';
    assert.equal(await settings(), defaults);
    await settings('--review-sample', '0');
    const good = await readB();
    assert.deepEqual([good.status, good.parsed.reviewWhy], ['PROCESSED', []]);

    assert.equal(await settings('--form-confidence', '1', '--emergency-at', '0.50'), defaults.replace('0.60', '0.50').replace('0.80', '1.00').replace('default', '0.000'));
    const attack = await readB({ chiefComplaint: 'asthma attack' });
    assert.deepEqual([attack.status, attack.parsed.reviewWhy], ['REVIEW', ['low-confidence']]);
    assert.ok(attack.emergencyScore >= 0.5 && attack.emergencyScore < 0.6, `${attack.emergencyScore}`);
    assert.equal(attack.isEmergency, true);

    await settings('--form-confidence', '0', '--field-confidence', '1', '--emergency-at', '0.7');
    const pain = await readB({ chiefComplaint: 'severe abdominal pain' });
    assert.equal(pain.status, 'REVIEW');
    assert.ok(pain.parsed.reviewWhy.includes('doubtful:fullName') && !pain.parsed.reviewWhy.includes('low-confidence'), `${pain.parsed.reviewWhy}`);
    assert.ok(pain.emergencyScore >= 0.6 && pain.emergencyScore < 0.7, `${pain.emergencyScore}`);
    assert.equal(pain.isEmergency, false);

    await settings('--field-confidence', '0');
    assert.deepEqual((await readB()).parsed.reviewWhy, []);
    assert.deepEqual((await form('admissions', forms.other)).parsed.reviewWhy, ['sample']);
    const [{ n }] = await world.sql("SELECT count(*)::int AS n FROM audit_logs WHERE action = 'CLINIC_SETTINGS_CHANGED' AND clinic_id = $1", [world.account('admin-b').clinicId]);
    assert.equal(n, 4);
});

test('a threshold out of its range, or finer than it is kept, is refused and changes nothing', async () => {
    const before = await settings();
    for (const args of [
        ['--emergency-at', '0.49'], ['--emergency-at', '0.71'], ['--emergency-at', '60'], ['--form-confidence', '1.01'], ['--form-confidence', '-0.1'],
        ['--form-confidence', '0.805'], ['--field-confidence', 'high'], ['--field-confidence', ''], ['--review-sample', '1.5'], ['--review-sample', '0.0205'],
    ])
        await assert.rejects(settings('--field-confidence', '0.33', ...args), /exit 2\n.*(is \d\.\d+ to \d\.\d+|see nexacore clinic)/, `${args}`);
    assert.equal(await settings(), before);
    const nobody = ['clinic', 'settings', '--clinic', '0190a0a0-0000-7000-8000-000000000001', '--form-confidence', '0.5'];
    await assert.rejects(world.system.tool(nobody), /exit 1\n.*there is no clinic/);
    for (const column of ['emergency_threshold', 'review_confidence', 'field_confidence'])
        for (const value of [-1, 101]) await assert.rejects(world.sql(`UPDATE clinic_settings SET ${column} = ${value}`), /violates check constraint/);
});

test('a confirmed form leaves the queue', async () => {
    await world.sql('UPDATE intake_forms SET locked_by = NULL, locked_until = NULL');
    const { status, body } = await confirm('admin', forms.other, { fullName: 'Prueba Revisada' });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.status, 'CONFIRMED');
    assert.deepEqual((await queue('admissions')).items.map((i) => i.formId), [forms.emergency]);
});
