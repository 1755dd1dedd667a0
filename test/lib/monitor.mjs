// What Redis is asked, as its MONITOR tells: 'monitor' events (time, [command, ...arguments]).
//
// Rule: on a socket of its own. ioredis' monitor() throws when the first line comes in one piece with
// the OK, as it does on a busy server. Bytes that are not printable stay escaped, as MONITOR writes them.
import { EventEmitter } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

const wordsOf = (line) => [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word.replaceAll('\\"', '"'));

// Where a client of ioredis is connected to; resolves once Redis has said OK.
export async function monitorOf({ options: { host, port, password } }) {
    const monitor = new EventEmitter();
    if (password) throw new Error('monitorOf: this Redis wants a password');
    const socket = net.connect(port, host ?? '127.0.0.1');
    monitor.disconnect = () => socket.destroy();
    const told = new Promise((resolve, reject) => {
        socket.on('error', reject);
        createInterface({ input: socket }).on('line', (line) => {
            if (line.startsWith('-')) reject(new Error(line));
            else if (line === '+OK') resolve();
            else monitor.emit('monitor', line.slice(1).split(' ', 1)[0], wordsOf(line));
        });
    });
    socket.write('MONITOR\r\n');
    await told;
    return monitor;
}
