// `./dev measure`: the figures of the README and of release notes, on this machine, in one run.
//
// Rule: CPU time is read from /proc of the server and of PostgreSQL's processes, so that the load
// generator on the same cores does not count; requests per second do suffer from it.
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { formBytes, forms, startWorld } from '../test/lib/world.mjs';
import { buildDir, root } from './lib/system.mjs';

const TICKS = 100; // of /proc/PID/stat a second, on every Linux we run on
const SECONDS = Number(process.env.NEXACORE_MEASURE_SECONDS ?? 8);
const CONNECTIONS = 16;

function stat(pid) {
    try {
        const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
        const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
        const rss = Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)?.[1] ?? 0);
        return { parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) / TICKS, rss };
    } catch {
        return null;
    }
}

// A process with all below it.
function family(pid) {
    const all = fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map(Number);
    const found = [pid];
    for (let i = 0; i < found.length; i++)
        for (const p of all) if (stat(p)?.parent === found[i]) found.push(p);
    return found;
}

const cpu = (pid) => family(pid).reduce((sum, p) => sum + (stat(p)?.cpu ?? 0), 0);
const rssMb = (pid) => (stat(pid)?.rss ?? 0) / 1024;

// Asks for `path` on kept connections for some seconds: {requests, seconds, p50, p99} in ms.
async function load(url, path, token, seconds) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const { hostname, port } = new URL(url);
    const headers = { authorization: `Bearer ${token}` };
    const times = [];
    const ask = () =>
        new Promise((resolve, reject) => {
            const from = performance.now();
            const request = http.get({ hostname, port, path, headers, agent }, (response) => {
                response.resume();
                response.on('end', () => {
                    if (response.statusCode !== 200) return reject(new Error(`${path}: ${response.statusCode}`));
                    times.push(performance.now() - from);
                    return resolve();
                });
            });
            request.on('error', reject);
        });
    const from = performance.now();
    const end = from + seconds * 1000;
    const lane = async () => {
        while (performance.now() < end) await ask();
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
    agent.destroy();
    times.sort((a, b) => a - b);
    const at = (q) => times[Math.floor(times.length * q)];
    return { requests: times.length, seconds: (performance.now() - from) / 1000, p50: at(0.5), p99: at(0.99) };
}

async function measureGet(world, name, path) {
    const token = await world.token('admin');
    await load(world.url, path, token, 1); // caches and plans are warm
    const { serve, pg } = world.system;
    const before = { serve: cpu(serve.pid), pg: cpu(pg.pid) };
    const r = await load(world.url, path, token, SECONDS);
    const us = (now, then) => Math.round(((now - then) * 1e6) / r.requests);
    const server = us(cpu(serve.pid), before.serve);
    const database = us(cpu(pg.pid), before.pg);
    const rate = Math.round(r.requests / r.seconds);
    console.log(
        `${name.padEnd(26)} ${rate} requests/s, CPU per request: serve ${server} us + PostgreSQL ${database} us, ` +
            `p50 ${r.p50.toFixed(1)} ms, p99 ${r.p99.toFixed(1)} ms`,
    );
}

async function measureUpload(world) {
    const { file } = forms().find((f) => f.isEmergency && f.language === 'es');
    const admin = await world.listen('admin');
    const seconds = [];
    for (let i = 0; i < 3; i++) {
        const from = Date.now();
        const { body } = await world.as('admissions').upload(formBytes(file));
        const form = await world.form('admissions', body.formId);
        if (form.alertId) {
            const event = await admin.next('alert:new', { where: (p) => p.alertId === form.alertId });
            seconds.push((event.at - from) / 1000);
        }
    }
    const shown = seconds.map((s) => s.toFixed(2)).join(', ');
    console.log(`${'upload to alert:new'.padEnd(26)} ${shown || 'no alert was raised'} s (${file})`);
}

function linesOfCode() {
    const files = spawnSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).stdout.trim().split('\n');
    const sums = {};
    for (const file of files) {
        if (!/\.(c|h|sql|mjs|ts|tsx|css|sh|yaml|build)$|^dev$/.test(file)) continue;
        const [top, second] = file.split('/');
        const key = ['lib', 'src'].includes(top) && second?.indexOf('.') === -1 ? `${top}/${second}` : top;
        const kind = /_test\.c$|testkit|\.test\./.test(file) ? 'tests' : 'code';
        sums[key] ??= { code: 0, tests: 0 };
        sums[key][kind] += fs.readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    }
    return sums;
}

const world = await startWorld({ build: buildDir(), workers: 1, env: { NEXACORE_RATE_USER: '1000000', NEXACORE_RATE_CLINIC: '10000000' } });
try {
    console.log(`${os.cpus().length} cores, ${os.cpus()[0].model.trim()}`);
    const made = [];
    for (let i = 0; i < 60; i++)
        made.push(await world.as('admissions').post('/api/v1/patients', { fullName: `Prueba Medida ${i}`, dateOfBirth: '1980-01-02' }));
    const idle = { serve: rssMb(world.system.serve.pid), work: rssMb(world.system.works[0].pid) };
    await measureGet(world, 'GET patient, audited', `/api/v1/patients/${made[0].body.id}`);
    await measureGet(world, 'list of 50 patients', '/api/v1/patients?limit=50');
    await measureUpload(world);
    for (const [name, pid] of [['serve', world.system.serve.pid], ['work', world.system.works[0].pid]])
        for (const p of family(pid)) {
            const what = p === pid ? name : `${name}: ${fs.readFileSync(`/proc/${p}/comm`, 'utf8').trim()}`;
            const first = p === pid ? ` (idle ${idle[name].toFixed(1)})` : '';
            console.log(`${`RSS ${what}`.padEnd(26)} ${rssMb(p).toFixed(1)} MB${first}`);
        }
    console.log('\nlines by folder            code   tests');
    for (const [folder, { code, tests }] of Object.entries(linesOfCode()).sort())
        console.log(`${folder.padEnd(24)} ${String(code).padStart(6)}  ${String(tests).padStart(6)}`);
} finally {
    await world.stop();
}
