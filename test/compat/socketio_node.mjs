// A stock Node Socket.IO server on the streams adapter, for tests of several servers.
//
// Rule: stop() ends the connections the adapter made for itself too; otherwise they would try for
// ever to reach a Redis that is gone.
import http from 'node:http';

import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';

import { connected, until } from './socketio_echo.mjs';

// {sio, url, stop()}; sockets join clinic:1, as they do in sio_echo --kit.
export async function startNode(redis, { adapter = {}, server: options = {} } = {}) {
    const server = http.createServer();
    const client = redis.client();
    const made = [client];
    const { duplicate } = client;
    client.duplicate = (...args) => {
        const copy = duplicate.apply(client, args);
        copy.on('error', () => {});
        made.push(copy);
        return copy;
    };
    const sio = new Server(server, { adapter: createAdapter(client, adapter), ...options });
    sio.of('/doctor');
    sio.on('connection', (socket) => {
        socket.join('clinic:1');
        socket.data.from = 'node';
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    return {
        sio,
        url: `http://127.0.0.1:${server.address().port}`,
        async stop() {
            await new Promise((done) => sio.close(done));
            for (const connection of made) connection.disconnect();
        },
    };
}

// Resolves once clients of that Node server hear ours: its reader begins at the end of the stream
// ("$"), whenever that is, and what was said before is lost to it.
export async function hears(node, echo) {
    const [near, far] = [await echo.connect({ transports: ['websocket'] }), io(node.url, { forceNew: true })];
    let heard = false;
    far.on('warm', () => (heard = true));
    await connected(far);
    await until(() => heard || !near.emit('bcast', { room: 'clinic:1', ev: 'warm', data: 0 }), 'Node to hear of ours');
    await near.emitWithAck('count', 'nobody'); // the last of them was taken too
    for (const socket of [near, far]) socket.disconnect();
}
