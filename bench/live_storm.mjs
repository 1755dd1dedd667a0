// A storm: 5,000 clients lose their connections at once and come back, while the API is used.
//
//   NEXACORE_BUILD=build-r node bench/live_storm.mjs [CLIENTS (5000) [ROUNDS (3) [REQUESTS_A_SECOND (60)]]]
//
// One command, one run: real PostgreSQL and Redis, a release build, RS256 tokens of as many users.
// Each round measures the API three times, from a process of its own, by the clock of the plan (a
// late request counts from when it was due): quiet, with all clients connected and still; storm,
// from the cut until everybody is back and signed in; control, quiet but for a process that burns as
// much CPU as the clients' process used in the storm, because on one machine the clients' own work
// is paid by the API too. Real clients are on other machines, so the clients' process and the
// control's yield to the rest: nice 19, or CLIENTS_NICE=0 for equal shares. Where others work on the
// machine even the quiet p99 is theirs: look at it before believing a ratio. The clients come back as
// stock ones do: 500 to 1500 ms after the cut, then after twice that, up to 5 s; each asks for its
// old session.
//
// Rule: figures are for comparing within one run; the machine is never the same twice.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import readline from 'node:readline';

const self = import.meta.filename;
const nice = process.env.CLIENTS_NICE ?? '19';
const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

// Linux shares the CPU among sessions first (autogroup) and then by nice: both are set, of a process
// that leads a session of its own.
function yieldTo() {
    os.setPriority(Number(nice));
    if (fs.existsSync('/proc/self/autogroup')) fs.writeFileSync('/proc/self/autogroup', nice);
}

// ---- the clients --------------------------------------------------------------------------------

class Client {
    constructor(target, token, note) {
        Object.assign(this, { target, token, note, up: false, delay: 1000 });
    }

    open() {
        this.got = '';
        const socket = net.connect(this.target);
        this.socket = socket;
        socket.on('error', () => {});
        socket.on('data', (bytes) => this.read(bytes));
        socket.on('close', () => this.closed(socket));
        socket.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
            'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
    }

    send(text) {
        const data = Buffer.from(text);
        const head = data.length < 126 ? Buffer.from([0x81, 0x80 | data.length, 0, 0, 0, 0])
            : Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255, 0, 0, 0, 0]);
        this.socket.write(Buffer.concat([head, data]));
    }

    read(bytes) {
        const text = bytes.toString('latin1');
        if (!this.up) this.got += text;
        if (!this.asked && this.got.includes('"pingTimeout"')) {
            this.asked = true;
            this.send(`40${JSON.stringify({ token: this.token, pid: this.pid, offset: this.offset })}`);
        }
        const me = !this.up && this.got.match(/40\{"sid":"[^"]*","pid":"([^"]*)"\}/);
        if (me) {
            const was = this.pid;
            [, this.pid] = me;
            this.up = true;
            this.delay = 1000;
            this.note('up', was === this.pid);
        }
        const offsets = [...text.matchAll(/,"(\d+-\d+)"\]/g)];
        if (offsets.length) [, this.offset] = offsets.at(-1);
        if (text.includes('\x81\x012')) { // a frame of one byte: a heartbeat
            this.send('3');
            this.note('beat');
        }
    }

    cut() {
        this.socket.destroy();
    }

    closed(socket) {
        if (socket !== this.socket) return;
        if (this.up) this.note('down');
        else this.note('failed');
        this.up = this.asked = false;
        setTimeout(() => this.open(), this.delay * (0.5 + Math.random()));
        this.delay = Math.min(this.delay * 2, 5000);
    }
}

function clientsMain() {
    const counts = { up: 0, restored: 0, failed: 0, beats: 0, lost: 0 };
    let clients = [];
    let wanted = 0;
    let from = 0;
    let cutting = true; // until all are up again
    yieldTo();
    const note = (what, restored) => {
        if (what === 'failed') counts.failed++;
        if (what === 'beat') counts.beats++;
        if (what === 'down') counts.up--;
        if (what === 'down' && !cutting) counts.lost++;
        if (what !== 'up') return;
        counts.up++;
        counts.restored += restored ? 1 : 0;
        if (counts.up < wanted || !cutting) return;
        cutting = false;
        say({ all: true, ...counts, cpu: cpuMs() - from });
        Object.assign(counts, { beats: 0, lost: 0 }); // since the last report
    };
    readline.createInterface({ input: process.stdin }).on('line', async (line) => {
        const order = JSON.parse(line);
        if (order.open) {
            clients = order.tokens.map((token) => new Client(order.open, token, note));
            wanted = clients.length;
            for (const [i, client] of clients.entries()) {
                client.open();
                if (i % 20 === 0) await sleep(10);
            }
        }
        if (order.cut) {
            Object.assign(counts, { restored: 0, failed: 0 });
            cutting = true;
            from = cpuMs();
            for (const client of clients) {
                client.delay = 1000;
                client.cut();
            }
        }
    });
}

// ---- the API's user -----------------------------------------------------------------------------

function probeMain() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    let latencies = [];
    let refused = 0;
    let running = null;
    const ask = (order, path, due) => {
        const options = { ...order.target, path, agent, headers: { authorization: `Bearer ${order.token}` } };
        http.get(options, (response) => {
            response.resume();
            response.on('end', () => {
                latencies.push(performance.now() - due);
                if (response.statusCode !== 200) refused++;
            });
        }).on('error', () => refused++);
    };
    readline.createInterface({ input: process.stdin }).on('line', (line) => {
        const order = JSON.parse(line);
        if (order.start) {
            [latencies, refused] = [[], 0];
            const gap = 1000 / order.rate;
            let due = performance.now();
            let turn = 0;
            running = setInterval(() => {
                for (; due <= performance.now(); due += gap) ask(order, order.paths[turn++ % order.paths.length], due);
            }, 1);
        }
        if (order.stop) {
            clearInterval(running);
            setTimeout(() => {
                const sorted = latencies.sort((a, b) => a - b);
                const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
                say({ n: sorted.length, refused, p50: at(0.5), p99: at(0.99), max: at(1) });
            }, 1500);
        }
    });
}

// Burns `cpu` ms of CPU spread over `over` ms, in slices as long as the clients' bursts.
async function burnMain() {
    yieldTo();
    const [cpu, over] = process.argv.slice(3).map(Number);
    const end = performance.now() + over;
    const from = cpuMs();
    while (performance.now() < end) {
        const owed = cpu * (1 - (end - performance.now()) / over) - (cpuMs() - from);
        if (owed < 5) await sleep(2);
        else for (const until = performance.now() + Math.min(owed, 10); performance.now() < until; );
    }
}

// ---- the run ------------------------------------------------------------------------------------

function child(role) {
    const process_ = spawn(process.execPath, [self, role], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    const lines = readline.createInterface({ input: process_.stdout });
    return {
        order: (message) => process_.stdin.write(`${JSON.stringify(message)}\n`),
        answer: () => new Promise((done) => lines.once('line', (line) => done(JSON.parse(line)))),
        end: () => process_.kill(),
    };
}

// An issuer that signs what it is told to: as many tokens as there are users.
async function startIssuer() {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'storm', alg: 'RS256', use: 'sig' }] };
    const server = http.createServer((_rq, rs) => rs.setHeader('content-type', 'application/json').end(JSON.stringify(jwks)));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${server.address().port}`;
    const exp = Math.floor(Date.now() / 1000) + 7200;
    const token = ({ id, clinic, sub, role }) => {
        const claims = { iss: url, aud: 'storm', sub, exp, iat: exp - 7200, clinic_id: clinic, user_id: id, role };
        const text = `${b64({ alg: 'RS256', kid: 'storm', typ: 'at+jwt' })}.${b64(claims)}`;
        return `${text}.${crypto.sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    };
    const env = { NEXACORE_JWT_ISSUER: url, NEXACORE_JWT_AUDIENCE: 'storm', NEXACORE_JWT_JWKS_URL: `${url}/jwks` };
    return { env, token, stop: () => server.close() };
}

async function makeUsers(world, count) {
    const roles = ['ADMIN', 'DOCTOR', 'ADMISSIONS'];
    const clinics = [];
    for (let i = 0; i < Math.ceil(count / 125); i++) {
        const out = await world.system.tool(['clinic', 'create', '--name', `Storm ${i}`, '--country', 'CO', '--timezone', 'America/Bogota']);
        clinics.push(out.match(/[0-9a-f]{8}-[0-9a-f-]{27}/)[0]);
    }
    const users = Array.from({ length: count }, (_, i) => ({ id: crypto.randomUUID(), clinic: clinics[i % clinics.length], sub: `storm|${i}`, role: roles[i % 3] }));
    await world.sql(`INSERT INTO users (id, clinic_id, auth_id, role, full_name)
        SELECT id, clinic, sub, role, 'Storm' FROM jsonb_to_recordset($1) AS v(id uuid, clinic uuid, sub text, role text)`, [JSON.stringify(users)]);
    return { users, clinics };
}

// One event for everybody, so that all have an offset to come back to.
async function tellAll(world, clinics) {
    for (const clinic of clinics)
        await world.sql(`INSERT INTO outbox (clinic_id, kind, name, payload, rooms) VALUES ($1, 'event', 'patient:status_changed', '{}', $2)`,
            [clinic, ['ADMIN', 'DOCTOR', 'ADMISSIONS'].map((role) => `c:${clinic}:${role}`)]);
    await sleep(3000);
}

async function main() {
    const [count, rounds, rate] = [5000, 3, 60].map((value, i) => Number(process.argv[2 + i] ?? value));
    const { startWorld } = await import('../test/lib/world.mjs');
    const issuer = await startIssuer();
    const world = await startWorld({ workers: 1, env: { NEXACORE_RATE_USER: '1000000', NEXACORE_RATE_CLINIC: '1000000' } });
    const [clients, probe] = [child('clients'), child('probe')];
    try {
        const { users, clinics } = await makeUsers(world, count);
        const tokens = users.map(issuer.token);
        await world.system.serve.stop();
        await world.system.startServe(issuer.env);
        const { hostname, port } = new URL(world.url);
        const target = { host: hostname, port: Number(port) };
        const token = tokens[users.findIndex((u) => u.role === 'ADMISSIONS')];
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const paths = ['/api/v1/patients?status=WAITING&limit=50'];
        for (let i = 0; i < 50; i++) {
            const made = await fetch(`${world.url}/api/v1/patients`, { method: 'POST', headers, body: JSON.stringify({ fullName: 'Prueba de Tormenta' }) });
            paths.push(`/api/v1/patients/${(await made.json()).id}`);
        }
        clients.order({ open: target, tokens });
        await clients.answer();
        await tellAll(world, clinics);
        const start = () => probe.order({ start: true, target, token, paths, rate });
        const stop = () => (probe.order({ stop: true }), probe.answer());
        const show = (what, r) => console.log(`${what.padEnd(8)} n ${String(r.n).padStart(5)}  p50 ${r.p50.toFixed(1).padStart(6)}  p99 ${r.p99.toFixed(1).padStart(7)}  max ${r.max.toFixed(1).padStart(7)} ms  not 200: ${r.refused}`);
        start(); await sleep(5000); await stop(); // warm
        const ratios = [];
        for (let round = 1; round <= rounds; round++) {
            start(); await sleep(10_000);
            const quiet = await stop();
            const serverCpu = await cpuOf(world.system.serve.pid);
            start();
            const from = performance.now();
            clients.order({ cut: true });
            const back = await clients.answer();
            const took = performance.now() - from;
            const storm = await stop();
            const spent = (await cpuOf(world.system.serve.pid)) - serverCpu;
            start();
            const burn = spawn(process.execPath, [self, 'burn', String(back.cpu), String(took)], { stdio: 'inherit', detached: true });
            await new Promise((done) => burn.once('exit', done));
            const control = await stop();
            console.log(`round ${round}: ${count} back in ${(took / 1000).toFixed(1)} s, ${back.restored} restored, ${back.failed} attempts failed; before it ${back.beats} heartbeats answered, ${back.lost} lost unasked; CPU ms: server ${spent}, clients ${back.cpu.toFixed(0)}`);
            show('quiet', quiet);
            show('storm', storm);
            show('control', control);
            ratios.push([storm.p99 / quiet.p99, storm.p99 / control.p99]);
            console.log(`p99 storm/quiet ${ratios.at(-1)[0].toFixed(2)}, storm/control ${ratios.at(-1)[1].toFixed(2)}`);
            await tellAll(world, clinics);
        }
        const median = (i) => ratios.map((r) => r[i]).sort((a, b) => a - b)[Math.floor(rounds / 2)];
        console.log(`median of ${rounds}: p99 storm/quiet ${median(0).toFixed(2)}, storm/control ${median(1).toFixed(2)}`);
    } finally {
        clients.end();
        probe.end();
        await world.stop();
        issuer.stop();
    }
}

// ms of CPU a process used so far (its clock ticks are of 10 ms).
async function cpuOf(pid) {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
}

await ({ clients: clientsMain, probe: probeMain, burn: burnMain }[process.argv[2]] ?? main)();
