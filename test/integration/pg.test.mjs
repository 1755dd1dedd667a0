// lib/pg against a real PostgreSQL: its own tests (lib/pg/pg_test.c), and what happens to a connection
// while the server is slow, frozen or away.
//
// Rule: only this file's own server is stopped, by its process ids.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join, resolve } from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';

import { startPostgres } from '../../tools/pg_dev.mjs';
import { removeDir, root } from '../../tools/lib/system.mjs';
import { stopwatch } from '../lib/slowdown.mjs';

const folder = join(resolve(root, process.env.NEXACORE_BUILD ?? 'build-test'), 'lib', 'pg');
const home = fs.mkdtempSync(join(os.tmpdir(), 'nexacore-libpg-'));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let server;
before(async () => {
    fs.chmodSync(home, 0o711);
    server = await startPostgres({ dir: join(home, 'pg') });
    await server.createDatabase('libpg');
    await server.query('postgres', 'CREATE ROLE libpg_reader NOLOGIN', [], 'libpg');
    await server.query('postgres', 'GRANT libpg_reader TO nexacore_owner', [], 'libpg');
    await server.query('postgres', 'GRANT pg_signal_backend TO nexacore_owner', [], 'libpg');
});
after(async () => {
    await server?.stop();
    removeDir(home);
});

// One pg_probe: ask('read') gives {status, ms}.
async function startProbe(t, port = server.port) {
    const url = new URL(server.url('nexacore_owner', 'libpg'));
    url.port = port;
    const child = spawn(join(folder, 'pg_probe'), [], { env: { ...process.env, NEXACORE_PG_TEST_URL: url.href } });
    const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    t.after(async () => {
        child.stdin.end();
        if (child.exitCode === null) await once(child, 'exit');
        assert.equal(child.exitCode, 0);
    });
    return async (what) => {
        child.stdin.write(`${what}\n`);
        return JSON.parse((await lines.next()).value);
    };
}

// A way to the server on which answers take `way.delay` ms.
async function startDelay(t) {
    const way = { delay: 0 };
    const proxy = net.createServer((client) => {
        const upstream = net.connect(server.port, '127.0.0.1');
        client.on('data', (bytes) => upstream.write(bytes)).on('close', () => upstream.destroy());
        upstream.on('data', (bytes) => setTimeout(() => client.write(bytes), way.delay));
        for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', () => {});
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    t.after(() => proxy.close());
    way.port = proxy.address().port;
    return way;
}

test('the tests of lib/pg hold', () => {
    const env = { ...process.env, NEXACORE_PG_TEST_URL: server.url('nexacore_owner', 'libpg') };
    const done = spawnSync(join(folder, 'pg_test'), { env, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /test_a_deferred_constraint_fails_the_commit/);
});

test('a transaction left lying is ended by the server, and its late write is refused', () => {
    const env = { ...process.env, NEXACORE_PG_TEST_URL: server.url('nexacore_owner', 'libpg') };
    const done = spawnSync(join(folder, 'pg_idle_test'), { env, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stdout + done.stderr);
    assert.match(done.stdout + done.stderr, /test_a_sleepers_row_is_free_again/);
});

test('begin, settings, preparing and the query are one wait; a commit is one more', async (t) => {
    const way = await startDelay(t);
    const ask = await startProbe(t, way.port);
    assert.equal((await ask('write')).status, 200); // connects, prepares BEGIN
    const delay = 800; // far more than a slow machine takes for the rest
    way.delay = delay;
    for (const what of ['read', 'read']) {
        const { status, ms } = await ask(what);
        assert.equal(status, 200);
        assert.ok(ms >= delay - 2 && ms < 2 * delay, `a read took ${ms} ms`);
        await sleep(delay + 100); // the answer to its Sync is on its way
    }
    const { status, ms } = await ask('write');
    assert.equal(status, 200);
    assert.ok(ms >= 2 * delay - 4 && ms < 3 * delay, `a write took ${ms} ms`);
});

test('a server that is away is 503 at once, and one that came back is used by itself', async (t) => {
    const ask = await startProbe(t);
    assert.equal((await ask('read')).status, 200);
    const { port, dir } = server;
    await server.stop();
    for (let i = 0; i < 3; i++) {
        const watch = stopwatch();
        assert.equal((await ask(i % 2 ? 'write' : 'read')).status, 503);
        watch.within(1000, 'the refusal');
    }
    server = await startPostgres({ dir, port });
    await sleep(400); // a failed connect is not tried again sooner
    assert.equal((await ask('write')).status, 200);
});

test('a server that was restarted between two requests costs neither', async (t) => {
    const ask = await startProbe(t);
    for (const what of ['read', 'write']) {
        assert.equal((await ask(what)).status, 200);
        const { port, dir } = server;
        await server.stop();
        server = await startPostgres({ dir, port });
        assert.equal((await ask('read')).status, 200);
    }
});

test('a frozen server is 503 within 5 s, and a thawed one is used again', async (t) => {
    const ask = await startProbe(t);
    assert.equal((await ask('write')).status, 200);
    const rows = await server.query('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_probe'", [], 'libpg');
    assert.equal(rows.length, 1);
    const frozen = [server.pid, rows[0].pid];
    try {
        for (const pid of frozen) process.kill(pid, 'SIGSTOP');
        const watch = stopwatch();
        const [first, paused] = await Promise.all([ask('read'), ask('read')]); // one right after the other
        assert.deepEqual([first.status, paused.status], [503, 503]);
        watch.within(5000, 'the first refusal', first.ms);
        watch.within(100, 'the refusal right after a timeout', paused.ms);
        await sleep(400);
        const again = stopwatch();
        assert.equal((await ask('write')).status, 503); // connects anew to a postmaster that does not answer
        again.within(5000, 'the second refusal');
    } finally {
        for (const pid of frozen) process.kill(pid, 'SIGCONT');
    }
    await sleep(400);
    assert.equal((await ask('write')).status, 200);
});
