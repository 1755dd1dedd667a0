// Faults at random moments, counted from a client's own ledger: what an add confirmed is completed
// once, whatever was killed, frozen or taken away meanwhile.
//
// ROUNDS=20 repeats each fault (CI: once); FREEZE_S=60 freezes Redis as long (CI: 3). Rule: the
// ledger is written by the test itself: ids confirmed, and "begin"/"end" lines of the workers.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { after, afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { BullWorld, until } from './bullmq_world.mjs';

const rounds = Number(process.env.ROUNDS ?? 1);
const freezeS = Number(process.env.FREEZE_S ?? 3);
const jobsARound = 120;

const worlds = [];
const open = async (args) => {
    const world = await BullWorld.open(args);
    worlds.push(world);
    return world;
};
afterEach(async () => {
    for (const world of worlds) await world.letGo();
});
after(async () => {
    for (const world of worlds) await world.close();
});
const everySecond = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
const random = (low, high) => low + Math.random() * (high - low);

// Adds jobs in small bulks with ids of its own, again and again until each add is confirmed.
async function produce(world, name, round) {
    const ledger = [];
    for (let i = 0; i < jobsARound; i += 10) {
        const jobs = Array.from({ length: 10 }, (_, k) => ({ name: 'job', data: { sleep: Math.floor(random(1, 40)), result: 1 }, opts: { jobId: `r${round}-${i + k}`, attempts: 3 } }));
        for (let confirmed = null; !confirmed; ) {
            try {
                confirmed = await world.putOn(world.port, name, ...jobs);
                ledger.push(...confirmed);
            } catch {
                await sleep(100); // not confirmed: the same ids again
            }
        }
        await sleep(random(0, 15));
    }
    return ledger;
}

class Crew {
    constructor(world, name, count) {
        this.start = () => world.cli('--lock', 1500, '--sweep', 500, 'run', name, 0, 4, 'keep');
        this.workers = Array.from({ length: count }, this.start);
        this.dead = [];
    }

    async killOne() {
        const i = Math.floor(random(0, this.workers.length));
        this.workers[i].kill('SIGKILL');
        await this.workers[i].ended;
        this.dead.push(this.workers[i]);
        this.workers[i] = this.start();
    }

    get output() {
        return [...this.dead, ...this.workers].map((w) => w.output).join('');
    }

    async end() {
        for (const worker of this.workers) worker.kill('SIGTERM');
        for (const worker of this.workers) assert.equal((await worker.ended).code, 0, worker.output.slice(-2000));
    }
}

// All of the ledger is completed, nothing else is there, and Redis told each completion of `fresh`
// once (the stream keeps some 10,000 events, so earlier rounds' may be gone).
async function settle(world, name, ledger, fresh, crew) {
    const queue = world.queue(name);
    const finished = async () => (await queue.getCompletedCount()) + (await queue.getFailedCount()) >= ledger.length;
    await until(`${ledger.length} jobs are finished`, finished, 90_000);
    const counts = await queue.getJobCounts();
    assert.deepEqual([counts.failed, counts.waiting, counts.active, counts.delayed], [0, 0, 0, 0]);
    const completed = (await queue.getCompleted(0, -1)).map((job) => job.id).sort();
    assert.deepEqual(completed, [...ledger].sort());
    const events = await world.raw().xrange(`bull:${name}:events`, '-', '+');
    const times = new Map();
    for (const [, fields] of events)
        if (fields[1] === 'completed') times.set(fields[3], (times.get(fields[3]) ?? 0) + 1);
    assert.deepEqual(fresh.filter((id) => times.get(id) !== 1), [], 'not told, or completed more than once');
    for (const id of fresh) assert.ok(crew.output.includes(`begin ${id} `), `${id} was completed, but no worker began it`);
}

test(`kill -9 of workers at random moments, ${rounds} times: each job is completed once`, async () => {
    const world = await open(everySecond);
    const name = world.newName();
    const crew = new Crew(world, name, 3);
    const ledger = [];
    for (let round = 0; round < rounds; round++) {
        const adding = produce(world, name, round);
        for (let kill = 0; kill < 3; kill++) {
            await sleep(random(20, 400));
            await crew.killOne();
        }
        const fresh = await adding;
        ledger.push(...fresh);
        await settle(world, name, ledger, fresh, crew);
    }
    await crew.end();
});

test(`kill -9 of Redis (AOF everysec) at random moments, ${rounds} times: what was confirmed is completed once`, async () => {
    const world = await open(everySecond);
    const name = world.newName();
    const crew = new Crew(world, name, 2);
    const ledger = [];
    for (let round = 0; round < rounds; round++) {
        const killing = (async () => {
            await sleep(random(50, 500));
            await world.stopRedis('SIGKILL');
            await sleep(random(50, 1500));
            await world.startRedis();
        })();
        const fresh = await produce(world, name, round);
        ledger.push(...fresh);
        await killing;
        await settle(world, name, ledger, fresh, crew);
        await world.letGo();
    }
    await crew.end();
});

test(`Redis frozen for ${freezeS} s at a random moment, ${rounds} times: nothing is lost, nothing done twice`, async () => {
    const world = await open(everySecond);
    const name = world.newName();
    const crew = new Crew(world, name, 2);
    const ledger = [];
    for (let round = 0; round < rounds; round++) {
        const freezing = (async () => {
            await sleep(random(50, 500));
            world.redis.kill('SIGSTOP');
            await sleep(freezeS * 1000);
            world.redis.kill('SIGCONT');
        })();
        const fresh = await produce(world, name, round);
        ledger.push(...fresh);
        await freezing;
        await settle(world, name, ledger, fresh, crew);
    }
    await crew.end();
});

test(`a worker frozen until its locks are gone, ${rounds} times: its late report is refused and said`, async () => {
    const world = await open([]);
    for (let round = 0; round < rounds; round++) {
        const name = world.newName();
        const queue = world.queue(name);
        const job = await queue.add('slow', { sleep: 300, result: 'done' });
        const frozen = world.cli('--lock', 500, 'run', name, 1, 1, 'keep');
        await until('the job runs', () => frozen.output.includes('begin'));
        await sleep(random(0, 200));
        frozen.kill('SIGSTOP');
        const other = world.cli('--lock', 500, '--sweep', 150, 'run', name, 1, 1, 'keep');
        await other.ended;
        assert.match(other.output, /1 completed, 0 failed, 0 retried, 0 lost/);
        const first = await queue.getJob(job.id);
        frozen.kill('SIGCONT');
        await frozen.ended;
        assert.match(frozen.output, /0 completed, 0 failed, 0 retried, 1 lost/);
        assert.match(frozen.output, new RegExp(`the report of job ${job.id} came too late \\(code -[1236]\\)`));
        const after = await queue.getJob(job.id);
        assert.deepEqual([after.finishedOn, after.attemptsMade, await after.getState()], [first.finishedOn, 1, 'completed']);
        await world.letGo();
    }
});

test(`each job delivered three times at random moments, ${rounds} times: it is there and completed once`, async () => {
    const world = await open([]);
    const name = world.newName();
    const crew = new Crew(world, name, 2);
    const ledger = [];
    for (let round = 0; round < rounds; round++) {
        const ids = Array.from({ length: 24 }, (_, i) => `form-${round}-${i}`);
        const deliver = async () => {
            for (const jobId of [...ids].sort(() => Math.random() - 0.5)) {
                await world.putOn(world.port, name, { name: 'form', data: { sleep: Math.floor(random(0, 20)), result: 1 }, opts: { jobId } });
                await sleep(random(0, 4));
            }
        };
        await Promise.all([deliver(), deliver(), deliver()]);
        ledger.push(...ids);
        await settle(world, name, ledger, ids, crew);
    }
    await crew.end();
    for (const id of ledger) assert.equal(crew.output.split(`begin ${id} `).length, 2, `${id} began more than once`);
});

test(`scripts forgotten again and again while jobs run, ${rounds} times: nobody notices`, async () => {
    const world = await open([]);
    const name = world.newName();
    const crew = new Crew(world, name, 2);
    const redis = world.raw();
    const ledger = [];
    for (let round = 0; round < rounds; round++) {
        let adding = true;
        const flushing = (async () => {
            for (; adding; await sleep(random(1, 30))) await redis.call('SCRIPT', 'FLUSH');
        })();
        const fresh = await produce(world, name, round);
        ledger.push(...fresh);
        adding = false;
        await flushing;
        await settle(world, name, ledger, fresh, crew);
    }
    await crew.end();
});

// A TCP door that leads to one port and can be turned to another, as a service address is.
async function openDoor(port) {
    const door = { port, sockets: new Set() };
    const server = createServer((socket) => {
        const inner = connect(door.port, '127.0.0.1');
        for (const [a, b] of [[socket, inner], [inner, socket]]) {
            a.on('error', () => b.destroy());
            a.on('close', () => b.destroy());
            a.pipe(b);
        }
        door.sockets.add(socket);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    door.outside = server.address().port;
    door.close = () => {
        for (const socket of door.sockets) socket.destroy();
        server.close();
    };
    return door;
}

test(`fail-over, ${rounds} times: a replica is promoted, the old primary refuses writes, the work goes on there`, async () => {
    for (let round = 0; round < rounds; round++) {
        const [a, b] = [await open([]), await open([])];
        const [first, second] = [a.raw(), b.raw()];
        await second.call('REPLICAOF', '127.0.0.1', String(a.port));
        await until('the replica follows', async () => (await second.info('replication')).includes('master_link_status:up'));
        const door = await openDoor(a.port);
        try {
            const name = a.newName();
            const cli = (...args) => a.cli('--port', door.outside, ...args);
            const put = (jobs) => a.putOn(door.outside, name, ...jobs);
            const crew = { workers: [cli('--lock', 1500, '--sweep', 500, 'run', name, 0, 4, 'keep')] };
            const make = (from) => Array.from({ length: 40 }, (_, i) => ({ name: 'job', data: { sleep: 10, result: 1 }, opts: { jobId: `j${from + i}` } }));
            await put(make(0));
            await sleep(random(20, 150));
            await first.call('CLIENT', 'PAUSE', '60000', 'WRITE'); // what was written is copied, no more comes
            await until('all is copied', async () => {
                const offsets = (await first.info('replication')).match(/offset[=:](\d+)/g);
                return new Set(offsets.map((o) => o.replace(/\D/g, ''))).size <= 2 && (await first.wait(1, 200)) === 1;
            });
            await second.call('REPLICAOF', 'NO', 'ONE');
            await first.call('REPLICAOF', '127.0.0.1', String(b.port)); // its connections stay open, and get READONLY
            await first.call('CLIENT', 'UNPAUSE');
            await until('the worker says so', () => /replica|READONLY|UNBLOCKED/.test(crew.workers[0].output), 30_000);
            door.port = b.port;
            for (const socket of random(0, 1) < 0.5 ? door.sockets : []) socket.destroy();
            await until('jobs are taken again', () => put(make(40)).catch(() => null));
            const queue = b.queue(name);
            await until('all are completed', async () => (await queue.getCompletedCount()) === 80, 60_000);
            const counts = await queue.getJobCounts();
            assert.deepEqual([counts.failed, counts.active, counts.waiting], [0, 0, 0]);
            crew.workers[0].kill('SIGTERM');
            assert.equal((await crew.workers[0].ended).code, 0);
        } finally {
            door.close();
            for (const world of [a, b]) await world.letGo();
        }
    }
});
