// A card number in every input there is: each field, parameter, header and path of api/openapi.yaml
// (a new one is covered as soon as it is documented), webhooks, sockets, uploads, the command line,
// the claims of a token, the answers of the providers.
// Then it is searched for in PostgreSQL, Redis, logs, store, sockets' events, answers, and what the
// providers were sent.
//
// Rule: an input may be refused or scrubbed, never kept; nothing here knows which of them it is.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';

import { Queue } from 'bullmq';

import { until } from '../../tools/lib/process.mjs';
import { sign as signSquare } from '../fakes/square.mjs';
import { sign as signTwilio } from '../fakes/twilio.mjs';
import { canary, canaryNeedles, leaves, resolved, sample, withValue } from '../lib/canary.mjs';
import { openapi } from '../lib/client.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const { document } = openapi;
const LOGINS = { DOCTOR: 'doctor', ADMIN: 'admin', ADMISSIONS: 'admissions', CORPORATE_ADMIN: 'corporate' };
const HEADERS = ['x-request-id', 'user-agent', 'referer', 'x-forwarded-for', 'accept-language', 'cookie', 'traceparent', 'if-none-match'];

let world;
let known;
let ids;
before(async () => {
    world = await startWorld({ workers: 1, env: { NEXACORE_LOG_LEVEL: 'debug', NEXACORE_RATE_USER: '100000' } });
    for (const login of ['doctor', 'admin', 'admissions']) await world.listen(login);
    const { patient, alert } = await world.alert('admissions', { roomNumber: '4' });
    const form = await world.as('admissions').upload(formBytes('en-stacked-ear-ache.png'));
    await world.form('admissions', form.body.formId);
    known = { uuid: world.account('doctor').userId, userId: world.account('doctor').userId, patientId: patient.id, assignedTo: null, id: null, endsAt: new Date(Date.now() + 7200_000).toISOString() };
    ids = { alerts: alert.id, patients: patient.id, intake: form.body.formId, clinics: world.account('doctor').clinicId };
});
after(() => world?.stop());

// Nothing of a planted number stands in this answer.
function silent(answer, what) {
    const bytes = Buffer.isBuffer(answer.body) ? answer.body : Buffer.from(JSON.stringify(answer.body) ?? '');
    const all = Buffer.concat([bytes, Buffer.from(JSON.stringify([...answer.headers]))]);
    for (const needle of canaryNeedles) assert.ok(!all.includes(needle), `${what} answers with it: ${all.toString().slice(0, 400)}`);
}

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    ['get', 'post', 'put', 'patch', 'delete']
        .filter((method) => item[method])
        .map((method) => {
            const operation = item[method];
            const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((p) => resolved(document, p));
            const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
            return { method: method.toUpperCase(), path, parameters, type, schema: media?.schema, roles: operation['x-roles'] ?? [] };
        }),
);
const actor = (o) => (o.roles.length ? world.as(LOGINS[o.roles[0]]) : world.anonymous());
const filled = (o) => o.path.replace('{id}', ids[o.path.split('/')[3]] ?? known.uuid).replace('{page}', '1.png').replace('.png.png', '.png');
const bodyOf = (o) => (o.type === 'application/json' ? sample(document, o.schema, '', known) : undefined);

async function send(o, { path = filled(o), body = bodyOf(o), headers = {}, what }) {
    const answer = await actor(o).call(o.method, path, body, headers);
    assert.ok(answer.status < 500 || answer.status === 503, `${o.method} ${o.path} ${what}: ${answer.status}`);
    silent(answer, `${o.method} ${o.path} with one in ${what}`);
    return answer;
}

const isText = ({ schema }) => !schema.enum && !schema.format && [schema.type].flat().includes('string');

// One in every text of the body at once; what the server refuses by name is left out until the rest
// is taken. Returns how many it took.
async function plantAll(o) {
    let body = bodyOf(o);
    let planted = leaves(document, o.schema).filter(isText);
    for (const { path, schema } of planted) body = withValue(body, path, canary(schema.maxLength));
    for (let round = 0; round < 30 && planted.length; round++) {
        const answer = await send(o, { body, what: 'all texts' });
        if (answer.status < 300) return planted.length;
        const wrong = (answer.body.errors ?? []).map((e) => e.pointer.split('/').slice(1));
        if (!wrong.length) return 0;
        for (const path of wrong) body = withValue(body, path, null);
        planted = planted.filter(({ path }) => !wrong.some((w) => w.join() === path.join()));
    }
    return 0;
}

// First, while everybody is on duty as the seed says.
test('in what the providers answer', async () => {
    const { fakes } = world;
    const fault = (svc, status, body, headers) => fakes.control('fault', { svc, mode: 'status', status, body, ...headers });
    const seen = (svc, before) => fakes.calls(svc).slice(before).some((c) => c.fault);
    const raise = async (status, code) => {
        fakes.control('clearfaults');
        fault('fcm', status, { error: { code: status, message: canary(), status: code, details: [{ '@type': canary(), errorCode: canary(16), note: canary() }] } });
        fault('twilio', status, { code: canary(16), message: canary(), more_info: canary(), status });
        const before = [fakes.calls('fcm').length, fakes.calls('twilio').length];
        const { alert } = await world.alert('admissions', { urgencyLevel: 'CRITICAL', roomNumber: '9' });
        await until(() => seen('fcm', before[0]) && seen('twilio', before[1]), 'both providers refused');
        const tried = () => world.sql("SELECT error FROM alert_deliveries WHERE alert_id = $1 AND status = 'failed'", [alert.id]);
        await until(async () => (await tried()).length >= 2, 'both refusals are written down');
        fakes.control('clearfaults');
        for (const login of ['doctor', 'admin']) {
            silent(await world.as(login).get(`/api/v1/alerts/${alert.id}`), 'an alert');
            silent(await world.as(login).get(`/api/v1/alerts/${alert.id}/timeline`), 'a timeline');
        }
    };
    await raise(400, 'INVALID_ARGUMENT');
    await raise(400, canary(16));
    const square = world.account('doctor').clinicId;
    const orders = [...fakes.state.orders];
    const text = canary();
    fakes.state.orders.splice(0, Infinity, { id: 'CORE00001', location_id: 'L1', reference_id: ids.patients, state: 'OPEN', total_money: { amount: 100, currency: 'USD' }, updated_at: new Date().toISOString(), note: text, ticket_name: canary(), customer_note: canary(), [canary(16)]: canary() });
    const queue = new Queue('square-sync', { connection: { host: '127.0.0.1', port: world.redis.port } });
    const ask = async () => {
        const before = fakes.calls('square').length;
        await queue.add('square-sync', { clinicId: square });
        await until(() => fakes.calls('square').length > before, 'Square was asked');
    };
    await world.system.tool(['clinic', 'connect-square', '--clinic', square, '--merchant', 'M1', '--locations', 'L1'], { input: 'sqtoken\n' });
    await ask();
    fault('square', 400, { errors: [{ category: canary(), code: canary(16), detail: canary(), field: canary() }] });
    await ask();
    await until(async () => (await world.sql('SELECT last_error FROM square_connections WHERE clinic_id = $1', [square]))[0].last_error !== null, 'the refusal is written down');
    fakes.control('clearfaults');
    await queue.close();
    fakes.state.orders.splice(0, Infinity, ...orders);
    silent(await world.as('admin').get(`/api/v1/patients/${ids.patients}/billing`), 'the billing');
    silent(await world.as('admin').get('/api/v1/dashboard/billing-stats'), 'the billing');
});

test('in all texts of a body at once', async () => {
    const taken = {};
    for (const o of operations.filter((one) => one.type === 'application/json' && one.roles.length))
        taken[o.path] = await plantAll(o);
    assert.ok(taken['/api/v1/patients'] >= 2 && taken['/api/v1/alerts'] >= 2, JSON.stringify(taken));
    assert.ok(taken['/api/v1/alerts/{id}/escalate'] >= 1 && taken['/api/v1/intake/{id}/confirm'] >= 4, JSON.stringify(taken));
});

test('in every field of every body', async () => {
    let fields = 0;
    for (const o of operations.filter((one) => one.type === 'application/json' && one.roles.length)) {
        for (const { path, schema } of leaves(document, o.schema)) {
            const at = path.join('.');
            await send(o, { body: withValue(bodyOf(o), path, canary(schema.maxLength)), what: at });
            await send(o, { body: withValue(bodyOf(o), path, Number(canary(16).match(/\d+/)?.[0] ?? 1)), what: `${at} as a number` });
            fields++;
        }
        await send(o, { body: { ...bodyOf(o), [canary(Infinity)]: canary() }, what: 'an unknown key' });
        await send(o, { body: `{"${canary()}": "${canary()}`, headers: { 'content-type': 'application/json' }, what: 'broken JSON' });
        await send(o, { body: '{}', headers: { 'content-type': `text/${canary(16)}` }, what: 'the content type' });
    }
    assert.ok(fields > 35, `only ${fields} fields`);
});

test('in every parameter, path and header', async () => {
    for (const o of operations) {
        for (const p of o.parameters) {
            const value = canary(Infinity, { ascii: p.in === 'header' });
            const bare = canary(16);
            const tries = {
                query: () => [value, bare].map((v) => ({ path: `${filled(o)}?${p.name}=${encodeURIComponent(v)}` })),
                path: () => [value, bare].map((v) => ({ path: o.path.replace(`{${p.name}}`, encodeURIComponent(v)).replace('{page}', '1').replace('{id}', known.uuid) })),
                header: () => [{ headers: { [p.name]: value } }, { headers: { [p.name]: bare } }],
            }[p.in]();
            for (const one of tries) await send(o, { ...one, what: `${p.in} ${p.name}` });
        }
        for (const name of HEADERS) await send(o, { headers: { [name]: canary(Infinity, { ascii: true }) }, what: name });
        await send(o, { path: `${filled(o)}?${encodeURIComponent(canary())}=1`, what: 'an unknown parameter' });
    }
    const lost = await fetch(`${world.url}/${canary(16)}/${encodeURIComponent(canary())}`);
    silent({ body: await lost.text(), headers: lost.headers }, 'an unknown path');
    const bearer = await world.anonymous({ authorization: `Bearer ${canary(16)}` }).get('/api/v1/me');
    silent(bearer, 'a token');
});

// What a message repeats is often cut: a number must not be halved before it is looked for.
test('in names of any length', async () => {
    const o = operations.find((one) => one.method === 'POST' && one.path === '/api/v1/patients');
    const list = operations.find((one) => one.method === 'GET' && one.path === '/api/v1/alerts');
    for (let n = 20; n <= 56; n += 2) {
        const name = 'k'.repeat(n) + canary(16);
        const body = await send(o, { body: { ...bodyOf(o), [name]: 1 }, what: `a key of ${n} letters and a number` });
        assert.equal(body.status, 400, JSON.stringify(body.body));
        await send(list, { path: `${list.path}?${name}=1`, what: `a parameter of ${n} letters and a number` });
    }
    for (const around of ['%22', '%27', '%28']) await send(list, { path: `${list.path}?limit=${around}${canary(16)}${around}`, what: around });
});

test('in webhooks, signed as their providers do', async () => {
    const { twilioToken, squareSigKey } = world.fakes.state.config;
    const post = async (path, type, body, headers) => {
        const response = await fetch(world.url + path, { method: 'POST', body, headers: { 'content-type': type, ...headers } });
        assert.ok(response.status < 500, `${path}: ${response.status}`);
        silent({ body: await response.text(), headers: response.headers }, path);
    };
    for (const o of operations.filter((one) => one.type === 'application/x-www-form-urlencoded'))
        for (const { path: [field] } of leaves(document, o.schema)) {
            const params = { MessageSid: `SM${'0'.repeat(32)}`, From: '+15555550101', To: '+15005550006', Body: 'hola', MessageStatus: 'failed', [field]: canary() };
            const query = o.parameters.filter((p) => p.in === 'query').map((p) => `${p.name}=${canary(16)}`).join('&');
            const path = query ? `${o.path}?${query}` : o.path;
            const signature = signTwilio(twilioToken, world.url + path, params);
            await post(path, o.type, new URLSearchParams(params).toString(), { 'x-twilio-signature': signature });
        }
    for (const field of ['event_id', 'merchant_id', 'type', 'note']) {
        const body = JSON.stringify({ merchant_id: 'M1', type: 'order.updated', event_id: known.uuid, data: { note: canary() }, [field]: canary() });
        await post('/webhooks/square', 'application/json', body, { 'x-square-hmacsha256-signature': signSquare(squareSigKey, `${world.url}/webhooks/square`, body) });
    }
});

// A PNG with text chunks in front of its end (PNG, 11.3.4).
function pngWithText(png, text) {
    const chunk = (type, data) => {
        const body = Buffer.concat([Buffer.from(type), data]);
        const length = Buffer.alloc(4);
        const crc = Buffer.alloc(4);
        length.writeUInt32BE(data.length);
        crc.writeUInt32BE(crc32(body));
        return Buffer.concat([length, body, crc]);
    };
    const comment = Buffer.from(`Comment\0${text}`, 'latin1');
    const packed = Buffer.concat([Buffer.from('Author\0\0'), zlib.deflateSync(Buffer.from(text, 'latin1'))]);
    return Buffer.concat([png.subarray(0, -12), chunk('tEXt', comment), chunk('zTXt', packed), png.subarray(-12)]);
}

function crc32(bytes) {
    let crc = ~0;
    for (const byte of bytes) {
        crc ^= byte;
        for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
}

// A born-digital page: each line drawn as text, the first also as the document's title.
function pdfWithText(lines) {
    const shown = lines.map((l, i) => `1 0 0 1 60 ${760 - 26 * i} Tm (${l}) Tj`).join('\n');
    const stream = `BT /F1 14 Tf\n${shown}\nET`;
    const objects = [
        '<< /Type /Catalog /Pages 2 0 R >>',
        '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
        `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
        '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
        `<< /Title (${lines.at(-1)}) >>`,
    ];
    let out = '%PDF-1.4\n';
    const offsets = objects.map((body, i) => {
        const at = out.length;
        out += `${i + 1} 0 obj\n${body}\nendobj\n`;
        return String(at).padStart(10, '0');
    });
    const table = offsets.map((o) => `${o} 00000 n \n`).join('');
    return Buffer.from(`${out}xref\n0 7\n0000000000 65535 f \n${table}trailer << /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n${out.length}\n%%EOF\n`, 'latin1');
}

const nexacore = (args, options = {}) =>
    new Promise((done) => {
        const env = { PATH: process.env.PATH, ...options.env };
        execFile(world.system.binary, args, { env, maxBuffer: 1 << 24 }, (error, out, err) => done({ code: error?.code ?? 0, out, err }));
    });

test('in uploads: what is printed, the text layer, metadata, the file name, the fields', async () => {
    const admissions = world.as('admissions');
    const number = canary(16);
    const lines = ['Patient intake form', 'Full name: Ana Canaria', 'Date of birth: 1980-02-03', 'Chief complaint: ear ache',
        `Card number: ${number.match(/.{4}/g).join(' ')}  exp 05/29  CVV 123`, 'Phone: 305-555-0147', `Paid with ${canary(16)}`];
    const file = (bytes, type, extension) => admissions.upload(bytes, { name: `${canary(16)}.${extension}`, type, fields: { roomNumber: canary(64) } });
    const uploads = [
        await file(pdfWithText(lines), 'application/pdf', 'pdf'),
        await file(pngWithText(formBytes('en-below-unwell.png'), canary(Infinity, { ascii: true })), `image/${canary(16)}`, 'png'),
        await admissions.upload(Buffer.from(canary()), { name: canary() }),
    ];
    for (const answer of uploads) silent(answer, 'an upload');
    for (const { body } of uploads.slice(0, 2)) {
        const status = await world.form('admissions', body.formId);
        const form = await admissions.get(`/api/v1/intake/${body.formId}`);
        silent(form, 'a form');
        if (body === uploads[0].body) assert.ok(status.panDetected && status.panRedacted, JSON.stringify(status));
        const page = await admissions.get(`/api/v1/intake/${body.formId}/pages/1.png`);
        assert.equal(page.status, 200);
        silent(page, 'a page');
        const again = join(world.system.dir, 'page.png'); // read once more, as whoever gets the page could
        fs.writeFileSync(again, page.body);
        const { code, out } = await nexacore(['read', again]);
        assert.equal(code, 0);
        assert.equal(JSON.parse(out).panDetected, false, 'a number can be read on the page');
    }
});

test('in sockets: the token, the query, what they say, their names', async () => {
    const { io } = await import('socket.io-client');
    const refused = io(world.url, { auth: { token: canary() }, query: { pan: canary() }, reconnection: false, forceNew: true });
    const reason = await new Promise((done) => refused.on('connect_error', (e) => done(JSON.stringify([e.message, e.data ?? null]))));
    refused.close();
    for (const needle of canaryNeedles) assert.ok(!reason.includes(needle), reason);
    const admin = await world.listen('admin', { query: { pan: canary() } });
    for (let i = 0; i < 12; i++) admin.socket.emit(canary(), { text: canary(), [canary()]: 1 });
    const lost = io(`${world.url}/${canary(16)}`, { auth: { token: await world.token('admin') }, reconnection: false, forceNew: true });
    await new Promise((done) => lost.on('connect_error', done));
    lost.close();
    for (const path of [`/socket.io/?EIO=4&transport=${canary(16)}`, `/socket.io/?EIO=4&transport=polling&sid=${canary(16)}`]) {
        const response = await fetch(world.url + path);
        silent({ body: await response.text(), headers: response.headers }, path);
    }
});

// Whose token it is decides the clinic; what else it says is nobody's business.
test('in the claims of a valid token', async () => {
    const kept = world.system.accounts();
    const doctor = kept.find((a) => a.login === 'doctor');
    const known = { name: canary(), email: `${canary(16)}@x.test`, nickname: canary(), [canary(16)]: canary(), 'https://x.test/note': { text: [canary()] } };
    const odd = { authId: `auth0|${canary(16)}`, userId: canary(16), clinicId: canary(16), role: canary(16) };
    const accounts = [{ ...doctor, login: 'talkative', claims: known }, ...Object.entries(odd).map(([key, value]) => ({ ...doctor, login: key, [key]: value, claims: known }))];
    // an account is found by its subject: one of them at a time
    for (const account of accounts) {
        world.system.saveAccounts([...kept.filter((a) => a.authId !== account.authId), account]);
        const token = await world.system.issuer.token(account.login);
        const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
        assert.equal(claims.nickname, known.nickname);
        const client = world.anonymous({ authorization: `Bearer ${token}` });
        const answers = [await client.get('/api/v1/me'), await client.get('/api/v1/alerts'), await client.post('/api/v1/devices', { token: 'claims', platform: 'android' })];
        for (const answer of answers) silent(answer, `a token with claims of ${account.login}`);
        assert.ok(account.login === 'talkative' ? answers[0].status === 200 : answers[0].status >= 401, `${account.login}: ${answers[0].status}`);
        const { io } = await import('socket.io-client');
        const socket = io(world.url, { auth: { token }, reconnection: false, forceNew: true });
        const said = await new Promise((done) => (socket.on('connect', () => done('')), socket.on('connect_error', (e) => done(JSON.stringify([e.message, e.data ?? null])))));
        socket.close();
        for (const needle of canaryNeedles) assert.ok(!said.includes(needle), said);
    }
    world.system.saveAccounts(kept);
});

test('on the command line', async () => {
    const env = { ...world.system.env };
    const clinic = ids.clinics;
    for (const args of [
        ['clinic', 'create', '--name', canary(), '--country', 'CO'],
        ['user', 'create', '--clinic', clinic, '--auth-id', 'x|1', '--role', 'DOCTOR', '--name', canary()],
        ['user', 'create', '--clinic', clinic, '--auth-id', canary(), '--role', 'DOCTOR', '--name', 'Ana'],
        ['user', 'create', '--clinic', canary(16), '--auth-id', 'x|2', '--role', canary(16), '--name', 'Ana'],
        ['user', 'create', '--clinic', clinic, '--auth-id', 'x|3', '--role', 'DOCTOR', '--name', 'Ana', '--phone', canary(16)],
        ['user', 'deactivate', canary(16)],
        ['clinic', 'create', '--name', 'Uno', '--country', canary(16), '--timezone', canary(16)],
        ['clinic', 'connect-square', '--clinic', clinic, '--merchant', canary(16), '--locations', canary(16)],
        ['keys', 'rotate', '--clinic', canary(16)],
        ['triage', 'overlay', '--clinic', clinic, '--overlay', canary(16)],
        ['triage', 'replay', '--clinic', canary(16)],
        [canary(16)],
    ]) {
        const { code, err } = await nexacore(args, { env });
        assert.notEqual(code, 0, `nexacore ${args.slice(0, 2).join(' ')} takes it`);
        assert.ok(!err.includes('Sanitizer'), err);
    }
});

test('and then it is nowhere', async () => {
    await until(async () => (await world.sql('SELECT count(*)::int AS n FROM outbox'))[0].n === 0, 'everything is sent');
    for (const role of ['admin', 'corporate']) silent(await world.as(role).get('/api/v1/audit-logs?limit=200'), 'the audit log');
    for (const path of ['/api/v1/alerts', '/api/v1/patients', '/api/v1/on-call', '/api/v1/intake/review-queue'])
        silent(await world.as('admin').get(path), path);
    const metrics = world.system.metricsUrl;
    if (metrics) silent({ body: await (await fetch(`${metrics}/metrics`)).text(), headers: [] }, 'the metrics');
    assert.deepEqual(await world.scan(canaryNeedles), []);
});
