// The library on a loop that is not libuv's: sio_poll, a loop of poll(2), and the stock client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { stopwatch } from '../lib/slowdown.mjs';
import { connected, Echo, next, until } from './socketio_echo.mjs';

let server;
before(async () => {
    server = await Echo.start({ program: 'sio_poll' });
});
after(() => server.stop());

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    test(`${transports.join(' then ')}: events, answers, bytes and rooms on a foreign loop`, async () => {
        const [a, b] = await Promise.all([server.connect({ transports }), server.connect({ transports })]);
        for (let i = 0; i < 50; i++) assert.equal(await a.timeout(60_000).emitWithAck('echo', i), i);
        const bytes = await a.timeout(60_000).emitWithAck('echo', Buffer.from([1, 2, 255]));
        assert.deepEqual([...Buffer.from(bytes)], [1, 2, 255]);
        const heard = next(b, 'news');
        b.emit('rooms', 0);
        await heard;
        const [first, second] = [next(a, 'news'), next(b, 'news')];
        a.emit('rooms', { n: 1 });
        assert.deepEqual([await first, await second], [[{ n: 1 }], [{ n: 1 }]]);
        if (transports.length > 1) await until(() => a.io.engine.transport.name === 'websocket', 'the upgrade');
        for (const s of [a, b]) s.disconnect();
    });
}

test('much data goes both ways, and it is quick', async () => {
    const socket = await server.connect({ transports: ['websocket'] });
    const text = 'ñ'.repeat(400_000);
    const watch = stopwatch();
    for (let i = 0; i < 10; i++) assert.equal(await socket.timeout(60_000).emitWithAck('echo', text), text);
    watch.within(10_000, 'ten times 800 kB and back');
    await connected(socket);
    socket.disconnect();
});
