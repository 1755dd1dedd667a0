// PostgreSQL, Redis or a worker gone: 503 with Retry-After within 5 s, recovery without a hand, and
// no form or alert lost or doubled.
//
// Rule: parts are stopped as an accident would (SIGKILL for workers), and started again as they were.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { sleep, until } from '../../tools/lib/process.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());

const served = () => until(async () => (await fetch(`${world.system.metricsUrl}/readyz`)).ok, 'ready again', { seconds: 30 });

async function unavailable(call) {
    const from = Date.now();
    const { status, headers } = await call;
    assert.equal(status, 503);
    assert.match(headers.get('retry-after'), /^\d+$/);
    assert.ok(Date.now() - from < 5000, `${Date.now() - from} ms`);
}

test('without PostgreSQL requests are 503 at once, and go on when it is back', async () => {
    const { patient } = await world.alert('admissions');
    const readMany = async () => {
        const one = () => world.as('admin').get(`/api/v1/patients/${patient.id}`);
        const answers = await Promise.all(Array.from({ length: 24 }, one));
        return new Set(answers.map((a) => a.status));
    };
    await readMany(); // every lane has a connection that the outage will cut
    await world.pg.stop();
    await unavailable(world.as('admin').get(`/api/v1/patients/${patient.id}`));
    await unavailable(world.as('admissions').post('/api/v1/patients', { fullName: 'Prueba Corte' }));
    assert.equal((await fetch(`${world.system.metricsUrl}/healthz`)).status, 200);
    assert.equal((await fetch(`${world.system.metricsUrl}/readyz`)).status, 503);
    await world.system.startPg();
    await served();
    assert.deepEqual(await readMany(), new Set([200])); // not one lane stumbles over its dead connection
});

test('an alert raised while Redis is down is dispatched when it is back', async () => {
    await world.redis.stop();
    const { alert } = await world.alert('admissions', { urgencyLevel: 'CRITICAL' });
    await sleep(1500);
    await world.system.startRedis();
    await until(
        async () => (await world.as('admin').get(`/api/v1/alerts/${alert.id}`)).body.status === 'DELIVERED',
        'the alert delivered',
        { seconds: 40, every: 300 },
    );
    const pushes = world.fakes.calls('fcm').filter((c) => c.status === 200 && c.body.includes(alert.id));
    assert.equal(pushes.length, 1);
});

test('a Redis that lost everything loses no form', async () => {
    const { body } = await world.as('admissions').upload(formBytes('es-table-vitals.tif'));
    const redis = world.redis.client();
    await redis.flushall();
    redis.disconnect();
    const form = await world.form('admissions', body.formId, { seconds: 120 });
    assert.ok(['PROCESSED', 'REVIEW'].includes(form.status), JSON.stringify(form));
});

test('a worker killed while it reads is followed by one that finishes, with one patient and one alert', async () => {
    const { body } = await world.as('admissions').upload(formBytes('es-table-vitals.tif'), { fields: { roomNumber: '7' } });
    await until(
        async () => (await world.as('admissions').get(`/api/v1/intake/${body.formId}/status`)).body.status !== 'QUEUED',
        'the form taken up',
        { seconds: 60, every: 20 },
    );
    await world.system.works[0].stop({ signal: 'SIGKILL' });
    await world.system.startWork(1);
    const form = await world.form('admissions', body.formId, { seconds: 150 });
    assert.ok(['PROCESSED', 'REVIEW'].includes(form.status), JSON.stringify(form));
    const [alerts] = await world.sql('SELECT count(*)::int AS n FROM alerts WHERE intake_form_id = $1', [body.formId]);
    assert.equal(alerts.n, 1);
});

test('a server asked to stop finishes what it has begun', async () => {
    const pending = world.as('admissions').upload(formBytes('en-table-vaccines.jpg'));
    await sleep(5);
    const ended = world.system.serve.stop();
    const { status } = await pending.catch((e) => ({ status: e.cause?.code }));
    assert.deepEqual(await ended, { code: 0, signal: null });
    assert.ok([202, 'ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET'].includes(status), String(status));
    await world.system.startServe();
});
