// Connection state recovery: what a client missed arrives once, in order, before it is connected.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freePort } from '../../tools/lib/process.mjs';
import { startRedis } from '../../tools/lib/redis.mjs';
import { monitorOf } from '../lib/monitor.mjs';
import { connected, Echo, next, sleep, until } from './socketio_echo.mjs';

let dir, redis, relay, one, two;
const flags = () => ['--kit', '--recovery', '--redis', redis.url, '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000'];
const ready = (echo) => until(async () => (await echo.stats()).adapter.connected, 'the adapter');

before(async () => {
    dir = fs.mkdtempSync(join(os.tmpdir(), 'sio-recovery-'));
    redis = await startRedis({ dir: join(dir, 'redis') });
    relay = redis.client();
    [one, two] = await Promise.all([Echo.start(...flags()), Echo.start(...flags())]);
    await Promise.all([ready(one), ready(two)]);
});

after(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await redis.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});

const send = (n, room = 'clinic:1', event = 'n') =>
    relay.xadd('socket.io', '*', 'uid', 'relay', 'nsp', '/', 'type', '3', 'data',
        JSON.stringify({ packet: { type: 2, data: [event, n] }, opts: { rooms: [room], except: [], flags: {} } }));

// A client that remembers numbers, and whether they came before it was connected again.
async function listener(echo, options = {}) {
    const socket = await echo.connect({ transports: ['websocket'], ...options });
    socket.got = [];
    socket.on('n', (n) => socket.got.push(n));
    const first = next(socket, 'n');
    await send(0);
    await first;
    return socket;
}

// Cuts the transport as a lost network does; the client keeps its session's name and offset.
async function cut(socket) {
    const gone = next(socket, 'disconnect');
    socket.io.engine.close();
    await gone;
}

// The same, until the server has seen it and saved the session.
async function lose(socket) {
    await cut(socket);
    await until(() => relay.exists(`sio:session:${socket._pid}`), 'the session is saved', { every: 5 });
}

async function comeBack(socket, echo) {
    if (echo) socket.io.uri = echo.url;
    socket.connect();
    await connected(socket);
}

const numbers = (n) => Array.from({ length: n }, (_, i) => i);

test('id, rooms and missed events come back, once and in order', async () => {
    const socket = await listener(one);
    const { id } = socket;
    assert.equal(socket.recovered, false);
    await lose(socket);
    for (let n = 1; n < 450; n++) await send(n);
    await send(999, 'clinic:other');
    await comeBack(socket);
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    await send(450);
    await until(() => socket.got.at(-1) === 450, 'the live event');
    assert.deepEqual(socket.got, numbers(451));
    socket.disconnect();
});

// What servers ask Redis for missed events while `action` runs.
async function rangesAsked(action) {
    const monitor = await monitorOf(relay);
    const asked = [];
    monitor.on('monitor', (_at, [command, ...args]) => {
        if (/^xrange$/i.test(command) && args.includes('+')) asked.push(args);
        if (command === 'set' && args[0] === 'end') monitor.emit('end of test');
    });
    await action();
    const end = new Promise((done) => monitor.once('end of test', done));
    await relay.set('end', '1'); // what came before it was heard before it
    await end;
    monitor.disconnect();
    return asked.length;
}

test('what was missed lately is known to the server; for what was missed before that it asks Redis', async () => {
    for (const [missed, asks] of [[0, false], [30, false], [700, true]]) {
        const socket = await listener(one);
        const witness = await listener(one);
        await lose(socket);
        const many = relay.pipeline();
        for (let n = 1; n <= missed; n++)
            many.xadd('socket.io', '*', 'uid', 'relay', 'nsp', '/', 'type', '3', 'data',
                JSON.stringify({ packet: { type: 2, data: ['n', n] }, opts: { rooms: ['clinic:1'], except: [], flags: {} } }));
        await many.exec();
        await until(() => witness.got.at(-1) === missed, 'the server has read them');
        const ranges = await rangesAsked(() => comeBack(socket));
        await send(missed + 1);
        await until(() => socket.got.at(-1) === missed + 1, 'the live event');
        assert.deepEqual(socket.got.filter((n) => n > 0), numbers(missed + 2).slice(1));
        assert.deepEqual([socket.recovered, ranges > 0], [true, asks], `${missed} missed`);
        socket.disconnect();
        witness.disconnect();
    }
});

test('another server restores the session', async () => {
    const socket = await listener(one);
    const { id } = socket;
    await lose(socket);
    await send(1);
    await comeBack(socket, two);
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    await send(2);
    await until(() => socket.got.at(-1) === 2, 'the live event');
    assert.deepEqual(socket.got, [0, 1, 2]);
    socket.disconnect();
});

test('a session is restored across a restart of the server', async () => {
    const other = await Echo.start(...flags());
    await ready(other);
    const socket = await listener(other);
    const { id } = socket;
    const gone = next(socket, 'disconnect');
    await other.part.stop();
    await gone;
    await send(1);
    await comeBack(socket, two);
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    assert.deepEqual(socket.got, [0, 1]);
    await other.stop();
});

test('a server that has not found Redis yet restores when it has, and lets in anew when it does not', async () => {
    const [lucky, lost] = [await listener(one), await listener(one)];
    await until(() => lucky.got.length === 2, 'both first events'); // or the second would be missed too
    await Promise.all([lose(lucky), lose(lost)]);
    await send(1);
    const seen = lucky.got.length;
    redis.part.child.kill('SIGSTOP');
    const nowhere = Echo.start(...flags().map((f) => (f === redis.url ? 'redis://127.0.0.1:1' : f)));
    const three = await Echo.start(...flags());
    lucky.io.uri = three.url;
    lucky.connect();
    const back = comeBack(lost, await nowhere);
    await sleep(500);
    assert.equal(lucky.connected, false, 'it waits for Redis');
    redis.part.child.kill('SIGCONT');
    await connected(lucky);
    assert.deepEqual([lucky.recovered, lucky.got.slice(seen)], [true, [1]]);
    await back;
    assert.deepEqual([lost.recovered, lost.got.includes(1)], [false, false]);
    for (const s of [lucky, lost]) s.disconnect();
    await Promise.all([three.stop(), (await nowhere).stop()]);
});

test('a session is not restored for somebody else, and lives in one place at a time', async () => {
    const socket = await listener(one, { auth: { token: 'alice' } });
    const { id } = socket;
    await lose(socket);
    await send(1);
    socket.auth = { token: 'mallory' };
    await comeBack(socket);
    assert.equal(socket.recovered, false);
    assert.notEqual(socket.id, id);
    assert.deepEqual(socket.got, [0]);
    socket.disconnect();
    const again = await listener(one, { auth: { token: 'alice' } });
    const { _pid, _lastOffset } = again;
    await lose(again);
    await comeBack(again);
    assert.equal(again.recovered, true);
    const thief = one.client({ transports: ['websocket'], auth: { token: 'alice' } });
    thief._pid = _pid;
    thief._lastOffset = _lastOffset;
    thief.connect();
    const replaced = next(again, 'disconnect');
    await connected(thief); // the same name and identity: its old connection must be dead
    assert.equal(thief.recovered, true);
    await replaced;
    for (const s of [again, thief]) s.disconnect();
});

test('an identity of any length is told from any other', async () => {
    const token = 'x'.repeat(600);
    const socket = await listener(one, { auth: { token: `${token}1` } });
    const { id } = socket;
    await lose(socket);
    await comeBack(socket);
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
    await lose(socket);
    socket.auth = { token: `${token}2` };
    await comeBack(socket);
    assert.equal(socket.recovered, false);
    socket.disconnect();
});

test('a session of one namespace is not restored in another', async () => {
    const socket = await listener(one);
    const { id, _pid: pid, _lastOffset: offset } = socket;
    await lose(socket);
    const doctor = await one.connect({ transports: ['websocket'], auth: { pid, offset } }, '/doctor');
    assert.deepEqual([doctor.recovered, doctor.id === id], [false, false]);
    doctor.disconnect();
    const again = await listener(one); // the same in its own namespace is
    await lose(again);
    await comeBack(again);
    assert.equal(again.recovered, true);
    again.disconnect();
});

test('whoever came before the stream was found is told that something may be missed', async () => {
    const port = await freePort();
    const late = await Echo.start(...flags().map((f) => (f === redis.url ? `redis://127.0.0.1:${port}` : f)));
    const early = await late.connect({ transports: ['websocket'] });
    const told = next(early, 'missed', 30);
    const store = await startRedis({ dir: join(dir, 'late'), port });
    await told;
    assert.equal((await late.stats()).adapter.missed, 1);
    await late.stop();
    await store.stop();
});

test('one user who asks for much again and again begins anew; others are restored', async () => {
    const greedy = await listener(one, { auth: { token: 'greedy' } });
    const modest = await listener(one, { auth: { token: 'modest' } });
    const { _pid: pid, _lastOffset: offset } = greedy;
    await Promise.all([lose(greedy), lose(modest)]);
    const many = relay.pipeline();
    for (let n = 0; n < 2000; n++)
        many.xadd('socket.io', '*', 'uid', 'relay', 'nsp', '/', 'type', '3', 'data',
            JSON.stringify({ packet: { type: 2, data: ['n', n] }, opts: { rooms: ['clinic:other'], except: [], flags: {} } }));
    await many.exec();
    const before = (await one.stats()).adapter.limited;
    const from = performance.now();
    let restored = 0;
    const ranges = await rangesAsked(async () => {
        for (let i = 0; i < 60; i++) {
            await comeBack(greedy);
            if (!greedy.recovered) break;
            restored++;
            assert.deepEqual([greedy._pid, greedy.got.filter((n) => n > 0)], [pid, []]);
            await lose(greedy);
            greedy._lastOffset = offset;
        }
    });
    const regained = (performance.now() - from) / 500; // two steps a second
    assert.ok(restored >= 15 && restored < 60, `restored ${restored} times`);
    assert.ok(ranges <= 240 + regained, `${ranges} reads`);
    assert.ok((await one.stats()).adapter.limited > before);
    await comeBack(modest);
    assert.equal(modest.recovered, true);
    for (const s of [greedy, modest]) s.disconnect();
});

test('what came before its session a client has not missed, whatever offset it names', async () => {
    const old = await listener(one);
    const offset = old._lastOffset;
    for (let n = 1; n < 5; n++) await send(n);
    await until(() => old.got.length === 5, 'they were read');
    const fresh = await one.connect({ transports: ['websocket'] });
    fresh.got = [];
    fresh.on('n', (n) => fresh.got.push(n));
    fresh._lastOffset = offset; // as a stock client keeps it over a session that was not restored
    await lose(fresh);
    await send(5);
    await comeBack(fresh);
    assert.deepEqual([fresh.recovered, fresh.got], [true, [5]]);
    for (const s of [old, fresh]) s.disconnect();
});

test('forged names and offsets give a new session', async () => {
    for (const [pid, offset] of [['x'.repeat(20), '1-1'], ['a*b\r\n', '1-1'], [1, 2], ['x'.repeat(5000), '$'], ['p', '+'], ['p', '99999999999999999999-1']]) {
        const socket = one.client({ transports: ['websocket'] });
        socket._pid = pid;
        socket._lastOffset = offset;
        socket.connect();
        await connected(socket);
        assert.equal(socket.recovered, false);
        socket.disconnect();
    }
});

test('losing the transport every moment under load loses, repeats and reorders nothing', async () => {
    const sockets = await Promise.all(numbers(10).map(() => listener(one)));
    await send(-1); // behind the listeners' own first events
    await until(() => sockets.every((s) => s.got.at(-1) === -1), 'the mark');
    for (const s of sockets) s.got = [];
    let sent = 0;
    let stop = false;
    const sending = (async () => {
        while (!stop) {
            await send(sent++);
            if (sent % 10 === 0) await sleep(5);
        }
    })();
    let recovered = 0;
    for (let round = 0; round < 8; round++) {
        await Promise.all(sockets.map(async (s) => {
            await lose(s);
            await comeBack(s, round % 2 ? one : two);
            recovered += s.recovered ? 1 : 0;
        }));
        await sleep(20);
    }
    stop = true;
    await sending;
    await until(() => sockets.every((s) => s.got.at(-1) === sent - 1), 'the last event');
    assert.equal(recovered, 80);
    for (const s of sockets) assert.deepEqual(s.got, numbers(sent));
    for (const s of sockets) s.disconnect();
});

test("a server's own broadcasts are restored too", async () => {
    const socket = await listener(one);
    const speaker = await one.connect({ transports: ['websocket'] });
    const news = next(socket, 'news');
    speaker.emit('bcast', { room: 'clinic:1', ev: 'news', data: 1 });
    assert.equal((await news)[0], 1);
    await lose(socket);
    const missed = next(socket, 'news');
    speaker.emit('bcast', { room: 'clinic:1', ev: 'news', data: 2 });
    await next(speaker, 'news');
    await comeBack(socket);
    assert.equal((await missed)[0], 2);
    for (const s of [socket, speaker]) s.disconnect();
});

test('one server without Redis restores from memory, for the same identity, what was missed', async () => {
    const alone = await Echo.start('--kit', '--recovery', '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000');
    const socket = await alone.connect({ transports: ['websocket'], auth: { token: 'alice' } });
    const speaker = await alone.connect({ transports: ['websocket'] });
    socket.got = [];
    socket.on('n', (n) => socket.got.push(n));
    const say = (n, room = 'clinic:1') => speaker.timeout(5000).emitWithAck('say', { room, ev: 'n', args: [n] });
    const loseAll = async (sockets, left) => {
        await Promise.all(sockets.map(cut));
        await until(async () => (await speaker.timeout(5000).emitWithAck('count', 'clinic:1'))[0] === left, 'the server has seen it');
    };
    await say(0);
    await until(() => socket.got.length === 1, 'the first event');
    const { id } = socket;
    await loseAll([socket], 1);
    for (let n = 1; n < 50; n++) await say(n);
    await say(999, 'clinic:other');
    await comeBack(socket);
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
    await say(50);
    await until(() => socket.got.length >= 51, 'the live event');
    assert.deepEqual(socket.got, numbers(51));
    await loseAll([socket], 1);
    socket.auth = { token: 'mallory' };
    await comeBack(socket);
    assert.equal(socket.recovered, false);
    assert.notEqual(socket.id, id);
    // One identity again and again, with however many clients: a bounded number of times.
    const from = performance.now();
    const crowd = await Promise.all(numbers(30).map(() => alone.connect({ transports: ['websocket'], auth: { token: 'crowd' } })));
    const first = Promise.all(crowd.map((s) => next(s, 'n')));
    await say(51);
    await first;
    let restored = 0;
    for (let round = 0; round < 10; round++) {
        await loseAll(crowd, 2);
        await Promise.all(crowd.map((s) => comeBack(s)));
        restored += crowd.filter((s) => s.recovered).length;
    }
    assert.ok(restored >= 240 && restored <= 240 + (performance.now() - from) / 500, `${restored} of 300`);
    await alone.stop();
});
