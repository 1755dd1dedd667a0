// The stock socket.io-client against the C server.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { connected, Echo, echoProgram, next, sleep, until } from './socketio_echo.mjs';

let echo;
before(async () => {
    echo = await Echo.start('--kit', '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '30000');
});
after(() => echo.stop());

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    const name = transports.join(' then ');
    test(`${name}: events, answers and bytes go both ways`, async () => {
        const socket = await echo.connect({ transports });
        assert.match(socket.id, /^[\w-]{20}$/);
        const values = [1, 'ñandú ☃ 😀', null, true, { a: [1.5, { b: 'c' }] }, 'x'.repeat(70_000)];
        const answer = next(socket, 'ev-back');
        socket.emit('ev', ...values);
        assert.deepEqual(await answer, values);
        const acked = await new Promise((done) => socket.emit('echo', 'a', { b: 2 }, (...args) => done(args)));
        assert.deepEqual(acked, ['a', { b: 2 }]);
        const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 255));
        const back = next(socket, 'ev-back');
        socket.emit('ev', bytes, { deep: [Buffer.from('z')] });
        const [first, second] = await back;
        assert.deepEqual(Buffer.from(first), bytes);
        assert.equal(Buffer.from(second.deep[0]).toString(), 'z');
        const blob = await new Promise((done) => socket.emit('echo', Buffer.from([1, 2, 3]), done));
        assert.deepEqual([...Buffer.from(blob)], [1, 2, 3]);
        socket.disconnect();
    });
}

test('the connection upgrades to WebSocket while events flow, in order', async () => {
    const socket = await echo.connect();
    const got = [];
    socket.on('ev-back', (i) => got.push(i));
    for (let i = 0; i < 300; i++) {
        socket.emit('ev', i);
        if (i % 10 === 0) await sleep(1);
    }
    await until(() => got.length === 300, 'all echoes');
    assert.deepEqual(got, Array.from({ length: 300 }, (_, i) => i));
    await until(() => socket.io.engine.transport.name === 'websocket', 'the upgrade');
    socket.disconnect();
});

test('the server asks and the client answers', async () => {
    const socket = await echo.connect();
    socket.on('q', (n, answer) => answer(n + 41, { ok: true }));
    socket.emit('askme');
    assert.deepEqual(await next(socket, 'q-ack'), [42, { ok: true }]);
    socket.disconnect();
});

test('a question nobody answers ends after its time', async () => {
    const socket = await echo.connect();
    const started = Date.now();
    socket.emit('askme');
    assert.deepEqual(await next(socket, 'q-ack'), [{ timeout: true }]);
    assert.ok(Date.now() - started >= 1990);
    socket.disconnect();
});

test('a refused connection gets connect_error with its data, and may try again', async () => {
    const socket = echo.client({ auth: { token: 'bad' } });
    const error = await new Promise((done) => socket.once('connect_error', done));
    assert.equal(error.message, 'not authorized');
    assert.deepEqual(error.data, { code: 401 });
    socket.auth = { token: 'good' };
    socket.connect();
    await connected(socket);
    socket.disconnect();
});

test('the server may decide later, and the client may be gone by then', async () => {
    const gone = echo.client({ auth: { later: true, clinic: 'late' }, transports: ['websocket'] });
    await new Promise((done) => gone.io.engine.once('open', () => setTimeout(done, 30)));
    gone.disconnect();
    const speaker = await echo.connect();
    const ask = (what) => speaker.emitWithAck(what);
    await until(async () => (await ask('undecided')) === 0, 'the decision about who is gone');
    const socket = echo.client({ auth: { later: 'told', clinic: 'late' } });
    let early = 0;
    socket.on('early', () => early++);
    await until(async () => (await ask('undecided')) === 1, 'it waits');
    speaker.emit('bcast', { room: 'clinic:late', ev: 'early', data: 1 }); // to nobody: undecided
    await ask('undecided');
    assert.equal(socket.connected, false);
    await ask('decide');
    await connected(socket);
    const late = next(socket, 'late');
    speaker.emit('bcast', { room: 'clinic:late', ev: 'late', data: 2 });
    assert.deepEqual(await late, [2]);
    assert.equal(early, 0);
    for (const s of [socket, speaker]) s.disconnect();
});

test('who waits for a decision is neither counted nor visited, and hides nobody who is in', async () => {
    const inside = await echo.connect({ auth: { clinic: 'crowd' }, transports: ['websocket'] });
    const count = () => inside.emitWithAck('count', 'clinic:crowd');
    assert.deepEqual(await count(), [1, 1]);
    const later = Array.from({ length: 8 }, () => echo.client({ auth: { later: 'told', clinic: 'crowd' }, transports: ['websocket'] }));
    await until(async () => (await inside.emitWithAck('undecided')) === 8, 'all wait');
    assert.deepEqual(await count(), [1, 1]);
    assert.ok(later.every((s) => !s.connected));
    const all = Promise.all(later.map((s) => connected(s)));
    await inside.emitWithAck('decide');
    await all;
    assert.deepEqual(await count(), [9, 9]);
    for (const s of later.slice(1)) s.disconnect();
    while ((await count())[0] !== 2) await sleep(10);
    for (const s of [inside, later[0]]) s.disconnect();
});

test('an unknown namespace is refused, another one works on the same connection', async () => {
    const main = await echo.connect();
    const unknown = main.io.socket('/nothing-here');
    const error = await new Promise((done) => unknown.once('connect_error', done));
    assert.equal(error.message, 'Invalid namespace');
    const doctor = main.io.socket('/doctor');
    await connected(doctor);
    assert.notEqual(doctor.id, main.id);
    assert.equal(await new Promise((done) => doctor.emit('echo', 7, done)), 7);
    doctor.disconnect();
    assert.equal(await new Promise((done) => main.emit('echo', 8, done)), 8);
    main.disconnect();
});

test('a broadcast reaches the room and nobody else', async () => {
    const [a, b, other] = await Promise.all([
        echo.connect({ auth: { clinic: 'alpha' } }),
        echo.connect({ auth: { clinic: 'alpha' }, transports: ['polling'] }),
        echo.connect({ auth: { clinic: 'beta' } }),
    ]);
    let wrong = 0;
    other.on('news', () => wrong++);
    const both = Promise.all([next(a, 'news'), next(b, 'news')]);
    a.emit('bcast', { room: 'clinic:alpha', ev: 'news', data: { n: 1 } });
    assert.deepEqual(await both, [[{ n: 1 }], [{ n: 1 }]]);
    const own = next(b, 'direct');
    a.emit('bcast', { room: b.id, ev: 'direct', data: 'you' }); // every socket is the room of its id
    assert.deepEqual(await own, ['you']);
    await sleep(50);
    assert.equal(wrong, 0);
    for (const s of [a, b, other]) s.disconnect();
});

test("a broadcast with a name of the client library's own closes nobody's connection", async () => {
    const [a, b] = await Promise.all([0, 1].map(() => echo.connect({ auth: { clinic: 'names' } })));
    let ended = 0;
    for (const s of [a, b]) s.on('disconnect', () => ended++);
    for (const ev of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'])
        a.emit('bcast', { room: 'clinic:names', ev, data: 1 });
    const both = Promise.all([next(a, 'after'), next(b, 'after')]);
    a.emit('bcast', { room: 'clinic:names', ev: 'after', data: 2 });
    assert.deepEqual(await both, [[2], [2]]);
    assert.equal(ended, 0);
    for (const s of [a, b]) s.disconnect();
});

test('--kit: the room is clinic:<auth.clinic or 1>, however long and of whatever kind that is', async () => {
    for (const clinic of ['7f6c2a52-7a7a-4f39-9d6e-2f4d0b6f0a11', 5, 'é"x', 0, '', null, undefined]) {
        const socket = await echo.connect({ auth: { clinic }, transports: ['websocket'] });
        assert.equal((await socket.emitWithAck('count', `clinic:${clinic || 1}`))[0], 1, String(clinic));
        socket.disconnect();
    }
});

test('the server disconnects: the client hears why', async () => {
    for (const transports of [['websocket'], ['polling']]) {
        const socket = await echo.connect({ transports });
        const gone = next(socket, 'disconnect');
        socket.emit('bye');
        assert.equal((await gone)[0], 'io server disconnect');
    }
});

test('a client without pongs is dropped after interval and timeout', async () => {
    const quick = await Echo.start('--kit', '--ping-interval', '1000', '--ping-timeout', '1000');
    const started = Date.now();
    const socket = await quick.connect({ transports: ['websocket'] });
    socket.io.engine._sendPacket = () => {}; // no more pongs
    const [reason] = await next(socket, 'disconnect');
    assert.ok(Date.now() - started > 1900, reason);
    await until(async () => (await quick.stats()).connections === 1, 'only the asking connection');
    await quick.stop();
});

test('a client that goes silently frees its session', async () => {
    const socket = await echo.connect({ transports: ['polling'] });
    socket.io.engine.close();
    socket.disconnect();
    await until(async () => (await echo.stats()).connections === 1, 'only the asking connection');
});

test('400 clients get every tick of a burst, in order', async () => {
    const sockets = await Promise.all(
        Array.from({ length: 400 }, (_, i) => echo.connect({ transports: i % 8 ? ['websocket'] : ['polling'] })),
    );
    const counts = sockets.map(() => 0);
    let disorder = 0;
    sockets.forEach((s, i) => {
        let last = 0;
        s.on('tick', ({ seq }) => {
            if (last && seq !== last + 1) disorder++;
            last = seq;
            counts[i]++;
        });
    });
    sockets[0].emit('go', { n: 100, size: 200, gap: 0 });
    await until(() => counts.every((n) => n === 100), 'all ticks');
    assert.equal(disorder, 0);
    for (const s of sockets) s.disconnect();
});

test('--kit go: n events of that size, that far apart, with the monotonic time in microseconds', async () => {
    const socket = await echo.connect({ transports: ['websocket'] });
    const ticks = [];
    socket.on('tick', (tick) => ticks.push(tick));
    const from = process.hrtime.bigint() / 1000n;
    socket.emit('go', [{ n: 5, size: 300, gap: 40 }][0]);
    await until(() => ticks.length === 5, 'five ticks');
    const to = process.hrtime.bigint() / 1000n; // CLOCK_MONOTONIC too
    ticks.forEach((tick, i) => {
        assert.deepEqual(Object.keys(tick), ['seq', 't', 'pad']);
        assert.equal(tick.pad.length, 300);
        assert.ok(BigInt(tick.t) >= from && BigInt(tick.t) <= to);
        if (i) assert.equal(tick.seq, ticks[i - 1].seq + 1);
    });
    assert.ok(ticks[4].t - ticks[0].t >= 4 * 40_000 - 8000, 'the gaps');
    socket.disconnect();
});

test('flags: path, ping interval and timeout, largest payload, and a path that is not the server', async () => {
    const other = await Echo.start('--path', '/live', '--ping-interval', '12345', '--ping-timeout', '6789', '--max-payload', '5000');
    const open = JSON.parse((await (await fetch(`${other.url}/live/?EIO=4&transport=polling`)).text()).slice(1));
    assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload], [12345, 6789, 5000]);
    assert.equal((await fetch(`${other.url}/live/?EIO=4&transport=polling&sid=${open.sid}`, { method: 'POST', body: '4'.repeat(5001) })).status, 413);
    assert.equal((await fetch(`${other.url}/socket.io/?EIO=4&transport=polling`)).status, 404);
    const socket = await other.connect({ path: '/live/' });
    assert.ok(socket.id);
    await other.stop();
});

test('flags: --connect-timeout closes a connection that connects to no namespace', async () => {
    const other = await Echo.start('--kit', '--ping-interval', '60000', '--ping-timeout', '60000', '--connect-timeout', '2000'); // longer than the next request takes to arrive
    const { sid } = JSON.parse((await (await fetch(`${other.url}/socket.io/?EIO=4&transport=polling`)).text()).slice(1));
    assert.equal(await (await fetch(`${other.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`)).text(), '1');
    await other.stop();
});

test('flags: --engine-only echoes messages as they are', async () => {
    const other = await Echo.start('--engine-only', '--ping-interval', '60000');
    const url = `${other.url}/engine.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '4hello\x1ebAQIDBA==' });
    assert.equal(await (await fetch(`${url}&sid=${sid}`)).text(), '4hello\x1ebAQIDBA==');
    await other.stop();
});

test('flags and values that are none end with one line on stderr and exit code 2', () => {
    const numbers = ['ping-interval', 'ping-timeout', 'connect-timeout', 'max-payload'].flatMap((name) =>
        ['soon', '0', '-5', '1e3', '', '99999999999'].map((value) => [new RegExp(`^sio_echo: --${name} wants a number from 1 to \\d+$`), `--${name}`, value]));
    const wrong = [...numbers,
        [/--port wants a number from 0 to 65535/, '--port', '65536'],
        [/the route live\/ is malformed/, '--path', 'live'],
        [/not a Redis URL/, '--redis', 'http://127.0.0.1'],
        [/not a Redis URL/, '--redis', 'redis://127.0.0.1:port'],
        [/option '--redis' requires an argument/, '--redis'],
        [/option '--recovery' doesn't allow an argument/, '--recovery=1'],
        [/exclude each other/, '--engine-only', '--kit'],
        [/knows neither/, '--engine-only', '--recovery'],
        [/unrecognized option '--nope'/, '--nope'],
        [/no arguments but flags/, 'extra']];
    for (const [line, ...flags] of wrong) {
        const { status, stdout, stderr } = spawnSync(echoProgram, flags, { encoding: 'utf8', timeout: 20_000 });
        assert.equal(status, 2, flags.join(' '));
        assert.match(stderr.trimEnd(), line);
        assert.deepEqual([stdout, stderr.trimEnd().split('\n').length], ['', 1], flags.join(' '));
    }
});
