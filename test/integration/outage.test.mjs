// PostgreSQL, Redis or a worker gone: 503 with Retry-After within 5 s, recovery without a hand, and
// no form or alert lost or doubled.
//
// Rule: parts are stopped as an accident would, and started again as they were. Killed workers, and a
// Redis that lost everything: test/faults.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { sleep, until } from '../../tools/lib/process.mjs';
import { stopwatch } from '../lib/slowdown.mjs';
import { formBytes, freezePostgres, startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());

const served = () => until(async () => (await fetch(`${world.system.metricsUrl}/readyz`)).ok, 'ready again');

async function unavailable(call) {
    const watch = stopwatch();
    const { status, headers } = await call();
    assert.equal(status, 503);
    assert.match(headers.get('retry-after'), /^\d+$/);
    watch.within(5000, 'the refusal');
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
    await unavailable(() => world.as('admin').get(`/api/v1/patients/${patient.id}`));
    await unavailable(() => world.as('admissions').post('/api/v1/patients', { fullName: 'Prueba Corte' }));
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
        { every: 300 },
    );
    const pushes = world.fakes.calls('fcm').filter((c) => c.status === 200 && c.body.includes(alert.id));
    assert.equal(pushes.length, 1);
});

test('while PostgreSQL hangs requests are 503 within 5 s, and go on when it does', async () => {
    const { patient } = await world.alert('admissions');
    const read = (login) => world.as(login).get(`/api/v1/patients/${patient.id}`);
    assert.equal((await read('admin')).status, 200);
    freezePostgres(world, 'SIGSTOP');
    try {
        await Promise.all([
            ...Array.from({ length: 4 }, () => unavailable(() => read('admin'))),
            unavailable(() => read('doctor')),
            unavailable(() => world.as('admissions').post('/api/v1/patients', { fullName: 'Prueba Pausa' })),
        ]);
        await unavailable(() => read('admin')); // with no connection left
        assert.equal((await fetch(`${world.system.metricsUrl}/healthz`)).status, 200);
    } finally {
        freezePostgres(world, 'SIGCONT');
    }
    await served();
    await sleep(1500); // longer than the Retry-After of the refusals
    const answers = await Promise.all(Array.from({ length: 24 }, () => read('admin')));
    assert.deepEqual([...new Set(answers.map((a) => JSON.stringify(a.status === 200 ? 200 : a.body)))], ['200']);
});

// Uploads a form and waits until a worker has it.
async function taken(file) {
    const { status, body } = await world.as('admissions').upload(formBytes(file));
    assert.equal(status, 202, JSON.stringify(body));
    const look = async () => (await world.as('admissions').get(`/api/v1/intake/${body.formId}/status`)).body.status;
    await until(async () => (await look()) !== 'QUEUED', 'the form taken up', { every: 10 });
    const now = await look();
    assert.ok(['OCR', 'SCRUBBING'].includes(now), `it is ${now} already: nothing was interrupted`);
    return body.formId;
}

async function finishesOnce(formId) {
    const form = await world.form('admissions', formId);
    assert.ok(['PROCESSED', 'REVIEW'].includes(form.status), JSON.stringify(form));
    const [rows] = await world.sql(
        `SELECT (SELECT count(*)::int FROM alerts WHERE intake_form_id = f.id) AS alerts,
                (SELECT count(*)::int FROM patients WHERE id = f.patient_id) AS patients
           FROM intake_forms f WHERE f.id = $1`,
        [formId],
    );
    assert.deepEqual(rows, { alerts: 1, patients: 1 });
}

test('a form whose processing meets a stopped PostgreSQL is processed when it is back', async () => {
    const formId = await taken('es-table-vitals.tif');
    await world.pg.stop();
    await sleep(5000);
    await world.system.startPg();
    await served();
    await finishesOnce(formId);
});

// An upload whose second half is sent when `release` is called.
async function slowUpload(file) {
    const bytes = formBytes(file);
    const head = Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: image/tiff\r\n\r\n');
    const whole = Buffer.concat([head, bytes, Buffer.from('\r\n--b--\r\n')]);
    const half = Math.floor(whole.length / 2);
    const request = http.request(`${world.url}/api/v1/intake/upload`, {
        method: 'POST',
        headers: {
            authorization: `Bearer ${await world.token('admissions')}`,
            'content-type': 'multipart/form-data; boundary=b',
            'content-length': whole.length,
        },
    });
    const answered = new Promise((resolve, reject) => {
        request.once('error', reject);
        request.once('response', async (response) => {
            let text = '';
            for await (const part of response) text += part;
            resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(text) });
        });
    });
    await new Promise((resolve) => request.write(whole.subarray(0, half), resolve));
    await sleep(300); // its first half is there
    return { answered, release: () => request.end(whole.subarray(half)) };
}

const refused = () =>
    fetch(`${world.url}/web-config.json`).then(
        (r) => (r.body?.cancel(), false),
        (e) => e.cause?.code === 'ECONNREFUSED',
    );

test('a server asked to stop takes in what is being uploaded and nothing new; its form is processed', async () => {
    const upload = await slowUpload('es-table-vitals.tif');
    const ended = world.system.serve.stop();
    await until(refused, 'new connections refused');
    assert.ok(world.system.serve.running, 'it waits for the upload');
    upload.release();
    const { status, body } = await upload.answered;
    assert.equal(status, 202, JSON.stringify(body));
    assert.deepEqual(await ended, { code: 0, signal: null });
    await world.system.startServe();
    await finishesOnce(body.formId);
});

// The last: serve and work stay on that store.
test('a form whose object store is away waits for it and is processed', async () => {
    const { fakes } = world;
    const onS3 = {
        NEXACORE_STORE_URL: `s3://forms?endpoint=${encodeURIComponent(`${fakes.url}/s3`)}&region=eu-west-1`,
        AWS_ACCESS_KEY_ID: fakes.config.s3Key,
        AWS_SECRET_ACCESS_KEY: fakes.config.s3Secret,
    };
    const restart = async (more) => {
        await world.system.works[0].stop();
        await world.system.serve.stop();
        await world.system.startServe(more);
        await world.system.startWork(1, more);
    };
    await restart(onS3);
    const formId = await taken('es-table-vitals.tif');
    fakes.control('fault', { svc: 's3', mode: 'status', status: 503 });
    try {
        const met = () => fakes.calls('s3').filter((c) => c.status === 503).length;
        await until(() => met() >= 2, 'the worker refused by the store, twice');
        const { body } = await world.as('admissions').get(`/api/v1/intake/${formId}/status`);
        assert.ok(!['PROCESSED', 'REVIEW', 'FAILED'].includes(body.status), `without a store it is ${body.status}`);
        await unavailable(() => world.as('admissions').upload(formBytes('en-table-vaccines.jpg')));
    } finally {
        fakes.control('clearfaults');
    }
    await finishesOnce(formId);
});
