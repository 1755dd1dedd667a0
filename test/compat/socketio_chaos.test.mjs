// Order and exactly-once while things break: one C server, one Node server, one Redis; their clients
// hear numbers from both servers while transports are cut every second, the C server is killed
// (SIGKILL) and started again, and Redis is restarted.
//
// ROUNDS=20 node --test FILE runs longer; one round is what CI runs.
// Rule: clients of the C server must hear every number once and in order through all of it. Clients
// of the Node server have a steady transport: what Node does when they lose it is Node's matter, and
// Node sends nothing while Redis restarts, because its client would repeat what was on the way.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { io } from 'socket.io-client';

import { startRedis } from '../../tools/lib/redis.mjs';
import { connected, Echo, next, ready, sleep, until } from './socketio_echo.mjs';
import { hears, startNode } from './socketio_node.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 1);
const CLIENTS = 6;
let dir, redis, echo, node, proxy, listeners;
const stopped = [];
const flags = () => ['--kit', '--recovery', '--redis', redis.url, '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000'];

// A way to the C server that can be cut: as a reset on both sides, or unseen by the server.
async function startProxy(port) {
    const pairs = new Set();
    const server = net.createServer((from) => {
        const to = net.connect(port, '127.0.0.1');
        const pair = { from, to };
        pairs.add(pair);
        for (const [a, b] of [[from, to], [to, from]]) {
            a.on('error', () => {});
            a.on('data', (d) => b.writable && b.write(d));
            a.on('close', () => {
                if (!pair.unseen) b.destroy();
                pairs.delete(pair);
            });
        }
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const left = [];
    return {
        url: `http://127.0.0.1:${server.address().port}`,
        cut(unseen) {
            for (const pair of pairs) {
                pair.unseen = unseen;
                if (unseen) left.push(pair.to);
                pair.from.destroy();
            }
        },
        stop() {
            this.cut(false);
            for (const socket of left) socket.destroy();
            server.close();
        },
    };
}

// A client that keeps the numbers of each speaker.
function listener(url) {
    const socket = io(url, { forceNew: true, transports: ['websocket'], reconnectionDelay: 20, reconnectionDelayMax: 200, randomizationFactor: 0 });
    socket.got = { c: [], node: [] };
    socket.anew = 0;
    socket.on('n', (who, n) => socket.got[who].push(n));
    socket.on('connect', () => (socket.anew += socket.recovered ? 0 : 1));
    return socket;
}

before(async () => {
    dir = fs.mkdtempSync(join(os.tmpdir(), 'sio-chaos-'));
    redis = await startRedis({ dir: join(dir, 'redis') });
    [echo, node] = await Promise.all([Echo.start(...flags()), startNode(redis, { server: { connectionStateRecovery: {} } })]);
    await ready(echo);
    proxy = await startProxy(echo.port);
    listeners = [...Array.from({ length: CLIENTS }, () => listener(proxy.url)), ...Array.from({ length: 2 }, () => listener(node.url))];
    await Promise.all(listeners.map((l) => connected(l)));
    await hears(node, echo);
});

after(async () => {
    for (const l of listeners) l.disconnect();
    proxy.stop();
    await node.stop();
    await echo.stop();
    for (const server of [...stopped, redis]) await server.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});

const sent = { c: 0, node: 0 };

// Both servers speak until told to stop; `pause` silences one.
function speak(pause = {}) {
    let stop = false;
    const fromNode = (async () => {
        while (!stop) {
            if (!pause.node) node.sio.to('clinic:1').emit('n', 'node', sent.node++);
            await sleep(4);
        }
    })();
    const fromC = (async () => {
        const speaker = io(echo.url, { forceNew: true, transports: ['websocket'] });
        while (!speaker.connected && !stop) await sleep(10); // it tries until the server is back
        while (!stop) {
            if (!pause.c) await speaker.timeout(60_000).emitWithAck('say', { room: 'clinic:1', ev: 'n', args: ['c', sent.c++] });
            await sleep(4);
        }
        speaker.disconnect();
    })();
    return async () => {
        stop = true;
        await Promise.all([fromNode, fromC]);
    };
}

async function allHeard(what) {
    const complete = (l) => l.got.c.length >= sent.c && l.got.node.length >= sent.node;
    await until(() => listeners.every(complete), `${what}: all numbers`).catch((error) => {
        throw new Error(`${error.message}: ${JSON.stringify(listeners.map((l) => [l.connected, l.got.c.length, l.got.node.length]))} of ${JSON.stringify(sent)}`);
    });
    await sleep(100); // one too many would come now
    for (const l of listeners)
        for (const who of ['c', 'node']) assert.deepEqual(l.got[who], Array.from({ length: sent[who] }, (_, i) => i), `${what}: numbers of ${who}`);
}

test('both servers are heard by the clients of both', async () => {
    const stop = speak();
    await until(() => sent.c > 10 && sent.node > 10, 'some numbers');
    await stop();
    await allHeard('quiet');
});

for (let round = 1; round <= ROUNDS; round++) {
    test(`round ${round}: transports cut every second lose, repeat and reorder nothing`, async () => {
        const stop = speak();
        for (let cut = 0; cut < 4; cut++) {
            await sleep(1000);
            proxy.cut(cut % 2 === 1);
        }
        await sleep(500);
        await stop();
        await allHeard('cuts');
        for (const l of listeners) assert.equal(l.anew, 1, 'every return was a restoration');
    });

    test(`round ${round}: SIGKILL of the C server loses, repeats and reorders nothing`, async () => {
        const stop = speak({ c: true });
        await sleep(500);
        const { port } = echo;
        await echo.die();
        await sleep(300);
        fs.rmSync(echo.dir, { recursive: true, force: true });
        echo = await Echo.start(...flags(), '--port', String(port));
        await ready(echo);
        await until(() => listeners.every((l) => l.connected), 'everybody back');
        await sleep(300);
        await stop();
        await allHeard('killed');
        for (const l of listeners) assert.equal(l.anew, 1, 'every return was a restoration');
    });

    test(`round ${round}: a restart of Redis loses, repeats and reorders nothing`, async () => {
        const pause = {};
        const stop = speak(pause);
        await sleep(300);
        pause.node = true;
        await until(() => listeners.every((l) => l.got.node.length >= sent.node), 'nothing of Node on the way');
        const { port, dir: data } = redis;
        await redis.part.stop();
        stopped.push(redis);
        await sleep(500);
        redis = await startRedis({ dir: data, port });
        await until(async () => (await node.sio.of('/').adapter.serverCount()) === 2, 'both servers subscribed');
        pause.node = false;
        await sleep(500);
        await stop();
        await allHeard('Redis');
        assert.equal((await echo.stats()).adapter.unsent, 0);
    });
}

// 15 s of silence are what it takes.
test('a connection to Redis that died without a word is given up, and what waited on it goes out once', async () => {
    const pairs = new Set();
    const gate = net.createServer((near) => {
        const far = net.connect(redis.port, '127.0.0.1');
        const pair = { near, far };
        pairs.add(pair);
        for (const [from, to] of [[near, far], [far, near]]) {
            from.on('error', () => {}).on('close', () => to.destroy());
            from.on('data', (bytes) => pair.dead || to.write(bytes));
        }
    });
    await new Promise((done) => gate.listen(0, '127.0.0.1', done));
    const behind = await Echo.start(...flags().map((f) => (f === redis.url ? `redis://127.0.0.1:${gate.address().port}` : f)));
    await ready(behind);
    const socket = await behind.connect({ transports: ['websocket'], auth: { clinic: 'behind' } });
    const got = [];
    socket.on('m', (n) => got.push(n));
    await socket.timeout(60_000).emitWithAck('say', { room: 'clinic:behind', ev: 'm', args: [0] });
    await until(() => got.length === 1, 'the first');
    for (const pair of pairs) pair.dead = true;
    await socket.timeout(60_000).emitWithAck('say', { room: 'clinic:behind', ev: 'm', args: [1] });
    await until(() => got.length === 2, 'the second, over a new connection');
    await socket.timeout(60_000).emitWithAck('say', { room: 'clinic:behind', ev: 'm', args: [2] });
    await until(() => got.length === 3, 'the third');
    assert.deepEqual(got, [0, 1, 2]);
    await behind.stop();
    for (const { near, far } of pairs) [near, far].forEach((s) => s.destroy());
    gate.close();
});

test('a server that fell behind a trimmed stream says so', async () => {
    const stream = 'short';
    const slow = await Echo.start('--kit', '--redis', redis.url, '--stream', stream, '--channel', 'short', ...['--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000']);
    await ready(slow);
    const socket = await slow.connect({ transports: ['websocket'] });
    const told = next(socket, 'missed');
    const { missed } = (await slow.stats()).adapter; // perhaps one: we came before it read
    const client = redis.client();
    const add = (n, ...trim) => client.xadd(stream, ...trim, '*', 'uid', 'relay', 'nsp', '/', 'type', '3', 'data',
        JSON.stringify({ packet: { type: 2, data: ['n', 'node', n] }, opts: { rooms: [], except: [], flags: {} } }));
    await add(0);
    await until(async () => (await slow.stats()).adapter.entries === 1, 'the first entry');
    slow.part.child.kill('SIGSTOP');
    try {
        for (let n = 1; n < 50; n++) await add(n, 'MAXLEN', '=', '10');
        await client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes'); // what waits for it is gone too
    } finally {
        slow.part.child.kill('SIGCONT');
    }
    await told;
    await until(async () => (await slow.stats()).adapter.missed > missed, 'missed');
    assert.equal((await slow.stats()).adapter.missed, missed + 1);
    await slow.stop();
});

test('namespaces spread over several streams meet on the same ones as those of Node', async () => {
    const options = { streamName: 'sharded', streamCount: 3, channelPrefix: 'sharded' };
    const [ours, theirs] = await Promise.all([
        Echo.start('--kit', '--recovery', '--redis', redis.url, '--stream', 'sharded', '--streams', '3', '--channel', 'sharded', '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000'),
        startNode(redis, { adapter: options }),
    ]);
    await ready(ours);
    await hears(theirs, ours);
    const [main, doctor] = [await ours.connect({ transports: ['websocket'] }), await ours.connect({ transports: ['websocket'] }, '/doctor')];
    const far = io(theirs.url, { forceNew: true });
    await connected(far);
    for (let i = 0; i < 5; i++) {
        const [here, there] = [next(main, 'a'), next(doctor, 'b')];
        theirs.sio.emit('a', i);
        theirs.sio.of('/doctor').emit('b', i);
        assert.equal((await here)[0], i);
        assert.equal((await there)[0], i);
        const news = next(far, 'news');
        main.emit('bcast', { room: 'clinic:1', ev: 'news', data: i });
        assert.equal((await news)[0], i);
    }
    assert.equal((await theirs.sio.of('/doctor').fetchSockets()).length, 1);
    const { id } = main;
    const gone = next(main, 'disconnect');
    main.io.engine.close();
    await gone;
    main.connect();
    await connected(main);
    assert.deepEqual([main.id, main.recovered], [id, true]);
    far.disconnect();
    await theirs.stop();
    await ours.stop();
});
