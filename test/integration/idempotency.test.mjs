// Idempotency-Key (SPEC 4): a POST repeated with its key happens once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import pg from 'pg';

import { until } from '../../tools/lib/process.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
before(async () => {
    world = await startWorld({ workers: 0 });
});
after(() => world?.stop());

const patient = { fullName: 'Rosa Idempotente', dateOfBirth: '1971-05-06' };
const withKey = (key, login = 'admissions') => world.as(login, { 'idempotency-key': key });
const count = async () => (await world.sql('SELECT count(*)::int AS n FROM patients'))[0].n;

test('the same key and body give the first answer again and no second patient', async () => {
    const before = await count();
    const first = await withKey('k-1').post('/api/v1/patients', patient);
    const second = await withKey('k-1').post('/api/v1/patients', patient);
    assert.equal(first.status, 201);
    assert.equal(second.status, 201);
    assert.deepEqual(second.body, first.body);
    assert.equal(second.headers.get('location'), first.headers.get('location'));
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    assert.equal(await count(), before + 1);
});

test('the same key with another body is 422 and changes nothing', async () => {
    const before = await count();
    const other = await withKey('k-1').post('/api/v1/patients', { fullName: 'Otra Persona' });
    assert.equal(other.status, 422);
    assert.equal(await count(), before);
});

test('a key belongs to its user', async () => {
    const mine = await withKey('k-1', 'admin').post('/api/v1/patients', patient);
    assert.equal(mine.status, 201);
    assert.equal(mine.headers.get('idempotency-replayed'), null);
});

test('ten requests at once with one key make one patient', async () => {
    const before = await count();
    const answers = await Promise.all(
        Array.from({ length: 10 }, () => withKey('k-2').post('/api/v1/patients', patient)),
    );
    const statuses = answers.map((a) => a.status);
    assert.ok(statuses.includes(201));
    assert.ok(statuses.every((s) => s === 201 || s === 409), String(statuses));
    assert.equal(await count(), before + 1);
});

test('a request that failed may be tried again under its key', async () => {
    const bad = await withKey('k-3').post('/api/v1/patients', { fullName: '' });
    assert.equal(bad.status, 400);
    const good = await withKey('k-3').post('/api/v1/patients', patient);
    assert.equal(good.status, 201);
});

test('a key that is not visible ASCII is 400', async () => {
    assert.equal((await withKey('a b').post('/api/v1/patients', patient)).status, 400);
    assert.equal((await withKey('x'.repeat(256)).post('/api/v1/patients', patient)).status, 400);
});

test('the kept answer is sealed: no name in the table', async () => {
    const rows = await world.sql("SELECT encode(response_body, 'escape') AS body FROM idempotency_keys");
    assert.ok(rows.length > 0);
    for (const { body } of rows) assert.ok(!body?.includes('Idempotente'));
});

test('an upload repeated with its key is one form', async () => {
    const bytes = Buffer.from('%PDF-1.4\n%%EOF\n');
    const first = await withKey('k-4').upload(bytes);
    const second = await withKey('k-4').upload(bytes);
    assert.equal(first.status, 202);
    assert.equal(second.body?.formId, first.body.formId);
});

const expire = () => world.sql("UPDATE idempotency_keys SET expires_at = now() - interval '1 second'");

test('a key used again after its time makes something of its own', async () => {
    const before = await count();
    const first = await withKey('k-5').post('/api/v1/patients', patient);
    await expire();
    const second = await withKey('k-5').post('/api/v1/patients', { fullName: 'Otra Persona' });
    assert.equal(second.status, 201);
    assert.notEqual(second.body.id, first.body.id);
    assert.equal(second.body.fullName, 'Otra Persona');
    assert.equal(await count(), before + 2);
});

test('an upload under an expired key leaves the first form and its bytes alone', async () => {
    const first = await withKey('k-6').upload(Buffer.from('%PDF-1.4\n%first\n'));
    await expire();
    const second = await withKey('k-6').upload(Buffer.from('%PDF-1.4\n%second\n'));
    assert.equal(second.status, 202);
    assert.notEqual(second.body.formId, first.body.formId);
    const stored = fs.readdirSync(join(world.system.dir, 'store'), { recursive: true }).filter((f) => f.endsWith('original'));
    for (const { body } of [first, second]) assert.ok(stored.some((f) => f.includes(body.formId)), body.formId);
});

test('what the client sent as its key is not kept', async () => {
    await withKey('4111111111111111').post('/api/v1/patients', patient);
    const rows = await world.sql('SELECT key FROM idempotency_keys');
    assert.ok(rows.every(({ key }) => /^[0-9a-f]{64}$/.test(key)));
});

test('a request whose key was taken over meanwhile does not end the claim of the other', async () => {
    const gate = new pg.Client({ connectionString: world.pg.url('postgres') });
    await gate.connect();
    await gate.query('SELECT pg_advisory_lock(7)'); // the insert waits for it
    await world.sql("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END'");
    await world.sql('CREATE TRIGGER slow BEFORE INSERT ON patients FOR EACH ROW EXECUTE FUNCTION slow()');
    const claims = () => world.sql("SELECT key, status FROM idempotency_keys WHERE status = 'in_flight'");
    const running = withKey('k-fenced').post('/api/v1/patients', patient);
    await until(async () => (await claims()).length === 1, 'the key claimed', { every: 5 });
    // As somebody's claim after this one was thought dead.
    const [{ key }] = await world.sql("UPDATE idempotency_keys SET locked_until = now() + interval '1 hour' WHERE status = 'in_flight' RETURNING key");
    await gate.end();
    assert.equal((await running).status, 201);
    assert.deepEqual(await claims(), [{ key, status: 'in_flight' }], 'the other claim stands');
    await world.sql('DROP TRIGGER slow ON patients');
    await world.sql('DROP FUNCTION slow()');
});
