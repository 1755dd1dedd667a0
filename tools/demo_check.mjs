// `./dev demo --check`: the whole main job without a screen, from uploaded forms to the audit trail.
// Exit 0 when every line is true, 1 otherwise.
//
// Rule: it looks from outside: HTTP, sockets, what the providers got, and the bytes left on disk.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { cardForms, formBytes, forms, startWorld } from '../test/lib/world.mjs';
import { sleep } from './lib/process.mjs';
import { buildDir, root } from './lib/system.mjs';

const EMERGENCY_ES = 'es-table-vitals.tif';
const CARD_EN = 'en-table-vaccines.jpg';
const TWO_PAGES = 'en-two-pages-unwell.pdf';

let failed = 0;
async function claim(text, prove) {
    const from = performance.now();
    try {
        const note = await prove();
        const seconds = ((performance.now() - from) / 1000).toFixed(1).padStart(5);
        console.log(`ok   ${seconds} s  ${text}${note ? ` (${note})` : ''}`);
        return true;
    } catch (error) {
        failed++;
        console.log(`FAIL          ${text}\n${error.stack}`);
        return false;
    }
}

const truth = (file) => forms().find((f) => f.file === file);

async function waitFor(what, probe, seconds = 120) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const value = await probe();
        if (value) return value;
        if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
        await sleep(100);
    }
}

async function upload(world, file) {
    const at = Date.now();
    const { status, body, headers } = await world.as('admissions').upload(formBytes(file), { name: file });
    assert.equal(status, 202, JSON.stringify(body));
    assert.match(headers.get('location'), new RegExp(`^/api/v1/intake/${body.formId}/status$`));
    return { formId: body.formId, at };
}

// What a screen of each role hears.
async function listenAll(world) {
    const people = {};
    for (const login of ['doctor', 'admin', 'admissions', 'doctor2', 'doctor-b']) people[login] = await world.listen(login);
    return people;
}

async function emergency(world, people, found) {
    await claim('an emergency form in Spanish pages the doctor on duty', async () => {
        const sent = await upload(world, EMERGENCY_ES);
        found.formId = sent.formId;
        const event = await people.doctor.next('alert:new', { seconds: 240 });
        found.alertId = event.payload.alertId;
        found.name = event.payload.patientName;
        assert.ok(['CRITICAL', 'URGENT'].includes(event.payload.urgencyLevel), event.payload.urgencyLevel);
        await people.admin.next('alert:new', { where: (p) => p.alertId === found.alertId });
        found.seconds = (event.at - sent.at) / 1000;
        return `${found.seconds.toFixed(2)} seconds from upload to alert:new`;
    });
    await claim('the form says what was read and why it is urgent', async () => {
        const status = await world.form('admissions', found.formId);
        assert.equal(status.isEmergency, true);
        assert.ok(status.emergencyScore >= 0.6);
        assert.equal(status.alertId, found.alertId);
        found.patientId = status.patientId;
        const { body } = await world.as('admissions').get(`/api/v1/intake/${found.formId}`);
        assert.equal(body.parsed.language, 'es');
        assert.ok(body.parsed.triage.reasons.length > 0);
        await people.admissions.next('intake:processed', { where: (p) => p.formId === found.formId });
    });
    await claim('push and SMS went out, without the patient in them', async () => {
        const sent = (service) => world.fakes.calls(service).filter((c) => c.status === (service === 'fcm' ? 200 : 201));
        const push = await waitFor('push', () => sent('fcm').find((c) => c.body.includes(found.alertId)));
        const sms = await waitFor('SMS', () => sent('twilio').find((c) => c.method === 'POST'));
        for (const word of [...truth(EMERGENCY_ES).fullName.split(' '), ...found.name.split(' ')]) {
            assert.ok(!decodeURIComponent(push.body).includes(word), `push says ${word}`);
            assert.ok(!decodeURIComponent(sms.body.replaceAll('+', ' ')).includes(word), `SMS says ${word}`);
        }
        assert.deepEqual(world.fakes.calls().filter((c) => c.bad), []);
    });
    await claim('the alert is delivered once a provider confirms', async () => {
        const alert = await waitFor('DELIVERED', async () => {
            const { body } = await world.as('doctor').get(`/api/v1/alerts/${found.alertId}`);
            return body.status === 'DELIVERED' && body;
        });
        assert.ok(alert.pushSentAt && alert.smsSentAt);
    });
}

async function acknowledge(world, people, found) {
    await claim('the doctor acknowledges, everybody concerned sees it', async () => {
        const path = `/api/v1/alerts/${found.alertId}/acknowledge`;
        const { status, body } = await world.as('doctor').patch(path, {});
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body.status, 'ACKNOWLEDGED');
        const event = await people.admin.next('alert:acknowledged', { where: (p) => p.alertId === found.alertId });
        assert.equal(event.payload.doctorId, world.account('doctor').userId);
        assert.equal((await world.as('doctor2').patch(path, {})).status, 409);
    });
    await claim('the patient waits on the flow board', async () => {
        const { body } = await world.as('admin').get(`/api/v1/patients/${found.patientId}`);
        assert.equal(body.status, 'WAITING');
        const flow = await world.as('admin').get('/api/v1/dashboard/flow');
        assert.ok(flow.body.counts.WAITING >= 1);
    });
    await claim('another clinic neither hears of it nor finds it', async () => {
        assert.equal(people['doctor-b'].events.length, 0);
        assert.equal((await world.as('doctor-b').get(`/api/v1/alerts/${found.alertId}`)).status, 404);
        assert.equal((await world.as('admin-b').get(`/api/v1/patients/${found.patientId}`)).status, 404);
    });
    await claim('the audit trail names who did what to what', () => auditTrail(world, found));
}

// Each step of this very run: its action, by whom, to which row.
async function auditTrail(world, found) {
    const steps = [
        ['FORM_UPLOADED', 'admissions', 'intake_forms', found.formId],
        ['READ_FORM_STATUS', 'admissions', 'intake_forms', found.formId],
        ['READ_FORM', 'admissions', 'intake_forms', found.formId],
        ['CREATE_PATIENT', null, 'patients', found.patientId],
        ['ALERT_CREATED', null, 'alerts', found.alertId],
        ['READ_ALERT', 'doctor', 'alerts', found.alertId],
        ['ALERT_ACKNOWLEDGED', 'doctor', 'alerts', found.alertId],
        ['READ_PATIENT', 'admin', 'patients', found.patientId],
    ];
    const rows = async (targetId) => (await world.as('admin').get(`/api/v1/audit-logs?limit=200&targetId=${targetId}`)).body.items;
    const missing = async () => {
        const items = (await Promise.all([found.formId, found.patientId, found.alertId].map(rows))).flat();
        const userId = (login) => (login ? world.account(login).userId : null); // null: the product itself
        const is = ([action, login, table, id]) => (r) =>
            r.action === action && r.actorUserId === userId(login) && r.targetTable === table && r.targetId === id && r.outcome === 'SUCCESS';
        return steps.filter((step) => !items.some(is(step)));
    };
    await waitFor('audit rows', async () => (await missing()).length === 0).catch(async (e) => {
        throw new Error(`${e.message}: ${JSON.stringify(await missing())}`);
    });
    return `${steps.length} steps`;
}

async function otherForms(world, people) {
    await claim('a non-emergency in English with a card number alerts nobody', async () => {
        const before = people.admin.events.filter((e) => e.name === 'alert:new').length;
        const { formId } = await upload(world, CARD_EN);
        const status = await world.form('admissions', formId);
        assert.equal(status.isEmergency, false);
        assert.equal(status.panDetected, true);
        assert.equal(status.panRedacted, true);
        const page = await world.as('admissions').get(`/api/v1/intake/${formId}/pages/1.png`);
        assert.equal(page.status, 200);
        assert.equal(page.body.subarray(1, 4).toString(), 'PNG');
        assert.equal(people.admin.events.filter((e) => e.name === 'alert:new').length, before);
    });
    await claim('a PDF of two pages is read whole', async () => {
        const { formId } = await upload(world, TWO_PAGES);
        const status = await world.form('admissions', formId);
        assert.notEqual(status.status, 'FAILED', status.error);
        for (const n of [1, 2])
            assert.equal((await world.as('admissions').get(`/api/v1/intake/${formId}/pages/${n}.png`)).status, 200);
        assert.equal((await world.as('admissions').get(`/api/v1/intake/${formId}/pages/3.png`)).status, 404);
    });
}

async function nothingLeaks(world) {
    const used = [EMERGENCY_ES, CARD_EN, TWO_PAGES].map(truth);
    await claim('no card number is anywhere as bytes', async () => {
        const needles = used.flatMap((f) => f.cards).flatMap(cardForms);
        assert.deepEqual(await world.scan(needles), []);
        const leaks = world.fakes.calls().flatMap((c) => c.leaks ?? []);
        assert.deepEqual(leaks, []);
        return `${needles.length} ways of writing, in PostgreSQL, Redis, logs, store, sockets, fakes`;
    });
    await claim('nothing that says who a patient is or what ails them is stored, queued, logged or sent in clear', async () => {
        const needles = used.flatMap((f) => [f.fullName, f.insuranceId, f.nationalId, f.phone, f.dateOfBirth, f.chiefComplaint]);
        assert.ok(needles.every(Boolean), 'a form of the list says nothing to look for');
        assert.deepEqual(await world.scan(needles, { except: ['sockets'] }), []);
        return `${needles.length} values`;
    });
}

async function main() {
    const from = Date.now();
    const onStep = (name, ms) => console.log(`     ${(ms / 1000).toFixed(1).padStart(5)} s  ${name}`);
    const world = await startWorld({ dir: join(root, 'var', 'check'), build: buildDir(), workers: 2, onStep });
    process.once('SIGINT', () => world.stop().finally(() => process.exit(1)));
    process.once('SIGTERM', () => world.stop().finally(() => process.exit(1)));
    const found = {};
    try {
        const people = await listenAll(world);
        await emergency(world, people, found);
        if (found.alertId) await acknowledge(world, people, found);
        await otherForms(world, people);
        await nothingLeaks(world);
    } catch (error) {
        failed++;
        console.log(`FAIL ${error.stack}`);
    }
    await claim('every part stops when asked', () => world.stop());
    if (found.seconds) console.log(`${found.seconds.toFixed(2)} seconds from upload to alert:new`);
    console.log(`${failed ? 'FAILED' : 'passed'} in ${((Date.now() - from) / 1000).toFixed(1)} s`);
    return failed ? 1 : 0;
}

process.exit(await main().catch((error) => (console.log(error.stack), 1)));
