// Each script call of C beside the same call of stock Node, as Redis saw them (MONITOR): the same
// script, the same KEYS in the same order, as many ARGV. Changed scripts are noticed here first.
//
// Rule: both sides do the same steps on queues of their own; names, ids and times are blanked out
// before comparing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHash } from 'node:crypto';

import { FlowProducer } from 'bullmq';

import { monitorOf } from '../lib/monitor.mjs';
import { BullWorld, until } from './bullmq_world.mjs';

const root = resolve(import.meta.dirname, '../..');
const packageDir = resolve(import.meta.dirname, '../../node_modules/bullmq');
const scriptDir = join(packageDir, 'dist/cjs/scripts');

let world;
before(async () => (world = await BullWorld.open()));
afterEach(() => world.letGo());
after(() => world.close());

// sha -> name of each script of the package.
async function scriptNames() {
    const names = new Map();
    for (const file of readdirSync(scriptDir).filter((f) => /-\d+\.js$/.test(f))) {
        const [script] = Object.values((await import(join(scriptDir, file))).default);
        names.set(sha1(script.content), script.name);
    }
    return names;
}

const blank = (key, queue) => key.replaceAll(`bull:${queue}:`, '').replace(/^(de:)?(?!(wait|id|pc)$)([a-z]?\d+|[0-9a-f-]{36}|repeat:[\w-]+:\d+)(?=:|$)/, '$1@');

const sha1 = (text) => createHash('sha1').update(text).digest('hex');
// MONITOR shows a script's text with escapes.
const plain = (text) => text.replace(/\\(.)/g, (_, c) => ({ n: '\n', t: '\t', r: '\r' })[c] ?? c);

// Runs `steps` on a fresh queue and lists the calls Redis saw: "name KEYS... ARGV n".
async function callsOf(names, steps) {
    const queue = world.newName();
    const monitor = await monitorOf(world.raw());
    const seen = new Set();
    const lines = [];
    monitor.on('monitor', (_, args) => {
        const command = args[0].toLowerCase();
        const sha = command === 'eval' ? sha1(plain(args[1])) : command === 'evalsha' && args[1];
        if (!sha || !names.has(sha) || !args.some((a) => a.startsWith(`bull:${queue}:`))) return;
        const n = Number(args[2]);
        const keys = args.slice(3, 3 + n).map((key) => blank(key, queue));
        lines.push(`${names.get(sha)} ${keys.join(' ')} | ${args.length - 3 - n} arguments`);
    });
    try {
        await steps(queue);
        await sleep(200); // MONITOR is a stream of its own
    } finally {
        monitor.disconnect();
    }
    for (const line of lines) seen.add(line);
    return seen;
}

const onlyNode = /^(getState |isFinished|isJobInList|getDependencyCounts|getJobScheduler|getRanges|paginate|getMetrics|removeUnprocessedChildren|isMaxed|getRateLimitTtl|getCountsPerPriority|updateData|saveStacktrace)/;

test('the calls of a C worker and producer are those of stock Node: script, KEYS in order, number of ARGV', async () => {
    const names = await scriptNames();
    const jobs = [
        { name: 'j', data: { result: 1, progress: 5, log: ['x'] } }, { name: 'j', data: { fail: 'x' } },
        { name: 'j', data: { fail: 'x', times: 1 }, opts: { attempts: 2 } }, { name: 'j', data: { fail: 'x', times: 1 }, opts: { attempts: 2, backoff: 50 } },
        { name: 'j', data: {}, opts: { priority: 3 } }, { name: 'j', data: {}, opts: { delay: 20 } },
    ];
    const processor = async (job) => {
        if (job.data.progress) await job.updateProgress(job.data.progress);
        for (const line of job.data.log ?? []) await job.log(line);
        if (job.data.limit && !job.data.limited) {
            await job.updateData({ ...job.data, limited: true });
            await world.queue(job.queueName).rateLimit(100);
            throw Object.assign(new Error('bullmq:rateLimitExceeded'));
        }
        if (job.data.sleep) await sleep(job.data.sleep);
        if (job.data.fail && !(job.attemptsMade >= job.data.times)) throw new Error(job.data.fail);
        return job.data.result;
    };
    const node = await callsOf(names, async (name) => {
        const queue = world.queue(name);
        await queue.addBulk(jobs);
        await queue.upsertJobScheduler('c-sched', { every: 40 }, { name: 'tick' });
        const producer = new FlowProducer({ connection: world.connection });
        await producer.add({ name: 'parent', queueName: name, data: {}, children: [{ name: 'child', queueName: name, data: {} }] });
        await producer.close();
        await queue.pause();
        await queue.resume();
        const worker = world.worker(name, processor, { stalledInterval: 100, lockDuration: 400, lockRenewTime: 100, name: 'node' });
        await until('they are finished', async () => (await queue.getCompletedCount()) >= 8);
        await queue.removeJobScheduler('c-sched');
        const [failed] = await queue.getFailed();
        await failed.retry();
        const limited = await queue.add('j', { limit: 100 });
        await until('the limited one', async () => (await limited.getState()) === 'completed');
        await queue.add('slow', { sleep: 600 });
        await until('the slow one', async () => (await queue.getWaitingCount()) + (await queue.getActiveCount()) === 0);
        await worker.close();
        const delayed = await queue.add('j', {}, { delay: 60_000 });
        await delayed.promote();
        await queue.getJobs('failed');
        await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed', 'waiting-children');
        await delayed.getState();
        await delayed.remove();
    });
    const c = await callsOf(names, async (name) => {
        world.put(name, ...jobs);
        world.put(name, { schedulerId: 'c-sched', repeat: { every: 40 }, name: 'tick' });
        world.put(name, { name: 'parent', data: {}, children: [{ name: 'child', data: {} }] });
        await world.cliDone('pause', name);
        await world.cliDone('resume', name);
        const worker = world.cli('--lock', 400, '--sweep', 100, 'run', name, 0, 1, 'keep');
        const redis = world.raw();
        const count = (set) => redis.zcard(`bull:${name}:${set}`);
        await until('they are finished', async () => (await count('completed')) >= 8);
        await world.cliDone('unsched', name);
        await world.cliDone('retry', name);
        world.put(name, { name: 'j', data: { limit: 100 } }, { name: 'slow', data: { sleep: 600 } });
        await until('the limited and the slow one', async () => (await redis.llen(`bull:${name}:wait`)) + (await redis.llen(`bull:${name}:active`)) === 0 && worker.output.includes('begin'));
        await sleep(300);
        worker.kill('SIGTERM');
        await worker.ended;
        const [id] = world.put(name, { name: 'j', data: {}, opts: { delay: 60_000 } });
        await world.cliDone('promote', name, id);
        await world.cliDone('counts', name);
        await world.cliDone('lock', name); // extends its lock
        await world.cliDone('state', name, id);
        const [other] = world.put(name, { name: 'j', data: {} });
        await world.cliDone('remove', name, other);
    });
    const strange = [...c].filter((call) => !node.has(call) && !/^(extendLock |getStateV2)/.test(call));
    assert.deepEqual(strange, [], `Node's: ${[...node].sort().join('\n')}`);
    const scripts = (set) => new Set([...set].map((call) => call.split(' ')[0]));
    const missing = [...scripts(node)].filter((name) => !scripts(c).has(name) && !onlyNode.test(`${name} `));
    assert.deepEqual(missing, [], 'calls of Node that C did not make here');
    assert.ok(scripts(c).size >= 22, [...scripts(c)].join());
});

test('the build refuses another version of the package, and embeds this one byte by byte with its notice', () => {
    const dir = mkdtempSync(join(tmpdir(), 'bullmq-package-'));
    try {
        const copy = join(dir, 'node_modules/bullmq');
        cpSync(scriptDir, join(copy, 'dist/cjs/scripts'), { recursive: true });
        const manifest = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8'));
        writeFileSync(join(copy, 'LICENSE'), readFileSync(join(packageDir, 'LICENSE')));
        const generate = (version) => {
            writeFileSync(join(copy, 'package.json'), JSON.stringify({ name: 'bullmq', version }));
            return spawnSync(process.execPath, [join(root, 'tools/bullmq_scripts.mjs'), dir, '6.7.0', join(dir, 'out.c'), join(dir, 'out.d')]);
        };
        assert.equal(manifest.version, '6.7.0');
        const newer = generate('6.8.0');
        assert.equal(newer.status, 1);
        assert.match(newer.stderr.toString(), /found bullmq 6\.8\.0, but lib\/bullmq speaks 6\.7\.0/);
        assert.equal(generate('6.7.0').status, 0);
        const text = readFileSync(join(dir, 'out.c'), 'utf8');
        assert.match(text, /BullForce Labs AB/);
        const moveToFinished = Object.values(JSON.parse(spawnSync(process.execPath, ['-p', `JSON.stringify(require(${JSON.stringify(join(scriptDir, 'moveToFinished-14.js'))}))`]).stdout))[0];
        const sha = sha1(moveToFinished.content);
        assert.ok(text.includes(`{"moveToFinished", 14, "${sha}"`));
    } finally {
        rmSync(dir, { recursive: true, force: true });
    }
});

test('the examples of the README are C that compiles against the header', () => {
    const readme = readFileSync(join(root, 'lib/bullmq/README.md'), 'utf8');
    const examples = [...readme.matchAll(/```c\n([^]*?)```/g)].map((m) => m[1]);
    assert.ok(examples.length >= 3);
    const before = `#define _GNU_SOURCE
#include "base/cleanup.h"
#include "bullmq/bullmq.h"
struct problem *make_thumb(void *slot, const struct json_t *json);
void wait_for_sigterm(void);
`;
    const after = 'const void *const all[] = {(void *)work, (void *)add, (void *)look_after};\n';
    const args = ['-x', 'c', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', `-I${join(root, 'lib')}`, '-'];
    const done = spawnSync('gcc', args, { input: before + examples.join('\n') + after });
    assert.equal(done.status, 0, `${done.stderr}`);
});
