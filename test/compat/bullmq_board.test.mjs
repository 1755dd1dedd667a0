// bull-board over real HTTP, on queues that C fills and works.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';

import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';

import { BullWorld, until } from './bullmq_world.mjs';

let world;
before(async () => (world = await BullWorld.open()));
afterEach(() => world.letGo());
after(() => world.close());

// A bull-board server for one queue: ask(method, path) gives the parsed answer of its API.
async function withBoard(queue, use) {
    const adapter = new ExpressAdapter();
    createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter: adapter });
    const server = createServer(adapter.getRouter());
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const ask = async (method, path) => {
        const response = await fetch(`http://127.0.0.1:${server.address().port}/api${path}`, { method });
        const text = await response.text();
        assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
        return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
    };
    try {
        await use(ask);
    } finally {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
    }
}

const shown = async (ask, name, status) =>
    (await ask('GET', `/queues?activeQueue=${name}&status=${status}&page=1`)).queues.find((q) => q.name === name);

test('bull-board counts the jobs of C by state, and shows their reason, logs and progress', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    world.put(name, { name: 'good', data: { progress: 40, log: ['one', 'two'], result: 'r' } }, { name: 'bad', data: { fail: 'no paper' } });
    await world.cliDone('run', name, 2, 1, 'keep');
    await world.cliDone('add', name, 3, 3);
    await world.cliDone('delayed', name, 60_000);
    await world.cliDone('prio', name, 5);
    await withBoard(queue, async (ask) => {
        const { counts } = await shown(ask, name, 'failed');
        assert.deepEqual(
            ['waiting', 'delayed', 'prioritized', 'completed', 'failed', 'active'].map((state) => counts[state]),
            [3, 1, 1, 1, 1, 0],
        );
        const [failed] = (await shown(ask, name, 'failed')).jobs;
        assert.equal(failed.name, 'bad');
        assert.equal(failed.failedReason, 'no paper');
        const [good] = (await shown(ask, name, 'completed')).jobs;
        assert.equal(good.progress, 40);
        assert.deepEqual(await ask('GET', `/queues/${name}/${good.id}/logs`), ['one', 'two']);
    });
});

test('a retry by HTTP puts a job that failed in C back, and C completes it', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const [id] = world.put(name, { name: 'doomed', data: { fail: 'no', times: 1 } });
    await world.cliDone('run', name, 1, 1, 'keep');
    assert.equal(await (await queue.getJob(id)).getState(), 'failed');
    await withBoard(queue, async (ask) => {
        await ask('PUT', `/queues/${name}/${id}/retry`);
        assert.equal((await shown(ask, name, 'waiting')).counts.waiting, 1);
        await world.cliDone('run', name, 1, 1, 'keep');
        const { counts, jobs } = await shown(ask, name, 'completed');
        assert.deepEqual([counts.completed, counts.failed, jobs[0].id], [1, 0, id]);
    });
});

test('pause, promote and removal by HTTP hold for C', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('delayed', name, 60_000);
    await withBoard(queue, async (ask) => {
        await ask('PUT', `/queues/${name}/pause`);
        assert.match(await world.cliDone('counts', name), /paused yes/);
        await ask('PUT', `/queues/${name}/resume`);
        await ask('PUT', `/queues/${name}/1/promote`);
        await world.cliDone('work', name, 1, 1, 'keep');
        assert.equal((await shown(ask, name, 'completed')).counts.completed, 1);
        await ask('PUT', `/queues/${name}/1/clean`);
        await until('the job is gone', async () => (await queue.getCompletedCount()) === 0);
    });
});
