// Every option a producer has, added from C and seen by stock Node; flows of one language worked by
// the other.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { FlowProducer } from 'bullmq';

import { BullWorld, until } from './bullmq_world.mjs';

let world;
before(async () => (world = await BullWorld.open()));
afterEach(() => world.letGo());
after(() => world.close());

const withoutTime = ({ timestamp, ...opts }) => opts;

test('a job that C adds has the options, data and fields of the same job added by Node', async () => {
    const jobs = [
        { name: 'plain', data: { x: 'ñ€😀', deep: [1, { a: null }] } },
        { name: 'all', data: [1, 'two'], opts: { jobId: 'my-id', attempts: 5, backoff: { type: 'exponential', delay: 250, jitter: 0.5 }, delay: 60_000, removeOnComplete: true, removeOnFail: { count: 5, age: 60 }, keepLogs: 7 } },
        { name: 'prio', data: {}, opts: { priority: 2097151, attempts: 2, backoff: { type: 'fixed', delay: 9 }, removeOnComplete: 10, removeOnFail: false } },
        { name: 'lifo', data: 'text', opts: { lifo: true, jobId: 'a:b:c' } },
        { name: 'old', data: 1, opts: { timestamp: 1_700_000_000_000 } },
    ];
    const [fromC, fromNode] = [world.newName(), world.newName()];
    const ids = world.put(fromC, ...jobs);
    const node = world.queue(fromNode);
    const added = await node.addBulk(jobs);
    assert.deepEqual(ids, added.map((job) => job.id));
    const c = world.queue(fromC);
    const redis = world.raw();
    for (const id of ids) {
        const [ours, theirs] = [await c.getJob(id), await node.getJob(id)];
        const { backoff, removeOnComplete, ...rest } = withoutTime(theirs.opts);
        const mine = withoutTime(ours.opts);
        assert.deepEqual(mine.backoff, backoff);
        assert.deepEqual(typeof removeOnComplete === 'number' ? mine.removeOnComplete.count : mine.removeOnComplete, removeOnComplete);
        for (const key of Object.keys(rest)) if (key !== 'attempts') assert.deepEqual(mine[key], rest[key], key);
        assert.equal(mine.attempts || 1, rest.attempts || 1);
        assert.deepEqual(ours.data, theirs.data);
        assert.equal(await ours.getState(), await theirs.getState());
        const [a, b] = [await redis.hgetall(`bull:${fromC}:${id}`), await redis.hgetall(`bull:${fromNode}:${id}`)];
        assert.deepEqual(Object.keys(a).sort(), Object.keys(b).sort());
        for (const field of ['name', 'data', 'delay', 'priority']) assert.equal(a[field], b[field], field);
    }
});

test('ids and options that stock Node refuses are refused in C, those it takes are taken', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const tries = [{ jobId: '12' }, { jobId: '0' }, { jobId: '-7' }, { jobId: '007' }, { jobId: '12a' }, { jobId: 'a:b' }, { jobId: 'a:b:c:d' }, { jobId: 'x:y:z' },
        { priority: 2097152 }, { priority: 2097151 }, { backoff: { type: 'fixed', delay: 5, jitter: 1.5 } }, { backoff: { type: 'fixed', delay: 5, jitter: 1 } },
        { deduplication: { id: 'x' }, parent: { id: 'p', queue: 'bull:q' } }];
    for (const opts of tries) {
        const says = async (add) => add().then(() => 'taken', () => 'refused');
        const node = await says(async () => queue.add('job', {}, opts));
        const c = await says(async () => world.put(name, { name: 'job', data: {}, opts }));
        assert.equal(c, node, JSON.stringify(opts));
    }
});

test('one bad job in a bulk: nothing of the bulk is added, as Node does', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const jobs = [{ name: 'a', data: {} }, { name: 'b', data: {}, opts: { jobId: '5' } }, { name: 'c', data: {} }];
    assert.throws(() => world.put(name, ...jobs), /integer/);
    await assert.rejects(queue.addBulk(jobs), /integers/);
    assert.equal(await queue.getJobCountByTypes('waiting'), 0);
});

test('a custom id added twice makes one job, and says so', async () => {
    const name = world.newName();
    const job = { name: 'once', data: {}, opts: { jobId: 'form-1' } };
    assert.deepEqual(world.put(name, job, job), ['form-1', 'form-1']);
    const events = await world.raw().xrange(`bull:${name}:events`, '-', '+');
    assert.ok(events.some(([, fields]) => fields.includes('duplicated') && fields.includes('form-1')), JSON.stringify(events));
    assert.equal(await world.queue(name).getWaitingCount(), 1);
});

// Runs the same steps through C and through Node and compares what is left: names of jobs by state.
async function bothWays(steps) {
    const seen = [];
    for (const side of ['c', 'node']) {
        const name = world.newName();
        const queue = world.queue(name);
        const add = async (job) => (side === 'c' ? world.put(name, job) : queue.add(job.name, job.data, job.opts));
        const extra = await steps({ name, queue, add });
        const left = {};
        for (const state of ['waiting', 'delayed', 'prioritized', 'active'])
            left[state] = (await queue.getJobs(state)).map((job) => `${job.name} ${job.deduplicationId ?? ''}`);
        seen.push({ left, extra });
    }
    assert.deepEqual(seen[0], seen[1]);
    return seen[0];
}

const dedup = (name, deduplication, opts = {}) => ({ name, data: {}, opts: { deduplication: { id: 'd', ...deduplication }, ...opts } });

test('simple deduplication: a second add is dropped until the first is finished', async () => {
    const { left } = await bothWays(async ({ name, queue, add }) => {
        await add(dedup('one', {}));
        await add(dedup('two', {}));
        await world.cliDone('work', name, 1, 1);
        await add(dedup('three', {}));
        return (await queue.getDeduplicationJobId('d')) !== null;
    });
    assert.deepEqual(left.waiting, ['three d']);
});

test('throttled deduplication: adds within the time are dropped, extend starts it anew', async () => {
    const { extra } = await bothWays(async ({ name, add }) => {
        const ttl = async () => world.raw().pttl(`bull:${name}:de:d`);
        await add(dedup('one', { ttl: 60_000 }));
        const redis = world.raw();
        await redis.pexpire(`bull:${name}:de:d`, 20_000);
        await add(dedup('two', { ttl: 60_000 }));
        const kept = (await ttl()) <= 20_000;
        await add(dedup('three', { ttl: 60_000, extend: true }));
        const extended = (await ttl()) > 20_000;
        await redis.pexpire(`bull:${name}:de:d`, 1);
        await sleep(20);
        await add(dedup('four', { ttl: 60_000 }));
        return { kept, extended };
    });
    assert.deepEqual(extra, { kept: true, extended: true });
});

test('debounce (delay, ttl, extend and replace): the last of many adds is the one that stays', async () => {
    const { left } = await bothWays(async ({ add }) => {
        for (const name of ['one', 'two', 'three']) await add(dedup(name, { ttl: 60_000, extend: true, replace: true }, { delay: 60_000 }));
    });
    assert.deepEqual(left.delayed, ['three d']);
});

test('reschedule: another add starts the delay of the first one anew', async () => {
    const { left, extra } = await bothWays(async ({ queue, add }) => {
        await add(dedup('one', { reschedule: true }, { delay: 10_000 }));
        await add(dedup('two', { reschedule: true }, { delay: 90_000 }));
        const [job] = await queue.getDelayed();
        return job.delay;
    });
    assert.deepEqual([left.delayed, extra], [['one d'], 90_000]);
});

test('keepLastIfActive: the newest add made while the first ran is done after it', async () => {
    const { left } = await bothWays(async ({ name, queue, add }) => {
        await add({ ...dedup('one', { keepLastIfActive: true }), data: { sleep: 800 } });
        const worker = world.cli('run', name, 1, 1);
        await until('the first runs', async () => (await queue.getActiveCount()) === 1);
        await add(dedup('two', { keepLastIfActive: true }));
        await add(dedup('three', { keepLastIfActive: true }));
        await worker.ended;
        assert.equal(worker.output.match(/1 completed/)?.length, 1, worker.output);
    });
    assert.deepEqual(left.waiting, ['three d']);
});

test('schedulers put from C with a pattern and a zone are those of Node', async () => {
    const [fromC, fromNode] = [world.newName(), world.newName()];
    const repeat = { pattern: '0 30 3 * * 1-5', tz: 'Europe/Madrid' };
    world.put(fromC, { schedulerId: 'nightly', repeat, name: 'clean', data: { deep: true }, opts: { attempts: 3 } });
    const node = world.queue(fromNode);
    await node.upsertJobScheduler('nightly', repeat, { name: 'clean', data: { deep: true }, opts: { attempts: 3 } });
    const [ours] = await world.queue(fromC).getJobSchedulers();
    const [theirs] = await node.getJobSchedulers();
    assert.deepEqual(ours, theirs);
    const [[mine], [stock]] = [await world.queue(fromC).getDelayed(), await node.getDelayed()];
    assert.equal(mine.id, stock.id);
    assert.deepEqual(withoutTime({ ...mine.opts, delay: 0 }), withoutTime({ ...stock.opts, delay: 0 }));
});

// ---- flows ----

const tree = (leaves, opts = {}) => (queue, leafQueue) => ({
    name: 'parent', queueName: queue, data: { children: true }, opts,
    children: leaves.map((leaf) => ({ name: 'leaf', queueName: leafQueue, data: leaf.data, opts: leaf.opts })),
});

const addFlow = async (side, flow) => {
    if (side === 'c') return world.put(flow.queueName, flow)[0];
    const producer = new FlowProducer({ connection: world.connection });
    try {
        return (await producer.add(flow)).job.id;
    } finally {
        await producer.close();
    }
};

for (const side of ['c', 'node'])
    test(`a flow of ${side}: the parent waits for its children and gets their results, worked by C`, async () => {
        const [name, leaves] = [world.newName(), world.newName()];
        const flow = tree([{ data: { result: { page: 1 } } }, { data: { result: 'two' } }])(name, leaves);
        const id = await addFlow(side, flow);
        const queue = world.queue(name);
        const parent = await queue.getJob(id);
        assert.equal(await parent.getState(), 'waiting-children');
        assert.match(await world.cliDone('counts', name), /waiting-children 1/);
        await world.cliDone('run', leaves, 2, 2, 'keep');
        await world.cliDone('run', name, 1, 1, 'keep');
        const done = await queue.getJob(id);
        assert.equal(await done.getState(), 'completed');
        assert.deepEqual(Object.values(done.returnvalue), Object.values(await done.getChildrenValues()));
        assert.deepEqual(new Set(Object.values(done.returnvalue).map((v) => JSON.stringify(v))), new Set(['{"page":1}', '"two"']));
    });

test('a flow of C is worked by stock Workers, three levels deep', async () => {
    const name = world.newName();
    const id = world.put(name, {
        name: 'top', data: {},
        children: [{ name: 'middle', data: {}, children: [{ name: 'leaf', data: { v: 1 } }, { name: 'leaf', data: { v: 2 }, opts: { priority: 3 } }] }, { name: 'leaf', data: { v: 4 }, opts: { delay: 50 } }],
    })[0];
    world.worker(name, async (job) => {
        if (job.name === 'leaf') return job.data.v;
        return Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0);
    });
    const queue = world.queue(name);
    await until('the top is done', async () => (await queue.getJob(id)).returnvalue === 7);
});

for (const [option, state, tells] of [
    ['failParentOnFailure', 'failed', /child bull:.* failed/],
    ['ignoreDependencyOnFailure', 'completed', /"failed":"boom"/],
    ['removeDependencyOnFailure', 'completed', /\{\}/],
    ['continueParentOnFailure', 'completed', /"failed":"boom"/],
])
    test(`a child that fails with ${option}: the parent is ${state}, from C and from Node alike`, async () => {
        for (const side of ['c', 'node']) {
            const [name, leaves] = [world.newName(), world.newName()];
            const flow = tree([{ data: { fail: 'boom', unrecoverable: true }, opts: { [option]: true } }])(name, leaves);
            const id = await addFlow(side, flow);
            await world.cliDone('run', leaves, 1, 1, 'keep');
            await world.cliDone('run', name, 1, 1, 'keep');
            const parent = await world.queue(name).getJob(id);
            assert.equal(await parent.getState(), state, side);
            assert.match(parent.failedReason ?? JSON.stringify(parent.returnvalue), tells, side);
        }
    });

test('a child added to a waiting parent is waited for, one of a missing parent is refused', async () => {
    const [name, leaves] = [world.newName(), world.newName()];
    const id = world.put(name, tree([{ data: {} }])(name, leaves))[0];
    const parent = { id, queue: `bull:${name}` };
    world.put(leaves, { name: 'late', data: {}, opts: { parent } });
    const job = await world.queue(name).getJob(id);
    assert.deepEqual((await job.getDependenciesCount()).unprocessed, 2);
    assert.throws(() => world.put(leaves, { name: 'orphan', data: {}, opts: { parent: { ...parent, id: 'nobody' } } }), /parent does not exist/);
    assert.throws(() => world.put(name, { name: 'p', data: {}, opts: { parent: { ...parent, id: 'nobody' } }, children: [{ name: 'c', data: {} }] }), /parent does not exist/);
});

test('a flow is added whole although Redis has just forgotten every script', async () => {
    const name = world.newName();
    await world.raw().call('SCRIPT', 'FLUSH');
    const id = world.put(name, tree([{ data: {} }, { data: {} }])(name, name))[0];
    const queue = world.queue(name);
    assert.equal(await queue.getWaitingCount(), 2);
    assert.equal(await (await queue.getJob(id)).getState(), 'waiting-children');
});
