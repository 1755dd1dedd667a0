// Who is served first: the more urgent, and among equals clinics in turn, so that one clinic's many
// forms do not delay another's first. Looked at through stock BullMQ, as is what strangers put there.
//
// Rule: queues are paused with stock BullMQ while they fill, so that the order is the queue's alone.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';

import { until } from '../../tools/lib/process.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const FORMS = Number(process.env.FORMS ?? 60); // of the busy clinic
const NAMES = ['ocr-processing', 'pan-scrub', 'alert-dispatch', 'square-sync', 'audit-flush'];

let world;
let queues;
let redis;
before(async () => {
    world = await startWorld({ workers: 1, env: { NEXACORE_RATE_USER: '100000', NEXACORE_RATE_CLINIC: '100000' } });
    const connection = { host: '127.0.0.1', port: world.redis.port };
    queues = Object.fromEntries(NAMES.map((name) => [name, new Queue(name, { connection })]));
    redis = world.redis.client();
});
after(async () => {
    await Promise.all(Object.values(queues ?? {}).map((q) => q.close()));
    await world?.stop();
});

let serial = 0;
// Begins like a PNG and is none: it is FAILED at once when its job runs, so no OCR is waited for.
const file = () => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, ++serial % 250), crypto.randomBytes(8)]);

const relayed = () => until(async () => (await world.sql('SELECT 1 FROM outbox')).length === 0, 'the outbox relayed');

async function uploads(login, count) {
    const ids = [];
    for (let done = 0; done < count; done += 20) {
        const some = Array.from({ length: Math.min(20, count - done) }, () => world.as(login).upload(file()));
        for (const { status, body } of await Promise.all(some)) {
            assert.equal(status, 202, JSON.stringify(body));
            ids.push(body.formId);
        }
    }
    await relayed();
    return ids;
}

// The ids in the order in which workers took them, once all are done: as the queue's own events tell
// it, because many are taken within one millisecond.
async function order(queue, ids, jobOf) {
    const jobs = [];
    for (const id of ids) jobs.push(await until(() => queue.getJob(jobOf(id)), `the job of ${id}`));
    await until(async () => (await Promise.all(jobs.map((j) => j.getState()))).every((s) => s === 'completed' || s === 'failed'), 'the jobs done', { seconds: Math.max(240, ids.length / 4), every: 200 });
    const idOf = new Map(ids.map((id) => [jobOf(id), id]));
    const events = await redis.xrange(`bull:${queue.name}:events`, '-', '+');
    const active = events.map(([, fields]) => fields).filter((f) => f[1] === 'active' && idOf.has(f[3]));
    const taken = [...new Set(active.map((f) => idOf.get(f[3])))];
    assert.equal(taken.length, ids.length);
    return taken;
}

const ocrJob = (id) => `ocr-${id}`;

test(`the first form of one clinic overtakes the ${FORMS} of another`, async (t) => {
    const ocr = queues['ocr-processing'];
    await ocr.pause();
    const many = await uploads('admissions', FORMS);
    const few = await uploads('admissions-b', 3);
    const later = await uploads('admissions', 2);
    await ocr.resume();
    const taken = await order(ocr, [...many, ...few, ...later], ocrJob);
    const at = few.map((id) => taken.indexOf(id)).sort((a, b) => a - b); // uploaded at once: in any order
    t.diagnostic(`the other clinic's forms were taken as number ${at.map((i) => i + 1).join(', ')} of ${taken.length}`);
    assert.ok(at[0] <= 2, `its first was number ${at[0] + 1}`);
    assert.ok(at[2] <= 8, `they alternate: its third was number ${at[2] + 1}`);
    const own = taken.filter((id) => !few.includes(id));
    assert.deepEqual(own.slice(-2).sort(), [...later].sort(), "a clinic's own later forms come last");
});

test('turns are forgotten when nobody waits, and open again after Redis was emptied', async () => {
    const ocr = queues['ocr-processing'];
    await ocr.pause();
    const first = await uploads('admissions', 4);
    await redis.flushall();
    await until(async () => (await Promise.all(first.map((id) => ocr.getJob(ocrJob(id))))).every(Boolean), 'the forms queued again');
    for (const id of first) await world.form('admissions', id);
    await relayed();
    const [one] = await uploads('admissions', 1);
    await world.form('admissions', one);
    const { priority } = await ocr.getJob(ocrJob(one));
    assert.equal(priority, 3 * 2 ** 19 + 1, 'the first turn of routine work');
});

const BAND = 2 ** 19; // CRITICAL, URGENT, MODERATE, the rest (src/outbox/turns.c)
const bandOf = (job) => Math.floor(job.priority / BAND);

test("an emergency's scrub is urgent by its own clinic's rules, also when Redis was emptied", async () => {
    const [ocr, scrub] = [queues['ocr-processing'], queues['pan-scrub']];
    const bytes = formBytes('en-below-unwell.png'); // 0.69: an emergency at 0.60, none at 0.70
    await world.sql('UPDATE clinic_settings SET emergency_threshold = 70 WHERE clinic_id = $1', [world.account('admin-b').clinicId]);
    await scrub.pause();
    const [calm, urgent] = [(await world.as('admissions-b').upload(bytes)).body.formId, (await world.as('admissions').upload(bytes)).body.formId];
    for (const [login, id] of [['admissions-b', calm], ['admissions', urgent]]) await world.form(login, id, { statuses: ['SCRUBBING'] });
    await relayed();
    const scrubs = async () => Object.fromEntries(await Promise.all([calm, urgent].map(async (id) => [id, await scrub.getJob(`scrub-${id}`)])));
    const first = await until(async () => Object.values(await scrubs()).every(Boolean) && scrubs(), 'both to be scrubbed');
    assert.deepEqual([bandOf(first[calm]), bandOf(first[urgent])], [3, 1]);
    // Everything gone at once but the pauses, so that nothing runs before it was looked at.
    await ocr.pause();
    await redis.multi().flushall().hset('bull:pan-scrub:meta', 'paused', 1).hset('bull:ocr-processing:meta', 'paused', 1).exec();
    const again = await until(async () => Object.values(await scrubs()).every(Boolean) && scrubs(), 'both queued again');
    assert.deepEqual([bandOf(again[calm]), bandOf(again[urgent])], [3, 1]);
    const waiting = await scrub.getJobs(['prioritized'], 0, 10, true);
    assert.deepEqual(waiting.map((job) => job.data.formId), [urgent, calm], 'though the other one is older');
    for (const queue of [ocr, scrub]) await queue.resume();
    assert.equal((await world.form('admissions', urgent)).isEmergency, true);
    assert.equal((await world.form('admissions-b', calm)).isEmergency, false);
});

test('an alert that is critical is dispatched before older ones that are not', async () => {
    const dispatch = queues['alert-dispatch'];
    await dispatch.pause();
    const ids = {};
    for (const level of ['LOW', 'MODERATE', 'URGENT', 'CRITICAL'])
        ids[level] = (await world.alert('admissions', { urgencyLevel: level })).alert.id;
    await relayed();
    const waiting = await dispatch.getJobs(['prioritized'], 0, 100, true);
    const levels = waiting.map((job) => Object.keys(ids).find((level) => ids[level] === job.data.alertId)).filter(Boolean);
    assert.deepEqual([...new Set(levels)], ['CRITICAL', 'URGENT', 'MODERATE', 'LOW']);
    await dispatch.resume();
    for (const id of Object.values(ids))
        await until(async () => (await world.as('admin').get(`/api/v1/alerts/${id}`)).body.status === 'DELIVERED', 'delivered');
});

test('payloads hold ids and nothing else', async () => {
    const allowed = { 'ocr-processing': ['clinicId', 'formId'], 'pan-scrub': ['clinicId', 'formId'], 'alert-dispatch': ['alertId', 'clinicId', 'step'], 'square-sync': ['clinicId'], 'audit-flush': [] };
    let seen = 0;
    for (const [name, queue] of Object.entries(queues))
        for (const job of await queue.getJobs(['completed', 'failed', 'waiting', 'prioritized', 'delayed', 'active'])) {
            assert.deepEqual(Object.keys(job.data).sort(), allowed[name], `${name} ${job.id}`);
            assert.equal(job.opts.attempts, 5);
            seen++;
        }
    assert.ok(seen > 4);
});

// ---- what strangers put into the queues ---------------------------------------------------------

const NONE = '00000000-0000-4000-8000-000000000000';

// A job as a client without BullMQ's checks makes it: any id, any text as data.
async function raw(name, id, fields) {
    await redis.hset(`bull:${name}:${id}`, { name, data: '{}', opts: '{"attempts":1}', timestamp: Date.now(), ...fields });
    await redis.multi().lpush(`bull:${name}:wait`, id).zadd(`bull:${name}:marker`, 0, '0').exec();
}

const failed = (name, id) =>
    until(async () => {
        const [at, reason] = await Promise.all([redis.zscore(`bull:${name}:failed`, id), redis.hget(`bull:${name}:${id}`, 'failedReason')]);
        return at && reason;
    }, `${name}: job ${id.slice(0, 60)} refused`);

test('jobs of strangers are refused with a reason, and nothing of any clinic is touched', async (t) => {
    const { clinicId } = world.account('admin');
    const { clinicId: other } = world.account('admin-b');
    await queues['ocr-processing'].pause();
    const [formId] = await uploads('admissions', 1);
    const { alert } = await world.alert('admissions', { urgencyLevel: 'LOW' });
    await relayed();
    await world.sql('DELETE FROM outbox'); // none is there; to be sure that what follows is not ours
    const before = await world.sql('SELECT id, status, version FROM intake_forms ORDER BY id');
    const good = { 'ocr-processing': { formId, clinicId }, 'pan-scrub': { formId, clinicId }, 'alert-dispatch': { alertId: alert.id, clinicId, step: '1-push' }, 'square-sync': { clinicId }, 'audit-flush': {} };
    const bad = [];
    for (const name of NAMES) {
        const data = good[name];
        const add = async (what, id, fields) => {
            await raw(name, id, { data: JSON.stringify(data), ...fields });
            bad.push([name, what, id]);
        };
        await add('an unknown name', `x-name-${name}`, { name: '../../etc/passwd' });
        await add('broken JSON', `x-json-${name}`, { data: '{"formId": ' });
        await add('no object', `x-array-${name}`, { data: '[1,2]' });
        await add('an unknown key', `x-key-${name}`, { data: JSON.stringify({ ...data, sql: "'; DROP TABLE patients" }) });
        await add('a megabyte', `x-big-${name}`, { data: JSON.stringify({ ...data, pad: 'x'.repeat(1 << 20) }) });
        await add('a deep nest', `x-deep-${name}`, { data: '['.repeat(900) });
        await add('ids with colons', `x:a:b:c:${name}:${'y'.repeat(300)}`, { data: '{"formId":"a:b:c"}' });
        await add('no name at all', `x-none-${name}`, { name: '' });
        if (name === 'audit-flush') continue;
        await add('missing keys', `x-miss-${name}`, { data: '{}' });
        await add('null ids', `x-null-${name}`, { data: JSON.stringify(Object.fromEntries(Object.keys(data).map((k) => [k, null]))) });
        await add('ids of no form', `x-text-${name}`, { data: JSON.stringify({ ...data, clinicId: '1 OR 1=1' }) });
        if (name === 'square-sync') continue;
        await add('another clinic', `x-clinic-${name}`, { data: JSON.stringify({ ...data, clinicId: other }) });
        await add('no clinic of ours', `x-noone-${name}`, { data: JSON.stringify({ ...data, clinicId: NONE }) });
    }
    // In a list and without a job, and a job that is no hash.
    await redis.lpush('bull:pan-scrub:wait', 'x-ghost');
    await redis.set('bull:pan-scrub:x-string', 'no hash');
    await redis.lpush('bull:pan-scrub:wait', 'x-string');
    await redis.zadd('bull:pan-scrub:marker', 0, '0');
    await queues['ocr-processing'].resume();
    for (const [name, what, id] of bad) {
        const reason = await failed(name, id);
        assert.match(reason, /^(validation|bad-request|not-found)|not JSON/, `${name}: ${what}: ${reason}`);
        assert.ok(reason.length < 400 && !/DROP|etc.passwd|xxxx/.test(reason), reason);
    }
    t.diagnostic(`${bad.length} jobs were refused`);

    // The true form, and nothing else, went on.
    await world.form('admissions', formId);
    const now = await world.sql('SELECT id, status, version FROM intake_forms ORDER BY id');
    assert.deepEqual(now.filter((f) => f.id !== formId), before.filter((f) => f.id !== formId));
    assert.ok(world.system.works[0].running);
    const [next] = await uploads('admissions-b', 1);
    assert.equal((await world.form('admissions-b', next)).status, 'FAILED');
    await world.alert('admissions-b', { urgencyLevel: 'CRITICAL' });
    await until(async () => (await world.sql("SELECT 1 FROM alerts WHERE urgency_level = 'CRITICAL' AND status = 'PENDING'")).length === 0, 'paged all the same');
    assert.doesNotMatch(world.system.works[0].logText(), /Sanitizer|runtime error/);
});
