// `node bench/bullmq.mjs [--rounds 5] [--jobs 8000] [--build build]`: lib/bullmq beside stock Node
// BullMQ, no-op jobs on one Redis of its own; the figures of lib/bullmq/README.md.
//
// Rule: each round runs both sides one right after the other, first one first and then the other,
// and the ratio is taken within the round, because the machine's load changes between rounds.
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
    options: {
        rounds: { type: 'string', default: '5' },
        jobs: { type: 'string', default: '8000' },
        build: { type: 'string', default: resolve(import.meta.dirname, '../build') },
        only: { type: 'string', default: '' },
    },
});
process.env.NEXACORE_BUILD = resolve(values.build);
const { BullWorld, cliPath } = await import('../test/compat/bullmq_world.mjs');

const jobs = Number(values.jobs);
const cases = [
    { title: 'worker, concurrency 1', mode: 'work', m: 1, wanted: { rate: 1.7, cpu: 6, rss: 10 } },
    { title: 'worker, concurrency 50', mode: 'work', m: 50, wanted: { rate: 1.7, cpu: 6, rss: 10 } },
    { title: 'add, one at a time', mode: 'add', m: 1, wanted: { rate: 3 } },
    { title: 'add, 100 at a time', mode: 'add', m: 100, wanted: {} },
].filter((c) => c.title.includes(values.only));

function runNode({ mode, m }, port, queue) {
    const script = join(import.meta.dirname, 'bullmq_node.mjs');
    return JSON.parse(execFileSync(process.execPath, [script, port, mode, queue, jobs, m].map(String)));
}

function runC({ mode, m }, port, queue) {
    const text = execFileSync(cliPath, ['--port', port, mode, queue, jobs, m].map(String)).toString();
    const found = text.match(/(\d+) jobs in ([\d.]+) s: \d+ jobs\/s, ([\d.]+) us CPU per job, ([\d.]+) MB RSS/);
    const trips = text.match(/(\d+) round trips/);
    return { jobs, seconds: Number(found[2]), cpuUs: Number(found[3]), rssMb: Number(found[4]), trips: trips && Number(trips[1]) };
}

async function redisCpuUs(redis) {
    const info = await redis.info('cpu');
    const read = (key) => Number(info.match(new RegExp(`${key}:([\\d.]+)`))[1]);
    return (read('used_cpu_sys') + read('used_cpu_user')) * 1e6;
}

async function measure(world, redis, test, run) {
    const queue = world.newName();
    if (test.mode === 'work') execFileSync(cliPath, ['--port', world.port, 'add', queue, jobs, 200].map(String));
    const before = await redisCpuUs(redis);
    const result = run(test, world.port, queue);
    result.redisUs = ((await redisCpuUs(redis)) - before) / jobs;
    result.rate = jobs / result.seconds;
    await redis.flushall();
    return result;
}

function spread(list, digits) {
    const sorted = [...list].sort((a, b) => a - b);
    const show = (v) => v.toFixed(digits);
    return `${show(sorted[0])} / ${show(sorted[Math.floor(sorted.length / 2)])} / ${show(sorted.at(-1))}`;
}

function report({ title, wanted }, rounds) {
    const of = (side, key) => rounds.map((r) => r[side][key]);
    const ratio = (over, under, key) => rounds.map((r) => r[over][key] / r[under][key]);
    const line = (what, node, c, ratios, want) =>
        console.log(`  ${what.padEnd(22)} ${node.padEnd(26)} ${c.padEnd(26)} ${ratios}${want ? `   (wanted >= ${want})` : ''}`);
    console.log(`\n${title}: ${rounds.length} rounds of ${jobs} jobs, min / median / max`);
    line('', 'node', 'C', 'ratio');
    line('jobs/s', spread(of('node', 'rate'), 0), spread(of('c', 'rate'), 0), spread(ratio('c', 'node', 'rate'), 2), wanted.rate);
    line('client CPU us/job', spread(of('node', 'cpuUs'), 1), spread(of('c', 'cpuUs'), 1), spread(ratio('node', 'c', 'cpuUs'), 1), wanted.cpu);
    line('client RSS MB', spread(of('node', 'rssMb'), 1), spread(of('c', 'rssMb'), 1), spread(ratio('node', 'c', 'rssMb'), 1), wanted.rss);
    line('Redis CPU us/job', spread(of('node', 'redisUs'), 1), spread(of('c', 'redisUs'), 1), spread(ratio('node', 'c', 'redisUs'), 2));
    if (rounds[0].c.trips) line('round trips/job', '', spread(rounds.map((r) => r.c.trips / jobs), 3), '');
}

const world = await BullWorld.open();
try {
    const redis = world.raw();
    for (const test of cases) {
        const rounds = [];
        for (let i = 0; i < Number(values.rounds); i++) {
            const round = {};
            const sides = [['node', runNode], ['c', runC]];
            for (const [side, run] of i % 2 ? sides.reverse() : sides) round[side] = await measure(world, redis, test, run);
            rounds.push(round);
        }
        report(test, rounds);
    }
} finally {
    await world.close();
}
