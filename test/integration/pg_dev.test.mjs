// The PostgreSQL of the demo and the tests: it keeps its data, and it leaves nothing running.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startPostgres } from '../../tools/pg_dev.mjs';

const tool = resolve(dirname(fileURLToPath(import.meta.url)), '../../tools/pg_dev.mjs');
const alive = (pid) => existsSync(`/proc/${pid}`);
let folder;

before(() => (folder = mkdtempSync(join(tmpdir(), 'nexacore-pgdev-'))));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a second start finds the data, the passwords and the port of the first', async () => {
    const dir = join(folder, 'kept');
    const first = await startPostgres({ dir });
    await first.createDatabase('nexacore');
    await first.query('nexacore_owner', 'CREATE TABLE kept AS SELECT 42 AS n');
    await first.stop();
    assert.ok(!alive(first.pid));

    const second = await startPostgres({ dir });
    try {
        assert.equal(second.url('nexacore_app'), first.url('nexacore_app'));
        assert.equal(await second.createDatabase('nexacore'), false);
        assert.deepEqual(await second.query('nexacore_owner', 'SELECT n FROM kept'), [{ n: 42 }]);
    } finally {
        await second.stop();
    }
});

const fsyncOf = async (server) => (await server.query('postgres', 'SHOW fsync', [], 'postgres'))[0].fsync;

test('a server that is kept syncs to disk', async () => {
    const server = await startPostgres({ dir: join(folder, 'kept') });
    try {
        assert.equal(await fsyncOf(server), 'on');
    } finally {
        await server.stop();
    }
});

test('a disposable one does not; it is never root, asks for passwords and removes its folder', async () => {
    const server = await startPostgres();
    try {
        assert.notEqual(statSync(`/proc/${server.pid}`).uid, 0);
        assert.equal(await fsyncOf(server), 'off');
        server.passwords.nexacore_app = 'wrong';
        await assert.rejects(server.query('nexacore_app', 'SELECT 1', [], 'postgres'), { code: '28P01' });
    } finally {
        await server.stop();
    }
    assert.ok(!existsSync(server.dir), 'the temporary folder is gone');
});

test('the server ends when its starter is killed', async () => {
    const child = spawn(process.execPath, [tool, join(folder, 'orphan')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise((done) => child.stdout.once('data', done));
    const { pid } = JSON.parse(line);
    assert.ok(alive(pid));
    child.kill('SIGKILL');
    for (let i = 0; i < 100 && alive(pid); i++) await new Promise((done) => setTimeout(done, 50));
    assert.ok(!alive(pid), 'PostgreSQL outlived its starter');
});
