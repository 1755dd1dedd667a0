// The live channel where it gets narrow: numbers and gaps, events sent twice, streams that were
// trimmed or lost, forged joins, stolen sessions, bad input, slow readers, users who change.
//
// Rule: a loss is really caused (a row taken away, a stream trimmed, a worker killed), never told to
// the product.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';

import pg from 'pg';

import { sleep, until } from '../../tools/lib/process.mjs';
import { Numbers } from '../lib/numbers.mjs';
import { stopwatch } from '../lib/slowdown.mjs';
import { Listener } from '../lib/socket.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());

const work = () => world.system.works[0];
const serve = () => world.system.serve;
const STATUS = 'patient:status_changed';
const room = (role, login = 'admin') => `c:${world.account(login).clinicId}:${role}`;

// Events as a transaction of the product writes them, each in a transaction of its own.
async function tell(names, rooms = [room('ADMIN')], login = 'admin') {
    const insert = `INSERT INTO outbox (clinic_id, kind, name, payload, rooms) VALUES ($1, 'event', $2, $3, $4)`;
    for (const patientId of names)
        await world.sql(insert, [world.account(login).clinicId, STATUS, JSON.stringify({ patientId, newStatus: 'WAITING' }), rooms]);
}
const heard = (listener) => listener.events.filter((e) => e.name === STATUS).map((e) => e.payload.patientId);
const hears = (listener, name) => listener.next(STATUS, { where: (p) => p.patientId === name });
const relayed = () => until(async () => (await world.sql('SELECT 1 FROM outbox')).length === 0, 'the outbox relayed');

async function redis(action) {
    const client = world.redis.client();
    try {
        return await action(client);
    } finally {
        client.disconnect();
    }
}

async function metric(name) {
    const text = await (await fetch(`${world.system.metricsUrl}/metrics`)).text();
    const line = text.split('\n').find((l) => l.startsWith(`nexacore_live_${name} `));
    assert.ok(line, name);
    return Number(line.split(' ').at(-1));
}

// ---- numbers ------------------------------------------------------------------------------------

test('whoever hears some of the events of a clinic sees each number follow the one before', async () => {
    const logins = ['admin', 'doctor', 'doctor2', 'admissions', 'admin-b'];
    const people = Object.fromEntries(await Promise.all(logins.map(async (l) => [l, await world.listen(l)])));
    await Promise.all([0, 1, 2].map(async (n) => {
        const { alert, patient } = await world.alert('admissions', n === 1 ? { assignedTo: world.account('doctor2').userId } : {});
        await world.as('doctor').patch(`/api/v1/patients/${patient.id}/status`, { status: 'BEING_ATTENDED' });
        await world.as('admin').post(`/api/v1/alerts/${alert.id}/escalate`, {});
        await world.alert('admissions-b', {});
    }));
    await tell(['end'], ['ADMIN', 'DOCTOR', 'ADMISSIONS'].map((role) => room(role)));
    await tell(['end'], [room('ADMIN', 'admin-b')], 'admin-b');
    let skipped = 0;
    for (const [login, listener] of Object.entries(people)) {
        await hears(listener, 'end');
        const account = world.account(login);
        const numbers = new Numbers(account);
        let last = 0;
        for (const { name, numbers: n } of listener.events) {
            assert.equal(numbers.place(n), 'next', `${login} ${name} ${JSON.stringify(n)} after ${last}`);
            const mine = Math.max(...[account.role, account.userId].map((a) => n.prev[a] ?? 0));
            if (last) assert.equal(mine, last, `${login}: the event before`); // neither too many nor too few
            if (last && n.seq > last + 1) skipped++;
            last = n.seq;
        }
        listener.close();
    }
    assert.ok(skipped > 0, 'nobody was passed over: the test tests nothing');
});

test('an event that is lost on its way shows with the next one', async () => {
    const admin = await world.listen('admin');
    const doctor = await world.listen('doctor');
    const both = [room('ADMIN'), room('DOCTOR')];
    await tell(['before'], both);
    await Promise.all([admin, doctor].map((l) => hears(l, 'before')));
    process.kill(work().pid, 'SIGSTOP');
    await tell(['lost']);
    await world.sql(`DELETE FROM outbox WHERE payload->>'patientId' = 'lost'`);
    process.kill(work().pid, 'SIGCONT');
    await tell(['after'], both);
    for (const [login, listener, wanted] of [['admin', admin, 'gap'], ['doctor', doctor, 'next']]) {
        await hears(listener, 'after');
        const numbers = new Numbers(world.account(login));
        assert.equal(listener.events.map((e) => numbers.place(e.numbers)).at(-1), wanted, login);
    }
    // Lost in one room, noticed in another, whatever happened to others meanwhile.
    process.kill(work().pid, 'SIGSTOP');
    await tell(['lost too'], both);
    await world.sql(`DELETE FROM outbox WHERE payload->>'patientId' = 'lost too'`);
    process.kill(work().pid, 'SIGCONT');
    await world.sql(`INSERT INTO outbox (clinic_id, kind, name, payload, rooms) SELECT $1, 'event', $2, '{}', ARRAY[$3] FROM generate_series(1, 80)`,
        [world.account('admin').clinicId, STATUS, `u:${world.account('admissions').userId}`]);
    await tell(['own'], [`u:${world.account('doctor').userId}`]);
    await hears(doctor, 'own');
    const numbers = new Numbers(world.account('doctor'));
    assert.equal(doctor.events.map((e) => numbers.place(e.numbers)).at(-1), 'gap');
    admin.close();
    doctor.close();
});

test('a worker killed between telling and forgetting tells again, with the same number', async () => {
    const admin = await world.listen('admin');
    const holder = new pg.Client({ connectionString: world.pg.url('postgres') });
    await holder.connect();
    process.kill(work().pid, 'SIGSTOP');
    await tell(['twice']);
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM outbox FOR UPDATE'); // the relay cannot delete what it sent
    process.kill(work().pid, 'SIGCONT');
    await hears(admin, 'twice');
    await work().stop({ signal: 'SIGKILL' });
    await holder.query('ROLLBACK');
    await holder.end();
    await world.system.startWork(1);
    await until(() => heard(admin).length >= 2, 'told again');
    const numbers = new Numbers(world.account('admin'));
    await relayed();
    const [first, ...others] = admin.events.map((e) => numbers.place(e.numbers));
    assert.equal(first, 'next');
    assert.deepEqual(others, others.map(() => 'again')); // once more for each 4 s that the lock was waited for
    assert.deepEqual([...new Set(admin.events.map((e) => e.numbers.seq))].length, 1);
    admin.close();
});

// ---- what Redis may lose ------------------------------------------------------------------------

test('a node behind the trimming of the stream tells its clients to read again, once, and counts it', async () => {
    const admin = await world.listen('admin');
    const resyncs = () => admin.events.filter((e) => e.name === 'live:resync');
    await tell(['t0']);
    await hears(admin, 't0');
    const before = await metric('resyncs_total');
    process.kill(serve().pid, 'SIGSTOP');
    try {
        await tell(['t1']); // answered into the socket of the sleeping node
        await relayed();
        await tell(['t2', 't3']);
        await relayed();
        await redis((r) => r.xtrim('socket.io', 'MAXLEN', 0));
    } finally {
        process.kill(serve().pid, 'SIGCONT');
    }
    await until(() => resyncs().length > 0, 'told');
    assert.deepEqual(resyncs().map((e) => e.payload), [{ reason: 'gap' }]);
    assert.ok(!heard(admin).includes('t3'), 'nothing was lost: the test tests nothing');
    assert.equal(await metric('resyncs_total'), before + 1);
    await tell(['t4']);
    await hears(admin, 't4');
    const numbers = new Numbers(world.account('admin'));
    const places = admin.events.filter((e) => e.numbers?.seq).map((e) => numbers.place(e.numbers));
    assert.equal(places.at(-1), 'gap'); // it shows without the telling too
    assert.equal(resyncs().length, 1);
    admin.close();
});

test('Redis emptied: everybody is told to read again, also where nothing more happens', async () => {
    const people = await Promise.all(['admin', 'doctor', 'corporate', 'admin-b'].map((l) => world.listen(l)));
    await redis((r) => r.flushall());
    for (const listener of people) {
        const { payload } = await listener.next('live:resync', { where: (p) => p.reason === 'redis' });
        assert.equal(payload.reason, 'redis');
    }
    await tell(['still here']);
    await hears(people[0], 'still here');
    people.forEach((l) => l.close());
});

// ---- who is in which room -----------------------------------------------------------------------

test('nothing a client sends or claims beside its token brings it into another room', async () => {
    const b = world.account('admin-b');
    const claims = { clinicId: b.clinicId, clinic_id: b.clinicId, clinic: b.clinicId, role: 'ADMIN', userId: b.userId, rooms: [room('ADMIN', 'admin-b')] };
    const forger = new Listener(world.url, null, {
        auth: { ...claims, token: await world.token('admissions') },
        query: { ...claims, room: room('ADMIN', 'admin-b') },
        transportOptions: { polling: { extraHeaders: { 'x-clinic-id': b.clinicId } } },
    });
    await forger.connected();
    const wanted = [room('ADMIN', 'admin-b'), room('ADMIN'), `u:${b.userId}`, `u:${world.account('doctor').userId}`, `c:${b.clinicId}`];
    for (const word of ['join', 'subscribe', 'room', 'socketsJoin', 'joinRoom', 'connection'])
        for (const name of wanted) {
            forger.socket.emit(word, name);
            forger.socket.emit(word, { room: name, rooms: [name], clinicId: b.clinicId });
            forger.socket.emit(word, [name], () => assert.fail('answered'));
        }
    await tell(['of b'], [room('ADMIN', 'admin-b'), `u:${b.userId}`], 'admin-b');
    await tell(['of admins'], [room('ADMIN'), `u:${world.account('doctor').userId}`]);
    await tell(['of all'], [room('ADMISSIONS')]);
    await hears(forger, 'of all');
    assert.deepEqual(heard(forger), ['of all']);
    assert.equal(forger.socket.connected, true);
    forger.close();
});

test('another person with a stolen session gets nothing of it', async () => {
    const victim = await world.listen('admin');
    await tell(['offset']);
    await hears(victim, 'offset');
    const { _pid: pid, _lastOffset: offset, id } = victim.socket;
    assert.ok(pid && offset);
    victim.socket.io.engine.close(); // lost, so that its session is kept
    await until(() => redis((r) => r.exists(`sio:session:${pid}`)), 'the session kept');
    await tell(['missed']);
    await relayed();
    const thief = new Listener(world.url, null, { auth: { token: await world.token('admin-b'), pid, offset } });
    await thief.connected();
    await tell(['hello thief'], [room('ADMIN', 'admin-b')], 'admin-b');
    await tell(['secret']);
    await hears(thief, 'hello thief');
    await relayed();
    assert.deepEqual([thief.socket.recovered, heard(thief)], [false, ['hello thief']]);
    assert.notEqual(thief.socket.id, id);
    thief.close();
});

test('a session is not restored for the same person in another role', async () => {
    const { userId } = world.account('doctor2');
    const roleSet = async (role) => { // in the users and at the issuer
        await world.sql('UPDATE users SET role = $2 WHERE id = $1', [userId, role]);
        world.system.saveAccounts(world.system.accounts().map((a) => (a.userId === userId ? { ...a, role } : a)));
    };
    const doctor = await world.listen('doctor2');
    await tell(['offset'], [room('DOCTOR')]);
    await hears(doctor, 'offset');
    const { _pid: pid, _lastOffset: offset, id } = doctor.socket;
    doctor.socket.io.engine.close();
    await until(() => redis((r) => r.exists(`sio:session:${pid}`)), 'the session kept');
    await tell(['of doctors'], [room('DOCTOR')]);
    await relayed();
    await roleSet('ADMISSIONS');
    try {
        const changed = new Listener(world.url, null, { auth: { token: await world.token('doctor2', { expiresIn: 300 }), pid, offset } });
        await changed.connected();
        await tell(['still of doctors'], [room('DOCTOR')]);
        await tell(['of admissions'], [room('ADMISSIONS')]);
        await hears(changed, 'of admissions');
        assert.deepEqual([changed.socket.recovered, changed.socket.id === id, heard(changed)], [false, false, ['of admissions']]);
        changed.close();
    } finally {
        await roleSet('DOCTOR');
    }
});

test('a restored connection gets what it missed of its own rooms, once; with an expired token nothing', async () => {
    const admissions = await world.listen('admissions', { reconnection: true, reconnectionDelay: 700 });
    await tell(['r0'], [room('ADMISSIONS')]);
    await hears(admissions, 'r0');
    const again = new Promise((done) => admissions.socket.once('connect', done));
    admissions.socket.io.engine.close();
    await tell(['not for it'], [room('ADMIN')]);
    await tell(['r1', 'r2'], [room('ADMISSIONS')]);
    await relayed();
    await again;
    await tell(['r3'], [room('ADMISSIONS')]);
    await hears(admissions, 'r3');
    assert.equal(admissions.socket.recovered, true);
    assert.deepEqual(heard(admissions), ['r0', 'r1', 'r2', 'r3']);
    const { _pid: pid, _lastOffset: offset } = admissions.socket;
    admissions.socket.io.reconnection(false);
    admissions.socket.io.engine.close();
    const late = await world.token('admissions', { expiresIn: 1 });
    await sleep(1500);
    const stranger = new Listener(world.url, null, { auth: { token: late, pid, offset } });
    const error = await stranger.connected().then(() => null, (e) => e);
    assert.match(error?.message ?? 'let in', /expired/);
    stranger.close();
});

test('the only person of a clinic comes back to the alert it missed, and to the name in it', async () => {
    const alone = await world.listen('admin-b');
    await tell(['offset of b'], [room('ADMIN', 'admin-b')], 'admin-b');
    await hears(alone, 'offset of b');
    alone.socket.io.engine.close();
    const { alert } = await world.alert('admissions-b', { patient: { fullName: 'Nadie Más Aquí' }, urgencyLevel: 'LOW' });
    await relayed();
    alone.socket.connect();
    const { payload } = await alone.next('alert:new', { where: (p) => p.alertId === alert.id });
    assert.deepEqual([alone.socket.recovered, payload.patientName], [true, 'Nadie Más Aquí']);
    alone.close();
});

test('another role, another clinic, another subject, a closed clinic: the socket is closed within 5 s', async () => {
    const user = world.account('doctor2');
    const [{ auth_id: subject }] = await world.sql('SELECT auth_id FROM users WHERE id = $1', [user.userId]);
    const changes = [
        [`UPDATE users SET role = 'ADMISSIONS' WHERE id = $1`, `UPDATE users SET role = 'DOCTOR' WHERE id = $1`],
        [`UPDATE users SET clinic_id = '${world.account('admin-b').clinicId}' WHERE id = $1`,
            `UPDATE users SET clinic_id = '${user.clinicId}' WHERE id = $1`, 'corporate'], // nothing refers to it
        [`UPDATE users SET auth_id = 'somebody else' WHERE id = $1`, `UPDATE users SET auth_id = '${subject}' WHERE id = $1`],
        [`UPDATE clinics SET is_active = false WHERE id = (SELECT clinic_id FROM users WHERE id = $1)`,
            `UPDATE clinics SET is_active = true WHERE id = (SELECT clinic_id FROM users WHERE id = $1)`],
    ];
    const other = await world.listen('admin-b');
    for (const [change, back, login = 'doctor2'] of changes) {
        const listener = await world.listen(login);
        const withdrawn = await metric('withdrawn_total');
        await world.sql(change, [world.account(login).userId]);
        const watch = stopwatch();
        await until(() => listener.disconnects.length > 0, `closed after ${change}`, { every: 20 });
        watch.within(5000, `closing after ${change}`);
        assert.equal(listener.disconnects[0], 'io server disconnect');
        assert.ok((await metric('withdrawn_total')) > withdrawn);
        const late = new Listener(world.url, await world.token(login));
        const error = await late.connected().then(() => null, (e) => e);
        assert.equal(error?.data?.status, 401, change);
        late.close();
        await world.sql(back, [world.account(login).userId]);
    }
    assert.deepEqual(other.disconnects, []);
    other.close();
});

// ---- bad input ----------------------------------------------------------------------------------

const at = (query) => `${world.url}/socket.io/?${query}`;
const post = (sid, body) => fetch(at(`EIO=4&transport=polling&sid=${sid}`), { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
async function session() {
    const text = await (await fetch(at('EIO=4&transport=polling'))).text();
    return JSON.parse(text.slice(1)).sid;
}
const poll = async (sid) => (await fetch(at(`EIO=4&transport=polling&sid=${sid}`))).text();

test('while the database cannot say who may stay nobody is closed, who comes is told, and then it is asked again', async () => {
    const doctor = await world.listen('doctor2');
    const before = await metric('roll_failed_total');
    await world.sql('ALTER TABLE users RENAME TO users_away');
    try {
        await until(async () => (await metric('roll_failed_total')) > before, 'asked in vain');
        const error = await world.listen('admin').catch((e) => e);
        assert.equal(error.data?.status >= 500, true, JSON.stringify(error.data));
        assert.doesNotMatch(error.message, /users|relation|SQL/i);
    } finally {
        await world.sql('ALTER TABLE users_away RENAME TO users');
    }
    assert.deepEqual(doctor.disconnects, []);
    (await world.listen('admin')).close();
    const { userId } = world.account('doctor2');
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId]);
    await until(() => doctor.disconnects.length > 0, 'closed');
    await world.sql('UPDATE users SET is_active = true WHERE id = $1', [userId]);
});

test('bad input is refused in clear words, and the node goes on', async () => {
    const old = await fetch(at('EIO=3&transport=polling'));
    assert.deepEqual([old.status, await old.json()], [400, { code: 5, message: 'Unsupported protocol version' }]);
    for (const transport of ['polling', 'websocket']) {
        const foreign = await fetch(at(`EIO=4&transport=${transport}`), { headers: { origin: 'https://evil.example' } });
        assert.equal(foreign.status, 403, transport);
    }
    assert.equal((await post(await session(), `42["x","${'y'.repeat(70_000)}"]`)).status, 413);
    const unknown = await session();
    await post(unknown, '40/admin,{"token":"x"}');
    assert.match(await poll(unknown), /^44\/admin,\{"message":"Invalid namespace"\}$/);
    const early = await session(); // an event before CONNECT
    await post(early, '42["alert:new",{}]');
    assert.equal((await fetch(at(`EIO=4&transport=polling&sid=${early}`))).status, 400);
    const nobody = await session();
    await post(nobody, '40{"token":{"a":[1]}}');
    assert.match(await poll(nobody), /^44\{"message":"[^"]{10,}","data":\{[^}]*"status":401\}\}$/);
});

test('thousands of half-made entrances in one POST fill no memory, and good people come in', async () => {
    const memory = () => Number(fs.readFileSync(`/proc/${serve().pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024; // MiB
    await (await world.listen('doctor')).close();
    const before = memory();
    const pair = `40{"token":"x"}\x1e41`;
    const body = Array.from({ length: Math.floor(63_000 / (pair.length + 1)) }, () => pair).join('\x1e');
    const lane = async () => {
        for (let i = 0; i < 15; i++) await (await post(await session(), body)).text();
    };
    const lanes = Promise.all(Array.from({ length: 8 }, lane));
    const good = await world.listen('doctor', {});
    good.close();
    await lanes;
    await until(async () => (await metric('waiting')) === 0, 'nobody waits');
    assert.ok(memory() - before < 300, `${before} MiB, then ${memory()}`); // 3.7 GB with an entry for each pair
});

test('a binary event closes the connection and reaches nobody', async () => {
    for (const transports of [['polling'], ['websocket']]) {
        const loud = await world.listen('admin', { transports });
        const other = await world.listen('admin');
        loud.socket.emit('alert:new', Buffer.from('forged'));
        await until(() => loud.disconnects.length > 0, 'closed');
        assert.equal(loud.disconnects[0], 'transport close');
        await tell([`after ${transports}`]);
        await hears(other, `after ${transports}`);
        assert.deepEqual(other.events.filter((e) => e.name === 'alert:new'), []);
        other.close();
    }
    const text = await (await fetch(`${world.system.metricsUrl}/metrics`)).text();
    assert.match(text, /nexacore_live_closed_total\{reason="parse error"\} [1-9]/);
});

test('hundreds who come at once take turns: all get in, who gives up meanwhile leaves no trace', async () => {
    const before = await metric('delayed_total');
    const impatient = new AbortController();
    const comes = Array.from({ length: 300 }, async (_, i) => {
        const signal = i % 10 === 9 ? impatient.signal : undefined;
        const answer = await fetch(at('EIO=4&transport=polling'), { signal }).catch(() => null);
        return answer?.status;
    });
    await until(async () => (await metric('delayed_total')) > before + 100, 'a line', { every: 5 });
    impatient.abort();
    const statuses = await Promise.all(comes);
    assert.deepEqual(statuses.filter((s, i) => i % 10 !== 9 && s !== 200), []);
    const admin = await world.listen('admin');
    await tell(['after the rush']);
    await hears(admin, 'after the rush');
    admin.close();
});

// ---- a client that does not read ----------------------------------------------------------------

// A WebSocket that is signed in, hears one event and is then never read from; its session.
async function sleeper(login) {
    const { hostname, port } = new URL(world.url);
    const socket = net.connect({ host: hostname, port });
    let got = '';
    socket.on('error', () => {});
    socket.on('data', (d) => (got += d.toString('latin1')));
    socket.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\n` +
        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
    await until(() => got.includes('"pingTimeout"'), 'the handshake');
    const data = Buffer.from(`40${JSON.stringify({ token: await world.token(login) })}`);
    socket.write(Buffer.concat([Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255, 0, 0, 0, 0]), data]));
    await until(() => got.includes('40{"sid"'), 'let in');
    await tell(['the last it hears'], [room(world.account(login).role, login)], login);
    await until(() => /"\d+-\d+"\]/.test(got), 'an offset');
    socket.pause();
    return { socket, session: { pid: got.match(/"pid":"([^"]+)"/)[1], offset: got.match(/"(\d+-\d+)"\]/)[1] } };
}

test('a client that does not read is dropped at its cap and counted, and must read again; the others hear everything', async () => {
    const { socket: slow, session: lost } = await sleeper('admin');
    const quick = await world.listen('admin');
    const closed = async () => {
        const text = await (await fetch(`${world.system.metricsUrl}/metrics`)).text();
        return Number(text.match(/nexacore_live_closed_total\{reason="slow consumer"\} (\d+)/)[1]);
    };
    const before = await closed();
    const payload = JSON.stringify({ patientId: 'big', newStatus: 'x'.repeat(60_000) });
    let sent = 0;
    while ((await closed()) === before) {
        assert.ok(sent < 1000, 'never dropped');
        await world.sql(`INSERT INTO outbox (clinic_id, kind, name, payload, rooms) SELECT $1, 'event', '${STATUS}', $2::jsonb, ARRAY[$3] FROM generate_series(1, 20)`,
            [world.account('admin').clinicId, payload, room('ADMIN')]);
        sent += 20;
        await relayed();
    }
    await until(() => heard(quick).length === sent, `all ${sent}`);
    const numbers = new Numbers(world.account('admin'));
    assert.ok(quick.events.every((e) => numbers.place(e.numbers) === 'next'));
    assert.equal(await closed(), before + 1);
    slow.destroy();
    // Back with its old session it is told by a new one that it missed something; had it missed
    // little, it would have been given that.
    const back = new Listener(world.url, null, { auth: { token: await world.token('admin'), ...lost } });
    await back.connected();
    await tell(['news']);
    await hears(back, 'news');
    assert.deepEqual([back.socket.recovered, heard(back)], [false, ['news']]);
    back.close();
    quick.close();
});

// ---- last, because it takes Redis away ----------------------------------------------------------

test('whoever came in while Redis was away hears what happened meanwhile, or is told to read again', async () => {
    const { system } = world;
    await serve().stop();
    await world.redis.part.stop();
    const starting = system.startServe(); // ready with Redis only
    await until(async () => (await fetch(at('EIO=4&transport=polling'))).ok, 'serve listens');
    const early = await world.listen('admin');
    const made = await world.as('admissions').post('/api/v1/patients', { fullName: 'Temprana Sin Redis' });
    assert.equal(made.status, 201);
    await system.startRedis();
    await starting;
    await until(() => early.events.length > 0, 'an event or live:resync');
    await relayed();
    await tell(['after']);
    await hears(early, 'after');
    const told = early.events.some((e) => e.name === 'live:resync' || e.payload.patientId === made.body.id);
    assert.ok(told, JSON.stringify(early.events));
    early.close();
});
