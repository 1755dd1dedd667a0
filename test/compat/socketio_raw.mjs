// Engine.IO and WebSocket by hand, for bytes that no client library sends.
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

import { until } from './socketio_echo.mjs';

// A masked frame; `head` replaces the first byte (0x81: a whole text).
export function frame(payload, { first = 0x81, masked = true, length } = {}) {
    const data = Buffer.from(payload);
    const n = length ?? data.length;
    const mask = crypto.randomBytes(4);
    const head = n < 126 ? Buffer.from([first, (masked ? 0x80 : 0) | n])
        : Buffer.concat([Buffer.from([first, (masked ? 0x80 : 0) | 127]), (() => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; })()]);
    if (n >= 126 && n < 65536) {
        const short = Buffer.from([first, (masked ? 0x80 : 0) | 126, n >> 8, n & 255]);
        return Buffer.concat(masked ? [short, mask, data.map((c, i) => c ^ mask[i % 4])] : [short, data]);
    }
    return Buffer.concat(masked ? [head, mask, data.map((c, i) => c ^ mask[i % 4])] : [head, data]);
}

// Requests and raw sockets to the server that `echo()` gives.
export function rawTools(echo) {
    const path = (query) => `${echo().url}/socket.io/?EIO=4&${query}`;

    async function session() {
        const text = await (await fetch(path('transport=polling'))).text();
        return JSON.parse(text.slice(1)).sid;
    }

    const poll = (sid) => fetch(path(`transport=polling&sid=${sid}`));
    const post = (sid, body, headers = { 'content-type': 'text/plain' }) =>
        fetch(path(`transport=polling&sid=${sid}`), { method: 'POST', body, headers });

    // A GET of the session that waits at the server when this resolves: it goes over a connection the
    // server has taken already, so whatever is sent later comes later. {answer, abort()}
    async function waiting(sid) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const get = (query) => {
            const request = http.get(path(query), { agent });
            const answer = once(request, 'response').then(async ([response]) => {
                let text = '';
                for await (const part of response) text += part;
                return { status: response.statusCode, text };
            });
            answer.catch(() => {}); // of one that is aborted
            return { request, answer };
        };
        await get('transport=polling').answer;
        const { request, answer } = get(`transport=polling&sid=${sid}`);
        await once(request, 'finish');
        return { answer, abort: () => request.destroy() };
    }

    async function isGone(sid) {
        const response = await poll(sid);
        return response.status === 400;
    }

    // A WebSocket by hand: {write, closed(), text(), close code}.
    function rawSocket({ query = 'transport=websocket', headers = '' } = {}) {
        return new Promise((resolve, reject) => {
            const socket = net.connect(echo().port, '127.0.0.1');
            const state = { got: Buffer.alloc(0), ended: false, socket };
            socket.on('error', () => {});
            socket.on('close', () => (state.ended = true));
            socket.on('data', (d) => (state.got = Buffer.concat([state.got, d])));
            state.write = (bytes) => socket.write(bytes);
            state.gone = () => until(() => state.ended, 'the end of the connection');
            state.until = (text) => until(() => state.got.includes(text), `${text} on the wire`);
            // The code of the server's close frame, at the end of what came.
            state.code = async () => {
                await state.gone();
                const tail = state.got.subarray(-4);
                return tail[0] === 0x88 && tail[1] === 2 ? tail.readUInt16BE(2) : 0;
            };
            const key = crypto.randomBytes(16).toString('base64');
            socket.write(`GET /socket.io/?EIO=4&${query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
                `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`);
            until(() => state.got.includes('\r\n\r\n') || state.ended, 'an answer to the upgrade').then(() => resolve(state), reject);
        });
    }

    return { path, session, poll, post, waiting, isGone, rawSocket };
}
