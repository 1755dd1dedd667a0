// What the C worker promises, job by job, seen by stock Node.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { BullWorld, until } from './bullmq_world.mjs';

let world;
before(async () => (world = await BullWorld.open()));
afterEach(() => world.letGo());
after(() => world.close());

// [event, ...] of one job from the stream, with the time between them.
async function eventsOf(name, jobId) {
    const entries = await world.raw().xrange(`bull:${name}:events`, '-', '+');
    return entries
        .map(([id, fields]) => ({ at: Number(id.split('-')[0]), ...Object.fromEntries(fields.map((v, i) => (i % 2 ? null : [v, fields[i + 1]])).filter(Boolean)) }))
        .filter((e) => e.jobId === jobId);
}

const delaysOf = async (name, id) => (await eventsOf(name, id)).filter((e) => e.event === 'delayed').map((e) => Number(e.delay) - e.at);

test('fixed backoff waits the same before each retry, and the job ends failed after its attempts', async () => {
    const name = world.newName();
    const job = await world.queue(name).add('doomed', { fail: 'no' }, { attempts: 4, backoff: { type: 'fixed', delay: 400 } });
    const output = await world.cliDone('run', name, 4, 1, 'keep');
    assert.match(output, /0 completed, 1 failed, 3 retried/);
    const delays = await delaysOf(name, job.id);
    assert.equal(delays.length, 3);
    for (const delay of delays) assert.ok(delay > 150 && delay <= 400, `${delays}`);
    const names = (await eventsOf(name, job.id)).map((e) => e.event);
    assert.ok(names.includes('retries-exhausted'), names.join());
});

test('exponential backoff with jitter stays between its bounds', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const jobs = Array.from({ length: 12 }, () => ({ name: 'doomed', data: { fail: 'no' }, opts: { attempts: 3, backoff: { type: 'exponential', delay: 400, jitter: 0.5 } } }));
    const added = await queue.addBulk(jobs);
    await world.cliDone('run', name, 36, 4, 'keep');
    const all = [];
    for (const { id } of added) {
        const [first, second] = await delaysOf(name, id);
        assert.ok(first > 50 && first <= 400 && second > 250 && second <= 800, `${first} ${second}`);
        all.push(first);
    }
    assert.ok(Math.max(...all) - Math.min(...all) > 5, `all the same: ${all}`);
});

test('a retry without backoff is next, a lifo job goes to its own end', async () => {
    const name = world.newName();
    await world.queue(name).add('once', { fail: 'no', times: 1, result: 'ok' }, { attempts: 2, lifo: true });
    assert.match(await world.cliDone('run', name, 2, 1, 'keep'), /1 completed, 0 failed, 1 retried/);
});

test('a job that outlives its lock keeps it: renewed, and no stock Worker steals it', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('long', { sleep: 2500, result: 'mine' });
    const worker = world.cli('--lock', 800, 'run', name, 1, 1, 'keep');
    await until('the job runs', () => worker.output.includes('begin'));
    let thief = 0;
    world.worker(name, async () => thief++, { stalledInterval: 100 });
    await worker.ended;
    assert.match(worker.output, /1 completed, 0 failed, 0 retried, 0 lost/);
    assert.equal((await queue.getJob(job.id)).returnvalue, 'mine');
    assert.equal(thief, 0);
});

test('a worker paused alone begins nothing, its running job ends, and others go on', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const worker = world.cli('run', name, 3, 2, 'keep');
    await queue.add('first', { sleep: 400 });
    await until('the first job runs', () => worker.output.includes('begin 1'));
    worker.kill('SIGUSR1');
    await until('it is paused', () => worker.output.includes('paused'));
    const second = await queue.add('second', {});
    await until('the first ends', () => worker.output.includes('end 1'));
    await sleep(300);
    assert.equal(await second.getState(), 'waiting');
    await world.cliDone('run', name, 1, 1, 'keep'); // somebody else
    assert.equal(await second.getState(), 'completed');
    const third = await queue.add('third', {});
    await sleep(200);
    assert.equal(await third.getState(), 'waiting');
    worker.kill('SIGUSR2');
    await until('it goes on', async () => (await third.getState()) === 'completed');
    await queue.add('last', {});
    assert.equal((await worker.ended).code, 0);
    assert.match(worker.output, /3 completed/);
});

test('a global rate limit holds over two C workers, and is Node\'s', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('rate', name, 5, 1000);
    assert.deepEqual(await queue.getGlobalRateLimit(), { max: 5, duration: 1000 });
    await world.cliDone('add', name, 16, 16);
    const start = Date.now();
    await Promise.all([world.cliDone('work', name, 8, 2, 'keep'), world.cliDone('work', name, 8, 2, 'keep')]);
    assert.ok(Date.now() - start >= 2900, `${Date.now() - start} ms for 16 jobs, five a second`);
    await world.cliDone('rate', name, 0);
    assert.equal(await queue.getGlobalRateLimit(), null);
});

test('a handler that asks for a rate limit holds the queue and loses no attempt', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('limited', { limit: 900, result: 1 }, { attempts: 1 });
    await queue.add('next', {});
    const start = Date.now();
    const output = await world.cliDone('run', name, 3, 1, 'keep');
    assert.ok(Date.now() - start >= 850, `${Date.now() - start} ms`);
    assert.match(output, /2 completed, 0 failed, 1 retried/);
    assert.equal((await queue.getJob(job.id)).attemptsMade, 1);
});

test('what stays of finished jobs: by count, by age, by the job, by the worker', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.addBulk(Array.from({ length: 6 }, (_, i) => ({ name: 'counted', data: {}, opts: { removeOnComplete: { count: 2 }, jobId: `c${i}` } })));
    await world.cliDone('run', name, 6, 1, 'keep');
    assert.deepEqual((await queue.getCompleted()).map((job) => job.id).sort(), ['c4', 'c5']);
    await queue.obliterate({ force: true });

    await queue.addBulk(Array.from({ length: 3 }, (_, i) => ({ name: 'failing', data: { fail: 'x' }, opts: { removeOnFail: i < 2, jobId: `f${i}` } })));
    await world.cliDone('run', name, 3, 1);
    assert.deepEqual((await queue.getFailed()).map((job) => job.id), ['f2']);
    await queue.obliterate({ force: true });

    await queue.add('aged', {}, { jobId: 'old', removeOnComplete: { age: 3600 } });
    await world.cliDone('run', name, 1, 1);
    await world.raw().zadd(`bull:${name}:completed`, Date.now() - 7_200_000, 'old');
    await queue.add('aged', {}, { jobId: 'new', removeOnComplete: { age: 3600 } });
    await world.cliDone('run', name, 1, 1);
    assert.deepEqual((await queue.getCompleted()).map((job) => job.id), ['new']);
});

test('metrics of completed and failed jobs add up with those of a stock Worker', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.addBulk(Array.from({ length: 9 }, (_, i) => ({ name: 'm', data: i < 2 ? { fail: 'x' } : {} })));
    await world.cliDone('run', name, 5, 2, 'keep');
    const node = world.worker(name, async () => null, { metrics: { maxDataPoints: 60 } });
    await until('Node does the rest', async () => (await queue.getCompletedCount()) === 7);
    await node.close();
    const [completed, failed] = [await queue.getMetrics('completed'), await queue.getMetrics('failed')];
    assert.deepEqual([completed.meta.count, failed.meta.count], [7, 2]);
});

test('a job keeps as many log lines as it was added with', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('talks', { log: ['1', '2', '3', '4', '5'] }, { keepLogs: 2 });
    await world.cliDone('run', name, 1, 1, 'keep');
    assert.deepEqual((await queue.getJobLogs(job.id)).logs, ['4', '5']);
});

test('a scheduler of Node ends in C at its limit and at its end date', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.upsertJobScheduler('thrice', { every: 100, limit: 3 }, { name: 'tick' });
    await world.cliDone('schedwork', name, 3, 1, 'keep');
    await sleep(300);
    assert.deepEqual([await queue.getCompletedCount(), await queue.getDelayedCount(), await queue.getWaitingCount()], [3, 0, 0]);
    const other = world.newName();
    const second = world.queue(other);
    await second.upsertJobScheduler('short', { pattern: '* * * * * *', endDate: Date.now() + 1500 }, { name: 'tick' });
    const worker = world.cli('schedwork', other, 100, 1, 'keep');
    await until('its jobs are done', async () => (await second.getCompletedCount()) >= 1 && (await second.getDelayedCount()) === 0, 10_000);
    worker.kill('SIGTERM');
    await worker.ended;
    assert.ok((await second.getCompletedCount()) <= 2);
});

test('two hundred jobs cross both ways at once, each done once', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const [c, node] = [world.cli('run', name, 60, 4, 'keep'), world.worker(name, async (job) => job.data.result, { concurrency: 3 })];
    for (let i = 0; i < 100; i++) await queue.add('n', { result: i, sleep: 5 });
    world.put(name, ...Array.from({ length: 100 }, (_, i) => ({ name: 'c', data: { result: i + 100, sleep: 5 } })));
    await until('all are done', async () => (await queue.getCompletedCount()) === 200, 30_000);
    await node.close();
    c.kill('SIGTERM');
    await c.ended;
    const values = (await queue.getCompleted()).map((job) => job.returnvalue).sort((a, b) => a - b);
    assert.deepEqual(values, Array.from({ length: 200 }, (_, i) => i));
    const by = new Set((await queue.getCompleted()).map((job) => job.processedBy));
    assert.ok(by.has('c-worker') && by.size === 2, [...by].join());
});
