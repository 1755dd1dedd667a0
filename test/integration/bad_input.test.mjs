// Bad input on every kind of endpoint: the documented problem comes back and nothing is half written.
//
// Rule: each test counts rows before and after, because a right status over a wrong row is a fault.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, beforeEach, afterEach, test } from 'node:test';

import { formBytes, startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());

const TABLES = ['patients', 'intake_forms', 'alerts', 'alert_deliveries', 'outbox'];
async function counts() {
    const rows = {};
    for (const table of TABLES) {
        const [there] = await world.sql('SELECT to_regclass($1) AS t', [table]);
        if (there.t) [rows[table]] = await world.sql(`SELECT count(*)::int AS n FROM ${table}`);
    }
    delete rows.outbox; // relayed rows leave it at any time
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

test('an id that is no UUID or of another clinic is 404, as an unknown one', async () => {
    const { body: theirs } = await world.as('admin-b').get('/api/v1/patients');
    assert.deepEqual(theirs.items, []);
    for (const id of ['7', "1' OR '1'='1", '00000000-0000-4000-8000-000000000000', '%00', '..%2f..'])
        isProblem(await world.as('admin').get(`/api/v1/patients/${encodeURIComponent(id)}`), 404);
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
