// The whole product under faults: serve, two workers, PostgreSQL, Redis; one part is killed, frozen or
// emptied at a random moment while a client uploads. Every form it handed in ends processed exactly
// once: one patient, one alert, counted from the client's own book (ledger.mjs).
//
//   ROUNDS=20 FREEZE_S=60 NEXACORE_BUILD=build node --test test/faults/whole_product.test.mjs   (an hour)
// Settings: ROUNDS (1) of each fault, FREEZE_S (6) for which Redis is frozen, FAULT a part of one
// test's name, NEXACORE_SEED. Rule: the moments are drawn from the seed, which is printed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';

import { sleep, until } from '../../tools/lib/process.mjs';
import { startWorld } from '../lib/world.mjs';
import { Ledger, randomOf } from './ledger.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 1);
const FREEZE_S = Number(process.env.FREEZE_S ?? 6);
const seed = Number(process.env.NEXACORE_SEED ?? Date.now() % 1e9);
const random = randomOf(seed);

let world;
let ledger;
before(async () => {
    world = await startWorld({ workers: 2, env: { NEXACORE_RATE_USER: '100000', NEXACORE_RATE_CLINIC: '100000' } });
    ledger = new Ledger(world);
});
after(() => world?.stop());

const kill = (part) => part.stop({ signal: 'SIGKILL' });
const any = (list) => list[Math.floor(random() * list.length)];

// Uploads, strikes while that or the work after it is under way, and counts.
const faults = {
    'a worker killed': async () => {
        const uploaded = ledger.uploads(2);
        await sleep(random() * 3000);
        const n = any([1, 2]);
        await kill(world.system.works[n - 1]);
        await sleep(random() * 1000);
        await world.system.startWork(n);
        await uploaded;
    },
    'the relay killed': async () => {
        // It is a thread of whichever worker holds its lock: both go while rows are being relayed.
        const uploaded = ledger.uploads(3);
        await sleep(random() * 400);
        await Promise.all(world.system.works.map(kill));
        await Promise.all([1, 2].map((n) => world.system.startWork(n)));
        await uploaded;
    },
    'the server killed': async () => {
        const uploaded = ledger.uploads(3);
        await sleep(random() * 300);
        await kill(world.system.serve);
        await sleep(random() * 500);
        await world.system.startServe();
        await uploaded;
    },
    'Redis killed': async () => {
        const uploaded = ledger.uploads(2);
        await sleep(random() * 3000);
        await kill(world.redis.part);
        await sleep(random() * 1000);
        await world.system.startRedis();
        await uploaded;
    },
    'Redis emptied': async () => {
        const uploaded = ledger.uploads(2);
        await sleep(random() * 3000);
        const redis = world.redis.client();
        await redis.flushall();
        redis.disconnect();
        await uploaded;
    },
    'Redis frozen': async () => {
        const uploaded = ledger.uploads(2);
        await sleep(random() * 2000);
        process.kill(world.redis.part.pid, 'SIGSTOP');
        try {
            await Promise.all([uploaded, sleep(FREEZE_S * 1000)]);
        } finally {
            process.kill(world.redis.part.pid, 'SIGCONT');
        }
    },
    'a frozen worker that wakes after its lock was lost': async () => {
        const [sleeper, other] = world.system.works;
        process.kill(other.pid, 'SIGSTOP'); // so that the sleeper takes the form
        const { formId, lost } = await asleepWithForm(sleeper, other);
        await sleep(lost ? 2500 : 500);
        const [row] = await world.sql('SELECT version FROM intake_forms WHERE id = $1', [formId]);
        await sleep(1500);
        const [later] = await world.sql('SELECT version FROM intake_forms WHERE id = $1', [formId]);
        assert.equal(later.version, row.version);
    },
    'jobs delivered three times': async () => {
        const [a, b] = await ledger.uploads(2);
        await threeTimes([a, b]);
    },
};

// Stops the worker while a form is between its steps; one that was faster is let go for another.
async function stopOver(worker) {
    for (let n = 0; n < 20; n++) {
        const formId = await ledger.upload();
        const state = async () => (await world.sql('SELECT status FROM intake_forms WHERE id = $1', [formId]))[0].status;
        const stage = ROUNDS > 1 ? any(['OCR', 'SCRUBBING']) : 'OCR';
        await until(async () => [stage, 'SCRUBBING', 'PROCESSED'].includes(await state()), `the form in ${stage}`, { seconds: 60, every: 10 });
        await sleep(random() * 300);
        process.kill(worker.pid, 'SIGSTOP');
        if (['OCR', 'SCRUBBING'].includes(await state())) return formId;
        process.kill(worker.pid, 'SIGCONT');
    }
    throw new Error('every form was finished before its worker could be stopped');
}

// The sleeper is stopped with a form in its hands, the other one finishes it, the sleeper wakes.
async function asleepWithForm(sleeper, other) {
    const logged = sleeper.logText().length;
    let formId;
    try {
        formId = await stopOver(sleeper);
    } finally {
        process.kill(other.pid, 'SIGCONT');
    }
    try {
        await world.form('admissions', formId, { seconds: 120 });
    } finally {
        process.kill(sleeper.pid, 'SIGCONT');
    }
    const lost = () => /lock|no longer|lost/i.test(sleeper.logText().slice(logged));
    const seen = await until(lost, 'the sleeper told of its loss', { seconds: 20 }).catch(() => false);
    return { formId, lost: seen };
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
                    await queue.add(queue.name, { formId, clinicId }, { jobId: `again${again}-${formId}-${Date.now()}`, removeOnComplete: true });
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
        for (let round = 1; round <= ROUNDS; round++) {
            const from = Date.now();
            await strike();
            await ledger.settle();
            times.push((Date.now() - from) / 1000);
            if (ROUNDS > 1) console.log(`# ${name}: round ${round} of ${ROUNDS}, ${times.at(-1).toFixed(1)} s`);
        }
        await ledger.paged();
        const tries = ledger.entries.reduce((n, e) => n + e.tries, 0);
        t.diagnostic(`slowest round ${Math.max(...times).toFixed(1)} s; ${ledger.entries.length} forms in ${tries} tries`);
    });
}
