// Every line of bad input that the server must stand, one test a line; the names are the list.
// More of each kind is in socketio_hostile.test.mjs and lib/socketio/packet_test.c.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { connected, Echo, next, until } from './socketio_echo.mjs';
import { frame, rawTools } from './socketio_raw.mjs';

let echo;
before(async () => {
    echo = await Echo.start('--kit', '--ping-interval', '60000', '--ping-timeout', '60000', '--connect-timeout', '60000',
        '--origin', 'https://clinic.example');
});
after(() => echo.stop());
const { path, session, poll, post, waiting, isGone, rawSocket } = rawTools(() => echo);
const json = async (response) => [response.status, await response.json()];
const text = { 'content-type': 'text/plain' };

// A polling session whose POSTs end it.
async function endedBy(...packets) {
    const sid = await session();
    await post(sid, packets.join('\x1e'));
    let last = '';
    for (let i = 0; i < 3 && !last.includes('Session ID unknown'); i++) last = await (await poll(sid)).text();
    assert.match(last, /Session ID unknown/, packets.join(' ').slice(0, 80));
}

// The close code after these frames.
async function codeOf(bytes) {
    const ws = await rawSocket();
    await ws.until('pingInterval');
    ws.write(bytes);
    return ws.code();
}

test('EIO=3 is refused in the words of Node', async () => {
    assert.deepEqual(await json(await fetch(`${echo.url}/socket.io/?EIO=3&transport=polling`)), [400, { code: 5, message: 'Unsupported protocol version' }]);
});

test('an unknown sid is refused', async () => {
    assert.deepEqual(await json(await poll('nobody')), [400, { code: 1, message: 'Session ID unknown' }]);
    const ws = await rawSocket({ query: 'transport=websocket&sid=nobody' });
    assert.match(ws.got.toString('latin1'), /^HTTP\/1\.1 400 /);
});

test('a second GET while one waits ends the session', async () => {
    const sid = await session();
    const first = await waiting(sid);
    assert.equal((await poll(sid)).status, 400);
    assert.equal((await first.answer).text, '1');
    assert.ok(await isGone(sid));
});

test('an aborted GET ends the session', async () => {
    const sid = await session();
    (await waiting(sid)).abort();
    await until(async () => (await post(sid, '3')).status === 400, 'the end of the session'); // a GET would wait
});

test('a POST of application/octet-stream is refused', async () => {
    const sid = await session();
    assert.equal((await post(sid, '40', { 'content-type': 'application/octet-stream' })).status, 400);
    assert.ok(await isGone(sid));
});

test('an over-limit POST is 413, an over-limit message closes with 1009', async () => {
    assert.equal((await post(await session(), '4'.repeat(1_000_001))).status, 413);
    assert.equal(await codeOf(frame('4'.repeat(1_000_001))), 1009);
    assert.equal(await codeOf(frame('4', { length: 2 ** 40 })), 1009);
});

test('invalid UTF-8 is refused on both transports', async () => {
    const sid = await session();
    assert.equal((await post(sid, Buffer.from('343232ff', 'hex'), text)).status, 400);
    assert.ok(await isGone(sid));
    assert.equal(await codeOf(frame(Buffer.from([0x34, 0xff]))), 1007);
});

test('an unmasked frame closes with 1002', async () => {
    assert.equal(await codeOf(frame('40', { masked: false })), 1002);
});

test('an endlessly fragmented frame closes with 1008', async () => {
    assert.equal(await codeOf(Buffer.concat([frame('4', { first: 1 }), ...Array.from({ length: 5000 }, () => frame('', { first: 0 }))])), 1008);
});

test('reserved bits and reserved opcodes close with 1002', async () => {
    for (const first of [0xc1, 0xa1, 0x91, 0x83, 0x8b]) assert.equal(await codeOf(frame('40', { first })), 1002);
});

test('a flood of pings closes with 1008', async () => {
    assert.equal(await codeOf(Buffer.concat(Array.from({ length: 300 }, () => frame('p', { first: 0x89 })))), 1008);
});

test('pongs nobody asked for do not excuse a flood of pings', async () => {
    const ping = frame('p'.repeat(125), { first: 0x89 });
    assert.equal(await codeOf(Buffer.concat(Array.from({ length: 300 }, (_, i) => (i % 50 ? ping : frame('3'))))), 1008);
});

test('a client over its cap is not heard any more, though its POST goes on', async () => {
    const other = await echo.connect({ transports: ['websocket'] });
    let heard = 0;
    other.on('late', () => heard++);
    const turns = Array.from({ length: 100_000 }, () => '40\x1e41'); // 7 MB of answers, and nobody reads
    await post(await session(), [...turns, '40', '42["bcast",{"room":"clinic:1","ev":"late"}]'].join('\x1e'));
    const done = next(other, 'done');
    other.emit('bcast', { room: 'clinic:1', ev: 'done' });
    await done;
    assert.equal(heard, 0);
    other.disconnect();
});

test('packet types with garbage end the session', async () => {
    for (const packet of ['9', '4', '4x', '40x', '42', '42{}', '42[', '42[1', '42["a"', '43', '43[]', '431', '44', '46', '47', '2', '0', '5', '\x1e']) await endedBy('40', packet);
});

test('51- without its attachments ends the session', async () => {
    await endedBy('40', '451-["ev",{"_placeholder":true,"num":0}]', '42["ev"]');
    await endedBy('40', '451-["ev",{"_placeholder":true,"num":1}]');
});

test('5999999999- is refused before anything is kept for it', async () => {
    await endedBy('40', '45999999999-["ev"]');
    await endedBy('40', '46999999999-1["ev"]');
});

test('a namespace of 64 KiB ends the session', async () => {
    await endedBy(`40/${'n'.repeat(65536)},`);
});

test('an ack id beyond 2^53 ends the session', async () => {
    await endedBy('40', '429007199254740992["echo"]');
    await endedBy('40', `42${'9'.repeat(30)}["echo"]`);
    const sid = await session();
    await post(sid, '40\x1e429007199254740991["echo",1]');
    let heard = '';
    for (let i = 0; i < 2 && !heard.includes('43'); i++) heard += await (await poll(sid)).text();
    assert.match(heard, /439007199254740991\[1\]/);
});

test('CONNECT twice ends the session', async () => {
    await endedBy('40', '40');
    await endedBy('40/doctor,', '40/doctor,');
});

test('leaving, or anything else, before the decision ends the session, as in Node', async () => {
    for (const early of ['41', '42["echo",1]', '40']) await endedBy('40{"later":true}', early, '40{"later":true}', early);
});

test('events before CONNECT end the session', async () => {
    await endedBy('42["echo",1]');
    await endedBy('40', '42/doctor,["echo",1]');
});

test('a join forged by a client joins nothing', async () => {
    const socket = await echo.connect({ transports: ['websocket'], auth: { clinic: 'x', rooms: ['clinic:y'] } });
    let heard = 0;
    socket.on('secret', () => heard++);
    socket.emit('join', 'clinic:y');
    socket.emit('bcast', { room: 'clinic:y', ev: 'secret', data: 1 });
    const done = next(socket, 'done');
    socket.emit('bcast', { room: 'clinic:x', ev: 'done', data: 1 });
    await done;
    assert.equal(heard, 0);
    socket.disconnect();
});

test('a foreign Origin is refused on both transports', async () => {
    assert.equal((await fetch(path('transport=polling'), { headers: { origin: 'https://evil.example' } })).status, 403);
    const ws = await rawSocket({ headers: 'Origin: https://evil.example\r\n' });
    assert.match(ws.got.toString('latin1'), /^HTTP\/1\.1 403 /);
});

test('a client that sends no pong is dropped', async () => {
    const quick = await Echo.start('--kit', '--ping-interval', '1000', '--ping-timeout', '1000');
    const socket = quick.client({ transports: ['websocket'] });
    socket.io.once('open', () => {
        const { engine } = socket.io;
        engine.onHeartbeat = () => {};
        const send = engine._sendPacket.bind(engine);
        engine._sendPacket = (type, ...rest) => type !== 'pong' && send(type, ...rest);
    });
    const gone = next(socket, 'disconnect');
    await connected(socket);
    await gone;
    await quick.stop();
});

test('a client that never stops talking holds up nobody else', async () => {
    const N = 2_000_000; // its events: far more than are handled while two answers travel, also on a loaded machine
    const polite = await echo.connect({ transports: ['websocket'] });
    const chatty = await rawSocket();
    await chatty.until('pingInterval');
    chatty.write(frame('40'));
    await chatty.until('40{"sid"');
    let seen = 0;
    chatty.socket.removeAllListeners('data');
    chatty.socket.on('data', (d) => (seen += d.toString('latin1').split('"ev-back"').length - 1));
    const one = frame('42["ev",1]');
    chatty.write(Buffer.alloc(N * one.length, one));
    await until(() => seen > 0, 'the talk has begun');
    for (let i = 0; i < 2; i++) assert.equal(await polite.timeout(60_000).emitWithAck('echo', i), i);
    assert.ok(seen < N / 2, `2 answers, while ${seen} of ${N} of the others were heard`);
    chatty.socket.destroy();
    polite.disconnect();
});

test('volatile events a client cannot take are dropped and counted, the client is not', async () => {
    const fast = await echo.connect({ transports: ['websocket'] });
    let got = 0;
    fast.on('v', () => got++);
    assert.equal(await fast.timeout(60_000).emitWithAck('volatile', { n: 5, size: 10 }), 5);
    assert.equal(got, 5); // they came before the answer
    const before = await echo.stats();
    const slow = await rawSocket();
    await slow.until('pingInterval');
    slow.write(frame('40'));
    await slow.until('40{"sid"');
    slow.socket.pause();
    slow.write(frame('420["volatile",{"n":600,"size":40000}]')); // 24 MB: more than the kernel and the cap hold
    await until(async () => (await echo.stats()).dropped > before.dropped, 'some are dropped');
    assert.equal((await echo.stats()).slow, before.slow);
    slow.socket.resume();
    await until(() => /430\[\d+\]/.test(slow.got.subarray(-200).toString('latin1')), 'the answer behind them');
    const sent = Number(slow.got.subarray(-200).toString('latin1').match(/430\[(\d+)\]/)[1]);
    assert.ok(sent > 0 && sent < 600, `${sent} of 600`);
    assert.equal((await echo.stats()).dropped - before.dropped, 600 - sent);
    slow.socket.destroy();
    fast.disconnect();
});

test('a volatile event reaches a polling client only while a GET of it waits, as with Node', async () => {
    const sid = await session();
    await post(sid, '40');
    await poll(sid);
    await post(sid, '420["volatile",{"n":1,"size":1}]');
    assert.equal(await (await poll(sid)).text(), '430[0]');
    const get = await waiting(sid);
    await post(sid, '421["volatile",{"n":1,"size":1}]');
    assert.match((await get.answer).text, /^42\["v",\{"seq":0,"pad":"\d"\}\]\x1e431\[1\]$/);
    await post(sid, '1');
});

test('a slow reader is dropped at its cap and counted, the others get everything', async () => {
    const roomy = await Echo.start('--kit', '--ping-interval', '60000', '--ping-timeout', '60000', '--connect-timeout', '60000');
    const slow = await rawTools(() => roomy).rawSocket();
    await slow.until('pingInterval');
    slow.write(frame('40'));
    await slow.until('40{"sid"');
    slow.socket.pause();
    const good = await roomy.connect({ transports: ['websocket'] });
    let ticks = 0;
    good.on('tick', () => ticks++);
    for (let sent = 60; sent <= 600; sent += 60) { // 24 MB: more than the kernel and the cap hold
        good.emit('go', { n: 60, size: 40_000, gap: 2 });
        await until(() => ticks === sent, `${sent} ticks at the healthy client`);
    }
    assert.equal((await roomy.stats()).slow, 1);
    slow.socket.destroy();
    await roomy.stop();
});
