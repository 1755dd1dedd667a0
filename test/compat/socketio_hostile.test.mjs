// Bytes no honest client sends. After each the server must still serve (and end without a
// sanitizer's complaint, which Echo.stop checks).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { connected, Echo, next, raw, until } from './socketio_echo.mjs';
import { frame, rawTools } from './socketio_raw.mjs';

let echo;
before(async () => {
    echo = await Echo.start('--kit', '--ping-interval', '60000', '--ping-timeout', '60000', '--connect-timeout', '60000',
        '--origin', 'https://clinic.example');
});
after(() => echo.stop());

const { path, session, poll, post, waiting, isGone, rawSocket } = rawTools(() => echo);

test('errors are worded as Node words them', async () => {
    const cases = [
        ['', 'transport=polling', 5, 'Unsupported protocol version'],
        ['EIO=3', 'transport=polling', 5, 'Unsupported protocol version'],
        ['EIO=4', '', 0, 'Transport unknown'],
        ['EIO=4', 'transport=carrier-pigeon', 0, 'Transport unknown'],
        ['EIO=4', 'transport=websocket', 3, 'Bad request'],
        ['EIO=4', 'transport=polling&sid=nobody', 1, 'Session ID unknown'],
        ['EIO=4', `transport=polling&sid=${'x'.repeat(4000)}`, 1, 'Session ID unknown'],
    ];
    for (const [eio, query, code, message] of cases) {
        const response = await fetch(`${echo.url}/socket.io/?${eio}&${query}`);
        assert.equal(response.status, 400);
        assert.match(response.headers.get('content-type'), /^application\/json/);
        assert.deepEqual(await response.json(), { code, message });
    }
    assert.match(await (await fetch(path('transport=polling&sid='))).text(), /^0\{"sid"/); // none, as in Node
    const wrong = await fetch(path('transport=polling'), { method: 'POST', body: '40' });
    assert.deepEqual(await wrong.json(), { code: 2, message: 'Bad handshake method' });
});

test('a foreign origin is refused on both transports, an allowed one is named', async () => {
    const bad = await fetch(path('transport=polling'), { headers: { origin: 'https://evil.example' } });
    assert.equal(bad.status, 403);
    const good = await fetch(path('transport=polling'), { headers: { origin: 'https://clinic.example' } });
    assert.equal(good.status, 200);
    assert.equal(good.headers.get('access-control-allow-origin'), 'https://clinic.example');
    assert.equal(good.headers.get('vary'), 'Origin');
    const ws = await rawSocket({ headers: 'Origin: https://evil.example\r\n' });
    assert.match(ws.got.toString('latin1'), /^HTTP\/1\.1 403 /);
    const own = await fetch(path('transport=polling'), { headers: { origin: echo.url } });
    assert.equal(own.status, 200);
});

test('bad POSTs end the session: octet-stream, broken UTF-8, garbage, over the limit', async () => {
    for (const [body, headers, status] of [
        ['40', { 'content-type': 'application/octet-stream' }, 400],
        [Buffer.from('34ff', 'hex'), { 'content-type': 'text/plain' }, 400],
        ['9', { 'content-type': 'text/plain' }, 200],
        ['4{broken', { 'content-type': 'text/plain' }, 200],
        ['2', { 'content-type': 'text/plain' }, 200],
        ['b!!!', { 'content-type': 'text/plain' }, 200],
        ['40\x1e\x1e40', { 'content-type': 'text/plain' }, 200],
    ]) {
        const sid = await session();
        assert.equal((await post(sid, body, headers)).status, status, String(body));
        assert.ok(await isGone(sid), String(body));
    }
    const sid = await session();
    assert.equal((await post(sid, '4'.repeat(1_000_001))).status, 413);
});

test('Socket.IO packets out of order or out of bounds end the connection', async () => {
    for (const packets of [
        ['42["echo",1]'], // before CONNECT
        ['40', '40'],
        ['40', '40/doctor,', '40/doctor,'],
        ['40', '42/doctor,["echo"]'],
        ['40', '451-["ev",{"_placeholder":true,"num":0}]', '42["ev"]'], // an attachment is missing
        ['40', '45999999999-["ev"]'],
        ['40', '451-["ev",{"_placeholder":true,"num":3}]'],
        ['40', `42${'9'.repeat(30)}["echo"]`],
        [`40/${'n'.repeat(65536)},`],
        ['40', `42["ev",${'['.repeat(5000)}${']'.repeat(5000)}]`],
        ['40', '42["connect"]'],
        ['40', '44{"message":"x"}'],
        ['40', '4'],
        ['40', 'bAQID'],
    ]) {
        const sid = await session();
        await post(sid, packets.join('\x1e'));
        const texts = [];
        for (let i = 0; i < 3; i++) {
            const response = await poll(sid);
            texts.push(await response.text());
            if (response.status === 400) break;
        }
        assert.ok(texts.at(-1).includes('Session ID unknown') || texts.at(-1).endsWith('1'), `${packets}: ${texts}`);
    }
});

test('a refused or forged join changes nothing: clients choose no rooms', async () => {
    const spy = await echo.connect({ auth: { clinic: 'x' }, transports: ['websocket'] });
    let heard = 0;
    spy.on('secret', () => heard++);
    spy.emit('join', 'clinic:y');
    spy.emit('bcast', { room: 'clinic:y', ev: 'secret', data: 1 });
    const gone = next(spy, 'done');
    spy.emit('bcast', { room: 'clinic:x', ev: 'done', data: 1 });
    await gone;
    assert.equal(heard, 0);
    spy.disconnect();
});

test('frames against RFC 6455 are answered with its close codes', async () => {
    for (const [bytes, code] of [
        [frame('40', { masked: false }), 1002],
        [frame('40', { first: 0xc1 }), 1002],
        [frame('40', { first: 0x83 }), 1002],
        [frame('40', { first: 0x80 }), 1002],
        [frame('x'.repeat(126), { first: 0x89 }), 1002],
        [frame(Buffer.from([0x34, 0xff])), 1007],
        [frame('4', { length: 2 ** 40 }), 1009],
        [frame('4'.repeat(1_000_001)), 1009],
        [Buffer.concat([frame('4', { first: 1 }), ...Array.from({ length: 5000 }, () => frame('', { first: 0 }))]), 1008],
        [Buffer.concat(Array.from({ length: 300 }, () => frame('p', { first: 0x89 }))), 1008],
    ]) {
        const ws = await rawSocket();
        await ws.until('pingInterval');
        ws.write(bytes);
        assert.equal(await ws.code(), code);
    }
});

test('a WebSocket client that says goodbye gets its close frame back', async () => {
    const ws = await rawSocket();
    await ws.until('pingInterval');
    ws.write(frame(Buffer.from([0x03, 0xe8]), { first: 0x88 }));
    assert.equal(await ws.code(), 1000);
});

test('bad upgrade requests are refused', async () => {
    const ask = (lines) => raw(echo.port, `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${lines}\r\n`, { done: (t) => t.includes('\r\n\r\n') });
    assert.match((await ask('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n')).text, /^HTTP\/1\.1 400 /);
    assert.match((await ask('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n')).text, /^HTTP\/1\.1 400 /);
    assert.match((await ask('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 12\r\n')).text, /^HTTP\/1\.1 400 /);
    assert.match((await ask('Upgrade: h2c\r\nConnection: Upgrade\r\n')).text, /^HTTP\/1\.1 400 /);
});

test('frames sent together with the upgrade request are heard', async () => {
    const ws = await rawSocket();
    ws.socket.destroy();
    const early = Buffer.concat([
        Buffer.from('GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'),
        frame('40'),
    ]);
    const { text } = await raw(echo.port, early, { done: (t) => t.includes('40{"sid"') });
    assert.match(text, /s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
    assert.match(text, /40\{"sid":"[\w-]{20}"\}/);
});

test('a probe that is none leaves the polling session alone', async () => {
    const sid = await session();
    const ws = await rawSocket({ query: `transport=websocket&sid=${sid}` });
    ws.write(frame('4hello'));
    assert.equal(await ws.code(), 1008);
    assert.equal((await post(sid, '40')).status, 200);
    assert.match(await (await poll(sid)).text(), /^40\{"sid"/);
    await post(sid, '1');
});

test('a probe answers the waiting GET after 100 ms, as Node does, and the next one too, until it upgrades', async () => {
    const sid = await session();
    await post(sid, '40');
    await poll(sid);
    const get = await waiting(sid);
    const ws = await rawSocket({ query: `transport=websocket&sid=${sid}` });
    const from = performance.now();
    ws.write(frame('2probe'));
    await ws.until('3probe');
    assert.equal((await get.answer).text, '6');
    assert.ok(performance.now() - from > 95, `${performance.now() - from} ms`);
    assert.equal(await (await poll(sid)).text(), '6');
    assert.ok(performance.now() - from > 195, `${performance.now() - from} ms`);
    ws.write(frame('5'));
    ws.write(frame('420["echo","upgraded"]'));
    await ws.until('430["upgraded"]');
    ws.socket.destroy();
});

test('a second GET and an aborted GET end the session', async () => {
    const sid = await session();
    const first = await waiting(sid);
    assert.equal((await poll(sid)).status, 400);
    assert.equal((await first.answer).text, '1');
    assert.ok(await isGone(sid));
    const other = await session();
    (await waiting(other)).abort();
    await until(async () => (await post(other, '3')).status === 400, 'the end of the session'); // a GET would end it
});

test('after all this a stock client still connects', async () => {
    const socket = await echo.connect();
    await connected(socket);
    assert.equal(await socket.timeout(60_000).emitWithAck('echo', 'still here'), 'still here');
    socket.disconnect();
});
