// Bad input on every kind of endpoint: the documented problem comes back and nothing is half written.
//
// Rule: each test counts rows before and after, because a right status over a wrong row is a fault.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, afterEach, test } from 'node:test';

import { until } from '../../tools/lib/process.mjs';
import { root } from '../../tools/lib/system.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const { routes } = JSON.parse(execFileSync(join(build, 'nexacore-tables'), { encoding: 'utf8', maxBuffer: 1 << 24 }));
const HOUR = 3_600_000;
const LOGINS = { DOCTOR: 'doctor', ADMIN: 'admin', ADMISSIONS: 'admissions', CORPORATE_ADMIN: 'corporate' };

let world;
let theirs; // ids of the other clinic, by the folder of the path
before(async () => {
    world = await startWorld({ workers: 1, env: { NEXACORE_RATE_USER: '100000' } });
    // Before there are alerts: for ten minutes an open one is sent to a device that is new.
    const device = { token: 'device-of-doctor-b', platform: 'ios' };
    assert.equal((await world.as('doctor-b').post('/api/v1/devices', device)).status, 201);
    const { patient, alert } = await world.alert('admissions-b');
    const { body } = await world.as('admissions-b').upload(formBytes('es-table-vitals.tif'));
    await world.form('admissions-b', body.formId);
    theirs = { patients: patient.id, alerts: alert.id, intake: body.formId, queues: `ocr-${body.formId}` };
    // Nothing more is to come of either alert: two devices and a telephone were reached, nothing escalates.
    const reached = (channel, status) => world.sql('SELECT 1 FROM alert_deliveries WHERE channel = $1 AND status = $2', [channel, status]);
    await until(async () => (await reached('push', 'accepted')).length === 4 && (await reached('sms', 'delivered')).length === 2, 'both alerts delivered');
    await until(async () => (await world.sql("SELECT 1 FROM alerts WHERE status <> 'DELIVERED'")).length === 0, 'both alerts settled');
});
after(() => world?.stop());

const TABLES = ['patients', 'intake_forms', 'alerts', 'alert_deliveries', 'alert_events', 'on_call_shifts', 'devices'];
async function counts() {
    const rows = {};
    for (const table of TABLES)
        [rows[table]] = await world.sql(`SELECT count(*)::int AS n, md5(string_agg(t::text, ',' ORDER BY t.id)) FROM ${table} t`);
    return rows;
}

let atStart;
beforeEach(async () => (atStart = await counts()));
afterEach(async () => assert.deepEqual(await counts(), atStart, 'something was written'));

function isProblem(answer, status, type) {
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.headers.get('content-type'), /^application\/problem\+json/);
    assert.equal(answer.body.status, status);
    if (type) assert.equal(answer.body.type, `/problems/${type}`);
    assert.ok(answer.body.title);
    assert.doesNotMatch(JSON.stringify(answer.body), /SELECT|INSERT|\.c:\d+|0x[0-9a-f]{6}/);
}

const json = { 'content-type': 'application/json' };
const patients = (body, headers = json) => world.as('admissions').call('POST', '/api/v1/patients', body, headers);

test('JSON that is broken, doubled, too deep or not an object is 400', async () => {
    for (const body of ['{', '{"fullName":"A","fullName":"B"}', '[]', '"x"', '', '['.repeat(5000), '{"fullName":"\\ud800"}'])
        isProblem(await patients(body), 400);
});

test('an unknown key is 400 and named', async () => {
    const answer = await patients('{"fullName":"Prueba","favouriteColour":"x"}');
    isProblem(answer, 400);
    assert.match(JSON.stringify(answer.body), /favouriteColour/);
});

test('a value of the wrong type or form is 400 and pointed at', async () => {
    for (const [body, pointer] of [
        [{ fullName: 7 }, '/fullName'],
        [{ fullName: '' }, '/fullName'],
        [{ fullName: 'x'.repeat(5000) }, '/fullName'],
        [{ fullName: 'Prueba', dateOfBirth: '1990-02-30' }, '/dateOfBirth'],
        [{ fullName: 'Prueba', dateOfBirth: '30/01/1990' }, '/dateOfBirth'],
        [{ fullName: 'Prueba', arrivedAt: 'yesterday' }, '/arrivedAt'],
        [{ fullName: 'Prueba', arrivedAt: new Date(Date.now() + 25 * HOUR).toISOString() }, '/arrivedAt'],
        [{ fullName: 'Prueba', arrivedAt: '1899-12-31T23:59:59Z' }, '/arrivedAt'],
        [{ fullName: 'Prueba', dateOfBirth: new Date(Date.now() + 48 * HOUR).toISOString().slice(0, 10) }, '/dateOfBirth'],
        [{}, '/fullName'],
    ]) {
        const answer = await patients(JSON.stringify(body));
        isProblem(answer, 400);
        assert.deepEqual(answer.body.errors?.map((e) => e.pointer), [pointer], JSON.stringify(body));
    }
});

test('a body of another media type is 415', async () => {
    isProblem(await patients('fullName=x', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
    isProblem(await patients('<a/>', { 'content-type': 'application/xml' }), 415);
});

test('a JSON body that is too large is 413', async () => {
    isProblem(await patients(JSON.stringify({ fullName: 'x'.repeat(2_000_000) })), 413);
});

test('a method that is not served is 405 with Allow, an unknown path 404', async () => {
    const answer = await world.as('admin').call('DELETE', '/api/v1/patients');
    isProblem(answer, 405);
    assert.match(answer.headers.get('allow'), /GET/);
    isProblem(await world.as('admin').get('/api/v1/nothing-here'), 404);
});

const hasId = (r) => /^\/api\/.*\/:id/.test(r.path);
const withId = (path, id) => path.replace(':name', 'ocr-processing').replace(':id', id).replace(':page', '1.png');
const bodies = { status: { status: 'WAITING' }, confirm: { fields: { fullName: 'Prueba Ajena' } } };
const send = (login, { method, path }, id, headers = {}) =>
    world.as(login, headers).call(method, withId(path, id), method === 'GET' ? undefined : (bodies[path.split('/').at(-1)] ?? {}));

for (const route of routes.filter((r) => hasId(r) && !r.path.startsWith('/api/v1/clinics/')))
    test(`${route.method} ${route.path} does not know an id of another clinic, nor one that is none`, async () => {
        const folder = route.path.split('/')[3];
        assert.ok(theirs[folder], `no row of the other clinic for ${folder}`);
        for (const role of route.roles) {
            const own = role === 'CORPORATE_ADMIN' ? { 'x-clinic-id': world.account('admin').clinicId } : {};
            for (const id of [theirs[folder], '00000000-0000-4000-8000-000000000000', '7', "1' OR '1'='1", '..%2f..'])
                isProblem(await send(LOGINS[role], route, encodeURIComponent(id), own), 404);
        }
        // The same request by the owner is no 404: it was the clinic that refused, not the request.
        const owner = { DOCTOR: 'doctor-b', ADMIN: 'admin-b', ADMISSIONS: 'admissions-b' }[route.roles[0]];
        if (route.method === 'GET') assert.notEqual((await send(owner, route, theirs[folder])).status, 404);
    });

test('a clinic that is not there is 404 for CORPORATE_ADMIN, and nobody else sees one', async () => {
    const path = (id) => `/api/v1/clinics/${id}/stats`;
    for (const id of ['00000000-0000-4000-8000-000000000000', '7'])
        isProblem(await world.as('corporate').get(path(id)), 404);
    isProblem(await world.as('admin').get(path(world.account('admin-b').clinicId)), 403);
});

test('an alert for a patient of another clinic is not raised', async () => {
    const raise = (body) => world.as('admissions').post('/api/v1/alerts', { urgencyLevel: 'URGENT', ...body });
    isProblem(await raise({ patientId: theirs.patients }), 404);
});

// Removing what is not there is fine, so it says nothing about others' devices.
test("a device of somebody else is not removed, whichever clinic's it is", async () => {
    for (const login of ['doctor', 'admin', 'admissions', 'corporate', 'admin-b'])
        assert.equal((await world.as(login).delete('/api/v1/devices', { token: 'device-of-doctor-b' })).status, 204);
});

// Each endpoint with a JSON body, from the program's own table; what a right body looks like is said here.
const WRONG_TYPES = {
    'POST /api/v1/patients': { fullName: ['x'] },
    'PATCH /api/v1/patients/:id/status': { status: 7 },
    'POST /api/v1/alerts': { patientId: 7, urgencyLevel: 'URGENT' },
    'PATCH /api/v1/alerts/:id/acknowledge': { attend: 'yes' },
    'POST /api/v1/alerts/:id/escalate': { reason: 7 },
    'PATCH /api/v1/alerts/:id/close': ['x'],
    'PATCH /api/v1/intake/:id/confirm': { fields: 7 },
    'DELETE /api/v1/intake/layouts/:id': ['x'],
    'POST /api/v1/queues/:name/jobs/:id/retry': ['x'],
    'PUT /api/v1/on-call': { shifts: 'none' },
    'POST /api/v1/devices': { token: 7, platform: 'ios' },
    'DELETE /api/v1/devices': { token: [] },
};
const isJson = (r) => r.path.startsWith('/api/') && r.method !== 'GET' && r.path !== '/api/v1/intake/upload';

for (const route of routes.filter(isJson))
    test(`${route.method} ${route.path} refuses every wrong body`, async () => {
        const wrongTypes = WRONG_TYPES[`${route.method} ${route.path}`];
        assert.ok(wrongTypes, 'say in WRONG_TYPES what a wrong body of this route is');
        const role = route.roles.find((r) => r === 'ADMIN') ?? route.roles[0];
        const own = { patients: 'admin-b', alerts: 'admin-b', intake: 'admin-b', queues: 'admin-b' };
        const folder = route.path.split('/')[3];
        const login = hasId(route) ? own[folder] : LOGINS[role]; // with an id of its own clinic
        const path = withId(route.path, theirs[folder] ?? '');
        const call = (body, headers = json) => world.as(login).call(route.method, path, body, headers);
        for (const body of ['{', '[]', '"x"', '{"a":1,"a":2}', '{"x":"\\ud800"}', '['.repeat(200), '{} {}', '\u0000'])
            isProblem(await call(body), 400);
        const unknown = await call('{"favouriteColour":"x"}');
        isProblem(unknown, 400);
        assert.match(JSON.stringify(unknown.body), /favouriteColour/);
        isProblem(await call(JSON.stringify(wrongTypes)), 400);
        isProblem(await call(JSON.stringify({ x: 'x'.repeat(2_000_000) })), 413);
        isProblem(await call('<a/>', { 'content-type': 'application/xml' }), 415);
        isProblem(await call('a=b', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
    });

// A cursor as the server writes it, with any two keys in it.
const cursor = (a, b) => {
    const bytes = Buffer.alloc(32);
    bytes.writeBigInt64LE(a, 0);
    bytes.writeBigInt64LE(b, 8);
    return bytes.toString('base64url');
};

test('a cursor whose keys no row can have is 400 on every list', async () => {
    const MIN = -(2n ** 63n);
    const MAX = 2n ** 63n - 1n;
    for (const path of ['patients', 'patients?status=WAITING', 'patients?q=prueba', 'alerts', 'intake/review-queue', 'audit-logs']) {
        const get = (c) => world.as('admin').get(`/api/v1/${path}${path.includes('?') ? '&' : '?'}cursor=${c}`);
        for (const [a, b] of [[MIN, 0n], [0n, MIN], [MAX, 0n], [0n, MAX], [MIN, MIN], [MAX, MAX]])
            isProblem(await get(cursor(a, b)), 400);
        for (const [a, b] of [[0n, 0n], [3n, 1_700_000_000_000_000n], [-62135596800000000n, -62135596800000000n]])
            assert.equal((await get(cursor(a, b))).status, 200, `${path} ${a} ${b}`);
    }
});

test('lists refuse limits and cursors they did not give', async () => {
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'cursor=%ff', 'cursor=abc', 'status=LOST', 'limit=1&limit=2'])
        isProblem(await world.as('admin').get(`/api/v1/patients?${query}`), 400);
});

test('an upload without a file, cut off, or not multipart is 400 or 415', async () => {
    const admissions = world.as('admissions');
    const upload = (body, type) => admissions.call('POST', '/api/v1/intake/upload', Buffer.from(body), { 'content-type': type });
    const part = 'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n';
    isProblem(await upload('--b\r\nContent-Disposition: form-data; name="roomNumber"\r\n\r\n3\r\n--b--\r\n', 'multipart/form-data; boundary=b'), 400);
    isProblem(await upload(`--b\r\n${part}abc`, 'multipart/form-data; boundary=b'), 400);
    isProblem(await upload('abc', 'multipart/form-data'), 400);
    isProblem(await upload('abc', 'image/png'), 415);
});

test('a file whose bytes are no form of ours is 415, whatever it is called', async () => {
    const admissions = world.as('admissions');
    for (const bytes of ['hello', 'MZ\x90\0', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'GIF89a'])
        isProblem(await admissions.upload(Buffer.from(bytes), { name: 'form.png', type: 'image/png' }), 415);
});

test('a file over 20 MB is 413', async () => {
    const big = Buffer.concat([formBytes('en-below-unwell.png'), Buffer.alloc(21 << 20)]);
    isProblem(await world.as('admissions').upload(big), 413);
});

// Sends raw bytes and reads the status line of the answer.
function raw(text) {
    const { port } = new URL(world.url);
    return new Promise((resolve, reject) => {
        const agent = new http.Agent();
        const socket = agent.createConnection({ host: '127.0.0.1', port }, () => socket.write(text));
        let answer = '';
        socket.on('data', (d) => (answer += d));
        socket.on('end', () => resolve(answer.split('\r\n')[0]));
        socket.on('error', reject);
        socket.setTimeout(15_000, () => socket.destroy(new Error('no answer')));
    });
}

test('requests that could be read in two ways are refused and the connection closed', async () => {
    for (const text of [
        'POST /api/v1/patients HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
        'POST /api/v1/patients HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
        'GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n',
        'GET /healthz HTTP/1.1\nHost: a\n\n',
        'GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n',
    ])
        assert.match(await raw(text), /^HTTP\/1\.1 400 /, JSON.stringify(text));
});

test('headers without end are 431', async () => {
    assert.match(await raw(`GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
});
