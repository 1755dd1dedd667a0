// Child processes and ports of the demo and the tests.
//
// Rule: a child never outlives the process that started it, however that one ends: setpriv asks the
// kernel to send SIGTERM then. Each has its own process group, so that Ctrl-C reaches the parent
// alone and parts end in order.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function tryPort(port) {
    return new Promise((resolve) => {
        const probe = net.createServer();
        probe.once('error', () => resolve(0));
        probe.listen(port, '127.0.0.1', () => {
            const got = probe.address().port;
            probe.close(() => resolve(got));
        });
    });
}

// The wanted port where it is free, else any free one. Drawn below the kernel's range for outgoing
// connections (from 32768), any of which could take a port between this answer and its use.
export async function freePort(wanted = 0) {
    let port = wanted && (await tryPort(wanted));
    while (!port) port = await tryPort(randomInt(12_000, 32_000));
    return port;
}

// Waits until `probe` is true (it may throw); says what was waited for when time is over. The time is
// no claim of a test: a loaded machine may need ten times what a quiet one does.
export async function until(probe, what, { seconds = 120, every = 50, alive = () => true } = {}) {
    const end = Date.now() + seconds * 1000;
    let last;
    while (Date.now() < end) {
        if (!alive()) throw new Error(`${what}: the process ended`);
        try {
            const value = await probe();
            if (value) return value;
        } catch (error) {
            last = error;
        }
        await sleep(every);
    }
    throw new Error(`${what}: not within ${seconds} s${last ? ` (${last.message})` : ''}`);
}

const tail = (path, lines = 25) => fs.readFileSync(path, 'utf8').split('\n').slice(-lines).join('\n');

export class Part {
    constructor(name, child, log) {
        this.name = name;
        this.child = child;
        this.log = log;
        this.ended = new Promise((resolve) => {
            child.once('exit', (code, signal) => resolve({ code, signal }));
            child.once('error', (error) => resolve({ error }));
        });
    }

    get pid() {
        return this.child.pid;
    }

    get running() {
        return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
    }

    logText() {
        return fs.readFileSync(this.log, 'utf8');
    }

    // Memory of the process and its children in kB, by /proc.
    rssKb() {
        const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
        return Number(status.match(/VmRSS:\s+(\d+)/)?.[1] ?? 0);
    }

    // Asks with SIGTERM, insists with SIGKILL after `seconds`; resolves to {code, signal}.
    async stop({ signal = 'SIGTERM', seconds = 60 } = {}) {
        if (!this.running) return this.ended;
        this.child.kill(signal);
        const timer = setTimeout(() => this.child.kill('SIGKILL'), seconds * 1000);
        const result = await this.ended;
        clearTimeout(timer);
        return result;
    }

    // Waits until the part answers; a part that ends instead shows the end of its log.
    async ready(probe, seconds = 120) {
        try {
            await until(probe, this.name, { seconds, alive: () => this.running });
        } catch (error) {
            await this.stop({ seconds: 2 });
            throw new Error(`${error.message}\n${tail(this.log)}`, { cause: error });
        }
        return this;
    }
}

// Starts a program with its output in the file `log`. `env` is its whole environment but for PATH
// and what the test run passes on (sanitizer options, the run's mark).
export function startPart(name, program, args, { env = {}, log, cwd } = {}) {
    const passed = {};
    for (const key of Object.keys(process.env))
        if (/^(PATH|HOME|LANG|TZ|OMP_THREAD_LIMIT|NEXACORE_TEST_RUN|[AUTL]+SAN_OPTIONS)$/.test(key))
            passed[key] = process.env[key];
    const out = fs.openSync(log, 'a');
    const child = spawn('setpriv', ['--pdeathsig=TERM', '--', program, ...args], {
        cwd,
        detached: true,
        env: { ...passed, ...env },
        stdio: ['ignore', out, out],
    });
    fs.closeSync(out);
    return new Part(name, child, log);
}

// Runs a program to its end; resolves to its output, or throws with what it said.
export function run(program, args, { env = {}, input = '', seconds = 180 } = {}) {
    return new Promise((resolve, reject) => {
        const child = spawn(program, args, {
            env: { ...process.env, ...env },
            timeout: seconds * 1000,
            stdio: ['pipe', 'pipe', 'pipe'],
        });
        let out = '';
        let err = '';
        child.stdout.on('data', (d) => (out += d));
        child.stderr.on('data', (d) => (err += d));
        child.once('error', reject);
        child.once('close', (code, signal) => {
            if (code === 0) return resolve(out);
            const what = `${program} ${args.slice(0, 2).join(' ')}`;
            return reject(new Error(`${what}: ${signal ?? `exit ${code}`}\n${err || out}`));
        });
        child.stdin.on('error', () => {});
        child.stdin.end(input);
    });
}
