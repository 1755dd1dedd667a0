// Alerts end to end: raised, paged by push and SMS, acknowledged, escalated, closed, under faults too.
//
// Rule: every test acknowledges what it raised, so that no timer of one runs into another.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { sleep, until } from '../../tools/lib/process.mjs';
import { patience, startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());
afterEach(async () => {
    world.fakes.control('clearfaults');
    await policy({});
    const { body } = await world.as('admin').get('/api/v1/alerts?limit=200');
    for (const a of body.items)
        if (a.status !== 'ACKNOWLEDGED') await world.as('admin').patch(`/api/v1/alerts/${a.id}/acknowledge`);
    await world.as('doctor').post('/api/v1/devices', { token: 'demo-device-doctor', platform: 'android' });
    await world.sql('UPDATE users SET sms_opted_out = false');
});

const path = (alert, rest = '') => `/api/v1/alerts/${alert.id}${rest}`;
const show = async (alert) => (await world.as('admin').get(path(alert))).body;
const raise = async (more = {}) => (await world.alert('admissions', more)).alert;
const acknowledge = (login, alert, body, headers) =>
    world.as(login).patch(path(alert, '/acknowledge'), body, headers);
const policy = (levels) =>
    world.sql('UPDATE clinic_settings SET alert_policy = $1', [JSON.stringify({ ...patience, ...levels })]);
const pushes = (alert) => world.fakes.calls('fcm').filter((c) => c.body.includes(alert.id));
const texts = (alert) => world.fakes.calls('twilio').filter((c) => c.body?.includes(alert.id));
const reaches = (alert, test, what) => until(async () => test(await show(alert)), what, { every: 100 });
const timeline = async (alert) =>
    (await world.as('admin').get(path(alert, '/timeline'))).body.items.map((i) => i.event);

test('the doctor on duty is paged by push and SMS, and neither names the patient or the reason', async () => {
    const name = 'Zenobia Canaria';
    const alert = await raise({ patient: { fullName: name }, urgencyLevel: 'CRITICAL', roomNumber: '7B', reason: 'dolor secreto' });
    assert.equal(alert.status, 'PENDING');
    assert.deepEqual(alert.deliveries, []);
    await reaches(alert, (a) => a.status === 'DELIVERED' && a.deliveries.some((d) => d.status === 'delivered'), 'delivered');
    const now = await show(alert);
    assert.ok(now.pushSentAt && now.smsSentAt);
    assert.deepEqual(now.deliveries.map((d) => `${d.channel} ${d.attempt} ${d.status}`).sort(), ['push 1 accepted', 'sms 1 delivered']);
    const sent = [...pushes(alert), ...texts(alert)];
    assert.equal(sent.length, 2);
    for (const call of sent) {
        const body = decodeURIComponent(call.body);
        assert.equal(call.bad, undefined);
        assert.match(body, /CRITICAL/);
        assert.match(body, /7B/);
        assert.match(body, /San Rafael/);
        assert.ok(body.includes(`${world.url}/alerts/${alert.id}`));
        assert.doesNotMatch(body, /Zenobia|Canaria|secreto/);
    }
    assert.deepEqual(await world.scan(['Zenobia', 'Canaria']), []);
    const steps = await timeline(alert);
    assert.deepEqual(steps.slice(0, 2), ['CREATED', 'PAGED']);
    for (const step of ['PUSH_SENT', 'SMS_SENT', 'DELIVERED', 'SMS_DELIVERED']) assert.ok(steps.includes(step), step);
});

test('alert:new reaches ADMIN and the doctors on duty with the name, and nobody else', async () => {
    const [doctor, admin, admissions, other] = await Promise.all(
        ['doctor', 'admin', 'admissions', 'admin-b'].map((login) => world.listen(login)),
    );
    const alert = await raise({ patient: { fullName: 'Prueba Evento' }, roomNumber: '4' });
    const expected = { alertId: alert.id, urgencyLevel: 'URGENT', room: '4', patientName: 'Prueba Evento' };
    const mine = { where: (p) => p.alertId === alert.id };
    assert.deepEqual((await doctor.next('alert:new', mine)).payload, expected);
    assert.deepEqual((await admin.next('alert:new', mine)).payload, expected);
    const { body } = await acknowledge('doctor', alert, { attend: true });
    const told = (await admin.next('alert:acknowledged', mine)).payload;
    assert.deepEqual(told, { alertId: alert.id, doctorId: world.account('doctor').userId, timestamp: body.acknowledgedAt });
    const moved = await admissions.next('patient:status_changed', { where: (p) => p.patientId === alert.patientId && p.newStatus === 'BEING_ATTENDED' });
    assert.ok(moved);
    const ofB = await world.as('admissions-b').post('/api/v1/patients', { fullName: 'Prueba De Allá' });
    await other.next('patient:status_changed', { where: (p) => p.patientId === ofB.body.id }); // what came before it was heard
    for (const listener of [admissions, other])
        assert.deepEqual(listener.events.filter((e) => e.name.startsWith('alert:')), []);
    assert.equal(doctor.events.filter((e) => e.name === 'alert:new' && e.payload.alertId === alert.id).length, 1);
});

test('the second to acknowledge is told who was first; the first one again is fine', async () => {
    const alert = await raise();
    const first = await acknowledge('doctor', alert);
    assert.equal(first.status, 200);
    assert.equal(first.body.acknowledgedBy, world.account('doctor').userId);
    const again = await acknowledge('doctor', alert);
    assert.equal(again.status, 200);
    assert.equal(again.body.acknowledgedAt, first.body.acknowledgedAt);
    const second = await acknowledge('doctor2', alert);
    assert.equal(second.status, 409);
    assert.equal(second.body.type, '/problems/conflict');
    assert.match(second.body.detail, /Dra\. Elena Prueba/);
    const escalated = await world.as('admin').post(path(alert, '/escalate'));
    assert.equal(escalated.status, 409);
});

test('twenty acknowledgements at once have one winner', async () => {
    const alert = await raise();
    const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => acknowledge(i % 2 ? 'doctor' : 'doctor2', alert)),
    );
    const { acknowledgedBy } = await show(alert);
    for (const [i, { status }] of answers.entries()) {
        const winner = acknowledgedBy === world.account(i % 2 ? 'doctor' : 'doctor2').userId;
        assert.equal(status, winner ? 200 : 409);
    }
    assert.equal((await timeline(alert)).filter((e) => e === 'ACKNOWLEDGED').length, 1);
});

test('an assigned alert is for its assignee and the ADMIN', async () => {
    const alert = await raise({ assignedTo: world.account('doctor').userId });
    const refused = await acknowledge('doctor2', alert);
    assert.equal(refused.status, 403);
    assert.equal((await world.as('doctor2').get('/api/v1/alerts')).body.items.find((a) => a.id === alert.id), undefined);
    assert.ok((await world.as('doctor2').get('/api/v1/alerts?scope=clinic')).body.items.find((a) => a.id === alert.id));
    assert.equal((await acknowledge('admin', alert)).status, 200);
    const nobody = await world.as('admissions').post('/api/v1/alerts', {
        patientId: alert.patientId,
        urgencyLevel: 'LOW',
        assignedTo: world.account('doctor-b').userId,
    });
    assert.equal(nobody.status, 400);
    assert.equal(nobody.body.errors[0].pointer, '/assignedTo');
});

test('closing is for who acknowledged it or an ADMIN, and only after that', async () => {
    const alert = await raise();
    assert.equal((await world.as('doctor').patch(path(alert, '/close'))).status, 409);
    await acknowledge('doctor', alert);
    assert.equal((await world.as('doctor2').patch(path(alert, '/close'))).status, 403);
    const closed = await world.as('doctor').patch(path(alert, '/close'));
    assert.equal(closed.body.status, 'CLOSED');
    assert.equal((await world.as('admin').patch(path(alert, '/close'))).status, 409);
    assert.equal((await acknowledge('doctor', alert)).status, 409);
    assert.equal((await world.as('admin').get('/api/v1/alerts')).body.items.find((a) => a.id === alert.id), undefined);
    const [listed] = (await world.as('admin').get('/api/v1/alerts?status=CLOSED')).body.items.filter((a) => a.id === alert.id);
    assert.equal(listed.status, 'CLOSED');
});

test('an alert moves its patient up the waiting list, and a lesser one never down', async () => {
    const level = async (a) =>
        (await world.as('admin').get(`/api/v1/patients/${a.patientId}`)).body.urgencyLevel;
    const alert = await raise({ urgencyLevel: 'CRITICAL' });
    assert.equal(await level(alert), 'CRITICAL');
    const waiting = (await world.as('admin').get('/api/v1/patients?status=WAITING&limit=200')).body.items;
    const at = waiting.findIndex((p) => p.id === alert.patientId);
    assert.ok(at >= 0);
    assert.ok(waiting.slice(0, at).every((p) => p.urgencyLevel === 'CRITICAL'));
    const { status } = await world.as('admissions').post('/api/v1/alerts', {
        patientId: alert.patientId,
        urgencyLevel: 'LOW',
    });
    assert.equal(status, 201);
    assert.equal(await level(alert), 'CRITICAL');
});

test('discharging a patient closes the open alerts', async () => {
    const alert = await raise();
    const status = `/api/v1/patients/${alert.patientId}/status`;
    await world.as('doctor').patch(status, { status: 'BEING_ATTENDED' });
    assert.equal((await world.as('doctor').patch(status, { status: 'DISCHARGED' })).status, 200);
    assert.equal((await show(alert)).status, 'CLOSED');
    const rows = await world.sql(`SELECT 1 FROM audit_logs WHERE action = 'ALERT_CLOSED' AND target_id = $1`, [alert.id]);
    assert.equal(rows.length, 1);
});

test('If-Match refuses a change of what was not read', async () => {
    const alert = await raise();
    await reaches(alert, (a) => a.deliveries.map((d) => `${d.channel} ${d.status}`).sort().join() === 'push accepted,sms delivered', 'nothing more to come');
    const read = async () => (await world.as('admin').get(path(alert))).headers.get('etag');
    const close = (etag) => world.as('admin').patch(path(alert, '/close'), {}, { 'if-match': etag });
    const etag = await read();
    assert.equal((await acknowledge('doctor', alert, {}, { 'if-match': etag })).status, 200);
    assert.equal((await close(etag)).status, 412);
    assert.equal((await show(alert)).status, 'ACKNOWLEDGED');
    assert.equal((await close(await read())).status, 200);
});

test('to another clinic the alert does not exist', async () => {
    const alert = await raise();
    const admin = world.as('admin-b');
    assert.equal((await admin.get(path(alert))).status, 404);
    assert.equal((await admin.get(path(alert, '/timeline'))).status, 404);
    assert.equal((await acknowledge('doctor-b', alert)).status, 404);
    assert.equal((await admin.post(path(alert, '/escalate'))).status, 404);
    assert.equal((await admin.patch(path(alert, '/close'))).status, 404);
    assert.deepEqual((await admin.get('/api/v1/alerts')).body.items, []);
    const foreign = await world.as('admissions-b').post('/api/v1/alerts', { patientId: alert.patientId, urgencyLevel: 'LOW' });
    assert.equal(foreign.status, 404);
    assert.equal((await show(alert)).acknowledgedAt, null);
});

test('a wrong request is named, and card numbers in free text are masked', async () => {
    const alert = await raise({ reason: 'tarjeta 4111 1111 1111 1111', roomNumber: '5500005555555559' });
    assert.doesNotMatch(JSON.stringify(alert), /4111 1111|5500005555555559/);
    const post = (body) => world.as('admissions').post('/api/v1/alerts', body);
    const good = { patientId: alert.patientId, urgencyLevel: 'LOW' };
    for (const [more, pointer] of [
        [{ color: 'red' }, '/color'],
        [{ urgencyLevel: 'HUGE' }, '/urgencyLevel'],
        [{ patientId: 'x' }, '/patientId'],
        [{ roomNumber: 'x'.repeat(65) }, '/roomNumber'],
    ]) {
        const { status, body } = await post({ ...good, ...more });
        assert.equal(status, 400);
        assert.equal(body.errors[0].pointer, pointer);
    }
    assert.equal((await acknowledge('doctor', alert, { attend: 'yes' })).status, 400);
    assert.equal((await world.as('doctor').patch(path(alert, '/close'), { why: 1 })).status, 400);
    assert.equal((await world.as('doctor').get('/api/v1/alerts?scope=all')).status, 400);
    assert.equal((await world.as('doctor').get('/api/v1/alerts?color=red')).status, 400);
});

test('the list is most urgent first, then oldest, and pages without gaps', async () => {
    const levels = ['LOW', 'CRITICAL', 'MODERATE', 'URGENT', 'CRITICAL', 'LOW'];
    const made = [];
    for (const urgencyLevel of levels) made.push(await raise({ urgencyLevel }));
    const ids = new Set(made.map((a) => a.id));
    const got = [];
    let cursor = '';
    for (let i = 0; i < 100; i++) {
        const { body } = await world.as('doctor').get(`/api/v1/alerts?limit=2${cursor && `&cursor=${cursor}`}`);
        got.push(...body.items.filter((a) => ids.has(a.id)));
        if (!body.nextCursor) break;
        cursor = body.nextCursor;
    }
    const order = [1, 4, 3, 2, 0, 5].map((i) => made[i].id);
    assert.deepEqual(got.map((a) => a.id), order);
    const { body } = await world.as('doctor').get('/api/v1/alerts?urgencyLevel=LOW');
    assert.deepEqual([...new Set(body.items.map((a) => a.urgencyLevel))], ['LOW']);
});

test('nobody acknowledges: the next tier, then every ADMIN and an alarm, never silence', async () => {
    const [admin, doctor2] = [await world.listen('admin'), await world.listen('doctor2')];
    await policy({ CRITICAL: { escalateAfterS: 2 } });
    const alert = await raise({ urgencyLevel: 'CRITICAL', roomNumber: '1', assignedTo: world.account('doctor').userId });
    const mine = (assignedTo) => ({ where: (p) => p.alertId === alert.id && p.assignedTo === assignedTo });
    const second = world.account('doctor2').userId;
    const { payload } = await admin.next('alert:escalated', mine(second));
    assert.deepEqual(payload, { alertId: alert.id, urgencyLevel: 'CRITICAL', room: '1', assignedTo: second });
    await doctor2.next('alert:new', { where: (p) => p.alertId === alert.id });
    await until(() => texts(alert).some((c) => c.body.includes('15555550102')), 'the SMS to the second doctor');
    await admin.next('alert:escalated', mine(null));
    const now = await show(alert);
    assert.equal(now.status, 'ESCALATED');
    assert.equal(now.assignedTo, null);
    const paged = await world.sql(`SELECT user_id FROM alert_events WHERE alert_id = $1 AND event = 'PAGED' ORDER BY id`, [alert.id]);
    assert.deepEqual(paged.map((r) => r.user_id), ['doctor', 'doctor2', 'admin'].map((l) => world.account(l).userId));
    assert.equal((await acknowledge('doctor2', alert)).status, 200);
});

test('an inactive doctor is never paged', async () => {
    const { userId } = world.account('doctor2');
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId]);
    try {
        const alert = await raise();
        const { body } = await world.as('doctor').post(path(alert, '/escalate'), { reason: 'ocupada' });
        assert.equal(body.status, 'ESCALATED');
        assert.equal(body.assignedTo, null);
        assert.deepEqual(texts(alert).filter((c) => c.body.includes('15555550102')), []);
    } finally {
        await world.sql('UPDATE users SET is_active = true WHERE id = $1', [userId]);
    }
});

test('MODERATE is a push now and an SMS only when nobody acknowledged', async () => {
    await policy({ MODERATE: { smsAfterS: 3, escalateAfterS: 60 } });
    const [alert, answered] = [await raise({ urgencyLevel: 'MODERATE' }), await raise({ urgencyLevel: 'MODERATE' })];
    await reaches(alert, (a) => a.pushSentAt, 'the push');
    assert.equal((await show(alert)).smsSentAt, null);
    await acknowledge('doctor', answered);
    await reaches(alert, (a) => a.smsSentAt, 'the SMS');
    assert.equal(texts(answered).length, 0);
    assert.equal(texts(alert).length, 1);
    assert.equal(pushes(alert).length, 1);
});

test('FCM that is busy is tried again when it asks to, and one push arrives', async () => {
    world.fakes.control('fault', { svc: 'fcm', mode: 'status', status: 503, retryAfter: 2, n: 1 });
    const alert = await raise();
    await reaches(alert, (a) => a.pushSentAt, 'the push');
    const tries = pushes(alert);
    assert.deepEqual(tries.map((c) => c.status), [503, 200]);
    assert.ok(tries[1].t - tries[0].t >= 1900, `${tries[1].t - tries[0].t} ms`);
    const rows = (await show(alert)).deliveries.filter((d) => d.channel === 'push');
    assert.deepEqual(rows.map((d) => [d.attempt, d.status]), [[1, 'failed'], [2, 'accepted']]);
    assert.match(rows[0].error, /^temporary-503/);
});

test('a device that is gone is forgotten, and its owner gets the SMS at once', async () => {
    await world.as('doctor').delete('/api/v1/devices', { token: 'demo-device-doctor', platform: 'android' });
    await world.as('doctor').post('/api/v1/devices', { token: 'dead-device', platform: 'ios' });
    const alert = await raise({ urgencyLevel: 'MODERATE' });
    await reaches(alert, (a) => a.smsSentAt, 'the SMS');
    const [push] = (await show(alert)).deliveries.filter((d) => d.channel === 'push');
    assert.equal(push.status, 'failed');
    assert.equal(push.error, 'UNREGISTERED');
    const devices = await world.sql('SELECT 1 FROM devices WHERE user_id = $1', [world.account('doctor').userId]);
    assert.equal(devices.length, 0);
});

test('when nobody paged can be reached, the next tier is paged at once', async () => {
    await world.as('doctor').delete('/api/v1/devices', { token: 'demo-device-doctor', platform: 'android' });
    await world.sql('UPDATE users SET sms_opted_out = true WHERE id = $1', [world.account('doctor').userId]);
    const alert = await raise();
    await reaches(alert, (a) => a.status === 'ESCALATED' && a.pushSentAt, 'the second doctor paged');
    assert.equal((await show(alert)).assignedTo, world.account('doctor2').userId);
    assert.ok((await timeline(alert)).includes('UNREACHABLE'));
});

// One byte of a sealed value changed where only the superuser reaches; the function puts it back.
async function damage(table, column, id) {
    const [{ bytes }] = await world.sql(`SELECT encode(${column}, 'hex') AS bytes FROM ${table} WHERE id = $1`, [id]);
    const n = bytes.length / 2 - 8;
    await world.sql(`UPDATE ${table} SET ${column} = set_byte(${column}, $2, get_byte(${column}, $2) # 1) WHERE id = $1`, [id, n]);
    return () => world.sql(`UPDATE ${table} SET ${column} = decode($2, 'hex') WHERE id = $1`, [id, bytes]);
}

test('a number and a name that cannot be read stop neither the pages of the others nor the lists', async () => {
    const [doctor, doctor2] = ['doctor', 'doctor2'].map((login) => world.account(login).userId);
    const before = (await world.as('admin').get('/api/v1/on-call')).body.shifts;
    const admin = await world.listen('admin');
    const repairs = [];
    try {
        const both = before.map(({ userId, startsAt, endsAt }) => ({ userId, tier: 1, startsAt, endsAt }));
        assert.equal((await world.as('admin').put('/api/v1/on-call', { shifts: both })).status, 200);
        await world.as('doctor').delete('/api/v1/devices', { token: 'demo-device-doctor', platform: 'android' });
        repairs.push(await damage('users', 'phone_e164', doctor));
        const patient = (await world.as('admissions').post('/api/v1/patients', { fullName: 'Prueba Rota', dateOfBirth: '1980-01-02' })).body;
        repairs.push(await damage('patients', 'full_name', patient.id));
        const raised = await world.as('admissions').post('/api/v1/alerts', { patientId: patient.id, urgencyLevel: 'CRITICAL', roomNumber: '3' });
        assert.equal(raised.status, 201, JSON.stringify(raised.body));
        const alert = raised.body;
        const told = await admin.next('alert:new', { where: (p) => p.alertId === alert.id });
        assert.equal(told.payload.patientName, null);
        const tried = async () =>
            world.sql('SELECT user_id, channel, status, error FROM alert_deliveries WHERE alert_id = $1', [alert.id]);
        const got = (rows, user, channel) => rows.find((r) => r.user_id === user && r.channel === channel);
        await until(async () => {
            const rows = await tried();
            return got(rows, doctor, 'sms')?.status === 'failed' && got(rows, doctor2, 'sms')?.status === 'delivered' && got(rows, doctor2, 'push')?.status === 'accepted';
        }, 'one failed, the other paged', { every: 100 });
        assert.equal(got(await tried(), doctor, 'sms').error, 'unreadable-address');
        const listed = await world.as('doctor2').get('/api/v1/alerts');
        assert.equal(listed.status, 200);
        assert.equal(listed.body.items.find((a) => a.id === alert.id).patientName, null);
        const patients = await world.as('admissions').get('/api/v1/patients?status=WAITING&limit=200');
        assert.equal(patients.status, 200);
        const row = patients.body.items.find((p) => p.id === patient.id);
        assert.deepEqual([row.fullName, row.dateOfBirth], [null, '1980-01-02']);
        assert.equal((await acknowledge('doctor2', alert, { attend: true })).status, 200);
    } finally {
        for (const repair of repairs) await repair();
        await world.as('admin').put('/api/v1/on-call', { shifts: before.map(({ userId, tier, startsAt, endsAt }) => ({ userId, tier, startsAt, endsAt })) });
    }
});

test('a worker killed between send and record loses nothing', async () => {
    world.fakes.control('fault', { svc: 'fcm', mode: 'delay', ms: 4000, n: 1 });
    const alert = await raise();
    await until(() => pushes(alert).length === 1, 'the push under way', { every: 20 });
    await world.system.works[0].stop({ signal: 'SIGKILL' });
    await world.system.startWork(1);
    await reaches(alert, (a) => a.pushSentAt, 'the push recorded');
    const rows = (await show(alert)).deliveries.filter((d) => d.channel === 'push');
    assert.deepEqual(rows.map((d) => d.status), ['failed', 'accepted']);
    assert.equal(rows[0].error, 'temporary-interrupted');
    assert.equal(texts(alert).filter((c) => c.status === 201).length, 1);
});

const callback = (alert) => new URLSearchParams(texts(alert)[0].body).get('StatusCallback');
// Lets the fake call our webhook; the status it was answered with.
async function hook(json) {
    const answers = () => world.fakes.calls('hook-out').filter((c) => c.path === json.url);
    const from = answers().length;
    world.fakes.control('hook', json);
    await until(() => answers().length > from, 'the webhook', { every: 20 });
    return answers().at(-1).status;
}

test('an SMS that will not arrive escalates at once; a forged report changes nothing', async () => {
    const alert = await raise();
    await reaches(alert, (a) => a.deliveries.some((d) => d.channel === 'sms' && d.status === 'delivered'), 'delivered');
    const row = () => world.sql(`SELECT id, provider_id FROM alert_deliveries WHERE alert_id = $1 AND channel = 'sms'`, [alert.id]);
    const [{ provider_id: sid }] = await row();
    const report = { url: callback(alert), sid, to: '+15555550101', status: 'undelivered' };
    assert.equal(await hook({ ...report, forge: true }), 403);
    assert.equal(await hook({ ...report, url: report.url.replace(/d=.{8}/, 'd=00000000') }), 404);
    assert.equal((await show(alert)).status, 'DELIVERED');
    await world.sql(`UPDATE alert_deliveries SET status = 'accepted' WHERE alert_id = $1 AND channel = 'sms'`, [alert.id]);
    assert.equal(await hook(report), 204);
    const now = await show(alert);
    assert.equal(now.status, 'ESCALATED');
    assert.equal(now.assignedTo, world.account('doctor2').userId);
    assert.equal(await hook(report), 204);
    assert.equal((await timeline(alert)).filter((e) => e === 'ESCALATED').length, 1);
});

const reply = (body, sid = `SM${Math.random().toString(16).slice(2).padEnd(32, '0')}`) =>
    hook({
        url: `${world.url}/webhooks/twilio/inbound`,
        params: { MessageSid: sid, From: '+15555550101', To: '+15005550006', Body: body, AccountSid: 'AC' },
    });

test('a doctor answers by SMS: 2 escalates once, 1 acknowledges, STOP ends them', async () => {
    const alert = await raise();
    await reaches(alert, (a) => a.smsSentAt, 'the SMS');
    const sid = `SM${'e'.repeat(32)}`;
    assert.equal(await reply('2', sid), 200);
    assert.equal(await reply('2', sid), 200);
    assert.equal((await timeline(alert)).filter((e) => e === 'ESCALATED').length, 1);
    assert.equal(await reply(' 1 '), 200);
    const now = await show(alert);
    assert.equal(now.status, 'ACKNOWLEDGED');
    assert.equal(now.acknowledgedBy, world.account('doctor').userId);
    assert.equal(await reply('Stop'), 200);
    assert.equal((await world.as('doctor').get('/api/v1/me')).body.smsOptedOut, true);
    const next = await raise();
    await reaches(next, (a) => a.pushSentAt, 'the push');
    await sleep(500);
    assert.equal(texts(next).length, 0);
    assert.equal(await reply('START'), 200);
    assert.equal((await world.as('doctor').get('/api/v1/me')).body.smsOptedOut, false);
});

test('what is done with an alert is in the audit trail', async () => {
    const alert = await raise();
    await reaches(alert, (a) => a.pushSentAt && a.smsSentAt, 'sent');
    await world.as('doctor').post(path(alert, '/escalate'));
    await acknowledge('doctor2', alert);
    await world.as('doctor2').patch(path(alert, '/close'));
    const rows = await world.sql('SELECT action, actor_role FROM audit_logs WHERE target_id = $1', [alert.id]);
    const actions = new Set(rows.map((r) => r.action));
    for (const action of ['ALERT_CREATED', 'PUSH_SENT', 'SMS_SENT', 'ALERT_ESCALATED', 'ALERT_ACKNOWLEDGED', 'ALERT_CLOSED'])
        assert.ok(actions.has(action), action);
});

test('the roster is replaced as a whole, and a wrong one changes nothing', async () => {
    const admin = world.as('admin');
    const kept = (await admin.get('/api/v1/on-call')).body.shifts;
    const shift = (login, from, to, tier = 1) => ({
        userId: world.account(login).userId,
        tier,
        startsAt: new Date(Date.now() + from * 3.6e6).toISOString(),
        endsAt: new Date(Date.now() + to * 3.6e6).toISOString(),
    });
    for (const [shifts, pointer] of [
        [[shift('doctor', 2, 1)], '/shifts/0/endsAt'],
        [[shift('doctor', 0, 1), shift('admissions', 0, 1)], '/shifts/1/userId'],
        [[shift('doctor', 0, 1), shift('doctor-b', 0, 1)], '/shifts/1/userId'],
        [[shift('doctor', 0, 2), shift('doctor', 1, 3, 2)], '/shifts/1'],
        [[shift('doctor', 0, 1, 0)], '/shifts/0/tier'],
        [[{ ...shift('doctor', 0, 1), color: 1 }], '/shifts/0/color'],
    ]) {
        const { status, body } = await admin.put('/api/v1/on-call', { shifts });
        assert.equal(status, 400, JSON.stringify(body));
        assert.equal(body.errors[0].pointer, pointer);
    }
    assert.deepEqual((await admin.get('/api/v1/on-call')).body.shifts, kept);
    assert.equal((await world.as('doctor').put('/api/v1/on-call', { shifts: [] })).status, 403);
    const put = await admin.put('/api/v1/on-call', { shifts: [] });
    assert.deepEqual(put.body, { shifts: [], onDuty: [] });
    const watcher = await world.listen('admin');
    const alert = await raise({ urgencyLevel: 'LOW' });
    await watcher.next('alert:escalated', { where: (p) => p.alertId === alert.id && p.assignedTo === null });
    assert.equal((await acknowledge('doctor', alert)).status, 403);
    const again = await admin.put('/api/v1/on-call', { shifts: kept });
    assert.equal(again.status, 200);
    assert.equal(again.body.onDuty.length, 2);
});

test('a device belongs to who signed in last, and its token is nowhere in clear', async () => {
    const token = 'token-of-a-shared-phone';
    const device = { token, platform: 'web' };
    const first = await world.as('doctor').post('/api/v1/devices', device);
    assert.equal(first.status, 201);
    const second = await world.as('doctor2').post('/api/v1/devices', device);
    assert.equal(second.body.id, first.body.id);
    assert.equal((await world.as('doctor').delete('/api/v1/devices', device)).status, 204);
    const rows = await world.sql('SELECT user_id, token, token_hash FROM devices WHERE id = $1', [first.body.id]);
    assert.equal(rows[0].user_id, world.account('doctor2').userId);
    assert.ok(!rows[0].token.includes(token) && !rows[0].token_hash.includes(token));
    assert.equal((await world.as('doctor2').delete('/api/v1/devices', device)).status, 204);
    assert.equal((await world.sql('SELECT 1 FROM devices WHERE id = $1', [first.body.id])).length, 0);
    assert.equal((await world.as('corporate').post('/api/v1/devices', device)).status, 201);
});
