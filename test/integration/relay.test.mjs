// The outbox relay when Redis takes some of what it is given and refuses the rest: nothing is lost,
// nothing of one clinic is overtaken, and one broken key holds up nobody else.
//
// Rule: each test leaves Redis as it found it; they share one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';

import { until } from '../../tools/lib/process.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
let ocr;
let redis;
let lost; // an alert whose jobs are gone; the last test looks what became of it
before(async () => {
    world = await startWorld({ workers: 1 });
    ocr = new Queue('ocr-processing', { connection: { host: '127.0.0.1', port: world.redis.port } });
    redis = world.redis.client();
    lost = await alertWithoutJobs();
});
after(async () => {
    await ocr?.close();
    redis?.disconnect();
    await world?.stop();
});

let serial = 0;
const broken = () => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, ++serial)]);
const upload = async () => (await world.as('admissions').upload(broken())).body.formId;
const rows = async () => (await world.sql('SELECT count(*)::int AS n FROM outbox'))[0].n;
const relayed = () => until(async () => (await rows()) === 0, 'the outbox relayed');
const alert = async () => (await world.alert('admissions', { urgencyLevel: 'CRITICAL' })).alert.id;
const paged = (id) =>
    until(async () => (await world.sql('SELECT status FROM alerts WHERE id = $1', [id]))[0].status !== 'PENDING', 'the alert paged');
const log = () => world.system.works[0].logText();

// As when the queue refused its rows, or lost its jobs alone; half a minute ago.
async function alertWithoutJobs() {
    const dispatch = new Queue('alert-dispatch', { connection: { host: '127.0.0.1', port: world.redis.port } });
    await dispatch.pause();
    const id = await alert();
    await relayed();
    const jobs = (await dispatch.getJobs(['prioritized', 'waiting'])).filter((job) => job.data.alertId === id);
    assert.equal(jobs.length, 2, 'push and SMS');
    for (const job of jobs) await job.remove();
    await world.sql("UPDATE alerts SET created_at = created_at - interval '31 s' WHERE id = $1", [id]);
    await dispatch.resume();
    await dispatch.close();
    return id;
}

test("a refused row is let go and a clinic's later forms stay behind its earlier ones", async () => {
    const { clinicId } = world.account('admin');
    await ocr.pause();
    process.kill(world.system.works[0].pid, 'SIGSTOP'); // so that all are rows of one round
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push(await upload());
    await world.sql("INSERT INTO outbox (clinic_id, kind, name, key) VALUES ($1, 'job', 'pan-scrub', 'no:such:key:here')", [clinicId]);
    for (let i = 0; i < 3; i++) ids.push(await upload());
    process.kill(world.system.works[0].pid, 'SIGCONT');
    await relayed();
    const waiting = await ocr.getJobs(['prioritized'], 0, 100, true);
    assert.deepEqual(waiting.map((job) => ids.indexOf(job.data.formId)), ids.map((_, i) => i));
    assert.match(log(), /is refused for good and dropped/);
    await ocr.resume();
    for (const id of ids) await world.form('admissions', id);
});

test("a broken key of one queue's schedulers holds up no alert and no other queue", async () => {
    await redis.del('bull:audit-flush:repeat');
    await redis.set('bull:audit-flush:repeat', 'no sorted set');
    await redis.del('nexacore:relay:memory'); // everything is queued again now, schedulers first
    await until(() => /queue audit-flush: .* is passed over/.test(log()), 'the broken key met');
    await paged(await alert());
    const form = await upload();
    assert.equal((await world.form('admissions', form)).status, 'FAILED');
    await redis.del('bull:audit-flush:repeat');
});

test('a Redis whose rules forbid what the relay says is waited for, and nothing is dropped', async () => {
    const lines = log().split('dropped').length;
    await redis.call('ACL', 'SETUSER', 'default', '-evalsha', '-eval', '-xadd');
    const tries = () => log().split('the relay waits').length;
    const before = tries();
    const [id, form] = [await alert(), await upload()];
    await until(() => tries() > before, 'the relay refused');
    // More often than a row may be refused (5); what counts is what is left afterwards.
    const refused = async () => (await redis.call('ACL', 'LOG')).map((e) => Object.fromEntries(e.flatMap((v, i) => (i % 2 ? [] : [[v, e[i + 1]]])))).filter((e) => e['client-info'].includes('name=nexacore-relay')).reduce((n, e) => n + Number(e.count), 0);
    await until(async () => (await refused()) > 5, 'the relay refused again and again');
    assert.ok((await rows()) >= 2);
    await redis.call('ACL', 'SETUSER', 'default', '+@all');
    await paged(id);
    assert.equal((await world.form('admissions', form)).status, 'FAILED');
    assert.equal(log().split('dropped').length, lines);
});

test('after an event that had to be let go every listener reads again', async () => {
    const { clinicId } = world.account('admin');
    const stream = 'socket.io';
    await relayed();
    await redis.rename(stream, 'kept');
    await redis.set(stream, 'no stream');
    await world.sql("INSERT INTO outbox (clinic_id, kind, name, payload, rooms) VALUES ($1, 'event', 'intake:progress', '{}', ARRAY['a:b'])", [clinicId]);
    await relayed();
    await redis.rename('kept', stream);
    const [[last]] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
    const news = async () => JSON.stringify(await redis.xrange(stream, `(${last}`, '+'));
    await until(async () => (await news()).includes('resync'), 'the listeners told to read again');
});

test('the scheduler of a clinic that is no longer active is removed', async () => {
    const { clinicId } = world.account('admin-b');
    const square = new Queue('square-sync', { connection: { host: '127.0.0.1', port: world.redis.port } });
    const mine = async () => (await square.getJobSchedulers()).some((s) => s.key === `square-${clinicId}`);
    await square.upsertJobScheduler(`square-${clinicId}`, { every: 300_000 }, { name: 'square-sync', data: { clinicId } });
    await world.sql("INSERT INTO square_connections (clinic_id, token, phi_key_version) VALUES ($1, '\\x00', 1) ON CONFLICT DO NOTHING", [clinicId]);
    await world.sql('UPDATE clinics SET is_active = false WHERE id = $1', [clinicId]);
    await redis.del('nexacore:relay:memory');
    await until(async () => !(await mine()), 'the scheduler removed');
    await world.sql('UPDATE clinics SET is_active = true WHERE id = $1', [clinicId]);
    await redis.del('nexacore:relay:memory');
    await until(mine, 'and made again');
    await square.close();
});

test('an alert whose jobs were refused or lost is sent by its own clock, without a loss of Redis', async () => {
    await paged(lost);
    const pushes = world.fakes.calls('fcm').filter((c) => c.status === 200 && c.body.includes(lost));
    assert.equal(pushes.length, 1, 'and once');
});
