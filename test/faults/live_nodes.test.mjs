// Two nodes behind a balancer, clients on both, and everything that may fail while people work:
// nodes killed, Redis killed. What a client holds in the end is what was done: nothing twice,
// nothing missing.
//
// Rule: the clients are stock ones that do what the API description says; the ledger is what the
// API answered with 201. ROUNDS (2) is how often a node is killed.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freePort, sleep, startPart, until } from '../../tools/lib/process.mjs';
import { Numbers } from '../lib/numbers.mjs';
import { Listener } from '../lib/socket.mjs';
import { startWorld } from '../lib/world.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 2);
const STATUS = 'patient:status_changed';

let world, nodes, balancer;

async function startNode(name) {
    const [port, metrics] = [await freePort(), await freePort()];
    const env = { ...world.system.env, NEXACORE_LISTEN: `127.0.0.1:${port}`, NEXACORE_METRICS_LISTEN: `127.0.0.1:${metrics}` };
    const part = startPart(name, world.system.binary, ['serve'], { env, log: join(world.system.logs, `${name}.log`) });
    await part.ready(async () => (await fetch(`http://127.0.0.1:${metrics}/readyz`)).ok);
    return { name, port, url: `http://127.0.0.1:${port}`, part };
}

// Connections in turn to the nodes that answer.
async function startBalancer(list) {
    let turn = 0;
    const open = new Set();
    const server = net.createServer((client) => {
        const attempt = (left) => {
            if (left === 0) return client.destroy();
            const node = list()[turn++ % list().length];
            const far = net.connect(node.port, '127.0.0.1');
            const next = () => attempt(left - 1);
            far.once('error', next);
            far.once('connect', () => {
                far.off('error', next);
                far.on('error', () => client.destroy());
                far.on('close', () => client.destroy());
                client.on('close', () => far.destroy());
                client.pipe(far).pipe(client);
            });
            return undefined;
        };
        open.add(client);
        client.on('error', () => {});
        client.on('close', () => open.delete(client));
        attempt(4);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const stop = () => new Promise((done) => {
        server.close(done);
        for (const client of open) client.destroy();
    });
    return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

before(async () => {
    world = await startWorld({ workers: 1, env: { NEXACORE_RATE_USER: '100000', NEXACORE_RATE_CLINIC: '1000000' } });
    await world.system.serve.stop();
    nodes = [await startNode('node-a'), await startNode('node-b')];
    balancer = await startBalancer(() => nodes);
});
after(async () => {
    await balancer?.stop();
    for (const node of nodes ?? []) await node.part.stop();
    await world?.stop();
});

// A call through the balancer, tried again under its Idempotency-Key until it is answered. What was
// in flight on a killed node is in doubt for a minute (409): it is left so, and asked for anew.
async function call(login, method, path, body) {
    const headers = { authorization: `Bearer ${await world.token(login)}`, 'content-type': 'application/json', connection: 'close' };
    if (method === 'POST') headers['idempotency-key'] = crypto.randomUUID();
    const end = Date.now() + 60_000;
    while (Date.now() < end) {
        const response = await fetch(balancer.url + path, { method, headers, body: body && JSON.stringify(body) }).catch(() => null);
        if (response && response.status !== 409 && response.status < 500) return { status: response.status, body: await response.json() };
        if (response?.status === 409) headers['idempotency-key'] = crypto.randomUUID();
        await sleep(50);
    }
    throw new Error(`${method} ${path}: no answer`);
}

// Somebody at a screen: events as they come, and a fresh reading whenever the rules ask for one.
class Person {
    constructor(login) {
        this.login = login;
        this.numbers = new Numbers(world.account(login));
        this.counts = new Map(); // patient -> times applied as an event
        this.read = new Set(); // patients of the last reading
        this.readings = 0;
    }

    async connect() {
        const options = { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 800, transports: ['websocket'] };
        this.listener = new Listener(balancer.url, await world.token(this.login), options);
        const { socket } = this.listener;
        socket.on('connect', () => !socket.recovered && this.refresh());
        socket.on('live:resync', () => this.refresh());
        socket.on(STATUS, (payload, numbers) => this.take(payload, numbers));
        await this.listener.connected();
    }

    take({ patientId }, numbers) {
        const place = this.numbers.place(numbers);
        if (place === 'again') return;
        this.counts.set(patientId, (this.counts.get(patientId) ?? 0) + 1);
        if (place === 'gap') this.refresh();
    }

    // One reading at a time; asked for during one, another follows.
    refresh() {
        this.numbers.last = 0;
        this.asked = true;
        this.reading ??= this.readAll().finally(() => (this.reading = undefined));
    }

    async readAll() {
        while (this.asked) {
            this.asked = false;
            const seen = new Set();
            for (let cursor = ''; cursor !== null; ) {
                const { body } = await call(this.login, 'GET', `/api/v1/patients?status=WAITING&limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
                for (const item of body.items) seen.add(item.id);
                cursor = body.nextCursor;
            }
            this.read = seen;
            this.readings++;
        }
    }

    missing(ledger) {
        return ledger.filter((id) => !this.counts.has(id) && !this.read.has(id));
    }
}

// People who register patients, without pause, until stopped.
function startLoad(ledger) {
    let running = true;
    const lane = async (lane) => {
        for (let i = 0; running; i++) {
            const { status, body } = await call('admissions', 'POST', '/api/v1/patients', { fullName: `Carga ${lane} Número` });
            assert.equal(status, 201, JSON.stringify(body));
            ledger.push(body.id);
            await sleep(20);
        }
    };
    const lanes = [lane('Uno'), lane('Dos')];
    return async () => {
        running = false;
        await Promise.all(lanes);
    };
}

async function allConnected(people) {
    await until(() => people.every((p) => p.listener.socket.connected), 'everybody back');
}

async function complete(people, ledger, what) {
    const missing = () => people.flatMap((p) => p.missing(ledger).map((id) => `${p.login} ${id}`));
    await until(() => missing().length === 0, what).catch(() => assert.fail(`${what}: ${missing().slice(0, 5)}`));
}

test('an event of one node reaches the clients of the other', async () => {
    const [a, b] = nodes;
    const listeners = await Promise.all(nodes.map(async (n) => new Listener(n.url, await world.token('admin')).connected()));
    for (const node of [a, b]) {
        const answer = await fetch(`${node.url}/api/v1/patients`, {
            method: 'POST', body: JSON.stringify({ fullName: 'De Un Nodo' }),
            headers: { authorization: `Bearer ${await world.token('admissions')}`, 'content-type': 'application/json' },
        });
        const { id } = await answer.json();
        for (const l of listeners) await l.next(STATUS, { where: (p) => p.patientId === id });
    }
    listeners.forEach((l) => l.close());
});

test(`nodes killed ${ROUNDS} times and Redis once under load: nothing is missing, nothing is there twice`, async (t) => {
    const ledger = [];
    const people = ['admin', 'doctor', 'doctor2', 'admissions', 'admin', 'doctor'].map((login) => new Person(login));
    await Promise.all(people.map((p) => p.connect()));
    const stopLoad = startLoad(ledger);
    for (let round = 0; round < ROUNDS; round++) {
        await sleep(1000);
        const [victim, other] = [nodes[round % 2], nodes[(round + 1) % 2]];
        await victim.part.stop({ signal: 'SIGKILL' });
        nodes = [other];
        await allConnected(people);
        await sleep(500);
        nodes = [other, await startNode(victim.name)];
    }
    const before = ledger.length;
    await world.redis.part.stop({ signal: 'SIGKILL' });
    await until(() => ledger.length > before + 10, 'work without Redis');
    await world.system.startRedis();
    await sleep(1000);
    await stopLoad();
    await complete(people, ledger, 'nothing missing');
    const last = await call('admissions', 'POST', '/api/v1/patients', { fullName: 'La Última Prueba' });
    ledger.push(last.body.id);
    await complete(people, ledger, 'the last one'); // and events still come
    await Promise.all(people.map((p) => p.reading));
    for (const p of people) {
        const twice = [...p.counts].filter(([, n]) => n > 1);
        assert.deepEqual(twice, [], `${p.login} applied an event twice`);
        assert.deepEqual(p.missing(ledger), []);
        p.listener.close();
    }
    const told = people.map((p) => `${p.counts.size} by event, ${p.readings} readings`);
    t.diagnostic(`${ledger.length} patients; ${told.join('; ')}`);
    assert.ok(people.some((p) => p.readings > 1), 'nobody had to read again: the test tests nothing');
});
