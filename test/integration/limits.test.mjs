// Requests over the limit are 429 and say when to come again; a setting that is missing is one clear
// line and exit code 2.
//
// Rule: which settings are needed comes from the README's table, where operators read it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { sleep } from '../../tools/lib/process.mjs';
import { root } from '../../tools/lib/system.mjs';
import { startWorld } from '../lib/world.mjs';

const LIMIT = 5;

let world;
before(async () => {
    world = await startWorld({ workers: 0 });
    await world.system.serve.stop();
    await world.system.startServe({ NEXACORE_RATE_USER: String(LIMIT), NEXACORE_RATE_CLINIC: String(LIMIT + 2) });
});
after(() => world?.stop());

// The windows are whole minutes: a test that would run over the end of one waits for the next.
async function insideOneMinute() {
    const left = 60_000 - (Date.now() % 60_000);
    if (left < 25_000) await sleep(left + 50);
}

const number = (answer, name) => {
    assert.match(answer.headers.get(name) ?? 'none', /^\d+$/, name);
    return Number(answer.headers.get(name));
};

test('a user over the limit gets 429 with Retry-After, others of the clinic until its own limit', async () => {
    await insideOneMinute();
    const me = (login) => world.as(login).get('/api/v1/me');
    for (let i = 1; i <= LIMIT; i++) {
        const answer = await me('doctor');
        assert.equal(answer.status, 200);
        assert.equal(number(answer, 'ratelimit-limit'), LIMIT);
        assert.equal(number(answer, 'ratelimit-remaining'), LIMIT - i);
        assert.ok(number(answer, 'ratelimit-reset') >= 1 && number(answer, 'ratelimit-reset') <= 60);
    }
    const over = await me('doctor');
    assert.equal(over.status, 429);
    assert.equal(over.body.type, '/problems/too-many-requests');
    assert.equal(number(over, 'ratelimit-remaining'), 0);
    assert.ok(number(over, 'retry-after') >= 1 && number(over, 'retry-after') <= 60);
    assert.equal((await me('admin')).status, 200); // the clinic's last of LIMIT + 2
    assert.equal((await me('admin')).status, 429);
    assert.equal((await me('admin-b')).status, 200); // another clinic is not concerned
});

// Runs a command until it ends or has run `seconds` (then it is not refusing to start).
function runFor(command, env, seconds = 120) {
    return new Promise((resolve) => {
        const passed = { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', ...env };
        execFile(world.system.binary, [command], { env: passed, timeout: seconds * 1000 }, (error, stdout, stderr) =>
            resolve({ code: error?.code ?? 0, signal: error?.signal, text: stdout + stderr }),
        );
    });
}

const required = [...fs.readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `(NEXACORE_\w+)` \| required \|/gm)].map((m) => m[1]);
const SERVE_ONLY = ['NEXACORE_JWT_ISSUER', 'NEXACORE_JWT_AUDIENCE', 'NEXACORE_JWT_JWKS_URL'];

for (const command of ['serve', 'work'])
    test(`${command} without one of its settings ends with 2 and one line that names it`, async () => {
        assert.ok(required.length >= 9, required.join());
        const full = { ...world.system.env, NEXACORE_LISTEN: '127.0.0.1:0', NEXACORE_METRICS_LISTEN: '127.0.0.1:0' };
        for (const name of required.filter((n) => command === 'serve' || !SERVE_ONLY.includes(n))) {
            for (const value of [undefined, '']) {
                const env = { ...full };
                delete env[name];
                if (value !== undefined) env[name] = value;
                const { code, signal, text } = await runFor(command, env);
                assert.equal(code, 2, `${command} without ${name}: ${signal ?? code} ${text}`);
                const lines = text.trim().split('\n');
                assert.equal(lines.length, 1, text);
                assert.ok(lines[0].includes(name), text);
                for (const other of required.filter((n) => n !== name)) assert.ok(!lines[0].split(/\W/).includes(other), text);
            }
        }
    });

test('a malformed setting ends with 2, names itself and does not show a secret', async () => {
    for (const [name, value] of [
        ['NEXACORE_RATE_USER', 'many'],
        ['NEXACORE_PUBLIC_URL', 'not a url'],
        ['NEXACORE_MASTER_KEY_FILE', '/nowhere/master.key'],
        ['NEXACORE_LISTEN', 'everywhere'],
    ]) {
        const { code, signal, text } = await runFor('serve', { ...world.system.env, [name]: value });
        assert.equal(code, 2, `${name}: ${signal ?? code} ${text}`);
        assert.equal(text.trim().split('\n').length, 1, text);
        assert.ok(text.includes(name), text);
    }
});
