// The whole product under faults: serve, two workers, PostgreSQL, Redis; one part is killed, frozen or
// emptied at a random moment while a client uploads. Every form it handed in ends processed exactly
// once: one patient, one alert, counted from the client's own book (ledger.mjs).
//
//   ROUNDS=20 FREEZE_S=60 NEXACORE_BUILD=build node --test test/faults/whole_product.test.mjs   (an hour)
// Settings: ROUNDS (1) of each fault, FREEZE_S (4) for which Redis is frozen, FAULT a part of one
// test's name, NEXACORE_SEED. Rule: the moments are drawn from the seed, which is printed, and each
// fault says whether it hit something under way: rounds are added until one did.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';
import pg from 'pg';

import { sleep, until } from '../../tools/lib/process.mjs';
import { startWorld } from '../lib/world.mjs';
import { Ledger, randomOf } from './ledger.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 1);
const FREEZE_S = Number(process.env.FREEZE_S ?? 4); // longer than a producer's 2 s
const several = ROUNDS > 1 ? 3 : 2; // forms under way
const seed = Number(process.env.NEXACORE_SEED ?? Date.now() % 1e9);
const random = randomOf(seed);

let world;
let ledger;
let doubtfulBefore = 0;
before(async () => {
    world = await startWorld({ workers: 2, env: { NEXACORE_RATE_USER: '100000', NEXACORE_RATE_CLINIC: '100000' } });
    ledger = new Ledger(world);
});
after(() => world?.stop());

const kill = (part) => part.stop({ signal: 'SIGKILL' });
const any = (list) => list[Math.floor(random() * list.length)];

// A random moment; after a round that missed they come sooner.
let haste = 1;
const moment = (ms) => sleep(random() * ms * haste);

// What is being done now: uploads without an answer yet, and forms not ended.
const unanswered = () => ledger.entries.filter((e) => !e.formId).length;
const openForms = async () => (await world.sql("SELECT 1 FROM intake_forms WHERE status IN ('QUEUED', 'OCR', 'SCRUBBING')")).length;
const waitingRows = async () => (await world.sql('SELECT id FROM outbox')).map((row) => row.id);

// Each uploads, strikes while that or the work after it is under way, and says whether it was.
const faults = {
    'a worker killed': async () => {
        const uploaded = ledger.uploads(2);
        if (ROUNDS > 1) await moment(3000);
        else await bothRead();
        const n = any([1, 2]);
        await kill(world.system.works[n - 1]);
        const hit = (await openForms()) > 0;
        await sleep(random() * 1000);
        await world.system.startWork(n);
        await uploaded;
        return hit;
    },
    'the relay killed': async () => {
        // It is a thread of whichever worker holds its lock: both go while rows are being relayed. They
        // sleep until there are some, or rows come while they run.
        const asleep = ROUNDS === 1 || random() < 0.5;
        if (asleep) for (const work of world.system.works) process.kill(work.pid, 'SIGSTOP');
        const uploaded = ledger.uploads(several);
        if (asleep) await uploaded;
        const before = await waitingRows();
        if (asleep) for (const work of world.system.works) process.kill(work.pid, 'SIGCONT');
        if (!asleep) await moment(400);
        await Promise.all(world.system.works.map(kill));
        const after = await waitingRows();
        await Promise.all([1, 2].map((n) => world.system.startWork(n)));
        await uploaded;
        return before.some((id) => after.includes(id));
    },
    'the server killed': async () => {
        const uploaded = ledger.uploads(several);
        await moment(ROUNDS === 1 ? 60 : 300);
        const hit = unanswered() > 0;
        await kill(world.system.serve);
        await sleep(random() * 500);
        await world.system.startServe();
        await uploaded;
        return hit;
    },
    'Redis killed': async () => {
        const uploaded = ledger.uploads(2);
        await moment(3000);
        await kill(world.redis.part);
        const hit = (await openForms()) > 0;
        await sleep(random() * 1000);
        await world.system.startRedis();
        await uploaded;
        return hit;
    },
    'Redis emptied': async () => {
        const uploaded = ledger.uploads(2);
        await moment(3000);
        const redis = world.redis.client();
        await redis.flushall();
        const hit = (await openForms()) > 0;
        redis.disconnect();
        await uploaded;
        return hit;
    },
    'Redis frozen': async () => {
        const uploaded = ledger.uploads(2);
        await moment(2000);
        process.kill(world.redis.part.pid, 'SIGSTOP');
        let hit;
        try {
            hit = unanswered() > 0 || (await openForms()) > 0;
            await Promise.all([uploaded, sleep(FREEZE_S * 1000)]);
        } finally {
            process.kill(world.redis.part.pid, 'SIGCONT');
        }
        return hit;
    },
    'a frozen worker that wakes after its lock was lost': async () => {
        const [sleeper, other] = world.system.works;
        const inTransaction = ROUNDS === 1 || random() < 0.5;
        const logged = sleeper.logText().length;
        process.kill(other.pid, 'SIGSTOP'); // so that the sleeper takes the form
        let held;
        try {
            held = await (inTransaction ? stopInTransaction(sleeper) : stopOver(sleeper));
        } catch (error) {
            process.kill(sleeper.pid, 'SIGCONT');
            throw error;
        } finally {
            process.kill(other.pid, 'SIGCONT');
        }
        let before;
        try {
            await world.form('admissions', held.formId);
            before = await asItIs(held);
        } finally {
            process.kill(sleeper.pid, 'SIGCONT');
        }
        const late = new RegExp(`the report of job ${held.id} came too late \\(code -\\d\\)`);
        await until(() => late.test(sleeper.logText().slice(logged)), 'the late report refused by Redis');
        if (inTransaction) assert.deepEqual(await sessions(held.backend), [], 'its session was ended');
        assert.deepEqual(await asItIs(held), before, 'nothing it did came through');
        return true; // the job was in its hands
    },
    'jobs delivered three times': async () => {
        const [a, b] = await ledger.uploads(2);
        await threeTimes([a, b]);
        return true;
    },
};

// Once each worker has a form in its hands.
async function bothRead() {
    const states = async () => (await world.sql('SELECT status FROM intake_forms')).map((row) => row.status);
    await until(async () => (await states()).filter((s) => s === 'OCR').length === 2, 'both forms being read', { every: 20 });
}

const sessions = (pid) => world.sql('SELECT xact_start FROM pg_stat_activity WHERE pid = $1', [pid]);

// The job in whose hands a stopped worker has the form, if any.
async function heldJob(formId) {
    const redis = world.redis.client();
    try {
        for (const [queue, id] of [['ocr-processing', `ocr-${formId}`], ['pan-scrub', `scrub-${formId}`]])
            if ((await redis.lrange(`bull:${queue}:active`, 0, -1)).includes(id)) return { formId, queue, id };
        return null;
    } finally {
        redis.disconnect();
    }
}

// What a late write would change: the form, and the report and the events of its job.
async function asItIs({ formId, queue, id }) {
    const redis = world.redis.client();
    const [form] = await world.sql('SELECT to_jsonb(f) AS f FROM intake_forms f WHERE id = $1', [formId]);
    const job = await redis.hmget(`bull:${queue}:${id}`, 'returnvalue', 'failedReason', 'finishedOn', 'atm');
    const completed = (await redis.xrange(`bull:${queue}:events`, '-', '+')).filter(([, f]) => f[1] === 'completed' && f[3] === id).length;
    redis.disconnect();
    assert.equal(completed, 1, 'reported once, by the other worker');
    return { ...form.f, job };
}

// Stops the worker while a form is in its hands; one that was faster is let go for another.
async function stopOver(worker) {
    for (let n = 0; n < 20; n++) {
        const formId = await ledger.upload();
        const state = async () => (await world.sql('SELECT status FROM intake_forms WHERE id = $1', [formId]))[0].status;
        const stage = any(['OCR', 'SCRUBBING']);
        await until(async () => [stage, 'SCRUBBING', 'PROCESSED'].includes(await state()), `the form in ${stage}`, { every: 10 });
        await sleep(random() * 300);
        process.kill(worker.pid, 'SIGSTOP');
        await sleep(200); // what it had sent has arrived
        const held = await heldJob(formId);
        if (held) return held;
        process.kill(worker.pid, 'SIGCONT');
    }
    throw new Error('every form was finished before its worker could be stopped');
}

// Stops the worker within its own transaction, the form's row locked: it is made to wait for the row,
// stopped, and given what it waited for, so that PostgreSQL now waits for it. One that had given up
// waiting (after 4 s, on a slow machine) is let go for another form.
async function stopInTransaction(worker) {
    const queue = new Queue('ocr-processing', { connection: { host: '127.0.0.1', port: world.redis.port } });
    const gate = new pg.Client({ connectionString: world.pg.url('postgres') });
    await gate.connect();
    const { rows: [own] } = await gate.query('SELECT pg_backend_pid() AS pid');
    try {
        for (let n = 0; n < 10; n++) {
            await queue.pause();
            const formId = await ledger.upload();
            await gate.query('BEGIN');
            await gate.query('SELECT FROM intake_forms WHERE id = $1 FOR UPDATE', [formId]);
            await queue.resume();
            const waiting = async () => (await world.sql('SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))', [own.pid]))[0]?.pid;
            const backend = await until(waiting, 'the worker in its transaction', { every: 10 });
            process.kill(worker.pid, 'SIGSTOP');
            await gate.query('ROLLBACK');
            const idle = () => world.sql("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'idle in transaction'", [backend]);
            const asleep = await until(async () => (await idle()).length === 1, 'PostgreSQL waiting for the sleeper', { seconds: 3, every: 10 }).catch(() => false);
            const held = await heldJob(formId);
            if (asleep && held) {
                await assert.rejects(world.sql('SELECT FROM intake_forms WHERE id = $1 FOR UPDATE NOWAIT', [formId]), /could not obtain lock/);
                return { ...held, backend };
            }
            process.kill(worker.pid, 'SIGCONT');
        }
        throw new Error('the worker was never stopped in its transaction');
    } finally {
        await gate.end();
        await queue.close();
    }
}

// The same work under two more job ids, for each queue a form passes, at random moments.
async function threeTimes(formIds) {
    const connection = { host: '127.0.0.1', port: world.redis.port };
    const { clinicId } = world.account('admissions');
    const queues = ['ocr-processing', 'pan-scrub'].map((name) => new Queue(name, { connection }));
    try {
        for (const again of [1, 2]) {
            await sleep(random() * 1500);
            for (const queue of queues)
                for (const formId of formIds)
                    await queue.add(queue.name, { formId, clinicId }, { jobId: `again${again}-${formId}-${Date.now()}`, attempts: 5, backoff: 1000, removeOnComplete: true });
        }
    } finally {
        await Promise.all(queues.map((q) => q.close()));
    }
}

for (const [name, strike] of Object.entries(faults)) {
    if (process.env.FAULT && !name.includes(process.env.FAULT)) continue;
    test(`${name}: every form handed in is processed exactly once (${ROUNDS} rounds)`, { timeout: (ROUNDS * 240 + 60) * 1000 }, async (t) => {
        t.diagnostic(`NEXACORE_SEED=${seed}`);
        const times = [];
        let hits = 0;
        haste = 1;
        for (let round = 1; round <= ROUNDS || (hits === 0 && round <= ROUNDS + 4); round++) {
            const from = Date.now();
            if (await strike()) hits++;
            else haste /= 3;
            await ledger.settle();
            times.push((Date.now() - from) / 1000);
            if (ROUNDS > 1) console.log(`# ${name}: round ${round} of ${ROUNDS}, ${times.at(-1).toFixed(1)} s`);
        }
        assert.ok(hits > 0, 'something was under way when it struck');
        t.diagnostic(`${hits} of ${times.length} rounds struck while something was under way`);
        const { pages, doubtful } = await ledger.paged();
        if (!/worker|relay/.test(name)) assert.equal(doubtful, doubtfulBefore, 'no page is in doubt unless its worker died');
        doubtfulBefore = doubtful;
        t.diagnostic(`${pages} pages, one for each device and step; ${doubtful} tries whose worker died`);
        const tries = ledger.entries.reduce((n, e) => n + e.tries, 0);
        t.diagnostic(`slowest round ${Math.max(...times).toFixed(1)} s; ${ledger.entries.length} forms in ${tries} tries`);
    });
}
