// The stock @socket.io/redis-emitter, every method of it, against the C server.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';

import { startRedis } from '../../tools/lib/redis.mjs';
import { Echo, next, ready, until } from './socketio_echo.mjs';

let dir, redis, echo, emitter, a, b;
const got = { a: [], b: [] };

before(async () => {
    dir = fs.mkdtempSync(join(os.tmpdir(), 'sio-emitter-'));
    redis = await startRedis({ dir: join(dir, 'redis') });
    echo = await Echo.start('--kit', '--redis', redis.url, '--recovery', '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000');
    await ready(echo);
    emitter = new Emitter(redis.client());
    a = await echo.connect({ transports: ['websocket'] });
    b = await echo.connect({ auth: { clinic: 2 } });
    a.onAny((ev, ...args) => got.a.push([ev, ...args]));
    b.onAny((ev, ...args) => got.b.push([ev, ...args]));
});

after(async () => {
    await echo.stop();
    await redis.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});

// What each heard up to an event to all.
async function heard() {
    emitter.emit('end');
    await until(() => [got.a, got.b].every((g) => g.at(-1)?.[0] === 'end'), 'the end');
    const all = [got.a.slice(0, -1), got.b.slice(0, -1)];
    got.a.length = got.b.length = 0;
    return all;
}

test('emit: to all, with every kind of value, dates and bytes among them', async () => {
    const at = new Date(1763794944123);
    emitter.emit('all', 1, -70000, 1.5, 2 ** 40, 'ñ "q" 😀', [null, true], { deep: { x: [] } }, at, Buffer.from([1, 2, 255]));
    const [[[ev, ...args]]] = await heard();
    assert.equal(ev, 'all');
    assert.deepEqual(args.slice(0, 8), [1, -70000, 1.5, 2 ** 40, 'ñ "q" 😀', [null, true], { deep: { x: [] } }, at.toJSON()]);
    assert.deepEqual([...args[8]], [1, 2, 255]);
});

test('to, in, except, several rooms, the room of one socket', async () => {
    emitter.to('clinic:1').emit('to', 1);
    emitter.in('clinic:2').emit('in', 2);
    emitter.to(['clinic:1', 'clinic:2']).emit('both', 3);
    emitter.to('clinic:1').to('clinic:2').except('clinic:2').emit('not-b', 4);
    emitter.except(['clinic:1', 'none']).emit('not-a', 5);
    emitter.to(a.id).emit('own', 6);
    emitter.to('nobody').emit('nobody', 7);
    assert.deepEqual(await heard(), [
        [['to', 1], ['both', 3], ['not-b', 4], ['own', 6]],
        [['in', 2], ['both', 3], ['not-a', 5]],
    ]);
});

test('volatile and compress are taken', async () => {
    emitter.volatile.emit('volatile', 1);
    emitter.compress(false).to('clinic:1').emit('plain', 2);
    emitter.compress(true).emit('compressed', 3);
    assert.deepEqual(await heard(), [
        [['volatile', 1], ['plain', 2], ['compressed', 3]],
        [['volatile', 1], ['compressed', 3]],
    ]);
});

test('of: another namespace, and only that', async () => {
    const doctor = await echo.connect({ transports: ['websocket'] }, '/doctor');
    const rounds = next(doctor, 'rounds');
    let wrong = 0;
    doctor.on('main-only', () => wrong++);
    emitter.emit('main-only', 1);
    emitter.of('/doctor').emit('rounds', { at: 8 });
    assert.deepEqual(await rounds, [{ at: 8 }]);
    assert.equal(wrong, 0);
    assert.deepEqual(await heard(), [[['main-only', 1]], [['main-only', 1]]]);
    doctor.disconnect();
});

test('socketsJoin, socketsLeave and disconnectSockets move sockets', async () => {
    const socket = await echo.connect({ transports: ['websocket'] });
    emitter.in(socket.id).socketsJoin(['x', 'y']);
    const x = next(socket, 'x');
    emitter.to('x').emit('x', 1);
    await x;
    emitter.in('y').socketsLeave('x');
    let late = 0;
    socket.on('late', () => late++);
    emitter.to('x').emit('late', 2);
    const gone = next(socket, 'disconnect');
    emitter.in('y').disconnectSockets(true);
    assert.equal((await gone)[0], 'io server disconnect');
    assert.equal(late, 0);
    await heard();
});

test('serverSideEmit calls the server', async () => {
    const called = next(a, 'called');
    emitter.serverSideEmit('reload', { table: 'users' }, 2);
    assert.deepEqual(await called, ['reload', [{ table: 'users' }, 2]]);
    await heard();
});

test('a text as last argument does not spoil what the client gives as its offset', async () => {
    const socket = await echo.connect({ transports: ['websocket'] });
    const first = next(socket, 'mark');
    socket.emit('bcast', { room: 'clinic:1', ev: 'mark', data: 'through the stream' });
    await first;
    const text = next(socket, 'text');
    emitter.emit('text', 'a text');
    assert.equal((await text)[0], 'a text');
    const back = next(socket, 'ev-back');
    socket.emit('ev', 'another text');
    assert.equal((await back)[0], 'another text');
    const { id } = socket;
    const gone = next(socket, 'disconnect');
    socket.io.engine.close();
    await gone;
    socket.connect();
    await next(socket, 'connect');
    assert.deepEqual([socket.id, socket.recovered], [id, true]);
    socket.disconnect();
    await heard();
});
