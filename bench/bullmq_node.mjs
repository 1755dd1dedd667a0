// The Node side of bench/bullmq.mjs: a stock Queue or Worker doing what bullmq_cli does.
//
// usage: node bench/bullmq_node.mjs PORT work|add QUEUE N M; prints {jobs, seconds, cpuUs, rssMb}.
// Rule: time and CPU begin when everything is loaded, so that Node's start is not counted.
import { Queue, Worker } from 'bullmq';

const [port, mode, name, n, m] = process.argv.slice(2);
const jobs = Number(n);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };

function startClock() {
    const cpu = process.cpuUsage();
    const wall = performance.now();
    return () => {
        const { user, system } = process.cpuUsage(cpu);
        const seconds = (performance.now() - wall) / 1000;
        const rssMb = process.resourceUsage().maxRSS / 1024;
        console.log(JSON.stringify({ jobs, seconds, cpuUs: (user + system) / jobs, rssMb }));
    };
}

async function work() {
    const stop = startClock();
    let done = 0;
    await new Promise((resolve, reject) => {
        const worker = new Worker(name, async () => null, {
            connection, name: 'node-worker', concurrency: Number(m), removeOnComplete: { count: 0 },
            metrics: process.env.METRICS ? { maxDataPoints: 60 } : undefined,
        });
        worker.on('completed', () => ++done === jobs && resolve());
        worker.on('error', reject);
    });
    stop();
}

async function add() {
    const queue = new Queue(name, { connection });
    await queue.waitUntilReady();
    const stop = startClock();
    if (Number(m) === 1) for (let i = 0; i < jobs; i++) await queue.add('job', { i });
    else
        for (let i = 0; i < jobs; i += Number(m))
            await queue.addBulk(Array.from({ length: Math.min(Number(m), jobs - i) }, (_, k) => ({ name: 'job', data: { i: i + k } })));
    stop();
}

await { work, add }[mode]();
process.exit(0);
