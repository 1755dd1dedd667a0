// A Redis of its own on a free port, stock BullMQ objects on it, and bullmq_cli from the build.
//
// Rule: everything started here is remembered and ended by close(), by pid, also after a failure.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Queue, QueueEvents, Worker } from 'bullmq';
import { Redis } from 'ioredis';

import { freePort } from '../../tools/lib/process.mjs';

const build = process.env.NEXACORE_BUILD ?? resolve(import.meta.dirname, '../../build');
export const cliPath = join(build, 'bullmq_cli');

export async function until(what, check, ms = 120_000) {
    const end = Date.now() + ms;
    for (;;) {
        const value = await check();
        if (value) return value;
        if (Date.now() > end) throw new Error(`never happened: ${what}`);
        await sleep(25);
    }
}

// In memory where there is some: while a disk takes long over an fsync, a Redis with appendfsync
// everysec holds writes back (up to 2 s, redis.conf), and a kill -9 loses what it had confirmed.
const home = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export class BullWorld {
    #dir = mkdtempSync(join(home, 'bullmq-'));
    #children = new Set();
    #closers = [];
    #queues = 0;

    static async open(redisArgs = []) {
        const world = new BullWorld();
        process.on('exit', () => world.#children.forEach((child) => child.kill('SIGKILL')));
        world.port = await freePort();
        world.connection = { host: '127.0.0.1', port: world.port, maxRetriesPerRequest: null };
        world.redisArgs = redisArgs;
        await world.startRedis();
        return world;
    }

    async startRedis() {
        const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#dir, '--save', ''];
        this.redis = this.#spawn('redis-server', [...args, ...this.redisArgs]);
        await until('redis answers', () => this.redis.output.includes('Ready to accept connections'));
    }

    async stopRedis(signal = 'SIGTERM') {
        this.redis.kill(signal);
        await this.redis.ended;
    }

    #spawn(command, args, options = {}) {
        const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
        child.output = '';
        child.stdout.on('data', (d) => (child.output += d));
        child.stderr.on('data', (d) => (child.output += d));
        child.ended = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })));
        child.ended.then(() => this.#children.delete(child));
        this.#children.add(child);
        return child;
    }

    // Starts bullmq_cli and returns the child; cliDone waits for its success and gives its output.
    // A last argument that is an object adds to the environment.
    cli(...args) {
        const extra = typeof args.at(-1) === 'object' ? args.pop() : {};
        return this.#spawn(cliPath, ['--port', String(this.port), ...args.map(String)], {
            env: { ...process.env, ...this.cliEnv, ...extra },
        });
    }

    async cliDone(...args) {
        const child = this.cli(...args);
        const { code, signal } = await child.ended;
        if (code !== 0) throw new Error(`bullmq_cli ${args.join(' ')}: ${code ?? signal}\n${child.output}`);
        return child.output;
    }

    // Adds jobs, flows or schedulers from C, given as Node has them; returns the ids.
    put(queue, ...lines) {
        const input = lines.map((line) => JSON.stringify(line)).join('\n');
        const child = spawnSync(cliPath, ['--port', String(this.port), 'put', queue], { input });
        if (child.status !== 0) throw new Error(`put: ${child.status ?? child.signal} ${child.stderr}`);
        return child.stdout.toString().trim().split('\n');
    }

    // The same without holding this process up, to any port, so that faults can happen meanwhile.
    async putOn(port, queue, ...lines) {
        const child = this.#spawn(cliPath, ['--port', String(port), 'put', queue], { stdio: ['pipe', 'pipe', 'pipe'] });
        child.stdin.on('error', () => {});
        child.stdin.end(lines.map((line) => JSON.stringify(line)).join('\n'));
        const { code, signal } = await child.ended;
        if (code !== 0) throw new Error(`put: ${code ?? signal} ${child.output}`);
        return child.output.trim().split('\n');
    }

    newName(base = 'q') {
        return `${base}-${++this.#queues}`;
    }

    #keep(object) {
        object.on('error', () => {}); // a Redis that a test stops on purpose
        this.#closers.push(() => Promise.race([object.close(), sleep(2000)]).then(() => object.disconnect()));
        return object;
    }

    // A plain connection, to do to Redis what a test needs.
    raw() {
        const redis = new Redis(this.connection);
        redis.on('error', () => {});
        this.#closers.push(() => redis.disconnect());
        return redis;
    }

    queue(name) {
        return this.#keep(new Queue(name, { connection: this.connection }));
    }

    async events(name) {
        const events = this.#keep(new QueueEvents(name, { connection: this.connection }));
        await events.waitUntilReady();
        return events;
    }

    worker(name, processor, options = {}) {
        return this.#keep(new Worker(name, processor, { connection: this.connection, ...options }));
    }

    // Closes the Node objects. A Queue whose Redis was killed never finishes close(): do this after
    // each test, and disconnect then.
    async letGo() {
        for (const close of this.#closers.splice(0).reverse()) await close();
    }

    async close() {
        await this.letGo();
        for (const child of this.#children) child.kill('SIGKILL');
        await Promise.all([...this.#children].map((child) => child.ended));
        rmSync(this.#dir, { recursive: true, force: true });
    }
}
