// Workers killed at random moments while they read and scrub: each form ends processed once, with
// one patient and one alert, without a hand.
//
// Rule: SIGKILL at a moment drawn anew each run; the seed is printed, so that a failure can be tried
// again (NEXACORE_SEED).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { sleep, until } from '../../tools/lib/process.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const FORM = 'es-table-vitals.tif'; // small, and an emergency
const seed = Number(process.env.NEXACORE_SEED ?? Date.now() % 1e9);

let world;
before(async () => (world = await startWorld({ workers: 2 })));
after(() => world?.stop());

// A small generator (mulberry32): the same seed draws the same moments.
let state = seed;
function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const statusOf = async (formId) => (await world.as('admissions').get(`/api/v1/intake/${formId}/status`)).body.status;

async function killAll() {
    for (const work of world.system.works) await work.stop({ signal: 'SIGKILL' });
    await Promise.all([1, 2].map((n) => world.system.startWork(n)));
}

test('workers killed five times in the middle of reading and scrubbing lose and double nothing', async (t) => {
    t.diagnostic(`NEXACORE_SEED=${seed}`);
    const forms = [];
    for (let i = 0; i < 3; i++) forms.push((await world.as('admissions').upload(formBytes(FORM), { fields: { roomNumber: String(i) } })).body.formId);
    const struck = [];
    for (const stage of ['OCR', 'SCRUBBING', 'OCR', 'SCRUBBING', 'SCRUBBING']) {
        const open = async () => {
            const all = await Promise.all(forms.map(statusOf));
            return all.includes(stage) || !all.some((s) => ['QUEUED', 'OCR', 'SCRUBBING'].includes(s));
        };
        await until(open, `a form in ${stage}`, { seconds: 90, every: 15 });
        await sleep(random() * 1500);
        struck.push(...(await Promise.all(forms.map(statusOf))).filter((s) => ['OCR', 'SCRUBBING'].includes(s)));
        await killAll();
        if (forms.length < 5) forms.push((await world.as('admissions').upload(formBytes(FORM), { fields: { roomNumber: 'x' } })).body.formId);
    }
    t.diagnostic(`killed during ${struck.join(', ')}`);
    assert.ok(struck.includes('OCR') || struck.includes('SCRUBBING'), 'no kill fell into work');
    for (const formId of forms) {
        const form = await world.form('admissions', formId, { seconds: 150 });
        assert.equal(form.status, 'PROCESSED', JSON.stringify(form));
        const [row] = await world.sql(
            `SELECT (SELECT count(*)::int FROM alerts WHERE intake_form_id = $1) AS alerts,
                    (SELECT count(*)::int FROM audit_logs WHERE target_id = $1 AND action = 'FORM_PROCESSED') AS processed,
                    (SELECT count(*)::int FROM audit_logs WHERE target_id = $2 AND action = 'CREATE_PATIENT') AS patients,
                    (SELECT count(*)::int FROM audit_logs WHERE target_id = $3 AND action = 'ALERT_CREATED') AS raised`,
            [formId, form.patientId, form.alertId],
        );
        assert.deepEqual(row, { alerts: 1, processed: 1, patients: 1, raised: 1 });
    }
    const [{ patients, raw }] = await world.sql(
        'SELECT (SELECT count(*)::int FROM patients) AS patients, (SELECT count(*)::int FROM alerts) AS raw');
    assert.equal(patients, forms.length);
    assert.equal(raw, forms.length);
});
