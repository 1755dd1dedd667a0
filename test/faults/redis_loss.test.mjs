// Redis is a wake-up, not a store: wiped, killed or set back while work is open, everything open is
// finished from PostgreSQL; what is relayed twice is done once; events keep their order.
//
// Rule: queues are paused with stock BullMQ while the loss happens, so that the work is certainly
// open, and never by a switch of the product.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';
import pg from 'pg';

import { sleep, until } from '../../tools/lib/process.mjs';
import { startWorld } from '../lib/world.mjs';

const QUEUES = ['ocr-processing', 'alert-dispatch'];

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());

let serial = 0;
// Begins like a PNG and is none: FAILED at once when its job runs, so no OCR is waited for.
const file = () => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, ++serial)]);

async function queues(work) {
    const open = QUEUES.map((name) => new Queue(name, { connection: { host: '127.0.0.1', port: world.redis.port } }));
    for (const queue of open) queue.on('error', () => {});
    try {
        return await work(open);
    } finally {
        await Promise.all(open.map((q) => q.close().catch(() => {})));
    }
}

const pause = () => queues((all) => Promise.all(all.map((q) => q.pause())));
const resume = () => queues((all) => Promise.all(all.map((q) => q.resume())));
const relayed = () => until(async () => (await world.sql('SELECT 1 FROM outbox')).length === 0, 'the outbox relayed');

// Two forms and an alert, whose jobs wait in Redis.
async function openWork() {
    const forms = [];
    for (let i = 0; i < 2; i++) forms.push((await world.as('admissions').upload(file())).body.formId);
    const { alert } = await world.alert('admissions', { urgencyLevel: 'CRITICAL' });
    await relayed();
    for (const id of forms) assert.equal((await world.as('admissions').get(`/api/v1/intake/${id}/status`)).body.status, 'QUEUED');
    return { forms, alert };
}

async function finished({ forms, alert }) {
    for (const id of forms) assert.equal((await world.form('admissions', id)).status, 'FAILED');
    await until(async () => (await world.as('admin').get(`/api/v1/alerts/${alert.id}`)).body.status === 'DELIVERED', 'the alert delivered', { every: 300 });
    const rows = await world.sql("SELECT target_id FROM audit_logs WHERE action = 'FORM_FAILED' AND target_id = ANY ($1)", [forms]);
    assert.equal(rows.length, forms.length, 'each form ended once');
    const pushes = world.fakes.calls('fcm').filter((c) => c.status === 200 && c.body.includes(alert.id));
    assert.equal(pushes.length, 1, 'paged once');
}

test('FLUSHALL while work is open: everything is finished', async () => {
    await pause();
    const open = await openWork();
    const redis = world.redis.client();
    await redis.flushall(); // the pause goes with it
    redis.disconnect();
    await finished(open);
});

// The relay is held between the placeholder it leaves in Redis and what it adds: it waits for a table.
test('FLUSHALL once more while what is open is added again: everything is finished, each job made once', async () => {
    await pause();
    const open = await openWork();
    const redis = world.redis.client();
    const memory = () => redis.get('nexacore:relay:memory');
    const gate = new pg.Client({ connectionString: world.pg.url('postgres') });
    await gate.connect();
    const { rows: [own] } = await gate.query('SELECT pg_backend_pid() AS pid');
    const waits = async () => (await world.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'nexacore-relay' AND $1 = ANY (pg_blocking_pids(pid))", [own.pid])).length > 0;
    const heldOnce = async (lose) => {
        await gate.query('BEGIN');
        await gate.query('LOCK TABLE intake_forms');
        await lose();
        await until(waits, 'the relay among what is open', { every: 5 });
        const [, loss] = (await memory()).match(/^lost:([0-9a-f-]{36}):/);
        return loss;
    };
    try {
        const first = await heldOnce(() => redis.flushall());
        await redis.flushall();
        await gate.query('ROLLBACK');
        await until(async () => /^[0-9a-f]{40}$/.test(await memory()), 'the rebuild finished');
        assert.ok(await redis.exists('bull:audit-flush:repeat'), 'what the second one took is there too');
        await finished(open);
        // A relay that goes on with a loss begun before it: the same jobs, not one more.
        await pause();
        const { alert } = await world.alert('admissions', { urgencyLevel: 'CRITICAL' });
        await relayed();
        const known = await memory();
        for (let n = 0; n < 2; n++) {
            await redis.set('nexacore:relay:memory', `lost:${first}:${known}`);
            await until(async () => (await memory()) === known, 'the rebuild finished');
        }
        const jobs = (await redis.keys(`bull:alert-dispatch:alert-${alert.id}-again-????????-*`)).filter((key) => !key.endsWith(':logs'));
        assert.deepEqual(jobs, [`bull:alert-dispatch:alert-${alert.id}-again-${first}`]);
    } finally {
        await gate.end();
        redis.disconnect();
        await resume();
    }
});

test('Redis killed and its data gone: everything is finished', async () => {
    await pause();
    const open = await openWork();
    await world.redis.part.stop({ signal: 'SIGKILL' });
    fs.rmSync(world.redis.dir, { recursive: true });
    await world.system.startRedis();
    await finished(open);
});

test('Redis killed and back without its last seconds: everything is finished', async () => {
    await pause();
    const open = await openWork();
    const redis = world.redis.client();
    const ids = [...open.forms, open.alert.id];
    const gone = (key) => /:(wait|paused|marker|prioritized)$/.test(key) || ids.some((id) => key.includes(id));
    const lost = (await redis.keys('bull:*')).filter(gone);
    for (const id of open.forms) assert.ok(lost.includes(`bull:ocr-processing:ocr-${id}`), lost.join());
    assert.ok(lost.some((key) => key.startsWith(`bull:alert-dispatch:alert-${open.alert.id}`)), lost.join());
    await redis.del(...lost);
    assert.ok(await redis.get('nexacore:relay:memory')); // the rest it still knows
    await redis.call('SAVE');
    redis.disconnect();
    await world.redis.part.stop({ signal: 'SIGKILL' });
    await world.system.startRedis();
    await resume();
    await finished(open);
});

test('a row relayed twice makes one job, and a job done twice changes nothing', async () => {
    await pause();
    const { formId } = (await world.as('admissions').upload(file())).body;
    await relayed();
    const { clinicId } = world.account('admin');
    const again = () =>
        world.sql(`INSERT INTO outbox (clinic_id, kind, name, key, payload) VALUES ($1, 'job', 'ocr-processing', $2, $3)`,
            [clinicId, `ocr-${formId}`, JSON.stringify({ formId, clinicId })]);
    await again();
    await again();
    await relayed();
    await queues(async ([ocr]) => {
        const jobs = await ocr.getJobs(['waiting', 'paused', 'prioritized', 'delayed']);
        assert.deepEqual(jobs.map((j) => j.id), [`ocr-${formId}`]);
        assert.deepEqual(jobs[0].data, { formId, clinicId }); // ids, nothing else
    });
    await resume();
    await world.form('admissions', formId);
    await again();
    await relayed();
    // The same work under another job id really runs again, and finds nothing to do.
    await queues(async ([ocr]) => {
        const job = await ocr.add('ocr-processing', { formId, clinicId }, { jobId: `twice-${formId}` });
        await until(async () => ['completed', 'failed'].includes(await job.getState()), 'the second run');
        assert.equal(await job.getState(), 'completed');
    });
    const rows = await world.sql("SELECT 1 FROM audit_logs WHERE action = 'FORM_FAILED' AND target_id = $1", [formId]);
    assert.equal(rows.length, 1);
});

test('events of a clinic reach its sockets in the order of their commits', async () => {
    const { clinicId } = world.account('admin');
    const listener = await world.listen('admin');
    process.kill(world.system.works[0].pid, 'SIGSTOP'); // nothing is relayed while the order is looked up
    let wanted;
    try {
        const writers = Array.from({ length: 4 }, async (_, w) => {
            const client = new pg.Client({ connectionString: world.pg.url('postgres') });
            await client.connect();
            for (let i = 0; i < 15; i++) {
                await client.query('BEGIN');
                await client.query(
                    `INSERT INTO outbox (clinic_id, kind, name, payload, rooms) VALUES ($1, 'event', 'patient:status_changed', $2, ARRAY[$3])`,
                    [clinicId, JSON.stringify({ patientId: `${w}-${i}`, newStatus: 'WAITING' }), `c:${clinicId}:ADMIN`]);
                await sleep(Math.random() * 8);
                await client.query('COMMIT');
            }
            await client.end();
        });
        await Promise.all(writers);
        const rows = await world.sql("SELECT payload->>'patientId' AS id FROM outbox WHERE clinic_id = $1 AND kind = 'event' ORDER BY clinic_seq", [clinicId]);
        wanted = rows.map((r) => r.id);
    } finally {
        process.kill(world.system.works[0].pid, 'SIGCONT');
    }
    assert.equal(wanted.length, 60);
    // Beside them what the tests before left to be told.
    const heard = () => listener.events.map((e) => e.payload.patientId).filter((id) => /^\d-\d+$/.test(id));
    await until(() => heard().length >= 60, 'all events');
    assert.deepEqual(heard(), wanted);
    for (let w = 0; w < 4; w++) {
        const own = wanted.filter((id) => id.startsWith(`${w}-`));
        assert.deepEqual(own, Array.from({ length: 15 }, (_, i) => `${w}-${i}`));
    }
});

test('a row the queue refuses holds nobody up for long', async () => {
    const { clinicId } = world.account('admin');
    const listener = await world.listen('admin');
    await world.sql("INSERT INTO outbox (clinic_id, kind, name, key) VALUES ($1, 'job', 'pan-scrub', 'no:such:key:here')", [clinicId]);
    await world.as('admissions').post('/api/v1/patients', { fullName: 'Detrás del Atasco' });
    const { payload } = await listener.next('patient:status_changed');
    assert.equal(payload.newStatus, 'WAITING');
    await relayed();
});

test('a worker frozen with the relay in its hands holds nobody up for long', async () => {
    const second = await world.system.startWork(2);
    // Redis does not answer, so whichever relay has rows to send holds its lock while it waits for it.
    process.kill(world.redis.part.pid, 'SIGSTOP');
    let frozen;
    try {
        const { body } = await world.as('admissions').upload(file());
        const holder = async () => {
            const [row] = await world.sql(
                `SELECT a.client_port AS port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                  WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'nexacore-relay'`);
            return row && world.system.works.find((work) => ports(work.pid).has(row.port));
        };
        frozen = await until(holder, 'a relay with the lock', { every: 2 });
        process.kill(frozen.pid, 'SIGSTOP');
        process.kill(world.redis.part.pid, 'SIGCONT');
        await world.form('admissions', body.formId);
    } finally {
        process.kill(world.redis.part.pid, 'SIGCONT');
        if (frozen) process.kill(frozen.pid, 'SIGCONT');
        await second.stop();
    }
});

// The local ports of a process' TCP connections.
function ports(pid) {
    const own = new Set();
    for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
        try {
            own.add(fs.readlinkSync(`/proc/${pid}/fd/${fd}`).match(/^socket:\[(\d+)\]$/)?.[1]);
        } catch {
            // closed meanwhile
        }
    }
    const rows = fs.readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/));
    return new Set(rows.filter((row) => own.has(row[9])).map((row) => parseInt(row[1].split(':')[1], 16)));
}
