#!/usr/bin/env node
// Pages per second, processor time and memory of the reader beside the tesseract command, in one run.
//
//   node bench/reader_speed.mjs [BUILD_DIR] [FORMS_DIR] [ROUNDS]
//
// Two readers side by side, as two workers on two processors, take every form of FORMS_DIR, one of
// them from the last to the first; pages are counted while both read, so neither the start of a worker,
// which lives for days, nor the wait of the one that is done first is in it. Then two `tesseract FILE -
// -l spa` (OMP_THREAD_LIMIT 1, pictures only) share the same. Rule: the two are run after each other,
// alternating, so that a busy machine slows both; only their ratio is a result.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const build = resolve(root, process.argv[2] ?? 'build');
const dir = resolve(root, process.argv[3] ?? 'demo/forms');
const rounds = Number(process.argv[4] ?? 1);
const files = fs.readdirSync(dir, { recursive: true }).map((f) => join(dir, f)).filter((f) => /\.(png|jpe?g|tiff?|pdf)$/i.test(f)).sort();

const TICK_MS = 10; // USER_HZ 100
const cpuOf = (stat) => stat.split(') ')[1].split(' ').slice(11, 15).reduce((a, b) => a + Number(b), 0) * TICK_MS;

// Runs a command; its children's peak memory is looked at while they live, and its processor time
// (with its children's) just before it is reaped.
function run(command, args, watchChildren) {
    return new Promise((done) => {
        const child = spawn(command, args, { env: { ...process.env, OMP_THREAD_LIMIT: '1' }, stdio: ['ignore', 'pipe', 'ignore'] });
        let [out, kb, ms] = ['', 0, 0];
        const at = []; // when each line came
        const look = () => {
            try {
                const pids = watchChildren ? fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').filter(Boolean) : [child.pid];
                let now = cpuOf(fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8'));
                for (const pid of pids) {
                    kb = Math.max(kb, Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0));
                    if (watchChildren) now += cpuOf(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
                }
                ms = Math.max(ms, now);
            } catch { /* it ended between two looks */ }
        };
        const timer = setInterval(look, 20);
        child.stdout.on('data', (d) => {
            out += d;
            for (const byte of d) if (byte === 10) at.push(performance.now());
        });
        child.on('close', () => {
            clearInterval(timer);
            done({ out, at, kb, ms });
        });
    });
}

const sum = (list) => list.reduce((a, b) => a + b, 0);
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
const halves = (list) => [list.filter((_, i) => i % 2 === 0), list.filter((_, i) => i % 2 === 1)];

async function readers() {
    const results = await Promise.all([files, files.toReversed()].map((list) => run(join(build, 'nexacore'), ['read', ...list], true)));
    const forms = results.map((r) => r.out.trim().split('\n').map((l, i) => ({ ...JSON.parse(l), at: r.at[i] })));
    const [from, to] = [Math.max(...forms.map((f) => f[0].at)), Math.min(...forms.map((f) => f.at(-1).at))];
    const lines = forms.flat().filter((l) => !l.error);
    return {
        s: (to - from) / 1000,
        pages: sum(lines.filter((l) => l.at > from && l.at <= to).map((l) => l.pages)),
        cpu: sum(results.map((r) => r.ms)) / 1000 / sum(lines.map((l) => l.pages)),
        kb: Math.max(...results.map((r) => r.kb)),
        lines,
    };
}

async function tesseracts() {
    const pictures = files.filter((f) => !f.endsWith('.pdf'));
    const from = performance.now();
    const each = await Promise.all(halves(pictures).map(async (half) => {
        const all = [];
        for (const f of half) all.push(await run('tesseract', [f, '-', '-l', 'spa'], false));
        return all;
    }));
    return { s: (performance.now() - from) / 1000, pages: pictures.length, cpu: sum(each.flat().map((r) => r.ms)) / 1000 / pictures.length, kb: Math.max(...each.flat().map((r) => r.kb)) };
}

for (let round = 0; round < rounds; round++) {
    const [ours, theirs] = [await readers(), await tesseracts()];
    const steps = ours.lines.map((l) => sum(Object.values(l.ms)) / l.pages);
    const report = (name, r) => console.log(`${name.padEnd(10)} ${String(r.pages).padStart(4)} pages  ${(r.pages / r.s).toFixed(2)} pages/s  ${r.cpu.toFixed(2)} CPU s/page  peak ${(r.kb / 1024).toFixed(0)} MB a process`);
    report('nexacore', ours);
    report('tesseract', theirs);
    console.log(`nexacore   ${(median(steps) / 1000).toFixed(2)} s/page in the median; ratio of pages/s ${(ours.pages / ours.s / (theirs.pages / theirs.s)).toFixed(2)}, of CPU/page ${(ours.cpu / theirs.cpu).toFixed(2)}`);
}
