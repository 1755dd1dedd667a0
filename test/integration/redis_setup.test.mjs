// A Redis that answers and is not fit for the queues: doctor fails, `work` ends with 2, `serve` says so
// and serves on, each with how to mend it; one that is away is waited for.
//
// Rule: every Redis here is a real one of this machine, but for the one that is too old.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freePort, startPart, until } from '../../tools/lib/process.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 0, seed: false })));
after(() => world?.stop());

const started = [];
after(() => Promise.all(started.map((part) => part.stop())));

// A Redis with these settings; its port.
async function redis(name, settings) {
    const port = await freePort();
    const dir = join(world.system.dir, 'log', name);
    fs.mkdirSync(dir, { recursive: true });
    const all = { port, bind: '127.0.0.1', dir, save: '', appendonly: 'yes', ...settings };
    const args = Object.entries(all).flatMap(([key, value]) => [`--${key}`, ...[value].flat().map(String)]);
    const part = startPart(name, 'redis-server', args, { log: join(dir, 'log.txt'), cwd: dir });
    started.push(part);
    await part.ready(() => new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true))).on('error', reject);
    }));
    return port;
}

// Answers INFO as a Redis 5 does, and everything else with OK.
async function oldRedis() {
    const info = '# Server\r\nredis_version:5.0.14\r\nrole:master\r\nmaxmemory:0\r\n';
    const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (data) => {
            for (const word of data.toString('latin1').match(/\r\n(INFO|PING|CLIENT|AUTH|SELECT)\r\n/g) ?? [])
                socket.write(word.includes('INFO') ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    after(() => server.close());
    server.unref();
    return server.address().port;
}

async function run(command, url) {
    const env = { PATH: process.env.PATH, ...world.system.env, NEXACORE_REDIS_URL: url };
    for (const key of ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS']) if (process.env[key]) env[key] = process.env[key];
    const child = spawn(world.system.binary, [command], { env });
    const parts = [child.stdout.toArray(), child.stderr.toArray(), once(child, 'close')];
    const timer = setTimeout(() => child.kill('SIGKILL'), 180_000);
    const [out, err, [status]] = await Promise.all(parts);
    clearTimeout(timer);
    return { status, text: out.join('') + err.join('') };
}

// `serve` with that Redis: what it says until it serves; then it is stopped.
async function serve(name, url) {
    const log = join(world.system.logs, `serve-${name}.log`);
    const env = { ...world.system.env, NEXACORE_REDIS_URL: url, NEXACORE_LISTEN: '127.0.0.1:0', NEXACORE_METRICS_LISTEN: '127.0.0.1:0' };
    const part = startPart(name, world.system.binary, ['serve'], { env, log });
    await until(() => /serving on port/.test(part.logText()), `serve with ${name}`, { alive: () => part.running });
    const { code } = await part.stop();
    assert.equal(code, 0);
    return part.logText();
}

const unfit = {
    'a password that is missing': [async () => `redis://127.0.0.1:${await redis('password', { requirepass: 'hidden-word' })}`, /wants a password: write it into NEXACORE_REDIS_URL/],
    'a wrong password': [async () => `redis://:other-word@127.0.0.1:${await redis('wrong', { requirepass: 'hidden-word' })}`, /refuses the user or password/],
    'memory that is freed by dropping keys': [async () => `redis://127.0.0.1:${await redis('evicting', { maxmemory: '64mb', 'maxmemory-policy': 'allkeys-lru' })}`, /set maxmemory-policy noeviction/],
    'a replica': [async () => `redis://127.0.0.1:${await redis('replica', { replicaof: ['127.0.0.1', world.redis.port] })}`, /point the URL at its primary/],
    'a Redis that is too old': [async () => `redis://127.0.0.1:${await oldRedis()}`, /5\.0\.14 is too old/],
};
for (const [name, [start, mend]] of Object.entries(unfit)) {
    test(`${name}: doctor fails, work ends with 2, serve says so and serves`, async () => {
        const url = await start();
        const doctor = await run('doctor', url);
        assert.equal(doctor.status, 1, doctor.text);
        const line = doctor.text.split('\n').find((l) => l.includes('Redis:'));
        assert.match(line, /^fail /);
        assert.match(line, mend);
        const work = await run('work', url);
        assert.equal(work.status, 2, work.text);
        assert.match(work.text, mend);
        const served = await serve(name.replaceAll(' ', '-'), url);
        assert.match(served, mend);
        for (const text of [doctor.text, work.text, served]) assert.doesNotMatch(text, /hidden-word|other-word/);
    });
}

test('a Redis without an append-only file is a warning', async () => {
    const { status, text } = await run('doctor', `redis://127.0.0.1:${await redis('memory', { appendonly: 'no' })}`);
    assert.equal(status, 0, text);
    assert.match(text, /^warn {2}Redis: .*appendonly yes/m);
});

test('a Redis that is away is waited for, and its coming noticed', async () => {
    await world.redis.stop();
    const work = startPart('work', world.system.binary, ['work'], { env: world.system.env, log: join(world.system.logs, 'waiting.log') });
    try {
        await until(() => /Redis does not answer yet/.test(work.logText()) && /working 5 queues/.test(work.logText()), 'work waits', { alive: () => work.running });
        await world.system.startRedis();
        const client = world.redis.client();
        await until(() => client.exists('bull:audit-flush:repeat'), 'the queues are used');
        client.disconnect();
    } finally {
        assert.equal((await work.stop()).code, 0);
    }
});
