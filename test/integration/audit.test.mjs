// Who saw what: every PHI read and change leaves exactly one row with who, what and when; also
// refusals and failures; also across a crash of the server; and without a trail there is no read.
//
// Rule: the client keeps its own ledger (x-request-id of each request it sent, and the answer), and
// the trail is compared with that, both ways.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { until } from '../../tools/lib/process.mjs';
import { root } from '../../tools/lib/system.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const { routes } = JSON.parse(execFileSync(join(build, 'nexacore-tables'), { encoding: 'utf8', maxBuffer: 1 << 24 }));
const NONE = '00000000-0000-4000-8000-000000000000';
const FLUSHED = 40; // seconds; the promise is 30

let world;
before(async () => (world = await startWorld({ workers: 1, env: { NEXACORE_RATE_USER: '100000' } })));
after(() => world?.stop());

// ---- the ledger ---------------------------------------------------------------------------------
class Ledger {
    constructor() {
        this.entries = [];
    }

    // Sends a request and notes it; `expected` is what its row must say.
    async send(login, method, path, body, expected = {}, headers = {}) {
        const id = crypto.randomUUID();
        const from = Date.now();
        const entry = { id, login, method, path, from, ...expected };
        this.entries.push(entry);
        const sent = body instanceof FormData || body === undefined ? body : { ...body };
        const answer = await world.as(login).call(method, path, sent, { 'x-request-id': id, ...headers });
        Object.assign(entry, { status: answer.status, to: Date.now() });
        assert.equal(answer.headers.get('x-request-id'), id);
        const wanted = expected.status ?? 200;
        assert.equal(answer.status, wanted, `${method} ${path}: ${JSON.stringify(answer.body)}`);
        return answer.body;
    }

    rows() {
        return world.sql(
            `SELECT request_id, clinic_id, actor_user_id, actor_role, action, target_table, target_id, outcome,
                    host(ip_address) AS ip, extract(epoch FROM occurred_at) * 1000 AS at, event_id
               FROM audit_logs WHERE request_id = ANY ($1)`,
            [this.entries.map((e) => e.id)],
        );
    }

    // Rows by request id, once every entry that must have one has it.
    async flushed() {
        const want = this.entries.filter((e) => e.row !== 0).length;
        return until(
            async () => {
                const byId = new Map();
                for (const row of await this.rows())
                    byId.set(row.request_id, [...(byId.get(row.request_id) ?? []), row]);
                return byId.size >= want && byId;
            },
            'the ledger in audit_logs',
            { seconds: FLUSHED, every: 500 },
        );
    }
}

function checkRow(entry, row) {
    const who = world.account(entry.login);
    const where = `${entry.method} ${entry.path} by ${entry.login}`;
    assert.equal(row.actor_user_id, who.userId, where);
    assert.equal(row.actor_role, who.role, where);
    assert.equal(row.clinic_id, entry.clinicId ?? who.clinicId, where);
    assert.equal(row.outcome, entry.outcome ?? 'SUCCESS', where);
    assert.equal(row.ip, '127.0.0.1', where);
    assert.ok(row.at >= entry.from - 5 && row.at <= entry.to + 5, `${where}: at ${row.at}, sent ${entry.from}`);
    if (entry.table) assert.equal(row.target_table, entry.table, where);
    if (entry.target) assert.equal(row.target_id, entry.target, where);
}

// ---- tests --------------------------------------------------------------------------------------
test('every route leaves exactly one row with who, what, where and when', async () => {
    const ledger = new Ledger();
    const send = (...args) => ledger.send(...args);
    const form = new FormData();
    form.append('file', new Blob([formBytes('es-table-vitals.tif')]), 'form');
    const { formId } = await send('admissions', 'POST', '/api/v1/intake/upload', form, { status: 202, table: 'intake_forms' });

    const patient = await send('admissions', 'POST', '/api/v1/patients', { fullName: 'Prueba Rastro' }, { status: 201, table: 'patients' });
    const p = `/api/v1/patients/${patient.id}`;
    const ofPatient = { table: 'patients', target: patient.id };
    await send('admin', 'GET', '/api/v1/patients', undefined, { table: 'patients' });
    await send('doctor', 'GET', p, undefined, ofPatient);
    const chosen = { 'x-clinic-id': world.account('admin-b').clinicId };
    await send('corporate', 'GET', '/api/v1/patients', undefined, { clinicId: world.account('admin-b').clinicId }, chosen);
    await send('admin', 'GET', `${p}/billing`, undefined, { target: patient.id });
    await send('doctor', 'PATCH', `${p}/status`, { status: 'BEING_ATTENDED' }, ofPatient);

    const alert = await send('admissions', 'POST', '/api/v1/alerts', { patientId: patient.id, urgencyLevel: 'LOW' }, { status: 201, table: 'alerts' });
    const a = `/api/v1/alerts/${alert.id}`;
    const ofAlert = { table: 'alerts', target: alert.id };
    await send('doctor', 'GET', '/api/v1/alerts', undefined, { table: 'alerts' });
    await send('doctor', 'GET', a, undefined, ofAlert);
    await send('admin', 'GET', `${a}/timeline`, undefined, ofAlert);
    await send('admin', 'POST', `${a}/escalate`, {}, ofAlert);
    await send('doctor', 'PATCH', `${a}/acknowledge`, {}, ofAlert);
    await send('doctor', 'PATCH', `${a}/acknowledge`, {}, ofAlert); // changes nothing, shows a name all the same
    await send('doctor', 'PATCH', `${a}/close`, {}, ofAlert);

    await send('admin', 'GET', '/api/v1/on-call', undefined, {});
    const { shifts } = await world.as('admin').get('/api/v1/on-call').then((r) => r.body);
    const plain = shifts.map(({ userId, tier, startsAt, endsAt }) => ({ userId, tier, startsAt, endsAt }));
    await send('admin', 'PUT', '/api/v1/on-call', { shifts: plain }, { table: 'on_call_shifts' });
    await send('doctor', 'GET', '/api/v1/me', undefined, {});
    await send('doctor', 'POST', '/api/v1/devices', { token: 'ledger-device', platform: 'ios' }, { status: 201, table: 'devices' });
    await send('doctor', 'DELETE', '/api/v1/devices', { token: 'ledger-device' }, { status: 204, table: 'devices' });
    await send('admin', 'GET', '/api/v1/dashboard/flow', undefined, {});
    await send('admin', 'GET', '/api/v1/dashboard/billing-stats', undefined, {});
    await send('corporate', 'GET', `/api/v1/clinics/${world.account('admin-b').clinicId}/stats`, undefined, {});
    await send('corporate', 'GET', '/api/v1/clinics/aggregate', undefined, {});
    await send('admin', 'GET', '/api/v1/audit-logs?limit=1', undefined, { table: 'audit_logs' });

    await world.form('admissions', formId);
    const ofForm = { table: 'intake_forms', target: formId };
    await send('admissions', 'GET', '/api/v1/intake/review-queue', undefined, { table: 'intake_forms' });
    await send('admissions', 'GET', `/api/v1/intake/${formId}/status`, undefined, ofForm);
    await send('doctor', 'GET', `/api/v1/intake/${formId}`, undefined, ofForm);
    await send('doctor', 'GET', `/api/v1/intake/${formId}/pages/1.png`, undefined, ofForm);
    await send('admissions', 'PATCH', `/api/v1/intake/${formId}/confirm`, { fields: { fullName: 'Prueba Confirmada' } }, ofForm);

    await send('admin', 'GET', '/api/v1/intake/layouts', undefined, { table: 'intake_layouts' });
    await send('admin', 'DELETE', `/api/v1/intake/layouts/${NONE}`, undefined, { status: 404, outcome: 'FAILURE' });
    await send('admin', 'GET', '/api/v1/queues', undefined, {});
    await send('admin', 'POST', '/api/v1/queues/pan-scrub/jobs/no-such-job/retry', {}, { status: 404, outcome: 'FAILURE' });

    const walked = (r) =>
        ledger.entries.some(
            (e) => e.method === r.method && new RegExp(`^${r.path.replace(/:\w+/g, '[^/]+')}$`).test(e.path.split('?')[0]),
        );
    const missing = routes.filter((r) => r.path.startsWith('/api/') && !walked(r));
    assert.deepEqual(missing.map((r) => `${r.method} ${r.path}`), [], 'routes this walk forgot');

    const byId = await ledger.flushed();
    for (const entry of ledger.entries) {
        const path = entry.path.split('?')[0];
        const takes = (r) => new RegExp(`^${r.path.replace(/:\w+/g, '[^/]+')}$`).test(path);
        const mine = routes.filter((r) => r.method === entry.method && takes(r));
        const route = mine.find((r) => r.path === path) ?? mine[0];
        const rows = (byId.get(entry.id) ?? []).filter((r) => r.action === route.audit);
        assert.equal(rows.length, 1, `${entry.method} ${entry.path}: ${rows.length} rows of ${route.audit}`);
        checkRow(entry, rows[0]);
        // What a change brought about (an alert closed with its patient) is said besides, never twice.
        const others = byId.get(entry.id).filter((r) => r.action !== route.audit);
        assert.ok(others.length === 0 || entry.method !== 'GET', JSON.stringify(others));
        assert.equal(new Set(others.map((r) => `${r.action} ${r.target_id}`)).size, others.length);
    }
});

// Side by side, because each waits for the journal to be moved.
describe('the trail also says', { concurrency: true }, () => {
    test('refusals and failures leave one row each, and say so', async () => {
        const ledger = new Ledger();
        const { patient } = await world.alert('admissions', { urgencyLevel: 'LOW' });
        const denied = { status: 403, outcome: 'DENIED' };
        const failed = (status) => ({ status, outcome: 'FAILURE' });
        await ledger.send('doctor', 'GET', '/api/v1/audit-logs', undefined, denied);
        await ledger.send('corporate', 'POST', '/api/v1/patients', { fullName: 'Nadie' }, denied);
        await ledger.send('admissions', 'PATCH', `/api/v1/patients/${patient.id}/status`, { status: 'DISCHARGED' }, denied);
        await ledger.send('admin-b', 'GET', `/api/v1/patients/${patient.id}`, undefined, { ...failed(404), target: patient.id });
        await ledger.send('admin', 'GET', `/api/v1/intake/${NONE}`, undefined, { ...failed(404), target: NONE });
        await ledger.send('admissions', 'POST', '/api/v1/patients', { fullName: 'Prueba', unknown: 1 }, failed(400));
        await ledger.send('doctor', 'PATCH', `/api/v1/patients/${patient.id}/status`, { status: 'DISCHARGED' }, failed(409));
        const byId = await ledger.flushed();
        for (const entry of ledger.entries) {
            const rows = byId.get(entry.id);
            assert.equal(rows.length, 1, `${entry.method} ${entry.path}: ${JSON.stringify(rows)}`);
            checkRow(entry, rows[0]);
            if (entry.status === 403) assert.equal(rows[0].action, 'ACCESS_DENIED');
        }
    });

    test('a request sent again under its Idempotency-Key is one row more, not one change more', async () => {
        const ledger = new Ledger();
        const key = { 'idempotency-key': crypto.randomUUID() };
        const once = await ledger.send('admissions', 'POST', '/api/v1/patients', { fullName: 'Prueba Clave' }, { status: 201 }, key);
        const again = await ledger.send('admissions', 'POST', '/api/v1/patients', { fullName: 'Prueba Clave' }, { status: 201 }, key);
        assert.equal(again.id, once.id);
        const byId = await ledger.flushed();
        for (const entry of ledger.entries) assert.equal(byId.get(entry.id).length, 1);
    });

    test('a signed token of a deactivated user is refused, and that is in the trail', async () => {
        const ledger = new Ledger();
        const token = await world.token('doctor-b');
        await world.system.tool(['user', 'deactivate', world.account('doctor-b').userId, '--clinic', world.account('doctor-b').clinicId]);
        await until(async () => (await world.as('doctor-b').get('/api/v1/me')).status === 401, 'refused');
        assert.ok(token);
        await ledger.send('doctor-b', 'GET', '/api/v1/patients', undefined, { status: 401, outcome: 'DENIED' });
        const byId = await ledger.flushed();
        const rows = byId.get(ledger.entries[0].id);
        assert.equal(rows.length, 1);
        assert.equal(rows[0].action, 'ACCESS_DENIED');
        checkRow(ledger.entries[0], rows[0]);
    });
});

test('reads answered before the server is killed are in the trail after it starts again, each once', async () => {
    const { patient } = await world.alert('admissions', { urgencyLevel: 'LOW' });
    const answered = [];
    const all = [];
    for (let round = 0; round < 3; round++) {
        let killed = false;
        const readUntilKilled = async () => {
            for (let i = 0; !killed && i < 400; i++) {
                const id = crypto.randomUUID();
                all.push(id);
                const { status } = await world
                    .as('admin')
                    .get(`/api/v1/patients/${patient.id}`, { 'x-request-id': id })
                    .catch(() => ({}));
                if (status === 200) answered.push(id);
            }
        };
        const before = answered.length;
        const readers = Array.from({ length: 8 }, readUntilKilled);
        await until(() => answered.length > before + 40, 'forty reads answered');
        world.system.serve.child.kill('SIGKILL');
        await world.system.serve.ended;
        killed = true;
        await Promise.all(readers);
        await world.system.startServe();
    }
    const count = async () => {
        const rows = await world.sql(
            'SELECT request_id, count(*)::int AS n FROM audit_logs WHERE request_id = ANY ($1) GROUP BY 1', [all]);
        return new Map(rows.map((r) => [r.request_id, r.n]));
    };
    const counts = await until(
        async () => {
            const found = await count();
            return answered.every((id) => found.has(id)) && found;
        },
        `${answered.length} reads in audit_logs`,
        { seconds: FLUSHED, every: 500 },
    );
    assert.deepEqual([...counts].filter(([, n]) => n !== 1), []);
});

test('while the journal cannot be written PHI is not read, changes go on, and it mends itself', async () => {
    const { patient } = await world.alert('admissions', { urgencyLevel: 'LOW' });
    const path = `/api/v1/patients/${patient.id}`;
    const limit = (bytes) => execFileSync('prlimit', ['--pid', String(world.system.serve.pid), `--fsize=${bytes}:`]);
    const statuses = async (request) => {
        const answers = await Promise.all(Array.from({ length: 6 }, request));
        return new Set(answers.map((a) => a.status));
    };
    limit(1); // as a full disk does: no file grows any more
    try {
        const { status, headers, body } = await world.as('admin').get(path);
        assert.equal(status, 503);
        assert.match(headers.get('retry-after'), /^\d+$/);
        assert.equal(body.fullName, undefined);
        assert.deepEqual(await statuses(() => world.as('doctor').get('/api/v1/patients')), new Set([503]));
        assert.equal((await world.as('admin').get('/api/v1/alerts')).status, 503);
        assert.equal((await world.as('admissions').post('/api/v1/patients', { fullName: 'Prueba Lleno' })).status, 201);
    } finally {
        limit('unlimited');
    }
    const id = crypto.randomUUID();
    assert.equal((await world.as('admin').get(path, { 'x-request-id': id })).status, 200);
    await until(
        async () => (await world.sql('SELECT 1 FROM audit_logs WHERE request_id = $1', [id])).length === 1,
        'the first read after it',
        { seconds: FLUSHED, every: 500 },
    );
});

test('the trail cannot be changed by the role the server connects as', async () => {
    const attempts = ["UPDATE audit_logs SET action = 'X'", 'DELETE FROM audit_logs', 'TRUNCATE audit_logs'];
    const before = await world.sql('SELECT count(*)::int AS n FROM audit_logs');
    for (const role of ['nexacore_app', 'nexacore_owner', 'postgres'])
        for (const sql of attempts) await assert.rejects(world.pg.query(role, sql), /append|permission denied|never|change/i, `${role}: ${sql}`);
    const [{ n }] = await world.sql('SELECT count(*)::int AS n FROM audit_logs');
    assert.ok(n >= before[0].n);
});
