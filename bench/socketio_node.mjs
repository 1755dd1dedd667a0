// The Node server that bench/socketio.mjs compares with: socket.io on ws, the same event `go`.
import http from 'node:http';

import { Server } from 'socket.io';

const server = http.createServer();
const io = new Server(server, { pingInterval: 25000, pingTimeout: 20000, perMessageDeflate: false, serveClient: false });
let seq = 0;

io.on('connection', (socket) => {
    socket.join('clinic:1');
    socket.on('go', ({ n = 1, size = 200, gap = 0 }) => {
        const pad = 'x'.repeat(size);
        const tick = () => io.emit('tick', { seq: ++seq, t: Number(process.hrtime.bigint() / 1000n), pad });
        if (!gap) for (let i = 0; i < n; i++) tick();
        else {
            let left = n;
            const timer = setInterval(() => (left-- > 0 ? tick() : clearInterval(timer)), gap);
        }
    });
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
