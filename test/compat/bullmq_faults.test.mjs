// What must survive: a killed worker, a restarted Redis, a forgotten script, a frozen Redis.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { stopwatch } from '../lib/slowdown.mjs';
import { BullWorld, until } from './bullmq_world.mjs';

let world;
before(async () => (world = await BullWorld.open(['--appendonly', 'yes', '--appendfsync', 'always'])));
afterEach(() => world.letGo());
after(() => world.close());

test('a job abandoned by a crashed worker is put back by two sweeps and done again', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('fragile', {});
    await world.cliDone('lock', name, 1);
    assert.equal(await job.getState(), 'active');
    assert.match(await world.cliDone('stalled', name, 50), /0 jobs/);
    await sleep(80);
    assert.match(await world.cliDone('stalled', name, 50), /1 jobs/);
    assert.equal(await job.getState(), 'waiting');
    await world.cliDone('work', name, 1, 1, 'keep');
    assert.equal(await job.getState(), 'completed');
});

test('kill -9 of a C worker: a stock Worker recovers its job', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('fragile', {});
    const victim = world.cli('hold', name, 60_000, 1);
    await until('the job runs', () => victim.output.includes('hold: running'));
    victim.kill('SIGKILL');
    await victim.ended;
    assert.equal(await job.getState(), 'active');
    const redis = world.raw();
    await redis.pexpire(`bull:${name}:${job.id}:lock`, 1); // 30 s later
    world.worker(name, async () => 'rescued', { stalledInterval: 100 });
    await until('the job is done again', async () => (await job.getState()) === 'completed');
    const again = await queue.getJob(job.id);
    assert.equal(again.returnvalue, 'rescued');
    assert.equal(again.stalledCounter, 1);
});

test('SIGTERM lets the running job finish and begins no other', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.addBulk([1, 2].map((i) => ({ name: 'job', data: { i } })));
    const worker = world.cli('hold', name, 500, 0);
    await until('the job runs', () => worker.output.includes('hold: running 1'));
    worker.kill('SIGTERM');
    assert.equal((await worker.ended).code, 0);
    assert.match(worker.output, /1 completed, 0 failed, 0 retried, 0 lost/);
    const counts = await queue.getJobCounts();
    assert.deepEqual([counts.completed, counts.waiting, counts.active], [1, 1, 0]);
    const idle = world.cli('hold', world.newName(), 1, 0);
    await sleep(300);
    idle.kill('SIGTERM');
    const watch = stopwatch();
    assert.equal((await idle.ended).code, 0);
    watch.within(1000, 'stopping an idle worker');
});

test('twenty kill -9 at random moments: every job is completed, and completed once', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const events = await world.events(name);
    const completed = new Map();
    events.on('completed', ({ jobId }) => completed.set(jobId, (completed.get(jobId) ?? 0) + 1));
    const jobs = Array.from({ length: 400 }, (_, i) => ({ name: 'job', data: { i } }));
    await queue.addBulk(jobs);
    const start = () => world.cli('--lock', '400', 'hold', name, 8, 0);
    const workers = [start(), start(), start()];
    for (let kill = 0; kill < 20; kill++) {
        await sleep(20 + Math.random() * 120);
        const i = Math.floor(Math.random() * workers.length);
        workers[i].kill('SIGKILL');
        await workers[i].ended;
        workers[i] = start();
    }
    await until('all jobs are completed', async () => (await queue.getCompletedCount()) === jobs.length, 60_000);
    await until('all events are seen', () => completed.size === jobs.length);
    assert.deepEqual([...completed.values()].filter((n) => n !== 1), []);
    const counts = await queue.getJobCounts();
    assert.deepEqual([counts.failed, counts.active, counts.waiting], [0, 0, 0]);
    workers.forEach((worker) => worker.kill('SIGKILL'));
});

test('a job that stalls too often fails at its next fetch, in C', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('killer', {});
    for (let i = 0; i < 2; i++) {
        await world.cliDone('lock', name, 1);
        await world.cliDone('stalled', name, 20);
        await sleep(40);
        assert.match(await world.cliDone('stalled', name, 20), /1 jobs/);
        await sleep(40);
    }
    await world.cliDone('work', name, 1, 1, 'keep');
    assert.equal(await job.getState(), 'failed');
    assert.match((await queue.getJob(job.id)).failedReason, /stalled more than allowable limit/);
});

test('a worker whose lock was taken away cannot report', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('slow', {});
    const worker = world.cli('hold', name, 800, 1);
    await until('the job runs', () => worker.output.includes('hold: running'));
    const redis = world.raw();
    await redis.set(`bull:${name}:${job.id}:lock`, 'somebody else', 'PX', 60_000);
    await worker.ended;
    assert.match(worker.output, /came too late \(code -6\)/);
    assert.equal(await job.getState(), 'active');
});

test('a wall clock set back by an hour while a job runs: its lock is renewed all the same', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const dir = mkdtempSync(join(tmpdir(), 'clock-'));
    try {
        const [preload, back] = [join(dir, 'clock.so'), join(dir, 'back')];
        execFileSync('cc', ['-shared', '-fPIC', '-o', preload, join(import.meta.dirname, 'clock_step.c')]);
        const job = await queue.add('long', {});
        const env = { LD_PRELOAD: preload, CLOCK_BACK: back, ASAN_OPTIONS: 'verify_asan_link_order=0' };
        const worker = world.cli('--lock', 1200, 'hold', name, 2800, 1, env);
        await until('the job runs', () => worker.output.includes('hold: running'));
        writeFileSync(back, '');
        assert.equal((await worker.ended).code, 0, worker.output);
        assert.match(worker.output, /1 completed, 0 failed, 0 retried, 0 lost/);
        const done = await queue.getJob(job.id);
        assert.deepEqual([await done.getState(), done.stalledCounter], ['completed', 0]);
        assert.ok(done.finishedOn < done.processedOn, 'the clock was set back');
    } finally {
        rmSync(dir, { recursive: true });
    }
});

test('scripts that Redis forgot are loaded again in the middle of the work', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.add('one', {});
    const worker = world.cli('hold', name, 300, 2);
    await until('the first job runs', () => worker.output.includes('hold: running'));
    const redis = world.raw();
    await redis.call('SCRIPT', 'FLUSH');
    await queue.add('two', {});
    assert.equal((await worker.ended).code, 0);
    assert.match(worker.output, /2 completed, 0 failed, 0 retried, 0 lost/);
});

test('a worker outlives a Redis restart, says so once, and goes on', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const worker = world.cli('hold', name, 10, 2);
    await queue.add('before', {});
    await until('the first job is done', async () => (await queue.getCompletedCount()) === 1);
    await world.stopRedis('SIGKILL');
    await sleep(1500);
    await world.startRedis();
    await queue.add('after', {});
    assert.equal((await worker.ended).code, 0, worker.output);
    assert.equal(worker.output.match(/is away:/g).length, 1, worker.output);
    assert.equal(worker.output.match(/is back after/g).length, 1, worker.output);
    assert.equal(await queue.getCompletedCount(), 2);
});

test('adding to a Redis that is down or frozen is refused within two seconds', async () => {
    const name = world.newName();
    const timed = async (limit) => {
        const watch = stopwatch();
        const child = world.cli('add', name, 1, 1);
        const { code } = await child.ended;
        watch.within(limit, 'adding');
        return { code, output: child.output };
    };
    world.redis.kill('SIGSTOP');
    const frozen = await timed(3000).finally(() => world.redis.kill('SIGCONT'));
    assert.equal(frozen.code, 1);
    assert.match(frozen.output, /Redis does not answer/);
    await world.stopRedis();
    const down = await timed(2500);
    await world.startRedis();
    assert.equal(down.code, 1);
    assert.equal((await timed(2500)).code, 0);
});
