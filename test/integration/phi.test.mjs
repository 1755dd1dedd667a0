// PHI at rest: the server's sealed values against pgcrypto in a real PostgreSQL, the clinics' keys,
// and encrypted objects in both kinds of store.
//
// Rule: each check goes through bytes another program wrote or reads (psql's pgcrypto, Node's
// crypto), never only through our own code and back.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { migrateWithoutBinary, startPostgres } from '../../tools/pg_dev.mjs';
import { startFakes } from '../fakes/fakes.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const probe = join(build, 'src/phi/phi_probe');
const storeTool = join(build, 'lib/store/store_tool');
const OPTIONS = 'cipher-algo=aes256, compress-algo=0, s2k-mode=0';
const NAME = 'José Ñandú de la Peña';
const ROW = '0190a0a0-0000-7000-8000-000000000001';
const OTHER_ROW = '0190a0a0-0000-7000-8000-000000000002';

let folder;
let server;
let fakes;
let masterFile;
const master = crypto.randomBytes(32);

before(async () => {
    folder = fs.mkdtempSync(join(tmpdir(), 'nexacore-phi-'));
    fakes = await startFakes({ port: 0 });
    server = await startPostgres({ dir: join(folder, 'pg') });
    await server.createDatabase('nexacore');
    await migrateWithoutBinary(server.url('postgres'));
    masterFile = join(folder, 'master.key');
    fs.writeFileSync(masterFile, `${master.toString('hex')}\n`, { mode: 0o600 });
});
after(async () => {
    await fakes?.stop();
    await server?.stop();
    if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

// ---- helpers ------------------------------------------------------------------------------------
function run(program, args, input = '', env = {}) {
    return new Promise((done, failed) => {
        const child = spawn(program, args, { env: { ...process.env, ...env } });
        const out = [];
        let err = '';
        child.stdout.on('data', (d) => out.push(d));
        child.stderr.on('data', (d) => (err += d));
        child.stdin.on('error', () => {}); // it may end before it read everything
        child.stdin.end(input);
        child.once('error', failed);
        child.once('close', (code) => done({ code, bytes: Buffer.concat(out), err }));
    });
}

const environment = () => ({
    NEXACORE_DATABASE_URL: server.url('nexacore_app'),
    NEXACORE_MASTER_KEY_FILE: masterFile,
    NEXACORE_STORE_URL: `file://${join(folder, 'store')}`,
    AWS_ACCESS_KEY_ID: fakes.config.s3Key,
    AWS_SECRET_ACCESS_KEY: fakes.config.s3Secret,
});
const phi = (args, input, env) => run(probe, args, input, { ...environment(), ...env });

async function done(promise) {
    const { code, bytes, err } = await promise;
    assert.equal(code, 0, err);
    return bytes.toString();
}

async function refused(promise, words) {
    const { code, bytes, err } = await promise;
    assert.equal(code, 1, err);
    assert.equal(bytes.length, 0, 'nothing may come out of what is refused');
    assert.match(err, words);
}

const sql = (text, params) => server.query('postgres', text, params);

async function newClinic() {
    const [{ id }] = await sql(`INSERT INTO clinics (name, country) VALUES ('Test', 'CO') RETURNING id`);
    await done(phi([id, 'create']));
    return id;
}

// What an operator with the master key does: HKDF, then AES-256-GCM of iv || text || tag.
async function dataKey(clinic, version = 1, what = 'data') {
    const column = what === 'data' ? 'wrapped' : 'pepper';
    const [row] = await sql(`SELECT ${column} AS box FROM clinic_keys WHERE clinic_id = $1 AND version = $2`,
        [clinic, version]);
    const wrapping = Buffer.from(crypto.hkdfSync('sha256', master, '', 'nexacore clinic-keys', 32));
    const box = row.box;
    const open = crypto.createDecipheriv('aes-256-gcm', wrapping, box.subarray(0, 12));
    open.setAAD(Buffer.from(`clinic_keys/${clinic}/${version}/${what}`));
    open.setAuthTag(box.subarray(-16));
    return Buffer.concat([open.update(box.subarray(12, -16)), open.final()]);
}

// ---- values -------------------------------------------------------------------------------------
describe('sealed values', () => {
    test('pgp_sym_decrypt in the database reads what the server sealed', async () => {
        const clinic = await newClinic();
        const key = (await dataKey(clinic)).toString('hex');
        for (const value of ['', 'x', NAME, 'q'.repeat(150), 'é'.repeat(5000), 'z'.repeat(70_000)]) {
            const sealed = await done(phi([clinic, 'seal', 'patients', 'full_name', ROW], value));
            const [row] = await sql('SELECT pgp_sym_decrypt($1::bytea, $2) AS clear', [`\\x${sealed}`, key]);
            assert.equal(row.clear, value);
        }
    });

    test('the server reads what pgp_sym_encrypt wrote, long values in pieces too', async () => {
        const clinic = await newClinic();
        const key = (await dataKey(clinic)).toString('hex');
        for (const value of ['', NAME, 'é'.repeat(40_000)]) {
            for (const mode of ['', ', s2k-mode=1', ', s2k-mode=3', ', s2k-digest-algo=sha256']) {
                const [row] = await sql(`SELECT encode(pgp_sym_encrypt($1, $2, $3), 'hex') AS hex`,
                    [value, key, OPTIONS + mode]);
                const clear = await done(phi([clinic, 'open', 'patients', 'full_name', ROW, '1'], row.hex));
                assert.equal(clear, value);
            }
        }
    });

    test('a value opens in its own place only', async () => {
        const clinic = await newClinic();
        const other = await newClinic();
        const sealed = await done(phi([clinic, 'seal', 'patients', 'full_name', ROW], NAME));
        const open = (...at) => phi([...at.slice(0, 1), 'open', ...at.slice(1), '1'], sealed);
        assert.equal(await done(open(clinic, 'patients', 'full_name', ROW)), NAME);
        await refused(open(clinic, 'patients', 'full_name', OTHER_ROW), /another place/);
        await refused(open(clinic, 'patients', 'insurance_id', ROW), /another place/);
        await refused(open(clinic, 'users', 'full_name', ROW), /another place/);
        await refused(open(other, 'patients', 'full_name', ROW), /damaged, or sealed with another key/);
    });

    test('no problem tells what the value was', async () => {
        const clinic = await newClinic();
        const sealed = await done(phi([clinic, 'seal', 'patients', 'full_name', ROW], NAME));
        const { err } = await phi([clinic, 'open', 'patients', 'full_name', OTHER_ROW, '1'], sealed);
        assert.doesNotMatch(err, /José|Ñandú/);
        assert.ok(!err.includes(sealed.slice(0, 40)));
    });

    test('another master key opens nothing and says which setting to look at', async () => {
        const clinic = await newClinic();
        const wrong = join(folder, 'wrong.key');
        fs.writeFileSync(wrong, crypto.randomBytes(32), { mode: 0o600 });
        await refused(phi([clinic, 'seal', 'patients', 'full_name', ROW], NAME,
            { NEXACORE_MASTER_KEY_FILE: wrong }), /NEXACORE_MASTER_KEY_FILE/);
    });

    test('a wrapped key copied to another clinic does not open', async () => {
        const clinic = await newClinic();
        const thief = await newClinic();
        await sql(`UPDATE clinic_keys SET wrapped = (SELECT wrapped FROM clinic_keys WHERE clinic_id = $1)
                   WHERE clinic_id = $2`, [clinic, thief]);
        await refused(phi([thief, 'seal', 'patients', 'full_name', ROW], NAME), /do not open/);
    });

    test('a clinic has its first key once', async () => {
        const clinic = await newClinic();
        const before = await dataKey(clinic);
        await refused(phi([clinic, 'create']), /conflict/);
        assert.deepEqual(await dataKey(clinic), before);
    });

    test('a clinic without a key seals nothing', async () => {
        const [{ id }] = await sql(`INSERT INTO clinics (name, country) VALUES ('T', 'CO') RETURNING id`);
        await refused(phi([id, 'seal', 'patients', 'full_name', ROW], NAME), /no such key/);
    });

    test('a shredded clinic is unreadable for good', async () => {
        const clinic = await newClinic();
        const sealed = await done(phi([clinic, 'seal', 'patients', 'full_name', ROW], NAME));
        await sql(`UPDATE clinic_keys SET wrapped = NULL, pepper = NULL, state = 'shredded'
                   WHERE clinic_id = $1`, [clinic]);
        await refused(phi([clinic, 'open', 'patients', 'full_name', ROW, '1'], sealed), /destroyed/);
        await refused(phi([clinic, 'seal', 'patients', 'full_name', ROW], NAME), /destroyed/);
    });
});

test('threads seal and open at the same time while the keys are read anew', async () => {
    assert.equal(await done(phi([await newClinic(), 'threads'])), '0 wrong');
});

test('a database that goes away does not stop what the keys are known for', async () => {
    const clinic = await newClinic();
    const sockets = new Set();
    const proxy = net.createServer((socket) => {
        const far = net.connect(server.port, '127.0.0.1');
        for (const s of [socket, far]) sockets.add(s.on('error', () => {}));
        socket.pipe(far).pipe(socket);
    });
    await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
    const url = new URL(server.url('nexacore_app'));
    url.port = proxy.address().port;
    const child = spawn(probe, [clinic, 'steady'], { env: { ...process.env, ...environment(), NEXACORE_DATABASE_URL: url.href } });
    child.stdin.end();
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.once('data', () => {
        proxy.close();
        for (const s of sockets) s.destroy();
    });
    await new Promise((closed) => child.once('close', closed));
    assert.equal(out, '0 failed, none slow');
});

describe('blind index', () => {
    const index = (clinic, kind, value) => done(phi([clinic, 'index', kind], value));

    test('it is the HMAC an operator with the pepper computes', async () => {
        const clinic = await newClinic();
        const pepper = await dataKey(clinic, 1, 'pepper');
        const hmac = (text) => crypto.createHmac('sha256', pepper).update(text).digest('hex');
        assert.equal(await index(clinic, 'name', '  JOSÉ  Ñandú-Peña '), hmac('name:jose nandu pena'));
        assert.equal(await index(clinic, 'ssn', '078-05-1120'), hmac('ssn:078051120'));
        assert.equal(await index(clinic, 'insurance', 'ab-12 / c'), hmac('insurance:ab12c'));
        assert.equal(await index(clinic, 'dob', '1980-02-29'), hmac('dob:19800229'));
        assert.equal(await index(clinic, 'device', 'Ab:c'), hmac('device:Ab:c'));
    });

    test('the same value has different indexes in two clinics and for two kinds', async () => {
        const [a, b] = [await newClinic(), await newClinic()];
        const seen = new Set([await index(a, 'ssn', '078051120'), await index(b, 'ssn', '078051120'),
            await index(a, 'dob', '078051120')]);
        assert.equal(seen.size, 3);
    });

    test('a value without letters or digits has no index', async () => {
        assert.equal(await index(await newClinic(), 'name', ' -- '), '');
    });
});

// ---- objects ------------------------------------------------------------------------------------
// Reads the documented form with Node's crypto alone.
function openObject(key, name, object) {
    assert.equal(object.subarray(0, 4).toString(), 'NXB1');
    const blobKey = Buffer.from(crypto.hkdfSync('sha256', key, '', 'blob', 32));
    const info = `nexacore blob ${object.subarray(8, 40).toString('hex')}`;
    const fileKey = Buffer.from(crypto.hkdfSync('sha256', blobKey, '', info, 32));
    const clear = [];
    for (let at = 40, n = 0; at < object.length; n++) {
        const chunk = object.subarray(at, at + 65536 + 16);
        at += chunk.length;
        const iv = Buffer.alloc(12);
        iv.writeUInt32BE(n, 7);
        iv[11] = at === object.length ? 1 : 0;
        const open = crypto.createDecipheriv('aes-256-gcm', fileKey, iv);
        open.setAAD(Buffer.concat([object.subarray(0, 40), Buffer.from(name)]));
        open.setAuthTag(chunk.subarray(-16));
        clear.push(open.update(chunk.subarray(0, -16)), open.final());
    }
    return Buffer.concat(clear);
}

describe('objects on disk', () => {
    const path = (key) => join(folder, 'store', key);

    test('what is stored is encrypted in the documented form and comes back', async () => {
        const clinic = await newClinic();
        for (const size of [0, 1000, 65_536, 300_001]) {
            const bytes = crypto.randomBytes(size);
            const key = `clinic/${clinic}/intake/f${size}/original`;
            await done(phi([clinic, 'put', key], bytes));
            assert.deepEqual(openObject(await dataKey(clinic), key, fs.readFileSync(path(key))), bytes);
            assert.deepEqual((await phi([clinic, 'get', key])).bytes, bytes);
        }
    });

    test('an object that was changed, cut or put under another name is refused', async () => {
        const clinic = await newClinic();
        const key = `clinic/${clinic}/intake/a/original`;
        await done(phi([clinic, 'put', key], crypto.randomBytes(150_000)));
        const object = fs.readFileSync(path(key));
        const refuses = async (bytes) => {
            fs.writeFileSync(path(key), bytes);
            await refused(phi([clinic, 'get', key]), /cannot be read|no such key/);
        };
        for (const at of [0, 5, 20, 41, 70_000, object.length - 1]) {
            const changed = Buffer.from(object);
            changed[at] ^= 1;
            await refuses(changed);
        }
        for (const n of [0, 39, 40, 40 + 65_552, 40 + 2 * 65_552, object.length - 1])
            await refuses(object.subarray(0, n));
        await refuses(Buffer.concat([object, Buffer.alloc(1)]));
        const other = `clinic/${clinic}/intake/b/original`;
        fs.mkdirSync(dirname(path(other)), { recursive: true });
        fs.writeFileSync(path(other), object);
        await refused(phi([clinic, 'get', other]), /cannot be read/);
        fs.writeFileSync(path(key), object);
        assert.equal((await phi([clinic, 'get', key])).code, 0);
    });

    test('an object that is not there is not found, and deleting is final', async () => {
        const clinic = await newClinic();
        await done(phi([clinic, 'put', 'x/y'], 'bytes'));
        await done(phi([clinic, 'delete', 'x/y']));
        await refused(phi([clinic, 'get', 'x/y']), /not-found/);
    });
});

describe('objects in S3', () => {
    const url = (bucket = 'forms') => `s3://${bucket}?endpoint=${encodeURIComponent(`${fakes.url}/s3`)}&region=eu-west-1`;
    const store = (args, input, env) => run(storeTool, [url(), ...args], input, { ...environment(), ...env });
    const fault = (fault) => fakes.control('fault', { svc: 's3', ...fault });
    const clear = () => fakes.control('clearfaults', {});

    test('an encrypted object goes there and back, with server-side encryption asked for', async () => {
        const clinic = await newClinic();
        const bytes = crypto.randomBytes(200_000);
        const env = { NEXACORE_STORE_URL: url() };
        await done(phi([clinic, 'put', 'a/b/c'], bytes, env));
        assert.deepEqual((await phi([clinic, 'get', 'a/b/c'], '', env)).bytes, bytes);
        const [object] = (await fakes.control('objects', {})).filter((o) => o.key.endsWith('/a/b/c'));
        assert.equal(object.sse, 'AES256');
        assert.equal(fakes.calls('s3').filter((c) => c.bad).length, 0);
    });

    test('an answer lost or refused for a while is tried again', async () => {
        const bytes = crypto.randomBytes(50_000);
        for (const mode of [{ mode: 'status', status: 503 }, { mode: 'reset' }, { mode: 'commit-reset' },
            { mode: 'commit-5xx' }]) {
            await fault({ ...mode, n: 2 });
            await done(store(['put', 'retry'], bytes));
            await clear();
            await fault({ ...mode, n: 2 });
            assert.deepEqual((await store(['get', 'retry'])).bytes, bytes);
            await clear();
        }
    });

    test('a service that stays away is unavailable, not a crash', async () => {
        await fault({ mode: 'status', status: 500 });
        await refused(store(['get', 'retry']), /unavailable/);
        await clear();
    });

    test('a truncated answer is never taken for the object', async () => {
        const bytes = crypto.randomBytes(50_000);
        await done(store(['put', 'cut'], bytes));
        await fault({ mode: 'truncate', n: 1 });
        assert.deepEqual((await store(['get', 'cut'])).bytes, bytes);
        await clear();
    });

    test('an answer without end is refused at the limit', async () => {
        await fault({ mode: 'huge', ms: 80 });
        await refused(store(['get', 'cut']), /too-large/);
        await clear();
    });

    test('a redirect is not followed: the signature is for one host', async () => {
        const before = fakes.calls().length;
        await fault({ mode: 'redirect', body: `${fakes.url}/evil` });
        await refused(store(['get', 'cut']), /unavailable/);
        await clear();
        assert.equal(fakes.calls().length, before + 1);
    });

    test('a wrong secret is refused once and not tried again', async () => {
        const before = fakes.calls('s3').length;
        await refused(store(['get', 'cut'], '', { AWS_SECRET_ACCESS_KEY: 'wrong' }), /403/);
        assert.equal(fakes.calls('s3').length, before + 1);
    });

    test('the check writes, reads and removes', async () => {
        await done(store(['check']));
        assert.equal((await fakes.control('objects', {})).filter((o) => o.key.includes('check')).length, 0);
    });
});

test('the database alone never holds a name, a key or a pepper', async () => {
    const clinic = await newClinic();
    const sealed = await done(phi([clinic, 'seal', 'patients', 'full_name', ROW], NAME));
    const client = new pg.Client({ connectionString: server.url('postgres') });
    await client.connect();
    await client.query(`INSERT INTO patients (id, clinic_id, full_name, phi_key_version)
                        VALUES ($1, $2, $3, 1)`, [ROW, clinic, Buffer.from(sealed, 'hex')]);
    const { rows } = await client.query(`SELECT p::text AS t FROM patients p
                                         UNION ALL SELECT k::text FROM clinic_keys k`);
    await client.end();
    const all = rows.map((r) => r.t).join('\n');
    for (const secret of [NAME, Buffer.from(NAME).toString('hex'), (await dataKey(clinic)).toString('hex'),
        (await dataKey(clinic, 1, 'pepper')).toString('hex')])
        assert.ok(!all.includes(secret));
});
