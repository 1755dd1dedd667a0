// Redis of the demo and the tests: Debian's server with its own folder and port, on loopback.
//
// Rule: the settings are those production needs too (append-only file, no eviction), because
// BullMQ's data must not be thrown away.
import fs from 'node:fs';
import { join } from 'node:path';

import Redis from 'ioredis';

import { freePort, startPart } from './process.mjs';

// {url, port, dir, part, client(), stop()}; a folder used before is started again with its data.
export async function startRedis({ dir, port = 0 }) {
    const listen = port || (await freePort());
    fs.mkdirSync(dir, { recursive: true });
    const settings = {
        port: listen,
        bind: '127.0.0.1',
        dir,
        appendonly: 'yes',
        save: '3600 1',
        'maxmemory-policy': 'noeviction',
        daemonize: 'no',
    };
    const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const part = startPart('redis', 'redis-server', args, { log: join(dir, 'redis.log'), cwd: dir });
    const clients = new Set();
    const client = () => {
        const redis = new Redis(listen, '127.0.0.1', { maxRetriesPerRequest: null, lazyConnect: false });
        redis.on('error', () => {}); // a test that stops Redis expects them
        clients.add(redis);
        return redis;
    };
    const probe = new Redis(listen, '127.0.0.1', { lazyConnect: true, retryStrategy: null });
    probe.on('error', () => {});
    await part.ready(async () => {
        if (probe.status !== 'ready') await probe.connect();
        return (await probe.ping()) === 'PONG';
    });
    probe.disconnect();
    return {
        url: `redis://127.0.0.1:${listen}`,
        port: listen,
        dir,
        part,
        client,
        async stop() {
            for (const redis of clients) redis.disconnect();
            await part.stop();
        },
    };
}
