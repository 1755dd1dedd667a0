// One C server, one Node server with @socket.io/redis-streams-adapter, one Redis.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';

import { startRedis } from '../../tools/lib/redis.mjs';
import { stopwatch } from '../lib/slowdown.mjs';
import { connected, Echo, next, sleep, until } from './socketio_echo.mjs';
import { hears } from './socketio_node.mjs';

let dir, redis, echo, node;
const stopped = []; // Redis servers before the present one: their clients end with the tests

async function startNode() {
    const server = http.createServer();
    const client = redis.client();
    const sio = new Server(server, { adapter: createAdapter(client) });
    sio.of('/doctor');
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${server.address().port}`;
    sio.on('connection', (socket) => socket.join('clinic:1'));
    return { sio, url, server, stop: () => new Promise((done) => sio.close(done)) };
}

before(async () => {
    dir = fs.mkdtempSync(join(os.tmpdir(), 'sio-stream-'));
    redis = await startRedis({ dir: join(dir, 'redis') });
    echo = await Echo.start('--kit', '--redis', redis.url, '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000');
    node = await startNode();
    await until(async () => (await echo.stats()).adapter.connected, 'the adapter');
    await hears(node, echo);
});

after(async () => {
    await node.stop();
    await echo.stop();
    for (const server of [...stopped, redis]) await server.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});

test("a Node server's broadcasts reach our clients, with rooms and except", async () => {
    const [a, b] = await Promise.all([echo.connect(), echo.connect({ transports: ['websocket'], auth: { clinic: 2 } })]);
    const got = { a: [], b: [] };
    a.onAny((ev, ...args) => got.a.push([ev, ...args]));
    b.onAny((ev, ...args) => got.b.push([ev, ...args]));
    node.sio.emit('all', { n: 1, s: 'ñ "q" \\ 😀' });
    node.sio.to('clinic:2').emit('room', 2);
    node.sio.except('clinic:2').emit('except', 3);
    node.sio.to('clinic:1').to('clinic:2').emit('both', 4, [5]);
    node.sio.to(a.id).emit('own', 6);
    node.sio.local.emit('local', 7);
    node.sio.emit('end');
    await until(() => got.a.at(-1)?.[0] === 'end' && got.b.at(-1)?.[0] === 'end', 'the end');
    assert.deepEqual(got.a, [['all', { n: 1, s: 'ñ "q" \\ 😀' }], ['except', 3], ['both', 4, [5]], ['own', 6], ['end']]);
    assert.deepEqual(got.b, [['all', { n: 1, s: 'ñ "q" \\ 😀' }], ['room', 2], ['both', 4, [5]], ['end']]);
    a.disconnect();
    b.disconnect();
});

test("our broadcasts reach a Node server's clients", async () => {
    const far = io(node.url, { forceNew: true });
    await connected(far);
    const near = await echo.connect();
    const news = next(far, 'news');
    near.emit('bcast', { room: 'clinic:1', ev: 'news', data: { deep: ['ü', 1.5, null] } });
    assert.deepEqual(await news, [{ deep: ['ü', 1.5, null] }]);
    far.disconnect();
    near.disconnect();
});

test('bytes cross in both directions', async () => {
    const far = io(node.url, { forceNew: true });
    await connected(far);
    const near = await echo.connect({ transports: ['websocket'] });
    const here = next(near, 'bin');
    node.sio.to('clinic:1').emit('bin', Buffer.from([1, 2, 255]), { x: -7, y: 1.25, z: 'text', w: [true, null] });
    const [bytes, rest] = await here;
    assert.deepEqual([...Buffer.from(bytes)], [1, 2, 255]);
    assert.deepEqual(rest, { x: -7, y: 1.25, z: 'text', w: [true, null] });
    const there = next(far, 'bin2');
    near.emit('bcast', { room: 'clinic:1', ev: 'bin2', data: { b: Buffer.from([9, 8]), n: 3 } });
    const [got] = await there;
    assert.deepEqual([...Buffer.from(got.b)], [9, 8]);
    assert.equal(got.n, 3);
    far.disconnect();
    near.disconnect();
});

test('a Node server joins, leaves and disconnects our sockets', async () => {
    const socket = await echo.connect({ transports: ['websocket'] });
    const inVip = async () => (await socket.emitWithAck('count', 'vip'))[0];
    node.sio.in('clinic:1').socketsJoin('vip');
    await until(async () => (await inVip()) === 1, 'in the room');
    const vip = next(socket, 'vip-news');
    node.sio.to('vip').emit('vip-news', 1);
    assert.deepEqual(await vip, [1]);
    node.sio.in('vip').socketsLeave('vip');
    await until(async () => (await inVip()) === 0, 'out of it');
    let late = 0;
    socket.on('vip-news', () => late++);
    node.sio.to('vip').emit('vip-news', 2);
    const gone = next(socket, 'disconnect');
    node.sio.in(socket.id).disconnectSockets(true);
    assert.equal((await gone)[0], 'io server disconnect');
    assert.equal(late, 0);
});

test('a Node server that asks for all sockets is not kept waiting by us', async () => {
    const watch = stopwatch();
    await node.sio.fetchSockets();
    watch.within(2000, 'asking');
});

test('entries that are none are counted and passed over', async () => {
    const socket = await echo.connect();
    const client = redis.client();
    const before_ = (await echo.stats()).adapter.malformed;
    const wrong = ['', '{', '{"packet":1}', 'AAAA', '{"packet":{"type":2,"data":["x",]},"opts":{}}', '\xff'];
    for (const data of wrong)
        await client.xadd('socket.io', '*', 'uid', 'evil', 'nsp', '/', 'type', '3', 'data', data);
    await client.xadd('socket.io', '*', 'odd', 'fields');
    const good = next(socket, 'good');
    const data = '{"packet":{"type":2,"data":["good",1]},"opts":{"rooms":[],"except":[],"flags":{}}}';
    await client.xadd('socket.io', '*', 'uid', 'relay', 'nsp', '/', 'type', '3', 'data', data);
    assert.deepEqual(await good, [1]);
    assert.equal((await echo.stats()).adapter.malformed, before_ + wrong.length);
    socket.disconnect();
});

test('a restart of Redis loses and repeats nothing', async () => {
    const socket = await echo.connect();
    const got = [];
    socket.on('n', (n) => got.push(n));
    const send = async (client, n) =>
        client.xadd('socket.io', '*', 'uid', 'relay', 'nsp', '/', 'type', '3', 'data',
            JSON.stringify({ packet: { type: 2, data: ['n', n] }, opts: { rooms: ['clinic:1'], except: [], flags: {} } }));
    const client = redis.client();
    for (let n = 0; n < 50; n++) await send(client, n);
    await until(() => got.length === 50, 'the first events');
    const { port, dir: data } = redis;
    stopped.push(redis);
    await redis.part.stop();
    redis = await startRedis({ dir: data, port });
    const again = redis.client();
    for (let n = 50; n < 100; n++) await send(again, n); // before our server is back
    await until(() => got.length >= 100, 'the other events');
    await sleep(200);
    assert.deepEqual(got, Array.from({ length: 100 }, (_, n) => n));
    assert.equal((await echo.stats()).adapter.reconnects, 1);
    socket.disconnect();
});
