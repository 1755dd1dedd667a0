// The live channel with the stock socket.io-client: polling then upgrade, who hears what, what is
// refused and closed, and that nothing is told before it is committed.
//
// Rule: the table of who hears what is written from the contract; a listener's whole transcript is
// compared, so an event too many fails like one too few.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import pg from 'pg';

import { sleep, until } from '../../tools/lib/process.mjs';
import { monitorOf } from '../lib/monitor.mjs';
import { stopwatch } from '../lib/slowdown.mjs';
import { Listener } from '../lib/socket.mjs';
import { freezePostgres, startWorld } from '../lib/world.mjs';

const NAME = 'Zoraida Testigo Quimbaya';
const LOGINS = ['admissions', 'admin', 'doctor', 'doctor2', 'corporate', 'admissions-b', 'admin-b', 'doctor-b'];

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());

const keysOf = (payload) => Object.keys(payload).sort();
const idOf = (payload) => payload.alertId ?? payload.formId ?? `${payload.patientId} ${payload.newStatus}`;

async function everybody() {
    const people = {};
    for (const login of LOGINS) people[login] = await world.listen(login);
    return people;
}

const close = (people) => Object.values(people).forEach((l) => l.close());

async function done(status, call) {
    const answer = await call;
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    return answer.body;
}

// A file that begins like a PNG: it is FAILED at once, without OCR.
const broken = () => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, 7)]);

test('the stock client connects by polling and upgrades to WebSocket', async () => {
    const listener = new Listener(world.url, await world.token('doctor'));
    const first = await new Promise((resolve) => listener.socket.io.engine.once('open', () => resolve(listener.socket.io.engine.transport.name)));
    assert.equal(first, 'polling');
    await listener.connected();
    await until(() => listener.socket.io.engine.transport.name === 'websocket', 'the upgrade');
    const { alert } = await world.alert('admissions', { urgencyLevel: 'LOW' });
    await listener.next('alert:new', { where: (p) => p.alertId === alert.id });
    listener.close();
});

test('clients that only poll, or only speak WebSocket, hear the same', async () => {
    const polling = await world.listen('admin', { transports: ['polling'] });
    const socket = await world.listen('admin', { transports: ['websocket'] });
    const { alert } = await world.alert('admissions', { urgencyLevel: 'LOW' });
    for (const l of [polling, socket]) await l.next('alert:new', { where: (p) => p.alertId === alert.id });
    assert.deepEqual(polling.events.map((e) => e.payload), socket.events.map((e) => e.payload));
    polling.close();
    socket.close();
});

test('everybody hears what concerns clinic and role, and nothing else', async () => {
    const people = await everybody();
    const as = (login) => world.as(login);
    const clinic = async (suffix) => {
        const patient = await done(201, as(`admissions${suffix}`).post('/api/v1/patients', { fullName: NAME }));
        return { patient, raise: (more) => done(201, as(`admissions${suffix}`).post('/api/v1/alerts', { patientId: patient.id, urgencyLevel: 'LOW', roomNumber: '12', ...more })) };
    };
    const a = await clinic('');
    const b = await clinic('-b');
    const unassigned = await a.raise();
    const assigned = await a.raise({ assignedTo: world.account('doctor2').userId });
    const ofB = await b.raise();
    await done(200, as('doctor').patch(`/api/v1/alerts/${unassigned.id}/acknowledge`));
    await done(200, as('admin').post(`/api/v1/alerts/${assigned.id}/escalate`, {}));
    const form = await done(202, as('admissions').upload(broken()));
    await done(200, as('doctor').patch(`/api/v1/patients/${a.patient.id}/status`, { status: 'BEING_ATTENDED' }));
    await done(200, as('doctor-b').patch(`/api/v1/patients/${b.patient.id}/status`, { status: 'BEING_ATTENDED' }));

    // What each one hears, from the table of the contract (a registered patient's first status is a
    // change too). The alert of doctor2 has nobody of a higher
    // tier left, so it goes back to tier 1, doctor, who was never shown it.
    const moved = ({ patient }) => ['WAITING', 'BEING_ATTENDED'].map((to) => `patient:status_changed ${patient.id} ${to}`);
    const wanted = {
        admin: [`alert:new ${unassigned.id}`, `alert:new ${assigned.id}`, `alert:acknowledged ${unassigned.id}`, `alert:escalated ${assigned.id}`,
            `intake:processed ${form.formId}`, ...moved(a)],
        doctor: [`alert:new ${unassigned.id}`, `alert:new ${assigned.id}`, `alert:acknowledged ${unassigned.id}`, `alert:escalated ${assigned.id}`,
            ...moved(a)],
        doctor2: [`alert:new ${unassigned.id}`, `alert:new ${assigned.id}`, `alert:acknowledged ${unassigned.id}`, `alert:escalated ${assigned.id}`,
            ...moved(a)],
        admissions: [`intake:processed ${form.formId}`, ...moved(a)],
        corporate: [],
        'admin-b': [`alert:new ${ofB.id}`, ...moved(b)],
        'doctor-b': [`alert:new ${ofB.id}`, ...moved(b)],
        'admissions-b': [...moved(b)],
    };
    // How far a form is comes several times, to those who hear of its end too.
    const progress = (e) => e.name === 'intake:progress';
    const heard = (login) => people[login].events.filter((e) => !progress(e)).map((e) => `${e.name} ${idOf(e.payload)}`).sort();
    await until(() => LOGINS.every((l) => heard(l).length >= wanted[l].length), 'everybody told').catch(() => {});
    await sleep(1000); // one event too many would come now
    for (const login of LOGINS) {
        assert.deepEqual(heard(login), [...wanted[login]].sort(), login);
        assert.equal(people[login].events.some(progress), ['admin', 'admissions'].includes(login), login);
        for (const e of people[login].events.filter(progress)) assert.equal(e.payload.formId, form.formId);
    }

    const all = Object.values(people).flatMap((l) => l.events);
    const shapes = {
        'alert:new': ['alertId', 'patientName', 'room', 'urgencyLevel'],
        'alert:acknowledged': ['alertId', 'doctorId', 'timestamp'],
        'alert:escalated': ['alertId', 'assignedTo', 'room', 'urgencyLevel'],
        'patient:status_changed': ['newStatus', 'patientId'],
        'intake:processed': ['formId', 'isEmergency', 'requiresReview'],
        'intake:progress': ['formId', 'progress', 'status'],
    };
    for (const { name, payload } of all) assert.deepEqual(keysOf(payload), shapes[name], name);
    for (const { name, payload } of all) if (name === 'alert:new') assert.equal(payload.patientName, NAME);
    close(people);
});

test("a patient's name crosses Redis sealed and is opened only at delivery", async () => {
    const redis = world.redis.client();
    const monitor = await monitorOf(redis);
    const commands = [];
    monitor.on('monitor', (_time, args) => commands.push(args.join(' ')));
    const admin = await world.listen('admin');
    const { alert } = await world.alert('admissions', { patient: { fullName: NAME }, urgencyLevel: 'LOW' });
    const { payload } = await admin.next('alert:new', { where: (p) => p.alertId === alert.id });
    assert.equal(payload.patientName, NAME);
    const seen = () => commands.filter((c) => /^xadd /i.test(c) && c.includes(alert.id));
    await until(() => seen().length > 0, 'the stream entry seen');
    for (const word of NAME.split(' ')) assert.deepEqual(commands.filter((c) => c.includes(word)), [], word);
    assert.match(seen()[0], /\$phi/);
    await redis.call('SAVE'); // RDB and AOF are files now: the scan reads them too
    assert.deepEqual(await world.scan([NAME, 'Quimbaya'], { except: ['sockets'] }), []);
    monitor.disconnect();
    redis.disconnect();
    admin.close();
});

test('a connection without a token, or with a bad one, gets connect_error with a reason', async () => {
    const good = await world.token('doctor');
    const bad = { 'no token': undefined, 'an empty one': '', nonsense: 'nonsense', 'a number': 7, 'a changed one': `${good.slice(0, -6)}AAAAAA` };
    for (const [what, token] of Object.entries(bad)) {
        const listener = new Listener(world.url, token);
        const error = await listener.connected().then(() => null, (e) => e);
        assert.ok(error, `${what} was let in`);
        assert.ok(error.message.length > 10, error.message);
        assert.equal(error.data.status, 401, what);
        assert.equal(listener.socket.connected, false);
        listener.close();
    }
});

test('what a client sends is neither answered nor passed on', async () => {
    const loud = await world.listen('doctor');
    const other = await world.listen('admin');
    loud.socket.emit('alert:new', { alertId: 'forged' });
    loud.socket.emit('join', `c:${world.account('admin-b').clinicId}:ADMIN`);
    const { alert } = await world.alert('admissions-b', { urgencyLevel: 'LOW' });
    const mine = await world.alert('admissions', { urgencyLevel: 'LOW' });
    for (const l of [loud, other]) await l.next('alert:new', { where: (p) => p.alertId === mine.alert.id });
    for (const l of [loud, other]) assert.deepEqual(l.events.filter((e) => [alert.id, 'forged'].includes(e.payload.alertId)), []);
    loud.close();
    other.close();
});

test('a socket is closed when its token expires', async () => {
    const from = Date.now();
    const token = await world.token('doctor', { expiresIn: 6 });
    const listener = new Listener(world.url, token);
    await listener.connected();
    await until(() => listener.disconnects.length > 0, 'closed');
    assert.ok(Date.now() - from > 4900, 'closed before its time');
    assert.equal(listener.disconnects[0], 'io server disconnect');
    const again = new Listener(world.url, token);
    const error = await again.connected().then(() => null, (e) => e);
    assert.match(error?.message ?? 'let in', /expired/);
});

test('a socket is closed, and nobody let in, within 5 s after the user is deactivated', async () => {
    const { userId, clinicId } = world.account('doctor2');
    const listener = await world.listen('doctor2');
    const other = await world.listen('doctor');
    await world.system.tool(['user', 'deactivate', userId, '--clinic', clinicId]);
    const watch = stopwatch();
    await until(() => listener.disconnects.length > 0, 'closed', { every: 20 });
    watch.within(5000, 'closing');
    await until(
        async () => {
            const l = new Listener(world.url, await world.token('doctor2'));
            const refused = await l.connected().then(() => false, (e) => e.data?.status === 401);
            l.close();
            return refused;
        },
        'refused',
    );
    watch.within(10_000, 'refusing');
    assert.deepEqual(other.disconnects, []);
    other.close();
});

test('an event is told after its commit, and never when it was rolled back', async () => {
    const { clinicId } = world.account('admin');
    const listener = await world.listen('admin');
    const insert = `INSERT INTO outbox (clinic_id, kind, name, payload, rooms)
                    VALUES ($1, 'event', 'patient:status_changed', $2, ARRAY[$3])`;
    const client = new pg.Client({ connectionString: world.pg.url('postgres') });
    await client.connect();
    const write = async (patientId, end) => {
        await client.query('BEGIN');
        await client.query(insert, [clinicId, JSON.stringify({ patientId, newStatus: 'WAITING' }), `c:${clinicId}:ADMIN`]);
        await sleep(1500); // longer than the relay sleeps
        assert.deepEqual(listener.events.filter((e) => e.payload.patientId === patientId), [], 'told before the commit');
        await client.query(end);
    };
    await write('rolled-back', 'ROLLBACK');
    await write('committed', 'COMMIT');
    await client.end();
    await listener.next('patient:status_changed', { where: (p) => p.patientId === 'committed' });
    assert.deepEqual(listener.events.filter((e) => e.payload.patientId === 'rolled-back'), []);
    listener.close();
});

// ---- the loop waits for nobody -------------------------------------------------------------------
const stream = async (work) => {
    const redis = world.redis.client();
    try {
        return await work(redis);
    } finally {
        redis.disconnect();
    }
};

// The event of `alertId` as the relay put it on the stream: [fields, parsed data].
const eventOf = (alertId) =>
    stream(async (redis) => {
        const all = await redis.xrevrange('socket.io', '+', '-');
        const [, fields] = all.find(([, f]) => f.some((v) => v.includes(alertId) && v.includes('alert:new')));
        return fields;
    });

const again = (fields, change = (data) => data) =>
    stream((redis) => redis.xadd('socket.io', '*', ...fields.map((v, i) => (fields[i - 1] === 'data' ? JSON.stringify(change(JSON.parse(v))) : v))));

const sealedIn = (data) => data.packet.data.find((v) => v?.patientName);

const within = async (ms, what, promise) => {
    const watch = stopwatch();
    await promise;
    watch.within(ms, what);
};

test('with PostgreSQL frozen an event with a sealed name arrives, and the loop answers', async () => {
    const admin = await world.listen('admin');
    const { alert } = await world.alert('admissions', { urgencyLevel: 'LOW', patient: { fullName: NAME } });
    const mine = { where: (p) => p.alertId === alert.id };
    assert.equal((await admin.next('alert:new', mine)).payload.patientName, NAME);
    const fields = await eventOf(alert.id);
    freezePostgres(world, 'SIGSTOP');
    try {
        await sleep(6000); // past the time after which keys are read again
        const ready = fetch(`${world.system.metricsUrl}/readyz`); // waits for PostgreSQL
        ready.catch(() => {});
        const heard = admin.events.length;
        await again(fields);
        const [health, handshake, event] = [
            fetch(`${world.system.metricsUrl}/healthz`).then((r) => assert.equal(r.status, 200)),
            fetch(`${world.url}/socket.io/?EIO=4&transport=polling`).then((r) => assert.equal(r.status, 200)),
            until(() => admin.events.length > heard, 'the event', { every: 20 }),
        ];
        await Promise.all([within(1000, 'healthz', health), within(1000, 'handshake', handshake), within(1000, 'event', event)]);
        assert.equal(admin.events.at(-1).payload.patientName, NAME);
        assert.ok(admin.socket.connected);
    } finally {
        freezePostgres(world, 'SIGCONT');
    }
    await until(async () => (await fetch(`${world.system.metricsUrl}/readyz`)).ok, 'PostgreSQL back');
    admin.close();
});

test('an event whose key is not in memory waits for it, and those behind it keep their order', async () => {
    const admin = await world.listen('admin');
    const { alert } = await world.alert('admissions', { urgencyLevel: 'LOW', patient: { fullName: NAME } });
    await admin.next('alert:new', { where: (p) => p.alertId === alert.id });
    const fields = await eventOf(alert.id);
    const heard = admin.events.length;
    const named = (room, more) => again(fields, (data) => {
        Object.assign(sealedIn(data), { room });
        Object.assign(sealedIn(data).patientName, more);
        return data;
    });
    await named('1', {});
    await named('2', { version: 99 }); // there is no such key: read in vain, shown without the name
    await named('3', {});
    await world.system.tool(['keys', 'rotate', '--clinic', world.account('admin').clinicId]);
    const [row] = await world.sql(`SELECT encode(full_name, 'base64') AS bytes, phi_key_version AS version FROM patients WHERE id = $1`, [alert.patientId]);
    assert.ok(row.version > 1);
    await named('4', { $phi: row.bytes.replaceAll('\n', ''), version: row.version });
    await named('5', {});
    await until(() => admin.events.length >= heard + 5, 'five events');
    assert.deepEqual(admin.events.slice(heard).map(({ payload }) => [payload.room, payload.patientName]), [['1', NAME], ['2', null], ['3', NAME], ['4', NAME], ['5', NAME]]);
    admin.close();
});
