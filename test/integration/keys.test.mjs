// `nexacore keys`, `clinic` and `user` against a real PostgreSQL: what an operator types, and what
// is in the tables afterwards, read with pgcrypto.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../../tools/lib/process.mjs';
import { migrateWithoutBinary, startPostgres } from '../../tools/pg_dev.mjs';
import { stopwatch } from '../lib/slowdown.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const probe = join(build, 'src/phi/phi_probe');
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n$/;

let folder;
let server;
let binary;
let masterFile;

before(async () => {
    binary = join(build, 'nexacore');
    assert.ok(fs.existsSync(binary), `no ${binary}`);
    folder = fs.mkdtempSync(join(tmpdir(), 'nexacore-keys-'));
    server = await startPostgres({ dir: join(folder, 'pg') });
    await server.createDatabase('nexacore');
    await migrateWithoutBinary(server.url('postgres'));
    masterFile = join(folder, 'master.key');
});
after(async () => {
    await server?.stop();
    if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

// ---- helpers ------------------------------------------------------------------------------------
const environment = () => ({
    NEXACORE_DATABASE_URL: server.url('nexacore_app'),
    NEXACORE_MASTER_KEY_FILE: masterFile,
    NEXACORE_STORE_URL: `file://${join(folder, 'store')}`,
    NEXACORE_LOG_LEVEL: 'error',
});

function start(program, args, input = '', env = {}) {
    const child = spawn(program, args, { env: { PATH: process.env.PATH, ...environment(), ...env } });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const ended = new Promise((done, failed) => {
        let out = '';
        let err = '';
        child.stdout.on('data', (d) => (out += d));
        child.stderr.on('data', (d) => (err += d));
        child.once('error', failed).once('close', (code) => done({ code, out, err }));
    });
    return { child, ended };
}

const nexacore = (args, env) => start(binary, args, '', env).ended;
const phi = (args, input) => start(probe, args, input).ended;
const sql = (text, params) => server.query('postgres', text, params);

async function ok(promise) {
    const { code, out, err } = await promise;
    assert.equal(code, 0, err);
    return out;
}

async function fails(promise, code, words) {
    const result = await promise;
    assert.equal(result.code, code, result.err + result.out);
    assert.match(result.err, words);
    return result;
}

const newClinic = async (name = 'Clínica de Prueba') =>
    (await ok(nexacore(['clinic', 'create', '--name', name, '--country', 'CO']))).trim();

async function dataKey(clinic, version) {
    const [{ wrapped: box }] = await sql(
        'SELECT wrapped FROM clinic_keys WHERE clinic_id = $1 AND version = $2', [clinic, version]);
    const master = Buffer.from(fs.readFileSync(masterFile, 'utf8').trim(), 'hex');
    const wrapping = Buffer.from(crypto.hkdfSync('sha256', master, '', 'nexacore clinic-keys', 32));
    const open = crypto.createDecipheriv('aes-256-gcm', wrapping, box.subarray(0, 12));
    open.setAAD(Buffer.from(`clinic_keys/${clinic}/${version}/data`));
    open.setAuthTag(box.subarray(-16));
    return Buffer.concat([open.update(box.subarray(12, -16)), open.final()]).toString('hex');
}

// ---- the master key -----------------------------------------------------------------------------
describe('keys new-master', () => {
    test('makes a file for its owner alone and never replaces one', async () => {
        await ok(nexacore(['keys', 'new-master', masterFile]));
        assert.equal(fs.statSync(masterFile).mode & 0o777, 0o600);
        const text = fs.readFileSync(masterFile, 'utf8');
        assert.match(text, /^[0-9a-f]{64}\n$/);
        await fails(nexacore(['keys', 'new-master', masterFile]), 1, /never replaced/);
        assert.equal(fs.readFileSync(masterFile, 'utf8'), text);
    });

    test('does not print the key', async () => {
        const file = join(folder, 'other.key');
        const { out, err } = await nexacore(['keys', 'new-master', file]);
        assert.ok(!(out + err).includes(fs.readFileSync(file, 'utf8').trim()));
    });

    test('a key that the group may read is refused with the remedy', async () => {
        const file = join(folder, 'open.key');
        fs.writeFileSync(file, crypto.randomBytes(32), { mode: 0o640 });
        fs.chmodSync(file, 0o640);
        await fails(nexacore(['clinic', 'list'], { NEXACORE_MASTER_KEY_FILE: file }), 2, /chmod 600/);
    });
});

// ---- clinics and users --------------------------------------------------------------------------
describe('clinic', () => {
    test('create prints the id and makes keys, settings and an audit event', async () => {
        const out = await ok(nexacore(['clinic', 'create', '--name', 'Clínica Ñ', '--country', 'CO',
            '--timezone', 'America/Lima']));
        assert.match(out, UUID);
        const id = out.trim();
        const [row] = await sql('SELECT name, country, timezone, is_active FROM clinics WHERE id = $1', [id]);
        assert.deepEqual(row, { name: 'Clínica Ñ', country: 'CO', timezone: 'America/Lima', is_active: true });
        const count = async (table, column) =>
            Number((await sql(`SELECT count(*) AS n FROM ${table} WHERE ${column} = $1`, [id]))[0].n);
        assert.equal(await count('clinic_keys', 'clinic_id'), 1);
        assert.equal(await count('clinic_settings', 'clinic_id'), 1);
        assert.equal(await count('audit_logs', 'target_id'), 1);
    });

    test('create takes an id, once', async () => {
        const id = crypto.randomUUID();
        const args = ['clinic', 'create', '--name', 'X', '--country', 'US', '--id', id];
        assert.equal(await ok(nexacore(args)), `${id}\n`);
        await fails(nexacore(args), 1, /nexacore clinic: /);
    });

    test('a time zone that does not exist leaves nothing behind', async () => {
        const id = crypto.randomUUID();
        await fails(nexacore(['clinic', 'create', '--name', 'X', '--country', 'US', '--id', id,
            '--timezone', 'Mars/Olympus']), 1, /nexacore clinic: /);
        assert.deepEqual(await sql('SELECT FROM clinics WHERE id = $1', [id]), []);
        assert.deepEqual(await sql('SELECT FROM clinic_keys WHERE clinic_id = $1', [id]), []);
    });

    test('list names every clinic', async () => {
        const [a, b] = [await newClinic('Alfa'), await newClinic('Beta')];
        const out = await ok(nexacore(['clinic', 'list']));
        assert.ok(out.includes(`${a}\tAlfa\tCO\tAmerica/Bogota\tactive`));
        assert.ok(out.includes(`${b}\tBeta\t`));
    });

    test('wrong use and missing settings are one line and exit 2', async () => {
        for (const args of [[], ['paint'], ['create', '--name', 'X'],
            ['create', '--name', 'X', '--country', 'CO', '--id', '7']]) {
            const { err } = await fails(nexacore(['clinic', ...args]), 2, /nexacore clinic: /);
            assert.equal(err.trim().split('\n').length, 1);
        }
        const { err } = await fails(nexacore(['clinic', 'list'], { NEXACORE_DATABASE_URL: '' }), 2,
            /NEXACORE_DATABASE_URL/);
        assert.equal(err.trim().split('\n').length, 1);
    });

    test('a database that is away is said within five seconds', async () => {
        const watch = stopwatch();
        await fails(nexacore(['clinic', 'list'], { NEXACORE_DATABASE_URL: 'postgres://x@127.0.0.1:1/x' }), 1,
            /nexacore clinic: /);
        watch.within(5000, 'the refusal');
    });
});

describe('user', () => {
    const create = (clinic, more = {}) => {
        const args = { clinic, 'auth-id': `demo|${crypto.randomUUID()}`, role: 'DOCTOR', name: 'Dra. Peña', ...more };
        return nexacore(['user', 'create', ...Object.entries(args).flatMap(([k, v]) => [`--${k}`, v])]);
    };

    test('create prints the id and seals the telephone', async () => {
        const clinic = await newClinic();
        const out = await ok(create(clinic, { phone: '+573001234567' }));
        assert.match(out, UUID);
        const [row] = await sql(`SELECT pgp_sym_decrypt(phone_e164, $2) AS phone, phone_index, role, full_name,
            clinic_id, is_active, phi_key_version FROM users WHERE id = $1`, [out.trim(), await dataKey(clinic, 1)]);
        const index = (await phi([clinic, 'index', 'phone'], '+57 300 123 4567')).out;
        assert.deepEqual(row, { phone: '+573001234567', phone_index: index, role: 'DOCTOR',
            full_name: 'Dra. Peña', clinic_id: clinic, is_active: true, phi_key_version: 1 });
    });

    test('the telephone may come from a file or from standard input, where nobody else can read it', async () => {
        const clinic = await newClinic();
        const file = join(folder, 'phone.txt');
        fs.writeFileSync(file, '+573001234567\r\nAna\n', { mode: 0o600 });
        const who = ['user', 'create', '--clinic', clinic, '--role', 'DOCTOR', '--name', 'N', '--auth-id'];
        const ids = [
            await ok(nexacore([...who, 'by-file', '--phone-file', file])),
            await ok(start(binary, [...who, 'by-stdin', '--phone', '-'], '+573001234567\n').ended),
        ];
        const rows = await sql('SELECT pgp_sym_decrypt(phone_e164, $2) AS phone FROM users WHERE id = ANY ($1)',
            [ids.map((id) => id.trim()), await dataKey(clinic, 1)]);
        assert.deepEqual(rows, [{ phone: '+573001234567' }, { phone: '+573001234567' }]);
        fs.writeFileSync(file, `+57300${'1'.repeat(100)}\n`);
        await fails(nexacore([...who, 'x', '--phone-file', file]), 2, /phone\.txt/);
        await fails(nexacore([...who, 'x', '--phone-file', join(folder, 'none')]), 2, /none/);
        await fails(nexacore([...who, 'x', '--phone', '-']), 2, /standard input/);
        await fails(nexacore([...who, 'x', '--phone', '-', '--phone-file', file]), 2, /not both/);
    });

    test('create without a telephone leaves the sealed columns empty', async () => {
        const id = (await ok(create(await newClinic()))).trim();
        const [row] = await sql('SELECT phone_e164, phone_index, phi_key_version FROM users WHERE id = $1', [id]);
        assert.deepEqual(row, { phone_e164: null, phone_index: null, phi_key_version: 1 });
    });

    test('a second user with the same auth-id is a conflict, in any clinic', async () => {
        const authId = 'auth0|same';
        await ok(create(await newClinic(), { 'auth-id': authId }));
        await fails(create(await newClinic(), { 'auth-id': authId }), 1, /already in use/);
    });

    test('wrong roles, telephones and clinics are refused', async () => {
        const clinic = await newClinic();
        await fails(create(clinic, { role: 'SURGEON' }), 2, /--role/);
        await fails(create(clinic, { role: 'SYSTEM' }), 2, /--role/);
        for (const phone of ['3001234567', '+0300123456', '+57 300', '+573001234567890123', "+57300';--"])
            await fails(create(clinic, { phone }), 2, /--phone/);
        await fails(create('7'), 2, /not a UUID/);
        await fails(create(crypto.randomUUID()), 1, /nexacore user: /);
    });

    test('deactivate takes access away and is written down once', async () => {
        const id = (await ok(create(await newClinic()))).trim();
        assert.match(await ok(nexacore(['user', 'deactivate', id])), /is deactivated/);
        assert.match(await ok(nexacore(['user', 'deactivate', id])), /inactive already/);
        const [{ is_active: active }] = await sql('SELECT is_active FROM users WHERE id = $1', [id]);
        assert.equal(active, false);
        const events = await sql(`SELECT FROM audit_logs WHERE target_id = $1 AND action = 'USER_DEACTIVATED'`, [id]);
        assert.equal(events.length, 1);
        await fails(nexacore(['user', 'deactivate', crypto.randomUUID()]), 1, /no such user/);
    });
});

// ---- rotation -----------------------------------------------------------------------------------
const insertPatient = (id, clinic, name, version) =>
    sql(`INSERT INTO patients (id, clinic_id, full_name, phi_key_version) VALUES ($1, $2, $3, $4)`,
        [id, clinic, Buffer.from(name, 'hex'), version]);
const seal = async (clinic, table, column, row, value) =>
    ok(phi([clinic, 'seal', table, column, row], value));

// A clinic with a patient, a user, a device, a Square token and a form, all sealed with version 1.
async function livelyClinic() {
    const clinic = await newClinic();
    const [patient, form, device] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    await insertPatient(patient, clinic, await seal(clinic, 'patients', 'full_name', patient, 'Ana Ñ'), 1);
    const user = (await ok(nexacore(['user', 'create', '--clinic', clinic, '--auth-id', crypto.randomUUID(), '--role',
        'ADMIN', '--name', 'A', '--phone', '+573001112222']))).trim();
    const bytes = async (...at) => Buffer.from(await seal(clinic, ...at), 'hex');
    await sql(`INSERT INTO devices (id, clinic_id, user_id, platform, token, token_hash, phi_key_version)
               VALUES ($1, $2, $3, 'web', $4, 'h', 1)`,
        [device, clinic, user, await bytes('devices', 'token', device, 'push-token')]);
    await sql(`INSERT INTO square_connections (clinic_id, token, phi_key_version) VALUES ($1, $2, 1)`,
        [clinic, await bytes('square_connections', 'token', clinic, 'sq-token')]);
    const value = (await bytes('intake_forms', 'parsed_json', form, '1980-02-29')).toString('base64');
    const parsed = { language: 'es', fields: { dateOfBirth: { value: { $phi: value, version: 1 }, confidence: 0.91,
        box: [0.25, 1, 3, 4] } }, symptoms: [{ concept: 'fever', checked: true }] };
    await sql(`INSERT INTO intake_forms (id, clinic_id, parsed_json, phi_key_version) VALUES ($1, $2, $3, 1)`,
        [form, clinic, JSON.stringify(parsed)]);
    return { clinic, patient, user, device, form, parsed };
}

async function assertSealedWith(world, version) {
    const key = await dataKey(world.clinic, version);
    const clear = async (table, column, idColumn, id) => {
        const [row] = await sql(`SELECT pgp_sym_decrypt(${column}, $2) AS clear, phi_key_version AS v
                                 FROM ${table} WHERE ${idColumn} = $1`, [id, key]);
        assert.equal(row.v, version);
        return row.clear;
    };
    assert.equal(await clear('patients', 'full_name', 'id', world.patient), 'Ana Ñ');
    assert.equal(await clear('users', 'phone_e164', 'id', world.user), '+573001112222');
    assert.equal(await clear('devices', 'token', 'id', world.device), 'push-token');
    assert.equal(await clear('square_connections', 'token', 'clinic_id', world.clinic), 'sq-token');
    const [form] = await sql('SELECT parsed_json AS p, phi_key_version AS v FROM intake_forms WHERE id = $1', [world.form]);
    const { $phi: sealed, version: inside } = form.p.fields.dateOfBirth.value;
    assert.deepEqual([form.v, inside], [version, version]);
    const [{ clear: date }] = await sql('SELECT pgp_sym_decrypt($1, $2) AS clear', [Buffer.from(sealed, 'base64'), key]);
    assert.equal(date, '1980-02-29');
    const expected = structuredClone(world.parsed);
    expected.fields.dateOfBirth.value = form.p.fields.dateOfBirth.value;
    assert.deepEqual(form.p, expected, 'nothing else of the document changes');
}

const states = async (clinic) =>
    (await sql('SELECT state FROM clinic_keys WHERE clinic_id = $1 ORDER BY version', [clinic])).map((r) => r.state);

// At the same time: each has clinics of its own, and each waits for other processes' caches to expire.
describe('keys rotate', { concurrency: true }, () => {
    test('seals every row anew, also one written meanwhile, and retires the old version', async () => {
        const world = await livelyClinic();
        const { clinic } = world;
        const late = crypto.randomUUID();
        const lateName = await seal(clinic, 'patients', 'full_name', late, 'Late');
        const { ended } = start(binary, ['keys', 'rotate', '--clinic', clinic]);
        await until(async () => (await states(clinic)).length === 2, 'the new version made');
        await insertPatient(late, clinic, lateName, 1); // another process, its cache not yet expired
        const out = await ok(ended);
        assert.match(out, /key version 2, 6 rows sealed anew, 0 on older versions, 1 versions retired/);
        assert.deepEqual(await states(clinic), ['retired', 'current']);
        await assertSealedWith(world, 2);
        const [{ v }] = await sql('SELECT phi_key_version AS v FROM patients WHERE id = $1', [late]);
        assert.equal(v, 2);
        const events = await sql(`SELECT action FROM audit_logs WHERE clinic_id = $1 AND action LIKE 'KEYS%'
                                  ORDER BY id`, [clinic]);
        assert.deepEqual(events.map((e) => e.action), ['KEYS_ROTATION_STARTED', 'KEYS_ROTATED']);
    });

    test('a value keeps its place, and its index stays the same', async () => {
        const { clinic, patient } = await livelyClinic();
        const before = (await phi([clinic, 'index', 'name'], 'Ana')).out;
        await ok(nexacore(['keys', 'rotate', '--clinic', clinic]));
        const [{ hex }] = await sql(`SELECT encode(full_name, 'hex') AS hex FROM patients WHERE id = $1`, [patient]);
        assert.equal(await ok(phi([clinic, 'open', 'patients', 'full_name', patient, '2'], hex)), 'Ana Ñ');
        await fails(phi([clinic, 'open', 'patients', 'full_name', crypto.randomUUID(), '2'], hex), 1, /another place/);
        assert.equal((await phi([clinic, 'index', 'name'], 'Ana')).out, before);
    });

    test('a rotation that was killed goes on with the same version', async () => {
        const world = await livelyClinic();
        const { child, ended } = start(binary, ['keys', 'rotate', '--clinic', world.clinic]);
        await until(async () => (await states(world.clinic)).length === 2, 'the new version made');
        child.kill('SIGKILL');
        await ended;
        assert.deepEqual(await states(world.clinic), ['old', 'current']);
        await ok(nexacore(['keys', 'rotate', '--clinic', world.clinic]));
        assert.deepEqual(await states(world.clinic), ['retired', 'current']);
        await assertSealedWith(world, 2);
    });

    test('a row that does not open keeps the old version and is named, the others move on', async () => {
        const world = await livelyClinic();
        const broken = crypto.randomUUID();
        const name = await seal(world.clinic, 'patients', 'full_name', broken, 'Broken');
        const other = name.endsWith('00') ? '01' : '00'; // its last byte, never the same
        await insertPatient(broken, world.clinic, name.slice(0, -2) + other, 1);
        const { err } = await fails(nexacore(['keys', 'rotate', '--clinic', world.clinic]), 1, /1 rows are still/);
        assert.ok(err.includes(broken));
        assert.deepEqual(await states(world.clinic), ['old', 'current']);
        await assertSealedWith(world, 2);
    });

    test('objects written before a rotation can still be read', async () => {
        const clinic = await newClinic();
        await ok(phi([clinic, 'put', 'a/b'], 'an old page'));
        await ok(nexacore(['keys', 'rotate', '--clinic', clinic]));
        assert.equal(await ok(phi([clinic, 'get', 'a/b'])), 'an old page');
        await ok(phi([clinic, 'put', 'a/c'], 'a new page'));
        assert.equal(fs.readFileSync(join(folder, 'store/a/c')).readUInt32BE(4), 2);
    });

    test('--all rotates every clinic that has keys and waits once for all of them', async () => {
        await server.createDatabase('all');
        await migrateWithoutBinary(server.url('postgres', 'all'));
        const env = { NEXACORE_DATABASE_URL: server.url('nexacore_app', 'all') };
        const ids = [];
        for (const name of ['A', 'B', 'C', 'D'])
            ids.push((await ok(nexacore(['clinic', 'create', '--name', name, '--country', 'CO'], env))).trim());
        await ok(nexacore(['keys', 'shred', '--clinic', ids[3]], env));
        const watch = stopwatch();
        const out = await ok(nexacore(['keys', 'rotate', '--all'], env));
        watch.within(12_000, 'three clinics'); // 6 s for each, were they waited for one by one
        for (const id of ids.slice(0, 3)) assert.ok(out.includes(`${id}: key version 2, 0 rows`));
        assert.ok(!out.includes(ids[3]));
    });

    test('an unknown clinic and wrong use are refused', async () => {
        await fails(nexacore(['keys', 'rotate', '--clinic', crypto.randomUUID()]), 1, /no such key/);
        await fails(nexacore(['keys', 'rotate']), 2, /--all/);
        await fails(nexacore(['keys', 'rotate', '--all', '--clinic', crypto.randomUUID()]), 2, /--all/);
    });
});

describe('keys shred', () => {
    test('closes the clinic and leaves nothing that opens its values; others are untouched', async () => {
        const [world, other] = [await livelyClinic(), await livelyClinic()];
        await ok(phi([world.clinic, 'put', 'shred/me'], 'a page'));
        const [{ hex }] = await sql(`SELECT encode(full_name, 'hex') AS hex FROM patients WHERE id = $1`, [world.patient]);
        assert.match(await ok(nexacore(['keys', 'shred', '--clinic', world.clinic])), /1 keys destroyed/);
        assert.deepEqual(await sql(`SELECT state, wrapped, pepper FROM clinic_keys WHERE clinic_id = $1`, [world.clinic]),
            [{ state: 'shredded', wrapped: null, pepper: null }]);
        const [{ is_active: active }] = await sql('SELECT is_active FROM clinics WHERE id = $1', [world.clinic]);
        assert.equal(active, false);
        await fails(phi([world.clinic, 'open', 'patients', 'full_name', world.patient, '1'], hex), 1, /destroyed/);
        await fails(phi([world.clinic, 'get', 'shred/me']), 1, /destroyed/);
        await fails(nexacore(['keys', 'rotate', '--clinic', world.clinic]), 1, /destroyed|no such key/);
        await assertSealedWith(other, 1);
        assert.match(await ok(nexacore(['clinic', 'list'])), new RegExp(`${world.clinic}\t.*closed`));
    });

    test('shredding twice destroys nothing more, an unknown clinic is not found', async () => {
        const clinic = await newClinic();
        await ok(nexacore(['keys', 'shred', '--clinic', clinic]));
        assert.match(await ok(nexacore(['keys', 'shred', '--clinic', clinic])), / 0 keys destroyed/);
        await fails(nexacore(['keys', 'shred', '--clinic', crypto.randomUUID()]), 1, /no such clinic/);
    });
});
