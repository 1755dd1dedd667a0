// The life of a demo: it starts twice in a row on the same data, and whichever way it ends, by
// Ctrl-C, by `./dev stop` or by SIGKILL, no process of it is left.
//
// Rule: processes are those below the demo's own id, never found by name: others run servers too.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { sleep, until } from '../../tools/lib/process.mjs';
import { root } from '../../tools/lib/system.mjs';

const home = fs.mkdtempSync(join(os.tmpdir(), 'nexacore-demo-'));
fs.chmodSync(home, 0o711);
const env = { ...process.env, NEXACORE_BUILD: process.env.NEXACORE_BUILD ?? 'build-test' };
after(() => fs.rmSync(home, { recursive: true, force: true }));

// Every process below `pid`, the children of children too; taken while they live.
function tree(pid) {
    const children = fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map(Number);
    const parents = new Map();
    for (const child of children) {
        try {
            const stat = fs.readFileSync(`/proc/${child}/stat`, 'utf8');
            parents.set(child, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
        } catch {
            continue; // gone meanwhile
        }
    }
    const found = [pid];
    for (let i = 0; i < found.length; i++)
        for (const [child, parent] of parents) if (parent === found[i]) found.push(child);
    return found.map((p) => ({ pid: p, cmdline: fs.readFileSync(`/proc/${p}/cmdline`, 'utf8').replaceAll('\0', ' ') }));
}

const alive = ({ pid, cmdline }) => {
    try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') === cmdline && cmdline !== '';
    } catch {
        return false;
    }
};

async function startDemo() {
    const demo = spawn(process.execPath, [join(root, 'tools/demo.mjs'), '--home', home], { env });
    let output = '';
    demo.stdout.on('data', (d) => (output += d));
    demo.stderr.on('data', (d) => (output += d));
    const ended = new Promise((resolve) => demo.once('exit', (code, signal) => resolve({ code, signal })));
    await until(() => /NexaCore runs at/.test(output), 'the demo', { alive: () => demo.exitCode === null }).catch((e) => {
        throw new Error(`${e.message}\n${output}`);
    });
    return { demo, ended, output: () => output, processes: tree(demo.pid) };
}

async function allGone(processes) {
    for (let i = 0; i < 600 && processes.some(alive); i++) await sleep(100);
    assert.deepEqual(processes.filter(alive), []);
}

test('the first start says where to go and who may sign in; Ctrl-C ends all of it', async () => {
    const run = await startDemo();
    const url = run.output().match(/NexaCore runs at +(\S+)/)[1];
    assert.equal((await fetch(`${url}/api/v1/me`)).status, 401);
    for (const login of ['admissions', 'admin', 'doctor', 'corporate']) assert.match(run.output(), new RegExp(`demo-${login}`));
    assert.ok(run.processes.length >= 6, 'postgres, redis, serve, two work');
    run.demo.kill('SIGINT');
    assert.deepEqual(await run.ended, { code: 0, signal: null });
    await allGone(run.processes);
});

test('the second start finds its data; ./dev stop ends all of it', async () => {
    const run = await startDemo();
    assert.doesNotMatch(run.output(), /demo clinics/, 'seeded once only');
    const stop = spawnSync(process.execPath, [join(root, 'tools/stop.mjs'), '--home', home], { env, encoding: 'utf8' });
    assert.match(stop.stdout, /stopped/);
    assert.equal((await run.ended).code, 0);
    await allGone(run.processes);
});

test('killed outright it leaves no process, and the next start works', async () => {
    const run = await startDemo();
    run.demo.kill('SIGKILL');
    await allGone(run.processes);
    const again = await startDemo();
    again.demo.kill('SIGTERM');
    assert.equal((await again.ended).code, 0);
    await allGone(again.processes);
});
