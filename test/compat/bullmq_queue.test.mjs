// Jobs cross between lib/bullmq and stock Node BullMQ, both ways, on a real Redis.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { stopwatch } from '../lib/slowdown.mjs';
import { BullWorld, until } from './bullmq_world.mjs';

let world;
before(async () => (world = await BullWorld.open()));
afterEach(() => world.letGo());
after(() => world.close());

test('a Node Queue sees jobs that C added, with data and options', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('add', name, 3, 2);
    await world.cliDone('delayed', name, 60_000);
    await world.cliDone('prio', name, 5);
    const counts = await queue.getJobCounts();
    assert.deepEqual(
        [counts.waiting, counts.delayed, counts.prioritized, counts.active],
        [3, 1, 1, 0],
    );
    const waiting = await queue.getJobs('waiting', 0, -1, true);
    assert.deepEqual(waiting.map((job) => job.data), [{ i: 0 }, { i: 1 }, { i: 2 }]);
    assert.deepEqual(waiting.map((job) => job.id), ['1', '2', '3']);
    assert.ok(Math.abs(waiting[0].timestamp - Date.now()) < 60_000);
    const [delayed] = await queue.getDelayed();
    assert.deepEqual(delayed.data, { from: 'C', delayed: true });
    assert.equal(delayed.delay, 60_000);
    const [prioritized] = await queue.getPrioritized();
    assert.deepEqual(prioritized.data, { from: 'C', prio: true });
    assert.equal(prioritized.priority, 5);
    assert.equal(await queue.getJob('1').then((job) => job.getState()), 'waiting');
});

test('a stock Worker completes a job that C added, and QueueEvents sees it', async () => {
    const name = world.newName();
    const events = await world.events(name);
    const seen = [];
    for (const event of ['added', 'waiting', 'active', 'completed'])
        events.on(event, ({ jobId }) => seen.push(`${event} ${jobId}`));
    await world.cliDone('add', name, 1, 1);
    world.worker(name, async (job) => ({ doubled: job.data.i * 2 + 2 }));
    const queue = world.queue(name);
    const job = await until('the job completes', async () => (await queue.getCompleted())[0]);
    assert.deepEqual(job.returnvalue, { doubled: 2 });
    await until('four events', () => seen.length >= 4);
    assert.deepEqual(seen, ['added 1', 'waiting 1', 'active 1', 'completed 1']);
});

test('a delayed job of C is not worked before its time', async () => {
    const name = world.newName();
    world.queue(name);
    let at = 0;
    const start = Date.now();
    await world.cliDone('delayed', name, 700);
    world.worker(name, async () => (at = Date.now()));
    await until('the delayed job runs', () => at);
    assert.ok(at - start >= 700, `ran after ${at - start} ms`);
});

test('the C worker completes a job that Node added, and its result comes back', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const events = await world.events(name);
    const worker = world.cli('hold', name, 1, 1);
    const job = await queue.add('hello', { x: 'ñ€😀' });
    assert.deepEqual(await job.waitUntilFinished(events, 20_000), { by: 'C' });
    await worker.ended;
    const finished = await queue.getJob(job.id);
    assert.equal(await finished.getState(), 'completed');
    assert.equal(finished.processedBy, 'c-worker');
    assert.equal(finished.attemptsMade, 1);
    assert.ok(finished.finishedOn >= finished.processedOn);
});

test('the C worker extends the lock of the job it holds', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('hello', {});
    await world.cliDone('lock', name);
    assert.deepEqual((await queue.getJob(job.id)).returnvalue, { by: 'C' });
});

test('the C worker takes priorities in order', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const events = await world.events(name);
    const order = [];
    events.on('active', ({ jobId }) => order.push(jobId));
    const jobs = await queue.addBulk([9, 1, 5].map((priority) => ({ name: 'p', data: {}, opts: { priority } })));
    await world.cliDone('work', name, 3, 1, 'keep');
    await until('three jobs were active', () => order.length === 3);
    assert.deepEqual(order, [jobs[1].id, jobs[2].id, jobs[0].id]);
});

test('fifty slots share one conversation and lose nothing', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('add', name, 2000, 200);
    const output = await world.cliDone('work', name, 2000, 50, 'keep');
    assert.match(output, /2000 completed, 0 failed, 0 retried, 0 lost/);
    const counts = await queue.getJobCounts();
    assert.deepEqual([counts.completed, counts.waiting, counts.active], [2000, 0, 0]);
    assert.equal((await queue.getMetrics('completed')).meta.count, 2000);
    const trips = Number(output.match(/(\d+) round trips/)[1]);
    assert.ok(trips < 1000, `${trips} round trips for 2000 jobs`);
});

test('a failing job is retried with exponential backoff, then failed with reason and trace', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const events = await world.events(name);
    const delays = [];
    events.on('delayed', ({ delay }) => delays.push(Number(delay) - Date.now()));
    const job = await queue.add('doomed', {});
    const worker = world.cli('fail', name, 3, 200);
    await assert.rejects(job.waitUntilFinished(events, 20_000), /boom/);
    await worker.ended;
    const failed = await queue.getJob(job.id);
    assert.equal(await failed.getState(), 'failed');
    assert.equal(failed.failedReason, 'boom');
    assert.equal(failed.attemptsMade, 3);
    assert.deepEqual(failed.stacktrace, ['C worker', 'C worker', 'C worker']);
    assert.equal(delays.length, 2);
    assert.ok(delays[0] <= 200 && delays[0] > 0, `first delay ${delays[0]}`);
    assert.ok(delays[1] <= 400 && delays[1] > 200, `second delay ${delays[1]}`);

    await failed.retry();
    assert.equal(await failed.getState(), 'waiting');
    await world.cliDone('work', name, 1, 1, 'keep');
    assert.equal(await failed.getState(), 'completed');
});

test('failed jobs are listed and put back from C', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('doomed', { formId: 'x' }, { attempts: 5 });
    world.worker(name, async () => Promise.reject(Object.assign(new Error('no'), { name: 'UnrecoverableError' })));
    await until('the job fails', () => job.isFailed());
    await world.letGo();
    assert.equal(await world.cliDone('failed', name), `${job.id}\tdoomed\t1\tno\t{"formId":"x"}\n`);
    await world.cliDone('retry', name);
    const again = world.queue(name);
    assert.deepEqual([await again.getFailedCount(), await again.getWaitingCount()], [0, 1]);
    assert.equal(await world.cliDone('failed', name), '');
});

test('progress and logs of a C handler are seen by Node', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const events = await world.events(name);
    const progress = [];
    events.on('progress', ({ data }) => progress.push(data));
    const job = await queue.add('hello', {});
    await world.cliDone('hold', name, 1, 1);
    assert.deepEqual(await queue.getJobLogs(job.id), { logs: ['holding'], count: 1 });
    assert.deepEqual((await queue.getJob(job.id)).progress, { half: true });
    await until('the progress event', () => progress.length === 1);
    assert.deepEqual(progress, [{ half: true }]);
});

test('deduplicated adds make one job, a LIFO job is next', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('add', name, 2, 1);
    assert.equal(await world.cliDone('dedup', name, 3), 'dedup: job 3\n'.repeat(3));
    await world.cliDone('lifo', name);
    const order = (await queue.getJobs('waiting', 0, -1, true)).map((job) => job.data.lifo ?? job.id);
    assert.deepEqual(order, [true, '1', '2', '3']);
});

test('a rate limit holds: ten jobs at four a second take two seconds', async () => {
    const name = world.newName();
    await world.cliDone('add', name, 10, 10);
    const watch = stopwatch();
    const output = await world.cliDone('--limit', 4, 'work', name, 10, 3);
    assert.match(output, /10 completed, 0 failed/);
    assert.ok(watch.ms >= 1900, `${watch.ms} ms`);
    watch.within(6000, 'ten jobs');
});

test('a global concurrency of one holds for a C worker with eight slots', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('concurrency', name, 1);
    assert.equal(await queue.getGlobalConcurrency(), 1);
    await world.cliDone('add', name, 30, 30);
    const events = await world.events(name);
    let active = 0;
    let most = 0;
    events.on('active', () => (most = Math.max(most, ++active)));
    events.on('completed', () => active--);
    const output = await world.cliDone('work', name, 30, 8, 'keep');
    assert.match(output, /30 completed/);
    await until('all events are seen', () => active === 0 && most > 0);
    assert.equal(most, 1);
});

test("a job's own removeOnComplete wins over the worker's", async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.add('stays', {}, { removeOnComplete: false });
    await queue.add('goes', {}, { removeOnComplete: true });
    await queue.add('goes with the worker', {});
    await world.cliDone('work', name, 3, 1);
    const names = (await queue.getCompleted()).map((job) => job.name);
    assert.deepEqual(names, ['stays']);
});

test('pause and resume hold for every language', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('pause', name);
    assert.equal(await queue.isPaused(), true);
    const job = await queue.add('later', {});
    const worker = world.cli('work', name, 1, 1, 'keep');
    await sleep(600);
    assert.notEqual(await job.getState(), 'completed');
    await queue.resume();
    await worker.ended;
    assert.equal(await job.getState(), 'completed');
    await queue.pause();
    assert.match(await world.cliDone('counts', name), /paused yes/);
    await world.cliDone('resume', name);
    assert.equal(await queue.isPaused(), false);
});

test('getWorkers lists the C worker by name, once', async () => {
    const name = world.newName('bücher');
    const queue = world.queue(name);
    const worker = world.cli('work', name, 1, 4);
    const workers = await until('the worker is listed', async () => {
        const list = await queue.getWorkers();
        return list.length > 0 && list;
    });
    assert.equal(workers.length, 1);
    assert.match(workers[0].rawname, /:w:c-worker$/);
    await queue.add('end', {});
    assert.equal((await worker.ended).code, 0);
});

test("each other's schedulers are worked, and only one next job waits", async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await world.cliDone('sched', name, 300);
    await world.cliDone('sched', name, 300);
    const [scheduler] = await queue.getJobSchedulers();
    assert.equal(scheduler.key, 'c-sched');
    assert.equal(scheduler.name, 'tick');
    assert.equal(scheduler.every, 300);
    let ticks = 0;
    const node = world.worker(name, async (job) => (ticks += job.name === 'tick'));
    await until('Node runs three ticks', () => ticks >= 3);
    await node.close();
    await queue.removeJobScheduler('c-sched');

    const other = world.newName();
    const nodeQueue = world.queue(other);
    await nodeQueue.upsertJobScheduler('node-sched', { every: 250 }, { name: 'tock', data: { from: 'node' } });
    await world.cliDone('schedwork', other, 4, 1, 'keep');
    const done = await nodeQueue.getCompleted();
    assert.equal(done.length, 4);
    const millis = done.map((job) => Number(job.id.split(':')[2])).sort((a, b) => a - b);
    for (let i = 2; i < millis.length; i++) assert.equal(millis[i] - millis[i - 1], 250);
    assert.deepEqual(done.map((job) => job.data), Array(4).fill({ from: 'node' }));
    const counts = await nodeQueue.getJobCounts();
    assert.equal(counts.delayed + counts.waiting, 1);
});

test("a Node scheduler with a cron pattern goes on when C works its jobs", async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.upsertJobScheduler('every-second', { pattern: '* * * * * *', tz: 'America/Bogota' }, { name: 'tick' });
    await world.cliDone('schedwork', name, 3, 1, 'keep');
    const done = await queue.getCompleted();
    const millis = done.map((job) => Number(job.id.split(':')[2])).sort((a, b) => a - b);
    assert.equal(millis.length, 3);
    assert.ok(millis.every((ms) => ms % 1000 === 0));
    assert.ok(millis[1] > millis[0] && millis[2] > millis[1]);
    const [next] = await queue.getDelayed();
    assert.equal(next.opts.repeat.pattern, '* * * * * *');
    assert.ok(next.opts.repeat.count >= 4, `count ${next.opts.repeat.count}`);
});
