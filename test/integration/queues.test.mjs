// The queues as an ADMIN sees them: the own clinic's work counted, failed jobs with their reason, and
// put to work again; nothing of another clinic, whatever stands in Redis.
import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';

import { until } from '../../tools/lib/process.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const NAMES = ['ocr-processing', 'pan-scrub', 'alert-dispatch', 'square-sync', 'audit-flush'];

let world;
let queues;
before(async () => {
    world = await startWorld({ workers: 1 });
    const connection = { host: '127.0.0.1', port: world.redis.port };
    queues = Object.fromEntries(NAMES.map((name) => [name, new Queue(name, { connection })]));
});
after(async () => {
    await Promise.all(Object.values(queues ?? {}).map((q) => q.close()));
    await world?.stop();
});

let serial = 0;
const broken = () => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, ++serial)]);
const relayed = () => until(async () => (await world.sql('SELECT 1 FROM outbox')).length === 0, 'the outbox relayed');
const path = (name, id) => `/api/v1/queues/${name}/jobs/${encodeURIComponent(id)}/retry`;

async function look(login, name) {
    const { status, body } = await world.as(login).get('/api/v1/queues');
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.items.map((q) => q.name), NAMES);
    return body.items.find((q) => q.name === name);
}

// A form of that clinic that cannot be read, its job failed.
async function failedForm(login) {
    const { formId } = (await world.as(login).upload(broken())).body;
    assert.equal((await world.form(login, formId)).status, 'FAILED');
    await until(async () => (await (await queues['ocr-processing'].getJob(`ocr-${formId}`)).getState()) === 'failed', 'its job failed');
    return formId;
}

test('a failed form is listed with its reason to its own clinic alone', async () => {
    const formId = await failedForm('admissions');
    const own = await look('admin', 'ocr-processing');
    const job = own.failed.find((j) => j.formId === formId);
    assert.ok(job, JSON.stringify(own));
    assert.equal(job.id, `ocr-${formId}`);
    assert.equal(job.code, 'unprocessable');
    assert.match(job.reason, /[a-z]{3}/);
    assert.equal(job.attemptsMade, 1);
    assert.ok(Date.now() - Date.parse(job.failedAt) < 120_000);
    assert.equal(own.counts.failed, own.failed.length);
    const foreign = await look('admin-b', 'ocr-processing');
    assert.deepEqual(foreign.failed, []);
    assert.equal(foreign.counts.failed, 0);
});

test('waiting work is counted for the clinic it belongs to', async () => {
    await queues['ocr-processing'].pause();
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await world.as('admissions').upload(broken())).body.formId);
    const other = (await world.as('admissions-b').upload(broken())).body.formId;
    await relayed();
    const [own, foreign] = [await look('admin', 'ocr-processing'), await look('admin-b', 'ocr-processing')];
    assert.equal(own.paused, true);
    assert.equal(own.counts.prioritized, 3);
    assert.equal(foreign.counts.prioritized, 1);
    await queues['ocr-processing'].resume();
    for (const id of ids) await world.form('admissions', id);
    await world.form('admissions-b', other);
});

test("another clinic's job cannot be retried, nor one that says it is ours, nor one that is not there", async () => {
    const formId = await failedForm('admissions');
    const { clinicId } = world.account('admin-b');
    const { status } = await world.as('admin-b').post(path('ocr-processing', `ocr-${formId}`));
    assert.equal(status, 404);
    const liar = await queues['ocr-processing'].add('ocr-processing', { formId, clinicId }, { jobId: 'liar', attempts: 1 });
    await until(async () => (await liar.getState()) === 'failed', 'the liar refused');
    assert.deepEqual((await look('admin-b', 'ocr-processing')).failed.filter((j) => j.formId === formId), []);
    for (const [name, id] of [['ocr-processing', 'liar'], ['ocr-processing', 'none'], ['nothing', `ocr-${formId}`], ['ocr-processing', 'wait'], ['ocr-processing', 'x'.repeat(400)]])
        assert.equal((await world.as('admin-b').post(path(name, id))).status, 404, `${name} ${id.slice(0, 20)}`);
    assert.equal((await world.form('admissions', formId)).status, 'FAILED');
});

test('a long reason is cut at no character and within no card number, and an id shows none', async () => {
    const formId = await failedForm('admissions');
    const redis = world.redis.client();
    const shown = async (reason) => {
        await redis.hset(`bull:ocr-processing:ocr-${formId}`, 'failedReason', reason);
        return (await look('admin', 'ocr-processing')).failed.find((j) => j.formId === formId).reason;
    };
    assert.match(await shown(`internal: a${'é'.repeat(300)}`), /^a?$/);
    // The cut is after 500 bytes: each place of the number is tried on it.
    for (let n = 470; n < 500; n += 5) assert.doesNotMatch(await shown(`internal: ${'x '.repeat(300).slice(0, n - 11)} 4111 1111 1111 1111 y`), /4111|1111 1/, `${n}`);
    const { clinicId } = world.account('admin');
    const odd = 'x-4111111111111111';
    await queues['ocr-processing'].add('ocr-processing', { formId, clinicId }, { jobId: odd, attempts: 1 });
    await until(async () => ['failed', 'completed'].includes(await queues['ocr-processing'].getJobState(odd)), 'the odd job done');
    await redis.multi().zrem('bull:ocr-processing:completed', odd).zadd('bull:ocr-processing:failed', Date.now(), odd).exec();
    const text = JSON.stringify(await look('admin', 'ocr-processing'));
    assert.ok(text.includes('"x-'), text);
    assert.ok(!text.includes('4111111111111111'));
    redis.disconnect();
});

test("what another program wrote as its reason is not shown, ours and BullMQ's are", async () => {
    const formId = await failedForm('admissions');
    const redis = world.redis.client();
    const shown = async (reason) => {
        await redis.hset(`bull:ocr-processing:ocr-${formId}`, 'failedReason', reason);
        const { code, reason: text } = (await look('admin', 'ocr-processing')).failed.find((j) => j.formId === formId);
        return [code, text];
    };
    const foreign = ['other', 'another program failed it; its own words stay in the queue'];
    for (const words of ['Ana Pérez Gómez, nacida 1980-02-29', 'TypeError: cannot read Ana', 'ana: Pérez', ': Ana', ' internal: Ana', '', 'Ana', 'internal2: Ana'])
        assert.deepEqual(await shown(words), foreign, words);
    assert.deepEqual(await shown('job stalled more than allowable limit'), ['stalled', 'the worker stopped over it more often than is allowed']);
    assert.deepEqual(await shown('unprocessable: the file has no page'), ['unprocessable', 'the file has no page']);
    redis.disconnect();
});

// Jobs as they lie in Redis, without a worker between.
async function lay(name, state, count, data) {
    const redis = world.redis.client();
    for (let done = 0; done < count; done += 1000) {
        const batch = redis.pipeline();
        for (let i = done; i < Math.min(count, done + 1000); i++) {
            const id = `${state}-${i}-${data.clinicId.slice(0, 8)}`;
            batch.hset(`bull:${name}:${id}`, { name, data: JSON.stringify({ ...data, alertId: `${i}` }), opts: '{}', timestamp: Date.now(), finishedOn: Date.now() });
            if (state === 'wait') batch.rpush(`bull:${name}:wait`, id);
            else batch.zadd(`bull:${name}:${state}`, Date.now() + i, id);
        }
        await batch.exec();
    }
    redis.disconnect();
}

test('thousands of jobs of several clinics are counted for each, within a bound and without sending them', async () => {
    const name = 'alert-dispatch';
    await until(async () => Object.values(await queues[name].getJobCounts('active', 'waiting', 'prioritized', 'delayed')).every((n) => n === 0), 'nothing under way');
    await queues[name].pause();
    const was = await look('admin', name);
    const [own, foreign] = [world.account('admin').clinicId, world.account('admin-b').clinicId];
    await lay(name, 'completed', 4000, { clinicId: foreign, step: '1-push' });
    await lay(name, 'completed', 600, { clinicId: own, step: '1-push' });
    await lay(name, 'delayed', 1500, { clinicId: foreign, step: '1-sms' });
    await lay(name, 'wait', 700, { clinicId: own, step: '1-sms' });
    // Counted by the member, not by any text of theirs that holds the clinic's id.
    await lay(name, 'prioritized', 3, { clinicId: foreign, step: own });
    const redis = world.redis.client();
    const used = async () => Object.fromEntries([...(await redis.info('commandstats')).matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map((m) => [m[1], Number(m[2])]));
    const sent = async () => Number((await redis.info('stats')).match(/total_net_output_bytes:(\d+)/)[1]);
    const [before, bytes] = [await used(), await sent()];
    const seen = await look('admin', name);
    const [after, bytesAfter] = [await used(), await sent()];
    assert.deepEqual([seen.counts.completed - was.counts.completed, seen.counts.delayed, seen.counts.waiting, seen.counts.prioritized, seen.atLeast], [600, 0, 700, 0, false]);
    const looks = ['hget', 'hstrlen', 'hmget', 'type'].reduce((n, c) => n + (after[c] ?? 0) - (before[c] ?? 0), 0);
    assert.ok(looks < 2.5 * 7000 + 1000, `${looks} looks into jobs`);
    assert.ok(bytesAfter - bytes < 100_000, `${bytesAfter - bytes} bytes`);
    // More than are looked at: said so, and no dearer than the bound.
    await lay(name, 'delayed', 8000, { clinicId: foreign, step: '1-push' });
    const more = await look('admin', name);
    assert.deepEqual([more.counts.delayed, more.atLeast], [0, true]);
    await queues[name].obliterate({ force: true });
    redis.disconnect();
    await queues[name].resume();
});

test('a job with an alert of ours and a form of another clinic is nobody\'s', async () => {
    const formId = await failedForm('admissions');
    const { clinicId } = world.account('admin-b');
    const { alert } = await world.alert('admissions-b', { urgencyLevel: 'LOW' });
    const liar = await queues['ocr-processing'].add('ocr-processing', { formId, alertId: alert.id, clinicId }, { jobId: 'liar-2', attempts: 1 });
    await until(async () => (await liar.getState()) === 'failed', 'the liar refused');
    assert.deepEqual((await look('admin-b', 'ocr-processing')).failed.filter((j) => j.id === 'liar-2'), []);
    assert.equal((await world.as('admin-b').post(path('ocr-processing', 'liar-2'))).status, 404);
});

test('a form whose file came back is read on a retry; the trail says who asked; twice is once', async () => {
    // As on a disk that loses files and is mended: the form waits while its file goes, and fails.
    await queues['ocr-processing'].pause();
    const { formId } = (await world.as('admissions').upload(formBytes('es-table-vitals.tif'))).body;
    await relayed();
    const store = join(world.system.dir, 'store');
    const name = (await readdir(store, { recursive: true })).find((f) => f.includes(formId) && f.includes('original'));
    await rename(join(store, name), join(store, `${name}.held`));
    const waiting = await queues['ocr-processing'].getJob(`ocr-${formId}`);
    const redis = world.redis.client();
    await redis.hset(`bull:ocr-processing:${waiting.id}`, 'opts', JSON.stringify({ ...waiting.opts, attempts: 1 }));
    redis.disconnect();
    await queues['ocr-processing'].resume();
    assert.equal((await world.form('admissions', formId)).status, 'FAILED');
    await until(async () => (await (await queues['ocr-processing'].getJob(`ocr-${formId}`)).getState()) === 'failed', 'its job failed');
    await rename(join(store, `${name}.held`), join(store, name));
    await queues['ocr-processing'].pause();
    const key = { 'idempotency-key': `retry-${formId}` };
    const first = await world.as('admin').post(path('ocr-processing', `ocr-${formId}`), {}, key);
    assert.equal(first.status, 202, JSON.stringify(first.body));
    assert.deepEqual(first.body, { queue: 'ocr-processing', id: `ocr-${formId}`, state: 'waiting' });
    const job = await queues['ocr-processing'].getJob(`ocr-${formId}`);
    assert.equal(job.attemptsMade, 0, 'it has all its tries again');
    const [open] = await world.sql('SELECT status, processed_at, requires_review, error FROM intake_forms WHERE id = $1', [formId]);
    assert.deepEqual(open, { status: 'QUEUED', processed_at: null, requires_review: false, error: null });
    const again = await world.as('admin').post(path('ocr-processing', `ocr-${formId}`), {}, key);
    assert.equal(again.status, 202);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    await queues['ocr-processing'].resume();
    await world.form('admissions', formId, { statuses: ['PROCESSED', 'REVIEW'] });
    const rows = await world.sql("SELECT actor_user_id, target_table FROM audit_logs WHERE action = 'JOB_RETRIED' AND target_id = $1", [formId]);
    assert.deepEqual(rows, [{ actor_user_id: world.account('admin').userId, target_table: 'intake_forms' }]);
});

test('a job of reading that looks failed while the scrub waits is 409, and the scrub goes on', async () => {
    await queues['pan-scrub'].pause();
    const { formId } = (await world.as('admissions').upload(formBytes('es-table-vitals.tif'))).body;
    await world.form('admissions', formId, { statuses: ['SCRUBBING'] });
    await until(() => queues['pan-scrub'].getJob(`scrub-${formId}`), 'the scrub job');
    const id = `ocr-${formId}`;
    await until(async () => (await queues['ocr-processing'].getJobState(id)) === 'completed', 'the reading reported');
    const redis = world.redis.client();
    await redis.multi().zrem('bull:ocr-processing:completed', id).zadd('bull:ocr-processing:failed', Date.now(), id)
        .hset(`bull:ocr-processing:${id}`, { failedReason: 'job stalled more than allowable limit' }).exec();
    redis.disconnect();
    assert.equal((await world.as('admin').post(path('ocr-processing', id))).status, 409);
    assert.equal(await queues['pan-scrub'].getJobState(`scrub-${formId}`), 'prioritized');
    assert.deepEqual(await world.sql("SELECT 1 FROM audit_logs WHERE action = 'JOB_RETRIED' AND target_id = $1", [formId]), []);
    await queues['pan-scrub'].resume();
    await world.form('admissions', formId, { statuses: ['PROCESSED', 'REVIEW'] });
});

test('a form whose job keeps killing its worker ends for a person, who may have it tried again', async () => {
    await queues['ocr-processing'].pause();
    const { formId } = (await world.as('admissions').upload(formBytes('es-table-vitals.tif'))).body;
    await relayed();
    const redis = world.redis.client();
    await redis.hset(`bull:ocr-processing:ocr-${formId}`, 'stc', 21); // as counted by BullMQ's sweeps
    redis.disconnect();
    await queues['ocr-processing'].resume();
    const form = await world.form('admissions', formId);
    assert.deepEqual([form.status, form.error], ['FAILED', 'internal']);
    await until(async () => (await queues['ocr-processing'].getJobState(`ocr-${formId}`)) === 'failed', 'its job failed');
    assert.equal((await world.as('admin').post(path('ocr-processing', `ocr-${formId}`))).status, 202);
    await world.form('admissions', formId, { statuses: ['PROCESSED', 'REVIEW'] });
});

test('three who ask at once: one has the job done again, and the trail says it once', async () => {
    const formId = await failedForm('admissions');
    await queues['ocr-processing'].pause();
    const ask = () => world.as('admin').post(path('ocr-processing', `ocr-${formId}`));
    const statuses = (await Promise.all([ask(), ask(), ask()])).map((r) => r.status);
    assert.deepEqual(statuses.sort(), [202, 409, 409]);
    assert.equal((await world.sql("SELECT 1 FROM audit_logs WHERE action = 'JOB_RETRIED' AND target_id = $1", [formId])).length, 1);
    await queues['ocr-processing'].resume();
    assert.equal((await world.form('admissions', formId)).status, 'FAILED');
});

test('a job that is not failed is 409, also when the form was finished by hand', async () => {
    const [{ id: formId }] = await world.sql("SELECT id FROM intake_forms WHERE status IN ('PROCESSED', 'REVIEW') LIMIT 1");
    const done = await world.as('admin').post(path('ocr-processing', `ocr-${formId}`));
    assert.equal(done.status, 409);
    const typed = await failedForm('admissions');
    const confirmed = await world.as('admissions').patch(`/api/v1/intake/${typed}/confirm`, { fields: { fullName: 'Rita Escrita' } });
    assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
    const late = await world.as('admin').post(path('ocr-processing', `ocr-${typed}`));
    assert.equal(late.status, 409);
    assert.equal((await world.form('admissions', typed)).status, 'CONFIRMED');
});

test('a scrub that failed begins with reading again and ends with one patient and one alert', async () => {
    await queues['pan-scrub'].pause();
    const { formId } = (await world.as('admissions').upload(formBytes('es-table-vitals.tif'), { fields: { roomNumber: '9' } })).body;
    await world.form('admissions', formId, { statuses: ['SCRUBBING'] });
    const job = await until(() => queues['pan-scrub'].getJob(`scrub-${formId}`), 'the scrub job');
    // As a worker leaves it that gave up: the form FAILED, its text gone, the job failed.
    await world.sql("UPDATE intake_forms SET status = 'FAILED', error = 'internal' WHERE id = $1", [formId]);
    await job.remove();
    const failing = await queues['pan-scrub'].add('pan-scrub', job.data, { jobId: job.id, attempts: 1 });
    const redis = world.redis.client();
    await redis.multi().lrem('bull:pan-scrub:wait', 1, failing.id).zadd('bull:pan-scrub:failed', Date.now(), failing.id)
        .hset(`bull:pan-scrub:${failing.id}`, { failedReason: 'internal: something broke', finishedOn: Date.now(), atm: 5 }).exec();
    redis.disconnect();
    await queues['pan-scrub'].resume();
    const shown = (await look('admin', 'pan-scrub')).failed.find((j) => j.formId === formId);
    assert.equal(shown.code, 'internal');
    assert.equal(shown.reason, 'something broke');
    const ask = () => world.as('admin').post(path('pan-scrub', failing.id));
    const answers = await Promise.all([ask(), ask(), ask()]);
    const [asked, ...others] = answers.sort((a, b) => a.status - b.status);
    assert.equal(asked.status, 202);
    assert.equal(asked.body.queue, 'ocr-processing');
    assert.match(asked.body.id, new RegExp(`^ocr-${formId}-again-`), 'the answer names the job that waits now');
    for (const { status } of others) assert.ok([404, 409].includes(status), `${status}`);
    assert.equal((await world.sql("SELECT 1 FROM audit_logs WHERE action = 'JOB_RETRIED' AND target_id = $1", [formId])).length, 1);
    const form = await world.form('admissions', formId, { statuses: ['PROCESSED', 'REVIEW'] });
    const [row] = await world.sql('SELECT (SELECT count(*)::int FROM alerts WHERE intake_form_id = $1) AS alerts, (SELECT count(*)::int FROM patients WHERE id = $2) AS patients', [formId, form.patientId]);
    assert.deepEqual(row, { alerts: 1, patients: 1 });
});

test('a form confirmed while its worker slept leaves nothing for learning behind', async () => {
    const { clinicId } = world.account('admin');
    await world.sql('UPDATE clinic_settings SET review_sample_thousandths = 1000 WHERE clinic_id = $1', [clinicId]);
    await queues['pan-scrub'].pause();
    const { formId } = (await world.as('admissions').upload(formBytes('en-stacked-ear-ache.png'))).body;
    await world.form('admissions', formId, { statuses: ['SCRUBBING'] });
    const folder = join(world.system.dir, 'store', 'clinic', clinicId, 'intake', formId);
    const made = new Set();
    const watcher = watch(folder, (event, name) => made.add(name));
    // Stopped while it makes the pages; another worker and a clerk are faster meanwhile.
    const [{ pid }] = world.system.works;
    const at = async () => (await world.sql('SELECT progress FROM intake_forms WHERE id = $1', [formId]))[0].progress;
    await queues['pan-scrub'].resume();
    await until(async () => (await at()) > 70, 'the pages begun', { every: 5 });
    process.kill(pid, 'SIGSTOP');
    try {
        assert.ok(!(await readdir(folder)).includes('trace'), 'it had finished already');
        for (const status of ['REVIEW', 'CONFIRMED']) await world.sql('UPDATE intake_forms SET status = $2 WHERE id = $1', [formId, status]);
    } finally {
        process.kill(pid, 'SIGCONT');
    }
    await until(async () => (await queues['pan-scrub'].getJobState(`scrub-${formId}`)) === 'completed', 'its job done', { seconds: 120 });
    assert.equal((await world.form('admissions', formId)).status, 'CONFIRMED');
    watcher.close();
    assert.ok(made.has('trace'), 'it was written');
    for (const gone of ['trace', 'ocr']) assert.ok(!(await readdir(folder)).includes(gone), `the ${gone} stays behind`);
    await world.sql('UPDATE clinic_settings SET review_sample_thousandths = NULL WHERE clinic_id = $1', [clinicId]);
});

test('without Redis the list is 503 and comes back with it', async () => {
    await world.redis.stop();
    assert.equal((await world.as('admin').get('/api/v1/queues')).status, 503);
    await world.system.startRedis();
    await until(async () => (await world.as('admin').get('/api/v1/queues')).status === 200, 'the list again');
});
