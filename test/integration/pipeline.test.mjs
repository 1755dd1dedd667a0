// From an uploaded form to a patient and an alert: what becomes of emergencies, of card numbers, of
// several pages, of copies, of unreadable files, and of what a person confirms.
//
// Rule: forms are uploaded at once and looked at as they are done, because reading takes seconds.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { until } from '../../tools/lib/process.mjs';
import { cardForms, formBytes, forms, startWorld } from '../lib/world.mjs';

const EMERGENCY = 'es-table-vitals.tif';
const CARD = 'en-table-diabetes.pdf'; // good enough to need no review
const TWO_PAGES = 'en-two-pages-unwell.pdf'; // an emergency too
const DOUBTFUL = 'en-stacked-ear-ache.png'; // a value that cannot be read surely: review

let world;
const uploaded = {};
before(async () => {
    world = await startWorld({ workers: 2 });
    uploaded.listener = await world.listen('admin');
    for (const file of [EMERGENCY, CARD, DOUBTFUL]) uploaded[file] = await upload('admissions', formBytes(file), { roomNumber: '7' });
    // The last one is sent to review although it is good, as quality sampling does.
    await world.form('admissions', uploaded[CARD].formId);
    await world.form('admissions', uploaded[DOUBTFUL].formId);
    await world.sql('UPDATE clinic_settings SET review_sample_thousandths = 1000 WHERE clinic_id = $1', [world.account('admin').clinicId]);
    uploaded[TWO_PAGES] = await upload('admissions', formBytes(TWO_PAGES));
});
after(() => world?.stop());

const truth = (file) => forms().find((f) => f.file === file);

async function upload(login, bytes, fields = {}) {
    const { status, body, headers } = await world.as(login).upload(bytes, { fields });
    assert.equal(status, 202, JSON.stringify(body));
    assert.equal(headers.get('location'), `/api/v1/intake/${body.formId}/status`);
    return body;
}

const whole = async (login, formId) => (await world.as(login).get(`/api/v1/intake/${formId}`)).body;
const page = (formId, n) => world.as('admissions').get(`/api/v1/intake/${formId}/pages/${n}.png`);
const alertsOf = (formId) => world.sql('SELECT * FROM alerts WHERE intake_form_id = $1', [formId]);

// PNG's checksum (ISO 3309), so that a changed header is not just damaged.
function crc32(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) {
        crc ^= byte;
        for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    return ~crc >>> 0;
}

// What a second reading sees on a page image.
function readAgain(png) {
    const file = join(world.system.dir, 'log', 'again.png');
    fs.writeFileSync(file, png);
    const out = execFileSync(world.system.binary, ['read', file], { encoding: 'utf8', env: { ...process.env, OMP_THREAD_LIMIT: '1' } });
    fs.rmSync(file);
    return JSON.parse(out);
}

test('an emergency form in Spanish makes one waiting patient and one alert, and is told', async () => {
    const { formId } = uploaded[EMERGENCY];
    const form = await world.form('admissions', formId);
    assert.equal(form.status, 'PROCESSED');
    assert.equal(form.isEmergency, true);
    assert.ok(form.emergencyScore >= 0.6 && ['URGENT', 'CRITICAL'].includes(form.urgencyLevel));
    const { body: patient } = await world.as('admin').get(`/api/v1/patients/${form.patientId}`);
    assert.equal(patient.fullName, truth(EMERGENCY).fullName);
    assert.equal(patient.dateOfBirth, truth(EMERGENCY).dateOfBirth);
    assert.equal(patient.status, 'WAITING');
    assert.equal(patient.urgencyLevel, form.urgencyLevel);
    assert.equal(patient.openAlertId, form.alertId);
    assert.equal(patient.hasSsn, true);
    const alerts = await alertsOf(formId);
    assert.equal(alerts.length, 1);
    assert.equal(alerts[0].room_number, '7');
    assert.ok(alerts[0].reason.length > 0);
    for (const word of truth(EMERGENCY).fullName.split(' ').concat(truth(EMERGENCY).chiefComplaint)) assert.ok(!alerts[0].reason.includes(word), alerts[0].reason);
    const told = await uploaded.listener.next('alert:new', { where: (p) => p.alertId === form.alertId });
    assert.equal(told.payload.patientName, truth(EMERGENCY).fullName);
    await uploaded.listener.next('intake:processed', { where: (p) => p.formId === formId && p.isEmergency });
    const { parsed } = await whole('doctor', formId);
    assert.equal(parsed.language, 'es');
    assert.equal(parsed.fields.ssn, undefined);
    assert.ok(parsed.triage.reasons.some((r) => r.points > 0 || r.floor > 0));
});

test('a form with a card: masked everywhere, black on the page, the original gone', async () => {
    const { formId } = uploaded[CARD];
    const form = await world.form('admissions', formId);
    assert.equal(form.status, 'PROCESSED', JSON.stringify(form));
    assert.equal(form.isEmergency, false);
    assert.equal(form.alertId, undefined);
    assert.deepEqual([form.panDetected, form.panRedacted], [true, true]);
    assert.deepEqual(await alertsOf(formId), []);
    const { status, body, headers } = await page(formId, 1);
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'image/png');
    const again = readAgain(body);
    assert.equal(again.panDetected, false);
    for (const card of truth(CARD).cards) for (const form of cardForms(card)) assert.ok(!again.text.includes(form), form);
    assert.equal(again.fields.fullName?.value, truth(CARD).fullName, 'the page can still be read');

    const dir = join(world.system.dir, 'store', 'clinic', world.account('admin').clinicId, 'intake', formId);
    await until(() => fs.readdirSync(dir).join() === 'page-1', 'the upload removed'); // by the worker, once the form is final
    assert.ok(!fs.readFileSync(join(dir, 'page-1')).includes('PNG'), 'stored in clear');
    const [row] = await world.sql('SELECT raw_form_s3_key, parsed_json::text AS json FROM intake_forms WHERE id = $1', [formId]);
    assert.match(row.raw_form_s3_key, /page-1$/);
    assert.ok(!row.json.includes(truth(CARD).fullName.split(' ')[0]), 'PHI in clear in parsed_json');
});

test('a PDF of two pages is two images and no third', async () => {
    const { formId } = uploaded[TWO_PAGES];
    const form = await world.form('admissions', formId);
    assert.equal((await whole('doctor', formId)).pages, 2);
    assert.deepEqual((await Promise.all([0, 1, 2, 3].map((n) => page(formId, n)))).map((r) => r.status), [404, 200, 200, 404]);
    const other = await world.as('admissions-b').get(`/api/v1/intake/${formId}/pages/1.png`);
    assert.equal(other.status, 404);
    assert.equal(form.isEmergency, true);
    assert.equal(form.status, 'REVIEW'); // sampled, but its alert does not wait for a person
    assert.equal((await alertsOf(formId)).length, 1);
});

test('the review queue is most urgent first, and opening a form locks it softly', async () => {
    await world.form('admissions', uploaded[TWO_PAGES].formId);
    const queue = async () => (await world.as('admin').get('/api/v1/intake/review-queue')).body.items;
    const [urgent, doubtful] = [uploaded[TWO_PAGES].formId, uploaded[DOUBTFUL].formId];
    assert.deepEqual((await queue()).map((f) => f.formId), [urgent, doubtful]); // though it came later
    assert.equal((await whole('admissions', doubtful)).lockedBy, world.account('admissions').userId);
    const seen = await whole('admin', doubtful);
    assert.equal(seen.lockedBy, world.account('admissions').userId);
    assert.ok(Date.parse(seen.lockedUntil) > Date.now());
    assert.equal((await queue()).find((f) => f.formId === doubtful).lockedBy, world.account('admissions').userId);
    assert.equal((await queue()).find((f) => f.formId === urgent).lockedBy, null);
    assert.equal((await whole('doctor', urgent)).lockedBy, null); // who only reads takes no lock
    const { body: first } = await world.as('admin').get('/api/v1/intake/review-queue?limit=1');
    const { body: second } = await world.as('admin').get(`/api/v1/intake/review-queue?limit=1&cursor=${first.nextCursor}`);
    assert.deepEqual([first, second].map((b) => b.items[0].formId), [urgent, doubtful]);
    assert.equal(second.nextCursor, null);
});

test('confirming what is worse raises an alert, and a card typed in is masked', async () => {
    const { formId } = uploaded[DOUBTFUL];
    const before = await world.form('admissions', formId);
    assert.equal(before.status, 'REVIEW');
    assert.equal(before.alertId, undefined);
    const fields = { fullName: 'Terrence Confirmado', chiefComplaint: 'crushing chest pain, card 4111 1111 1111 1111', spo2: 84, temperatureC: 36.6 };
    const { status, body } = await world.as('admissions').patch(`/api/v1/intake/${formId}/confirm`, { fields });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.status, 'CONFIRMED');
    assert.equal(body.isEmergency, true);
    assert.ok(body.emergencyScore > before.emergencyScore);
    const alerts = await alertsOf(formId);
    assert.deepEqual(alerts.map((a) => a.id), [body.alertId]);
    await uploaded.listener.next('alert:new', { where: (p) => p.alertId === body.alertId && p.patientName === 'Terrence Confirmado' });
    const { parsed } = await whole('admissions', formId);
    assert.match(parsed.fields.chiefComplaint.value, /crushing chest pain, card \*{12}1111/);
    assert.equal(parsed.fields.spo2.value, 84);
    assert.equal((await world.as('admissions').patch(`/api/v1/intake/${formId}/confirm`, { fields })).status, 409);
    assert.equal((await world.as('admin-b').patch(`/api/v1/intake/${formId}/confirm`, { fields })).status, 404);
});

test('confirming what is better never closes an alert', async () => {
    const { formId } = uploaded[EMERGENCY];
    const before = await world.form('admissions', formId);
    const well = { heartRate: 72, respiratoryRate: 14, systolicBp: 120, diastolicBp: 80, temperatureC: 36.6, spo2: 98, consciousness: 'A', chiefComplaint: 'control' };
    const wrong = await world.as('admissions').patch(`/api/v1/intake/${formId}/confirm`, { fields: { ...well, shoeSize: '42' } });
    assert.equal(wrong.status, 400);
    const { status, body } = await world.as('admissions').patch(`/api/v1/intake/${formId}/confirm`, { fields: well });
    assert.equal(status, 200, JSON.stringify(body));
    assert.ok(body.emergencyScore < before.emergencyScore, `${body.emergencyScore} after ${before.emergencyScore}`);
    const alerts = await alertsOf(formId);
    assert.equal(alerts.length, 1);
    assert.notEqual(alerts[0].status, 'CLOSED');
    assert.equal(body.alertId, before.alertId);
    assert.equal(body.patientId, before.patientId);
});

test('a copy of a form names the first one, within the clinic only', async () => {
    const file = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(200, 3)]);
    const first = await upload('admissions', file);
    assert.equal(first.duplicateOf, undefined);
    assert.equal((await upload('admin', file)).duplicateOf, first.formId);
    assert.equal((await upload('admissions-b', file)).duplicateOf, undefined);
});

test('a file that cannot be read is FAILED with a code that says why', async () => {
    const bomb = Buffer.from(formBytes('en-below-unwell.png')); // claims 3.6 gigapixels
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
    const locked = formBytes(CARD).toString('latin1').replace(/trailer\s*<</, (m) => `${m} /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${'00'.repeat(32)}> /U <${'00'.repeat(32)}> >> `);
    const wanted = [
        [formBytes('en-below-unwell.png').subarray(0, 9000), 'damaged'],
        [bomb, 'too-many-pixels'],
        [Buffer.from(locked, 'latin1'), 'password-protected'],
    ];
    for (const [bytes, code] of wanted) {
        const { formId } = await upload('admissions', bytes);
        const form = await world.form('admissions', formId);
        assert.equal(form.status, 'FAILED');
        assert.equal(form.error, code);
        assert.equal(form.patientId, undefined);
        assert.equal((await page(formId, 1)).status, 404);
        await uploaded.listener.next('intake:processed', { where: (p) => p.formId === formId && p.requiresReview && !p.isEmergency });
    }
});

test('after all of it no card number and no name is anywhere in clear', async () => {
    const files = [EMERGENCY, CARD, TWO_PAGES, DOUBTFUL];
    const cards = files.flatMap((f) => truth(f).cards).concat('4111111111111111').flatMap(cardForms);
    assert.deepEqual(await world.scan(cards), []);
    const names = files.map((f) => truth(f).fullName).concat('Terrence Confirmado');
    assert.deepEqual(await world.scan(names, { except: ['sockets'] }), []);
});

test('no form, patient or alert was made twice, by two workers side by side', async () => {
    const rows = await world.sql(
        `SELECT f.id, f.status, count(DISTINCT a.id)::int AS alerts, count(DISTINCT l.id)::int AS finished
           FROM intake_forms f LEFT JOIN alerts a ON a.intake_form_id = f.id
           LEFT JOIN audit_logs l ON l.target_id = f.id AND l.action IN ('FORM_PROCESSED', 'FORM_FAILED')
          GROUP BY 1, 2`,
    );
    for (const row of rows.filter((r) => r.status !== 'QUEUED' && r.status !== 'OCR')) {
        assert.equal(row.finished, 1, `${row.id} finished ${row.finished} times`);
        assert.ok(row.alerts <= 1);
    }
    const [{ n }] = await world.sql(`SELECT count(*)::int AS n FROM patients`);
    assert.equal(n, 4); // one of each good form
});
