// What servers ask each other: a C server and a Node server with the streams adapter on one Redis.
// Rule: no Node server may wait in vain for the C server: each answer is there within 4 s, far from
// the 5 s after which Node gives up.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { io } from 'socket.io-client';

import { startRedis } from '../../tools/lib/redis.mjs';
import { stopwatch } from '../lib/slowdown.mjs';
import { connected, Echo, next, ready, until } from './socketio_echo.mjs';
import { startNode } from './socketio_node.mjs';

const flags = ['--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000'];
let dir, redis, echo, node, near, far;

async function soon(asking) {
    const watch = stopwatch();
    const answer = await asking;
    watch.within(4000, 'the answer');
    return answer;
}

const servers = (n) => until(async () => (await node.sio.of('/').adapter.serverCount()) === n, `${n} servers`);
const answersOf = (event, ...args) => new Promise((done, fail) =>
    node.sio.serverSideEmit(event, ...args, (error, answers) => (error ? fail(error) : done(answers))));

before(async () => {
    dir = fs.mkdtempSync(join(os.tmpdir(), 'sio-cluster-'));
    redis = await startRedis({ dir: join(dir, 'redis') });
    [echo, node] = await Promise.all([Echo.start('--kit', '--redis', redis.url, ...flags), startNode(redis)]);
    await ready(echo);
    await servers(2);
    near = await echo.connect({ transports: ['websocket'] });
    far = io(node.url, { forceNew: true });
    await connected(far);
});

after(async () => {
    far?.disconnect();
    await node.stop();
    await echo.stop();
    await redis.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});

test('Node fetchSockets sees our sockets with rooms, data and handshake', async () => {
    const watch = stopwatch();
    const sockets = await node.sio.fetchSockets();
    watch.within(4000, 'asking');
    const ours = sockets.find((s) => s.id === near.id);
    assert.ok(ours && sockets.some((s) => s.id === far.id));
    assert.deepEqual([...ours.rooms].sort(), [near.id, 'clinic:1'].sort());
    assert.deepEqual(ours.data, { kit: true });
    assert.equal(ours.handshake.address, '127.0.0.1');
    assert.equal(ours.handshake.query.transport, 'websocket');
    assert.ok(Math.abs(Date.now() - ours.handshake.issued) < 60_000);
    assert.deepEqual(ours.handshake.auth, {});
    assert.equal((await node.sio.in('nobody').fetchSockets()).length, 0);
    assert.deepEqual((await node.sio.in(near.id).fetchSockets()).map((s) => s.id), [near.id]);
    assert.deepEqual((await node.sio.of('/doctor').fetchSockets()), []);
});

test('Node serverSideEmit reaches us without an answer', async () => {
    const called = next(near, 'called');
    node.sio.serverSideEmit('hello', 1, { b: Buffer.from([1, 2]) });
    const [name, [n, { b }]] = await called;
    assert.deepEqual([name, n, [...b]], ['hello', 1, [1, 2]]);
});

test('Node serverSideEmit is answered, also where the application has no answer', async () => {
    assert.deepEqual(await answersOf('whoami'), [{ server: 'c' }]);
    assert.deepEqual(await answersOf('silent', 1), [null]);
    const doctor = new Promise((done, fail) =>
        node.sio.of('/doctor').serverSideEmit('anything', (error, answers) => (error ? fail(error) : done(answers))));
    assert.deepEqual(await doctor, [null]);
});

test('a broadcast of Node whose clients answer waits for ours too', async () => {
    near.once('question', (n, answer) => answer({ c: n + 1 }));
    far.once('question', (n, answer) => answer({ node: n + 1 }));
    const answers = await soon(node.sio.timeout(8000).emitWithAck('question', 41));
    assert.deepEqual(answers.sort((a, b) => ('c' in a ? -1 : 1) - ('c' in b ? -1 : 1)), [{ c: 42 }, { node: 42 }]);
    assert.deepEqual(await soon(node.sio.to('nobody').timeout(8000).emitWithAck('question', 1)), []);
    near.once('bytes', (b, answer) => answer(Buffer.from([...b].reverse())));
    const [bytes] = await soon(node.sio.to(near.id).timeout(8000).emitWithAck('bytes', Buffer.from([1, 2, 3])));
    assert.deepEqual([...bytes], [3, 2, 1]);
});

test('a client of ours that does not answer ends in its own time', async () => {
    near.off('question');
    await assert.rejects(node.sio.to(near.id).timeout(300).emitWithAck('question', 1), /timed out/);
});

test('Node socketsJoin, socketsLeave and disconnectSockets move our sockets', async () => {
    const socket = await echo.connect({ transports: ['websocket'] });
    const rooms = async () => (await node.sio.in(socket.id).fetchSockets())[0]?.rooms;
    node.sio.in(socket.id).socketsJoin(['vip', 'other']);
    await until(async () => (await rooms()).has('vip'), 'the room');
    node.sio.in('vip').socketsLeave('vip');
    await until(async () => !(await rooms()).has('vip'), 'the room to be left');
    assert.ok((await rooms()).has('other'));
    const gone = next(socket, 'disconnect');
    node.sio.in('other').disconnectSockets(true);
    assert.equal((await gone)[0], 'io server disconnect');
});

test('we fetch the sockets of all servers', async () => {
    const [complete, sockets] = await soon(near.timeout(60_000).emitWithAck('fetch'));
    assert.equal(complete, true);
    assert.deepEqual(sockets.map((s) => s.id).sort(), [near.id, far.id].sort());
    assert.deepEqual(sockets.find((s) => s.id === far.id).data, { from: 'node' });
});

test('we ask all clients of all servers', async () => {
    near.once('count', (n, answer) => answer(n));
    far.once('count', (n, answer) => answer(n * 10));
    const [complete, answers] = await soon(near.timeout(60_000).emitWithAck('ask-all', { ev: 'count', data: 7 }));
    assert.equal(complete, true);
    assert.deepEqual(answers.sort((a, b) => a - b), [7, 70]);
    const [late, some] = await soon(near.timeout(60_000).emitWithAck('ask-all', { ev: 'nobody-answers', ms: 200 }));
    assert.deepEqual([late, some], [false, []]);
});

test('we call the other servers and hear their answers', async () => {
    const onPing = (n, answer) => answer({ pong: n });
    node.sio.on('ping-servers', onPing);
    assert.deepEqual(await soon(near.timeout(60_000).emitWithAck('call', { ev: 'ping-servers', data: 1 })), [true, [{ pong: 1 }]]);
    node.sio.off('ping-servers', onPing);
    const told = new Promise((done) => node.sio.once('news', done));
    near.emit('call', { ev: 'news', data: { x: 1 } });
    assert.deepEqual(await told, { x: 1 });
});

test('we join, leave and disconnect sockets of a Node server', async () => {
    const socket = io(node.url, { forceNew: true, reconnection: false });
    await connected(socket);
    const local = () => node.sio.of('/').sockets.get(socket.id);
    near.emit('join-all', { room: 'far', from: socket.id });
    await until(() => local().rooms.has('far'), 'the room');
    near.emit('leave-all', { room: 'far', from: 'far' });
    await until(() => !local().rooms.has('far'), 'the room to be left');
    const gone = next(socket, 'disconnect');
    near.emit('bye-all', { room: socket.id });
    assert.equal((await gone)[0], 'io server disconnect');
});

test('a server that joins is counted and answers, one that dies suddenly is not waited for', async () => {
    const third = await Echo.start('--kit', '--redis', redis.url, ...flags);
    await ready(third);
    await servers(3);
    assert.deepEqual(await answersOf('whoami'), [{ server: 'c' }, { server: 'c' }]);
    await third.kill();
    await servers(2);
    const watch = stopwatch();
    assert.deepEqual(await answersOf('whoami'), [{ server: 'c' }]);
    assert.equal((await node.sio.fetchSockets()).length, 2);
    assert.equal((await soon(near.timeout(60_000).emitWithAck('fetch')))[0], true);
    watch.within(4000, 'asking');
});

test('messages of servers that are none are counted and passed over', async () => {
    const client = redis.client();
    const before_ = (await echo.stats()).adapter.malformed;
    const wrong = ['', '\x81', Buffer.from([0xdf, 255, 255, 255, 255]), Buffer.from('80', 'hex'), 'null', Buffer.from([0x90])];
    for (const bytes of wrong) await client.publish('socket.io#/#', bytes);
    for (const text of ['', '{', '{"type":2}', '{"type":2,"opts":{},"rooms":[1]}', '{"type":"x"}']) await client.publish('socket.io-request#/#', text);
    await until(async () => (await echo.stats()).adapter.malformed === before_ + wrong.length + 5, 'the count');
    assert.deepEqual(await answersOf('whoami'), [{ server: 'c' }]);
});
