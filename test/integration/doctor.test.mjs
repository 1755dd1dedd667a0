// `nexacore doctor` beside a healthy system, and with one thing broken at a time.
//
// Rule: each broken thing is named with how to mend it, the rest is still looked at, no secret is shown.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 0, seed: false })));
after(() => world?.stop());

// Runs it; `env` overrides, undefined removes. {status, lines, of(what)}. The issuer and the fakes live in
// this process, so it must not block.
async function doctor(env = {}) {
    const merged = { PATH: process.env.PATH, ...world.system.env, ...env };
    for (const [key, value] of Object.entries(merged)) if (value === undefined) delete merged[key];
    const child = spawn(world.system.binary, ['doctor'], { env: merged });
    const parts = [child.stdout.toArray(), child.stderr.toArray(), once(child, 'close')];
    const [out, err, [status]] = await Promise.all(parts);
    const [stdout, stderr] = [out.join(''), err.join('')];
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines) assert.match(line, /^(ok  |warn|fail)  [^:]+: ./, stderr);
    const secrets = [...Object.values(world.pg.passwords), world.system.env.NEXACORE_TWILIO_AUTH_TOKEN];
    for (const secret of secrets) assert.ok(!(stdout + stderr).includes(secret));
    return { status, lines, of: (what) => lines.filter((line) => line.slice(6).startsWith(`${what}:`)).join('\n') };
}

test('a healthy system is ok in every line', async () => {
    const { status, lines, of } = await doctor({ NEXACORE_PUBLIC_URL: 'https://nexacore.example.org' });
    assert.deepEqual(lines.filter((line) => line.startsWith('fail')), []);
    assert.equal(status, 0);
    for (const what of ['settings', 'public address', 'master key', 'state folder', 'database', 'Redis', 'object store',
        'identity provider', 'push messages', 'SMS', 'billing'])
        assert.match(of(what), /^ok /, what);
    assert.match(of('form reader'), /jailed by seccomp rlimits( landlock|; a kernel with Landlock)/);
    assert.match(of('database'), /PostgreSQL 16\.\d+ as nexacore_app, schema \d+/);
});

test('every missing or malformed setting is listed, and the exit is 2', async () => {
    const { status, of } = await doctor({
        NEXACORE_JWT_AUDIENCE: undefined, NEXACORE_STATE_DIR: undefined, NEXACORE_RATE_USER: 'many',
    });
    assert.equal(status, 2);
    for (const name of ['NEXACORE_JWT_AUDIENCE', 'NEXACORE_STATE_DIR', 'NEXACORE_RATE_USER'])
        assert.match(of('settings'), new RegExp(`fail  settings: ${name}`));
    assert.match(of('database'), /^ok /);
});

const nobody = 'postgres://nexacore_app:x@127.0.0.1:1/nexacore';
const broken = {
    'a database that is away': [{ NEXACORE_DATABASE_URL: nobody }, 'database', /NEXACORE_DATABASE_URL/],
    'a Redis that is away': [{ NEXACORE_REDIS_URL: 'redis://127.0.0.1:1' }, 'Redis', /NEXACORE_REDIS_URL/],
    'a store that cannot be written': [{ NEXACORE_STORE_URL: 'file:///proc/none' }, 'object store', /NEXACORE_STORE_URL/],
    'an issuer that is away': [{ NEXACORE_JWT_JWKS_URL: 'http://127.0.0.1:1/jwks' }, 'identity provider', /nobody can sign in/],
    'half of Twilio': [{ NEXACORE_TWILIO_FROM: undefined }, 'SMS', /NEXACORE_TWILIO_FROM is missing/],
    'a state folder that is none': [{ NEXACORE_STATE_DIR: '/etc/hostname' }, 'state folder', /give it to the user/],
};
for (const [name, [env, what, mend]] of Object.entries(broken)) {
    test(`${name} fails and says how to mend it`, async () => {
        const { status, lines, of } = await doctor(env);
        assert.equal(status, 1);
        assert.match(of(what), /^fail /);
        assert.match(of(what), mend);
        assert.equal(lines.filter((line) => line.startsWith('fail')).length, 1);
    });
}

test('a database role that passes row security fails', async () => {
    const { status, of } = await doctor({ NEXACORE_DATABASE_URL: world.pg.url('postgres') });
    assert.equal(status, 1);
    assert.match(of('database'), /^fail .*superuser/m);
});

test('credentials and keys that are none fail', async () => {
    const file = join(world.system.dir, 'state', 'garbage');
    fs.writeFileSync(file, '{"client_email":"x"}', { mode: 0o600 });
    const { status, of } = await doctor({ NEXACORE_FCM_CREDENTIALS_FILE: file, NEXACORE_MASTER_KEY_FILE: file });
    assert.equal(status, 1);
    assert.match(of('push messages'), /^fail .*service account/);
    assert.match(of('master key'), /^fail /);
});

test('what is off is a warning and no failure', async () => {
    const { status, of } = await doctor({
        NEXACORE_FCM_CREDENTIALS_FILE: undefined, NEXACORE_SQUARE_SIGNATURE_KEY: undefined,
        NEXACORE_TWILIO_ACCOUNT_SID: undefined, NEXACORE_TWILIO_AUTH_TOKEN: undefined, NEXACORE_TWILIO_FROM: undefined,
    });
    assert.equal(status, 0);
    for (const what of ['push messages', 'SMS', 'billing']) assert.match(of(what), /^warn .*off/);
});
